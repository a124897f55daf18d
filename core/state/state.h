/*
 * state.h - the replicated tables, and the only way to change them.
 *
 * A transaction is a list of puts and deletes, each with the version that it
 * expects. It applies whole or not at all, the same on every member. The
 * tables hold one reference to each object; what a query returns is borrowed
 * until the next state_apply() (object_ref() keeps it longer).
 *
 * Order is by id everywhere, so that nothing depends on a hash.
 */
#ifndef CORE_STATE_STATE_H
#define CORE_STATE_STATE_H

#include "core/base/err.h"
#include "core/model/objects.h"

/* ---- transactions ------------------------------------------------------ */

#define TX_ABSENT 0		    /* expect: there is no such object */
#define TX_ANY UINT64_MAX	    /* expect: whatever there is, or nothing */
#define TX_PRESENT (UINT64_MAX - 1) /* expect: it is there, in any version */
#define TX_OPS_MAX 20000	    /* of one transaction */

struct tx_op {
	enum object_type type;
	void *object;	 /* put: one reference, the tx's; NULL: delete */
	const char *id;	 /* the object's; owned by the tx for a delete */
	uint64_t expect; /* version index, or one of TX_* */
};

struct tx {
	struct tx_op *ops;
	size_t count;
	size_t cap;
	int64_t wall_ns; /* becomes CreatedAt/UpdatedAt */
};

void tx_fini(struct tx *tx);
/* Takes over the caller's reference to object. */
void tx_put(struct tx *tx, void *object, uint64_t expect);
void tx_delete(struct tx *tx, enum object_type type, const char *id,
	       uint64_t expect);
void tx_pack(const struct tx *tx, struct buf *out);
int tx_unpack(const void *p, size_t len, struct tx *ret, struct err *e);

/* ---- tables ------------------------------------------------------------- */

/* What one applied operation did: NULL before: made; NULL after: deleted. */
struct change {
	enum object_type type;
	void *before; /* one reference each, the list's */
	void *after;
};
struct changes {
	struct change *v;
	size_t count;
	size_t cap;
};
void changes_fini(struct changes *c);

struct state;

struct state *state_new(uint64_t hash_seed);
void state_free(struct state *s); /* NULL is fine */

/*
 * Apply tx as the entry at index: objects get Version.Index = index, a new
 * one CreatedAt and each UpdatedAt = tx->wall_ns. Appends to changes. Fails
 * (-ESTALE, -EEXIST, -ENOENT; nothing is changed) when an expectation does
 * not hold or a name would be taken twice (service names, network names;
 * without case): "name conflicts with an existing object: service web
 * already exists", "update out of sequence".
 * Expectations are held against the tables as they are before tx; then its
 * operations are done in order, so a delete frees a name for a put after it,
 * and of two puts of one object the later one stays.
 * The objects in tx are taken over by the tables (shared references).
 */
int state_apply(struct state *s, struct tx *tx, uint64_t index,
		struct changes *changes, struct err *e);

/* Put one object as it was stored, at start; takes the reference. */
void state_load(struct state *s, void *object);

/* By id; NULL: not there. */
const void *state_get(const struct state *s, enum object_type type,
		      const char *id);
const struct service *state_service_named(const struct state *s,
					  const char *name); /* no case */
const struct network *state_network_named(const struct state *s,
					  const char *name);
const struct cluster *state_cluster(const struct state *s); /* the one */

/* All objects of a type, by id; receipts by age, the oldest first. */
size_t state_count(const struct state *s, enum object_type type);
const void *state_at(const struct state *s, enum object_type type, size_t i);

/* Tasks by what they belong to: a service's by slot, then id; a node's by
 * id. Those of one slot are a part of their service's (a global service has
 * all in slot 0). */
struct task_span {
	const struct task *const *v;
	size_t count;
};
struct task_span state_tasks_of_service(const struct state *s,
					const char *service_id);
struct task_span state_tasks_of_slot(const struct state *s,
				     const char *service_id, uint64_t slot);
struct task_span state_tasks_of_node(const struct state *s,
				     const char *node_id);

#endif
