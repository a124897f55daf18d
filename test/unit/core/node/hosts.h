/*
 * hosts.h - a few nodes in one process, each with a disk that is synced at
 * once, a runner that obeys at once, fake keys and certificates
 * (test/fake_trust.h), and links that are as good or as bad as a test wants.
 */
#ifndef TEST_UNIT_CORE_NODE_HOSTS_H
#define TEST_UNIT_CORE_NODE_HOSTS_H

#include "core/base/mem.h"
#include "core/base/str.h"
#include "core/model/token.h"
#include "core/node/node.h"
#include "core/node/node_impl.h"
#include "test/fake_trust.h"
#include "test/t.h"
#include "test/unit/core/node/disk.h"

#define HOSTS_MAX 8
#define WIRES_MAX 512
#define ANSWERS_MAX 128

struct answer {
	int status; /* 0: none yet */
	bool ended; /* a stream */
	struct buf body;
};

struct host {
	struct node *node; /* NULL: down */
	struct disk disk;
	struct arena arena; /* of what it is known by */
	const char *chain, *roots, *listen;
	bool port_taken, cut; /* no packets in or out */
	bool mute_trust;      /* orders are not answered */
	bool sealed;	      /* by lock */
	uint8_t lock[32];
	int wipes, forgets, locks, unlocks;
	int64_t skew_ns; /* its wall clock */
	char ip[16];
	uint64_t log_id; /* that its driver was last told of */
	int64_t log_credit;
	size_t log_sources, log_stops;
	bool log_last;
};

struct wire {
	struct host *a, *b; /* a dialled */
	uint64_t a_link, b_link;
	bool up;
};

enum thing_type { THING_EVENT = 1 };
struct thing { /* that will happen to a host */
	struct list link;
	struct arena arena;
	struct host *host;
	struct event ev;
	struct link_report link_report;
	struct link_peer peer, peer_unused;
	struct trust_report trust;
	struct runner_report runner;
	const struct batch *batch;
};

static struct host hosts[HOSTS_MAX];
static struct wire wires[WIRES_MAX];
static size_t wire_count;
static uint64_t inbound_next;
static struct list things;
static struct now hosts_now;
static struct fake_trust hosts_trust;
static struct answer answers[ANSWERS_MAX];
static uint64_t asked;
static size_t effects_seen;

static const struct node_description hosts_description = {
	.hostname = "host",
	.platform = { "x86_64", "linux" },
	.resources = { INT64_C(8000000000), INT64_C(8) << 30 },
};

static struct thing *
thing_new(struct host *h, enum event_type type)
{
	struct thing *t = mem_new(sizeof(*t));

	arena_init(&t->arena);
	t->host = h;
	t->ev.type = type;
	list_append(&things, &t->link);
	return t;
}

static void
thing_free(struct thing *t)
{
	list_remove(&t->link);
	batch_free(t->batch);
	arena_fini(&t->arena);
	mem_free(t);
}

/* ---- links -----------------------------------------------------------------
 */

static struct thing *
link_news(struct host *h, uint64_t link, enum link_news news)
{
	struct thing *t = thing_new(h, EVENT_LINK);

	t->link_report.link = link;
	t->link_report.news = news;
	t->ev.link = &t->link_report;
	return t;
}

/* Is a root that roots holds behind chain, by itself or by crossing? */
static bool
chain_holds(const char *chain, const char *roots)
{
	const char *by = strstr(chain, " by root ");
	char root[32];

	while (by != NULL) {
		size_t len = strcspn(by + 4, "\n") + 1;

		snprintf(root, sizeof(root), "%.*s", (int)len, by + 4);
		if (strstr(roots, root) != NULL)
			return true;
		by = strstr(by + 1, " by root ");
	}
	return false;
}

static void
peer_of(const struct host *h, const struct host *seen_by, struct link_peer *p)
{
	char role[16] = "";
	long long until = 0;

	OK(sscanf(h->chain, "%15s %25s of %25s until %lld", role, p->node_id,
		  p->cluster_id, &until) == 4);
	snprintf(p->role, sizeof(p->role), "swarm-%s", role);
	snprintf(p->ip, sizeof(p->ip), "%s", h->ip);
	p->trust = until > hosts_now.wall_ns + seen_by->skew_ns ? LINK_VERIFIED
								: LINK_EXPIRED;
}

static struct host *
listener(const char *addr)
{
	char ip[64];

	snprintf(ip, sizeof(ip), "%s", addr);
	*strrchr(ip, ':') = '\0';
	for (size_t i = 0; i < HOSTS_MAX; i++)
		if (strcmp(hosts[i].ip, ip) == 0)
			return &hosts[i];
	return NULL;
}

static void
link_fails(struct host *h, uint64_t link, const char *why)
{
	struct thing *t = link_news(h, link, LINK_DOWN);

	t->link_report.err = why;
}

static void
link_ups(struct host *h, const struct link_order *o, struct host *to)
{
	struct wire *w = &wires[wire_count++];
	struct thing *at_a, *at_b;

	OK(wire_count < WIRES_MAX);
	*w = (struct wire){ h, to, o->link, LINK_INBOUND | ++inbound_next,
			    true };
	at_b = link_news(to, w->b_link, LINK_UP);
	at_b->peer.trust = LINK_ANONYMOUS;
	if (o->pin == NULL)
		peer_of(h, to, &at_b->peer);
	snprintf(at_b->peer.ip, sizeof(at_b->peer.ip), "%s", h->ip);
	at_b->link_report.peer = &at_b->peer;
	at_a = link_news(h, w->a_link, LINK_UP);
	peer_of(to, h, &at_a->peer);
	if (o->pin != NULL)
		at_a->peer.trust = LINK_VERIFIED;
	at_a->link_report.peer = &at_a->peer;
}

static void
link_open(struct host *h, const struct link_order *o)
{
	struct host *to = listener(o->addr);
	const char *root = NULL;
	struct arena a;

	arena_init(&a);
	if (to != NULL && to->chain != NULL && o->pin != NULL) {
		root = strstr(to->chain, "by root ");
		root = root != NULL ? root + 3 : "root 0";
	}
	if (to == NULL || to->node == NULL || to->cut || h->cut)
		link_fails(h, o->link, "no route to host");
	else if (to->listen == NULL)
		link_fails(h, o->link, "connection refused");
	else if (o->pin != NULL &&
		 strcmp(fake_digest(to->roots, &a), o->pin) != 0)
		link_fails(h, o->link, "its root is not the token's");
	else if (o->pin == NULL && (!chain_holds(to->chain, h->roots) ||
				    !chain_holds(h->chain, to->roots)))
		link_fails(h, o->link, "unknown authority");
	else
		link_ups(h, o, to);
	arena_fini(&a);
}

static struct wire *
wire_of(const struct host *h, uint64_t link, struct host **ret_other,
	uint64_t *ret_link)
{
	for (size_t i = 0; i < wire_count; i++) {
		struct wire *w = &wires[i];

		if (!w->up)
			continue;
		if (w->a == h && w->a_link == link) {
			*ret_other = w->b;
			*ret_link = w->b_link;
			return w;
		}
		if (w->b == h && w->b_link == link) {
			*ret_other = w->a;
			*ret_link = w->a_link;
			return w;
		}
	}
	return NULL;
}

static void
wire_cut(struct wire *w)
{
	w->up = false;
	link_fails(w->a, w->a_link, "the link was cut");
	link_fails(w->b, w->b_link, "the link was cut");
}

static void
link_send(struct host *h, const struct link_order *o)
{
	struct host *other;
	uint64_t link;
	struct thing *t;

	OK(o->len > 0 && o->len <= LINK_MESSAGE_MAX);
	if (wire_of(h, o->link, &other, &link) == NULL)
		return;
	t = link_news(other, link, LINK_MESSAGE);
	t->link_report.message = arena_dup(&t->arena, o->message, o->len);
	t->link_report.len = o->len;
}

static void
take_link(struct host *h, const struct link_order *o)
{
	struct host *other;
	struct thing *t;
	struct wire *w;
	uint64_t link;

	switch (o->verb) {
	case LINK_OPEN:
		link_open(h, o);
		return;
	case LINK_SEND:
		link_send(h, o);
		return;
	case LINK_CLOSE:
		w = wire_of(h, o->link, &other, &link);
		if (w != NULL)
			wire_cut(w);
		return;
	case LINK_LISTEN:
		h->listen = arena_strdup(&h->arena, o->addr);
		if (o->addr == NULL)
			return;
		t = link_news(h, 0,
			      h->port_taken ? LINK_LISTEN_FAILED
					    : LINK_LISTENS);
		t->link_report.err = "0.0.0.0:2377: the address is in use";
		if (h->port_taken)
			h->listen = NULL;
		return;
	}
}

/* ---- the other effects ------------------------------------------------------
 */

static void
take_trust(struct host *h, const struct trust_order *o)
{
	struct thing *t;

	if (o->verb == TRUST_USE) {
		h->chain = arena_strdup(&h->arena, o->own_chain);
		h->roots = arena_strdup(&h->arena, o->roots);
		OK(chain_holds(h->chain, h->roots));
	} else if (o->verb == TRUST_FORGET) {
		h->chain = h->roots = NULL;
		h->forgets++;
	} else if (o->verb == TRUST_LOCK) {
		h->locks++;
		h->sealed = o->secret.len > 0;
		if (h->sealed)
			memcpy(h->lock, o->secret.p, sizeof(h->lock));
	}
	if (h->mute_trust || o->verb == TRUST_USE || o->verb == TRUST_FORGET)
		return;
	t = thing_new(h, EVENT_TRUST);
	hosts_trust.now_ns = hosts_now.wall_ns + h->skew_ns;
	fake_trust(&hosts_trust, o, &t->arena, &t->trust);
	t->trust.err = arena_strdup(&t->arena, t->trust.err);
	t->trust.cert = arena_strdup(&t->arena, t->trust.cert);
	if (o->verb == TRUST_LOOK_AT && o->key.len > 0)
		t->trust.key.p = arena_dup(&t->arena, o->key.p, o->key.len);
	t->ev.trust = &t->trust;
}

static void
take_order(struct host *h, const struct runner_order *o)
{
	static const enum runner_news news[] = {
		[RUNNER_PREPARE] = RUNNER_PREPARED,
		[RUNNER_START] = RUNNER_STARTED,
		[RUNNER_PROBE] = RUNNER_PROBED,
		[RUNNER_STOP] = RUNNER_EXITED,
		[RUNNER_REMOVE] = RUNNER_REMOVED,
	};
	struct thing *t = thing_new(h, EVENT_RUNNER);

	t->runner = (struct runner_report){
		.news = news[o->verb],
		.task_id = arena_strdup(&t->arena, o->task_id),
		.pid = 77,
		.started_at = 5,
	};
	t->ev.report = &t->runner;
}

static void
take_persist(struct host *h, const struct batch *b)
{
	struct thing *t = thing_new(h, EVENT_PERSISTED);

	disk_write(&h->disk, b);
	t->ev.batch_seq = b->seq;
	t->batch = b;
}

static void
take_reply(const struct effect *e)
{
	struct answer *a = &answers[e->request_id % ANSWERS_MAX];

	a->status = e->status;
	buf_clear(&a->body);
	buf_put(&a->body, e->body, e->body_len);
}

/* What the driver of a host was told of logs that it is to read. */
static void
take_logs(struct host *h, const struct effect *e)
{
	h->log_id = e->request_id;
	h->log_credit += (int64_t)e->log_credit;
	h->log_sources += e->type == EFFECT_LOGS ? e->log_count : 0;
	h->log_stops += e->type == EFFECT_LOGS_STOP;
	h->log_last =
		e->type == EFFECT_LOGS && e->log_count == 0 && !e->log_endless;
}

static void
take_effect(struct host *h, const struct effect *e)
{
	switch (e->type) {
	case EFFECT_PERSIST:
		take_persist(h, e->batch);
		return;
	case EFFECT_REPLY:
		take_reply(e);
		return;
	case EFFECT_RUNNER:
		take_order(h, e->order);
		return;
	case EFFECT_WIPE:
		disk_erase(&h->disk);
		h->wipes++;
		return;
	case EFFECT_LINK:
		take_link(h, e->link_order);
		return;
	case EFFECT_TRUST:
		take_trust(h, e->trust_order);
		return;
	case EFFECT_UNLOCK:
		h->unlocks++;
		return;
	case EFFECT_STREAM:
		buf_put(&answers[e->request_id % ANSWERS_MAX].body, e->body,
			e->body_len);
		return;
	case EFFECT_STREAM_END:
		answers[e->request_id % ANSWERS_MAX].ended = true;
		return;
	case EFFECT_LOGS:
	case EFFECT_LOGS_MORE:
	case EFFECT_LOGS_STOP:
		take_logs(h, e);
		return;
	case EFFECT_PORTS:
	case EFFECT_GOSSIP:
	case EFFECT_STOPPED:
		return;
	}
}

static void
give(struct host *h, const struct event *ev)
{
	struct now at = hosts_now;
	struct effect e;

	at.wall_ns += h->skew_ns;
	node_step(h->node, at, ev);
	while (node_next(h->node, &e)) {
		take_effect(h, &e);
		OK(++effects_seen < 4000000);
	}
}

/* ---- time -------------------------------------------------------------------
 */

static void
one_thing(void)
{
	struct thing *t = container_of(things.next, struct thing, link);

	list_remove(&t->link);
	if (t->host->node != NULL)
		give(t->host, &t->ev);
	thing_free(t);
}

/* A deadline that no step serves. */
static void
stuck(const struct host *h)
{
	const struct node *n = h->node;
	const struct {
		const char *of;
		uint64_t at;
	} all[] = {
		{ "identity", identity_deadline(n) },
		{ "join", join_deadline(n) },
		{ "leave", leave_deadline(n) },
		{ "first", first_deadline(n) },
		{ "session", session_deadline(n) },
		{ "dispatch", dispatch_deadline(n) },
		{ "alive", alive_deadline(n) },
		{ "roles", roles_deadline(n) },
		{ "mesh", mesh_deadline(n) },
		{ "rpc", rpc_deadline(n) },
		{ "disk", disk_deadline(n) },
		{ "raft", n->raft ? raft_deadline(n->raft) : UINT64_MAX },
	};

	for (size_t i = 0; i < ARRAY_LEN(all); i++)
		if (all[i].at <= hosts_now.mono_ms)
			fprintf(stderr, "host %s: %s is due for ever\n", h->ip,
				all[i].of);
	exit(1);
}

/* Until nothing is left to do now. */
static void
settle(void)
{
	size_t ticks = 0;
	bool again = true;

	while (again) {
		again = !list_empty(&things);
		if (again) {
			one_thing();
			continue;
		}
		for (size_t i = 0; i < HOSTS_MAX; i++) {
			struct event tick = { .type = EVENT_TICK };

			if (hosts[i].node == NULL ||
			    node_deadline(hosts[i].node) > hosts_now.mono_ms)
				continue;
			if (++ticks > 100000)
				stuck(&hosts[i]);
			give(&hosts[i], &tick);
			again = true;
		}
	}
}

static void
pass(uint64_t ms)
{
	uint64_t end = hosts_now.mono_ms + ms, next;

	settle();
	while (hosts_now.mono_ms < end) {
		next = end;
		for (size_t i = 0; i < HOSTS_MAX; i++)
			if (hosts[i].node != NULL)
				next = min_u64(next,
					       node_deadline(hosts[i].node));
		if (next <= hosts_now.mono_ms)
			next = hosts_now.mono_ms + 1;
		hosts_now.wall_ns +=
			(int64_t)(next - hosts_now.mono_ms) * NS_PER_MS;
		hosts_now.mono_ms = next;
		settle();
	}
}

/* ---- hosts ------------------------------------------------------------------
 */

static struct node_config
config_of(struct host *h, struct stored *stored)
{
	disk_stored(&h->disk, stored);
	return (struct node_config){
		.seed = (uint64_t)(h - hosts) + 5 + hosts_now.mono_ms,
		.version = "1",
		.root_dir = "/r",
		.runtime = "runc",
		.description = &hosts_description,
		.egress_subnet = "172.30.0.0/16",
		.default_addr = h->ip,
		.stored = stored,
	};
}

static void
up_with(size_t i, const struct node_config *c)
{
	struct host *h = &hosts[i];
	struct runner_report scanned = { .news = RUNNER_SCANNED };
	struct now at = hosts_now;

	at.wall_ns += h->skew_ns;
	h->node = node_new(c, at);
	give(h, &(struct event){ .type = EVENT_RUNNER, .report = &scanned });
	settle();
}

static void
up(size_t i)
{
	struct stored stored;
	struct node_config c = config_of(&hosts[i], &stored);

	up_with(i, &c);
}

static void
down(size_t i)
{
	struct host *h = &hosts[i];

	node_free(h->node);
	h->node = NULL;
	h->listen = h->chain = h->roots = NULL;
	for (size_t k = 0; k < wire_count; k++)
		if (wires[k].up && (wires[k].a == h || wires[k].b == h))
			wire_cut(&wires[k]);
	list_each_safe (it, tmp, &things) {
		struct thing *t = container_of(it, struct thing, link);

		if (t->host == h)
			thing_free(t);
	}
}

static void
hosts_begin(size_t count)
{
	list_init(&things);
	hosts_now = (struct now){ 1000, INT64_C(1700000000) * NS_PER_S };
	for (size_t i = 0; i < count; i++) {
		arena_init(&hosts[i].arena);
		snprintf(hosts[i].ip, sizeof(hosts[i].ip), "10.0.0.%zu", i + 1);
		up(i);
	}
}

static void
hosts_end(void)
{
	for (size_t i = 0; i < HOSTS_MAX; i++) {
		if (hosts[i].node != NULL)
			down(i);
		disk_erase(&hosts[i].disk);
		mem_free(hosts[i].disk.entries);
		mem_free(hosts[i].disk.rows);
		arena_fini(&hosts[i].arena);
	}
	list_each_safe (it, tmp, &things)
		thing_free(container_of(it, struct thing, link));
	for (size_t i = 0; i < ANSWERS_MAX; i++)
		buf_fini(&answers[i].body);
}

/* ---- asking -----------------------------------------------------------------
 */

/* query: "k=v" or NULL. */
static struct answer *
ask(size_t i, enum op op, const char *target, const char *body,
    const char *query)
{
	struct kv q[2] = { { 0 } };
	struct request r = { .id = ++asked,
			     .op = op,
			     .where = OP_AT_NODE,
			     .target = target,
			     .body = body,
			     .body_len = body ? strlen(body) : 0,
			     .api_minor = API_MINOR_MAX };
	char text[128] = "";

	OK(asked < ANSWERS_MAX);
	if (query != NULL) {
		snprintf(text, sizeof(text), "%s", query);
		q[0].key = text;
		q[0].value = strchr(text, '=') + 1;
		*strchr(text, '=') = '\0';
		if (strchr(q[0].value, '&') != NULL) {
			char *more = strchr(q[0].value, '&');

			*more++ = '\0';
			q[1].key = more;
			q[1].value = strchr(more, '=') + 1;
			*strchr(more, '=') = '\0';
			r.query.count = 1;
		}
		r.query.v = q;
		r.query.count++;
	}
	give(&hosts[i],
	     &(struct event){ .type = EVENT_REQUEST, .request = &r });
	settle();
	return &answers[asked];
}

static bool
says(struct answer *a, const char *text)
{
	return strstr(buf_cstr(&a->body), text) != NULL;
}

static struct answer *
init(size_t i)
{
	return ask(i, OP_SWARM_INIT, NULL, "{}", NULL);
}

static const struct cluster *
cluster_at(size_t i)
{
	return state_cluster(node_state(hosts[i].node));
}

__attribute__((unused)) static const struct node_object *
node_at(size_t i, size_t of)
{
	return state_get(node_state(hosts[i].node), OBJECT_NODE,
			 hosts[of].node->node_id);
}

static struct answer *
join_with(size_t i, size_t at, const char *token)
{
	char body[512];

	snprintf(body, sizeof(body),
		 "{\"RemoteAddrs\":[\"%s\"],\"JoinToken\":\"%s\"}",
		 hosts[at].ip, token);
	return ask(i, OP_SWARM_JOIN, NULL, body, NULL);
}

static struct answer *
join(size_t i, size_t at, bool manager)
{
	const struct join_tokens *t = &cluster_at(at)->join_tokens;

	return join_with(i, at, manager ? t->manager : t->worker);
}

/* The update of the cluster's spec, as a client makes it. */
__attribute__((unused)) static struct answer *
update(size_t i, const char *spec, const char *query)
{
	char q[128];

	snprintf(q, sizeof(q), "version=%llu%s%s",
		 (unsigned long long)cluster_at(i)->head.version.index,
		 query ? "&" : "", query ? query : "");
	return ask(i, OP_SWARM_UPDATE, NULL, spec, q);
}

#endif
