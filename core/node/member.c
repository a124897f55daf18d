/*
 * member.c - being in a cluster: found on the disk at start, as a manager or
 * a worker, and changed from one to the other; and taking and losing the
 * leader's office. It begins in begin.c and join.c and ends in leave.c.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "core/base/check.h"
#include "core/base/mem.h"
#include "core/base/rand.h"
#include "core/base/str.h"
#include "core/node/node_impl.h"

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

/* After a lost majority: under a new raft id, since those who are lost may
 * come back and take the old one for theirs. */
static void
go_on_alone(struct node *n)
{
	member_store_raft_id(n);
	raft_force_alone(n->raft, n->now.mono_ms);
	n->forced = true;
}

/* A manager that was not a member yet has nobody in its raft. */
static void
load_raft(struct node *n, const struct stored *stored, bool force)
{
	struct raft_start config = { .id = n->raft_id,
				     .hard = stored->hard,
				     .applied = stored->applied,
				     .entries = stored->entries,
				     .entry_count = stored->entry_count,
				     .election_ms = n->election_ms,
				     .heartbeat_ms = n->heartbeat_ms };
	const struct batch_row *members =
		find_row(stored, TABLE_IDENTITY, ROW_MEMBERS);
	struct err e;

	if (members != NULL && raft_members_unpack(members->value, members->len,
						   &config.members, &e) < 0)
		store_is_bad(n, e.msg);
	force = force && members != NULL && config.entry_count > 0;
	if (force)
		n->raft_id = config.id = rand_next(&n->rand_state) | 1;
	if (raft_start_check(&config, &e) < 0)
		store_is_bad(n, e.msg);
	if (members != NULL && stored->applied >= BEGIN_ENTRIES &&
	    state_cluster(n->state) == NULL)
		store_is_bad(n, "there is no object of the cluster");
	config.seed = rand_next(&n->rand_state);
	n->raft = raft_new(&config, n->now.mono_ms);
	n->applied = n->applied_sent = n->trimmed = stored->applied;
	if (force)
		go_on_alone(n);
	else if (members == NULL)
		consensus_join(n);
}

static void
load_manager(struct node *n, const struct stored *stored, bool force)
{
	char raft_id[24];

	if (row_text(stored, ROW_RAFT, raft_id, sizeof(raft_id)) == NULL ||
	    !str_to_u64(raft_id, &n->raft_id) || n->raft_id == 0)
		store_is_bad(n, "it does not say which member this node is");
	n->state = state_new(rand_next(&n->rand_state));
	work_start(n);
	load_rows(n, stored);
	load_raft(n, stored, force);
	n->life = LIFE_MEMBER;
}

static void
load_worker(struct node *n, const struct stored *stored)
{
	work_start(n);
	load_rows(n, stored);
	n->life = LIFE_WORKER;
}

/* Went down while it was leaving: it goes on with that. */
static void
load_leaving(struct node *n, const struct stored *stored)
{
	n->state = state_new(rand_next(&n->rand_state));
	work_start(n);
	load_rows(n, stored);
	state_free(n->state);
	n->state = NULL;
	n->life = LIFE_LEAVING;
}

void
member_load(struct node *n, const struct stored *stored, bool force)
{
	struct err e;

	if (find_row(stored, TABLE_IDENTITY, ROW_NODE) == NULL)
		return; /* not in a cluster */
	if (row_text(stored, ROW_NODE, n->node_id, sizeof(n->node_id)) ==
		    NULL ||
	    strlen(n->node_id) != ID_LEN)
		store_is_bad(n, "this node's id is malformed");
	if (row_text(stored, ROW_CLUSTER, n->cluster_id,
		     sizeof(n->cluster_id)) == NULL ||
	    strlen(n->cluster_id) != ID_LEN)
		store_is_bad(n, "the cluster's id is malformed");
	if (identity_load(n, stored, &e) < 0)
		store_is_bad(n, e.msg);
	if (find_row(stored, TABLE_IDENTITY, ROW_LEAVING) != NULL)
		load_leaving(n, stored);
	else if (identity_certificate(n)->manager)
		load_manager(n, stored, force);
	else
		load_worker(n, stored);
}

/* ---- from worker to manager, and back ------------------------------------ */

void
member_store_raft_id(struct node *n)
{
	char text[24];

	snprintf(text, sizeof(text), "%llu", (unsigned long long)n->raft_id);
	disk_identity(n, ROW_RAFT, text, strlen(text));
}

/* A raft id is never used again: it did not vote yet, whoever held its
 * certificate before. */
void
member_become_manager(struct node *n)
{
	struct raft_start config = { .seed = rand_next(&n->rand_state),
				     .election_ms = n->election_ms,
				     .heartbeat_ms = n->heartbeat_ms };

	check(n->life == LIFE_WORKER && n->raft == NULL && n->state == NULL);
	n->raft_id = config.id = rand_next(&n->rand_state) | 1;
	member_store_raft_id(n);
	n->raft = raft_new(&config, n->now.mono_ms);
	n->state = state_new(rand_next(&n->rand_state));
	n->life = LIFE_MEMBER;
	alive_reset(n);
	peers_close_all(n); /* others took them for a worker's */
	identity_listen(n);
	consensus_join(n);
}

void
member_end_consensus(struct node *n)
{
	change_lost(n);
	manager_free(n->manager);
	n->manager = NULL;
	dispatch_office(n);
	consensus_fini(n);
	n->joining = n->gone = false;
	n->gone_at_ms = 0;
	raft_free(n->raft);
	n->raft = NULL;
	state_free(n->state);
	n->state = NULL;
	watch_leave(n);
	alive_reset(n);
}

/* Nothing that only managers may know stays on the disk (S25). */
static void
forget_raft(struct node *n)
{
	struct batch *b = disk_batch(n);

	batch_forget_log(b);
	batch_row_delete(b, TABLE_IDENTITY, ROW_RAFT);
	batch_row_delete(b, TABLE_IDENTITY, ROW_MEMBERS);
	n->applied = n->applied_sent = n->trimmed = 0;
	n->raft_id = 0;
	/* What is on its way to the disk is of a raft that is no more. */
	for (uint32_t i = 0; i < n->sent_count; i++)
		n->sent[i].raft_seq = n->sent[i].applied = 0;
}

void
member_become_worker(struct node *n)
{
	check(n->life == LIFE_MEMBER);
	member_end_consensus(n);
	forget_raft(n);
	identity_listen_stop(n);
	peers_close_all(n);
	n->life = LIFE_WORKER;
}

void
member_gone(struct node *n)
{
	if (leave_removed(n))
		return;
	n->gone = true;
	identity_renew(n);
}

/* ---- a new cluster by force ------------------------------------------------
 */

/* Answered with the node's id, as an init is. */
static void
forced(struct node *n)
{
	struct buf body = { 0 };

	buf_printf(&body, "\"%s\"\n", n->node_id);
	effect_reply(n, n->forcer, 200, &body);
	buf_fini(&body);
	n->forcer = n->force_seq = 0;
	n->forcing = false;
}

/* What is in memory is what is on the disk: nothing is on its way there. */
static bool
is_quiet(const struct node *n)
{
	return n->sent_count == 0 && !raft_has_write(n->raft) &&
	       (n->filling == NULL || batch_is_empty(n->filling));
}

static void
raft_again(struct node *n)
{
	struct raft_start config = { .applied = n->applied,
				     .seed = rand_next(&n->rand_state),
				     .hard = { .term = raft_term(n->raft) },
				     .members = *raft_members(n->raft),
				     .election_ms = n->election_ms,
				     .heartbeat_ms = n->heartbeat_ms };
	uint64_t last = raft_last_index(n->raft), first = last;
	struct raft_entry *v;
	struct raft *old = n->raft;

	while (first > 1 && raft_entry_at(old, first - 1) != NULL)
		first--;
	v = arena_array(&n->step_arena, last - first + 1, sizeof(*v));
	for (uint64_t i = first; i <= last; i++)
		v[i - first] = *raft_entry_at(old, i);
	config.entries = v;
	config.entry_count = last - first + 1;
	n->raft_id = config.id = rand_next(&n->rand_state) | 1;
	n->raft = raft_new(&config, n->now.mono_ms);
	raft_free(old);
	go_on_alone(n);
}

void
member_force_step(struct node *n)
{
	if (!n->forcing)
		return;
	if (n->life != LIFE_MEMBER) {
		request_refuse(n, n->forcer);
		n->forcer = n->force_seq = 0;
		n->forcing = false;
		return;
	}
	if (n->force_seq != 0) {
		if (n->durable_seq >= n->force_seq)
			forced(n);
		return;
	}
	if (!is_quiet(n))
		return;
	change_lost(n);
	manager_free(n->manager);
	n->manager = NULL;
	consensus_fini(n);
	raft_again(n);
	n->force_seq = n->batch_seq;
}

bool
member_force(struct node *n, const struct request *r)
{
	struct control_env env = request_env(n);
	struct control_reply reply = { 0 };
	struct init_wish wish;
	struct arena a;
	bool force;

	arena_init(&a);
	force = control_init_read(&env, r, &a, &wish, &reply) &&
		wish.force_new_cluster && !n->joining && !n->forcing;
	control_reply_fini(&reply);
	arena_fini(&a);
	if (!force)
		return false;
	n->forcing = true;
	n->forcer = r->id;
	return true;
}

/* As if it had never been in a cluster. */
void
member_forget(struct node *n)
{
	member_end_consensus(n);
	work_fini(n);
	disk_forget(n);
	identity_forget(n);
	n->ports_dirty = true;
	work_send_ports(n);
	effect_add(n, EFFECT_WIPE);
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
		n->manager_dirty = n->roles_dirty = true;
		n->ca_next_ms = 0;
		n->receipts_old = 0;
		n->receipts_mark = n->applied;
		n->receipts_mark_ms = n->now.mono_ms;
	}
	if (!ready && n->manager != NULL) {
		manager_free(n->manager);
		n->manager = NULL;
		change_lost(n);
	}
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
