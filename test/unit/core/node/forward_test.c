/*
 * forward_test.c - requests through managers that do not lead: answered once,
 * whatever happens to links and leaders; and one key, one effect.
 */
#include "test/unit/core/node/hosts.h"

#define SERVICE(name)                                                          \
	"{\"Name\":\"" name "\",\"TaskTemplate\":{\"ContainerSpec\":"          \
	"{\"Image\":\"img\"}},\"Mode\":{\"Replicated\":{\"Replicas\":0}}}"

static void
managers(size_t count)
{
	hosts_begin(count);
	EQ(init(0)->status, 200);
	for (size_t i = 1; i < count; i++) {
		join(i, 0, true);
		pass(3000);
		EQ(answers[asked].status, 200);
	}
	OK(node_is_leader(hosts[0].node));
}

/* Given to host i, and nothing more is done yet. */
static struct answer *
begin(size_t i, enum op op, const char *target, const char *body,
      const char *key)
{
	struct request r = { .id = ++asked,
			     .op = op,
			     .where = OP_AT_NODE,
			     .target = target,
			     .body = body,
			     .body_len = body ? strlen(body) : 0,
			     .key = key,
			     .api_minor = API_MINOR_MAX };

	OK(asked < ANSWERS_MAX);
	give(&hosts[i],
	     &(struct event){ .type = EVENT_REQUEST, .request = &r });
	return &answers[asked];
}

static struct answer *
keyed(size_t i, const char *body, const char *key)
{
	struct answer *a = begin(i, OP_SERVICE_CREATE, NULL, body, key);

	settle();
	return a;
}

static size_t
services(size_t i)
{
	return state_count(node_state(hosts[i].node), OBJECT_SERVICE);
}

static void
cut_between(size_t i, size_t k)
{
	for (size_t w = 0; w < wire_count; w++)
		if (wires[w].up &&
		    ((wires[w].a == &hosts[i] && wires[w].b == &hosts[k]) ||
		     (wires[w].a == &hosts[k] && wires[w].b == &hosts[i])))
			wire_cut(&wires[w]);
}

/* No packet goes in or out, from now on, or again. */
static void
alone(size_t i, bool cut)
{
	hosts[i].cut = cut;
	for (size_t k = 0; k < HOSTS_MAX && cut; k++)
		cut_between(i, k);
	settle();
}

static bool
same_body(const struct answer *a, const struct answer *b)
{
	return a->body.len == b->body.len && a->body.len > 0 &&
	       memcmp(a->body.p, b->body.p, a->body.len) == 0;
}

T(a_write_through_any_manager_is_seen_through_any_other)
{
	managers(3);
	EQ(ask(1, OP_SERVICE_CREATE, NULL, SERVICE("web"), NULL)->status, 201);
	OK(says(ask(2, OP_SERVICE_LIST, NULL, NULL, NULL), "\"web\""));
	OK(says(ask(0, OP_SERVICE_LIST, NULL, NULL, NULL), "\"web\""));
	EQ(ask(2, OP_SERVICE_REMOVE, "web", NULL, NULL)->status, 200);
	EQ_STR(buf_cstr(&ask(1, OP_SERVICE_LIST, NULL, NULL, NULL)->body),
	       "[]\n");
	EQ(ask(1, OP_SERVICE_INSPECT, "web", NULL, NULL)->status, 404);
	EQ(ask(2, OP_SERVICE_CREATE, NULL, "{", NULL)->status, 400);
	EQ(hosts[0].node->foreign_count, 0);
	EQ(hosts[1].node->waiter_count, 0);
	hosts_end();
}

T(what_breaks_on_the_way_is_asked_again_and_done_once)
{
	struct answer *a;

	managers(3);
	a = begin(1, OP_SERVICE_CREATE, NULL, SERVICE("web"), NULL);
	while (hosts[0].node->proposal_count == 0)
		one_thing();
	cut_between(0, 1); /* the leader has it, and cannot say so */
	pass(3000);
	EQ(a->status, 201);
	EQ(services(0), 1);
	OK(says(a, ((const struct object *)state_at(node_state(hosts[0].node),
						    OBJECT_SERVICE, 0))
			   ->id));
	hosts_end();
}

T(what_a_lost_leader_had_is_asked_of_the_next_one)
{
	struct answer *write, *read;

	managers(3);
	write = begin(1, OP_SERVICE_CREATE, NULL, SERVICE("web"), NULL);
	read = begin(2, OP_SERVICE_LIST, NULL, NULL, NULL);
	while (hosts[0].node->proposal_count == 0)
		one_thing();
	down(0);
	pass(8000);
	EQ(write->status, 201);
	EQ(read->status, 200);
	EQ(services(1), 1);
	EQ(services(2), 1);
	hosts_end();
}

T(a_leader_that_is_cut_off_gives_what_it_has_to_the_next_one)
{
	struct answer *write, *read;

	managers(3);
	alone(0, true);
	write = begin(0, OP_SERVICE_CREATE, NULL, SERVICE("web"), NULL);
	read = begin(0, OP_SERVICE_LIST, NULL, NULL, NULL);
	settle();
	EQ(write->status, 0);
	EQ(read->status, 0); /* it may not be the leader any more */
	pass(5000);
	OK(!node_is_leader(hosts[0].node));
	EQ(write->status, 0);
	alone(0, false);
	pass(8000);
	EQ(write->status, 201);
	EQ(read->status, 200);
	for (size_t i = 0; i < 3; i++)
		EQ(services(i), 1);
	hosts_end();
}

T(a_leader_that_hangs_is_not_waited_for_once_another_one_leads)
{
	struct node *hangs;
	struct answer *a;

	managers(3);
	a = begin(1, OP_SERVICE_CREATE, NULL, SERVICE("web"), NULL);
	hangs = hosts[0].node; /* its links stay up */
	hosts[0].node = NULL;
	pass(10000);
	hosts[0].node = hangs;
	EQ(a->status, 201);
	EQ(services(1), 1);
	hosts_end();
}

T(an_outcome_that_stays_unknown_is_told_as_that)
{
	struct answer *a, *b;

	managers(3);
	alone(0, true);
	a = begin(0, OP_SERVICE_CREATE, NULL, SERVICE("web"), "my-key");
	b = begin(0, OP_SERVICE_LIST, NULL, NULL, NULL);
	pass(30000);
	EQ(a->status, 503);
	OK(says(a, "it may or may not have been made; ask again with the same "
		   "Idempotency-Key (my-key), or look"));
	EQ(b->status, 503);
	OK(says(b, "does not have a leader"));
	alone(0, false);
	pass(5000);
	EQ(keyed(0, SERVICE("web"), "my-key")->status, 201);
	EQ(services(1), 1);
	hosts_end();
}

T(one_key_is_done_once_and_gets_one_answer)
{
	struct answer *first, *again, *other;

	managers(2);
	first = keyed(1, SERVICE("web"), "k1");
	EQ(first->status, 201);
	again = keyed(0, SERVICE("web"), "k1");
	EQ(again->status, 201);
	OK(same_body(first, again));
	other = keyed(1, SERVICE("other"), "k1");
	EQ(other->status, 422);
	OK(says(other, "k1 was used for another request"));
	EQ(services(0), 1);
	/* a refusal is no effect */
	EQ(keyed(1, SERVICE("web"), "k2")->status, 409);
	EQ(ask(0, OP_SERVICE_REMOVE, "web", NULL, NULL)->status, 200);
	EQ(keyed(1, SERVICE("web"), "k2")->status, 201);
	hosts_end();
}

T(of_two_with_one_key_that_are_under_way_one_is_done)
{
	struct answer *first, *second;

	managers(2);
	first = begin(0, OP_SERVICE_CREATE, NULL, SERVICE("web"), "k1");
	second = begin(0, OP_SERVICE_CREATE, NULL, SERVICE("web"), "k1");
	EQ(hosts[0].node->proposal_count, 2);
	settle();
	EQ(first->status, 201);
	EQ(second->status, 201);
	OK(same_body(first, second));
	EQ(services(0), 1);
	hosts_end();
}

T(alone_only_what_has_a_key_has_a_receipt_and_it_goes_in_time)
{
	hosts_begin(1);
	init(0);
	EQ(ask(0, OP_SERVICE_CREATE, NULL, SERVICE("web"), NULL)->status, 201);
	EQ(state_count(node_state(hosts[0].node), OBJECT_RECEIPT), 0);
	EQ(keyed(0, SERVICE("db"), "k1")->status, 201);
	EQ(state_count(node_state(hosts[0].node), OBJECT_RECEIPT), 1);
	down(0);
	up(0);
	pass(2000);
	EQ(keyed(0, SERVICE("db"), "k1")->status, 201);
	EQ(services(0), 2);
	pass(620000);
	EQ(state_count(node_state(hosts[0].node), OBJECT_RECEIPT), 0);
	EQ(keyed(0, SERVICE("db"), "k1")->status, 409);
	hosts_end();
}

T(a_long_answer_comes_in_pieces_and_whole)
{
	char *body = mem_new(200000);
	struct answer *here, *there;

	managers(2);
	for (int i = 0; i < 20; i++) {
		int at = sprintf(body, "{\"Name\":\"s%d\",\"Labels\":{\"x\":\"",
				 i);

		memset(body + at, 'a' + i, 150000);
		strcpy(body + at + 150000,
		       "\"},\"TaskTemplate\":{\"ContainerSpec\":"
		       "{\"Image\":\"img\"}},"
		       "\"Mode\":{\"Replicated\":{\"Replicas\":0}}}");
		EQ(ask(i % 2, OP_SERVICE_CREATE, NULL, body, NULL)->status,
		   201);
	}
	here = ask(0, OP_SERVICE_LIST, NULL, NULL, NULL);
	there = ask(1, OP_SERVICE_LIST, NULL, NULL, NULL);
	EQ(there->status, 200);
	OK(there->body.len > 20 * 150000);
	OK(same_body(here, there));
	EQ(hosts[0].node->foreign_count, 0);
	mem_free(body);
	hosts_end();
}

T(who_hung_up_is_forgotten_by_both)
{
	struct answer *a;

	managers(2);
	a = begin(1, OP_SERVICE_CREATE, NULL, SERVICE("web"), NULL);
	while (hosts[0].node->foreign_count == 0)
		one_thing();
	give(&hosts[1], &(struct event){ .type = EVENT_REQUEST_GONE,
					 .request_id = asked });
	EQ(hosts[1].node->waiter_count, 0);
	settle();
	EQ(hosts[0].node->foreign_count, 0);
	EQ(a->status, 0);
	EQ(services(0), 1); /* it was on its way */
	hosts_end();
}

T(without_a_leader_it_is_said_so_after_a_while)
{
	struct answer *a;

	managers(3);
	down(0);
	down(2);
	pass(3000);
	a = ask(1, OP_SERVICE_LIST, NULL, NULL, NULL);
	pass(9000);
	EQ(a->status, 0);
	pass(2000);
	EQ(a->status, 503);
	OK(says(a, "The swarm does not have a leader."));
	OK(says(ask(1, OP_INFO, NULL, NULL, NULL),
		"\"Error\":\"The swarm does not have a leader"));
	hosts_end();
}

T(a_worker_says_that_it_is_one)
{
	struct answer *a;

	hosts_begin(2);
	init(0);
	join(1, 0, false);
	a = ask(1, OP_SERVICE_LIST, NULL, NULL, NULL);
	EQ(a->status, 503);
	OK(says(a, "Worker nodes can't be used to view or modify cluster "
		   "state."));
	EQ(ask(1, OP_CONTAINER_LIST, NULL, NULL, NULL)->status, 200);
	a = ask(1, OP_INFO, NULL, NULL, NULL);
	OK(says(a, "\"ControlAvailable\":false"));
	OK(says(a, "\"Addr\":\"10.0.0.1:2377\""));
	hosts_end();
}

T(managers_are_shown_as_they_are_through_any)
{
	struct answer *a;

	managers(3);
	down(2);
	pass(3000);
	a = ask(1, OP_NODE_INSPECT, hosts[0].node->node_id, NULL, NULL);
	OK(says(a, "\"ManagerStatus\":{\"Leader\":true,\"Reachability\":"
		   "\"reachable\",\"Addr\":\"10.0.0.1:2377\"}"));
	a = ask(1, OP_NODE_LIST, NULL, NULL, NULL);
	OK(says(a, "\"Reachability\":\"unreachable\","
		   "\"Addr\":\"10.0.0.3:2377\""));
	hosts_end();
}

T(a_demotion_that_loses_the_quorum_is_refused_through_any)
{
	const struct node_object *o;
	struct answer *a;
	char version[64];

	managers(3);
	down(2);
	pass(3000);
	o = node_at(1, 0);
	snprintf(version, sizeof(version), "version=%llu",
		 (unsigned long long)o->head.version.index);
	a = ask(1, OP_NODE_UPDATE, hosts[0].node->node_id,
		"{\"Role\":\"worker\",\"Availability\":\"active\"}", version);
	EQ(a->status, 400);
	OK(says(a, "would leave 1 of 3 managers reachable, and it takes 2 to "
		   "agree"));
	hosts_end();
}

T(a_leader_that_is_drained_hands_over)
{
	const struct node_object *o;
	char version[64];

	managers(3);
	o = node_at(1, 0);
	snprintf(version, sizeof(version), "version=%llu",
		 (unsigned long long)o->head.version.index);
	EQ(ask(1, OP_NODE_UPDATE, hosts[0].node->node_id,
	       "{\"Role\":\"manager\",\"Availability\":\"drain\"}", version)
		   ->status,
	   200);
	pass(500);
	OK(!node_is_leader(hosts[0].node));
	OK(node_is_leader(hosts[1].node) || node_is_leader(hosts[2].node));
	pass(5000);
	OK(!node_is_leader(hosts[0].node));
	hosts_end();
}
