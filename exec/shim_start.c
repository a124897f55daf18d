/* shim_start.c - see shim_impl.h: from created to running. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "exec/fs.h"
#include "exec/shim_impl.h"

static int
fifo_path(const struct shim *s, char path[PATH_MAX], struct err *e)
{
	return fs_path(path, PATH_MAX, e, "%s/runc/%s/exec.fifo", s->run,
		       s->id);
}

/* runc's record is state.json; crun's fifo has the other direction. */
static int
open_fifo(const struct shim *s)
{
	char path[PATH_MAX];
	struct stat st;
	struct err e;
	own_fd int fd = -1;

	if (fs_path(path, sizeof(path), &e, "%s/runc/%s/state.json", s->run,
		    s->id) < 0 ||
	    !fs_exists(path) || fifo_path(s, path, &e) < 0)
		return -1;
	fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC | O_NOFOLLOW);
	if (fd < 0 || fstat(fd, &st) < 0 || !S_ISFIFO(st.st_mode))
		return -1;
	return fs_take(&fd);
}

int
shim_start_begin(struct shim *s, struct err *e)
{
	struct runtime rt = shim_runtime(s);
	const char *args[] = { "start", s->id, NULL };
	const struct child_io io = { { -1, -1, -1 }, true };
	pid_t pid;

	s->fifo = open_fifo(s);
	if (s->fifo >= 0)
		return 0;
	pid = runtime_start(&rt, args, &io, e);
	if (pid < 0)
		return pid;
	s->starter = pid;
	return 0;
}

int
shim_start_fifo(struct shim *s, struct err *e)
{
	char path[PATH_MAX];
	char byte;
	ssize_t n = read(s->fifo, &byte, 1);

	fs_closep(&s->fifo);
	if (n != 1)
		return err_set(e, -EPIPE,
			       "the container's first process died before it "
			       "was started");
	/* while it is there, the runtime takes the container for created */
	if (fifo_path(s, path, e) == 0)
		(void)unlink(path);
	return 0;
}
