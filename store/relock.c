/*
 * relock.c - the keys changed while the store is in use (autolock).
 *
 * A key that lay on the disk in clear is worth nothing to a lock, so locking
 * makes a new one. Both are in the file of keys, sealed, until the last value
 * of the old one was rewritten; each step is one transaction, or one rename.
 */
#include <errno.h>
#include <string.h>

#include "core/base/check.h"
#include "core/base/mem.h"
#include "store/store_impl.h"

#define REWRITE_BYTES ((size_t)1 << 20) /* in one transaction, about */

static int
write_keys(struct store *s, const struct store_keys *next, struct err *e)
{
	int r = store_key_write(s->dir, next, e);

	if (r == 0)
		memcpy(s->keys, next, offsetof(struct store_keys, asked));
	return r;
}

/* Two keys are all that the file holds: the older one has to go first. */
static int
end_rewrite(struct store *s, struct err *e)
{
	int r = 0;

	while (r == 0 && s->keys->has_old)
		r = store_rewrite_some(s, e);
	return r;
}

static int
new_key(struct store_keys *next, struct err *e)
{
	memcpy(next->old, next->data, sizeof(next->old));
	next->has_old = true;
	return store_random(next->data, sizeof(next->data), e);
}

int
store_relock_begin(struct store *s, struct relock *ask, struct err *e)
{
	bool rewrite = ask->lock && !s->keys->is_locked;
	struct store_keys *next;
	int r = rewrite ? end_rewrite(s, e) : 0;

	if (r < 0)
		return r;
	next = store_keys_new();
	memcpy(next, s->keys, offsetof(struct store_keys, asked));
	next->is_locked = ask->lock;
	memcpy(next->lock, ask->secret, sizeof(next->lock));
	if (rewrite)
		r = new_key(next, e);
	if (r == 0)
		r = write_keys(s, next, e);
	store_keys_free(next);
	if (r == 0 && rewrite) {
		s->rewrite.fn = ask->fn;
		s->rewrite.ctx = ask->ctx;
		ask->fn = NULL; /* told later */
	}
	return r;
}

/* ---- the values
 * ---------------------------------------------------------------- */

/* Of the old key: sealed again, in its place and as long as it was. */
static int
rewrite_value(struct store *s, MDB_cursor *cursor, MDB_val *k, const MDB_val *v)
{
	struct record_place place = { store_table_letters[s->rewrite.table],
				      k->mv_data, k->mv_size };
	struct buf sealed = { v->mv_data, v->mv_size, v->mv_size };
	struct buf plain = { 0 }, again = { 0 };
	struct err e;
	MDB_val put;
	int r = 0;

	if (record_open(s->keys->data, &place, &sealed, &plain, &e) < 0) {
		r = record_open(s->keys->old, &place, &sealed, &plain, &e);
		if (r == 0)
			r = store_seal(s, &place, &plain, &again, &e);
		r = r < 0 ? EIO : 0;
	}
	put = (MDB_val){ again.len, again.p };
	if (again.len > 0)
		r = mdb_cursor_put(cursor, k, &put, MDB_CURRENT);
	store_buf_wipe(&plain);
	buf_fini(&again);
	return r;
}

static bool
is_plain(const struct store *s, const MDB_val *k)
{
	return s->rewrite.table == STORE_HARD && k->mv_size == 6 &&
	       memcmp(k->mv_data, "format", 6) == 0;
}

static int
next_value(MDB_cursor *cursor, struct buf *at, MDB_val *k, MDB_val *v)
{
	int r;

	if (at->len == 0)
		return mdb_cursor_get(cursor, k, v, MDB_FIRST);
	*k = (MDB_val){ at->len, at->p };
	r = mdb_cursor_get(cursor, k, v, MDB_SET_RANGE);
	if (r == 0 && k->mv_size == at->len &&
	    memcmp(k->mv_data, at->p, at->len) == 0)
		r = mdb_cursor_get(cursor, k, v, MDB_NEXT);
	return r;
}

/* MDB_NOTFOUND: the table's end. */
static int
rewrite_table(struct store *s, MDB_txn *txn)
{
	struct buf *at = &s->rewrite.key;
	size_t bytes = 0;
	MDB_cursor *cursor;
	MDB_val k, v;
	int r = mdb_cursor_open(txn, s->dbi[s->rewrite.table], &cursor);

	if (r != 0)
		return r;
	while (bytes < REWRITE_BYTES &&
	       (r = next_value(cursor, at, &k, &v)) == 0) {
		buf_clear(at);
		buf_put(at, k.mv_data, k.mv_size);
		bytes += k.mv_size + v.mv_size;
		k = (MDB_val){ at->len, at->p };
		if (!is_plain(s, &k))
			r = rewrite_value(s, cursor, &k, &v);
		if (r != 0)
			break;
	}
	mdb_cursor_close(cursor);
	return r;
}

/* One transaction's worth; MDB_NOTFOUND: that was the table's last. */
static int
rewrite_part(struct store *s)
{
	MDB_txn *txn;
	int end, r = mdb_txn_begin(s->env, NULL, 0, &txn);

	if (r != 0)
		return r;
	end = rewrite_table(s, txn);
	if (end != 0 && end != MDB_NOTFOUND) {
		mdb_txn_abort(txn);
		return end;
	}
	r = mdb_txn_commit(txn);
	return r != 0 ? r : end;
}

void
store_rewrite_drop(struct store *s)
{
	buf_clear(&s->rewrite.key);
	s->rewrite.table = STORE_HARD;
	s->rewrite.tail_done = false;
	if (s->rewrite.fn != NULL)
		s->rewrite.fn(s->rewrite.ctx, NULL);
	s->rewrite.fn = NULL;
}

static int
drop_old_key(struct store *s, struct err *e)
{
	struct store_keys *next = store_keys_new();
	int r;

	memcpy(next, s->keys, offsetof(struct store_keys, asked));
	next->has_old = false;
	explicit_bzero(next->old, sizeof(next->old));
	r = write_keys(s, next, e);
	store_keys_free(next);
	if (r == 0)
		store_rewrite_drop(s);
	return r;
}

/* What it holds goes to the tables, under the new key; of what it held
 * nothing stays. */
static int
rewrite_tail(struct store *s, struct err *e)
{
	int r = store_checkpoint(s, e);

	if (r == 0)
		r = tail_blank(s->tail, e);
	s->rewrite.tail_done = r == 0;
	return r;
}

int
store_rewrite_some(struct store *s, struct err *e)
{
	owned(mem_freep) char *at =
		s->rewrite.key.len > 0
			? mem_dup(s->rewrite.key.p, s->rewrite.key.len)
			: NULL;
	size_t len = s->rewrite.key.len;
	int r;

	check(s->keys->has_old);
	if (!s->rewrite.tail_done)
		return rewrite_tail(s, e);
	if (s->rewrite.table == STORE_TABLES)
		return drop_old_key(s, e);
	r = rewrite_part(s);
	if (r == 0)
		return 0;
	buf_clear(&s->rewrite.key);
	if (r == MDB_NOTFOUND) {
		s->rewrite.table++;
		return 0;
	}
	buf_put(&s->rewrite.key, at, len); /* all of it again */
	return store_write_error(s, r, e);
}
