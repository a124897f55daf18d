/*
 * object.h - what all top-level objects have in common.
 *
 * An object owns one arena: itself and everything it points at. It is
 * written until it is committed (state_apply), then never again; a change is
 * a new object made by object_clone(). References are counted, not atomic:
 * objects belong to the loop's thread, other threads are given bytes.
 */
#ifndef CORE_MODEL_OBJECT_H
#define CORE_MODEL_OBJECT_H

#include "core/base/arena.h"
#include "core/base/err.h"
#include "core/model/type.h"

enum object_type {
	OBJECT_CLUSTER = 1,
	OBJECT_NODE,
	OBJECT_SERVICE,
	OBJECT_TASK,
	OBJECT_NETWORK,
	OBJECT_RECEIPT,
	OBJECT_TYPE_COUNT,
};

struct version {
	uint64_t index; /* the raft index that wrote the object */
};

struct object {
	/* not in the table: the object's own book-keeping */
	enum object_type type;
	uint32_t refs;
	struct arena arena;
	/* in the table */
	const char *id;
	struct version version;
	int64_t created_at;
	int64_t updated_at;
	uint64_t made; /* the raft index that made it: its age, since clocks
			  jump and leaders' differ; 0: not committed yet */
};

extern const struct type object_head_type;

/* The table of an object type; its name in small letters ("service"). */
const struct type *object_table(enum object_type type);
const char *object_type_name(enum object_type type);

/* A new object, zeroed, with one reference: cast it to its struct. */
void *object_new(enum object_type type);
void *object_clone(const void *object); /* deep; a new one, refs 1 */
void *object_ref(const void *object);	/* gives the object back */
void object_unref(const void *object);	/* NULL is fine; frees the last */

/* The arena of an object that is still being made. */
struct arena *object_arena(void *object);

/* Packed: the object type is not in the bytes, it is part of their key. */
void object_pack(const void *object, struct buf *out);
int object_unpack(enum object_type type, const void *p, size_t len, void **ret,
		  struct err *e);

#endif
