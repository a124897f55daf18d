/*
 * dispatcher_tx.c - what becomes of nodes and tasks by what workers say and
 * by their silence. It is kept until the tables show it, since a transaction
 * may lose a race.
 */
#include <string.h>

#include "core/base/check.h"
#include "core/base/mem.h"
#include "core/base/str.h"
#include "core/manager/dispatcher_impl.h"

/* ---- nodes ---------------------------------------------------------------
 */

struct node_news *
dispatcher_news_of(struct dispatcher *d, struct worker *w)
{
	if (w->news != NULL)
		return w->news;
	w->news = mem_new(sizeof(*w->news));
	arena_init(&w->news->arena);
	list_append(&d->newsy, &w->newsy);
	return w->news;
}

void
dispatcher_news_drop(struct worker *w)
{
	list_remove(&w->newsy);
	if (w->news == NULL)
		return;
	arena_fini(&w->news->arena);
	mem_free(w->news->manager_addr);
	mem_free(w->news);
	w->news = NULL;
}

static bool
is_as_told(const struct node_object *o, const struct dispatcher_hello *h)
{
	return o->status.state == NODE_READY &&
	       (str_empty(h->addr) || str_eq(o->status.addr, h->addr)) &&
	       o->gossip_port == h->gossip_port &&
	       model_equal(&node_description_type, &o->description,
			   h->description);
}

void
dispatcher_news_describe(struct dispatcher *d, struct worker *w,
			 const struct node_object *o,
			 const struct dispatcher_hello *h)
{
	struct node_news *news;

	if (w->news == NULL && is_as_told(o, h))
		return;
	news = dispatcher_news_of(d, w);
	news->state = NODE_READY;
	news->message = NULL;
	news->orphan = false;
	if (!str_empty(h->addr) && strlen(h->addr) < sizeof(news->addr))
		memcpy(news->addr, h->addr, strlen(h->addr) + 1);
	news->told = true;
	news->gossip_port = h->gossip_port;
	arena_fini(&news->arena);
	model_copy(&node_description_type, h->description, &news->arena,
		   &news->description);
}

void
dispatcher_manager_at(struct dispatcher *d, const char *node_id,
		      const char *addr)
{
	struct worker *w = dispatcher_worker(d, node_id);
	const struct node_object *o = state_get(d->state, OBJECT_NODE, node_id);

	if (w == NULL || o == NULL || str_empty(addr) ||
	    (w->news == NULL && str_eq(o->manager_addr, addr)))
		return;
	mem_free(dispatcher_news_of(d, w)->manager_addr);
	w->news->manager_addr = mem_strdup(addr);
}

static void
apply_state(const struct node_news *news, struct node_object *o, struct now now)
{
	struct arena *a = object_arena(o);

	if (news->state == 0)
		return;
	if (news->state == NODE_READY)
		o->down_since = 0;
	else if (o->status.state != news->state)
		o->down_since = now.wall_ns;
	o->status.state = news->state;
	o->status.message = arena_strdup(a, news->message);
}

static void
apply_news(const struct node_news *news, struct node_object *o, struct now now)
{
	struct arena *a = object_arena(o);

	apply_state(news, o, now);
	if (news->addr[0] != '\0')
		o->status.addr = arena_strdup(a, news->addr);
	if (news->manager_addr != NULL)
		o->manager_addr = arena_strdup(a, news->manager_addr);
	if (!news->told)
		return;
	o->gossip_port = news->gossip_port;
	model_copy(&node_description_type, &news->description, a,
		   &o->description);
}

/* Facts 3.6: what ran on a node that is down for a day is given up. */
static bool
put_orphans(struct dispatcher *d, const struct worker *w, struct now now,
	    size_t max, struct tx *tx)
{
	struct task_span span = state_tasks_of_node(d->state, w->id);
	bool any = false;

	for (size_t i = 0; i < span.count && tx->count < max; i++) {
		const struct task *t = span.v[i];
		struct task *next;

		if (t->status.state < TASK_ASSIGNED ||
		    t->status.state > TASK_RUNNING)
			continue;
		next = object_clone(t);
		next->status.state = TASK_ORPHANED;
		next->status.timestamp = now.wall_ns;
		next->status.message = "orphaned";
		next->status.err = "its node has been down for a day";
		tx_put(tx, next, t->head.version.index);
		any = true;
	}
	return any;
}

/* False: the tables show it all. */
static bool
put_node(struct dispatcher *d, const struct worker *w, struct now now,
	 size_t max, struct tx *tx)
{
	const struct node_object *o = state_get(d->state, OBJECT_NODE, w->id);
	struct node_object *next;
	bool orphans;

	check(o != NULL);
	orphans = w->news->orphan && put_orphans(d, w, now, max, tx);
	next = object_clone(o);
	apply_news(w->news, next, now);
	if (model_equal(&node_type, o, next)) {
		object_unref(next);
		return orphans;
	}
	tx_put(tx, next, o->head.version.index);
	return true;
}

/* ---- statuses ------------------------------------------------------------
 */

static void
report_free(struct dispatcher *d, struct report *r)
{
	struct worker *w = dispatcher_worker(d, r->node_id);

	if (w != NULL && w->reports > 0)
		w->reports--;
	list_remove(&r->link);
	d->report_count--;
	arena_fini(&r->arena);
	mem_free(r);
}

void
dispatcher_reports_fini(struct dispatcher *d)
{
	list_each_safe (it, tmp, &d->reports)
		report_free(d, container_of(it, struct report, link));
}

static void
put_report(struct report *r, struct manager *m, struct now now, struct tx *tx)
{
	r->in_tx = true;
	for (size_t i = 0; i < r->count; i++)
		manager_task_status(m, now, r->node_id, r->v[i].task_id,
				    r->v[i].status, tx);
}

bool
dispatcher_has_tx(const struct dispatcher *d)
{
	return !list_empty(&d->newsy) || !list_empty(&d->reports);
}

void
dispatcher_tx(struct dispatcher *d, struct manager *m, struct now now,
	      size_t max, struct tx *tx)
{
	list_each_safe (it, tmp, &d->newsy) {
		struct worker *w = container_of(it, struct worker, newsy);

		if (tx->count >= max)
			return;
		if (!put_node(d, w, now, max, tx))
			dispatcher_news_drop(w);
	}
	list_each (it, &d->reports) {
		if (tx->count >= max)
			return;
		put_report(container_of(it, struct report, link), m, now, tx);
	}
}

void
dispatcher_tx_done(struct dispatcher *d, bool applied)
{
	list_each_safe (it, tmp, &d->reports) {
		struct report *r = container_of(it, struct report, link);

		if (!r->in_tx)
			continue;
		r->in_tx = false;
		if (!applied)
			continue;
		if (r->call != 0)
			dispatcher_out_reply(d, &(struct dispatcher_out){
							.what = DISPATCH_DONE,
							.route = r->route,
							.call = r->call });
		report_free(d, r);
	}
}
