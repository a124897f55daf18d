/* consensus.c - the raft among the managers: its messages and its members. */
#include "core/node/node_impl.h"

const char *
consensus_leader(const struct node *n)
{
	uint64_t id = n->raft != NULL ? raft_leader(n->raft) : 0;

	for (size_t i = 0; id != 0 && n->state != NULL &&
			   i < state_count(n->state, OBJECT_NODE);
	     i++) {
		const struct node_object *o =
			state_at(n->state, OBJECT_NODE, i);

		if (o->raft_id == id)
			return o->head.id;
	}
	return NULL;
}
