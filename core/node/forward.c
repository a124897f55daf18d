/*
 * forward.c - the asking side: see forward.h. A request waits, is with a
 * leader, or is answered; a leader that changes or a link that breaks makes
 * it wait again.
 */
#include "core/node/forward.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "core/base/check.h"
#include "core/base/mem.h"
#include "core/base/str.h"
#include "core/node/node_impl.h"

#define NO_LEADER                                                              \
	"rpc error: code = Unknown desc = The swarm does not have a leader. "  \
	"It's possible that too few managers are online. Make sure more than " \
	"half of the managers are online. If they are lost for good, go on "   \
	"from one that is left: docker swarm init --force-new-cluster"
#define UNKNOWN_OUTCOME                                                        \
	"the outcome is unknown: the leader had the change when it was lost, " \
	"and it may or may not have been made; ask again with the same "       \
	"Idempotency-Key (%s), or look"
#define CUT_STREAM                                                             \
	"the manager that sent this is not the leader any more: ask again"

#define KEY_TIME_LEN 12 /* digits of base 36 for any time in ns */
#define RETRY_MS 20	/* when the one that was asked does not lead yet */
#define CALL_MS (UINT64_C(1) << 50) /* forward_step() keeps the time */

bool
request_is_write(enum op op)
{
	return op == OP_SWARM_UPDATE || op == OP_NODE_UPDATE ||
	       op == OP_NODE_REMOVE || op == OP_SERVICE_CREATE ||
	       op == OP_SERVICE_UPDATE || op == OP_SERVICE_REMOVE ||
	       op == OP_SERVICE_REBALANCE;
}

/* Who was removed has no leader for good, and must not go on alone. */
static const char *
no_leader(const struct node *n)
{
	return n->removed ? IDENTITY_REMOVED : NO_LEADER;
}

/* ---- waiting ------------------------------------------------------------- */

/*
 * A key of our own begins with the time, so that new receipts lie side by side
 * in the store, and so do those that go.
 */
static void
make_key(struct node *n, char ret[ID_LEN + 1])
{
	static const char digits[] = "0123456789abcdefghijklmnopqrstuvwxyz";
	uint64_t when = n->now.wall_ns > 0 ? (uint64_t)n->now.wall_ns : 0;

	id_make(&n->rand_state, ret);
	for (int i = KEY_TIME_LEN; i-- > 0; when /= 36)
		ret[i] = digits[when % 36];
}

struct waiter *
waiter_new(struct node *n, const struct request *r)
{
	struct waiter *w = mem_new(sizeof(*w));
	char key[ID_LEN + 1];

	list_init(&w->link);
	arena_init(&w->arena);
	request_copy(r, &w->arena, &w->request);
	if (w->request.came_ms == 0)
		w->request.came_ms = n->now.mono_ms;
	if (request_is_write(r->op) && str_empty(r->key)) {
		make_key(n, key);
		w->request.key = arena_strdup(&w->arena, key);
	}
	return w;
}

static bool
is_queued(const struct waiter *w)
{
	return !list_empty(&w->link);
}

static size_t
bytes_of(const struct waiter *w)
{
	return w->request.body_len + sizeof(*w);
}

void
waiter_free(struct node *n, struct waiter *w)
{
	if (w == NULL)
		return;
	if (is_queued(w)) {
		n->waiter_count--;
		n->waiter_bytes -= bytes_of(w);
		list_remove(&w->link);
	}
	if (w->call != 0)
		rpc_forget(n, w->call);
	buf_fini(&w->body);
	arena_wipe(&w->arena);
	mem_free(w);
}

void
waiter_queue(struct node *n, struct waiter *w)
{
	check(!is_queued(w) && w->call == 0);
	if (n->waiter_count >= WAITING_MAX ||
	    n->waiter_bytes + bytes_of(w) > WAITING_BYTES_MAX) {
		effect_error(n, w->request.id, 503,
			     "%u requests wait for the leader already: try "
			     "again later",
			     n->waiter_count);
		waiter_free(n, w);
		return;
	}
	list_append(&n->waiters, &w->link);
	n->waiter_count++;
	n->waiter_bytes += bytes_of(w);
}

static uint64_t
until_ms(const struct waiter *w)
{
	if (w->streaming)
		return UINT64_MAX;
	return w->request.came_ms + (w->asked ? ASKED_MS : WAITING_MS);
}

/* What comes too late, or cannot come. */
static void
give_up(struct node *n, struct waiter *w)
{
	uint64_t id = w->request.id;

	if (w->streaming) {
		effect_stream_error(n, id, CUT_STREAM);
		effect_stream_end(n, id);
	} else if (w->asked && request_is_write(w->request.op)) {
		effect_error(n, id, 503, UNKNOWN_OUTCOME, w->request.key);
	} else if (n->life != LIFE_MEMBER) {
		request_refuse(n, id);
	} else {
		effect_error(n, id, 503, "%s", no_leader(n));
	}
	waiter_free(n, w);
}

void
request_again(struct node *n, uint64_t id, struct waiter *again, bool asked)
{
	if (again != NULL) {
		again->asked |= asked;
		again->retry_ms = n->now.mono_ms + RETRY_MS;
		waiter_queue(n, again);
	} else if ((id & REQUEST_FOREIGN) != 0) {
		foreign_again(n, id);
	} else if (asked) {
		effect_error(n, id, 503,
			     "the manager gave up its office while the change "
			     "was on its way: it may or may not have been "
			     "made");
	} else {
		effect_error(n, id, 503, "%s", no_leader(n));
	}
}

/* ---- to the leader ------------------------------------------------------- */

static void
tell_gone(struct node *n, const struct waiter *w)
{
	rpc_send(n, &(struct route){ .link = w->over },
		 &(struct message){ .kind = MESSAGE_REQUEST_GONE,
				    .call = w->call });
}

/* The call is over without an answer. */
static void
waits_again(struct node *n, struct waiter *w)
{
	w->call = 0;
	buf_clear(&w->body);
	if (w->streaming)
		give_up(n, w);
}

static void
take_reply(struct node *n, struct waiter *w, const struct reply_body *r)
{
	if (r->status < 200 || r->status > 599 ||
	    w->body.len + r->body.len > FORWARD_BODY_MAX) {
		effect_error(n, w->request.id, 500,
			     "the leader's answer makes no sense here: are "
			     "its version and this one's too far apart?");
	} else {
		buf_put(&w->body, r->body.p, r->body.len);
		effect_reply(n, w->request.id, (int)r->status, &w->body);
	}
	waiter_free(n, w);
}

static void
on_answer(struct node *n, void *ctx, const struct message *m, const char *why)
{
	struct waiter *w = ctx;

	if (m != NULL && m->kind == MESSAGE_REPLY) {
		w->call = 0;
		take_reply(n, w, m->reply);
	} else if (m == NULL || m->done->code == -EAGAIN) {
		if (m != NULL)
			w->retry_ms = n->now.mono_ms + RETRY_MS;
		waits_again(n, w);
	} else {
		w->call = 0;
		effect_error(n, w->request.id, 503, "%s",
			     str_or(why, "the leader refused the request"));
		waiter_free(n, w);
	}
}

static void
send_request(struct node *n, struct waiter *w)
{
	const char *leader = consensus_leader(n);
	struct peer_link *l = leader != NULL ? peers_to(n, leader) : NULL;
	const struct request *r = &w->request;
	struct request_body body = {
		.key = r->key,
		.op = (uint64_t)r->op,
		.target = r->target,
		.query = r->query,
		.body = { (const uint8_t *)r->body, r->body_len },
		.api_minor = r->api_minor,
		.head = r->head,
	};
	struct message m = { .kind = MESSAGE_REQUEST, .request = &body };

	if (l == NULL ||
	    (n->now.mono_ms < w->retry_ms && strcmp(leader, w->leader) == 0))
		return;
	w->asked = true;
	w->over = l->id;
	snprintf(w->leader, sizeof(w->leader), "%s", leader);
	w->call = rpc_call(n, &(struct route){ .link = l->id }, &m, CALL_MS,
			   on_answer, w);
}

static bool
leads_no_more(const struct node *n, const struct waiter *w)
{
	const char *leader = consensus_leader(n);

	return leader != NULL && strcmp(leader, w->leader) != 0;
}

static void
step_call(struct node *n, struct waiter *w)
{
	bool late = n->now.mono_ms >= until_ms(w);
	bool other = n->life != LIFE_MEMBER || leads_no_more(n, w);

	if (!late && !other)
		return;
	tell_gone(n, w);
	rpc_forget(n, w->call);
	if (late) {
		w->call = 0;
		give_up(n, w);
	} else {
		waits_again(n, w);
	}
}

static void
step_waiting(struct node *n, struct waiter *w)
{
	if (n->life != LIFE_MEMBER) {
		give_up(n, w);
	} else if (n->manager != NULL && n->now.mono_ms >= w->retry_ms) {
		request_answer(n, &w->request);
		waiter_free(n, w);
	} else if (n->disk_full && consensus_voters(n) <= 1) {
		effect_disk_full(n, w->request.id);
		waiter_free(n, w);
	} else if (n->now.mono_ms >= until_ms(w)) {
		give_up(n, w);
	} else {
		send_request(n, w);
	}
}

void
forward_step(struct node *n)
{
	list_each_safe (it, tmp, &n->waiters) {
		struct waiter *w = container_of(it, struct waiter, link);

		if (w->call != 0)
			step_call(n, w);
	}
	list_each_safe (it, tmp, &n->waiters) {
		struct waiter *w = container_of(it, struct waiter, link);

		if (w->call == 0)
			step_waiting(n, w);
	}
}

uint64_t
forward_deadline(const struct node *n)
{
	uint64_t at = UINT64_MAX;

	list_each (it, &n->waiters) {
		const struct waiter *w = container_of(it, struct waiter, link);

		at = min_u64(at, until_ms(w));
		if (w->call == 0 && w->retry_ms > n->now.mono_ms)
			at = min_u64(at, w->retry_ms);
	}
	return at;
}

/* ---- answers in pieces --------------------------------------------------- */

static void
taken(struct node *n, struct waiter *w, uint64_t bytes)
{
	struct logs_body body = { .credit = bytes };

	if (bytes > 0 && w->call != 0)
		rpc_send(n, &(struct route){ .link = w->over },
			 &(struct message){ .kind = MESSAGE_MORE,
					    .call = w->call,
					    .logs = &body });
}

static void
take_stream(struct node *n, struct waiter *w, const struct reply_body *r)
{
	w->streaming = true;
	if (r->body.len > 0 || !r->ended)
		effect_stream(n, w->request.id,
			      r->raw ? STREAM_RAW : STREAM_FRAMES, r->body.p,
			      r->body.len);
	if (r->ended) {
		effect_stream_end(n, w->request.id);
		waiter_free(n, w);
	} else if (w->full) {
		w->owed += r->body.len;
	} else {
		taken(n, w, r->body.len);
	}
}

static struct waiter *
waiter_of_call(struct node *n, const struct sender *from, uint64_t call)
{
	list_each (it, &n->waiters) {
		struct waiter *w = container_of(it, struct waiter, link);

		if (call != 0 && w->call == call && w->over == from->route.link)
			return w;
	}
	return NULL;
}

void
forward_on_reply(struct node *n, const struct sender *from,
		 const struct message *m)
{
	struct waiter *w = waiter_of_call(n, from, m->call);
	const struct reply_body *r = m->reply;

	if (w == NULL)
		return; /* it was given up, and the leader told so */
	if (r->status == 0) {
		take_stream(n, w, r);
	} else if (r->more && w->body.len + r->body.len <= FORWARD_BODY_MAX) {
		buf_put(&w->body, r->body.p, r->body.len);
		taken(n, w, r->body.len);
	} else {
		(void)rpc_answer(n, m);
	}
}

/* The client reads too slowly, or goes on: so does the leader. */
void
forward_room(struct node *n, uint64_t request_id, bool room)
{
	list_each (it, &n->waiters) {
		struct waiter *w = container_of(it, struct waiter, link);

		if (w->request.id != request_id || !w->streaming)
			continue;
		w->full = !room;
		if (!room)
			return;
		taken(n, w, w->owed);
		w->owed = 0;
		return;
	}
}

/* ---- the end ------------------------------------------------------------- */

void
forward_gone(struct node *n, uint64_t request_id)
{
	list_each_safe (it, tmp, &n->waiters) {
		struct waiter *w = container_of(it, struct waiter, link);

		if (w->request.id != request_id)
			continue;
		if (w->call != 0)
			tell_gone(n, w);
		waiter_free(n, w);
	}
}

void
forward_init(struct node *n)
{
	list_init(&n->waiters);
	list_init(&n->foreign);
}
