/* upload.c - see upload.h. */
#include "exec/image/upload.h"

#include <errno.h>
#include <ev.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/base/mem.h"

#define LINES_MAX 16384

struct upload {
	struct upload_config config;
	int in_fd; /* -1: closed */
	int out_fd;
	int pid_fd;
	ev_io in, out, exit;
	struct buf pending; /* of the archive, until the pipe takes it */
	bool paused;	    /* upload_put() gave false */
	bool whole;
	bool abandoned;
};

static void
close_in(struct upload *u)
{
	ev_io_stop(u->config.loop, &u->in);
	if (u->in_fd >= 0)
		(void)close(u->in_fd);
	u->in_fd = -1;
	buf_clear(&u->pending);
}

/* Move what waits into the pipe; a child that is gone takes nothing. */
static void
push(struct upload *u)
{
	while (u->in_fd >= 0 && u->pending.len > 0) {
		ssize_t n = write(u->in_fd, u->pending.p, u->pending.len);

		if (n < 0 && errno == EAGAIN) {
			ev_io_start(u->config.loop, &u->in);
			return;
		}
		if (n < 0)
			close_in(u);
		else
			buf_drop(&u->pending, (size_t)n);
	}
	ev_io_stop(u->config.loop, &u->in);
	if (u->whole)
		close_in(u);
}

static void
on_writable(struct ev_loop *loop, ev_io *w, int revents)
{
	struct upload *u = container_of(w, struct upload, in);

	(void)loop, (void)revents;
	push(u);
	if (!u->paused || u->pending.len > 0)
		return;
	u->paused = false;
	if (!u->abandoned)
		u->config.resume(u->config.ctx);
}

/* false: there are none now. */
static bool
take_lines(struct ev_loop *loop, struct upload *u)
{
	char lines[LINES_MAX];
	ssize_t n = read(u->out_fd, lines, sizeof(lines));

	if (n <= 0 && (n == 0 || errno != EAGAIN))
		ev_io_stop(loop, &u->out);
	if (n > 0 && !u->abandoned)
		u->config.lines(u->config.ctx, lines, (size_t)n);
	return n > 0;
}

static void
on_lines(struct ev_loop *loop, ev_io *w, int revents)
{
	(void)revents;
	(void)take_lines(loop, container_of(w, struct upload, out));
}

static void
upload_free(struct upload *u)
{
	close_in(u);
	ev_io_stop(u->config.loop, &u->out);
	ev_io_stop(u->config.loop, &u->exit);
	(void)close(u->out_fd);
	(void)close(u->pid_fd);
	buf_fini(&u->pending);
	mem_free(u);
}

static void
say_killed(struct upload *u)
{
	static const char line[] =
		"{\"errorDetail\":{\"message\":\"the image loader was "
		"killed\"},\"error\":\"the image loader was killed\"}\r\n";

	if (!u->abandoned)
		u->config.lines(u->config.ctx, line, sizeof(line) - 1);
}

static void
on_exit_of_child(struct ev_loop *loop, ev_io *w, int revents)
{
	struct upload *u = container_of(w, struct upload, exit);
	siginfo_t info = { 0 };
	bool loaded;

	(void)revents;
	while (ev_is_active(&u->out) && take_lines(loop, u))
		continue;
	(void)waitid(P_PIDFD, (id_t)u->pid_fd, &info, WEXITED);
	loaded = info.si_code == CLD_EXITED && info.si_status == 0;
	if (info.si_code != CLD_EXITED)
		say_killed(u);
	u->config.ended(u->config.ctx, loaded);
	upload_free(u);
}

int
upload_start(const struct upload_config *config, struct upload **ret,
	     struct err *e)
{
	struct upload *u = mem_new(sizeof(*u));
	int pid, r;

	u->config = *config;
	r = images_load_start(config->images, &config->load, &pid, &u->in_fd,
			      &u->out_fd, e);
	if (r < 0) {
		mem_free(u);
		return r;
	}
	u->pid_fd = (int)syscall(SYS_pidfd_open, pid, 0);
	if (u->pid_fd < 0) {
		r = err_set(e, -errno, "watch the image loader: %s",
			    strerror(errno));
		(void)close(u->in_fd);
		(void)close(u->out_fd);
		mem_free(u);
		return r;
	}
	ev_io_init(&u->in, on_writable, u->in_fd, EV_WRITE);
	ev_io_init(&u->out, on_lines, u->out_fd, EV_READ);
	ev_io_init(&u->exit, on_exit_of_child, u->pid_fd, EV_READ);
	ev_io_start(config->loop, &u->out);
	ev_io_start(config->loop, &u->exit);
	*ret = u;
	return 0;
}

bool
upload_put(struct upload *u, const void *p, size_t len)
{
	if (p == NULL)
		u->whole = true;
	else if (u->in_fd >= 0)
		buf_put(&u->pending, p, len);
	push(u);
	u->paused = u->pending.len > 0;
	return !u->paused;
}

void
upload_abandon(struct upload *u)
{
	u->abandoned = true;
	close_in(u); /* an archive that is cut: the child gives up */
}
