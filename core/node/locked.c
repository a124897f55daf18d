/*
 * locked.c - a manager whose store is sealed (autolock): it knows nothing, and
 * says so, until somebody brings the key. Its containers run on.
 */
#include <string.h>

#include "core/base/mem.h"
#include "core/node/node_impl.h"

#define LOCKED                                                                 \
	"Swarm is encrypted and needs to be unlocked before it can be used. "  \
	"Please use \"docker swarm unlock\" to unlock it."

static void
unlock(struct node *n, const struct request *r)
{
	struct control_env env = request_env(n);
	struct control_reply reply = { 0 };
	uint8_t key[CLUSTER_KEY_BYTES];
	struct effect *e;

	if (control_unlock_read(&env, r, key, &reply)) {
		n->step_secret = true;
		e = effect_add(n, EFFECT_UNLOCK);
		e->request_id = r->id;
		e->unlock_key = arena_dup(&n->step_arena, key, sizeof(key));
	} else {
		effect_reply(n, r->id, reply.status, &reply.body);
	}
	mem_wipe(key, sizeof(key));
	control_reply_fini(&reply);
}

/* Without ever having been unlocked. */
static void
leave(struct node *n, const struct request *r)
{
	if (!request_query_bool(r, "force")) {
		effect_error(n, r->id, 503, LOCKED);
		return;
	}
	n->life = LIFE_NONE;
	work_remove_strays(n);
	effect_add(n, EFFECT_WIPE);
	effect_reply(n, r->id, 200, NULL);
}

/* All else is about the cluster, also what comes later. */
static bool
needs_the_swarm(enum op op)
{
	static const enum op free[] = {
		OP_PING,	   OP_VERSION,		 OP_INFO,
		OP_AUTH,	   OP_SYSTEM_DF,	 OP_EVENTS,
		OP_CONTAINER_LIST, OP_CONTAINER_INSPECT, OP_CONTAINER_LOGS,
		OP_IMAGE_LIST,	   OP_IMAGE_INSPECT,	 OP_IMAGE_LOAD,
		OP_IMAGE_REMOVE,   OP_IMAGE_PRUNE,	 OP_DISTRIBUTION,
		OP_NETWORK_LIST,   OP_NETWORK_INSPECT,	 OP_NOT_SUPPORTED,
	};

	for (size_t i = 0; i < ARRAY_LEN(free); i++)
		if (free[i] == op)
			return false;
	return true;
}

bool
locked_takes(struct node *n, const struct request *r)
{
	if (r->op == OP_SWARM_UNLOCK)
		unlock(n, r);
	else if (r->op == OP_SWARM_LEAVE)
		leave(n, r);
	else if (needs_the_swarm(r->op))
		effect_error(n, r->id, 503, LOCKED);
	else
		return false;
	return true;
}
