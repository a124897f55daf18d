/* gone_test.c - a leader whose host says that it is not there any more. */
#include "test/unit/core/raft/cluster.h"

static void
tell_all_but(uint32_t lead)
{
	for (uint32_t i = 0; i < member_count; i++)
		if (i != lead)
			raft_leader_gone(m[i].raft);
}

/* Two that campaign in the same millisecond split the votes. */
T(another_leads_without_an_election_time)
{
	uint32_t lead, soon = 0;

	for (uint64_t n = 0; n < 20; n++) {
		cluster(3);
		lead = elect(0);
		/* Each hand-over and back draws other random numbers. */
		for (uint64_t k = 0; k < n; k++)
			pass(4000, BIT(lead)), lead = elect(0);
		pass(300, 0);
		tell_all_but(lead);
		for (uint32_t ms = 0; ms <= RAFT_ELECTION_MS / 4; ms++) {
			now_ms++;
			for (uint32_t i = 0; i < member_count; i++)
				tick(i);
			settle(BIT(lead));
		}
		soon += leader(BIT(lead)) >= 0;
		end();
	}
	OK(soon >= 19);
}

T(one_that_is_told_alone_changes_nothing)
{
	uint32_t lead;
	uint64_t term;

	cluster(3);
	lead = elect(0);
	pass(300, 0);
	term = raft_term(m[lead].raft);
	raft_leader_gone(m[(lead + 1) % 3].raft);
	pass(3000, 0); /* the other one hears the leader, and says no */
	EQ(leader(0), (int)lead);
	EQ(raft_term(m[lead].raft), term);
	end();
}

T(a_leader_that_is_heard_again_leads_on)
{
	uint32_t lead;
	uint64_t term;

	cluster(3);
	lead = elect(0);
	pass(300, 0);
	term = raft_term(m[lead].raft);
	tell_all_but(lead);
	propose(lead, 7); /* the appends come before anybody campaigns */
	settle(0);
	EQ(leader(0), (int)lead);
	EQ(raft_term(m[lead].raft), term);
	end();
}
