/* time_text.c - see time_text.h. The calendar is the Gregorian one. */
#include "core/base/time_text.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/str.h"

#define S_PER_DAY 86400
#define ZERO_TEXT "0001-01-01T00:00:00Z"

/*
 * Days and dates by eras of 400 years that begin on 1 March, so that the leap
 * day is a year's last. Only for years >= 0.
 */
static int64_t
days_of_date(int64_t year, int64_t month, int64_t day)
{
	int64_t y = month <= 2 ? year - 1 : year;
	int64_t era = y / 400, of_era = y % 400;
	int64_t of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5;

	of_year += day - 1;
	return era * 146097 + of_era * 365 + of_era / 4 - of_era / 100 +
	       of_year - 719468;
}

static void
date_of_days(int64_t days, int64_t ret[3])
{
	int64_t z = days + 719468;
	int64_t era = z / 146097, doe = z % 146097;
	int64_t yoe = (doe - doe / 1460 + doe / 36524 - doe / 146096) / 365;
	int64_t doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
	int64_t mp = (5 * doy + 2) / 153;

	ret[2] = doy - (153 * mp + 2) / 5 + 1;
	ret[1] = mp < 10 ? mp + 3 : mp - 9;
	ret[0] = yoe + era * 400 + (ret[1] <= 2);
}

static int64_t
days_in_month(int64_t year, int64_t month)
{
	static const uint8_t days[] = { 31, 28, 31, 30, 31, 30,
					31, 31, 30, 31, 30, 31 };
	bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;

	return days[month - 1] + (month == 2 && leap);
}

void
time_format_fixed(int64_t ns, char ret[TIME_TEXT_MAX])
{
	int64_t s = ns / NS_PER_S, frac = ns % NS_PER_S, days, date[3];

	if (ns == TIME_ZERO) {
		snprintf(ret, TIME_TEXT_MAX, "0001-01-01T00:00:00.000000000Z");
		return;
	}
	if (frac < 0) {
		frac += NS_PER_S;
		s--;
	}
	days = s / S_PER_DAY;
	s %= S_PER_DAY;
	if (s < 0) {
		s += S_PER_DAY;
		days--;
	}
	date_of_days(days, date);
	snprintf(ret, TIME_TEXT_MAX, "%04d-%02d-%02dT%02d:%02d:%02d.%09dZ",
		 (int)date[0], (int)date[1], (int)date[2], (int)(s / 3600),
		 (int)(s / 60 % 60), (int)(s % 60), (int)frac);
}

void
time_format(int64_t ns, char ret[TIME_TEXT_MAX])
{
	size_t len;

	time_format_fixed(ns, ret);
	len = strlen(ret) - 1; /* without the Z */
	while (ret[len - 1] == '0')
		len--;
	if (ret[len - 1] == '.')
		len--;
	memcpy(ret + len, "Z", 2);
}

/* Exactly count digits at *s, from min to max, then the character after. */
static bool
number(const char **s, int count, int64_t min, int64_t max, int64_t *ret)
{
	int64_t v = 0;

	for (int i = 0; i < count; i++) {
		if (**s < '0' || **s > '9')
			return false;
		v = v * 10 + (*(*s)++ - '0');
	}
	*ret = v;
	return v >= min && v <= max;
}

static bool
literal(const char **s, char c)
{
	if (**s != c)
		return false;
	(*s)++;
	return true;
}

/* ".123": more than nine digits are cut, as Go does. */
static bool
fraction(const char **s, int64_t *ret_ns)
{
	int64_t unit = NS_PER_S / 10;

	*ret_ns = 0;
	if (!literal(s, '.'))
		return true;
	if (**s < '0' || **s > '9')
		return false;
	for (; **s >= '0' && **s <= '9'; (*s)++, unit /= 10)
		*ret_ns += unit * (**s - '0');
	return true;
}

/* "Z", "z" or "+01:30"; in seconds. */
static bool
offset(const char **s, int64_t *ret_s)
{
	int64_t hours, minutes, sign = 1;

	*ret_s = 0;
	if (literal(s, 'Z') || literal(s, 'z'))
		return true;
	if (literal(s, '-'))
		sign = -1;
	else if (!literal(s, '+'))
		return false;
	if (!number(s, 2, 0, 23, &hours) || !literal(s, ':') ||
	    !number(s, 2, 0, 59, &minutes))
		return false;
	*ret_s = sign * (hours * 3600 + minutes * 60);
	return true;
}

bool
time_parse(const char *s, int64_t *ret_ns)
{
	int64_t date[3], clock[3], frac, off, v;

	if (s == NULL)
		return false;
	if (strcmp(s, ZERO_TEXT) == 0) {
		*ret_ns = TIME_ZERO;
		return true;
	}
	if (!number(&s, 4, 1, 9999, &date[0]) || !literal(&s, '-') ||
	    !number(&s, 2, 1, 12, &date[1]) || !literal(&s, '-') ||
	    !number(&s, 2, 1, days_in_month(date[0], date[1]), &date[2]))
		return false;
	if (!literal(&s, 'T') && !literal(&s, 't'))
		return false;
	if (!number(&s, 2, 0, 23, &clock[0]) || !literal(&s, ':') ||
	    !number(&s, 2, 0, 59, &clock[1]) || !literal(&s, ':') ||
	    !number(&s, 2, 0, 59, &clock[2]))
		return false;
	if (!fraction(&s, &frac) || !offset(&s, &off) || *s != '\0')
		return false;
	v = days_of_date(date[0], date[1], date[2]) * S_PER_DAY +
	    clock[0] * 3600 + clock[1] * 60 + clock[2] - off;
	if (__builtin_mul_overflow(v, NS_PER_S, &v) ||
	    __builtin_add_overflow(v, frac, &v))
		return false;
	*ret_ns = v;
	return true;
}

static const struct unit {
	const char *name;
	int64_t ns;
} units[] = {
	{ "ns", 1 },
	{ "us", 1000 },
	{ "\xc2\xb5s", 1000 }, /* U+00B5, the micro sign */
	{ "\xce\xbcs", 1000 }, /* U+03BC, the letter */
	{ "ms", NS_PER_MS },
	{ "s", NS_PER_S },
	{ "m", 60 * NS_PER_S },
	{ "h", 3600 * NS_PER_S },
};

/* The unit at *s, whose end is the string's or the next number's begin. */
static int64_t
duration_unit(const char **s)
{
	size_t len = strcspn(*s, ".0123456789");

	for (size_t i = 0; i < ARRAY_LEN(units); i++)
		if (strlen(units[i].name) == len &&
		    memcmp(*s, units[i].name, len) == 0) {
			*s += len;
			return units[i].ns;
		}
	return 0;
}

/* One "1.5h" at *s, added to *ns. */
static bool
duration_part(const char **s, int64_t *ns)
{
	int64_t whole = 0, unit, v;
	const char *begin = *s, *frac = "";
	double part = 0, scale = 1;

	for (; **s >= '0' && **s <= '9'; (*s)++)
		if (__builtin_mul_overflow(whole, 10, &whole) ||
		    __builtin_add_overflow(whole, **s - '0', &whole))
			return false;
	if (literal(s, '.')) {
		frac = *s;
		begin++;
		while (**s >= '0' && **s <= '9')
			(*s)++;
	}
	if (*s == begin)
		return false;
	unit = duration_unit(s);
	if (unit == 0 || __builtin_mul_overflow(whole, unit, &v))
		return false;
	for (; *frac >= '0' && *frac <= '9' && scale < 1e15; frac++) {
		part = part * 10 + (*frac - '0');
		scale *= 10;
	}
	return !__builtin_add_overflow(
		       v, (int64_t)(part * ((double)unit / scale)), &v) &&
	       !__builtin_add_overflow(*ns, v, ns);
}

bool
duration_parse(const char *s, int64_t *ret_ns)
{
	int64_t ns = 0;
	bool minus;

	if (s == NULL)
		return false;
	minus = literal(&s, '-');
	if (!minus)
		(void)literal(&s, '+'); /* it means nothing */
	if (strcmp(s, "0") == 0) {
		*ret_ns = 0;
		return true;
	}
	if (*s == '\0')
		return false;
	while (*s != '\0')
		if (!duration_part(&s, &ns))
			return false;
	*ret_ns = minus ? -ns : ns;
	return true;
}

/* "1.5" of v / unit, then its name. */
static void
put_fraction(char ret[TIME_TEXT_MAX], uint64_t v, uint64_t unit,
	     const char *name)
{
	char digits[24] = "";
	uint64_t rest = v % unit;
	int len = 0;

	if (rest != 0) {
		digits[len++] = '.';
		for (uint64_t u = unit / 10; rest != 0; u /= 10) {
			digits[len++] = (char)('0' + rest / u);
			rest %= u;
		}
		digits[len] = '\0';
	}
	snprintf(ret, TIME_TEXT_MAX, "%llu%s%s", (unsigned long long)(v / unit),
		 digits, name);
}

static void
format_small(uint64_t ns, char ret[TIME_TEXT_MAX])
{
	if (ns < 1000)
		put_fraction(ret, ns, 1, "ns");
	else if (ns < (uint64_t)NS_PER_MS)
		put_fraction(ret, ns, 1000, "\xc2\xb5s");
	else
		put_fraction(ret, ns, (uint64_t)NS_PER_MS, "ms");
}

void
duration_format(int64_t ns, char ret[TIME_TEXT_MAX])
{
	uint64_t v = ns < 0 ? -(uint64_t)ns : (uint64_t)ns;
	uint64_t minutes = v / (uint64_t)NS_PER_S / 60;
	char text[TIME_TEXT_MAX], seconds[TIME_TEXT_MAX];
	const char *sign = ns < 0 ? "-" : "";

	if (v != 0 && v < (uint64_t)NS_PER_S) {
		format_small(v, text);
		snprintf(ret, TIME_TEXT_MAX, "%s%.30s", sign, text);
		return;
	}
	put_fraction(seconds, v % (60 * (uint64_t)NS_PER_S), (uint64_t)NS_PER_S,
		     "s");
	if (minutes >= 60)
		snprintf(ret, TIME_TEXT_MAX, "%s%uh%um%.16s", sign,
			 (unsigned)(minutes / 60), (unsigned)(minutes % 60),
			 seconds);
	else if (minutes > 0)
		snprintf(ret, TIME_TEXT_MAX, "%s%um%.16s", sign,
			 (unsigned)minutes, seconds);
	else
		snprintf(ret, TIME_TEXT_MAX, "%s%.16s", sign, seconds);
}

void
duration_human(int64_t ns, char ret[TIME_TEXT_MAX])
{
	int64_t s = ns / NS_PER_S, minutes = s / 60;
	int64_t hours =
		(ns / NS_PER_S + 1800) / 3600; /* rounded, as Docker's */
	int64_t n;
	const char *what;

	if (s < 1 || s == 1 || minutes == 1 || (minutes >= 60 && hours == 1)) {
		snprintf(ret, TIME_TEXT_MAX, "%s",
			 s < 1	   ? "Less than a second"
			 : s < 2   ? "1 second"
			 : s < 120 ? "About a minute"
				   : "About an hour");
		return;
	}
	if (s < 60)
		n = s, what = "seconds";
	else if (minutes < 60)
		n = minutes, what = "minutes";
	else if (hours < 48)
		n = hours, what = "hours";
	else if (hours < 24 * 14)
		n = hours / 24, what = "days";
	else if (hours < 24 * 60)
		n = hours / 24 / 7, what = "weeks";
	else if (hours < 24 * 365 * 2)
		n = hours / 24 / 30, what = "months";
	else
		n = s / 3600 / 24 / 365, what = "years";
	snprintf(ret, TIME_TEXT_MAX, "%d %s", (int)n, what);
}

static void
scaled(uint64_t bytes, double base, const char *const names[7],
       char ret[TIME_TEXT_MAX])
{
	double v = (double)bytes;
	int i = 0;

	for (; v >= base && i < 6; i++)
		v /= base;
	snprintf(ret, TIME_TEXT_MAX, "%.4g%s", v, names[i]);
}

void
size_human(uint64_t bytes, char ret[TIME_TEXT_MAX])
{
	static const char *const names[7] = { "B",  "kB", "MB", "GB",
					      "TB", "PB", "EB" };

	scaled(bytes, 1000, names, ret);
}

void
size_human_binary(uint64_t bytes, char ret[TIME_TEXT_MAX])
{
	static const char *const names[7] = { "B",   "KiB", "MiB", "GiB",
					      "TiB", "PiB", "EiB" };

	scaled(bytes, 1024, names, ret);
}

/* The factor of a suffix "", "b", "k", "kb" or "kib", without case; or 0. */
static double
size_factor(const char *s)
{
	static const char letters[] = "bkmgtp";
	char first[2] = { *s, '\0' };
	double factor = 1;

	if (*s == '\0' || str_cmp_nocase(s, "b") == 0)
		return 1;
	for (int i = 0; letters[i] != '\0'; i++, factor *= 1024) {
		char letter[2] = { letters[i], '\0' };

		if (i == 0 || str_cmp_nocase(first, letter) != 0)
			continue;
		if (s[1] == '\0' || str_cmp_nocase(s + 1, "b") == 0 ||
		    str_cmp_nocase(s + 1, "ib") == 0)
			return factor;
	}
	return 0;
}

bool
size_parse(const char *s, int64_t *ret_bytes)
{
	size_t len;
	double v, factor;
	char *end;

	if (s == NULL || strspn(s, "0123456789") == 0)
		return false;
	len = strspn(s, ".0123456789");
	v = strtod(s, &end);
	if (end != s + len)
		return false;
	if (*end == ' ')
		end++;
	factor = size_factor(end);
	if (factor == 0 || v * factor >= 9223372036854775808.0)
		return false;
	*ret_bytes = (int64_t)(v * factor);
	return true;
}
