/* receipt.c - see receipt.h. */
#include "core/manager/receipt.h"

#include <stdlib.h>
#include <string.h>

#include "core/base/check.h"
#include "core/base/mem.h"
#include "core/base/str.h"

#define LOOK_MS 10000
#define LOOK_SOON_MS 250

/* ---- what was asked ------------------------------------------------------ */

/* FNV-1a: it guards against a mistake, not against somebody. */
static uint64_t
hash(uint64_t h, const void *p, size_t len)
{
	const uint8_t *b = p;

	for (size_t i = 0; i < len; i++)
		h = (h ^ b[i]) * UINT64_C(0x100000001b3);
	return h;
}

static uint64_t
hash_text(uint64_t h, const char *s)
{
	s = str_or(s, "");
	return hash(h, s, strlen(s) + 1);
}

static uint64_t
hash_request(const struct request *r)
{
	uint64_t op = (uint64_t)r->op;
	uint64_t h = hash(UINT64_C(0xcbf29ce484222325), &op, sizeof(op));

	h = hash_text(h, r->target);
	for (uint32_t i = 0; i < r->query.count; i++) {
		h = hash_text(h, r->query.v[i].key);
		h = hash_text(h, r->query.v[i].value);
	}
	return r->body != NULL ? hash(h, r->body, r->body_len) : h;
}

const struct receipt *
receipt_find(const struct state *s, const struct request *r)
{
	check(!str_empty(r->key));
	return state_get(s, OBJECT_RECEIPT, r->key);
}

bool
receipt_is_of(const struct receipt *receipt, const struct request *r)
{
	return receipt->request == hash_request(r);
}

void
receipt_put(struct tx *tx, const struct request *r, int status,
	    const void *body, size_t len)
{
	struct receipt *o = object_new(OBJECT_RECEIPT);
	struct arena *a = object_arena(o);

	check(!str_empty(r->key) && status >= 200 && status < 300);
	o->head.id = arena_strdup(a, r->key);
	o->request = hash_request(r);
	o->status = (uint64_t)status;
	if (len > 0)
		o->body = (struct bytes){ arena_dup(a, body, len), len };
	tx_put(tx, o, TX_ABSENT);
}

/* ---- pruning ------------------------------------------------------------- */

static size_t
count_older(const struct state *s, int64_t than_ns)
{
	size_t count = 0;

	for (size_t i = 0; i < state_count(s, OBJECT_RECEIPT); i++) {
		const struct receipt *o = state_at(s, OBJECT_RECEIPT, i);

		count += o->head.created_at <= than_ns;
	}
	return count;
}

static size_t
count_to_go(const struct state *s, struct now now)
{
	size_t count = state_count(s, OBJECT_RECEIPT), go, may;

	go = count_older(s, now.wall_ns - RECEIPT_KEEP_NS);
	if (count <= RECEIPTS_MAX)
		return go;
	if (count > RECEIPTS_TOO_MANY)
		may = count;
	else
		may = count_older(s, now.wall_ns - RECEIPT_LEAST_NS);
	return max_u64(go, min_u64(may, count - RECEIPTS_MAX));
}

uint64_t
receipt_wait_ms(const struct state *s)
{
	return state_count(s, OBJECT_RECEIPT) > RECEIPTS_MAX ? LOOK_SOON_MS
							     : LOOK_MS;
}

static int
by_age(const void *x, const void *y)
{
	const struct receipt *a = *(const struct receipt *const *)x;
	const struct receipt *b = *(const struct receipt *const *)y;

	if (a->head.created_at != b->head.created_at)
		return a->head.created_at < b->head.created_at ? -1 : 1;
	return strcmp(a->head.id, b->head.id);
}

void
receipt_prune(const struct state *s, struct now now, struct tx *tx)
{
	size_t count = state_count(s, OBJECT_RECEIPT);
	size_t go = min_u64(count_to_go(s, now), RECEIPTS_PRUNE_MAX);
	const struct receipt **v;

	if (go == 0)
		return;
	v = mem_new_array(count, sizeof(*v));
	for (size_t i = 0; i < count; i++)
		v[i] = state_at(s, OBJECT_RECEIPT, i);
	qsort(v, count, sizeof(*v), by_age);
	for (size_t i = 0; i < go; i++)
		tx_delete(tx, OBJECT_RECEIPT, v[i]->head.id, TX_ANY);
	mem_free(v);
}
