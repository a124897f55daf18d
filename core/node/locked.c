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

static bool
needs_the_swarm(enum op op)
{
	switch (op) {
	case OP_PING:
	case OP_VERSION:
	case OP_INFO:
	case OP_AUTH:
	case OP_SYSTEM_DF:
	case OP_EVENTS:
	case OP_CONTAINER_LIST:
	case OP_CONTAINER_INSPECT:
	case OP_CONTAINER_LOGS:
	case OP_IMAGE_LIST:
	case OP_IMAGE_INSPECT:
	case OP_IMAGE_LOAD:
	case OP_IMAGE_REMOVE:
	case OP_IMAGE_PRUNE:
	case OP_DISTRIBUTION:
	case OP_NETWORK_LIST:
	case OP_NETWORK_INSPECT:
	case OP_NOT_SUPPORTED:
		return false;
	default: /* all that is about the cluster, also what comes later */
		return true;
	}
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
