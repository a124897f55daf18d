/*
 * dispatcher.c - see dispatcher.h: who has a session, and until when it may
 * be silent. A heap by that time holds every node, so that a heartbeat costs
 * the logarithm of their number.
 */
#include "core/manager/dispatcher.h"

#include <errno.h>
#include <string.h>

#include "core/base/check.h"
#include "core/base/mem.h"
#include "core/base/rand.h"
#include "core/base/str.h"
#include "core/manager/dispatcher_impl.h"

/* ---- the heap ------------------------------------------------------------
 */

static void
heap_put(struct dispatcher *d, size_t at, struct worker *w)
{
	d->heap[at] = w;
	w->heap_at = at;
}

static void
heap_up(struct dispatcher *d, size_t at)
{
	struct worker *w = d->heap[at];

	while (at > 0 && d->heap[(at - 1) / 2]->due_ms > w->due_ms) {
		heap_put(d, at, d->heap[(at - 1) / 2]);
		at = (at - 1) / 2;
	}
	heap_put(d, at, w);
}

static void
heap_down(struct dispatcher *d, size_t at)
{
	struct worker *w = d->heap[at];

	while (2 * at + 1 < d->count) {
		size_t least = 2 * at + 1;

		if (least + 1 < d->count &&
		    d->heap[least + 1]->due_ms < d->heap[least]->due_ms)
			least++;
		if (d->heap[least]->due_ms >= w->due_ms)
			break;
		heap_put(d, at, d->heap[least]);
		at = least;
	}
	heap_put(d, at, w);
}

static void
set_due(struct dispatcher *d, struct worker *w, uint64_t due_ms)
{
	w->due_ms = due_ms;
	heap_up(d, w->heap_at);
	heap_down(d, w->heap_at);
}

/* ---- nodes ---------------------------------------------------------------
 */

struct worker *
dispatcher_worker(const struct dispatcher *d, const char *id)
{
	return map_get(&d->index, id);
}

static uint64_t
grace_ms(const struct dispatcher *d)
{
	return DISPATCHER_GRACE * d->period_ms;
}

static uint64_t
orphan_ms(const struct node_object *o, struct now now)
{
	int64_t down_ms = (now.wall_ns - o->down_since) / NS_PER_MS;

	if (o->down_since == 0 || down_ms < 0)
		down_ms = 0;
	if ((uint64_t)down_ms >= DISPATCHER_ORPHAN_MS)
		return now.mono_ms;
	return now.mono_ms + DISPATCHER_ORPHAN_MS - (uint64_t)down_ms;
}

/* It has no session yet: it gets time to ask for one. */
static void
worker_add(struct dispatcher *d, const struct node_object *o, struct now now)
{
	struct worker *w = mem_new(sizeof(*w));
	size_t len = strlen(o->head.id);

	check(len <= ID_LEN);
	memcpy(w->id, o->head.id, len + 1);
	list_init(&w->busy);
	list_init(&w->newsy);
	w->down = o->status.state == NODE_DOWN;
	w->due_ms = w->down ? orphan_ms(o, now) : now.mono_ms + 2 * grace_ms(d);
	d->heap = mem_grow(d->heap, d->count, &d->cap, sizeof(struct worker *));
	d->heap[d->count] = w;
	w->heap_at = d->count++;
	heap_up(d, w->heap_at);
	check(map_put(&d->index, w->id, w) == NULL);
}

static void
worker_free(struct worker *w)
{
	dispatcher_out_forget(w);
	dispatcher_news_drop(w);
	mem_free(w->touched);
	mem_free(w);
}

static void
session_end(struct dispatcher *d, struct worker *w)
{
	if (w->session == 0)
		return;
	w->session = 0;
	d->session_count--;
	dispatcher_out_forget(w);
}

static void
lost(struct dispatcher *d, const struct dispatcher_route *route)
{
	dispatcher_out_reply(d, &(struct dispatcher_out){ .what = DISPATCH_LOST,
							  .route = *route });
}

static void
worker_drop(struct dispatcher *d, struct worker *w)
{
	size_t at = w->heap_at;

	if (w->session != 0)
		lost(d, &w->route);
	session_end(d, w);
	check(map_del(&d->index, w->id) == w);
	d->count--;
	if (at < d->count) {
		heap_put(d, at, d->heap[d->count]);
		heap_up(d, at);
		heap_down(d, d->heap[at]->heap_at);
	}
	worker_free(w);
}

static uint64_t
period_of(const struct state *s)
{
	const struct cluster *c = state_cluster(s);
	int64_t ns = c != NULL ? c->spec.dispatcher.heartbeat_period_ns : 0;

	return ns > NS_PER_MS ? (uint64_t)(ns / NS_PER_MS)
			      : DISPATCHER_PERIOD_MS;
}

struct dispatcher *
dispatcher_new(const struct state *state, uint64_t *rand_state,
	       const char *node_id, struct now now)
{
	struct dispatcher *d = mem_new(sizeof(*d));

	d->state = state;
	d->rand_state = rand_state;
	d->node_id = mem_strdup(node_id);
	d->period_ms = period_of(state);
	d->began_ms = now.mono_ms;
	map_init(&d->index, rand_next(rand_state));
	list_init(&d->busy);
	list_init(&d->newsy);
	list_init(&d->reports);
	dispatcher_out_init(d);
	for (size_t i = 0; i < state_count(state, OBJECT_NODE); i++) {
		const struct node_object *o = state_at(state, OBJECT_NODE, i);

		worker_add(d, o, now);
		dispatcher_out_peer_changed(d, NULL, o);
	}
	return d;
}

void
dispatcher_free(struct dispatcher *d)
{
	if (d == NULL)
		return;
	dispatcher_reports_fini(d);
	for (size_t i = 0; i < d->count; i++)
		worker_free(d->heap[i]);
	mem_free(d->heap);
	map_fini(&d->index);
	dispatcher_out_fini(d);
	mem_free(d->node_id);
	mem_free(d);
}

bool
dispatcher_route(struct dispatcher *d, const char *node_id,
		 struct dispatcher_route *ret)
{
	const struct worker *w = dispatcher_worker(d, node_id);

	if (w == NULL || w->session == 0)
		return false;
	*ret = w->route;
	return true;
}

size_t
dispatcher_sessions(const struct dispatcher *d)
{
	return d->session_count;
}

/* ---- sessions ------------------------------------------------------------
 */

static void
done(struct dispatcher *d, const struct dispatcher_from *f, int code,
     const char *why)
{
	if (f->call != 0)
		dispatcher_out_reply(
			d, &(struct dispatcher_out){ .what = DISPATCH_DONE,
						     .route = f->route,
						     .call = f->call,
						     .code = code,
						     .why = why });
}

static bool
is_local(const struct worker *w)
{
	return w->session != 0 && w->route.link == 0;
}

static bool
is_same_way(const struct dispatcher_route *a, const struct dispatcher_route *b)
{
	return a->link == b->link && a->relayed == b->relayed &&
	       a->relay == b->relay;
}

/*
 * Notes that one begins now, unless enough did lately (facts 6.1). One that
 * begins again over the route that it has (it got a new certificate, another
 * address) is no newcomer: for it a pause is enough.
 */
static bool
begins_too_often(struct worker *w, const struct dispatcher_from *f,
		 struct now now)
{
	size_t oldest = 0, newest = 0;

	for (size_t i = 1; i < DISPATCHER_RATE_MAX; i++) {
		if (w->begun_ms[i] < w->begun_ms[oldest])
			oldest = i;
		if (w->begun_ms[i] > w->begun_ms[newest])
			newest = i;
	}
	if (w->session != 0 && is_same_way(&w->route, &f->route) &&
	    now.mono_ms - w->begun_ms[newest] >= DISPATCHER_AGAIN_MS) {
		w->begun_ms[newest] = max_u64(now.mono_ms, 1);
		return false;
	}
	if (w->begun_ms[oldest] != 0 &&
	    now.mono_ms - w->begun_ms[oldest] < DISPATCHER_RATE_MS)
		return true;
	w->begun_ms[oldest] = max_u64(now.mono_ms, 1);
	return false;
}

static struct assignment_sum
sum_of(const struct dispatcher *d, const struct worker *w)
{
	struct task_span span = state_tasks_of_node(d->state, w->id);
	struct assignment_sum s = { 0 };

	for (size_t i = 0; i < span.count; i++)
		if (assignment_is_of(span.v[i], w->id))
			assignment_add(&s, assignment_hash(span.v[i]));
	return s;
}

static void
session_begin(struct dispatcher *d, struct worker *w,
	      const struct dispatcher_from *f, const struct dispatcher_hello *h,
	      struct now now)
{
	bool local = f->route.link == 0;

	session_end(d, w);
	d->session_count++;
	w->session = rand_next(d->rand_state) | 1;
	w->route = f->route;
	w->call = f->call;
	w->heard_ms = now.mono_ms;
	w->asked_ms = 0;
	w->down = w->dead = false;
	w->has_tables = h->has_tables;
	w->peers_told = 0;
	w->number = 0;
	w->sum = sum_of(d, w);
	w->want_settings = true;
	w->want_begin = assignment_same(&w->sum, &h->has);
	w->want_full = !w->want_begin;
	dispatcher_out_busy(d, w);
	set_due(d, w, local ? NEVER : now.mono_ms + grace_ms(d));
}

static bool
is_longer(const struct type *t, const void *record, size_t than)
{
	struct buf packed = { 0 };
	bool longer;

	model_pack(t, record, &packed);
	longer = packed.len > than;
	buf_fini(&packed);
	return longer;
}

void
dispatcher_session(struct dispatcher *d, const struct dispatcher_from *f,
		   const struct dispatcher_hello *h, struct now now)
{
	const struct node_object *o =
		state_get(d->state, OBJECT_NODE, f->node_id);
	struct worker *w = dispatcher_worker(d, f->node_id);

	if (o == NULL || w == NULL) {
		done(d, f, -ENOENT, "the cluster does not know this node");
		return;
	}
	if (f->route.link != 0 && begins_too_often(w, f, now)) {
		done(d, f, -EAGAIN,
		     "this node began too many sessions; it is to wait");
		return;
	}
	if (is_longer(&node_description_type, h->description,
		      DISPATCHER_DESCRIPTION_MAX)) {
		done(d, f, -EMSGSIZE,
		     "what this node says of itself is too "
		     "long: give its engine fewer labels");
		return;
	}
	session_begin(d, w, f, h, now);
	dispatcher_news_describe(d, w, o, h);
}

/* The node's session, if it is this one; else it is told to begin again. */
static struct worker *
session_of(struct dispatcher *d, const struct dispatcher_from *f,
	   uint64_t session)
{
	struct worker *w = dispatcher_worker(d, f->node_id);

	if (w != NULL && w->session != 0 && w->session == session)
		return w;
	lost(d, &f->route);
	return NULL;
}

static int64_t
jittered_ns(struct dispatcher *d)
{
	uint64_t period = d->period_ms, tenth = period / 10;
	uint64_t jitter =
		tenth > 0 ? rand_next(d->rand_state) % (2 * tenth) : 0;

	return (int64_t)(period - tenth + jitter) * NS_PER_MS;
}

void
dispatcher_heartbeat(struct dispatcher *d, const struct dispatcher_from *f,
		     uint64_t session, struct now now)
{
	struct worker *w = session_of(d, f, session);

	if (w == NULL)
		return;
	w->heard_ms = now.mono_ms;
	w->asked_ms = 0;
	if (!is_local(w))
		set_due(d, w, now.mono_ms + grace_ms(d));
	dispatcher_out_reply(
		d, &(struct dispatcher_out){ .what = DISPATCH_HEARD,
					     .route = f->route,
					     .call = f->call,
					     .session = session,
					     .period_ns = jittered_ns(d) });
}

/* One that is longer than any of ours is not looked at. */
static void
keep_status(struct report *r, const struct dispatcher_status *v)
{
	struct task_status *s;

	if (is_longer(&task_status_type, v->status, DISPATCHER_STATUS_MAX))
		return;
	s = arena_alloc(&r->arena, sizeof(*s));
	model_copy(&task_status_type, v->status, &r->arena, s);
	r->v[r->count++] =
		(struct dispatcher_status){ arena_strdup(&r->arena, v->task_id),
					    s };
}

void
dispatcher_statuses(struct dispatcher *d, const struct dispatcher_from *f,
		    uint64_t session, const struct dispatcher_status *v,
		    size_t count)
{
	struct worker *w = session_of(d, f, session);
	struct report *r;

	if (w == NULL)
		return;
	if (d->report_count >= DISPATCHER_REPORTS_MAX ||
	    w->reports >= DISPATCHER_REPORTS_EACH) {
		done(d, f, -ENOBUFS, "too many reports wait for the disk");
		return;
	}
	r = mem_new(sizeof(*r));
	arena_init(&r->arena);
	r->node_id = arena_strdup(&r->arena, f->node_id);
	r->route = f->route;
	r->call = f->call;
	r->v = arena_array(&r->arena, count, sizeof(*r->v));
	for (size_t i = 0; i < count; i++)
		keep_status(r, &v[i]);
	list_append(&d->reports, &r->link);
	d->report_count++;
	w->reports++;
}

/* ---- silence -------------------------------------------------------------
 */

static void
go_down(struct dispatcher *d, struct worker *w, const char *message,
	struct now now)
{
	struct node_news *news = dispatcher_news_of(d, w);

	if (w->session != 0)
		lost(d, &w->route); /* if it hears that, it begins again */
	session_end(d, w);
	w->down = true;
	news->state = NODE_DOWN;
	news->message = message;
	set_due(d, w, now.mono_ms + DISPATCHER_ORPHAN_MS);
}

void
dispatcher_left(struct dispatcher *d, const char *node_id, struct now now)
{
	struct worker *w = dispatcher_worker(d, node_id);

	if (w == NULL)
		return;
	session_end(d, w);
	go_down(d, w, "node left", now);
}

static bool
is_on(const struct worker *w, const struct dispatcher_route *r)
{
	if (w->session == 0 || w->route.link != r->link)
		return false;
	return !r->relayed || (w->route.relayed && w->route.relay == r->relay);
}

/* The node may be on its way to another manager: its grace goes on. */
void
dispatcher_route_down(struct dispatcher *d, const struct dispatcher_route *r,
		      struct now now)
{
	check(r->link != 0);
	for (size_t i = 0; i < d->count; i++) {
		struct worker *w = d->heap[i];

		if (!is_on(w, r))
			continue;
		session_end(d, w);
		/* When it dies, others will say so, or have done so. */
		if (w->dead)
			set_due(d, w, now.mono_ms);
	}
}

static void
ask(struct dispatcher *d, struct worker *w, struct now now)
{
	if (w->session == 0 || w->asked_ms != 0)
		return;
	w->asked_ms = max_u64(now.mono_ms, 1);
	dispatcher_out_reply(d,
			     &(struct dispatcher_out){ .what = DISPATCH_HEARD,
						       .route = w->route,
						       .session = w->session });
}

/*
 * Gossip alone ends nothing: a node whose packets are lost may well answer
 * over its session. So it is asked, while others still doubt it.
 */
void
dispatcher_liveness(struct dispatcher *d, const char *node_id, enum liveness l,
		    struct now now)
{
	struct worker *w = dispatcher_worker(d, node_id);
	uint64_t until = now.mono_ms + DISPATCHER_ANSWER_MS;

	if (w == NULL || is_local(w))
		return;
	w->dead = l == LIVENESS_DEAD;
	if (w->down || l == LIVENESS_ALIVE)
		return;
	ask(d, w, now);
	if (l == LIVENESS_DOUBTED)
		return;
	if (w->session != 0)
		until = w->asked_ms + DISPATCHER_ANSWER_MS;
	else if (w->heard_ms != 0)
		until = now.mono_ms; /* its link is gone, too */
	else /* it may still look for the one who leads now */
		until = max_u64(until, d->began_ms + DISPATCHER_COME_MS);
	set_due(d, w, min_u64(w->due_ms, until));
}

void
dispatcher_tick(struct dispatcher *d, struct now now)
{
	while (d->count > 0 && d->heap[0]->due_ms <= now.mono_ms) {
		struct worker *w = d->heap[0];

		if (!w->down) {
			go_down(d, w, "heartbeat failure", now);
			continue;
		}
		dispatcher_news_of(d, w)->orphan = true;
		set_due(d, w, NEVER);
	}
	dispatcher_out_tick(d, now);
}

uint64_t
dispatcher_deadline(const struct dispatcher *d)
{
	uint64_t at = d->peers_due_ms;

	return d->count > 0 ? min_u64(at, d->heap[0]->due_ms) : at;
}

/* ---- what changed --------------------------------------------------------
 */

void
dispatcher_want_all(struct dispatcher *d)
{
	for (size_t i = 0; i < d->count; i++) {
		if (d->heap[i]->session == 0)
			continue;
		d->heap[i]->want_settings = true;
		dispatcher_out_busy(d, d->heap[i]);
	}
}

static void
touch(struct dispatcher *d, const struct task *t, const struct task *before)
{
	struct worker *w = t != NULL && !str_empty(t->node_id)
				   ? dispatcher_worker(d, t->node_id)
				   : NULL;

	if (w == NULL || w->session == 0 || w->want_full)
		return;
	dispatcher_out_touch(
		d, w, t,
		assignment_is_of(before, w->id) ? assignment_hash(before) : 0);
}

/* A change of the status alone came from the worker: it is not sent back. */
static bool
is_status_only(const struct task *before, const struct task *after)
{
	return before != NULL && after != NULL &&
	       before->status.state >= TASK_ASSIGNED &&
	       before->desired_state == after->desired_state &&
	       before->spec_version == after->spec_version &&
	       str_eq(before->node_id, after->node_id);
}

static void
task_changed(struct dispatcher *d, const struct task *before,
	     const struct task *after)
{
	if (is_status_only(before, after))
		return;
	touch(d, after, before);
	if (after == NULL ||
	    (before != NULL && !str_eq(before->node_id, after->node_id)))
		touch(d, before, before);
}

static bool
same_settings(const struct node_object *a, const struct node_object *b)
{
	return a->role == b->role && a->renew == b->renew &&
	       model_equal(&node_spec_type, &a->spec, &b->spec);
}

/* Somebody else wrote that it is down: it was removed, or it left. */
static void
see_down(struct dispatcher *d, struct worker *w, const struct node_object *o,
	 struct now now)
{
	if (o->status.state != NODE_DOWN || w->down || w->news != NULL)
		return;
	session_end(d, w);
	w->down = true;
	set_due(d, w, orphan_ms(o, now));
}

static void
node_changed(struct dispatcher *d, const struct node_object *before,
	     const struct node_object *after, struct now now)
{
	const struct node_object *o = after != NULL ? after : before;
	struct worker *w = dispatcher_worker(d, o->head.id);

	dispatcher_out_peer_changed(d, before, after);
	if (after == NULL && w != NULL)
		worker_drop(d, w);
	if (after != NULL && w == NULL)
		worker_add(d, after, now);
	if (after != NULL && w != NULL)
		see_down(d, w, after, now);
	if (after == NULL || before == NULL || w == NULL || w->session == 0 ||
	    same_settings(before, after))
		return;
	w->want_settings = true;
	dispatcher_out_busy(d, w);
}

static bool
same_keys(const struct cluster *a, const struct cluster *b)
{
	if (a->gossip_keys.count != b->gossip_keys.count)
		return false;
	for (uint32_t i = 0; i < a->gossip_keys.count; i++)
		if (!model_equal(&gossip_key_type, &a->gossip_keys.v[i],
				 &b->gossip_keys.v[i]))
			return false;
	return true;
}

static bool
same_roots(const struct cluster *a, const struct cluster *b)
{
	const char *x = a->rotation != NULL ? a->rotation->next.cert : NULL;
	const char *y = b->rotation != NULL ? b->rotation->next.cert : NULL;

	return str_eq(a->root.cert, b->root.cert) && str_eq(x, y);
}

static void
cluster_changed(struct dispatcher *d, const struct cluster *before,
		const struct cluster *after, struct now now)
{
	uint64_t period = period_of(d->state);

	if (period != d->period_ms) {
		d->period_ms = period;
		for (size_t i = 0; i < d->count; i++)
			d->heap[i]->due_ms =
				d->heap[i]->session == 0 || is_local(d->heap[i])
					? d->heap[i]->due_ms
					: now.mono_ms + grace_ms(d);
		for (size_t i = d->count; i > 0; i--)
			heap_down(d, i - 1);
	} else if (before != NULL && after != NULL &&
		   same_keys(before, after) && same_roots(before, after)) {
		return;
	}
	dispatcher_want_all(d);
}

static void
one_changed(struct dispatcher *d, const struct change *c, struct now now)
{
	switch (c->type) {
	case OBJECT_TASK:
		task_changed(d, c->before, c->after);
		return;
	case OBJECT_NODE:
		node_changed(d, c->before, c->after, now);
		return;
	case OBJECT_CLUSTER:
		cluster_changed(d, c->before, c->after, now);
		return;
	case OBJECT_SERVICE:
	case OBJECT_NETWORK:
	case OBJECT_RECEIPT:
		return;
	case OBJECT_TYPE_COUNT:
		break;
	}
	unreachable();
}

void
dispatcher_changed(struct dispatcher *d, const struct changes *changes,
		   struct now now)
{
	for (size_t i = 0; i < changes->count; i++)
		one_changed(d, &changes->v[i], now);
	dispatcher_out_tick(d, now);
}
