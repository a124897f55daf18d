/* join_test.c - who is in a cluster: init, join, restart, renewal, leaving. */
#include "test/unit/core/node/hosts.h"

static bool
is(size_t i, const char *state)
{
	return strcmp(node_swarm_state(hosts[i].node), state) == 0;
}

T(init_makes_a_root_tokens_and_keys_and_says_so_everywhere)
{
	const struct cluster *c;

	hosts_begin(1);
	EQ(init(0)->status, 200);
	OK(is(0, "active/manager"));
	c = cluster_at(0);
	EQ(strlen(c->join_tokens.worker), TOKEN_LEN);
	EQ(strlen(c->join_tokens.manager), TOKEN_LEN);
	OK(strcmp(c->join_tokens.worker, c->join_tokens.manager) != 0);
	EQ_STR(c->root.cert, "root 1\n");
	EQ_STR(c->tls.trust_root, "root 1\n");
	OK(c->root.key.len > 0);
	EQ(c->gossip_keys.count, 1);
	EQ(c->gossip_keys.v[0].secret.len, 32);
	EQ(c->unlock_key.len, 0);
	EQ_STR(hosts[0].listen, "0.0.0.0:2377");
	EQ_STR(node_at(0, 0)->manager_addr, "10.0.0.1:2377");
	pass(500);
	EQ_STR(node_at(0, 0)->description.tls.trust_root, "root 1\n");
	OK(node_at(0, 0)->cert_expiry > hosts_now.wall_ns);
	hosts_end();
}

T(a_port_that_is_taken_fails_the_init_and_leaves_nothing)
{
	struct answer *a;

	hosts_begin(1);
	hosts[0].port_taken = true;
	a = init(0);
	EQ(a->status, 500);
	OK(says(a, "0.0.0.0:2377: the address is in use"));
	OK(is(0, "inactive"));
	EQ(hosts[0].disk.row_count, 0);
	EQ(hosts[0].disk.entry_count, 0);
	OK(hosts[0].chain == NULL);
	hosts[0].port_taken = false;
	EQ(init(0)->status, 200);
	hosts_end();
}

T(a_worker_joins_by_its_token_and_becomes_ready)
{
	hosts_begin(2);
	init(0);
	EQ(join(1, 0, false)->status, 200);
	OK(is(1, "active/worker"));
	pass(1000);
	OK(node_at(0, 1) != NULL);
	EQ(node_at(0, 1)->role, ROLE_WORKER);
	EQ(node_at(0, 1)->status.state, NODE_READY);
	OK(strstr(hosts[1].chain, "worker ") == hosts[1].chain);
	OK(hosts[1].listen == NULL);
	OK(node_state(hosts[1].node) == NULL);
	OK(says(ask(1, OP_INFO, NULL, NULL, NULL),
		"\"LocalNodeState\":\"active\",\"ControlAvailable\":false"));
	hosts_end();
}

T(a_manager_joins_by_its_token_and_votes)
{
	hosts_begin(3);
	init(0);
	EQ(join(1, 0, true)->status, 0);
	pass(3000);
	EQ(answers[asked].status, 200);
	join(2, 1, true); /* by way of a manager that does not lead */
	pass(3000);
	EQ(answers[asked].status, 200);
	OK(is(1, "active/manager"));
	for (size_t i = 0; i < 3; i++) {
		EQ(raft_members(hosts[i].node->raft)->count, 3);
		OK(raft_is_voter(hosts[0].node->raft, hosts[i].node->raft_id));
		EQ_STR(hosts[i].listen, "0.0.0.0:2377");
	}
	EQ(node_at(2, 1)->role, ROLE_MANAGER);
	hosts_end();
}

T(joins_that_cannot_be_are_refused_with_one_sentence)
{
	struct answer *a;
	char token[TOKEN_LEN + 1];

	hosts_begin(3);
	init(0);
	strcpy(token, cluster_at(0)->join_tokens.worker);
	a = join_with(1, 0, "SWMTKN-1-x");
	EQ(a->status, 400);
	token[TOKEN_LEN - 1] = token[TOKEN_LEN - 1] == '1' ? '2' : '1';
	a = join_with(1, 0, token);
	EQ(a->status, 500);
	OK(says(a, "A valid join token is necessary to join this cluster"));
	OK(!says(a, token + 40));
	OK(is(1, "inactive"));
	EQ(state_count(node_state(hosts[0].node), OBJECT_NODE), 1);
	/* another root: nothing is sent there */
	strcpy(token, cluster_at(0)->join_tokens.worker);
	token[20] = token[20] == '1' ? '2' : '1';
	a = join_with(1, 0, token);
	pass(20000);
	EQ(a->status, 500);
	OK(says(a, "its root is not the token's"));
	/* nobody there */
	a = join_with(1, 2, cluster_at(0)->join_tokens.worker);
	pass(20000);
	EQ(a->status, 500);
	OK(says(a, "connection refused"));
	a = ask(1, OP_SWARM_JOIN, NULL, "{\"RemoteAddrs\":[]}", NULL);
	EQ(a->status, 400);
	OK(is(1, "inactive"));
	EQ(hosts[1].disk.row_count, 0);
	a = join(0, 0, false);
	EQ(a->status, 503);
	OK(says(a, "already part of a swarm"));
	hosts_end();
}

T(a_manager_whose_port_is_taken_does_not_join)
{
	struct answer *a;

	hosts_begin(2);
	init(0);
	hosts[1].port_taken = true;
	a = join(1, 0, true);
	pass(1000);
	EQ(a->status, 500);
	OK(says(a, "the address is in use"));
	OK(is(1, "inactive"));
	EQ(hosts[1].disk.row_count, 0);
	OK(hosts[1].chain == NULL);
	hosts[1].port_taken = false;
	join(1, 0, true);
	pass(5000);
	EQ(answers[asked].status, 200);
	hosts_end();
}

T(members_come_back_after_a_restart_without_a_command)
{
	hosts_begin(3);
	init(0);
	join(1, 0, true);
	pass(3000);
	join(2, 0, false);
	pass(1000);
	for (size_t i = 0; i < 3; i++)
		down(i);
	for (size_t i = 0; i < 3; i++)
		up(i);
	pass(15000);
	OK(is(0, "active/manager"));
	OK(is(1, "active/manager"));
	OK(is(2, "active/worker"));
	OK(node_is_leader(hosts[0].node) || node_is_leader(hosts[1].node));
	EQ(node_at(node_is_leader(hosts[0].node) ? 0 : 1, 2)->status.state,
	   NODE_READY);
	hosts_end();
}

T(a_join_as_manager_goes_on_after_a_restart)
{
	hosts_begin(2);
	init(0);
	join(1, 0, true); /* enrolled, and no voter yet */
	OK(hosts[1].node->joining);
	down(1);
	up(1);
	OK(hosts[1].node->joining);
	pass(10000);
	OK(!hosts[1].node->joining);
	EQ(raft_members(hosts[0].node->raft)->count, 2);
	OK(raft_is_voter(hosts[0].node->raft, hosts[1].node->raft_id));
	hosts_end();
}

T(certificates_are_renewed_between_half_and_four_fifths_of_their_time)
{
	const struct certificate *c;
	int64_t first, renewed = 0;

	hosts_begin(2);
	init(0);
	update(0, "{\"CAConfig\":{\"NodeCertExpiry\":3600000000000}}", NULL);
	EQ(join(1, 0, false)->status, 200);
	pass(1000);
	c = identity_certificate(hosts[1].node);
	first = c->not_after;
	EQ(c->not_after - c->not_before, 3 * 3600 * NS_PER_S);
	for (int i = 0; i < 100 && renewed == 0; i++) {
		pass(60000);
		c = identity_certificate(hosts[1].node);
		if (c->not_after != first)
			renewed =
				hosts_now.wall_ns - first + 3 * 3600 * NS_PER_S;
	}
	OK(renewed >= 3 * 1800 * NS_PER_S);
	OK(renewed <= (3 * 2880 + 120) * NS_PER_S);
	OK(node_at(0, 1)->cert_expiry == c->not_after);
	EQ(node_at(0, 1)->status.state, NODE_READY);
	hosts_end();
}

T(a_worker_that_was_off_past_its_time_renews_and_returns)
{
	hosts_begin(2);
	init(0);
	join(1, 0, false);
	pass(1000);
	down(1);
	pass(1000);
	hosts_now.wall_ns += 3000 * 3600 * NS_PER_S;
	pass(5000); /* the manager's own is over, too: it helps itself */
	OK(!identity_is_over(hosts[0].node));
	up(1);
	pass(10000);
	OK(!identity_is_over(hosts[1].node));
	EQ(node_at(0, 1)->status.state, NODE_READY);
	hosts_end();
}

T(a_removed_node_is_refused_for_good)
{
	const char *id;
	struct arena a;

	hosts_begin(2);
	init(0);
	join(1, 0, false);
	pass(1000);
	arena_init(&a);
	id = arena_strdup(&a, hosts[1].node->node_id);
	EQ(ask(0, OP_NODE_REMOVE, id, NULL, "force=true")->status, 200);
	EQ(cluster_at(0)->removed.count, 1);
	pass(10000);
	OK(state_get(node_state(hosts[0].node), OBJECT_NODE, id) == NULL);
	down(1);
	up(1);
	pass(10000);
	OK(state_get(node_state(hosts[0].node), OBJECT_NODE, id) == NULL);
	EQ(join(1, 0, false)->status, 503);
	OK(says(ask(1, OP_INFO, NULL, NULL, NULL),
		"was removed from its swarm"));
	EQ(ask(1, OP_SWARM_LEAVE, NULL, NULL, NULL)->status, 200);
	OK(!says(ask(1, OP_INFO, NULL, NULL, NULL),
		 "was removed from its swarm"));
	EQ(join(1, 0, false)->status, 200); /* as somebody else */
	pass(1000);
	OK(strcmp(id, hosts[1].node->node_id) != 0);
	EQ(node_at(0, 1)->status.state, NODE_READY);
	arena_fini(&a);
	hosts_end();
}

T(a_worker_leaves_and_is_written_down_as_gone)
{
	const char *id;
	struct arena a;

	hosts_begin(2);
	init(0);
	join(1, 0, false);
	pass(1000);
	arena_init(&a);
	id = arena_strdup(&a, hosts[1].node->node_id);
	EQ(ask(1, OP_SWARM_LEAVE, NULL, NULL, NULL)->status, 200);
	OK(is(1, "inactive"));
	EQ(hosts[1].wipes, 1);
	EQ(hosts[1].disk.row_count, 0);
	OK(hosts[1].chain == NULL);
	EQ(((const struct node_object *)state_get(node_state(hosts[0].node),
						  OBJECT_NODE, id))
		   ->status.state,
	   NODE_DOWN);
	arena_fini(&a);
	hosts_end();
}

T(a_manager_leaves_by_force_and_the_others_go_on)
{
	struct answer *a;
	size_t leader;

	hosts_begin(3);
	init(0);
	join(1, 0, true);
	pass(3000);
	a = ask(1, OP_SWARM_LEAVE, NULL, NULL, NULL);
	EQ(a->status, 503);
	OK(says(a, "participating as a manager"));
	join(2, 0, true);
	pass(3000);
	a = ask(0, OP_SWARM_LEAVE, NULL, NULL, NULL);
	EQ(a->status, 503);
	a = ask(0, OP_SWARM_LEAVE, NULL, NULL, "force=true");
	pass(6000);
	EQ(a->status, 200);
	OK(is(0, "inactive"));
	OK(hosts[0].listen == NULL);
	leader = node_is_leader(hosts[1].node) ? 1 : 2;
	OK(node_is_leader(hosts[leader].node));
	EQ(raft_members(hosts[leader].node->raft)->count, 2);
	hosts_end();
}

static struct answer *
set_role(size_t at, size_t of, const char *role)
{
	char body[128], query[64];

	snprintf(body, sizeof(body),
		 "{\"Role\":\"%s\",\"Availability\":\"active\"}", role);
	snprintf(query, sizeof(query), "version=%llu",
		 (unsigned long long)node_at(at, of)->head.version.index);
	return ask(at, OP_NODE_UPDATE, hosts[of].node->node_id, body, query);
}

static bool
has_rows(size_t i, int first, int last)
{
	for (size_t k = 0; k < hosts[i].disk.row_count; k++)
		if (hosts[i].disk.rows[k].table >= first &&
		    hosts[i].disk.rows[k].table <= last)
			return true;
	return false;
}

T(a_worker_is_promoted_and_demoted_and_keeps_no_secrets)
{
	hosts_begin(3);
	init(0);
	join(1, 0, false);
	join(2, 0, true);
	pass(3000);
	EQ(set_role(0, 1, "manager")->status, 200);
	pass(10000);
	OK(is(1, "active/manager"));
	OK(raft_is_voter(hosts[0].node->raft, hosts[1].node->raft_id));
	OK(has_rows(1, TABLE_OBJECT_FIRST, TABLE_OBJECT_LAST));
	EQ(set_role(0, 1, "worker")->status, 200);
	pass(10000);
	OK(is(1, "active/worker"));
	OK(!has_rows(1, TABLE_OBJECT_FIRST, TABLE_OBJECT_LAST));
	EQ(hosts[1].disk.entry_count, 0);
	OK(hosts[1].listen == NULL);
	EQ(raft_members(hosts[0].node->raft)->count, 2);
	EQ(node_at(0, 1)->status.state, NODE_READY);
	EQ(node_at(0, 1)->role, ROLE_WORKER);
	/* and again, and after a restart in between */
	down(1);
	up(1);
	pass(3000);
	OK(is(1, "active/worker"));
	EQ(set_role(0, 1, "manager")->status, 200);
	pass(10000);
	OK(is(1, "active/manager"));
	hosts_end();
}

T(what_it_was_started_to_do_is_tried_until_it_works)
{
	struct stored stored;
	struct request first = { .op = OP_SWARM_JOIN,
				 .where = OP_AT_NODE,
				 .api_minor = API_MINOR_MAX };
	struct node_config c;
	char body[256];

	hosts_begin(2);
	init(0);
	snprintf(body, sizeof(body),
		 "{\"RemoteAddrs\":[\"10.0.0.1\"],\"JoinToken\":\"%s\"}",
		 cluster_at(0)->join_tokens.worker);
	first.body = body;
	first.body_len = strlen(body);
	down(1);
	hosts[0].cut = true;
	c = config_of(&hosts[1], &stored);
	c.first = &first;
	up_with(1, &c);
	pass(10000);
	OK(!is(1, "active/worker"));
	hosts[0].cut = false;
	pass(60000);
	OK(is(1, "active/worker"));
	down(1);
	c = config_of(&hosts[1], &stored);
	c.first = &first;
	up_with(1, &c);
	pass(5000);
	EQ(state_count(node_state(hosts[0].node), OBJECT_NODE), 2);
	hosts_end();
}

T(a_lost_majority_is_recovered_by_force_and_keeps_its_identity)
{
	char id[ID_LEN + 1];
	struct answer *a;
	uint64_t raft_id;

	hosts_begin(3);
	init(0);
	join(1, 0, true);
	pass(3000);
	join(2, 0, false);
	pass(1000);
	strcpy(id, cluster_at(0)->head.id);
	down(1);
	pass(5000);
	OK(!node_is_leader(hosts[0].node));
	raft_id = hosts[0].node->raft_id;
	a = ask(0, OP_SWARM_INIT, NULL, "{\"ForceNewCluster\":true}", NULL);
	pass(10000);
	EQ(a->status, 200);
	OK(node_is_leader(hosts[0].node));
	EQ(raft_members(hosts[0].node->raft)->count, 1);
	OK(hosts[0].node->raft_id != raft_id);
	EQ_STR(cluster_at(0)->head.id, id);
	EQ(node_at(0, 2)->status.state, NODE_READY);
	/* also at a start */
	down(0);
	up(0);
	pass(5000);
	OK(node_is_leader(hosts[0].node));
	/* who was lost comes back as a worker */
	up(1);
	pass(30000);
	OK(is(1, "active/worker"));
	hosts_end();
}

/* The host at i is somewhere else from now on. */
static void
renumber(size_t i, const char *ip)
{
	struct host_addr one = { "eth0", ip };
	struct host_addrs all = { &one, 1 };

	snprintf(hosts[i].ip, sizeof(hosts[i].ip), "%s", ip);
	for (size_t k = 0; k < wire_count; k++)
		if (wires[k].up &&
		    (wires[k].a == &hosts[i] || wires[k].b == &hosts[i]))
			wire_cut(&wires[k]);
	give(&hosts[i], &(struct event){ .type = EVENT_ADDRESSES,
					 .addrs = &all,
					 .default_addr = ip });
}

T(a_node_whose_address_changes_is_found_again_by_all)
{
	size_t leader;

	hosts_begin(4);
	init(0);
	join(1, 0, true);
	pass(3000);
	join(2, 0, true);
	pass(3000);
	join(3, 0, false);
	pass(1000);
	for (size_t i = 0; i < 4; i++) {
		static const char *const ips[] = { "10.1.0.1", "10.1.0.2",
						   "10.1.0.3", "10.1.0.4" };
		renumber(i, ips[i]);
		pass(20000);
		leader = node_is_leader(hosts[0].node)	 ? 0
			 : node_is_leader(hosts[1].node) ? 1
							 : 2;
		OK(node_is_leader(hosts[leader].node));
		EQ(node_at(leader, i)->status.state, NODE_READY);
		EQ_STR(node_at(leader, i)->status.addr, ips[i]);
		if (i < 3)
			OK(strstr(node_at(leader, i)->manager_addr, ips[i]) !=
			   NULL);
	}
	hosts_end();
}

T(one_wrong_token_after_the_other_is_not_looked_at)
{
	char token[TOKEN_LEN + 1];
	struct answer *a = NULL;

	hosts_begin(3);
	init(0);
	strcpy(token, cluster_at(0)->join_tokens.worker);
	token[TOKEN_LEN - 1] = token[TOKEN_LEN - 1] == '1' ? '2' : '1';
	for (int i = 0; i < 6; i++)
		a = join_with(1, 0, token);
	EQ(a->status, 0); /* it is to wait */
	pass(25000);
	EQ(a->status, 500);
	EQ(join(2, 0, false)->status, 200); /* others are not held up */
	hosts_end();
}

T(managers_that_were_all_off_past_their_time_help_themselves)
{
	bool leads = false;

	hosts_begin(3);
	init(0);
	join(1, 0, true);
	pass(3000);
	join(2, 0, true);
	pass(3000);
	for (size_t i = 0; i < 3; i++)
		down(i);
	hosts_now.wall_ns += 3000 * 3600 * NS_PER_S;
	for (size_t i = 0; i < 3; i++)
		up(i);
	pass(15000);
	for (size_t i = 0; i < 3; i++) {
		OK(!identity_is_over(hosts[i].node));
		leads |= node_is_leader(hosts[i].node);
	}
	OK(leads);
	hosts_end();
}

T(who_was_removed_long_ago_gets_no_certificate)
{
	const char *id;
	struct arena a;

	hosts_begin(2);
	init(0);
	join(1, 0, false);
	pass(1000);
	arena_init(&a);
	id = arena_strdup(&a, hosts[1].node->node_id);
	down(1);
	pass(20000);
	EQ(ask(0, OP_NODE_REMOVE, id, NULL, "force=true")->status, 200);
	hosts_now.wall_ns += 3000 * 3600 * NS_PER_S;
	pass(5000);
	set_role(0, 0, "manager"); /* so that the controllers look */
	pass(5000);
	EQ(cluster_at(0)->removed.count, 0);
	up(1);
	pass(20000);
	OK(identity_is_over(hosts[1].node));
	OK(state_get(node_state(hosts[0].node), OBJECT_NODE, id) == NULL);
	arena_fini(&a);
	hosts_end();
}
