/*
 * raft.h - consensus as a pure state machine (Ongaro's dissertation: 3 for
 * the rules, 9.6 pre-vote, 6.4 reads). raft_step() is the only way in; it
 * reads no clock, does no I/O and cannot fail.
 *
 * Entries, and the hard state, are handed to the driver to be persisted; a
 * message that promises them is held back until the driver says that they
 * are on the disk (RAFT_PERSISTED), and so is a single member's commit.
 */
#ifndef CORE_RAFT_RAFT_H
#define CORE_RAFT_RAFT_H

#include "core/base/base.h"

#define RAFT_MEMBERS_MAX 9
#define RAFT_ENTRY_MAX 3145728 /* bytes of one entry */

enum raft_role {
	RAFT_FOLLOWER,
	RAFT_PRE_CANDIDATE,
	RAFT_CANDIDATE,
	RAFT_LEADER
};

enum raft_entry_kind {
	RAFT_NOOP = 1, /* a leader's first entry of its term */
	RAFT_DATA,
	RAFT_CONFIG, /* members; packed by raft itself */
};

struct raft_entry {
	uint64_t index;
	uint64_t term;
	enum raft_entry_kind kind;
	void *data;
	size_t len;
};

struct raft_hard {
	uint64_t term;
	uint64_t vote; /* raft id; 0: none */
};

#endif
