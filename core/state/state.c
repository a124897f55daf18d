/*
 * state.c - see state.h: the tables, what is asked of them, and applying.
 *
 * A transaction's expectations are held against the tables as they are
 * before it; then its operations are done one by one, and undone if a name
 * turns out to be taken.
 */
#include "core/state/state.h"

#include <errno.h>
#include <string.h>

#include "core/base/check.h"
#include "core/base/mem.h"
#include "core/base/str.h"
#include "core/state/state_impl.h"

static bool
is_type(int type)
{
	return type >= OBJECT_CLUSTER && type < OBJECT_TYPE_COUNT;
}

struct state *
state_new(uint64_t hash_seed)
{
	struct state *s = mem_new(sizeof(*s));

	for (int t = OBJECT_CLUSTER; t < OBJECT_TYPE_COUNT; t++) {
		s->by_id[t].cmp = index_by_id;
		map_init(&s->ids[t], hash_seed);
	}
	s->by_id[OBJECT_RECEIPT].cmp = index_by_age;
	s->service_names.cmp = index_by_service_name;
	s->network_names.cmp = index_by_network_name;
	s->service_tasks.cmp = index_by_service;
	s->node_tasks.cmp = index_by_node;
	return s;
}

void
state_free(struct state *s)
{
	if (s == NULL)
		return;
	index_fini(&s->service_names);
	index_fini(&s->network_names);
	index_fini(&s->service_tasks);
	index_fini(&s->node_tasks);
	for (int t = OBJECT_CLUSTER; t < OBJECT_TYPE_COUNT; t++) {
		map_fini(&s->ids[t]);
		for (size_t i = 0; i < s->by_id[t].count; i++)
			object_unref(s->by_id[t].v[i]);
		index_fini(&s->by_id[t]);
	}
	mem_free(s);
}

/* ---- one change ---------------------------------------------------------- */

static void
change_indexes(struct state *s, enum object_type type, const void *before,
	       const void *after)
{
	switch (type) {
	case OBJECT_SERVICE:
		index_change(&s->service_names, before, after);
		return;
	case OBJECT_NETWORK:
		index_change(&s->network_names, before, after);
		return;
	case OBJECT_TASK:
		index_change(&s->service_tasks, before, after);
		index_change(&s->node_tasks, before, after);
		return;
	case OBJECT_CLUSTER:
	case OBJECT_NODE:
	case OBJECT_RECEIPT:
	case OBJECT_TYPE_COUNT:
		return;
	}
}

/* One reference of after becomes the table's, that of before the caller's. */
static void
replace(struct state *s, enum object_type type, void *before, void *after)
{
	const struct object *old = before, *new = after;

	check(old != NULL || new != NULL);
	check(old == NULL || new == NULL || strcmp(old->id, new->id) == 0);
	index_change(&s->by_id[type], before, after);
	change_indexes(s, type, before, after);
	if (old != NULL)
		check(map_del(&s->ids[type], old->id) == before);
	if (new != NULL)
		check(map_put(&s->ids[type], new->id, after) == NULL);
}

void
state_load(struct state *s, void *object)
{
	struct object *o = object;

	check(is_type(o->type));
	check(state_get(s, o->type, o->id) == NULL);
	replace(s, o->type, NULL, object);
}

/* ---- expectations ---------------------------------------------------------
 */

static const char *
op_id(const struct tx_op *op)
{
	const struct object *o = op->object;

	return o != NULL ? o->id : op->id;
}

static int
check_expectation(const struct state *s, const struct tx_op *op, struct err *e)
{
	const struct object *now = state_get(s, op->type, op_id(op));
	const char *word = object_type_name(op->type);

	if (op->expect == TX_ANY)
		return 0;
	if (op->expect == TX_ABSENT && now != NULL)
		return err_set(e, -EEXIST,
			       "name conflicts with an existing object: "
			       "%s %s already exists",
			       word, op_id(op));
	if (op->expect == TX_ABSENT)
		return 0;
	if (now == NULL)
		return err_set(e, -ENOENT, "%s %s not found", word, op_id(op));
	if (op->expect == TX_PRESENT)
		return 0;
	if (now->version.index != op->expect)
		return err_set(e, -ESTALE, "update out of sequence");
	return 0;
}

/* The name an object must not share with another one; NULL: none. */
static int
check_name(const struct state *s, const struct tx_op *op, struct err *e)
{
	const struct object *holder = NULL;
	const char *name = NULL;

	if (op->object == NULL)
		return 0;
	if (op->type == OBJECT_SERVICE) {
		name = ((const struct service *)op->object)->spec.name;
		holder = (const void *)state_service_named(s, name);
	} else if (op->type == OBJECT_NETWORK) {
		name = ((const struct network *)op->object)->name;
		holder = (const void *)state_network_named(s, name);
	}
	if (holder == NULL || strcmp(holder->id, op_id(op)) == 0)
		return 0;
	return err_set(e, -EEXIST,
		       "name conflicts with an existing object: "
		       "%s %s already exists",
		       object_type_name(op->type), name);
}

/* ---- applying ------------------------------------------------------------ */

static void
stamp(struct object *o, const struct object *before, uint64_t index,
      int64_t wall_ns)
{
	o->version.index = index;
	o->updated_at = wall_ns;
	o->created_at = before != NULL ? before->created_at : wall_ns;
	o->made = before != NULL ? before->made : index;
}

static void
note_change(struct changes *c, enum object_type type, void *before, void *after)
{
	c->v = mem_grow(c->v, c->count, &c->cap, sizeof(*c->v));
	c->v[c->count++] = (struct change){ type, before, after };
}

static void
apply_op(struct state *s, const struct tx_op *op, struct changes *changes)
{
	void *before = map_get(&s->ids[op->type], op_id(op));
	void *after = op->object != NULL ? object_ref(op->object) : NULL;

	if (before == after) {
		object_unref(after);
		return;
	}
	replace(s, op->type, before, after);
	note_change(changes, op->type, before,
		    after != NULL ? object_ref(after) : NULL);
}

/* Back to how it was, newest change first. */
static void
undo(struct state *s, struct changes *changes, size_t from)
{
	while (changes->count > from) {
		struct change *c = &changes->v[--changes->count];

		replace(s, c->type, c->after, c->before);
		if (c->after != NULL) {
			object_unref(c->after); /* the table's */
			object_unref(c->after); /* the list's */
		}
	}
}

int
state_apply(struct state *s, struct tx *tx, uint64_t index,
	    struct changes *changes, struct err *e)
{
	size_t from = changes->count;
	int r;

	for (size_t i = 0; i < tx->count; i++) {
		r = check_expectation(s, &tx->ops[i], e);
		if (r < 0)
			return r;
	}
	for (size_t i = 0; i < tx->count; i++) {
		const struct tx_op *op = &tx->ops[i];

		r = check_name(s, op, e);
		if (r < 0) {
			undo(s, changes, from);
			return r;
		}
		if (op->object != NULL)
			stamp(op->object, state_get(s, op->type, op_id(op)),
			      index, tx->wall_ns);
		apply_op(s, op, changes);
	}
	return 0;
}

void
changes_fini(struct changes *c)
{
	for (size_t i = 0; i < c->count; i++) {
		object_unref(c->v[i].before);
		object_unref(c->v[i].after);
	}
	mem_free(c->v);
	*c = (struct changes){ 0 };
}

/* ---- questions ------------------------------------------------------------
 */

const void *
state_get(const struct state *s, enum object_type type, const char *id)
{
	if (id == NULL)
		return NULL;
	return map_get(&s->ids[type], id);
}

const struct service *
state_service_named(const struct state *s, const char *name)
{
	struct service probe = { .head.id = "", .spec.name = name };
	size_t at = index_find(&s->service_names, &probe);
	const struct service *found;

	if (at == s->service_names.count)
		return NULL;
	found = s->service_names.v[at];
	return str_cmp_nocase(str_or(found->spec.name, ""), str_or(name, ""))
		       ? NULL
		       : found;
}

const struct network *
state_network_named(const struct state *s, const char *name)
{
	struct network probe = { .head.id = "", .name = name };
	size_t at = index_find(&s->network_names, &probe);
	const struct network *found;

	if (at == s->network_names.count)
		return NULL;
	found = s->network_names.v[at];
	return str_cmp_nocase(str_or(found->name, ""), str_or(name, ""))
		       ? NULL
		       : found;
}

const struct cluster *
state_cluster(const struct state *s)
{
	if (s->by_id[OBJECT_CLUSTER].count == 0)
		return NULL;
	return s->by_id[OBJECT_CLUSTER].v[0];
}

size_t
state_count(const struct state *s, enum object_type type)
{
	return s->by_id[type].count;
}

const void *
state_at(const struct state *s, enum object_type type, size_t i)
{
	check(i < s->by_id[type].count);
	return s->by_id[type].v[i];
}

/* All that sort between probe (with an empty id) and the end of its key. */
static struct task_span
span(const struct index *x, const struct task *probe,
     const char *(*key)(const struct task *), const char *want)
{
	size_t first = index_find(x, probe), end = first;

	while (end < x->count && str_eq(key(x->v[end]), want))
		end++;
	return (struct task_span){ (const struct task *const *)(x->v + first),
				   end - first };
}

static const char *
service_of(const struct task *t)
{
	return t->service_id;
}

static const char *
node_of(const struct task *t)
{
	return t->node_id;
}

struct task_span
state_tasks_of_service(const struct state *s, const char *service_id)
{
	struct task probe = { .head.id = "", .service_id = service_id };

	return span(&s->service_tasks, &probe, service_of, service_id);
}

struct task_span
state_tasks_of_slot(const struct state *s, const char *service_id,
		    uint64_t slot)
{
	const struct index *x = &s->service_tasks;
	struct task probe = { .head.id = "",
			      .service_id = service_id,
			      .slot = slot };
	size_t first = index_find(x, &probe), end = first;

	while (end < x->count) {
		const struct task *t = x->v[end];

		if (t->slot != slot || !str_eq(t->service_id, service_id))
			break;
		end++;
	}
	return (struct task_span){ (const struct task *const *)(x->v + first),
				   end - first };
}

struct task_span
state_tasks_of_node(const struct state *s, const char *node_id)
{
	struct task probe = { .head.id = "", .node_id = node_id };

	return span(&s->node_tasks, &probe, node_of, node_id);
}
