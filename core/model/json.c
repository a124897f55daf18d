/*
 * json.c - records as JSON text, in the form that Go's encoder gives them:
 * compact, in the table's order, with Docker's rules for what is left out.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/base64.h"
#include "core/base/check.h"
#include "core/base/json.h"
#include "core/base/str.h"
#include "core/base/time_text.h"
#include "core/model/type_impl.h"

static void put_object(struct json *w, const struct type *t, const void *obj);

static void
put_time(struct json *w, int64_t ns)
{
	char text[TIME_TEXT_MAX];

	time_format(ns, text);
	json_str(w, text);
}

/* The fewest digits that read back as v, as "D.DDDe+XX". */
static void
shortest(double v, char *text, size_t size)
{
	for (int digits = 0; digits < 17; digits++) {
		snprintf(text, size, "%.*e", digits, v);
		if (strtod(text, NULL) == v)
			return;
	}
}

/* Go writes exponents only below 1e-6 and from 1e21 on, and as "1e-7". */
static void
put_float(struct json *w, double v)
{
	char text[64];
	const char *exponent;
	double size = fabs(v);
	int decimals;
	long exp10;

	check(isfinite(v));
	shortest(v, text, sizeof(text));
	exponent = strchr(text, 'e');
	check(exponent != NULL);
	exp10 = strtol(exponent + 1, NULL, 10);
	decimals = (int)(exponent - text) - (v < 0) - 1;
	if (decimals > 0)
		decimals--; /* the point */
	if (size != 0 && (size < 1e-6 || size >= 1e21)) {
		char whole[80];

		snprintf(whole, sizeof(whole), "%.*se%s%ld",
			 (int)(exponent - text), text, exp10 > 0 ? "+" : "",
			 exp10);
		json_raw(w, whole);
		return;
	}
	decimals = (int)(decimals - exp10);
	snprintf(text, sizeof(text), "%.*f", decimals > 0 ? decimals : 0, v);
	json_raw(w, text);
}

static void
put_bytes(struct json *w, const struct bytes *b)
{
	owned(buf_fini) struct buf text = { 0 };

	base64_put(&text, b->p, b->len);
	json_str(w, buf_cstr(&text));
}

static void
put_strings(struct json *w, const struct strings *s)
{
	json_open(w, '[');
	for (uint32_t i = 0; i < s->count; i++)
		json_str(w, s->v[i]);
	json_close(w, ']');
}

static void
put_set(struct json *w, const struct strings *s)
{
	json_open(w, '{');
	for (uint32_t i = 0; i < s->count; i++) {
		json_key(w, s->v[i]);
		json_raw(w, "{}");
	}
	json_close(w, '}');
}

static void
put_kvs(struct json *w, const struct kvs *m)
{
	json_open(w, '{');
	for (uint32_t i = 0; i < m->count; i++)
		json_put_str(w, m->v[i].key, m->v[i].value);
	json_close(w, '}');
}

static void
put_list(struct json *w, const struct type *t, const struct any_list *l)
{
	json_open(w, '[');
	for (uint32_t i = 0; i < l->count; i++)
		put_object(w, t, (const char *)l->v + i * t->size);
	json_close(w, ']');
}

static void
put_opt_bool(struct json *w, int v)
{
	if (v == UNSET)
		json_nil(w);
	else
		json_bool(w, v == YES);
}

static void
put_value(struct json *w, const struct field *f, const void *p)
{
	switch ((enum field_kind)f->kind) {
	case FIELD_STRING:
		json_str(w, *(const char *const *)p);
		return;
	case FIELD_BOOL:
		json_bool(w, *(const bool *)p);
		return;
	case FIELD_I64:
		json_i64(w, *(const int64_t *)p);
		return;
	case FIELD_U64:
		json_u64(w, *(const uint64_t *)p);
		return;
	case FIELD_OPT_I64:
		json_i64(w, ((const struct opt_i64 *)p)->v);
		return;
	case FIELD_OPT_U64:
		json_u64(w, ((const struct opt_u64 *)p)->v);
		return;
	case FIELD_OPT_BOOL:
		put_opt_bool(w, *(const int *)p);
		return;
	case FIELD_FLOAT:
		put_float(w, *(const double *)p);
		return;
	case FIELD_TIME:
		put_time(w, *(const int64_t *)p);
		return;
	case FIELD_ENUM:
		json_str(w, enum_name(f->names, *(const int *)p));
		return;
	case FIELD_BYTES:
		put_bytes(w, p);
		return;
	case FIELD_STRINGS:
		put_strings(w, p);
		return;
	case FIELD_SET:
		put_set(w, p);
		return;
	case FIELD_KVS:
		put_kvs(w, p);
		return;
	case FIELD_STRUCT:
	case FIELD_EMBED:
		put_object(w, f->type, p);
		return;
	case FIELD_PTR:
		put_object(w, f->type, *(void *const *)p);
		return;
	case FIELD_LIST:
		put_list(w, f->type, p);
		return;
	case FIELD_LATER:
		break; /* it is always zero, and left out */
	}
	unreachable();
}

/* An absent field whose kind has no text of its own is null. */
static bool
is_null(const struct field *f)
{
	return (f->flags & FIELD_NULL) || f->kind == FIELD_OPT_I64 ||
	       f->kind == FIELD_OPT_U64 || f->kind == FIELD_PTR;
}

static void
put_fields(struct json *w, const struct type *t, const void *obj)
{
	for (uint32_t i = 0; i < t->field_count; i++) {
		const struct field *f = &t->fields[i];
		const void *p = field_at(f, obj);
		bool zero;

		if (f->flags & FIELD_INTERNAL)
			continue;
		if (f->kind == FIELD_EMBED) {
			put_fields(w, f->type, p);
			continue;
		}
		zero = field_is_zero(f, p);
		if (zero && (f->flags & FIELD_OMIT || f->kind == FIELD_LATER))
			continue;
		json_key(w, f->name);
		if (zero && is_null(f))
			json_nil(w);
		else
			put_value(w, f, p);
	}
}

static void
put_object(struct json *w, const struct type *t, const void *obj)
{
	json_open(w, '{');
	put_fields(w, t, obj);
	json_close(w, '}');
}

void
model_json_write(const struct type *t, const void *obj, struct buf *out)
{
	struct json w = { .out = out };

	put_object(&w, t, obj);
}
