/* der.c - see der.h. */
#include "net/tls/der.h"

#include <string.h>

#include "core/base/check.h"
#include "core/base/time_text.h"

size_t
der_open(struct buf *out, int tag)
{
	buf_putc(out, (char)tag);
	buf_putc(out, 0); /* the length, once it is known */
	return out->len;
}

/* Long lengths need room: what the element holds moves on by that. */
void
der_close(struct buf *out, size_t opened)
{
	size_t len = out->len - opened, more = len < 128   ? 0
					       : len < 256 ? 1
							   : 2;
	uint8_t *p;

	check(opened >= 2 && opened <= out->len && len <= DER_LEN_MAX);
	(void)buf_room(out, more);
	p = (uint8_t *)out->p + opened;
	memmove(p + more, p, len);
	out->len += more;
	if (more == 0) {
		p[-1] = (uint8_t)len;
		return;
	}
	p[-1] = (uint8_t)(0x80 | more);
	p[0] = (uint8_t)(more == 2 ? len >> 8 : len);
	if (more == 2)
		p[1] = (uint8_t)len;
}

void
der_put(struct buf *out, int tag, const void *p, size_t len)
{
	size_t at = der_open(out, tag);

	buf_put(out, p, len);
	der_close(out, at);
}

void
der_put_oid(struct buf *out, struct bytes id)
{
	der_put(out, DER_OID, id.p, id.len);
}

void
der_put_uint(struct buf *out, const void *p, size_t len)
{
	const uint8_t *b = p;
	size_t at;

	check(len > 0);
	for (; len > 1 && *b == 0; len--)
		b++;
	at = der_open(out, DER_INT);
	if (*b & 0x80)
		buf_putc(out, 0);
	buf_put(out, b, len);
	der_close(out, at);
}

void
der_put_bits(struct buf *out, int unused, const void *p, size_t len)
{
	size_t at = der_open(out, DER_BITS);

	buf_putc(out, (char)unused);
	buf_put(out, p, len);
	der_close(out, at);
}

void
der_put_time(struct buf *out, int64_t ns)
{
	char text[TIME_TEXT_MAX], digits[16];
	size_t len = 0;

	/* "2026-11-21T04:37:31Z"; a whole second has no fraction. Of 0, the
	 * API's time that is not given, it is the second after. */
	ns -= (ns % NS_PER_S + NS_PER_S) % NS_PER_S;
	time_format(ns == TIME_ZERO ? NS_PER_S : ns, text);
	check(strlen(text) == 20);
	for (const char *c = text; *c != '\0'; c++)
		if (*c >= '0' && *c <= '9')
			digits[len++] = *c;
	check(len == 14);
	digits[len++] = 'Z';
	if (memcmp(digits, "1950", 4) >= 0 && memcmp(digits, "2050", 4) < 0)
		der_put(out, DER_UTC, digits + 2, len - 2);
	else
		der_put(out, DER_TIME, digits, len);
}

/* The length at p[*at], which moves on; false: cut, endless, too long, or
 * written with more bytes than it needs. */
static bool
read_len(const struct bytes *from, size_t *at, size_t *ret)
{
	size_t len = from->p[(*at)++], more = len & 0x7f;

	if (len >= 0x80) {
		if (more == 0 || more > 2 || from->len - *at < more)
			return false;
		len = 0;
		for (size_t i = 0; i < more; i++)
			len = len << 8 | from->p[(*at)++];
		if (len < (more == 1 ? 128 : 256))
			return false;
	}
	*ret = len;
	return len <= from->len - *at;
}

bool
der_any(struct bytes *from, int *ret_tag, struct bytes *ret,
	struct bytes *ret_whole)
{
	size_t at = 1, len;

	/* Tags of more than one byte have no business in a certificate. */
	if (from->len < 2 || (from->p[0] & 0x1f) == 0x1f ||
	    !read_len(from, &at, &len))
		return false;
	*ret_tag = from->p[0];
	*ret = (struct bytes){ from->p + at, len };
	*ret_whole = (struct bytes){ from->p, at + len };
	from->p += at + len;
	from->len -= at + len;
	return true;
}

bool
der_is(const struct bytes *from, int tag)
{
	return from->len > 0 && from->p[0] == tag;
}

bool
der_get_whole(struct bytes *from, int tag, struct bytes *ret,
	      struct bytes *ret_whole)
{
	int got;

	return der_is(from, tag) && der_any(from, &got, ret, ret_whole);
}

bool
der_get(struct bytes *from, int tag, struct bytes *ret)
{
	struct bytes whole;

	return der_get_whole(from, tag, ret, &whole);
}

bool
der_get_small(struct bytes *from, int64_t *ret)
{
	struct bytes left = *from, v;
	int64_t n = 0;

	if (!der_get(&left, DER_INT, &v) || v.len == 0 || v.len > 4 ||
	    (v.p[0] & 0x80) || (v.len > 1 && v.p[0] == 0 && !(v.p[1] & 0x80)))
		return false;
	for (size_t i = 0; i < v.len; i++)
		n = n << 8 | v.p[i];
	*ret = n;
	*from = left;
	return true;
}

bool
der_get_bits(struct bytes *from, struct bytes *ret)
{
	struct bytes left = *from, v;

	if (!der_get(&left, DER_BITS, &v) || v.len < 1 || v.p[0] != 0)
		return false;
	*ret = (struct bytes){ v.p + 1, v.len - 1 };
	*from = left;
	return true;
}

bool
der_get_time(struct bytes *from, int64_t *ret_ns)
{
	struct bytes left = *from, v;
	char digits[14], text[] = "YYYY-MM-DDThh:mm:ssZ";
	bool utc = der_is(from, DER_UTC);
	size_t n = 0;

	if (!der_get(&left, utc ? DER_UTC : DER_TIME, &v) ||
	    v.len != (utc ? 13 : 15) || v.p[v.len - 1] != 'Z')
		return false;
	if (utc) { /* RFC 5280, 4.1.2.5.1: 50 and above are of 19xx */
		memcpy(digits, v.p[0] < '5' ? "20" : "19", 2);
		n = 2;
	}
	memcpy(digits + n, v.p, v.len - 1);
	for (size_t i = 0; i < 14; i++)
		if (digits[i] < '0' || digits[i] > '9')
			return false;
	for (size_t i = 0, d = 0; i < strlen(text); i++)
		if (strchr("YMDhms", text[i]) != NULL)
			text[i] = digits[d++];
	/* 2261 is the last year that all fits of. */
	if (memcmp(digits, "2261", 4) > 0)
		*ret_ns = INT64_MAX;
	else if (!time_parse(text, ret_ns))
		return false;
	*from = left;
	return true;
}

bool
der_same(struct bytes a, struct bytes b)
{
	return a.len == b.len && (a.len == 0 || memcmp(a.p, b.p, a.len) == 0);
}
