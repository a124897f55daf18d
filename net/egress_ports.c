/*
 * egress_ports.c - the table of rules, and the host ports in it.
 *
 * Every port is also held by a socket that nobody reads: another program
 * that wants it is told so, and we are told when it is taken. Translation
 * happens before the socket would see anything.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_conntrack_common.h>
#include <linux/netfilter/nf_tables.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "core/base/check.h"
#include "core/base/ip.h"
#include "core/base/mem.h"
#include "core/base/str.h"
#include "net/egress_impl.h"
#include "net/holder.h"
#include "net/netlink/ct.h"
#include "net/netlink/nft.h"

#define WHY_MAX 256
#define LOOPBACK UINT32_C(0x7f000000)
#define LOOPBACK_BITS 8
/* Kernel's constants, which its headers for programs leave out. */
#define PRIORITY_RAW -300
#define PRIORITY_DNAT -100
#define PRIORITY_FILTER 0
#define PRIORITY_SNAT 100

/* ---- the table ----------------------------------------------------------- */

static void
add_ports(struct nft *n, const char *map, bool udp,
	  const struct held_port *ports, size_t count)
{
	struct nft_port *v = mem_new_array(count, sizeof(*v));
	size_t used = 0;

	for (size_t i = 0; i < count; i++)
		if (ports[i].udp == udp)
			v[used++] = (struct nft_port){ ports[i].port,
						       ports[i].address,
						       ports[i].target };
	nft_port_map(n, map);
	nft_port_elements(n, map, v, used);
	mem_free(v);
}

static void
dnat_rules(struct nft *n, const char *chain)
{
	nft_rule(n, chain);
	nft_protocol(n, IPPROTO_TCP);
	nft_destination_is_local(n);
	nft_dnat_by_port(n, "tcp_ports");
	nft_rule_end(n);
	nft_rule(n, chain);
	nft_protocol(n, IPPROTO_UDP);
	nft_destination_is_local(n);
	nft_dnat_by_port(n, "udp_ports");
	nft_rule_end(n);
}

/* route_localnet lets the bridge reach 127.0.0.0/8 here: tasks may not. */
static void
loopback_guard(const struct egress *g, struct nft *n)
{
	nft_chain(n, "raw",
		  &(struct nft_hook){ "filter", NF_INET_PRE_ROUTING,
				      PRIORITY_RAW });
	nft_rule(n, "raw");
	nft_in_link(n, g->name);
	nft_destination(n, LOOPBACK, LOOPBACK_BITS);
	nft_drop(n);
	nft_rule_end(n);
}

static void
masquerade_rules(const struct egress *g, struct nft *n)
{
	nft_chain(n, "postrouting",
		  &(struct nft_hook){ "nat", NF_INET_POST_ROUTING,
				      PRIORITY_SNAT });
	/* a task to the world */
	nft_rule(n, "postrouting");
	nft_not_out_link(n, g->name);
	nft_source(n, g->subnet.address, g->subnet.bits);
	nft_masquerade(n);
	nft_rule_end(n);
	/* this host's 127.0.0.1:PORT to a task */
	nft_rule(n, "postrouting");
	nft_out_link(n, g->name);
	nft_source(n, LOOPBACK, LOOPBACK_BITS);
	nft_masquerade(n);
	nft_rule_end(n);
	/* a task by a host port to itself or a sibling: the answer, too,
	 * must come by way of this host */
	nft_rule(n, "postrouting");
	nft_out_link(n, g->name);
	nft_source(n, g->subnet.address, g->subnet.bits);
	nft_conntrack_status(n, IPS_DST_NAT);
	nft_masquerade(n);
	nft_rule_end(n);
}

/*
 * Only what was published, or asked for by a task, is forwarded to the tasks:
 * that this host forwards now must not open them to its neighbours.
 */
static void
forward_rules(const struct egress *g, struct nft *n)
{
	nft_chain(n, "forward",
		  &(struct nft_hook){ "filter", NF_INET_FORWARD,
				      PRIORITY_FILTER });
	nft_rule(n, "forward");
	nft_out_link(n, g->name);
	nft_in_link(n, g->name);
	nft_accept(n);
	nft_rule_end(n);
	nft_rule(n, "forward");
	nft_out_link(n, g->name);
	nft_conntrack_state(n, NF_CT_STATE_BIT(IP_CT_ESTABLISHED) |
				       NF_CT_STATE_BIT(IP_CT_RELATED));
	nft_accept(n);
	nft_rule_end(n);
	nft_rule(n, "forward");
	nft_out_link(n, g->name);
	nft_conntrack_status(n, IPS_DST_NAT);
	nft_accept(n);
	nft_rule_end(n);
	nft_rule(n, "forward");
	nft_out_link(n, g->name);
	nft_drop(n);
	nft_rule_end(n);
}

static void
put_table(struct nft *n, const struct egress *g, const struct held_port *ports,
	  size_t count)
{
	add_ports(n, "tcp_ports", false, ports, count);
	add_ports(n, "udp_ports", true, ports, count);
	loopback_guard(g, n);
	nft_chain(n, "prerouting",
		  &(struct nft_hook){ "nat", NF_INET_PRE_ROUTING,
				      PRIORITY_DNAT });
	dnat_rules(n, "prerouting");
	nft_chain(
		n, "output",
		&(struct nft_hook){ "nat", NF_INET_LOCAL_OUT, PRIORITY_DNAT });
	dnat_rules(n, "output");
	masquerade_rules(g, n);
	forward_rules(g, n);
}

int
egress_write_table(const struct egress *g, const struct held_port *ports,
		   size_t count, struct err *e)
{
	owned(nft_freep) struct nft *n =
		nft_new(g->table, NFT_BASE_BYTES + count * NFT_ELEMENT_BYTES);

	/* No ports, and nothing there: after a leave it stays so. */
	if (count == 0 && nft_table_exists(g->table, e) == 0)
		return 0;
	nft_table_renew(n);
	put_table(n, g, ports, count);
	return nft_commit(n, e);
}

int
egress_make_table(const struct egress *g, struct err *e)
{
	owned(nft_freep) struct nft *n = nft_new(g->table, NFT_BASE_BYTES);
	int code;

	nft_table_new(n);
	put_table(n, g, NULL, 0);
	code = nft_commit(n, e);
	return code == -EEXIST ? 0 : code;
}

/* ---- holding ports ------------------------------------------------------- */

static const char *
protocol_name(bool udp)
{
	return udp ? "udp" : "tcp";
}

/*
 * IPv4 only: a socket for IPv6 too would take a browser's first attempt at
 * "localhost" (::1), which is not translated, and let it hang.
 */
static int
hold(bool udp, uint16_t port)
{
	struct sockaddr_in sa = { .sin_family = AF_INET,
				  .sin_port = htons(port) };
	int fd = socket(AF_INET,
			(udp ? SOCK_DGRAM : SOCK_STREAM) | SOCK_CLOEXEC, 0);
	const int on = 1;
	int code = 0;

	if (fd < 0)
		return -errno;
	/* Connections of a former server that linger are no hindrance. */
	if (!udp)
		(void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	if (bind(fd, (struct sockaddr *)&sa, sizeof(sa)) < 0)
		code = -errno;
	else if (!udp && listen(fd, 1) < 0)
		code = -errno;
	if (code == 0)
		return fd;
	close(fd);
	return code;
}

static void
explain(bool udp, uint16_t port, int code, char why[WHY_MAX])
{
	char holder[HOLDER_TEXT_MAX];

	if (code != -EADDRINUSE)
		snprintf(why, WHY_MAX, "Host port %u/%s cannot be taken: %s.",
			 port, protocol_name(udp), strerror(-code));
	else if (holder_find(udp, port, holder))
		snprintf(why, WHY_MAX,
			 "Host port %u/%s is already in use by %s; stop it or "
			 "publish another port.",
			 port, protocol_name(udp), holder);
	else
		snprintf(why, WHY_MAX,
			 "Host port %u/%s is already in use; publish another "
			 "port.",
			 port, protocol_name(udp));
}

/* ---- wishes -------------------------------------------------------------- */

struct change {
	struct egress *g;
	void (*refused)(void *ctx, const struct port_wish *p, const char *why);
	void *ctx;
	const struct port_wish **wishes; /* in the order of ports */
	size_t wish_count;
	struct held_port *now; /* what is held, with its wish beside it */
	const struct port_wish **now_wishes;
	size_t now_count;
};

static int
port_order(bool udp_a, uint16_t a, bool udp_b, uint16_t b)
{
	if (udp_a != udp_b)
		return udp_a ? 1 : -1;
	return (a > b) - (a < b);
}

/* Of two that want the same port, the one named first has it. */
static int
wish_order(const void *pa, const void *pb)
{
	const struct port_wish *a = *(const struct port_wish *const *)pa;
	const struct port_wish *b = *(const struct port_wish *const *)pb;
	int order = port_order(a->protocol == PROTO_UDP, a->published,
			       b->protocol == PROTO_UDP, b->published);

	return order != 0 ? order : (a > b) - (a < b);
}

static bool
wish_address(const struct port_wish *p, uint32_t *ret)
{
	struct ip ip;

	if (str_empty(p->address) || !ip_parse(p->address, &ip) ||
	    !ip_is_v4(&ip))
		return false;
	*ret = ip_v4(&ip);
	return true;
}

/* The socket that holds it already; it moves to the new array. */
static int
take_held(struct egress *g, bool udp, uint16_t port)
{
	size_t low = 0, high = g->port_count;

	while (low < high) {
		size_t mid = low + (high - low) / 2;
		struct held_port *h = &g->ports[mid];
		int order = port_order(h->udp, h->port, udp, port);

		if (order == 0) {
			int fd = h->fd;

			h->fd = -1;
			return fd;
		}
		if (order < 0)
			low = mid + 1;
		else
			high = mid;
	}
	return -1;
}

static bool
is_twin(const struct change *ch, bool udp, uint16_t port)
{
	const struct held_port *last =
		ch->now_count ? &ch->now[ch->now_count - 1] : NULL;

	return last && port_order(last->udp, last->port, udp, port) == 0;
}

static void
fulfil(struct change *ch, const struct port_wish *p)
{
	bool udp = p->protocol == PROTO_UDP;
	struct held_port h = { udp, p->published, -1, 0, p->target };
	char why[WHY_MAX];

	if (!udp && p->protocol != PROTO_TCP) {
		ch->refused(ch->ctx, p,
			    "Host ports are TCP or UDP; SCTP is not "
			    "supported.");
		return;
	}
	if (!wish_address(p, &h.address)) {
		ch->refused(ch->ctx, p, "The task has no IPv4 address.");
		return;
	}
	if (is_twin(ch, udp, p->published)) {
		snprintf(why, sizeof(why),
			 "Host port %u/%s is already published by service "
			 "%.120s on this host.",
			 p->published, protocol_name(udp),
			 str_or(ch->now_wishes[ch->now_count - 1]->service_name,
				"?"));
		ch->refused(ch->ctx, p, why);
		return;
	}
	h.fd = take_held(ch->g, udp, p->published);
	if (h.fd < 0)
		h.fd = hold(udp, p->published);
	if (h.fd < 0) {
		explain(udp, p->published, h.fd, why);
		ch->refused(ch->ctx, p, why);
		return;
	}
	ch->now_wishes[ch->now_count] = p;
	ch->now[ch->now_count++] = h;
}

static void
sort_wishes(struct change *ch, const struct port_wish *ports, size_t count)
{
	ch->wishes = mem_new_array(count, sizeof(*ch->wishes));
	ch->now = mem_new_array(count, sizeof(*ch->now));
	ch->now_wishes = mem_new_array(count, sizeof(*ch->now_wishes));
	ch->wish_count = count;
	for (size_t i = 0; i < count; i++)
		ch->wishes[i] = &ports[i];
	qsort(ch->wishes, count, sizeof(*ch->wishes), wish_order);
}

/* ---- connections that are tracked ---------------------------------------- */

static const struct held_port *
find_port(const struct held_port *v, size_t count, const struct held_port *key)
{
	for (size_t i = 0; i < count; i++)
		if (port_order(v[i].udp, v[i].port, key->udp, key->port) == 0)
			return &v[i];
	return NULL;
}

static bool
same_target(const struct held_port *a, const struct held_port *b)
{
	return a && b && a->address == b->address && a->target == b->target;
}

/* UDP ports that led, or lead now, elsewhere. */
struct moved {
	const struct held_port **v; /* where it leads now; address 0: nowhere */
	size_t count;
};

static bool
leads_elsewhere(void *ctx, const struct ct_flow *f)
{
	const struct moved *m = ctx;

	if (f->protocol != IPPROTO_UDP)
		return false;
	for (size_t i = 0; i < m->count; i++)
		if (m->v[i]->port == f->port)
			return f->to != m->v[i]->address ||
			       f->to_port != m->v[i]->target;
	return false;
}

static void
forget_moved(const struct change *ch)
{
	const struct egress *g = ch->g;
	size_t room = g->port_count + ch->now_count;
	struct held_port *gone = mem_new_array(g->port_count, sizeof(*gone));
	struct moved m = { .v = mem_new_array(room, sizeof(*m.v)) };
	struct err ignored;

	for (size_t i = 0; i < ch->now_count; i++)
		if (ch->now[i].udp &&
		    !same_target(
			    find_port(g->ports, g->port_count, &ch->now[i]),
			    &ch->now[i]))
			m.v[m.count++] = &ch->now[i];
	for (size_t i = 0; i < g->port_count; i++) {
		if (!g->ports[i].udp ||
		    find_port(ch->now, ch->now_count, &g->ports[i]))
			continue;
		gone[i] = (struct held_port){ .udp = true,
					      .port = g->ports[i].port };
		m.v[m.count++] = &gone[i];
	}
	/* A kernel without ctnetlink forgets by itself, only later. */
	if (m.count > 0)
		(void)ct_forget(leads_elsewhere, &m, &ignored);
	mem_free(m.v);
	mem_free(gone);
}

/* ---- all together -------------------------------------------------------- */

static void
let_go(struct egress *g)
{
	for (size_t i = 0; i < g->port_count; i++)
		if (g->ports[i].fd >= 0)
			close(g->ports[i].fd);
	mem_free(g->ports);
	g->ports = NULL;
	g->port_count = 0;
}

void
egress_ports(struct egress *g, const struct port_wish *ports, size_t count,
	     void (*refused)(void *ctx, const struct port_wish *p,
			     const char *why),
	     void *ctx)
{
	struct change ch = { .g = g, .refused = refused, .ctx = ctx };
	struct err e;
	int code;

	sort_wishes(&ch, ports, count);
	for (size_t i = 0; i < ch.wish_count; i++)
		fulfil(&ch, ch.wishes[i]);
	code = egress_write_table(g, ch.now, ch.now_count, &e);
	for (size_t i = 0; code < 0 && i < ch.now_count; i++)
		refused(ctx, ch.now_wishes[i], e.msg);
	if (code == 0)
		forget_moved(&ch);
	let_go(g);
	g->ports = ch.now;
	g->port_count = ch.now_count;
	mem_free(ch.wishes);
	mem_free(ch.now_wishes);
}
