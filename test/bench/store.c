/*
 * store.c - what a batch costs: until it is on the disk, one after the other.
 * A batch is the hard state and 1, 10, 100 or 1000 entries of 300 bytes, with
 * the log trimmed behind them; then an entry with a row, as applied objects
 * are. Each by one store, and by three at once on the same disk, as three
 * managers on one machine are. Argument: a directory on the disk to measure.
 */
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "core/base/check.h"
#include "store/store.h"

#define STORES_MAX 3
#define ENTRY_LEN 300
#define RUN_S 1.5
#define SAMPLES_MAX 60000
#define WRITE_BYTES "write_bytes: "

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t cond = PTHREAD_COND_INITIALIZER;
static uint64_t durable;

/* One store's figures, in memory that its process shares with the first. */
struct figures {
	double us[SAMPLES_MAX];
	size_t count;
	double seconds, bytes;
};

_Noreturn void
check_failed(const char *file, int line, const char *what)
{
	fprintf(stderr, "%s:%d: %s\n", file, line, what);
	abort();
}

_Noreturn void
fatal(const char *why)
{
	fprintf(stderr, "%s\n", why);
	exit(1);
}

static void
on_done(void *ctx, uint64_t seq)
{
	(void)ctx;
	pthread_mutex_lock(&mutex);
	durable = seq;
	pthread_cond_signal(&cond);
	pthread_mutex_unlock(&mutex);
}

static void
wait_for(uint64_t seq)
{
	pthread_mutex_lock(&mutex);
	while (durable < seq)
		pthread_cond_wait(&cond, &mutex);
	pthread_mutex_unlock(&mutex);
}

static double
now_us(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec * 1e6 + (double)t.tv_nsec / 1e3;
}

static double
bytes_written(void)
{
	FILE *f = fopen("/proc/self/io", "re");
	double bytes = 0;
	char line[80];

	while (f != NULL && fgets(line, sizeof(line), f) != NULL)
		if (strncmp(line, WRITE_BYTES, strlen(WRITE_BYTES)) == 0)
			bytes = strtod(line + strlen(WRITE_BYTES), NULL);
	if (f != NULL)
		fclose(f);
	return bytes;
}

static const struct batch *
make_batch(uint64_t seq, uint64_t *index, int entries, bool row)
{
	static char data[ENTRY_LEN];
	struct batch *b = batch_new(seq);
	char key[24];

	b->hard_dirty = true;
	b->hard = (struct raft_hard){ 3, 9 };
	for (int i = 0; i < entries; i++) {
		struct raft_entry e = { ++*index, 3, RAFT_DATA, data,
					ENTRY_LEN };

		batch_entry_add(b, &e);
	}
	b->applied = *index;
	if (*index > 1200)
		b->trim_below = *index - 1000;
	snprintf(key, sizeof(key), "row%d", (int)(seq % 500));
	if (row)
		batch_row_put(b, OBJECT_TASK, key, data, ENTRY_LEN);
	return b;
}

static void
measure(const char *root, int entries, bool row, struct figures *f)
{
	uint64_t index = 0, seq = 0;
	struct stored got = { 0 };
	struct store *s;
	struct err e;
	double began;

	if (store_open(root, on_done, NULL, &s, &got, &e) < 0)
		fatal(e.msg);
	for (seq = 1; seq <= 50; seq++)
		store_submit(s, make_batch(seq, &index, entries, row));
	wait_for(seq - 1);
	f->bytes = bytes_written();
	began = now_us();
	while (now_us() - began < RUN_S * 1e6 && f->count < SAMPLES_MAX) {
		const struct batch *b = make_batch(seq, &index, entries, row);
		double at = now_us();

		store_submit(s, b);
		wait_for(seq++);
		f->us[f->count++] = now_us() - at;
	}
	f->seconds = (now_us() - began) / 1e6;
	f->bytes = bytes_written() - f->bytes;
	store_close(s);
}

static int
order(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return x < y ? -1 : x > y;
}

static void
run(const char *dir, int stores, int entries, bool row)
{
	size_t size = STORES_MAX * sizeof(struct figures);
	struct figures *f = mmap(NULL, size, PROT_READ | PROT_WRITE,
				 MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	char root[STORES_MAX][200];

	for (int i = 0; i < stores; i++) {
		snprintf(root[i], sizeof(root[i]), "%s/bench-%d-XXXXXX", dir,
			 i);
		if (mkdtemp(root[i]) == NULL)
			fatal("there is no directory for the bench");
		if (fork() == 0) {
			measure(root[i], entries, row, &f[i]);
			_exit(0);
		}
	}
	for (int i = 0; i < stores; i++) {
		static const char *const names[] = { "data.mdb", "lock", "key",
						     "tail" };
		char path[640];

		wait(NULL);
		for (size_t k = 0; k < ARRAY_LEN(names); k++) {
			snprintf(path, sizeof(path), "%s/state/%s", root[i],
				 names[k]);
			unlink(path);
		}
	}
	for (int i = 0; i < stores; i++) {
		char path[640];

		snprintf(path, sizeof(path), "%s/state", root[i]);
		rmdir(path);
		rmdir(root[i]);
	}
	qsort(f->us, f->count, sizeof(*f->us), order);
	if (f->count > 0)
		printf("%6d %7d%s %8.0f %8.0f %8.0f %10.0f %9.1f\n", stores,
		       entries, row ? "+row" : "    ", f->us[f->count / 2],
		       f->us[f->count * 99 / 100], f->us[f->count - 1],
		       (double)f->count / f->seconds,
		       f->bytes / (double)f->count / 1024);
	fflush(stdout);
	munmap(f, size);
}

int
main(int argc, char **argv)
{
	static const int entries[] = { 1, 10, 100, 1000 };
	const char *dir = argc > 1 ? argv[1] : "/var/tmp";

	printf("stores entries      p50 us   p99 us   max us  batches/s "
	       " KiB/batch\n");
	for (int stores = 1; stores <= STORES_MAX; stores += 2) {
		for (size_t i = 0; i < ARRAY_LEN(entries); i++)
			run(dir, stores, entries[i], false);
		run(dir, stores, 1, true);
	}
	return 0;
}
