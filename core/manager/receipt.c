/* receipt.c - see receipt.h. */
#include "core/manager/receipt.h"

#include <string.h>

#include "core/base/check.h"
#include "core/base/str.h"

#define LOOK_MS 10000
#define LOOK_SOON_MS 50

/* ---- what was asked ------------------------------------------------------ */

#define HASH_BEGIN UINT64_C(0xcbf29ce484222325)

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

/* In whatever order: what was handed on from one manager to another comes
 * sorted. */
static uint64_t
hash_query(const struct kvs *query)
{
	uint64_t sum = 0;

	for (uint32_t i = 0; i < query->count; i++)
		sum += hash_text(hash_text(HASH_BEGIN, query->v[i].key),
				 query->v[i].value);
	return sum;
}

static uint64_t
hash_request(const struct request *r)
{
	uint64_t parts[] = { (uint64_t)r->op, hash_query(&r->query) };
	uint64_t h = hash(HASH_BEGIN, parts, sizeof(parts));

	h = hash_text(h, r->target);
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

/* Of the oldest, those that are not younger. Clocks jump: one that says that
 * it is young keeps those behind it, too, until it is old. */
static size_t
count_older(const struct state *s, int64_t than_ns, uint64_t than_index)
{
	size_t count =
		min_u64(state_count(s, OBJECT_RECEIPT), RECEIPTS_PRUNE_MAX);

	for (size_t i = 0; i < count; i++) {
		const struct receipt *o = state_at(s, OBJECT_RECEIPT, i);

		if (o->head.created_at > than_ns || o->head.made > than_index)
			return i;
	}
	return count;
}

static size_t
count_to_go(const struct state *s, struct now now, uint64_t old_index)
{
	size_t count = state_count(s, OBJECT_RECEIPT), go, may;

	go = count_older(s, now.wall_ns - RECEIPT_KEEP_NS, old_index);
	if (count <= RECEIPTS_MAX)
		return go;
	if (count > RECEIPTS_TOO_MANY)
		may = RECEIPTS_PRUNE_MAX;
	else
		may = count_older(s, now.wall_ns - RECEIPT_LEAST_NS,
				  UINT64_MAX);
	return max_u64(go, min_u64(may, count - RECEIPTS_MAX));
}

uint64_t
receipt_wait_ms(const struct state *s)
{
	size_t count = state_count(s, OBJECT_RECEIPT);

	if (count > RECEIPTS_TOO_MANY)
		return 0;
	return count > RECEIPTS_MAX ? LOOK_SOON_MS : LOOK_MS;
}

void
receipt_prune(const struct state *s, struct now now, uint64_t old_index,
	      struct tx *tx)
{
	size_t go = count_to_go(s, now, old_index);

	for (size_t i = 0; i < go; i++) {
		const struct receipt *o = state_at(s, OBJECT_RECEIPT, i);

		tx_delete(tx, OBJECT_RECEIPT, o->head.id, TX_ANY);
	}
}
