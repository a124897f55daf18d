/*
 * request.c - what the API asks: told to the part that answers. Each request
 * ends exactly once, or is forgotten when who asked is gone.
 */
#include <errno.h>
#include <string.h>

#include "core/base/check.h"
#include "core/base/mem.h"
#include "core/base/str.h"
#include "core/manager/receipt.h"
#include "core/node/node_impl.h"

#define NOT_IN_SWARM                                                           \
	"This node is not a swarm manager. Use \"docker swarm init\" or "      \
	"\"docker swarm join\" to connect this node to swarm and try again."
#define A_WORKER                                                               \
	"This node is not a swarm manager. Worker nodes can't be used to "     \
	"view or modify cluster state. Please run this command on a manager "  \
	"node or promote the current node to a manager."
#define LOCKED                                                                 \
	"Swarm is encrypted and needs to be unlocked before it can be used. "  \
	"Please use \"docker swarm unlock\" to unlock it."
#define ON_ITS_WAY "This node is on its way into a swarm: try again in a moment"
#define LEAVING "This node is leaving the swarm"
#define OTHER_REQUEST                                                          \
	"the Idempotency-Key %s was used for another request: each request "   \
	"needs one of its own"
#define ALREADY_MEMBER                                                         \
	"This node is already part of a swarm. Use \"docker swarm leave\" to " \
	"leave this swarm and join another one."
#define BEGINNING                                                              \
	"This node is about to begin or to join a swarm already: wait for "    \
	"the answer"

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
	if (n->life == LIFE_MEMBER && !n->joining && env.trouble == NULL &&
	    consensus_leader(n) == NULL)
		env.trouble = "The swarm does not have a leader: more than "
			      "half of its managers must be reachable";
	if (n->agent != NULL)
		env.containers = agent_count(n->agent, &env.containers_running);
	return env;
}

static void
view_member(struct node *n, const struct node_object *o,
	    struct control_member *ret)
{
	struct raft_peer_status peer;
	bool self = str_eq(o->head.id, n->node_id);

	*ret = (struct control_member){
		.node_id = o->head.id,
		.leader = self,
		.reachable = self || (raft_peer_status(n->raft, o->raft_id,
						       &peer) == 0 &&
				      peer.active),
		.voters = consensus_voters(n),
	};
	ret->may_go = raft_can_remove(n->raft, self ? n->raft_id : o->raft_id,
				      &ret->answer, &ret->needed) != -EPERM;
}

/* What only the leader knows of the managers. */
static void
view_members(struct node *n, struct control_env *env)
{
	struct control_member *v;
	size_t count = 0;

	if (n->manager == NULL)
		return;
	v = arena_array(&n->step_arena, RAFT_MEMBERS_MAX, sizeof(*v));
	for (size_t i = 0; i < state_count(n->state, OBJECT_NODE); i++) {
		const struct node_object *o =
			state_at(n->state, OBJECT_NODE, i);

		/* After a force this node's raft id is not written at once. */
		if ((str_eq(o->head.id, n->node_id) ||
		     (o->raft_id != 0 &&
		      raft_is_member(n->raft, o->raft_id))) &&
		    count < RAFT_MEMBERS_MAX)
			view_member(n, o, &v[count++]);
	}
	env->members = v;
	env->member_count = count;
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

/* The change and its receipt are one. */
static void
add_receipt(struct proposal *p, const struct request *r,
	    struct control_reply *reply)
{
	if (str_empty(r->key) || !request_is_write(r->op))
		return;
	receipt_put(&reply->tx, r, reply->status, reply->body.p,
		    reply->body.len);
	p->key = mem_strdup(r->key);
}

/* Where others may lead next, what changes something is kept to be asked of
 * them; other managers keep theirs themselves. */
static struct proposal *
proposal_for(struct node *n, const struct request *r,
	     struct control_reply *reply)
{
	struct proposal *p = proposal_new(PROPOSAL_REQUEST);
	bool kept = consensus_voters(n) > 1 && r->id != 0 &&
		    (r->id & REQUEST_FOREIGN) == 0;

	p->request_id = r->id;
	if (kept)
		p->again = waiter_new(n, r);
	add_receipt(p, kept ? &p->again->request : r, reply);
	p->status = reply->status;
	p->body = reply->body;
	reply->body = (struct buf){ 0 };
	reply->tx.wall_ns = n->now.wall_ns;
	return p;
}

static void
propose_for(struct node *n, const struct request *r,
	    struct control_reply *reply)
{
	struct proposal *p;
	struct err e;
	int code;

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
	p = proposal_for(n, r, reply);
	code = change_propose(n, &reply->tx, p, &e);
	if (code == 0)
		return;
	if (code == -EAGAIN) {
		request_again(n, r->id, p->again, false);
		p->again = NULL;
	} else {
		effect_error(n, r->id, 503, "%s", e.msg);
	}
	proposal_free(n, p);
}

bool
request_receipt(struct node *n, uint64_t request_id, const char *key)
{
	const struct receipt *o = state_get(n->state, OBJECT_RECEIPT, key);
	struct buf body = { 0 };

	if (o == NULL)
		return false;
	buf_put(&body, o->body.p, o->body.len);
	effect_reply(n, request_id, (int)o->status, &body);
	buf_fini(&body);
	return true;
}

/* It was done before, if it has a key that says so. */
static bool
was_done(struct node *n, const struct request *r)
{
	const struct receipt *o;

	if (str_empty(r->key) || !request_is_write(r->op))
		return false;
	o = receipt_find(n->state, r);
	if (o == NULL)
		return false;
	if (receipt_is_of(o, r))
		return request_receipt(n, r->id, r->key);
	effect_error(n, r->id, 422, OTHER_REQUEST, r->key);
	return true;
}

void
request_decide(struct node *n, const struct request *r,
	       const struct control_secrets *secrets)
{
	struct control_env env;
	struct control_reply reply = { 0 };

	if (was_done(n, r))
		return;
	env = request_env(n);
	env.secrets = secrets;
	if (r->op == OP_NODE_LIST || r->op == OP_NODE_INSPECT ||
	    r->op == OP_NODE_UPDATE)
		view_members(n, &env);
	control_request(&env, r, &reply);
	if (reply.propose)
		propose_for(n, r, &reply);
	else if (request_is_for_leader(r->op))
		consensus_reply(n, r, reply.status, &reply.body);
	else
		effect_reply(n, r->id, reply.status, &reply.body);
	control_reply_fini(&reply);
}

void
request_answer(struct node *n, const struct request *r)
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

/* ---- the door ------------------------------------------------------------ */

bool
request_is_for_leader(enum op op)
{
	return needs_of(op) == NEEDS_MANAGER;
}

void
request_refuse(struct node *n, uint64_t request_id)
{
	const char *why = NOT_IN_SWARM;

	switch (n->life) {
	case LIFE_NONE:
	case LIFE_MEMBER:
		break;
	case LIFE_WORKER:
		why = A_WORKER;
		break;
	case LIFE_LEAVING:
		why = LEAVING;
		break;
	case LIFE_BEGINNING:
		why = ON_ITS_WAY;
		break;
	case LIFE_LOCKED:
		why = LOCKED;
		break;
	}
	effect_error(n, request_id, 503, "%s", why);
}

static void
wait_for_leader(struct node *n, const struct request *r)
{
	if (n->disk_full && consensus_voters(n) <= 1)
		effect_disk_full(n, r->id);
	else
		waiter_queue(n, waiter_new(n, r));
}

void
request_take(struct node *n, const struct request *r)
{
	check(r->id != 0 && (r->id & REQUEST_FOREIGN) == 0);
	if (n->life == LIFE_LOCKED && locked_takes(n, r))
		return;
	switch (needs_of(r->op)) {
	case NEEDS_NOTHING:
		request_answer(n, r);
		return;
	case NEEDS_SPECIAL:
		special(n, r);
		return;
	case NEEDS_MANAGER:
		break;
	}
	if (n->life != LIFE_MEMBER)
		request_refuse(n, r->id);
	else if (n->manager != NULL && list_empty(&n->waiters))
		request_answer(n, r);
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
	forward_gone(n, request_id);
	logs_gone(n, request_id);
	if (n->forcer == request_id)
		n->forcer = 0;
	if (n->leaver == request_id)
		n->leaver = 0;
}
