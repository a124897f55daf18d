/* peer_dns.c - see peer_dns.h. */
#include "net/peer_dns.h"

#include <errno.h>
#include <string.h>

#include "core/base/check.h"
#include "core/base/str.h"

#define HEAD_LEN 12
#define LABEL_MAX 63
#define QUESTION_TAIL 4 /* type and class */
#define RECORD_TAIL 10	/* type, class, time to live, length */
#define RECORDS_MAX 64	/* looked at in one answer */

enum { RCODE_NONE = 0, RCODE_NAME = 3 };

static uint8_t *
put_u16(uint8_t *p, unsigned v)
{
	p[0] = (uint8_t)(v >> 8);
	p[1] = (uint8_t)v;
	return p + 2;
}

static unsigned
get_u16(const uint8_t *p)
{
	return (unsigned)p[0] << 8 | p[1];
}

/* NULL: not a name. */
static uint8_t *
put_name(uint8_t *p, const char *name)
{
	if (str_empty(name) || strlen(name) > DNS_NAME_MAX)
		return NULL;
	while (*name != '\0') {
		size_t len = strcspn(name, ".");

		if (len == 0 || len > LABEL_MAX)
			return NULL;
		*p++ = (uint8_t)len;
		memcpy(p, name, len);
		p += len;
		name += len + (name[len] == '.');
	}
	*p++ = 0;
	return p;
}

size_t
dns_query(uint8_t ret[DNS_QUERY_MAX], uint16_t id, const char *name,
	  uint16_t type)
{
	uint8_t *p = ret;

	p = put_u16(p, id);
	p = put_u16(p, 0x0100); /* a query; recursion desired */
	p = put_u16(p, 1);	/* one question */
	memset(p, 0, 6);
	p = put_name(p + 6, name);
	if (p == NULL)
		return 0;
	p = put_u16(p, type);
	p = put_u16(p, 1); /* IN */
	return (size_t)(p - ret);
}

/*
 * Behind the name at at; 0: malformed. A pointer ends a name, so that none is
 * followed.
 */
static size_t
skip_name(const uint8_t *p, size_t len, size_t at)
{
	while (at < len) {
		if (p[at] == 0)
			return at + 1;
		if ((p[at] & 0xc0) == 0xc0)
			return at + 2 <= len ? at + 2 : 0;
		if (p[at] > LABEL_MAX)
			return 0;
		at += 1u + p[at];
	}
	return 0;
}

/* Is the question the one that was asked? Servers may change its case. */
static bool
same_question(const uint8_t *p, const uint8_t *query, size_t len)
{
	for (size_t i = HEAD_LEN; i < len; i++) {
		uint8_t a = p[i], b = query[i];

		if (i < len - QUESTION_TAIL && a >= 'A' && a <= 'Z')
			a |= 0x20;
		if (i < len - QUESTION_TAIL && b >= 'A' && b <= 'Z')
			b |= 0x20;
		if (a != b)
			return false;
	}
	return true;
}

static void
add_address(const uint8_t *data, size_t len, struct ip *ret, size_t *count)
{
	struct ip ip = { { [10] = 0xff, [11] = 0xff } };

	if (*count == DNS_ADDRESSES_MAX)
		return;
	check(len == 4 || len == 16);
	memcpy(ip.b + 16 - len, data, len);
	ret[(*count)++] = ip;
}

/*
 * Whose addresses they are is not looked at: what a server that recurses
 * answers is the name's, through whatever aliases.
 */
static int
read_records(const uint8_t *p, size_t len, size_t at, struct ip *ret,
	     size_t *count)
{
	unsigned records = get_u16(p + 6);

	for (unsigned i = 0; i < records && i < RECORDS_MAX; i++) {
		unsigned type, class, data_len;

		at = skip_name(p, len, at);
		if (at == 0 || len - at < RECORD_TAIL)
			return -EINVAL;
		type = get_u16(p + at);
		class = get_u16(p + at + 2);
		data_len = get_u16(p + at + 8);
		at += RECORD_TAIL;
		if (len - at < data_len)
			return -EINVAL;
		if (class == 1 && ((type == DNS_A && data_len == 4) ||
				   (type == DNS_AAAA && data_len == 16)))
			add_address(p + at, data_len, ret, count);
		at += data_len;
	}
	return 0;
}

int
dns_answer(const uint8_t *p, size_t len, const uint8_t *query, size_t query_len,
	   struct ip ret[DNS_ADDRESSES_MAX], size_t *count)
{
	struct ip found[DNS_ADDRESSES_MAX];
	size_t n = *count;
	bool cut;
	int r;

	check(query_len > HEAD_LEN + QUESTION_TAIL);
	check(n <= DNS_ADDRESSES_MAX);
	if (len < query_len || memcmp(p, query, 2) != 0 || !(p[2] & 0x80) ||
	    get_u16(p + 4) != 1 || !same_question(p, query, query_len))
		return -EINVAL;
	if ((p[3] & 15) == RCODE_NAME)
		return -ENOENT;
	if ((p[3] & 15) != RCODE_NONE)
		return -EAGAIN;
	memcpy(found, ret, n * sizeof(*ret));
	cut = p[2] & 2; /* TC: the addresses that fitted will do */
	r = read_records(p, len, query_len, found, &n);
	if (r < 0 && !cut)
		return r;
	memcpy(ret, found, n * sizeof(*ret));
	*count = n;
	return 0;
}

bool
hosts_line(char *line, const char *host, struct ip *ret)
{
	static const char space[] = " \t\r\n";
	char *save, *word;
	struct ip ip;

	line[strcspn(line, "#")] = '\0';
	word = strtok_r(line, space, &save);
	if (word == NULL || !ip_parse(word, &ip))
		return false;
	while ((word = strtok_r(NULL, space, &save)) != NULL) {
		if (str_cmp_nocase(word, host) != 0)
			continue;
		*ret = ip;
		return true;
	}
	return false;
}
