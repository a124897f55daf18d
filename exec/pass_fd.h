/* pass_fd.h - unix sockets, and descriptors that go through them. */
#ifndef EXEC_PASS_FD_H
#define EXEC_PASS_FD_H

#include <sys/types.h>

#include "core/base/err.h"

#define PASS_FDS_MAX 4

/* A stream socket that listens at a path of at most 100 bytes. */
int fd_listen(const char *path, struct err *e);
/* One connection, one descriptor, as runtimes send a terminal. */
int fd_accept_and_receive(int listen_fd, struct err *e);

int fd_send(int socket, const void *p, size_t len, const int *fds,
	    size_t count);
/* What is received is close-on-exec. The length, 0 at the end, -errno. */
ssize_t fd_receive(int socket, void *p, size_t len, int *ret_fds, size_t most,
		   size_t *ret_count);

/*
 * DIR/sock, SOCK_SEQPACKET: dir may be longer than a socket's address takes.
 * Both are non-blocking.
 */
int fd_listen_in(const char *dir, struct err *e);
int fd_connect_in(const char *dir, struct err *e);

#endif
