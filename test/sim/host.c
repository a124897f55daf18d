/*
 * host.c - a host: its clocks, its daemon's life, and the effects of its
 * node carried out. The daemon may die between any two of them.
 */
#include <stdio.h>
#include <string.h>

#include "core/base/check.h"
#include "core/base/mem.h"
#include "core/base/rand.h"
#include "core/base/str.h"
#include "test/sim/sim.h"

#define WALL_NS (INT64_C(1700000000) * NS_PER_S)
#define SAME_TIME_MAX 3000 /* wake-ups in one second */

/* ---- clocks -------------------------------------------------------------- */

static uint64_t
mono_us(const struct host *h)
{
	uint64_t passed = h->w->us - h->mono_at_us;

	return h->mono_us + passed / 1000000 * h->rate_ppm +
	       passed % 1000000 * h->rate_ppm / 1000000;
}

struct now
host_now(const struct host *h)
{
	return (struct now){
		.mono_ms = mono_us(h) / US_PER_MS,
		.wall_ns = WALL_NS + (int64_t)h->w->us * 1000 + h->wall_off_ns,
	};
}

/* When this host's clock shows mono_ms. */
static uint64_t
time_of(const struct host *h, uint64_t mono_ms)
{
	uint64_t to = mono_ms * US_PER_MS, from = mono_us(h), left;

	if (mono_ms > UINT64_MAX / 4 / US_PER_MS)
		return UINT64_MAX;
	if (to <= from)
		return h->w->us;
	left = to - from;
	return h->w->us + left / h->rate_ppm * 1000000 +
	       left % h->rate_ppm * 1000000 / h->rate_ppm + 2;
}

static void
on_poke(struct world *w, void *ctx, uint64_t type)
{
	struct event ev = { .type = (enum event_type)type };

	(void)w;
	host_give(ctx, &ev);
}

void
host_poke(struct host *h, enum event_type type)
{
	world_at(h->w, h, h->w->us, on_poke, h, type);
}

void
host_jump(struct host *h, int64_t wall_off_ns)
{
	world_trace(h->w, "%s: its clock jumps by %lld s", h->name,
		    (long long)((wall_off_ns - h->wall_off_ns) / NS_PER_S));
	h->wall_off_ns = wall_off_ns;
	host_poke(h, EVENT_TICK); /* or whatever comes next */
}

bool
host_answers(const struct host *h)
{
	return h->node != NULL && h->stopped_until_us == 0;
}

/* ---- the node's one timer --------------------------------------------------
 */

static void arm(struct host *h);

static void
on_timer(struct world *w, void *ctx, uint64_t at_us)
{
	struct host *h = ctx;
	struct event ev = { .type = EVENT_TICK };

	if (h->node == NULL || h->timer_us != at_us)
		return; /* another one was set since */
	h->timer_us = UINT64_MAX;
	if (node_deadline(h->node) > host_now(h).mono_ms) {
		arm(h);
		return;
	}
	/* A millisecond's wait is at worst a few turns of the loop. */
	h->wakeups++;
	h->same_time = h->same_us == w->us / US_PER_S ? h->same_time + 1 : 0;
	h->same_us = w->us / US_PER_S;
	if (h->same_time > SAME_TIME_MAX)
		world_fail(w, "%s: a timer storm: its %s is always due",
			   h->name, check_soonest(h));
	host_give(h, &ev);
}

static void
arm(struct host *h)
{
	uint64_t at = time_of(h, node_deadline(h->node));

	if (at == UINT64_MAX || at >= h->timer_us)
		return;
	at = max_u64(at, h->w->us + 20); /* a turn of the loop */
	h->timer_us = at;
	world_at(h->w, h, at, on_timer, h, at);
}

/* ---- the disk --------------------------------------------------------------
 */

static void sync_arm(struct host *h);

static void
on_sync(struct world *w, void *ctx, uint64_t at_us)
{
	struct host *h = ctx;
	struct disk *d = &h->disk;
	struct event ev = { .type = EVENT_PERSISTED };

	(void)w;
	if (h->sync_us != at_us || h->node == NULL)
		return;
	h->sync_us = UINT64_MAX;
	if (d->pending_count == 0)
		return;
	if (h->disk_full) {
		if (!h->disk_full_told) {
			h->disk_full_told = true;
			ev.type = EVENT_DISK_FULL;
			host_give(h, &ev);
		}
		return; /* host_disk_full() goes on */
	}
	ev.batch_seq = d->pending[0]->seq;
	disk_write(d, d->pending[0]);
	batch_free(d->pending[0]);
	d->pending_count--;
	memmove(d->pending, d->pending + 1,
		d->pending_count * sizeof(d->pending[0]));
	memmove(d->due_us, d->due_us + 1,
		d->pending_count * sizeof(d->due_us[0]));
	sync_arm(h);
	host_give(h, &ev);
}

static void
sync_arm(struct host *h)
{
	if (h->disk.pending_count == 0 || h->sync_us != UINT64_MAX)
		return;
	h->sync_us = max_u64(h->disk.due_us[0], h->w->us);
	/* The writer is a thread of a process that may be stopped. */
	world_at(h->w, h, h->sync_us, on_sync, h, h->sync_us);
}

static void
submit(struct host *h, const struct batch *b)
{
	struct world *w = h->w;
	struct disk *d = &h->disk;
	uint64_t most = (w->calm ? 3 : w->plan.sync_ms) * US_PER_MS;
	uint64_t due = w->us + 100 + dice(w, most + 1);

	if (d->pending_count == 2) {
		world_fail(w, "%s: more than two batches are on their way",
			   h->name);
		batch_free(b);
		return;
	}
	due = max_u64(due, h->stall_until_us);
	if (d->pending_count > 0)
		due = max_u64(due, d->due_us[d->pending_count - 1]);
	d->due_us[d->pending_count] = due;
	d->pending[d->pending_count++] = b;
	sync_arm(h);
}

void
host_disk_full(struct host *h, bool full)
{
	if (h->disk_full == full)
		return;
	world_trace(h->w, "%s: the disk %s", h->name,
		    full ? "is full" : "has space again");
	h->disk_full = full;
	if (full)
		return;
	if (h->disk_full_told) {
		h->disk_full_told = false;
		host_poke(h, EVENT_DISK_SPACE);
	}
	sync_arm(h);
}

/* A crash: what is on its way is on the disk or not, in order. */
static void
lose_pending(struct host *h)
{
	struct disk *d = &h->disk;
	size_t done = h->disk_full ? 0 : dice(h->w, d->pending_count + 1);

	for (size_t i = 0; i < d->pending_count; i++) {
		if (i < done)
			disk_write(d, d->pending[i]);
		batch_free(d->pending[i]);
	}
	d->pending_count = 0;
	h->sync_us = UINT64_MAX;
	h->disk_full_told = false;
}

static void
on_written(struct world *w, void *ctx, uint64_t seq)
{
	struct host *h = ctx;
	struct event ev = { .type = EVENT_PERSISTED, .batch_seq = seq };

	(void)w;
	if (h->wiped_by == h->daemon)
		host_give(h, &ev);
}

/* The store waits for its writer, which says so as ever. */
static void
wipe(struct host *h)
{
	struct disk *d = &h->disk;

	if (d->pending_count > 0) {
		h->wiped_by = h->daemon;
		world_at(h->w, h, h->w->us + 100, on_written, h,
			 d->pending[d->pending_count - 1]->seq);
	}
	while (d->pending_count > 0)
		batch_free(d->pending[--d->pending_count]);
	h->sync_us = UINT64_MAX;
	disk_erase(d);
	h->lock_len = 0;
	h->disk_made++;
	h->seen_applied = 0;
}

void
host_lose_disk(struct host *h)
{
	check(h->node == NULL);
	world_trace(h->w, "%s: the disk is lost", h->name);
	check_disk_lost(h);
	wipe(h);
	h->container_count = 0;
	h->force_new = false;
}

/* ---- effects ----------------------------------------------------------------
 */

static void
mix_effect(struct host *h, const struct effect *e)
{
	struct world *w = h->w;
	uint64_t head[] = { w->us, (uint64_t)h->index, (uint64_t)e->type,
			    e->request_id };

	world_mix(w, head, sizeof(head));
	if (e->body_len > 0)
		world_mix(w, e->body, e->body_len);
	if (e->order != NULL)
		world_mix(w, e->order->task_id, strlen(e->order->task_id));
	if (e->type == EFFECT_LINK && e->link_order->verb == LINK_SEND)
		world_mix(w, e->link_order->message,
			  min_u64(e->link_order->len, 64));
}

static struct node *make_node(struct host *h, const struct stored *stored);

/* As swarm.c: the node is made anew from what is there. */
static void
unlock(struct host *h)
{
	struct effect reply = { .type = EFFECT_REPLY,
				.request_id = h->unlock_request,
				.status = 200 };
	struct stored stored;

	h->unlock_request = 0;
	if (memcmp(h->unlock_key, h->lock, sizeof(h->lock)) != 0) {
		reply.status = 401;
		reply.body = "{\"message\":\"invalid key\"}";
		reply.body_len = strlen(reply.body);
		ask_take(h, &reply);
		return;
	}
	world_trace(h->w, "%s is unlocked", h->name);
	disk_stored(&h->disk, &stored);
	node_free(h->node);
	planted_host(h);
	h->node = make_node(h, &stored);
	h->timer_us = UINT64_MAX;
	runner_started(h);
	ask_take(h, &reply);
	check_started(h);
}

static void
carry_out(struct host *h, const struct effect *e)
{
	switch (e->type) {
	case EFFECT_PERSIST:
		submit(h, e->batch);
		return;
	case EFFECT_REPLY:
	case EFFECT_STREAM:
	case EFFECT_STREAM_END:
		ask_take(h, e);
		return;
	case EFFECT_RUNNER:
		check_order(h, e->order);
		runner_take(h, e->order);
		return;
	case EFFECT_WIPE:
		world_trace(h->w, "%s has left", h->name);
		wipe(h);
		return;
	case EFFECT_LINK:
		net_order(h, e->link_order);
		return;
	case EFFECT_TRUST:
		trust_take_order(h, e->trust_order);
		return;
	case EFFECT_GOSSIP:
		packets_order(h, e->gossip_order);
		return;
	case EFFECT_PORTS:
		check_ports(h, e->ports, e->port_count);
		if (e->port_count > 0 && chance(h->w, 10)) {
			snprintf(h->refused, sizeof(h->refused), "%s",
				 e->ports[0].task_id);
			runner_refuse(h);
		}
		return;
	case EFFECT_STOPPED:
		h->stopped = true;
		return;
	case EFFECT_UNLOCK:
		memcpy(h->unlock_key, e->unlock_key, sizeof(h->unlock_key));
		h->unlock_request = e->request_id;
		return;
	case EFFECT_LOGS:
	case EFFECT_LOGS_MORE:
	case EFFECT_LOGS_STOP:
		return;
	}
}

void
host_drain(struct host *h)
{
	struct world *w = h->w;
	struct effect e;

	while (!w->failed && node_next(h->node, &e)) {
		if (chance(w, w->plan.at_effect)) {
			if (e.type == EFFECT_PERSIST)
				batch_free(e.batch);
			host_crash(h);
			host_start_later(h, dice(w, 3000));
			return;
		}
		mix_effect(h, &e);
		carry_out(h, &e);
	}
	if (h->unlock_request != 0 && !w->failed)
		unlock(h);
}

static void
on_stopped(struct world *w, void *ctx, uint64_t daemon)
{
	struct host *h = ctx;

	(void)w;
	if (h->daemon != daemon || h->node == NULL)
		return;
	host_crash(h);
	host_start_later(h, dice(h->w, 3000));
}

/* As when another one waits in the daemon's inbox: one comes, now, but others
 * that are due now may be before it. */
static bool
has_more(struct host *h, const struct event *ev)
{
	bool more = (ev->type == EVENT_REQUEST || ev->type == EVENT_LINK) &&
		    dice(h->w, 3) == 0;

	if (more)
		host_poke(h, EVENT_TICK);
	return more;
}

void
host_give(struct host *h, const struct event *ev)
{
	struct event given = *ev;

	if (h->node == NULL || h->w->failed)
		return;
	check(h->stopped_until_us == 0);
	planted_host(h);
	given.more = has_more(h, ev);
	node_step(h->node, host_now(h), &given);
	host_drain(h);
	if (h->node == NULL || h->w->failed)
		return;
	check_step(h);
	arm(h);
	if (h->stopped) {
		h->stopped = false;
		world_at(h->w, h, h->w->us + 1000, on_stopped, h, h->daemon);
	}
}

/* ---- the daemon's life
 * ------------------------------------------------------- */

static void
describe(struct host *h, struct node_description *d, struct host_addrs *addrs,
	 struct host_addr v[2])
{
	*d = (struct node_description){
		.hostname = h->name,
		.platform = { "x86_64", "linux" },
		.resources = { INT64_C(8000000000), INT64_C(8) << 30 },
		.engine = { .version = "1" },
	};
	v[0] = (struct host_addr){ "lo", "127.0.0.1" };
	v[1] = (struct host_addr){ "eth0", h->ip };
	*addrs = (struct host_addrs){ v, 2 };
}

static struct node *
make_node(struct host *h, const struct stored *stored)
{
	const struct plan *p = &h->w->plan;
	struct node_description description;
	struct host_addrs addrs;
	struct host_addr v[2];
	struct node_config c = { .seed = rand_next(&h->w->rnd),
				 .version = "1",
				 .root_dir = "/root",
				 .runtime = "runc",
				 .description = &description,
				 .egress_subnet = "172.30.0.0/16",
				 .election_ms = p->election_ms,
				 .heartbeat_ms = p->heartbeat_ms,
				 .force_new_cluster = h->force_new,
				 .default_addr = h->ip,
				 .addrs = &addrs,
				 .stored = stored,
				 .locked = stored == NULL };

	describe(h, &description, &addrs, v);
	h->force_new = h->force_new && stored == NULL;
	return node_new(&c, host_now(h));
}

void
host_start(struct host *h)
{
	struct event ev = { .type = EVENT_TICK };
	struct stored stored;

	if (h->node != NULL || h->off || h->gone)
		return;
	world_trace(h->w, "%s is up%s", h->name,
		    h->lock_len > 0 ? ", locked" : "");
	h->daemon++;
	h->timer_us = UINT64_MAX;
	h->started_us = h->w->us;
	h->stopped = false;
	disk_stored(&h->disk, &stored);
	planted_host(h);
	h->node = make_node(h, h->lock_len > 0 ? NULL : &stored);
	runner_started(h);
	if (h->lock_len == 0)
		check_started(h);
	/* Effects may wait already, as swarm.c's first turn finds them. */
	host_give(h, &ev);
}

static void
on_start(struct world *w, void *ctx, uint64_t daemon)
{
	struct host *h = ctx;

	(void)w;
	if (h->daemon == daemon)
		host_start(h);
}

void
host_start_later(struct host *h, uint64_t after_ms)
{
	world_at(h->w, NULL, h->w->us + after_ms * US_PER_MS, on_start, h,
		 h->daemon);
}

/* The stopped process is gone: what waited for it is void, or not for it. */
static void
undefer(struct host *h)
{
	struct dues d = h->deferred;

	h->stopped_until_us = 0;
	h->deferred = (struct dues){ 0 };
	for (size_t i = 0; i < d.count && !h->w->failed; i++)
		d.v[i].fn(h->w, d.v[i].ctx, d.v[i].arg);
	dues_fini(&d);
}

void
host_crash(struct host *h)
{
	if (h->node == NULL)
		return;
	world_trace(h->w, "%s crashes", h->name);
	h->w->crashes++;
	node_free(h->node);
	h->node = NULL;
	h->unlock_request = 0;
	lose_pending(h);
	h->refused[0] = '\0';
	net_daemon_died(h);
	ask_daemon_died(h);
	runner_daemon_died(h);
	if (h->stopped_until_us != 0)
		undefer(h);
}

void
host_die(struct host *h)
{
	world_trace(h->w, "%s has no power", h->name);
	host_crash(h);
	h->off = true;
	runner_host_died(h);
}

void
host_power_on(struct host *h)
{
	if (!h->off || h->gone)
		return;
	h->off = false;
	h->mono_us = dice(h->w, 100 * US_PER_S);
	h->mono_at_us = h->w->us;
	world_trace(h->w, "%s has power again", h->name);
	host_start_later(h, dice(h->w, 2000));
}

static void
on_continue(struct world *w, void *ctx, uint64_t until_us)
{
	struct host *h = ctx;

	(void)w;
	if (h->stopped_until_us == until_us)
		host_continue(h);
}

void
host_stop(struct host *h, uint64_t ms)
{
	uint64_t until = h->w->us + ms * US_PER_MS;

	if (h->node == NULL || h->stopped_until_us != 0)
		return;
	world_trace(h->w, "%s is stopped for %llu ms", h->name,
		    (unsigned long long)ms);
	h->stopped_until_us = until;
	world_at(h->w, NULL, until, on_continue, h, until);
}

void
host_continue(struct host *h)
{
	if (h->stopped_until_us == 0)
		return;
	world_trace(h->w, "%s goes on", h->name);
	undefer(h);
}

static void
on_moved(struct world *w, void *ctx, uint64_t daemon)
{
	struct host *h = ctx;
	struct node_description description;
	struct host_addrs addrs;
	struct host_addr v[2];
	struct event ev = { .type = EVENT_ADDRESSES,
			    .addrs = &addrs,
			    .default_addr = h->ip };

	(void)w;
	if (h->daemon != daemon)
		return;
	describe(h, &description, &addrs, v);
	host_give(h, &ev);
}

static bool
is_taken(const struct host *h)
{
	for (int i = 0; i < h->w->host_count; i++)
		if (&h->w->hosts[i] != h &&
		    strcmp(h->w->hosts[i].ip, h->ip) == 0)
			return true;
	return false;
}

void
host_move(struct host *h)
{
	do
		snprintf(h->ip, sizeof(h->ip), "10.0.%d.%d",
			 1 + (int)dice(h->w, 250), 1 + (int)dice(h->w, 250));
	while (is_taken(h));
	world_trace(h->w, "%s is now at %s", h->name, h->ip);
	net_moved(h);
	world_at(h->w, h, h->w->us + 1000, on_moved, h, h->daemon);
}

/* ---- start and end
 * -------------------------------------------------------------- */

void
host_init(struct host *h, struct world *w, int index)
{
	const struct plan *p = &w->plan;

	h->w = w;
	h->index = index;
	snprintf(h->name, sizeof(h->name), "h%d", index);
	snprintf(h->ip, sizeof(h->ip), "10.0.0.%d", index + 1);
	h->is_manager = index < p->managers;
	h->wanted = true;
	h->mono_us = dice(w, 1000 * US_PER_S);
	h->mono_at_us = w->us;
	h->rate_ppm = p->drift ? 900000 + dice(w, 200001) : 1000000;
	h->timer_us = h->sync_us = h->runner_us = UINT64_MAX;
	h->has_image[0] = true;
	h->has_image[1] = dice(w, 2) == 0;
}

void
host_fini(struct host *h)
{
	node_free(h->node);
	disk_fini(&h->disk);
	dues_fini(&h->deferred);
	mem_free(h->containers);
}
