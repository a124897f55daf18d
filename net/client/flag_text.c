/*
 * flag_text.c - the values of flags, read as Go's strconv and time packages
 * read them, with their words for what is wrong (scripts match on these).
 */
#include "net/client/command.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/str.h"
#include "core/base/time_text.h"

#define NUMBER_TEXT_MAX 64 /* digits and all */

static int
refused(struct err *e, const char *fn, const char *s, const char *why)
{
	return err_set(e, -EINVAL, "strconv.%s: parsing \"%s\": %s", fn, s,
		       why);
}

int
text_to_bool(const char *s, bool *ret, struct err *e)
{
	static const char *const words[][6] = {
		{ "0", "f", "F", "false", "FALSE", "False" },
		{ "1", "t", "T", "true", "TRUE", "True" },
	};

	for (int v = 0; v < 2; v++)
		for (size_t i = 0; i < ARRAY_LEN(words[v]); i++)
			if (strcmp(s, words[v][i]) == 0) {
				*ret = v == 1;
				return 0;
			}
	return refused(e, "ParseBool", s, "invalid syntax");
}

static bool
all_digits(const char *s)
{
	return *s != '\0' && strspn(s, "0123456789") == strlen(s);
}

int
text_to_u64(const char *s, uint64_t *ret, struct err *e)
{
	if (str_to_u64(s, ret))
		return 0;
	return refused(e, "ParseUint", s,
		       all_digits(s) ? "value out of range" : "invalid syntax");
}

int
text_to_i64(const char *s, int64_t *ret, struct err *e)
{
	const char *digits = s + (*s == '-' || *s == '+');

	if (str_to_i64(*s == '+' ? digits : s, ret) &&
	    (*s != '+' || *digits != '-'))
		return 0;
	return refused(e, "ParseInt", s,
		       all_digits(digits) ? "value out of range"
					  : "invalid syntax");
}

int
text_to_float(const char *s, double *ret, struct err *e)
{
	char *end;
	double v;

	if (*s == '\0' || strlen(s) > NUMBER_TEXT_MAX ||
	    strspn(s, "0123456789.eE+-") != strlen(s))
		return refused(e, "ParseFloat", s, "invalid syntax");
	v = strtod(s, &end);
	if (*end != '\0')
		return refused(e, "ParseFloat", s, "invalid syntax");
	if (!isfinite(v))
		return refused(e, "ParseFloat", s, "value out of range");
	*ret = v;
	return 0;
}

/* ---- durations and sizes ---------------------------------------------------
 */

/* The unit that s goes on with, if it is none: "1x" has "x". */
static const char *
unknown_unit(const char *s, size_t *ret_len)
{
	static const char *const units[] = {
		"ns", "us", "\xc2\xb5s", "\xce\xbcs", "ms", "s", "m", "h",
	};
	size_t i;

	s += *s == '-' || *s == '+';
	while (*s != '\0') {
		size_t digits = strspn(s, "0123456789."), len;

		if (digits == 0)
			return NULL;
		s += digits;
		len = strcspn(s, "0123456789.");
		for (i = 0; i < ARRAY_LEN(units); i++)
			if (strlen(units[i]) == len &&
			    memcmp(units[i], s, len) == 0)
				break;
		if (i == ARRAY_LEN(units)) {
			*ret_len = len;
			return s;
		}
		s += len;
	}
	return NULL;
}

int
text_to_duration(const char *s, int64_t *ret_ns, struct err *e)
{
	const char *unit;
	size_t len = 0;

	if (duration_parse(s, ret_ns))
		return 0;
	unit = unknown_unit(s, &len);
	if (unit == NULL)
		return err_set(e, -EINVAL, "time: invalid duration \"%s\"", s);
	if (len == 0)
		return err_set(e, -EINVAL,
			       "time: missing unit in duration \"%s\"", s);
	return err_set(e, -EINVAL,
		       "time: unknown unit \"%.*s\" in duration \"%s\"",
		       (int)len, unit, s);
}

int
text_to_bytes(const char *s, int64_t *ret, struct err *e)
{
	size_t digits = strspn(s, "0123456789.");

	if (size_parse(s, ret))
		return 0;
	if (digits == 0)
		return err_set(e, -EINVAL, "invalid size: '%s'", s);
	return err_set(e, -EINVAL, "invalid suffix: '%s'", s + digits);
}

/* ---- CPUs: a decimal of at most nine places, exactly ----------------------
 */

/*
 * Docker reads a rational: "1e-11" is a number, but too precise; so is 1/3.
 * We take decimals with an exponent and keep all digits.
 */
struct decimal {
	int64_t digits;
	int exponent; /* digits * 10^exponent */
};

static bool
decimal_read(const char *s, struct decimal *ret)
{
	struct decimal d = { 0 };
	bool minus = *s == '-', dot = false, any = false;
	int64_t exponent = 0;

	for (s += *s == '-' || *s == '+'; *s != '\0'; s++) {
		if (*s == '.' && !dot) {
			dot = true;
			continue;
		}
		if (*s < '0' || *s > '9')
			break;
		any = true;
		if (__builtin_mul_overflow(d.digits, 10, &d.digits) ||
		    __builtin_add_overflow(d.digits, *s - '0', &d.digits))
			return false;
		d.exponent -= dot;
	}
	if (!any)
		return false;
	if (*s == 'e' || *s == 'E') {
		s += s[1] == '+' ? 2 : 1;
		if (!str_to_i64(s, &exponent) || exponent > 64 ||
		    exponent < -64)
			return false;
		s = "";
	}
	if (*s != '\0')
		return false;
	d.exponent += (int)exponent;
	if (minus)
		d.digits = -d.digits;
	*ret = d;
	return true;
}

int
text_to_nano(const char *s, int64_t *ret, struct err *e)
{
	struct decimal d = { 0 };
	int64_t v;

	if (strlen(s) > NUMBER_TEXT_MAX || !decimal_read(s, &d))
		return err_set(e, -EINVAL,
			       "failed to parse %s as a rational number", s);
	v = d.digits;
	for (int i = d.exponent; i < -9; i++) {
		if (v % 10 != 0)
			return err_set(e, -EINVAL, "value is too precise");
		v /= 10;
	}
	for (int i = -9; i < d.exponent; i++)
		if (__builtin_mul_overflow(v, 10, &v))
			return err_set(e, -EINVAL,
				       "%s is more CPUs than can be counted",
				       s);
	*ret = v;
	return 0;
}
