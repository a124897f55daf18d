/* transfer_test.c - a leader that hands over (3.10). */
#include "test/unit/core/raft/cluster.h"

T(the_office_goes_over_without_an_election_time)
{
	uint64_t term, index, before;
	uint32_t lead, to;

	cluster(3);
	lead = elect(0);
	to = (lead + 1) % 3;
	pass(300, 0);
	term = raft_term(m[lead].raft);
	index = propose(lead, 7); /* it must have this first */
	before = now_ms;
	EQ(raft_transfer(m[lead].raft, m[to].id), 0);
	OK(raft_is_handing_over(m[lead].raft));
	collect(lead);
	settle(0);
	EQ(now_ms, before);
	EQ(leader(0), (int)to);
	EQ(raft_term(m[to].raft), term + 1);
	OK(!raft_is_handing_over(m[lead].raft));
	OK(raft_is_ready(m[to].raft));
	OK(raft_commit(m[to].raft) > index);
	end();
}

T(the_other_one_has_all_before_it_is_told)
{
	uint32_t lead, to;

	cluster(3);
	lead = elect(0);
	to = (lead + 1) % 3;
	pass(300, 0);
	propose(lead, 7);
	EQ(raft_transfer(m[lead].raft, m[to].id), 0);
	collect(lead);
	for (size_t k = 0; k < wire_count; k++)
		OK(wires[k]->msg.type != RAFT_TIMEOUT_NOW);
	settle_but(0, BIT(to));
	EQ(raft_role(m[to].raft), RAFT_FOLLOWER);
	settle(0);
	EQ(leader(0), (int)to);
	end();
}

T(to_nobody_is_to_the_one_that_has_most)
{
	uint32_t lead, behind;

	cluster(3);
	lead = elect(0);
	behind = (lead + 1) % 3;
	pass(300, 0);
	propose(lead, 7);
	settle_but(0, BIT(behind));
	EQ(raft_transfer(m[lead].raft, 0), 0);
	collect(lead);
	settle(0);
	EQ(leader(0), (int)(lead + 2) % 3);
	end();
}

T(what_cannot_be_is_refused)
{
	uint32_t lead, to;
	uint64_t learner, index, term;

	cluster(3);
	lead = elect(0);
	to = (lead + 1) % 3;
	pass(300, 0);
	EQ(raft_transfer(m[to].raft, 0), -EAGAIN);
	EQ(raft_transfer(m[lead].raft, m[lead].id), -EALREADY);
	EQ(raft_transfer(m[lead].raft, 77), -ENOENT);
	learner = newcomer(3);
	EQ(change(lead, RAFT_ADD_LEARNER, learner), 0);
	settle(0);
	EQ(raft_transfer(m[lead].raft, learner), -ENOENT);
	pass(1500, BIT(to));
	EQ(raft_transfer(m[lead].raft, m[to].id), -EHOSTUNREACH);
	EQ(raft_transfer(m[lead].raft, 0), 0);
	EQ(raft_transfer(m[lead].raft, 0), -EBUSY);
	EQ(raft_propose(m[lead].raft, "x", 1, &index, &term), -EAGAIN);
	EQ(raft_propose_change(m[lead].raft, RAFT_REMOVE, learner, &index,
			       &term),
	   -EBUSY);
	end();
}

T(a_hand_over_that_fails_ends_and_the_leader_goes_on)
{
	uint32_t lead, to;
	uint64_t index, term;

	cluster(3);
	lead = elect(0);
	to = (lead + 1) % 3;
	pass(300, 0);
	EQ(raft_transfer(m[lead].raft, m[to].id), 0);
	OK(raft_deadline(m[lead].raft) <= now_ms + RAFT_ELECTION_MS);
	pass(RAFT_ELECTION_MS - 100, BIT(to));
	EQ(raft_propose(m[lead].raft, "x", 1, &index, &term), -EAGAIN);
	pass(200, BIT(to));
	EQ(leader(0), (int)lead);
	EQ(raft_propose(m[lead].raft, "x", 1, &index, &term), 0);
	end();
}

T(a_lost_word_is_said_again)
{
	uint32_t lead, to;

	cluster(3);
	lead = elect(0);
	to = (lead + 1) % 3;
	pass(300, 0);
	EQ(raft_transfer(m[lead].raft, m[to].id), 0);
	collect(lead);
	forget_wires();
	pass(400, 0);
	EQ(leader(0), (int)to);
	end();
}

T(only_the_leader_can_say_so)
{
	struct raft_msg word = { .type = RAFT_TIMEOUT_NOW };
	uint32_t lead, i;

	cluster(3);
	lead = elect(0);
	i = (lead + 1) % 3;
	word.to = m[i].id;
	word.from = m[(lead + 2) % 3].id;
	word.term = raft_term(m[lead].raft);
	say(i, &word);
	EQ(raft_role(m[i].raft), RAFT_FOLLOWER);
	word.from = m[lead].id;
	word.term--; /* of an older term */
	if (word.term > 0)
		say(i, &word);
	EQ(raft_role(m[i].raft), RAFT_FOLLOWER);
	word.term++;
	say(i, &word);
	EQ(raft_role(m[i].raft), RAFT_CANDIDATE);
	end();
}
