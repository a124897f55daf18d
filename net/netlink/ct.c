/* ct.c - see ct.h. */
#include "net/netlink/ct.h"

#include <errno.h>
#include <libmnl/libmnl.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/nfnetlink_conntrack.h>
#include <string.h>
#include <sys/socket.h>

#include "core/base/buf.h"
#include "net/netlink/nl.h"

#define EXTRA sizeof(struct nfgenmsg)

bool
ct_read(const struct nlmsghdr *h, struct ct_flow *ret)
{
	const struct nfgenmsg *g = mnl_nlmsg_get_payload(h);
	const struct nlattr *sent, *answer, *ports;
	struct ct_flow f;

	if (h->nlmsg_len < mnl_nlmsg_size(EXTRA) || g->nfgen_family != AF_INET)
		return false;
	sent = nl_attr(h, EXTRA, CTA_TUPLE_ORIG);
	answer = nl_attr(h, EXTRA, CTA_TUPLE_REPLY);
	ports = nl_attr_in(sent, CTA_TUPLE_PROTO);
	if (!nl_get_u8(nl_attr_in(ports, CTA_PROTO_NUM), &f.protocol) ||
	    !nl_get_be16(nl_attr_in(ports, CTA_PROTO_DST_PORT), &f.port))
		return false;
	if (!nl_get_be32(
		    nl_attr_in(nl_attr_in(answer, CTA_TUPLE_IP), CTA_IP_V4_SRC),
		    &f.to))
		return false;
	if (!nl_get_be16(nl_attr_in(nl_attr_in(answer, CTA_TUPLE_PROTO),
				    CTA_PROTO_SRC_PORT),
			 &f.to_port))
		return false;
	*ret = f;
	return true;
}

struct forgetting {
	bool (*forget)(void *ctx, const struct ct_flow *f);
	void *ctx;
	struct buf tuples; /* whole attributes, one after the other */
	size_t count;
};

static bool
note(void *ctx, const struct nlmsghdr *h)
{
	struct forgetting *fg = ctx;
	const struct nlattr *sent;
	struct ct_flow f;

	if (!ct_read(h, &f) || !fg->forget(fg->ctx, &f))
		return true;
	sent = nl_attr(h, EXTRA, CTA_TUPLE_ORIG);
	buf_put(&fg->tuples, sent, sent->nla_len);
	while (fg->tuples.len % MNL_ALIGNTO != 0)
		buf_putc(&fg->tuples, '\0');
	return ++fg->count < CT_FORGET_MAX;
}

static void
begin(struct nl_request *q, void *room, uint16_t what, uint16_t flags)
{
	const struct nfgenmsg g = { .nfgen_family = AF_INET };

	nl_begin(q, room, NL_REQUEST_MAX,
		 (uint16_t)(NFNL_SUBSYS_CTNETLINK << 8 | what), flags);
	nl_extra(q, &g, sizeof(g));
}

static int
delete_noted(struct nl *nl, const struct forgetting *fg, struct err *e)
{
	char room[NL_REQUEST_MAX] __attribute__((aligned(8)));
	size_t at = 0;

	while (at < fg->tuples.len) {
		const struct nlattr *a = (const void *)(fg->tuples.p + at);
		struct nl_request q;
		int code;

		begin(&q, room, IPCTNL_MSG_CT_DELETE, 0);
		nl_put(&q, CTA_TUPLE_ORIG | NLA_F_NESTED,
		       mnl_attr_get_payload(a), mnl_attr_get_payload_len(a));
		code = nl_ask(nl, &q, e);
		if (code < 0 && code != -ENOENT)
			return code;
		at += MNL_ALIGN((size_t)a->nla_len);
	}
	return 0;
}

int
ct_forget(bool (*forget)(void *ctx, const struct ct_flow *f), void *ctx,
	  struct err *e)
{
	char room[NL_REQUEST_MAX] __attribute__((aligned(8)));
	struct forgetting fg = { .forget = forget, .ctx = ctx };
	owned(nl_closep) struct nl *nl = NULL;
	struct nl_request q;
	int code = nl_open(NETLINK_NETFILTER, &nl, e);

	if (code < 0)
		return code;
	begin(&q, room, IPCTNL_MSG_CT_GET, NLM_F_DUMP);
	code = nl_dump(nl, &q, note, &fg, e);
	if (code == 0)
		code = delete_noted(nl, &fg, e);
	buf_fini(&fg.tuples);
	if (code < 0)
		return err_wrap(e, code, "Cannot forget old connections");
	return 0;
}
