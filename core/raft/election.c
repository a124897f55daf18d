/*
 * election.c - who leads (3.4, 3.6.1), with pre-vote (9.6), so that a member
 * that comes back from a partition does not unseat a leader that others
 * hear, and check-quorum (6.2), so that a leader that nobody hears gives up.
 */
#include "core/base/check.h"
#include "core/base/rand.h"
#include "core/raft/raft_impl.h"

void
raft_election_reset(struct raft *r)
{
	r->election_ms = r->now_ms + RAFT_ELECTION_MS +
			 rand_next(&r->rand_state) % RAFT_ELECTION_MS;
}

void
raft_become_follower(struct raft *r, uint64_t term, uint64_t leader)
{
	check(term >= r->hard.term);
	if (term > r->hard.term)
		raft_set_hard(r, term, 0);
	r->role = RAFT_FOLLOWER;
	r->leader = leader;
	r->open_bytes = 0;
	raft_election_reset(r);
}

static void
become_leader(struct raft *r)
{
	check(r->role == RAFT_CANDIDATE);
	check(r->durable_hard.term == r->hard.term);
	check(r->durable_hard.vote == r->id);
	r->role = RAFT_LEADER;
	r->leader = r->id;
	r->term_start = raft_log_last(&r->log) + 1;
	raft_election_reset(r);
	raft_replicate_start(r);
}

static void
ask_all(struct raft *r, bool pre)
{
	struct raft_msg m = { .type = RAFT_VOTE,
			      .term = r->hard.term + pre,
			      .pre = pre,
			      .index = raft_log_last(&r->log),
			      .index_term = raft_log_last_term(&r->log) };

	for (uint32_t i = 0; i < r->members.count; i++) {
		m.to = r->peers[i].id;
		r->peers[i].voted = r->peers[i].granted = false;
		if (m.to != r->id)
			raft_send_held(r, &m, 0);
	}
}

static uint32_t
votes(const struct raft *r)
{
	uint32_t n = raft_is_member(r, r->id) ? 1 : 0;

	for (uint32_t i = 0; i < r->members.count; i++)
		if (r->peers[i].id != r->id && r->peers[i].granted)
			n++;
	return n;
}

static bool
vote_is_durable(const struct raft *r)
{
	return r->durable_hard.term == r->hard.term &&
	       r->durable_hard.vote == r->id;
}

static void
campaign(struct raft *r)
{
	r->role = RAFT_CANDIDATE;
	r->leader = 0;
	raft_set_hard(r, r->hard.term + 1, r->id);
	raft_election_reset(r);
	ask_all(r, false);
}

static void
count_votes(struct raft *r)
{
	if (votes(r) < raft_quorum(r))
		return;
	if (r->role == RAFT_PRE_CANDIDATE)
		campaign(r);
	if (r->role == RAFT_CANDIDATE && vote_is_durable(r) &&
	    votes(r) >= raft_quorum(r))
		become_leader(r);
}

static void
start(struct raft *r)
{
	raft_election_reset(r);
	if (!raft_is_member(r, r->id))
		return;
	r->role = RAFT_PRE_CANDIDATE;
	r->leader = 0;
	ask_all(r, true);
	count_votes(r);
}

/* A leader that a quorum did not answer for an election's time gives up. */
static void
check_quorum(struct raft *r)
{
	uint32_t heard = 1;

	for (uint32_t i = 0; i < r->members.count; i++)
		if (r->peers[i].id != r->id &&
		    r->peers[i].heard_ms + RAFT_ELECTION_MS >= r->now_ms)
			heard++;
	if (heard < raft_quorum(r))
		raft_become_follower(r, r->hard.term, 0);
	else
		raft_election_reset(r);
}

void
raft_election_tick(struct raft *r)
{
	if (r->now_ms < r->election_ms)
		return;
	if (r->role != RAFT_LEADER)
		start(r);
	else
		check_quorum(r);
}

/* The own vote counts from when it is on the disk. */
void
raft_election_persisted(struct raft *r)
{
	if (r->role == RAFT_CANDIDATE)
		count_votes(r);
}

static bool
log_is_as_good(const struct raft *r, const struct raft_msg *m)
{
	uint64_t own = raft_log_last_term(&r->log);

	return m->index_term > own ||
	       (m->index_term == own && m->index >= raft_log_last(&r->log));
}

/* A live leader is not voted out by someone who does not hear it. */
static bool
hears_leader(const struct raft *r)
{
	if (r->role == RAFT_LEADER)
		return true;
	return r->leader != 0 &&
	       r->now_ms < r->leader_heard_ms + RAFT_ELECTION_MS;
}

static void
on_pre_vote(struct raft *r, const struct raft_msg *m)
{
	struct raft_msg answer = { .type = RAFT_VOTED,
				   .to = m->from,
				   .pre = true };

	answer.ok = m->term > r->hard.term && log_is_as_good(r, m) &&
		    !hears_leader(r);
	/* A refusal carries our term, so that one who is behind catches up. */
	answer.term = answer.ok ? m->term : r->hard.term;
	if (answer.term > 0)
		raft_send_held(r, &answer, 0);
}

void
raft_on_vote(struct raft *r, const struct raft_msg *m)
{
	struct raft_msg answer = { .type = RAFT_VOTED,
				   .to = m->from,
				   .term = r->hard.term };

	if (m->pre) {
		on_pre_vote(r, m);
		return;
	}
	if (m->term == r->hard.term && log_is_as_good(r, m) &&
	    (r->hard.vote == 0 || r->hard.vote == m->from)) {
		check(r->role != RAFT_LEADER);
		raft_set_hard(r, r->hard.term, m->from);
		raft_election_reset(r);
		answer.ok = true;
	}
	raft_send_held(r, &answer, 0);
}

void
raft_on_voted(struct raft *r, const struct raft_msg *m)
{
	struct raft_peer *p = raft_peer(r, m->from);
	uint64_t want = r->hard.term + m->pre;
	enum raft_role asker = m->pre ? RAFT_PRE_CANDIDATE : RAFT_CANDIDATE;

	if (p == NULL || r->role != asker || m->term != want)
		return;
	p->voted = true;
	p->granted = m->ok;
	count_votes(r);
}
