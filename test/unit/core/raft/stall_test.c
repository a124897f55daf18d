/* stall_test.c - disks that do not answer for seconds cost nobody the
 * office, and promise nothing meanwhile. */
#include "test/unit/core/raft/cluster.h"

T(a_follower_whose_disk_stalls_is_heard)
{
	struct raft_peer_status s;
	uint32_t lead, slow;
	uint64_t term, index;

	cluster(3);
	lead = elect(0);
	slow = (lead + 1) % 3;
	pass(300, 0);
	term = raft_term(m[lead].raft);
	for (int n = 0; n < 40; n++) { /* slower than heartbeats */
		index = propose(lead, 5);
		pass_but(300, 0, BIT(slow));
		EQ(raft_commit(m[lead].raft), index);
	}
	EQ(raft_peer_status(m[lead].raft, m[slow].id, &s), 0);
	OK(s.active);
	OK(s.match < index); /* none of it was promised */
	OK(raft_commit(m[slow].raft) > s.match);
	EQ(raft_term(m[slow].raft), term);
	EQ(leader(0), (int)lead);
	pass(300, 0);
	EQ(raft_peer_status(m[lead].raft, m[slow].id, &s), 0);
	EQ(s.match, index);
	end();
}

/* Entries go out with each heartbeat, and no disk answers them. */
T(heartbeats_are_answered_among_entries_that_are_not)
{
	uint64_t index, term, value = 1;
	uint32_t lead;

	cluster(3);
	lead = elect(0);
	pass(300, 0);
	for (int n = 0; n < 14; n++) {
		EQ(raft_propose(m[lead].raft, &value, sizeof(value), &index,
				&term),
		   0);
		now_ms += RAFT_HEARTBEAT_MS;
		for (uint32_t i = 0; i < 3; i++)
			tick(i);
		settle_but(0, (BIT(0) | BIT(1) | BIT(2)) & ~BIT(lead));
		EQ(raft_role(m[lead].raft), RAFT_LEADER);
	}
	OK(raft_commit(m[lead].raft) < index);
	end();
}

/* Both others stall: nothing is committed, and nobody is elected. */
T(a_leader_keeps_its_office_while_its_heartbeats_are_answered)
{
	uint32_t lead;
	uint64_t term, index;

	cluster(3);
	lead = elect(0);
	pass(300, 0);
	term = raft_term(m[lead].raft);
	index = propose(lead, 5);
	pass_but(10000, 0, (BIT(0) | BIT(1) | BIT(2)) & ~BIT(lead));
	EQ(raft_role(m[lead].raft), RAFT_LEADER);
	EQ(raft_term(m[lead].raft), term);
	OK(raft_commit(m[lead].raft) < index);
	pass(300, 0);
	EQ(raft_commit(m[lead].raft), index);
	end();
}

/* etcd#14370, from the other side: it commits what the others have. */
T(a_leader_whose_disk_stalls_goes_on_without_it)
{
	uint32_t lead;
	uint64_t term, index;

	cluster(3);
	lead = elect(0);
	pass(300, 0);
	term = raft_term(m[lead].raft);
	for (int n = 0; n < 20; n++) {
		index = propose(lead, 5);
		pass_but(300, 0, BIT(lead));
		EQ(raft_commit(m[lead].raft), index);
	}
	OK(disk_last(&m[lead].disk) < index);
	EQ(raft_term(m[lead].raft), term);
	EQ(leader(0), (int)lead);
	/* But its share counts only when it is down: with one of the others
	 * gone nothing is committed. */
	index = propose(lead, 6);
	pass_but(600, BIT((lead + 1) % 3), BIT(lead));
	OK(raft_commit(m[lead].raft) < index);
	write_all(lead);
	EQ(raft_commit(m[lead].raft), index);
	end();
}

T(what_a_stalled_leader_keeps_in_memory_is_bounded)
{
	static char big[1000000];
	uint64_t index, term;
	uint32_t lead, n = 0;

	cluster(3);
	lead = elect(0);
	by_hand = true;
	pass(300, 0);
	while (raft_propose(m[lead].raft, big, sizeof(big), &index, &term) ==
	       0) {
		n++;
		OK(n < 100);
		/* The others say that they have it. */
		for (uint32_t i = 0; i < 3; i++) {
			struct raft_msg had = { .type = RAFT_APPENDED,
						.from = m[i].id,
						.to = m[lead].id,
						.term = term,
						.ok = true,
						.index = index,
						.match = index };
			struct raft_event ev = { .type = RAFT_RECV,
						 .now_ms = now_ms,
						 .msg = &had };

			if (i != lead)
				raft_step(m[lead].raft, &ev);
		}
		EQ(raft_commit(m[lead].raft), index);
	}
	EQ(n, RAFT_OPEN_MAX / (sizeof(big) + 64));
	end();
}
