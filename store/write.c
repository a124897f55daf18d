/*
 * write.c - the writer thread: all batches that wait become one transaction,
 * one sync. It touches nothing of the loop's but the queue.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/statvfs.h>
#include <time.h>

#include "core/base/check.h"
#include "core/base/mem.h"
#include "store/store_impl.h"

#define FULL_RETRY_S 1
#define FULL_BYTES ((uint64_t)1 << 20)

static const char table_letters[STORE_TABLES] = { 'h', 'l', 'r' };

static int
put(struct store *s, MDB_txn *txn, enum store_table table, MDB_val *k,
    const struct buf *plain, struct err *e)
{
	struct record_place place = { table_letters[table], k->mv_data,
				      k->mv_size };
	uint8_t nonce[RECORD_NONCE_LEN];
	struct buf sealed = { 0 };
	MDB_val v;
	int r = store_random(nonce, sizeof(nonce), e);

	if (r < 0)
		return EIO;
	record_seal(s->secret, nonce, &place, plain, &sealed);
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

static size_t
take_waiting(struct store *s, const struct batch **ret)
{
	size_t count;

	pthread_mutex_lock(&s->mutex);
	while (s->waiting_count == 0 && !s->closing)
		pthread_cond_wait(&s->cond, &s->mutex);
	count = s->waiting_count;
	memcpy(ret, s->waiting, count * sizeof(*ret));
	s->waiting_count = 0;
	s->writing = count > 0;
	pthread_cond_broadcast(&s->cond);
	pthread_mutex_unlock(&s->mutex);
	return count;
}

static void
writing_done(struct store *s)
{
	pthread_mutex_lock(&s->mutex);
	s->writing = false;
	pthread_cond_broadcast(&s->cond);
	pthread_mutex_unlock(&s->mutex);
}

/* True when it is time to try again; false: the end, or a wipe. */
static bool
wait_for_space(struct store *s)
{
	struct timespec until;
	bool go_on;
	int r = 0;

	clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_sec += FULL_RETRY_S;
	pthread_mutex_lock(&s->mutex);
	while (!s->closing && !s->wiping && r != ETIMEDOUT)
		r = pthread_cond_timedwait(&s->cond, &s->mutex, &until);
	go_on = !s->closing && !s->wiping;
	pthread_mutex_unlock(&s->mutex);
	return go_on;
}

static void
say_full(struct store *s, const char *why)
{
	if (s->full != NULL)
		s->full(s->ctx, why);
}

/*
 * A full disk is waited for: ending would only be followed by a start that
 * meets the same disk.
 */
static bool
write_all(struct store *s, const struct batch *const *batches, size_t count)
{
	bool full = false;
	struct err e;
	int r;

	while ((r = store_write(s, batches, count, &e)) == -ENOSPC) {
		if (!full)
			say_full(s, e.msg);
		full = true;
		if (!wait_for_space(s))
			break;
	}
	if (r < 0 && r != -ENOSPC)
		fatal(e.msg);
	if (full && (r == 0 || s->wiping))
		say_full(s, NULL);
	return r == 0;
}

static void *
writer(void *ctx)
{
	const struct batch *batches[STORE_WAITING_MAX];
	struct store *s = ctx;
	uint64_t last;
	size_t count;
	bool written;

	while ((count = take_waiting(s, batches)) > 0) {
		written = write_all(s, batches, count);
		last = batches[count - 1]->seq;
		for (size_t i = 0; i < count; i++)
			batch_free(batches[i]);
		/* Wiped is as good as written: nobody will ask for it. */
		if (written || s->wiping)
			s->done(s->ctx, last);
		writing_done(s);
	}
	return NULL;
}

void
store_submit(struct store *s, const struct batch *b)
{
	pthread_mutex_lock(&s->mutex);
	while (s->waiting_count == STORE_WAITING_MAX)
		pthread_cond_wait(&s->cond, &s->mutex);
	s->waiting[s->waiting_count++] = b;
	pthread_cond_broadcast(&s->cond);
	pthread_mutex_unlock(&s->mutex);
}

void
store_wait_idle(struct store *s)
{
	pthread_mutex_lock(&s->mutex);
	while (s->waiting_count > 0 || s->writing)
		pthread_cond_wait(&s->cond, &s->mutex);
	pthread_mutex_unlock(&s->mutex);
}

/* All that waits is void: it is to be forgotten anyway. */
void
store_give_up(struct store *s)
{
	pthread_mutex_lock(&s->mutex);
	s->wiping = true;
	pthread_cond_broadcast(&s->cond);
	pthread_mutex_unlock(&s->mutex);
	store_wait_idle(s);
	pthread_mutex_lock(&s->mutex);
	s->wiping = false;
	pthread_mutex_unlock(&s->mutex);
}

/* Signals are the loop's: the writer takes none. */
void
store_thread_start(struct store *s)
{
	sigset_t all, old;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	if (pthread_create(&s->thread, NULL, writer, s) != 0)
		fatal("the kernel gives no thread for the store");
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	s->has_thread = true;
}

void
store_thread_stop(struct store *s)
{
	if (!s->has_thread)
		return;
	pthread_mutex_lock(&s->mutex);
	s->closing = true;
	pthread_cond_broadcast(&s->cond);
	pthread_mutex_unlock(&s->mutex);
	pthread_join(s->thread, NULL);
	s->has_thread = false;
}
