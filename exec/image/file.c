/* file.c - see file.h. */
#include "exec/image/file.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "exec/image/own.h"

#define FILE_PIECE 16384

static int
cannot(const char *what, const char *name, struct err *e)
{
	int code = -errno;

	return err_set(e, code, "cannot %s %s: %s", what, name,
		       strerror(-code));
}

int
file_read(int dir, const char *name, size_t max, struct buf *ret, struct err *e)
{
	own_fd int fd = openat(dir, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	size_t start = ret->len;

	if (fd < 0)
		return cannot("open", name, e);
	for (;;) {
		ssize_t n = read(fd, buf_room(ret, FILE_PIECE), FILE_PIECE);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return cannot("read", name, e);
		if (n == 0)
			return 0;
		ret->len += (size_t)n;
		if (ret->len - start > max)
			return err_set(e, -EFBIG,
				       "%s is longer than the %zu bytes that "
				       "are allowed",
				       name, max);
	}
}

int
file_write(int dir, const char *name, const void *p, size_t len, struct err *e)
{
	own_fd int fd = openat(
		dir, name,
		O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0600);

	if (fd < 0)
		return cannot("create", name, e);
	while (len > 0) {
		ssize_t n = write(fd, p, len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return cannot("write", name, e);
		p = (const char *)p + n;
		len -= (size_t)n;
	}
	return fsync(fd) < 0 ? cannot("sync", name, e) : 0;
}

int
file_mkdir(int dir, const char *name, unsigned mode, struct err *e)
{
	if (mkdirat(dir, name, mode) < 0 && errno != EEXIST)
		return cannot("make the directory", name, e);
	return 0;
}
