/*
 * planted.c - what the linker leads here (--wrap, see the Makefile). Always:
 * a raft that has no room now and then, and keeps little of its log, so that
 * snapshots are needed; and each message of raft's, to be checked against the
 * disk. And bugs that are put in on purpose, to see that they are found.
 */
#include <errno.h>
#include <string.h>

#include "core/base/check.h"
#include "core/node/node_impl.h"
#include "core/raft/raft_impl.h"
#include "test/sim/sim.h"

/* Small enough that the controllers' changes need several entries; no
 * request's change is so large. */
#define ENTRY_MAX 6000

enum bug planted_bug;
static struct world *world;
static struct host *host; /* whose node is in a step */

static const char *const names[BUGS] = {
	[BUG_NONE] = "none",
	[BUG_VOTE_SAID] = "a vote is said before it is on the disk",
	[BUG_VOTES_TWICE] = "two votes in one term",
	[BUG_OLD_TERM] = "an entry of an older term is counted",
	[BUG_SELF_ACK] = "a leader counts itself before its disk has it",
	[BUG_EARLY_ACK] = "one write that is done counts for those after it",
	[BUG_TWO_CHANGES] = "a change of members while another is open",
	[BUG_SNAPSHOT_ROWS] = "a snapshot is stored without its rows",
	[BUG_READ] = "a leader answers without asking whether it leads",
	[BUG_ORDER] = "a container is begun before it is remembered",
};

const char *
planted_name(enum bug b)
{
	return names[b];
}

void
planted_world(struct world *w)
{
	world = w;
}

void
planted_host(struct host *h)
{
	host = h;
}

static bool
is_planted(enum bug b)
{
	return planted_bug == b;
}

/* ---- always ---------------------------------------------------------------
 */

struct raft *__real_raft_new(const struct raft_start *config, uint64_t now_ms);
struct raft *__wrap_raft_new(const struct raft_start *config, uint64_t now_ms);
struct raft *
__wrap_raft_new(const struct raft_start *config, uint64_t now_ms)
{
	struct raft_start c = *config;

	c.slack = world->plan.slack;
	return __real_raft_new(&c, now_ms);
}

int __real_raft_propose(struct raft *r, const void *data, size_t len,
			uint64_t *ret_index, uint64_t *ret_term);
int __wrap_raft_propose(struct raft *r, const void *data, size_t len,
			uint64_t *ret_index, uint64_t *ret_term);
int
__wrap_raft_propose(struct raft *r, const void *data, size_t len,
		    uint64_t *ret_index, uint64_t *ret_term)
{
	if (world->plan.refuse_large && chance(world, 10))
		return -ENOBUFS;
	if (world->plan.refuse_large && len > ENTRY_MAX)
		return -EFBIG;
	return __real_raft_propose(r, data, len, ret_index, ret_term);
}

bool __real_raft_msg_next(struct raft *r, struct raft_msg *ret);
bool __wrap_raft_msg_next(struct raft *r, struct raft_msg *ret);
bool
__wrap_raft_msg_next(struct raft *r, struct raft_msg *ret)
{
	if (!__real_raft_msg_next(r, ret))
		return false;
	raft_view_said(host, ret);
	return true;
}

/* ---- bugs: votes ------------------------------------------------------------
 */

void __real_raft_send_held(struct raft *r, const struct raft_msg *m);
void __wrap_raft_send_held(struct raft *r, const struct raft_msg *m);
void
__wrap_raft_send_held(struct raft *r, const struct raft_msg *m)
{
	if (is_planted(BUG_VOTE_SAID))
		raft_send(r, m);
	else
		__real_raft_send_held(r, m);
}

void __real_raft_on_vote(struct raft *r, const struct raft_msg *m);
void __wrap_raft_on_vote(struct raft *r, const struct raft_msg *m);
void
__wrap_raft_on_vote(struct raft *r, const struct raft_msg *m)
{
	if (is_planted(BUG_VOTES_TWICE) && !m->pre && r->role == RAFT_FOLLOWER)
		r->hard.vote = 0;
	__real_raft_on_vote(r, m);
}

/* ---- bugs: what is committed
 * -------------------------------------------------- */

static uint64_t counted; /* what a quorum holds, as just computed */

uint64_t __real_raft_quorum_match(uint64_t *match, uint32_t count);
uint64_t __wrap_raft_quorum_match(uint64_t *match, uint32_t count);
uint64_t
__wrap_raft_quorum_match(uint64_t *match, uint32_t count)
{
	counted = __real_raft_quorum_match(match, count);
	return counted;
}

/* The next question is of what term that is. */
uint64_t __real_raft_log_term(const struct raft_log *l, uint64_t index);
uint64_t __wrap_raft_log_term(const struct raft_log *l, uint64_t index);
uint64_t
__wrap_raft_log_term(const struct raft_log *l, uint64_t index)
{
	const struct raft *r = container_of(l, const struct raft, log);

	if (is_planted(BUG_OLD_TERM) && index != 0 && index == counted &&
	    r->role == RAFT_LEADER && index > r->commit) {
		counted = 0;
		return r->hard.term;
	}
	return __real_raft_log_term(l, index);
}

void __real_raft_persisted(struct raft *r, uint64_t seq);
void __wrap_raft_persisted(struct raft *r, uint64_t seq);
void
__wrap_raft_persisted(struct raft *r, uint64_t seq)
{
	__real_raft_persisted(r,
			      is_planted(BUG_EARLY_ACK) ? r->write_seq : seq);
}

bool __real_raft_write_next(struct raft *r, struct raft_write *ret);
bool __wrap_raft_write_next(struct raft *r, struct raft_write *ret);
bool
__wrap_raft_write_next(struct raft *r, struct raft_write *ret)
{
	bool there = __real_raft_write_next(r, ret);

	if (there && is_planted(BUG_SELF_ACK) && r->role == RAFT_LEADER)
		__real_raft_persisted(r, ret->seq);
	return there;
}

/* As the real one, without what it waits for. */
static int
change_at_once(struct raft *r, enum raft_change change, uint64_t id,
	       uint64_t *ret_index, uint64_t *ret_term)
{
	uint8_t packed[RAFT_MEMBERS_PACKED_MAX];
	struct raft_members next;
	int code;

	if (r->role != RAFT_LEADER)
		return -EAGAIN;
	code = raft_members_change(&r->members, change, id, &next);
	if (code < 0)
		return code;
	raft_append_own(r, RAFT_CONFIG, packed,
			raft_members_pack(&next, packed));
	raft_use_members(r);
	*ret_index = raft_last_index(r);
	*ret_term = r->hard.term;
	return 0;
}

int __real_raft_propose_change(struct raft *r, enum raft_change change,
			       uint64_t id, uint64_t *ret_index,
			       uint64_t *ret_term);
int __wrap_raft_propose_change(struct raft *r, enum raft_change change,
			       uint64_t id, uint64_t *ret_index,
			       uint64_t *ret_term);
int
__wrap_raft_propose_change(struct raft *r, enum raft_change change, uint64_t id,
			   uint64_t *ret_index, uint64_t *ret_term)
{
	if (is_planted(BUG_TWO_CHANGES))
		return change_at_once(r, change, id, ret_index, ret_term);
	return __real_raft_propose_change(r, change, id, ret_index, ret_term);
}

/* ---- bugs: reads, rows, orders
 * -------------------------------------------------- */

bool __real_raft_read_next(struct raft *r, uint64_t *ret_seq,
			   uint64_t *ret_index);
bool __wrap_raft_read_next(struct raft *r, uint64_t *ret_seq,
			   uint64_t *ret_index);
bool
__wrap_raft_read_next(struct raft *r, uint64_t *ret_seq, uint64_t *ret_index)
{
	if (is_planted(BUG_READ))
		r->read_confirmed = r->read_seq;
	return __real_raft_read_next(r, ret_seq, ret_index);
}

void __real_batch_row_put(struct batch *b, int table, const char *key,
			  const void *value, size_t len);
void __wrap_batch_row_put(struct batch *b, int table, const char *key,
			  const void *value, size_t len);
void
__wrap_batch_row_put(struct batch *b, int table, const char *key,
		     const void *value, size_t len)
{
	if (is_planted(BUG_SNAPSHOT_ROWS) && b->rows_replace &&
	    table == OBJECT_TASK)
		return;
	__real_batch_row_put(b, table, key, value, len);
}

void __real_effect_order(struct node *n, const struct runner_order *o);
void __wrap_effect_order(struct node *n, const struct runner_order *o);
void
__wrap_effect_order(struct node *n, const struct runner_order *o)
{
	if (is_planted(BUG_ORDER))
		n->worker_row_seq = 0;
	__real_effect_order(n, o);
}
