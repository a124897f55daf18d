/* build.c - see build.h. */
#include "net/netlink/build.h"

#include <arpa/inet.h>
#include <endian.h>
#include <libmnl/libmnl.h>
#include <string.h>

#include "core/base/check.h"

void
nl_begin(struct nl_request *q, void *buf, size_t cap, uint16_t type,
	 uint16_t flags)
{
	check(cap >= MNL_NLMSG_HDRLEN);
	*q = (struct nl_request){ .hdr = mnl_nlmsg_put_header(buf),
				  .cap = cap };
	q->hdr->nlmsg_type = type;
	q->hdr->nlmsg_flags = (uint16_t)(NLM_F_REQUEST | flags);
}

bool
nl_fits(const struct nl_request *q)
{
	return !q->full;
}

size_t
nl_len(const struct nl_request *q)
{
	check(!q->full);
	return MNL_ALIGN(q->hdr->nlmsg_len);
}

/* libmnl does not bound this one itself. */
void
nl_extra(struct nl_request *q, const void *p, size_t len)
{
	if (q->full || q->hdr->nlmsg_len + MNL_ALIGN(len) > q->cap) {
		q->full = true;
		return;
	}
	memcpy(mnl_nlmsg_put_extra_header(q->hdr, len), p, len);
}

void
nl_put(struct nl_request *q, uint16_t type, const void *p, size_t len)
{
	/* An attribute's length has 16 bits, and libmnl would wrap it. */
	if (len > UINT16_MAX - MNL_ATTR_HDRLEN)
		q->full = true;
	if (!q->full && !mnl_attr_put_check(q->hdr, q->cap, type, len, p))
		q->full = true;
}

void
nl_put_str(struct nl_request *q, uint16_t type, const char *s)
{
	nl_put(q, type, s, strlen(s) + 1);
}

void
nl_put_u8(struct nl_request *q, uint16_t type, uint8_t v)
{
	nl_put(q, type, &v, sizeof(v));
}

void
nl_put_u32(struct nl_request *q, uint16_t type, uint32_t v)
{
	nl_put(q, type, &v, sizeof(v));
}

void
nl_put_be32(struct nl_request *q, uint16_t type, uint32_t v)
{
	nl_put_u32(q, type, htonl(v));
}

void
nl_put_be64(struct nl_request *q, uint16_t type, uint64_t v)
{
	v = htobe64(v);
	nl_put(q, type, &v, sizeof(v));
}

struct nlattr *
nl_nest(struct nl_request *q, uint16_t type)
{
	struct nlattr *a = NULL;

	if (!q->full)
		a = mnl_attr_nest_start_check(q->hdr, q->cap, type);
	if (a == NULL)
		q->full = true;
	return a;
}

void
nl_nest_end(struct nl_request *q, struct nlattr *a)
{
	size_t len;

	if (q->full)
		return;
	len = (size_t)((char *)mnl_nlmsg_get_payload_tail(q->hdr) - (char *)a);
	if (len > UINT16_MAX)
		q->full = true;
	else
		mnl_attr_nest_end(q->hdr, a);
}

static const struct nlattr *
find(const char *p, size_t len, uint16_t type)
{
	const struct nlattr *found = NULL;

	while (len >= MNL_ATTR_HDRLEN) {
		const struct nlattr *a = (const void *)p;
		size_t step = MNL_ALIGN((size_t)a->nla_len);

		if (a->nla_len < MNL_ATTR_HDRLEN || a->nla_len > len)
			return found;
		if (mnl_attr_get_type(a) == type)
			found = a;
		if (step >= len)
			return found;
		p += step;
		len -= step;
	}
	return found;
}

const struct nlattr *
nl_attr(const struct nlmsghdr *h, size_t extra, uint16_t type)
{
	size_t start = mnl_nlmsg_size(MNL_ALIGN(extra));

	if (h->nlmsg_len <= start)
		return NULL;
	return find((const char *)h + start, h->nlmsg_len - start, type);
}

const struct nlattr *
nl_attr_in(const struct nlattr *nest, uint16_t type)
{
	if (nest == NULL)
		return NULL;
	return find(mnl_attr_get_payload(nest), mnl_attr_get_payload_len(nest),
		    type);
}

static bool
get(const struct nlattr *a, void *ret, size_t len)
{
	if (a == NULL || mnl_attr_get_payload_len(a) != len)
		return false;
	memcpy(ret, mnl_attr_get_payload(a), len);
	return true;
}

bool
nl_get_u32(const struct nlattr *a, uint32_t *ret)
{
	return get(a, ret, sizeof(*ret));
}

bool
nl_get_be32(const struct nlattr *a, uint32_t *ret)
{
	uint32_t v;

	if (!get(a, &v, sizeof(v)))
		return false;
	*ret = ntohl(v);
	return true;
}

bool
nl_get_be16(const struct nlattr *a, uint16_t *ret)
{
	uint16_t v;

	if (!get(a, &v, sizeof(v)))
		return false;
	*ret = ntohs(v);
	return true;
}

bool
nl_get_u8(const struct nlattr *a, uint8_t *ret)
{
	return get(a, ret, sizeof(*ret));
}

const char *
nl_get_str(const struct nlattr *a)
{
	if (a == NULL || mnl_attr_validate(a, MNL_TYPE_NUL_STRING) < 0)
		return NULL;
	return mnl_attr_get_str(a);
}
