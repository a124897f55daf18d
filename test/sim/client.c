/*
 * client.c - someone who asks for random things, and remembers what was
 * acknowledged: that is what must be there after a crash.
 */
#include <stdio.h>
#include <string.h>

#include "core/base/check.h"
#include "core/base/mem.h"
#include "core/base/str.h"
#include "core/model/request.h"
#include "test/sim/sim.h"

static struct asked_for *
ask_for(struct world *w, enum asked kind, enum op op)
{
	struct asked_for *a;

	if (w->asked_count == REQUESTS_MAX) {
		/* Only what was not answered matters. */
		size_t kept = 0;

		for (size_t i = 0; i < w->asked_count; i++)
			if (!w->asked[i].ended)
				w->asked[kept++] = w->asked[i];
		w->asked_count = kept;
		check(kept < REQUESTS_MAX);
	}
	a = &w->asked[w->asked_count++];
	*a = (struct asked_for){
		.id = ++w->next_request, .kind = kind, .op = op, .service = -1
	};
	return a;
}

struct query {
	struct kv v[6];
	uint32_t count;
};

static void
send(struct world *w, const struct asked_for *a, const char *target,
     struct query *q, const char *body)
{
	struct request r = { .id = a->id,
			     .op = a->op,
			     .where = OP_AT_NODE,
			     .target = target,
			     .body = body,
			     .body_len = body ? strlen(body) : 0,
			     .api_minor = API_MINOR_MAX };
	struct event ev = { .type = EVENT_REQUEST, .request = &r };

	if (q != NULL)
		r.query = (struct kvs){ q->v, q->count };
	world_trace(w, "ask %d: op %d %s", (int)a->id, a->op,
		    target ? target : "");
	world_give(w, &ev);
}

static void
spec_text(char *ret, size_t size, int service, const struct asked_for *a,
	  struct world *w)
{
	static const char *const condition[] = { "any", "any", "on-failure",
						 "none" };
	static const char *const check[] = {
		"",
		",\"Healthcheck\":{\"Test\":[\"CMD\",\"x\"],"
		"\"Interval\":2000000000,\"Retries\":2}",
	};
	const char *when = condition[dice(w, ARRAY_LEN(condition))];
	char mode[64] = "{\"Global\":{}}", ports[160] = "";
	/* Who holds a port cannot stay while the next one starts. */
	bool port = (service == GLOBAL_SERVICE || a->replicas < 2) &&
		    dice(w, 3) == 0;
	bool start_first = !port && dice(w, 4) == 0;

	if (port)
		snprintf(ports, sizeof(ports),
			 ",\"EndpointSpec\":{\"Ports\":[{\"TargetPort\":80,"
			 "\"PublishedPort\":%d,\"PublishMode\":\"host\"},"
			 "{\"TargetPort\":81,\"PublishMode\":\"host\"}]}",
			 8000 + service);
	if (service != GLOBAL_SERVICE)
		snprintf(mode, sizeof(mode),
			 "{\"Replicated\":{\"Replicas\":%llu}}",
			 (unsigned long long)a->replicas);
	snprintf(ret, size,
		 "{\"Name\":\"s_%d\",\"Labels\":{\"rev\":\"%llu\"},"
		 "\"TaskTemplate\":{\"ContainerSpec\":{\"Image\":\"img:%d\","
		 "\"Env\":[\"R=%d\"]%s},"
		 "\"RestartPolicy\":{\"Condition\":\"%s\",\"Delay\":%d}},"
		 "\"Mode\":%s,"
		 "\"UpdateConfig\":{\"Parallelism\":%d,\"Delay\":%d,"
		 "\"Order\":\"%s\"}%s}",
		 service, (unsigned long long)a->rev, (int)dice(w, 2),
		 (int)dice(w, 2), check[dice(w, 2)], when,
		 (int)dice(w, 3) * 1000000000, mode, (int)dice(w, 3),
		 (int)dice(w, 2) * 500000000,
		 start_first ? "start-first" : "stop-first", ports);
}

static void
may_become(struct world *w, int service, uint64_t rev)
{
	struct known *k = &w->known[service];

	check(k->asked_count < ARRAY_LEN(k->asked_rev));
	k->asked_rev[k->asked_count++] = rev;
}

static bool
can_ask(const struct world *w, int service)
{
	const struct known *k = &w->known[service];

	return k->asked_count < ARRAY_LEN(k->asked_rev) && w->member &&
	       !w->maybe_out;
}

static void
create(struct world *w, int service)
{
	struct asked_for *a = ask_for(w, ASKED_CHANGE, OP_SERVICE_CREATE);
	char body[1024];

	a->service = service;
	a->rev = ++w->next_rev;
	a->replicas = dice(w, 5);
	spec_text(body, sizeof(body), service, a, w);
	if (dice(w, 10) == 0)
		snprintf(body, sizeof(body), "{\"Name\":\"bad name/\"}");
	may_become(w, service, a->rev);
	send(w, a, NULL, NULL, body);
}

static void
update(struct world *w, int service)
{
	struct asked_for *a = ask_for(w, ASKED_CHANGE, OP_SERVICE_UPDATE);
	const struct service *now = NULL;
	struct query q = { 0 };
	char body[1024], version[24], name[16];
	uint64_t index = 5;

	snprintf(name, sizeof(name), "s_%d", service);
	if (node_state(w->node) != NULL)
		now = state_service_named(node_state(w->node), name);
	if (now != NULL)
		index = now->head.version.index;
	if (dice(w, 8) == 0)
		index += dice(w, 3);
	snprintf(version, sizeof(version), "%llu", (unsigned long long)index);
	q.v[q.count++] = (struct kv){ "version", version };
	a->service = service;
	a->rev = ++w->next_rev;
	a->replicas = dice(w, 6);
	spec_text(body, sizeof(body), service, a, w);
	may_become(w, service, a->rev);
	send(w, a, name, &q, body);
}

static void
roll_back(struct world *w, int service)
{
	struct asked_for *a = ask_for(w, ASKED_CHANGE, OP_SERVICE_UPDATE);
	const struct service *now = NULL;
	struct query q = { .v = { { "rollback", "previous" } }, .count = 1 };
	char version[24] = "5", name[16];

	snprintf(name, sizeof(name), "s_%d", service);
	if (node_state(w->node) != NULL)
		now = state_service_named(node_state(w->node), name);
	a->service = service;
	a->rev = 0;
	if (now != NULL)
		snprintf(version, sizeof(version), "%llu",
			 (unsigned long long)now->head.version.index);
	/* The version sees to it that no other spec comes back. */
	if (now != NULL && now->previous_spec != NULL)
		check(str_to_u64(kvs_get(&now->previous_spec->labels, "rev"),
				 &a->rev));
	q.v[q.count++] = (struct kv){ "version", version };
	if (a->rev != 0)
		may_become(w, service, a->rev);
	send(w, a, name, &q, NULL);
}

static const struct node_object *
own_node(const struct world *w)
{
	if (w->node == NULL || node_state(w->node) == NULL)
		return NULL;
	return state_get(node_state(w->node), OBJECT_NODE, node_id(w->node));
}

static void
set_availability(struct world *w, int availability)
{
	static const char *const words[] = { [NODE_ACTIVE] = "active",
					     [NODE_PAUSE] = "pause",
					     [NODE_DRAIN] = "drain" };
	const struct node_object *now = own_node(w);
	struct known_node *k = &w->known_node;
	struct query q = { 0 };
	struct asked_for *a;
	char version[24], body[80];

	if (now == NULL || k->asked_count == ARRAY_LEN(k->asked))
		return;
	a = ask_for(w, ASKED_CHANGE, OP_NODE_UPDATE);
	a->availability = availability;
	k->asked[k->asked_count].id = a->id;
	k->asked[k->asked_count++].availability = availability;
	snprintf(version, sizeof(version), "%llu",
		 (unsigned long long)now->head.version.index);
	q.v[q.count++] = (struct kv){ "version", version };
	snprintf(body, sizeof(body),
		 "{\"Role\":\"manager\",\"Availability\":\"%s\"}",
		 words[availability]);
	send(w, a, node_id(w->node), &q, body);
}

static void
load_image(struct world *w)
{
	struct event ev = { .type = EVENT_IMAGES };

	w->has_image[1] = true;
	world_give(w, &ev);
}

/* Images come and go; so does the node's readiness for tasks. */
static void
change_host(struct world *w)
{
	static const int words[] = { NODE_ACTIVE, NODE_ACTIVE, NODE_PAUSE,
				     NODE_DRAIN };

	if (w->member && !w->maybe_out && dice(w, 2) == 0)
		set_availability(w, words[dice(w, ARRAY_LEN(words))]);
	else if (dice(w, 3) == 0)
		w->has_image[1] = false;
	else
		load_image(w);
}

static void
remove_service(struct world *w, int service)
{
	struct asked_for *a = ask_for(w, ASKED_CHANGE, OP_SERVICE_REMOVE);
	char name[16];

	snprintf(name, sizeof(name), "s_%d", service);
	a->service = service;
	may_become(w, service, 0);
	send(w, a, name, NULL, NULL);
}

static void
read_something(struct world *w)
{
	static const enum op ops[] = { OP_SERVICE_LIST,	 OP_TASK_LIST,
				       OP_NODE_LIST,	 OP_INFO,
				       OP_VERSION,	 OP_SWARM_INSPECT,
				       OP_CONTAINER_LIST };

	send(w, ask_for(w, ASKED_READ, ops[dice(w, ARRAY_LEN(ops))]), NULL,
	     NULL, NULL);
}

static void
watch(struct world *w)
{
	struct asked_for *a = ask_for(w, ASKED_STREAM, OP_EVENTS);
	char until[32];
	struct query q = { 0 };

	snprintf(until, sizeof(until), "%lld",
		 (long long)(w->now.wall_ns / NS_PER_S + 5));
	if (dice(w, 2))
		q.v[q.count++] = (struct kv){ "since", "1" };
	if (dice(w, 2))
		q.v[q.count++] = (struct kv){ "until", until };
	send(w, a, NULL, &q, NULL);
}

static void
leave(struct world *w)
{
	struct asked_for *a = ask_for(w, ASKED_CHANGE, OP_SWARM_LEAVE);
	struct query q = { .v = { { "force", "1" } }, .count = 1 };

	if (dice(w, 2) == 0) {
		send(w, a, NULL, NULL, NULL); /* refused */
		return;
	}
	w->maybe_out = true;
	send(w, a, NULL, &q, NULL);
}

void
client_init(struct world *w)
{
	w->maybe_in = true;
	send(w, ask_for(w, ASKED_CHANGE, OP_SWARM_INIT), NULL, NULL,
	     "{\"ListenAddr\":\"0.0.0.0:2377\"}");
}

static void
hang_up(struct world *w)
{
	struct event ev = { .type = EVENT_REQUEST_GONE };
	struct asked_for *a;

	if (w->asked_count == 0)
		return;
	a = &w->asked[dice(w, w->asked_count)];
	if (a->ended)
		return;
	a->ended = true; /* an answer now would be one too many */
	ev.request_id = a->id;
	world_give(w, &ev);
}

void
client_ask(struct world *w)
{
	int service = (int)dice(w, SERVICES);
	uint64_t what = dice(w, 100);

	if (!w->member && dice(w, 3) != 0)
		client_init(w);
	else if (what < 20 && can_ask(w, service))
		create(w, service);
	else if (what < 45 && can_ask(w, service))
		update(w, service);
	else if (what < 50 && can_ask(w, service))
		roll_back(w, service);
	else if (what < 60 && can_ask(w, service))
		remove_service(w, service);
	else if (what < 70)
		change_host(w);
	else if (what < 80)
		read_something(w);
	else if (what < 90)
		watch(w);
	else if (what < 98)
		hang_up(w);
	else if (dice(w, 3) == 0)
		leave(w);
}

/* ---- answers
 * ------------------------------------------------------------------ */

static struct asked_for *
find(struct world *w, uint64_t id)
{
	for (size_t i = w->asked_count; i > 0; i--)
		if (w->asked[i - 1].id == id)
			return &w->asked[i - 1];
	return NULL;
}

/* Changes of one service apply in the order of their acknowledgements; what
 * was asked for before may still be refused or applied after this one. */
static void
acknowledged(struct world *w, const struct asked_for *a)
{
	struct known *k = &w->known[a->service];
	size_t kept = 0;

	w->changes_acked++;
	k->acked_rev = a->rev;
	k->acked_seq = a->id;
	for (size_t i = 0; i < k->asked_count; i++)
		if (k->asked_rev[i] != a->rev || a->rev == 0)
			k->asked_rev[kept++] = k->asked_rev[i];
	k->asked_count = kept;
}

static void
refused(struct world *w, const struct asked_for *a)
{
	struct known *k = &w->known[a->service];
	size_t kept = 0;

	for (size_t i = 0; i < k->asked_count; i++)
		if (k->asked_rev[i] != a->rev || a->rev == 0)
			k->asked_rev[kept++] = k->asked_rev[i];
	k->asked_count = kept;
}

static void
check_durable(struct world *w, const struct asked_for *a)
{
	const struct service *s;
	char name[16];

	if (a->rev == 0 || node_state(w->node) == NULL)
		return;
	snprintf(name, sizeof(name), "s_%d", a->service);
	s = state_service_named(node_state(w->node), name);
	if (s != NULL && s->head.version.index > disk_last(&w->disk))
		world_fail(w, "%s was acknowledged before it was on the disk",
			   name);
}

static void
take_membership(struct world *w, const struct asked_for *a, int status)
{
	if (a->op == OP_SWARM_INIT && status == 200) {
		w->member = true;
		w->maybe_in = false;
	}
	if (a->op == OP_SWARM_LEAVE && status == 200) {
		w->member = w->maybe_in = w->maybe_out = false;
		memset(w->known, 0, sizeof(w->known));
		w->known_node = (struct known_node){ .acked = NODE_ACTIVE };
	}
}

/* A node's update names the version that it is of, so one that is made voids
 * all that were asked for before. */
static void
take_availability(struct world *w, const struct asked_for *a, int status)
{
	struct known_node *k = &w->known_node;
	size_t kept = 0;

	if (status == 503)
		return; /* it may still be made */
	if (status < 300)
		k->acked = a->availability;
	for (size_t i = 0; i < k->asked_count; i++)
		if (k->asked[i].id > a->id ||
		    (status >= 300 && k->asked[i].id < a->id))
			k->asked[kept++] = k->asked[i];
	k->asked_count = kept;
}

void
client_reply(struct world *w, const struct effect *e)
{
	struct asked_for *a = find(w, e->request_id);

	if (a == NULL || a->ended) {
		world_fail(w, "request %llu ended twice, or never was",
			   (unsigned long long)e->request_id);
		return;
	}
	w->replies++;
	if (e->type == EFFECT_STREAM) {
		if (a->kind != ASKED_STREAM)
			world_fail(w, "a stream that nobody asked for");
		return;
	}
	a->ended = true;
	if (e->type == EFFECT_STREAM_END)
		return;
	world_trace(w, "reply %d: %d %.60s", (int)a->id, e->status, e->body);
	if (a->kind == ASKED_STREAM && e->status < 400)
		world_fail(w, "a stream was answered at once");
	take_membership(w, a, e->status);
	if (a->availability != 0)
		take_availability(w, a, e->status);
	if (a->service < 0)
		return;
	if (e->status < 300) {
		check_durable(w, a);
		acknowledged(w, a);
	} else if (e->status != 503) {
		refused(w, a);
	}
}

void
client_daemon_died(struct world *w)
{
	for (size_t i = 0; i < w->asked_count; i++)
		w->asked[i].ended = true;
}

void
client_finish(struct world *w)
{
	const struct node_object *now = own_node(w);
	const struct asked_for *last = find(w, w->finish_request);

	if (w->node != NULL && !w->has_image[1])
		load_image(w);
	if (now == NULL || !node_is_leader(w->node) ||
	    (last != NULL && !last->ended) ||
	    now->spec.availability == w->last_availability)
		return;
	w->known_node.asked_count = 0; /* whatever it is: this one counts */
	w->finish_request = w->next_request + 1;
	set_availability(w, w->last_availability);
}
