/* link.c - devices; see link.h. */
#include "net/netlink/link.h"

#include <errno.h>
#include <libmnl/libmnl.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <linux/veth.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>

#include "core/base/check.h"

_Static_assert(LINK_NAME_MAX == IFNAMSIZ, "the kernel's limit");

struct request_room {
	char p[NL_REQUEST_MAX] __attribute__((aligned(8)));
};

static void
put_name(struct nl_request *q, const char *name)
{
	if (strlen(name) >= LINK_NAME_MAX)
		q->full = true;
	nl_put_str(q, IFLA_IFNAME, name);
}

void
link_bridge_request(struct nl_request *q, const char *name,
		    const uint8_t mac[MAC_LEN])
{
	const struct ifinfomsg ifi = { .ifi_flags = IFF_UP,
				       .ifi_change = IFF_UP };
	struct nlattr *info;

	nl_extra(q, &ifi, sizeof(ifi));
	put_name(q, name);
	/* A bridge without an own address takes its lowest port's: it would
	 * change as tasks come and go, and neighbours would lose it. */
	nl_put(q, IFLA_ADDRESS, mac, MAC_LEN);
	info = nl_nest(q, IFLA_LINKINFO);
	nl_put_str(q, IFLA_INFO_KIND, "bridge");
	nl_nest_end(q, info);
}

void
link_veth_request(struct nl_request *q, const struct veth *v)
{
	const struct ifinfomsg ifi = { .ifi_flags = IFF_UP,
				       .ifi_change = IFF_UP };
	/* A veth cannot come up before its peer: the peer is made first. */
	const struct ifinfomsg down = { 0 };
	struct nlattr *info, *data, *peer;

	nl_extra(q, &ifi, sizeof(ifi));
	put_name(q, v->name);
	nl_put_u32(q, IFLA_MASTER, (uint32_t)v->master);
	info = nl_nest(q, IFLA_LINKINFO);
	nl_put_str(q, IFLA_INFO_KIND, "veth");
	data = nl_nest(q, IFLA_INFO_DATA);
	peer = nl_nest(q, VETH_INFO_PEER);
	nl_extra(q, &down, sizeof(down));
	put_name(q, v->peer);
	nl_put(q, IFLA_ADDRESS, v->peer_mac, MAC_LEN);
	nl_put_u32(q, IFLA_NET_NS_FD, (uint32_t)v->peer_netns_fd);
	nl_nest_end(q, peer);
	nl_nest_end(q, data);
	nl_nest_end(q, info);
}

int
link_add_bridge(struct nl *nl, const char *name, const uint8_t mac[MAC_LEN],
		struct err *e)
{
	struct request_room room;
	struct nl_request q;
	int code;

	nl_begin(&q, room.p, sizeof(room.p), RTM_NEWLINK,
		 NLM_F_CREATE | NLM_F_EXCL);
	link_bridge_request(&q, name, mac);
	code = nl_ask(nl, &q, e);
	if (code < 0)
		return err_wrap(e, code, "Cannot add the bridge %s", name);
	return 0;
}

int
link_add_veth(struct nl *nl, const struct veth *v, struct err *e)
{
	struct request_room room;
	struct nl_request q;
	int code;

	nl_begin(&q, room.p, sizeof(room.p), RTM_NEWLINK,
		 NLM_F_CREATE | NLM_F_EXCL);
	link_veth_request(&q, v);
	code = nl_ask(nl, &q, e);
	if (code < 0)
		return err_wrap(e, code, "Cannot add the link %s to %s",
				v->name, v->peer);
	return 0;
}

int
link_up(struct nl *nl, int index, struct err *e)
{
	const struct ifinfomsg ifi = { .ifi_index = index,
				       .ifi_flags = IFF_UP,
				       .ifi_change = IFF_UP };
	struct request_room room;
	struct nl_request q;
	int code;

	nl_begin(&q, room.p, sizeof(room.p), RTM_NEWLINK, 0);
	nl_extra(&q, &ifi, sizeof(ifi));
	code = nl_ask(nl, &q, e);
	if (code < 0)
		return err_wrap(e, code, "Cannot bring link %d up", index);
	return 0;
}

int
link_hairpin(struct nl *nl, int index, struct err *e)
{
	const struct ifinfomsg ifi = { .ifi_family = AF_BRIDGE,
				       .ifi_index = index };
	struct request_room room;
	struct nlattr *port;
	struct nl_request q;
	int code;

	nl_begin(&q, room.p, sizeof(room.p), RTM_SETLINK, 0);
	nl_extra(&q, &ifi, sizeof(ifi));
	port = nl_nest(&q, IFLA_PROTINFO | NLA_F_NESTED);
	nl_put_u8(&q, IFLA_BRPORT_MODE, 1);
	nl_nest_end(&q, port);
	code = nl_ask(nl, &q, e);
	if (code < 0)
		return err_wrap(e, code, "Cannot set hairpin mode on link %d",
				index);
	return 0;
}

int
link_delete(struct nl *nl, const char *name, struct err *e)
{
	const struct ifinfomsg ifi = { 0 };
	struct request_room room;
	struct nl_request q;
	int code;

	nl_begin(&q, room.p, sizeof(room.p), RTM_DELLINK, 0);
	nl_extra(&q, &ifi, sizeof(ifi));
	put_name(&q, name);
	code = nl_ask(nl, &q, e);
	if (code < 0)
		return err_wrap(e, code, "Cannot remove the link %s", name);
	return 0;
}

/* false: not a link, or not one that can be told by a name. */
static bool
read_link(const struct nlmsghdr *h, struct link *ret)
{
	const struct ifinfomsg *ifi = mnl_nlmsg_get_payload(h);
	const char *name;
	uint32_t master;

	if (h->nlmsg_type != RTM_NEWLINK ||
	    h->nlmsg_len < mnl_nlmsg_size(sizeof(*ifi)))
		return false;
	*ret = (struct link){ .index = ifi->ifi_index,
			      .up = (ifi->ifi_flags & IFF_UP) != 0 };
	if (nl_get_u32(nl_attr(h, sizeof(*ifi), IFLA_MASTER), &master))
		ret->master = (int)master;
	name = nl_get_str(nl_attr(h, sizeof(*ifi), IFLA_IFNAME));
	if (name == NULL)
		return false;
	snprintf(ret->name, sizeof(ret->name), "%s", name);
	return true;
}

static bool
keep_link(void *ctx, const struct nlmsghdr *h)
{
	return !read_link(h, ctx);
}

int
link_find(struct nl *nl, const char *name, struct err *e)
{
	const struct ifinfomsg ifi = { 0 };
	struct link found = { 0 };
	struct request_room room;
	struct nl_request q;
	int code;

	nl_begin(&q, room.p, sizeof(room.p), RTM_GETLINK, 0);
	nl_extra(&q, &ifi, sizeof(ifi));
	put_name(&q, name);
	code = nl_dump(nl, &q, keep_link, &found, e);
	if (code < 0)
		return err_wrap(e, code, "Cannot find the link %s", name);
	return found.index;
}

struct walk {
	bool (*each)(void *ctx, const struct link *l);
	void *ctx;
};

static bool
walk_link(void *ctx, const struct nlmsghdr *h)
{
	struct walk *w = ctx;
	struct link l;

	return !read_link(h, &l) || w->each(w->ctx, &l);
}

int
link_each(struct nl *nl, bool (*each)(void *ctx, const struct link *l),
	  void *ctx, struct err *e)
{
	const struct ifinfomsg ifi = { 0 };
	struct walk w = { each, ctx };
	struct request_room room;
	struct nl_request q;
	int code;

	nl_begin(&q, room.p, sizeof(room.p), RTM_GETLINK, NLM_F_DUMP);
	nl_extra(&q, &ifi, sizeof(ifi));
	code = nl_dump(nl, &q, walk_link, &w, e);
	if (code < 0)
		return err_wrap(e, code, "Cannot list the links");
	return 0;
}
