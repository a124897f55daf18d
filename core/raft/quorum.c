/* quorum.c - see quorum.h. */
#include "core/raft/quorum.h"

#include <stdlib.h>

uint32_t
raft_quorum_of(uint32_t count)
{
	return count / 2 + 1;
}

enum raft_outcome
raft_quorum_vote(const enum raft_ballot *votes, uint32_t count)
{
	uint32_t yes = 0, open = 0;

	for (uint32_t i = 0; i < count; i++) {
		yes += votes[i] == BALLOT_YES;
		open += votes[i] == BALLOT_NONE;
	}
	if (yes >= raft_quorum_of(count))
		return VOTE_WON;
	if (count > 0 && yes + open < raft_quorum_of(count))
		return VOTE_LOST;
	return VOTE_PENDING;
}

static int
descending(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return x < y ? 1 : x > y ? -1 : 0;
}

uint64_t
raft_quorum_match(uint64_t *match, uint32_t count)
{
	if (count == 0)
		return 0;
	qsort(match, count, sizeof(match[0]), descending);
	return match[raft_quorum_of(count) - 1];
}
