/*
 * change.c - who the members are now, and how that changes: one at a time,
 * in force as soon as it is in the log (4.1), and none before the leader's
 * first entry of its term is committed (the erratum to 4.1: else two leaders'
 * changes that do not overlap could both be committed).
 */
#include <errno.h>

#include "core/base/check.h"
#include "core/raft/quorum.h"
#include "core/raft/raft_impl.h"

struct raft_peer *
raft_peer(struct raft *r, uint64_t id)
{
	for (uint32_t i = 0; i < r->peer_count; i++)
		if (r->peers[i].id == id)
			return &r->peers[i];
	return NULL;
}

static const struct raft_peer *
member(const struct raft *r, uint64_t id)
{
	for (uint32_t i = 0; i < r->peer_count; i++)
		if (r->peers[i].id == id && !r->peers[i].parting)
			return &r->peers[i];
	return NULL;
}

bool
raft_peer_is_active(const struct raft *r, const struct raft_peer *p)
{
	return p->heard_ms != 0 && p->heard_ms + r->election_ms >= r->now_ms;
}

uint32_t
raft_quorum(const struct raft *r)
{
	return raft_quorum_of(raft_members_voters(&r->members));
}

bool
raft_votes_alone(const struct raft *r)
{
	return raft_members_voters(&r->members) == 1 && raft_is_voter(r, r->id);
}

static void
unpack(const struct raft_entry *en, struct raft_members *ret)
{
	struct err e;

	if (raft_members_unpack(en->data, en->len, ret, &e) < 0)
		fatal("the raft log holds a list of members that cannot be "
		      "read");
}

/* The last list of members up to index; 0: there is none in the log. */
static uint64_t
last_config(const struct raft *r, uint64_t index)
{
	for (uint64_t i = index; r->log.count > 0 && i >= r->log.first; i--) {
		const struct raft_entry *en = raft_log_at(&r->log, i);

		if (en != NULL && en->kind == RAFT_CONFIG)
			return i;
	}
	return 0;
}

struct raft_members
raft_members_as_of(const struct raft *r, uint64_t index)
{
	uint64_t at = last_config(r, min_u64(index, raft_log_last(&r->log)));
	struct raft_members m = r->base;

	if (at != 0)
		unpack(raft_log_at(&r->log, at), &m);
	return m;
}

static struct raft_peer
peer_for(const struct raft *r, const struct raft_peer *old, uint32_t count,
	 uint32_t at)
{
	struct raft_peer p = { .next = raft_log_last(&r->log) + 1,
			       .probing = true,
			       .beat = true };

	for (uint32_t i = 0; i < count; i++)
		if (old[i].id == r->members.id[at])
			p = old[i];
	p.id = r->members.id[at];
	p.votes = !r->members.learner[at];
	p.parting = false;
	return p;
}

/* One that was removed is sent entries for a while, so that it learns that
 * it was, and does not stand for election for ever (4.2.3). */
static void
keep_parting(struct raft *r, const struct raft_peer *old)
{
	struct raft_peer *p;

	if (r->role != RAFT_LEADER || raft_is_member(r, old->id) ||
	    r->peer_count == PEERS_MAX)
		return;
	p = &r->peers[r->peer_count++];
	*p = *old;
	p->votes = false;
	if (!p->parting)
		p->parting_ms = r->now_ms + 2 * r->election_ms;
	p->parting = true;
}

static void
make_peers(struct raft *r)
{
	struct raft_peer old[PEERS_MAX];
	uint32_t count = r->peer_count;

	for (uint32_t i = 0; i < count; i++)
		old[i] = r->peers[i];
	r->peer_count = 0;
	for (uint32_t i = 0; i < r->members.count; i++)
		if (r->members.id[i] != r->id)
			r->peers[r->peer_count++] = peer_for(r, old, count, i);
	for (uint32_t i = 0; i < count; i++)
		keep_parting(r, &old[i]);
}

/*
 * One whose removal is not committed stands for election too: it may be the
 * only one with the longest log, and then nobody else can win (4.2.2).
 */
bool
raft_may_campaign(const struct raft *r)
{
	struct raft_members before;
	uint32_t at;

	if (raft_is_voter(r, r->id))
		return true;
	if (r->config_index <= r->commit)
		return false;
	before = raft_members_as_of(r, r->config_index - 1);
	at = raft_members_find(&before, r->id);
	return at < before.count && !before.learner[at];
}

void
raft_use_members(struct raft *r)
{
	r->config_index = last_config(r, raft_log_last(&r->log));
	r->members = raft_members_as_of(r, raft_log_last(&r->log));
	make_peers(r);
}

void
raft_forget_parted(struct raft *r)
{
	uint32_t kept = 0;

	for (uint32_t i = 0; i < r->peer_count; i++) {
		const struct raft_peer *p = &r->peers[i];

		if (p->parting && r->now_ms >= p->parting_ms)
			continue;
		if (kept != i)
			r->peers[kept] = *p;
		kept++;
	}
	r->peer_count = kept;
}

int
raft_propose_change(struct raft *r, enum raft_change change, uint64_t id,
		    uint64_t *ret_index, uint64_t *ret_term)
{
	uint8_t packed[RAFT_MEMBERS_PACKED_MAX];
	struct raft_members next;
	int result;

	if (r->role != RAFT_LEADER)
		return -EAGAIN;
	if (!raft_is_ready(r) || r->config_index > r->commit ||
	    r->transfer_to != 0)
		return -EBUSY;
	result = raft_members_change(&r->members, change, id, &next);
	if (result < 0)
		return result;
	raft_append_own(r, RAFT_CONFIG, packed,
			raft_members_pack(&next, packed));
	raft_use_members(r);
	check(r->config_index == raft_log_last(&r->log));
	*ret_index = raft_log_last(&r->log);
	*ret_term = r->hard.term;
	return 0;
}

void
raft_change_committed(struct raft *r)
{
	check(r->role == RAFT_LEADER);
	if (!raft_is_member(r, r->id) && r->commit >= r->config_index)
		raft_hand_over_and_leave(r);
}

int
raft_peer_status(const struct raft *r, uint64_t id,
		 struct raft_peer_status *ret)
{
	const struct raft_peer *p = member(r, id);

	if (r->role != RAFT_LEADER)
		return -EAGAIN;
	if (p == NULL)
		return -ENOENT;
	*ret = (struct raft_peer_status){ .match = p->match,
					  .active = raft_peer_is_active(r, p),
					  .learner = !p->votes };
	return 0;
}

bool
raft_is_caught_up(const struct raft *r, uint64_t id)
{
	const struct raft_peer *p = member(r, id);

	if (r->role != RAFT_LEADER || p == NULL || !raft_is_ready(r))
		return false;
	return raft_peer_is_active(r, p) &&
	       p->match >= max_u64(r->beat_commit, r->term_start);
}

int
raft_can_remove(const struct raft *r, uint64_t id,
		uint32_t *ret_reachable_after, uint32_t *ret_needed)
{
	uint32_t voters = raft_members_voters(&r->members);
	uint32_t reachable = id != r->id && raft_is_voter(r, r->id);
	bool votes = raft_is_voter(r, id);

	if (r->role != RAFT_LEADER)
		return -EAGAIN;
	if (!raft_is_member(r, id))
		return -ENOENT;
	for (uint32_t i = 0; i < r->peer_count; i++) {
		const struct raft_peer *p = &r->peers[i];

		if (p->votes && p->id != id && raft_peer_is_active(r, p))
			reachable++;
	}
	*ret_reachable_after = reachable;
	*ret_needed = raft_quorum_of(voters - votes);
	return votes && reachable < *ret_needed ? -EPERM : 0;
}

bool
raft_is_removed(const struct raft *r)
{
	return r->members.count > 0 && !raft_is_member(r, r->id) &&
	       r->commit >= r->config_index;
}
