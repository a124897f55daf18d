/*
 * nft.h - an nftables transaction of one table of family ip, built message
 * by message and committed whole or not at all. Raw attributes over libmnl:
 * numbers are big-endian unless said otherwise; expressions work on register
 * 1 and a rule that does not match goes no further.
 */
#ifndef NET_NETLINK_NFT_H
#define NET_NETLINK_NFT_H

#include "core/base/err.h"

#define NFT_ELEMENT_BYTES 96 /* what one element takes, at most */
#define NFT_BASE_BYTES 32768 /* what tables and rules like ours take */

struct nft; /* a transaction under construction */

/* cap: of all messages together; what does not fit fails at the commit. */
struct nft *nft_new(const char *table, size_t cap);
void nft_free(struct nft *n); /* NULL is fine */
void nft_freep(struct nft **n);
int nft_commit(struct nft *n, struct err *e);
/* The messages so far, for golden tests. */
const void *nft_bytes(const struct nft *n, size_t *ret_len);

/* Is there such a table? 1, 0, or -errno. */
int nft_table_exists(const char *table, struct err *e);

/* Add it; the transaction fails with -EEXIST if it is there. */
void nft_table_new(struct nft *n);
/* Add, delete and add again: empty, whether it was there or not. */
void nft_table_renew(struct nft *n);
/* Delete, whether it was there or not. */
void nft_table_drop(struct nft *n);

struct nft_hook {
	const char *type; /* "nat", "filter" */
	uint32_t hook;	  /* NF_INET_* */
	int32_t priority;
};
void nft_chain(struct nft *n, const char *name, const struct nft_hook *hook);

/* A map from a port to an address and a port. */
void nft_port_map(struct nft *n, const char *name);
struct nft_port {
	uint16_t port;
	uint32_t address; /* host order, all three */
	uint16_t target;
};
void nft_port_elements(struct nft *n, const char *map,
		       const struct nft_port *ports, size_t count);

/* A rule: nft_rule(), expressions, nft_rule_end(). */
void nft_rule(struct nft *n, const char *chain);
void nft_rule_end(struct nft *n);

void nft_in_link(struct nft *n, const char *name);
void nft_out_link(struct nft *n, const char *name);
void nft_not_out_link(struct nft *n, const char *name);
void nft_source(struct nft *n, uint32_t address, unsigned bits);
void nft_destination(struct nft *n, uint32_t address, unsigned bits);
void nft_protocol(struct nft *n, uint8_t protocol);
void nft_destination_is_local(struct nft *n); /* one of this host's */
void nft_conntrack_state(struct nft *n, uint32_t any_of);  /* NF_CT_STATE_BIT */
void nft_conntrack_status(struct nft *n, uint32_t any_of); /* IPS_* */
/* Translate to what the map has for the destination port; else no match. */
void nft_dnat_by_port(struct nft *n, const char *map);
void nft_masquerade(struct nft *n);
void nft_accept(struct nft *n);
void nft_drop(struct nft *n);

#endif
