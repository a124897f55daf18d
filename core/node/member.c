/*
 * member.c - being in a cluster: found on the disk at start, begun by swarm
 * init, ended by swarm leave; and taking and losing the leader's office.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "core/base/check.h"
#include "core/base/mem.h"
#include "core/base/rand.h"
#include "core/base/str.h"
#include "core/node/node_impl.h"

#define ALREADY_MEMBER                                                         \
	"This node is already part of a swarm. Use \"docker swarm leave\" to " \
	"leave this swarm and join another one."
#define NOT_MEMBER "This node is not part of a swarm"
#define LAST_MANAGER                                                           \
	"You are attempting to leave the swarm on a node that is "             \
	"participating as a manager. Removing the last manager erases all "    \
	"current state of the swarm. Use `--force` to ignore this message. "

#define BEGIN_ENTRIES 2 /* the log's first: the members, the objects */

/* ---- at start
 * ----------------------------------------------------------------- */

static const struct batch_row *
find_row(const struct stored *s, int table, const char *key)
{
	for (size_t i = 0; i < s->row_count; i++)
		if (s->rows[i].table == table &&
		    strcmp(s->rows[i].key, key) == 0)
			return &s->rows[i];
	return NULL;
}

static char *
row_text(const struct stored *s, const char *key, char *ret, size_t size)
{
	const struct batch_row *row = find_row(s, TABLE_IDENTITY, key);

	if (row == NULL || row->len >= size)
		return NULL;
	memcpy(ret, row->value, row->len);
	ret[row->len] = '\0';
	return ret;
}

/* What the disk holds is not ours to trust: one sentence, and the end. */
static _Noreturn void
store_is_bad(const struct node *n, const char *why)
{
	struct err e;

	(void)err_set(&e, -EINVAL,
		      "what %s/state/data.mdb holds of the cluster cannot be "
		      "used: %s; start the version of swarm that wrote it, or "
		      "begin with an empty directory",
		      n->root_dir, why);
	fatal(e.msg);
}

static void
load_object(struct node *n, const struct batch_row *row)
{
	enum object_type type = (enum object_type)row->table;
	const struct object *head;
	void *object;
	struct err e;

	if (object_unpack(type, row->value, row->len, &object, &e) < 0) {
		(void)err_wrap(&e, -EINVAL, "%s %s", object_type_name(type),
			       row->key);
		store_is_bad(n, e.msg);
	}
	head = object;
	if (!str_eq(head->id, row->key) ||
	    state_get(n->state, type, head->id) != NULL) {
		(void)err_set(&e, -EINVAL, "%s %s is stored as %s",
			      object_type_name(type), head->id, row->key);
		store_is_bad(n, e.msg);
	}
	state_load(n->state, object);
}

static void
load_rows(struct node *n, const struct stored *stored)
{
	struct err e;

	for (size_t i = 0; i < stored->row_count; i++) {
		const struct batch_row *row = &stored->rows[i];

		if (row->table >= TABLE_OBJECT_FIRST &&
		    row->table <= TABLE_OBJECT_LAST)
			load_object(n, row);
		if (row->table == TABLE_WORKER &&
		    agent_load(n->agent, row->key, row->value, row->len, &e) <
			    0)
			store_is_bad(n, e.msg);
	}
}

static void
load_raft(struct node *n, const struct stored *stored)
{
	struct raft_start config = { .id = n->raft_id,
				     .hard = stored->hard,
				     .applied = stored->applied,
				     .entries = stored->entries,
				     .entry_count = stored->entry_count };
	const struct batch_row *members =
		find_row(stored, TABLE_IDENTITY, ROW_MEMBERS);
	struct err e;

	if (members == NULL)
		store_is_bad(n, "it does not say who is in the cluster");
	if (raft_members_unpack(members->value, members->len, &config.members,
				&e) < 0 ||
	    raft_start_check(&config, &e) < 0)
		store_is_bad(n, e.msg);
	if (stored->applied >= BEGIN_ENTRIES && state_cluster(n->state) == NULL)
		store_is_bad(n, "there is no object of the cluster");
	config.seed = rand_next(&n->rand_state);
	n->raft = raft_new(&config, n->now.mono_ms);
	n->applied = n->applied_sent = n->trimmed = stored->applied;
}

void
member_load(struct node *n, const struct stored *stored)
{
	char raft_id[24];

	if (find_row(stored, TABLE_IDENTITY, ROW_NODE) == NULL)
		return; /* not in a cluster */
	if (row_text(stored, ROW_NODE, n->node_id, sizeof(n->node_id)) ==
		    NULL ||
	    strlen(n->node_id) != ID_LEN)
		store_is_bad(n, "this node's id is malformed");
	if (row_text(stored, ROW_RAFT, raft_id, sizeof(raft_id)) == NULL ||
	    !str_to_u64(raft_id, &n->raft_id) || n->raft_id == 0)
		store_is_bad(n, "it does not say which member this node is");
	if (row_text(stored, ROW_CLUSTER, n->cluster_id,
		     sizeof(n->cluster_id)) == NULL)
		store_is_bad(n, "the cluster's id is malformed");
	n->state = state_new(rand_next(&n->rand_state));
	work_start(n);
	load_rows(n, stored);
	n->life = LIFE_MEMBER;
	if (find_row(stored, TABLE_IDENTITY, ROW_LEAVING) == NULL) {
		load_raft(n, stored);
		return;
	}
	/* Went down while it was leaving: it goes on with that. */
	n->life = LIFE_LEAVING;
	state_free(n->state);
	n->state = NULL;
}

/* ---- init
 * -------------------------------------------------------------------- */

static void
remember_identity(struct node *n, const char *cluster_id)
{
	struct raft_members members = { .id = { n->raft_id }, .count = 1 };
	uint8_t packed[RAFT_MEMBERS_PACKED_MAX];
	size_t len = raft_members_pack(&members, packed);
	char text[24];

	snprintf(text, sizeof(text), "%llu", (unsigned long long)n->raft_id);
	disk_identity(n, ROW_NODE, n->node_id, strlen(n->node_id));
	disk_identity(n, ROW_CLUSTER, cluster_id, strlen(cluster_id));
	disk_identity(n, ROW_RAFT, text, strlen(text));
	disk_identity(n, ROW_MEMBERS, packed, len);
}

static void
start_raft(struct node *n, struct tx *tx)
{
	struct raft_start config = { .id = n->raft_id,
				     .seed = rand_next(&n->rand_state),
				     .members = { .id = { n->raft_id },
						  .count = 1 } };
	struct buf packed = { 0 };

	tx->wall_ns = n->now.wall_ns;
	tx_pack(tx, &packed);
	n->raft = raft_new(&config, n->now.mono_ms);
	raft_bootstrap(n->raft, packed.p, packed.len, n->now.mono_ms);
	buf_fini(&packed);
}

/*
 * The identity, the log's first entries and the objects that a cluster
 * starts with are one batch: a crash leaves a cluster or none.
 */
static void
begin(struct node *n, const struct request *r, struct control_reply *reply,
      const char *cluster_id)
{
	struct proposal *p = proposal_new(PROPOSAL_REQUEST);

	n->raft_id = rand_next(&n->rand_state) | 1;
	memcpy(n->cluster_id, cluster_id, sizeof(n->cluster_id));
	n->life = LIFE_MEMBER;
	n->state = state_new(rand_next(&n->rand_state));
	work_start(n);
	remember_identity(n, cluster_id);
	start_raft(n, &reply->tx);
	p->request_id = r->id;
	p->status = reply->status;
	p->body = reply->body;
	reply->body = (struct buf){ 0 };
	p->index = raft_last_index(n->raft);
	p->term = raft_entry_at(n->raft, p->index)->term;
	list_append(&n->proposals, &p->link);
	n->proposal_count++;
}

void
member_init(struct node *n, const struct request *r)
{
	struct control_env env = request_env(n);
	struct control_reply reply = { 0 };
	char cluster_id[ID_LEN + 1];

	if (n->life != LIFE_NONE) {
		effect_error(n, r->id, 503, ALREADY_MEMBER);
		return;
	}
	if (n->disk_full) {
		effect_disk_full(n, r->id);
		return;
	}
	id_make(&n->rand_state, n->node_id);
	id_make(&n->rand_state, cluster_id);
	control_init(&env, r, n->node_id, cluster_id, &reply);
	if (reply.propose)
		begin(n, r, &reply, cluster_id);
	else
		effect_reply(n, r->id, reply.status, &reply.body);
	control_reply_fini(&reply);
}

/* ---- the office
 * ---------------------------------------------------------------- */

void
member_office(struct node *n)
{
	bool ready = n->raft != NULL && raft_is_ready(n->raft) &&
		     n->applied == raft_commit(n->raft);

	if (ready && n->manager == NULL) {
		n->manager = manager_new(n->state, &n->rand_state, n->node_id,
					 n->now);
		n->manager_dirty = true;
	}
	if (!ready && n->manager != NULL) {
		manager_free(n->manager);
		n->manager = NULL;
		change_lost(n);
	}
}

/* ---- leave
 * --------------------------------------------------------------------- */

static void
end_consensus(struct node *n)
{
	change_lost(n);
	manager_free(n->manager);
	n->manager = NULL;
	raft_free(n->raft);
	n->raft = NULL;
	state_free(n->state);
	n->state = NULL;
	watch_leave(n);
}

void
member_leave(struct node *n, const struct request *r)
{
	if (n->life == LIFE_NONE) {
		effect_error(n, r->id, 503, NOT_MEMBER);
		return;
	}
	if (n->life == LIFE_LEAVING && n->leaver != 0) {
		effect_error(n, r->id, 503,
			     "This node is leaving the swarm already");
		return;
	}
	if (n->life == LIFE_MEMBER && !request_query_bool(r, "force")) {
		effect_error(n, r->id, 503, LAST_MANAGER);
		return;
	}
	n->leaver = r->id;
	if (n->life == LIFE_LEAVING)
		return;
	n->life = LIFE_LEAVING;
	disk_identity(n, ROW_LEAVING, "1", 1);
	end_consensus(n);
	if (n->scanned)
		agent_leave(n->agent, n->now);
}

void
member_leave_step(struct node *n)
{
	uint64_t leaver = n->leaver;

	/* Orders that still wait would come after the wipe: not so. */
	if (n->life != LIFE_LEAVING || !n->scanned ||
	    !agent_is_empty(n->agent) || !list_empty(&n->held_orders))
		return;
	work_fini(n);
	disk_forget(n);
	n->life = LIFE_NONE;
	n->leaver = 0;
	n->ports_dirty = true;
	work_send_ports(n);
	effect_add(n, EFFECT_WIPE);
	effect_reply(n, leaver, 200, NULL);
}

void
member_fini(struct node *n)
{
	manager_free(n->manager);
	n->manager = NULL;
	raft_free(n->raft);
	n->raft = NULL;
	state_free(n->state);
	n->state = NULL;
}
