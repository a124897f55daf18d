/*
 * effect.c - what the node wants done: a queue that is drained after each
 * step. What effects point at is copied to where it lives until the next.
 */
#include <stdarg.h>
#include <string.h>

#include "core/base/check.h"
#include "core/base/mem.h"
#include "core/node/node_impl.h"

struct effect *
effect_add(struct node *n, enum effect_type type)
{
	n->effects = mem_grow(n->effects, n->effect_count, &n->effect_cap,
			      sizeof(*n->effects));
	n->effects[n->effect_count] = (struct effect){ .type = type };
	return &n->effects[n->effect_count++];
}

void
effect_reply(struct node *n, uint64_t request_id, int status,
	     const struct buf *body)
{
	struct effect *e;

	if (request_id == 0)
		return; /* who asked is gone */
	check(status >= 100);
	if ((request_id & REQUEST_FOREIGN) != 0) {
		foreign_reply(n, request_id, status, body);
		return;
	}
	if (request_id == REQUEST_FIRST)
		first_answered(n, status);
	e = effect_add(n, EFFECT_REPLY);
	e->request_id = request_id;
	e->status = status;
	e->body_len = body != NULL ? body->len : 0;
	e->body = e->body_len == 0
			  ? ""
			  : arena_dup(&n->step_arena, body->p, body->len);
}

void
effect_error(struct node *n, uint64_t request_id, int status, const char *fmt,
	     ...)
{
	struct control_reply reply = { 0 };
	char *message;
	va_list ap;

	va_start(ap, fmt);
	message = arena_vprintf(&n->step_arena, fmt, ap);
	va_end(ap);
	control_error(&reply, status, "%s", message);
	effect_reply(n, request_id, reply.status, &reply.body);
	control_reply_fini(&reply);
}

void
effect_disk_full(struct node *n, uint64_t request_id)
{
	effect_error(n, request_id, 503,
		     "the disk that holds %s is full: nothing can be changed "
		     "until there is space",
		     n->root_dir);
}

void
effect_stream(struct node *n, uint64_t request_id, enum stream_kind kind,
	      const void *p, size_t len)
{
	struct effect *e;

	if ((request_id & REQUEST_FOREIGN) != 0) {
		foreign_stream(n, request_id, kind == STREAM_RAW, p, len);
		return;
	}
	e = effect_add(n, EFFECT_STREAM);
	e->request_id = request_id;
	e->stream = kind;
	e->body = len > 0 ? arena_dup(&n->step_arena, p, len) : "";
	e->body_len = len;
}

void
effect_stream_error(struct node *n, uint64_t request_id, const char *why)
{
	uint32_t len = (uint32_t)strlen(why);
	char head[8] = { 3,
			 0,
			 0,
			 0,
			 (char)(len >> 24),
			 (char)(len >> 16),
			 (char)(len >> 8),
			 (char)len };
	struct buf frame = { 0 };

	buf_put(&frame, head, sizeof(head));
	buf_put(&frame, why, len);
	effect_stream(n, request_id, STREAM_FRAMES, frame.p, frame.len);
	buf_fini(&frame);
}

void
effect_stream_end(struct node *n, uint64_t request_id)
{
	if ((request_id & REQUEST_FOREIGN) != 0)
		foreign_stream_end(n, request_id);
	else
		effect_add(n, EFFECT_STREAM_END)->request_id = request_id;
}

/* ---- orders ----------------------------------------------------------------
 */

static void
copy_order(struct held_order *h, const struct runner_order *o)
{
	struct arena *a = &h->arena;
	struct runner_order *c = &h->order;

	*c = *o;
	c->task_id = arena_strdup(a, o->task_id);
	c->task = o->task != NULL ? object_ref(o->task) : NULL;
	c->container_id = arena_strdup(a, o->container_id);
	c->name = arena_strdup(a, o->name);
	c->hostname = arena_strdup(a, o->hostname);
	c->address = arena_strdup(a, o->address);
	c->gateway = arena_strdup(a, o->gateway);
	c->node_id = arena_strdup(a, o->node_id);
	c->node_hostname = arena_strdup(a, o->node_hostname);
	c->signal = arena_strdup(a, o->signal);
	c->labels.v = arena_array(a, o->labels.count, sizeof(*o->labels.v));
	for (uint32_t i = 0; i < o->labels.count; i++) {
		c->labels.v[i].key = arena_strdup(a, o->labels.v[i].key);
		c->labels.v[i].value = arena_strdup(a, o->labels.v[i].value);
	}
	c->argv.v = arena_array(a, o->argv.count, sizeof(*o->argv.v));
	for (uint32_t i = 0; i < o->argv.count; i++)
		c->argv.v[i] = arena_strdup(a, o->argv.v[i]);
}

static void
free_orders(struct list *orders)
{
	list_each_safe (it, tmp, orders) {
		struct held_order *h =
			container_of(it, struct held_order, link);

		list_remove(it);
		object_unref(h->order.task);
		arena_fini(&h->arena);
		mem_free(h);
	}
}

void
effect_order(struct node *n, const struct runner_order *o)
{
	struct held_order *h = mem_new(sizeof(*h));

	arena_init(&h->arena);
	copy_order(h, o);
	h->need_seq = n->worker_row_seq;
	list_append(&n->held_orders, &h->link);
}

/* What is left behind by leaving need not be on a full disk first: all of it
 * is forgotten next, and that is what makes room. */
void
effect_release_orders(struct node *n)
{
	bool wait = n->life != LIFE_LEAVING || !n->disk_full;

	list_each_safe (it, tmp, &n->held_orders) {
		struct held_order *h =
			container_of(it, struct held_order, link);

		if (wait && h->need_seq > n->durable_seq)
			return;
		list_remove(it);
		list_append(&n->spent_orders, it);
		effect_add(n, EFFECT_RUNNER)->order = &h->order;
	}
}

void
effect_step_begin(struct node *n)
{
	check(n->effect_next == n->effect_count); /* the driver drained */
	n->effect_next = n->effect_count = 0;
	free_orders(&n->spent_orders);
	if (n->step_secret)
		arena_wipe(&n->step_arena);
	arena_fini(&n->step_arena);
	n->step_secret = false;
}

void
effect_fini(struct node *n)
{
	for (size_t i = n->effect_next; i < n->effect_count; i++)
		batch_free(n->effects[i].batch);
	free_orders(&n->spent_orders);
	free_orders(&n->held_orders);
	mem_free(n->effects);
	arena_wipe(&n->step_arena);
}
