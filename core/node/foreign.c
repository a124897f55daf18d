/*
 * foreign.c - the answering side: see forward.h. The leader answers what
 * other managers send as if its own clients had asked.
 */
#include <errno.h>
#include <string.h>

#include "core/base/check.h"
#include "core/base/mem.h"
#include "core/base/str.h"
#include "core/node/forward.h"
#include "core/node/node_impl.h"

struct foreign {
	struct list link;
	uint64_t id;
	struct sender from;
	uint64_t call;
	uint64_t open; /* bytes sent and not yet taken */
	/* a long answer, from sent on */
	int status; /* 0: none yet */
	struct buf body;
	size_t sent;
	bool full; /* a stream: whoever makes it was told to wait */
};

static struct foreign *
find(struct node *n, uint64_t id)
{
	list_each (it, &n->foreign) {
		struct foreign *f = container_of(it, struct foreign, link);

		if (f->id == id)
			return f;
	}
	return NULL;
}

static struct foreign *
find_call(struct node *n, const struct sender *from, uint64_t call)
{
	list_each (it, &n->foreign) {
		struct foreign *f = container_of(it, struct foreign, link);

		if (f->call == call && f->from.route.link == from->route.link)
			return f;
	}
	return NULL;
}

static void
foreign_free(struct node *n, struct foreign *f)
{
	list_remove(&f->link);
	n->foreign_count--;
	buf_fini(&f->body);
	mem_free(f);
}

/* ---- requests in --------------------------------------------------------- */

static bool
is_fine(const struct request_body *b)
{
	return b->op > 0 && b->op <= INT32_MAX &&
	       request_is_for_leader((enum op)b->op) &&
	       b->query.count <= REQUEST_QUERY_MAX &&
	       b->body.len <= REQUEST_BODY_MAX && b->api_minor <= 1000 &&
	       (str_empty(b->key) || request_key_valid(b->key));
}

static const char *
refusal(const struct node *n, const struct message *m)
{
	if (!is_fine(m->request))
		return "the leader does not know such a request: its version "
		       "and this one's are too far apart";
	if (m->call == 0)
		return "a request that nobody waits for";
	if (n->foreign_count >= FOREIGN_MAX)
		return "the leader has too many requests of other managers "
		       "already: try again later";
	return NULL;
}

static struct foreign *
foreign_new(struct node *n, const struct sender *from, uint64_t call)
{
	struct foreign *f = mem_new(sizeof(*f));

	f->id = REQUEST_FOREIGN | ++n->foreign_next;
	f->from = *from;
	f->call = call;
	list_append(&n->foreign, &f->link);
	n->foreign_count++;
	return f;
}

static void
read_request(struct node *n, const struct request_body *b, uint64_t id,
	     struct request *ret)
{
	*ret = (struct request){
		.id = id,
		.op = (enum op)b->op,
		.where = OP_AT_NODE,
		.target = str_or(b->target, ""),
		.query = b->query,
		.api_minor = (unsigned)b->api_minor,
		.head = b->head,
		.key = str_empty(b->key) ? NULL : b->key,
	};
	if (b->body.len == 0)
		return;
	ret->body = arena_strndup(&n->step_arena, (const char *)b->body.p,
				  b->body.len);
	ret->body_len = b->body.len;
}

/* Not handed on: who asks knows better than this node who leads, or soon
 * will, and must see when the way there breaks. */
void
forward_on_request(struct node *n, const struct sender *from,
		   const struct message *m)
{
	const char *why = refusal(n, m);
	struct request r;

	if (!roles_is_manager(n, from->node_id)) {
		rpc_done(n, from, m->call, -EACCES,
			 "this node is not a manager any more");
		return;
	}
	if (why != NULL) {
		rpc_done(n, from, m->call, -EINVAL, why);
		return;
	}
	if (n->manager == NULL) {
		rpc_done(n, from, m->call, -EAGAIN,
			 "this manager is not the leader");
		return;
	}
	read_request(n, m->request, foreign_new(n, from, m->call)->id, &r);
	request_answer(n, &r);
}

void
forward_on_gone(struct node *n, const struct sender *from,
		const struct message *m)
{
	struct foreign *f = find_call(n, from, m->call);

	if (f == NULL)
		return;
	request_gone(n, f->id);
	foreign_free(n, f);
}

void
forward_link_down(struct node *n, uint64_t link)
{
	list_each_safe (it, tmp, &n->foreign) {
		struct foreign *f = container_of(it, struct foreign, link);

		if (f->from.route.link != link)
			continue;
		request_gone(n, f->id);
		foreign_free(n, f);
	}
}

/* ---- answers out --------------------------------------------------------- */

static void
send_reply(struct node *n, const struct foreign *f, struct reply_body *body)
{
	rpc_send(n, &f->from.route,
		 &(struct message){ .kind = MESSAGE_REPLY,
				    .call = f->call,
				    .reply = body });
}

/* As much as may be on its way; with the last piece the request is over. */
static void
send_pieces(struct node *n, struct foreign *f)
{
	bool more = true;

	while (more && f->open < FOREIGN_WINDOW) {
		size_t left = f->body.len - f->sent;
		size_t len = min_u64(left, FOREIGN_PIECE_MAX);
		struct reply_body body = {
			.status = (uint64_t)f->status,
			.body = { (const uint8_t *)f->body.p + f->sent, len },
			.more = len < left,
		};

		if (len == 0)
			body.body.p = NULL;
		send_reply(n, f, &body);
		f->sent += len;
		f->open += len;
		more = body.more;
	}
	if (!more)
		foreign_free(n, f);
}

void
foreign_reply(struct node *n, uint64_t id, int status, const struct buf *body)
{
	struct foreign *f = find(n, id);

	if (f == NULL || f->status != 0)
		return;
	f->status = status;
	if (body != NULL)
		buf_put(&f->body, body->p, body->len);
	send_pieces(n, f);
}

void
foreign_stream(struct node *n, uint64_t id, bool raw, const void *p, size_t len)
{
	struct foreign *f = find(n, id);
	struct reply_body body = { .body = { p, len }, .raw = raw };

	if (f == NULL)
		return;
	send_reply(n, f, &body);
	f->open += len;
	if (f->open < FOREIGN_WINDOW || f->full)
		return;
	f->full = true;
	logs_room(n, id, false);
}

void
foreign_stream_end(struct node *n, uint64_t id)
{
	struct foreign *f = find(n, id);

	if (f == NULL)
		return;
	send_reply(n, f, &(struct reply_body){ .ended = true });
	foreign_free(n, f);
}

void
foreign_again(struct node *n, uint64_t id)
{
	struct foreign *f = find(n, id);

	if (f == NULL)
		return;
	rpc_done(n, &f->from, f->call, -EAGAIN,
		 "this manager is not the leader any more");
	foreign_free(n, f);
}

void
forward_on_more(struct node *n, const struct sender *from,
		const struct message *m)
{
	struct foreign *f = find_call(n, from, m->call);

	if (f == NULL)
		return;
	f->open -= min_u64(f->open, m->logs->credit);
	if (f->status != 0) {
		send_pieces(n, f);
	} else if (f->full && f->open < FOREIGN_WINDOW) {
		f->full = false;
		logs_room(n, f->id, true);
	}
}

void
forward_fini(struct node *n)
{
	list_each_safe (it, tmp, &n->foreign)
		foreign_free(n, container_of(it, struct foreign, link));
	list_each_safe (it, tmp, &n->waiters)
		waiter_free(n, container_of(it, struct waiter, link));
}
