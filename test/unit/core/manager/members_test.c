/* members_test.c - managers among nodes: shown, promoted, demoted, removed. */
#include "test/unit/core/manager/world.h"

#define OTHER "node00000000000000000000b"
#define THIRD "node00000000000000000000c"

static void
add_node(struct world *w, const char *id, int role, uint64_t raft_id)
{
	struct node_object *o = object_new(OBJECT_NODE);
	struct tx tx = { .wall_ns = WORLD_TIME };

	o->head.id = arena_strdup(object_arena(o), id);
	o->spec.role = o->role = role;
	o->spec.availability = NODE_ACTIVE;
	o->status.state = NODE_DOWN;
	o->raft_id = raft_id;
	o->manager_addr = raft_id != 0 ? "10.0.0.2:2377" : NULL;
	tx_put(&tx, o, TX_ABSENT);
	world_apply(w, &tx);
	tx_fini(&tx);
}

static int
set_role(struct world *w, const char *id, const char *role)
{
	const struct node_object *o = state_get(w->state, OBJECT_NODE, id);
	char path[128], body[128];

	snprintf(path, sizeof(path), "/nodes/%s/update?version=%llu", id,
		 (unsigned long long)o->head.version.index);
	snprintf(body, sizeof(body),
		 "{\"Role\":\"%s\",\"Availability\":\"active\"}", role);
	return ask(w, "POST", path, body);
}

T(a_manager_is_shown_as_the_leader_sees_it)
{
	static const struct control_member members[] = {
		{ WORLD_NODE, true, true, true, 1, 2, 2 },
		{ OTHER, false, false, true, 1, 2, 2 },
	};
	struct world w;

	world_init(&w);
	add_node(&w, OTHER, ROLE_MANAGER, 9);
	add_node(&w, THIRD, ROLE_MANAGER, 0); /* on its way to be one */
	w.env.members = members;
	w.env.member_count = 2;
	EQ(ask(&w, "GET", "/nodes/" WORLD_NODE, NULL), 200);
	OK(strstr(answer(&w), "\"ManagerStatus\":{\"Leader\":true,"
			      "\"Reachability\":\"reachable\",") != NULL);
	EQ(ask(&w, "GET", "/nodes/" OTHER, NULL), 200);
	OK(strstr(answer(&w), "\"Reachability\":\"unreachable\","
			      "\"Addr\":\"10.0.0.2:2377\"") != NULL);
	EQ(ask(&w, "GET", "/nodes/" THIRD, NULL), 200);
	OK(strstr(answer(&w), "ManagerStatus") == NULL);
	world_close(&w);
}

T(a_demotion_that_loses_the_quorum_is_refused_with_the_numbers)
{
	static const struct control_member members[] = {
		{ WORLD_NODE, true, true, false, 1, 3, 2 },
		{ OTHER, false, true, false, 1, 3, 2 },
		{ THIRD, false, false, true, 2, 3, 2 },
	};
	struct world w;

	world_init(&w);
	EQ(set_role(&w, WORLD_NODE, "worker"), 400);
	OK(strstr(answer(&w), "attempting to demote the last manager") != NULL);
	add_node(&w, OTHER, ROLE_MANAGER, 9);
	add_node(&w, THIRD, ROLE_MANAGER, 11);
	w.env.members = members;
	w.env.member_count = 3;
	EQ(set_role(&w, OTHER, "worker"), 400);
	OK(strstr(answer(&w),
		  "demoting node " OTHER " would leave 1 of 3 managers "
		  "reachable, and it takes 2 to agree") != NULL);
	EQ(set_role(&w, THIRD, "worker"), 200);
	world_close(&w);
}

T(there_are_seven_managers_at_most)
{
	struct world w;

	world_init(&w);
	for (int i = 0; i < 6; i++) {
		char id[32];

		snprintf(id, sizeof(id), "node00000000000000000001%d", i);
		add_node(&w, id, ROLE_MANAGER, 100 + (uint64_t)i);
	}
	add_node(&w, OTHER, ROLE_WORKER, 0);
	EQ(set_role(&w, OTHER, "manager"), 400);
	OK(strstr(answer(&w), "the swarm has 7 managers") != NULL);
	EQ(set_role(&w, "node000000000000000000010", "worker"), 200);
	EQ(set_role(&w, OTHER, "manager"), 200);
	world_close(&w);
}

T(a_member_of_the_raft_is_not_removed)
{
	struct world w;

	world_init(&w);
	add_node(&w, OTHER, ROLE_WORKER, 9); /* demoted, and still in it */
	EQ(ask(&w, "DELETE", "/nodes/" OTHER "?force=1", NULL), 400);
	OK(strstr(answer(&w), "It must be demoted to worker before removal") !=
	   NULL);
	add_node(&w, THIRD, ROLE_WORKER, 0);
	EQ(ask(&w, "DELETE", "/nodes/" THIRD, NULL), 200);
	OK(state_get(w.state, OBJECT_NODE, THIRD) == NULL);
	EQ(state_cluster(w.state)->removed.count, 1);
	EQ_STR(state_cluster(w.state)->removed.v[0].node_id, THIRD);
	world_close(&w);
}
