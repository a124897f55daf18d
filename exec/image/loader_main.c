/*
 * loader_main.c - the child "swarm image-loader DIR [--quiet] [--name=NAME]":
 * the archive is its standard input, the progress lines are its standard
 * output.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/base/str.h"
#include "exec/image/confine.h"
#include "exec/image/image.h"
#include "exec/image/loader_impl.h"
#include "exec/image/own.h"

static int
run_child(struct loader_config *c, const char *path, struct err *e)
{
	own_fd int dir = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int r;

	if (dir < 0) {
		r = err_set(e, -errno, "cannot open %s: %s", path,
			    strerror(errno));
	} else {
		c->dir = dir;
		r = confine_to(dir, e);
	}
	if (r == 0)
		return loader_run(c, e);
	loader_say_error(&(struct loader){ .config = c }, e->msg);
	return r;
}

int
image_loader_main(int argc, char **argv)
{
	struct sigaction ignore = { .sa_handler = SIG_IGN };
	struct loader_config c = loader_defaults;
	const char *path = NULL;
	struct err e = { 0 };

	for (int i = 1; i < argc; i++) {
		if (str_eq(argv[i], "--quiet"))
			c.quiet = true;
		else if (str_starts(argv[i], "--name="))
			c.name = argv[i] + strlen("--name=");
		else if (!str_eq(argv[i], "image-loader"))
			path = argv[i];
	}
	if (path == NULL)
		return 2;
	(void)sigaction(SIGPIPE, &ignore, NULL); /* its arguments are right */
	umask(0);
	c.in_fd = STDIN_FILENO;
	c.out_fd = STDOUT_FILENO;
	/* In its new root an exit handler would find nothing that it needs. */
	_exit(run_child(&c, path, &e) < 0 ? 1 : 0);
}
