/*
 * write.c - batches on the disk; the writer's. All that wait are one record
 * of the tail: one write, one flush. What its records leave of one another is
 * kept in memory as well, and put into the tables in one transaction when the
 * tail is nearly full; then it begins anew. Batches that are too large for it
 * take that way at once.
 */
#include <errno.h>
#include <string.h>
#include <time.h>

#include "core/base/check.h"
#include "core/base/mem.h"
#include "store/store_impl.h"

#define GROW_WITHIN_MS 10000 /* filled so soon, it was too small */

struct tail_place {
	uint8_t key[8];
	struct record_place place;
};

static void
place_init(struct tail_place *p, uint64_t seq)
{
	record_index_key(seq, p->key);
	p->place = (struct record_place){ 't', p->key, sizeof(p->key) };
}

static int
append(struct store *s, const struct buf *packed, struct err *e)
{
	struct buf sealed = { 0 };
	struct tail_place at;
	uint32_t salt;
	int r;

	place_init(&at, tail_last(s->tail) + 1);
	r = store_seal(s, &at.place, packed, &sealed, e);
	if (r == 0) {
		memcpy(&salt, sealed.p, sizeof(salt)); /* of the nonce */
		r = tail_append(s->tail, &sealed, salt, e);
	}
	buf_fini(&sealed);
	return r;
}

/* ---- at start
 * ------------------------------------------------------------------ */

static int
fold_record(struct store *s, uint64_t seq, size_t *at, struct err *e)
{
	struct buf sealed = { 0 }, plain = { 0 };
	struct tail_place where;
	struct err why;
	int r = tail_read(s->tail, at, seq, &sealed, e);

	place_init(&where, seq);
	if (r == 0) {
		r = store_unseal(s, &where.place, &sealed, &plain, &why);
		if (r == 0)
			r = fold_add(&s->fold, &plain, &why);
		if (r < 0)
			r = err_set(
				e, r,
				"%s/tail is damaged at record %llu: %.100s; "
				"put it back from a backup, or move %s away "
				"to start anew",
				s->dir, (unsigned long long)seq, why.msg,
				s->dir);
	}
	buf_fini(&sealed);
	store_buf_wipe(&plain);
	return r;
}

/*
 * Somewhere behind its half: managers write the same at the same time, and
 * are not to stop for a checkpoint together.
 */
static int
choose_limit(struct store *s, struct err *e)
{
	size_t half = tail_size(s->tail) / 2;
	uint64_t luck;
	int r = store_random(&luck, sizeof(luck), e);

	s->tail_limit = half + luck % half;
	return r;
}

/* All records of the tail, over what the tables hold. */
int
store_open_tail(struct store *s, struct err *e)
{
	uint64_t seed, seq;
	size_t at = 0;
	int r = store_random(&seed, sizeof(seed), e);

	if (r == 0)
		r = tail_open(s->dir, s->hard.tail, &s->tail, e);
	if (r < 0)
		return r;
	fold_init(&s->fold, &s->hard, seed);
	s->folded = false;
	r = choose_limit(s, e);
	for (seq = s->hard.tail + 1; r == 0 && seq <= tail_last(s->tail); seq++)
		r = fold_record(s, seq, &at, e);
	s->fold.hard.tail = tail_last(s->tail);
	return r;
}

/* ---- from the tail into the tables
 * -------------------------------------------- */

static int
commit(struct store *s, const struct fold *f, struct err *e)
{
	MDB_txn *txn;
	int r = mdb_txn_begin(s->env, NULL, 0, &txn);

	if (r == 0) {
		r = store_put_fold(s, txn, f, e);
		if (r != 0)
			mdb_txn_abort(txn);
	}
	if (r == 0)
		r = mdb_txn_commit(txn);
	return r == 0 ? 0 : store_write_error(s, r, e);
}

int
store_checkpoint(struct store *s, struct err *e)
{
	uint64_t seed = s->fold.by_key.seed;
	int r;

	s->fold.hard.tail = tail_last(s->tail);
	r = commit(s, &s->fold, e);
	if (r < 0)
		return r;
	s->hard = s->fold.hard;
	fold_fini(&s->fold);
	fold_init(&s->fold, &s->hard, seed);
	tail_reset(s->tail);
	return 0;
}

static uint64_t
now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

static int
grow_if_soon(struct store *s, struct err *e)
{
	uint64_t now = now_ms(), last = s->checkpoint_ms;
	int r = 0;

	s->spilled = false;
	s->checkpoint_ms = now;
	if (last != 0 && now - last < GROW_WITHIN_MS)
		r = tail_grow(s->tail, e);
	return r == 0 ? choose_limit(s, e) : r;
}

/* Called when nobody waits for what was written. */
int
store_tidy(struct store *s, struct err *e)
{
	int r = 0;

	if (tail_used(s->tail) >= s->tail_limit)
		r = store_checkpoint(s, e);
	else if (!s->spilled)
		return 0;
	if (r < 0) { /* next time there will be no other way */
		s->tail_limit = SIZE_MAX;
		return r;
	}
	return grow_if_soon(s, e);
}

/* ---- batches
 * ------------------------------------------------------------------- */

static void
fold_batches(struct store *s, const struct buf *packed)
{
	struct buf copy = { mem_dup(packed->p, packed->len), packed->len,
			    packed->len };
	struct err e;

	/* What could not be read again must not be written. */
	check(fold_add(&s->fold, &copy, &e) == 0);
	s->folded = true;
}

static int
spill(struct store *s, struct err *e)
{
	int r = store_checkpoint(s, e);

	s->spilled = r == 0;
	return r;
}

/* What failed for a full disk may be tried again with the same batches. */
int
store_write(struct store *s, const struct batch *const *batches, size_t count,
	    struct err *e)
{
	struct buf packed = { 0 };
	int r;

	for (size_t i = 0; i < count; i++)
		fold_pack(batches[i], &packed);
	if (!s->folded)
		fold_batches(s, &packed);
	if (tail_has_room(s->tail, packed.len + RECORD_OVERHEAD))
		r = append(s, &packed, e);
	else
		r = spill(s, e);
	store_buf_wipe(&packed);
	s->folded = r < 0;
	return r;
}
