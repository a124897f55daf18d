/*
 * watch.c - requests that go on: streams of events, and logs, which the
 * driver sends and to which a followed service may add tasks.
 */
#include <errno.h>
#include <string.h>

#include "core/base/check.h"
#include "core/base/mem.h"
#include "core/base/str.h"
#include "core/base/time_text.h"
#include "core/model/naming.h"
#include "core/node/node_impl.h"

/* "1700000000", "1700000000.123456789" or RFC 3339; "" is 0. */
static int
read_time(const struct request *r, const char *key, int64_t *ret, struct err *e)
{
	const char *s = request_query(r, key);
	size_t whole = strspn(s, "0123456789");
	int64_t ns = 0, scale = NS_PER_S;

	*ret = 0;
	if (*s == '\0')
		return 0;
	if (whole > 0 && whole <= 10 && (s[whole] == '\0' || s[whole] == '.')) {
		for (size_t i = 0; i < whole; i++)
			ns = ns * 10 + (s[i] - '0');
		/* What comes after the last second of all is as late. */
		if (ns >= INT64_MAX / NS_PER_S)
			ns = INT64_MAX / NS_PER_S - 1;
		ns *= NS_PER_S;
		for (s += whole + (s[whole] == '.'); *s >= '0' && *s <= '9';
		     s++) {
			scale /= 10;
			ns += (*s - '0') * scale;
		}
		if (*s == '\0') {
			*ret = ns;
			return 0;
		}
	} else if (time_parse(s, ret)) {
		return 0;
	}
	return err_set(e, -EINVAL, "invalid value for %s: '%s' is not a time",
		       key, request_query(r, key));
}

static struct watcher *
watcher_add(struct node *n, const struct request *r)
{
	struct watcher *w;

	if (n->watcher_count >= WATCHERS_MAX) {
		effect_error(n, r->id, 503, "%d streams are open already",
			     WATCHERS_MAX);
		return NULL;
	}
	w = mem_new(sizeof(*w));
	w->request_id = r->id;
	w->until_ms = UINT64_MAX;
	list_append(&n->watchers, &w->link);
	n->watcher_count++;
	return w;
}

static void
watcher_free(struct node *n, struct watcher *w)
{
	list_remove(&w->link);
	n->watcher_count--;
	control_event_filter_free(w->filter);
	mem_free(w->service_id);
	mem_free(w->task_id);
	mem_free(w);
}

/* ---- events
 * ------------------------------------------------------------------- */

static void
send_event(struct node *n, const struct watcher *w, const struct change *c,
	   struct now now)
{
	struct buf line = { 0 };

	if (control_event_passes(w->filter, c) && control_event(c, now, &line))
		effect_stream(n, w->request_id, STREAM_JSON, line.p, line.len);
	buf_fini(&line);
}

static void
send_past(struct node *n, const struct watcher *w, int64_t since, int64_t until)
{
	uint64_t first =
		n->recent_count > RECENT_MAX ? n->recent_count - RECENT_MAX : 0;

	for (uint64_t i = first; i < n->recent_count; i++) {
		const struct recent *x = &n->recent[i % RECENT_MAX];

		if (x->now.wall_ns >= since &&
		    (until == 0 || x->now.wall_ns <= until))
			send_event(n, w, &x->change, x->now);
	}
}

void
watch_events(struct node *n, const struct request *r)
{
	struct event_filter *filter = NULL;
	int64_t since, until;
	struct watcher *w;
	struct err e;

	if (read_time(r, "since", &since, &e) < 0 ||
	    read_time(r, "until", &until, &e) < 0 ||
	    control_event_filter_new(r, &filter, &e) < 0) {
		effect_error(n, r->id, 400, "%s", e.msg);
		return;
	}
	w = watcher_add(n, r);
	if (w == NULL) {
		control_event_filter_free(filter);
		return;
	}
	w->filter = filter;
	/* The client waits for the headers before it shows anything. */
	effect_stream(n, r->id, STREAM_JSON, NULL, 0);
	if (since != 0)
		send_past(n, w, since, until);
	if (until == 0)
		return;
	w->until_ms = n->now.mono_ms;
	if (until > n->now.wall_ns)
		w->until_ms += (uint64_t)((until - n->now.wall_ns) / NS_PER_MS);
}

static void
remember(struct node *n, const struct change *c)
{
	struct recent *x = &n->recent[n->recent_count % RECENT_MAX];

	if (c->type == OBJECT_TASK)
		return; /* Docker has no events of tasks */
	n->recent_count++;
	object_unref(x->change.before);
	object_unref(x->change.after);
	x->change = *c;
	x->now = n->now;
	if (c->before != NULL)
		object_ref(c->before);
	if (c->after != NULL)
		object_ref(c->after);
}

/* ---- logs
 * --------------------------------------------------------------------- */

static int
read_log_options(const struct request *r, struct log_options *ret,
		 struct err *e)
{
	const char *tail = request_query(r, "tail");
	struct log_options o = { .tail = -1 };

	o.out = request_query_bool(r, "stdout");
	o.err = request_query_bool(r, "stderr");
	o.follow = request_query_bool(r, "follow");
	o.timestamps = request_query_bool(r, "timestamps");
	o.details = request_query_bool(r, "details");
	if (!o.out && !o.err)
		return err_set(e, -EINVAL,
			       "Bad parameters: you must choose at least one "
			       "stream");
	/* Docker takes what is no number for all. */
	if (!str_to_i64(tail, &o.tail) || o.tail < 0)
		o.tail = -1;
	if (read_time(r, "since", &o.since_ns, e) < 0 ||
	    read_time(r, "until", &o.until_ns, e) < 0)
		return -EINVAL;
	*ret = o;
	return 0;
}

static struct kvs
log_details(struct node *n, const struct task *t)
{
	struct kvs m = { arena_array(&n->step_arena, 3, sizeof(*m.v)), 3 };

	m.v[0] = (struct kv){ "com.docker.swarm.node.id", t->node_id };
	m.v[1] = (struct kv){ "com.docker.swarm.service.id", t->service_id };
	m.v[2] = (struct kv){ "com.docker.swarm.task.id", t->head.id };
	for (uint32_t i = 0; i < m.count; i++)
		m.v[i].value =
			arena_strdup(&n->step_arena, str_or(m.v[i].value, ""));
	return m;
}

/* "" before it was started. */
static const char *
container_of_task(const struct task *t)
{
	const struct container_status *c = t->status.container;

	return c == NULL ? "" : str_or(c->container_id, "");
}

/* false: this node has no container of the task. */
static bool
log_source(struct node *n, const struct task *t, struct log_source *ret)
{
	const char *container_id = NULL;
	struct arena *a = &n->step_arena;

	if (!str_eq(t->node_id, n->node_id) || n->agent == NULL)
		return false;
	if (agent_container(n->agent, t->head.id, &container_id) == NULL)
		container_id = container_of_task(t);
	if (str_empty(container_id))
		return false;
	ret->task_id = arena_strdup(a, t->head.id);
	ret->container_id = arena_strdup(a, container_id);
	ret->details = log_details(n, t);
	ret->tty = t->spec.container != NULL && t->spec.container->tty;
	ret->ended = agent_has_ended(n->agent, t->head.id);
	return true;
}

static struct effect *
effect_logs(struct node *n, uint64_t request_id, const struct log_source *v,
	    size_t count, const struct log_options *options)
{
	struct effect *e = effect_add(n, EFFECT_LOGS);

	e->request_id = request_id;
	e->logs = v;
	e->log_count = count;
	e->log_options = *options;
	return e;
}

static struct watcher *
follow(struct node *n, const struct request *r, const struct log_selection *sel,
       const struct log_options *options)
{
	struct watcher *w = watcher_add(n, r);

	if (w == NULL)
		return NULL;
	w->options = *options;
	w->service_id = mem_strdup(sel->service_id);
	if (sel->service_id == NULL && sel->count > 0)
		w->task_id = mem_strdup(sel->tasks[0]->head.id);
	return w;
}

/* Will nothing be added to what the stream has? */
static bool
is_last(const struct node *n, const struct watcher *w)
{
	const struct task *t;

	if (n->state == NULL)
		return true;
	if (w->task_id != NULL) {
		t = state_get(n->state, OBJECT_TASK, w->task_id);
		return t == NULL || task_state_ended(t->status.state);
	}
	return state_get(n->state, OBJECT_SERVICE, w->service_id) == NULL &&
	       state_tasks_of_service(n->state, w->service_id).count == 0;
}

/* A stream that waits for what will not come is ended. */
static void
end_logs(struct node *n, struct watcher *w)
{
	if (w->filter != NULL || !is_last(n, w))
		return;
	if (!w->begun)
		effect_stream_end(n, w->request_id);
	else if (w->service_id != NULL)
		(void)effect_logs(n, w->request_id, NULL, 0, &w->options);
	watcher_free(n, w);
}

static void
send_logs(struct node *n, const struct request *r,
	  const struct log_selection *sel, const struct log_options *options)
{
	struct log_source *v =
		arena_array(&n->step_arena, sel->count, sizeof(*v));
	struct watcher *w = NULL;
	size_t count = 0;

	if (options->follow) {
		w = follow(n, r, sel, options);
		if (w == NULL)
			return; /* refused */
	}
	for (size_t i = 0; i < sel->count; i++)
		if (log_source(n, sel->tasks[i], &v[count]))
			count++;
	if (count > 0) {
		effect_logs(n, r->id, v, count, options)->log_endless =
			options->follow && sel->service_id != NULL;
		if (w != NULL)
			w->begun = true;
		return;
	}
	effect_stream(n, r->id, STREAM_FRAMES, NULL, 0);
	if (w != NULL)
		end_logs(n, w);
	else
		effect_stream_end(n, r->id);
}

/* All there is is here: the driver sends it straight to the client. */
static bool
is_alone(const struct node *n, const struct request *r)
{
	return state_count(n->state, OBJECT_NODE) == 1 &&
	       (r->id & REQUEST_FOREIGN) == 0;
}

void
watch_logs(struct node *n, const struct request *r)
{
	struct control_env env = request_env(n);
	struct control_reply reply = { 0 };
	struct log_selection sel = { 0 };
	struct log_options options;
	struct err e;

	if (control_logs(&env, r, &n->step_arena, &sel, &reply) < 0 ||
	    reply.status != 0)
		effect_reply(n, r->id, reply.status, &reply.body);
	else if (read_log_options(r, &options, &e) < 0)
		effect_error(n, r->id, 400, "%s", e.msg);
	else if (is_alone(n, r))
		send_logs(n, r, &sel, &options);
	else
		logs_read(n, r, &sel, &options);
	control_reply_fini(&reply);
}

void
watch_container_logs(struct node *n, const struct request *r)
{
	const char *container_id = NULL;
	const struct task *t = NULL;
	struct log_options options;
	struct log_source *v;
	struct err e;

	if (n->agent != NULL)
		t = agent_container(n->agent, r->target, &container_id);
	if (t == NULL) {
		effect_error(n, r->id, 404, "No such container: %s", r->target);
		return;
	}
	if (read_log_options(r, &options, &e) < 0) {
		effect_error(n, r->id, 400, "%s", e.msg);
		return;
	}
	v = arena_alloc(&n->step_arena, sizeof(*v));
	v->task_id = arena_strdup(&n->step_arena, t->head.id);
	v->container_id = arena_strdup(&n->step_arena, container_id);
	v->details = log_details(n, t);
	v->tty = t->spec.container != NULL && t->spec.container->tty;
	v->ended = agent_has_ended(n->agent, t->head.id);
	(void)effect_logs(n, r->id, v, 1, &options);
}

/* A task of a followed service has got its container. */
static void
join_logs(struct node *n, struct watcher *w, const struct change *c)
{
	const struct task *before = c->before, *after = c->after;
	struct log_source *v;

	if (c->type != OBJECT_TASK || after == NULL ||
	    str_empty(container_of_task(after)))
		return;
	if (before != NULL && !str_empty(container_of_task(before)))
		return;
	if (w->service_id != NULL ? !str_eq(w->service_id, after->service_id)
				  : !str_eq(w->task_id, after->head.id))
		return;
	v = arena_alloc(&n->step_arena, sizeof(*v));
	if (!log_source(n, after, v))
		return;
	effect_logs(n, w->request_id, v, 1, &w->options)->log_endless =
		w->service_id != NULL;
	w->begun = true;
}

/* ---- for both
 * ------------------------------------------------------------------- */

void
watch_changes(struct node *n, const struct changes *changes)
{
	logs_changes(n, changes);
	for (size_t i = 0; i < changes->count; i++) {
		const struct change *c = &changes->v[i];

		if (c->type == OBJECT_RECEIPT)
			continue;
		remember(n, c);
		list_each_safe (it, tmp, &n->watchers) {
			struct watcher *w =
				container_of(it, struct watcher, link);

			if (w->filter != NULL)
				send_event(n, w, c, n->now);
			else
				join_logs(n, w, c);
			end_logs(n, w);
		}
	}
}

void
watch_leave(struct node *n)
{
	list_each_safe (it, tmp, &n->watchers)
		end_logs(n, container_of(it, struct watcher, link));
}

/* What changed meanwhile is not known: who watches asks again. */
void
watch_reset(struct node *n)
{
	list_each_safe (it, tmp, &n->watchers) {
		struct watcher *w = container_of(it, struct watcher, link);

		if (w->filter == NULL)
			continue;
		effect_stream_end(n, w->request_id);
		watcher_free(n, w);
	}
}

void
watch_tick(struct node *n)
{
	list_each_safe (it, tmp, &n->watchers) {
		struct watcher *w = container_of(it, struct watcher, link);

		if (n->now.mono_ms < w->until_ms)
			continue;
		effect_stream_end(n, w->request_id);
		watcher_free(n, w);
	}
}

void
watch_gone(struct node *n, uint64_t request_id)
{
	list_each_safe (it, tmp, &n->watchers) {
		struct watcher *w = container_of(it, struct watcher, link);

		if (w->request_id == request_id)
			watcher_free(n, w);
	}
}

uint64_t
watch_deadline(const struct node *n)
{
	uint64_t at = UINT64_MAX;

	list_each (it, &n->watchers)
		at = min_u64(at,
			     container_of(it, struct watcher, link)->until_ms);
	return at;
}

void
watch_fini(struct node *n)
{
	list_each_safe (it, tmp, &n->watchers)
		watcher_free(n, container_of(it, struct watcher, link));
	for (size_t i = 0; i < RECENT_MAX; i++) {
		object_unref(n->recent[i].change.before);
		object_unref(n->recent[i].change.after);
	}
}
