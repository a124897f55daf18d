/* feed.c - logs of this node's tasks, read for the leader: see logs.h. */
#include <string.h>

#include "core/base/mem.h"
#include "core/base/str.h"
#include "core/node/logs.h"
#include "core/node/node_impl.h"

struct log_feed {
	struct list link;
	uint64_t stream; /* the leader's number */
	uint64_t id;	 /* the driver's, with REQUEST_REMOTE */
	uint64_t session;
	bool begun; /* the driver reads */
};

static struct log_feed *
find(struct node *n, uint64_t stream)
{
	list_each (it, &n->feeds) {
		struct log_feed *f = container_of(it, struct log_feed, link);

		if (f->stream == stream)
			return f;
	}
	return NULL;
}

static void
feed_free(struct node *n, struct log_feed *f)
{
	list_remove(&f->link);
	n->feed_count--;
	mem_free(f);
}

static void
stop(struct node *n, struct log_feed *f)
{
	if (f->begun)
		effect_add(n, EFFECT_LOGS_STOP)->request_id = f->id;
	feed_free(n, f);
}

static bool
send_piece(struct node *n, uint64_t stream, struct bytes piece, bool last,
	   const char *why)
{
	struct logs_body body = {
		.stream = stream, .piece = piece, .last = last, .why = why
	};

	return rpc_send_leader(n, &(struct message){ .kind = MESSAGE_LOG_PIECE,
						     .logs = &body });
}

/* ---- what is asked ------------------------------------------------------- */

static bool
is_hex(const char *s)
{
	return strspn(s, "0123456789abcdef") == strlen(s);
}

/* false: there is no log of it here. The ids become a path: foreign ones are
 * looked at. */
static bool
source_of(struct node *n, const struct log_wish *w, struct log_source *ret)
{
	struct arena *a = &n->step_arena;
	const char *container_id = NULL;

	if (w->task_id == NULL || !id_valid(w->task_id))
		return false;
	if (agent_container(n->agent, w->task_id, &container_id) == NULL)
		container_id = w->container_id;
	if (str_empty(container_id) ||
	    strlen(container_id) > CONTAINER_ID_LEN || !is_hex(container_id))
		return false;
	*ret = (struct log_source){
		.task_id = arena_strdup(a, w->task_id),
		.container_id = arena_strdup(a, container_id),
		.tty = w->tty,
		.ended = w->ended || agent_has_ended(n->agent, w->task_id),
	};
	ret->details.v =
		arena_array(a, w->details.count, sizeof(*ret->details.v));
	ret->details.count = w->details.count;
	for (uint32_t i = 0; i < w->details.count; i++)
		ret->details.v[i] =
			(struct kv){ arena_strdup(a, w->details.v[i].key),
				     arena_strdup(a, w->details.v[i].value) };
	return true;
}

static void
read_logs(struct node *n, struct log_feed *f, const struct logs_body *b)
{
	struct log_source *v =
		arena_array(&n->step_arena, b->tasks.count, sizeof(*v));
	struct effect *e;
	size_t count = 0;

	for (uint32_t i = 0; i < b->tasks.count; i++)
		if (source_of(n, &b->tasks.v[i], &v[count]))
			count++;
	if (count == 0 && (b->endless || (f->begun && b->tasks.count > 0)))
		return; /* some may join, or come out by themselves */
	if (count == 0 && !f->begun) {
		(void)send_piece(n, f->stream, (struct bytes){ NULL, 0 }, true,
				 NULL);
		feed_free(n, f);
		return;
	}
	e = effect_add(n, EFFECT_LOGS);
	e->request_id = f->id;
	e->logs = v;
	e->log_count = count;
	e->log_endless = b->endless;
	e->log_credit = f->begun ? 0 : b->credit;
	e->log_options = (struct log_options){
		.out = b->out,
		.err = b->err,
		.follow = b->follow,
		.timestamps = b->timestamps,
		.details = b->details,
		.since_ns = b->since_ns,
		.until_ns = b->until_ns,
		.tail = b->tail,
	};
	f->begun = true;
}

static struct log_feed *
feed_new(struct node *n, uint64_t stream)
{
	struct log_feed *f = mem_new(sizeof(*f));

	f->stream = stream;
	f->id = REQUEST_REMOTE | ++n->feed_next;
	f->session = session_id(n);
	list_append(&n->feeds, &f->link);
	n->feed_count++;
	return f;
}

void
feed_on_logs(struct node *n, const struct sender *from, const struct message *m)
{
	const struct logs_body *b = m->logs;
	struct log_feed *f = find(n, b->stream);

	(void)from;
	if (n->agent == NULL || session_id(n) == 0)
		return; /* whoever asked sees that the session is gone */
	if (f == NULL && n->feed_count >= LOG_FEEDS_MAX) {
		(void)send_piece(n, b->stream, (struct bytes){ NULL, 0 }, true,
				 "reads too many logs already");
		return;
	}
	if (f == NULL)
		f = feed_new(n, b->stream);
	read_logs(n, f, b);
}

void
feed_on_stop(struct node *n, const struct sender *from, const struct message *m)
{
	struct log_feed *f = find(n, m->logs->stream);

	(void)from;
	if (f != NULL)
		stop(n, f);
}

void
feed_on_more(struct node *n, const struct message *m)
{
	struct log_feed *f = find(n, m->logs->stream);
	struct effect *e;

	if (f == NULL || !f->begun)
		return;
	e = effect_add(n, EFFECT_LOGS_MORE);
	e->request_id = f->id;
	e->log_credit = m->logs->credit;
}

/* ---- what comes ---------------------------------------------------------- */

void
feed_piece(struct node *n, const struct log_piece *p)
{
	list_each_safe (it, tmp, &n->feeds) {
		struct log_feed *f = container_of(it, struct log_feed, link);
		bool sent;

		if (f->id != p->request_id)
			continue;
		sent = send_piece(n, f->stream, (struct bytes){ p->p, p->len },
				  p->ended, NULL);
		if (p->ended)
			feed_free(n, f);
		else if (!sent)
			stop(n, f);
		return;
	}
}

void
feed_step(struct node *n)
{
	uint64_t session = session_id(n);

	list_each_safe (it, tmp, &n->feeds) {
		struct log_feed *f = container_of(it, struct log_feed, link);

		if (f->session != session)
			stop(n, f);
	}
}

void
feed_fini(struct node *n)
{
	list_each_safe (it, tmp, &n->feeds)
		feed_free(n, container_of(it, struct log_feed, link));
}
