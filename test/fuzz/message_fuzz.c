/*
 * message_fuzz.c - bytes from another node: refused or whole, and what was
 * read is written the same way again; then a worker hears them from its
 * manager, in the middle of a session.
 */
#include <string.h>

#include "core/base/check.h"
#include "core/node/node_impl.h"

#define NODE "node00000000000000000000a"
#define CLUSTER "cluster000000000000000000"
#define WALL INT64_C(1700000000000000000)
#define SESSION 1

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t len);

static void
round_trip(const uint8_t *p, size_t len)
{
	struct buf once = { 0 }, twice = { 0 };
	struct message m, again;
	struct arena a;
	struct err e;

	arena_init(&a);
	if (message_unpack(p, len, &a, &m, &e) == 0) {
		message_pack(&m, &once);
		check(message_unpack(once.p, once.len, &a, &again, &e) == 0);
		message_pack(&again, &twice);
		check(once.len == twice.len);
		check(memcmp(once.p, twice.p, once.len) == 0);
	}
	arena_fini(&a);
	buf_fini(&once);
	buf_fini(&twice);
}

static struct now now = { 1000, WALL };

static void
give(struct node *n, const struct event *ev)
{
	uint64_t written = 0;
	struct effect e;

	node_step(n, now, ev);
	while (node_next(n, &e)) {
		if (e.type != EFFECT_PERSIST)
			continue;
		written = e.batch->seq;
		batch_free(e.batch);
	}
	if (written != 0)
		give(n, &(struct event){ .type = EVENT_PERSISTED,
					 .batch_seq = written });
}

static struct node *
worker_new(void)
{
	static const struct node_description description = { .hostname =
								     "host" };
	static const struct node_config config = {
		.seed = 1,
		.version = "1",
		.root_dir = "/r",
		.runtime = "runc",
		.description = &description,
		.egress_subnet = "172.30.0.0/24",
	};
	static const struct certificate c = {
		.chain = "leaf",
		.roots = "root",
		.not_before = WALL - NS_PER_S,
		.not_after = WALL + 9000000 * NS_PER_S,
	};
	static const struct addresses a = { .advertise = "10.0.0.9" };
	static const struct peer_addr manager = { "m1", "10.0.0.1:2377" };
	struct runner_report scanned = { .news = RUNNER_SCANNED };
	struct node *n = node_new(&config, now);

	n->life = LIFE_WORKER;
	memcpy(n->node_id, NODE, sizeof(NODE));
	memcpy(n->cluster_id, CLUSTER, sizeof(CLUSTER));
	identity_set(n, &c, &a);
	identity_take_managers(n, &manager, 1);
	work_start(n);
	give(n, &(struct event){ .type = EVENT_RUNNER, .report = &scanned });
	return n;
}

static void
say(struct node *n, uint64_t link, const void *p, size_t len)
{
	struct link_report r = {
		.news = LINK_MESSAGE, .link = link, .message = p, .len = len
	};

	give(n, &(struct event){ .type = EVENT_LINK, .link = &r });
}

static void
say_message(struct node *n, uint64_t link, const struct message *m)
{
	struct buf packed = { 0 };

	message_pack(m, &packed);
	say(n, link, packed.p, packed.len);
	buf_fini(&packed);
}

/* Up to a session with an empty set. */
static uint64_t
begin(struct node *n)
{
	struct link_peer peer = { .trust = LINK_VERIFIED,
				  .node_id = "m1",
				  .role = ROLE_WORD_MANAGER,
				  .cluster_id = CLUSTER,
				  .ip = "10.0.0.1" };
	struct link_report up = { .news = LINK_UP,
				  .link = n->session_link,
				  .peer = &peer };
	struct settings_body settings = { .session = SESSION };
	struct assign_body assign = { .session = SESSION,
				      .number = 1,
				      .full = true };

	give(n, &(struct event){ .type = EVENT_LINK, .link = &up });
	say_message(n, up.link,
		    &(struct message){ .kind = MESSAGE_SETTINGS,
				       .call = n->call_next,
				       .settings = &settings });
	check(session_is_open(n));
	say_message(
		n, up.link,
		&(struct message){ .kind = MESSAGE_ASSIGN, .assign = &assign });
	return up.link;
}

int
LLVMFuzzerTestOneInput(const uint8_t *p, size_t len)
{
	struct node *n;
	uint64_t link;

	round_trip(p, len);
	n = worker_new();
	link = begin(n);
	say(n, link, p, len);
	say(n, link, p, len);
	now.mono_ms += 10000;
	now.wall_ns += 10000 * NS_PER_MS;
	give(n, &(struct event){ .type = EVENT_TICK });
	node_free(n);
	now = (struct now){ 1000, WALL };
	return 0;
}
