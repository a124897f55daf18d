/* type_test.c - what must hold for every field of every table. */
#include "core/model/type.h"

#include "core/base/str.h"
#include "test/t.h"
#include "test/unit/core/model/fill.h"

#define SEEDS 20

/* Call fn for t and every table below it. */
static void
each_table(const struct type *t, void (*fn)(const struct type *))
{
	fn(t);
	for (uint32_t i = 0; i < t->field_count; i++)
		if (t->fields[i].type != NULL)
			each_table(t->fields[i].type, fn);
}

static void
each_type(void (*fn)(const struct type *))
{
	for (size_t i = 0; i < ARRAY_LEN(all_types); i++)
		each_table(all_types[i], fn);
}

static void
has_unique_tags(const struct type *t)
{
	T_ROW(t->name);
	OK(t->field_count <= 64);
	for (uint32_t i = 0; i < t->field_count; i++) {
		if (t->fields[i].kind == FIELD_LATER)
			continue;
		OK(t->fields[i].tag != 0);
		for (uint32_t k = 0; k < i; k++)
			OK(t->fields[i].tag != t->fields[k].tag);
	}
}

T(tags_are_unique_in_their_type)
{
	each_type(has_unique_tags);
}

static void
has_unique_names(const struct type *t)
{
	T_ROW(t->name);
	for (uint32_t i = 0; i < t->field_count; i++) {
		OK(!str_empty(t->fields[i].name));
		for (uint32_t k = 0; k < i; k++)
			OK(str_cmp_nocase(t->fields[i].name,
					  t->fields[k].name) != 0);
	}
}

T(names_are_unique_in_their_type)
{
	each_type(has_unique_names);
}

static void
fits_its_struct(const struct type *t)
{
	T_ROW(t->name);
	for (uint32_t i = 0; i < t->field_count; i++) {
		const struct field *f = &t->fields[i];

		OK(f->offset < t->size);
		if (f->kind == FIELD_STRUCT || f->kind == FIELD_EMBED)
			OK(f->offset + f->type->size <= t->size);
		EQ(f->type != NULL,
		   f->kind == FIELD_STRUCT || f->kind == FIELD_EMBED ||
			   f->kind == FIELD_PTR || f->kind == FIELD_LIST);
		EQ(f->names != NULL, f->kind == FIELD_ENUM);
	}
}

T(rows_lie_in_their_struct_and_name_what_their_kind_needs)
{
	each_type(fits_its_struct);
}

/* How far the next field may be from the end of the one before it. */
static size_t
alignment(const struct field *f)
{
	switch ((enum field_kind)f->kind) {
	case FIELD_BOOL:
		return _Alignof(bool);
	case FIELD_ENUM:
	case FIELD_OPT_BOOL:
		return _Alignof(int);
	default: /* all else holds 64 bits */
		return _Alignof(void *);
	}
}

/* The field at or after that offset which is nearest to it, or NULL. */
static const struct field *
next_field(const struct type *t, size_t offset)
{
	const struct field *next = NULL;

	for (uint32_t i = 0; i < t->field_count; i++) {
		const struct field *f = &t->fields[i];

		if (field_size(f) > 0 && f->offset >= offset &&
		    (next == NULL || f->offset < next->offset))
			next = f;
	}
	return next;
}

/* A member without a row would be a gap, two rows of one an overlap. */
static void
has_no_gap(const struct type *t)
{
	const struct field *f;
	size_t end = 0, total = 0, sum = 0;

	T_ROW(t->name);
	if (t == &object_head_type || t->field_count == 0)
		return; /* it keeps more than its rows */
	for (; (f = next_field(t, end)) != NULL; end = f->offset + sum) {
		T_ROW(f->name);
		OK(f->offset - end < alignment(f));
		sum = field_size(f);
		total += sum;
	}
	OK(t->size - end < _Alignof(void *));
	for (uint32_t i = 0; i < t->field_count; i++)
		total -= field_size(&t->fields[i]);
	EQ(total, 0);
}

T(every_member_has_one_row)
{
	each_type(has_no_gap);
}

static void
survives_msgpack(const struct type *t)
{
	struct buf b = { 0 }, again = { 0 };
	struct arena a;
	struct err e = { "" };

	arena_init(&a);
	for (uint64_t seed = 0; seed < SEEDS; seed++) {
		struct filler r = { &a, seed };
		void *obj = arena_alloc(&a, t->size);
		void *back = arena_alloc(&a, t->size);

		T_ROW(t->name);
		fill(&r, t, obj);
		buf_clear(&b);
		model_pack(t, obj, &b);
		T_ROW(e.msg);
		EQ(model_unpack(t, b.p, b.len, &a, back, &e), 0);
		T_ROW(t->name);
		OK(model_equal(t, obj, back));
		buf_clear(&again);
		model_pack(t, back, &again);
		EQ(again.len, b.len);
		OK(memcmp(again.p, b.p, b.len) == 0);
	}
	buf_fini(&b);
	buf_fini(&again);
	arena_fini(&a);
}

T(every_field_survives_msgpack)
{
	each_type(survives_msgpack);
}

static void
survives_json(const struct type *t)
{
	struct buf b = { 0 }, again = { 0 };
	struct arena a;
	struct err e = { "" };

	arena_init(&a);
	for (uint64_t seed = 0; seed < SEEDS; seed++) {
		struct filler r = { &a, seed };
		void *obj = arena_alloc(&a, t->size);
		void *back = arena_alloc(&a, t->size);

		fill(&r, t, obj);
		strip(t, obj);
		buf_clear(&b);
		model_json_write(t, obj, &b);
		T_ROW(e.msg);
		EQ(model_json_read(t, b.p, b.len, &a, back, &e), 0);
		T_ROW(t->name);
		OK(model_equal(t, obj, back));
		buf_clear(&again);
		model_json_write(t, back, &again);
		EQ_STR(buf_cstr(&again), buf_cstr(&b));
	}
	buf_fini(&b);
	buf_fini(&again);
	arena_fini(&a);
}

T(every_field_survives_json)
{
	each_type(survives_json);
}

static void
empty_survives(const struct type *t)
{
	struct buf b = { 0 };
	struct arena a;
	struct err e = { "" };
	void *obj, *back;

	T_ROW(t->name);
	arena_init(&a);
	obj = arena_alloc(&a, t->size);
	back = arena_alloc(&a, t->size);
	model_pack(t, obj, &b);
	EQ(b.len, 1);
	EQ(model_unpack(t, b.p, b.len, &a, back, &e), 0);
	OK(model_equal(t, obj, back));
	buf_clear(&b);
	model_json_write(t, obj, &b);
	EQ(model_json_read(t, b.p, b.len, &a, back, &e), 0);
	OK(model_equal(t, obj, back));
	buf_fini(&b);
	arena_fini(&a);
}

T(an_empty_record_is_one_byte_and_survives_both_ways)
{
	each_type(empty_survives);
}

static void
is_seen(const struct type *t)
{
	struct arena a;
	void *obj, *copy;

	arena_init(&a);
	obj = arena_alloc(&a, t->size);
	copy = arena_alloc(&a, t->size);
	fill(&(struct filler){ &a, 1 }, t, obj);
	for (uint32_t i = 0; i < t->field_count; i++) {
		const struct field *f = &t->fields[i];

		if (f->kind == FIELD_LATER || f->kind == FIELD_EMBED)
			continue;
		T_ROW(f->name);
		model_copy(t, obj, &a, copy);
		OK(model_equal(t, obj, copy));
		OK(!field_is_zero(f, field_at(f, copy)) ||
		   f->type != NULL); /* struct empty has nothing to say */
		if (field_is_zero(f, field_at(f, copy)))
			continue;
		field_clear(f, field_at(f, copy));
		OK(field_is_zero(f, field_at(f, copy)));
		OK(!model_equal(t, obj, copy));
	}
	arena_fini(&a);
}

T(copying_and_comparing_see_every_field)
{
	each_type(is_seen);
}

/* Fill b's arena with other bytes: a copy must not point into it. */
T(a_copy_shares_nothing)
{
	struct service_spec copy, other;
	struct arena a, b;

	arena_init(&a);
	arena_init(&b);
	{
		struct service_spec *s = arena_alloc(&b, sizeof(*s));

		fill(&(struct filler){ &b, 7 }, &service_spec_type, s);
		model_copy(&service_spec_type, s, &a, &copy);
	}
	arena_fini(&b); /* ASan would see a pointer into it */
	memset(&other, 0, sizeof(other));
	fill(&(struct filler){ &a, 7 }, &service_spec_type, &other);
	OK(model_equal(&service_spec_type, &copy, &other));
	arena_fini(&a);
}

T(small_differences_are_seen)
{
	static const struct {
		const char *x, *y;
	} rows[] = {
		{ "{\"Name\":\"a\"}", "{\"Name\":\"b\"}" },
		{ "{\"Labels\":{\"a\":\"1\"}}", "{\"Labels\":{\"a\":\"2\"}}" },
		{ "{\"Labels\":{\"a\":\"1\"}}", "{\"Labels\":{\"b\":\"1\"}}" },
		{ "{\"Mode\":{\"Replicated\":{\"Replicas\":0}}}",
		  "{\"Mode\":{\"Replicated\":{}}}" },
		{ "{\"Mode\":{\"Replicated\":{\"Replicas\":2}}}",
		  "{\"Mode\":{\"Replicated\":{\"Replicas\":3}}}" },
		{ "{\"Mode\":{\"Global\":{}}}", "{\"Mode\":{}}" },
		{ "{\"UpdateConfig\":{\"Order\":\"stop-first\"}}",
		  "{\"UpdateConfig\":{\"Order\":\"start-first\"}}" },
		{ "{\"UpdateConfig\":{\"MaxFailureRatio\":0.1}}",
		  "{\"UpdateConfig\":{\"MaxFailureRatio\":0.2}}" },
		{ "{\"UpdateConfig\":{\"Delay\":1}}",
		  "{\"UpdateConfig\":{\"Delay\":2}}" },
		{ "{\"TaskTemplate\":{\"ContainerSpec\":{\"Env\":[\"a\"]}}}",
		  "{\"TaskTemplate\":{\"ContainerSpec\":{\"Env\":[\"b\"]}}}" },
		{ "{\"TaskTemplate\":{\"ContainerSpec\":{\"Init\":true}}}",
		  "{\"TaskTemplate\":{\"ContainerSpec\":{\"Init\":false}}}" },
		{ "{\"EndpointSpec\":{\"Ports\":[{\"TargetPort\":1}]}}",
		  "{\"EndpointSpec\":{\"Ports\":[{\"TargetPort\":2}]}}" },
	};
	const struct type *t = &service_spec_type;
	struct service_spec x, y;
	struct tls_info one = { .issuer_subject = { (const uint8_t *)"a", 1 } };
	struct cluster c = { .tls = one }, d = { .tls = one };
	struct arena a;
	struct err e;

	arena_init(&a);
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		T_ROW(rows[i].x);
		EQ(model_json_read(t, rows[i].x, strlen(rows[i].x), &a, &x, &e),
		   0);
		EQ(model_json_read(t, rows[i].y, strlen(rows[i].y), &a, &y, &e),
		   0);
		OK(model_equal(t, &x, &x));
		OK(!model_equal(t, &x, &y));
		OK(!model_equal(t, &y, &x));
	}
	OK(model_equal(&cluster_type, &c, &d));
	d.tls.issuer_subject.p = (const uint8_t *)"b";
	OK(!model_equal(&cluster_type, &c, &d));
	arena_fini(&a);
}

T(absent_and_empty_are_equal)
{
	struct node_spec x = { .name = "" }, y = { 0 };
	struct kv none;

	x.labels.v = &none;
	OK(model_equal(&node_spec_type, &x, &y));
}

static void
has_its_words(const struct type *t)
{
	for (uint32_t i = 0; i < t->field_count; i++) {
		const struct enum_names *n = t->fields[i].names;

		T_ROW(t->fields[i].name);
		for (uint32_t k = 1; n != NULL && k < n->count; k++)
			EQ(enum_from_name(n, enum_name(n, (int)k)), k);
	}
}

T(enum_names_read_back)
{
	each_type(has_its_words);
	EQ(task_state_names.count, TASK_ORPHANED + 1);
	EQ_STR(enum_name(&task_state_names, TASK_RUNNING), "running");
	EQ_STR(enum_name(&task_state_names, TASK_ORPHANED), "orphaned");
	EQ_STR(enum_name(&task_state_names, TASK_REMOVE), "remove");
	EQ_STR(enum_name(&task_state_names, 0), "");
	EQ_STR(enum_name(&task_state_names, 99), "");
	EQ_STR(enum_name(&task_state_names, -1), "");
	EQ(enum_from_name(&task_state_names, "Running"), TASK_RUNNING);
	EQ(enum_from_name(&task_state_names, "walking"), -1);
	EQ(enum_from_name(&task_state_names, ""), 0);
	EQ_STR(enum_name(&restart_condition_names, RESTART_ON_FAILURE),
	       "on-failure");
	EQ_STR(enum_name(&update_state_names, UPDATE_ROLLBACK_COMPLETED),
	       "rollback_completed");
	EQ_STR(enum_name(&mount_type_names, MOUNT_IMAGE), "image");
}

T(maps_are_changed_by_copy_and_stay_sorted)
{
	struct kvs none = { 0 }, one, two, three;
	struct arena a;

	arena_init(&a);
	one = kvs_with(&none, &a, "b", "1");
	two = kvs_with(&one, &a, "a", "2");
	three = kvs_with(&two, &a, "b", NULL);
	EQ(one.count, 1);
	EQ(two.count, 2);
	EQ_STR(two.v[0].key, "a");
	EQ_STR(kvs_get(&two, "b"), "1");
	OK(kvs_get(&three, "b") == NULL);
	EQ_STR(kvs_get(&one, "b"), "1");
	two = kvs_with(&two, &a, "b", "3");
	EQ(two.count, 2);
	EQ_STR(kvs_get(&two, "b"), "3");
	arena_fini(&a);
}
