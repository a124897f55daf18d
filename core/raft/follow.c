/*
 * follow.c - a member that is sent entries (3.5). What it has heard it says
 * at once; what is on its disk, once it is: a disk that stalls must not make
 * the leader look dead, nor this member.
 */
#include "core/base/check.h"
#include "core/raft/raft_impl.h"

void
raft_set_commit(struct raft *r, uint64_t commit)
{
	check(commit >= r->commit);
	check(commit <= raft_log_last(&r->log));
	r->commit = commit;
}

/*
 * What the leader of this term may count on: what agrees with its log and is
 * on the disk, with the term in which that was found. What is committed is
 * the same everywhere.
 */
uint64_t
raft_ackable(const struct raft *r)
{
	if (r->durable_hard.term != r->hard.term)
		return 0;
	return min_u64(max_u64(r->verified, r->commit), r->durable_last);
}

bool
raft_answer_next(struct raft *r, struct raft_msg *ret)
{
	if (!r->answer_due || r->role != RAFT_FOLLOWER || r->leader == 0)
		return false;
	r->answer_due = false;
	r->acked = raft_ackable(r);
	*ret = (struct raft_msg){ .type = RAFT_APPENDED,
				  .to = r->leader,
				  .term = r->hard.term,
				  .ok = true,
				  .index = max_u64(r->verified, r->commit),
				  .match = r->acked,
				  .round = r->round_heard };
	return true;
}

/* So that one who leads in an older term learns of the newer one. */
void
raft_refuse_term(struct raft *r, const struct raft_msg *m)
{
	struct raft_msg answer = { .type = RAFT_APPENDED,
				   .to = m->from,
				   .term = r->hard.term };

	raft_send_held(r, &answer);
}

/* Where the log may still agree with the leader's: a whole term is skipped
 * at once, and never what is committed. */
static uint64_t
conflict_hint(const struct raft *r, uint64_t index)
{
	uint64_t last = raft_log_last(&r->log);
	uint64_t term;

	if (index > last)
		return last;
	term = raft_log_term(&r->log, index);
	while (index > r->commit && raft_log_term(&r->log, index) == term)
		index--;
	return index;
}

static void
refuse(struct raft *r, const struct raft_msg *m)
{
	struct raft_msg answer = { .type = RAFT_APPENDED,
				   .to = m->from,
				   .term = r->hard.term,
				   .index = m->index,
				   .round = r->round_heard };

	answer.match = conflict_hint(r, m->index);
	answer.index_term = raft_log_term(&r->log, answer.match);
	raft_send(r, &answer);
}

static bool
prev_matches(const struct raft *r, const struct raft_msg *m)
{
	/* What is committed is the same everywhere, even if it is trimmed. */
	return m->index <= r->commit ||
	       raft_log_term(&r->log, m->index) == m->index_term;
}

/* No leader says that what is committed is something else. */
static bool
denies_commit(const struct raft *r, const struct raft_msg *m)
{
	uint64_t own = raft_log_term(&r->log, m->index);

	if (m->index <= r->commit && own != 0 && own != m->index_term)
		return true;
	for (size_t i = 0; i < m->entry_count; i++) {
		own = raft_log_term(&r->log, m->entries[i].index);
		if (m->entries[i].index <= r->commit && own != 0 &&
		    own != m->entries[i].term)
			return true;
	}
	return false;
}

static void
take_entries(struct raft *r, const struct raft_msg *m)
{
	for (size_t i = 0; i < m->entry_count; i++) {
		const struct raft_entry *e = &m->entries[i];

		if (e->index <= r->commit)
			continue;
		if (raft_log_term(&r->log, e->index) == e->term)
			continue;
		if (e->index <= raft_log_last(&r->log))
			raft_cut(r, e->index);
		raft_log_append(&r->log, e);
		if (e->kind == RAFT_CONFIG)
			raft_use_members(r);
	}
}

void
raft_on_append(struct raft *r, const struct raft_msg *m)
{
	uint64_t last = m->index + m->entry_count;
	bool asks = m->entry_count == 0 || m->round > r->round_heard;

	if (m->term < r->hard.term) {
		raft_refuse_term(r, m);
		return;
	}
	/* Two leaders in one term cannot be: whoever says so is lying. */
	if (r->role == RAFT_LEADER || denies_commit(r, m))
		return;
	raft_follow(r, m);
	r->round_heard = max_u64(r->round_heard, m->round);
	/* An empty log takes no entries but the first. */
	if (!prev_matches(r, m)) {
		refuse(r, m);
		return;
	}
	take_entries(r, m);
	r->verified = max_u64(r->verified, last);
	if (m->commit > r->commit)
		raft_set_commit(r,
				max_u64(r->commit, min_u64(m->commit, last)));
	/* Else the answer comes when the entries are on the disk. */
	if (asks || raft_ackable(r) >= last)
		r->answer_due = true;
}
