/*
 * sim.c - sim SEED COUNT [trace]: COUNT worlds from SEED on. A world is chaos
 * for a while, then calm, and then all must come to rest as it was asked for.
 * One of a hundred is run twice: the same seed must give the same history.
 *
 * sim planted: with each bug of planted.c in turn, worlds until it is found.
 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/base/check.h"
#include "core/base/mem.h"
#include "core/base/str.h"
#include "test/sim/sim.h"

#define FORMING_S 60
#define CALM_S 240
#define LOOK_MS 250
#define PLANTED_SEEDS 1000
#define IDLE_S 20
#define WAKEUPS_MAX 60 /* a second, of one node of a cluster that is idle */

static struct world *current;

static void
say_failure(const struct world *w, const char *why)
{
	fprintf(stderr,
		"seed %llu, %llu ms: %s (%d managers, %d workers; again: sim "
		"%llu 1 trace)\n",
		(unsigned long long)w->seed,
		(unsigned long long)(w->us / US_PER_MS), why, w->plan.managers,
		w->plan.workers, (unsigned long long)w->seed);
}

_Noreturn void
check_failed(const char *file, int line, const char *what)
{
	char why[300];

	snprintf(why, sizeof(why), "%s:%d: check failed: %s", file, line, what);
	if (current != NULL)
		say_failure(current, why);
	fflush(NULL);
	abort();
}

_Noreturn void
fatal(const char *why)
{
	if (current != NULL)
		say_failure(current, why);
	fflush(NULL);
	abort();
}

/* ---- one world -------------------------------------------------------------
 */

static void
form(struct world *w)
{
	uint64_t until = w->us + FORMING_S * US_PER_S;

	w->calm = true;
	while (!w->failed && !admin_has_formed(w) && w->us < until)
		world_run(w, w->us + LOOK_MS * US_PER_MS);
	if (!w->failed && !admin_has_formed(w))
		world_fail(w, "the cluster does not form: %s", check_rest(w));
	w->calm = false;
}

static void
wait_for_rest(struct world *w)
{
	uint64_t until = w->us + CALM_S * US_PER_S;
	const char *why = "it was never looked at";

	while (!w->failed) {
		world_run(w, w->us + LOOK_MS * US_PER_MS);
		if (w->failed)
			return;
		admin_finish(w);
		why = w->failed ? NULL : check_rest(w);
		if (why == NULL && clients_read_all(w))
			return;
		if (w->us >= until)
			world_fail(w, "it does not come to rest: %s",
				   why != NULL ? why
					       : "reads are not answered");
	}
}

/* L5: who has nothing to do, sleeps. */
static void
idle(struct world *w)
{
	for (int i = 0; i < w->host_count; i++)
		w->hosts[i].wakeups = 0;
	world_run(w, w->us + IDLE_S * US_PER_S);
	for (int i = 0; i < w->host_count && !w->failed; i++)
		if (w->hosts[i].wakeups > WAKEUPS_MAX * IDLE_S)
			world_fail(w,
				   "%s wakes up %d times in %d s, and has "
				   "nothing to do",
				   w->hosts[i].name, (int)w->hosts[i].wakeups,
				   IDLE_S);
}

/* ---- a majority that is lost for good ---------------------------------------
 */

static struct host *
some_member(struct world *w)
{
	for (int i = 0; i < w->host_count; i++) {
		struct host *h = &w->hosts[i];

		if (h->node != NULL &&
		    strcmp(node_swarm_state(h->node), "active/manager") == 0)
			return h;
	}
	return NULL;
}

/* What the one that is left has is what there is from now on: entries that
 * others had may be lost, so the histories begin anew. */
static void
force(struct world *w)
{
	struct host *left = some_member(w);
	uint64_t until = w->us + FORMING_S * US_PER_S;

	if (left == NULL)
		return;
	world_trace(w, "only %s is left of the managers", left->name);
	for (int i = 0; i < w->host_count; i++) {
		struct host *h = &w->hosts[i];

		if (h == left || !admin_is_manager(h))
			continue;
		if (!h->off)
			host_die(h);
		h->gone = true;
	}
	host_disk_full(left, false);
	host_continue(left);
	host_crash(left);
	raft_view_reset(w);
	left->force_new = true;
	host_start_later(left, 100);
	while (!w->failed && admin_leader(w) != left && w->us < until)
		world_run(w, w->us + LOOK_MS * US_PER_MS);
	if (!w->failed && admin_leader(w) != left)
		world_fail(w, "%s does not go on alone", left->name);
	if (!w->failed)
		clients_begin_with(w, node_state(left->node));
}

static void
live(struct world *w)
{
	faults_start(w);
	if (w->plan.after_forming)
		form(w);
	if (!w->failed)
		world_run(w, w->us + w->plan.chaos_ms * US_PER_MS);
	if (w->failed)
		return;
	clients_stop(w);
	w->calm = true;
	if (w->plan.lose_majority)
		force(w);
	faults_stop(w);
	wait_for_rest(w);
	if (!w->failed && w->seed % 4 == 0)
		idle(w);
	if (!w->failed)
		check_end(w);
}

static void
begin(struct world *w, uint64_t seed, bool trace)
{
	*w = (struct world){ .seed = seed, .rnd = seed, .trace = trace };
	w->hash = UINT64_C(0xcbf29ce484222325);
	w->us = US_PER_S;
	list_init(&w->reports);
	list_init(&w->asked);
	net_init(w);
	plan_make(w, &w->plan);
	w->host_count = w->plan.managers + w->plan.workers;
	w->hosts = mem_new_array((size_t)w->host_count, sizeof(*w->hosts));
	planted_world(w);
	check_init(w);
	for (int i = 0; i < w->host_count; i++) {
		host_init(&w->hosts[i], w, i);
		host_start_later(&w->hosts[i], dice(w, 500));
	}
	admin_start(w);
	clients_start(w);
}

static void
end(struct world *w)
{
	for (int i = 0; i < w->host_count; i++)
		host_fini(&w->hosts[i]);
	net_fini(w);
	packets_fini(w);
	trust_reports_fini(w);
	ask_fini(w);
	clients_fini(w);
	admin_fini(w);
	check_fini(w);
	dues_fini(&w->dues);
	mem_free(w->hosts);
}

struct sums {
	uint64_t steps, crashes, acked, links, leaders, seconds;
	uint64_t passed, failed;
};

static uint64_t
run(uint64_t seed, bool trace, struct sums *sum, bool *ret_fine)
{
	struct world w;

	current = &w;
	begin(&w, seed, trace);
	live(&w);
	*ret_fine = !w.failed;
	if (w.failed)
		check_dump(&w);
	fflush(stdout);
	if (w.failed)
		say_failure(&w, w.reason);
	sum->steps += w.steps;
	sum->crashes += w.crashes;
	sum->acked += w.acked;
	sum->links += w.links;
	sum->leaders += w.leaders;
	sum->seconds += w.us / US_PER_S;
	end(&w);
	current = NULL;
	return w.hash;
}

static bool
run_seed(uint64_t seed, bool trace, struct sums *sum)
{
	struct sums unused = { 0 };
	bool fine, again;
	uint64_t hash = run(seed, trace, sum, &fine);

	if (trace)
		printf("history %016llx\n", (unsigned long long)hash);
	if (!fine || trace || seed % 100 != 1)
		return fine;
	if (run(seed, false, &unused, &again) == hash && again)
		return true;
	fprintf(stderr, "seed %llu: two histories\n", (unsigned long long)seed);
	return false;
}

static void
say_sums(const struct sums *s)
{
	printf("sim: %llu steps, %llu s, %llu crashes, %llu links, %llu "
	       "leaders, %llu changes acknowledged\n",
	       (unsigned long long)s->steps, (unsigned long long)s->seconds,
	       (unsigned long long)s->crashes, (unsigned long long)s->links,
	       (unsigned long long)s->leaders, (unsigned long long)s->acked);
	printf("%llu passed, %llu failed\n", (unsigned long long)s->passed,
	       (unsigned long long)s->failed);
}

static int
run_seeds(uint64_t seed, uint64_t count, bool trace)
{
	struct sums sum = { 0 };

	for (uint64_t i = 0; i < count; i++) {
		bool fine = run_seed(seed + i, trace, &sum);

		sum.passed += fine;
		sum.failed += !fine;
	}
	say_sums(&sum);
	return sum.failed != 0;
}

/* ---- planted bugs
 * -------------------------------------------------------------- */

/* In a process of its own: a check of core's that fails finds it as well. */
static bool
find_bug(enum bug b)
{
	int status = 0;
	pid_t child;

	fflush(NULL);
	child = fork();
	if (child == 0) {
		struct sums unused = { 0 };
		bool fine = true;

		planted_bug = b;
		printf("planted: %s: ", planted_name(b));
		fflush(stdout);
		dup2(STDOUT_FILENO, STDERR_FILENO);
		for (uint64_t seed = 1; fine && seed <= PLANTED_SEEDS; seed++)
			(void)run(seed, false, &unused, &fine);
		_exit(fine ? 0 : 1);
	}
	check(child > 0 && waitpid(child, &status, 0) == child);
	if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
		printf("not found\n");
	return !WIFEXITED(status) || WEXITSTATUS(status) != 0;
}

static int
run_planted(void)
{
	int found = 0;

	for (int b = BUG_NONE + 1; b < BUGS; b++)
		found += find_bug((enum bug)b);
	printf("%d passed, %d failed\n", found, BUGS - 1 - found);
	return found != BUGS - 1;
}

int
main(int argc, char **argv)
{
	uint64_t seed = 1, count = 100;

	if (argc == 2 && strcmp(argv[1], "planted") == 0)
		return run_planted();
	if ((argc > 1 && !str_to_u64(argv[1], &seed)) ||
	    (argc > 2 && !str_to_u64(argv[2], &count)) || argc > 4) {
		fprintf(stderr, "usage: sim [SEED [COUNT [trace]]]\n"
				"       sim planted\n");
		return 2;
	}
	return run_seeds(seed, count, argc == 4);
}
