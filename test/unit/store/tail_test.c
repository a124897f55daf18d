/*
 * tail_test.c - the tail and the tables together: against a model, after
 * power losses at any moment, and with damage. What is written is recorded by
 * functions that the linker takes for libc's, so that the disk of any moment
 * can be made again, with any choice of what was not yet synced.
 */
#include "store/tail.h"

#include <errno.h>
#include <fcntl.h>
#include <lmdb.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#include "core/base/mem.h"
#include "core/base/rand.h"
#include "store/record.h"
#include "store/store.h"
#include "test/t.h"

/* ---- what is written, and when it is synced
 * ------------------------------------------ */

enum file { DATA, TAIL, FILES };
static const char *const names[FILES] = { "data.mdb", "tail" };

struct op {
	enum file file;
	bool sync; /* all before, of this file; else a write */
	off_t at;
	size_t len;
	char *p;
};

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static bool recording;
static struct op *ops;
static size_t op_count, op_cap;
static uint64_t acked;
static size_t *ack_at; /* by seq: operations done when it was said */
static size_t ack_count, ack_cap;

static enum file
file_of(int fd)
{
	char link[40], path[200];
	ssize_t len;

	snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	len = readlink(link, path, sizeof(path) - 1);
	path[len > 0 ? len : 0] = '\0';
	for (enum file f = 0; f < FILES; f++)
		if (strstr(path, names[f]) != NULL)
			return f;
	return FILES;
}

static void
record(int fd, bool sync, const void *p, size_t len, off_t at)
{
	struct op op = { file_of(fd), sync, at, len, NULL };

	if (!recording || op.file == FILES)
		return;
	if (!sync)
		op.p = mem_dup(p, len);
	pthread_mutex_lock(&mutex);
	ops = mem_grow(ops, op_count, &op_cap, sizeof(*ops));
	ops[op_count++] = op;
	pthread_mutex_unlock(&mutex);
}

ssize_t
pwrite(int fd, const void *p, size_t len, off_t at)
{
	record(fd, false, p, len, at);
	if ((fcntl(fd, F_GETFL) & O_DSYNC) != 0)
		record(fd, true, NULL, 0, 0);
	return syscall(SYS_pwrite64, fd, p, len, at);
}

ssize_t
writev(int fd, const struct iovec *v, int count)
{
	off_t at = lseek(fd, 0, SEEK_CUR);

	for (int i = 0; i < count; i++) {
		record(fd, false, v[i].iov_base, v[i].iov_len, at);
		at += (off_t)v[i].iov_len;
	}
	return syscall(SYS_writev, fd, v, count);
}

int
fsync(int fd)
{
	int r = (int)syscall(SYS_fsync, fd);

	record(fd, true, NULL, 0, 0);
	return r;
}

int
fdatasync(int fd)
{
	int r = (int)syscall(SYS_fdatasync, fd);

	record(fd, true, NULL, 0, 0);
	return r;
}

/* ---- a store
 * ------------------------------------------------------------------- */

static char root[64];
static pid_t maker;

static void
path_of(const char *name, char *ret, size_t size)
{
	snprintf(ret, size, "%s/state/%s", root, name);
}

static void
remove_all(void)
{
	static const char *const all[] = { "data.mdb", "tail", "lock", "key",
					   "" };
	char path[128];

	if (getpid() != maker)
		return;
	for (size_t i = 0; i < ARRAY_LEN(all); i++) {
		path_of(all[i], path, sizeof(path));
		if (*all[i] != '\0')
			unlink(path);
		else
			rmdir(path);
	}
	rmdir(root);
}

static void
make_root(void)
{
	snprintf(root, sizeof(root), "/tmp/swarm-tail-test-XXXXXX");
	OK(mkdtemp(root) != NULL);
	maker = getpid();
	atexit(remove_all);
}

static void
on_done(void *ctx, uint64_t seq)
{
	(void)ctx;
	pthread_mutex_lock(&mutex);
	while (ack_count <= seq) {
		ack_at = mem_grow(ack_at, ack_count, &ack_cap, sizeof(*ack_at));
		ack_at[ack_count++] = op_count;
	}
	acked = seq;
	pthread_mutex_unlock(&mutex);
}

static void
wait_for(uint64_t seq)
{
	struct timespec us = { 0, 100000 };
	bool done = false;

	for (int i = 0; i < 200000 && !done; i++) {
		nanosleep(&us, NULL);
		pthread_mutex_lock(&mutex);
		done = acked >= seq;
		pthread_mutex_unlock(&mutex);
	}
	OK(done);
}

static struct store *
open_store(struct stored *ret)
{
	struct store *s = NULL;
	struct err e = { "" };
	int r = store_open(root, on_done, NULL, &s, ret, &e);

	if (r < 0)
		fprintf(stderr, "%s\n", e.msg);
	EQ(r, 0);
	return s;
}

static char *
read_file(const char *name, size_t *ret_len)
{
	char path[128], *p = mem_new(32 << 20);
	FILE *f;

	path_of(name, path, sizeof(path));
	f = fopen(path, "re");
	OK(f != NULL);
	*ret_len = fread(p, 1, 32 << 20, f);
	fclose(f);
	return p;
}

static void
write_file(const char *name, const char *p, size_t len)
{
	char path[128];
	FILE *f;

	path_of(name, path, sizeof(path));
	f = fopen(path, "we");
	OK(f != NULL);
	EQ(fwrite(p, 1, len, f), len);
	fclose(f);
}

/* Entry i, and rows r0..r4 that all say i; now and then a large one. */
static const struct batch *
sample(uint64_t seq, uint64_t i, uint64_t *rnd)
{
	static char filler[40000];
	struct batch *b = batch_new(seq);
	struct raft_entry en = { i, 1, RAFT_DATA, filler, i % 700 };
	char text[32], key[8];
	size_t len = (size_t)snprintf(text, sizeof(text), "%d", (int)i);

	b->hard_dirty = true;
	b->hard.term = 1;
	b->applied = i;
	if (i > 20)
		b->trim_below = i - 20;
	batch_entry_add(b, &en);
	for (int k = 0; k < 5; k++) {
		snprintf(key, sizeof(key), "r%d", k);
		batch_row_put(b, TABLE_WORKER, key, text, len);
	}
	if (rand_next(rnd) % 8 == 0)
		batch_row_put(b, TABLE_IDENTITY, "large", filler,
			      rand_next(rnd) % sizeof(filler));
	return b;
}

static void
check_whole(const struct stored *got)
{
	char want[32];

	snprintf(want, sizeof(want), "%d", (int)got->applied);
	EQ(got->entries[got->entry_count - 1].index, got->applied);
	for (size_t k = 0; k < got->row_count; k++)
		if (got->rows[k].table == TABLE_WORKER)
			EQ_STR(got->rows[k].value, want);
}

/* ---- power losses
 * -------------------------------------------------------------- */

struct image {
	char *p;
	size_t len;
};

static void
image_write(struct image *m, const struct op *op, uint64_t *rnd, bool whole)
{
	size_t end = (size_t)op->at + op->len;

	if (end > m->len) {
		m->p = mem_resize(m->p, end);
		memset(m->p + m->len, 0, end - m->len);
		m->len = end;
	}
	for (size_t i = 0; i < op->len; i += 512)
		if (whole || rand_next(rnd) % 2 == 0)
			memcpy(m->p + (size_t)op->at + i, op->p + i,
			       min_u64(512, op->len - i));
}

/* The disk when the power went after some operations: what was synced, and
 * of the rest any sectors, or all, or none. */
static void
make_image(const struct image *from, enum file file, size_t done, uint64_t *rnd)
{
	struct image m = { mem_dup(from->p, from->len), from->len };
	uint64_t luck = rand_next(rnd) % 4;
	size_t synced = 0;

	for (size_t i = 0; i < done; i++)
		if (ops[i].file == file && ops[i].sync)
			synced = i;
	for (size_t i = 0; i < done; i++)
		if (ops[i].file == file && !ops[i].sync &&
		    (i < synced || luck > 0))
			image_write(&m, &ops[i], rnd, i < synced || luck == 1);
	write_file(names[file], m.p, m.len);
	mem_free(m.p);
}

static uint64_t
acked_at(size_t done)
{
	uint64_t seq = 0;

	for (size_t i = 1; i < ack_count && ack_at[i] <= done; i++)
		seq = i;
	return seq;
}

T(what_was_acknowledged_survives_a_power_loss_at_any_moment)
{
	struct stored got = { 0 };
	struct image from[FILES];
	uint64_t rnd = 5;
	struct store *s;
	char name[64];

	make_root();
	s = open_store(&got);
	for (enum file f = 0; f < FILES; f++)
		from[f].p = read_file(names[f], &from[f].len);
	recording = true;
	for (uint64_t i = 1; i <= 250; i++) {
		store_submit(s, sample(i, i, &rnd));
		if (i % 3 != 0)
			wait_for(i);
	}
	wait_for(250);
	recording = false;
	store_close(s);
	for (int i = 0; i < 150; i++) {
		size_t done = rand_next(&rnd) % (op_count + 1);
		uint64_t want = acked_at(done);

		snprintf(name, sizeof(name), "power loss %d after %zu", i,
			 done);
		T_ROW(name);
		for (enum file f = 0; f < FILES; f++)
			make_image(&from[f], f, done, &rnd);
		s = open_store(&got);
		OK(got.applied >= want);
		if (got.applied > 0)
			check_whole(&got);
		/* It goes on from there, and that holds too. */
		acked = 0;
		store_submit(s, sample(1, got.applied + 1, &rnd));
		wait_for(1);
		store_close(s);
		want = got.applied + 1;
		stored_fini(&got);
		s = open_store(&got);
		EQ(got.applied, want);
		check_whole(&got);
		stored_fini(&got);
		store_close(s);
	}
	for (enum file f = 0; f < FILES; f++)
		mem_free(from[f].p);
}

/* ---- damage
 * -------------------------------------------------------------------- */

static void
make_store(uint64_t batches)
{
	struct stored got = { 0 };
	struct store *s;
	uint64_t rnd = 2;

	make_root();
	s = open_store(&got);
	for (uint64_t i = 1; i <= batches; i++) {
		store_submit(s, sample(i, i, &rnd));
		wait_for(i);
	}
	store_close(s);
}

T(a_changed_byte_of_a_record_is_found_the_last_ones_too)
{
	struct stored got = { 0 };
	struct store *s = NULL;
	char name[32], *good;
	uint64_t rnd = 3;
	struct err e;
	size_t len;

	make_store(6);
	good = read_file("tail", &len);
	for (int i = 0; i < 300; i++) {
		size_t at = rand_next(&rnd) % (6 * 4096);

		snprintf(name, sizeof(name), "byte %zu", at);
		T_ROW(name);
		good[at] ^= 16;
		write_file("tail", good, len);
		good[at] ^= 16;
		EQ(store_open(root, on_done, NULL, &s, &got, &e), -EIO);
		OK(strstr(e.msg, "/tail is damaged at record") != NULL);
	}
	write_file("tail", good, len);
	s = open_store(&got);
	EQ(got.applied, 6);
	stored_fini(&got);
	store_close(s);
	mem_free(good);
}

T(a_record_that_lacks_before_a_later_one_is_damage)
{
	struct stored got = { 0 };
	struct store *s = NULL;
	struct err e;
	size_t len;
	char *p;

	make_store(6);
	p = read_file("tail", &len);
	memset(p + 2 * 4096, 0, 4096);
	write_file("tail", p, len);
	EQ(store_open(root, on_done, NULL, &s, &got, &e), -EIO);
	OK(strstr(e.msg, "damaged at record 3") != NULL);
	mem_free(p);
}

T(only_the_last_record_may_be_cut_off)
{
	struct stored got = { 0 };
	struct store *s;
	size_t len;
	char *p;

	make_store(6);
	p = read_file("tail", &len);
	memset(p + 5 * 4096 + 512, 0, 512); /* never came to the disk */
	write_file("tail", p, len);
	s = open_store(&got);
	EQ(got.applied, 5);
	check_whole(&got);
	stored_fini(&got);
	store_close(s);
	mem_free(p);
}

/* Opens, writes entry 6 and a row of so many of the letter, closes. */
static char *
tail_with_sixth(char letter, size_t *ret_len)
{
	struct stored got = { 0 };
	struct store *s = open_store(&got);
	struct batch *b;
	char row[9000];
	uint64_t rnd = 4;

	EQ(got.applied, 5);
	stored_fini(&got);
	b = (struct batch *)(uintptr_t)sample(1, 6, &rnd);
	memset(row, letter, sizeof(row));
	batch_row_put(b, TABLE_IDENTITY, "row", row, sizeof(row));
	store_submit(s, b);
	store_close(s);
	return read_file("tail", ret_len);
}

T(what_is_left_of_two_cut_off_writes_is_not_taken_for_one)
{
	const size_t sixth = 5 * 4096;
	struct stored got = { 0 };
	char *before, *first, *second;
	struct store *s;
	size_t len;

	make_store(5);
	before = read_file("tail", &len);
	first = tail_with_sixth('a', &len);
	memcpy(before + sixth + 512, first + sixth + 512, len - sixth - 512);
	write_file("tail", before, len);
	second = tail_with_sixth('b', &len);
	memcpy(second + sixth + 512, first + sixth + 512, len - sixth - 512);
	write_file("tail", second, len);
	s = open_store(&got);
	EQ(got.applied, 5);
	check_whole(&got);
	stored_fini(&got);
	store_close(s);
	mem_free(before);
	mem_free(first);
	mem_free(second);
}

T(data_without_its_tail_or_with_another_is_refused)
{
	struct stored got = { 0 };
	size_t len, old_len;
	struct store *s = NULL;
	uint64_t rnd = 9;
	char path[128], *old, *p;
	struct err e;

	make_store(2);
	old = read_file("data.mdb", &old_len);
	s = open_store(&got);
	stored_fini(&got);
	acked = 0;
	for (uint64_t i = 1; i < 200; i++)
		store_submit(s, sample(i, i + 2, &rnd));
	wait_for(199);
	store_close(s);
	p = read_file("data.mdb", &len);
	write_file("data.mdb", old, old_len);
	EQ(store_open(root, on_done, NULL, &s, &got, &e), -EIO);
	OK(strstr(e.msg, "tail is damaged at record") != NULL);
	write_file("data.mdb", p, len);
	path_of("tail", path, sizeof(path));
	EQ(unlink(path), 0);
	EQ(store_open(root, on_done, NULL, &s, &got, &e), -EIO);
	OK(strstr(e.msg, "tail is missing") != NULL);
	mem_free(old);
	mem_free(p);
}

T(random_damage_of_the_tail_ends_well)
{
	struct stored got = { 0 };
	struct store *s = NULL;
	char name[32], *good, *bad;
	uint64_t rnd = 21;
	struct err e;
	size_t len;

	make_store(40);
	good = read_file("tail", &len);
	bad = mem_new(len);
	for (int i = 0; i < 150; i++) {
		size_t keep = i % 10 == 0 ? rand_next(&rnd) % len : len;
		int r;

		memcpy(bad, good, len);
		for (int k = 0; k < 4; k++)
			bad[rand_next(&rnd) % len] = (char)rand_next(&rnd);
		write_file("tail", bad, keep);
		snprintf(name, sizeof(name), "damage %d", i);
		T_ROW(name);
		r = store_open(root, on_done, NULL, &s, &got, &e);
		if (r == 0) {
			EQ(got.applied, 40);
			stored_fini(&got);
			store_close(s);
			continue;
		}
		EQ(r, -EIO);
		OK(strlen(e.msg) > 20);
	}
	mem_free(good);
	mem_free(bad);
}

/* ---- against a model
 * ----------------------------------------------------------- */

#define MODEL_ROWS 12
#define MODEL_LOG 20000

struct model {
	int rows[2][MODEL_ROWS]; /* of an object table, and of another; 0: no */
	int terms[MODEL_LOG];
	uint64_t first, last, applied; /* last < first: the log is empty */
	int term;
};

static const int model_tables[2] = { OBJECT_TASK, TABLE_WORKER };

static void
model_rows(struct model *m, struct batch *b, uint64_t *rnd)
{
	char key[8], text[16];

	for (uint64_t n = rand_next(rnd) % 4; n > 0; n--) {
		int t = (int)(rand_next(rnd) % 2);
		int k = (int)(rand_next(rnd) % MODEL_ROWS);
		int v = (int)(rand_next(rnd) % 1000);

		snprintf(key, sizeof(key), "k%02d", k);
		m->rows[t][k] = v;
		snprintf(text, sizeof(text), "%d", v);
		if (v == 0 || v > 700) {
			m->rows[t][k] = 0;
			batch_row_delete(b, model_tables[t], key);
		} else {
			batch_row_put(b, model_tables[t], key, text,
				      strlen(text));
		}
	}
}

static void
model_snapshot(struct model *m, struct batch *b, uint64_t *rnd)
{
	b->truncate_from = 1;
	b->rows_replace = true;
	memset(m->rows[0], 0, sizeof(m->rows[0]));
	m->first = m->last + 2 + rand_next(rnd) % 50;
	m->last = m->first - 1;
	m->term++;
}

static void
model_cut(struct model *m, struct batch *b, uint64_t *rnd)
{
	if (m->last < m->first || m->last <= m->applied)
		return;
	b->truncate_from =
		m->applied + 1 + rand_next(rnd) % (m->last - m->applied);
	b->truncate_from = max_u64(b->truncate_from, m->first);
	m->last = b->truncate_from - 1;
	m->term++;
}

/* One batch of anything that can be, done to the model too. */
static const struct batch *
model_batch(struct model *m, uint64_t seq, uint64_t *rnd)
{
	static char data[3000];
	struct batch *b = batch_new(seq);
	uint64_t what = rand_next(rnd) % 40;

	if (what == 0)
		model_snapshot(m, b, rnd);
	else if (what < 6)
		model_cut(m, b, rnd);
	b->hard_dirty = true;
	b->hard = (struct raft_hard){ (uint64_t)m->term, 0 };
	for (uint64_t n = what == 0 ? 1 : rand_next(rnd) % 5; n > 0; n--) {
		struct raft_entry e = { ++m->last, (uint64_t)m->term, RAFT_DATA,
					data, rand_next(rnd) % sizeof(data) };

		m->terms[m->last] = m->term;
		batch_entry_add(b, &e);
	}
	model_rows(m, b, rnd);
	if (m->last >= m->first && (what == 0 || rand_next(rnd) % 2 == 0))
		b->applied = m->applied = m->last;
	if (m->applied > m->first + 30) {
		b->trim_below = m->applied - 10;
		m->first = b->trim_below;
	}
	return b;
}

static void
model_check(const struct model *m, const struct stored *got)
{
	size_t row = 0;
	char key[8];

	EQ(got->applied, m->applied);
	EQ(got->hard.term, m->term);
	EQ(got->entry_count, m->last + 1 - m->first);
	for (size_t i = 0; i < got->entry_count; i++) {
		EQ(got->entries[i].index, m->first + i);
		EQ(got->entries[i].term, m->terms[m->first + i]);
	}
	for (int t = 0; t < 2; t++) {
		for (int k = 0; k < MODEL_ROWS; k++) {
			if (m->rows[t][k] == 0)
				continue;
			snprintf(key, sizeof(key), "k%02d", k);
			OK(row < got->row_count);
			EQ_STR(got->rows[row].key, key);
			EQ(atoi(got->rows[row].value), m->rows[t][k]);
			row++;
		}
	}
	EQ(row, got->row_count);
}

T(many_batches_leave_what_each_of_them_says)
{
	static struct model m = { .first = 1, .term = 1 };
	struct stored got = { 0 };
	uint64_t rnd = 77, seq = 0;
	struct store *s;
	char name[32];

	make_root();
	for (int round = 0; round < 60; round++) {
		snprintf(name, sizeof(name), "round %d", round);
		T_ROW(name);
		s = open_store(&got);
		if (round > 0)
			model_check(&m, &got);
		stored_fini(&got);
		acked = 0;
		seq = 0;
		for (uint64_t n = rand_next(&rnd) % 90; n > 0; n--) {
			store_submit(s, model_batch(&m, ++seq, &rnd));
			if (rand_next(&rnd) % 2 == 0)
				wait_for(seq);
		}
		store_close(s);
	}
	OK(m.last > 2000);
}

/* ---- the first version, which had no tail
 * ----------------------------------------- */

static const uint8_t first_key[RECORD_KEY_LEN] = { 1, 2, 3 };

static void
put_sealed(MDB_txn *txn, const char *table, MDB_val k, const struct buf *plain)
{
	struct record_place place = { table[0], k.mv_data, k.mv_size };
	uint8_t nonce[RECORD_NONCE_LEN] = { 9 };
	struct buf sealed = { 0 };
	MDB_dbi dbi;
	MDB_val v;

	EQ(mdb_dbi_open(txn, table, MDB_CREATE, &dbi), 0);
	record_seal(first_key, nonce, &place, plain, &sealed);
	v = (MDB_val){ sealed.len, sealed.p };
	EQ(mdb_put(txn, dbi, &k, &v, 0), 0);
	buf_fini(&sealed);
}

static void
put_first_version(MDB_txn *txn)
{
	struct raft_entry en = { 1, 1, RAFT_DATA, (void *)"x", 1 };
	struct record_hard hard = { { 1, 1 }, 1, 0 };
	MDB_val k = { 6, (void *)(uintptr_t) "format" };
	MDB_val v = { 13, (void *)(uintptr_t) "swarm-store 1" };
	struct buf plain = { 0 }, row = { (char *)(uintptr_t) "1", 1, 1 };
	uint8_t index[8];
	MDB_dbi dbi;

	EQ(mdb_dbi_open(txn, "hard", MDB_CREATE, &dbi), 0);
	EQ(mdb_put(txn, dbi, &k, &v, 0), 0);
	record_hard_pack(&hard, &plain);
	plain.len = 24;
	put_sealed(txn, "hard", (MDB_val){ 4, (void *)(uintptr_t) "hard" },
		   &plain);
	buf_clear(&plain);
	record_entry_pack(&en, &plain);
	record_index_key(1, index);
	put_sealed(txn, "log", (MDB_val){ 8, index }, &plain);
	put_sealed(txn, "rows", (MDB_val){ 3, (void *)(uintptr_t) "\41r0" },
		   &row);
	buf_fini(&plain);
}

static void
make_first_version(void)
{
	MDB_env *env;
	MDB_txn *txn;
	char path[128];

	make_root();
	path_of("", path, sizeof(path));
	EQ(mkdir(path, 0700), 0);
	EQ(mdb_env_create(&env), 0);
	mdb_env_set_maxdbs(env, 3);
	EQ(mdb_env_open(env, path, MDB_NOLOCK, 0600), 0);
	EQ(mdb_txn_begin(env, NULL, 0, &txn), 0);
	put_first_version(txn);
	EQ(mdb_txn_commit(txn), 0);
	mdb_env_close(env);
	write_file("key", (const char *)first_key, sizeof(first_key));
}

T(a_store_of_the_first_version_is_taken_over)
{
	struct stored got = { 0 };
	struct store *s;
	uint64_t rnd = 1;

	make_first_version();
	s = open_store(&got);
	EQ(got.applied, 1);
	EQ(got.entry_count, 1);
	EQ(got.row_count, 1);
	check_whole(&got);
	stored_fini(&got);
	store_submit(s, sample(1, 2, &rnd));
	store_close(s);
	s = open_store(&got);
	EQ(got.applied, 2);
	check_whole(&got);
	stored_fini(&got);
	store_close(s);
}

/* ---- cost
 * --------------------------------------------------------- */

T(a_small_change_is_one_block)
{
	struct stored got = { 0 };
	uint64_t rnd = 2;
	struct store *s;

	make_root();
	s = open_store(&got);
	recording = true;
	store_submit(s, sample(1, 1, &rnd));
	wait_for(1);
	recording = false;
	EQ(op_count, 2); /* a write and its flush */
	EQ(ops[0].len, 4096);
	EQ(ops[1].sync, true);
	store_close(s);
}
