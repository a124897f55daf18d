/*
 * tx.c - transactions as lists of operations, and as bytes in the raft log.
 * Bytes come from the log of another member one day: all of it is checked.
 */
#include <errno.h>
#include <string.h>

#include "core/base/check.h"
#include "core/base/mem.h"
#include "core/base/str.h"
#include "core/state/state.h"

#define TX_ID_MAX 128 /* bytes of an object's id; a receipt's is a key */

/* How a transaction is packed. */
struct op_record {
	uint64_t type;
	uint64_t expect;
	const char *id;
	bool is_put;
	struct bytes object;
};
struct tx_record {
	int64_t wall_ns;
	LIST_OF(struct op_record) ops;
};

static const struct field op_record_fields[] = {
	{ .name = "Type",
	  .tag = 1,
	  .offset = offsetof(struct op_record, type),
	  .kind = FIELD_U64 },
	{ .name = "Expect",
	  .tag = 2,
	  .offset = offsetof(struct op_record, expect),
	  .kind = FIELD_U64 },
	{ .name = "ID",
	  .tag = 3,
	  .offset = offsetof(struct op_record, id),
	  .kind = FIELD_STRING },
	{ .name = "Put",
	  .tag = 4,
	  .offset = offsetof(struct op_record, is_put),
	  .kind = FIELD_BOOL },
	{ .name = "Object",
	  .tag = 5,
	  .offset = offsetof(struct op_record, object),
	  .kind = FIELD_BYTES },
};
static const struct type op_record_type = { "Operation",
					    sizeof(struct op_record),
					    op_record_fields,
					    ARRAY_LEN(op_record_fields) };
static const struct field tx_record_fields[] = {
	{ .name = "Time",
	  .tag = 1,
	  .offset = offsetof(struct tx_record, wall_ns),
	  .kind = FIELD_I64 },
	{ .name = "Operations",
	  .tag = 2,
	  .offset = offsetof(struct tx_record, ops),
	  .kind = FIELD_LIST,
	  .type = &op_record_type },
};
static const struct type tx_record_type = { "Transaction",
					    sizeof(struct tx_record),
					    tx_record_fields,
					    ARRAY_LEN(tx_record_fields) };

void
tx_fini(struct tx *tx)
{
	for (size_t i = 0; i < tx->count; i++) {
		object_unref(tx->ops[i].object);
		mem_free((void *)(uintptr_t)tx->ops[i].id);
	}
	mem_free(tx->ops);
	*tx = (struct tx){ 0 };
}

static void
add_op(struct tx *tx, const struct tx_op *op)
{
	tx->ops = mem_grow(tx->ops, tx->count, &tx->cap, sizeof(*tx->ops));
	tx->ops[tx->count++] = *op;
}

void
tx_put(struct tx *tx, void *object, uint64_t expect)
{
	struct object *o = object;
	struct tx_op op = { .type = o->type,
			    .object = object,
			    .expect = expect };

	check(!str_empty(o->id));
	add_op(tx, &op);
}

void
tx_delete(struct tx *tx, enum object_type type, const char *id, uint64_t expect)
{
	struct tx_op op = { .type = type,
			    .id = mem_strdup(id),
			    .expect = expect };

	check(!str_empty(id));
	add_op(tx, &op);
}

static void
op_to_record(const struct tx_op *op, struct arena *a, struct op_record *ret)
{
	struct buf packed = { 0 };

	ret->type = op->type;
	ret->expect = op->expect;
	if (op->object == NULL) {
		ret->id = op->id;
		return;
	}
	ret->is_put = true;
	object_pack(op->object, &packed);
	ret->object.p = arena_dup(a, packed.p, packed.len);
	ret->object.len = packed.len;
	buf_fini(&packed);
}

void
tx_pack(const struct tx *tx, struct buf *out)
{
	struct tx_record record = { .wall_ns = tx->wall_ns };
	struct arena a;

	check(tx->count <= TX_OPS_MAX);
	arena_init(&a);
	record.ops.v = arena_array(&a, tx->count, sizeof(*record.ops.v));
	record.ops.count = (uint32_t)tx->count;
	for (size_t i = 0; i < tx->count; i++)
		op_to_record(&tx->ops[i], &a, &record.ops.v[i]);
	model_pack(&tx_record_type, &record, out);
	arena_fini(&a);
}

static int
take_put(struct tx *tx, const struct op_record *rec, struct err *e)
{
	enum object_type type = (enum object_type)rec->type;
	struct object *o;
	void *object;
	int r = object_unpack(type, rec->object.p, rec->object.len, &object, e);

	if (r < 0)
		return r;
	o = object;
	if (str_empty(o->id) || strlen(o->id) > TX_ID_MAX) {
		object_unref(object);
		return err_set(e, -EINVAL, "a %s has a bad id",
			       object_type_name(type));
	}
	tx_put(tx, object, rec->expect);
	return 0;
}

static int
take_op(struct tx *tx, const struct op_record *rec, struct err *e)
{
	if (rec->type < OBJECT_CLUSTER || rec->type >= OBJECT_TYPE_COUNT)
		return err_set(e, -EINVAL, "no object type has number %llu",
			       (unsigned long long)rec->type);
	if (rec->is_put)
		return take_put(tx, rec, e);
	if (str_empty(rec->id) || strlen(rec->id) > TX_ID_MAX)
		return err_set(e, -EINVAL, "a delete has a bad id");
	tx_delete(tx, (enum object_type)rec->type, rec->id, rec->expect);
	return 0;
}

static int
take_record(struct tx *tx, const struct tx_record *record, struct err *e)
{
	int r = 0;

	if (record->ops.count > TX_OPS_MAX)
		return err_set(e, -E2BIG, "more than %d operations",
			       TX_OPS_MAX);
	tx->wall_ns = record->wall_ns;
	for (uint32_t i = 0; r == 0 && i < record->ops.count; i++) {
		r = take_op(tx, &record->ops.v[i], e);
		if (r < 0)
			r = err_wrap(e, r, "operation %u", i);
	}
	return r;
}

int
tx_unpack(const void *p, size_t len, struct tx *ret, struct err *e)
{
	struct tx_record record = { 0 };
	struct tx tx = { 0 };
	struct arena a;
	int r;

	arena_init(&a);
	r = model_unpack(&tx_record_type, p, len, &a, &record, e);
	if (r == 0)
		r = take_record(&tx, &record, e);
	arena_fini(&a);
	if (r < 0) {
		tx_fini(&tx);
		return err_wrap(e, r, "read a transaction");
	}
	*ret = tx;
	return 0;
}
