/*
 * request_test.c - netlink requests to the byte, as a kernel took them
 * (egress_test.c has it take them anew each time), and what a request does
 * that does not fit.
 */
#include <arpa/inet.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/nfnetlink_conntrack.h>
#include <linux/rtnetlink.h>
#include <sys/socket.h>

#include "core/base/buf.h"
#include "net/netlink/ct.h"
#include "net/netlink/link.h"
#include "net/netlink/nft.h"
#include "test/t.h"

struct room {
	char p[NL_REQUEST_MAX] __attribute__((aligned(8)));
};

/* Words of four bytes, eight in a line. */
static void
to_hex(struct buf *out, const void *p, size_t len)
{
	const unsigned char *b = p;

	buf_clear(out);
	for (size_t i = 0; i < len; i++) {
		if (i > 0 && i % 4 == 0)
			buf_putc(out, i % 32 == 0 ? '\n' : ' ');
		buf_printf(out, "%02x", b[i]);
	}
}

static void
compare(const struct nl_request *q, const char *want)
{
	struct buf out = { 0 };

	OK(nl_fits(q));
	to_hex(&out, q->hdr, nl_len(q));
	EQ_STR(buf_cstr(&out), want);
	buf_fini(&out);
}

static const uint8_t mac[MAC_LEN] = { 2, 0x42, 172, 20, 0, 2 };

T(a_bridge_is_asked_for)
{
	struct room room;
	struct nl_request q;

	nl_begin(&q, room.p, sizeof(room.p), RTM_NEWLINK,
		 NLM_F_CREATE | NLM_F_EXCL);
	link_bridge_request(&q, "swarm0", mac);
	compare(&q, "48000000 10000106 00000000 00000000 00000000 00000000 "
		    "01000000 01000000\n"
		    "0b000300 73776172 6d300000 0a000100 0242ac14 00020000 "
		    "10001280 0b000100\n"
		    "62726964 67650000");
}

T(an_address_is_asked_for)
{
	const struct subnet a = { 0xac140001, 20 };
	struct room room;
	struct nl_request q;

	nl_begin(&q, room.p, sizeof(room.p), RTM_NEWADDR, NLM_F_CREATE);
	addr_request(&q, 7, &a);
	compare(&q, "30000000 14000104 00000000 00000000 02140000 07000000 "
		    "08000200 ac140001\n"
		    "08000100 ac140001 08000400 ac140fff");
}

T(a_default_route_is_asked_for)
{
	const struct route r = { .via = 0xac140001 };
	struct room room;
	struct nl_request q;

	nl_begin(&q, room.p, sizeof(room.p), RTM_NEWROUTE, NLM_F_CREATE);
	route_request(&q, &r);
	compare(&q, "24000000 18000104 00000000 00000000 02000000 fe040001 "
		    "00000000 08000500\n"
		    "ac140001");
}

T(a_rule_is_asked_for)
{
	struct nft *n = nft_new("t", NFT_BASE_BYTES);
	struct buf out = { 0 };
	const void *p;
	size_t len;

	nft_rule(n, "c");
	nft_destination(n, 0x7f000000, 8);
	nft_drop(n);
	nft_rule_end(n);
	p = nft_bytes(n, &len);
	to_hex(&out, p, len);
	EQ_STR(buf_cstr(&out), "14000000 10000100 01000000 00000000 0000000a "
			       "fc000000 060a010c 02000000\n"
			       "00000000 02000000 06000100 74000000 06000200 "
			       "63000000 d8000480 34000180\n"
			       "0c000100 7061796c 6f616400 24000280 08000100 "
			       "00000001 08000200 00000001\n"
			       "08000300 00000010 08000400 00000004 44000180 "
			       "0c000100 62697477 69736500\n"
			       "34000280 08000100 00000001 08000200 00000001 "
			       "08000300 00000004 0c000480\n"
			       "08000100 ff000000 0c000580 08000100 00000000 "
			       "2c000180 08000100 636d7000\n"
			       "20000280 08000100 00000001 08000200 00000000 "
			       "0c000380 08000100 7f000000\n"
			       "30000180 0e000100 696d6d65 64696174 65000000 "
			       "1c000280 08000100 00000000\n"
			       "10000280 0c000280 08000100 00000000");
	buf_fini(&out);
	nft_free(n);
}

static void
fill_veth(struct nl_request *q)
{
	struct veth v = { .name = "swabc", .master = 7, .peer = "eth0" };

	v.peer_netns_fd = 5;
	memcpy(v.peer_mac, mac, sizeof(mac));
	link_veth_request(q, &v);
}

T(a_request_that_does_not_fit_says_so_at_any_length)
{
	struct room room;
	struct nl_request q;
	size_t whole;

	nl_begin(&q, room.p, sizeof(room.p), RTM_NEWLINK, 0);
	fill_veth(&q);
	OK(nl_fits(&q));
	whole = nl_len(&q);
	for (size_t cap = sizeof(struct nlmsghdr); cap < whole; cap++) {
		memset(room.p + cap, 0x5a, sizeof(room.p) - cap);
		nl_begin(&q, room.p, cap, RTM_NEWLINK, 0);
		fill_veth(&q);
		OK(!nl_fits(&q));
		EQ(room.p[cap], 0x5a);
	}
}

T(a_name_that_is_too_long_is_refused)
{
	struct room room;
	struct nl_request q;

	nl_begin(&q, room.p, sizeof(room.p), RTM_NEWLINK, 0);
	link_bridge_request(&q, "a-name-of-15-by", mac);
	OK(nl_fits(&q));
	nl_begin(&q, room.p, sizeof(room.p), RTM_NEWLINK, 0);
	link_bridge_request(&q, "a-name-of-16-byt", mac);
	OK(!nl_fits(&q));
}

T(an_attribute_longer_than_its_length_can_say_is_refused)
{
	static char room[200000] __attribute__((aligned(8)));
	static char data[70000];
	struct nl_request q;
	struct nlattr *nest;

	nl_begin(&q, room, sizeof(room), RTM_NEWLINK, 0);
	nl_put(&q, 1, data, 65531);
	OK(nl_fits(&q));
	nl_put(&q, 1, data, 65532);
	OK(!nl_fits(&q));

	nl_begin(&q, room, sizeof(room), RTM_NEWLINK, 0);
	nest = nl_nest(&q, 1);
	nl_put(&q, 2, data, 40000);
	nl_put(&q, 2, data, 40000);
	nl_nest_end(&q, nest);
	OK(!nl_fits(&q));
}

T(attributes_are_found_and_lengths_are_checked)
{
	struct room room;
	struct nl_request q;
	struct nlattr *nest;
	uint32_t v32 = 0;
	uint16_t v16 = 0;
	uint8_t v8 = 0;

	nl_begin(&q, room.p, sizeof(room.p), RTM_NEWLINK, 0);
	nl_put_u8(&q, 1, 7);
	nest = nl_nest(&q, 2);
	nl_put_be32(&q, 3, 0x01020304);
	nl_put_str(&q, 4, "x");
	nl_nest_end(&q, nest);
	OK(nl_get_u8(nl_attr(q.hdr, 0, 1), &v8));
	EQ(v8, 7);
	OK(nl_get_be32(nl_attr_in(nl_attr(q.hdr, 0, 2), 3), &v32));
	EQ(v32, 0x01020304);
	EQ_STR(nl_get_str(nl_attr_in(nl_attr(q.hdr, 0, 2), 4)), "x");
	OK(!nl_get_be16(nl_attr_in(nl_attr(q.hdr, 0, 2), 3), &v16));
	OK(!nl_get_u32(nl_attr(q.hdr, 0, 1), &v32));
	OK(nl_attr(q.hdr, 0, 9) == NULL);
	OK(nl_attr_in(NULL, 1) == NULL);
	OK(nl_get_str(nl_attr(q.hdr, 0, 1)) == NULL);
	/* A length that lies is the end of the search. */
	((struct nlattr *)(q.hdr + 1))->nla_len = 60000;
	OK(nl_attr(q.hdr, 0, 1) == NULL);
	((struct nlattr *)(q.hdr + 1))->nla_len = 3;
	OK(nl_attr(q.hdr, 0, 2) == NULL);
}

static void
put_tuple(struct nl_request *q, uint16_t type, uint32_t from,
	  const uint16_t *ports)
{
	struct nlattr *tuple = nl_nest(q, type), *part;
	const uint16_t source = htons(ports[0]), target = htons(ports[1]);

	part = nl_nest(q, CTA_TUPLE_IP);
	nl_put_be32(q, CTA_IP_V4_SRC, from);
	nl_put_be32(q, CTA_IP_V4_DST, 0x7f000001);
	nl_nest_end(q, part);
	part = nl_nest(q, CTA_TUPLE_PROTO);
	nl_put_u8(q, CTA_PROTO_NUM, IPPROTO_UDP);
	nl_put(q, CTA_PROTO_SRC_PORT, &source, sizeof(source));
	nl_put(q, CTA_PROTO_DST_PORT, &target, sizeof(target));
	nl_nest_end(q, part);
	nl_nest_end(q, tuple);
}

static void
flow_request(struct nl_request *q)
{
	static const uint16_t there[] = { 40000, 8053 }, back[] = { 53, 40000 };
	const struct nfgenmsg g = { .nfgen_family = AF_INET };

	nl_extra(q, &g, sizeof(g));
	put_tuple(q, CTA_TUPLE_ORIG, 0x7f000001, there);
	put_tuple(q, CTA_TUPLE_REPLY, 0xac140002, back);
}

T(a_tracked_flow_is_read_and_a_cut_one_is_not)
{
	struct room room;
	struct nl_request q;
	struct ct_flow f;

	nl_begin(&q, room.p, sizeof(room.p), 0x100, 0);
	flow_request(&q);
	OK(ct_read(q.hdr, &f));
	EQ(f.protocol, 17);
	EQ(f.port, 8053);
	EQ(f.to, 0xac140002);
	EQ(f.to_port, 53);
	for (uint32_t len = sizeof(struct nlmsghdr); len < q.hdr->nlmsg_len;
	     len += 4) {
		struct room cut = room;
		struct nlmsghdr *h = (struct nlmsghdr *)cut.p;

		h->nlmsg_len = len;
		OK(!ct_read(h, &f));
	}
}

T(subnets_overlap_if_one_holds_the_other)
{
	static const struct {
		struct subnet a, b;
		bool want;
	} rows[] = {
		{ { 0xac140000, 20 }, { 0xac140000, 20 }, true },
		{ { 0xac140000, 20 }, { 0xac141000, 20 }, false },
		{ { 0xac140000, 20 }, { 0xac140fff, 32 }, true },
		{ { 0xac140000, 20 }, { 0xac141000, 32 }, false },
		{ { 0xac140000, 20 }, { 0xac000000, 8 }, true },
		{ { 0xac140000, 20 }, { 0, 0 }, true },
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		EQ(subnet_overlap(&rows[i].a, &rows[i].b), rows[i].want);
		EQ(subnet_overlap(&rows[i].b, &rows[i].a), rows[i].want);
	}
}
