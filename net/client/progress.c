/*
 * progress.c - see progress.h. What to show is computed from the service and
 * its tasks (look); how it is drawn depends on the terminal alone.
 */
#include "net/client/progress.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "core/base/buf.h"
#include "core/base/str.h"
#include "core/model/naming.h"
#include "core/model/objects.h"
#include "net/client/format.h"

#define POLL_MS 100
#define BARS_MAX 20 /* more tasks than this are only counted */
#define BAR_WIDTH 50
#define BAR_REST 16 /* columns of a line beside bar and label, and one free */

struct bar {
	const char *label; /* "1/3", or the node's id */
	int state;	   /* enum task_state; 0: no task yet */
	bool running;
	const char *err;
	uint64_t slot;
	const char *node_id;
	uint64_t version; /* of the task: the newest is shown */
};

struct view {
	const char *name;
	uint64_t wanted, running;
	struct bar *bars;
	uint32_t bar_count;
	int update_state; /* enum update_state */
	const char *update_message;
	int64_t monitor_ns;
};

struct task_list {
	struct task *v;
	uint32_t count;
};

struct node_list {
	struct node_object *v;
	uint32_t count;
};

static volatile sig_atomic_t interrupted;

static void
on_interrupt(int signo)
{
	(void)signo;
	interrupted = 1;
}

/* ---- what there is ----------------------------------------------------------
 */

static int
ask_service(struct cli *cli, const char *id, struct arena *a,
	    struct service *ret, struct err *e)
{
	const char *path = arena_printf(a, "/services/%s", id);
	struct buf body = { 0 };
	int r = cli_ask(cli, "GET", path, NULL, &body, e);

	if (r == 0)
		r = model_json_read(&service_type, body.p, body.len, a, ret, e);
	buf_fini(&body);
	return r;
}

/* How many nodes there are: what a global service has to reach. */
static int
ask_nodes(struct cli *cli, struct arena *a, uint32_t *ret, struct err *e)
{
	struct node_list nodes = { 0 };
	struct buf body = { 0 };
	int r = cli_ask(cli, "GET", "/nodes", NULL, &body, e);

	if (r == 0)
		r = model_json_read_list(&node_type, body.p, body.len, a,
					 &nodes, e);
	*ret = nodes.count;
	buf_fini(&body);
	return r;
}

static int
ask_tasks(struct cli *cli, const char *id, struct arena *a,
	  struct task_list *ret, struct err *e)
{
	const char *filters = arena_printf(a,
					   "{\"service\":{\"%s\":true},"
					   "\"_up-to-date\":{\"true\":true}}",
					   id);
	struct buf body = { 0 };
	int r = cli_ask(cli, "GET",
			cli_path(cli, "/tasks", "filters", filters, NULL), NULL,
			&body, e);

	if (r == 0)
		r = model_json_read_list(&task_type, body.p, body.len, a, ret,
					 e);
	buf_fini(&body);
	return r;
}

/* ---- what it means ----------------------------------------------------------
 */

static struct bar *
bar_of(struct view *v, const struct task *t)
{
	for (uint32_t i = 0; i < v->bar_count; i++) {
		struct bar *b = &v->bars[i];

		if (b->slot == t->slot &&
		    (t->slot != 0 || str_eq(b->node_id, t->node_id)))
			return b;
	}
	v->bars[v->bar_count] =
		(struct bar){ .slot = t->slot, .node_id = t->node_id };
	return &v->bars[v->bar_count++];
}

static int
by_slot(const void *x, const void *y)
{
	const struct bar *a = x, *b = y;

	if (a->slot != b->slot)
		return a->slot < b->slot ? -1 : 1;
	return strcmp(str_or(a->node_id, ""), str_or(b->node_id, ""));
}

static void
look(const struct service *s, const struct task_list *tasks, uint32_t nodes,
     struct arena *a, struct view *v)
{
	const struct update_config *u = s->spec.update;

	*v = (struct view){ .name = s->spec.name, .monitor_ns = 5 * NS_PER_S };
	if (u != NULL && u->monitor_ns > 0)
		v->monitor_ns = u->monitor_ns;
	if (s->update_status != NULL) {
		v->update_state = s->update_status->state;
		v->update_message = s->update_status->message;
	}
	v->wanted = service_is_global(&s->spec) ? nodes
						: service_replicas(&s->spec);
	v->bars = arena_array(a, tasks->count, sizeof(*v->bars));
	for (uint32_t i = 0; i < tasks->count; i++) {
		const struct task *t = &tasks->v[i];
		struct bar *b;

		if (t->desired_state > TASK_RUNNING)
			continue;
		b = bar_of(v, t);
		if (t->head.version.index < b->version)
			continue;
		b->version = t->head.version.index;
		b->state = t->status.state;
		b->running = t->status.state == TASK_RUNNING &&
			     t->desired_state == TASK_RUNNING;
		b->err = t->status.err;
	}
	qsort(v->bars, v->bar_count, sizeof(*v->bars), by_slot);
	for (uint32_t i = 0; i < v->bar_count; i++)
		v->running += v->bars[i].running;
}

static bool
converged(const struct view *v)
{
	return v->running == v->wanted && v->bar_count == v->wanted &&
	       v->update_state != UPDATE_UPDATING &&
	       v->update_state != UPDATE_ROLLBACK_STARTED;
}

struct watch {
	struct cli *cli;
	const char *id;
	bool show;
	int lines;	      /* drawn */
	struct buf written;   /* where nothing is drawn */
	int64_t stable_since; /* 0: not converged */
};

/* ---- how it looks
 * ------------------------------------------------------------ */

static const char *
label_of(const struct view *v, const struct bar *b, struct arena *a)
{
	if (b->slot == 0)
		return arena_printf(a, "%.12s", str_or(b->node_id, "-"));
	return arena_printf(a, "%llu/%llu", (unsigned long long)b->slot,
			    (unsigned long long)v->wanted);
}

/* A line that wraps could not be drawn over. */
static void
draw_text(struct cli *cli, const char *text, struct arena *a)
{
	size_t width = cli->width > 1 ? (size_t)cli->width - 1 : 1;

	fprintf(cli->out, "%s\033[K\n", text_ellipsis(a, text, width));
}

static void
draw_bar(struct cli *cli, const struct view *v, const struct bar *b,
	 struct arena *a)
{
	static const char fill[] =
		"==================================================";
	const char *label = label_of(v, b, a);
	int room = cli->width - (int)strlen(label) - BAR_REST;
	int step = b->state > TASK_RUNNING ? TASK_RUNNING : b->state;
	int width;

	room = room > BAR_WIDTH ? BAR_WIDTH : room > 0 ? room : 0;
	width = step * room / TASK_RUNNING;
	if (!str_empty(b->err))
		draw_text(
			cli,
			arena_printf(a, "%s: %s", label, cli_clean(a, b->err)),
			a);
	else
		draw_text(cli,
			  arena_printf(a, "%s: %-9s [%.*s>%*s]", label,
				       enum_name(&task_state_names, b->state),
				       width, fill, room - width, ""),
			  a);
}

/* Where nothing can be drawn over: a line for what has changed. */
static void
write_plain(struct watch *w, const struct view *v, struct arena *a)
{
	struct buf text = { 0 };

	buf_printf(&text, "overall progress: %llu out of %llu tasks\n",
		   (unsigned long long)v->running,
		   (unsigned long long)v->wanted);
	for (uint32_t i = 0; i < v->bar_count && v->wanted <= BARS_MAX; i++)
		if (!str_empty(v->bars[i].err))
			buf_printf(&text, "%s: %s\n",
				   label_of(v, &v->bars[i], a),
				   cli_clean(a, v->bars[i].err));
	if (!str_eq(buf_cstr(&text), buf_cstr(&w->written)))
		fputs(buf_cstr(&text), w->cli->out);
	(void)fflush(w->cli->out);
	buf_clear(&w->written);
	buf_puts(&w->written, buf_cstr(&text));
	buf_fini(&text);
}

/* Draws over what was drawn before; gives the number of lines. */
static int
draw(struct cli *cli, const struct view *v, int lines, const char *verdict,
     struct arena *a)
{
	uint32_t most = cli->height > 3 ? (uint32_t)cli->height - 3 : 0;

	if (lines > 0)
		fprintf(cli->out, "\033[%dA", lines);
	draw_text(cli,
		  arena_printf(a, "overall progress: %llu out of %llu tasks",
			       (unsigned long long)v->running,
			       (unsigned long long)v->wanted),
		  a);
	lines = 2;
	if (most > BARS_MAX)
		most = BARS_MAX;
	for (uint32_t i = 0; i < v->bar_count && v->wanted <= most; i++) {
		draw_bar(cli, v, &v->bars[i], a);
		lines++;
	}
	draw_text(cli, arena_printf(a, "verify: %s", verdict), a);
	fputs("\033[J", cli->out);
	(void)fflush(cli->out);
	return lines;
}

/* ---- watching
 * ----------------------------------------------------------------- */

static const char *
failed_update(const struct view *v)
{
	if (v->update_state == UPDATE_PAUSED)
		return "service update paused";
	if (v->update_state == UPDATE_ROLLBACK_PAUSED)
		return "service rollback paused";
	return NULL;
}

static int
poll_once(struct watch *w, struct arena *a, struct view *v, struct err *e)
{
	struct task_list tasks = { 0 };
	struct service s = { 0 };
	uint32_t nodes = 0;
	int r = ask_service(w->cli, w->id, a, &s, e);

	if (r == 0)
		r = ask_tasks(w->cli, w->id, a, &tasks, e);
	if (r == 0 && service_is_global(&s.spec))
		r = ask_nodes(w->cli, a, &nodes, e);
	if (r == 0)
		look(&s, &tasks, nodes, a, v);
	return r;
}

static void
show_view(struct watch *w, const struct view *v, const char *verdict,
	  struct arena *a)
{
	if (w->show && w->cli->out_tty)
		w->lines = draw(w->cli, v, w->lines, verdict, a);
	else if (w->show)
		write_plain(w, v, a);
}

/* One look; true: it is over, *ret_exit says how. */
static bool
watch_step(struct watch *w, struct arena *a, int *ret_exit)
{
	int64_t now = w->cli->clock_ns(w->cli), left;
	const char *verdict = "waiting for tasks to run";
	struct view v = { 0 };
	struct err e;

	if (poll_once(w, a, &v, &e) < 0) {
		*ret_exit = cli_fail_err(w->cli, &e);
		return true;
	}
	if (!converged(&v))
		w->stable_since = 0;
	else if (w->stable_since == 0)
		w->stable_since = now;
	left = v.monitor_ns - (now - w->stable_since);
	if (w->stable_since != 0)
		verdict = arena_printf(a,
				       "waiting %lld seconds to verify that "
				       "tasks are stable",
				       (long long)(left + NS_PER_S - 1) /
					       (long long)NS_PER_S);
	if (w->stable_since != 0 && left <= 0)
		verdict = arena_printf(a, "Service %s converged", w->id);
	show_view(w, &v, verdict, a);
	if (failed_update(&v) != NULL) {
		*ret_exit =
			cli_fail(w->cli, "%s: %s", failed_update(&v),
				 cli_clean(a, str_or(v.update_message, "")));
		return true;
	}
	if (w->stable_since != 0 && left <= 0 && w->show && !w->cli->out_tty)
		fprintf(w->cli->out, "verify: %s\n", verdict);
	*ret_exit = CLI_OK;
	return w->stable_since != 0 && left <= 0;
}

int
progress_wait(struct cli *cli, const char *service_id, enum progress_mode mode)
{
	struct watch w = {
		.cli = cli,
		.id = service_id,
		.show = mode == PROGRESS_SHOW,
	};
	struct sigaction was;
	bool over = false;
	int exit_code = CLI_OK;

	interrupted = 0;
	(void)sigaction(SIGINT,
			&(struct sigaction){ .sa_handler = on_interrupt },
			&was);
	while (!over && !interrupted) {
		struct arena a;

		arena_init(&a);
		over = watch_step(&w, &a, &exit_code);
		arena_fini(&a);
		if (!over)
			(void)nanosleep(
				&(struct timespec){ 0, POLL_MS * NS_PER_MS },
				NULL);
	}
	(void)sigaction(SIGINT, &was, NULL);
	buf_fini(&w.written);
	if (!over)
		fprintf(cli->out,
			"Operation continuing in background.\n"
			"Use `swarm service ps %s` to check progress.\n",
			service_id);
	return exit_code;
}
