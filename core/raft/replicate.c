/*
 * replicate.c - the leader's entries on the others' disks (3.5), and what is
 * committed by that (3.6.2: only an entry of the leader's own term is ever
 * counted; older ones are committed by it). Appends are made when the driver
 * asks for messages, so that one holds all that was proposed meanwhile.
 */
#include "core/base/check.h"
#include "core/raft/quorum.h"
#include "core/raft/raft_impl.h"

void
raft_replicate_start(struct raft *r)
{
	for (uint32_t i = 0; i < r->peer_count; i++) {
		struct raft_peer *p = &r->peers[i];

		*p = (struct raft_peer){ .id = p->id,
					 .votes = p->votes,
					 .next = r->term_start,
					 .probing = true,
					 .beat = true };
	}
	r->round_open = false;
	r->beat_commit = r->commit;
	raft_append_own(r, RAFT_NOOP, NULL, 0);
	r->heartbeat_due_ms = r->now_ms + r->heartbeat_ms;
}

void
raft_replicate_tick(struct raft *r)
{
	if (r->role != RAFT_LEADER || r->now_ms < r->heartbeat_due_ms)
		return;
	raft_forget_parted(r);
	for (uint32_t i = 0; i < r->peer_count; i++)
		r->peers[i].beat = true;
	r->beat_commit = r->commit;
	r->transfer_sent = false; /* it may be lost */
	r->heartbeat_due_ms = r->now_ms + r->heartbeat_ms;
}

/* ---- what is sent
 * ------------------------------------------------------------------ */

static struct raft_msg
append_after(const struct raft *r, const struct raft_peer *p, uint64_t index)
{
	return (struct raft_msg){ .type = RAFT_APPEND,
				  .to = p->id,
				  .term = r->hard.term,
				  .index = index,
				  .index_term = raft_log_term(&r->log, index),
				  .commit = r->commit,
				  .round = r->round };
}

static bool
may_send_entries(const struct raft *r, const struct raft_peer *p)
{
	uint64_t bytes = raft_log_bytes(&r->log, p->match + 1, p->next - 1);

	if (p->next > raft_log_last(&r->log))
		return false;
	if (p->probing)
		return p->inflight == 0;
	return p->inflight < INFLIGHT_MAX && bytes < RAFT_WINDOW_MAX;
}

/* As many entries as fit in one message, and one in any case. */
static size_t
entries_that_fit(const struct raft *r, uint64_t next)
{
	uint64_t last = raft_log_last(&r->log), bytes = 0, i = next;

	for (; i <= last; i++) {
		bytes += raft_log_at(&r->log, i)->len + ENTRY_COST;
		if (i > next && bytes > RAFT_APPEND_MAX)
			break;
	}
	return (size_t)(i - next);
}

static void
send_entries(const struct raft *r, struct raft_peer *p, struct raft_msg *ret)
{
	uint32_t at = (p->sent_first + p->inflight) % INFLIGHT_MAX;

	*ret = append_after(r, p, p->next - 1);
	ret->entry_count = entries_that_fit(r, p->next);
	ret->entries = raft_log_at(&r->log, p->next);
	check(ret->entries != NULL && ret->entry_count > 0);
	p->sent[at] = ret->index + ret->entry_count;
	p->inflight++;
	if (!p->probing)
		p->next += ret->entry_count;
}

/* An empty append. Where it matches, all before it was received; where it
 * does not, something was lost. Entries do not take its place: they are
 * answered when they are on a disk, and this at once. */
static bool
send_heartbeat(const struct raft *r, struct raft_peer *p, uint64_t after,
	       struct raft_msg *ret)
{
	if (!p->beat)
		return false;
	p->beat = false;
	*ret = append_after(r, p, after);
	return true;
}

/* The entry before the next one is trimmed, or that one is. */
static bool
needs_snapshot(const struct raft *r, const struct raft_peer *p)
{
	if (p->next == 1)
		return r->log.first > 1;
	return raft_log_term(&r->log, p->next - 1) == 0;
}

static bool
next_for(struct raft *r, struct raft_peer *p, struct raft_msg *ret)
{
	/* With a snapshot under way, it hears from the leader by a heartbeat
	 * that matches any log. */
	if (p->snapshot.index != 0 || needs_snapshot(r, p))
		return raft_snapshot_send(r, p, ret) ||
		       send_heartbeat(r, p, 0, ret);
	if (may_send_entries(r, p)) {
		send_entries(r, p, ret);
		return true;
	}
	return send_heartbeat(r, p, p->next - 1, ret);
}

bool
raft_replicate_next(struct raft *r, struct raft_msg *ret)
{
	if (r->role != RAFT_LEADER)
		return false;
	for (uint32_t i = 0; i < r->peer_count; i++)
		if (next_for(r, &r->peers[i], ret))
			return true;
	return false;
}

/* ---- what comes of it
 * ------------------------------------------------------------------ */

void
raft_advance_commit(struct raft *r)
{
	uint64_t match[PEERS_MAX + 1];
	uint64_t held;
	uint32_t n = 0;

	check(r->role == RAFT_LEADER);
	/* Its own disk counts as any other: when the write is done. */
	if (raft_is_voter(r, r->id))
		match[n++] = r->durable_last;
	for (uint32_t i = 0; i < r->peer_count; i++)
		if (r->peers[i].votes)
			match[n++] = r->peers[i].match;
	held = raft_quorum_match(match, n);
	if (held <= r->commit || raft_log_term(&r->log, held) != r->hard.term)
		return;
	raft_set_commit(r, held);
	raft_read_advance(r);
	raft_change_committed(r);
}

/* p answered in this term. */
void
raft_peer_heard(struct raft *r, struct raft_peer *p, uint64_t round)
{
	p->heard_ms = r->now_ms;
	p->round = max_u64(p->round, min_u64(round, r->round));
}

/* What p needs next is in the log again. */
static bool
is_past_snapshot(const struct raft *r, const struct raft_peer *p)
{
	return p->match >= p->snapshot.index || p->match >= r->log.first;
}

static void
resume_from(struct raft_peer *p, uint64_t next)
{
	p->snapshot = (struct raft_sending){ 0 };
	p->probing = false;
	p->inflight = 0;
	p->next = next;
}

static void
on_matched(struct raft *r, struct raft_peer *p, const struct raft_msg *m)
{
	uint64_t last = raft_log_last(&r->log);

	if (m->match > last || m->index > last)
		return; /* a lie: it cannot have what we never had */
	p->match = max_u64(p->match, m->match);
	while (p->inflight > 0 && p->sent[p->sent_first] <= m->index) {
		p->sent_first = (p->sent_first + 1) % INFLIGHT_MAX;
		p->inflight--;
	}
	if (p->snapshot.index != 0) {
		if (is_past_snapshot(r, p))
			resume_from(p, p->match + 1);
	} else if (p->probing) {
		if (max_u64(m->index, p->match) + 1 >= p->next)
			resume_from(p, max_u64(m->index, p->match) + 1);
	} else {
		p->next = max_u64(p->next, p->match + 1);
	}
	raft_advance_commit(r);
}

/* Where the two logs may agree: not where the leader's entry is of a newer
 * term than any that the member has up to there. */
static uint64_t
agree_at_most(const struct raft *r, const struct raft_peer *p,
	      const struct raft_msg *m)
{
	uint64_t at = min_u64(m->match, m->index - 1);

	while (m->index_term != 0 && at > p->match &&
	       raft_log_term(&r->log, at) > m->index_term)
		at--;
	return max_u64(at, p->match);
}

static void
on_refused(struct raft *r, struct raft_peer *p, const struct raft_msg *m)
{
	/* Late: what it says is older than what we know, or were told. */
	if (p->snapshot.index != 0 || m->index <= p->match ||
	    m->index >= p->next || (p->probing && m->index != p->next - 1))
		return;
	p->probing = true;
	p->inflight = 0;
	p->next = agree_at_most(r, p, m) + 1;
}

void
raft_on_appended(struct raft *r, const struct raft_msg *m)
{
	struct raft_peer *p = raft_peer(r, m->from);

	if (r->role != RAFT_LEADER || p == NULL || m->term != r->hard.term)
		return;
	raft_peer_heard(r, p, m->round);
	raft_read_advance(r);
	if (m->ok)
		on_matched(r, p, m);
	else
		on_refused(r, p, m);
}
