/*
 * rebalance.h - which tasks of a service would have to move, for it to be
 * spread as if it were placed now: after nodes came back or were added. Only
 * on request. The updater moves them, within the update's limits: the
 * service names them (moving), and they count as outdated.
 */
#ifndef CORE_MANAGER_REBALANCE_H
#define CORE_MANAGER_REBALANCE_H

#include "core/state/state.h"

struct rebalance_move {
	const struct task *task; /* borrowed from the state */
	const char *to;		 /* node id; where it would go now */
};

/*
 * The fewest moves, by slot; how many. *ret is in a. Tasks that run on nodes
 * which take no new ones (paused) stay. hash_seed is for maps only.
 */
size_t rebalance_find(const struct state *state, const struct service *s,
		      struct now now, uint64_t hash_seed, struct arena *a,
		      struct rebalance_move **ret);

/* Is t one that s moves, and that has not been told to stop yet? */
bool rebalance_moves(const struct service *s, const struct task *t);

#endif
