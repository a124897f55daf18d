/* ip.c - see ip.h. RFC 4291 section 2.2 for the forms of IPv6. */
#include "core/base/ip.h"

#include <stdio.h>
#include <string.h>

#include "core/base/check.h"
#include "core/base/str.h"

static const uint8_t mapped[12] = { 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff };

static int
digit_value(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}

/* Leading zeros are refused, as Go does: some read them as octal. */
static bool
v4_parse(const char *s, uint8_t ret[4])
{
	for (int i = 0; i < 4; i++) {
		unsigned v = 0, digits = 0;

		while (*s >= '0' && *s <= '9' && digits < 4) {
			if (digits == 1 && v == 0)
				return false;
			v = v * 10 + (unsigned)(*s++ - '0');
			digits++;
		}
		if (digits == 0 || v > 255)
			return false;
		ret[i] = (uint8_t)v;
		if (*s++ != (i < 3 ? '.' : '\0'))
			return false;
	}
	return true;
}

/* One group of up to four hex digits; NULL if there is none. */
static const char *
group_parse(const char *s, uint8_t ret[2])
{
	unsigned v = 0;
	int digits = 0;

	while (digit_value(*s) >= 0) {
		if (++digits > 4)
			return NULL;
		v = v * 16 + (unsigned)digit_value(*s++);
	}
	if (digits == 0)
		return NULL;
	ret[0] = (uint8_t)(v >> 8);
	ret[1] = (uint8_t)v;
	return s;
}

/* Puts the zeros that "::" stands for where they belong. */
static bool
v6_expand(uint8_t b[16], int len, int gap)
{
	if (gap < 0)
		return len == 16;
	if (len > 14)
		return false;
	memmove(b + 16 - (len - gap), b + gap, (size_t)(len - gap));
	memset(b + gap, 0, (size_t)(16 - len));
	return true;
}

static bool
v6_parse(const char *s, uint8_t b[16])
{
	int len = 0, gap = -1;

	if (s[0] == ':' && s[1] != ':')
		return false;
	while (*s != '\0') {
		if (s[0] == ':' && s[1] == ':') {
			if (gap >= 0)
				return false;
			gap = len;
			s += 2;
			continue;
		}
		if (len == 16)
			return false;
		if (len <= 12 && strchr(s, ':') == NULL && v4_parse(s, b + len))
			return v6_expand(b, len + 4, gap);
		s = group_parse(s, b + len);
		if (s == NULL)
			return false;
		len += 2;
		if (*s == '\0')
			break;
		if (*s != ':' || s[1] == '\0')
			return false;
		s += s[1] != ':';
	}
	return v6_expand(b, len, gap);
}

bool
ip_parse(const char *s, struct ip *ret)
{
	struct ip ip = { { 0 } };

	if (s == NULL)
		return false;
	if (strchr(s, ':') == NULL) {
		memcpy(ip.b, mapped, sizeof(mapped));
		if (!v4_parse(s, ip.b + 12))
			return false;
	} else if (!v6_parse(s, ip.b)) {
		return false;
	}
	*ret = ip;
	return true;
}

bool
ip_net_parse(const char *s, struct ip_net *ret)
{
	const char *slash = s == NULL ? NULL : strchr(s, '/');
	char addr[IP_TEXT_MAX];
	struct ip_net n;
	uint64_t bits;

	if (slash == NULL || (size_t)(slash - s) >= sizeof(addr))
		return false;
	memcpy(addr, s, (size_t)(slash - s));
	addr[slash - s] = '\0';
	if (!ip_parse(addr, &n.ip) || strlen(slash + 1) > 3 ||
	    !str_to_u64(slash + 1, &bits))
		return false;
	if (strchr(addr, ':') == NULL)
		bits = bits > 32 ? 129 : bits + 96;
	if (bits > 128)
		return false;
	n.bits = (unsigned)bits;
	*ret = n;
	return true;
}

bool
ip_net_contains(const struct ip_net *n, const struct ip *ip)
{
	unsigned whole = n->bits / 8, rest = n->bits % 8;
	uint8_t mask = (uint8_t)(0xff00 >> rest);

	check(n->bits <= 128);
	if (memcmp(n->ip.b, ip->b, whole) != 0)
		return false;
	return rest == 0 || ((n->ip.b[whole] ^ ip->b[whole]) & mask) == 0;
}

bool
ip_is_v4(const struct ip *ip)
{
	return memcmp(ip->b, mapped, sizeof(mapped)) == 0;
}

uint32_t
ip_v4(const struct ip *ip)
{
	check(ip_is_v4(ip));
	return (uint32_t)ip->b[12] << 24 | (uint32_t)ip->b[13] << 16 |
	       (uint32_t)ip->b[14] << 8 | ip->b[15];
}

void
ip_v4_format(uint32_t v4, char ret[IP_TEXT_MAX])
{
	snprintf(ret, IP_TEXT_MAX, "%u.%u.%u.%u", v4 >> 24, v4 >> 16 & 255,
		 v4 >> 8 & 255, v4 & 255);
}
