/*
 * quorum.h - what a majority says. Pure: no member, no time, no log. An empty
 * list of voters decides nothing.
 */
#ifndef CORE_RAFT_QUORUM_H
#define CORE_RAFT_QUORUM_H

#include <stdint.h>

enum raft_ballot { BALLOT_NONE, BALLOT_YES, BALLOT_NO };
enum raft_outcome { VOTE_PENDING, VOTE_WON, VOTE_LOST };

/* How many of count voters it takes. */
uint32_t raft_quorum_of(uint32_t count);
enum raft_outcome raft_quorum_vote(const enum raft_ballot *votes,
				   uint32_t count);
/* The highest index that a quorum has; match[] is put in order. 0: none. */
uint64_t raft_quorum_match(uint64_t *match, uint32_t count);

#endif
