/*
 * admin.c - the operator: makes the cluster, has hosts join it, and again
 * when they lost their disk or were removed, changes roles and settings, and
 * opens what is locked. He sees everything, and acts through the API only.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "core/base/check.h"
#include "core/base/mem.h"
#include "core/base/str.h"
#include "core/model/token.h"
#include "core/node/node_impl.h"
#include "test/sim/sim.h"

#define STRANGER_US (3 * US_PER_S) /* until it is told to leave */
#define LOST_US (20 * US_PER_S)
#define ROLE_US (20 * US_PER_S) /* in which a change of roles is done */
#define PATIENCE_US (70 * US_PER_S)

struct admin {
	bool made; /* a cluster; or it may be */
	bool lock; /* as last asked for */
	uint64_t rotations;
	uint64_t role_us; /* when a change of roles was last asked for; or 0 */
};

/* ---- what he sees ----------------------------------------------------------
 */

struct host *
admin_leader(struct world *w)
{
	struct host *leader = NULL;

	for (int i = 0; i < w->host_count; i++) {
		struct host *h = &w->hosts[i];

		if (!host_answers(h) || !node_is_leader(h->node))
			continue;
		if (leader == NULL ||
		    raft_term(h->node->raft) > raft_term(leader->node->raft))
			leader = h;
	}
	return leader;
}

const struct node_object *
admin_node_of(struct world *w, const struct host *h)
{
	const struct host *leader = admin_leader(w);
	const char *id = h->node != NULL ? node_id(h->node) : NULL;

	if (leader == NULL || id == NULL)
		return NULL;
	return state_get(node_state(leader->node), OBJECT_NODE, id);
}

static bool
is_in(const struct host *h, const char *state)
{
	return strcmp(node_swarm_state(h->node), state) == 0;
}

/* Has the disk of h what makes it the member with that raft id? */
static bool
is_member(const struct host *h, uint64_t raft_id)
{
	const struct batch_row *row =
		disk_row(&h->disk, TABLE_IDENTITY, ROW_RAFT);
	char text[24] = "";
	uint64_t id = 0;

	if (row == NULL || row->len >= sizeof(text))
		return false;
	memcpy(text, row->value, row->len);
	return str_to_u64(text, &id) && id == raft_id;
}

bool
admin_is_manager(const struct host *h)
{
	return disk_row(&h->disk, TABLE_IDENTITY, ROW_RAFT) != NULL;
}

static bool
is_there(const struct world *w, const char *node_id)
{
	for (int i = 0; i < w->host_count; i++) {
		const struct batch_row *row =
			disk_row(&w->hosts[i].disk, TABLE_IDENTITY, ROW_NODE);

		if (!w->hosts[i].gone && row != NULL && row->len == ID_LEN &&
		    memcmp(row->value, node_id, ID_LEN) == 0)
			return true;
	}
	return false;
}

static bool
is_intact(const struct world *w, uint64_t raft_id, const struct host *but)
{
	for (int i = 0; i < w->host_count; i++) {
		const struct host *h = &w->hosts[i];

		if (h != but && !h->gone && !h->doomed && is_member(h, raft_id))
			return true;
	}
	return false;
}

/* No change of roles and no farewell is under way: several at once may cost
 * the majority, though each alone would not. */
static bool
is_settled(struct world *w, const struct host *leader)
{
	const struct state *s = node_state(leader->node);
	const struct raft_members *m = raft_members(leader->node->raft);
	uint32_t managers = 0;

	for (size_t i = 0; i < state_count(s, OBJECT_NODE); i++) {
		const struct node_object *o = state_at(s, OBJECT_NODE, i);

		if (o->role != o->spec.role)
			return false;
		managers += o->role == ROLE_MANAGER;
	}
	for (uint32_t i = 0; i < m->count; i++)
		if (m->learner[i] || !is_intact(w, m->id[i], NULL))
			return false;
	return managers == m->count;
}

/* Would those who vote still have a majority without h, for good? */
bool
admin_may_lose(struct world *w, const struct host *h)
{
	struct host *leader = admin_leader(w);
	const struct raft_members *m;
	uint32_t voters = 0, left = 0;

	/* One that was asked for may still come. */
	if (leader == NULL || !is_settled(w, leader) ||
	    (w->admin->role_us != 0 && w->us - w->admin->role_us < ROLE_US))
		return false;
	m = raft_members(leader->node->raft);
	for (uint32_t i = 0; i < m->count; i++) {
		voters++;
		left += is_intact(w, m->id[i], h);
	}
	return left >= voters / 2 + 1;
}

static bool
is_cluster(const struct world *w)
{
	for (int i = 0; i < w->host_count; i++) {
		const struct host *h = &w->hosts[i];

		if (h->node != NULL && node_id(h->node) != NULL)
			return true;
		if (disk_row(&h->disk, TABLE_IDENTITY, ROW_NODE) != NULL)
			return true;
		for (size_t k = 0; k < h->disk.pending_count; k++)
			if (h->disk.pending[k]->row_count > 0)
				return true; /* it may become one */
	}
	return false;
}

bool
admin_has_formed(struct world *w)
{
	for (int i = 0; i < w->host_count; i++) {
		const struct node_object *o = admin_node_of(w, &w->hosts[i]);

		if (o == NULL || o->status.state != NODE_READY ||
		    o->role != o->spec.role ||
		    (o->role == ROLE_MANAGER) != (o->raft_id != 0))
			return false;
	}
	return true;
}

/* ---- asking
 * ------------------------------------------------------------------
 */

static void
on_answer(struct world *w, void *ctx, uint64_t arg, const struct answer *a)
{
	struct host *h = ctx;

	(void)w, (void)arg;
	h->question = 0;
	if (a->status >= 400)
		h->doomed = false; /* it was refused */
}

static void
on_patience(struct world *w, void *ctx, uint64_t id)
{
	struct host *h = ctx;

	if (h->question == id)
		ask_hang_up(w, id);
}

static void
do_ask(struct host *h, struct question *q)
{
	struct world *w = h->w;

	if (!host_answers(h) || h->question != 0)
		return;
	if (q->fn == NULL)
		q->fn = on_answer;
	q->ctx = h;
	h->question = w->next_request + 1;
	(void)ask(h, q);
	if (h->question != 0)
		world_at(w, NULL, w->us + PATIENCE_US, on_patience, h,
			 h->question);
}

static void
init(struct host *h)
{
	struct question q = { .op = OP_SWARM_INIT };
	char body[200];

	snprintf(body, sizeof(body),
		 "{\"ListenAddr\":\"0.0.0.0:2377\",\"AdvertiseAddr\":\"%s\"}",
		 h->w->plan.every_ms[FAULT_ADDRESS] ? "eth0" : h->ip);
	q.body = body;
	h->w->admin->made = true;
	do_ask(h, &q);
}

/* Some managers' addresses, as JSON strings. */
static void
some_managers(struct world *w, char *ret, size_t size)
{
	size_t len = 0, count = 0;
	int from = (int)dice(w, (uint64_t)w->host_count);

	ret[0] = '\0';
	for (int i = 0; i < w->host_count && count < 3; i++) {
		const struct host *h = &w->hosts[(from + i) % w->host_count];

		if (!h->listening || len + 40 > size)
			continue;
		len += (size_t)snprintf(ret + len, size - len, "%s\"%s:2377\"",
					count ? "," : "", h->ip);
		count++;
	}
}

static void
join(struct host *h, const struct cluster *c)
{
	static const char *const advertise[] = { "", "eth0", "eth0:2377" };
	struct world *w = h->w;
	struct question q = { .op = OP_SWARM_JOIN };
	char body[600], remote[200];

	some_managers(w, remote, sizeof(remote));
	if (remote[0] == '\0')
		return;
	snprintf(body, sizeof(body),
		 "{\"ListenAddr\":\"0.0.0.0:2377\",\"AdvertiseAddr\":\"%s\","
		 "\"RemoteAddrs\":[%s],\"JoinToken\":\"%s\"}",
		 advertise[dice(w, 3)], remote,
		 h->is_manager ? c->join_tokens.manager
			       : c->join_tokens.worker);
	q.body = body;
	h->doomed = false;
	do_ask(h, &q);
}

static void
leave(struct host *h)
{
	struct question q = { .op = OP_SWARM_LEAVE,
			      .query = { { "force", "1" } },
			      .query_count = 1 };

	h->doomed = true;
	do_ask(h, &q);
}

static void
open_lock(struct host *h)
{
	struct question q = { .op = OP_SWARM_UNLOCK };
	char key[UNLOCK_KEY_LEN + 1], body[100];

	unlock_key_write(h->lock, key);
	snprintf(body, sizeof(body), "{\"UnlockKey\":\"%s\"}", key);
	q.body = body;
	do_ask(h, &q);
}

/* ---- what he sees to all the time
 * ---------------------------------------------
 */

/* A host that the cluster does not know any more: it was removed. */
static bool
is_stranger(struct host *h)
{
	struct world *w = h->w;

	if (admin_leader(w) == NULL || admin_node_of(w, h) != NULL) {
		h->stranger_us = 0;
		return false;
	}
	if (h->stranger_us == 0)
		h->stranger_us = w->us;
	return w->us - h->stranger_us > STRANGER_US;
}

static bool
is_manager_at(struct world *w, const char *addr)
{
	unsigned port = 0;
	const struct host *h = addr != NULL && *addr != '\0'
				       ? net_host_at(w, addr, &port)
				       : NULL;

	return h != NULL && h->listening && h->port == port;
}

/* All managers that it knows of are none any more: nobody can be asked where
 * the others are, but by a person. */
static bool
knows_nobody_now(struct host *h)
{
	const struct known_managers *known = identity_managers(h->node);
	const struct state *s = node_state(h->node);

	if (!h->w->calm)
		return false;
	for (uint32_t i = 0; i < known->v.count; i++)
		if (!str_eq(known->v.v[i].node_id, node_id(h->node)) &&
		    is_manager_at(h->w, known->v.v[i].addr))
			return false;
	for (size_t i = 0; s != NULL && i < state_count(s, OBJECT_NODE); i++) {
		const struct node_object *o = state_at(s, OBJECT_NODE, i);

		if (str_eq(o->head.id, node_id(h->node)))
			continue;
		if (is_manager_at(h->w, o->manager_addr))
			return false;
	}
	return admin_leader(h->w) != NULL && admin_leader(h->w) != h;
}

static bool
knows_nobody(struct host *h)
{
	if (!knows_nobody_now(h))
		h->lost_us = 0;
	else if (h->lost_us == 0)
		h->lost_us = h->w->us;
	return h->lost_us != 0 && h->w->us - h->lost_us > LOST_US;
}

static void
see_to(struct host *h)
{
	struct world *w = h->w;
	const struct host *leader = admin_leader(w);

	if (!h->wanted || !host_answers(h) || h->question != 0)
		return;
	if (is_in(h, "locked"))
		open_lock(h);
	else if (node_id(h->node) != NULL &&
		 (is_stranger(h) || knows_nobody(h)))
		leave(h);
	else if (node_id(h->node) != NULL || !is_in(h, "inactive"))
		return;
	else if (leader != NULL && leader != h)
		join(h, state_cluster(node_state(leader->node)));
	else if (h->index == 0 && !is_cluster(w))
		init(h);
}

/* The only node was told to leave: has it, or will it not? */
static void
look_at_leaving(struct world *w)
{
	struct host *h = &w->hosts[0];

	if (!w->leaving || !host_answers(h) || h->question != 0)
		return;
	if (is_in(h, "inactive") && !is_cluster(w)) {
		clients_forget(w);
		raft_view_reset(w);
	} else if (admin_leader(w) != h) {
		return; /* it is about to */
	}
	w->leaving = h->doomed = false;
}

static void demote(struct host *via, const struct node_object *o);
static void remove_node(struct host *via, const char *id);

/* What is left in the tables of nodes that lost their disk, or left. */
static void
clean_up(struct world *w)
{
	struct host *leader = admin_leader(w);
	const struct state *s;

	if (leader == NULL || leader->question != 0 || dice(w, 6) != 0)
		return;
	s = node_state(leader->node);
	for (size_t i = 0; i < state_count(s, OBJECT_NODE); i++) {
		const struct node_object *o = state_at(s, OBJECT_NODE, i);

		if (o->status.state != NODE_DOWN || is_there(w, o->head.id))
			continue;
		if (o->spec.role == ROLE_MANAGER)
			demote(leader, o);
		else if (o->role == ROLE_WORKER)
			remove_node(leader, o->head.id);
		return;
	}
}

static void
on_look(struct world *w, void *ctx, uint64_t arg)
{
	(void)ctx, (void)arg;
	look_at_leaving(w);
	for (int i = 0; i < w->host_count && !w->failed; i++)
		if (w->calm || dice(w, 3) == 0)
			see_to(&w->hosts[i]);
	clean_up(w);
	world_at(w, NULL, w->us + 100 * US_PER_MS + dice(w, 500 * US_PER_MS),
		 on_look, NULL, 0);
}

void
admin_start(struct world *w)
{
	w->admin = mem_new(sizeof(*w->admin));
	world_at(w, NULL, w->us + dice(w, US_PER_S), on_look, NULL, 0);
}

void
admin_fini(struct world *w)
{
	mem_free(w->admin);
}

/* ---- changes at random
 * ------------------------------------------------------------
 */

static const struct node_object *
some_node(struct world *w, struct host *leader)
{
	const struct state *s = node_state(leader->node);

	return state_at(s, OBJECT_NODE, dice(w, state_count(s, OBJECT_NODE)));
}

/* Through which host he asks. */
static struct host *
some_manager(struct world *w)
{
	struct host *h = &w->hosts[dice(w, (uint64_t)w->host_count)];

	if (host_answers(h) && h->question == 0 && is_in(h, "active/manager"))
		return h;
	h = admin_leader(w);
	return h != NULL && h->question == 0 ? h : NULL;
}

static void
update_node(struct host *via, const struct node_object *o, int role,
	    int availability)
{
	char version[24], body[100];
	struct question q = { .op = OP_NODE_UPDATE,
			      .target = o->head.id,
			      .query = { { "version", version } },
			      .query_count = 1,
			      .body = body };

	snprintf(version, sizeof(version), "%" PRIu64, o->head.version.index);
	snprintf(body, sizeof(body),
		 "{\"Role\":\"%s\",\"Availability\":\"%s\"}",
		 enum_name(&node_role_names, role),
		 enum_name(&node_availability_names, availability));
	do_ask(via, &q);
}

static void
demote(struct host *via, const struct node_object *o)
{
	update_node(via, o, ROLE_WORKER, o->spec.availability);
}

static void
remove_node(struct host *via, const char *id)
{
	struct question q = { .op = OP_NODE_REMOVE,
			      .target = id,
			      .query = { { "force", "1" } },
			      .query_count = 1 };

	do_ask(via, &q);
}

static int
managers(const struct state *s)
{
	int count = 0;

	for (size_t i = 0; i < state_count(s, OBJECT_NODE); i++)
		count += ((const struct node_object *)state_at(s, OBJECT_NODE,
							       i))
				 ->spec.role == ROLE_MANAGER;
	return count;
}

void
admin_role(struct world *w)
{
	struct host *leader = admin_leader(w), *via = some_manager(w);
	const struct node_object *o;
	int role;

	if (leader == NULL || via == NULL)
		return;
	o = some_node(w, leader);
	role = o->spec.role == ROLE_MANAGER ? ROLE_WORKER : ROLE_MANAGER;
	if (role == ROLE_MANAGER && managers(node_state(leader->node)) >= 7)
		return;
	if (role == ROLE_WORKER && !is_settled(w, leader))
		return;
	w->admin->role_us = w->us;
	update_node(via, o, role, o->spec.availability);
}

void
admin_availability(struct world *w)
{
	static const int words[] = { NODE_ACTIVE, NODE_ACTIVE, NODE_PAUSE,
				     NODE_DRAIN };
	struct host *leader = admin_leader(w), *via = some_manager(w);
	const struct node_object *o;

	if (leader == NULL || via == NULL)
		return;
	o = some_node(w, leader);
	update_node(via, o, o->spec.role, words[dice(w, ARRAY_LEN(words))]);
}

/* The only node: what there was is gone, and may be made anew. */
static void
on_last_left(struct world *w, void *ctx, uint64_t arg, const struct answer *a)
{
	struct host *h = ctx;

	(void)a, (void)arg;
	h->question = 0;
	if (a->status >= 400)
		w->leaving = h->doomed = false; /* refused */
}

void
admin_leave(struct world *w)
{
	struct host *h = &w->hosts[dice(w, (uint64_t)w->host_count)];
	struct question q = { .op = OP_SWARM_LEAVE,
			      .query = { { "force", "1" } },
			      .query_count = dice(w, 3) != 0,
			      .fn = on_last_left };

	if (!host_answers(h) || h->question != 0 || node_id(h->node) == NULL)
		return;
	if (w->host_count == 1) {
		w->leaving = h->doomed = true;
		do_ask(h, &q);
	} else if (admin_may_lose(w, h)) {
		leave(h);
	}
}

void
admin_remove(struct world *w)
{
	struct host *leader = admin_leader(w), *via = some_manager(w);
	struct question q = { .op = OP_NODE_REMOVE,
			      .query = { { "force", "1" } },
			      .query_count = dice(w, 3) != 0 };

	if (leader == NULL || via == NULL)
		return;
	q.target = some_node(w, leader)->head.id;
	do_ask(via, &q);
}

static void
update_cluster(struct world *w, const char *wish)
{
	struct host *leader = admin_leader(w), *via = some_manager(w);
	struct admin *a = w->admin;
	char version[24], body[400];
	struct question q = { .op = OP_SWARM_UPDATE,
			      .query = { { "version", version } },
			      .query_count = 1,
			      .body = body };

	if (leader == NULL || via == NULL)
		return;
	snprintf(version, sizeof(version), "%" PRIu64,
		 state_cluster(node_state(leader->node))->head.version.index);
	if (wish != NULL)
		q.query[q.query_count++] = (struct kv){ wish, "true" };
	snprintf(body, sizeof(body),
		 "{\"Name\":\"default\","
		 "\"Orchestration\":{\"TaskHistoryRetentionLimit\":5},"
		 "\"Dispatcher\":{\"HeartbeatPeriod\":5000000000},"
		 "\"CAConfig\":{\"NodeCertExpiry\":3600000000000,"
		 "\"ForceRotate\":%" PRIu64 "},"
		 "\"EncryptionConfig\":{\"AutoLockManagers\":%s}}",
		 a->rotations, a->lock ? "true" : "false");
	do_ask(via, &q);
}

void
admin_token(struct world *w)
{
	update_cluster(w,
		       dice(w, 2) ? "rotateWorkerToken" : "rotateManagerToken");
}

void
admin_root(struct world *w)
{
	w->admin->rotations++;
	update_cluster(w, NULL);
}

void
admin_lock(struct world *w)
{
	w->admin->lock = !w->admin->lock;
	update_cluster(w, NULL);
}

/* ---- the end
 * -------------------------------------------------------------------- */

static int
wanted_availability(const struct world *w, const struct node_object *o)
{
	uint64_t x = w->seed * 31;

	for (const char *c = o->head.id; *c != '\0'; c++)
		x = x * 131 + (unsigned char)*c;
	return x % 7 == 0 ? NODE_DRAIN : NODE_ACTIVE;
}

void
admin_finish(struct world *w)
{
	struct host *leader = admin_leader(w);
	const struct state *s;

	if (leader == NULL || leader->question != 0)
		return;
	s = node_state(leader->node);
	for (size_t i = 0; i < state_count(s, OBJECT_NODE); i++) {
		const struct node_object *o = state_at(s, OBJECT_NODE, i);
		int wanted = wanted_availability(w, o);

		if (o->spec.availability == wanted)
			continue;
		update_node(leader, o, o->spec.role, wanted);
		return;
	}
}
