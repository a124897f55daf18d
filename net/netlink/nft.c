/* nft.c - see nft.h. */
#include "net/netlink/nft.h"

#include <arpa/inet.h>
#include <errno.h>
#include <libmnl/libmnl.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_conntrack_common.h>
#include <linux/netfilter/nf_nat.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <netinet/ip.h>
#include <stdio.h>
#include <string.h>

#include "core/base/check.h"
#include "core/base/mem.h"
#include "net/netlink/nl.h"

/* Only the nft program reads these: what a set's key and data look like. */
#define TYPE_IPV4_ADDR 7
#define TYPE_INET_SERVICE 13
#define TYPE_BITS 6

#define TABLE_NAME_MAX 64
#define ELEMENTS_PER_MESSAGE 256 /* a nest has at most 64 KiB */
#define PORT_OFFSET 2		 /* of the destination in TCP and UDP */

/* The second 32-bit word of register 1, where a port follows an address. */
#define REG_PORT (NFT_REG32_00 + 1)

struct nft {
	char table[TABLE_NAME_MAX];
	char *p;
	size_t cap, len; /* of the messages that are complete */
	uint32_t seq;
	bool full;
	struct nl_request q; /* the one under construction */
	struct nlattr *list; /* of its expressions or elements */
};

static void
begin(struct nft *n, uint16_t type, uint16_t flags, uint8_t family,
      uint16_t res_id)
{
	const struct nfgenmsg g = { .nfgen_family = family,
				    .version = NFNETLINK_V0,
				    .res_id = htons(res_id) };

	if (n->cap - n->len < MNL_NLMSG_HDRLEN) {
		/* Go on at the start: it will not be sent. */
		n->full = true;
		n->len = 0;
	}
	nl_begin(&n->q, n->p + n->len, n->cap - n->len, type, flags);
	n->q.hdr->nlmsg_seq = ++n->seq;
	nl_extra(&n->q, &g, sizeof(g));
}

static void
end(struct nft *n)
{
	if (nl_fits(&n->q))
		n->len += nl_len(&n->q);
	else
		n->full = true;
}

static void
begin_nft(struct nft *n, uint16_t what, uint16_t flags)
{
	begin(n, (uint16_t)(NFNL_SUBSYS_NFTABLES << 8 | what), flags,
	      NFPROTO_IPV4, 0);
}

struct nft *
nft_new(const char *table, size_t cap)
{
	struct nft *n = mem_new(sizeof(*n));

	check(snprintf(n->table, sizeof(n->table), "%s", table) <
	      (int)sizeof(n->table));
	check(cap >= MNL_NLMSG_HDRLEN);
	n->p = mem_new(cap);
	n->cap = cap;
	begin(n, NFNL_MSG_BATCH_BEGIN, 0, AF_UNSPEC, NFNL_SUBSYS_NFTABLES);
	end(n);
	return n;
}

void
nft_free(struct nft *n)
{
	if (n == NULL)
		return;
	mem_free(n->p);
	mem_free(n);
}

void
nft_freep(struct nft **n)
{
	nft_free(*n);
}

const void *
nft_bytes(const struct nft *n, size_t *ret_len)
{
	*ret_len = n->len;
	return n->p;
}

static const char *
message_name(const struct nft *n, uint32_t seq)
{
	const char *p = n->p;

	while (p < n->p + n->len) {
		const struct nlmsghdr *h = (const void *)p;

		if (h->nlmsg_seq == seq)
			switch (h->nlmsg_type & 0xff) {
			case NFT_MSG_NEWTABLE:
				return "add the table";
			case NFT_MSG_DELTABLE:
				return "delete the table";
			case NFT_MSG_NEWCHAIN:
				return "add a chain (is nft_chain_nat there?)";
			case NFT_MSG_NEWRULE:
				return "add a rule (are nft_fib, nft_nat, "
				       "nft_masq and nft_ct there?)";
			case NFT_MSG_NEWSET:
				return "add a map";
			case NFT_MSG_NEWSETELEM:
				return "fill a map";
			}
		p += MNL_ALIGN(h->nlmsg_len);
	}
	return "commit";
}

/*
 * The last message asks for an acknowledgement; each that fails gives one
 * unasked. (That of the batch's end comes from newer kernels only.)
 */
int
nft_commit(struct nft *n, struct err *e)
{
	uint32_t last_seq = n->seq, failed_seq = 0;
	owned(nl_closep) struct nl *nl = NULL;
	int code;

	check(n->seq > 1);
	if (nl_fits(&n->q))
		n->q.hdr->nlmsg_flags |= NLM_F_ACK;
	begin(n, NFNL_MSG_BATCH_END, 0, AF_UNSPEC, NFNL_SUBSYS_NFTABLES);
	end(n);
	if (n->full)
		return err_set(e, -ENOBUFS,
			       "The nftables transaction for %s is longer than "
			       "%zu bytes.",
			       n->table, n->cap);
	code = nl_open(NETLINK_NETFILTER, &nl, e);
	if (code < 0)
		return code;
	code = nl_transact(nl, n->p, n->len, last_seq, &failed_seq, e);
	if (code < 0)
		return err_wrap(e, code,
				"nftables refuses to %s of the table %s",
				message_name(n, failed_seq), n->table);
	return 0;
}

static bool
seen(void *ctx, const struct nlmsghdr *h)
{
	(void)h;
	*(bool *)ctx = true;
	return false;
}

int
nft_table_exists(const char *table, struct err *e)
{
	const struct nfgenmsg g = { .nfgen_family = NFPROTO_IPV4 };
	char room[NL_REQUEST_MAX] __attribute__((aligned(8)));
	owned(nl_closep) struct nl *nl = NULL;
	struct nl_request q;
	bool there = false;
	int code = nl_open(NETLINK_NETFILTER, &nl, e);

	if (code < 0)
		return code;
	nl_begin(&q, room, sizeof(room),
		 NFNL_SUBSYS_NFTABLES << 8 | NFT_MSG_GETTABLE, 0);
	nl_extra(&q, &g, sizeof(g));
	nl_put_str(&q, NFTA_TABLE_NAME, table);
	code = nl_dump(nl, &q, seen, &there, e);
	if (code == -ENOENT)
		return 0;
	if (code < 0)
		return err_wrap(e, code,
				"Cannot look for the nftables table %s", table);
	return there;
}

static void
table(struct nft *n, uint16_t what, uint16_t flags)
{
	begin_nft(n, what, flags);
	nl_put_str(&n->q, NFTA_TABLE_NAME, n->table);
	end(n);
}

void
nft_table_new(struct nft *n)
{
	table(n, NFT_MSG_NEWTABLE, NLM_F_CREATE | NLM_F_EXCL);
}

/* To add what is there is fine, and makes the deletion sure to find it. */
void
nft_table_drop(struct nft *n)
{
	table(n, NFT_MSG_NEWTABLE, NLM_F_CREATE);
	table(n, NFT_MSG_DELTABLE, 0);
}

void
nft_table_renew(struct nft *n)
{
	nft_table_drop(n);
	table(n, NFT_MSG_NEWTABLE, NLM_F_CREATE);
}

void
nft_chain(struct nft *n, const char *name, const struct nft_hook *hook)
{
	struct nlattr *h;

	begin_nft(n, NFT_MSG_NEWCHAIN, NLM_F_CREATE);
	nl_put_str(&n->q, NFTA_CHAIN_TABLE, n->table);
	nl_put_str(&n->q, NFTA_CHAIN_NAME, name);
	h = nl_nest(&n->q, NFTA_CHAIN_HOOK);
	nl_put_be32(&n->q, NFTA_HOOK_HOOKNUM, hook->hook);
	nl_put_be32(&n->q, NFTA_HOOK_PRIORITY, (uint32_t)hook->priority);
	nl_nest_end(&n->q, h);
	nl_put_be32(&n->q, NFTA_CHAIN_POLICY, NF_ACCEPT);
	nl_put_str(&n->q, NFTA_CHAIN_TYPE, hook->type);
	end(n);
}

void
nft_port_map(struct nft *n, const char *name)
{
	begin_nft(n, NFT_MSG_NEWSET, NLM_F_CREATE);
	nl_put_str(&n->q, NFTA_SET_TABLE, n->table);
	nl_put_str(&n->q, NFTA_SET_NAME, name);
	nl_put_be32(&n->q, NFTA_SET_ID, n->seq);
	nl_put_be32(&n->q, NFTA_SET_FLAGS, NFT_SET_MAP);
	nl_put_be32(&n->q, NFTA_SET_KEY_TYPE, TYPE_INET_SERVICE);
	nl_put_be32(&n->q, NFTA_SET_KEY_LEN, sizeof(uint16_t));
	nl_put_be32(&n->q, NFTA_SET_DATA_TYPE,
		    TYPE_IPV4_ADDR << TYPE_BITS | TYPE_INET_SERVICE);
	nl_put_be32(&n->q, NFTA_SET_DATA_LEN, 2 * sizeof(uint32_t));
	end(n);
}

static void
value(struct nft *n, uint16_t attr, const void *p, size_t len)
{
	struct nlattr *a = nl_nest(&n->q, attr);

	nl_put(&n->q, NFTA_DATA_VALUE, p, len);
	nl_nest_end(&n->q, a);
}

static void
element(struct nft *n, const struct nft_port *port)
{
	struct nlattr *a = nl_nest(&n->q, NFTA_LIST_ELEM);
	const uint16_t key = htons(port->port);
	/* Each part of a concatenation starts a word of its own. */
	struct {
		uint32_t address;
		uint16_t target, pad;
	} data = { htonl(port->address), htons(port->target), 0 };

	value(n, NFTA_SET_ELEM_KEY, &key, sizeof(key));
	value(n, NFTA_SET_ELEM_DATA, &data, sizeof(data));
	nl_nest_end(&n->q, a);
}

void
nft_port_elements(struct nft *n, const char *map, const struct nft_port *ports,
		  size_t count)
{
	for (size_t i = 0; i < count; i++) {
		if (i % ELEMENTS_PER_MESSAGE == 0) {
			begin_nft(n, NFT_MSG_NEWSETELEM, NLM_F_CREATE);
			nl_put_str(&n->q, NFTA_SET_ELEM_LIST_TABLE, n->table);
			nl_put_str(&n->q, NFTA_SET_ELEM_LIST_SET, map);
			n->list = nl_nest(&n->q, NFTA_SET_ELEM_LIST_ELEMENTS);
		}
		element(n, &ports[i]);
		if ((i + 1) % ELEMENTS_PER_MESSAGE != 0 && i + 1 != count)
			continue;
		nl_nest_end(&n->q, n->list);
		end(n);
	}
}

void
nft_rule(struct nft *n, const char *chain)
{
	begin_nft(n, NFT_MSG_NEWRULE, NLM_F_CREATE | NLM_F_APPEND);
	nl_put_str(&n->q, NFTA_RULE_TABLE, n->table);
	nl_put_str(&n->q, NFTA_RULE_CHAIN, chain);
	n->list = nl_nest(&n->q, NFTA_RULE_EXPRESSIONS);
}

void
nft_rule_end(struct nft *n)
{
	nl_nest_end(&n->q, n->list);
	end(n);
}

struct expression {
	struct nlattr *element, *data;
};

static struct expression
expression(struct nft *n, const char *name)
{
	struct expression x;

	x.element = nl_nest(&n->q, NFTA_LIST_ELEM);
	nl_put_str(&n->q, NFTA_EXPR_NAME, name);
	x.data = nl_nest(&n->q, NFTA_EXPR_DATA);
	return x;
}

static void
expression_end(struct nft *n, struct expression x)
{
	nl_nest_end(&n->q, x.data);
	nl_nest_end(&n->q, x.element);
}

static void
payload(struct nft *n, uint32_t base, uint32_t offset, uint32_t len)
{
	struct expression x = expression(n, "payload");

	nl_put_be32(&n->q, NFTA_PAYLOAD_DREG, NFT_REG_1);
	nl_put_be32(&n->q, NFTA_PAYLOAD_BASE, base);
	nl_put_be32(&n->q, NFTA_PAYLOAD_OFFSET, offset);
	nl_put_be32(&n->q, NFTA_PAYLOAD_LEN, len);
	expression_end(n, x);
}

static void
compare(struct nft *n, uint32_t op, const void *p, size_t len)
{
	struct expression x = expression(n, "cmp");

	nl_put_be32(&n->q, NFTA_CMP_SREG, NFT_REG_1);
	nl_put_be32(&n->q, NFTA_CMP_OP, op);
	value(n, NFTA_CMP_DATA, p, len);
	expression_end(n, x);
}

/* Keep the mask's bits of the register; both as they are in it. */
static void
mask(struct nft *n, uint32_t bits)
{
	struct expression x = expression(n, "bitwise");
	const uint32_t zero = 0;

	nl_put_be32(&n->q, NFTA_BITWISE_SREG, NFT_REG_1);
	nl_put_be32(&n->q, NFTA_BITWISE_DREG, NFT_REG_1);
	nl_put_be32(&n->q, NFTA_BITWISE_LEN, sizeof(bits));
	value(n, NFTA_BITWISE_MASK, &bits, sizeof(bits));
	value(n, NFTA_BITWISE_XOR, &zero, sizeof(zero));
	expression_end(n, x);
}

static void
meta(struct nft *n, uint32_t key)
{
	struct expression x = expression(n, "meta");

	nl_put_be32(&n->q, NFTA_META_KEY, key);
	nl_put_be32(&n->q, NFTA_META_DREG, NFT_REG_1);
	expression_end(n, x);
}

static void
link_name(struct nft *n, uint32_t key, uint32_t op, const char *name)
{
	char padded[IFNAMSIZ] = { 0 };

	check(strlen(name) < sizeof(padded));
	memcpy(padded, name, strlen(name));
	meta(n, key);
	compare(n, op, padded, sizeof(padded));
}

void
nft_in_link(struct nft *n, const char *name)
{
	link_name(n, NFT_META_IIFNAME, NFT_CMP_EQ, name);
}

void
nft_out_link(struct nft *n, const char *name)
{
	link_name(n, NFT_META_OIFNAME, NFT_CMP_EQ, name);
}

void
nft_not_out_link(struct nft *n, const char *name)
{
	link_name(n, NFT_META_OIFNAME, NFT_CMP_NEQ, name);
}

static void
address(struct nft *n, size_t offset, uint32_t v, unsigned bits)
{
	uint32_t m = bits == 0 ? 0 : UINT32_MAX << (32 - bits);
	uint32_t want = htonl(v & m);

	check(bits <= 32);
	payload(n, NFT_PAYLOAD_NETWORK_HEADER, (uint32_t)offset, sizeof(want));
	mask(n, htonl(m));
	compare(n, NFT_CMP_EQ, &want, sizeof(want));
}

void
nft_source(struct nft *n, uint32_t v, unsigned bits)
{
	address(n, offsetof(struct iphdr, saddr), v, bits);
}

void
nft_destination(struct nft *n, uint32_t v, unsigned bits)
{
	address(n, offsetof(struct iphdr, daddr), v, bits);
}

void
nft_protocol(struct nft *n, uint8_t protocol)
{
	meta(n, NFT_META_L4PROTO);
	compare(n, NFT_CMP_EQ, &protocol, sizeof(protocol));
}

void
nft_destination_is_local(struct nft *n)
{
	struct expression x = expression(n, "fib");
	const uint32_t local = RTN_LOCAL; /* in the host's order */

	nl_put_be32(&n->q, NFTA_FIB_DREG, NFT_REG_1);
	nl_put_be32(&n->q, NFTA_FIB_RESULT, NFT_FIB_RESULT_ADDRTYPE);
	nl_put_be32(&n->q, NFTA_FIB_FLAGS, NFTA_FIB_F_DADDR);
	expression_end(n, x);
	compare(n, NFT_CMP_EQ, &local, sizeof(local));
}

static void
conntrack(struct nft *n, uint32_t key, uint32_t any_of)
{
	struct expression x = expression(n, "ct");
	const uint32_t zero = 0;

	nl_put_be32(&n->q, NFTA_CT_KEY, key);
	nl_put_be32(&n->q, NFTA_CT_DREG, NFT_REG_1);
	expression_end(n, x);
	mask(n, any_of); /* in the host's order */
	compare(n, NFT_CMP_NEQ, &zero, sizeof(zero));
}

void
nft_conntrack_state(struct nft *n, uint32_t any_of)
{
	conntrack(n, NFT_CT_STATE, any_of);
}

void
nft_conntrack_status(struct nft *n, uint32_t any_of)
{
	conntrack(n, NFT_CT_STATUS, any_of);
}

void
nft_dnat_by_port(struct nft *n, const char *map)
{
	struct expression x;

	payload(n, NFT_PAYLOAD_TRANSPORT_HEADER, PORT_OFFSET, sizeof(uint16_t));
	x = expression(n, "lookup");
	nl_put_str(&n->q, NFTA_LOOKUP_SET, map);
	nl_put_be32(&n->q, NFTA_LOOKUP_SREG, NFT_REG_1);
	nl_put_be32(&n->q, NFTA_LOOKUP_DREG, NFT_REG_1);
	expression_end(n, x);
	x = expression(n, "nat");
	nl_put_be32(&n->q, NFTA_NAT_TYPE, NFT_NAT_DNAT);
	nl_put_be32(&n->q, NFTA_NAT_FAMILY, NFPROTO_IPV4);
	nl_put_be32(&n->q, NFTA_NAT_REG_ADDR_MIN, NFT_REG_1);
	nl_put_be32(&n->q, NFTA_NAT_REG_PROTO_MIN, REG_PORT);
	expression_end(n, x);
}

void
nft_masquerade(struct nft *n)
{
	struct nlattr *a = nl_nest(&n->q, NFTA_LIST_ELEM);

	nl_put_str(&n->q, NFTA_EXPR_NAME, "masq");
	nl_nest_end(&n->q, a);
}

static void
verdict(struct nft *n, uint32_t code)
{
	struct expression x = expression(n, "immediate");
	struct nlattr *data, *v;

	nl_put_be32(&n->q, NFTA_IMMEDIATE_DREG, NFT_REG_VERDICT);
	data = nl_nest(&n->q, NFTA_IMMEDIATE_DATA);
	v = nl_nest(&n->q, NFTA_DATA_VERDICT);
	nl_put_be32(&n->q, NFTA_VERDICT_CODE, code);
	nl_nest_end(&n->q, v);
	nl_nest_end(&n->q, data);
	expression_end(n, x);
}

void
nft_accept(struct nft *n)
{
	verdict(n, NF_ACCEPT);
}

void
nft_drop(struct nft *n)
{
	verdict(n, NF_DROP);
}
