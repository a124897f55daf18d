/* store_test.c - the store on a real directory, with crashes and damage. */
#include "store/store.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "core/base/mem.h"
#include "core/base/rand.h"
#include "store/record.h"
#include "test/t.h"

static char root[64];
static _Atomic uint64_t durable;

static void
on_done(void *ctx, uint64_t seq)
{
	(void)ctx;
	atomic_store(&durable, seq);
}

static void
wait_for(uint64_t seq)
{
	struct timespec ms = { 0, 200000 };

	for (int i = 0; i < 50000 && atomic_load(&durable) < seq; i++)
		nanosleep(&ms, NULL);
	OK(atomic_load(&durable) >= seq);
}

static void
remove_all(void)
{
	static const char *const names[] = { "data.mdb", "lock",    "key",
					     "tail",	 "key.new", "copy" };
	char path[128];

	(void)umount2(root, MNT_DETACH); /* of a test that failed half-way */
	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		snprintf(path, sizeof(path), "%s/state/%s", root, names[i]);
		unlink(path);
	}
	snprintf(path, sizeof(path), "%s/state", root);
	rmdir(path);
	rmdir(root);
}

static void
make_root(void)
{
	snprintf(root, sizeof(root), "/tmp/swarm-store-test-XXXXXX");
	OK(mkdtemp(root) != NULL);
	atexit(remove_all);
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

/* Entry first .. last, row "a" with the text, applied at last. */
static const struct batch *
sample(uint64_t seq, uint64_t first, uint64_t last, const char *text)
{
	struct batch *b = batch_new(seq);

	b->hard_dirty = true;
	b->hard = (struct raft_hard){ 3, 9 };
	for (uint64_t i = first; i <= last; i++) {
		struct raft_entry e = { i, 3, RAFT_DATA, (void *)"data", 4 };

		batch_entry_add(b, &e);
	}
	batch_row_put(b, TABLE_IDENTITY, "a", text, strlen(text));
	b->applied = last;
	return b;
}

static void
path_of(const char *name, char *ret, size_t size)
{
	snprintf(ret, size, "%s/state/%s", root, name);
}

T(what_is_written_is_read_back)
{
	struct stored got = { 0 };
	struct store *s;
	struct batch *b;

	make_root();
	s = open_store(&got);
	EQ(got.entry_count, 0);
	EQ(got.row_count, 0);
	store_submit(s, sample(1, 1, 5, "first"));
	store_submit(s, sample(2, 6, 7, "second"));
	b = batch_new(3);
	b->truncate_from = 6;
	b->trim_below = 3;
	b->applied = 5;
	batch_row_put(b, OBJECT_TASK, "t1", "x\0y", 3);
	batch_row_put(b, TABLE_WORKER, "gone", "1", 1);
	batch_row_delete(b, TABLE_WORKER, "gone");
	batch_row_delete(b, TABLE_WORKER, "never");
	store_submit(s, b);
	store_close(s);
	EQ(atomic_load(&durable), 3);

	s = open_store(&got);
	EQ(got.hard.term, 3);
	EQ(got.hard.vote, 9);
	EQ(got.applied, 5);
	EQ(got.entry_count, 3);
	EQ(got.entries[0].index, 3);
	EQ(got.entries[2].index, 5);
	EQ(got.entries[2].len, 4);
	EQ(got.row_count, 2);
	EQ(got.rows[0].table, OBJECT_TASK);
	EQ(got.rows[0].len, 3);
	OK(memcmp(got.rows[0].value, "x\0y", 3) == 0);
	EQ_STR(got.rows[1].key, "a");
	EQ_STR(got.rows[1].value, "second");
	stored_fini(&got);
	store_close(s);
}

/* Locks are a process's own: the second daemon has to be one. */
static int
second_daemon(pid_t first)
{
	struct stored got = { 0 };
	struct store *other = NULL;
	char pid[32];
	struct err e;

	snprintf(pid, sizeof(pid), "(pid %d)", (int)first);
	if (store_open(root, on_done, NULL, &other, &got, &e) != -EBUSY)
		return 1;
	return strstr(e.msg, pid) == NULL;
}

T(a_second_daemon_is_refused_with_the_pid_of_the_first)
{
	struct stored got = { 0 };
	pid_t first = getpid(), child;
	struct store *s;
	int status;

	make_root();
	s = open_store(&got);
	child = fork();
	if (child == 0)
		_exit(second_daemon(first));
	EQ(waitpid(child, &status, 0), child);
	EQ(status, 0);
	store_close(s);
}

T(a_child_of_a_dead_daemon_does_not_hold_the_store)
{
	struct stored got = { 0 };
	int until[2], status;
	struct store *s;
	pid_t daemon;
	char c;

	make_root();
	EQ(pipe(until), 0);
	daemon = fork();
	if (daemon == 0) {
		(void)open_store(&got);
		close(until[1]);
		if (fork() == 0)
			(void)!read(until[0], &c, 1);
		_exit(0);
	}
	EQ(waitpid(daemon, &status, 0), daemon);
	s = open_store(&got);
	store_close(s);
	close(until[1]); /* the child of the dead one ends */
}

T(no_descriptor_is_left_to_children)
{
	struct stored got = { 0 };
	struct store *s;
	struct dirent *d;
	DIR *dir;

	make_root();
	s = open_store(&got);
	dir = opendir("/proc/self/fd");
	while ((d = readdir(dir)) != NULL) {
		static char target[200];
		char link[300];
		int fd = (int)strtol(d->d_name, NULL, 10);

		snprintf(link, sizeof(link), "/proc/self/fd/%s", d->d_name);
		memset(target, 0, sizeof(target));
		if (readlink(link, target, sizeof(target) - 1) < 0 ||
		    strncmp(target, root, strlen(root)) != 0)
			continue;
		T_ROW(target);
		OK(fcntl(fd, F_GETFD) & FD_CLOEXEC);
	}
	closedir(dir);
	store_close(s);
}

T(the_key_is_for_the_owner_only)
{
	struct stored got = { 0 };
	struct store *s;
	struct stat st;
	char path[128];

	make_root();
	s = open_store(&got);
	path_of("key", path, sizeof(path));
	EQ(stat(path, &st), 0);
	EQ(st.st_mode & 0777, 0600);
	path_of("", path, sizeof(path));
	EQ(stat(path, &st), 0);
	EQ(st.st_mode & 0777, 0700);
	store_close(s);
}

static char *
read_file(const char *path, size_t *ret_len)
{
	FILE *f = fopen(path, "re");
	char *p;

	OK(f != NULL);
	p = mem_new(8 << 20);
	*ret_len = fread(p, 1, 8 << 20, f);
	fclose(f);
	return p;
}

static void
write_file(const char *path, const char *p, size_t len)
{
	FILE *f = fopen(path, "we");

	OK(f != NULL);
	EQ(fwrite(p, 1, len, f), len);
	fclose(f);
}

/* Where the ciphertext of a long row begins is found by its size: the row is
 * larger than a page, so it lies in overflow pages of its own. */
T(a_flipped_byte_in_a_value_is_found_and_named)
{
	struct stored got = { 0 };
	struct store *s, *bad = NULL;
	static char big[300000]; /* more than the tail takes */
	char path[128], *before, *after;
	size_t len, len2, at;
	struct batch *b;
	struct err e;

	make_root();
	s = open_store(&got);
	store_submit(s, sample(1, 1, 2, "x"));
	b = batch_new(2);
	memset(big, 'b', sizeof(big));
	batch_row_put(b, OBJECT_SERVICE, "bigservice", big, sizeof(big));
	store_submit(s, b);
	store_close(s);

	path_of("data.mdb", path, sizeof(path));
	before = read_file(path, &len);
	/* an overflow page: flags 4 at offset 10 of a page; the row's */
	for (at = 0; at < len; at += 4096)
		if (before[at + 10] == 4)
			break;
	OK(at < len);
	before[at + 5000] ^= 1;
	write_file(path, before, len);
	EQ(store_open(root, on_done, NULL, &bad, &got, &e), -EIO);
	OK(strstr(e.msg, "bigservice") != NULL);
	after = read_file(path, &len2);
	EQ(len2, len);
	OK(memcmp(before, after, len) == 0);
	mem_free(before);
	mem_free(after);
}

T(a_file_that_is_not_ours_is_refused_and_left_alone)
{
	struct stored got = { 0 };
	struct store *s = NULL;
	char path[128], text[5000], *after;
	struct err e;
	size_t len;

	make_root();
	path_of("", path, sizeof(path));
	EQ(mkdir(path, 0700), 0);
	path_of("data.mdb", path, sizeof(path));
	memset(text, 'q', sizeof(text));
	write_file(path, text, sizeof(text));
	EQ(store_open(root, on_done, NULL, &s, &got, &e), -EPROTO);
	OK(strstr(e.msg, "not a swarm store") != NULL);
	after = read_file(path, &len);
	EQ(len, sizeof(text));
	OK(memcmp(after, text, len) == 0);
	mem_free(after);
}

T(damage_of_any_page_never_kills_the_daemon)
{
	static char filler[300000]; /* moves all to the tables */
	struct stored got = { 0 };
	char path[128], name[32], *good, *bad;
	uint64_t rnd = 7;
	struct store *s;
	struct batch *b;
	size_t len;
	struct err e;

	make_root();
	s = open_store(&got);
	for (uint64_t i = 1; i <= 40; i++)
		store_submit(s, sample(i, i * 10 - 9, i * 10, "text"));
	b = batch_new(41);
	batch_row_put(b, TABLE_WORKER, "filler", filler, sizeof(filler));
	store_submit(s, b);
	store_close(s);
	path_of("data.mdb", path, sizeof(path));
	good = read_file(path, &len);
	bad = mem_new(len);
	for (int i = 0; i < 150; i++) {
		size_t keep = i % 10 == 0 ? rand_next(&rnd) % len : len;
		int r;

		memcpy(bad, good, len);
		for (int k = 0; k < 4; k++)
			bad[rand_next(&rnd) % len] = (char)rand_next(&rnd);
		write_file(path, bad, keep);
		snprintf(name, sizeof(name), "damage %d", i);
		T_ROW(name);
		e.msg[0] = '\0';
		r = store_open(root, on_done, NULL, &s, &got, &e);
		if (r == 0) {
			stored_fini(&got);
			store_close(s);
			continue;
		}
		OK(r == -EIO || r == -EPROTO);
		OK(strlen(e.msg) > 20);
	}
	mem_free(good);
	mem_free(bad);
}

T(data_without_its_key_is_refused)
{
	struct stored got = { 0 };
	struct store *s;
	char path[128];
	struct err e;

	make_root();
	s = open_store(&got);
	store_submit(s, sample(1, 1, 2, "x"));
	store_close(s);
	path_of("key", path, sizeof(path));
	EQ(unlink(path), 0);
	EQ(store_open(root, on_done, NULL, &s, &got, &e), -EIO);
	OK(strstr(e.msg, "key is missing") != NULL);
	EQ(access(path, F_OK), -1);
}

T(a_wiped_store_is_empty_and_goes_on)
{
	struct stored got = { 0 };
	struct store *s;
	struct err e;

	make_root();
	s = open_store(&got);
	store_submit(s, sample(1, 1, 5, "old"));
	EQ(store_wipe(s, &e), 0);
	store_submit(s, sample(2, 1, 2, "new"));
	wait_for(2);
	store_close(s);
	s = open_store(&got);
	EQ(got.entry_count, 2);
	EQ(got.row_count, 1);
	EQ_STR(got.rows[0].value, "new");
	stored_fini(&got);
	store_close(s);
}

/* ---- kill -9 ---------------------------------------------------------------
 */

static int ack_fd;

static void
acknowledge(void *ctx, uint64_t seq)
{
	(void)ctx;
	if (write(ack_fd, &seq, sizeof(seq)) != sizeof(seq))
		_exit(9);
}

/* Batch i: entry i, and rows r0..r4 that all say i. */
static void
write_until_killed(uint64_t from)
{
	struct stored got = { 0 };
	struct store *s;
	struct err e;
	char text[32], key[8];

	if (store_open(root, acknowledge, NULL, &s, &got, &e) < 0)
		_exit(7);
	for (uint64_t i = from;; i++) {
		struct batch *b = batch_new(i);
		struct raft_entry en = { i, 1, RAFT_DATA, text, 0 };

		en.len = (size_t)snprintf(text, sizeof(text), "%d", (int)i);
		b->hard_dirty = true;
		b->hard.term = 1;
		b->applied = i;
		if (i > 20)
			b->trim_below = i - 20;
		batch_entry_add(b, &en);
		for (int k = 0; k < 5; k++) {
			snprintf(key, sizeof(key), "r%d", k);
			batch_row_put(b, TABLE_WORKER, key, text, en.len);
		}
		store_submit(s, b);
	}
}

static uint64_t
run_and_kill(uint64_t from, unsigned us)
{
	struct timespec wait = { 0, (long)us * 1000 };
	uint64_t seq, last = from - 1;
	int fds[2];
	pid_t pid;

	OK(pipe2(fds, O_CLOEXEC) == 0);
	pid = fork();
	if (pid == 0) {
		ack_fd = fds[1];
		write_until_killed(from);
	}
	close(fds[1]);
	/* Not before the first one is acknowledged, then at any moment. */
	if (read(fds[0], &seq, sizeof(seq)) == sizeof(seq))
		last = seq;
	nanosleep(&wait, NULL);
	kill(pid, SIGKILL);
	while (read(fds[0], &seq, sizeof(seq)) == sizeof(seq))
		last = seq;
	close(fds[0]);
	waitpid(pid, NULL, 0);
	return last;
}

T(what_was_acknowledged_survives_kill_9_and_batches_are_whole)
{
	uint64_t rnd = 11, next = 1;
	struct stored got = { 0 };
	struct store *s;
	char want[32];

	make_root();
	for (int i = 0; i < 15; i++) {
		uint64_t acked =
			run_and_kill(next, (unsigned)(rand_next(&rnd) % 20000));

		s = open_store(&got);
		OK(acked >= next);
		OK(got.applied >= acked);
		EQ(got.entries[got.entry_count - 1].index, got.applied);
		EQ(got.row_count, 5);
		snprintf(want, sizeof(want), "%d", (int)got.applied);
		for (size_t k = 0; k < 5; k++)
			EQ_STR(got.rows[k].value, want);
		next = got.applied + 1;
		stored_fini(&got);
		store_close(s);
	}
}

/* ---- disks that are full or read-only (as root only)
 * -------------------------- */

T(a_read_only_file_system_is_told_in_words)
{
	struct stored got = { 0 };
	struct store *s;
	struct err e;
	int r;

	if (geteuid() != 0)
		return;
	make_root();
	if (mount("none", root, "tmpfs", 0, "size=4m") != 0)
		return;
	s = open_store(&got);
	store_submit(s, sample(1, 1, 2, "x"));
	store_close(s);
	OK(mount("none", root, "tmpfs", MS_REMOUNT | MS_RDONLY, "") == 0);
	r = store_open(root, on_done, NULL, &s, &got, &e);
	umount2(root, MNT_DETACH);
	EQ(r, -EROFS);
	OK(strstr(e.msg, "read-only") != NULL);
}

static _Atomic int fulls; /* times that the disk was said to be full, or not */

static void
on_full(void *ctx, const char *why)
{
	(void)ctx;
	OK(why == NULL || strstr(why, "the disk is full") != NULL);
	atomic_fetch_add(&fulls, 1);
}

static void
fill_disk(const char *path)
{
	static const char page[4096];
	int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);

	OK(fd >= 0);
	while (write(fd, page, sizeof(page)) > 0)
		;
	close(fd);
}

static void
submit_big(struct store *s, uint64_t i)
{
	static char big[1100000]; /* more than the tail takes */
	struct batch *b = (struct batch *)sample(i, i, i, "x");
	char key[24];

	snprintf(key, sizeof(key), "big%d", (int)i);
	batch_row_put(b, TABLE_WORKER, key, big, sizeof(big));
	store_submit(s, b);
}

T(a_full_disk_is_waited_for_and_nothing_is_lost)
{
	struct timespec ms = { 0, 1000000 };
	struct stored got = { 0 };
	char ballast[128];
	struct store *s;

	if (geteuid() != 0)
		return;
	make_root();
	if (mount("none", root, "tmpfs", 0, "size=8m") != 0)
		return;
	snprintf(ballast, sizeof(ballast), "%s/ballast", root);
	s = open_store(&got);
	store_on_full(s, on_full);
	submit_big(s, 1);
	wait_for(1);
	fill_disk(ballast);
	submit_big(s, 2);
	for (int i = 0; i < 10000 && atomic_load(&fulls) == 0; i++)
		nanosleep(&ms, NULL);
	EQ(atomic_load(&fulls), 1);
	EQ(atomic_load(&durable), 1);
	unlink(ballast);
	wait_for(2);
	EQ(atomic_load(&fulls), 2);
	fill_disk(ballast);
	submit_big(s, 3);
	store_close(s); /* does not wait for space */
	s = open_store(&got);
	EQ(got.entries[got.entry_count - 1].index, 2);
	EQ(got.applied, 2);
	stored_fini(&got);
	store_close(s);
	umount2(root, MNT_DETACH);
}

T(a_full_disk_takes_what_the_tail_has_room_for)
{
	struct stored got = { 0 };
	char ballast[128];
	struct store *s;

	if (geteuid() != 0)
		return;
	make_root();
	if (mount("none", root, "tmpfs", 0, "size=2m") != 0)
		return;
	atomic_store(&durable, 0);
	snprintf(ballast, sizeof(ballast), "%s/ballast", root);
	s = open_store(&got);
	store_on_full(s, on_full);
	fill_disk(ballast);
	for (uint64_t i = 1; i <= 20; i++)
		store_submit(s, sample(i, i, i, "x"));
	wait_for(20);
	EQ(atomic_load(&fulls), 0);
	store_close(s);
	s = open_store(&got); /* and a start needs no room */
	EQ(got.applied, 20);
	stored_fini(&got);
	store_close(s);
	umount2(root, MNT_DETACH);
}

T(a_full_disk_can_be_wiped)
{
	struct stored got = { 0 };
	char ballast[128];
	struct store *s;
	struct err e;

	if (geteuid() != 0)
		return;
	make_root();
	if (mount("none", root, "tmpfs", 0, "size=2m") != 0)
		return;
	atomic_store(&durable, 0);
	snprintf(ballast, sizeof(ballast), "%s/ballast", root);
	s = open_store(&got);
	submit_big(s, 1);
	wait_for(1);
	fill_disk(ballast);
	submit_big(s, 2);
	EQ(store_wipe(s, &e), 0);
	wait_for(2); /* as good as written */
	store_close(s);
	umount2(root, MNT_DETACH);
}

/* ---- records
 * --------------------------------------------------------------------- */

T(a_record_opens_only_where_it_was_sealed)
{
	uint8_t secret[RECORD_KEY_LEN] = { 1 }, other[RECORD_KEY_LEN] = { 2 };
	uint8_t nonce[RECORD_NONCE_LEN] = { 3 };
	struct record_place here = { 'r', "ab", 2 }, there = { 'r', "ac", 2 };
	struct record_place table = { 'l', "ab", 2 };
	struct buf plain = { 0 }, sealed = { 0 }, back = { 0 };
	struct err e;

	buf_puts(&plain, "secret");
	record_seal(secret, nonce, &here, &plain, &sealed);
	EQ(sealed.len, plain.len + RECORD_OVERHEAD);
	OK(memmem(sealed.p, sealed.len, "secret", 6) == NULL);
	EQ(record_open(secret, &here, &sealed, &back, &e), 0);
	EQ_STR(buf_cstr(&back), "secret");
	EQ(record_open(secret, &there, &sealed, &back, &e), -EIO);
	EQ(record_open(secret, &table, &sealed, &back, &e), -EIO);
	EQ(record_open(other, &here, &sealed, &back, &e), -EIO);
	for (size_t i = 0; i < sealed.len; i++) {
		sealed.p[i] ^= 4;
		EQ(record_open(secret, &here, &sealed, &back, &e), -EIO);
		EQ(back.len, 0);
		sealed.p[i] ^= 4;
	}
	sealed.len--;
	EQ(record_open(secret, &here, &sealed, &back, &e), -EIO);
	buf_fini(&plain);
	buf_fini(&sealed);
	buf_fini(&back);
}
