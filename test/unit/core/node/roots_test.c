/* roots_test.c - tokens, roots and locks that change while nodes are there. */
#include "test/unit/core/node/hosts.h"

static const struct tls_info *
tls_of(size_t at, size_t of)
{
	return &node_at(at, of)->description.tls;
}

static void
three(void)
{
	hosts_begin(4);
	init(0);
	join(1, 0, true);
	pass(3000);
	join(2, 0, false);
	pass(1000);
}

T(a_rotated_token_lets_nobody_in_and_the_new_one_does)
{
	char old[TOKEN_LEN + 1];
	struct answer *a;

	three();
	strcpy(old, cluster_at(0)->join_tokens.worker);
	EQ(update(0, "{}", "rotateWorkerToken=true")->status, 200);
	OK(strcmp(old, cluster_at(0)->join_tokens.worker) != 0);
	a = join_with(3, 0, old);
	EQ(a->status, 500);
	OK(says(a, "A valid join token is necessary"));
	EQ(join(3, 0, false)->status, 200);
	EQ(node_at(0, 2)->status.state, NODE_READY);
	hosts_end();
}

T(a_new_root_takes_over_and_all_nodes_follow)
{
	char token[TOKEN_LEN + 1];

	three();
	strcpy(token, cluster_at(0)->join_tokens.worker);
	down(2);
	EQ(update(0, "{\"CAConfig\":{\"ForceRotate\":1}}", NULL)->status, 200);
	/* with the old token, while it is at work */
	EQ(join_with(3, 0, token)->status, 200);
	OK(cluster_at(0)->root_rotation_in_progress);
	up(2);
	pass(30000);
	OK(!cluster_at(0)->root_rotation_in_progress);
	OK(strcmp(cluster_at(0)->root.cert, "root 1\n") != 0);
	for (size_t i = 0; i < 4; i++) {
		EQ_STR(identity_certificate(hosts[i].node)->roots,
		       cluster_at(0)->root.cert);
		EQ_STR(tls_of(0, i)->trust_root, cluster_at(0)->root.cert);
		EQ(node_at(0, i)->status.state, NODE_READY);
		OK(strstr(hosts[i].chain, "root 1\n") == NULL ||
		   strstr(hosts[i].chain, "cross ") != NULL);
	}
	OK(strcmp(token, cluster_at(0)->join_tokens.worker) != 0);
	OK(strstr(hosts[2].roots, "root 1\n") == NULL);
	hosts_end();
}

T(a_node_that_is_down_holds_the_rotation_up_and_ends_it_when_it_is_back)
{
	three();
	down(2);
	pass(20000);
	EQ(update(0, "{\"CAConfig\":{\"ForceRotate\":1}}", NULL)->status, 200);
	pass(30000);
	OK(cluster_at(0)->root_rotation_in_progress);
	up(2);
	pass(30000);
	OK(!cluster_at(0)->root_rotation_in_progress);
	EQ(node_at(0, 2)->status.state, NODE_READY);
	hosts_end();
}

T(a_root_that_is_brought_becomes_the_clusters)
{
	struct answer *a;

	three();
	a = update(0,
		   "{\"CAConfig\":{\"SigningCACert\":\"no root\","
		   "\"SigningCAKey\":\"thekey\"}}",
		   NULL);
	EQ(a->status, 400);
	OK(!says(a, "thekey"));
	a = update(0,
		   "{\"CAConfig\":{\"SigningCACert\":\"root 77\\n\","
		   "\"SigningCAKey\":\"thekey\"}}",
		   NULL);
	EQ(a->status, 200);
	pass(15000);
	OK(!cluster_at(0)->root_rotation_in_progress);
	EQ_STR(cluster_at(0)->root.cert, "root 77\n");
	EQ(cluster_at(0)->root.key.len, 6);
	OK(!says(ask(0, OP_SWARM_INSPECT, NULL, NULL, NULL), "thekey"));
	hosts_end();
}

T(every_manager_locks_its_store_and_no_worker_does)
{
	static const char on[] =
		"{\"EncryptionConfig\":{\"AutoLockManagers\":true}}";
	uint8_t first[32];

	three();
	EQ(hosts[0].locks, 0);
	EQ(update(0, on, NULL)->status, 200);
	pass(1000);
	OK(hosts[0].sealed);
	OK(hosts[1].sealed);
	OK(!hosts[2].sealed);
	EQ(memcmp(hosts[0].lock, hosts[1].lock, 32), 0);
	memcpy(first, hosts[0].lock, 32);
	EQ(hosts[1].locks, 1);
	down(1);
	up(1);
	pass(5000);
	EQ(hosts[1].locks, 1); /* it is what it was */
	join(3, 0, true);
	pass(5000);
	OK(hosts[3].sealed);
	for (size_t i = 0; i < 4; i++)
		if (hosts[i].node->manager != NULL)
			EQ(update(i, on, "rotateManagerUnlockKey=true")->status,
			   200);
	pass(1000);
	OK(memcmp(hosts[0].lock, first, 32) != 0);
	EQ(memcmp(hosts[0].lock, hosts[3].lock, 32), 0);
	for (size_t i = 0; i < 4; i++)
		if (hosts[i].node->manager != NULL)
			EQ(update(i, "{}", NULL)->status, 200);
	pass(1000);
	OK(!hosts[0].sealed && !hosts[1].sealed && !hosts[3].sealed);
	hosts_end();
}

T(a_locked_node_says_so_in_every_answer_and_keeps_its_hands_off)
{
	static const enum op ops[] = { OP_SWARM_INSPECT, OP_SERVICE_LIST,
				       OP_NODE_LIST,	 OP_SWARM_INIT,
				       OP_SWARM_JOIN,	 OP_SWARM_LEAVE,
				       OP_SERVICE_CREATE };
	struct node_config c;
	struct stored stored;
	struct answer *a;

	hosts_begin(1);
	down(0);
	c = config_of(&hosts[0], &stored);
	c.stored = NULL;
	c.locked = true;
	up_with(0, &c);
	EQ_STR(node_swarm_state(hosts[0].node), "locked");
	for (size_t i = 0; i < ARRAY_LEN(ops); i++) {
		a = ask(0, ops[i], "x", "{}", NULL);
		EQ(a->status, 503);
		OK(says(a, "Swarm is encrypted and needs to be unlocked"));
	}
	a = ask(0, OP_INFO, NULL, NULL, NULL);
	EQ(a->status, 200);
	OK(says(a, "\"LocalNodeState\":\"locked\""));
	a = ask(0, OP_SWARM_UNLOCK, NULL, "{\"UnlockKey\":\"nonsense\"}", NULL);
	EQ(a->status, 401);
	OK(says(a, "invalid key provided"));
	EQ(hosts[0].unlocks, 0);
	a = ask(0, OP_SWARM_UNLOCK, NULL,
		"{\"UnlockKey\":\"SWMKEY-1-"
		"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\"}",
		NULL);
	EQ(a->status, 0); /* the driver's to answer */
	EQ(hosts[0].unlocks, 1);
	EQ(ask(0, OP_SWARM_LEAVE, NULL, NULL, "force=true")->status, 200);
	EQ(hosts[0].wipes, 1);
	EQ_STR(node_swarm_state(hosts[0].node), "inactive");
	a = ask(0, OP_SWARM_UNLOCK, NULL, "{}", NULL);
	EQ(a->status, 409);
	hosts_end();
}
