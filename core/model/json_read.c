/*
 * json_read.c - records out of JSON text. jansson makes the tree; what it
 * would take without limit (nesting, number of values) is counted first, on
 * the bytes, so that a small hostile text cannot become a large tree.
 */
#include <errno.h>
#include <jansson.h>
#include <string.h>

#include "core/base/base64.h"
#include "core/base/check.h"
#include "core/base/str.h"
#include "core/base/time_text.h"
#include "core/model/type_impl.h"

/* Values in one text: about 130 bytes of tree each. */
#define VALUES_MAX 1048576

struct reader {
	struct arena *a;
	struct err *e;
};

static int read_object(const struct reader *r, const struct where *w,
		       const struct type *t, const json_t *v, void *ret);

static const char *
got(const json_t *v)
{
	switch (json_typeof(v)) {
	case JSON_OBJECT:
		return "an object";
	case JSON_ARRAY:
		return "an array";
	case JSON_STRING:
		return "a string";
	case JSON_INTEGER:
		return "an integer";
	case JSON_REAL:
		return "a number with a fraction";
	case JSON_TRUE:
	case JSON_FALSE:
		return "a boolean";
	case JSON_NULL:
		return "null";
	}
	unreachable();
}

static int
unwanted(const struct reader *r, const struct where *w, const char *want,
	 const json_t *v)
{
	return where_fail(w, r->e, "want %s, got %s", want, got(v));
}

static int
too_many(const struct reader *r, const struct where *w, size_t count)
{
	return where_fail(w, r->e, "%zu elements, want at most %d", count,
			  MODEL_COUNT_MAX);
}

/* In lists and maps, null is "": Go leaves the zero value there. */
static int
read_string(const struct reader *r, const struct where *w, const json_t *v,
	    const char **ret)
{
	if (json_is_null(v)) {
		*ret = "";
		return 0;
	}
	if (!json_is_string(v))
		return unwanted(r, w, "a string", v);
	*ret = arena_strndup(r->a, json_string_value(v), json_string_length(v));
	return 0;
}

static int
read_i64(const struct reader *r, const struct where *w, const json_t *v,
	 int64_t *ret)
{
	if (!json_is_integer(v))
		return unwanted(r, w, "an integer", v);
	*ret = json_integer_value(v);
	return 0;
}

static int
read_u64(const struct reader *r, const struct where *w, const json_t *v,
	 uint64_t *ret)
{
	int64_t n = 0;
	int code = read_i64(r, w, v, &n);

	if (code < 0)
		return code;
	if (n < 0)
		return where_fail(w, r->e,
				  "want an integer of 0 or more, got %lld",
				  (long long)n);
	*ret = (uint64_t)n;
	return 0;
}

static int
read_bool(const struct reader *r, const struct where *w, const json_t *v,
	  bool *ret)
{
	if (!json_is_boolean(v))
		return unwanted(r, w, "a boolean", v);
	*ret = json_is_true(v);
	return 0;
}

static int
read_tristate(const struct reader *r, const struct where *w, const json_t *v,
	      int *ret)
{
	bool b = false;
	int code = read_bool(r, w, v, &b);

	if (code == 0)
		*ret = b ? YES : NO;
	return code;
}

static int
read_float(const struct reader *r, const struct where *w, const json_t *v,
	   double *ret)
{
	if (!json_is_number(v))
		return unwanted(r, w, "a number", v);
	*ret = json_number_value(v);
	return 0;
}

static int
read_time(const struct reader *r, const struct where *w, const json_t *v,
	  int64_t *ret)
{
	if (!json_is_string(v))
		return unwanted(r, w, "a time", v);
	if (!time_parse(json_string_value(v), ret))
		return where_fail(w, r->e,
				  "want a time like 2006-01-02T15:04:05Z, "
				  "got \"%.40s\"",
				  json_string_value(v));
	return 0;
}

static int
unknown_name(const struct reader *r, const struct where *w,
	     const struct enum_names *names, const char *name)
{
	owned(buf_fini) struct buf known = { 0 };

	for (uint32_t i = 1; i < names->count; i++)
		buf_printf(&known, "%s%s", i > 1 ? ", " : "", names->names[i]);
	return where_fail(w, r->e, "want one of %s, got \"%.60s\"",
			  buf_cstr(&known), name);
}

static int
read_enum(const struct reader *r, const struct where *w,
	  const struct enum_names *names, const json_t *v, int *ret)
{
	int i;

	if (!json_is_string(v))
		return unwanted(r, w, "a string", v);
	i = enum_from_name(names, json_string_value(v));
	if (i < 0)
		return unknown_name(r, w, names, json_string_value(v));
	*ret = i;
	return 0;
}

static int
read_bytes(const struct reader *r, const struct where *w, const json_t *v,
	   struct bytes *ret)
{
	owned(buf_fini) struct buf b = { 0 };

	if (!json_is_string(v))
		return unwanted(r, w, "base64", v);
	if (!base64_read(json_string_value(v), json_string_length(v), &b))
		return where_fail(w, r->e, "want base64, got other text");
	if (b.len > 0)
		*ret = (struct bytes){ arena_dup(r->a, b.p, b.len), b.len };
	return 0;
}

static int
read_strings(const struct reader *r, const struct where *w, const json_t *v,
	     struct strings *ret)
{
	size_t count = json_array_size(v);

	if (!json_is_array(v))
		return unwanted(r, w, "an array of strings", v);
	if (count > MODEL_COUNT_MAX)
		return too_many(r, w, count);
	ret->v = arena_array(r->a, count, sizeof(*ret->v));
	for (; ret->count < count; ret->count++) {
		struct where at = { .up = w, .index = ret->count };
		int code = read_string(r, &at, json_array_get(v, at.index),
				       &ret->v[ret->count]);

		if (code < 0)
			return code;
	}
	return 0;
}

static int
read_kvs(const struct reader *r, const struct where *w, const json_t *v,
	 struct kvs *ret)
{
	size_t count = json_object_size(v);
	const char *key;
	json_t *value;

	if (!json_is_object(v))
		return unwanted(r, w, "an object of strings", v);
	if (count > MODEL_COUNT_MAX)
		return too_many(r, w, count);
	ret->v = arena_array(r->a, count, sizeof(*ret->v));
	json_object_foreach((json_t *)v, key, value)
	{
		struct where at = { .up = w, .name = key };
		struct kv *kv = &ret->v[ret->count++];
		int code = read_string(r, &at, value, &kv->value);

		if (code < 0)
			return code;
		kv->key = arena_strdup(r->a, key);
	}
	kvs_sort(ret);
	return 0;
}

static int
read_set(const struct reader *r, const struct where *w, const json_t *v,
	 struct strings *ret)
{
	size_t count = json_object_size(v);
	const char *key;
	json_t *value;

	if (!json_is_object(v))
		return unwanted(r, w, "an object of empty objects", v);
	if (count > MODEL_COUNT_MAX)
		return too_many(r, w, count);
	ret->v = arena_array(r->a, count, sizeof(*ret->v));
	json_object_foreach((json_t *)v, key, value)
	{
		struct where at = { .up = w, .name = key };

		if (!json_is_object(value) && !json_is_null(value))
			return unwanted(r, &at, "an empty object", value);
		ret->v[ret->count++] = arena_strdup(r->a, key);
	}
	strings_sort(ret);
	return 0;
}

static int
read_list(const struct reader *r, const struct where *w, const struct type *t,
	  const json_t *v, struct any_list *ret)
{
	size_t count = json_array_size(v);

	if (!json_is_array(v))
		return unwanted(r, w, "an array", v);
	if (count > MODEL_COUNT_MAX)
		return too_many(r, w, count);
	ret->v = arena_array(r->a, count, t->size);
	for (; ret->count < count; ret->count++) {
		struct where at = { .up = w, .index = ret->count };
		const json_t *item = json_array_get(v, at.index);
		int code;

		if (json_is_null(item))
			continue;
		code = read_object(r, &at, t, item,
				   (char *)ret->v + at.index * t->size);
		if (code < 0)
			return code;
	}
	return 0;
}

static int
read_ptr(const struct reader *r, const struct where *w, const struct type *t,
	 const json_t *v, void **ret)
{
	*ret = arena_alloc(r->a, t->size);
	return read_object(r, w, t, v, *ret);
}

static int
read_opt_i64(const struct reader *r, const struct where *w, const json_t *v,
	     struct opt_i64 *ret)
{
	ret->set = true;
	return read_i64(r, w, v, &ret->v);
}

static int
read_opt_u64(const struct reader *r, const struct where *w, const json_t *v,
	     struct opt_u64 *ret)
{
	ret->set = true;
	return read_u64(r, w, v, &ret->v);
}

/* Has the value nothing to say? The depth of the text bounds the recursion. */
static bool
is_empty(const json_t *v)
{
	const char *key;
	json_t *item;
	size_t i;

	json_array_foreach(v, i, item) if (!is_empty(item)) return false;
	json_object_foreach((json_t *)v, key,
			    item) if (!is_empty(item)) return false;
	if (json_is_string(v))
		return json_string_length(v) == 0;
	return !json_is_true(v) && json_number_value(v) == 0;
}

/* What is asked for and cannot be done is refused by name, not swallowed. */
static int
refuse(const struct reader *r, const struct where *w, const json_t *v)
{
	if (is_empty(v))
		return 0;
	return where_fail(w, r->e, "is not supported yet");
}

static int
read_value(const struct reader *r, const struct where *w, const struct field *f,
	   const json_t *v, void *p)
{
	switch ((enum field_kind)f->kind) {
	case FIELD_STRING:
		return read_string(r, w, v, p);
	case FIELD_BOOL:
		return read_bool(r, w, v, p);
	case FIELD_I64:
		return read_i64(r, w, v, p);
	case FIELD_U64:
		return read_u64(r, w, v, p);
	case FIELD_OPT_I64:
		return read_opt_i64(r, w, v, p);
	case FIELD_OPT_U64:
		return read_opt_u64(r, w, v, p);
	case FIELD_OPT_BOOL:
		return read_tristate(r, w, v, p);
	case FIELD_FLOAT:
		return read_float(r, w, v, p);
	case FIELD_TIME:
		return read_time(r, w, v, p);
	case FIELD_ENUM:
		return read_enum(r, w, f->names, v, p);
	case FIELD_BYTES:
		return read_bytes(r, w, v, p);
	case FIELD_STRINGS:
		return read_strings(r, w, v, p);
	case FIELD_SET:
		return read_set(r, w, v, p);
	case FIELD_KVS:
		return read_kvs(r, w, v, p);
	case FIELD_STRUCT:
	case FIELD_EMBED:
		return read_object(r, w, f->type, v, p);
	case FIELD_PTR:
		return read_ptr(r, w, f->type, v, p);
	case FIELD_LIST:
		return read_list(r, w, f->type, v, p);
	case FIELD_LATER:
		return refuse(r, w, v);
	}
	unreachable();
}

/* The field of that name and, through *obj, the struct that has it. */
static const struct field *
find_field(const struct type *t, const char *name, void **obj)
{
	for (uint32_t i = 0; i < t->field_count; i++) {
		const struct field *f = &t->fields[i];

		if (f->flags & FIELD_INTERNAL)
			continue;
		if (f->kind == FIELD_EMBED) {
			void *inner = field_at(f, *obj);
			const struct field *found;

			found = find_field(f->type, name, &inner);
			if (found == NULL)
				continue;
			*obj = inner;
			return found;
		}
		if (str_cmp_nocase(f->name, name) == 0)
			return f;
	}
	return NULL;
}

/* Fields are zero before; a name that comes twice counts the last time. */
static int
read_object(const struct reader *r, const struct where *w, const struct type *t,
	    const json_t *v, void *ret)
{
	const char *key;
	json_t *value;

	if (!json_is_object(v))
		return unwanted(r, w, "an object", v);
	json_object_foreach((json_t *)v, key, value)
	{
		void *obj = ret;
		const struct field *f = find_field(t, key, &obj);
		struct where at = { .up = w };
		int code;

		if (f == NULL || json_is_null(value))
			continue;
		at.name = f->name;
		field_clear(f, field_at(f, obj));
		code = read_value(r, &at, f, value, field_at(f, obj));
		if (code < 0)
			return code;
	}
	return 0;
}

/* Nesting and the number of values, by the brackets and commas. */
static int
check_limits(const char *text, size_t len, struct err *e)
{
	uint32_t depth = 0, values = 0;
	bool quoted = false;

	for (size_t i = 0; i < len; i++) {
		char c = text[i];

		if (quoted && c == '\\')
			i++;
		else if (c == '"')
			quoted = !quoted;
		else if (quoted)
			continue;
		else if (c == '{' || c == '[')
			depth++, values++;
		else if (c == ',')
			values++;
		else if ((c == '}' || c == ']') && depth > 0)
			depth--;
		if (depth > MODEL_DEPTH_MAX)
			return err_set(e, -EINVAL,
				       "JSON is nested deeper than %d at byte "
				       "%zu",
				       MODEL_DEPTH_MAX, i);
		if (values > VALUES_MAX)
			return err_set(e, -EINVAL,
				       "JSON has more than %d values",
				       VALUES_MAX);
	}
	return 0;
}

static json_t *
parse(const char *text, size_t len, struct err *e)
{
	json_error_t why;
	json_t *v;

	if (check_limits(text, len, e) < 0)
		return NULL;
	v = json_loadb(text, len, 0, &why);
	if (v == NULL)
		err_set(e, -EINVAL, "not JSON: %s, line %d column %d", why.text,
			why.line, why.column);
	return v;
}

int
model_json_read(const struct type *t, const char *text, size_t len,
		struct arena *a, void *ret, struct err *e)
{
	const struct reader r = { a, e };
	json_t *v = parse(text, len, e);
	int code;

	type_clear(t, ret);
	if (v == NULL)
		return -EINVAL;
	code = read_object(&r, NULL, t, v, ret);
	json_decref(v);
	if (code < 0)
		type_clear(t, ret);
	return code;
}

int
model_json_read_list(const struct type *t, const char *text, size_t len,
		     struct arena *a, void *ret, struct err *e)
{
	const struct reader r = { a, e };
	struct any_list *list = ret;
	json_t *v = parse(text, len, e);
	int code;

	*list = (struct any_list){ 0 };
	if (v == NULL)
		return -EINVAL;
	code = read_list(&r, NULL, t, v, list);
	json_decref(v);
	if (code < 0)
		*list = (struct any_list){ 0 };
	return code;
}
