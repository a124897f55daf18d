/*
 * lock_test.c - autolock on a real directory: what lies there in clear, wrong
 * keys, and crashes between any two calls that write. The calls are counted
 * by functions of their names here, which the linker takes for libc's.
 */
#include "store/store.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "core/base/mem.h"
#include "test/t.h"

#define CANARY "the-canary-that-must-not-be-found"
#define ROWS 12
#define ROW_LEN 150000

static char root[64];
static _Atomic uint64_t durable;
static _Atomic int relocked; /* times that it was said to be done */
static const uint8_t key_a[STORE_LOCK_LEN] = "first unlock key, 32 bytes long";
static const uint8_t key_b[STORE_LOCK_LEN] = "other unlock key, 32 bytes long";

/* ---- crashes
 * ------------------------------------------------------------------- */

static _Atomic int steps_left = -1; /* calls until the crash; -1: none */

static void
one_step(void)
{
	if (atomic_load(&steps_left) >= 0 &&
	    atomic_fetch_sub(&steps_left, 1) == 0)
		(void)kill(getpid(), SIGKILL);
}

ssize_t
pwrite(int fd, const void *p, size_t len, off_t at)
{
	one_step();
	return syscall(SYS_pwrite64, fd, p, len, at);
}

ssize_t
writev(int fd, const struct iovec *v, int count)
{
	one_step();
	return syscall(SYS_writev, fd, v, count);
}

int
fsync(int fd)
{
	one_step();
	return (int)syscall(SYS_fsync, fd);
}

int
fdatasync(int fd)
{
	one_step();
	return (int)syscall(SYS_fdatasync, fd);
}

int
rename(const char *from, const char *to)
{
	one_step();
	return (int)syscall(SYS_rename, from, to);
}

/* ---- a store
 * ------------------------------------------------------------------- */

static void
on_done(void *ctx, uint64_t seq)
{
	(void)ctx;
	atomic_store(&durable, seq);
}

static void
on_relocked(void *ctx, const char *why)
{
	(void)ctx;
	EQ_STR(why == NULL ? "" : why, "");
	atomic_fetch_add(&relocked, 1);
}

static void
wait_until(_Atomic int *p, int value)
{
	struct timespec ms = { 0, 500000 };

	for (int i = 0; i < 40000 && atomic_load(p) < value; i++)
		nanosleep(&ms, NULL);
	EQ(atomic_load(p), value);
}

static void
path_of(const char *name, char *ret, size_t size)
{
	snprintf(ret, size, "%s/state/%s", root, name);
}

typedef void (*file_fn)(const char *path, void *ctx);

static void
each_file(file_fn fn, void *ctx)
{
	char path[400], dir[100];
	struct dirent *d;
	DIR *all;

	path_of("", dir, sizeof(dir));
	all = opendir(dir);
	while (all != NULL && (d = readdir(all)) != NULL) {
		if (d->d_name[0] == '.')
			continue;
		path_of(d->d_name, path, sizeof(path));
		fn(path, ctx);
	}
	if (all != NULL)
		closedir(all);
}

static void
remove_one(const char *path, void *ctx)
{
	(void)ctx;
	unlink(path);
}

static void
remove_all(void)
{
	char path[128];

	each_file(remove_one, NULL);
	path_of("", path, sizeof(path));
	rmdir(path);
	rmdir(root);
}

static pid_t maker;

static void
remove_at_exit(void)
{
	if (getpid() == maker)
		remove_all();
}

static void
make_root(void)
{
	snprintf(root, sizeof(root), "/tmp/swarm-lock-test-XXXXXX");
	OK(mkdtemp(root) != NULL);
	maker = getpid();
	atexit(remove_at_exit);
}

struct needle {
	const void *p;
	size_t len;
	int found;
};

static char *
read_file(const char *path, size_t *ret_len)
{
	FILE *f = fopen(path, "re");
	char *p = mem_new(32 << 20);

	OK(f != NULL);
	*ret_len = fread(p, 1, 32 << 20, f);
	fclose(f);
	return p;
}

static void
look_in(const char *path, void *ctx)
{
	struct needle *n = ctx;
	size_t len;
	char *p = read_file(path, &len);

	if (memmem(p, len, n->p, n->len) != NULL)
		n->found++;
	mem_free(p);
}

static int
files_with(const void *p, size_t len)
{
	struct needle n = { p, len, 0 };

	each_file(look_in, &n);
	return n.found;
}

static struct store *
open_with(const uint8_t *unlock_key, struct stored *ret)
{
	struct store *s = NULL;
	struct err e = { "" };
	int r = store_open(root, on_done, NULL, &s, ret, &e);

	if (unlock_key != NULL) {
		EQ(r, -ENOKEY);
		r = store_unlock(s, unlock_key, ret, &e);
	}
	if (r < 0)
		fprintf(stderr, "%s\n", e.msg);
	EQ(r, 0);
	return s;
}

static const struct batch *
sample(uint64_t seq, uint64_t index)
{
	struct raft_entry en = { index, 3, RAFT_DATA, (void *)CANARY,
				 strlen(CANARY) };
	struct batch *b = batch_new(seq);
	char *value = mem_new(ROW_LEN), key[16];

	memset(value, 'v', ROW_LEN);
	memcpy(value, CANARY, strlen(CANARY));
	b->hard_dirty = true;
	b->hard = (struct raft_hard){ 3, 9 };
	batch_entry_add(b, &en);
	for (int i = 0; i < ROWS; i++) {
		snprintf(key, sizeof(key), "row%02d", i);
		batch_row_put(b, OBJECT_SERVICE, key, value,
			      (size_t)ROW_LEN - (size_t)i * 900);
	}
	batch_row_put(b, TABLE_IDENTITY, "key", CANARY, strlen(CANARY));
	b->applied = index;
	mem_free(value);
	return b;
}

static void
check_sample(const struct stored *got, uint64_t index)
{
	EQ(got->applied, index);
	EQ(got->entry_count, index);
	EQ(got->row_count, ROWS + 1);
	for (size_t i = 0; i < ROWS; i++)
		OK(memcmp(got->rows[i].value, CANARY, strlen(CANARY)) == 0);
	EQ_STR(got->rows[ROWS].value, CANARY);
}

static void
relock(struct store *s, const uint8_t *unlock_key)
{
	int before = atomic_load(&relocked);

	store_relock(s, unlock_key, on_relocked, NULL);
	wait_until(&relocked, before + 1);
}

/* The data key, as long as it lies there in clear. */
static void
clear_key(uint8_t ret[32])
{
	char path[128], *file;
	size_t len;

	path_of("key", path, sizeof(path));
	file = read_file(path, &len);
	OK(len > 14 + 32 && file[12] == 'c');
	memcpy(ret, file + 14, 32);
	mem_free(file);
}

/* One entry, all rows, closed. */
static void
make_store(void)
{
	struct stored got = { 0 };
	struct store *s;

	make_root();
	s = open_with(NULL, &got);
	store_submit(s, sample(1, 1));
	store_close(s);
}

static void
lock_it(const uint8_t *unlock_key)
{
	struct stored got = { 0 };
	struct store *s = open_with(NULL, &got);

	stored_fini(&got);
	relock(s, unlock_key);
	store_close(s);
}

T(a_locked_store_opens_by_its_key_only)
{
	struct stored got = { 0 };
	struct store *s = NULL;
	struct err e;

	make_store();
	lock_it(key_a);
	EQ(store_open(root, on_done, NULL, &s, &got, &e), -ENOKEY);
	OK(strstr(e.msg, "needs to be unlocked") != NULL);
	EQ(store_unlock(s, key_b, &got, &e), -EACCES);
	OK(strstr(e.msg, "invalid key") != NULL);
	EQ(got.row_count, 0);
	EQ(store_unlock(s, key_a, &got, &e), 0);
	check_sample(&got, 1);
	stored_fini(&got);
	store_submit(s, sample(1, 2));
	store_close(s);
	s = open_with(key_a, &got);
	check_sample(&got, 2);
	stored_fini(&got);
	store_close(s);
}

T(a_locked_store_keeps_other_daemons_off)
{
	struct stored got = { 0 };
	struct store *s = NULL, *other = NULL;
	struct err e;
	int status;

	make_store();
	lock_it(key_a);
	EQ(store_open(root, on_done, NULL, &s, &got, &e), -ENOKEY);
	if (fork() == 0)
		_exit(store_open(root, on_done, NULL, &other, &got, &e) !=
		      -EBUSY);
	wait(&status);
	EQ(status, 0);
	store_close(s);
}

T(no_value_and_no_key_lies_there_in_clear)
{
	struct stored got = { 0 };
	uint8_t before[32];
	struct store *s;

	make_store();
	clear_key(before);
	EQ(files_with(before, sizeof(before)), 1);
	EQ(files_with(CANARY, strlen(CANARY)), 0);
	s = open_with(NULL, &got);
	stored_fini(&got);
	relock(s, key_a);
	store_submit(s, sample(1, 2));
	store_close(s);
	EQ(files_with(before, sizeof(before)), 0);
	EQ(files_with(key_a, sizeof(key_a)), 0);
	EQ(files_with(CANARY, strlen(CANARY)), 0);
	/* The old key opens nothing any more: the new one is another. */
	s = open_with(key_a, &got);
	check_sample(&got, 2);
	stored_fini(&got);
	relock(s, NULL);
	store_close(s);
	OK(files_with(before, sizeof(before)) == 0);
	s = open_with(NULL, &got);
	check_sample(&got, 2);
	stored_fini(&got);
	store_close(s);
}

T(another_unlock_key_only_wraps_the_key_anew)
{
	struct stored got = { 0 };
	char path[128], *before, *after;
	size_t len, len2;
	struct store *s;
	struct err e;

	make_store();
	lock_it(key_a);
	path_of("data.mdb", path, sizeof(path));
	before = read_file(path, &len);
	s = open_with(key_a, &got);
	stored_fini(&got);
	relock(s, key_b);
	store_close(s);
	after = read_file(path, &len2);
	EQ(len, len2);
	OK(memcmp(before, after, len) == 0);
	mem_free(before);
	mem_free(after);
	EQ(store_open(root, on_done, NULL, &s, &got, &e), -ENOKEY);
	EQ(store_unlock(s, key_a, &got, &e), -EACCES);
	EQ(store_unlock(s, key_b, &got, &e), 0);
	check_sample(&got, 1);
	stored_fini(&got);
	store_close(s);
}

T(locking_and_unlocking_in_a_row_ends_as_the_last_one_says)
{
	const uint8_t *const asks[] = { key_a, NULL, key_b, key_a,
					NULL,  NULL, key_b };
	struct stored got = { 0 };
	struct store *s;

	make_store();
	s = open_with(NULL, &got);
	stored_fini(&got);
	for (size_t i = 0; i < ARRAY_LEN(asks); i++) {
		store_relock(s, asks[i], on_relocked, NULL);
		store_submit(s, sample(i + 1, i + 2));
	}
	wait_until(&relocked, ARRAY_LEN(asks));
	store_close(s);
	s = open_with(key_b, &got);
	check_sample(&got, ARRAY_LEN(asks) + 1);
	stored_fini(&got);
	store_close(s);
}

T(a_damaged_key_file_is_not_taken_for_a_wrong_key)
{
	struct stored got = { 0 };
	char path[128], *good;
	struct store *s = NULL;
	struct err e;
	size_t len;

	make_store();
	lock_it(key_a);
	path_of("key", path, sizeof(path));
	good = read_file(path, &len);
	for (size_t i = 0; i < len; i++) {
		FILE *f = fopen(path, "we");

		good[i] ^= 8;
		EQ(fwrite(good, 1, len, f), len);
		fclose(f);
		good[i] ^= 8;
		EQ(store_open(root, on_done, NULL, &s, &got, &e), -EIO);
		OK(strstr(e.msg, "/key is damaged") != NULL);
	}
	mem_free(good);
}

T(a_locked_store_can_be_wiped)
{
	struct stored got = { 0 };
	struct store *s = NULL;
	struct err e;

	make_store();
	lock_it(key_a);
	EQ(store_open(root, on_done, NULL, &s, &got, &e), -ENOKEY);
	EQ(store_wipe(s, &e), 0);
	store_submit(s, sample(1, 1));
	store_close(s);
	s = open_with(NULL, &got);
	check_sample(&got, 1);
	stored_fini(&got);
	store_close(s);
}

T(a_wipe_ends_a_change_of_the_key)
{
	struct stored got = { 0 };
	struct store *s;
	struct err e;

	make_store();
	s = open_with(NULL, &got);
	stored_fini(&got);
	store_relock(s, key_a, on_relocked, NULL);
	EQ(store_wipe(s, &e), 0);
	wait_until(&relocked, 1);
	store_submit(s, sample(1, 1));
	store_close(s);
	s = open_with(NULL, &got);
	check_sample(&got, 1);
	stored_fini(&got);
	store_close(s);
}

/* ---- crashes at each step
 * ---------------------------------------------------------- */

static void
lock_and_crash(int steps)
{
	struct stored got = { 0 };
	struct store *s = open_with(NULL, &got);

	atomic_store(&steps_left, steps);
	relock(s, key_a);
	atomic_store(&steps_left, -1);
	store_close(s);
	_exit(0);
}

/* Locked or not: nothing is lost, and what was begun is brought to its end. */
static void
open_after_crash(const uint8_t *before)
{
	struct stored got = { 0 };
	struct store *s = NULL;
	struct err e;
	int r = store_open(root, on_done, NULL, &s, &got, &e);

	if (r == -ENOKEY) {
		/* before it lies sealed in the file, until values are moved */
		EQ(files_with(before, 32), 0);
		EQ(store_unlock(s, key_a, &got, &e), 0);
	} else {
		EQ(r, 0);
	}
	check_sample(&got, 1);
	stored_fini(&got);
	relock(s, NULL);
	store_submit(s, sample(1, 2));
	store_close(s);
	s = open_with(NULL, &got);
	check_sample(&got, 2);
	stored_fini(&got);
	store_close(s);
}

T(a_crash_at_any_step_of_locking_leaves_a_store_that_opens)
{
	uint8_t before[32];
	char name[32];
	int status = -1, n;

	for (n = 0; status != 0; n++) {
		pid_t pid;

		snprintf(name, sizeof(name), "crash at %d", n);
		T_ROW(name);
		make_store();
		clear_key(before);
		pid = fork();
		if (pid == 0)
			lock_and_crash(n);
		EQ(waitpid(pid, &status, 0), pid);
		OK(status == 0 ||
		   (WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL));
		open_after_crash(before);
		remove_all();
	}
	OK(n > 15);
}

/* ---- snapshots
 * ------------------------------------------------------------- */

static const struct batch *
snapshot(uint64_t seq)
{
	struct raft_entry en = { 5000, 7, RAFT_NOOP, NULL, 0 };
	struct batch *b = batch_new(seq);
	char key[16];

	b->hard_dirty = true;
	b->hard = (struct raft_hard){ 7, 0 };
	b->truncate_from = 1;
	batch_entry_add(b, &en);
	b->rows_replace = true;
	for (int i = 5; i < 500; i++) {
		snprintf(key, sizeof(key), "row%02d", i);
		batch_row_put(b, OBJECT_NODE, key, "new", 3);
	}
	b->applied = 5000;
	return b;
}

static void
check_snapshot(const struct stored *got)
{
	EQ(got->applied, 5000);
	EQ(got->hard.term, 7);
	EQ(got->entry_count, 1);
	EQ(got->entries[0].index, 5000);
	EQ(got->entries[0].term, 7);
	EQ(got->row_count, 495 + 1);
	for (size_t i = 0; i < 495; i++)
		EQ(got->rows[i].table, OBJECT_NODE);
	EQ_STR(got->rows[495].value, CANARY); /* who we are stays */
}

T(a_snapshot_replaces_the_log_and_the_objects)
{
	struct raft_entry next = { 5001, 7, RAFT_DATA, (void *)"x", 1 };
	struct stored got = { 0 };
	struct store *s;
	struct batch *b;

	make_store();
	s = open_with(NULL, &got);
	stored_fini(&got);
	store_submit(s, snapshot(1));
	store_close(s);
	s = open_with(NULL, &got);
	check_snapshot(&got);
	stored_fini(&got);
	b = batch_new(1);
	batch_entry_add(b, &next);
	batch_row_put(b, OBJECT_TASK, "t", "1", 1);
	b->applied = 5001;
	store_submit(s, b);
	store_close(s);
	s = open_with(NULL, &got);
	EQ(got.entry_count, 2);
	EQ(got.entries[1].index, 5001);
	EQ(got.row_count, 497);
	stored_fini(&got);
	store_close(s);
}

T(a_member_that_has_voted_and_has_no_log_yet_starts_again)
{
	struct stored got = { 0 };
	struct store *s;
	struct batch *b;

	make_root();
	s = open_with(NULL, &got);
	b = batch_new(1);
	b->hard_dirty = true;
	b->hard = (struct raft_hard){ 4, 2 };
	store_submit(s, b);
	store_close(s);
	s = open_with(NULL, &got);
	EQ(got.hard.term, 4);
	EQ(got.hard.vote, 2);
	EQ(got.entry_count, 0);
	store_submit(s, snapshot(1));
	store_close(s);
	s = open_with(NULL, &got);
	EQ(got.entries[0].index, 5000);
	stored_fini(&got);
	store_close(s);
}

static void
write_and_crash(int steps)
{
	struct stored got = { 0 };
	struct store *s = open_with(NULL, &got);

	atomic_store(&steps_left, steps);
	store_submit(s, snapshot(1));
	store_close(s);
	_exit(0);
}

T(a_crash_in_a_snapshot_leaves_the_old_or_the_new_whole)
{
	int status = -1, olds = 0;
	struct stored got = { 0 };
	struct store *s;
	char name[32];

	for (int n = 0; status != 0; n++) {
		pid_t pid;

		snprintf(name, sizeof(name), "crash at %d", n);
		T_ROW(name);
		make_store();
		pid = fork();
		if (pid == 0)
			write_and_crash(n);
		EQ(waitpid(pid, &status, 0), pid);
		s = open_with(NULL, &got);
		if (got.applied == 5000) {
			check_snapshot(&got);
		} else {
			check_sample(&got, 1);
			olds++;
		}
		stored_fini(&got);
		store_close(s);
		remove_all();
	}
	OK(olds > 0);
}
