/* copy.c - see copy.h. */
#include "exec/copy.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "core/base/mem.h"
#include "exec/fs.h"

#define XATTR_NAMES_MAX 4096
#define XATTR_VALUE_MAX 65536

struct level {
	DIR *from;
	int to;
};

static int
copy_xattrs(int from, int to)
{
	char names[XATTR_NAMES_MAX];
	owned(mem_freep) char *value = NULL;
	ssize_t len = flistxattr(from, names, sizeof(names));

	if (len <= 0)
		return len < 0 && errno != ENOTSUP ? -errno : 0;
	value = mem_new(XATTR_VALUE_MAX);
	for (const char *n = names; n < names + len; n += strlen(n) + 1) {
		ssize_t size = fgetxattr(from, n, value, XATTR_VALUE_MAX);

		/* the overlay's own are not part of the file */
		if (strncmp(n, "trusted.overlay.", 16) == 0 || size < 0)
			continue;
		if (fsetxattr(to, n, value, (size_t)size, 0) < 0 &&
		    errno != ENOTSUP)
			return -errno;
	}
	return 0;
}

/* The owner first: changing it takes set-uid bits and capabilities away. */
static int
copy_attributes(int from, int to, const struct stat *st)
{
	const struct timespec times[2] = { st->st_atim, st->st_mtim };
	int r;

	if (fchown(to, st->st_uid, st->st_gid) < 0 ||
	    fchmod(to, st->st_mode & 07777) < 0)
		return -errno;
	r = copy_xattrs(from, to);
	if (r == 0 && futimens(to, times) < 0)
		r = -errno;
	return r;
}

static int
copy_bytes(int from, int to)
{
	char part[16384];

	for (;;) {
		ssize_t n = copy_file_range(from, NULL, to, NULL, 1 << 30, 0);

		if (n < 0)
			break; /* not between these file systems */
		if (n == 0)
			return 0;
	}
	for (;;) {
		ssize_t n = read(from, part, sizeof(part));

		if (n <= 0)
			return n < 0 ? -errno : 0;
		for (ssize_t done = 0; done < n;) {
			ssize_t w = write(to, part + done, (size_t)(n - done));

			if (w < 0)
				return -errno;
			done += w;
		}
	}
}

static int
copy_file(const struct level *l, const char *name, const struct stat *st)
{
	own_fd int from =
		openat(dirfd(l->from), name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	own_fd int to = -1;
	int r;

	if (from < 0)
		return -errno;
	to = openat(l->to, name,
		    O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (to < 0)
		return -errno;
	r = copy_bytes(from, to);
	return r < 0 ? r : copy_attributes(from, to, st);
}

static int
copy_link(const struct level *l, const char *name, const struct stat *st)
{
	char target[PATH_MAX];
	ssize_t n =
		readlinkat(dirfd(l->from), name, target, sizeof(target) - 1);

	if (n < 0)
		return -errno;
	target[n] = '\0';
	if (symlinkat(target, l->to, name) < 0 ||
	    fchownat(l->to, name, st->st_uid, st->st_gid, AT_SYMLINK_NOFOLLOW) <
		    0)
		return -errno;
	return 0;
}

static int
copy_special(const struct level *l, const char *name, const struct stat *st)
{
	if (mknodat(l->to, name, st->st_mode & (S_IFMT | 07777), st->st_rdev) <
		    0 ||
	    fchownat(l->to, name, st->st_uid, st->st_gid, AT_SYMLINK_NOFOLLOW) <
		    0)
		return -errno;
	return 0;
}

static int
enter(struct level *stack, size_t *depth, const char *name,
      const struct stat *st)
{
	const struct level *l = &stack[*depth - 1];
	own_fd int from = -1;
	own_fd int to = -1;
	int r;

	if (*depth == COPY_DEPTH_MAX)
		return -ELOOP;
	from = openat(dirfd(l->from), name,
		      O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (from < 0 || mkdirat(l->to, name, 0700) < 0)
		return -errno;
	to = openat(l->to, name,
		    O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (to < 0)
		return -errno;
	r = copy_attributes(from, to, st);
	if (r < 0)
		return r;
	stack[*depth].from = fdopendir(from);
	if (stack[*depth].from == NULL)
		return -ENOMEM;
	(void)fs_take(&from); /* the stream has it now */
	stack[(*depth)++].to = fs_take(&to);
	return 0;
}

static int
copy_entry(struct level *stack, size_t *depth, const char *name)
{
	const struct level *l = &stack[*depth - 1];
	struct stat st;

	if (fstatat(dirfd(l->from), name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return -errno;
	if (S_ISDIR(st.st_mode))
		return enter(stack, depth, name, &st);
	if (S_ISREG(st.st_mode))
		return copy_file(l, name, &st);
	if (S_ISLNK(st.st_mode))
		return copy_link(l, name, &st);
	return copy_special(l, name, &st);
}

static void
leave(struct level *l)
{
	closedir(l->from);
	close(l->to);
}

int
copy_tree(int from, int to, struct err *e)
{
	struct level *stack = mem_new_array(COPY_DEPTH_MAX, sizeof(*stack));
	size_t depth = 0;
	struct dirent *d;
	struct stat st;
	int r = 0;

	if (fstat(from, &st) < 0)
		r = -errno;
	if (r == 0)
		r = copy_attributes(from, to, &st);
	if (r == 0) {
		stack[0].from = fdopendir(
			openat(from, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
		stack[0].to = fcntl(to, F_DUPFD_CLOEXEC, 0);
		depth = stack[0].from != NULL && stack[0].to >= 0;
		r = depth > 0 ? 0 : -EMFILE; /* the process ends: no care */
	}
	while (r == 0 && depth > 0) {
		d = readdir(stack[depth - 1].from);
		if (d == NULL)
			leave(&stack[--depth]);
		else if (strcmp(d->d_name, ".") != 0 &&
			 strcmp(d->d_name, "..") != 0)
			r = copy_entry(stack, &depth, d->d_name);
	}
	while (depth > 0)
		leave(&stack[--depth]);
	mem_free(stack);
	if (r < 0)
		return err_set(e, r, "cannot copy the image's files: %s",
			       strerror(-r));
	return 0;
}
