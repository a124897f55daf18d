/*
 * hostile_test.c - a worker that has a good certificate and means harm, and
 * moments that are as unlucky as if somebody had chosen them.
 */
#include "test/unit/core/node/hosts.h"

#include "core/node/session_impl.h"

static bool
is(size_t i, const char *state)
{
	return strcmp(node_swarm_state(hosts[i].node), state) == 0;
}

/* A link that host i opens to host at, with its own certificate; its end
 * there. */
static uint64_t
knock(size_t i, size_t at)
{
	struct thing *t =
		link_news(&hosts[at], LINK_INBOUND | ++inbound_next, LINK_UP);

	peer_of(&hosts[i], &hosts[at], &t->peer);
	snprintf(t->peer.ip, sizeof(t->peer.ip), "%s", hosts[i].ip);
	t->link_report.peer = &t->peer;
	settle();
	return LINK_INBOUND | inbound_next;
}

static void
say(size_t at, uint64_t link, const struct message *m)
{
	struct thing *t = link_news(&hosts[at], link, LINK_MESSAGE);
	struct buf packed = { 0 };

	message_pack(m, &packed);
	OK(packed.len <= LINK_MESSAGE_MAX);
	t->link_report.message = arena_dup(&t->arena, packed.p, packed.len);
	t->link_report.len = packed.len;
	buf_fini(&packed);
	settle();
}

static char *
long_text(size_t len)
{
	char *s = mem_new(len + 1);

	memset(s, 'x', len);
	return s;
}

/* With who said it, it is longer than any message may be. */
T(a_message_that_is_too_long_to_be_handed_on_is_refused)
{
	char *text = long_text(LINK_MESSAGE_MAX - 64);
	struct enroll_body body = { .hostname = text };
	struct message m = { .kind = MESSAGE_RENEW,
			     .call = 1,
			     .enroll = &body };
	uint64_t link;

	hosts_begin(3);
	init(0);
	join(1, 0, true);
	pass(3000);
	join(2, 0, false);
	pass(3000);
	OK(node_is_leader(hosts[0].node));
	link = knock(2, 1);
	say(1, link, &m); /* see link_send() */
	OK(peers_find(hosts[1].node, link)->closing);
	mem_free(text);
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

/* The leader writes what workers say into the log, and the log takes only so
 * much at once. */
T(a_worker_that_says_too_much_of_itself_stops_nobody_else)
{
	char *text = long_text(4 << 20);
	struct session_body body = { .description = hosts_description,
				     .gossip_port = 7946,
				     .assigned = ASSIGNMENT_NONE };
	struct message m = { .kind = MESSAGE_SESSION,
			     .call = 7,
			     .session = &body };

	hosts_begin(3);
	init(0);
	join(1, 0, false);
	pass(1000);
	body.description.hostname = text;
	say(0, knock(1, 0), &m);
	pass(1000);
	join(2, 0, false);
	pass(5000);
	EQ_STR(node_at(0, 1)->description.hostname, "host");
	mem_free(text);
	hosts_end();
}

static const char service[] =
	"{\"Name\":\"s\",\"TaskTemplate\":{\"ContainerSpec\":{\"Image\":"
	"\"swarm/whoami\"}},\"Mode\":{\"Global\":{}}}";

T(a_worker_that_says_too_much_of_a_task_stops_nobody_else)
{
	char *text = long_text(4 << 20);
	struct status_item item = { .status = { .state = TASK_FAILED } };
	struct statuses_body body = { .items = { &item, 1 } };
	struct message m = { .kind = MESSAGE_STATUSES,
			     .call = 7,
			     .statuses = &body };
	struct task_span span;

	hosts_begin(3);
	init(0);
	join(1, 0, false);
	pass(1000);
	EQ(ask(0, OP_SERVICE_CREATE, NULL, service, NULL)->status, 201);
	pass(2000);
	span = state_tasks_of_node(node_state(hosts[0].node),
				   hosts[1].node->node_id);
	EQ(span.count, 1);
	item.task_id = span.v[0]->head.id;
	item.status.err = text;
	body.session = session_id(hosts[1].node);
	say(0, knock(1, 0), &m);
	pass(1000);
	join(2, 0, false);
	pass(5000);
	EQ(state_tasks_of_node(node_state(hosts[0].node),
			       hosts[2].node->node_id)
		   .count,
	   1);
	mem_free(text);
	hosts_end();
}

T(a_worker_does_not_say_where_a_manager_is)
{
	struct hello_body body = { .wire_version = WIRE_VERSION,
				   .seen = "nowhere" };
	struct message m = { .kind = MESSAGE_HELLO, .hello = &body };

	hosts_begin(2);
	init(0);
	join(1, 0, false);
	pass(1000);
	say(0, knock(1, 0), &m);
	pass(20);
	OK(strcmp(hosts[0].node->seen_ip, "nowhere") != 0);
	EQ_STR(node_at(0, 0)->manager_addr, "10.0.0.1:2377");
	EQ_STR(node_at(0, 0)->status.addr, "10.0.0.1");
	hosts_end();
}

/* It kept its old certificate, which says manager still. */
T(a_manager_that_was_demoted_asks_for_nothing)
{
	struct request_body body = { .op = OP_SERVICE_CREATE,
				     .key = "k1",
				     .body = { (const uint8_t *)service,
					       sizeof(service) - 1 } };
	struct message m = { .kind = MESSAGE_REQUEST,
			     .call = 3,
			     .request = &body };
	struct relay_body relayed = { .trust = LINK_VERIFIED, .manager = true };
	struct message leave = { .kind = MESSAGE_LEAVE, .call = 4 };
	struct buf packed = { 0 };
	const char *old;
	uint64_t link;

	hosts_begin(3);
	init(0);
	join(1, 0, true);
	pass(3000);
	join(2, 0, false);
	pass(20000);
	OK(node_is_leader(hosts[0].node));
	old = hosts[1].chain;
	set_role(0, 1, "worker");
	pass(20000);
	OK(is(1, "active/worker"));
	EQ(node_at(0, 2)->status.state, NODE_READY);
	hosts[1].chain = old;
	link = knock(1, 0);
	OK(peers_find(hosts[0].node, link)->is_manager);
	say(0, link, &m);
	EQ(state_count(node_state(hosts[0].node), OBJECT_SERVICE), 0);
	message_pack(&leave, &packed);
	relayed.node_id = hosts[2].node->node_id;
	relayed.message = (struct bytes){ (uint8_t *)packed.p, packed.len };
	say(0, link,
	    &(struct message){ .kind = MESSAGE_RELAY, .relay = &relayed });
	EQ(node_at(0, 2)->status.state, NODE_READY);
	buf_fini(&packed);
	hosts_end();
}

T(a_manager_that_was_demoted_takes_no_part_in_the_raft)
{
	struct raft_body body = { .type = RAFT_APPEND, .index = 1 };
	struct message m = { .kind = MESSAGE_RAFT, .raft = &body };
	uint64_t term, leader;
	const char *old;

	hosts_begin(3);
	init(0);
	for (size_t i = 1; i < 3; i++) {
		join(i, 0, true);
		pass(20000);
	}
	OK(node_is_leader(hosts[0].node));
	body.from = hosts[2].node->raft_id;
	old = hosts[2].chain;
	set_role(0, 2, "worker");
	pass(20000);
	OK(is(2, "active/worker"));
	hosts[2].chain = old;
	term = raft_term(hosts[1].node->raft);
	leader = raft_leader(hosts[1].node->raft);
	body.to = hosts[1].node->raft_id;
	body.term = term + 5;
	body.index_term = 1;
	for (body.type = RAFT_VOTE; body.type <= RAFT_SNAPPED; body.type++)
		say(1, knock(2, 1), &m);
	EQ(raft_term(hosts[1].node->raft), term);
	EQ(raft_leader(hosts[1].node->raft), leader);
	hosts_end();
}

T(a_node_that_asks_for_many_things_gets_one_at_a_time)
{
	uint8_t csr[] = "csr";
	struct enroll_body body = { .csr = { csr, sizeof(csr) } };
	uint64_t link, last;

	hosts_begin(2);
	init(0);
	join(1, 0, false);
	pass(1000);
	link = knock(1, 0);
	hosts[0].mute_trust = true;
	for (uint64_t i = 1; i < 300; i++)
		say(0, link,
		    &(struct message){ .kind = MESSAGE_RENEW,
				       .call = i,
				       .enroll = &body });
	EQ(hosts[0].node->enrolment_count, 1);
	say(0, link, &(struct message){ .kind = MESSAGE_LEAVE, .call = 1 });
	last = raft_last_index(hosts[0].node->raft);
	for (int i = 0; i < 10; i++)
		say(0, link,
		    &(struct message){ .kind = MESSAGE_LEAVE, .call = 1 });
	EQ(raft_last_index(hosts[0].node->raft), last);
	hosts_end();
}

T(one_node_holds_only_so_many_links)
{
	size_t open = 0;

	hosts_begin(2);
	init(0);
	join(1, 0, false);
	pass(1000);
	for (size_t i = 0; i < 200; i++)
		(void)knock(1, 0);
	for (size_t i = 0; i < hosts[0].node->link_count; i++)
		open += !hosts[0].node->links[i]->closing;
	OK(open <= 9);
	hosts_end();
}

/* ---- unlucky moments ------------------------------------------------------
 */

T(a_join_that_was_left_wipes_no_later_cluster)
{
	struct answer *a, *left;

	hosts_begin(2);
	init(0);
	a = join(1, 0, true); /* enrolled, and no member yet */
	EQ(a->status, 0);
	hosts[0].cut = true;
	for (size_t k = 0; k < wire_count; k++)
		if (wires[k].up)
			wire_cut(&wires[k]);
	pass(1000);
	left = ask(1, OP_SWARM_LEAVE, NULL, NULL, "force=true");
	pass(5000);
	EQ(left->status, 200);
	OK(is(1, "inactive"));
	EQ(a->status, 503);
	OK(says(a, "left"));
	EQ(init(1)->status, 200);
	pass(120000);
	OK(is(1, "active/manager"));
	EQ(hosts[1].wipes, 1);
	hosts_end();
}

T(a_leader_that_refuses_itself_a_certificate_asks_again)
{
	int64_t until;

	hosts_begin(1);
	init(0);
	pass(1000);
	until = identity_certificate(hosts[0].node)->not_after;
	give(&hosts[0], &(struct event){ .type = EVENT_DISK_FULL });
	identity_renew(hosts[0].node);
	pass(30000);
	give(&hosts[0], &(struct event){ .type = EVENT_DISK_SPACE });
	pass(30000);
	OK(identity_certificate(hosts[0].node)->not_after > until);
	hosts_end();
}

T(who_has_no_certificate_and_no_session_waits_without_spinning)
{
	int64_t life;

	hosts_begin(2);
	init(0);
	join(1, 0, false);
	pass(2000);
	life = identity_certificate(hosts[1].node)->not_after -
	       hosts_now.wall_ns;
	give(&hosts[0], &(struct event){ .type = EVENT_DISK_FULL });
	hosts[1].skew_ns = life + NS_PER_S; /* only its own clock jumps */
	say(1, hosts[1].node->session_link,
	    &(struct message){ .kind = MESSAGE_SESSION_LOST });
	pass(1000); /* see stuck() */
	EQ(hosts[1].node->session->phase, SESSION_NONE);
	hosts_end();
}

T(a_cluster_by_force_is_answered_once_it_is_on_the_disk)
{
	struct request r = { .id = ++asked,
			     .op = OP_SWARM_INIT,
			     .where = OP_AT_NODE,
			     .body = "{\"ForceNewCluster\":true}",
			     .body_len = 24,
			     .api_minor = API_MINOR_MAX };
	struct answer *a = &answers[r.id];

	hosts_begin(2);
	init(0);
	join(1, 0, true);
	pass(3000);
	down(1);
	pass(5000);
	OK(!node_is_leader(hosts[0].node));
	r.id = ++asked;
	a = &answers[asked];
	give(&hosts[0],
	     &(struct event){ .type = EVENT_REQUEST, .request = &r });
	EQ(a->status, 0);
	settle();
	EQ(a->status, 200);
	hosts_end();
}

static void
put_record(struct buf *out, uint8_t kind, const void *p, size_t len)
{
	buf_putc(out, (char)kind);
	for (int shift = 24; shift >= 0; shift -= 8)
		buf_putc(out, (char)(len >> shift));
	buf_put(out, p, len);
}

/* It was stopped for a while, and has not noticed yet that another one leads:
 * the first that it hears is all that there is, in one piece. */
T(a_leader_that_wakes_up_to_a_snapshot_takes_it)
{
	uint8_t members[RAFT_MEMBERS_PACKED_MAX], entry[9] = { 0 };
	struct raft_body b = { .type = RAFT_SNAPSHOT, .done = true };
	struct buf data = { 0 }, object = { 0 };
	const struct raft *raft;

	hosts_begin(3);
	init(0);
	join(1, 0, true);
	pass(3000);
	join(2, 0, true);
	pass(5000);
	OK(node_is_leader(hosts[0].node));
	raft = hosts[0].node->raft;
	b.from = hosts[1].node->raft_id;
	b.to = hosts[0].node->raft_id;
	b.term = b.index_term = raft_term(raft) + 1;
	b.index = raft_last_index(raft) + 100;
	b.members.p = members;
	b.members.len = raft_members_pack(raft_members(raft), members);
	entry[7] = (uint8_t)b.term;
	entry[8] = RAFT_NOOP;
	put_record(&data, 255, entry, sizeof(entry));
	object_pack(&cluster_at(0)->head, &object);
	put_record(&data, OBJECT_CLUSTER, object.p, object.len);
	b.data = (struct bytes){ (uint8_t *)data.p, data.len };
	say(0, knock(1, 0),
	    &(struct message){ .kind = MESSAGE_RAFT, .raft = &b });
	OK(!node_is_leader(hosts[0].node));
	EQ(hosts[0].node->applied, b.index);
	buf_fini(&object);
	buf_fini(&data);
	hosts_end();
}
