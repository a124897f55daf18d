/*
 * load.c - the load generator of make bench: writers in a closed loop, against
 * our daemon (HTTP on its socket) or etcd (gRPC over TLS); one thread, epoll.
 *
 *   load swarm SOCKET WRITERS SECONDS
 *   load etcd ADDR:PORT WRITERS SECONDS CONNECTIONS CA CERT KEY
 *
 * Prints one line of JSON. The first fifth of the time is not counted.
 */
#include "test/bench/load.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <time.h>

#define SAMPLES_MAX 8000000
#define EVENTS_MAX 256
#define WARM_PART 5

static struct {
	uint64_t count_from_us, end_us;
	uint32_t *samples; /* microseconds */
	size_t count;
	uint64_t errors;
	char first_error[256];
} run;

uint64_t
load_now_us(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000 + (uint64_t)t.tv_nsec / 1000;
}

_Noreturn void
load_fail(const char *what)
{
	fprintf(stderr, "load: %s: %s\n", what, strerror(errno));
	exit(1);
}

void
load_done(struct writer *w, bool ok, const char *why)
{
	uint64_t now = load_now_us();

	w->written++;
	if (!ok && run.errors++ == 0)
		snprintf(run.first_error, sizeof(run.first_error), "%s", why);
	if (!ok || now < run.count_from_us || now > run.end_us)
		return;
	if (run.count < SAMPLES_MAX)
		run.samples[run.count++] = (uint32_t)(now - w->began_us);
}

static int
by_size(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return (x > y) - (x < y);
}

static uint32_t
percentile(double part)
{
	if (run.count == 0)
		return 0;
	return run.samples[(size_t)((double)(run.count - 1) * part)];
}

static void
report(void)
{
	double seconds = (double)(run.end_us - run.count_from_us) / 1e6;

	qsort(run.samples, run.count, sizeof(*run.samples), by_size);
	printf("{\"writes\":%zu,\"per_second\":%.1f,\"p50_us\":%u,"
	       "\"p99_us\":%u,\"max_us\":%u,\"errors\":%llu}\n",
	       run.count, (double)run.count / seconds, percentile(0.5),
	       percentile(0.99), percentile(1), (unsigned long long)run.errors);
	if (run.errors > 0)
		fprintf(stderr, "load: first error: %.255s\n", run.first_error);
}

static void
watch(int epoll, int op, struct connection *c)
{
	struct epoll_event ev = { .events = EPOLLIN, .data.ptr = c };

	if (c->wants_write)
		ev.events |= EPOLLOUT;
	if (epoll_ctl(epoll, op, c->fd, &ev) < 0)
		load_fail("epoll_ctl");
}

static void
loop(const struct load_system *s, int epoll)
{
	struct epoll_event ev[EVENTS_MAX];

	while (load_now_us() < run.end_us) {
		int n = epoll_wait(epoll, ev, EVENTS_MAX, 100);

		if (n < 0 && errno != EINTR)
			load_fail("epoll_wait");
		for (int i = 0; i < n; i++) {
			struct connection *c = ev[i].data.ptr;
			bool before = c->wants_write;

			s->turn(c);
			if (c->wants_write != before)
				watch(epoll, EPOLL_CTL_MOD, c);
		}
	}
}

static void
run_load(const struct load_system *s, const struct load_options *o)
{
	struct writer *v = calloc(o->writers, sizeof(*v));
	int epoll = epoll_create1(EPOLL_CLOEXEC);
	uint32_t at = 0;

	run.samples = calloc(SAMPLES_MAX, sizeof(*run.samples));
	if (v == NULL || run.samples == NULL || epoll < 0)
		load_fail("begin");
	run.count_from_us = UINT64_MAX; /* until all are connected */
	run.end_us = UINT64_MAX;
	for (uint32_t i = 0; i < o->connections; i++) {
		uint32_t last = (uint32_t)((uint64_t)o->writers * (i + 1) /
					   o->connections);

		for (uint32_t w = at; w < last; w++)
			v[w].number = w;
		watch(epoll, EPOLL_CTL_ADD, s->open(o, v + at, last - at));
		at = last;
	}
	run.end_us = load_now_us() + (uint64_t)(o->seconds * 1e6);
	run.count_from_us = run.end_us - (uint64_t)(o->seconds * 1e6) /
						 WARM_PART * (WARM_PART - 1);
	loop(s, epoll);
	report();
	/* What was made is not taken apart: the process ends. */
}

int
main(int argc, char **argv)
{
	struct load_options o = { 0 };

	if (argc == 5 && strcmp(argv[1], "swarm") == 0) {
		o.target = argv[2];
		o.writers = o.connections = (uint32_t)atoi(argv[3]);
		o.seconds = atof(argv[4]);
		run_load(&load_swarm, &o);
	} else if (argc == 9 && strcmp(argv[1], "etcd") == 0) {
		o.target = argv[2];
		o.writers = (uint32_t)atoi(argv[3]);
		o.seconds = atof(argv[4]);
		o.connections = (uint32_t)atoi(argv[5]);
		o.ca = argv[6];
		o.cert = argv[7];
		o.key = argv[8];
		run_load(&load_etcd, &o);
	} else {
		fprintf(stderr, "load: see the head of test/bench/load.c\n");
		return 2;
	}
	return 0;
}
