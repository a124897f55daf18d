/* base64.c - see base64.h. */
#include "core/base/base64.h"

#include <string.h>

static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
			     "abcdefghijklmnopqrstuvwxyz0123456789+/";

void
base64_put(struct buf *out, const void *p, size_t len)
{
	const uint8_t *b = p;

	for (; len > 0; b += 3) {
		size_t n = len < 3 ? len : 3;
		uint32_t v = (uint32_t)b[0] << 16;

		if (n > 1)
			v |= (uint32_t)b[1] << 8;
		if (n > 2)
			v |= b[2];
		buf_putc(out, digits[v >> 18]);
		buf_putc(out, digits[v >> 12 & 63]);
		buf_putc(out, n > 1 ? digits[v >> 6 & 63] : '=');
		buf_putc(out, n > 2 ? digits[v & 63] : '=');
		len -= n;
	}
}

static int
digit_value(char c)
{
	const char *at = c == '\0' ? NULL : strchr(digits, c);

	return at ? (int)(at - digits) : -1;
}

/* Four characters, the last pad of them '='; false if they are wrong. */
static bool
read_group(const char *s, size_t pad, struct buf *out)
{
	uint32_t v = 0;

	for (size_t i = 0; i < 4 - pad; i++) {
		int d = digit_value(s[i]);

		if (d < 0)
			return false;
		v |= (uint32_t)d << (18 - 6 * i);
	}
	/* Bits that no byte takes must be 0: one text for each value. */
	if (v & ((UINT32_C(1) << (8 * pad)) - 1))
		return false;
	for (size_t i = 0; i < 3 - pad; i++)
		buf_putc(out, (char)(v >> (16 - 8 * i) & 255));
	return true;
}

static size_t
padding(const char *s, size_t len)
{
	if (len == 0 || s[len - 1] != '=')
		return 0;
	return s[len - 2] == '=' ? 2 : 1;
}

bool
base64_read(const char *s, size_t len, struct buf *out)
{
	size_t before = out->len, pad;

	if (len % 4 != 0)
		return false;
	pad = padding(s, len);
	for (size_t i = 0; i < len; i += 4)
		if (!read_group(s + i, i + 4 == len ? pad : 0, out)) {
			out->len = before;
			return false;
		}
	return true;
}
