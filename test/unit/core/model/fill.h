/* fill.h - objects with every field set, made from their field tables. */
#ifndef TEST_UNIT_CORE_MODEL_FILL_H
#define TEST_UNIT_CORE_MODEL_FILL_H

#include "core/base/rand.h"
#include "core/model/oci.h"
#include "core/model/type_impl.h"
#include "test/t.h"

static const struct type *const all_types[] = {
	&service_type,	   &task_type,	     &node_type,
	&cluster_type,	   &network_type,    &service_spec_type,
	&task_spec_type,   &node_spec_type,  &cluster_spec_type,
	&task_status_type, &oci_index_type,  &oci_manifest_type,
	&oci_image_type,   &oci_layout_type, &docker_manifest_type,
};

struct filler {
	struct arena *a;
	uint64_t rand;
};

static inline void fill(struct filler *r, const struct type *t, void *obj);

static inline const char *
fill_string(struct filler *r)
{
	static const char *const odd[] = { "\xc3\xa9\"\\\n", "<&>\x01\x7f",
					   "\xe2\x80\xa8\xf0\x9f\x90\xb3" };
	uint64_t v = rand_next(&r->rand);

	return arena_printf(r->a, "s%llu%s", (unsigned long long)v,
			    odd[v % ARRAY_LEN(odd)]);
}

static inline struct strings
fill_strings(struct filler *r)
{
	struct strings s = { arena_array(r->a, 3, sizeof(*s.v)), 3 };

	for (uint32_t i = 0; i < s.count; i++)
		s.v[i] = i == 1 ? "" : fill_string(r);
	return s;
}

static inline struct kvs
fill_kvs(struct filler *r)
{
	struct kvs m = { arena_array(r->a, 3, sizeof(*m.v)), 3 };

	for (uint32_t i = 0; i < m.count; i++)
		m.v[i] = (struct kv){ i == 1 ? "" : fill_string(r),
				      i == 2 ? "" : fill_string(r) };
	kvs_sort(&m);
	return m;
}

static inline void
fill_list(struct filler *r, const struct type *t, struct any_list *ret)
{
	ret->v = arena_array(r->a, 2, t->size);
	ret->count = 2;
	fill(r, t, ret->v);
	fill(r, t, (char *)ret->v + t->size);
}

static inline void
fill_field(struct filler *r, const struct field *f, void *p)
{
	uint64_t v = rand_next(&r->rand);
	int64_t n = (int64_t)v >> (v % 60);

	switch ((enum field_kind)f->kind) {
	case FIELD_STRING:
		*(const char **)p = fill_string(r);
		return;
	case FIELD_BOOL:
		*(bool *)p = true;
		return;
	case FIELD_I64:
		*(int64_t *)p = n | 1;
		return;
	case FIELD_TIME:
		*(int64_t *)p = n >> 1 | 1;
		return;
	case FIELD_U64:
		*(uint64_t *)p = (n & INT64_MAX) | 1;
		return;
	case FIELD_OPT_I64:
		*(struct opt_i64 *)p = (struct opt_i64){ true, v % 2 ? n : 0 };
		return;
	case FIELD_OPT_U64:
		*(struct opt_u64 *)p =
			(struct opt_u64){ true, v % 2 ? n & INT64_MAX : 0 };
		return;
	case FIELD_OPT_BOOL:
		*(int *)p = v % 2 ? YES : NO;
		return;
	case FIELD_ENUM:
		*(int *)p = 1 + (int)(v % (f->names->count - 1));
		return;
	case FIELD_FLOAT:
		*(double *)p = (double)n / 1e9 + 1e-9;
		return;
	case FIELD_BYTES:
		*(struct bytes *)p =
			(struct bytes){ arena_dup(r->a, &v, sizeof(v)),
					1 + v % sizeof(v) };
		return;
	case FIELD_STRINGS:
		*(struct strings *)p = fill_strings(r);
		return;
	case FIELD_SET:
		*(struct strings *)p = fill_strings(r);
		strings_sort(p);
		return;
	case FIELD_KVS:
		*(struct kvs *)p = fill_kvs(r);
		return;
	case FIELD_STRUCT:
	case FIELD_EMBED:
		fill(r, f->type, p);
		return;
	case FIELD_PTR:
		*(void **)p = arena_alloc(r->a, f->type->size);
		fill(r, f->type, *(void **)p);
		return;
	case FIELD_LIST:
		fill_list(r, f->type, p);
		return;
	case FIELD_LATER:
		return;
	}
	unreachable();
}

static inline void
fill(struct filler *r, const struct type *t, void *obj)
{
	for (uint32_t i = 0; i < t->field_count; i++)
		fill_field(r, &t->fields[i], field_at(&t->fields[i], obj));
}

/* Take away what JSON never has: INTERNAL fields, at any depth. */
static inline void
strip(const struct type *t, void *obj)
{
	for (uint32_t i = 0; i < t->field_count; i++) {
		const struct field *f = &t->fields[i];
		void *p = field_at(f, obj);
		struct any_list *l = p;

		if (f->flags & FIELD_INTERNAL)
			field_clear(f, p);
		else if (f->kind == FIELD_STRUCT || f->kind == FIELD_EMBED)
			strip(f->type, p);
		else if (f->kind == FIELD_PTR && *(void **)p != NULL)
			strip(f->type, *(void **)p);
		else if (f->kind == FIELD_LIST)
			for (uint32_t k = 0; k < l->count; k++)
				strip(f->type,
				      (char *)l->v + k * f->type->size);
	}
}

#endif
