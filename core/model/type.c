/* type.c - copying and comparing by table, enums and label maps. */
#include "core/model/type.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/check.h"
#include "core/base/str.h"
#include "core/model/type_impl.h"

#define WHERE_DEPTH_MAX (2 * MODEL_DEPTH_MAX)

static bool
type_is_zero(const struct type *t, const void *obj)
{
	for (uint32_t i = 0; i < t->field_count; i++)
		if (!field_is_zero(&t->fields[i], field_at(&t->fields[i], obj)))
			return false;
	return true;
}

bool
field_is_zero(const struct field *f, const void *p)
{
	switch ((enum field_kind)f->kind) {
	case FIELD_STRING:
		return str_empty(*(const char *const *)p);
	case FIELD_BOOL:
		return !*(const bool *)p;
	case FIELD_I64:
	case FIELD_U64:
	case FIELD_TIME:
		return *(const uint64_t *)p == 0;
	case FIELD_OPT_I64:
		return !((const struct opt_i64 *)p)->set;
	case FIELD_OPT_U64:
		return !((const struct opt_u64 *)p)->set;
	case FIELD_OPT_BOOL:
	case FIELD_ENUM:
		return *(const int *)p == 0;
	case FIELD_FLOAT:
		return *(const double *)p == 0;
	case FIELD_BYTES:
		return ((const struct bytes *)p)->len == 0;
	case FIELD_STRINGS:
	case FIELD_SET:
	case FIELD_KVS:
	case FIELD_LIST:
		return ((const struct any_list *)p)->count == 0;
	case FIELD_STRUCT:
	case FIELD_EMBED:
		return type_is_zero(f->type, p);
	case FIELD_PTR:
		return *(void *const *)p == NULL;
	case FIELD_LATER:
		return true;
	}
	unreachable();
}

size_t
field_size(const struct field *f)
{
	switch ((enum field_kind)f->kind) {
	case FIELD_STRING:
	case FIELD_PTR:
		return sizeof(void *);
	case FIELD_BOOL:
		return sizeof(bool);
	case FIELD_I64:
	case FIELD_U64:
	case FIELD_TIME:
		return sizeof(uint64_t);
	case FIELD_OPT_I64:
	case FIELD_OPT_U64:
		return sizeof(struct opt_u64);
	case FIELD_OPT_BOOL:
	case FIELD_ENUM:
		return sizeof(int);
	case FIELD_FLOAT:
		return sizeof(double);
	case FIELD_BYTES:
		return sizeof(struct bytes);
	case FIELD_STRINGS:
	case FIELD_SET:
	case FIELD_KVS:
	case FIELD_LIST:
		return sizeof(struct any_list);
	case FIELD_LATER:
		return 0;
	case FIELD_STRUCT:
	case FIELD_EMBED:
		return f->type->size;
	}
	unreachable();
}

static bool
is_inline(const struct field *f)
{
	return f->kind == FIELD_STRUCT || f->kind == FIELD_EMBED;
}

void
field_clear(const struct field *f, void *p)
{
	if (is_inline(f))
		type_clear(f->type, p);
	else
		memset(p, 0, field_size(f));
}

void
type_clear(const struct type *t, void *obj)
{
	for (uint32_t i = 0; i < t->field_count; i++)
		field_clear(&t->fields[i], field_at(&t->fields[i], obj));
}

/* ---- copy ---------------------------------------------------------------- */

static void
copy_string(const void *p, struct arena *a, void *ret)
{
	const char *s = *(const char *const *)p;

	*(const char **)ret = str_empty(s) ? NULL : arena_strdup(a, s);
}

static void
copy_strings(const struct strings *s, struct arena *a, struct strings *ret)
{
	*ret = (struct strings){ 0 };
	if (s->count == 0)
		return;
	ret->v = arena_array(a, s->count, sizeof(*ret->v));
	ret->count = s->count;
	for (uint32_t i = 0; i < s->count; i++)
		ret->v[i] = arena_strdup(a, str_or(s->v[i], ""));
}

static void
copy_kvs(const struct kvs *m, struct arena *a, struct kvs *ret)
{
	*ret = (struct kvs){ 0 };
	if (m->count == 0)
		return;
	ret->v = arena_array(a, m->count, sizeof(*ret->v));
	ret->count = m->count;
	for (uint32_t i = 0; i < m->count; i++) {
		ret->v[i].key = arena_strdup(a, str_or(m->v[i].key, ""));
		ret->v[i].value = arena_strdup(a, str_or(m->v[i].value, ""));
	}
}

static void
copy_bytes(const struct bytes *b, struct arena *a, struct bytes *ret)
{
	*ret = (struct bytes){ 0 };
	if (b->len == 0)
		return;
	ret->p = arena_dup(a, b->p, b->len);
	ret->len = b->len;
}

static void
copy_list(const struct type *t, const struct any_list *l, struct arena *a,
	  struct any_list *ret)
{
	*ret = (struct any_list){ 0 };
	if (l->count == 0)
		return;
	ret->v = arena_array(a, l->count, t->size);
	ret->count = l->count;
	for (uint32_t i = 0; i < l->count; i++)
		model_copy(t, (char *)l->v + i * t->size, a,
			   (char *)ret->v + i * t->size);
}

static void
copy_ptr(const struct type *t, const void *obj, struct arena *a, void **ret)
{
	*ret = NULL;
	if (obj == NULL)
		return;
	*ret = arena_alloc(a, t->size);
	model_copy(t, obj, a, *ret);
}

static void
copy_field(const struct field *f, const void *p, struct arena *a, void *ret)
{
	switch ((enum field_kind)f->kind) {
	case FIELD_STRING:
		copy_string(p, a, ret);
		return;
	case FIELD_BOOL:
	case FIELD_I64:
	case FIELD_U64:
	case FIELD_TIME:
	case FIELD_OPT_I64:
	case FIELD_OPT_U64:
	case FIELD_OPT_BOOL:
	case FIELD_ENUM:
	case FIELD_FLOAT:
		memcpy(ret, p, field_size(f));
		return;
	case FIELD_BYTES:
		copy_bytes(p, a, ret);
		return;
	case FIELD_STRINGS:
	case FIELD_SET:
		copy_strings(p, a, ret);
		return;
	case FIELD_KVS:
		copy_kvs(p, a, ret);
		return;
	case FIELD_LIST:
		copy_list(f->type, p, a, ret);
		return;
	case FIELD_STRUCT:
	case FIELD_EMBED:
		model_copy(f->type, p, a, ret);
		return;
	case FIELD_PTR:
		copy_ptr(f->type, *(void *const *)p, a, ret);
		return;
	case FIELD_LATER:
		return;
	}
	unreachable();
}

void
model_copy(const struct type *t, const void *obj, struct arena *a, void *ret)
{
	for (uint32_t i = 0; i < t->field_count; i++) {
		const struct field *f = &t->fields[i];

		copy_field(f, field_at(f, obj), a, field_at(f, ret));
	}
}

/* ---- compare ------------------------------------------------------------- */

static bool
equal_strings(const struct strings *x, const struct strings *y)
{
	if (x->count != y->count)
		return false;
	for (uint32_t i = 0; i < x->count; i++)
		if (!str_eq(x->v[i], y->v[i]))
			return false;
	return true;
}

static bool
equal_kvs(const struct kvs *x, const struct kvs *y)
{
	if (x->count != y->count)
		return false;
	for (uint32_t i = 0; i < x->count; i++)
		if (!str_eq(x->v[i].key, y->v[i].key) ||
		    !str_eq(x->v[i].value, y->v[i].value))
			return false;
	return true;
}

static bool
equal_bytes(const struct bytes *x, const struct bytes *y)
{
	return x->len == y->len &&
	       (x->len == 0 || memcmp(x->p, y->p, x->len) == 0);
}

static bool
equal_list(const struct type *t, const struct any_list *x,
	   const struct any_list *y)
{
	if (x->count != y->count)
		return false;
	for (uint32_t i = 0; i < x->count; i++)
		if (!model_equal(t, (char *)x->v + i * t->size,
				 (char *)y->v + i * t->size))
			return false;
	return true;
}

static bool
equal_opt(const struct opt_u64 *x, const struct opt_u64 *y)
{
	return x->set == y->set && (!x->set || x->v == y->v);
}

static bool
equal_ptr(const struct type *t, const void *x, const void *y)
{
	if (x == NULL || y == NULL)
		return x == y;
	return model_equal(t, x, y);
}

static bool
equal_field(const struct field *f, const void *x, const void *y)
{
	switch ((enum field_kind)f->kind) {
	case FIELD_STRING:
		return str_eq(*(const char *const *)x, *(const char *const *)y);
	case FIELD_OPT_I64:
	case FIELD_OPT_U64:
		return equal_opt(x, y);
	case FIELD_BOOL:
	case FIELD_I64:
	case FIELD_U64:
	case FIELD_TIME:
	case FIELD_OPT_BOOL:
	case FIELD_ENUM:
		return memcmp(x, y, field_size(f)) == 0;
	case FIELD_FLOAT:
		return *(const double *)x == *(const double *)y;
	case FIELD_BYTES:
		return equal_bytes(x, y);
	case FIELD_STRINGS:
	case FIELD_SET:
		return equal_strings(x, y);
	case FIELD_KVS:
		return equal_kvs(x, y);
	case FIELD_LIST:
		return equal_list(f->type, x, y);
	case FIELD_STRUCT:
	case FIELD_EMBED:
		return model_equal(f->type, x, y);
	case FIELD_PTR:
		return equal_ptr(f->type, *(void *const *)x, *(void *const *)y);
	case FIELD_LATER:
		return true;
	}
	unreachable();
}

bool
model_equal(const struct type *t, const void *x, const void *y)
{
	for (uint32_t i = 0; i < t->field_count; i++) {
		const struct field *f = &t->fields[i];

		if (!equal_field(f, field_at(f, x), field_at(f, y)))
			return false;
	}
	return true;
}

/* ---- enums and maps ------------------------------------------------------ */

int
enum_from_name(const struct enum_names *names, const char *name)
{
	if (str_empty(name))
		return 0;
	for (uint32_t i = 1; i < names->count; i++)
		if (str_cmp_nocase(names->names[i], name) == 0)
			return (int)i;
	return -1;
}

const char *
enum_name(const struct enum_names *names, int v)
{
	if (v <= 0 || (uint32_t)v >= names->count)
		return "";
	return names->names[v];
}

static int
cmp_kv(const void *x, const void *y)
{
	return strcmp(((const struct kv *)x)->key, ((const struct kv *)y)->key);
}

void
kvs_sort(struct kvs *m)
{
	if (m->count > 1)
		qsort(m->v, m->count, sizeof(*m->v), cmp_kv);
}

bool
kvs_are_sorted(const struct kvs *m)
{
	for (uint32_t i = 1; i < m->count; i++)
		if (strcmp(m->v[i - 1].key, m->v[i].key) >= 0)
			return false;
	return true;
}

static int
cmp_string(const void *x, const void *y)
{
	return strcmp(*(const char *const *)x, *(const char *const *)y);
}

void
strings_sort(struct strings *s)
{
	if (s->count > 1)
		qsort(s->v, s->count, sizeof(*s->v), cmp_string);
}

bool
strings_are_sorted(const struct strings *s)
{
	for (uint32_t i = 1; i < s->count; i++)
		if (strcmp(s->v[i - 1], s->v[i]) >= 0)
			return false;
	return true;
}

const char *
kvs_get(const struct kvs *m, const char *key)
{
	for (uint32_t i = 0; i < m->count; i++)
		if (str_eq(m->v[i].key, key))
			return str_or(m->v[i].value, "");
	return NULL;
}

struct kvs
kvs_with(const struct kvs *m, struct arena *a, const char *key,
	 const char *value)
{
	struct kvs ret = { 0 };

	ret.v = arena_array(a, (size_t)m->count + 1, sizeof(*ret.v));
	for (uint32_t i = 0; i < m->count; i++) {
		const struct kv *kv = &m->v[i];

		if (!str_eq(kv->key, key))
			ret.v[ret.count++] = (struct kv){
				arena_strdup(a, str_or(kv->key, "")),
				arena_strdup(a, str_or(kv->value, "")),
			};
	}
	if (value != NULL)
		ret.v[ret.count++] = (struct kv){ arena_strdup(a, key),
						  arena_strdup(a, value) };
	kvs_sort(&ret);
	return ret;
}

/* ---- where --------------------------------------------------------------- */

static void
put_path(const struct where *w, char *text, size_t size)
{
	const struct where *chain[WHERE_DEPTH_MAX];
	uint32_t count = 0;
	size_t len = 0;

	for (; w != NULL && count < WHERE_DEPTH_MAX; w = w->up)
		chain[count++] = w;
	text[0] = '\0';
	while (count-- > 0 && len < size) {
		w = chain[count];
		if (w->name == NULL)
			snprintf(text + len, size - len, "[%u]", w->index);
		else
			snprintf(text + len, size - len, "%s%s", len ? "." : "",
				 w->name);
		len += strlen(text + len);
	}
}

int
where_fail(const struct where *w, struct err *e, const char *fmt, ...)
{
	char path[200];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(e->msg, sizeof(e->msg), fmt, ap);
	va_end(ap);
	if (w == NULL)
		return -EINVAL;
	put_path(w, path, sizeof(path));
	return err_wrap(e, -EINVAL, "%s", path);
}
