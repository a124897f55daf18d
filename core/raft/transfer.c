/*
 * transfer.c - a leader that hands over (3.10): it proposes nothing more,
 * waits until the other one has all, and tells it to campaign at once.
 */
#include <errno.h>

#include "core/base/check.h"
#include "core/raft/raft_impl.h"

/* The one that votes, is heard and has most; NULL: none. */
static struct raft_peer *
best(struct raft *r)
{
	struct raft_peer *found = NULL;

	for (uint32_t i = 0; i < r->peer_count; i++) {
		struct raft_peer *p = &r->peers[i];

		if (p->votes && raft_peer_is_active(r, p) &&
		    (found == NULL || p->match > found->match))
			found = p;
	}
	return found;
}

int
raft_transfer(struct raft *r, uint64_t to)
{
	struct raft_peer *p;

	if (r->role != RAFT_LEADER)
		return -EAGAIN;
	if (r->transfer_to != 0)
		return -EBUSY;
	if (to == r->id)
		return -EALREADY;
	if (to != 0 && !raft_is_voter(r, to))
		return -ENOENT;
	p = to != 0 ? raft_peer(r, to) : best(r);
	if (p == NULL || !raft_peer_is_active(r, p))
		return -EHOSTUNREACH;
	r->transfer_to = p->id;
	r->transfer_sent = false;
	r->transfer_due_ms = r->now_ms + r->election_ms;
	return 0;
}

bool
raft_is_handing_over(const struct raft *r)
{
	return r->role == RAFT_LEADER && r->transfer_to != 0;
}

void
raft_transfer_tick(struct raft *r)
{
	if (r->transfer_to != 0 && (r->now_ms >= r->transfer_due_ms ||
				    !raft_is_voter(r, r->transfer_to)))
		r->transfer_to = 0;
}

static struct raft_msg
timeout_now(const struct raft *r, uint64_t to)
{
	return (struct raft_msg){ .type = RAFT_TIMEOUT_NOW,
				  .to = to,
				  .term = r->hard.term };
}

bool
raft_transfer_next(struct raft *r, struct raft_msg *ret)
{
	struct raft_peer *p;

	if (r->transfer_to == 0 || r->transfer_sent)
		return false;
	p = raft_peer(r, r->transfer_to);
	if (p == NULL || p->match < raft_log_last(&r->log))
		return false;
	r->transfer_sent = true;
	*ret = timeout_now(r, p->id);
	return true;
}

/* Its own removal is committed. */
void
raft_hand_over_and_leave(struct raft *r)
{
	struct raft_peer *p = best(r);
	struct raft_msg m;

	check(r->role == RAFT_LEADER);
	if (p != NULL) {
		m = timeout_now(r, p->id);
		raft_send(r, &m);
	}
	raft_become_follower(r, r->hard.term, 0);
}
