/* msgpack.c - records as msgpack bytes: a map from tag to value. */
#include <msgpack.h>
#include <string.h>

#include "core/base/check.h"
#include "core/base/str.h"
#include "core/model/type_impl.h"

static void pack_struct(msgpack_packer *pk, const struct type *t,
			const void *obj);

static int
put(void *data, const char *p, size_t len)
{
	buf_put(data, p, len);
	return 0;
}

static void
pack_string(msgpack_packer *pk, const char *s)
{
	s = str_or(s, "");
	msgpack_pack_str(pk, strlen(s));
	msgpack_pack_str_body(pk, s, strlen(s));
}

static void
pack_bytes(msgpack_packer *pk, const struct bytes *b)
{
	msgpack_pack_bin(pk, b->len);
	msgpack_pack_bin_body(pk, b->p, b->len);
}

static void
pack_bool(msgpack_packer *pk, bool v)
{
	if (v)
		msgpack_pack_true(pk);
	else
		msgpack_pack_false(pk);
}

static void
pack_strings(msgpack_packer *pk, const struct strings *s)
{
	msgpack_pack_array(pk, s->count);
	for (uint32_t i = 0; i < s->count; i++)
		pack_string(pk, s->v[i]);
}

static void
pack_kvs(msgpack_packer *pk, const struct kvs *m)
{
	msgpack_pack_map(pk, m->count);
	for (uint32_t i = 0; i < m->count; i++) {
		pack_string(pk, m->v[i].key);
		pack_string(pk, m->v[i].value);
	}
}

static void
pack_list(msgpack_packer *pk, const struct type *t, const struct any_list *l)
{
	msgpack_pack_array(pk, l->count);
	for (uint32_t i = 0; i < l->count; i++)
		pack_struct(pk, t, (const char *)l->v + i * t->size);
}

static void
pack_value(msgpack_packer *pk, const struct field *f, const void *p)
{
	switch ((enum field_kind)f->kind) {
	case FIELD_STRING:
		pack_string(pk, *(const char *const *)p);
		return;
	case FIELD_BOOL:
		pack_bool(pk, *(const bool *)p);
		return;
	case FIELD_I64:
	case FIELD_TIME:
		msgpack_pack_int64(pk, *(const int64_t *)p);
		return;
	case FIELD_U64:
		msgpack_pack_uint64(pk, *(const uint64_t *)p);
		return;
	case FIELD_OPT_I64:
		msgpack_pack_int64(pk, ((const struct opt_i64 *)p)->v);
		return;
	case FIELD_OPT_U64:
		msgpack_pack_uint64(pk, ((const struct opt_u64 *)p)->v);
		return;
	case FIELD_OPT_BOOL:
		pack_bool(pk, *(const int *)p == YES);
		return;
	case FIELD_FLOAT:
		msgpack_pack_double(pk, *(const double *)p);
		return;
	case FIELD_ENUM:
		pack_string(pk, enum_name(f->names, *(const int *)p));
		return;
	case FIELD_BYTES:
		pack_bytes(pk, p);
		return;
	case FIELD_STRINGS:
	case FIELD_SET:
		pack_strings(pk, p);
		return;
	case FIELD_KVS:
		pack_kvs(pk, p);
		return;
	case FIELD_STRUCT:
	case FIELD_EMBED:
		pack_struct(pk, f->type, p);
		return;
	case FIELD_PTR:
		pack_struct(pk, f->type, *(void *const *)p);
		return;
	case FIELD_LIST:
		pack_list(pk, f->type, p);
		return;
	case FIELD_LATER:
		break; /* it is always zero, and left out */
	}
	unreachable();
}

static void
pack_struct(msgpack_packer *pk, const struct type *t, const void *obj)
{
	uint32_t count = 0;

	for (uint32_t i = 0; i < t->field_count; i++) {
		const struct field *f = &t->fields[i];

		count += !field_is_zero(f, field_at(f, obj));
	}
	msgpack_pack_map(pk, count);
	for (uint32_t i = 0; i < t->field_count; i++) {
		const struct field *f = &t->fields[i];
		const void *p = field_at(f, obj);

		if (field_is_zero(f, p))
			continue;
		msgpack_pack_uint32(pk, f->tag);
		pack_value(pk, f, p);
	}
}

void
model_pack(const struct type *t, const void *obj, struct buf *out)
{
	msgpack_packer pk;

	msgpack_packer_init(&pk, out, put);
	pack_struct(&pk, t, obj);
}
