/* shim_output.c - from the container's output to its log. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "exec/fs.h"
#include "exec/shim_impl.h"

#define READ_BYTES 16384
#define READS_PER_TURN 8 /* one that prints all the time must not starve us */

static void
set_nonblocking(int fd)
{
	(void)fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK);
}

static void
open_log(struct shim *s, const struct prepared *p)
{
	char path[PREPARE_PATH_MAX + 128];
	struct err e;

	snprintf(path, sizeof(path), "%s/containers/%s/%s-json.log", p->root,
		 s->id, s->id);
	/* a container without a log is better than none */
	if (log_writer_open(path, &p->limits, &s->log, &e) < 0)
		fprintf(stderr, "no log for task %s: %s\n", s->id, e.msg);
}

void
shim_output_open(struct shim *s, const struct prepared *p, int fds[3])
{
	s->tty = p->tty;
	s->streams[0] = fds[0];
	s->streams[1] = p->tty ? -1 : fds[1];
	s->stdin_fd = !p->tty && p->fd_count > 2 ? fds[2] : -1;
	for (int i = 0; i < 2; i++)
		if (s->streams[i] >= 0)
			set_nonblocking(s->streams[i]);
	if (p->keep_logs)
		open_log(s, p);
}

void
shim_output_read(struct shim *s, int stream)
{
	static const char *const names[] = { "stdout", "stderr" };
	static char part[READ_BYTES];

	for (int i = 0; i < READS_PER_TURN; i++) {
		ssize_t n = read(s->streams[stream], part, sizeof(part));

		if (n < 0 && (errno == EAGAIN || errno == EINTR))
			return;
		if (n <= 0) { /* a terminal ends with EIO */
			fs_closep(&s->streams[stream]);
			return;
		}
		/* a full disk must not stop the container: lines are lost */
		if (s->log != NULL)
			(void)log_writer_put(s->log, names[stream], part,
					     (size_t)n, shim_wall_ns());
	}
}

bool
shim_output_ended(const struct shim *s)
{
	return s->streams[0] < 0 && s->streams[1] < 0;
}

void
shim_output_close(struct shim *s)
{
	fs_closep(&s->streams[0]);
	fs_closep(&s->streams[1]);
	fs_closep(&s->stdin_fd);
	log_writer_close(s->log);
	s->log = NULL;
}
