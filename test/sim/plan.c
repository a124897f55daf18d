/*
 * plan.c - what a seed's world is like and what befalls it. Each seed takes
 * some of the faults, so that each fault also comes without the others.
 */
#include <string.h>

#include "core/base/check.h"
#include "core/base/str.h"
#include "test/sim/sim.h"

/* ---- the plan -------------------------------------------------------------
 */

struct size {
	unsigned share; /* of 1000 seeds */
	int managers, workers_min, workers_max;
	uint64_t chaos_s;
};
static const struct size sizes[] = {
	{ 440, 1, 0, 0, 40 }, { 90, 1, 1, 2, 20 },  { 320, 3, 0, 1, 16 },
	{ 80, 3, 2, 5, 12 },  { 50, 5, 0, 2, 12 },  { 12, 7, 0, 1, 10 },
	{ 5, 3, 10, 20, 8 },  { 2, 3, 40, 100, 6 }, { 1, 1, 100, 100, 6 },
};

static void
choose_size(struct world *w, struct plan *p)
{
	uint64_t at = dice(w, 1000);
	const struct size *s = sizes;

	while (at >= s->share) {
		at -= s->share;
		s++;
		check(s < sizes + ARRAY_LEN(sizes));
	}
	p->managers = s->managers;
	p->workers =
		s->workers_min +
		(int)dice(w, (uint64_t)(s->workers_max - s->workers_min) + 1);
	p->chaos_ms = 1000 * (s->chaos_s / 2 + dice(w, s->chaos_s));
}

/* How often each comes, in ms on average, where it comes at all. */
static const struct {
	uint64_t every_ms;
	unsigned of_10; /* seeds that have it */
	bool not_alone; /* needs other hosts */
} faults[FAULTS] = {
	[FAULT_CRASH] = { 3000, 6, false },
	[FAULT_DEATH] = { 9000, 3, false },
	[FAULT_STOP] = { 5000, 3, false },
	[FAULT_PARTITION] = { 5000, 4, true },
	[FAULT_BREAK] = { 2000, 3, true },
	[FAULT_STALL] = { 5000, 3, false },
	[FAULT_FULL] = { 8000, 2, false },
	[FAULT_LOSS] = { 9000, 2, true },
	[FAULT_CLOCK] = { 6000, 2, false },
	[FAULT_ADDRESS] = { 8000, 2, true },
	[FAULT_ROLE] = { 4000, 3, true },
	[FAULT_AVAILABILITY] = { 3000, 4, false },
	[FAULT_LEAVE] = { 8000, 2, false },
	[FAULT_REMOVE] = { 6000, 2, true },
	[FAULT_TOKEN] = { 6000, 2, true },
	[FAULT_ROOT] = { 8000, 1, false },
	[FAULT_LOCK] = { 8000, 1, false },
	[FAULT_IMAGE] = { 3000, 4, false },
};

static void
choose_faults(struct world *w, struct plan *p)
{
	bool alone = p->managers + p->workers == 1;

	if (dice(w, 20) == 0)
		return; /* a seed on which nothing is wrong */
	for (int i = 0; i < FAULTS; i++)
		if (dice(w, 10) < faults[i].of_10 &&
		    !(alone && faults[i].not_alone))
			p->every_ms[i] = faults[i].every_ms / 2 +
					 dice(w, faults[i].every_ms);
	if (p->every_ms[FAULT_CRASH] != 0 && dice(w, 2) == 0)
		p->at_effect = alone ? 400 : 1000 + (unsigned)dice(w, 3000);
}

void
plan_make(struct world *w, struct plan *p)
{
	static const uint64_t slow_ms[] = { 1, 5, 20, 40 };
	static const uint64_t latencies_us[] = { 100, 500, 2000, 10000 };

	*p = (struct plan){ 0 };
	choose_size(w, p);
	choose_faults(w, p);
	p->clients = 1 + (int)dice(w, 3);
	p->ask_ms = 300 + dice(w, 1500);
	p->sync_ms = slow_ms[dice(w, ARRAY_LEN(slow_ms))];
	p->latency_us = latencies_us[dice(w, ARRAY_LEN(latencies_us))];
	if (dice(w, 3) == 0)
		p->jitter_us = dice(w, 5 * US_PER_S);
	if (dice(w, 2) == 0)
		p->loss = (unsigned)dice(w, 300);
	if (dice(w, 2) == 0)
		p->repeat = (unsigned)dice(w, 500);
	if (dice(w, 4) == 0) {
		p->election_ms = 300 + dice(w, 2000);
		p->heartbeat_ms = p->election_ms / 4;
	}
	p->refuse_large = dice(w, 2) == 0;
	if (dice(w, 2) == 0)
		p->slack = 1 + dice(w, 30);
	p->drift = dice(w, 4) == 0;
	p->after_forming = dice(w, 3) != 0;
	p->lose_majority = p->managers > 1 && dice(w, 25) == 0;
}

/* ---- faults -----------------------------------------------------------------
 */

static struct host *
some_host(struct world *w)
{
	return &w->hosts[dice(w, (uint64_t)w->host_count)];
}

/* Leaders have the most to lose. */
static struct host *
some_victim(struct world *w)
{
	struct host *leader = dice(w, 3) == 0 ? admin_leader(w) : NULL;

	return leader != NULL ? leader : some_host(w);
}

static void
crash(struct world *w)
{
	struct host *h = some_victim(w);

	if (h->node == NULL)
		return;
	if (dice(w, 5) == 0 && host_answers(h)) {
		host_poke(h, EVENT_STOP); /* SIGTERM */
		return;
	}
	host_crash(h);
	host_start_later(h, dice(w, 3) == 0 ? dice(w, 50) : dice(w, 5000));
}

static void
on_power(struct world *w, void *ctx, uint64_t arg)
{
	(void)w, (void)arg;
	host_power_on(ctx);
}

static void
death(struct world *w)
{
	struct host *h = some_victim(w);

	if (h->off)
		return;
	host_die(h);
	world_at(w, NULL, w->us + dice(w, 8 * US_PER_S), on_power, h, 0);
}

static void
stop(struct world *w)
{
	static const uint64_t most_ms[] = { 100, 1500, 5000, 15000 };

	host_stop(some_victim(w), 1 + dice(w, most_ms[dice(w, 4)]));
}

static void
on_space(struct world *w, void *ctx, uint64_t arg)
{
	(void)w, (void)arg;
	host_disk_full(ctx, false);
}

static void
fill(struct world *w)
{
	struct host *h = some_victim(w);

	if (h->disk_full)
		return;
	host_disk_full(h, true);
	world_at(w, NULL, w->us + dice(w, 5 * US_PER_S), on_space, h, 0);
}

static void
stall(struct world *w)
{
	some_victim(w)->stall_until_us = w->us + dice(w, 2 * US_PER_S);
}

/* The host comes back with an empty disk, and joins as somebody new. */
static void
lose_disk(struct world *w)
{
	struct host *h = some_host(w);

	if (w->host_count == 1 || !admin_may_lose(w, h))
		return;
	if (!h->off)
		host_die(h);
	host_lose_disk(h);
	world_at(w, NULL, w->us + dice(w, 3 * US_PER_S), on_power, h, 0);
}

/* A manager that is years ahead would sign certificates that nobody takes
 * when it is back in time: only workers are. */
static void
jump(struct world *w)
{
	struct host *h = some_host(w);
	int64_t hour = 3600 * NS_PER_S, off;

	off = (int64_t)dice(w, 2 * (uint64_t)hour) - hour;
	if (!h->is_manager && dice(w, 8) == 0)
		off = (dice(w, 2) ? 1 : -1) * 87600 * hour;
	host_jump(h, dice(w, 3) == 0 ? 0 : off);
}

static void
change_image(struct world *w)
{
	struct host *h = some_host(w);

	h->has_image[1] = !h->has_image[1];
	if (h->has_image[1])
		host_poke(h, EVENT_IMAGES);
}

/* Of managers one at a time: if they all move at once, nobody knows where
 * anybody is, and a single one cannot be found by its workers. */
static bool
may_move(struct world *w, const struct host *moving)
{
	const struct host *leader = admin_leader(w);
	int managers = 0;

	if (strcmp(node_swarm_state(moving->node), "active/worker") == 0)
		return true;
	for (int i = 0; i < w->host_count; i++) {
		const struct host *h = &w->hosts[i];
		const struct node_object *o = admin_node_of(w, h);

		if (o == NULL || o->raft_id == 0)
			continue;
		managers++;
		if (o->status.state != NODE_READY ||
		    strncmp(str_or(o->manager_addr, ""), h->ip,
			    strlen(h->ip)) != 0)
			return false;
	}
	return leader != NULL && managers >= 3;
}

static void
move_host(struct world *w)
{
	struct host *h = some_host(w);

	if (h->node != NULL && may_move(w, h))
		host_move(h);
}

/* ---- partitions
 * ---------------------------------------------------------------
 */

static void
heal(struct world *w)
{
	for (int a = 0; a < w->host_count; a++)
		for (int b = 0; b < w->host_count; b++)
			net_cut(w, a, b, false);
}

static void
on_heal(struct world *w, void *ctx, uint64_t arg)
{
	(void)ctx, (void)arg;
	world_trace(w, "the network is whole again");
	heal(w);
}

/* Sides by chance; a bridge (host 0 or another) hears both. */
static void
split(struct world *w, bool one_way, int bridge)
{
	bool side[HOSTS_MAX];

	for (int i = 0; i < w->host_count; i++)
		side[i] = dice(w, 2) != 0;
	for (int a = 0; a < w->host_count; a++)
		for (int b = 0; b < w->host_count; b++)
			if (a != bridge && b != bridge && side[a] != side[b] &&
			    (!one_way || side[a]))
				net_cut(w, a, b, true);
}

static void
isolate(struct world *w, const struct host *h, bool one_way, bool out)
{
	for (int i = 0; i < w->host_count; i++) {
		if (!one_way || out)
			net_cut(w, h->index, i, true);
		if (!one_way || !out)
			net_cut(w, i, h->index, true);
	}
}

static void
partition(struct world *w)
{
	const struct host *h = some_victim(w);
	uint64_t kind = dice(w, 6), lasts_ms = 10 + dice(w, 12000);

	heal(w);
	if (dice(w, 4) == 0)
		lasts_ms = 10 + dice(w, 300); /* it flaps */
	world_trace(w, "the network is cut: kind %d, %s, %d ms", (int)kind,
		    h->name, (int)lasts_ms);
	if (kind == 0)
		split(w, false, -1);
	else if (kind == 1)
		split(w, true, -1);
	else if (kind == 2)
		split(w, false, h->index);
	else
		isolate(w, h, kind > 3, kind == 5);
	world_at(w, NULL, w->us + lasts_ms * US_PER_MS, on_heal, NULL, 0);
}

/* ---- when
 * -----------------------------------------------------------------------
 */

static void (*const befall[FAULTS])(struct world *w) = {
	[FAULT_CRASH] = crash,
	[FAULT_DEATH] = death,
	[FAULT_STOP] = stop,
	[FAULT_PARTITION] = partition,
	[FAULT_BREAK] = net_break_one,
	[FAULT_STALL] = stall,
	[FAULT_FULL] = fill,
	[FAULT_LOSS] = lose_disk,
	[FAULT_CLOCK] = jump,
	[FAULT_ADDRESS] = move_host,
	[FAULT_ROLE] = admin_role,
	[FAULT_AVAILABILITY] = admin_availability,
	[FAULT_LEAVE] = admin_leave,
	[FAULT_REMOVE] = admin_remove,
	[FAULT_TOKEN] = admin_token,
	[FAULT_ROOT] = admin_root,
	[FAULT_LOCK] = admin_lock,
	[FAULT_IMAGE] = change_image,
};

static void on_fault(struct world *w, void *ctx, uint64_t fault);

static void
next(struct world *w, uint64_t fault)
{
	uint64_t ms = 1 + dice(w, 2 * w->plan.every_ms[fault]);

	world_at(w, NULL, w->us + ms * US_PER_MS, on_fault, NULL, fault);
}

static void
on_fault(struct world *w, void *ctx, uint64_t fault)
{
	(void)ctx;
	if (w->calm)
		return;
	befall[fault](w);
	next(w, fault);
}

void
faults_start(struct world *w)
{
	for (uint64_t i = 0; i < FAULTS; i++)
		if (w->plan.every_ms[i] != 0)
			next(w, i);
}

/* The repair crew: all that is not gone for good works again. */
void
faults_stop(struct world *w)
{
	world_trace(w, "calm");
	w->calm = true;
	heal(w);
	for (int i = 0; i < w->host_count; i++) {
		struct host *h = &w->hosts[i];

		h->stall_until_us = 0;
		host_disk_full(h, false);
		host_continue(h);
		host_jump(h, 0);
		host_power_on(h);
		if (h->node == NULL)
			host_start_later(h, dice(w, 100));
		h->has_image[1] = true;
		host_poke(h, EVENT_IMAGES);
		for (size_t k = 0; k < h->container_count; k++)
			h->containers[k].exit_us = UINT64_MAX;
	}
}
