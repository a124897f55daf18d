/*
 * Any bytes as the bodies of requests that change things, on a cluster of
 * one node: each is answered, whole, and what is proposed applies. The first
 * byte chooses the request, the others are its body.
 */
#include <string.h>

#include "core/base/check.h"
#include "core/manager/control.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char *const paths[] = {
	"/swarm/init",
	"/services/create",
	"/services/create?x=y",
	"/services/web/update?version=2",
	"/services/web/update?version=2&rollback=previous",
	"/nodes/node/update?version=1",
	"/swarm/update?version=1",
};

struct world {
	struct state *state;
	uint64_t index;
	struct arena arena;
	struct control_env env;
};

static void
apply(struct world *w, struct tx *tx)
{
	struct changes changes = { 0 };
	struct err e = { { 0 } };

	/* Expectations come from the same tables: they hold. */
	check(state_apply(w->state, tx, ++w->index, &changes, &e) == 0);
	changes_fini(&changes);
}

static const struct cluster_start fresh = {
	.node_id = "node",
	.cluster_id = "cluster",
	.addr = "10.0.0.1",
	.manager_addr = "10.0.0.1:2377",
	.raft_id = 1,
	.gossip_port = 7946,
	.root = { .cert = "cert",
		  .digest = "0000000000000000000000000000000000000000000000000"
			    "0" },
};

/* What the node brings for it: random bytes, and a new root if one is wanted.
 */
static void
update(struct world *w, const struct request *r, const struct update_wish *wish,
       struct control_reply *reply)
{
	struct control_secrets secrets = { .cross_signed = "cross" };

	if (wish->root != ROOT_AS_IS)
		secrets.root = &fresh.root;
	w->env.secrets = &secrets;
	control_request(&w->env, r, reply);
	w->env.secrets = NULL;
}

static void
ask(struct world *w, const char *path, const char *body)
{
	struct control_reply reply = { 0 };
	struct request r = { 0 };
	struct update_wish wish;
	struct err e;

	check(request_route("POST", path, &w->arena, &r, &e) == 0);
	r.body = body;
	r.body_len = strlen(body);
	if (r.op == OP_SWARM_INIT)
		control_init(&w->env, &r, &fresh, &reply);
	else if (r.op != OP_SWARM_UPDATE)
		control_request(&w->env, &r, &reply);
	else if (control_update_read(&w->env, &r, &w->arena, &wish, &reply))
		update(w, &r, &wish, &reply);
	check(reply.status >= 200 && reply.status < 600);
	check(reply.propose == (reply.status < 300));
	check(reply.status < 400 || reply.body.p[0] == '{');
	if (reply.propose && !w->state)
		w->state = state_new(1);
	if (reply.propose && w->index < 8)
		apply(w, &reply.tx);
	control_reply_fini(&reply);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct node_description description = { .hostname = "h" };
	uint64_t rand_state = 1;
	struct world w = { .env = { .rand_state = &rand_state,
				    .description = &description,
				    .version = "1" } };
	const char *body;
	size_t which;

	if (size == 0)
		return 0;
	arena_init(&w.arena);
	which = data[0] % (sizeof(paths) / sizeof(paths[0]));
	body = arena_strndup(&w.arena, (const char *)data + 1, size - 1);
	if (which > 0) {
		ask(&w, paths[0], "");
		w.env.state = w.state;
		w.env.node_id = "node";
		ask(&w, paths[1],
		    "{\"Name\":\"web\",\"TaskTemplate\":{\"ContainerSpec\":{"
		    "\"Image\":\"x\"}}}");
	}
	ask(&w, paths[which], body);
	state_free(w.state);
	arena_fini(&w.arena);
	return 0;
}
