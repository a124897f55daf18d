/*
 * control_rebalance.c - service rebalance: which tasks move, and the word to
 * the updater to move them.
 */
#include <stdlib.h>
#include <string.h>

#include "core/base/json.h"
#include "core/base/rand.h"
#include "core/base/str.h"
#include "core/manager/control_impl.h"
#include "core/manager/rebalance.h"
#include "core/model/naming.h"

/* The reply is set if it may not. */
static bool
may_rebalance(struct control *c, const struct service *s)
{
	int state = s->update_status == NULL ? 0 : s->update_status->state;
	const char *what = NULL;

	if (service_is_global(&s->spec)) {
		control_rpc_error(c->ret, RPC_FAILED_PRECONDITION,
				  "service %s is global: it has one task on "
				  "each node, and there is nothing to move",
				  str_or(s->spec.name, s->head.id));
		return false;
	}
	if (state == UPDATE_UPDATING || state == UPDATE_ROLLBACK_STARTED)
		what = "is in progress: wait for its end";
	else if ((state == UPDATE_PAUSED || state == UPDATE_ROLLBACK_PAUSED) &&
		 s->moving.count == 0)
		what = "is paused: update the service, or roll it back";
	if (what == NULL)
		return true;
	control_rpc_error(c->ret, RPC_FAILED_PRECONDITION,
			  "service %s cannot be rebalanced while an update of "
			  "it %s",
			  str_or(s->spec.name, s->head.id), what);
	return false;
}

static void
write_moves(const struct rebalance_move *v, size_t count, struct buf *out)
{
	struct json w = { .out = out };

	json_open(&w, '{');
	json_key(&w, "Moves");
	json_open(&w, '[');
	for (size_t i = 0; i < count; i++) {
		json_open(&w, '{');
		json_put_str(&w, "TaskID", v[i].task->head.id);
		json_put_u64(&w, "Slot", v[i].task->slot);
		json_put_str(&w, "From", v[i].task->node_id);
		json_put_str(&w, "To", v[i].to);
		json_close(&w, '}');
	}
	json_close(&w, ']');
	json_close(&w, '}');
	buf_putc(out, '\n');
}

static int
by_text(const void *x, const void *y)
{
	return strcmp(*(const char *const *)x, *(const char *const *)y);
}

/*
 * A version of the spec that is the same but for its number: what is moved is
 * older than it, and what takes its place is not.
 */
static void
propose_moves(struct control *c, const struct service *from,
	      const struct rebalance_move *v, size_t count, const char *body)
{
	struct service *s = object_clone(from);
	struct arena *a = object_arena(s);

	s->spec_version = from->head.version.index;
	s->moving.v = arena_array(a, count, sizeof(const char *));
	s->moving.count = (uint32_t)count;
	for (size_t i = 0; i < count; i++)
		s->moving.v[i] = arena_strdup(a, v[i].task->head.id);
	qsort(s->moving.v, count, sizeof(const char *), by_text);
	s->update_status = arena_alloc(a, sizeof(*s->update_status));
	s->update_status->state = UPDATE_UPDATING;
	s->update_status->started_at = c->env->now.wall_ns;
	s->update_status->message = "rebalance in progress";
	tx_put(&c->ret->tx, s, from->head.version.index);
	control_propose(c, 200, body);
}

void
control_service_rebalance(struct control *c)
{
	const struct service *s = control_find(c, OBJECT_SERVICE, c->r->target);
	struct rebalance_move *moves;
	struct buf body = { 0 };
	size_t count;

	if (!s || !may_rebalance(c, s))
		return;
	count = rebalance_find(c->env->state, s, c->env->now,
			       rand_next(c->env->rand_state), c->a, &moves);
	write_moves(moves, count, &body);
	if (count == 0 || request_query_bool(c->r, "dryRun")) {
		c->ret->status = 200;
		buf_puts(&c->ret->body, buf_cstr(&body));
	} else {
		propose_moves(c, s, moves, count, buf_cstr(&body));
	}
	buf_fini(&body);
}
