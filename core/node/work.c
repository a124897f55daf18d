/*
 * work.c - the agent on this node: what it wants done, what the runner says
 * to it, and its news until the managers know them.
 */
#include <string.h>

#include "core/base/check.h"
#include "core/base/mem.h"
#include "core/base/str.h"
#include "core/node/node_impl.h"

void
work_start(struct node *n)
{
	struct agent_config config = { .rand_state = &n->rand_state,
				       .node_id = n->node_id,
				       .description = &n->description,
				       .egress_subnet = n->egress_subnet };
	struct runner_report scanned = { .news = RUNNER_SCANNED };

	check(n->agent == NULL);
	n->agent = agent_new(&config, n->now);
	/* The runner looked around when there was no agent yet: what it found
	 * was removed (see stray()). */
	if (n->scanned)
		agent_report(n->agent, &scanned, n->now);
}

/* ---- reports
 * -------------------------------------------------------------------- */

/* A container of a cluster that this node is not in any more. */
static void
stray(struct node *n, const struct runner_report *r)
{
	struct runner_order order = { .verb = RUNNER_REMOVE,
				      .task_id = r->task_id };

	if (r->news == RUNNER_FOUND)
		effect_order(n, &order);
}

/* Whose it is will be known when the store is open; or it is nobody's. */
static void
keep_stray(struct node *n, const struct runner_report *r)
{
	if (r->news != RUNNER_FOUND)
		return;
	n->strays = mem_grow(n->strays, n->stray_count, &n->stray_cap,
			     sizeof(char *));
	n->strays[n->stray_count++] = mem_strdup(r->task_id);
}

static void
forget_strays(struct node *n)
{
	while (n->stray_count > 0)
		mem_free(n->strays[--n->stray_count]);
	mem_free(n->strays);
	n->strays = NULL;
	n->stray_cap = 0;
}

void
work_remove_strays(struct node *n)
{
	for (size_t i = 0; i < n->stray_count; i++)
		effect_order(n,
			     &(struct runner_order){ .verb = RUNNER_REMOVE,
						     .task_id = n->strays[i] });
	forget_strays(n);
}

void
work_report(struct node *n, const struct runner_report *r)
{
	if (n->agent != NULL)
		agent_report(n->agent, r, n->now);
	else if (n->life != LIFE_LOCKED)
		stray(n, r);
	else
		keep_stray(n, r);
	if (r->news != RUNNER_SCANNED)
		return;
	n->scanned = true;
	if (n->life == LIFE_LEAVING)
		agent_leave(n->agent, n->now);
}

/* ---- news for the managers
 * -------------------------------------------------------- */

static size_t
news_place(const struct node *n, const char *task_id)
{
	size_t low = 0, high = n->news_count;

	while (low < high) {
		size_t mid = low + (high - low) / 2;

		if (strcmp(n->news[mid]->task_id, task_id) < 0)
			low = mid + 1;
		else
			high = mid;
	}
	return low;
}

static void
news_free(struct news *x)
{
	mem_free(x->task_id);
	arena_fini(&x->arena);
	mem_free(x);
}

/* The latest status of a task replaces the one before. */
static void
take_news(struct node *n, const char *task_id, const struct task_status *status)
{
	size_t at = news_place(n, task_id);
	struct news *x = mem_new(sizeof(*x));

	if (n->life != LIFE_MEMBER && n->life != LIFE_WORKER) {
		mem_free(x);
		return;
	}
	arena_init(&x->arena);
	x->task_id = mem_strdup(task_id);
	model_copy(&task_status_type, status, &x->arena, &x->status);
	if (at < n->news_count && strcmp(n->news[at]->task_id, task_id) == 0) {
		news_free(n->news[at]);
		n->news[at] = x;
		return;
	}
	n->news = mem_grow(n->news, n->news_count, &n->news_cap,
			   sizeof(*n->news));
	memmove(n->news + at + 1, n->news + at,
		(n->news_count - at) * sizeof(*n->news));
	n->news[at] = x;
	n->news_count++;
}

bool
work_has_news(const struct node *n)
{
	for (size_t i = 0; i < n->news_count; i++)
		if (n->news[i]->batch == 0)
			return true;
	return false;
}

uint32_t
work_news_take(struct node *n, uint64_t batch, struct status_item *ret,
	       size_t max)
{
	uint32_t count = 0;

	check(batch != 0);
	for (size_t i = 0; i < n->news_count && count < max; i++) {
		struct news *x = n->news[i];

		if (x->batch != 0)
			continue;
		x->batch = batch;
		ret[count++] = (struct status_item){ x->task_id, x->status };
	}
	return count;
}

/* What was sent is known now; or it must be sent again. What came after it
 * is another one. */
void
work_news_done(struct node *n, uint64_t batch, bool known)
{
	size_t kept = 0;

	for (size_t i = 0; i < n->news_count; i++) {
		struct news *x = n->news[i];

		if (x->batch == batch && known) {
			news_free(x);
			continue;
		}
		if (x->batch == batch)
			x->batch = 0;
		n->news[kept++] = x;
	}
	n->news_count = kept;
}

/* The agent is alone: what is not over yet for it is no news. */
void
work_news_take_back(struct node *n)
{
	size_t kept = 0;

	for (size_t i = 0; i < n->news_count; i++) {
		struct news *x = n->news[i];

		if (agent_take_back(n->agent, x->task_id, n->now))
			news_free(x);
		else
			n->news[kept++] = x;
	}
	n->news_count = kept;
}

void
work_news_unsent(struct node *n)
{
	for (size_t i = 0; i < n->news_count; i++)
		n->news[i]->batch = 0;
}

/* ---- what the agent wants
 * ----------------------------------------------------------- */

void
work_send_ports(struct node *n)
{
	struct port_wish *all;
	struct effect *e;
	size_t count;

	if (!n->ports_dirty)
		return;
	n->ports_dirty = false;
	count = n->agent != NULL ? agent_ports(n->agent, NULL, 0) : 0;
	all = arena_array(&n->step_arena, count, sizeof(*all));
	if (count > 0)
		check(agent_ports(n->agent, all, count) == count);
	e = effect_add(n, EFFECT_PORTS);
	e->ports = all;
	e->port_count = count;
}

static void
take_row(struct node *n, const struct agent_out *out)
{
	struct batch *b = disk_batch(n);

	if (out->row != NULL)
		batch_row_put(b, TABLE_WORKER, out->task_id, out->row,
			      out->row_len);
	else
		batch_row_delete(b, TABLE_WORKER, out->task_id);
	n->worker_row_seq = b->seq;
}

void
work_drain(struct node *n)
{
	struct agent_out out;

	while (n->agent != NULL && agent_next(n->agent, &out)) {
		switch (out.type) {
		case AGENT_ORDER:
			effect_order(n, out.order);
			break;
		case AGENT_ROW:
			take_row(n, &out);
			break;
		case AGENT_STATUS:
			take_news(n, out.task_id, out.status);
			break;
		case AGENT_PORTS:
			n->ports_dirty = true;
			break;
		}
	}
}

void
work_fini(struct node *n)
{
	forget_strays(n);
	for (size_t i = 0; i < n->news_count; i++)
		news_free(n->news[i]);
	mem_free(n->news);
	n->news = NULL;
	n->news_count = n->news_cap = 0;
	agent_free(n->agent);
	n->agent = NULL;
}
