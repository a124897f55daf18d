/* addr.c - IPv4 addresses and routes; see link.h. */
#include <arpa/inet.h>
#include <errno.h>
#include <libmnl/libmnl.h>
#include <linux/if_addr.h>
#include <linux/rtnetlink.h>
#include <string.h>

#include "core/base/check.h"
#include "net/netlink/link.h"

#define BITS_MAX 32

struct request_room {
	char p[NL_REQUEST_MAX] __attribute__((aligned(8)));
};

uint32_t
subnet_mask(unsigned bits)
{
	check(bits <= BITS_MAX);
	return bits == 0 ? 0 : UINT32_MAX << (BITS_MAX - bits);
}

bool
subnet_overlap(const struct subnet *a, const struct subnet *b)
{
	uint32_t mask = subnet_mask(a->bits < b->bits ? a->bits : b->bits);

	return ((a->address ^ b->address) & mask) == 0;
}

void
addr_request(struct nl_request *q, int link, const struct subnet *a)
{
	const struct ifaddrmsg ifa = { .ifa_family = AF_INET,
				       .ifa_prefixlen = (uint8_t)a->bits,
				       .ifa_scope = RT_SCOPE_UNIVERSE,
				       .ifa_index = (uint32_t)link };

	nl_extra(q, &ifa, sizeof(ifa));
	nl_put_be32(q, IFA_LOCAL, a->address);
	nl_put_be32(q, IFA_ADDRESS, a->address);
	if (a->bits < BITS_MAX - 1)
		nl_put_be32(q, IFA_BROADCAST,
			    a->address | ~subnet_mask(a->bits));
}

int
addr_add(struct nl *nl, int link, const struct subnet *a, struct err *e)
{
	struct request_room room;
	struct nl_request q;
	int code;

	nl_begin(&q, room.p, sizeof(room.p), RTM_NEWADDR,
		 NLM_F_CREATE | NLM_F_EXCL);
	addr_request(&q, link, a);
	code = nl_ask(nl, &q, e);
	if (code < 0)
		return err_wrap(e, code, "Cannot give link %d its address",
				link);
	return 0;
}

struct addr_walk {
	bool (*each)(void *ctx, int link, const struct subnet *a);
	void *ctx;
};

static bool
walk_addr(void *ctx, const struct nlmsghdr *h)
{
	const struct ifaddrmsg *ifa = mnl_nlmsg_get_payload(h);
	struct addr_walk *w = ctx;
	struct subnet s;

	if (h->nlmsg_type != RTM_NEWADDR ||
	    h->nlmsg_len < mnl_nlmsg_size(sizeof(*ifa)) ||
	    ifa->ifa_family != AF_INET || ifa->ifa_prefixlen > BITS_MAX)
		return true;
	s = (struct subnet){ .bits = ifa->ifa_prefixlen };
	/* On a point-to-point link ADDRESS is the other end's. */
	if (!nl_get_be32(nl_attr(h, sizeof(*ifa), IFA_LOCAL), &s.address))
		return true;
	return w->each(w->ctx, (int)ifa->ifa_index, &s);
}

int
addr_each(struct nl *nl,
	  bool (*each)(void *ctx, int link, const struct subnet *a), void *ctx,
	  struct err *e)
{
	const struct ifaddrmsg ifa = { .ifa_family = AF_INET };
	struct addr_walk w = { each, ctx };
	struct request_room room;
	struct nl_request q;
	int code;

	nl_begin(&q, room.p, sizeof(room.p), RTM_GETADDR, NLM_F_DUMP);
	nl_extra(&q, &ifa, sizeof(ifa));
	code = nl_dump(nl, &q, walk_addr, &w, e);
	if (code < 0)
		return err_wrap(e, code, "Cannot list the addresses");
	return 0;
}

void
route_request(struct nl_request *q, const struct route *r)
{
	const struct rtmsg rtm = {
		.rtm_family = AF_INET,
		.rtm_dst_len = (uint8_t)r->to.bits,
		.rtm_table = RT_TABLE_MAIN,
		.rtm_protocol = RTPROT_STATIC,
		.rtm_scope = r->via ? RT_SCOPE_UNIVERSE : RT_SCOPE_LINK,
		.rtm_type = RTN_UNICAST,
	};

	nl_extra(q, &rtm, sizeof(rtm));
	if (r->to.bits > 0)
		nl_put_be32(q, RTA_DST, r->to.address);
	if (r->via)
		nl_put_be32(q, RTA_GATEWAY, r->via);
	if (r->link)
		nl_put_u32(q, RTA_OIF, (uint32_t)r->link);
}

int
route_add(struct nl *nl, const struct route *r, struct err *e)
{
	struct request_room room;
	struct nl_request q;
	int code;

	nl_begin(&q, room.p, sizeof(room.p), RTM_NEWROUTE,
		 NLM_F_CREATE | NLM_F_EXCL);
	route_request(&q, r);
	code = nl_ask(nl, &q, e);
	if (code < 0)
		return err_wrap(e, code, "Cannot add a route");
	return 0;
}

struct route_walk {
	bool (*each)(void *ctx, const struct route *r);
	void *ctx;
};

static bool
walk_route(void *ctx, const struct nlmsghdr *h)
{
	const struct rtmsg *rtm = mnl_nlmsg_get_payload(h);
	struct route_walk *w = ctx;
	struct route r;
	uint32_t oif;

	if (h->nlmsg_type != RTM_NEWROUTE ||
	    h->nlmsg_len < mnl_nlmsg_size(sizeof(*rtm)) ||
	    rtm->rtm_family != AF_INET || rtm->rtm_dst_len > BITS_MAX ||
	    rtm->rtm_table != RT_TABLE_MAIN || rtm->rtm_type != RTN_UNICAST)
		return true;
	r = (struct route){ .to.bits = rtm->rtm_dst_len };
	(void)nl_get_be32(nl_attr(h, sizeof(*rtm), RTA_DST), &r.to.address);
	(void)nl_get_be32(nl_attr(h, sizeof(*rtm), RTA_GATEWAY), &r.via);
	if (nl_get_u32(nl_attr(h, sizeof(*rtm), RTA_OIF), &oif))
		r.link = (int)oif;
	return w->each(w->ctx, &r);
}

int
route_each(struct nl *nl, bool (*each)(void *ctx, const struct route *r),
	   void *ctx, struct err *e)
{
	const struct rtmsg rtm = { .rtm_family = AF_INET };
	struct route_walk w = { each, ctx };
	struct request_room room;
	struct nl_request q;
	int code;

	nl_begin(&q, room.p, sizeof(room.p), RTM_GETROUTE, NLM_F_DUMP);
	nl_extra(&q, &rtm, sizeof(rtm));
	code = nl_dump(nl, &q, walk_route, &w, e);
	if (code < 0)
		return err_wrap(e, code, "Cannot list the routes");
	return 0;
}
