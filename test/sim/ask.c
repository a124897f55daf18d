/*
 * ask.c - the API as people reach it: a request to one daemon, answered once,
 * or broken off when that daemon dies.
 */
#include <string.h>

#include "core/base/check.h"
#include "core/base/mem.h"
#include "core/base/str.h"
#include "test/sim/sim.h"

struct asked {
	struct list link;
	uint64_t id;
	struct host *host;
	uint64_t daemon;
	enum op op;
	bool gone; /* nobody waits any more, but the daemon does not know */
	answer_fn fn;
	void *ctx;
	uint64_t arg;
};

static struct asked *
find(struct world *w, uint64_t id)
{
	list_each (it, &w->asked) {
		struct asked *a = container_of(it, struct asked, link);

		if (a->id == id)
			return a;
	}
	return NULL;
}

static void
end(struct world *w, struct asked *a, const struct answer *answer)
{
	struct asked copy = *a;

	list_remove(&a->link);
	mem_free(a);
	if (copy.fn != NULL)
		copy.fn(w, copy.ctx, copy.arg, answer);
}

uint64_t
ask(struct host *h, const struct question *q)
{
	struct world *w = h->w;
	struct asked *a = mem_new(sizeof(*a));
	struct request r = { .id = ++w->next_request,
			     .op = q->op,
			     .where = OP_AT_NODE,
			     .target = q->target,
			     .query = { (struct kv *)q->query, q->query_count },
			     .body = q->body,
			     .body_len = q->body ? strlen(q->body) : 0,
			     .api_minor = API_MINOR_MAX,
			     .key = q->key };
	struct event ev = { .type = EVENT_REQUEST, .request = &r };
	uint64_t id = r.id;

	check(h->node != NULL && h->stopped_until_us == 0);
	*a = (struct asked){ .id = id,
			     .host = h,
			     .daemon = h->daemon,
			     .op = q->op,
			     .fn = q->fn,
			     .ctx = q->ctx,
			     .arg = q->arg };
	list_append(&w->asked, &a->link);
	world_trace(w, "ask %s %llu: op %d %s %s", h->name,
		    (unsigned long long)id, q->op, str_or(q->target, ""),
		    str_or(q->key, ""));
	host_give(h, &ev);
	return id;
}

/* The daemon learns that who asked is gone: an answer from now on is one too
 * many. */
static void
on_gone(struct world *w, void *ctx, uint64_t id)
{
	struct event ev = { .type = EVENT_REQUEST_GONE, .request_id = id };
	struct host *h = ctx;
	struct asked *a = find(w, id);

	if (a == NULL)
		return;
	end(w, a, &(struct answer){ .status = -1 });
	host_give(h, &ev);
}

void
ask_hang_up(struct world *w, uint64_t id)
{
	struct asked *a = find(w, id);
	answer_fn fn;

	if (a == NULL || a->gone)
		return;
	a->gone = true;
	fn = a->fn;
	a->fn = NULL;
	world_at(w, a->host, w->us, on_gone, a->host, id);
	if (fn != NULL)
		fn(w, a->ctx, a->arg, &(struct answer){ .status = -1 });
}

void
ask_take(struct host *h, const struct effect *e)
{
	struct world *w = h->w;
	struct asked *a = find(w, e->request_id);

	if (a == NULL || a->host != h || a->daemon != h->daemon) {
		world_fail(w, "%s: request %llu ended twice, or never was",
			   h->name, (unsigned long long)e->request_id);
		return;
	}
	if (e->type == EFFECT_STREAM) {
		if (a->op != OP_EVENTS)
			world_fail(w, "%s: a stream that nobody asked for",
				   h->name);
		return;
	}
	w->replies++;
	world_trace(w, "reply %s %llu: %d %.*s", h->name,
		    (unsigned long long)a->id, e->status,
		    (int)min_u64(e->body_len, 90), str_or(e->body, ""));
	end(w, a, &(struct answer){ e->status, e->body, e->body_len });
}

void
ask_daemon_died(struct host *h)
{
	list_each_safe (it, tmp, &h->w->asked) {
		struct asked *a = container_of(it, struct asked, link);

		if (a->host == h)
			end(h->w, a, &(struct answer){ .status = 0 });
	}
}

void
ask_fini(struct world *w)
{
	while (!list_empty(&w->asked)) {
		struct asked *a =
			container_of(w->asked.next, struct asked, link);

		list_remove(&a->link);
		mem_free(a);
	}
}
