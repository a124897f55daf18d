/*
 * egress_attach.c - a task's end of the egress network: a veth whose one end
 * is on the bridge, named after the task, and whose other is its eth0.
 */
#include <errno.h>
#include <linux/netlink.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "core/base/check.h"
#include "core/base/ip.h"
#include "core/base/mem.h"
#include "core/base/str.h"
#include "net/egress_impl.h"
#include "net/netlink/nl.h"

#define LINK_PREFIX "sw"
#define LINK_ID_LEN 11 /* of the task's; 57 bits in base 36 */
#define LINKS_MAX 65536
#define TASK_LINK "eth0"
#define IPV4_BITS_BEFORE 96 /* of an IPv4 address in 16 bytes */

void
egress_link_name(const char *task_id, char ret[LINK_NAME_MAX])
{
	snprintf(ret, LINK_NAME_MAX, LINK_PREFIX "%.*s", LINK_ID_LEN, task_id);
}

static bool
is_ours(const char *name)
{
	return str_starts(name, LINK_PREFIX) &&
	       strlen(name) == strlen(LINK_PREFIX) + LINK_ID_LEN;
}

/* What a task is given, read. */
struct end {
	struct subnet address;
	uint32_t gateway;
	struct veth veth;
	char name[LINK_NAME_MAX];
};

static int
read_end(const char *task_id, const char *address, const char *gateway,
	 struct end *ret, struct err *e)
{
	struct ip_net net;
	struct ip ip;

	if (!ip_net_parse(address, &net) || !ip_is_v4(&net.ip) ||
	    net.bits < IPV4_BITS_BEFORE)
		return err_set(e, -EINVAL,
			       "\"%s\" is not an IPv4 address with a prefix "
			       "length.",
			       address);
	if (!ip_parse(gateway, &ip) || !ip_is_v4(&ip))
		return err_set(e, -EINVAL, "\"%s\" is not an IPv4 address.",
			       gateway);
	ret->address =
		(struct subnet){ ip_v4(&net.ip), net.bits - IPV4_BITS_BEFORE };
	ret->gateway = ip_v4(&ip);
	egress_link_name(task_id, ret->name);
	ret->veth = (struct veth){ .name = ret->name, .peer = TASK_LINK };
	egress_mac(ret->address.address, ret->veth.peer_mac);
	return 0;
}

/*
 * A task that calls itself by a host port: where the kernel has bridged
 * frames see IPv4's hooks (br_netfilter), they are translated within the
 * bridge and must leave by the port that they came from.
 */
static int
let_hairpin(struct nl *nl, const char *name, struct err *e)
{
	int link = link_find(nl, name, e);

	return link < 0 ? link : link_hairpin(nl, link, e);
}

/* One that is there is from an attempt that was cut short. */
static int
add_veth(struct nl *nl, const struct veth *v, struct err *e)
{
	int code = link_add_veth(nl, v, e);

	if (code != -EEXIST)
		return code;
	code = link_delete(nl, v->name, e);
	return code < 0 ? code : link_add_veth(nl, v, e);
}

/* The namespace has IPv4 only, and no kernel without IPv6 is at fault. */
static int
no_ipv6(void *ctx, struct err *e)
{
	int code = sysctl_set("net/ipv6/conf/all/disable_ipv6", "1", e);

	(void)ctx;
	return code == -ENOENT ? 0 : code;
}

static int
loopback_up(struct nl *nl, struct err *e)
{
	int link = link_find(nl, "lo", e);

	return link < 0 ? link : link_up(nl, link, e);
}

static int
set_up_inside(int netns_fd, const struct end *end, struct err *e)
{
	owned(nl_closep) struct nl *nl = NULL;
	struct route route = { .via = end->gateway };
	int link, code = nl_open_in(netns_fd, NETLINK_ROUTE, &nl, e);

	if (code == 0)
		code = loopback_up(nl, e);
	if (code < 0)
		return code;
	link = link_find(nl, TASK_LINK, e);
	if (link < 0)
		return link;
	code = addr_add(nl, link, &end->address, e);
	if (code == 0)
		code = link_up(nl, link, e);
	return code < 0 ? code : route_add(nl, &route, e);
}

static int
attach(const char *bridge, int netns_fd, struct end *end, struct err *e)
{
	owned(nl_closep) struct nl *nl = NULL;
	struct err ignored;
	int link, code = nl_open(NETLINK_ROUTE, &nl, e);

	if (code == 0)
		code = netns_do(netns_fd, no_ipv6, NULL, e);
	if (code < 0)
		return code;
	link = link_find(nl, bridge, e);
	if (link < 0)
		return link;
	end->veth.master = link;
	end->veth.peer_netns_fd = netns_fd;
	code = add_veth(nl, &end->veth, e);
	if (code < 0)
		return code;
	code = let_hairpin(nl, end->name, e);
	if (code == 0)
		code = set_up_inside(netns_fd, end, e);
	if (code < 0)
		/* It is swept in any case, when the task is gone. */
		(void)link_delete(nl, end->name, &ignored);
	return code;
}

int
egress_attach(const char *bridge, const char *task_id, const char *netns_path,
	      const char *address, const char *gateway, struct err *e)
{
	struct end end;
	int fd = -1, code = read_end(task_id, address, gateway, &end, e);

	if (code == 0 && strlen(bridge) >= EGRESS_NAME_MAX)
		code = err_set(e, -EINVAL, "The name is too long.");
	if (code == 0)
		fd = netns_open(netns_path, e);
	if (code == 0)
		code = fd < 0 ? fd : attach(bridge, fd, &end, e);
	if (fd >= 0)
		close(fd);
	if (code < 0)
		return err_wrap(e, code, "Cannot attach task %s to %s", task_id,
				bridge);
	return 0;
}

int
egress_loopback(const char *netns_path, struct err *e)
{
	owned(nl_closep) struct nl *nl = NULL;
	int fd = netns_open(netns_path, e);
	int code;

	if (fd < 0)
		return fd;
	code = nl_open_in(fd, NETLINK_ROUTE, &nl, e);
	if (code == 0)
		code = loopback_up(nl, e);
	close(fd);
	return code;
}

struct sweep {
	int bridge;
	const char *const *task_ids;
	size_t task_count;
	char (*names)[LINK_NAME_MAX];
	size_t count, cap;
};

static bool
is_wanted(const struct sweep *s, const char *name)
{
	char want[LINK_NAME_MAX];

	for (size_t i = 0; i < s->task_count; i++) {
		egress_link_name(s->task_ids[i], want);
		if (strcmp(want, name) == 0)
			return true;
	}
	return false;
}

static bool
note_stray(void *ctx, const struct link *l)
{
	struct sweep *s = ctx;

	if (l->master != s->bridge || !is_ours(l->name) ||
	    is_wanted(s, l->name))
		return true;
	s->names = mem_grow(s->names, s->count, &s->cap, sizeof(*s->names));
	memcpy(s->names[s->count++], l->name, LINK_NAME_MAX);
	return s->count < LINKS_MAX;
}

static int
delete_noted(struct nl *nl, const struct sweep *s, struct err *e)
{
	int result = 0;

	for (size_t i = 0; i < s->count; i++) {
		int code = link_delete(nl, s->names[i], e);

		/* Its namespace may have taken it away meanwhile. */
		if (code < 0 && code != -ENODEV)
			result = code;
	}
	return result;
}

int
egress_sweep(const char *bridge, const char *const *task_ids, size_t count,
	     struct err *e)
{
	struct sweep s = { .task_ids = task_ids, .task_count = count };
	owned(nl_closep) struct nl *nl = NULL;
	int code = nl_open(NETLINK_ROUTE, &nl, e);

	if (code < 0)
		return code;
	s.bridge = link_find(nl, bridge, e);
	if (s.bridge == -ENODEV)
		return 0;
	if (s.bridge < 0)
		return s.bridge;
	code = link_each(nl, note_stray, &s, e);
	if (code == 0)
		code = delete_noted(nl, &s, e);
	mem_free(s.names);
	return code;
}
