/*
 * planted.c - what the linker leads here (--wrap, see the Makefile): a raft
 * that has no room now and then; each message of raft's, to be checked against
 * the disk; and bugs that are put in on purpose, to see them found.
 */
#include <errno.h>
#include <string.h>

#include "core/raft/raft.h"
#include "test/sim/sim.h"

/* Small enough that the controllers' changes need several entries; no
 * request's change is so large. */
#define ENTRY_MAX 6000

enum bug planted_bug;
static struct world *world;
static struct host *host; /* whose node is in a step */

static const char *const names[BUGS] = {
	[BUG_NONE] = "none",
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
