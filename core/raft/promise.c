/*
 * promise.c - what goes to the disk, and what waits for it. A write promises
 * what the disk holds once it is done; a message that says so is not sent
 * earlier, and a leader does not count itself earlier.
 */
#include <string.h>

#include "core/base/check.h"
#include "core/base/mem.h"
#include "core/raft/raft_impl.h"

/* What is handed out and not done no longer promises entries from here on. */
static void
void_promises(struct raft *r, uint64_t from)
{
	for (uint32_t i = 0; i < r->promise_count; i++)
		r->promises[i].last = min_u64(r->promises[i].last, from - 1);
	r->durable_last = min_u64(r->durable_last, from - 1);
}

void
raft_cut(struct raft *r, uint64_t from)
{
	check(from > r->commit);
	raft_log_cut(&r->log, from);
	/* What was handed out must be cut on the disk too. */
	if (from < r->unwritten) {
		r->truncate_from = r->truncate_from == 0
					   ? from
					   : min_u64(r->truncate_from, from);
		r->unwritten = from;
	}
	void_promises(r, from);
	r->verified = min_u64(r->verified, from - 1);
	raft_use_members(r);
}

void
raft_begin_anew(struct raft *r, const struct raft_entry *at)
{
	check(at->index > r->commit);
	raft_log_cut(&r->log, 0);
	raft_log_append(&r->log, at);
	r->truncate_from = 1;
	r->unwritten = at->index;
	void_promises(r, 1);
}

void
raft_send(struct raft *r, const struct raft_msg *m)
{
	check(m->to != r->id);
	check(m->entry_count == 0);
	r->out = mem_grow(r->out, r->out_count, &r->out_cap, sizeof(*r->out));
	r->out[r->out_count] = *m;
	r->out[r->out_count++].from = r->id;
}

static bool
hard_is_durable(const struct raft *r)
{
	return r->durable_hard.term == r->hard.term &&
	       r->durable_hard.vote == r->hard.vote;
}

void
raft_send_held(struct raft *r, const struct raft_msg *m)
{
	if (hard_is_durable(r)) {
		raft_send(r, m);
		return;
	}
	/* A newer answer to the same member says all that an older one did. */
	for (size_t i = 0; i < r->held_count; i++) {
		struct raft_msg *old = &r->held[i];

		if (old->to == m->to && old->type == m->type &&
		    old->pre == m->pre) {
			*old = *m;
			return;
		}
	}
	r->held = mem_grow(r->held, r->held_count, &r->held_cap,
			   sizeof(*r->held));
	r->held[r->held_count++] = *m;
}

static void
release_held(struct raft *r)
{
	if (!hard_is_durable(r))
		return;
	for (size_t i = 0; i < r->held_count; i++) {
		const struct raft_msg *m = &r->held[i];

		/* Of an older term: whoever asked has moved on. */
		if (m->pre || m->term >= r->hard.term)
			raft_send(r, m);
	}
	r->held_count = 0;
}

void
raft_persisted(struct raft *r, uint64_t seq)
{
	uint32_t done = 0;

	check(seq <= r->write_seq);
	while (done < r->promise_count && r->promises[done].seq <= seq) {
		r->durable_hard = r->promises[done].hard;
		r->durable_last =
			max_u64(r->durable_last, r->promises[done].last);
		done++;
	}
	if (done == 0)
		return;
	r->promise_count -= done;
	memmove(r->promises, r->promises + done,
		r->promise_count * sizeof(r->promises[0]));
	check(r->durable_last <= raft_log_last(&r->log));
	release_held(r);
	raft_election_persisted(r);
	if (r->role == RAFT_LEADER)
		raft_advance_commit(r);
	else if (raft_ackable(r) > r->acked)
		r->answer_due = true;
}

bool
raft_has_write(const struct raft *r)
{
	return r->hard_dirty || r->truncate_from != 0 ||
	       r->unwritten <= raft_log_last(&r->log);
}

bool
raft_write_next(struct raft *r, struct raft_write *ret)
{
	uint64_t last = raft_log_last(&r->log);
	struct raft_write w = { 0 };

	if (!raft_has_write(r) || r->promise_count == RAFT_WRITES_MAX)
		return false;
	w.seq = ++r->write_seq;
	w.hard_dirty = r->hard_dirty;
	w.hard = r->hard;
	w.truncate_from = r->truncate_from;
	if (r->unwritten <= last) {
		w.entries = raft_log_at(&r->log, r->unwritten);
		w.entry_count = (size_t)(last - r->unwritten + 1);
	}
	check(w.entry_count == 0 || w.entries != NULL);
	r->promises[r->promise_count++] =
		(struct raft_promise){ w.seq, r->hard, last };
	r->hard_dirty = false;
	r->truncate_from = 0;
	r->unwritten = last + 1;
	*ret = w;
	return true;
}
