/*
 * msgpack_read.c - records out of msgpack bytes that nobody vouches for.
 *
 * It reads straight from the bytes, with a cursor: nothing is allocated for
 * a length that the bytes only claim, since each claimed element must have
 * at least one byte left. Tags that this program does not know are skipped,
 * so that a newer node may say more.
 */
#include <errno.h>
#include <math.h>
#include <string.h>

#include "core/base/check.h"
#include "core/base/str.h"
#include "core/model/type_impl.h"

enum token_kind {
	TOKEN_NIL,
	TOKEN_BOOL,
	TOKEN_UINT,
	TOKEN_NEGATIVE,
	TOKEN_FLOAT,
	TOKEN_STR,
	TOKEN_BIN,
	TOKEN_ARRAY,
	TOKEN_MAP,
	TOKEN_EXT,
};

struct token {
	enum token_kind kind;
	uint64_t v; /* the number, the bool, the length, the count */
	double real;
	const uint8_t *p; /* of a string or of bytes */
};

struct cursor {
	const uint8_t *p;
	const uint8_t *end;
	struct arena *a;
	struct err *e;
};

/* How the bytes 0xc0 to 0xdf go on: what they are, and how much follows. */
static const struct form {
	uint8_t kind;
	uint8_t number_len;
	uint8_t fixed; /* the value, where no number follows */
} forms[32] = {
	[0x00] = { TOKEN_NIL, 0, 0 },	   [0x02] = { TOKEN_BOOL, 0, 0 },
	[0x03] = { TOKEN_BOOL, 0, 1 },	   [0x04] = { TOKEN_BIN, 1, 0 },
	[0x05] = { TOKEN_BIN, 2, 0 },	   [0x06] = { TOKEN_BIN, 4, 0 },
	[0x07] = { TOKEN_EXT, 1, 0 },	   [0x08] = { TOKEN_EXT, 2, 0 },
	[0x09] = { TOKEN_EXT, 4, 0 },	   [0x0a] = { TOKEN_FLOAT, 4, 0 },
	[0x0b] = { TOKEN_FLOAT, 8, 0 },	   [0x0c] = { TOKEN_UINT, 1, 0 },
	[0x0d] = { TOKEN_UINT, 2, 0 },	   [0x0e] = { TOKEN_UINT, 4, 0 },
	[0x0f] = { TOKEN_UINT, 8, 0 },	   [0x10] = { TOKEN_NEGATIVE, 1, 0 },
	[0x11] = { TOKEN_NEGATIVE, 2, 0 }, [0x12] = { TOKEN_NEGATIVE, 4, 0 },
	[0x13] = { TOKEN_NEGATIVE, 8, 0 }, [0x14] = { TOKEN_EXT, 0, 1 },
	[0x15] = { TOKEN_EXT, 0, 2 },	   [0x16] = { TOKEN_EXT, 0, 4 },
	[0x17] = { TOKEN_EXT, 0, 8 },	   [0x18] = { TOKEN_EXT, 0, 16 },
	[0x19] = { TOKEN_STR, 1, 0 },	   [0x1a] = { TOKEN_STR, 2, 0 },
	[0x1b] = { TOKEN_STR, 4, 0 },	   [0x1c] = { TOKEN_ARRAY, 2, 0 },
	[0x1d] = { TOKEN_ARRAY, 4, 0 },	   [0x1e] = { TOKEN_MAP, 2, 0 },
	[0x1f] = { TOKEN_MAP, 4, 0 },
};

static size_t
left(const struct cursor *c)
{
	return (size_t)(c->end - c->p);
}

static int
cut_short(const struct cursor *c, const struct where *w)
{
	return where_fail(w, c->e, "the bytes end inside a value");
}

/* A number of len bytes, the highest first. */
static int
take_number(struct cursor *c, const struct where *w, size_t len, uint64_t *ret)
{
	*ret = 0;
	if (left(c) < len)
		return cut_short(c, w);
	for (size_t i = 0; i < len; i++)
		*ret = *ret << 8 | *c->p++;
	return 0;
}

static int64_t
sign_extended(uint64_t v, uint8_t len)
{
	switch (len) {
	case 1:
		return (int8_t)v;
	case 2:
		return (int16_t)v;
	case 4:
		return (int32_t)v;
	}
	return (int64_t)v;
}

static double
as_double(uint64_t v, uint8_t len)
{
	uint32_t half = (uint32_t)v;
	double d;
	float f;

	if (len == 4) {
		memcpy(&f, &half, sizeof(f));
		return (double)f;
	}
	memcpy(&d, &v, sizeof(d));
	return d;
}

/* The first byte, and the number that belongs to it. */
static int
take_head(struct cursor *c, const struct where *w, struct token *ret)
{
	const struct form *f;
	uint8_t b;

	*ret = (struct token){ 0 };
	if (left(c) == 0)
		return cut_short(c, w);
	b = *c->p++;
	if (b <= 0x7f) {
		*ret = (struct token){ .kind = TOKEN_UINT, .v = b };
	} else if (b >= 0xe0) {
		*ret = (struct token){ .kind = TOKEN_NEGATIVE,
				       .v = (uint64_t)(int8_t)b };
	} else if (b <= 0x8f) {
		*ret = (struct token){ .kind = TOKEN_MAP, .v = b & 15 };
	} else if (b <= 0x9f) {
		*ret = (struct token){ .kind = TOKEN_ARRAY, .v = b & 15 };
	} else if (b <= 0xbf) {
		*ret = (struct token){ .kind = TOKEN_STR, .v = b & 31 };
	} else if (b == 0xc1) {
		return where_fail(w, c->e, "0xc1 is not msgpack");
	} else {
		f = &forms[b & 31];
		ret->kind = f->kind;
		ret->v = f->fixed;
		if (f->number_len == 0)
			return 0;
		if (take_number(c, w, f->number_len, &ret->v) < 0)
			return -EINVAL;
		if (f->kind == TOKEN_FLOAT)
			ret->real = as_double(ret->v, f->number_len);
		if (f->kind == TOKEN_NEGATIVE)
			ret->v = (uint64_t)sign_extended(ret->v, f->number_len);
	}
	return 0;
}

/* After it, what is counted is known to be there, and counts are small. */
static int
take(struct cursor *c, const struct where *w, struct token *ret)
{
	uint64_t need;

	if (take_head(c, w, ret) < 0)
		return -EINVAL;
	if (ret->kind == TOKEN_NEGATIVE && (int64_t)ret->v >= 0)
		ret->kind = TOKEN_UINT;
	if (ret->kind < TOKEN_STR)
		return 0;
	need = ret->v;
	if (ret->kind == TOKEN_MAP)
		need *= 2;
	if (ret->kind == TOKEN_EXT)
		need++;
	if (need > left(c))
		return cut_short(c, w);
	if (ret->kind == TOKEN_MAP || ret->kind == TOKEN_ARRAY) {
		if (ret->v <= MODEL_COUNT_MAX)
			return 0;
		return where_fail(w, c->e, "%llu elements, want at most %d",
				  (unsigned long long)ret->v, MODEL_COUNT_MAX);
	}
	ret->p = c->p;
	c->p += need;
	return 0;
}

/* Step over one value, whatever is in it. */
static int
skip(struct cursor *c, const struct where *w)
{
	uint64_t todo[MODEL_DEPTH_MAX] = { 1 };
	uint32_t depth = 0;
	struct token t;

	for (;;) {
		while (todo[depth] == 0) {
			if (depth == 0)
				return 0;
			depth--;
		}
		todo[depth]--;
		if (take(c, w, &t) < 0)
			return -EINVAL;
		if (t.kind != TOKEN_ARRAY && t.kind != TOKEN_MAP)
			continue;
		if (++depth == MODEL_DEPTH_MAX)
			return where_fail(w, c->e, "nested deeper than %d",
					  MODEL_DEPTH_MAX);
		todo[depth] = t.kind == TOKEN_MAP ? t.v * 2 : t.v;
	}
}

static int
want(struct cursor *c, const struct where *w, enum token_kind kind,
     struct token *ret)
{
	static const char *const names[] = {
		[TOKEN_NIL] = "nil",
		[TOKEN_BOOL] = "a boolean",
		[TOKEN_UINT] = "a number",
		[TOKEN_NEGATIVE] = "a number below 0",
		[TOKEN_FLOAT] = "a float",
		[TOKEN_STR] = "a string",
		[TOKEN_BIN] = "bytes",
		[TOKEN_ARRAY] = "an array",
		[TOKEN_MAP] = "a map",
		[TOKEN_EXT] = "an extension",
	};

	if (take(c, w, ret) < 0)
		return -EINVAL;
	if (ret->kind == kind)
		return 0;
	return where_fail(w, c->e, "want %s, got %s", names[kind],
			  names[ret->kind]);
}

static int
take_i64(struct cursor *c, const struct where *w, int64_t *ret)
{
	struct token t;

	if (take(c, w, &t) < 0)
		return -EINVAL;
	if (t.kind != TOKEN_NEGATIVE &&
	    (t.kind != TOKEN_UINT || t.v > (uint64_t)INT64_MAX))
		return where_fail(w, c->e, "want a number of 64 bits");
	*ret = (int64_t)t.v;
	return 0;
}

static int
take_u64(struct cursor *c, const struct where *w, uint64_t *ret)
{
	struct token t;

	if (want(c, w, TOKEN_UINT, &t) < 0)
		return -EINVAL;
	*ret = t.v;
	return 0;
}

static int
take_bool(struct cursor *c, const struct where *w, bool *ret)
{
	struct token t;

	if (want(c, w, TOKEN_BOOL, &t) < 0)
		return -EINVAL;
	*ret = t.v != 0;
	return 0;
}

static int
take_float(struct cursor *c, const struct where *w, double *ret)
{
	struct token t;

	if (want(c, w, TOKEN_FLOAT, &t) < 0)
		return -EINVAL;
	if (!isfinite(t.real))
		return where_fail(w, c->e, "want a finite number");
	*ret = t.real;
	return 0;
}

/* UTF-8 without NUL. */
static bool
is_text(const char *s, size_t len)
{
	for (size_t i = 0, n; i < len; i += n) {
		n = str_utf8_len(s + i, len - i);
		if (n == 0 || s[i] == '\0')
			return false;
	}
	return true;
}

static int
take_string(struct cursor *c, const struct where *w, const char **ret)
{
	struct token t;

	if (want(c, w, TOKEN_STR, &t) < 0)
		return -EINVAL;
	if (!is_text((const char *)t.p, t.v))
		return where_fail(w, c->e, "want UTF-8 without NUL");
	*ret = arena_strndup(c->a, (const char *)t.p, t.v);
	return 0;
}

static int
take_enum(struct cursor *c, const struct where *w,
	  const struct enum_names *names, int *ret)
{
	const char *name;
	int v;

	if (take_string(c, w, &name) < 0)
		return -EINVAL;
	v = enum_from_name(names, name);
	if (v < 0)
		return where_fail(w, c->e, "\"%.60s\" is not known", name);
	*ret = v;
	return 0;
}

static int
take_bytes(struct cursor *c, const struct where *w, struct bytes *ret)
{
	struct token t;

	if (want(c, w, TOKEN_BIN, &t) < 0)
		return -EINVAL;
	if (t.v > 0)
		*ret = (struct bytes){ arena_dup(c->a, t.p, t.v), t.v };
	return 0;
}

static int
take_strings(struct cursor *c, const struct where *w, struct strings *ret)
{
	struct token t;

	if (want(c, w, TOKEN_ARRAY, &t) < 0)
		return -EINVAL;
	ret->v = arena_array(c->a, t.v, sizeof(*ret->v));
	for (; ret->count < t.v; ret->count++) {
		struct where at = { .up = w, .index = ret->count };

		if (take_string(c, &at, &ret->v[ret->count]) < 0)
			return -EINVAL;
	}
	return 0;
}

static int
take_set(struct cursor *c, const struct where *w, struct strings *ret)
{
	if (take_strings(c, w, ret) < 0)
		return -EINVAL;
	strings_sort(ret);
	if (!strings_are_sorted(ret))
		return where_fail(w, c->e, "an element is there twice");
	return 0;
}

static int
take_kvs(struct cursor *c, const struct where *w, struct kvs *ret)
{
	struct token t;

	if (want(c, w, TOKEN_MAP, &t) < 0)
		return -EINVAL;
	ret->v = arena_array(c->a, t.v, sizeof(*ret->v));
	for (; ret->count < t.v; ret->count++) {
		struct where at = { .up = w, .index = ret->count };

		if (take_string(c, &at, &ret->v[ret->count].key) < 0 ||
		    take_string(c, &at, &ret->v[ret->count].value) < 0)
			return -EINVAL;
	}
	kvs_sort(ret);
	if (!kvs_are_sorted(ret))
		return where_fail(w, c->e, "a key is there twice");
	return 0;
}

static int take_struct(struct cursor *c, const struct where *w,
		       const struct type *t, void *ret);

static int
take_list(struct cursor *c, const struct where *w, const struct type *t,
	  struct any_list *ret)
{
	struct token head;

	if (want(c, w, TOKEN_ARRAY, &head) < 0)
		return -EINVAL;
	ret->v = arena_array(c->a, head.v, t->size);
	for (; ret->count < head.v; ret->count++) {
		struct where at = { .up = w, .index = ret->count };

		if (take_struct(c, &at, t,
				(char *)ret->v + at.index * t->size) < 0)
			return -EINVAL;
	}
	return 0;
}

static int
take_ptr(struct cursor *c, const struct where *w, const struct type *t,
	 void **ret)
{
	*ret = arena_alloc(c->a, t->size);
	return take_struct(c, w, t, *ret);
}

static int
take_tristate(struct cursor *c, const struct where *w, int *ret)
{
	bool b;

	if (take_bool(c, w, &b) < 0)
		return -EINVAL;
	*ret = b ? YES : NO;
	return 0;
}

static int
take_value(struct cursor *c, const struct where *w, const struct field *f,
	   void *p)
{
	switch ((enum field_kind)f->kind) {
	case FIELD_STRING:
		return take_string(c, w, p);
	case FIELD_BOOL:
		return take_bool(c, w, p);
	case FIELD_I64:
	case FIELD_TIME:
		return take_i64(c, w, p);
	case FIELD_U64:
		return take_u64(c, w, p);
	case FIELD_OPT_I64:
		((struct opt_i64 *)p)->set = true;
		return take_i64(c, w, &((struct opt_i64 *)p)->v);
	case FIELD_OPT_U64:
		((struct opt_u64 *)p)->set = true;
		return take_u64(c, w, &((struct opt_u64 *)p)->v);
	case FIELD_OPT_BOOL:
		return take_tristate(c, w, p);
	case FIELD_FLOAT:
		return take_float(c, w, p);
	case FIELD_ENUM:
		return take_enum(c, w, f->names, p);
	case FIELD_BYTES:
		return take_bytes(c, w, p);
	case FIELD_STRINGS:
		return take_strings(c, w, p);
	case FIELD_SET:
		return take_set(c, w, p);
	case FIELD_KVS:
		return take_kvs(c, w, p);
	case FIELD_STRUCT:
	case FIELD_EMBED:
		return take_struct(c, w, f->type, p);
	case FIELD_PTR:
		return take_ptr(c, w, f->type, p);
	case FIELD_LIST:
		return take_list(c, w, f->type, p);
	case FIELD_LATER:
		return skip(c, w);
	}
	unreachable();
}

/* The index of the field with that tag, or field_count. */
static uint32_t
find_tag(const struct type *t, uint64_t tag)
{
	uint32_t i = 0;

	while (i < t->field_count && t->fields[i].tag != tag)
		i++;
	return i;
}

static int
take_struct(struct cursor *c, const struct where *w, const struct type *t,
	    void *ret)
{
	uint64_t seen = 0;
	struct token head;

	check(t->field_count <= 64);
	if (want(c, w, TOKEN_MAP, &head) < 0)
		return -EINVAL;
	for (uint64_t i = 0; i < head.v; i++) {
		struct where at = { .up = w };
		struct token tag;
		uint32_t n;

		if (want(c, w, TOKEN_UINT, &tag) < 0)
			return -EINVAL;
		n = find_tag(t, tag.v);
		if (n == t->field_count) {
			if (skip(c, w) < 0)
				return -EINVAL;
			continue;
		}
		at.name = t->fields[n].name;
		if (seen >> n & 1)
			return where_fail(&at, c->e, "is there twice");
		seen |= UINT64_C(1) << n;
		if (take_value(c, &at, &t->fields[n],
			       field_at(&t->fields[n], ret)) < 0)
			return -EINVAL;
	}
	return 0;
}

int
model_unpack(const struct type *t, const void *p, size_t len, struct arena *a,
	     void *ret, struct err *e)
{
	const uint8_t *at = len > 0 ? p : (const uint8_t *)"";
	struct cursor c = { at, at + len, a, e };
	int code;

	type_clear(t, ret);
	code = take_struct(&c, NULL, t, ret);
	if (code == 0 && left(&c) > 0)
		code = err_set(e, -EINVAL, "%zu bytes after the record",
			       left(&c));
	if (code < 0) {
		err_wrap(e, code, "%s", t->name);
		type_clear(t, ret);
	}
	return code;
}
