/*
 * snapshot.c - the state for a member whose next entry is trimmed (7), one
 * piece at a time. raft knows no state: the driver fills the pieces and puts
 * them together. The sender keeps how far it came for as long as the log still
 * holds what follows; the receiver collects one, and a piece of another, or of
 * another leader, begins that one.
 */
#include <errno.h>

#include "core/base/check.h"
#include "core/raft/raft_impl.h"

#define SILENCE_MAX 10 /* election times; then what is pinned is let go */

/* ---- the sender's side
 * ------------------------------------------------------------------ */

void
raft_snapshot_at(struct raft *r, uint64_t applied)
{
	check(applied <= r->commit);
	check(applied >= r->snapshot_index);
	r->snapshot_index = applied;
}

uint64_t
raft_snapshot_of(const struct raft *r, uint64_t id)
{
	if (r->role != RAFT_LEADER)
		return 0;
	for (uint32_t i = 0; i < r->peer_count; i++)
		if (r->peers[i].id == id)
			return r->peers[i].snapshot.index;
	return 0;
}

void
raft_snapshot_restart(struct raft *r, uint64_t id)
{
	struct raft_peer *p = raft_peer(r, id);

	if (p != NULL)
		p->snapshot = (struct raft_sending){ 0 };
}

static bool
begin(struct raft *r, struct raft_peer *p)
{
	uint64_t index = r->snapshot_index;
	uint64_t term = raft_log_term(&r->log, index);

	if (term == 0 || p->parting || !raft_peer_is_active(r, p))
		return false;
	p->snapshot = (struct raft_sending){
		.index = index,
		.index_term = term,
		.members = raft_members_as_of(r, index),
	};
	return true;
}

/* What follows it is trimmed by now, or nobody is there to take it. */
static bool
is_void(const struct raft *r, const struct raft_peer *p)
{
	return p->snapshot.index < r->log.first ||
	       p->heard_ms + SILENCE_MAX * r->election_ms < r->now_ms;
}

bool
raft_snapshot_send(struct raft *r, struct raft_peer *p, struct raft_msg *ret)
{
	struct raft_sending *s = &p->snapshot;

	if (s->index != 0 && is_void(r, p))
		*s = (struct raft_sending){ 0 };
	if (s->index == 0 && !begin(r, p))
		return false;
	if (s->waits && (r->now_ms < s->sent_ms + r->election_ms ||
			 !raft_peer_is_active(r, p)))
		return false;
	s->waits = true;
	s->sent_ms = r->now_ms;
	*ret = (struct raft_msg){ .type = RAFT_SNAPSHOT,
				  .to = p->id,
				  .term = r->hard.term,
				  .index = s->index,
				  .index_term = s->index_term,
				  .members = s->members,
				  .offset = s->offset };
	return true;
}

void
raft_on_snapped(struct raft *r, const struct raft_msg *m)
{
	struct raft_peer *p = raft_peer(r, m->from);
	struct raft_sending *s;

	if (r->role != RAFT_LEADER || p == NULL || m->term != r->hard.term)
		return;
	raft_peer_heard(r, p, 0);
	s = &p->snapshot;
	/* The same place again: the piece is on its way, or the timer's. */
	if (s->index == 0 || m->index != s->index ||
	    m->index_term != s->index_term || m->offset == s->offset)
		return;
	s->offset = m->offset;
	s->waits = false;
}

/* ---- the receiver's side
 * ------------------------------------------------------------------ */

static void
answer(struct raft *r, const struct raft_msg *m, uint64_t offset)
{
	struct raft_msg snapped = { .type = RAFT_SNAPPED,
				    .to = m->from,
				    .term = r->hard.term,
				    .index = m->index,
				    .index_term = m->index_term,
				    .offset = offset };

	raft_send(r, &snapped);
}

/* All that it holds is in the log: it is committed, then. */
static bool
is_known(struct raft *r, uint64_t index, uint64_t term)
{
	if (index <= r->commit)
		return true;
	if (raft_log_term(&r->log, index) != term)
		return false;
	r->verified = max_u64(r->verified, index);
	raft_set_commit(r, index);
	return true;
}

static bool
is_the_one(const struct raft_receiving *in, const struct raft_msg *m)
{
	return in->from == m->from && in->term == m->term &&
	       in->index == m->index && in->index_term == m->index_term;
}

static void
take_piece(struct raft *r, const struct raft_msg *m)
{
	struct raft_receiving *in = &r->receiving;

	if (!is_the_one(in, m) && m->offset == 0)
		*in = (struct raft_receiving){ .from = m->from,
					       .term = m->term,
					       .index = m->index,
					       .index_term = m->index_term,
					       .members = m->members };
	if (!is_the_one(in, m)) {
		answer(r, m, 0);
		return;
	}
	if (in->done)
		return; /* the driver is at it */
	if (m->offset != in->offset) {
		answer(r, m, in->offset);
		return;
	}
	in->has_piece = true;
	in->piece = (struct raft_piece){ .index = m->index,
					 .index_term = m->index_term,
					 .members = in->members,
					 .offset = m->offset,
					 .data = m->data,
					 .len = m->len,
					 .done = m->done };
}

void
raft_on_snapshot(struct raft *r, const struct raft_msg *m)
{
	if (m->term < r->hard.term) {
		raft_refuse_term(r, m);
		return;
	}
	if (r->role == RAFT_LEADER)
		return;
	raft_follow(r, m);
	if (is_known(r, m->index, m->index_term))
		r->answer_due = true;
	else
		take_piece(r, m);
}

bool
raft_snapshot_next(struct raft *r, struct raft_piece *ret)
{
	struct raft_receiving *in = &r->receiving;
	struct raft_msg m = { .to = in->from,
			      .from = in->from,
			      .index = in->index,
			      .index_term = in->index_term };

	if (!in->has_piece)
		return false;
	in->has_piece = false;
	*ret = in->piece;
	in->offset += in->piece.len;
	in->done = in->piece.done;
	/* Of the last piece the leader hears when all is on the disk. */
	if (!in->done)
		answer(r, &m, in->offset);
	return true;
}

void
raft_snapshot_abort(struct raft *r)
{
	r->receiving = (struct raft_receiving){ 0 };
}

int
raft_install(struct raft *r, const struct raft_entry *at)
{
	struct raft_receiving in = r->receiving;
	struct raft_members m;
	struct err e;

	if (in.from == 0 || !in.done)
		return -ESTALE;
	raft_snapshot_abort(r);
	if (r->role == RAFT_LEADER || is_known(r, in.index, in.index_term))
		return -ESTALE;
	if (at->index != in.index || at->term != in.index_term ||
	    at->kind < RAFT_NOOP || at->kind > RAFT_CONFIG ||
	    at->len > RAFT_ENTRY_MAX)
		return -EINVAL;
	if (at->kind == RAFT_CONFIG &&
	    raft_members_unpack(at->data, at->len, &m, &e) < 0)
		return -EINVAL;
	raft_begin_anew(r, at);
	r->base = in.members;
	raft_use_members(r);
	raft_set_commit(r, at->index);
	r->snapshot_index = at->index;
	return 0;
}
