/* inbox.c - see inbox.h. */
#include "core/node/inbox.h"

#include "core/base/check.h"
#include "core/base/mem.h"

struct waiting {
	struct event ev;
	struct list link;
	struct arena arena;
};

void
inbox_init(struct inbox *in)
{
	list_init(&in->events);
	in->count = 0;
}

void
inbox_fini(struct inbox *in)
{
	const struct event *ev;

	while ((ev = inbox_take(in)) != NULL)
		inbox_free(ev);
}

static struct waiting *
add(struct inbox *in, enum event_type type)
{
	struct waiting *w = mem_new(sizeof(*w));

	if (in->count >= INBOX_MAX)
		fatal("the inbox is full: the host cannot keep up");
	arena_init(&w->arena);
	w->ev.type = type;
	list_append(&in->events, &w->link);
	in->count++;
	return w;
}

void
inbox_add(struct inbox *in, enum event_type type)
{
	(void)add(in, type);
}

void
inbox_add_gone(struct inbox *in, uint64_t request_id)
{
	add(in, EVENT_REQUEST_GONE)->ev.request_id = request_id;
}

static struct kvs
copy_kvs(const struct kvs *m, struct arena *a)
{
	struct kvs copy = { arena_array(a, m->count, sizeof(*m->v)), m->count };

	for (uint32_t i = 0; i < m->count; i++) {
		copy.v[i].key = arena_strdup(a, m->v[i].key);
		copy.v[i].value = arena_strdup(a, m->v[i].value);
	}
	return copy;
}

void
inbox_add_request(struct inbox *in, const struct request *r)
{
	struct waiting *w = add(in, EVENT_REQUEST);
	struct request *copy = arena_dup(&w->arena, r, sizeof(*r));

	copy->target = arena_strdup(&w->arena, r->target);
	copy->query = copy_kvs(&r->query, &w->arena);
	if (r->body != NULL)
		copy->body = arena_strndup(&w->arena, r->body, r->body_len);
	w->ev.request = copy;
}

void
inbox_add_report(struct inbox *in, const struct runner_report *r)
{
	struct waiting *w = add(in, EVENT_RUNNER);
	struct runner_report *copy = arena_dup(&w->arena, r, sizeof(*r));

	copy->task_id = arena_strdup(&w->arena, r->task_id);
	copy->err = arena_strdup(&w->arena, r->err);
	if (r->image_healthcheck != NULL) {
		struct healthcheck *h = arena_alloc(&w->arena, sizeof(*h));

		model_copy(&healthcheck_type, r->image_healthcheck, &w->arena,
			   h);
		copy->image_healthcheck = h;
	}
	if (r->image != NULL) {
		struct runner_image *i = arena_alloc(&w->arena, sizeof(*i));

		model_copy(&runner_image_type, r->image, &w->arena, i);
		copy->image = i;
	}
	w->ev.report = copy;
}

const struct event *
inbox_take(struct inbox *in)
{
	struct waiting *w;

	if (list_empty(&in->events))
		return NULL;
	w = container_of(in->events.next, struct waiting, link);
	list_remove(&w->link);
	in->count--;
	return &w->ev;
}

void
inbox_free(const struct event *ev)
{
	struct waiting *w = container_of(ev, struct waiting, ev);

	arena_fini(&w->arena);
	mem_free(w);
}
