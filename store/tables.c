/* tables.c - batches, laid over one another, as changes of LMDB's tables. */
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
put_hard(struct store *s, MDB_txn *txn, const struct record_hard *hard,
	 struct err *e)
{
	MDB_val k = { 4, (void *)(uintptr_t) "hard" };
	struct buf plain = { 0 };
	int r;

	record_hard_pack(hard, &plain);
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
put_row(struct store *s, MDB_txn *txn, const struct fold_row *row,
	struct err *e)
{
	struct buf plain = { (char *)(uintptr_t)row->value, row->len,
			     row->len };
	MDB_val k = { row->key == NULL ? 0 : strlen(row->key),
		      (void *)(uintptr_t)row->key };
	int r;

	if (row->key == NULL)
		return 0;
	if (row->value != NULL)
		return put(s, txn, STORE_ROWS, &k, &plain, e);
	r = mdb_del(txn, s->dbi[STORE_ROWS], &k, NULL);
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

int
store_put_fold(struct store *s, MDB_txn *txn, const struct fold *f,
	       struct err *e)
{
	int r = 0;

	if (f->truncate_from != 0)
		r = delete_entries(s, txn, f->truncate_from, UINT64_MAX);
	if (r == 0 && f->trim_below > 1)
		r = delete_entries(s, txn, 1, f->trim_below);
	if (r == 0 && f->rows_replace)
		r = delete_objects(s, txn);
	for (size_t i = f->entry_first; r == 0 && i < f->entry_count; i++)
		r = put_entry(s, txn, &f->entries[i], e);
	for (size_t i = 0; r == 0 && i < f->row_count; i++)
		r = put_row(s, txn, &f->rows[i], e);
	return r == 0 ? put_hard(s, txn, &f->hard, e) : r;
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
