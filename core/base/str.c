/* str.c - see str.h. */
#include "core/base/str.h"

#include <string.h>

bool
str_empty(const char *s)
{
	return s == NULL || *s == '\0';
}

const char *
str_or(const char *s, const char *otherwise)
{
	return str_empty(s) ? otherwise : s;
}

bool
str_eq(const char *a, const char *b)
{
	return strcmp(str_or(a, ""), str_or(b, "")) == 0;
}

bool
str_starts(const char *s, const char *prefix)
{
	return strncmp(s, prefix, strlen(prefix)) == 0;
}

bool
str_ends(const char *s, const char *suffix)
{
	size_t len = strlen(s), tail = strlen(suffix);

	return len >= tail && strcmp(s + len - tail, suffix) == 0;
}

static unsigned char
lower(char c)
{
	return (unsigned char)(c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c);
}

int
str_cmp_nocase(const char *a, const char *b)
{
	while (*a != '\0' && lower(*a) == lower(*b)) {
		a++;
		b++;
	}
	return lower(*a) - lower(*b);
}

bool
str_to_u64(const char *s, uint64_t *ret)
{
	uint64_t v = 0;

	if (str_empty(s))
		return false;
	for (; *s != '\0'; s++) {
		if (*s < '0' || *s > '9')
			return false;
		if (__builtin_mul_overflow(v, 10, &v) ||
		    __builtin_add_overflow(v, (uint64_t)(*s - '0'), &v))
			return false;
	}
	*ret = v;
	return true;
}

bool
str_to_i64(const char *s, int64_t *ret)
{
	bool minus = s != NULL && *s == '-';
	uint64_t v;

	if (!str_to_u64(minus ? s + 1 : s, &v))
		return false;
	if (v > (uint64_t)INT64_MAX + minus)
		return false;
	*ret = (int64_t)(minus ? -v : v);
	return true;
}

static bool
digit(char c)
{
	return c >= '0' && c <= '9';
}

/* Compare the numbers at *a and *b, and step over them. */
static int
cmp_numbers(const char **a, const char **b)
{
	size_t la, lb;
	int d;

	while (**a == '0')
		(*a)++;
	while (**b == '0')
		(*b)++;
	la = strspn(*a, "0123456789");
	lb = strspn(*b, "0123456789");
	if (la != lb)
		return la < lb ? -1 : 1;
	d = strncmp(*a, *b, la);
	*a += la;
	*b += lb;
	return d;
}

int
str_cmp_natural(const char *a, const char *b)
{
	const char *whole_a = a, *whole_b = b;

	while (*a != '\0' && *b != '\0') {
		if (digit(*a) && digit(*b)) {
			int d = cmp_numbers(&a, &b);

			if (d != 0)
				return d;
		} else if (*a != *b) {
			break;
		} else {
			a++;
			b++;
		}
	}
	if (*a != *b)
		return (unsigned char)*a - (unsigned char)*b;
	return strcmp(whole_a, whole_b);
}

static bool
follows(unsigned char c)
{
	return (c & 0xc0) == 0x80;
}

size_t
str_utf8_len(const char *s, size_t len)
{
	const unsigned char *p = (const unsigned char *)s;

	if (p[0] < 0x80)
		return 1;
	if (p[0] < 0xc2 || p[0] > 0xf4 || len < 2 || !follows(p[1]))
		return 0;
	if (p[0] < 0xe0)
		return 2;
	/* Overlong forms and surrogates, RFC 3629 section 4. */
	if ((p[0] == 0xe0 && p[1] < 0xa0) || (p[0] == 0xed && p[1] > 0x9f) ||
	    (p[0] == 0xf0 && p[1] < 0x90) || (p[0] == 0xf4 && p[1] > 0x8f))
		return 0;
	if (len < 3 || !follows(p[2]))
		return 0;
	if (p[0] < 0xf0)
		return 3;
	return len >= 4 && follows(p[3]) ? 4 : 0;
}
