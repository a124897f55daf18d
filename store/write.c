/* write.c - batches as one transaction of LMDB; the writer's. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/statvfs.h>

#include "core/base/check.h"
#include "core/base/mem.h"
#include "store/store_impl.h"

#define FULL_BYTES ((uint64_t)1 << 20)

const char store_table_letters[STORE_TABLES] = { 'h', 'l', 'r' };

static int
put(struct store *s, MDB_txn *txn, enum store_table table, MDB_val *k,
    const struct buf *plain, struct err *e)
{
	struct record_place place = { store_table_letters[table], k->mv_data,
				      k->mv_size };
	struct buf sealed = { 0 };
	MDB_val v;
	int r = store_seal(s, &place, plain, &sealed, e);

	if (r < 0)
		return EIO;
	v = (MDB_val){ sealed.len, sealed.p };
	r = mdb_put(txn, s->dbi[table], k, &v, 0);
	buf_fini(&sealed);
	return r;
}

static int
put_hard(struct store *s, MDB_txn *txn, const struct batch *b, struct err *e)
{
	MDB_val k = { 4, (void *)(uintptr_t) "hard" };
	struct buf plain = { 0 };
	int r;

	if (!b->hard_dirty && b->applied == 0)
		return 0;
	if (b->hard_dirty)
		s->hard.hard = b->hard;
	if (b->applied != 0)
		s->hard.applied = b->applied;
	record_hard_pack(&s->hard, &plain);
	r = put(s, txn, STORE_HARD, &k, &plain, e);
	buf_fini(&plain);
	return r;
}

/* Entries whose index is in [from, below). */
static int
delete_entries(struct store *s, MDB_txn *txn, uint64_t from, uint64_t below)
{
	uint8_t key[8];
	MDB_cursor *cursor;
	MDB_val k = { sizeof(key), key }, v;
	uint64_t index;
	int r = mdb_cursor_open(txn, s->dbi[STORE_LOG], &cursor);

	if (r != 0)
		return r;
	record_index_key(from, key);
	r = mdb_cursor_get(cursor, &k, &v, MDB_SET_RANGE);
	while (r == 0 && record_index_of_key(k.mv_data, k.mv_size, &index) &&
	       index < below) {
		r = mdb_cursor_del(cursor, 0);
		if (r == 0) /* the one that moved up */
			r = mdb_cursor_get(cursor, &k, &v, MDB_NEXT);
	}
	mdb_cursor_close(cursor);
	return r == MDB_NOTFOUND ? 0 : r;
}

static int
put_entry(struct store *s, MDB_txn *txn, const struct raft_entry *entry,
	  struct err *e)
{
	uint8_t key[8];
	MDB_val k = { sizeof(key), key };
	struct buf plain = { 0 };
	int r;

	record_index_key(entry->index, key);
	record_entry_pack(entry, &plain);
	r = put(s, txn, STORE_LOG, &k, &plain, e);
	buf_fini(&plain);
	return r;
}

static int
put_row(struct store *s, MDB_txn *txn, const struct batch_row *row,
	struct err *e)
{
	struct buf key = { 0 };
	struct buf plain = { row->value, row->len, row->len };
	MDB_val k;
	int r;

	check(row->table > 0 && row->table < 128);
	buf_putc(&key, (char)row->table);
	buf_puts(&key, row->key);
	k = (MDB_val){ key.len, key.p };
	if (row->value != NULL)
		r = put(s, txn, STORE_ROWS, &k, &plain, e);
	else
		r = mdb_del(txn, s->dbi[STORE_ROWS], &k, NULL);
	buf_fini(&key);
	return r == MDB_NOTFOUND ? 0 : r;
}

/* All rows of the object tables, which sort before the others. */
static int
delete_objects(struct store *s, MDB_txn *txn)
{
	MDB_cursor *cursor;
	MDB_val k, v;
	int r = mdb_cursor_open(txn, s->dbi[STORE_ROWS], &cursor);

	if (r != 0)
		return r;
	while ((r = mdb_cursor_get(cursor, &k, &v, MDB_FIRST)) == 0 &&
	       k.mv_size > 0 &&
	       *(const char *)k.mv_data <= (char)TABLE_OBJECT_LAST &&
	       (r = mdb_cursor_del(cursor, 0)) == 0)
		;
	mdb_cursor_close(cursor);
	return r == MDB_NOTFOUND ? 0 : r;
}

static int
put_batch(struct store *s, MDB_txn *txn, const struct batch *b, struct err *e)
{
	int r = put_hard(s, txn, b, e);

	if (r == 0 && b->truncate_from != 0)
		r = delete_entries(s, txn, b->truncate_from, UINT64_MAX);
	for (size_t i = 0; r == 0 && i < b->entry_count; i++)
		r = put_entry(s, txn, &b->entries[i], e);
	if (r == 0 && b->trim_below > 1)
		r = delete_entries(s, txn, 1, b->trim_below);
	if (r == 0 && b->rows_replace)
		r = delete_objects(s, txn);
	for (size_t i = 0; r == 0 && i < b->row_count; i++)
		r = put_row(s, txn, &b->rows[i], e);
	return r;
}

/*
 * LMDB calls it EIO when a write takes only some of its pages. The rest of
 * the space was taken by those, so that the disk is as good as full then.
 */
static bool
is_full(const struct store *s, int r)
{
	struct statvfs fs;

	if (store_error(r) == -ENOSPC)
		return true;
	return store_error(r) == -EIO && statvfs(s->dir, &fs) == 0 &&
	       (uint64_t)fs.f_bfree * fs.f_frsize < FULL_BYTES;
}

int
store_write_error(const struct store *s, int r, struct err *e)
{
	if (is_full(s, r))
		return err_set(e, -ENOSPC,
			       "write %s/data.mdb: the disk is full; free some "
			       "space: nothing is lost",
			       s->dir);
	return err_set(e, store_error(r),
		       "write %s/data.mdb: %s; what was acknowledged is on the "
		       "disk",
		       s->dir, mdb_strerror(r));
}

int
store_write(struct store *s, const struct batch *const *batches, size_t count,
	    struct err *e)
{
	struct record_hard before = s->hard;
	MDB_txn *txn;
	int r = mdb_txn_begin(s->env, NULL, 0, &txn);

	e->msg[0] = '\0';
	for (size_t i = 0; r == 0 && i < count; i++) {
		r = put_batch(s, txn, batches[i], e);
		if (r != 0)
			mdb_txn_abort(txn);
	}
	if (r == 0)
		r = mdb_txn_commit(txn);
	if (r == 0)
		return 0;
	s->hard = before;
	return store_write_error(s, r, e);
}
