/*
 * logs_test.c - logs of tasks on several nodes: put together, with credit, and
 * ended as they should be. The drivers are played by the test.
 */
#include "test/unit/core/node/hosts.h"

#define SERVICE                                                                \
	"{\"Name\":\"web\",\"TaskTemplate\":{\"ContainerSpec\":"               \
	"{\"Image\":\"img\"}},\"Mode\":{\"Replicated\":{\"Replicas\":%d}}}"

/* A manager and a worker, or two managers and a worker; web runs on all. */
static void
cluster(size_t count)
{
	char body[256];

	hosts_begin(count);
	EQ(init(0)->status, 200);
	for (size_t i = 1; i < count; i++) {
		join(i, 0, i + 1 < count);
		pass(3000);
		EQ(answers[asked].status, 200);
	}
	snprintf(body, sizeof(body), SERVICE, (int)count);
	EQ(ask(0, OP_SERVICE_CREATE, NULL, body, NULL)->status, 201);
	pass(3000);
	for (size_t i = 0; i < count; i++)
		EQ(state_tasks_of_node(node_state(hosts[0].node),
				       hosts[i].node->node_id)
			   .count,
		   1);
}

static void
driver_says(size_t i, const char *text, bool ended)
{
	struct log_piece p = { hosts[i].log_id, text, strlen(text), ended };

	hosts[i].log_credit -= (int64_t)strlen(text);
	give(&hosts[i],
	     &(struct event){ .type = EVENT_LOG_PIECE, .log_piece = &p });
	settle();
}

static void
room(size_t i, uint64_t id, bool there)
{
	give(&hosts[i], &(struct event){ .type = there ? EVENT_STREAM_DRAINED
						       : EVENT_STREAM_FULL,
					 .request_id = id });
	settle();
}

static struct answer *
logs(size_t i, bool follow)
{
	return ask(i, OP_SERVICE_LOGS, "web", NULL,
		   follow ? "stdout=1&follow=1" : "stdout=1");
}

T(all_nodes_are_read_and_the_stream_ends_with_the_last)
{
	struct answer *a;

	cluster(2);
	a = logs(0, false);
	EQ(a->status, 0);
	for (size_t i = 0; i < 2; i++) {
		OK((hosts[i].log_id & REQUEST_REMOTE) != 0);
		EQ(hosts[i].log_sources, 1);
		EQ(hosts[i].log_credit, LOG_CREDIT_MAX);
	}
	driver_says(1, "from the worker ", false);
	driver_says(0, "from the manager", true);
	OK(!a->ended);
	driver_says(1, ", the end", true);
	OK(a->ended);
	EQ_STR(buf_cstr(&a->body), "from the worker from the manager, the end");
	EQ(hosts[0].node->log_read_count, 0);
	EQ(hosts[1].node->feed_count, 0);
	hosts_end();
}

T(a_client_that_does_not_read_stops_the_nodes_and_nothing_is_lost)
{
	struct answer *a;
	uint64_t id;

	cluster(2);
	a = logs(0, false);
	id = asked;
	driver_says(1, "12345", false);
	EQ(hosts[1].log_credit, LOG_CREDIT_MAX); /* given back at once */
	room(0, id, false);
	driver_says(1, "678", false);
	driver_says(1, "90", false);
	EQ(hosts[1].log_credit, LOG_CREDIT_MAX - 5);
	room(0, id, true);
	EQ(hosts[1].log_credit, LOG_CREDIT_MAX);
	EQ_STR(buf_cstr(&a->body), "1234567890");
	hosts_end();
}

/* A hostile one does not mind that it has no credit. */
T(a_node_that_sends_more_than_it_may_is_cut_off)
{
	char *text = mem_new(100001);
	struct answer *a;

	memset(text, 'x', 100000);
	cluster(2);
	a = logs(0, false);
	room(0, asked, false);
	for (size_t i = 0; i < 50; i++)
		driver_says(1, text, false);
	OK(a->body.len <= 2 << 20);
	OK(!a->ended);
	driver_says(0, "", true);
	OK(a->ended);
	buf_drop(&a->body, a->body.len - 100);
	OK(says(a, "sends more than it may"));
	mem_free(text);
	hosts_end();
}

T(a_node_that_is_not_there_is_named_at_the_end)
{
	struct answer *a;
	char id[ID_LEN + 1];

	cluster(2);
	snprintf(id, sizeof(id), "%s", hosts[1].node->node_id);
	down(1);
	pass(1000);
	a = logs(0, false);
	driver_says(0, "text", true);
	OK(a->ended);
	EQ(a->body.p[4], 3); /* a frame of the daemon's own */
	buf_drop(&a->body, 4 + 8);
	OK(says(a, "warning: incomplete log stream. some logs could not be "
		   "retrieved for the following reasons: node "));
	OK(says(a, id));
	OK(says(a, "is not available"));
	hosts_end();
}

T(a_node_that_dies_while_it_is_read_is_named_too)
{
	struct answer *a;

	cluster(2);
	a = logs(0, false);
	driver_says(0, "text", true);
	OK(!a->ended);
	down(1);
	pass(2000);
	OK(a->ended);
	buf_drop(&a->body, 4 + 8);
	OK(says(a, "disconnected unexpectedly"));
	hosts_end();
}

T(followed_tasks_join_on_other_nodes_and_end_with_the_service)
{
	struct answer *a;
	char body[256], version[64];
	const struct service *s;

	cluster(2);
	a = logs(0, true);
	EQ(hosts[1].log_sources, 1);
	s = state_at(node_state(hosts[0].node), OBJECT_SERVICE, 0);
	snprintf(body, sizeof(body), SERVICE, 4);
	snprintf(version, sizeof(version), "version=%llu",
		 (unsigned long long)s->head.version.index);
	EQ(ask(0, OP_SERVICE_UPDATE, "web", body, version)->status, 200);
	pass(3000);
	EQ(hosts[0].log_sources, 2);
	EQ(hosts[1].log_sources, 2);
	driver_says(1, "more", false);
	OK(!a->ended);
	EQ(ask(0, OP_SERVICE_REMOVE, "web", NULL, NULL)->status, 200);
	pass(20000);
	OK(hosts[1].log_last && hosts[0].log_last);
	OK(!a->ended);
	driver_says(0, "", true);
	driver_says(1, "", true);
	OK(a->ended);
	EQ_STR(buf_cstr(&a->body), "more");
	hosts_end();
}

T(a_followed_node_that_comes_back_is_read_again)
{
	struct answer *a;
	uint64_t before;

	cluster(2);
	a = logs(0, true);
	before = hosts[1].log_id;
	for (size_t w = 0; w < wire_count; w++)
		if (wires[w].up &&
		    (wires[w].a == &hosts[1] || wires[w].b == &hosts[1]))
			wire_cut(&wires[w]);
	pass(10000);
	OK(!a->ended);
	EQ(hosts[1].log_stops, 1);
	OK(hosts[1].log_id != before);
	driver_says(1, "again", false);
	EQ_STR(buf_cstr(&a->body), "again");
	hosts_end();
}

T(through_a_manager_that_does_not_lead_it_is_the_same)
{
	struct answer *a;
	uint64_t id;

	cluster(3);
	OK(node_is_leader(hosts[0].node));
	a = logs(1, false);
	id = asked;
	driver_says(2, "worker ", false);
	driver_says(1, "here ", true);
	driver_says(0, "leader ", true);
	EQ_STR(buf_cstr(&a->body), "worker here leader ");
	/* what is not read here holds the worker up in the end */
	room(1, id, false);
	for (int i = 0; i < 40; i++) {
		static char piece[32769];

		memset(piece, 'x', sizeof(piece) - 1);
		if (hosts[2].log_credit > 0)
			driver_says(2, piece, false);
	}
	OK(hosts[2].log_credit <= 0);
	OK(a->body.len < FOREIGN_WINDOW + LOG_CREDIT_MAX + 65536);
	room(1, id, true);
	EQ(hosts[2].log_credit, LOG_CREDIT_MAX);
	driver_says(2, "", true);
	OK(a->ended);
	EQ(hosts[0].node->foreign_count, 0);
	EQ(hosts[1].node->waiter_count, 0);
	hosts_end();
}

T(who_hangs_up_stops_all_nodes)
{
	cluster(3);
	logs(1, true);
	give(&hosts[1], &(struct event){ .type = EVENT_REQUEST_GONE,
					 .request_id = asked });
	settle();
	for (size_t i = 0; i < 3; i++) {
		EQ(hosts[i].log_stops, 1);
		EQ(hosts[i].node->feed_count, 0);
	}
	EQ(hosts[0].node->log_read_count, 0);
	hosts_end();
}

T(a_leader_that_is_lost_ends_the_stream_with_a_word)
{
	struct answer *a;

	cluster(4);
	a = logs(1, true);
	down(0);
	pass(8000);
	OK(a->ended);
	buf_drop(&a->body, 8);
	OK(says(a, "is not the leader any more: ask again"));
	hosts_end();
}

T(one_node_alone_sends_its_logs_straight_to_the_client)
{
	hosts_begin(1);
	init(0);
	ask(0, OP_SERVICE_CREATE, NULL,
	    "{\"Name\":\"web\",\"TaskTemplate\":{\"ContainerSpec\":"
	    "{\"Image\":\"img\"}}}",
	    NULL);
	pass(2000);
	logs(0, false);
	EQ(hosts[0].log_id, asked);
	EQ(hosts[0].log_sources, 1);
	hosts_end();
}

T(what_a_manager_asks_for_is_no_path)
{
	struct log_wish wishes[] = {
		{ .task_id = "../../../../../../etc/shad",
		  .container_id = "aa" },
		{ .task_id = "aaaaaaaaaaaaaaaaaaaaaaaaa",
		  .container_id = "../x" },
	};
	struct logs_body b = { .stream = 5, .tasks = { wishes, 2 } };
	struct message m = { .kind = MESSAGE_LOGS, .logs = &b };
	struct sender from = { .trust = LINK_VERIFIED, .manager = true };

	cluster(2);
	feed_on_logs(hosts[1].node, &from, &m);
	EQ(hosts[1].node->feed_count, 0);
	EQ(hosts[1].log_sources, 0);
	settle();
	hosts_end();
}
