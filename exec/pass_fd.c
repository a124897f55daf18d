/* pass_fd.c - see pass_fd.h. */
#include "exec/pass_fd.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "core/base/check.h"
#include "exec/fs.h"

#define ACCEPT_WAIT_MS 5000
#define BACKLOG 16

union control {
	struct cmsghdr head;
	char room[CMSG_SPACE(sizeof(int) * PASS_FDS_MAX)];
};

int
fd_listen(const char *path, struct err *e)
{
	struct sockaddr_un at = { .sun_family = AF_UNIX };
	own_fd int fd = -1;

	if (strlen(path) > 100)
		return err_set(e, -ENAMETOOLONG, "%s is too long", path);
	strncpy(at.sun_path, path, sizeof(at.sun_path) - 1);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	(void)unlink(path);
	if (fd < 0 || bind(fd, (struct sockaddr *)&at, sizeof(at)) < 0 ||
	    listen(fd, 1) < 0)
		return err_set(e, -errno, "cannot listen on %s: %s", path,
			       strerror(errno));
	return fs_take(&fd);
}

int
fd_send(int socket, const void *p, size_t len, const int *fds, size_t count)
{
	union control control = { 0 };
	struct iovec iov = { (void *)p, len };
	struct msghdr m = { .msg_iov = &iov, .msg_iovlen = 1 };

	check(count <= PASS_FDS_MAX);
	if (count > 0) {
		struct cmsghdr *c;

		m.msg_control = &control;
		m.msg_controllen = CMSG_SPACE(sizeof(int) * count);
		c = CMSG_FIRSTHDR(&m);
		c->cmsg_level = SOL_SOCKET;
		c->cmsg_type = SCM_RIGHTS;
		c->cmsg_len = CMSG_LEN(sizeof(int) * count);
		memcpy(CMSG_DATA(c), fds, sizeof(int) * count);
	}
	return sendmsg(socket, &m, MSG_NOSIGNAL) < 0 ? -errno : 0;
}

ssize_t
fd_receive(int socket, void *p, size_t len, int *ret_fds, size_t most,
	   size_t *ret_count)
{
	union control control = { 0 };
	struct iovec iov = { p, len };
	struct msghdr m = {
		.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = &control,
		.msg_controllen = sizeof(control),
	};
	ssize_t n = recvmsg(socket, &m, MSG_CMSG_CLOEXEC);

	*ret_count = 0;
	if (n < 0)
		return -errno;
	for (struct cmsghdr *c = CMSG_FIRSTHDR(&m); c; c = CMSG_NXTHDR(&m, c)) {
		size_t bytes = c->cmsg_len - CMSG_LEN(0);

		if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
			continue;
		for (size_t i = 0; i < bytes / sizeof(int); i++) {
			int fd;

			memcpy(&fd, CMSG_DATA(c) + i * sizeof(int), sizeof(fd));
			if (*ret_count < most)
				ret_fds[(*ret_count)++] = fd;
			else
				close(fd);
		}
	}
	return n;
}

int
fd_accept_and_receive(int listen_fd, struct err *e)
{
	struct pollfd p = { .fd = listen_fd, .events = POLLIN };
	own_fd int conn = -1;
	size_t count = 0;
	char name[4096];
	int fd = -1;

	if (poll(&p, 1, ACCEPT_WAIT_MS) == 1)
		conn = accept4(listen_fd, NULL, NULL, SOCK_CLOEXEC);
	if (conn >= 0)
		(void)fd_receive(conn, name, sizeof(name), &fd, 1, &count);
	if (count != 1)
		return err_set(e, -EPIPE,
			       "the runtime did not send the terminal");
	return fd;
}

/* The address goes by the directory's descriptor: always short enough. */
static int
socket_in(const char *dir, struct sockaddr_un *at, int *ret_dir, struct err *e)
{
	own_fd int dir_fd = open(dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
	int fd;

	if (dir_fd < 0)
		return err_set(e, -errno, "cannot open %s: %s", dir,
			       strerror(errno));
	fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return err_set(e, -errno, "cannot make a socket: %s",
			       strerror(errno));
	*at = (struct sockaddr_un){ .sun_family = AF_UNIX };
	snprintf(at->sun_path, sizeof(at->sun_path), "/proc/self/fd/%d/sock",
		 dir_fd);
	*ret_dir = fs_take(&dir_fd);
	return fd;
}

int
fd_listen_in(const char *dir, struct err *e)
{
	struct sockaddr_un at;
	own_fd int dir_fd = -1;
	own_fd int fd = socket_in(dir, &at, &dir_fd, e);

	if (fd < 0)
		return fd;
	/* before the bind, so that it is never open to others */
	(void)fchmod(fd, 0600);
	if (bind(fd, (struct sockaddr *)&at, sizeof(at)) < 0 ||
	    listen(fd, BACKLOG) < 0)
		return err_set(e, -errno, "cannot listen on %s/sock: %s", dir,
			       strerror(errno));
	return fs_take(&fd);
}

int
fd_connect_in(const char *dir, struct err *e)
{
	struct sockaddr_un at;
	own_fd int dir_fd = -1;
	own_fd int fd = socket_in(dir, &at, &dir_fd, e);

	if (fd < 0)
		return fd;
	if (connect(fd, (struct sockaddr *)&at, sizeof(at)) < 0)
		return err_set(e, -errno, "cannot connect to %s/sock: %s", dir,
			       strerror(errno));
	return fs_take(&fd);
}
