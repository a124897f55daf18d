/*
 * node.c - see node.h: the door. An event is given to the part that it is
 * for; then settle() lets each part do what has become possible. Nothing
 * here decides anything about services or containers.
 */
#include "core/node/node.h"

#include <string.h>

#include "core/base/check.h"
#include "core/base/mem.h"
#include "core/model/naming.h"
#include "core/model/strings.h"
#include "core/node/node_impl.h"

#define GOSSIP_PORT 7946
#define TOGETHER_MAX 64 /* events that are one turn */

static void
take_description(struct node *n, const struct node_description *d)
{
	struct arena old = n->description_arena;

	arena_init(&n->description_arena);
	model_copy(&node_description_type, d, &n->description_arena,
		   &n->description);
	arena_fini(&old);
	identity_describe(n);
}

static void
take_addresses(struct node *n, const struct host_addrs *have,
	       const char *default_addr)
{
	struct arena *a = &n->addrs_arena;

	arena_fini(a);
	n->addrs.v = arena_array(a, have->count, sizeof(*have->v));
	n->addrs.count = have->count;
	for (size_t i = 0; i < have->count; i++) {
		n->addrs.v[i].name = arena_strdup(a, have->v[i].name);
		n->addrs.v[i].ip = arena_strdup(a, have->v[i].ip);
	}
	n->default_addr = arena_strdup(a, default_addr);
}

struct node *
node_new(const struct node_config *config, struct now now)
{
	struct node *n = mem_new(sizeof(*n));

	n->life = LIFE_NONE;
	n->now = now;
	n->rand_state = config->seed;
	arena_init(&n->config_arena);
	arena_init(&n->step_arena);
	arena_init(&n->description_arena);
	n->version = arena_strdup(&n->config_arena, config->version);
	n->root_dir = arena_strdup(&n->config_arena, config->root_dir);
	n->runtime = arena_strdup(&n->config_arena, config->runtime);
	n->kernel_version =
		arena_strdup(&n->config_arena, config->kernel_version);
	n->operating_system =
		arena_strdup(&n->config_arena, config->operating_system);
	n->default_addr = arena_strdup(&n->config_arena, config->default_addr);
	n->egress_subnet =
		arena_strdup(&n->config_arena, config->egress_subnet);
	n->election_ms = config->election_ms;
	n->heartbeat_ms = config->heartbeat_ms;
	n->gossip_port = GOSSIP_PORT;
	take_description(n, config->description);
	if (config->addrs != NULL)
		take_addresses(n, config->addrs, config->default_addr);
	list_init(&n->spent_orders);
	list_init(&n->held_orders);
	list_init(&n->proposals);
	list_init(&n->watchers);
	list_init(&n->dials);
	list_init(&n->trust_asked);
	list_init(&n->enrolments);
	list_init(&n->updates);
	n->ca_next_ms = 0;
	list_init(&n->held_reads);
	list_init(&n->snapshots);
	n->roles_at_ms = UINT64_MAX;
	peers_init(n);
	rpc_init(n);
	forward_init(n);
	logs_init(n);
	n->batch_seq = 1;
	if (config->locked)
		n->life = LIFE_LOCKED;
	else if (config->stored != NULL)
		member_load(n, config->stored, config->force_new_cluster);
	first_init(n, config->first);
	return n;
}

void
node_free(struct node *n)
{
	if (n == NULL)
		return;
	change_lost(n);
	consensus_fini(n);
	begin_fini(n);
	join_fini(n);
	enrol_fini(n);
	wrong_tokens_fini(n);
	swarm_update_fini(n);
	logs_fini(n);
	forward_fini(n);
	watch_fini(n);
	member_fini(n);
	rpc_fini(n);
	mesh_fini(n);
	peers_fini(n);
	session_fini(n);
	dispatch_fini(n);
	alive_fini(n);
	work_fini(n);
	batch_free(n->filling);
	first_fini(n);
	identity_free(n);
	trust_fini(n);
	effect_fini(n);
	arena_fini(&n->addrs_arena);
	arena_fini(&n->description_arena);
	arena_fini(&n->config_arena);
	mem_free(n);
}

static void
on_description(struct node *n, const struct node_description *d)
{
	take_description(n, d);
	session_describe(n);
}

static void
on_images(struct node *n)
{
	if (n->agent != NULL)
		agent_images_changed(n->agent, n->now);
	if (n->manager != NULL)
		manager_retry(n->manager);
	n->manager_dirty = true;
}

static void
on_addresses(struct node *n, const struct event *ev)
{
	take_addresses(n, ev->addrs, ev->default_addr);
	if (n->identity != NULL)
		identity_address(n);
}

static void
take_event(struct node *n, const struct event *ev)
{
	switch (ev->type) {
	case EVENT_TICK:
		return;
	case EVENT_PERSISTED:
		disk_persisted(n, ev->batch_seq);
		return;
	case EVENT_REQUEST:
		request_take(n, ev->request);
		return;
	case EVENT_REQUEST_GONE:
		request_gone(n, ev->request_id);
		return;
	case EVENT_RUNNER:
		work_report(n, ev->report);
		return;
	case EVENT_DESCRIPTION:
		on_description(n, ev->description);
		return;
	case EVENT_IMAGES:
		on_images(n);
		return;
	case EVENT_DISK_FULL:
		disk_is_full(n);
		return;
	case EVENT_DISK_SPACE:
		n->disk_full = false;
		return;
	case EVENT_LINK:
		peers_report(n, ev->link);
		return;
	case EVENT_TRUST:
		trust_take(n, ev->trust);
		return;
	case EVENT_ADDRESSES:
		on_addresses(n, ev);
		return;
	case EVENT_LOG_PIECE:
		feed_piece(n, ev->log_piece);
		return;
	case EVENT_STREAM_FULL:
	case EVENT_STREAM_DRAINED:
		logs_room(n, ev->request_id, ev->type == EVENT_STREAM_DRAINED);
		forward_room(n, ev->request_id,
			     ev->type == EVENT_STREAM_DRAINED);
		return;
	case EVENT_GOSSIP:
		alive_packet(n, ev->gossip);
		return;
	case EVENT_STOP:
		consensus_stop(n);
		return;
	}
	unreachable();
}

static void
tick(struct node *n)
{
	struct raft_event ev = { .type = RAFT_TICK, .now_ms = n->now.mono_ms };

	if (n->raft != NULL)
		raft_step(n->raft, &ev);
	if (n->agent != NULL && agent_deadline(n->agent) <= n->now.mono_ms)
		agent_tick(n->agent, n->now);
	rpc_tick(n);
	first_tick(n);
	join_tick(n);
	identity_tick(n);
	mesh_tick(n);
	work_drain(n);
	watch_tick(n);
}

/* Each line may make the next one possible, and none an earlier one, but by
 * way of the disk or the runner: those come back as events. */
static void
settle(struct node *n)
{
	tick(n);
	change_apply_committed(n);
	member_office(n);
	consensus_reads(n);
	consensus_join_step(n);
	consensus_gone_step(n);
	roles_step(n);
	dispatch_office(n);
	session_step(n);
	alive_step(n);
	dispatch_step(n);
	session_report(n);
	feed_step(n);
	logs_tick(n);
	forward_step(n);
	change_internal(n);
	dispatch_step(n);
	member_force_step(n);
	member_leave_step(n);
	work_drain(n);
	work_send_ports(n);
	effect_release_orders(n);
	snapshot_tick(n);
	consensus_full_step(n);
	consensus_stop_step(n);
	consensus_send(n);
	disk_flush(n);
}

/*
 * Requests and messages that came together are one turn: the leader tells each
 * follower of all of them in one message, and the controllers look once. But
 * none waits for long.
 */
static bool
may_wait(struct node *n, const struct event *ev)
{
	if (!ev->more || ++n->waited >= TOGETHER_MAX)
		return false;
	return ev->type == EVENT_REQUEST ||
	       (ev->type == EVENT_LINK && ev->link->news == LINK_MESSAGE);
}

void
node_step(struct node *n, struct now now, const struct event *ev)
{
	check(now.mono_ms >= n->now.mono_ms);
	n->now = now;
	effect_step_begin(n);
	take_event(n, ev);
	work_drain(n);
	if (may_wait(n, ev))
		return;
	n->waited = 0;
	settle(n);
}

bool
node_next(struct node *n, struct effect *ret)
{
	if (n->effect_next == n->effect_count)
		return false;
	*ret = n->effects[n->effect_next++];
	return true;
}

uint64_t
node_deadline(const struct node *n)
{
	uint64_t at = min_u64(watch_deadline(n), forward_deadline(n));

	at = min_u64(at, disk_deadline(n));
	at = min_u64(at, rpc_deadline(n));
	at = min_u64(at, logs_deadline(n));
	at = min_u64(at, mesh_deadline(n));
	at = min_u64(at, first_deadline(n));
	at = min_u64(at, join_deadline(n));
	at = min_u64(at, identity_deadline(n));
	at = min_u64(at, leave_deadline(n));
	at = min_u64(at, session_deadline(n));
	at = min_u64(at, dispatch_deadline(n));
	at = min_u64(at, alive_deadline(n));
	at = min_u64(at, roles_deadline(n));
	if (n->stopping && !n->stopped)
		at = min_u64(at, n->stop_by_ms);
	if (n->raft != NULL)
		at = min_u64(at, raft_deadline(n->raft));
	if (n->agent != NULL)
		at = min_u64(at, agent_deadline(n->agent));
	/* While a change of theirs is on its way they have nothing to do. */
	if (n->manager != NULL && n->internal_open == 0)
		at = min_u64(at, max_u64(min_u64(manager_deadline(n->manager),
						 n->ca_next_ms),
					 n->internal_retry_ms));
	if (n->manager != NULL && n->internal_open == 0 && n->manager_dirty)
		at = min_u64(at, n->internal_retry_ms);
	if (n->manager != NULL && n->internal_open == 0 &&
	    state_count(n->state, OBJECT_RECEIPT) > 0)
		at = min_u64(at,
			     max_u64(n->receipts_at_ms, n->internal_retry_ms));
	return at;
}

const char *
node_swarm_state(const struct node *n)
{
	switch (n->life) {
	case LIFE_NONE:
		return "inactive";
	case LIFE_MEMBER:
		return n->joining ? "pending" : "active/manager";
	case LIFE_WORKER:
	case LIFE_LEAVING:
		return "active/worker";
	case LIFE_BEGINNING:
		return "pending";
	case LIFE_LOCKED:
		return "locked";
	}
	unreachable();
}

void
node_images_used(const struct node *n, struct arena *a, struct strings *ret)
{
	struct task_span tasks = { 0 };

	*ret = (struct strings){ 0 };
	if (n->life == LIFE_WORKER && n->agent != NULL)
		agent_images(n->agent, a, ret);
	if (n->life != LIFE_NONE && n->state != NULL)
		tasks = state_tasks_of_node(n->state, n->node_id);
	for (size_t i = 0; i < tasks.count; i++) {
		const struct task *t = tasks.v[i];

		if (t->spec.container != NULL &&
		    !task_state_ended(t->status.state))
			strings_add(ret, a, t->spec.container->image);
	}
}

const struct state *
node_state(const struct node *n)
{
	return n->state;
}

const char *
node_id(const struct node *n)
{
	return n->life == LIFE_NONE ? NULL : n->node_id;
}

bool
node_is_leader(const struct node *n)
{
	return n->manager != NULL;
}
