/* logs.c - logs from all nodes, put together by the leader: see logs.h. */
#include "core/node/logs.h"

#include <stdio.h>
#include <string.h>

#include "core/base/check.h"
#include "core/base/mem.h"
#include "core/base/rand.h"
#include "core/base/str.h"
#include "core/model/naming.h"
#include "core/node/node_impl.h"

#define INCOMPLETE                                                             \
	"warning: incomplete log stream. some logs could not be retrieved "    \
	"for the following reasons: "
#define CUT "the manager that sent this is not the leader any more: ask again"
#define REASONS_MAX 4096 /* bytes */
/* More than one piece: a node may send what it has begun. */
#define ROOM_SLACK 1048576

/* One node's share of a read. */
struct log_part {
	struct list link;
	char node_id[ID_LEN + 1];
	uint64_t stream;    /* as asked for; 0: it is not, or no more */
	struct route route; /* that it was asked by */
	uint64_t owed;	    /* bytes taken and not told */
	uint64_t room;	    /* bytes that may come */
	bool finished;	    /* it had no more to come */
};

struct log_read {
	struct list link;
	uint64_t request_id;
	char *service_id, *task_id; /* followed: what may bring more */
	struct log_options options;
	bool raw;  /* one terminal's bytes, no frames */
	bool full; /* the client takes no more */
	bool last; /* followed: no task joins any more, and all know */
	bool busy; /* this node's own share may answer at once: not now */
	struct list parts;
	struct buf why; /* it is not whole */
};

/* ---- books --------------------------------------------------------------- */

static void
part_free(struct log_part *p)
{
	list_remove(&p->link);
	mem_free(p);
}

static void
read_free(struct node *n, struct log_read *r)
{
	list_each_safe (it, tmp, &r->parts)
		part_free(container_of(it, struct log_part, link));
	list_remove(&r->link);
	n->log_read_count--;
	mem_free(r->service_id);
	mem_free(r->task_id);
	buf_fini(&r->why);
	mem_free(r);
}

static struct log_part *
part_of_node(struct log_read *r, const char *node_id)
{
	struct log_part *p;

	list_each (it, &r->parts) {
		p = container_of(it, struct log_part, link);
		if (strcmp(p->node_id, node_id) == 0)
			return p;
	}
	p = mem_new(sizeof(*p));
	snprintf(p->node_id, sizeof(p->node_id), "%s", node_id);
	list_append(&r->parts, &p->link);
	return p;
}

static struct log_part *
part_of_stream(struct node *n, uint64_t stream, struct log_read **ret)
{
	list_each (it, &n->log_reads) {
		struct log_read *r = container_of(it, struct log_read, link);

		list_each (at, &r->parts) {
			struct log_part *p =
				container_of(at, struct log_part, link);

			*ret = r;
			if (stream != 0 && p->stream == stream)
				return p;
		}
	}
	return NULL;
}

static void
note_why(struct node *n, struct log_read *r, const char *node_id,
	 const char *what)
{
	const struct node_object *o = state_get(n->state, OBJECT_NODE, node_id);

	if (r->why.len > REASONS_MAX)
		return;
	buf_printf(&r->why, "%snode %s (%s) %s", r->why.len > 0 ? "; " : "",
		   node_id,
		   o != NULL ? str_or(o->description.hostname, "?") : "removed",
		   what);
}

/* ---- asking the nodes ---------------------------------------------------- */

static bool
has_container(const struct task *t)
{
	const struct container_status *c = t->status.container;

	return !str_empty(t->node_id) && c != NULL &&
	       !str_empty(c->container_id);
}

static void
wish_of(struct node *n, const struct log_read *r, const struct task *t,
	struct log_wish *ret)
{
	struct kv *v = arena_array(&n->step_arena, 3, sizeof(*v));

	v[0] = (struct kv){ "com.docker.swarm.node.id", t->node_id };
	v[1] = (struct kv){ "com.docker.swarm.service.id",
			    str_or(t->service_id, "") };
	v[2] = (struct kv){ "com.docker.swarm.task.id", t->head.id };
	*ret = (struct log_wish){
		.task_id = t->head.id,
		.container_id = t->status.container->container_id,
		.details = { v, 3 },
		.tty = r->raw,
		.ended = task_state_ended(t->status.state),
	};
}

static uint64_t
credit_each(const struct log_read *r)
{
	uint64_t parts = 0, each;

	list_each (it, &r->parts)
		parts++;
	each = LOG_CREDIT_SUM_MAX / max_u64(parts, 1);
	return max_u64(min_u64(each, LOG_CREDIT_MAX), LOG_CREDIT_MIN);
}

static void
send_to(struct node *n, const struct log_part *p, int kind,
	struct logs_body *body)
{
	body->stream = p->stream;
	rpc_send(n, &p->route, &(struct message){ .kind = kind, .logs = body });
}

static void
send_wishes(struct node *n, const struct log_read *r, const struct log_part *p,
	    struct log_wish *v, uint32_t count)
{
	const struct log_options *o = &r->options;
	struct logs_body body = {
		.tasks = { v, count },
		.out = o->out,
		.err = o->err,
		.follow = o->follow,
		.timestamps = o->timestamps,
		.details = o->details,
		.endless = r->service_id != NULL && !r->last,
		.since_ns = o->since_ns,
		.until_ns = o->until_ns,
		.tail = o->tail,
		.credit = credit_each(r),
	};

	send_to(n, p, MESSAGE_LOGS, &body);
}

/* Of the tasks, those that are on the part's node. */
static uint32_t
wishes_of(struct node *n, const struct log_read *r, const struct log_part *p,
	  const struct task *const *tasks, size_t count, struct log_wish **ret)
{
	uint32_t found = 0;

	*ret = arena_array(&n->step_arena, count, sizeof(**ret));
	for (size_t i = 0; i < count; i++)
		if (str_eq(tasks[i]->node_id, p->node_id) &&
		    has_container(tasks[i]))
			wish_of(n, r, tasks[i], &(*ret)[found++]);
	return found;
}

static void
ask(struct node *n, struct log_read *r, struct log_part *p,
    const struct task *const *tasks, size_t count)
{
	struct log_wish *v;
	uint32_t found = wishes_of(n, r, p, tasks, count, &v);

	if (found == 0 || p->finished)
		return;
	if (p->stream == 0) {
		if (!dispatch_route(n, p->node_id, &p->route)) {
			p->finished = !r->options.follow;
			if (p->finished)
				note_why(n, r, p->node_id, "is not available");
			return;
		}
		p->stream = rand_next(&n->rand_state) | 1;
		p->owed = 0;
		p->room = credit_each(r) + ROOM_SLACK;
	}
	send_wishes(n, r, p, v, found);
}

static struct task_span
tasks_of(struct node *n, const struct log_read *r, const struct task **one)
{
	*one = NULL;
	if (r->service_id != NULL)
		return state_tasks_of_service(n->state, r->service_id);
	if (r->task_id != NULL)
		*one = state_get(n->state, OBJECT_TASK, r->task_id);
	return (struct task_span){ one, *one != NULL };
}

/* ---- the end ------------------------------------------------------------- */

static void
stop_parts(struct node *n, struct log_read *r)
{
	list_each (it, &r->parts) {
		struct log_part *p = container_of(it, struct log_part, link);

		if (p->stream != 0)
			send_to(n, p, MESSAGE_LOGS_STOP, &(struct logs_body){});
		p->stream = 0;
	}
}

static void
end_read(struct node *n, struct log_read *r)
{
	struct buf why = { 0 };

	if (r->why.len > 0 && !r->raw) {
		buf_puts(&why, INCOMPLETE);
		buf_put(&why, r->why.p, r->why.len);
		effect_stream_error(n, r->request_id, buf_cstr(&why));
	}
	buf_fini(&why);
	effect_stream_end(n, r->request_id);
	read_free(n, r);
}

/* Will a followed one have no more tasks than it has? */
static bool
is_last(struct node *n, const struct log_read *r)
{
	const struct task *one;
	struct task_span tasks = tasks_of(n, r, &one);

	if (!r->options.follow)
		return true;
	if (r->task_id != NULL)
		return one == NULL || task_state_ended(one->status.state);
	return state_get(n->state, OBJECT_SERVICE, r->service_id) == NULL &&
	       tasks.count == 0;
}

/* Ends what nothing more comes of. */
static void
look(struct node *n, struct log_read *r)
{
	bool open = false;

	if (r->busy || !is_last(n, r))
		return;
	if (r->service_id != NULL && !r->last) {
		r->last = r->busy = true;
		list_each (it, &r->parts) {
			struct log_part *p =
				container_of(it, struct log_part, link);

			if (p->stream != 0)
				send_wishes(n, r, p, NULL, 0);
		}
		r->busy = false;
	}
	list_each (it, &r->parts)
		open |= container_of(it, struct log_part, link)->stream != 0;
	if (!open)
		end_read(n, r);
}

/* ---- beginning ----------------------------------------------------------- */

static struct log_read *
read_new(struct node *n, const struct request *q,
	 const struct log_selection *sel, const struct log_options *options)
{
	struct log_read *r = mem_new(sizeof(*r));
	const struct task *one = sel->count > 0 ? sel->tasks[0] : NULL;

	r->request_id = q->id;
	r->options = *options;
	r->raw = sel->count == 1 && one->spec.container != NULL &&
		 one->spec.container->tty && sel->service_id == NULL;
	if (options->follow)
		r->service_id = mem_strdup(sel->service_id);
	if (options->follow && sel->service_id == NULL && one != NULL)
		r->task_id = mem_strdup(one->head.id);
	list_init(&r->parts);
	list_append(&n->log_reads, &r->link);
	n->log_read_count++;
	return r;
}

void
logs_read(struct node *n, const struct request *q,
	  const struct log_selection *sel, const struct log_options *options)
{
	struct log_read *r;

	if (n->log_read_count >= LOG_READS_MAX) {
		effect_error(n, q->id, 503, "%d logs are read already",
			     LOG_READS_MAX);
		return;
	}
	r = read_new(n, q, sel, options);
	/* The headers go out first: with follow there may be no line yet. */
	effect_stream(n, q->id, r->raw ? STREAM_RAW : STREAM_FRAMES, NULL, 0);
	/* All nodes first: each gets its part of the credit. */
	for (size_t i = 0; i < sel->count; i++)
		if (has_container(sel->tasks[i]))
			(void)part_of_node(r, sel->tasks[i]->node_id);
	r->busy = true;
	list_each (it, &r->parts)
		ask(n, r, container_of(it, struct log_part, link), sel->tasks,
		    sel->count);
	r->busy = false;
	look(n, r);
}

/* A task of what is followed has got its container, on whatever node. */
static void
join(struct node *n, struct log_read *r, const struct change *c)
{
	const struct task *before = c->before, *after = c->after;
	struct log_part *p;

	if (c->type != OBJECT_TASK || after == NULL || !has_container(after) ||
	    (before != NULL && has_container(before)))
		return;
	if (r->service_id != NULL ? !str_eq(r->service_id, after->service_id)
				  : !str_eq(r->task_id, after->head.id))
		return;
	p = part_of_node(r, after->node_id);
	p->finished = false;
	ask(n, r, p, &after, 1);
}

void
logs_changes(struct node *n, const struct changes *changes)
{
	if (n->manager == NULL)
		return;
	list_each_safe (it, tmp, &n->log_reads) {
		struct log_read *r = container_of(it, struct log_read, link);

		r->busy = true;
		for (size_t i = 0; i < changes->count && r->options.follow; i++)
			join(n, r, &changes->v[i]);
		r->busy = false;
		look(n, r);
	}
}

/* ---- what comes ---------------------------------------------------------- */

static void
taken(struct node *n, struct log_part *p, uint64_t bytes)
{
	struct logs_body body = { .credit = bytes };

	if (bytes == 0 || p->stream == 0)
		return;
	p->room += bytes;
	send_to(n, p, MESSAGE_MORE, &body);
}

/* It would fill the memory of whoever reads slowly. */
static void
part_cut(struct node *n, struct log_read *r, struct log_part *p)
{
	note_why(n, r, p->node_id, "sends more than it may");
	send_to(n, p, MESSAGE_LOGS_STOP, &(struct logs_body){});
	p->stream = 0;
	p->finished = true;
	look(n, r);
}

void
logs_on_piece(struct node *n, const struct sender *from,
	      const struct message *m)
{
	const struct logs_body *b = m->logs;
	struct log_read *r;
	struct log_part *p = part_of_stream(n, b->stream, &r);
	struct logs_body stop = { .stream = b->stream };

	if (p == NULL || !str_eq(p->node_id, from->node_id)) {
		if (!b->last)
			rpc_send(n, &from->route,
				 &(struct message){ .kind = MESSAGE_LOGS_STOP,
						    .logs = &stop });
		return;
	}
	if (b->piece.len > p->room) {
		part_cut(n, r, p);
		return;
	}
	p->room -= b->piece.len;
	if (b->piece.len > 0)
		effect_stream(n, r->request_id,
			      r->raw ? STREAM_RAW : STREAM_FRAMES, b->piece.p,
			      b->piece.len);
	if (b->last) {
		if (!str_empty(b->why))
			note_why(n, r, p->node_id, b->why);
		p->stream = 0;
		p->finished = true;
		look(n, r);
	} else if (r->full) {
		p->owed += b->piece.len;
	} else {
		taken(n, p, b->piece.len);
	}
}

void
logs_room(struct node *n, uint64_t request_id, bool room)
{
	list_each (it, &n->log_reads) {
		struct log_read *r = container_of(it, struct log_read, link);

		if (r->request_id != request_id)
			continue;
		r->full = !room;
		list_each (at, &r->parts) {
			struct log_part *p =
				container_of(at, struct log_part, link);

			if (!room)
				break;
			taken(n, p, p->owed);
			p->owed = 0;
		}
		return;
	}
}

/* ---- what goes ----------------------------------------------------------- */

/* Its node is not there any more: what is followed goes on when it is. */
static void
part_lost(struct node *n, struct log_read *r, struct log_part *p)
{
	p->stream = 0;
	if (r->options.follow) {
		r->options.since_ns = n->now.wall_ns;
		r->options.tail = -1;
		return;
	}
	p->finished = true;
	note_why(n, r, p->node_id, "disconnected unexpectedly");
}

static bool
route_is(const struct route *a, const struct route *b)
{
	if (a->link != b->link)
		return false;
	return !b->relayed || (a->relayed && a->relay == b->relay);
}

void
logs_route_down(struct node *n, const struct route *route)
{
	list_each_safe (it, tmp, &n->log_reads) {
		struct log_read *r = container_of(it, struct log_read, link);

		list_each (at, &r->parts) {
			struct log_part *p =
				container_of(at, struct log_part, link);

			if (p->stream != 0 && route_is(&p->route, route))
				part_lost(n, r, p);
		}
		look(n, r);
	}
}

/* A node that has another session reads nothing for the one before; one that
 * has come back is asked. */
static void
look_at_nodes(struct node *n, struct log_read *r)
{
	const struct task *one;
	struct task_span tasks = tasks_of(n, r, &one);

	r->busy = true;
	list_each (it, &r->parts) {
		struct log_part *p = container_of(it, struct log_part, link);
		struct route now;

		if (p->stream != 0 && (!dispatch_route(n, p->node_id, &now) ||
				       !route_is(&p->route, &now)))
			part_lost(n, r, p);
		if (p->stream == 0)
			ask(n, r, p, tasks.v, tasks.count);
	}
	r->busy = false;
	look(n, r);
}

void
logs_tick(struct node *n)
{
	if (n->now.mono_ms < n->logs_at_ms)
		return;
	n->logs_at_ms = n->now.mono_ms + LOG_LOOK_MS;
	list_each_safe (it, tmp, &n->log_reads)
		look_at_nodes(n, container_of(it, struct log_read, link));
}

uint64_t
logs_deadline(const struct node *n)
{
	return list_empty(&n->log_reads) ? UINT64_MAX : n->logs_at_ms;
}

void
logs_gone(struct node *n, uint64_t request_id)
{
	list_each_safe (it, tmp, &n->log_reads) {
		struct log_read *r = container_of(it, struct log_read, link);

		if (r->request_id != request_id)
			continue;
		stop_parts(n, r);
		read_free(n, r);
	}
}

void
logs_lost(struct node *n)
{
	list_each_safe (it, tmp, &n->log_reads) {
		struct log_read *r = container_of(it, struct log_read, link);

		stop_parts(n, r);
		if (!r->raw)
			effect_stream_error(n, r->request_id, CUT);
		effect_stream_end(n, r->request_id);
		read_free(n, r);
	}
}

void
logs_init(struct node *n)
{
	list_init(&n->log_reads);
	list_init(&n->feeds);
}

void
logs_fini(struct node *n)
{
	list_each_safe (it, tmp, &n->log_reads)
		read_free(n, container_of(it, struct log_read, link));
	feed_fini(n);
}
