/*
 * build.h - netlink requests as bytes, over libmnl. No socket is known here,
 * so that every request can be compared with a golden dump without root.
 * What does not fit makes the request full, and all that follows is ignored:
 * only nl_fits() need be asked, at the end.
 */
#ifndef NET_NETLINK_BUILD_H
#define NET_NETLINK_BUILD_H

#include <linux/netlink.h>

#include "core/base/base.h"

#define NL_REQUEST_MAX 4096 /* enough for each of ours but nftables' */

/* A request under construction, in the caller's buffer. */
struct nl_request {
	struct nlmsghdr *hdr;
	size_t cap;
	bool full;
};

/* buf is aligned for a struct nlmsghdr; NLM_F_REQUEST is added to flags. */
void nl_begin(struct nl_request *q, void *buf, size_t cap, uint16_t type,
	      uint16_t flags);
bool nl_fits(const struct nl_request *q);
size_t nl_len(const struct nl_request *q); /* padded; of one that fits */

/* The protocol's own header: at once after nl_begin(), or in a nest. */
void nl_extra(struct nl_request *q, const void *p, size_t len);

void nl_put(struct nl_request *q, uint16_t type, const void *p, size_t len);
void nl_put_str(struct nl_request *q, uint16_t type, const char *s);
void nl_put_u8(struct nl_request *q, uint16_t type, uint8_t v);
void nl_put_u32(struct nl_request *q, uint16_t type, uint32_t v);
void nl_put_be32(struct nl_request *q, uint16_t type, uint32_t v);
void nl_put_be64(struct nl_request *q, uint16_t type, uint64_t v);

struct nlattr *nl_nest(struct nl_request *q, uint16_t type); /* NULL: full */
void nl_nest_end(struct nl_request *q, struct nlattr *a);

/*
 * The other way: the last attribute of a type in a message whose protocol
 * header has extra bytes, or NULL. Numbers and strings of a wrong length
 * are as good as absent.
 */
const struct nlattr *nl_attr(const struct nlmsghdr *h, size_t extra,
			     uint16_t type);
/* The same within a nest; NULL has none. */
const struct nlattr *nl_attr_in(const struct nlattr *nest, uint16_t type);
bool nl_get_u32(const struct nlattr *a, uint32_t *ret);
bool nl_get_be32(const struct nlattr *a, uint32_t *ret);
bool nl_get_be16(const struct nlattr *a, uint16_t *ret);
bool nl_get_u8(const struct nlattr *a, uint8_t *ret);
const char *nl_get_str(const struct nlattr *a); /* NULL: none */

#endif
