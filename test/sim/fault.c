/*
 * fault.c - raft that has no room, now and then: the linker leads the node's
 * calls of raft_propose() here (see the Makefile), since a single node's log
 * would hardly ever refuse anything in the time that a world has.
 */
#include <errno.h>

#include "core/raft/raft.h"
#include "test/sim/sim.h"

/* Small enough that the controllers' changes need several entries; no
 * request's change is so large. */
#define ENTRY_MAX 6000

static struct world *world;

int __real_raft_propose(struct raft *r, const void *data, size_t len,
			uint64_t *ret_index, uint64_t *ret_term);
int __wrap_raft_propose(struct raft *r, const void *data, size_t len,
			uint64_t *ret_index, uint64_t *ret_term);

void
fault_world(struct world *w)
{
	world = w;
}

int
__wrap_raft_propose(struct raft *r, const void *data, size_t len,
		    uint64_t *ret_index, uint64_t *ret_term)
{
	if (!world->calm && dice(world, 10) == 0)
		return -ENOBUFS;
	if (len > ENTRY_MAX)
		return -EFBIG;
	return __real_raft_propose(r, data, len, ret_index, ret_term);
}
