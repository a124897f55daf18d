/*
 * egress.c - the bridge and its subnet; see egress.h. The ports are in
 * egress_ports.c, the tasks' ends in egress_attach.c.
 */
#include "net/egress.h"

#include <errno.h>
#include <linux/netlink.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "core/base/check.h"
#include "core/base/mem.h"
#include "core/base/str.h"
#include "net/egress_impl.h"
#include "net/netlink/nft.h"
#include "net/netlink/nl.h"

#define DEFAULT_RUN "/run/swarm"
#define DEFAULT_NAME "swarm0"
#define NAME_DIGITS 9 /* "swarm-" and these make 15, all that a link has */
#define BASE36 36

#define CANDIDATE_BITS 20
#define CANDIDATE_SIZE (UINT32_C(1) << (32 - CANDIDATE_BITS))
#define POOL_A UINT32_C(0xac140000) /* 172.20.0.0 */
#define POOL_A_COUNT 64		    /* /14 in /20s */
#define POOL_B UINT32_C(0x0ac80000) /* 10.200.0.0 */
#define POOL_B_COUNT 128	    /* /13 in /20s */
#define USED_MAX 65536 /* addresses and routes that are looked at */

void
egress_name(const char *run, char ret[EGRESS_NAME_MAX])
{
	uint64_t hash = UINT64_C(0xcbf29ce484222325); /* FNV-1a */
	size_t len = strlen(run);
	char digits[NAME_DIGITS + 1];

	while (len > 1 && run[len - 1] == '/')
		len--;
	if (len == strlen(DEFAULT_RUN) && memcmp(run, DEFAULT_RUN, len) == 0) {
		snprintf(ret, EGRESS_NAME_MAX, "%s", DEFAULT_NAME);
		return;
	}
	for (size_t i = 0; i < len; i++)
		hash = (hash ^ (unsigned char)run[i]) * UINT64_C(0x100000001b3);
	for (size_t i = 0; i < NAME_DIGITS; i++) {
		digits[i] =
			"0123456789abcdefghijklmnopqrstuvwxyz"[hash % BASE36];
		hash /= BASE36;
	}
	digits[NAME_DIGITS] = '\0';
	snprintf(ret, EGRESS_NAME_MAX, "swarm-%s", digits);
}

void
egress_table_name(const char *name, char ret[TABLE_MAX])
{
	snprintf(ret, TABLE_MAX, "swarm_%s", name);
	/* The nft program reads no '-' in a name. */
	for (char *p = ret; *p; p++)
		if (*p == '-')
			*p = '_';
}

void
egress_mac(uint32_t address, uint8_t ret[MAC_LEN])
{
	ret[0] = 0x02; /* locally administered */
	ret[1] = 0x42;
	for (int i = 0; i < 4; i++)
		ret[2 + i] = (uint8_t)(address >> (24 - 8 * i));
}

bool
egress_candidate(unsigned n, struct subnet *ret)
{
	if (n >= POOL_A_COUNT + POOL_B_COUNT)
		return false;
	ret->bits = CANDIDATE_BITS;
	ret->address = n < POOL_A_COUNT
			       ? POOL_A + n * CANDIDATE_SIZE
			       : POOL_B + (n - POOL_A_COUNT) * CANDIDATE_SIZE;
	return true;
}

/* ---- which subnet -------------------------------------------------------- */

struct used {
	struct subnet *v;
	size_t count, cap;
	int own_link; /* whose addresses and routes do not count */
	struct subnet own;
	bool has_own;
};

static bool
use(struct used *u, const struct subnet *s)
{
	u->v = mem_grow(u->v, u->count, &u->cap, sizeof(*u->v));
	u->v[u->count++] = *s;
	return u->count < USED_MAX;
}

static bool
use_addr(void *ctx, int link, const struct subnet *a)
{
	struct used *u = ctx;

	if (link != u->own_link)
		return use(u, a);
	if (!u->has_own)
		u->own = *a;
	u->has_own = true;
	return true;
}

static bool
use_route(void *ctx, const struct route *r)
{
	struct used *u = ctx;

	/* The default route overlaps all, and half of it (VPNs) as much. */
	if (r->to.bits <= 1 || r->link == u->own_link)
		return true;
	return use(u, &r->to);
}

static int
find_used(struct nl *nl, struct used *u, struct err *e)
{
	int code = addr_each(nl, use_addr, u, e);

	return code < 0 ? code : route_each(nl, use_route, u, e);
}

static bool
is_used(const struct used *u, const struct subnet *s)
{
	for (size_t i = 0; i < u->count; i++)
		if (subnet_overlap(&u->v[i], s))
			return true;
	return false;
}

static int
choose(const struct used *u, struct subnet *ret, struct err *e)
{
	for (unsigned n = 0; egress_candidate(n, ret); n++)
		if (!is_used(u, ret))
			return 0;
	return err_set(e, -EADDRNOTAVAIL,
		       "No subnet is free for the tasks: every /20 of "
		       "172.20.0.0/14 and 10.200.0.0/13 overlaps an address or "
		       "a route of this host.");
}

/* After egress_remove(): the tasks to come count on the same subnet. */
static int
choose_again(const struct used *u, const struct subnet *before,
	     struct subnet *ret, struct err *e)
{
	if (is_used(u, before))
		return err_set(
			e, -EADDRINUSE,
			"The tasks' former subnet is in use by the host "
			"now: restart the daemon, and it takes another.");
	*ret = *before;
	return 0;
}

static int
set_sysctls(const char *name, struct err *e)
{
	char path[NL_PATH_MAX];
	int code = sysctl_set("net/ipv4/ip_forward", "1", e);

	if (code < 0)
		return code;
	/*
	 * What is sent to 127.0.0.1:PORT on this host leaves by the bridge
	 * with that source, until it is masqueraded. The other direction is
	 * closed by the table's first chain.
	 */
	snprintf(path, sizeof(path), "net/ipv4/conf/%s/route_localnet", name);
	return sysctl_set(path, "1", e);
}

/* Another process may do the same at this moment: what exists is fine. */
static int
make_bridge(struct nl *nl, const char *name, const struct subnet *gateway,
	    struct err *e)
{
	uint8_t mac[MAC_LEN];
	int link, code;

	egress_mac(gateway->address, mac);
	code = link_add_bridge(nl, name, mac, e);
	if (code < 0 && code != -EEXIST)
		return code;
	link = link_find(nl, name, e);
	if (link < 0)
		return link;
	code = addr_add(nl, link, gateway, e);
	return code < 0 && code != -EEXIST ? code : link;
}

/* The table before the sysctls: with it route_localnet opens nothing. */
static int
make_rest(struct nl *nl, const struct egress *g, int link, struct err *e)
{
	int code = egress_make_table(g, e);

	if (code == 0)
		code = set_sysctls(g->name, e);
	return code < 0 ? code : link_up(nl, link, e);
}

/* Gives the bridge's index, with its subnet in g. */
static int
find_or_make(struct egress *g, struct nl *nl, struct used *u, struct err *e)
{
	int link = link_find(nl, g->name, e);
	struct subnet gateway, before;
	int code;

	if (link < 0 && link != -ENODEV)
		return link;
	u->own_link = link > 0 ? link : 0;
	code = find_used(nl, u, e);
	if (code < 0)
		return code;
	if (link > 0 && u->has_own) {
		g->subnet = u->own;
		g->subnet.address &= subnet_mask(u->own.bits);
		return link;
	}
	before = g->subnet;
	code = before.bits ? choose_again(u, &before, &g->subnet, e)
			   : choose(u, &g->subnet, e);
	if (code < 0)
		return code;
	/* The bridge's address is the first of its subnet. */
	gateway = (struct subnet){ g->subnet.address + 1, g->subnet.bits };
	return make_bridge(nl, g->name, &gateway, e);
}

static int
set_up(struct egress *g, struct err *e)
{
	owned(nl_closep) struct nl *nl = NULL;
	struct used u = { 0 };
	int link, code = nl_open(NETLINK_ROUTE, &nl, e);

	if (code < 0)
		return code;
	link = find_or_make(g, nl, &u, e);
	mem_free(u.v);
	return link < 0 ? link : make_rest(nl, g, link, e);
}

int
egress_open(const char *name, struct egress **ret, const char **ret_subnet,
	    struct err *e)
{
	struct egress *g = mem_new(sizeof(*g));
	uint32_t a;
	int code;

	check(snprintf(g->name, sizeof(g->name), "%s", name) < EGRESS_NAME_MAX);
	egress_table_name(name, g->table);
	code = set_up(g, e);
	if (code < 0) {
		egress_close(g);
		return err_wrap(e, code, "Cannot set up the tasks' network %s",
				name);
	}
	a = g->subnet.address;
	snprintf(g->subnet_text, sizeof(g->subnet_text), "%u.%u.%u.%u/%u",
		 a >> 24, a >> 16 & 255, a >> 8 & 255, a & 255, g->subnet.bits);
	*ret = g;
	*ret_subnet = g->subnet_text;
	return 0;
}

int
egress_restore(struct egress *g, struct err *e)
{
	int code = set_up(g, e);

	return code < 0 ? err_wrap(e, code,
				   "Cannot set up the tasks' network %s",
				   g->name)
			: 0;
}

void
egress_close(struct egress *g)
{
	if (g == NULL)
		return;
	for (size_t i = 0; i < g->port_count; i++)
		close(g->ports[i].fd);
	mem_free(g->ports);
	mem_free(g);
}

int
egress_remove(struct egress *g, struct err *e)
{
	owned(nl_closep) struct nl *nl = NULL;
	struct nft *n = nft_new(g->table, NFT_BASE_BYTES);
	int code;

	for (size_t i = 0; i < g->port_count; i++)
		close(g->ports[i].fd);
	g->port_count = 0;
	code = egress_sweep(g->name, NULL, 0, e);
	if (code == 0)
		code = nl_open(NETLINK_ROUTE, &nl, e);
	if (code == 0)
		code = link_delete(nl, g->name, e);
	if (code == -ENODEV)
		code = 0;
	/* The table last: without it, what is left would be open. */
	nft_table_drop(n);
	if (code == 0)
		code = nft_commit(n, e);
	nft_free(n);
	return code;
}
