/*
 * runner_shim.c - talking with a task's shim, and what follows from its end.
 *
 * A shim that ends has written its state. One that was killed has not: then
 * the container is killed, too, and what it had on this host goes.
 */
#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "core/base/check.h"
#include "core/base/mem.h"
#include "exec/fs.h"
#include "exec/pass_fd.h"
#include "exec/runner_impl.h"

#define EVENTS_PER_TURN 16

/* ---- reports that come from a state ------------------------------------- */

static void
tell(struct runner_task *t, const struct shim_state *s)
{
	uint32_t told = t->told;

	if (s->phase <= told)
		return;
	t->told = s->phase;
	/* what was passed through unseen is told, too: in order */
	if (told < SHIM_CREATED && s->phase == SHIM_RUNNING)
		report_state(t, RUNNER_PREPARED, s);
	switch ((enum shim_phase)s->phase) {
	case SHIM_PREPARING:
		return;
	case SHIM_CREATED:
		report_state(t, RUNNER_PREPARED, s);
		return;
	case SHIM_RUNNING:
		report_state(t, RUNNER_STARTED, s);
		return;
	case SHIM_EXITED:
		if (told < SHIM_RUNNING && s->started_at != 0)
			report_state(t, RUNNER_STARTED, s);
		report_state(t, RUNNER_EXITED, s);
		return;
	case SHIM_FAILED:
		report_state(t, RUNNER_FAILED, s);
		return;
	}
	unreachable();
}

static enum runner_phase
found_phase(const struct shim_state *s)
{
	switch ((enum shim_phase)s->phase) {
	case SHIM_CREATED:
		return RUNNER_PHASE_CREATED;
	case SHIM_RUNNING:
		return RUNNER_PHASE_RUNNING;
	case SHIM_EXITED:
		return RUNNER_PHASE_EXITED;
	case SHIM_PREPARING:
	case SHIM_FAILED:
		break;
	}
	return RUNNER_PHASE_GONE;
}

static void
found(struct runner_task *t)
{
	t->finding = false;
	t->r->finding--;
	ev_timer_start(t->r->c.loop, &t->r->later);
}

static void
on_state(struct runner_task *t, const struct shim_state *s)
{
	if (s->phase == SHIM_PREPARING)
		return;
	runner_turn_done(t);
	if (t->finding) {
		found(t);
		t->told = s->phase;
		runner_found(t, s, found_phase(s));
		return;
	}
	tell(t, s);
}

static void
on_probed(struct runner_task *t, const struct shim_event *v)
{
	char text[SHIM_TEXT_MAX + 1];
	const struct runner_report report = {
		.news = RUNNER_PROBED,
		.task_id = t->id,
		.probe_id = v->probe_id,
		.exit_code = v->probe_code,
		.timed_out = v->probe_timed_out != 0,
		.err = text,
	};

	memcpy(text, v->text, v->text_len);
	text[v->text_len] = '\0';
	t->r->c.report(t->r->c.ctx, &report);
}

/* ---- the connection -------------------------------------------------------
 */

void
runner_disconnect(struct runner_task *t)
{
	if (t->fd < 0)
		return;
	ev_io_stop(t->r->c.loop, &t->io);
	fs_closep(&t->fd);
}

static void
on_end(struct runner_task *t)
{
	struct err e;

	runner_disconnect(t);
	/* it lets go of one who did not read: and is still there */
	if (runner_connect(t, &e) < 0)
		runner_settle(t);
}

static void
on_readable(struct ev_loop *loop, ev_io *io, int revents)
{
	struct runner_task *t = container_of(io, struct runner_task, io);
	static struct shim_event v;

	(void)loop;
	(void)revents;
	/* a report may end in an order to this task, but never frees it */
	for (int i = 0; i < EVENTS_PER_TURN && t->fd >= 0; i++) {
		ssize_t n = recv(t->fd, &v, sizeof(v), MSG_DONTWAIT);

		if (n < 0 && (errno == EAGAIN || errno == EINTR))
			return;
		if (n <= 0) {
			on_end(t);
			return;
		}
		if (!shim_event_valid(&v, (size_t)n))
			continue;
		if (v.news == SHIM_STATE)
			on_state(t, &v.state);
		else
			on_probed(t, &v);
	}
}

int
runner_connect(struct runner_task *t, struct err *e)
{
	int fd = fd_connect_in(t->dir, e);

	if (fd < 0)
		return fd;
	t->fd = fd;
	ev_io_init(&t->io, on_readable, fd, EV_READ);
	ev_io_start(t->r->c.loop, &t->io);
	return 0;
}

void
runner_send(struct runner_task *t, const struct shim_request *q)
{
	size_t len = SHIM_REQUEST_HEAD + q->text_len;

	/* one that is dead (EPIPE) will be read to be so */
	if (send(t->fd, q, len, MSG_NOSIGNAL | MSG_DONTWAIT) < 0 &&
	    errno != EPIPE)
		fprintf(stderr, "task %s: cannot tell its shim: %s\n", t->id,
			strerror(errno));
}

/* ---- without a shim --------------------------------------------------------
 */

static bool
is_released(const struct runner_task *t)
{
	char path[PATH_MAX];
	struct err e;

	return fs_path(path, sizeof(path), &e, "%s/runc/%s", t->r->c.run,
		       t->id) == 0 &&
	       !fs_exists(path);
}

static void
settle_found(struct runner_task *t, struct shim_state *s, bool known)
{
	enum runner_phase phase = RUNNER_PHASE_GONE;

	found(t);
	if (known && s->phase == SHIM_EXITED)
		phase = RUNNER_PHASE_EXITED;
	t->told = phase == RUNNER_PHASE_EXITED ? SHIM_EXITED : SHIM_FAILED;
	runner_found(t, s, phase);
	if (phase == RUNNER_PHASE_EXITED && !is_released(t) &&
	    !t->remove_wanted)
		runner_spawn_cleaner(t, CLEANER_KEEP);
}

void
runner_settle(struct runner_task *t)
{
	struct shim_state s = { 0 };
	struct err e;
	bool known = shim_state_read(t->dir, &s, &e) == 0;
	bool ended =
		known && (s.phase == SHIM_EXITED || s.phase == SHIM_FAILED);

	runner_turn_done(t);
	if (t->remove_wanted) {
		runner_spawn_cleaner(t, CLEANER_REMOVE);
		return;
	}
	if (t->finding) {
		settle_found(t, &s, known);
		return;
	}
	if (ended)
		tell(t, &s);
	/* told of its end, somebody may have asked to remove it */
	if (!t->remove_wanted && (!ended || !is_released(t)))
		runner_spawn_cleaner(t, CLEANER_KEEP);
}

/* What was being prepared has failed; what was more has ended. */
static void
tell_killed(struct runner_task *t)
{
	struct shim_state s = { 0 };
	struct err e;

	if (shim_state_read(t->dir, &s, &e) < 0) {
		s.magic = SHIM_MAGIC;
		s.phase = SHIM_EXITED;
		s.exit_code = 128 + SIGKILL;
		snprintf(s.err, sizeof(s.err), "supervisor was killed");
	}
	if (t->told < SHIM_CREATED && s.phase == SHIM_EXITED &&
	    s.err[0] != '\0')
		s.phase = SHIM_FAILED;
	tell(t, &s);
}

void
runner_cleaned(struct runner_task *t, enum cleaner_mode mode, int code)
{
	const struct runner_report removed = {
		.news = RUNNER_REMOVED,
		.task_id = t->id,
	};

	t->cleaning = false;
	if (mode == CLEANER_REMOVE) {
		if (code != 0)
			fprintf(stderr,
				"task %s was not cleaned up (code %d): see "
				"%s/shim.log\n",
				t->id, code, t->dir);
		report_later(t->r, &removed);
		runner_task_free(t);
		return;
	}
	tell_killed(t);
	if (t->remove_wanted)
		runner_spawn_cleaner(t, CLEANER_REMOVE);
}
