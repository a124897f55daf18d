/* state_test.c - the tables by rule, then against a naive model. */
#include "core/state/state.h"

#include <errno.h>
#include <string.h>

#include "core/base/arena.h"
#include "core/base/mem.h"
#include "core/base/rand.h"
#include "core/base/str.h"
#include "test/t.h"

static void *
service(const char *id, const char *name)
{
	struct service *s = object_new(OBJECT_SERVICE);

	s->head.id = arena_strdup(object_arena(s), id);
	s->spec.name = arena_strdup(object_arena(s), name);
	return s;
}

static void *
task(const char *id, const char *service_id, const char *node_id)
{
	struct task *t = object_new(OBJECT_TASK);

	t->head.id = arena_strdup(object_arena(t), id);
	t->service_id = arena_strdup(object_arena(t), service_id);
	t->node_id = arena_strdup(object_arena(t), node_id);
	return t;
}

static int
apply(struct state *s, struct tx *tx, uint64_t index, size_t *ret_changes)
{
	struct changes c = { 0 };
	struct err e;
	int r = state_apply(s, tx, index, &c, &e);

	if (ret_changes != NULL)
		*ret_changes = c.count;
	changes_fini(&c);
	tx_fini(tx);
	return r;
}

static int
put(struct state *s, void *object, uint64_t expect, uint64_t index)
{
	struct tx tx = { .wall_ns = (int64_t)index * 10 };

	tx_put(&tx, object, expect);
	return apply(s, &tx, index, NULL);
}

static int delete (struct state *s, enum object_type type, const char *id,
		   uint64_t expect, uint64_t index)
{
	struct tx tx = { 0 };

	tx_delete(&tx, type, id, expect);
	return apply(s, &tx, index, NULL);
}

T(a_put_stamps_its_version_and_times)
{
	struct state *s = state_new(1);
	const struct service *got;

	EQ(put(s, service("a", "web"), TX_ABSENT, 5), 0);
	got = state_get(s, OBJECT_SERVICE, "a");
	EQ(got->head.version.index, 5);
	EQ(got->head.created_at, 50);
	EQ(got->head.updated_at, 50);
	EQ(put(s, service("a", "web"), 5, 7), 0);
	got = state_get(s, OBJECT_SERVICE, "a");
	EQ(got->head.version.index, 7);
	EQ(got->head.created_at, 50);
	EQ(got->head.updated_at, 70);
	state_free(s);
}

T(expectations_that_do_not_hold_change_nothing)
{
	static const struct {
		const char *name, *id;
		uint64_t expect;
		bool is_delete;
		int want;
	} rows[] = {
		{ "absent, but there", "a", TX_ABSENT, false, -EEXIST },
		{ "an older version", "a", 4, false, -ESTALE },
		{ "a version of what is not there", "b", 5, false, -ENOENT },
		{ "delete of an older version", "a", 4, true, -ESTALE },
		{ "delete of what is not there", "b", 5, true, -ENOENT },
		{ "delete of anything, not there", "b", TX_ANY, true, 0 },
		{ "any version", "a", TX_ANY, false, 0 },
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct state *s = state_new(1);
		struct tx tx = { 0 };

		T_ROW(rows[i].name);
		EQ(put(s, service("a", "web"), TX_ABSENT, 5), 0);
		tx_put(&tx, service("other", "other"), TX_ABSENT);
		if (rows[i].is_delete)
			tx_delete(&tx, OBJECT_SERVICE, rows[i].id,
				  rows[i].expect);
		else
			tx_put(&tx, service(rows[i].id, "web"), rows[i].expect);
		EQ(apply(s, &tx, 6, NULL), rows[i].want);
		EQ(state_get(s, OBJECT_SERVICE, "other") != NULL,
		   rows[i].want == 0);
		state_free(s);
	}
}

T(a_name_is_taken_once_whatever_its_case)
{
	struct state *s = state_new(1);
	struct tx tx = { 0 };
	size_t changes = 9;

	EQ(put(s, service("a", "Web"), TX_ABSENT, 1), 0);
	EQ(put(s, service("b", "weB"), TX_ABSENT, 2), -EEXIST);
	EQ(state_count(s, OBJECT_SERVICE), 1);
	OK(state_service_named(s, "WEB") == state_get(s, OBJECT_SERVICE, "a"));
	OK(state_service_named(s, "we") == NULL);
	OK(state_service_named(s, "webb") == NULL);
	/* what was done before the conflict is undone */
	tx_delete(&tx, OBJECT_SERVICE, "a", 1);
	tx_put(&tx, service("c", "new"), TX_ABSENT);
	tx_put(&tx, service("d", "NEW"), TX_ABSENT);
	EQ(apply(s, &tx, 3, &changes), -EEXIST);
	EQ(changes, 0);
	EQ(state_count(s, OBJECT_SERVICE), 1);
	OK(state_service_named(s, "web") != NULL);
	/* a delete frees the name for what comes after it */
	tx_delete(&tx, OBJECT_SERVICE, "a", 1);
	tx_put(&tx, service("e", "web"), TX_ABSENT);
	EQ(apply(s, &tx, 4, &changes), 0);
	EQ(changes, 2);
	EQ_STR(state_service_named(s, "web")->head.id, "e");
	/* its own name is no conflict, and another one moves the index */
	EQ(put(s, service("e", "WEB"), 4, 5), 0);
	EQ(put(s, service("e", "api"), 5, 6), 0);
	OK(state_service_named(s, "web") == NULL);
	OK(state_service_named(s, "API") != NULL);
	state_free(s);
}

T(tasks_are_found_by_service_and_by_node)
{
	struct state *s = state_new(1);
	struct task_span span;

	EQ(put(s, task("t2", "s1", "n1"), TX_ABSENT, 1), 0);
	EQ(put(s, task("t1", "s1", ""), TX_ABSENT, 2), 0);
	EQ(put(s, task("t3", "s10", "n1"), TX_ABSENT, 3), 0);
	span = state_tasks_of_service(s, "s1");
	EQ(span.count, 2);
	EQ_STR(span.v[0]->head.id, "t1");
	EQ_STR(span.v[1]->head.id, "t2");
	EQ(state_tasks_of_service(s, "s").count, 0);
	EQ(state_tasks_of_node(s, "n1").count, 2);
	EQ(put(s, task("t1", "s1", "n1"), 2, 4), 0);
	EQ(state_tasks_of_node(s, "n1").count, 3);
	EQ(delete (s, OBJECT_TASK, "t2", 1, 5), 0);
	EQ(state_tasks_of_node(s, "n1").count, 2);
	EQ(state_tasks_of_service(s, "s1").count, 1);
	state_free(s);
}

static struct task *
in_slot(struct task *t, uint64_t slot)
{
	t->slot = slot;
	return t;
}

T(tasks_are_found_by_slot)
{
	struct state *s = state_new(1);
	struct task_span span;

	EQ(state_tasks_of_slot(s, "s1", 1).count, 0);
	EQ(put(s, in_slot(task("t3", "s1", "n1"), 1), TX_ABSENT, 1), 0);
	EQ(put(s, in_slot(task("t1", "s1", "n1"), 2), TX_ABSENT, 2), 0);
	EQ(put(s, in_slot(task("t2", "s1", "n1"), 1), TX_ABSENT, 3), 0);
	EQ(put(s, in_slot(task("t4", "s2", "n1"), 1), TX_ABSENT, 4), 0);
	EQ(put(s, in_slot(task("t5", "s1", "n1"), UINT64_MAX), TX_ABSENT, 5),
	   0);
	span = state_tasks_of_slot(s, "s1", 1);
	EQ(span.count, 2);
	EQ_STR(span.v[0]->head.id, "t2");
	EQ_STR(span.v[1]->head.id, "t3");
	EQ(state_tasks_of_slot(s, "s1", 2).count, 1);
	EQ(state_tasks_of_slot(s, "s1", 3).count, 0);
	EQ(state_tasks_of_slot(s, "s1", UINT64_MAX).count, 1);
	EQ(state_tasks_of_service(s, "s1").count, 4);
	state_free(s);
}

static void *
receipt(unsigned key)
{
	struct receipt *o = object_new(OBJECT_RECEIPT);

	o->head.id = arena_printf(object_arena(o), "%08x", key);
	return o;
}

/* Their keys are random, and they come and go as in a queue, or anywhere. */
T(receipts_are_kept_by_age)
{
	struct state *s = state_new(1);
	uint64_t rand = 1, made[600];
	size_t count = 0;

	for (uint64_t index = 1; index < 4000; index++) {
		uint64_t r = rand_next(&rand);
		size_t at = r % 8 == 0 ? rand_next(&rand) % (count + 1) : 0;
		bool grows = index % 1000 < 600;

		if (at < count && (!grows || r % 3 == 0)) {
			const struct object *o =
				state_at(s, OBJECT_RECEIPT, at);

			EQ(o->made, made[at]);
			EQ(delete (s, OBJECT_RECEIPT, o->id, TX_ANY, index), 0);
			count--;
			memmove(made + at, made + at + 1,
				(count - at) * sizeof(*made));
		} else if (count < ARRAY_LEN(made)) {
			EQ(put(s, receipt((unsigned)r), TX_ABSENT, index), 0);
			made[count++] = index;
		}
		EQ(state_count(s, OBJECT_RECEIPT), count);
		for (size_t i = 0; i < count; i++) {
			const struct object *o = state_at(s, OBJECT_RECEIPT, i);

			EQ(o->made, made[i]);
			OK(state_get(s, OBJECT_RECEIPT, o->id) == o);
		}
	}
	state_free(s);
}

T(a_transaction_survives_the_log)
{
	struct tx tx = { .wall_ns = -5 }, back = { 0 };
	struct buf packed = { 0 };
	struct err e;

	tx_put(&tx, service("a", "web"), TX_ABSENT);
	tx_delete(&tx, OBJECT_TASK, "t1", TX_ANY);
	tx_put(&tx, task("t2", "a", "n"), 77);
	tx_pack(&tx, &packed);
	EQ(tx_unpack(packed.p, packed.len, &back, &e), 0);
	EQ(back.count, 3);
	EQ(back.wall_ns, -5);
	EQ(back.ops[0].expect, TX_ABSENT);
	OK(model_equal(&service_type, tx.ops[0].object, back.ops[0].object));
	OK(back.ops[1].object == NULL);
	EQ(back.ops[1].type, OBJECT_TASK);
	EQ_STR(back.ops[1].id, "t1");
	OK(back.ops[1].expect == TX_ANY);
	EQ(back.ops[2].expect, 77);
	tx_fini(&back);
	/* cut anywhere, it is refused */
	for (size_t len = 0; len < packed.len; len++)
		OK(tx_unpack(packed.p, len, &back, &e) < 0);
	tx_fini(&tx);
	buf_fini(&packed);
}

/* ---- random operations against a list
 * ------------------------------------------- */

#define MODEL_MAX 40

struct row {
	bool there;
	int name;
	uint64_t version;
};

static bool
name_is_taken(const struct row *rows, int name, int but)
{
	for (int i = 0; i < MODEL_MAX; i++)
		if (rows[i].there && i != but && rows[i].name == name)
			return true;
	return false;
}

/* One operation on the model; false if the whole must fail. */
static bool
model_op(struct row *now, const struct row *before, uint64_t *rnd,
	 uint64_t index, struct tx *tx)
{
	int i = (int)(rand_next(rnd) % MODEL_MAX);
	int name = (int)(rand_next(rnd) % 50);
	uint64_t dice = rand_next(rnd) % 10;
	uint64_t expect = before[i].there ? before[i].version : TX_ABSENT;
	char id[16], text[16];
	bool fine = true;

	if (dice == 0) { /* a wrong expectation */
		expect = before[i].there ? before[i].version + 1 : 12345;
		fine = false;
	}
	snprintf(id, sizeof(id), "id%02d", i);
	snprintf(text, sizeof(text), rand_next(rnd) % 2 ? "NAME%d" : "name%d",
		 name);
	if (dice < 3 && before[i].there) {
		tx_delete(tx, OBJECT_SERVICE, id, expect);
		now[i].there = false;
		return fine;
	}
	tx_put(tx, service(id, text), expect);
	fine = fine && !name_is_taken(now, name, i);
	now[i] = (struct row){ true, name, index };
	return fine;
}

static void
compare(const struct state *s, const struct row *rows)
{
	size_t count = 0;
	char id[16], name[16];

	for (int i = 0; i < MODEL_MAX; i++) {
		const struct service *got;

		snprintf(id, sizeof(id), "id%02d", i);
		got = state_get(s, OBJECT_SERVICE, id);
		EQ(got != NULL, rows[i].there);
		if (got == NULL)
			continue;
		snprintf(name, sizeof(name), "name%d", rows[i].name);
		EQ(got->head.version.index, rows[i].version);
		OK(state_service_named(s, name) == got);
		OK(state_at(s, OBJECT_SERVICE, count) == (const void *)got);
		count++;
	}
	EQ(state_count(s, OBJECT_SERVICE), count);
}

T(random_transactions_do_what_a_naive_model_does)
{
	uint64_t rnd = 99, refused = 0;
	struct row rows[MODEL_MAX] = { 0 };
	struct state *s = state_new(3);

	for (uint64_t index = 1; index < 4000; index++) {
		struct row next[MODEL_MAX];
		struct tx tx = { 0 };
		bool fine = true;

		memcpy(next, rows, sizeof(rows));
		for (uint64_t n = rand_next(&rnd) % 4; n > 0; n--)
			fine = model_op(next, rows, &rnd, index, &tx) && fine;
		EQ(apply(s, &tx, index, NULL) == 0, fine);
		if (fine)
			memcpy(rows, next, sizeof(rows));
		refused += !fine;
		compare(s, rows);
	}
	OK(refused > 100 && refused < 3900);
	state_free(s);
}
