/* one_test.c - a cluster of one. */
#include "test/unit/core/raft/cluster.h"

T(a_lone_voter_leads_as_soon_as_its_vote_is_on_the_disk)
{
	struct raft_start c = { .id = 7,
				.members = { .id = { 7 }, .count = 1 } };
	struct raft *r = raft_new(&c, 50);
	struct raft_event ev = { .type = RAFT_PERSISTED, .now_ms = 50 };
	struct raft_write w;

	raft_bootstrap(r, "first", 5, 50);
	EQ(raft_role(r), RAFT_CANDIDATE);
	OK(raft_write_next(r, &w));
	EQ(w.hard.term, 2);
	EQ(w.hard.vote, 7);
	EQ(w.entry_count, 2);
	EQ(w.entries[0].kind, RAFT_CONFIG);
	EQ(w.entries[1].len, 5);
	EQ(raft_commit(r), 0);
	ev.seq = w.seq;
	raft_step(r, &ev);
	EQ(raft_role(r), RAFT_LEADER);
	EQ(raft_commit(r), 0); /* entries of an older term are not counted */
	OK(!raft_is_ready(r));
	OK(raft_write_next(r, &w));
	EQ(w.entry_count, 1);
	EQ(w.entries[0].kind, RAFT_NOOP);
	ev.seq = w.seq;
	raft_step(r, &ev);
	EQ(raft_commit(r), 3);
	OK(raft_is_ready(r));
	EQ(raft_deadline(r), UINT64_MAX);
	OK(!raft_has_write(r));
	raft_free(r);
}

T(a_lone_voter_campaigns_at_once_after_a_restart)
{
	cluster(1);
	preset(0, 4, (uint64_t[]){ 4 }, 1);
	EQ(raft_deadline(m[0].raft), now_ms);
	tick(0);
	settle(0);
	EQ(raft_role(m[0].raft), RAFT_LEADER);
	EQ(raft_term(m[0].raft), 5);
	end();
}

T(nothing_is_committed_before_it_is_persisted)
{
	uint64_t index;

	cluster(1);
	preset(0, 1, (uint64_t[]){ 1 }, 1);
	tick(0);
	settle(0);
	index = propose(0, 77);
	EQ(raft_commit(m[0].raft), index - 1);
	tick(0);
	EQ(raft_commit(m[0].raft), index - 1);
	write_all(0);
	EQ(raft_commit(m[0].raft), index);
	end();
}

T(alone_only_the_last_applied_entry_is_kept)
{
	struct raft *r;
	uint64_t first;

	cluster(1);
	preset(0, 1, (uint64_t[]){ 1 }, 1);
	tick(0);
	settle(0);
	for (uint64_t i = 0; i < 400; i++) {
		propose(0, i + 1);
		write_all(0);
	}
	r = m[0].raft;
	first = raft_trim(r, raft_commit(r));
	EQ(first, raft_commit(r));
	OK(raft_entry_at(r, first) != NULL);
	OK(raft_entry_at(r, first - 1) == NULL);
	propose(0, 9);
	EQ(raft_trim(r, first), first);
	write_all(0);
	EQ(raft_commit(r), first + 1);
	end();
}
