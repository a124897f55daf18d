/* runner_report.c - what the runner has to say. */
#include <stdio.h>
#include <string.h>

#include "core/base/mem.h"
#include "exec/fs.h"
#include "exec/order.h"
#include "exec/runner_impl.h"

struct kept_report {
	struct list node;
	struct runner_report report;
	char id[ID_LEN + 1];
	char err[ERR_MSG_MAX];
};

/* What the image says, from the order: in a, or nothing. */
static void
add_image(const struct runner_task *t, struct arena *a,
	  struct runner_report *ret)
{
	const char *path = arena_printf(a, "%s/order", t->dir);
	struct runner_image *image;
	struct order o;
	struct err e;

	/* a directory that was half made has no order: and no container */
	if (order_read(path, a, &o, &e) < 0)
		return;
	image = arena_alloc(a, sizeof(*image));
	*image = (struct runner_image){
		.id = o.image.id,
		.entrypoint = o.image.entrypoint,
		.cmd = o.image.cmd,
		.env = o.image.env,
		.user = o.image.user,
		.working_dir = o.image.working_dir,
		.stop_signal = o.image.stop_signal,
		.labels = o.image.labels,
		.exposed_ports = o.image.exposed_ports,
	};
	ret->image = image;
	ret->image_healthcheck = o.image.healthcheck;
}

void
report_state(struct runner_task *t, enum runner_news news,
	     const struct shim_state *s)
{
	struct runner_report report = {
		.news = news,
		.task_id = t->id,
		.pid = s->pid,
		.started_at = s->started_at,
		.exit_code = s->exit_code,
		.finished_at = s->finished_at,
		.oom_killed = s->oom_killed != 0,
		.err = s->err[0] != '\0' ? s->err : NULL,
	};
	struct arena a;

	arena_init(&a);
	if (news == RUNNER_PREPARED)
		add_image(t, &a, &report);
	t->r->c.report(t->r->c.ctx, &report);
	arena_fini(&a);
}

void
runner_found(struct runner_task *t, const struct shim_state *s,
	     enum runner_phase phase)
{
	struct runner_report report = {
		.news = RUNNER_FOUND,
		.task_id = t->id,
		.phase = phase,
		.pid = s->pid,
		.started_at = s->started_at,
		.exit_code = s->exit_code,
		.finished_at = s->finished_at,
		.oom_killed = s->oom_killed != 0,
		.err = s->err[0] != '\0' ? s->err : NULL,
	};
	struct arena a;

	arena_init(&a);
	add_image(t, &a, &report);
	t->r->c.report(t->r->c.ctx, &report);
	arena_fini(&a);
}

void
report_later(struct runner *r, const struct runner_report *report)
{
	struct kept_report *k = mem_new(sizeof(*k));

	k->report = *report;
	snprintf(k->id, sizeof(k->id), "%s",
		 report->task_id ? report->task_id : "");
	snprintf(k->err, sizeof(k->err), "%s", report->err ? report->err : "");
	k->report.task_id = k->id;
	k->report.err = report->err ? k->err : NULL;
	list_append(&r->reports, &k->node);
	ev_timer_start(r->c.loop, &r->later);
}

void
report_failed(struct runner *r, const char *id, const char *why)
{
	const struct runner_report report = {
		.news = RUNNER_FAILED,
		.task_id = id,
		.err = why,
	};

	report_later(r, &report);
}

/* More may come while these are told: those wait for the next turn. */
void
reports_flush(struct runner *r)
{
	struct list now;

	if (list_empty(&r->reports))
		return;
	now = r->reports;
	now.next->prev = &now;
	now.prev->next = &now;
	list_init(&r->reports);
	list_each_safe (it, tmp, &now) {
		struct kept_report *k =
			container_of(it, struct kept_report, node);

		list_remove(it);
		r->c.report(r->c.ctx, &k->report);
		mem_free(k);
	}
}

void
reports_drop(struct runner *r)
{
	list_each_safe (it, tmp, &r->reports) {
		list_remove(it);
		mem_free(container_of(it, struct kept_report, node));
	}
}
