/* receipt_test.c - receipts: put, found, refused for others, pruned. */
#include "core/manager/receipt.h"

#include <errno.h>

#include "test/t.h"

static struct state *state;
static uint64_t at_index;

static int
put(const struct request *r, int status, const char *body, int64_t wall_ns)
{
	struct tx tx = { .wall_ns = wall_ns };
	struct changes changes = { 0 };
	struct err e;
	int code;

	receipt_put(&tx, r, status, body, strlen(body));
	code = state_apply(state, &tx, ++at_index, &changes, &e);
	changes_fini(&changes);
	tx_fini(&tx);
	return code;
}

static uint64_t old_index = UINT64_MAX;

static size_t
prune(int64_t wall_ns)
{
	struct now now = { 1, wall_ns };
	struct tx tx = { .wall_ns = wall_ns };
	struct changes changes = { 0 };
	struct err e;
	size_t count;

	receipt_prune(state, now, old_index, &tx);
	count = tx.count;
	OK(count <= RECEIPTS_PRUNE_MAX);
	if (count > 0)
		EQ(state_apply(state, &tx, ++at_index, &changes, &e), 0);
	changes_fini(&changes);
	tx_fini(&tx);
	return count;
}

T(one_key_has_one_receipt_and_it_is_of_one_request)
{
	struct request r = { .op = OP_SERVICE_CREATE,
			     .target = "",
			     .body = "{1}",
			     .body_len = 3,
			     .key = "k-1" };
	struct request other = r;
	const struct receipt *o;

	state = state_new(1);
	OK(receipt_find(state, &r) == NULL);
	EQ(put(&r, 201, "{\"ID\":1}", 5), 0);
	EQ(put(&r, 201, "{\"ID\":2}", 6), -EEXIST);
	o = receipt_find(state, &r);
	EQ(o->status, 201);
	EQ(o->body.len, 8);
	OK(memcmp(o->body.p, "{\"ID\":1}", 8) == 0);
	OK(receipt_is_of(o, &r));
	other.body = "{2}";
	OK(!receipt_is_of(o, &other));
	other = r;
	other.op = OP_SERVICE_REMOVE;
	OK(!receipt_is_of(o, &other));
	state_free(state);
}

static void
put_many(size_t count, int64_t wall_ns)
{
	static unsigned number;

	for (size_t i = 0; i < count; i++) {
		char key[32];
		struct request r = { .op = OP_SERVICE_CREATE, .key = key };

		snprintf(key, sizeof(key), "k%u", (number++ * 7919) % 1000003);
		EQ(put(&r, 200, "", wall_ns), 0);
	}
}

T(receipts_go_when_they_are_old_and_the_oldest_when_there_are_many)
{
	int64_t t = 1000 * NS_PER_S;

	state = state_new(1);
	put_many(10, t);
	put_many(5, t + NS_PER_S);
	EQ(prune(t + RECEIPT_KEEP_NS - 1), 0);
	EQ(prune(t + RECEIPT_KEEP_NS), 10);
	EQ(prune(t + RECEIPT_KEEP_NS + NS_PER_S), 5);
	t += 2000 * NS_PER_S;
	put_many(100, t);
	put_many(RECEIPTS_MAX, t + NS_PER_S);
	/* each may still be asked again */
	EQ(prune(t + RECEIPT_LEAST_NS - 1), 0);
	EQ(prune(t + RECEIPT_LEAST_NS), 100);
	EQ(prune(t + RECEIPT_LEAST_NS + NS_PER_S), 0);
	EQ(state_count(state, OBJECT_RECEIPT), RECEIPTS_MAX);
	for (size_t i = 0; i < RECEIPTS_MAX; i++) {
		const struct receipt *o = state_at(state, OBJECT_RECEIPT, i);

		EQ(o->head.created_at, t + NS_PER_S);
	}
	state_free(state);
}

T(what_is_younger_than_its_clock_says_stays)
{
	int64_t t = 1000 * NS_PER_S;

	state = state_new(1);
	put_many(3, t);
	old_index = at_index - 1;
	EQ(prune(t + RECEIPT_KEEP_NS), 2);
	old_index = UINT64_MAX;
	EQ(prune(t + RECEIPT_KEEP_NS), 1);
	state_free(state);
}

T(the_order_of_the_query_is_nothing)
{
	struct kv v[] = { { "version", "1" }, { "rollback", "previous" } };
	struct kv sorted[] = { { "rollback", "previous" }, { "version", "1" } };
	struct request r = { .op = OP_SERVICE_UPDATE,
			     .target = "web",
			     .query = { v, 2 },
			     .key = "k-1" };

	state = state_new(1);
	EQ(put(&r, 200, "", 1), 0);
	r.query.v = sorted;
	OK(receipt_is_of(receipt_find(state, &r), &r));
	sorted[1].value = "2";
	OK(!receipt_is_of(receipt_find(state, &r), &r));
	state_free(state);
}

T(more_than_can_be_kept_go_whatever_their_age)
{
	int64_t t = 1000 * NS_PER_S;

	state = state_new(1);
	put_many(RECEIPTS_TOO_MANY, t);
	EQ(prune(t), 0);
	put_many(1, t + 1);
	EQ(prune(t + 1), RECEIPTS_PRUNE_MAX);
	state_free(state);
}
