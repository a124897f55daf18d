/*
 * runner.c - see runner.h. Orders become shims and messages to them; all that
 * may take time is done by other processes.
 */
#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/base/check.h"
#include "core/base/mem.h"
#include "core/base/str.h"
#include "exec/cgroups.h"
#include "exec/fs.h"
#include "exec/image/image.h"
#include "exec/order.h"
#include "exec/prepare.h"
#include "exec/runner_impl.h"
#include "exec/signals.h"

#define PREPARING_PER_CPU 4
#define FIND_WAIT_S 10.0 /* for shims that are still preparing */
#define HUNG_WAIT_S 15.0 /* for a shim that was told to end */

/* ---- tasks ------------------------------------------------------------------
 */

struct runner_task *
runner_task_find(struct runner *r, const char *id)
{
	return map_get(&r->by_id, id);
}

static void
on_hung(struct ev_loop *loop, ev_timer *timer, int revents)
{
	struct runner_task *t = container_of(timer, struct runner_task, hung);

	(void)loop;
	(void)revents;
	runner_disconnect(t);
	runner_settle(t); /* the cleaner kills a shim that keeps its lock */
}

struct runner_task *
runner_task_new(struct runner *r, const char *id)
{
	struct runner_task *t = mem_new(sizeof(*t));
	struct buf dir = { 0 };

	snprintf(t->id, sizeof(t->id), "%s", id);
	buf_printf(&dir, "%s/tasks/%s", r->c.run, id);
	t->dir = buf_take(&dir);
	t->r = r;
	t->fd = -1;
	list_init(&t->queue);
	list_append(&r->tasks, &t->node);
	map_put(&r->by_id, t->id, t);
	ev_timer_init(&t->hung, on_hung, HUNG_WAIT_S, 0.);
	return t;
}

void
runner_task_free(struct runner_task *t)
{
	struct runner *r = t->r;

	runner_turn_done(t);
	runner_disconnect(t);
	ev_timer_stop(r->c.loop, &t->hung);
	list_remove(&t->queue);
	list_remove(&t->node);
	map_del(&r->by_id, t->id);
	mem_free(t->dir);
	mem_free(t);
	if (!r->closed && list_empty(&r->tasks))
		cgroup_remove_parent();
}

/* ---- prepare
 * ------------------------------------------------------------------ */

static void
begin(struct runner_task *t)
{
	struct err e;

	t->holds_turn = true;
	t->r->preparing++;
	if (runner_spawn_shim(t, &e) == 0)
		return;
	runner_turn_done(t);
	t->told = SHIM_FAILED;
	report_failed(t->r, t->id, e.msg);
}

static void
begin_next(struct runner *r)
{
	while (r->preparing < r->preparing_max && !list_empty(&r->waiting)) {
		struct runner_task *t = container_of(r->waiting.next,
						     struct runner_task, queue);

		list_remove(&t->queue);
		begin(t);
	}
}

void
runner_turn_done(struct runner_task *t)
{
	if (!t->holds_turn)
		return;
	t->holds_turn = false;
	check(t->r->preparing > 0);
	t->r->preparing--;
	if (!t->r->closed)
		begin_next(t->r);
}

static void
image_to_order(const struct image_config *im, struct order_image *o)
{
	*o = (struct order_image){
		.id = im->id,
		.reference = im->reference,
		.layers = im->layers,
		.entrypoint = im->entrypoint,
		.cmd = im->cmd,
		.env = im->env,
		.user = im->user,
		.working_dir = im->working_dir,
		.stop_signal = im->stop_signal,
		.volumes = im->volumes,
		.healthcheck = im->healthcheck,
		.labels = im->labels,
		.exposed_ports = im->exposed_ports,
	};
}

/* "host" and "none" are said, or have no address; a doubt means none. */
static const char *
network_of(const struct runner_order *o)
{
	const struct task_spec *s = &o->task->spec;

	if (!str_empty(o->network))
		return o->network;
	if (!str_empty(o->address))
		return "";
	if (s->networks.count > 0 && str_eq(s->networks.v[0].target, "host"))
		return "host";
	return "none";
}

static int
write_order(struct runner_task *t, const struct runner_order *o,
	    struct arena *a, struct err *e)
{
	const struct runner_config *c = &t->r->c;
	struct image_config image = { 0 };
	struct order out = {
		.task_id = t->id,
		.container_id = o->container_id,
		.name = o->name,
		.hostname = o->hostname,
		.network = network_of(o),
		.bridge = c->bridge,
		.address = o->address,
		.gateway = o->gateway,
		.root = c->root,
		.run = c->run,
		.runtime = c->runtime,
		.self = c->self,
		.labels = o->labels,
		.spec = o->task->spec,
		.log_driver = o->task->log_driver,
	};
	int r;

	if (o->task->spec.container == NULL)
		return err_set(e, -EINVAL, "the task has no container");
	r = images_find(c->images, str_or(o->task->spec.container->image, ""),
			a, &image, e);
	if (r < 0)
		return r;
	image_to_order(&image, &out.image);
	return order_write(arena_printf(a, "%s/order", t->dir), &out, e);
}

static void
prepare(struct runner *r, const struct runner_order *o)
{
	struct runner_task *t;
	struct arena a;
	struct err e;
	int err;

	if (!id_valid(o->task_id) || o->task == NULL) {
		report_failed(r, o->task_id, "this is no task");
		return;
	}
	if (runner_task_find(r, o->task_id) != NULL) {
		report_failed(r, o->task_id, "the task was prepared before");
		return;
	}
	t = runner_task_new(r, o->task_id);
	arena_init(&a);
	err = fs_mkdirs(t->dir, 0700, &e);
	if (err == 0)
		err = write_order(t, o, &a, &e);
	arena_fini(&a);
	if (err < 0) {
		t->told = SHIM_FAILED;
		report_failed(r, t->id, e.msg);
		return;
	}
	list_append(&r->waiting, &t->queue);
	begin_next(r);
}

/* ---- start, probe, stop, remove
 * ------------------------------------------------ */

static struct shim_request
request(enum shim_verb verb)
{
	return (struct shim_request){ .magic = SHIM_MAGIC, .verb = verb };
}

static void
start(struct runner_task *t)
{
	const struct shim_request q = request(SHIM_START);

	if (t->fd >= 0)
		runner_send(t, &q);
	else if (t->told < SHIM_EXITED) /* else its end was told */
		report_failed(t->r, t->id, "its supervisor is gone");
}

static void
probe_failed(struct runner *r, const struct runner_order *o, const char *why)
{
	const struct runner_report report = {
		.news = RUNNER_PROBED,
		.task_id = o->task_id,
		.probe_id = o->probe_id,
		.exit_code = -1,
		.err = why,
	};

	report_later(r, &report);
}

static void
probe(struct runner_task *t, const struct runner_order *o)
{
	struct shim_request q = request(SHIM_PROBE);

	q.probe_id = o->probe_id;
	q.time_ns = o->timeout_ns > 0 ? o->timeout_ns : 0;
	for (uint32_t i = 0; i < o->argv.count; i++) {
		size_t len = strlen(o->argv.v[i]) + 1;

		if (len > SHIM_TEXT_MAX - q.text_len) {
			probe_failed(t->r, o,
				     "the health check's command is too long");
			return;
		}
		memcpy(q.text + q.text_len, o->argv.v[i], len);
		q.text_len += (uint32_t)len;
	}
	if (t->fd < 0 || q.text_len == 0)
		probe_failed(t->r, o, "the container is not running");
	else
		runner_send(t, &q);
}

/* Not running, and nobody is at it: the end is told again, or made up. */
static void
stop_nothing(struct runner *r, const char *id, const struct runner_task *t)
{
	struct shim_state s = { 0 };
	struct runner_report report = {
		.news = RUNNER_EXITED,
		.task_id = id,
		.exit_code = 137,
	};
	struct err e;

	if (t != NULL && shim_state_read(t->dir, &s, &e) == 0 &&
	    s.phase == SHIM_EXITED) {
		report.exit_code = s.exit_code;
		report.started_at = s.started_at;
		report.finished_at = s.finished_at;
		report.pid = s.pid;
		report.oom_killed = s.oom_killed != 0;
	}
	report_later(r, &report);
}

static void
stop(struct runner_task *t, const struct runner_order *o)
{
	struct shim_request q = request(SHIM_STOP);
	int number = str_empty(o->signal) ? 0 : signal_number(o->signal);

	if (t->fd < 0 || t->told >= SHIM_EXITED) {
		list_remove(&t->queue); /* it may not even have begun */
		if (!t->cleaning || t->told >= SHIM_EXITED) {
			t->told = SHIM_EXITED;
			stop_nothing(t->r, t->id, t);
		}
		return;
	}
	q.signal = number > 0 ? number : 0;
	q.time_ns = o->grace_ns > 0 ? o->grace_ns : 0;
	runner_send(t, &q);
}

/*
 * A shim that is there ends first; then, as for one that was dead, the
 * cleaner takes all away.
 */
static void
remove_task(struct runner_task *t)
{
	const struct shim_request q = request(SHIM_END);

	if (t->remove_wanted)
		return;
	t->remove_wanted = true;
	list_remove(&t->queue);
	if (t->fd >= 0) {
		runner_send(t, &q);
		ev_timer_start(t->r->c.loop, &t->hung);
		return;
	}
	runner_spawn_cleaner(t, CLEANER_REMOVE);
}

static void
order_unknown(struct runner *r, const struct runner_order *o)
{
	const struct runner_report removed = {
		.news = RUNNER_REMOVED,
		.task_id = o->task_id,
	};

	switch (o->verb) {
	case RUNNER_PREPARE:
		return;
	case RUNNER_START:
		report_failed(r, o->task_id, "the task was not prepared");
		return;
	case RUNNER_PROBE:
		probe_failed(r, o, "the container is not running");
		return;
	case RUNNER_STOP:
		stop_nothing(r, o->task_id, NULL);
		return;
	case RUNNER_REMOVE:
		report_later(r, &removed);
		return;
	}
	unreachable();
}

void
runner_order(struct runner *r, const struct runner_order *o)
{
	struct runner_task *t = runner_task_find(r, o->task_id);

	if (o->verb == RUNNER_PREPARE) {
		prepare(r, o);
		return;
	}
	if (t == NULL) {
		order_unknown(r, o);
		return;
	}
	switch (o->verb) {
	case RUNNER_PREPARE:
		return;
	case RUNNER_START:
		start(t);
		return;
	case RUNNER_PROBE:
		probe(t, o);
		return;
	case RUNNER_STOP:
		stop(t, o);
		return;
	case RUNNER_REMOVE:
		remove_task(t);
		return;
	}
	unreachable();
}

/* ---- scan
 * ------------------------------------------------------------------------ */

static void
find(struct runner *r, const char *id)
{
	struct runner_task *t;
	struct err e;

	if (!id_valid(id) || runner_task_find(r, id) != NULL)
		return;
	t = runner_task_new(r, id);
	t->finding = true;
	r->finding++;
	if (runner_connect(t, &e) < 0)
		runner_settle(t);
}

static void
check_scanned(struct runner *r)
{
	const struct runner_report done = { .news = RUNNER_SCANNED };

	if (!r->scanning || r->finding > 0)
		return;
	r->scanning = false;
	ev_timer_stop(r->c.loop, &r->patience);
	r->c.report(r->c.ctx, &done);
}

static void
scan(struct runner *r)
{
	char path[PATH_MAX];
	struct dirent *d;
	struct err e;
	DIR *dir;

	if (fs_path(path, sizeof(path), &e, "%s/tasks", r->c.run) < 0)
		return;
	dir = opendir(path);
	while (dir != NULL && (d = readdir(dir)) != NULL)
		find(r, d->d_name);
	if (dir != NULL)
		closedir(dir);
	ev_timer_start(r->c.loop, &r->patience);
}

/* What an order found out, and the scan: told from the loop, never from
 * within an order. */
static void
on_later(struct ev_loop *loop, ev_timer *timer, int revents)
{
	struct runner *r = container_of(timer, struct runner, later);

	(void)loop;
	(void)revents;
	if (r->want_scan) {
		r->want_scan = false;
		scan(r);
	}
	reports_flush(r);
	check_scanned(r);
}

/* Shims that prepare for so long are not waited for. */
static void
on_patience(struct ev_loop *loop, ev_timer *timer, int revents)
{
	struct runner *r = container_of(timer, struct runner, patience);

	(void)loop;
	(void)revents;
	list_each_safe (it, tmp, &r->tasks) {
		struct runner_task *t =
			container_of(it, struct runner_task, node);

		if (!t->finding)
			continue;
		runner_disconnect(t);
		runner_settle(t);
	}
}

void
runner_scan(struct runner *r)
{
	check(!r->scanning);
	r->scanning = true;
	r->want_scan = true;
	ev_timer_start(r->c.loop, &r->later);
}

/* ---- the runner
 * -------------------------------------------------------------------- */

static int
check_config(const struct runner_config *c, struct err *e)
{
	const char *const paths[] = { c->root, c->run, c->runtime, c->self };

	for (size_t i = 0; i < ARRAY_LEN(paths); i++)
		if (paths[i][0] != '/' ||
		    strlen(paths[i]) > PREPARE_PATH_MAX / 2)
			return err_set(e, -EINVAL,
				       "\"%.80s\" must be an absolute path of "
				       "at most %d bytes",
				       paths[i], PREPARE_PATH_MAX / 2);
	return 0;
}

static int
make_dirs(const struct runner_config *c, struct err *e)
{
	const struct {
		const char *base, *name;
		mode_t mode;
	} dirs[] = {
		{ c->run, "tasks", 0700 },
		{ c->run, "runc", 0700 },
		{ c->root, "containers", 0710 },
		{ c->root, "volumes", 0711 },
	};
	char path[PATH_MAX];

	for (size_t i = 0; i < ARRAY_LEN(dirs); i++) {
		int r = fs_path(path, sizeof(path), e, "%s/%s", dirs[i].base,
				dirs[i].name);

		if (r == 0)
			r = fs_mkdirs(path, dirs[i].mode, e);
		if (r < 0)
			return r;
	}
	return 0;
}

/* A task takes two descriptors, a port another: the usual 1024 are few. */
static void
allow_files(struct runner *r)
{
	(void)getrlimit(RLIMIT_NOFILE, &r->files_before); /* cannot fail */
	r->files = r->files_before;
	r->files.rlim_cur = r->files.rlim_max;
	if (setrlimit(RLIMIT_NOFILE, &r->files) < 0)
		r->files = r->files_before;
}

int
runner_open(const struct runner_config *config, struct runner **ret,
	    struct err *e)
{
	struct runner *r;
	long cpus = sysconf(_SC_NPROCESSORS_ONLN);
	int err = check_config(config, e);

	if (err == 0)
		err = make_dirs(config, e);
	if (err < 0)
		return err;
	r = mem_new(sizeof(*r));
	r->c = *config;
	r->c.root = mem_strdup(config->root);
	r->c.run = mem_strdup(config->run);
	r->c.runtime = mem_strdup(config->runtime);
	r->c.self = mem_strdup(config->self);
	r->c.bridge = mem_strdup(str_or(config->bridge, ""));
	r->preparing_max = PREPARING_PER_CPU * (cpus > 0 ? (unsigned)cpus : 1);
	allow_files(r);
	list_init(&r->tasks);
	list_init(&r->children);
	list_init(&r->reports);
	list_init(&r->waiting);
	map_init(&r->by_id, 0); /* ids are made by managers, not by users */
	ev_timer_init(&r->later, on_later, 0., 0.);
	ev_timer_init(&r->patience, on_patience, FIND_WAIT_S, 0.);
	*ret = r;
	return 0;
}

void
runner_close(struct runner *r)
{
	if (r == NULL)
		return;
	r->closed = true;
	list_each_safe (it, tmp, &r->tasks)
		runner_task_free(container_of(it, struct runner_task, node));
	runner_children_drop(r);
	reports_drop(r);
	ev_timer_stop(r->c.loop, &r->later);
	ev_timer_stop(r->c.loop, &r->patience);
	map_fini(&r->by_id);
	mem_free((char *)r->c.root);
	mem_free((char *)r->c.run);
	mem_free((char *)r->c.runtime);
	mem_free((char *)r->c.self);
	mem_free((char *)r->c.bridge);
	mem_free(r);
}
