/*
 * client.c - people who create, change, remove and read services through any
 * manager, each one thing at a time, and a record of what was asked and
 * answered. A change whose answer did not come is asked for again with the
 * same key, through another manager; or given up: then it may happen or not.
 */
#include <stdio.h>
#include <string.h>

#include "core/base/check.h"
#include "core/base/mem.h"
#include "core/base/str.h"
#include "core/model/request.h"
#include "test/sim/sim.h"

#define PATIENCE_MS 15000
#define RECORDS_MAX 400 /* of one service */
#define BODY_MAX 1600

struct client {
	int index;
	bool busy, pausing;
	uint64_t question; /* 0: none on its way */
	/* what is on its way */
	int service;
	size_t record;
	enum op op;
	char key[24], target[16], version[24], body[BODY_MAX];
	bool rollback;
	int tries;
};

/* What was last read of each service, by anybody; not always still so. */
struct last_seen {
	uint64_t rev, version, previous;
};

struct clients_world {
	struct last_seen seen[SERVICES];
	bool stopped;
	int reads_open, reads_failed;
};
static struct clients_world *shared(struct world *w);

static void on_turn(struct world *w, void *ctx, uint64_t arg);

/* ---- records ----------------------------------------------------------------
 */

static size_t
record(struct world *w, int service, enum op_kind kind, uint64_t from,
       uint64_t to)
{
	struct history *h = &w->history[service];

	h->v = mem_grow(h->v, h->count, &h->cap, sizeof(*h->v));
	h->v[h->count] = (struct op_record){
		.kind = kind, .from = from, .to = to, .called = ++h->clock
	};
	return h->count++;
}

static void
record_end(struct world *w, int service, size_t at, enum op_end end)
{
	struct history *h = &w->history[service];

	if (at >= h->count)
		return; /* of a cluster that is no more */
	h->v[at].end = end;
	h->v[at].returned = ++h->clock;
}

/* ---- answers
 * ------------------------------------------------------------------
 */

static uint64_t
number_after(const char *body, size_t len, const char *word)
{
	const char *at = memmem(body, len, word, strlen(word));
	uint64_t n = 0;

	if (at == NULL)
		return 0;
	for (at += strlen(word); at < body + len && *at >= '0' && *at <= '9';
	     at++)
		n = n * 10 + (uint64_t)(*at - '0');
	return n;
}

static bool
has(const struct answer *a, const char *word)
{
	return a->len > 0 && memmem(a->body, a->len, word, strlen(word));
}

static uint64_t
previous_rev(const struct answer *a)
{
	const char *at = memmem(a->body, a->len, "\"PreviousSpec\"", 14);

	if (at == NULL)
		return 0;
	return number_after(at, a->len - (size_t)(at - a->body), "\"rev\":\"");
}

static void
take_read(struct world *w, int service, size_t at, const struct answer *a)
{
	struct last_seen *s = &shared(w)->seen[service];
	struct history *h = &w->history[service];
	bool fine =
		a->status == 200 || (a->status == 404 && has(a, "not found"));

	if (at >= h->count)
		return;
	if (a->status == 200)
		*s = (struct last_seen){
			number_after(a->body, a->len, "\"rev\":\""),
			number_after(a->body, a->len, "\"Index\":"),
			previous_rev(a)
		};
	else if (fine)
		*s = (struct last_seen){ 0 };
	h->v[at].to = s->rev;
	record_end(w, service, at, fine ? OP_OK : OP_VOID);
}

/* What is not told to have happened, or not, may have. */
static enum op_end
end_of(const struct op_record *o, const struct answer *a)
{
	if (a->status >= 200 && a->status < 300)
		return OP_OK;
	if (has(a, "nothing was changed") || has(a, "out of sequence"))
		return OP_VOID;
	if (a->status < 400 || a->status >= 500)
		return OP_UNKNOWN;
	if ((o->kind == OP_CREATE && a->status == 409) ||
	    (o->kind == OP_REMOVE && a->status == 404))
		return OP_FAILED; /* because of what was there */
	return OP_VOID;
}

static void
pause_then_turn(struct world *w, struct client *c)
{
	uint64_t ms = 1 + dice(w, w->plan.ask_ms);

	if (c->pausing)
		return;
	c->pausing = true;
	world_at(w, NULL, w->us + ms * US_PER_MS, on_turn, c, 0);
}

static void send(struct world *w, struct client *c, struct host *h);

static void
on_again(struct world *w, void *ctx, uint64_t arg)
{
	struct client *c = ctx;
	struct host *h = &w->hosts[dice(w, (uint64_t)w->host_count)];

	(void)arg;
	if (!c->busy)
		return;
	c->tries++;
	if (host_answers(h) && !w->leaving && c->record != SIZE_MAX) {
		send(w, c, h);
		return;
	}
	if (c->tries > 6 || c->record == SIZE_MAX) {
		record_end(w, c->service, c->record, OP_UNKNOWN);
		c->busy = false;
		pause_then_turn(w, c);
		return;
	}
	world_at(w, NULL, w->us + dice(w, US_PER_S), on_again, c, 0);
}

static void
on_answer(struct world *w, void *ctx, uint64_t arg, const struct answer *a)
{
	struct client *c = ctx;
	struct history *h = &w->history[c->service];
	enum op_end end = OP_UNKNOWN;

	if (!c->busy || c->question != 0 + arg)
		return;
	c->question = 0;
	if (c->record < h->count)
		end = end_of(&h->v[c->record], a);
	/* What was asked before with the same key may still be on its way. */
	if (c->tries > 0 && end != OP_OK)
		end = OP_UNKNOWN;
	if (end == OP_OK)
		w->acked++;
	/* With the same key it has one effect, however often it is asked. */
	if (end == OP_UNKNOWN && c->record < h->count && c->tries < 3 &&
	    !shared(w)->stopped && dice(w, 2) == 0) {
		world_at(w, NULL, w->us + dice(w, US_PER_S), on_again, c, 0);
		return;
	}
	record_end(w, c->service, c->record, end);
	c->busy = false;
	pause_then_turn(w, c);
}

static void
on_read(struct world *w, void *ctx, uint64_t at, const struct answer *a)
{
	struct client *c = ctx;

	take_read(w, c->service, at, a);
	c->busy = false;
	c->question = 0;
	pause_then_turn(w, c);
}

/* ---- what is asked
 * ---------------------------------------------------------------
 */

static void
on_patience(struct world *w, void *ctx, uint64_t id)
{
	struct client *c = ctx;

	if (c->busy && c->question == id)
		ask_hang_up(w, id);
}

static void
wait_for(struct world *w, struct client *c)
{
	if (c->question != 0)
		world_at(w, NULL, w->us + PATIENCE_MS * US_PER_MS, on_patience,
			 c, c->question);
}

static void
send(struct world *w, struct client *c, struct host *h)
{
	struct question q = { .op = c->op,
			      .target = c->target[0] ? c->target : NULL,
			      .body = c->body[0] ? c->body : NULL,
			      .key = c->key,
			      .fn = on_answer,
			      .ctx = c };

	if (c->version[0] != '\0')
		q.query[q.query_count++] = (struct kv){ "version", c->version };
	if (c->rollback)
		q.query[q.query_count++] =
			(struct kv){ "rollback", "previous" };
	c->question = q.arg = w->next_request + 1;
	(void)ask(h, &q);
	wait_for(w, c);
}

static const char *
ports_text(struct world *w, int service, uint64_t replicas, char *ret,
	   size_t size)
{
	bool port =
		(service == GLOBAL_SERVICE || replicas < 2) && dice(w, 3) == 0;

	ret[0] = '\0';
	if (port)
		snprintf(ret, size,
			 ",\"EndpointSpec\":{\"Ports\":[{\"TargetPort\":80,"
			 "\"PublishedPort\":%d,\"PublishMode\":\"host\"},"
			 "{\"TargetPort\":81,\"PublishMode\":\"host\"}]}",
			 8000 + service);
	return ret;
}

static const char *
placement_text(struct world *w)
{
	static const char *const texts[] = {
		"",
		"",
		",\"Placement\":{\"MaxReplicas\":1}",
		",\"Placement\":{\"Constraints\":[\"node.role==worker\"]}",
		",\"Placement\":{\"Constraints\":[\"node.role==manager\"]}",
		",\"Resources\":{\"Reservations\":{\"NanoCPUs\":3000000000}}",
	};

	return texts[dice(w, ARRAY_LEN(texts))];
}

static void
spec_text(struct world *w, struct client *c, uint64_t rev)
{
	static const char *const condition[] = { "any", "any", "on-failure",
						 "none" };
	static const char *const health[] = {
		"",
		",\"Healthcheck\":{\"Test\":[\"CMD\",\"x\"],"
		"\"Interval\":2000000000,\"Retries\":2}",
	};
	uint64_t replicas = dice(w, 6);
	char mode[64] = "{\"Global\":{}}", ports[200];
	bool port, start_first;

	ports_text(w, c->service, replicas, ports, sizeof(ports));
	/* Who holds a port cannot stay while the next one starts. */
	port = ports[0] != '\0';
	start_first = !port && dice(w, 4) == 0;
	if (c->service != GLOBAL_SERVICE)
		snprintf(mode, sizeof(mode),
			 "{\"Replicated\":{\"Replicas\":%llu}}",
			 (unsigned long long)replicas);
	snprintf(c->body, sizeof(c->body),
		 "{\"Name\":\"s_%d\",\"Labels\":{\"rev\":\"%llu\"},"
		 "\"TaskTemplate\":{\"ContainerSpec\":{\"Image\":\"img:%d\","
		 "\"Env\":[\"R=%d\"]%s},"
		 "\"RestartPolicy\":{\"Condition\":\"%s\",\"Delay\":%d}%s},"
		 "\"Mode\":%s,"
		 "\"UpdateConfig\":{\"Parallelism\":%d,\"Delay\":%d,"
		 "\"Order\":\"%s\"}%s}",
		 c->service, (unsigned long long)rev, (int)dice(w, 2),
		 (int)dice(w, 2), health[dice(w, 2)],
		 condition[dice(w, ARRAY_LEN(condition))],
		 (int)dice(w, 3) * 1000000000, placement_text(w), mode,
		 (int)dice(w, 3), (int)dice(w, 2) * 500000000,
		 start_first ? "start-first" : "stop-first", ports);
}

static void
begin(struct world *w, struct client *c, struct host *h, enum op op,
      size_t record_at)
{
	c->op = op;
	c->record = record_at;
	c->busy = true;
	c->tries = 0;
	snprintf(c->key, sizeof(c->key), "c%d-%llu", c->index,
		 (unsigned long long)++w->next_rev);
	send(w, c, h);
}

static void
create(struct world *w, struct client *c, struct host *h)
{
	uint64_t rev = ++w->next_rev;

	spec_text(w, c, rev);
	begin(w, c, h, OP_SERVICE_CREATE,
	      record(w, c->service, OP_CREATE, 0, rev));
}

static void
name_target(struct client *c, const struct last_seen *s)
{
	snprintf(c->target, sizeof(c->target), "s_%d", c->service);
	if (s != NULL)
		snprintf(c->version, sizeof(c->version), "%llu",
			 (unsigned long long)s->version);
}

static void
update(struct world *w, struct client *c, struct host *h)
{
	struct last_seen *s = &shared(w)->seen[c->service];
	uint64_t rev = ++w->next_rev;

	name_target(c, s);
	spec_text(w, c, rev);
	begin(w, c, h, OP_SERVICE_UPDATE,
	      record(w, c->service, OP_CAS, s->rev, rev));
}

static void
roll_back(struct world *w, struct client *c, struct host *h)
{
	struct last_seen *s = &shared(w)->seen[c->service];

	name_target(c, s);
	c->rollback = true;
	begin(w, c, h, OP_SERVICE_UPDATE,
	      record(w, c->service, OP_CAS, s->rev, s->previous));
}

static void
remove_service(struct world *w, struct client *c, struct host *h)
{
	name_target(c, NULL);
	begin(w, c, h, OP_SERVICE_REMOVE,
	      record(w, c->service, OP_REMOVE, 0, 0));
}

static void
read_service(struct world *w, struct client *c, struct host *h)
{
	struct question q = { .op = OP_SERVICE_INSPECT,
			      .target = c->target,
			      .fn = on_read,
			      .ctx = c };

	name_target(c, NULL);
	q.arg = record(w, c->service, OP_READ, 0, 0);
	c->busy = true;
	c->question = w->next_request + 1;
	(void)ask(h, &q);
	wait_for(w, c);
}

static void
on_other(struct world *w, void *ctx, uint64_t arg, const struct answer *a)
{
	(void)w, (void)ctx, (void)arg, (void)a;
}

/* Whatever the answer is: there has to be one. */
static void
ask_other(struct world *w, struct host *h)
{
	static const enum op ops[] = { OP_SERVICE_LIST,	  OP_TASK_LIST,
				       OP_NODE_LIST,	  OP_INFO,
				       OP_VERSION,	  OP_SWARM_INSPECT,
				       OP_CONTAINER_LIST, OP_EVENTS };
	struct question q = { .op = ops[dice(w, ARRAY_LEN(ops))],
			      .fn = on_other };
	char until[32];
	uint64_t id;

	snprintf(until, sizeof(until), "%lld",
		 (long long)(host_now(h).wall_ns / NS_PER_S + 5));
	if (q.op == OP_EVENTS && dice(w, 2) == 0)
		q.query[q.query_count++] = (struct kv){ "since", "1" };
	if (q.op == OP_EVENTS)
		q.query[q.query_count++] = (struct kv){ "until", until };
	id = ask(h, &q);
	if (dice(w, 3) == 0)
		ask_hang_up(w, id);
}

static struct host *
some_host(struct world *w)
{
	for (int i = 0; i < 4; i++) {
		struct host *h = &w->hosts[dice(w, (uint64_t)w->host_count)];

		if (host_answers(h) && (h->is_manager || dice(w, 10) == 0))
			return h;
	}
	return NULL;
}

static void
turn(struct world *w, struct client *c, struct host *h)
{
	const struct last_seen *s;
	uint64_t what = dice(w, 100);

	c->service = (int)dice(w, SERVICES);
	c->target[0] = c->version[0] = c->body[0] = '\0';
	c->rollback = false;
	s = &shared(w)->seen[c->service];
	if (what < 15)
		ask_other(w, h);
	else if (what < 45 || w->history[c->service].count > RECORDS_MAX)
		read_service(w, c, h);
	else if (s->rev == 0)
		create(w, c, h);
	else if (what < 80)
		update(w, c, h);
	else if (what < 87 && s->previous != 0)
		roll_back(w, c, h);
	else if (what < 92)
		create(w, c, h);
	else
		remove_service(w, c, h);
}

static void
on_turn(struct world *w, void *ctx, uint64_t arg)
{
	struct client *c = ctx;
	struct host *h = some_host(w);

	(void)arg;
	c->pausing = false;
	if (shared(w)->stopped || c->busy)
		return;
	if (h != NULL && !w->leaving)
		turn(w, c, h);
	if (!c->busy)
		pause_then_turn(w, c);
}

/* ---- the end: all is read once more
 * -------------------------------------------------
 */

static void
on_last_read(struct world *w, void *ctx, uint64_t arg, const struct answer *a)
{
	(void)ctx;
	shared(w)->reads_open--;
	if (a->status != 200 && a->status != 404)
		shared(w)->reads_failed++;
	take_read(w, (int)(arg & 15), arg >> 4, a);
}

static void
last_read(struct world *w, struct host *h, int service)
{
	char name[16];
	struct question q = { .op = OP_SERVICE_INSPECT,
			      .target = name,
			      .fn = on_last_read };

	snprintf(name, sizeof(name), "s_%d", service);
	q.arg = record(w, service, OP_READ, 0, 0) << 4 | (uint64_t)service;
	shared(w)->reads_open++;
	(void)ask(h, &q);
}

bool
clients_read_all(struct world *w)
{
	struct clients_world *s = shared(w);
	struct host *leader = admin_leader(w);

	if (s->reads_open > 0 || leader == NULL)
		return false;
	if (s->reads_failed == 0)
		return true;
	s->reads_failed = 0;
	for (int i = 0; i < SERVICES; i++)
		last_read(w, leader, i);
	return false;
}

/* ---- start and end
 * ------------------------------------------------------------------- */

/* Lies before the first client. */
static struct clients_world *
shared(struct world *w)
{
	return (struct clients_world *)(void *)w->clients - 1;
}

void
clients_start(struct world *w)
{
	size_t count = (size_t)w->plan.clients;
	struct clients_world *s =
		mem_new(sizeof(*s) + count * sizeof(struct client));

	w->clients = (struct client *)(void *)(s + 1);
	w->history = mem_new_array(SERVICES, sizeof(*w->history));
	s->reads_failed = 1;
	for (size_t i = 0; i < count; i++) {
		w->clients[i].index = (int)i;
		pause_then_turn(w, &w->clients[i]);
	}
}

/* Nothing new is asked; what is on its way may still be answered. */
void
clients_stop(struct world *w)
{
	shared(w)->stopped = true;
}

void
clients_forget(struct world *w)
{
	for (int i = 0; i < SERVICES; i++) {
		struct history *h = &w->history[i];

		for (size_t k = 0; k < h->count; k++)
			if (h->v[k].end == OP_OPEN)
				h->v[k].end = OP_UNKNOWN;
		if (linear_check(h) != NULL)
			world_fail(w, "s_%d: %s", i, linear_check(h));
		h->count = 0;
		h->clock = h->first = 0;
		shared(w)->seen[i] = (struct last_seen){ 0 };
	}
	for (int i = 0; i < w->plan.clients; i++)
		w->clients[i].record = SIZE_MAX;
}

/* The cluster goes on from what s holds. */
void
clients_begin_with(struct world *w, const struct state *s)
{
	clients_forget(w);
	for (int i = 0; i < SERVICES; i++) {
		const struct service *found;
		char name[16];

		snprintf(name, sizeof(name), "s_%d", i);
		found = state_service_named(s, name);
		if (found != NULL)
			check(str_to_u64(kvs_get(&found->spec.labels, "rev"),
					 &w->history[i].first));
	}
}

void
clients_fini(struct world *w)
{
	for (int i = 0; i < SERVICES; i++)
		mem_free(w->history[i].v);
	mem_free(w->history);
	mem_free(shared(w));
}
