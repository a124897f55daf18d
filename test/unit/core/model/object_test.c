/* object_test.c - the life of objects. */
#include "core/model/object.h"

#include "core/base/str.h"
#include "test/t.h"
#include "test/unit/core/model/fill.h"

T(a_new_object_is_zero_with_one_reference)
{
	for (int i = 1; i < OBJECT_TYPE_COUNT; i++) {
		struct object *o = object_new((enum object_type)i);

		T_ROW(object_type_name((enum object_type)i));
		EQ(o->type, i);
		EQ(o->refs, 1);
		OK(o->id == NULL);
		EQ(o->version.index, 0);
		OK(object_ref(o) == o);
		EQ(o->refs, 2);
		object_unref(o);
		object_unref(o);
	}
	object_unref(NULL);
}

T(a_clone_is_equal_and_outlives_the_first)
{
	for (int i = 1; i < OBJECT_TYPE_COUNT; i++) {
		const struct type *t = object_table((enum object_type)i);
		struct object *o = object_new((enum object_type)i), *copy;
		struct object *same = object_new((enum object_type)i);

		fill(&(struct filler){ &o->arena, 9 }, t, o);
		fill(&(struct filler){ &same->arena, 9 }, t, same);
		copy = object_clone(o);
		object_unref(o);
		EQ(copy->refs, 1);
		EQ(copy->type, i);
		OK(model_equal(t, copy, same));
		copy->id = "other";
		OK(!model_equal(t, copy, same));
		object_unref(copy);
		object_unref(same);
	}
}

T(objects_survive_packing)
{
	for (int i = 1; i < OBJECT_TYPE_COUNT; i++) {
		const struct type *t = object_table((enum object_type)i);
		struct object *o = object_new((enum object_type)i);
		struct buf b = { 0 };
		struct err e;
		void *back;

		fill(&(struct filler){ &o->arena, 4 }, t, o);
		object_pack(o, &b);
		EQ(object_unpack((enum object_type)i, b.p, b.len, &back, &e),
		   0);
		OK(model_equal(t, o, back));
		EQ(((struct object *)back)->refs, 1);
		object_unref(back);
		object_unref(o);
		buf_fini(&b);
	}
}

T(an_unknown_type_is_refused)
{
	struct err e;
	void *o = NULL;

	EQ(object_unpack((enum object_type)0, "\x80", 1, &o, &e), -22);
	EQ(object_unpack((enum object_type)99, "\x80", 1, &o, &e), -22);
	EQ_STR(e.msg, "unknown object type 99");
	OK(o == NULL);
}

T(type_names_are_what_the_api_calls_them)
{
	EQ_STR(object_type_name(OBJECT_CLUSTER), "cluster");
	EQ_STR(object_type_name(OBJECT_NODE), "node");
	EQ_STR(object_type_name(OBJECT_SERVICE), "service");
	EQ_STR(object_type_name(OBJECT_TASK), "task");
	EQ_STR(object_type_name(OBJECT_NETWORK), "network");
}
