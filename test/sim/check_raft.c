/*
 * check_raft.c - the rules of consensus (reliability.md 5.1: I1 to I11), held
 * against every member after every event it takes: what is committed is one
 * log, that no leader lacks, that lies on a quorum's disks, and that makes the
 * same tables everywhere.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "core/base/check.h"
#include "core/base/mem.h"
#include "core/base/str.h"
#include "core/node/node_impl.h"
#include "test/sim/sim.h"

#define TERMS_MAX 4096
#define IDS_MAX 512

/* Of one index of the log that everybody shares. */
struct slot {
	uint64_t term, hash; /* hash 0: not committed, as far as is known */
	uint64_t by;	     /* the term of who first called it so */
	uint64_t tables;     /* hash of the state after it; 0: not known */
};

/* A raft id, from the first time it is seen. */
struct who {
	uint64_t id;
	const struct host *host;
	uint64_t disk_made;
	bool lost;		  /* its disk is: what it held counts as held */
	uint64_t lost_last;	  /* up to here */
	uint64_t vote_term, vote; /* the newest vote that it gave */
};

struct raft_log_view {
	struct slot *v; /* by index - 1 */
	size_t count, cap;
	uint64_t committed; /* the highest that any member called so */
	struct {
		uint64_t term, id;
	} leaders[TERMS_MAX];
	size_t leader_count;
	struct who who[IDS_MAX];
	size_t who_count;
};

/* What was last seen of one host's raft. */
struct raft_view {
	const struct raft *raft;
	uint64_t daemon, id;
	uint64_t commit, applied, last, term;
	enum raft_role role;
	struct raft_members members; /* before this step */
};

void
raft_view_init(struct world *w)
{
	w->raft_view = mem_new(sizeof(*w->raft_view));
	for (int i = 0; i < w->host_count; i++)
		w->hosts[i].view = mem_new(sizeof(struct raft_view));
}

void
raft_view_fini(struct world *w)
{
	for (int i = 0; i < w->host_count; i++)
		mem_free(w->hosts[i].view);
	mem_free(w->raft_view->v);
	mem_free(w->raft_view);
}

void
raft_view_reset(struct world *w)
{
	struct raft_log_view *view = w->raft_view;

	mem_free(view->v);
	view->v = NULL;
	view->count = view->cap = 0;
	view->committed = view->leader_count = 0; /* ids stay who they are */
	for (int i = 0; i < w->host_count; i++)
		*w->hosts[i].view = (struct raft_view){ 0 };
	w->seen_count = w->seen_applied = 0;
}

static struct slot *
slot(struct raft_log_view *view, uint64_t index)
{
	while (view->count < index) {
		view->v = mem_grow(view->v, view->count, &view->cap,
				   sizeof(*view->v));
		view->v[view->count++] = (struct slot){ 0 };
	}
	return &view->v[index - 1];
}

static uint64_t
hash(uint64_t h, const void *p, size_t len)
{
	const unsigned char *bytes = p;

	for (size_t i = 0; i < len; i++)
		h = (h ^ bytes[i]) * UINT64_C(0x100000001b3);
	return h;
}

static uint64_t
entry_hash(const struct raft_entry *e)
{
	uint64_t h = hash(UINT64_C(0xcbf29ce484222325), e->data, e->len);

	return (h ^ e->term * 31 ^ (uint64_t)e->kind) | 1;
}

/* ---- who is who -----------------------------------------------------------
 */

static struct who *
who_is(struct world *w, uint64_t id)
{
	struct raft_log_view *view = w->raft_view;

	for (size_t i = 0; i < view->who_count; i++)
		if (view->who[i].id == id)
			return &view->who[i];
	return NULL;
}

/* I11: an id belongs to one disk for ever. */
static void
meet(struct host *h)
{
	struct world *w = h->w;
	struct raft_log_view *view = w->raft_view;
	uint64_t id = h->node->raft_id;
	struct who *x = id != 0 ? who_is(w, id) : NULL;

	if (id == 0)
		return;
	if (x != NULL) {
		if (x->host != h || x->disk_made != h->disk_made)
			world_fail(w, "raft id %" PRIx64 " is %s's and %s's",
				   id, x->host->name, h->name);
		return;
	}
	check(view->who_count < IDS_MAX);
	view->who[view->who_count++] =
		(struct who){ .id = id, .host = h, .disk_made = h->disk_made };
}

void
check_disk_lost(struct host *h)
{
	struct raft_log_view *view = h->w->raft_view;

	for (size_t i = 0; i < view->who_count; i++) {
		struct who *x = &view->who[i];

		if (x->host != h || x->disk_made != h->disk_made || x->lost)
			continue;
		x->lost = true;
		x->lost_last = max_u64(disk_last(&h->disk), h->disk.applied);
	}
}

/* Is the entry on the disk of that member, or in its stored state? */
static bool
is_durable_on(struct world *w, uint64_t id, uint64_t index, uint64_t term)
{
	const struct who *x = who_is(w, id);

	if (x == NULL)
		return false;
	if (x->lost || x->disk_made != x->host->disk_made)
		return true; /* nobody can say any more */
	return x->host->disk.applied >= index ||
	       disk_term(&x->host->disk, index) == term;
}

static bool
is_on_quorum(struct world *w, const struct raft_members *m, uint64_t index,
	     uint64_t term)
{
	uint32_t voters = 0, held = 0;

	for (uint32_t i = 0; i < m->count; i++) {
		if (m->learner[i])
			continue;
		voters++;
		held += is_durable_on(w, m->id[i], index, term);
	}
	return held >= voters / 2 + 1;
}

/* I5, I7: before anybody calls it committed. A change of members that was
 * appended in the same step does not count for it yet. */
static void
check_quorum(struct host *h, uint64_t index, uint64_t term)
{
	const struct raft_members *m = raft_members(h->node->raft);
	const struct raft_members *before = &h->view->members;

	if (!is_on_quorum(h->w, m, index, term) &&
	    (before->count == 0 || !is_on_quorum(h->w, before, index, term)))
		world_fail(h->w,
			   "%s calls %" PRIu64 " committed, and no quorum has "
			   "it on the disk",
			   h->name, index);
}

/* ---- what is committed ------------------------------------------------------
 */

static void
check_entry(struct host *h, uint64_t index)
{
	struct world *w = h->w;
	const struct raft_entry *e = raft_entry_at(h->node->raft, index);
	struct slot *s = slot(w->raft_view, index);
	uint64_t sum;

	if (e == NULL)
		return; /* trimmed, or of a snapshot */
	sum = entry_hash(e);
	if (s->hash == 0) {
		s->hash = sum;
		s->term = e->term;
		s->by = raft_term(h->node->raft);
	} else if (s->hash != sum) {
		world_fail(w,
			   "%s has another entry %" PRIu64 " committed (of "
			   "term %" PRIu64 ") than was committed before (of "
			   "term %" PRIu64 ")",
			   h->name, index, e->term, s->term);
	}
}

static void
check_commit(struct host *h)
{
	struct raft_log_view *view = h->w->raft_view;
	uint64_t commit = raft_commit(h->node->raft);
	struct raft_view *v = h->view;
	const struct raft_entry *e;

	if (commit < v->commit)
		world_fail(h->w,
			   "%s: the commit goes back from %" PRIu64
			   " to %" PRIu64,
			   h->name, v->commit, commit);
	for (uint64_t i = v->commit + 1; i <= commit && !h->w->failed; i++)
		check_entry(h, i);
	e = raft_entry_at(h->node->raft, commit);
	/* A leader commits by counting entries of its own term. */
	if (commit > v->commit && e != NULL && v->role == RAFT_LEADER &&
	    v->term == raft_term(h->node->raft) && e->term != v->term)
		world_fail(h->w,
			   "%s leads in term %" PRIu64
			   " and commits an entry of term %" PRIu64,
			   h->name, v->term, e->term);
	v->commit = commit;
	if (commit <= view->committed)
		return;
	if (e != NULL)
		check_quorum(h, commit, e->term);
	view->committed = commit;
}

/* I4, I10: the same log makes the same tables; looked at now and then. */
static uint64_t
tables_hash(const struct state *s)
{
	uint64_t h = UINT64_C(0xcbf29ce484222325);

	for (int t = OBJECT_CLUSTER; t < OBJECT_TYPE_COUNT; t++)
		for (size_t i = 0; i < state_count(s, (enum object_type)t);
		     i++) {
			struct buf b = { 0 };

			object_pack(state_at(s, (enum object_type)t, i), &b);
			h = hash(h, b.p, b.len);
			buf_fini(&b);
		}
	return h | 1;
}

static void
check_applied(struct host *h, bool in_any_case)
{
	const struct node *n = h->node;
	uint64_t applied = n->applied;
	struct slot *s;
	uint64_t sum;

	if (n->state == NULL || applied == 0 ||
	    (!in_any_case && applied * UINT64_C(0x9e3779b97f4a7c15) >> 61))
		return;
	s = slot(h->w->raft_view, applied);
	sum = tables_hash(n->state);
	if (s->tables == 0)
		s->tables = sum;
	else if (s->tables != sum)
		world_fail(h->w,
			   "%s has other tables than another member after "
			   "entry %" PRIu64,
			   h->name, applied);
}

/* ---- leaders
 * ------------------------------------------------------------------ */

/* I1: one leader a term. */
static void
check_alone(struct host *h, uint64_t term, uint64_t id)
{
	struct raft_log_view *view = h->w->raft_view;

	for (size_t i = 0; i < view->leader_count; i++)
		if (view->leaders[i].term == term) {
			if (view->leaders[i].id != id)
				world_fail(h->w,
					   "%s leads in term %" PRIu64
					   ", and so did another",
					   h->name, term);
			return;
		}
	check(view->leader_count < TERMS_MAX);
	view->leaders[view->leader_count].term = term;
	view->leaders[view->leader_count++].id = id;
	h->w->leaders++;
	world_trace(h->w, "%s leads in term %" PRIu64, h->name, term);
}

/* I3: it has all that was committed in the terms before its own. (One may
 * come to lead an old term late, when its disk was slow.) */
static void
check_complete(struct host *h)
{
	const struct raft *r = h->node->raft;
	struct raft_log_view *view = h->w->raft_view;

	for (uint64_t i = 1; i <= view->committed && !h->w->failed; i++) {
		const struct raft_entry *e = raft_entry_at(r, i);
		const struct slot *s = slot(view, i);

		if (s->hash == 0 || s->by >= raft_term(r))
			continue;
		if (i > raft_last_index(r))
			world_fail(h->w,
				   "%s leads, and its log ends at %" PRIu64
				   " before what is committed, %" PRIu64,
				   h->name, raft_last_index(r), i);
		else if (e != NULL && entry_hash(e) != s->hash)
			world_fail(h->w,
				   "%s leads, and has another entry %" PRIu64
				   " than was committed",
				   h->name, i);
	}
}

/* I8: one change at a time, and none before an entry of its own term. */
static void
check_changes(struct host *h)
{
	const struct raft *r = h->node->raft;
	uint64_t commit = raft_commit(r), last = raft_last_index(r);
	const struct raft_entry *at = raft_entry_at(r, commit);
	int open = 0;

	for (uint64_t i = commit + 1; i <= last; i++) {
		const struct raft_entry *e = raft_entry_at(r, i);

		if (e == NULL || e->kind != RAFT_CONFIG)
			continue;
		open++;
		/* But for who begins alone, or goes on alone by force. */
		if (e->term == raft_term(r) && at != NULL &&
		    at->term != raft_term(r) && commit > 2 &&
		    raft_members(r)->count > 1)
			world_fail(h->w,
				   "%s changes the members before an entry of "
				   "its term is committed",
				   h->name);
	}
	if (open > 1 && raft_members(r)->count > 1)
		world_fail(h->w, "%s has %d open changes of members", h->name,
			   open);
}

/* ---- what is promised to others
 * ------------------------------------------------- */

/* Called by the linker's way (planted.c) for each message that is sent. */
void
raft_view_said(struct host *h, const struct raft_msg *m)
{
	struct world *w = h->w;
	const struct raft_hard *hard = &h->disk.hard;
	struct who *x = who_is(w, m->from);

	if (m->type == RAFT_VOTED && m->ok && !m->pre) {
		if (hard->term != m->term || hard->vote != m->to)
			world_fail(w,
				   "%s says that it votes in term %" PRIu64
				   ", and its disk does not know",
				   h->name, m->term);
		if (x != NULL && x->vote_term == m->term && x->vote != m->to)
			world_fail(w, "%s votes twice in term %" PRIu64,
				   h->name, m->term);
		if (x != NULL) {
			x->vote_term = m->term;
			x->vote = m->to;
		}
	}
	if (m->type == RAFT_APPENDED && m->ok &&
	    max_u64(disk_last(&h->disk), h->disk.applied) < m->match)
		world_fail(w,
			   "%s says that it has all up to %" PRIu64
			   " on its disk, and it ends at %" PRIu64,
			   h->name, m->match, disk_last(&h->disk));
}

/* ---- after each event
 * --------------------------------------------------------------- */

void
raft_view_step(struct host *h)
{
	const struct raft *r = h->node->raft;
	struct raft_view *v = h->view;
	enum raft_role role;

	if (r == NULL) {
		v->raft = NULL;
		return;
	}
	if (v->raft != r || v->daemon != h->daemon ||
	    v->id != h->node->raft_id) {
		*v = (struct raft_view){ .raft = r,
					 .daemon = h->daemon,
					 .id = h->node->raft_id };
		meet(h);
	}
	if (raft_term(r) < v->term)
		world_fail(h->w, "%s: the term goes back", h->name);
	check_commit(h);
	if (v->applied != h->node->applied) {
		v->applied = h->node->applied;
		check_applied(h, false);
	}
	role = raft_role(r);
	if (role == RAFT_LEADER &&
	    (v->role != RAFT_LEADER || v->term != raft_term(r))) {
		check_alone(h, raft_term(r), h->node->raft_id);
		check_complete(h);
	}
	if (role == RAFT_LEADER && v->last != raft_last_index(r))
		check_changes(h);
	v->role = role;
	v->term = raft_term(r);
	v->last = raft_last_index(r);
	v->members = *raft_members(r);
}

/* I6, I9: what was promised is still there, and the tables are those of the
 * index that they say. */
void
raft_view_started(struct host *h)
{
	const struct who *x;

	if (h->node->raft == NULL)
		return;
	meet(h);
	check_applied(h, false);
	x = who_is(h->w, h->node->raft_id);
	if (x != NULL && raft_term(h->node->raft) < x->vote_term)
		world_fail(h->w, "%s forgot that it voted in term %" PRIu64,
			   h->name, x->vote_term);
}

/* ---- at rest
 * ---------------------------------------------------------------------------
 */

/* L1, L2: one leads, the others follow it, and all have the same. */
const char *
raft_view_rest(struct world *w, char *why, size_t size)
{
	const struct host *leader = admin_leader(w);
	uint64_t applied;

	if (leader == NULL)
		return "nobody leads";
	applied = leader->node->applied;
	for (int i = 0; i < w->host_count; i++) {
		struct host *h = &w->hosts[i];

		if (h->gone || h->node == NULL || h->node->raft == NULL)
			continue;
		snprintf(why, size,
			 "%s: the leader has applied %" PRIu64
			 ", and it %" PRIu64 " of %" PRIu64,
			 h->name, applied, h->node->applied,
			 raft_last_index(h->node->raft));
		if (h->node->applied != applied ||
		    raft_last_index(h->node->raft) != applied ||
		    raft_commit(h->node->raft) != applied)
			return why;
		if (raft_leader(h->node->raft) != leader->node->raft_id)
			return "not all follow the leader";
		check_applied(h, true);
	}
	return NULL;
}
