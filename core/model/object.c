/* object.c - see object.h. */
#include "core/model/object.h"

#include <errno.h>

#include "core/base/check.h"
#include "core/model/fields.h"
#include "core/model/objects.h"

/* clang-format off */
#define THIS struct version
LOCAL_TYPE(version, "Version",
	U64(index, "Index", 1, OMIT));
#undef THIS

#define THIS struct object
TYPE(object_head, "Object",
	STRING(id, "ID", 1, 0),
	STRUCT(version, "Version", 2, 0, version),
	TIME(created_at, "CreatedAt", 3, 0),
	TIME(updated_at, "UpdatedAt", 4, 0),
	U64(made, "Made", 5, INTERNAL));
#undef THIS
/* clang-format on */

static const struct {
	const char *name;
	const struct type *table;
} kinds[OBJECT_TYPE_COUNT] = {
	[OBJECT_CLUSTER] = { "cluster", &cluster_type },
	[OBJECT_NODE] = { "node", &node_type },
	[OBJECT_SERVICE] = { "service", &service_type },
	[OBJECT_TASK] = { "task", &task_type },
	[OBJECT_NETWORK] = { "network", &network_type },
	[OBJECT_RECEIPT] = { "receipt", &receipt_type },
};

const struct type *
object_table(enum object_type type)
{
	check(type > 0 && type < OBJECT_TYPE_COUNT);
	return kinds[type].table;
}

const char *
object_type_name(enum object_type type)
{
	check(type > 0 && type < OBJECT_TYPE_COUNT);
	return kinds[type].name;
}

/* The object is the first thing in the arena that it owns. */
void *
object_new(enum object_type type)
{
	const struct type *t = object_table(type);
	struct object *o;
	struct arena a;

	arena_init(&a);
	o = arena_alloc(&a, t->size);
	o->type = type;
	o->refs = 1;
	o->arena = a;
	return o;
}

void *
object_clone(const void *object)
{
	const struct object *o = object;
	struct object *copy = object_new(o->type);

	model_copy(object_table(o->type), object, &copy->arena, copy);
	return copy;
}

void *
object_ref(const void *object)
{
	struct object *o = (struct object *)object;

	check(o->refs > 0 && o->refs < UINT32_MAX);
	o->refs++;
	return o;
}

void
object_unref(const void *object)
{
	struct object *o = (struct object *)object;
	struct arena a;

	if (o == NULL)
		return;
	check(o->refs > 0);
	if (--o->refs > 0)
		return;
	a = o->arena; /* it holds o itself */
	arena_fini(&a);
}

struct arena *
object_arena(void *object)
{
	return &((struct object *)object)->arena;
}

void
object_pack(const void *object, struct buf *out)
{
	const struct object *o = object;

	model_pack(object_table(o->type), object, out);
}

int
object_unpack(enum object_type type, const void *p, size_t len, void **ret,
	      struct err *e)
{
	struct object *o;
	int code;

	if (type <= 0 || type >= OBJECT_TYPE_COUNT)
		return err_set(e, -EINVAL, "unknown object type %d", type);
	o = object_new(type);
	code = model_unpack(object_table(type), p, len, &o->arena, o, e);
	if (code < 0) {
		object_unref(o);
		return code;
	}
	*ret = o;
	return 0;
}
