/*
 * sched.c - how fast tasks are placed: 100,000 tasks with constraints over
 * 5,000 nodes (or NODES TASKS SERVICES as arguments).
 *
 * Three numbers, each of tasks placed per second, from less to more work:
 * - decide: group_begin() to group_end() for each service: constraints
 *   parsed, nodes filtered, heaps made, each task's node found and booked.
 *   No task object, no transaction.
 * - step: what the leader does beside that: task objects made and changed,
 *   the transactions of manager_step() put together.
 * - whole: and those applied to the tables, whose changes come back.
 * Then the longest single manager_step(), the same of a leader that takes
 * office when all tasks are there, and the ratio of deciding with 10 times
 * the nodes: what is logarithmic stays near 1.
 */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "core/base/check.h"
#include "core/base/mem.h"
#include "core/base/str.h"
#include "core/manager/manager.h"
#include "core/manager/scheduler_group.h"

#define WALL INT64_C(1700000000000000000)

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

struct bench {
	struct state *state;
	uint64_t index;
	uint64_t rand;
	struct now now;
	size_t nodes, tasks, services;
	double step_s, apply_s, longest_s;
};

static double
seconds(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void
apply(struct bench *b, struct manager *m, struct tx *tx)
{
	struct changes changes = { 0 };
	struct err e;

	if (state_apply(b->state, tx, ++b->index, &changes, &e) < 0)
		fatal(e.msg);
	if (m != NULL)
		manager_changed(m, &changes, b->now);
	changes_fini(&changes);
	tx_fini(tx);
}

/* Each node is in one of 3 zones; nine of ten have an SSD. */
static struct node_object *
node_new(size_t i)
{
	static const char *const zones[] = { "a", "b", "c" };
	struct node_object *n = object_new(OBJECT_NODE);
	struct arena *a = object_arena(n);

	n->head.id = arena_printf(a, "node%06zu", i);
	n->spec.role = n->role = ROLE_WORKER;
	n->spec.availability = NODE_ACTIVE;
	n->spec.labels = kvs_with(&n->spec.labels, a, "zone", zones[i % 3]);
	n->spec.labels = kvs_with(&n->spec.labels, a, "disk",
				  i % 10 == 0 ? "hdd" : "ssd");
	n->status.state = NODE_READY;
	n->status.addr = "10.0.0.1";
	n->description.hostname = arena_strdup(a, n->head.id);
	n->description.platform.os = "linux";
	n->description.platform.architecture = "x86_64";
	n->description.resources.nano_cpus = 64 * INT64_C(1000000000);
	n->description.resources.memory_bytes = INT64_C(256) << 30;
	return n;
}

static struct service *
service_new(const struct bench *b, size_t i)
{
	struct service *s = object_new(OBJECT_SERVICE);
	struct arena *a = object_arena(s);
	struct placement *p = arena_alloc(a, sizeof(*p));
	struct resource_requirements *r = arena_alloc(a, sizeof(*r));

	s->head.id = arena_printf(a, "service%06zu", i);
	s->spec.name = arena_strdup(a, s->head.id);
	s->spec.mode.replicated =
		arena_alloc(a, sizeof(struct replicated_mode));
	s->spec.mode.replicated->replicas =
		(struct opt_u64){ true, b->tasks / b->services };
	s->spec.task.container = arena_alloc(a, sizeof(struct container_spec));
	s->spec.task.container->image = "whoami";
	p->constraints.v = arena_array(a, 2, sizeof(const char *));
	p->constraints.v[0] = "node.labels.disk==ssd";
	p->constraints.v[1] =
		arena_printf(a, "node.labels.zone!=%c", "abcd"[i % 4]);
	p->constraints.count = 2;
	s->spec.task.placement = p;
	r->reservations = arena_alloc(a, sizeof(*r->reservations));
	r->reservations->nano_cpus = 10000000;
	r->reservations->memory_bytes = INT64_C(4) << 20;
	s->spec.task.resources = r;
	return s;
}

static void
fill(struct bench *b)
{
	struct tx tx = { .wall_ns = WALL };

	b->state = state_new(7);
	b->rand = 1;
	b->now = (struct now){ 1000000, WALL };
	for (size_t i = 0; i < b->nodes; i++)
		tx_put(&tx, node_new(i), TX_ABSENT);
	for (size_t i = 0; i < b->services; i++)
		tx_put(&tx, service_new(b, i), TX_ABSENT);
	apply(b, NULL, &tx);
}

static struct task *
task_like(const struct service *s)
{
	struct task *t = object_new(OBJECT_TASK);

	t->head.id = "like";
	t->service_id = s->head.id;
	t->spec_version = s->spec_version;
	t->desired_state = TASK_RUNNING;
	t->spec = s->spec.task;
	return t;
}

/* Seconds for one decision. */
static double
decide(struct bench *b)
{
	size_t each = b->tasks / b->services, placed = 0;
	struct places ps;
	double began, took;

	places_init(&ps, 1);
	places_load(&ps, b->state, b->now);
	began = seconds();
	for (size_t i = 0; i < b->services; i++) {
		struct task *like =
			task_like(state_at(b->state, OBJECT_SERVICE, i));
		struct group g;

		group_begin(&g, &ps, like, b->now);
		group_rank(&g);
		for (size_t k = 0; k < each && group_next(&g) != NULL; k++) {
			group_take(&g);
			placed++;
		}
		group_end(&g);
		object_unref(like);
	}
	took = seconds() - began;
	places_fini(&ps);
	if (placed != each * b->services)
		fatal("not all tasks were placed");
	return took / (double)placed;
}

static void
work(struct bench *b)
{
	struct manager *m;
	double at = seconds(), passed;

	m = manager_new(b->state, &b->rand, "node000000", b->now);
	b->step_s += seconds() - at;
	while (manager_deadline(m) <= b->now.mono_ms) {
		struct tx tx = { 0 };

		at = seconds();
		manager_step(m, b->now, &tx);
		passed = seconds() - at;
		b->step_s += passed;
		b->longest_s = passed > b->longest_s ? passed : b->longest_s;
		apply(b, m, &tx);
		b->apply_s += seconds() - at - passed;
	}
	manager_free(m);
	if (state_count(b->state, OBJECT_TASK) !=
	    b->tasks / b->services * b->services)
		fatal("not all tasks were made");
}

/* All tasks are there: what a new leader does until it is at rest. */
static double
take_office(struct bench *b, double *ret_new)
{
	double began = seconds(), longest = 0;
	struct manager *m =
		manager_new(b->state, &b->rand, "node000000", b->now);

	*ret_new = seconds() - began;
	while (manager_deadline(m) <= b->now.mono_ms) {
		struct tx tx = { 0 };
		double at = seconds(), passed;

		manager_step(m, b->now, &tx);
		passed = seconds() - at;
		longest = passed > longest ? passed : longest;
		apply(b, m, &tx);
	}
	manager_free(m);
	return longest;
}

static void
say(const char *what, double value, const char *unit)
{
	printf("%-50s %12.0f %s\n", what, value, unit);
}

static size_t
arg(int argc, char **argv, int i, size_t usual)
{
	uint64_t v;

	return i < argc && str_to_u64(argv[i], &v) && v > 0 ? (size_t)v : usual;
}

int
main(int argc, char **argv)
{
	struct bench b = { .nodes = arg(argc, argv, 1, 5000),
			   .tasks = arg(argc, argv, 2, 100000),
			   .services = arg(argc, argv, 3, 100) };
	struct bench few = b;
	double one, less, took;

	few.nodes = b.nodes / 10;
	fill(&b);
	fill(&few);
	(void)decide(&b); /* caches are warm from here on, as in a leader */
	one = decide(&b);
	less = decide(&few);
	printf("%zu nodes, %zu tasks of %zu services, 2 constraints each\n",
	       b.nodes, b.tasks, b.services);
	say("decide: placements per second", 1 / one, "(goal 500000)");
	printf("%-50s %12.2f\n", "decide: time with all nodes / with a tenth",
	       one / less);
	work(&b);
	say("step: placements per second", (double)b.tasks / b.step_s, "");
	say("whole: placements per second",
	    (double)b.tasks / (b.step_s + b.apply_s), "");
	say("longest manager_step() while placing", b.longest_s * 1e6, "us");
	b.longest_s = take_office(&b, &took);
	say("new leader: longest manager_step()", b.longest_s * 1e6, "us");
	say("new leader: manager_new()", took * 1e6, "us");
	state_free(b.state);
	state_free(few.state);
	return 1 / one < 500000;
}
