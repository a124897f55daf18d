/* world.h - a cluster of one node to ask things of: tables, no daemon. */
#ifndef TEST_UNIT_CORE_MANAGER_WORLD_H
#define TEST_UNIT_CORE_MANAGER_WORLD_H

#include "core/base/id.h"
#include "core/base/str.h"
#include "core/manager/control.h"
#include "test/t.h"

#define WORLD_NODE "node00000000000000000000a"
#define WORLD_CLUSTER "cluster000000000000000000"
#define WORLD_TIME INT64_C(1700000000000000000)

#define WORLD_ROOT "root\n"
#define WORLD_DIGEST "00000000000000000000000000000000000000000000000001"
static const struct cluster_start world_start = {
	.node_id = WORLD_NODE,
	.cluster_id = WORLD_CLUSTER,
	.addr = "10.0.0.1",
	.manager_addr = "10.0.0.1:2377",
	.raft_id = 7,
	.gossip_port = 7946,
	.now_ns = WORLD_TIME,
	.cert_expiry = WORLD_TIME + INT64_C(7776000000000000),
	.root = { .cert = WORLD_ROOT,
		  .key = { (const uint8_t *)"key", 3 },
		  .digest = WORLD_DIGEST,
		  .subject = { (const uint8_t *)"subject", 7 },
		  .public_key = { (const uint8_t *)"public", 6 } },
	.secrets = { 1, 2, 3 },
	.gossip_key = { 4 },
	.unlock_key = { 5 },
};

static const struct control_member world_member = { WORLD_NODE, true, true,
						    false,	0,    1,
						    1 };

static const struct control_secrets world_secrets = { { 9, [16] = 8 },
						      NULL,
						      NULL };

struct world {
	struct state *state; /* NULL before world_init() */
	uint64_t index;
	uint64_t rand;
	struct arena arena;
	struct node_description description;
	struct control_env env;
	struct control_reply reply; /* of the last request */
	struct changes changes;	    /* of the last one that changed */
	char id[ID_LEN + 1];	    /* made by the last create */
};

static inline void
world_open(struct world *w)
{
	*w = (struct world){ .rand = 7 };
	arena_init(&w->arena);
	w->description.hostname = "host-a";
	w->description.platform.architecture = "x86_64";
	w->description.platform.os = "linux";
	w->description.resources.nano_cpus = 4 * NS_PER_S;
	w->description.resources.memory_bytes = INT64_C(8) << 30;
	w->description.engine.version = "0.1";
	w->env.rand_state = &w->rand;
	w->env.version = "0.1";
	w->env.root_dir = "/root/dir";
	w->env.runtime = "/usr/sbin/runc";
	w->env.description = &w->description;
	w->env.now.wall_ns = WORLD_TIME;
	w->env.secrets = &world_secrets;
}

static inline void
world_close(struct world *w)
{
	control_reply_fini(&w->reply);
	changes_fini(&w->changes);
	state_free(w->state);
	arena_fini(&w->arena);
}

static inline void
world_apply(struct world *w, struct tx *tx)
{
	struct err e = { { 0 } };
	int r;

	changes_fini(&w->changes);
	w->changes = (struct changes){ 0 };
	w->env.now.wall_ns += NS_PER_S;
	tx->wall_ns = w->env.now.wall_ns;
	r = state_apply(w->state, tx, ++w->index, &w->changes, &e);
	if (r < 0)
		control_refused(r, e.msg, &w->reply);
}

/* Asks as HTTP would, applies what is proposed, gives the status back. */
static inline int
ask(struct world *w, const char *method, const char *path, const char *body)
{
	struct request r = { 0 };
	struct err e = { { 0 } };

	control_reply_fini(&w->reply);
	OK(request_route(method, path, &w->arena, &r, &e) == 0);
	r.body = body;
	r.body_len = body ? strlen(body) : 0;
	if (r.op == OP_SWARM_INIT)
		control_init(&w->env, &r, &world_start, &w->reply);
	else
		control_request(&w->env, &r, &w->reply);
	if (r.op == OP_SWARM_INIT && w->reply.propose) {
		w->state = state_new(1);
		w->env.state = w->state;
		w->env.node_id = WORLD_NODE;
		w->env.members = &world_member;
		w->env.member_count = 1;
	}
	if (w->reply.propose)
		world_apply(w, &w->reply.tx);
	if (w->reply.status == 201)
		snprintf(w->id, sizeof(w->id), "%s",
			 buf_cstr(&w->reply.body) + strlen("{\"ID\":\""));
	return w->reply.status;
}

static inline const char *
answer(struct world *w)
{
	return buf_cstr(&w->reply.body);
}

static inline void
world_init(struct world *w)
{
	world_open(w);
	EQ(ask(w, "POST", "/swarm/init", "{\"AdvertiseAddr\":\"10.0.0.1\"}"),
	   200);
}

/* The service that is called so; it must be there. */
static inline const struct service *
world_service(struct world *w, const char *name)
{
	const struct service *s = state_service_named(w->state, name);

	OK(s != NULL);
	return s;
}

/* Asks for an update of the service as it is now. */
static inline int
update(struct world *w, const char *name, const char *more, const char *body)
{
	const struct service *s = world_service(w, name);

	return ask(w, "POST",
		   arena_printf(&w->arena, "/services/%s/update?version=%llu%s",
				name, (unsigned long long)s->head.version.index,
				more),
		   body);
}

#endif
