/* fs.c - see fs.h. */
#include "exec/fs.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

void
fs_closep(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

int
fs_take(int *fd)
{
	int taken = *fd;

	*fd = -1;
	return taken;
}

int
fs_path(char *ret, size_t size, struct err *e, const char *fmt, ...)
{
	va_list ap;
	int len;

	va_start(ap, fmt);
	len = vsnprintf(ret, size, fmt, ap);
	va_end(ap);
	if (len < 0 || (size_t)len >= size)
		return err_set(e, -ENAMETOOLONG,
			       "the path %.60s... is too long", ret);
	return 0;
}

int
fs_mkdirs(const char *path, mode_t mode, struct err *e)
{
	char part[PATH_MAX];
	size_t len = strlen(path);

	if (len == 0 || len >= sizeof(part))
		return err_set(e, -ENAMETOOLONG, "cannot make directory %.60s",
			       path);
	memcpy(part, path, len + 1);
	for (size_t i = 1; i < len; i++) {
		if (part[i] != '/')
			continue;
		part[i] = '\0';
		if (mkdir(part, 0755) < 0 && errno != EEXIST)
			return err_set(e, -errno,
				       "cannot make directory %s: %s", part,
				       strerror(errno));
		part[i] = '/';
	}
	if (mkdir(part, mode) < 0 && errno != EEXIST)
		return err_set(e, -errno, "cannot make directory %s: %s", path,
			       strerror(errno));
	return 0;
}

int
fs_read_fd(int fd, size_t max, struct buf *ret, struct err *e)
{
	size_t start = ret->len;

	for (;;) {
		ssize_t n = read(fd, buf_room(ret, 4096), 4096);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return err_set(e, -errno, "cannot read: %s",
				       strerror(errno));
		if (n == 0)
			return 0;
		ret->len += (size_t)n;
		if (ret->len - start > max)
			return err_set(e, -EFBIG, "it has over %zu bytes", max);
	}
}

int
fs_read(const char *path, size_t max, struct buf *ret, struct err *e)
{
	own_fd int fd = open(path, O_RDONLY | O_CLOEXEC);
	int r;

	if (fd < 0)
		return err_set(e, -errno, "cannot open %s: %s", path,
			       strerror(errno));
	r = fs_read_fd(fd, max, ret, e);
	if (r < 0)
		return err_wrap(e, r, "%s", path);
	return 0;
}

static int
write_all(int fd, const char *p, size_t len)
{
	while (len > 0) {
		ssize_t n = write(fd, p, len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		p += n;
		len -= (size_t)n;
	}
	return 0;
}

int
fs_write(const char *path, const void *p, size_t len, mode_t mode,
	 struct err *e)
{
	char temp[PATH_MAX];
	own_fd int fd = -1;
	int r;

	r = fs_path(temp, sizeof(temp), e, "%s.new", path);
	if (r < 0)
		return r;
	fd = open(temp, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW,
		  mode);
	if (fd < 0)
		return err_set(e, -errno, "cannot create %s: %s", temp,
			       strerror(errno));
	if (fchmod(fd, mode) < 0)
		return err_set(e, -errno, "cannot set the mode of %s: %s", temp,
			       strerror(errno));
	r = write_all(fd, p, len);
	if (r < 0)
		return err_set(e, r, "cannot write %s: %s", temp, strerror(-r));
	if (rename(temp, path) < 0)
		return err_set(e, -errno, "cannot rename %s: %s", temp,
			       strerror(errno));
	return 0;
}

bool
fs_exists(const char *path)
{
	struct stat st;

	return lstat(path, &st) == 0;
}

/*
 * A container may have nested directories deeper than any path or descriptor
 * limit. So nothing descends: a directory found in the second level is moved
 * up to the first, where a later pass finds it.
 */
struct removal {
	int top;
	unsigned long moved; /* names of what was moved up: "~1", "~2" ... */
	bool again;
};

static int
move_up(struct removal *rm, int dir, const char *name)
{
	char to[32];

	for (;;) {
		snprintf(to, sizeof(to), "~%lu", ++rm->moved);
		if (renameat2(dir, name, rm->top, to, RENAME_NOREPLACE) == 0)
			break;
		if (errno == EINVAL && /* no such flag on this file system */
		    faccessat(rm->top, to, F_OK, AT_SYMLINK_NOFOLLOW) < 0 &&
		    renameat(dir, name, rm->top, to) == 0)
			break;
		if (errno != EEXIST)
			return -errno;
	}
	rm->again = true;
	return 0;
}

static int
empty_second(struct removal *rm, const char *name)
{
	int fd = openat(rm->top, name,
			O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	struct dirent *d;
	int r = 0;
	DIR *dir;

	if (fd < 0)
		return -errno;
	dir = fdopendir(fd);
	if (dir == NULL) {
		close(fd);
		return -ENOMEM;
	}
	while (r == 0 && (d = readdir(dir)) != NULL) {
		if (strcmp(d->d_name, ".") == 0 || strcmp(d->d_name, "..") == 0)
			continue;
		if (unlinkat(fd, d->d_name, 0) == 0)
			continue;
		if (unlinkat(fd, d->d_name, AT_REMOVEDIR) == 0)
			continue;
		if (errno == ENOTEMPTY || errno == EEXIST)
			r = move_up(rm, fd, d->d_name);
		else
			r = -errno;
	}
	closedir(dir);
	return r;
}

static int
empty_top(struct removal *rm, DIR *dir)
{
	struct dirent *d;
	int r;

	rm->again = false;
	rewinddir(dir);
	while ((d = readdir(dir)) != NULL) {
		if (strcmp(d->d_name, ".") == 0 || strcmp(d->d_name, "..") == 0)
			continue;
		if (unlinkat(rm->top, d->d_name, 0) == 0)
			continue;
		r = empty_second(rm, d->d_name);
		if (r < 0)
			return r;
		if (unlinkat(rm->top, d->d_name, AT_REMOVEDIR) < 0) {
			if (errno != ENOTEMPTY && errno != EEXIST)
				return -errno;
			rm->again = true;
		}
	}
	return 0;
}

int
fs_remove_tree(const char *path, struct err *e)
{
	struct removal rm = { .again = true };
	DIR *dir;
	int r = 0;

	if (unlink(path) == 0 || errno == ENOENT)
		return 0;
	dir = opendir(path);
	if (dir == NULL && errno == ENOENT)
		return 0;
	if (dir == NULL)
		return err_set(e, -errno, "cannot remove %s: %s", path,
			       strerror(errno));
	rm.top = dirfd(dir);
	while (rm.again && r == 0)
		r = empty_top(&rm, dir);
	closedir(dir);
	if (r == 0 && rmdir(path) < 0 && errno != ENOENT)
		r = -errno;
	if (r < 0)
		return err_set(e, r, "cannot remove %s: %s", path,
			       strerror(-r));
	return 0;
}
