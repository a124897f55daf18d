/*
 * election.c - who leads (3.4, 3.6.1), with pre-vote (9.6), so that a member
 * that comes back from a partition does not unseat a leader that others
 * hear, and check-quorum (6.2), so that a leader that nobody hears gives up.
 */
#include "core/base/check.h"
#include "core/base/rand.h"
#include "core/raft/quorum.h"
#include "core/raft/raft_impl.h"

void
raft_election_reset(struct raft *r)
{
	r->election_due_ms = r->now_ms + r->election_ms +
			     rand_next(&r->rand_state) % r->election_ms;
}

static void
leave_office(struct raft *r)
{
	r->transfer_to = 0;
	raft_read_lose(r);
	for (uint32_t i = 0; i < r->peer_count; i++)
		r->peers[i].parting_ms = 0;
	raft_forget_parted(r);
}

void
raft_become_follower(struct raft *r, uint64_t term, uint64_t leader)
{
	check(term >= r->hard.term);
	if (term > r->hard.term)
		raft_set_hard(r, term, 0);
	if (r->role == RAFT_LEADER)
		leave_office(r);
	r->role = RAFT_FOLLOWER;
	r->leader = leader;
	raft_election_reset(r);
}

/* m is of one who leads in this term. */
void
raft_follow(struct raft *r, const struct raft_msg *m)
{
	check(r->role != RAFT_LEADER);
	raft_become_follower(r, m->term, m->from);
	r->leader_heard_ms = r->now_ms;
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

enum ask { ASK_PRE_VOTE, ASK_VOTE, ASK_VOTE_FOR_TRANSFER };

static void
ask_all(struct raft *r, enum ask ask)
{
	bool pre = ask == ASK_PRE_VOTE;
	struct raft_msg m = { .type = RAFT_VOTE,
			      .term = r->hard.term + pre,
			      .pre = pre,
			      .transfer = ask == ASK_VOTE_FOR_TRANSFER,
			      .index = raft_log_last(&r->log),
			      .index_term = raft_log_last_term(&r->log) };

	for (uint32_t i = 0; i < r->peer_count; i++) {
		struct raft_peer *p = &r->peers[i];

		m.to = p->id;
		p->answered = p->granted = false;
		if (p->votes)
			raft_send_held(r, &m);
	}
}

static enum raft_outcome
outcome(const struct raft *r)
{
	enum raft_ballot votes[PEERS_MAX + 1];
	uint32_t n = 0;

	if (raft_is_voter(r, r->id))
		votes[n++] = BALLOT_YES;
	for (uint32_t i = 0; i < r->peer_count; i++) {
		const struct raft_peer *p = &r->peers[i];

		if (p->votes)
			votes[n++] = !p->answered ? BALLOT_NONE
				     : p->granted ? BALLOT_YES
						  : BALLOT_NO;
	}
	return raft_quorum_vote(votes, n);
}

static bool
vote_is_durable(const struct raft *r)
{
	return r->durable_hard.term == r->hard.term &&
	       r->durable_hard.vote == r->id;
}

static void
campaign(struct raft *r, enum ask ask)
{
	r->role = RAFT_CANDIDATE;
	r->leader = 0;
	raft_set_hard(r, r->hard.term + 1, r->id);
	raft_election_reset(r);
	ask_all(r, ask);
}

static void
count_votes(struct raft *r)
{
	enum raft_outcome result = outcome(r);

	if (result == VOTE_LOST)
		r->role = RAFT_FOLLOWER; /* until the time is up again */
	if (result != VOTE_WON)
		return;
	if (r->role == RAFT_PRE_CANDIDATE)
		campaign(r, ASK_VOTE);
	/* The vote for itself counts from when it is on the disk, too. */
	if (r->role == RAFT_CANDIDATE && vote_is_durable(r) &&
	    outcome(r) == VOTE_WON)
		become_leader(r);
}

static void
start(struct raft *r)
{
	raft_election_reset(r);
	r->leader = 0;
	if (!raft_may_campaign(r) || r->hard.term >= TERM_MAX)
		return;
	r->role = RAFT_PRE_CANDIDATE;
	ask_all(r, ASK_PRE_VOTE);
	count_votes(r);
}

/* A leader that a quorum did not answer for an election's time gives up. */
static void
check_quorum(struct raft *r)
{
	uint32_t heard = raft_is_voter(r, r->id);

	for (uint32_t i = 0; i < r->peer_count; i++)
		if (r->peers[i].votes && raft_peer_is_active(r, &r->peers[i]))
			heard++;
	if (heard < raft_quorum(r))
		raft_become_follower(r, r->hard.term, 0);
	else
		raft_election_reset(r);
}

void
raft_election_tick(struct raft *r)
{
	if (r->now_ms < r->election_due_ms)
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
bool
raft_hears_leader(const struct raft *r)
{
	if (r->role == RAFT_LEADER)
		return true;
	return r->leader != 0 &&
	       r->now_ms < r->leader_heard_ms + r->election_ms;
}

void
raft_leader_gone(struct raft *r)
{
	if (r->role != RAFT_FOLLOWER || r->leader == 0)
		return;
	r->leader = 0;
	r->election_due_ms =
		r->now_ms + rand_next(&r->rand_state) % (r->election_ms / 4);
}

static void
on_pre_vote(struct raft *r, const struct raft_msg *m)
{
	struct raft_msg answer = { .type = RAFT_VOTED,
				   .to = m->from,
				   .pre = true };

	answer.ok = m->term > r->hard.term && log_is_as_good(r, m) &&
		    !raft_hears_leader(r);
	/* A refusal carries our term, so that one who is behind catches up. */
	answer.term = answer.ok ? m->term : r->hard.term;
	if (answer.term > 0)
		raft_send_held(r, &answer);
}

void
raft_on_vote(struct raft *r, const struct raft_msg *m)
{
	struct raft_msg answer = { .type = RAFT_VOTED,
				   .to = m->from,
				   .term = r->hard.term };

	/* One that knows no member is nobody's voter yet. */
	if (r->members.count == 0)
		return;
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
	raft_send_held(r, &answer);
}

void
raft_on_voted(struct raft *r, const struct raft_msg *m)
{
	struct raft_peer *p = raft_peer(r, m->from);
	uint64_t want = r->hard.term + m->pre;
	enum raft_role asker = m->pre ? RAFT_PRE_CANDIDATE : RAFT_CANDIDATE;

	if (p == NULL || r->role != asker || m->term != want || !p->votes)
		return;
	p->answered = true;
	p->granted = m->ok;
	count_votes(r);
}

/* The leader hands over: no pre-vote, since it is alive, and wants it. */
void
raft_on_timeout_now(struct raft *r, const struct raft_msg *m)
{
	if (m->term != r->hard.term || r->role != RAFT_FOLLOWER ||
	    r->leader != m->from || !raft_is_voter(r, r->id) ||
	    r->hard.term >= TERM_MAX)
		return;
	campaign(r, ASK_VOTE_FOR_TRANSFER);
	count_votes(r);
}
