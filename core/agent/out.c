/* out.c - what the agent wants done, queued for agent_next(). */
#include <string.h>

#include "core/agent/agent_impl.h"
#include "core/base/buf.h"
#include "core/base/check.h"
#include "core/base/mem.h"
#include "core/base/str.h"

static void
drop_items(struct agent *a)
{
	for (size_t i = 0; i < a->out_count; i++)
		object_unref(a->out[i].hold);
	a->out_at = a->out_count = 0;
	arena_fini(&a->out_arena);
}

/* What was drained is dropped; what was not, is kept. */
void
out_begin(struct agent *a, struct now now)
{
	a->now = now;
	if (a->out_at == a->out_count)
		drop_items(a);
}

void
out_fini(struct agent *a)
{
	drop_items(a);
	mem_free(a->out);
}

static struct agent_out *
out_add(struct agent *a, enum agent_out_type type, const char *task_id,
	const void *hold)
{
	struct out_item *i;

	a->out = mem_grow(a->out, a->out_count, &a->out_cap,
			  sizeof(struct out_item));
	i = &a->out[a->out_count++];
	*i = (struct out_item){
		.out = { .type = type,
			 .task_id = arena_strdup(&a->out_arena, task_id) },
		.hold = hold,
	};
	return &i->out;
}

static void
out_row(struct agent *a, struct job *j)
{
	owned(buf_fini) struct buf row = { 0 };
	struct agent_out *o;

	if (!j->row_dirty || j->task == NULL)
		return;
	j->row_dirty = false;
	job_pack(j, &row);
	o = out_add(a, AGENT_ROW, j->id, NULL);
	o->row = arena_dup(&a->out_arena, row.p, row.len);
	o->row_len = row.len;
}

/* The row that remembers the order goes before it. */
struct runner_order *
out_order(struct agent *a, struct job *j, enum runner_verb verb,
	  const void *hold)
{
	struct runner_order *order = arena_alloc(&a->out_arena, sizeof(*order));

	if (verb != RUNNER_PROBE)
		out_row(a, j);
	order->verb = verb;
	order->task_id = arena_strdup(&a->out_arena, j->id);
	out_add(a, AGENT_ORDER, j->id, hold)->order = order;
	return order;
}

void
out_ports(struct agent *a)
{
	(void)out_add(a, AGENT_PORTS, NULL, NULL);
}

void
out_flush(struct agent *a, struct job *j)
{
	struct task_status *copy;

	out_row(a, j);
	if (!j->status_dirty || j->task == NULL)
		return;
	j->status_dirty = false;
	copy = arena_alloc(&a->out_arena, sizeof(*copy));
	model_copy(&task_status_type, &j->r.status, &a->out_arena, copy);
	out_add(a, AGENT_STATUS, j->id, NULL)->status = copy;
}

void
out_forgotten(struct agent *a, const char *task_id)
{
	(void)out_add(a, AGENT_ROW, task_id, NULL);
}

bool
agent_next(struct agent *a, struct agent_out *ret)
{
	if (a->out_at == a->out_count)
		return false;
	*ret = a->out[a->out_at++].out;
	return true;
}
