/*
 * request.c - what the API asks: told to the part that answers. Each request
 * ends exactly once, or is forgotten when who asked is gone.
 */
#include <string.h>

#include "core/base/check.h"
#include "core/base/mem.h"
#include "core/node/node_impl.h"

#define NOT_A_MANAGER                                                          \
	"This node is not a swarm manager. Use \"docker swarm init\" or "      \
	"\"docker swarm join\" to connect this node to swarm and try again."
#define ALREADY_MEMBER                                                         \
	"This node is already part of a swarm. Use \"docker swarm leave\" to " \
	"leave this swarm and join another one."
#define BEGINNING                                                              \
	"This node is about to begin or to join a swarm already: wait for "    \
	"the answer"
#define NO_LEADER                                                              \
	"rpc error: code = Unknown desc = The swarm does not have a leader. "  \
	"It's possible that too few managers are online. Make sure more than " \
	"half of the managers are online."

static const char *
local_state(const struct node *n)
{
	switch (n->life) {
	case LIFE_NONE:
		return "inactive";
	case LIFE_MEMBER:
		return n->joining ? "pending" : "active";
	case LIFE_WORKER:
	case LIFE_LEAVING:
		return "active";
	case LIFE_BEGINNING:
		return "pending";
	case LIFE_LOCKED:
		return "locked";
	}
	unreachable();
}

static void
known_managers(struct node *n, struct control_env *env)
{
	const struct known_managers *known = identity_managers(n);
	struct control_manager *v =
		arena_array(&n->step_arena, known->v.count, sizeof(*v));

	for (uint32_t i = 0; i < known->v.count; i++)
		v[i] = (struct control_manager){ known->v.v[i].node_id,
						 known->v.v[i].addr };
	env->managers = v;
	env->manager_count = known->v.count;
}

struct control_env
request_env(struct node *n)
{
	struct control_env env = { .state = n->state,
				   .now = n->now,
				   .rand_state = &n->rand_state,
				   .version = n->version,
				   .root_dir = n->root_dir,
				   .runtime = n->runtime,
				   .kernel_version = n->kernel_version,
				   .operating_system = n->operating_system,
				   .default_addr = n->default_addr,
				   .description = &n->description };

	if (n->node_id[0] != '\0' && n->life != LIFE_BEGINNING)
		env.node_id = n->node_id;
	env.local_state = local_state(n);
	env.node_addr = identity_host(n);
	env.trouble = identity_trouble(n);
	if (n->life == LIFE_WORKER)
		known_managers(n, &env);
	env.leader = n->manager != NULL;
	if (n->agent != NULL)
		env.containers = agent_count(n->agent, &env.containers_running);
	return env;
}

void
request_copy(const struct request *r, struct arena *a, struct request *ret)
{
	*ret = *r;
	ret->target = arena_strdup(a, r->target);
	ret->body =
		r->body != NULL ? arena_strndup(a, r->body, r->body_len) : NULL;
	ret->query.v = arena_array(a, r->query.count, sizeof(*r->query.v));
	for (uint32_t i = 0; i < r->query.count; i++) {
		ret->query.v[i].key = arena_strdup(a, r->query.v[i].key);
		ret->query.v[i].value = arena_strdup(a, r->query.v[i].value);
	}
}

/* ---- who answers ------------------------------------------------------------
 */

enum needs {
	NEEDS_NOTHING = 1, /* answered in any state, at once */
	NEEDS_MANAGER,	   /* only in a cluster, and by its leader */
	NEEDS_SPECIAL,	   /* see special() */
};

static enum needs
needs_of(enum op op)
{
	switch (op) {
	case OP_PING:
	case OP_VERSION:
	case OP_INFO:
	case OP_AUTH:
	case OP_SYSTEM_DF:
	case OP_IMAGE_LIST:
	case OP_IMAGE_INSPECT:
	case OP_IMAGE_LOAD:
	case OP_IMAGE_REMOVE:
	case OP_IMAGE_PRUNE:
	case OP_DISTRIBUTION:
	case OP_NETWORK_LIST:
	case OP_NETWORK_INSPECT:
	case OP_NOT_SUPPORTED:
		return NEEDS_NOTHING;
	case OP_SWARM_INSPECT:
	case OP_SWARM_UPDATE:
	case OP_SWARM_UNLOCK_KEY:
	case OP_NODE_LIST:
	case OP_NODE_INSPECT:
	case OP_NODE_UPDATE:
	case OP_NODE_REMOVE:
	case OP_SERVICE_LIST:
	case OP_SERVICE_CREATE:
	case OP_SERVICE_INSPECT:
	case OP_SERVICE_UPDATE:
	case OP_SERVICE_REMOVE:
	case OP_SERVICE_REBALANCE:
	case OP_SERVICE_LOGS:
	case OP_TASK_LIST:
	case OP_TASK_INSPECT:
	case OP_TASK_LOGS:
	case OP_SECRET_LIST:
	case OP_CONFIG_LIST:
		return NEEDS_MANAGER;
	case OP_EVENTS:
	case OP_SWARM_INIT:
	case OP_SWARM_JOIN:
	case OP_SWARM_UNLOCK:
	case OP_SWARM_LEAVE:
	case OP_CONTAINER_LIST:
	case OP_CONTAINER_INSPECT:
	case OP_CONTAINER_LOGS:
		return NEEDS_SPECIAL;
	}
	return NEEDS_NOTHING;
}

/* ---- answering
 * --------------------------------------------------------------- */

static void
propose_for(struct node *n, const struct request *r,
	    struct control_reply *reply)
{
	struct proposal *p;
	struct err e;

	if (n->disk_full) {
		effect_disk_full(n, r->id);
		return;
	}
	if (n->proposal_count >= PROPOSALS_MAX) {
		effect_error(n, r->id, 503,
			     "%d changes wait for the disk already: try "
			     "again later",
			     PROPOSALS_MAX);
		return;
	}
	p = proposal_new(PROPOSAL_REQUEST);
	p->request_id = r->id;
	p->status = reply->status;
	p->body = reply->body;
	reply->body = (struct buf){ 0 };
	reply->tx.wall_ns = n->now.wall_ns;
	if (change_propose(n, &reply->tx, p, &e) == 0)
		return;
	proposal_free(p);
	effect_error(n, r->id, 503, "%s", e.msg);
}

void
request_decide(struct node *n, const struct request *r,
	       const struct control_secrets *secrets)
{
	struct control_env env = request_env(n);
	struct control_reply reply = { 0 };

	env.secrets = secrets;
	control_request(&env, r, &reply);
	if (reply.propose)
		propose_for(n, r, &reply);
	else if (needs_of(r->op) == NEEDS_MANAGER)
		consensus_reply(n, r->id, reply.status, &reply.body);
	else
		effect_reply(n, r->id, reply.status, &reply.body);
	control_reply_fini(&reply);
}

static void
answer(struct node *n, const struct request *r)
{
	if (r->op == OP_SERVICE_LOGS || r->op == OP_TASK_LOGS)
		watch_logs(n, r);
	else if (r->op == OP_SWARM_UPDATE)
		swarm_update(n, r);
	else
		request_decide(n, r, NULL);
}

static void
containers(struct node *n, const struct request *r)
{
	struct buf body = { 0 };
	int status;

	if (n->agent != NULL) {
		status = agent_containers(n->agent, r, n->now, &body);
		effect_reply(n, r->id, status, &body);
	} else if (r->op == OP_CONTAINER_LIST) {
		buf_puts(&body, "[]");
		effect_reply(n, r->id, 200, &body);
	} else {
		effect_error(n, r->id, 404, "No such container: %s", r->target);
	}
	buf_fini(&body);
}

static void
enter(struct node *n, const struct request *r)
{
	if (n->life == LIFE_BEGINNING)
		effect_error(n, r->id, 503, BEGINNING);
	else if (n->life == LIFE_MEMBER && r->op == OP_SWARM_INIT &&
		 member_force(n, r))
		return;
	else if (n->life != LIFE_NONE)
		effect_error(n, r->id, 503, ALREADY_MEMBER);
	else if (r->op == OP_SWARM_INIT)
		begin_init(n, r);
	else
		join_start(n, r);
}

static void
special(struct node *n, const struct request *r)
{
	if (r->op == OP_EVENTS)
		watch_events(n, r);
	else if (r->op == OP_SWARM_INIT || r->op == OP_SWARM_JOIN)
		enter(n, r);
	else if (r->op == OP_SWARM_UNLOCK)
		effect_error(n, r->id, 409, "swarm is not locked");
	else if (r->op == OP_SWARM_LEAVE)
		member_leave(n, r);
	else if (r->op == OP_CONTAINER_LOGS)
		watch_container_logs(n, r);
	else
		containers(n, r);
}

/* ---- waiting for a leader
 * ----------------------------------------------------- */

static void
wait_for_leader(struct node *n, const struct request *r)
{
	struct waiter *w;

	if (n->disk_full) {
		effect_disk_full(n, r->id);
		return;
	}
	if (n->waiter_count >= WAITING_MAX) {
		effect_error(n, r->id, 503, NO_LEADER);
		return;
	}
	w = mem_new(sizeof(*w));
	arena_init(&w->arena);
	request_copy(r, &w->arena, &w->request);
	w->until_ms = n->now.mono_ms + WAITING_MS;
	list_append(&n->waiters, &w->link);
	n->waiter_count++;
}

static void
waiter_free(struct node *n, struct waiter *w)
{
	list_remove(&w->link);
	n->waiter_count--;
	arena_wipe(&w->arena);
	mem_free(w);
}

void
request_waiters(struct node *n)
{
	list_each_safe (it, tmp, &n->waiters) {
		struct waiter *w = container_of(it, struct waiter, link);

		if (n->life != LIFE_MEMBER)
			effect_error(n, w->request.id, 503, NOT_A_MANAGER);
		else if (n->manager != NULL)
			answer(n, &w->request);
		else if (n->disk_full)
			effect_disk_full(n, w->request.id);
		else if (n->now.mono_ms >= w->until_ms)
			effect_error(n, w->request.id, 503, NO_LEADER);
		else
			continue;
		waiter_free(n, w);
	}
}

void
request_take(struct node *n, const struct request *r)
{
	check(r->id != 0);
	if (n->life == LIFE_LOCKED && locked_takes(n, r))
		return;
	switch (needs_of(r->op)) {
	case NEEDS_NOTHING:
		answer(n, r);
		return;
	case NEEDS_SPECIAL:
		special(n, r);
		return;
	case NEEDS_MANAGER:
		break;
	}
	if (n->life != LIFE_MEMBER)
		effect_error(n, r->id, 503, NOT_A_MANAGER);
	else if (n->manager != NULL && list_empty(&n->waiters))
		answer(n, r);
	else
		wait_for_leader(n, r);
}

void
request_gone(struct node *n, uint64_t request_id)
{
	change_forget(n, request_id);
	consensus_forget_read(n, request_id);
	watch_gone(n, request_id);
	begin_gone(n, request_id);
	join_gone(n, request_id);
	swarm_update_gone(n, request_id);
	if (n->forcer == request_id)
		n->forcer = 0;
	if (n->leaver == request_id)
		n->leaver = 0;
	list_each_safe (it, tmp, &n->waiters) {
		struct waiter *w = container_of(it, struct waiter, link);

		if (w->request.id == request_id)
			waiter_free(n, w);
	}
}

void
request_fini(struct node *n)
{
	list_each_safe (it, tmp, &n->waiters)
		waiter_free(n, container_of(it, struct waiter, link));
}

uint64_t
request_deadline(const struct node *n)
{
	if (list_empty(&n->waiters))
		return UINT64_MAX;
	return container_of(n->waiters.next, struct waiter, link)->until_ms;
}
