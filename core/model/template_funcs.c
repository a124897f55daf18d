/* template_funcs.c - the functions of templates: Go's and Docker's. */
#include "core/model/template_impl.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/check.h"
#include "core/base/mem.h"
#include "core/base/str.h"

#define PAD_MAX 1024 /* blanks that pad adds */
#define ARGS                                                                   \
	enum template_mode mode, json_t *const *v, unsigned count,             \
		json_t **ret, struct err *e
#define MANY TEMPLATE_ARGS_MAX + 1

const char *
template_type_name(const json_t *v)
{
	if (v == NULL)
		return "nil";
	switch (json_typeof(v)) {
	case JSON_OBJECT:
		return "map[string]interface {}";
	case JSON_ARRAY:
		return "[]interface {}";
	case JSON_STRING:
		return "string";
	case JSON_INTEGER:
		return "int";
	case JSON_REAL:
		return "float64";
	case JSON_TRUE:
	case JSON_FALSE:
		return "bool";
	case JSON_NULL:
		return "nil";
	}
	unreachable();
}

static int
wrong_type(struct err *e, const char *want, const json_t *v)
{
	return err_set(e, -EINVAL, "wrong type for value; expected %s; got %s",
		       want, template_type_name(v));
}

static int
give_text(struct buf *b, json_t **ret)
{
	/* Cutting bytes may break a character: then it is left out. */
	while ((*ret = json_stringn(b->len ? b->p : "", b->len)) == NULL)
		b->len--;
	buf_fini(b);
	return 0;
}

static int
text_arg(const json_t *v, const char **ret, size_t *ret_len, struct err *e)
{
	if (!json_is_string(v))
		return wrong_type(e, "string", v);
	*ret = json_string_value(v);
	*ret_len = json_string_length(v);
	return 0;
}

static int
int_arg(const json_t *v, int64_t *ret, struct err *e)
{
	if (!json_is_integer(v))
		return wrong_type(e, "int", v);
	*ret = json_integer_value(v);
	return 0;
}

static int
write_to_buf(const char *p, size_t len, void *ctx)
{
	buf_put(ctx, p, len);
	return 0;
}

/* ---- Docker's
 * ---------------------------------------------------------------- */

static int
fn_json(ARGS)
{
	struct buf b = { 0 };

	(void)count;
	if (mode == TEMPLATE_HEADER) {
		*ret = json_incref(v[0]);
		return 0;
	}
	if (v[0] == NULL)
		buf_puts(&b, "null");
	else if (json_dump_callback(v[0], write_to_buf, &b,
				    JSON_COMPACT | JSON_ENCODE_ANY |
					    JSON_REAL_PRECISION(15)) != 0) {
		buf_fini(&b);
		return err_set(e, -EINVAL, "it cannot be written as JSON");
	}
	return give_text(&b, ret);
}

static int
fn_split(ARGS)
{
	const char *s, *sep;
	size_t len, sep_len;
	json_t *list;
	int rc = text_arg(v[0], &s, &len, e);

	(void)mode, (void)count;
	if (rc == 0)
		rc = text_arg(v[1], &sep, &sep_len, e);
	if (rc != 0)
		return rc;
	if (sep_len == 0)
		return err_set(e, -EINVAL, "split needs a separator");
	list = json_array();
	for (;;) {
		const char *at = memmem(s, len, sep, sep_len);
		size_t n = at ? (size_t)(at - s) : len;

		/* A separator that is UTF-8 leaves parts that are UTF-8. */
		(void)json_array_append_new(list, json_stringn(s, n));
		if (at == NULL)
			break;
		s += n + sep_len;
		len -= n + sep_len;
	}
	*ret = list;
	return 0;
}

static int
fn_join(ARGS)
{
	struct buf b = { 0 };
	const char *sep, *s;
	size_t sep_len, len;
	int rc = text_arg(v[1], &sep, &sep_len, e);

	(void)mode, (void)count;
	if (rc == 0 && v[0] != NULL && !json_is_null(v[0]) &&
	    !json_is_array(v[0]))
		rc = wrong_type(e, "[]string", v[0]);
	for (size_t i = 0; rc == 0 && i < json_array_size(v[0]); i++) {
		rc = text_arg(json_array_get(v[0], i), &s, &len, e);
		if (rc != 0)
			break;
		if (i > 0)
			buf_put(&b, sep, sep_len);
		buf_put(&b, s, len);
	}
	if (rc == 0)
		return give_text(&b, ret);
	buf_fini(&b);
	return rc;
}

enum casing { CASE_LOWER, CASE_UPPER, CASE_TITLE };

static char
cased(char c, enum casing casing, bool word_start)
{
	bool up = casing == CASE_UPPER || (casing == CASE_TITLE && word_start);

	if (up && c >= 'a' && c <= 'z')
		return (char)(c - 'a' + 'A');
	if (casing == CASE_LOWER && c >= 'A' && c <= 'Z')
		return (char)(c - 'A' + 'a');
	return c;
}

/* ASCII only: names in this program's API are. */
static int
change_case(enum template_mode mode, json_t *v, enum casing casing,
	    json_t **ret, struct err *e)
{
	struct buf b = { 0 };
	const char *s;
	size_t len;
	int rc = text_arg(v, &s, &len, e);

	if (rc != 0)
		return rc;
	if (mode == TEMPLATE_HEADER) {
		*ret = json_incref(v);
		return 0;
	}
	for (size_t i = 0; i < len; i++)
		buf_putc(&b, cased(s[i], casing, i == 0 || s[i - 1] == ' '));
	return give_text(&b, ret);
}

static int
fn_lower(ARGS)
{
	(void)count;
	return change_case(mode, v[0], CASE_LOWER, ret, e);
}

static int
fn_upper(ARGS)
{
	(void)count;
	return change_case(mode, v[0], CASE_UPPER, ret, e);
}

static int
fn_title(ARGS)
{
	(void)count;
	return change_case(mode, v[0], CASE_TITLE, ret, e);
}

static int
fn_pad(ARGS)
{
	struct buf b = { 0 };
	const char *s;
	size_t len;
	int64_t before = 0, after = 0;
	int rc = text_arg(v[0], &s, &len, e);

	(void)mode, (void)count;
	if (rc == 0)
		rc = int_arg(v[1], &before, e);
	if (rc == 0)
		rc = int_arg(v[2], &after, e);
	if (rc == 0 &&
	    (before < 0 || before > PAD_MAX || after < 0 || after > PAD_MAX))
		rc = err_set(e, -EINVAL, "pad adds 0 to %d blanks", PAD_MAX);
	if (rc != 0)
		return rc;
	if (len == 0)
		before = after = 0;
	while (before-- > 0)
		buf_putc(&b, ' ');
	buf_put(&b, s, len);
	while (after-- > 0)
		buf_putc(&b, ' ');
	return give_text(&b, ret);
}

static int
fn_truncate(ARGS)
{
	struct buf b = { 0 };
	const char *s;
	size_t len;
	int64_t most = 0;
	int rc = text_arg(v[0], &s, &len, e);

	(void)count;
	if (rc == 0)
		rc = int_arg(v[1], &most, e);
	if (rc == 0 && most < 0)
		rc = err_set(e, -EINVAL, "cannot truncate to %lld",
			     (long long)most);
	if (rc != 0)
		return rc;
	if (mode == TEMPLATE_HEADER || len <= (uint64_t)most) {
		*ret = json_incref(v[0]);
		return 0;
	}
	buf_put(&b, s, (size_t)most);
	return give_text(&b, ret);
}

/* ---- Go's: text
 * ---------------------------------------------------------------- */

static int
fn_print(ARGS)
{
	struct buf b = { 0 };
	int rc = 0;

	(void)mode;
	for (unsigned i = 0; rc == 0 && i < count; i++) {
		/* Sprint: a blank between two that are no strings. */
		if (i > 0 && !json_is_string(v[i - 1]) && !json_is_string(v[i]))
			buf_putc(&b, ' ');
		rc = template_print(v[i], &b, e);
	}
	if (rc == 0)
		return give_text(&b, ret);
	buf_fini(&b);
	return rc;
}

static int
fn_println(ARGS)
{
	struct buf b = { 0 };
	int rc = 0;

	(void)mode;
	for (unsigned i = 0; rc == 0 && i < count; i++) {
		if (i > 0)
			buf_putc(&b, ' ');
		rc = template_print(v[i], &b, e);
	}
	buf_putc(&b, '\n');
	if (rc == 0)
		return give_text(&b, ret);
	buf_fini(&b);
	return rc;
}

static int
fn_printf(ARGS)
{
	struct buf b = { 0 };
	const char *format;
	size_t len;
	int rc = text_arg(v[0], &format, &len, e);

	(void)mode;
	if (rc == 0)
		rc = template_printf(format, v + 1, count - 1, &b, e);
	if (rc == 0)
		return give_text(&b, ret);
	buf_fini(&b);
	return rc;
}

/* ---- Go's: collections
 * --------------------------------------------------------- */

static int
fn_len(ARGS)
{
	size_t n;

	(void)mode, (void)count;
	if (json_is_string(v[0]))
		n = json_string_length(v[0]);
	else if (json_is_array(v[0]))
		n = json_array_size(v[0]);
	else if (json_is_object(v[0]))
		n = json_object_size(v[0]);
	else
		return err_set(e, -EINVAL, "error calling len: len of type %s",
			       template_type_name(v[0]));
	*ret = json_integer((json_int_t)n);
	return 0;
}

static int
index_once(json_t *v, json_t *key, json_t **ret, struct err *e)
{
	if (json_is_object(v)) {
		if (!json_is_string(key))
			return err_set(e, -EINVAL,
				       "error calling index: value has type "
				       "%s; should be string",
				       template_type_name(key));
		*ret = json_object_get(v, json_string_value(key));
		return 0;
	}
	if (!json_is_array(v))
		return err_set(e, -EINVAL,
			       "error calling index: can't index item of type "
			       "%s",
			       template_type_name(v));
	if (!json_is_integer(key))
		return err_set(e, -EINVAL,
			       "error calling index: cannot index slice/array "
			       "with type %s",
			       template_type_name(key));
	if (json_integer_value(key) < 0 ||
	    (uint64_t)json_integer_value(key) >= json_array_size(v))
		return err_set(e, -EINVAL,
			       "error calling index: index out of range: %lld",
			       (long long)json_integer_value(key));
	*ret = json_array_get(v, (size_t)json_integer_value(key));
	return 0;
}

static int
fn_index(ARGS)
{
	json_t *at = v[0];

	(void)mode;
	for (unsigned i = 1; i < count; i++) {
		int rc = index_once(at, v[i], &at, e);

		if (rc != 0)
			return rc;
	}
	*ret = json_incref(at);
	return 0;
}

static int
slice_list(const json_t *list, size_t from, size_t to, json_t **ret)
{
	json_t *part = json_array();

	for (size_t i = from; i < to; i++)
		(void)json_array_append(part, json_array_get(list, i));
	*ret = part;
	return 0;
}

static int
fn_slice(ARGS)
{
	bool list = json_is_array(v[0]);
	size_t len = list ? json_array_size(v[0]) : json_string_length(v[0]);
	int64_t from = 0, to = (int64_t)len;
	struct buf b = { 0 };
	int rc = 0;

	(void)mode;
	if (!list && !json_is_string(v[0]))
		return err_set(e, -EINVAL,
			       "error calling slice: can't slice item of type "
			       "%s",
			       template_type_name(v[0]));
	if (count > 1)
		rc = int_arg(v[1], &from, e);
	if (rc == 0 && count > 2)
		rc = int_arg(v[2], &to, e);
	if (rc == 0 && (from < 0 || to > (int64_t)len || from > to))
		rc = err_set(e, -EINVAL,
			     "error calling slice: index out of range: %lld",
			     (long long)(from < 0 || from > to ? from : to));
	if (rc != 0)
		return rc;
	if (list)
		return slice_list(v[0], (size_t)from, (size_t)to, ret);
	buf_put(&b, json_string_value(v[0]) + from, (size_t)(to - from));
	*ret = json_stringn(b.len ? b.p : "", b.len);
	buf_fini(&b);
	if (*ret == NULL)
		return err_set(e, -EINVAL,
			       "error calling slice: it cuts a character");
	return 0;
}

/* ---- Go's: truth and order
 * ------------------------------------------------------ */

static int
give_bool(bool b, json_t **ret)
{
	*ret = json_boolean(b);
	return 0;
}

static int
fn_not(ARGS)
{
	(void)mode, (void)count, (void)e;
	return give_bool(!template_truth(v[0]), ret);
}

/* and, or: those before the last did not decide. */
static int
fn_last(ARGS)
{
	(void)mode, (void)e;
	*ret = json_incref(v[count - 1]);
	return 0;
}

static bool
basic(const json_t *v)
{
	return v == NULL || !(json_is_object(v) || json_is_array(v));
}

static int
order(const json_t *a, const json_t *b, int *ret, struct err *e)
{
	if (json_is_integer(a) && json_is_integer(b)) {
		json_int_t x = json_integer_value(a), y = json_integer_value(b);

		*ret = (x > y) - (x < y);
		return 0;
	}
	if (json_is_number(a) && json_is_number(b)) {
		double x = json_number_value(a), y = json_number_value(b);

		*ret = (x > y) - (x < y);
		return 0;
	}
	if (json_is_string(a) && json_is_string(b)) {
		int d = strcmp(json_string_value(a), json_string_value(b));

		*ret = (d > 0) - (d < 0);
		return 0;
	}
	return err_set(e, -EINVAL,
		       basic(a) && basic(b)
			       ? "incompatible types for comparison"
			       : "non-comparable type for comparison");
}

static bool
nothing(const json_t *v)
{
	return v == NULL || json_is_null(v);
}

static int
equal(const json_t *a, const json_t *b, bool *ret, struct err *e)
{
	int d = 0, rc;

	if (nothing(a) || nothing(b)) {
		*ret = nothing(a) && nothing(b);
		return 0;
	}
	if (json_is_boolean(a) && json_is_boolean(b)) {
		*ret = json_is_true(a) == json_is_true(b);
		return 0;
	}
	rc = order(a, b, &d, e);
	if (rc == 0)
		*ret = d == 0;
	return rc;
}

static int
fn_eq(ARGS)
{
	bool same = false;

	(void)mode;
	for (unsigned i = 1; !same && i < count; i++) {
		int rc = equal(v[0], v[i], &same, e);

		if (rc != 0)
			return err_wrap(e, rc, "error calling eq");
	}
	return give_bool(same, ret);
}

static int
fn_ne(ARGS)
{
	bool same = false;
	int rc = equal(v[0], v[1], &same, e);

	(void)mode, (void)count;
	if (rc != 0)
		return err_wrap(e, rc, "error calling ne");
	return give_bool(!same, ret);
}

#define ORDER(id, word, test)                                                  \
	static int fn_##id(ARGS)                                               \
	{                                                                      \
		int d = 0, rc = order(v[0], v[1], &d, e);                      \
		(void)mode, (void)count;                                       \
		if (rc != 0)                                                   \
			return err_wrap(e, rc, "error calling " word);         \
		return give_bool(d test 0, ret);                               \
	}
ORDER(lt, "lt", <)
ORDER(le, "le", <=)
ORDER(gt, "gt", >)
ORDER(ge, "ge", >=)

static const struct func funcs[] = {
	{ "and", 1, MANY, fn_last, FUNC_AND },
	{ "eq", 2, MANY, fn_eq, FUNC_EAGER },
	{ "ge", 2, 2, fn_ge, FUNC_EAGER },
	{ "gt", 2, 2, fn_gt, FUNC_EAGER },
	{ "index", 1, MANY, fn_index, FUNC_EAGER },
	{ "join", 2, 2, fn_join, FUNC_EAGER },
	{ "json", 1, 1, fn_json, FUNC_EAGER },
	{ "le", 2, 2, fn_le, FUNC_EAGER },
	{ "len", 1, 1, fn_len, FUNC_EAGER },
	{ "lower", 1, 1, fn_lower, FUNC_EAGER },
	{ "lt", 2, 2, fn_lt, FUNC_EAGER },
	{ "ne", 2, 2, fn_ne, FUNC_EAGER },
	{ "not", 1, 1, fn_not, FUNC_EAGER },
	{ "or", 1, MANY, fn_last, FUNC_OR },
	{ "pad", 3, 3, fn_pad, FUNC_EAGER },
	{ "print", 0, MANY, fn_print, FUNC_EAGER },
	{ "printf", 1, MANY, fn_printf, FUNC_EAGER },
	{ "println", 0, MANY, fn_println, FUNC_EAGER },
	{ "slice", 1, 3, fn_slice, FUNC_EAGER },
	{ "split", 2, 2, fn_split, FUNC_EAGER },
	{ "title", 1, 1, fn_title, FUNC_EAGER },
	{ "truncate", 2, 2, fn_truncate, FUNC_EAGER },
	{ "upper", 1, 1, fn_upper, FUNC_EAGER },
};

const struct func *
template_func(const char *name, size_t len)
{
	for (size_t i = 0; i < ARRAY_LEN(funcs); i++)
		if (strlen(funcs[i].name) == len &&
		    memcmp(funcs[i].name, name, len) == 0)
			return &funcs[i];
	return NULL;
}
