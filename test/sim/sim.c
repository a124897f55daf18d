/*
 * sim.c - sim SEED COUNT [trace]: COUNT worlds from SEED on, each run twice:
 * the same seed must give the same history. A world is chaos for a while,
 * then calm, and then all must have come to rest as it was asked for.
 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/check.h"
#include "core/base/mem.h"
#include "core/base/rand.h"
#include "core/base/str.h"
#include "test/sim/sim.h"

#define CHAOS_STEPS 500
#define CALM_MS 240000
#define STEPS_MAX 60000

static uint64_t current_seed;

_Noreturn void
check_failed(const char *file, int line, const char *what)
{
	fprintf(stderr, "seed %llu: %s:%d: check failed: %s\n",
		(unsigned long long)current_seed, file, line, what);
	abort();
}

_Noreturn void
fatal(const char *why)
{
	fprintf(stderr, "seed %llu: fatal: %s\n",
		(unsigned long long)current_seed, why);
	abort();
}

void
world_mix(struct world *w, const void *p, size_t len)
{
	const unsigned char *bytes = p;

	for (size_t i = 0; i < len; i++)
		w->hash = (w->hash ^ bytes[i]) * UINT64_C(0x100000001b3);
}

void
world_fail(struct world *w, const char *fmt, ...)
{
	va_list ap;

	if (!w->failed) {
		fprintf(stderr, "seed %llu, step %llu, %llu ms: ",
			(unsigned long long)w->seed,
			(unsigned long long)w->steps,
			(unsigned long long)w->now.mono_ms);
		va_start(ap, fmt);
		vfprintf(stderr, fmt, ap);
		va_end(ap);
		fputc('\n', stderr);
	}
	w->failed = true;
}

void
world_trace(struct world *w, const char *fmt, ...)
{
	va_list ap;

	if (!w->trace)
		return;
	printf("%9llu ", (unsigned long long)w->now.mono_ms);
	va_start(ap, fmt);
	vprintf(fmt, ap);
	va_end(ap);
	putchar('\n');
}

uint64_t
dice(struct world *w, uint64_t sides)
{
	return rand_next(&w->rnd) % sides;
}

/* ---- the daemon
 * ---------------------------------------------------------------- */

static void
start(struct world *w)
{
	static const struct node_description description = {
		.hostname = "host",
		.platform = { "x86_64", "linux" },
		.resources = { INT64_C(8000000000), INT64_C(8) << 30 },
		.engine = { .version = "1" },
	};
	struct stored stored;
	struct node_config c = { .seed = rand_next(&w->rnd),
				 .version = "1",
				 .root_dir = "/root",
				 .runtime = "runc",
				 .description = &description,
				 .egress_subnet = "172.30.0.0/16",
				 .stored = &stored };

	disk_stored(&w->disk, &stored);
	w->node = node_new(&c, w->now);
	w->scan_ms = w->now.mono_ms + 1 + dice(w, 300);
	w->daemon++;
	world_trace(w, "up");
}

static void
crash(struct world *w)
{
	size_t done = dice(w, w->disk.pending_count + 1);

	world_trace(w, "crash");
	w->crashes++;
	node_free(w->node);
	w->node = NULL;
	for (size_t i = 0; i < w->disk.pending_count; i++) {
		if (i < done)
			disk_write(&w->disk, w->disk.pending[i]);
		batch_free(w->disk.pending[i]);
	}
	w->disk.pending_count = 0;
	w->refused[0] = '\0';
	client_daemon_died(w);
	runner_daemon_died(w);
	if (dice(w, 8) == 0)
		runner_host_died(w);
	w->up_ms = w->now.mono_ms + dice(w, 3000);
}

static void
submit(struct world *w, const struct batch *b)
{
	struct disk *d = &w->disk;
	uint64_t due = w->now.mono_ms + dice(w, w->calm ? 3 : 40);

	if (d->pending_count == 2) {
		world_fail(w, "more than two batches are on their way");
		batch_free(b);
		return;
	}
	if (d->pending_count > 0)
		due = max_u64(due, d->due_ms[d->pending_count - 1]);
	d->due_ms[d->pending_count] = due;
	d->pending[d->pending_count++] = b;
}

static void
wipe(struct world *w)
{
	struct disk *d = &w->disk;

	while (d->pending_count > 0) /* the store waits for its writer */
		batch_free(d->pending[--d->pending_count]);
	disk_erase(d);
}

static void
mix_effect(struct world *w, const struct effect *e)
{
	world_mix(w, &e->type, sizeof(e->type));
	world_mix(w, &e->request_id, sizeof(e->request_id));
	world_mix(w, &w->now.mono_ms, sizeof(w->now.mono_ms));
	if (e->body_len > 0)
		world_mix(w, e->body, e->body_len);
	if (e->order != NULL) {
		world_mix(w, &e->order->verb, sizeof(e->order->verb));
		world_mix(w, e->order->task_id, strlen(e->order->task_id));
	}
}

static void
carry_out(struct world *w, const struct effect *e)
{
	mix_effect(w, e);
	switch (e->type) {
	case EFFECT_PERSIST:
		submit(w, e->batch);
		return;
	case EFFECT_REPLY:
	case EFFECT_STREAM:
	case EFFECT_STREAM_END:
		client_reply(w, e);
		return;
	case EFFECT_RUNNER:
		runner_take(w, e->order);
		return;
	case EFFECT_WIPE:
		wipe(w);
		return;
	case EFFECT_LINK:
	case EFFECT_TRUST:
	case EFFECT_GOSSIP:
	case EFFECT_LOGS_MORE:
	case EFFECT_LOGS_STOP:
	case EFFECT_UNLOCK:
	case EFFECT_STOPPED:
		return;
	case EFFECT_PORTS:
		check_ports(w, e->ports, e->port_count);
		if (!w->calm && e->port_count > 0 && dice(w, 10) == 0)
			snprintf(w->refused, sizeof(w->refused), "%s",
				 e->ports[0].task_id);
		return;
	case EFFECT_LOGS:
		return;
	}
}

/* A crash may come between any two effects. */
static void
drain(struct world *w)
{
	struct effect e;
	uint64_t wiped = 0;

	while (!w->failed && node_next(w->node, &e)) {
		if (!w->calm && dice(w, 400) == 0) {
			if (e.type == EFFECT_PERSIST)
				batch_free(e.batch);
			crash(w);
			return;
		}
		carry_out(w, &e);
		if (e.type == EFFECT_WIPE)
			wiped = 1;
		if (!w->calm && e.type == EFFECT_REPLY && dice(w, 12) == 0) {
			crash(w);
			return;
		}
	}
	(void)wiped;
}

void
world_give(struct world *w, const struct event *ev)
{
	if (w->node == NULL || w->failed)
		return;
	node_step(w->node, w->now, ev);
	drain(w);
}

/* ---- time
 * ------------------------------------------------------------------------ */

static void
sync_one(struct world *w)
{
	struct disk *d = &w->disk;
	struct event ev = { .type = EVENT_PERSISTED,
			    .batch_seq = d->pending[0]->seq };

	disk_write(d, d->pending[0]);
	batch_free(d->pending[0]);
	d->pending_count--;
	memmove(d->pending, d->pending + 1,
		d->pending_count * sizeof(d->pending[0]));
	memmove(d->due_ms, d->due_ms + 1,
		d->pending_count * sizeof(d->due_ms[0]));
	world_give(w, &ev);
	if (w->node != NULL)
		check_after_commit(w);
}

static uint64_t
next_due(const struct world *w)
{
	uint64_t at = runner_due(w);

	if (w->node == NULL)
		return min_u64(at, w->up_ms);
	at = min_u64(at, node_deadline(w->node));
	if (w->disk.pending_count > 0)
		at = min_u64(at, w->disk.due_ms[0]);
	if (!w->calm)
		at = min_u64(at, w->ask_ms);
	return at;
}

static void
advance(struct world *w, uint64_t to)
{
	uint64_t ms = to > w->now.mono_ms ? to - w->now.mono_ms : 0;

	w->now.mono_ms += ms;
	w->now.wall_ns += (int64_t)ms * NS_PER_MS;
}

/* The one thing that is due first. */
static void
one_step(struct world *w)
{
	struct event tick = { .type = EVENT_TICK };

	w->steps++;
	if (w->node != NULL && w->refused[0] != '\0')
		runner_refuse(w);
	else if (w->node == NULL && w->up_ms <= w->now.mono_ms)
		start(w);
	else if (w->node != NULL && w->disk.pending_count > 0 &&
		 w->disk.due_ms[0] <= w->now.mono_ms)
		sync_one(w);
	else if (runner_due(w) <= w->now.mono_ms)
		runner_run(w);
	else if (w->node != NULL && !w->calm && w->ask_ms <= w->now.mono_ms) {
		w->ask_ms = w->now.mono_ms + dice(w, 900);
		client_ask(w);
	} else if (w->node != NULL) {
		world_give(w, &tick);
	}
	if (w->node != NULL && !w->calm && dice(w, 150) == 0)
		crash(w);
}

/* Until the node that came up has found back into office, with nobody asking
 * and nothing failing, so that what it holds can be compared. */
static void
check_restart(struct world *w)
{
	bool calm = w->calm;
	uint64_t end = w->now.mono_ms + 5000;

	w->calm = true;
	while (!w->failed && w->now.mono_ms < end) {
		uint64_t due = next_due(w);

		if (due > end)
			break;
		advance(w, due);
		one_step(w);
	}
	check_after_start(w);
	w->calm = calm;
	w->ask_ms = w->now.mono_ms;
}

static void
chaos(struct world *w)
{
	uint64_t daemon = w->daemon;

	while (!w->failed && w->steps < CHAOS_STEPS) {
		advance(w, next_due(w));
		one_step(w);
		if (w->node != NULL && w->daemon != daemon) {
			daemon = w->daemon;
			if (dice(w, 2) == 0)
				check_restart(w);
		}
	}
}

static void
calm_down(struct world *w)
{
	uint64_t end = w->now.mono_ms + CALM_MS, start_ms = w->now.mono_ms;

	w->calm = true;
	for (size_t i = 0; i < w->container_count; i++)
		w->containers[i].exit_ms = UINT64_MAX;
	client_finish(w);
	while (!w->failed && w->now.mono_ms < end) {
		uint64_t due = next_due(w);

		if (due > end)
			break;
		advance(w, due);
		one_step(w);
		client_finish(w);
		if (w->steps > STEPS_MAX)
			world_fail(w, "it never comes to rest");
	}
	world_trace(w, "calm after %llu ms",
		    (unsigned long long)(w->now.mono_ms - start_ms));
}

/* ---- one world
 * --------------------------------------------------------------------- */

static void
world_fini(struct world *w)
{
	node_free(w->node);
	while (w->disk.pending_count > 0)
		batch_free(w->disk.pending[--w->disk.pending_count]);
	disk_erase(&w->disk);
	mem_free(w->disk.entries);
	mem_free(w->disk.rows);
	mem_free(w->containers);
	mem_free(w->asked);
	mem_free(w->seen);
}

struct outcome {
	uint64_t hash, steps, crashes, acked;
	bool failed;
};

static struct outcome
run(uint64_t seed, bool trace)
{
	struct world w = { .seed = seed, .rnd = seed, .trace = trace };
	struct outcome o;

	current_seed = seed;
	w.now.mono_ms = 1000;
	w.now.wall_ns = INT64_C(1700000000) * NS_PER_S;
	w.hash = UINT64_C(0xcbf29ce484222325);
	w.containers = mem_new_array(CONTAINERS_MAX, sizeof(*w.containers));
	w.asked = mem_new_array(REQUESTS_MAX, sizeof(*w.asked));
	w.seen = mem_new_array(TASKS_MAX, sizeof(*w.seen));
	w.known_node.acked = NODE_ACTIVE;
	w.has_image[0] = true;
	w.has_image[1] = dice(&w, 2) == 0;
	w.last_availability = dice(&w, 4) == 0 ? NODE_DRAIN : NODE_ACTIVE;
	fault_world(&w);
	start(&w);
	chaos(&w);
	calm_down(&w);
	if (!w.failed && w.node != NULL)
		check_after_start(&w);
	if (!w.failed && w.node != NULL)
		check_converged(&w);
	o = (struct outcome){ w.hash, w.steps, w.crashes, w.changes_acked,
			      w.failed };
	world_fini(&w);
	return o;
}

static bool
run_twice(uint64_t seed, struct outcome *sum)
{
	struct outcome a = run(seed, false), b = run(seed, false);

	sum->steps += a.steps;
	sum->crashes += a.crashes;
	sum->acked += a.acked;
	if (!a.failed && a.hash != b.hash) {
		fprintf(stderr, "seed %llu: two histories\n",
			(unsigned long long)seed);
		return false;
	}
	return !a.failed && !b.failed;
}

int
main(int argc, char **argv)
{
	uint64_t seed = 1, count = 100, passed = 0, failed = 0;
	struct outcome sum = { 0 };

	if ((argc > 1 && !str_to_u64(argv[1], &seed)) ||
	    (argc > 2 && !str_to_u64(argv[2], &count)) || argc > 4) {
		fprintf(stderr, "usage: sim [SEED [COUNT [trace]]]\n");
		return 2;
	}
	printf("sim: seeds %llu to %llu\n", (unsigned long long)seed,
	       (unsigned long long)(seed + count - 1));
	for (uint64_t i = 0; i < count; i++) {
		bool fine = argc == 4 ? !run(seed + i, true).failed
				      : run_twice(seed + i, &sum);

		passed += fine;
		failed += !fine;
	}
	printf("sim: %llu steps, %llu crashes, %llu changes acknowledged\n",
	       (unsigned long long)sum.steps, (unsigned long long)sum.crashes,
	       (unsigned long long)sum.acked);
	printf("%llu passed, %llu failed\n", (unsigned long long)passed,
	       (unsigned long long)failed);
	return failed != 0;
}
