/*
 * dispatcher_out.c - what workers are told: settings when they change, tasks
 * as differences or as a full set. Messages are made one at a time, when
 * they are asked for, so that a thousand of them never stand in memory.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/check.h"
#include "core/base/mem.h"
#include "core/base/str.h"
#include "core/manager/dispatcher_impl.h"

#define PART_TASKS 5000 /* of one message */

void
dispatcher_out_init(struct dispatcher *d)
{
	arena_init(&d->out_arena);
	arena_init(&d->managers_arena);
	d->peers_due_ms = NEVER;
}

void
dispatcher_out_fini(struct dispatcher *d)
{
	for (size_t i = 0; i < d->peer_count; i++)
		mem_free(d->peers[i].id);
	mem_free(d->peers);
	mem_free(d->replies);
	arena_fini(&d->managers_arena);
	arena_fini(&d->out_arena);
}

void
dispatcher_out_reply(struct dispatcher *d, const struct dispatcher_out *o)
{
	d->replies = mem_grow(d->replies, d->reply_count, &d->reply_cap,
			      sizeof(*d->replies));
	d->replies[d->reply_count++] = *o;
}

void
dispatcher_out_busy(struct dispatcher *d, struct worker *w)
{
	check(w->session != 0);
	if (list_empty(&w->busy))
		list_append(&d->busy, &w->busy);
}

static void
untouch(struct worker *w)
{
	for (size_t i = 0; i < w->touched_count; i++)
		object_unref(w->touched[i].task);
	mem_free(w->touched);
	w->touched = NULL;
	w->touched_at = w->touched_count = w->touched_cap = 0;
}

void
dispatcher_out_forget(struct worker *w)
{
	list_remove(&w->busy);
	untouch(w);
	w->call = 0;
	w->full_at = 0;
	w->want_settings = w->want_begin = w->want_full = false;
}

/* ---- settings ------------------------------------------------------------
 */

static bool
is_manager(const struct node_object *o)
{
	return o != NULL && o->raft_id != 0 && !str_empty(o->manager_addr);
}

static bool
same_manager(const struct node_object *a, const struct node_object *b)
{
	if (!is_manager(a) || !is_manager(b))
		return is_manager(a) == is_manager(b);
	return str_eq(a->manager_addr, b->manager_addr);
}

static void
list_managers(struct dispatcher *d)
{
	size_t count = state_count(d->state, OBJECT_NODE);

	arena_fini(&d->managers_arena);
	d->managers =
		arena_array(&d->managers_arena, count, sizeof(*d->managers));
	d->manager_count = 0;
	for (size_t i = 0; i < count; i++) {
		const struct node_object *o =
			state_at(d->state, OBJECT_NODE, i);

		if (!is_manager(o))
			continue;
		d->managers[d->manager_count++] = (struct dispatcher_peer){
			arena_strdup(&d->managers_arena, o->head.id),
			arena_strdup(&d->managers_arena, o->manager_addr)
		};
	}
}

static void
gossip_addr(const struct node_object *o, char ret[PEER_ADDR_MAX])
{
	const char *ip = o != NULL ? str_or(o->status.addr, "") : "";

	ret[0] = '\0';
	if (*ip == '\0' || o->gossip_port == 0 || o->gossip_port > 65535)
		return;
	snprintf(ret, PEER_ADDR_MAX, strchr(ip, ':') ? "[%s]:%u" : "%s:%u", ip,
		 (unsigned)o->gossip_port);
}

/* The peer with that id, or where it would be. */
static size_t
peer_place(const struct dispatcher *d, const char *id)
{
	size_t low = 0, high = d->peer_count;

	while (low < high) {
		size_t mid = low + (high - low) / 2;

		if (strcmp(d->peers[mid].id, id) < 0)
			low = mid + 1;
		else
			high = mid;
	}
	return low;
}

static struct gossip_peer *
peer_of(struct dispatcher *d, const char *id)
{
	size_t at = peer_place(d, id);

	if (at < d->peer_count && strcmp(d->peers[at].id, id) == 0)
		return &d->peers[at];
	d->peers = mem_grow(d->peers, d->peer_count, &d->peer_cap,
			    sizeof(*d->peers));
	memmove(d->peers + at + 1, d->peers + at,
		(d->peer_count - at) * sizeof(*d->peers));
	d->peer_count++;
	d->peers[at] = (struct gossip_peer){ .id = mem_strdup(id) };
	return &d->peers[at];
}

/* Those that are gone are forgotten once they are many: then all is told
 * anew. */
static void
drop_gone_peers(struct dispatcher *d)
{
	size_t kept = 0, gone = 0;

	for (size_t i = 0; i < d->peer_count; i++)
		gone += d->peers[i].addr[0] == '\0';
	if (gone < 1000 || gone < d->peer_count / 2)
		return;
	for (size_t i = 0; i < d->peer_count; i++) {
		if (d->peers[i].addr[0] != '\0')
			d->peers[kept++] = d->peers[i];
		else
			mem_free(d->peers[i].id);
	}
	d->peer_count = kept;
	for (size_t i = 0; i < d->count; i++)
		d->heap[i]->peers_told = 0;
}

void
dispatcher_out_peer_changed(struct dispatcher *d,
			    const struct node_object *before,
			    const struct node_object *after)
{
	const struct node_object *o = after != NULL ? after : before;
	char was[PEER_ADDR_MAX], is[PEER_ADDR_MAX];
	struct gossip_peer *p;

	if (!same_manager(before, after)) {
		list_managers(d);
		dispatcher_want_all(d);
	}
	gossip_addr(before, was);
	gossip_addr(after, is);
	if (strcmp(was, is) == 0)
		return;
	p = peer_of(d, o->head.id);
	memcpy(p->addr, is, sizeof(is));
	p->seq = ++d->peers_seq;
	drop_gone_peers(d);
	if (d->peers_due_ms == NEVER)
		d->peers_due_ms =
			d->session_count <= DISPATCHER_PEERS_FEW
				? 0
				: d->peers_sent_ms + DISPATCHER_PEERS_MS;
}

/* Who keeps no tables is told of its peers. */
void
dispatcher_out_tick(struct dispatcher *d, struct now now)
{
	if (d->peers_due_ms > now.mono_ms)
		return;
	d->peers_due_ms = NEVER;
	d->peers_sent_ms = now.mono_ms;
	for (size_t i = 0; i < d->count; i++) {
		struct worker *w = d->heap[i];

		if (w->session == 0 || w->has_tables ||
		    w->peers_told == d->peers_seq)
			continue;
		w->want_settings = true;
		dispatcher_out_busy(d, w);
	}
}

static void
put_peers(struct dispatcher *d, struct worker *w, struct dispatcher_settings *s)
{
	struct dispatcher_peer *v;

	s->gossip_full = w->peers_told == 0;
	if (w->has_tables || (w->peers_told == d->peers_seq && !s->gossip_full))
		return;
	v = arena_array(&d->out_arena, d->peer_count, sizeof(*v));
	for (size_t i = 0; i < d->peer_count; i++) {
		struct gossip_peer *p = &d->peers[i];
		bool gone = p->addr[0] == '\0';

		if (p->seq <= w->peers_told || (gone && s->gossip_full))
			continue;
		v[s->gossip_count++] =
			(struct dispatcher_peer){ p->id,
						  gone ? NULL : p->addr };
	}
	s->gossip = v;
	w->peers_told = d->peers_seq;
}

static void
settings_out(struct dispatcher *d, struct worker *w, struct dispatcher_out *ret)
{
	struct dispatcher_settings *s = &ret->settings;

	w->want_settings = false;
	ret->what = DISPATCH_SETTINGS;
	ret->call = w->call;
	w->call = 0;
	s->heartbeat_ns = (int64_t)d->period_ms * NS_PER_MS;
	s->managers = d->managers;
	s->manager_count = d->manager_count;
	s->cluster = state_cluster(d->state);
	s->node = state_get(d->state, OBJECT_NODE, w->id);
	check(s->node != NULL);
	put_peers(d, w, s);
}

/* ---- assignments ---------------------------------------------------------
 */

void
dispatcher_out_touch(struct dispatcher *d, struct worker *w,
		     const struct task *t, uint64_t before)
{
	w->touched = mem_grow(w->touched, w->touched_count, &w->touched_cap,
			      sizeof(*w->touched));
	w->touched[w->touched_count] =
		(struct touched){ object_ref(t), before, w->touched_count };
	w->touched_count++;
	dispatcher_out_busy(d, w);
}

static int
by_task(const void *x, const void *y)
{
	const struct touched *a = x, *b = y;
	int r = strcmp(a->task->head.id, b->task->head.id);

	if (r != 0)
		return r;
	return a->order < b->order ? -1 : a->order > b->order;
}

/* About what it takes on the wire: its arena holds little else. */
static size_t
size_of(const struct task *t)
{
	return t->head.arena.total_bytes;
}

static void
assign_out(struct worker *w, struct dispatcher_out *ret)
{
	ret->what = DISPATCH_ASSIGN;
	ret->assign.number = ++w->number;
	ret->assign.after = w->sum;
}

static void
full_out(struct dispatcher *d, struct worker *w, struct dispatcher_out *ret)
{
	struct task_span span = state_tasks_of_node(d->state, w->id);
	const struct task **v;
	size_t bytes = 0, count = 0;

	if (w->full_at == 0) {
		w->sum = (struct assignment_sum){ 0 };
		untouch(w);
	}
	v = arena_array(&d->out_arena, span.count - w->full_at, sizeof(*v));
	for (; w->full_at < span.count && bytes < DISPATCHER_PART_BYTES &&
	       count < PART_TASKS;
	     w->full_at++) {
		const struct task *t = span.v[w->full_at];

		if (!assignment_is_of(t, w->id))
			continue;
		assignment_add(&w->sum, assignment_hash(t));
		bytes += size_of(t);
		v[count++] = t;
	}
	ret->assign.more = w->full_at < span.count;
	ret->assign.full = true;
	ret->assign.tasks = v;
	ret->assign.task_count = count;
	w->want_full = ret->assign.more;
	if (!w->want_full)
		w->full_at = 0;
	assign_out(w, ret);
}

/* One touched task: what it is now, against what the worker was told. */
static void
compare(struct dispatcher *d, struct worker *w, const struct touched *x,
	const struct task **tasks, const char **removed,
	struct dispatcher_assign *a)
{
	const struct task *t =
		state_get(d->state, OBJECT_TASK, x->task->head.id);
	uint64_t after = assignment_is_of(t, w->id) ? assignment_hash(t) : 0;

	if (after == x->before)
		return;
	if (x->before != 0)
		assignment_remove(&w->sum, x->before);
	if (after != 0) {
		assignment_add(&w->sum, after);
		tasks[a->task_count++] = t;
	} else {
		removed[a->removed_count++] =
			arena_strdup(&d->out_arena, x->task->head.id);
	}
}

/* False: after all, nothing has changed. */
static bool
difference_out(struct dispatcher *d, struct worker *w,
	       struct dispatcher_out *ret)
{
	size_t most = w->touched_count - w->touched_at, bytes = 0;
	const struct task **tasks =
		arena_array(&d->out_arena, most, sizeof(*tasks));
	const char **removed =
		arena_array(&d->out_arena, most, sizeof(*removed));
	struct dispatcher_assign *a = &ret->assign;

	if (w->touched_at == 0)
		qsort(w->touched, w->touched_count, sizeof(*w->touched),
		      by_task);
	for (; w->touched_at < w->touched_count &&
	       bytes < DISPATCHER_PART_BYTES && a->task_count < PART_TASKS;
	     w->touched_at++) {
		const struct touched *x = &w->touched[w->touched_at];
		size_t had = a->task_count;

		if (w->touched_at > 0 &&
		    str_eq(x[-1].task->head.id, x->task->head.id))
			continue;
		compare(d, w, x, tasks, removed, a);
		if (a->task_count > had)
			bytes += size_of(tasks[had]);
	}
	if (w->touched_at == w->touched_count)
		untouch(w);
	a->tasks = tasks;
	a->removed = removed;
	if (a->task_count + a->removed_count == 0)
		return false;
	assign_out(w, ret);
	return true;
}

/* ---- one message after the other -----------------------------------------
 */

static bool
worker_out(struct dispatcher *d, struct worker *w, struct dispatcher_out *ret)
{
	*ret = (struct dispatcher_out){ .route = w->route,
					.session = w->session };
	if (w->want_settings) {
		settings_out(d, w, ret);
		return true;
	}
	if (w->want_full) {
		full_out(d, w, ret);
		return true;
	}
	if (w->want_begin) {
		w->want_begin = false;
		assign_out(w, ret);
		return true;
	}
	while (w->touched_count > 0)
		if (difference_out(d, w, ret))
			return true;
	return false;
}

static bool
next_reply(struct dispatcher *d, struct dispatcher_out *ret)
{
	if (d->reply_at == d->reply_count) {
		d->reply_at = d->reply_count = 0;
		return false;
	}
	*ret = d->replies[d->reply_at++];
	return true;
}

bool
dispatcher_next(struct dispatcher *d, struct now now,
		struct dispatcher_out *ret)
{
	arena_fini(&d->out_arena);
	if (next_reply(d, ret))
		return true;
	dispatcher_out_tick(d, now);
	while (!list_empty(&d->busy)) {
		struct worker *w =
			container_of(d->busy.next, struct worker, busy);

		if (worker_out(d, w, ret))
			return true;
		list_remove(&w->busy);
	}
	return false;
}
