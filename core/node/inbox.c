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
	struct event *ev;

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
inbox_add_id(struct inbox *in, enum event_type type, uint64_t request_id)
{
	add(in, type)->ev.request_id = request_id;
}

void
inbox_add_request(struct inbox *in, const struct request *r)
{
	struct waiting *w = add(in, EVENT_REQUEST);
	struct request *copy = arena_alloc(&w->arena, sizeof(*copy));

	request_copy(r, &w->arena, copy);
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

void
inbox_add_link(struct inbox *in, const struct link_report *r)
{
	struct waiting *w = add(in, EVENT_LINK);
	struct link_report *copy = arena_dup(&w->arena, r, sizeof(*r));

	if (r->message != NULL)
		copy->message = arena_dup(&w->arena, r->message, r->len);
	copy->err = arena_strdup(&w->arena, r->err);
	copy->addr = arena_strdup(&w->arena, r->addr);
	if (r->peer != NULL) {
		struct link_peer *peer =
			arena_dup(&w->arena, r->peer, sizeof(*peer));

		peer->root = arena_strdup(&w->arena, r->peer->root);
		copy->peer = peer;
	}
	w->ev.link = copy;
}

static struct bytes
copy_bytes(struct bytes b, struct arena *a)
{
	return (struct bytes){ b.len > 0 ? arena_dup(a, b.p, b.len) : NULL,
			       b.len };
}

void
inbox_add_trust(struct inbox *in, const struct trust_report *r)
{
	struct waiting *w = add(in, EVENT_TRUST);
	struct trust_report *copy = arena_dup(&w->arena, r, sizeof(*r));

	copy->err = arena_strdup(&w->arena, r->err);
	copy->key = copy_bytes(r->key, &w->arena);
	copy->csr = copy_bytes(r->csr, &w->arena);
	copy->cert = arena_strdup(&w->arena, r->cert);
	copy->digest = arena_strdup(&w->arena, r->digest);
	copy->issuer_subject = copy_bytes(r->issuer_subject, &w->arena);
	copy->issuer_public_key = copy_bytes(r->issuer_public_key, &w->arena);
	w->ev.trust = copy;
}

void
inbox_add_gossip(struct inbox *in, const struct gossip_packet *p)
{
	struct waiting *w = add(in, EVENT_GOSSIP);
	struct gossip_packet *copy = arena_dup(&w->arena, p, sizeof(*p));

	copy->addr = arena_strdup(&w->arena, p->addr);
	if (p->p != NULL)
		copy->p = arena_dup(&w->arena, p->p, p->len);
	w->ev.gossip = copy;
}

void
inbox_add_log_piece(struct inbox *in, const struct log_piece *p)
{
	struct waiting *w = add(in, EVENT_LOG_PIECE);
	struct log_piece *copy = arena_dup(&w->arena, p, sizeof(*p));

	if (p->len > 0)
		copy->p = arena_dup(&w->arena, p->p, p->len);
	w->ev.log_piece = copy;
}

void
inbox_add_addrs(struct inbox *in, const struct host_addrs *addrs,
		const char *default_addr)
{
	struct waiting *w = add(in, EVENT_ADDRESSES);
	struct host_addrs *copy = arena_alloc(&w->arena, sizeof(*copy));

	copy->count = addrs->count;
	copy->v = arena_array(&w->arena, addrs->count, sizeof(*copy->v));
	for (size_t i = 0; i < addrs->count; i++) {
		copy->v[i].name = arena_strdup(&w->arena, addrs->v[i].name);
		copy->v[i].ip = arena_strdup(&w->arena, addrs->v[i].ip);
	}
	w->ev.addrs = copy;
	w->ev.default_addr = arena_strdup(&w->arena, default_addr);
}

struct event *
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
