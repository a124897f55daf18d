/*
 * env.c - the LMDB environment: opened, checked, and read at start.
 *
 * LMDB trusts its pages. A damaged file could make it read anywhere, so a
 * child walks all of it first: if the child dies, the file is refused and
 * this process has never looked at it.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/base/mem.h"
#include "store/store_impl.h"

#define FREE_DBI 0
#define PROBE_DAMAGED 3
#define PROBE_ROWS 64
#define PROBE_VALUE_MAX 1900 /* bytes; about half a page */
#define TREE_DEPTH_MAX 32    /* LMDB's own */
#define PROBE_FOREIGN 4
#define PROBE_COPY_MAX (64 << 20) /* bytes; a larger store is only read */

static const char *const table_names[STORE_TABLES] = { "hard", "log", "rows" };

/* LMDB's own codes have no errno: they all say that the file is not right,
 * but for the ones that say it is full. */
int
store_error(int r)
{
	if (r == MDB_MAP_FULL || r == EDQUOT)
		return -ENOSPC;
	return r > 0 ? -r : -EIO;
}

/* ---- the child that looks first ---------------------------------------------
 */

/* The sum keeps the reads from being optimised away. */
static volatile unsigned walk_sum;

/* What a table says of itself is what it has. */
static int
check_header(MDB_txn *txn, MDB_dbi dbi, size_t counted)
{
	MDB_stat st;
	unsigned flags = 0;
	int r = mdb_stat(txn, dbi, &st);

	if (r == 0)
		r = mdb_dbi_flags(txn, dbi, &flags);
	if (r == 0 && (flags != 0 || st.ms_entries != counted ||
		       (st.ms_depth == 0) != (counted == 0) ||
		       st.ms_depth > TREE_DEPTH_MAX))
		r = MDB_CORRUPTED;
	return r;
}

static int
walk(MDB_txn *txn, MDB_dbi dbi)
{
	MDB_cursor *cursor;
	size_t counted = 0;
	MDB_val k, v;
	int r = mdb_cursor_open(txn, dbi, &cursor);

	if (r != 0)
		return r;
	while ((r = mdb_cursor_get(cursor, &k, &v, MDB_NEXT)) == 0) {
		const unsigned char *p = v.mv_data;

		for (size_t i = 0; i < v.mv_size; i += 512)
			walk_sum += p[i];
		if (v.mv_size > 0)
			walk_sum += p[v.mv_size - 1];
		counted++;
	}
	mdb_cursor_close(cursor);
	return r == MDB_NOTFOUND ? check_header(txn, dbi, counted) : r;
}

static bool
size_is_right(MDB_env *env)
{
	MDB_envinfo info;
	struct stat st;
	MDB_stat ms;
	int fd;

	if (mdb_env_info(env, &info) != 0 || mdb_env_stat(env, &ms) != 0 ||
	    mdb_env_get_fd(env, &fd) != 0 || fstat(fd, &st) != 0)
		return false;
	return (uint64_t)st.st_size >=
	       ((uint64_t)info.me_last_pgno + 1) * ms.ms_psize;
}

/* Page numbers that may be written over, behind each transaction: a count,
 * and so many numbers that go down. LMDB takes them as they are. */
static bool
free_list_is_right(const MDB_val *v, size_t last_page)
{
	size_t ids[2], room = v->mv_size / sizeof(ids[0]), count;
	const char *p = v->mv_data;

	if (v->mv_size % sizeof(ids[0]) != 0 || room == 0)
		return false;
	memcpy(&count, p, sizeof(count));
	if (count > room - 1)
		return false;
	ids[0] = last_page + 1;
	for (size_t i = 1; i <= count; i++) {
		memcpy(&ids[1], p + i * sizeof(ids[1]), sizeof(ids[1]));
		if (ids[1] >= ids[0] || ids[1] < 2)
			return false;
		ids[0] = ids[1];
	}
	return true;
}

static int
probe_free(MDB_env *env, MDB_txn *txn)
{
	MDB_envinfo info;
	MDB_cursor *cursor;
	MDB_val k, v;
	int r = mdb_env_info(env, &info);

	if (r == 0)
		r = mdb_cursor_open(txn, FREE_DBI, &cursor);
	if (r != 0)
		return r;
	while ((r = mdb_cursor_get(cursor, &k, &v, MDB_NEXT)) == 0)
		if (k.mv_size != sizeof(size_t) ||
		    !free_list_is_right(&v, info.me_last_pgno))
			break;
	mdb_cursor_close(cursor);
	if (r == 0)
		return MDB_CORRUPTED;
	return r == MDB_NOTFOUND ? 0 : r;
}

/* Rows of many sizes before the first one or behind the last, so that pages
 * at the edges are filled and split. */
static int
add_rows(MDB_txn *txn, MDB_dbi dbi, unsigned char edge)
{
	static char value[PROBE_VALUE_MAX];
	int r = 0;

	for (unsigned i = 0; r == 0 && i < PROBE_ROWS; i++) {
		unsigned char name[2] = { edge, (unsigned char)i };
		MDB_val k = { sizeof(name), name };
		MDB_val v = { 1 + i * 97 % PROBE_VALUE_MAX, value };

		r = mdb_put(txn, dbi, &k, &v, 0);
	}
	return r;
}

/* Every page as a writer takes it. */
static int
touch(MDB_txn *txn, MDB_dbi dbi)
{
	MDB_cursor *cursor;
	MDB_val k, v;
	int r = mdb_cursor_open(txn, dbi, &cursor);

	if (r != 0)
		return r;
	while ((r = mdb_cursor_get(cursor, &k, &v, MDB_NEXT)) == 0 &&
	       v.mv_size > 0) {
		MDB_val same = { v.mv_size, mem_dup(v.mv_data, v.mv_size) };

		r = mdb_cursor_put(cursor, &k, &same, MDB_CURRENT);
		mem_free(same.mv_data);
		if (r != 0)
			break;
	}
	mdb_cursor_close(cursor);
	if (r == 0 || r == MDB_NOTFOUND)
		r = add_rows(txn, dbi, 0xff);
	return r == 0 ? add_rows(txn, dbi, 0) : r;
}

typedef int (*table_fn)(MDB_txn *txn, MDB_dbi dbi);

static int
each_table(MDB_txn *txn, table_fn fn, int *ret_found)
{
	MDB_dbi dbi;
	int r = 0;

	*ret_found = 0;
	for (int i = 0; r == 0 && i < STORE_TABLES; i++) {
		r = mdb_dbi_open(txn, table_names[i], 0, &dbi);
		if (r == 0) {
			r = fn(txn, dbi);
			(*ret_found)++;
		} else if (r == MDB_NOTFOUND) { /* open_tables() judges that */
			r = 0;
		}
	}
	return r;
}

static int
probe_reading(MDB_env *env, int *ret_found)
{
	MDB_txn *txn;
	int r = mdb_txn_begin(env, NULL, MDB_RDONLY, &txn);

	if (r != 0)
		return r;
	r = probe_free(env, txn);
	if (r == 0)
		r = each_table(txn, walk, ret_found);
	mdb_txn_abort(txn);
	return r;
}

static int
probe_open(const char *path, unsigned flags, MDB_env **ret)
{
	MDB_env *env;
	int r = mdb_env_create(&env);

	if (r != 0)
		return r;
	mdb_env_set_maxdbs(env, STORE_TABLES);
	mdb_env_set_mapsize(env, STORE_MAP_BYTES);
	r = mdb_env_open(env, path, flags | MDB_NOLOCK | MDB_NOTLS, 0600);
	if (r != 0)
		mdb_env_close(env);
	else
		*ret = env;
	return r;
}

static int
rewrite(MDB_env *env, int tables)
{
	MDB_txn *txn;
	int found, r = mdb_txn_begin(env, NULL, 0, &txn);

	if (r != 0)
		return r;
	r = each_table(txn, touch, &found);
	if (r == 0 && found != tables)
		r = MDB_CORRUPTED; /* it was lost from a page that was copied */
	if (r == 0)
		return mdb_txn_commit(txn);
	mdb_txn_abort(txn);
	return r;
}

/* The file in memory, so that nothing that is tried out is kept. */
static int
copy_to_memory(int from)
{
	int to = memfd_create("swarm-probe", MFD_CLOEXEC);
	ssize_t n;

	if (to < 0)
		return -1;
	do
		n = sendfile(to, from, NULL, PROBE_COPY_MAX);
	while (n > 0 || (n < 0 && errno == EINTR));
	if (n == 0)
		return to;
	close(to);
	return -1;
}

/*
 * LMDB trusts its pages even more when it writes. So a copy of the store is
 * rewritten, twice: the second time over pages that the first one freed.
 */
static int
probe_writing(MDB_env *env, int tables)
{
	char path[64];
	struct stat st;
	MDB_env *copy;
	int fd, r = mdb_env_get_fd(env, &fd);

	if (r != 0 || fstat(fd, &st) < 0 || st.st_size > PROBE_COPY_MAX)
		return r;
	fd = copy_to_memory(fd);
	if (fd < 0)
		return 0; /* no memory to look so closely */
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	r = probe_open(path, MDB_NOSUBDIR | MDB_NOSYNC, &copy);
	for (int i = 0; r == 0 && i < 2; i++)
		r = rewrite(copy, tables);
	return r; /* this process ends now */
}

static int
probe_here(const char *dir)
{
	MDB_env *env;
	int tables = 0, r = probe_open(dir, MDB_RDONLY, &env);

	if (r == MDB_INVALID || r == MDB_VERSION_MISMATCH)
		return PROBE_FOREIGN;
	if (r == 0)
		r = size_is_right(env) ? probe_reading(env, &tables)
				       : MDB_CORRUPTED;
	if (r == 0)
		r = probe_writing(env, tables);
	return r == 0 ? 0 : PROBE_DAMAGED;
}

int
store_env_probe(const char *dir, struct err *e)
{
	int status = 0;
	pid_t pid;

	fflush(NULL);
	pid = fork();
	if (pid < 0)
		return err_set(e, -errno, "start a process to check %s: %s",
			       dir, strerror(errno));
	if (pid == 0) {
		/* Whatever it says when it dies is no news for the user. */
		int null = open("/dev/null", O_WRONLY | O_CLOEXEC);

		if (null >= 0)
			(void)dup2(null, STDERR_FILENO);
		_exit(probe_here(dir));
	}
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
		return 0;
	if (WIFEXITED(status) && WEXITSTATUS(status) == PROBE_FOREIGN)
		return err_set(e, -EPROTO,
			       "%s/data.mdb is not a swarm store; move it away "
			       "or choose another --root",
			       dir);
	return err_set(e, -EIO,
		       "%s/data.mdb is damaged; put it back from a backup, or "
		       "move %s away to start anew",
		       dir, dir);
}

/* ---- opening
 * ------------------------------------------------------------------ */

static int
env_error(const struct store *s, int r, const char *verb, struct err *e)
{
	int code = store_error(r);

	if (code == -ENOSPC)
		return err_set(e, code,
			       "%s %s/data.mdb: the disk is full; free some "
			       "space and start again",
			       verb, s->dir);
	if (code == -EROFS || code == -EACCES)
		return err_set(e, -EROFS,
			       "%s %s/data.mdb: it cannot be written (%s); "
			       "mount it for writing or choose another --root",
			       verb, s->dir, mdb_strerror(r));
	return err_set(e, code, "%s %s/data.mdb: %s", verb, s->dir,
		       mdb_strerror(r));
}

static int
put_format(MDB_txn *txn, MDB_dbi dbi)
{
	char text[sizeof(STORE_MAGIC) + 12];
	int len = snprintf(text, sizeof(text), "%s %d", STORE_MAGIC,
			   STORE_VERSION);
	MDB_val k = { 6, (void *)(uintptr_t) "format" };
	MDB_val v = { (size_t)len, text };

	return mdb_put(txn, dbi, &k, &v, 0);
}

static int
make_tables(struct store *s, MDB_txn *txn)
{
	int r = 0;

	for (int i = 0; r == 0 && i < STORE_TABLES; i++)
		r = mdb_dbi_open(txn, table_names[i], MDB_CREATE, &s->dbi[i]);
	return r == 0 ? put_format(txn, s->dbi[STORE_HARD]) : r;
}

/*
 * The tables are made by the first transaction of a store, all of them. One
 * that is missing later is damage, and nothing is put in its place.
 */
static int
open_tables(struct store *s, MDB_txn *txn)
{
	MDB_envinfo info;
	int found = 0, r = mdb_env_info(s->env, &info);

	for (int i = 0; r == 0 && i < STORE_TABLES; i++) {
		r = mdb_dbi_open(txn, table_names[i], 0, &s->dbi[i]);
		if (r == 0)
			found++;
		else if (r == MDB_NOTFOUND)
			r = 0;
	}
	if (r != 0 || found == STORE_TABLES)
		return r;
	return info.me_last_txnid == 0 ? make_tables(s, txn) : MDB_CORRUPTED;
}

static int
open_all_tables(struct store *s)
{
	MDB_txn *txn;
	int r = mdb_txn_begin(s->env, NULL, 0, &txn);

	if (r != 0)
		return r;
	r = open_tables(s, txn);
	if (r != 0) {
		mdb_txn_abort(txn);
		return r;
	}
	return mdb_txn_commit(txn);
}

int
store_env_open(struct store *s, struct err *e)
{
	int fd, r = mdb_env_create(&s->env);

	if (r != 0)
		return env_error(s, r, "open", e);
	mdb_env_set_maxdbs(s->env, STORE_TABLES);
	mdb_env_set_mapsize(s->env, STORE_MAP_BYTES);
	r = mdb_env_open(s->env, s->dir, MDB_NOLOCK | MDB_NOTLS, 0600);
	/* LMDB leaves it open for every program that we start. */
	if (r == 0)
		r = mdb_env_get_fd(s->env, &fd);
	if (r == 0 && fcntl(fd, F_SETFD, FD_CLOEXEC) < 0)
		r = errno;
	if (r == 0)
		r = open_all_tables(s);
	if (r == 0)
		return 0;
	store_env_close(s);
	if (r == MDB_CORRUPTED)
		return err_set(e, -EIO,
			       "%s/data.mdb is damaged: a table is missing; "
			       "put it back from a backup, or move %s away to "
			       "start anew",
			       s->dir, s->dir);
	return env_error(s, r, "open", e);
}

void
store_env_close(struct store *s)
{
	tail_close(s->tail);
	s->tail = NULL;
	fold_fini(&s->fold);
	s->fold = (struct fold){ 0 };
	if (s->env != NULL)
		mdb_env_close(s->env);
	s->env = NULL;
}

/* ---- reading
 * ------------------------------------------------------------------- */

static int
damaged(const struct store *s, const char *table, const char *key,
	struct err *e)
{
	char reason[ERR_MSG_MAX];

	memcpy(reason, e->msg, sizeof(reason));
	return err_set(e, -EIO,
		       "%s/data.mdb is damaged at %s %s: %.100s; put it back "
		       "from a backup, or move %s away to start anew",
		       s->dir, table, key, reason, s->dir);
}

static int
unseal(const struct store *s, enum store_table table, const MDB_val *k,
       const MDB_val *v, struct buf *ret, struct err *e)
{
	struct record_place place = { store_table_letters[table], k->mv_data,
				      k->mv_size };
	struct buf sealed = { v->mv_data, v->mv_size, v->mv_size };

	return store_unseal(s, &place, &sealed, ret, e);
}

static int
check_format(struct store *s, MDB_txn *txn, struct err *e)
{
	MDB_val k = { 6, (void *)(uintptr_t) "format" }, v;
	char text[64] = "";
	int version = 0;

	if (mdb_get(txn, s->dbi[STORE_HARD], &k, &v) == 0)
		memcpy(text, v.mv_data, min_u64(v.mv_size, sizeof(text) - 1));
	if (sscanf(text, STORE_MAGIC " %d", &version) != 1)
		return err_set(e, -EPROTO,
			       "%s/data.mdb is not a swarm store; move it away "
			       "or choose another --root",
			       s->dir);
	s->version = version;
	if (version < 1 || version > STORE_VERSION)
		return err_set(e, -EPROTO,
			       "%s was written by another version of swarm "
			       "(format %d, this one knows %d); start that "
			       "version",
			       s->dir, version, STORE_VERSION);
	return 0;
}

static int
read_hard(struct store *s, MDB_txn *txn, struct err *e)
{
	MDB_val k = { 4, (void *)(uintptr_t) "hard" }, v;
	struct buf plain = { 0 };
	int r = mdb_get(txn, s->dbi[STORE_HARD], &k, &v);

	if (r == MDB_NOTFOUND)
		return 0;
	if (r != 0)
		return env_error(s, r, "read", e);
	r = unseal(s, STORE_HARD, &k, &v, &plain, e);
	if (r == 0)
		r = record_hard_unpack(&plain, &s->hard, e);
	buf_fini(&plain);
	if (r < 0)
		return damaged(s, "hard", "hard", e);
	return 0;
}

/*
 * What the tail holds is laid over the tables in a transaction that is never
 * committed: a start writes nothing, be the disk full or not.
 */
static int
read_tail(struct store *s, MDB_txn *txn, struct stored *ret, struct err *e)
{
	int r = 0;

	if (s->version >= 2)
		r = store_open_tail(s, e);
	if (r == -ENOENT)
		return err_set(e, -EIO,
			       "%s/tail is missing: it holds the last changes; "
			       "put it back from a backup, or move %s away to "
			       "start anew",
			       s->dir, s->dir);
	if (r == 0 && s->tail != NULL && tail_used(s->tail) > 0) {
		r = store_put_fold(s, txn, &s->fold, e);
		if (r != 0)
			r = env_error(s, r, "read", e);
	}
	ret->hard = s->tail != NULL ? s->fold.hard.hard : s->hard.hard;
	ret->applied = s->tail != NULL ? s->fold.hard.applied : s->hard.applied;
	return r;
}

/* A store of the first version gets what it lacks. */
static int
upgrade(struct store *s, struct err *e)
{
	MDB_txn *txn;
	int r = tail_make(s->dir, e);

	if (r < 0)
		return r;
	r = mdb_txn_begin(s->env, NULL, 0, &txn);
	if (r == 0) {
		r = put_format(txn, s->dbi[STORE_HARD]);
		if (r != 0)
			mdb_txn_abort(txn);
	}
	if (r == 0)
		r = mdb_txn_commit(txn);
	if (r != 0)
		return env_error(s, r, "write", e);
	return store_open_tail(s, e);
}

static int
take_entry(struct store *s, const MDB_val *k, const MDB_val *v,
	   struct stored *ret, struct err *e)
{
	struct raft_entry entry;
	struct buf plain = { 0 };
	char name[24] = "";
	uint64_t index = 0;
	int r = -EIO;

	e->msg[0] = '\0';
	if (record_index_of_key(k->mv_data, k->mv_size, &index) &&
	    (ret->entry_count == 0 ||
	     ret->entries[ret->entry_count - 1].index + 1 == index))
		r = unseal(s, STORE_LOG, k, v, &plain, e);
	else
		(void)err_set(e, -EIO, "an entry before it is missing");
	if (r == 0)
		r = record_entry_unpack(&plain, index, &entry, e);
	buf_fini(&plain);
	snprintf(name, sizeof(name), "%llu", (unsigned long long)index);
	if (r < 0)
		return damaged(s, "log", name, e);
	ret->entries = mem_resize(ret->entries,
				  (ret->entry_count + 1) * sizeof(entry));
	ret->entries[ret->entry_count++] = entry;
	return 0;
}

static int
take_row(struct store *s, const MDB_val *k, const MDB_val *v,
	 struct stored *ret, struct err *e)
{
	const char *key = k->mv_data;
	struct batch_row row = { 0 };
	struct buf plain = { 0 };
	char name[80];
	int r = k->mv_size < 2 ? err_set(e, -EIO, "its key is too short")
			       : unseal(s, STORE_ROWS, k, v, &plain, e);

	if (r < 0) {
		snprintf(name, sizeof(name), "%d %.*s",
			 k->mv_size > 0 ? key[0] : 0,
			 (int)min_u64(k->mv_size ? k->mv_size - 1 : 0, 64),
			 k->mv_size > 0 ? key + 1 : key);
		buf_fini(&plain);
		return damaged(s, "row", name, e);
	}
	row.table = key[0];
	row.key = mem_new(k->mv_size);
	memcpy(row.key, key + 1, k->mv_size - 1);
	row.len = plain.len;
	row.value = buf_take(&plain);
	ret->rows = mem_resize(ret->rows, (ret->row_count + 1) * sizeof(row));
	ret->rows[ret->row_count++] = row;
	return 0;
}

static int
read_table(struct store *s, MDB_txn *txn, enum store_table table,
	   struct stored *ret, struct err *e)
{
	MDB_cursor *cursor;
	MDB_val k, v;
	int r = mdb_cursor_open(txn, s->dbi[table], &cursor);

	if (r != 0)
		return env_error(s, r, "read", e);
	while ((r = mdb_cursor_get(cursor, &k, &v, MDB_NEXT)) == 0) {
		r = table == STORE_LOG ? take_entry(s, &k, &v, ret, e)
				       : take_row(s, &k, &v, ret, e);
		if (r < 0) {
			mdb_cursor_close(cursor);
			return r;
		}
	}
	mdb_cursor_close(cursor);
	return r == MDB_NOTFOUND ? 0 : env_error(s, r, "read", e);
}

/* The pieces fit together: what is applied is in the log, up to its end. */
static int
check_whole(struct store *s, const struct stored *got, struct err *e)
{
	uint64_t first, last, term = 0;

	e->msg[0] = '\0';
	if (got->entry_count == 0) {
		if (got->applied == 0) /* it may have voted already */
			return 0;
		(void)err_set(e, -EIO, "it is empty");
		return damaged(s, "log", "(all)", e);
	}
	first = got->entries[0].index;
	last = got->entries[got->entry_count - 1].index;
	for (size_t i = 0; i < got->entry_count; i++) {
		if (got->entries[i].term < term)
			(void)err_set(e, -EIO, "its terms go back");
		term = got->entries[i].term;
	}
	if (first > got->applied + 1 || last < got->applied ||
	    term > got->hard.term)
		(void)err_set(e, -EIO, "it does not fit the applied objects");
	return e->msg[0] != '\0' ? damaged(s, "log", "(all)", e) : 0;
}

int
store_env_read(struct store *s, struct stored *ret, struct err *e)
{
	struct stored got = { 0 };
	MDB_txn *txn;
	int r = mdb_txn_begin(s->env, NULL, 0, &txn);

	if (r != 0)
		return env_error(s, r, "read", e);
	r = check_format(s, txn, e);
	if (r == 0)
		r = read_hard(s, txn, e);
	if (r == 0)
		r = read_tail(s, txn, &got, e);
	if (r == 0)
		r = read_table(s, txn, STORE_LOG, &got, e);
	if (r == 0)
		r = read_table(s, txn, STORE_ROWS, &got, e);
	mdb_txn_abort(txn);
	if (r == 0)
		r = check_whole(s, &got, e);
	if (r == 0 && s->version < 2)
		r = upgrade(s, e);
	if (r < 0) {
		stored_fini(&got);
		return r;
	}
	*ret = got;
	return 0;
}
