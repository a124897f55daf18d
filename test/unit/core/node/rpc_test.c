/*
 * rpc_test.c - who may say what to whom, written down once more by hand: each
 * kind of message, from each kind of peer, to each kind of node.
 *
 * A letter for each peer, in this order:
 *   nobody (no certificate), worker, manager, worker whose time is over,
 *   manager whose time is over, worker and manager of another cluster,
 *   worker and manager that were removed, a role that there is not
 * h: it is handled; r: it is handed on to the leader; -: it is refused.
 */
#include <stdio.h>

#include "core/base/str.h"
#include "core/node/node_impl.h"
#include "test/t.h"

#define OURS "ourcluster000000000000000"
#define OTHER "othercluster0000000000000"
#define GONE "gone000000000000000000000"
#define THERE "there00000000000000000000"

static const struct link_peer peers[] = {
	{ .trust = LINK_ANONYMOUS },
	{ LINK_VERIFIED, THERE, "swarm-worker", OURS, "", NULL },
	{ LINK_VERIFIED, THERE, "swarm-manager", OURS, "", NULL },
	{ LINK_EXPIRED, THERE, "swarm-worker", OURS, "", NULL },
	{ LINK_EXPIRED, THERE, "swarm-manager", OURS, "", NULL },
	{ LINK_VERIFIED, THERE, "swarm-worker", OTHER, "", NULL },
	{ LINK_VERIFIED, THERE, "swarm-manager", OTHER, "", NULL },
	{ LINK_VERIFIED, GONE, "swarm-worker", OURS, "", NULL },
	{ LINK_VERIFIED, GONE, "swarm-manager", OURS, "", NULL },
	{ LINK_VERIFIED, THERE, "swarm-boss", OURS, "", NULL },
};

/* A node that is in no cluster knows of no other one, and of nobody who was
 * removed: what it takes is what a manager answers while it joins. */
static const struct {
	int kind;
	const char *none, *worker, *follower, *leader;
} rows[] = {
	{ MESSAGE_HELLO, "-hh--hhhh-", "-hh-------", "-hh-------",
	  "-hh-------" },
	{ MESSAGE_DONE, "--h---h-h-", "--h-------", "--h-------",
	  "--h-------" },
	{ MESSAGE_ENROLL, "----------", "----------", "r---------",
	  "h---------" },
	{ MESSAGE_RENEW, "----------", "----------", "-rrrr-----",
	  "-hhhh-----" },
	{ MESSAGE_ENROLLED, "--h---h-h-", "--h-------", "--h-------",
	  "--h-------" },
	{ MESSAGE_RAFT, "----------", "----------", "--h-------",
	  "--h-------" },
	{ MESSAGE_RAFT_JOIN, "----------", "----------", "--r-------",
	  "--h-------" },
	{ MESSAGE_RAFT_GONE, "----------", "----------", "--h-------",
	  "--h-------" },
	{ MESSAGE_LEAVE, "----------", "----------", "-rr-------",
	  "-hh-------" },
	{ MESSAGE_REQUEST, "----------", "----------", "--h-------",
	  "--h-------" },
	{ MESSAGE_REPLY, "----------", "----------", "--h-------",
	  "--h-------" },
	{ MESSAGE_REQUEST_GONE, "----------", "----------", "--h-------",
	  "--h-------" },
	{ MESSAGE_SESSION, "----------", "----------", "-rr-------",
	  "-hh-------" },
	{ MESSAGE_HEARTBEAT, "----------", "----------", "-rr-------",
	  "-hh-------" },
	{ MESSAGE_STATUSES, "----------", "----------", "-rr-------",
	  "-hh-------" },
	{ MESSAGE_SETTINGS, "--h---h-h-", "--h-------", "--h-------",
	  "--h-------" },
	{ MESSAGE_ASSIGN, "--h---h-h-", "--h-------", "--h-------",
	  "--h-------" },
	{ MESSAGE_SESSION_LOST, "--h---h-h-", "--h-------", "--h-------",
	  "--h-------" },
	{ MESSAGE_LOGS, "--h---h-h-", "--h-------", "--h-------",
	  "--h-------" },
	{ MESSAGE_LOG_PIECE, "----------", "----------", "-rr-------",
	  "-hh-------" },
	{ MESSAGE_LOGS_STOP, "--h---h-h-", "--h-------", "--h-------",
	  "--h-------" },
	{ MESSAGE_RELAY, "----------", "----------", "--h-------",
	  "--h-------" },
	{ MESSAGE_HEARD, "--h---h-h-", "--h-------", "--h-------",
	  "--h-------" },
	{ MESSAGE_MORE, "--h---h-h-", "--h-------", "--h-------",
	  "--h-------" },
};

static bool
nobody_is_removed(const struct node *n, const char *node_id)
{
	(void)n, (void)node_id;
	return false;
}

static bool
is_gone(const struct node *n, const char *node_id)
{
	(void)n;
	return strcmp(node_id, GONE) == 0;
}

static char
answer(const struct rpc_self *self, bool leader, const struct link_peer *p,
       int kind)
{
	if (rpc_refusal(self, p, kind) != NULL)
		return '-';
	return rpc_rule(kind)->at == AT_LEADER && !leader ? 'r' : 'h';
}

static void
check_row(int kind, const char *node, const struct rpc_self *self, bool leader,
	  const char *want)
{
	char got[ARRAY_LEN(peers) + 1] = "";
	char name[64];

	for (size_t i = 0; i < ARRAY_LEN(peers); i++)
		got[i] = answer(self, leader, &peers[i], kind);
	snprintf(name, sizeof(name), "%s to %s",
		 enum_name(&message_kind_names, kind), node);
	T_ROW(name);
	EQ_STR(got, want);
}

T(each_kind_of_peer_may_say_to_each_kind_of_node_what_the_table_says)
{
	static const struct rpc_self none = { NULL, false, nobody_is_removed,
					      NULL };
	static const struct rpc_self worker = { OURS, false, is_gone, NULL };
	static const struct rpc_self manager = { OURS, true, is_gone, NULL };

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		check_row(rows[i].kind, "nobody", &none, false, rows[i].none);
		check_row(rows[i].kind, "a worker", &worker, false,
			  rows[i].worker);
		check_row(rows[i].kind, "a follower", &manager, false,
			  rows[i].follower);
		check_row(rows[i].kind, "the leader", &manager, true,
			  rows[i].leader);
	}
}

T(the_table_has_each_kind_of_message_once)
{
	EQ(ARRAY_LEN(rows), MESSAGE_KIND_COUNT - 1);
	for (int kind = 1; kind < MESSAGE_KIND_COUNT; kind++) {
		size_t found = 0;

		for (size_t i = 0; i < ARRAY_LEN(rows); i++)
			found += rows[i].kind == kind;
		EQ(found, 1);
	}
	OK(rpc_rule(0) == NULL);
	OK(rpc_rule(MESSAGE_KIND_COUNT) == NULL);
	OK(rpc_rule(-1) == NULL);
}

T(names_are_compared_whole)
{
	static const struct rpc_self self = { OURS, true, is_gone, NULL };
	static const char *const roles[] = { "", "swarm-manage",
					     "swarm-managerx", "SWARM-MANAGER",
					     "swarm-worker " };
	static const char *const clusters[] = { "", "ourcluster",
						"OURCLUSTER000000000000000" };
	struct link_peer p = peers[2];

	OK(rpc_refusal(&self, &p, MESSAGE_RAFT) == NULL);
	for (size_t i = 0; i < ARRAY_LEN(roles); i++) {
		T_ROW(roles[i]);
		p = peers[2];
		snprintf(p.role, sizeof(p.role), "%s", roles[i]);
		OK(rpc_refusal(&self, &p, MESSAGE_RAFT) != NULL);
		OK(rpc_refusal(&self, &p, MESSAGE_SESSION) != NULL);
	}
	for (size_t i = 0; i < ARRAY_LEN(clusters); i++) {
		T_ROW(clusters[i]);
		p = peers[2];
		snprintf(p.cluster_id, sizeof(p.cluster_id), "%s", clusters[i]);
		OK(rpc_refusal(&self, &p, MESSAGE_RAFT) != NULL);
	}
}
