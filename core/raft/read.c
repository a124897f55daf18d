/*
 * read.c - reads that see all that was acknowledged before (6.4). A round is
 * a number in the leader's appends; who answers with it had, when it was
 * asked, not heard of a newer term. One round at a time, and all reads that
 * came before it went out are served by it. No clock takes part: a leader
 * that was stopped for an hour asks like any other.
 */
#include <errno.h>

#include "core/base/check.h"
#include "core/raft/raft_impl.h"

int
raft_read(struct raft *r, uint64_t *ret_seq)
{
	if (r->role != RAFT_LEADER)
		return -EAGAIN;
	*ret_seq = ++r->read_seq;
	raft_read_advance(r);
	return 0;
}

/* Called when messages are about to be made. */
void
raft_read_begin(struct raft *r)
{
	if (r->role != RAFT_LEADER || r->round_open ||
	    r->read_seq <= r->read_asked || r->peer_count == 0)
		return;
	r->round++;
	r->round_open = true;
	r->read_asked = r->read_seq;
	for (uint32_t i = 0; i < r->peer_count; i++)
		if (r->peers[i].votes)
			r->peers[i].beat = true;
}

static uint32_t
answers(const struct raft *r)
{
	uint32_t n = raft_is_voter(r, r->id);

	for (uint32_t i = 0; i < r->peer_count; i++)
		n += r->peers[i].votes && r->peers[i].round >= r->round;
	return n;
}

void
raft_read_advance(struct raft *r)
{
	/* Before its own first entry is committed it may not know of all that
	 * was committed before it. */
	if (!raft_is_ready(r))
		return;
	if (raft_votes_alone(r)) {
		r->read_asked = r->read_confirmed = r->read_seq;
		r->round_open = false;
		return;
	}
	if (!r->round_open || answers(r) < raft_quorum(r))
		return;
	r->round_open = false;
	r->read_confirmed = r->read_asked;
}

void
raft_read_lose(struct raft *r)
{
	r->round_open = false;
	r->read_asked = r->read_seq;
	if (r->read_seq > r->read_confirmed)
		r->read_lost = r->read_seq;
}

bool
raft_read_next(struct raft *r, uint64_t *ret_seq, uint64_t *ret_index)
{
	if (r->read_confirmed <= r->read_told)
		return false;
	r->read_told = r->read_confirmed;
	*ret_seq = r->read_confirmed;
	*ret_index = r->commit;
	return true;
}

bool
raft_read_failed(struct raft *r, uint64_t *ret_seq)
{
	if (r->read_lost <= r->read_lost_told)
		return false;
	check(r->read_lost <= r->read_seq);
	r->read_lost_told = r->read_lost;
	*ret_seq = r->read_lost;
	return true;
}
