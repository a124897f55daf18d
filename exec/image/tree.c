/* tree.c - see tree.h. */
#include "exec/image/tree.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "core/base/check.h"
#include "core/base/mem.h"
#include "exec/image/own.h"

static bool
is_name(const char *p, size_t len, const char *name)
{
	return len == strlen(name) && memcmp(p, name, len) == 0;
}

int
tree_clean(const char *name, char ret[PATH_MAX], struct err *e)
{
	size_t used = 0, depth = 0, len;

	if (*name == '/')
		return err_set(e, -EINVAL, "\"%.80s\" is an absolute name",
			       name);
	ret[0] = '\0';
	for (const char *p = name; *p != '\0'; p += len) {
		p += strspn(p, "/");
		len = strcspn(p, "/");
		if (len == 0 || is_name(p, len, "."))
			continue;
		if (is_name(p, len, ".."))
			return err_set(e, -EINVAL, "\"%.80s\" has a \"..\"",
				       name);
		if (len > NAME_MAX || used + len + 2 > PATH_MAX)
			return err_set(e, -EINVAL, "\"%.80s...\" is too long",
				       name);
		if (++depth > TREE_DEPTH_MAX)
			return err_set(e, -EINVAL, "\"%.80s...\" is too deep",
				       name);
		if (used > 0)
			ret[used++] = '/';
		memcpy(ret + used, p, len);
		used += len;
		ret[used] = '\0';
	}
	return 0;
}

int
tree_find_dir(int root, const char *path, int *ret_fd)
{
	struct open_how how = {
		.flags = O_RDONLY | O_DIRECTORY | O_CLOEXEC,
		.resolve = RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS,
	};
	long fd;

	do /* EAGAIN: something was renamed while ".." was resolved */
		fd = syscall(SYS_openat2, root, *path ? path : ".", &how,
			     sizeof(how));
	while (fd < 0 && (errno == EINTR || errno == EAGAIN));
	if (fd < 0)
		return -errno;
	*ret_fd = (int)fd;
	return 0;
}

static int
no_dir(const char *path, int code, struct err *e)
{
	if (code == -EXDEV || code == -ELOOP)
		return err_set(e, code,
			       "\"%.80s\" goes through a link that leads out",
			       path);
	return err_set(e, code, "cannot make the directory \"%.80s\": %s", path,
		       strerror(-code));
}

/* Always resolved again from root: a link may be anywhere on the way. */
int
tree_open_dir(int root, const char *path, int *ret_fd, struct err *e)
{
	char prefix[PATH_MAX];
	own_fd int up = -1;
	int r = tree_find_dir(root, path, ret_fd);

	if (r != -ENOENT)
		return r == 0 ? 0 : no_dir(path, r, e);
	r = tree_find_dir(root, "", &up);
	for (size_t at = 0; r == 0 && path[at] != '\0';) {
		const char *name = prefix + at;
		int fd = -1;

		at += strcspn(path + at, "/");
		memcpy(prefix, path, at);
		prefix[at] = '\0';
		r = tree_find_dir(root, prefix, &fd);
		if (r == -ENOENT) {
			r = mkdirat(up, name, 0755) < 0 ? -errno : 0;
			if (r == 0)
				r = tree_find_dir(root, prefix, &fd);
		}
		own_fd_end(&up);
		up = fd;
		at += path[at] == '/';
	}
	if (r < 0)
		return no_dir(path, r, e);
	*ret_fd = take_fd(&up);
	return 0;
}

static int
close_dir(DIR *d, int r)
{
	(void)closedir(d); /* it was only read */
	return r;
}

/*
 * One pass over the directory behind fd: files go, and the first directory
 * that is not empty is named in ret. 1: there is one. 0: all is gone.
 */
static int
remove_files(int fd, char ret[NAME_MAX + 1], const _Atomic bool *stop)
{
	int copy = fcntl(fd, F_DUPFD_CLOEXEC, 0);
	DIR *d = copy >= 0 ? fdopendir(copy) : NULL;
	struct dirent *it;

	if (d == NULL) {
		own_fd_end(&copy);
		return -errno;
	}
	rewinddir(d); /* the copy shares its position with fd */
	while ((it = readdir(d)) != NULL) {
		if (strcmp(it->d_name, ".") == 0 ||
		    strcmp(it->d_name, "..") == 0)
			continue;
		if (stop != NULL && *stop)
			return close_dir(d, -ECANCELED);
		if (unlinkat(fd, it->d_name, 0) == 0 || errno == ENOENT)
			continue;
		if (errno != EISDIR && errno != EPERM)
			return close_dir(d, -errno);
		if (unlinkat(fd, it->d_name, AT_REMOVEDIR) == 0)
			continue;
		if (errno != ENOTEMPTY && errno != EEXIST)
			return close_dir(d, -errno);
		memcpy(ret, it->d_name, strlen(it->d_name) + 1);
		return close_dir(d, 1);
	}
	return close_dir(d, 0);
}

/*
 * Walks down into the first directory that is not empty, and when one is
 * empty, begins again at the top: a descriptor at a time and no recursion,
 * however deep a hostile tree is. A directory is at most as deep as it was
 * made, TREE_DEPTH_MAX, so a walk is short.
 */
static int
remove_content(int top, const _Atomic bool *stop)
{
	char name[NAME_MAX + 1];
	int r = 1;

	while (r == 1) {
		own_fd int fd = fcntl(top, F_DUPFD_CLOEXEC, 0);
		bool below = false;

		r = fd < 0 ? -errno : remove_files(fd, name, stop);
		while (r == 1) {
			int next = openat(fd, name,
					  O_RDONLY | O_DIRECTORY | O_NOFOLLOW |
						  O_CLOEXEC);

			if (next < 0)
				return -errno;
			own_fd_end(&fd);
			fd = next;
			below = true;
			r = remove_files(fd, name, stop);
		}
		if (r == 0 && below)
			r = 1;
	}
	return r;
}

int
tree_remove(int dir, const char *name, const _Atomic bool *stop)
{
	own_fd int fd = -1;
	int r;

	if (unlinkat(dir, name, 0) == 0 || errno == ENOENT)
		return 0;
	if (errno != EISDIR && errno != EPERM)
		return -errno;
	fd = openat(dir, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	r = remove_content(fd, stop);
	if (r == 0 && unlinkat(dir, name, AT_REMOVEDIR) < 0)
		r = -errno;
	return r;
}
