/* template_print.c - values as Go's fmt package prints them. */
#include "core/model/template_impl.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/check.h"
#include "core/base/mem.h"

#define WIDTH_MAX 1024 /* of %10s, and of a precision */

/* The shortest text that reads back as the same number; %v of a float64. */
static void
print_real(double v, struct buf *out)
{
	char text[64] = "";
	int digits = 1;

	for (; digits <= 17; digits++) {
		snprintf(text, sizeof(text), "%.*g", digits, v);
		if (strtod(text, NULL) == v)
			break;
	}
	/* Go has no exponent below 1e21. */
	if (strchr(text, 'e') != NULL && (v >= 1 || v <= -1) && v < 1e21 &&
	    v > -1e21)
		snprintf(text, sizeof(text), "%.0f", v);
	buf_puts(out, text);
}

static int print_value(const json_t *v, unsigned depth, struct buf *out,
		       struct err *e);

static int
print_list(const json_t *v, unsigned depth, struct buf *out, struct err *e)
{
	int rc = 0;

	buf_putc(out, '[');
	for (size_t i = 0; rc == 0 && i < json_array_size(v); i++) {
		if (i > 0)
			buf_putc(out, ' ');
		rc = print_value(json_array_get(v, i), depth, out, e);
	}
	buf_putc(out, ']');
	return rc;
}

static int
cmp_keys(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static int
print_map(const json_t *v, unsigned depth, struct buf *out, struct err *e)
{
	const char **keys =
		mem_new_array(json_object_size(v) + 1, sizeof(*keys));
	const char *key;
	json_t *value;
	size_t n = 0;
	int rc = 0;

	json_object_foreach((json_t *)v, key, value) keys[n++] = key;
	qsort(keys, n, sizeof(*keys), cmp_keys);
	buf_puts(out, "map[");
	for (size_t i = 0; rc == 0 && i < n; i++) {
		if (i > 0)
			buf_putc(out, ' ');
		buf_puts(out, keys[i]);
		buf_putc(out, ':');
		rc = print_value(json_object_get(v, keys[i]), depth, out, e);
	}
	buf_putc(out, ']');
	mem_free(keys);
	return rc;
}

static int
print_value(const json_t *v, unsigned depth, struct buf *out, struct err *e)
{
	if (depth >= TEMPLATE_VALUE_DEPTH_MAX)
		return err_set(e, -EINVAL, "a value nested more than %d deep",
			       TEMPLATE_VALUE_DEPTH_MAX);
	switch (json_typeof(v)) {
	case JSON_OBJECT:
		return print_map(v, depth + 1, out, e);
	case JSON_ARRAY:
		return print_list(v, depth + 1, out, e);
	case JSON_STRING:
		buf_put(out, json_string_value(v), json_string_length(v));
		return 0;
	case JSON_INTEGER:
		buf_printf(out, "%lld", (long long)json_integer_value(v));
		return 0;
	case JSON_REAL:
		print_real(json_real_value(v), out);
		return 0;
	case JSON_TRUE:
		buf_puts(out, "true");
		return 0;
	case JSON_FALSE:
		buf_puts(out, "false");
		return 0;
	case JSON_NULL:
		buf_puts(out, "<nil>");
		return 0;
	}
	unreachable();
}

int
template_print(const json_t *v, struct buf *out, struct err *e)
{
	if (v == NULL) {
		buf_puts(out, "<no value>");
		return 0;
	}
	return print_value(v, 0, out, e);
}

/* ---- printf
 * ------------------------------------------------------------------- */

struct verb {
	bool minus, plus, zero, alternate, space;
	bool has_precision;
	int width, precision;
	char letter;
};

static int
read_count(const char **s, int *ret)
{
	int v = 0;

	for (; **s >= '0' && **s <= '9'; (*s)++) {
		v = v * 10 + (**s - '0');
		if (v > WIDTH_MAX)
			return -ERANGE;
	}
	*ret = v;
	return 0;
}

/* *s is behind the '%', and moves behind the letter. */
static int
read_verb(const char **s, struct verb *v, struct err *e)
{
	int rc;

	for (;; (*s)++) {
		if (**s == '-')
			v->minus = true;
		else if (**s == '+')
			v->plus = true;
		else if (**s == '0')
			v->zero = true;
		else if (**s == '#')
			v->alternate = true;
		else if (**s == ' ')
			v->space = true;
		else
			break;
	}
	rc = read_count(s, &v->width);
	if (rc == 0 && **s == '.') {
		(*s)++;
		v->has_precision = true;
		rc = read_count(s, &v->precision);
	}
	if (rc != 0)
		return err_set(e, -EINVAL, "printf: a width of more than %d",
			       WIDTH_MAX);
	v->letter = **s;
	if (v->letter != '\0')
		(*s)++;
	return 0;
}

static size_t
characters(const char *s, size_t len)
{
	size_t n = 0;

	for (size_t i = 0; i < len; i++)
		n += ((unsigned char)s[i] & 0xc0) != 0x80;
	return n;
}

static void
put_padded(const struct verb *v, const char *s, size_t len, struct buf *out)
{
	size_t wide = characters(s, len);
	size_t blanks = (size_t)v->width > wide ? (size_t)v->width - wide : 0;
	char fill = v->zero && !v->minus ? '0' : ' ';

	if (fill == '0' && len > 0 && (*s == '-' || *s == '+')) {
		buf_putc(out, *s++); /* the sign stands before zeros */
		len--;
	}
	for (; !v->minus && blanks > 0; blanks--)
		buf_putc(out, fill);
	buf_put(out, s, len);
	for (; blanks > 0; blanks--)
		buf_putc(out, ' ');
}

static void
quote(const char *s, size_t len, struct buf *out)
{
	buf_putc(out, '"');
	for (size_t i = 0; i < len; i++) {
		if (s[i] == '"' || s[i] == '\\')
			buf_putc(out, '\\');
		if (s[i] == '\n')
			buf_puts(out, "\\n");
		else if (s[i] == '\t')
			buf_puts(out, "\\t");
		else if ((unsigned char)s[i] < 0x20 || s[i] == 0x7f)
			buf_printf(out, "\\x%02x", (unsigned char)s[i]);
		else
			buf_putc(out, s[i]);
	}
	buf_putc(out, '"');
}

static void
put_hex(const struct verb *v, const json_t *arg, struct buf *out)
{
	const char *byte = v->letter == 'x' ? "%02x" : "%02X";
	long long i = json_integer_value(arg);

	if (json_is_integer(arg)) {
		if (i < 0)
			buf_putc(out, '-');
		if (v->alternate)
			buf_puts(out, v->letter == 'x' ? "0x" : "0X");
		buf_printf(out, v->letter == 'x' ? "%llx" : "%llX",
			   i < 0 ? -(unsigned long long)i
				 : (unsigned long long)i);
		return;
	}
	for (size_t n = 0; n < json_string_length(arg); n++)
		buf_printf(out, byte, (unsigned char)json_string_value(arg)[n]);
}

/* "%!d(string=abc)", as Go says that a verb does not fit. */
static int
bad_verb(const struct verb *v, const json_t *arg, struct buf *out,
	 struct err *e)
{
	int rc;

	buf_printf(out, "%%!%c(%s=", v->letter, template_type_name(arg));
	rc = template_print(arg, out, e);
	buf_putc(out, ')');
	return rc;
}

static void
put_float(const struct verb *v, const json_t *arg, struct buf *out)
{
	double d = json_number_value(arg);
	int precision = v->has_precision ? v->precision : 6;

	switch (v->letter) {
	case 'f':
	case 'F':
		buf_printf(out, "%.*f", precision, d);
		break;
	case 'e':
		buf_printf(out, "%.*e", precision, d);
		break;
	case 'g':
		if (v->has_precision)
			buf_printf(out, "%.*g", precision, d);
		else
			print_real(d, out);
		break;
	}
}

static int
put_text(const struct verb *v, const json_t *arg, struct buf *out,
	 struct err *e)
{
	size_t begin = out->len, n = 0, i;
	int rc = template_print(arg, out, e);

	if (rc != 0 || !v->has_precision || !json_is_string(arg))
		return rc;
	for (i = begin; i < out->len; i++) {
		n += ((unsigned char)out->p[i] & 0xc0) != 0x80;
		if (n > (size_t)v->precision)
			break;
	}
	out->len = i;
	return 0;
}

static int
format_value(const struct verb *v, const json_t *arg, struct buf *out,
	     struct err *e)
{
	bool integer = json_is_integer(arg), string = json_is_string(arg);

	switch (v->letter) {
	case 'v':
		return put_text(v, arg, out, e);
	case 's':
		if (integer || json_is_real(arg) || json_is_boolean(arg))
			return bad_verb(v, arg, out, e);
		return put_text(v, arg, out, e);
	case 'd':
		if (!integer)
			return bad_verb(v, arg, out, e);
		if (v->plus && json_integer_value(arg) >= 0)
			buf_putc(out, '+');
		return template_print(arg, out, e);
	case 'q':
		if (!string)
			return bad_verb(v, arg, out, e);
		quote(json_string_value(arg), json_string_length(arg), out);
		return 0;
	case 'x':
	case 'X':
		if (!integer && !string)
			return bad_verb(v, arg, out, e);
		put_hex(v, arg, out);
		return 0;
	case 't':
		if (!json_is_boolean(arg))
			return bad_verb(v, arg, out, e);
		return template_print(arg, out, e);
	case 'f':
	case 'F':
	case 'e':
	case 'g':
		if (!json_is_real(arg))
			return bad_verb(v, arg, out, e);
		put_float(v, arg, out);
		return 0;
	default: /* the letter is the template's, not an enum of ours */
		return bad_verb(v, arg, out, e);
	}
}

static int
format_arg(const struct verb *v, const json_t *arg, struct buf *out,
	   struct err *e)
{
	struct buf text = { 0 };
	int rc = format_value(v, arg, &text, e);

	if (rc == 0)
		put_padded(v, text.len ? text.p : "", text.len, out);
	buf_fini(&text);
	return rc;
}

int
template_printf(const char *format, json_t *const *args, unsigned count,
		struct buf *out, struct err *e)
{
	unsigned used = 0;
	int rc = 0;

	while (rc == 0 && *format != '\0') {
		struct verb v = { 0 };

		if (*format != '%') {
			buf_putc(out, *format++);
			continue;
		}
		format++;
		rc = read_verb(&format, &v, e);
		if (rc != 0)
			break;
		if (v.letter == '%')
			buf_putc(out, '%');
		else if (v.letter == '\0')
			buf_puts(out, "%!(NOVERB)");
		else if (used == count)
			buf_printf(out, "%%!%c(MISSING)", v.letter);
		else
			rc = format_arg(&v, args[used++], out, e);
	}
	if (rc != 0 || used == count)
		return rc;
	buf_puts(out, "%!(EXTRA ");
	for (unsigned i = used; rc == 0 && i < count; i++) {
		buf_printf(out, "%s%s=", i > used ? ", " : "",
			   template_type_name(args[i]));
		rc = template_print(args[i], out, e);
	}
	buf_putc(out, ')');
	return rc;
}
