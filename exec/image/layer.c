/*
 * layer.c - see layer.h. A tar names everything by path, and any path may be
 * a trap; so nothing here uses a foreign path but through tree.h, and the
 * last component is made with O_EXCL or one of the *at() calls that do not
 * follow links.
 */
#include "exec/image/layer.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "core/base/check.h"
#include "core/base/mem.h"
#include "core/base/str.h"
#include "exec/image/own.h"
#include "exec/image/tar.h"
#include "exec/image/tree.h"
#include "exec/image/unzip.h"

#define WHITEOUT ".wh."
#define WHITEOUT_OPAQUE ".wh..wh..opq"
#define WHITEOUT_META ".wh..wh."
#define OPAQUE_XATTR "trusted.overlay.opaque"
#define LAYER_DIR_MTIMES_MAX (UINT64_C(64) << 20) /* bytes of their paths */
#define LAYER_XATTR_MAX 65536

/* A directory's time is set last: what is put into it would change it. */
struct dir_time {
	char *path;
	struct timespec mtime;
};

struct layer {
	int root;
	struct tar *tar;
	struct layer_budget *budget;
	uint64_t bytes;
	int dir; /* the parent of the last entry, kept open */
	char dir_path[PATH_MAX];
	struct dir_time *times;
	size_t time_count, time_cap;
	uint64_t time_bytes;
};

static int
refuse(const struct tar_entry *en, const char *why, struct err *e)
{
	return err_set(e, -EPERM, "\"%.100s\" is refused: %s", en->name, why);
}

static int
cannot(const struct tar_entry *en, const char *what, struct err *e)
{
	int code = -errno;

	return err_set(e, code, "cannot %s \"%.100s\": %s", what, en->name,
		       strerror(-code));
}

/*
 * Opens the parent of path, kept in l->dir for the next entry, which usually
 * has the same one. It cannot go stale: only what is in l->dir is removed.
 */
static int
parent(struct layer *l, const char *path, const char **ret_name, struct err *e)
{
	const char *slash = strrchr(path, '/');
	size_t len = slash != NULL ? (size_t)(slash - path) : 0;
	char dir[PATH_MAX];
	int r, fd = -1;

	*ret_name = slash != NULL ? slash + 1 : path;
	memcpy(dir, path, len);
	dir[len] = '\0';
	if (l->dir >= 0 && strcmp(dir, l->dir_path) == 0)
		return 0;
	r = tree_open_dir(l->root, dir, &fd, e);
	if (r < 0)
		return r;
	own_fd_end(&l->dir);
	l->dir = fd;
	memcpy(l->dir_path, dir, len + 1);
	return 0;
}

static int
keep_dir_time(struct layer *l, const char *path, const struct tar_entry *en,
	      struct err *e)
{
	l->time_bytes += strlen(path) + sizeof(*l->times);
	if (l->time_bytes > LAYER_DIR_MTIMES_MAX)
		return err_set(e, -EFBIG, "the layer has too many directories");
	l->times = mem_grow(l->times, l->time_count, &l->time_cap,
			    sizeof(*l->times));
	l->times[l->time_count++] = (struct dir_time){
		.path = mem_strdup(path),
		.mtime = en->mtime,
	};
	return 0;
}

static bool
xattr_wanted(const char *name)
{
	if (strcmp(name, "security.capability") == 0)
		return true;
	/* user.overlay.* would speak to an overlayfs in a user namespace. */
	return str_starts(name, "user.") && !str_starts(name, "user.overlay.");
}

static int
set_xattrs(struct layer *l, int fd, const struct tar_entry *en, struct err *e)
{
	const char *name;
	const void *p;
	size_t len;

	while (tar_xattr(l->tar, &name, &p, &len)) {
		if (!xattr_wanted(name))
			continue;
		if (len > LAYER_XATTR_MAX)
			return refuse(en, "an extended attribute is too long",
				      e);
		/* A file system without user.* loses no more than Docker. */
		if (fsetxattr(fd, name, p, len, 0) < 0 && errno != ENOTSUP)
			return cannot(en, "set an extended attribute of", e);
	}
	return 0;
}

/* In this order: chown clears setuid, and both clear security.capability. */
static int
set_meta(struct layer *l, int fd, const struct tar_entry *en, struct err *e)
{
	struct timespec times[2] = { en->mtime, en->mtime };
	int r;

	if (fchown(fd, en->uid, en->gid) < 0)
		return cannot(en, "set the owner of", e);
	if (fchmod(fd, en->mode & 07777) < 0)
		return cannot(en, "set the mode of", e);
	r = set_xattrs(l, fd, en, e);
	if (r < 0)
		return r;
	if (futimens(fd, times) < 0)
		return cannot(en, "set the times of", e);
	return 0;
}

static int
set_meta_at(int dir, const char *name, const struct tar_entry *en,
	    struct err *e)
{
	struct timespec times[2] = { en->mtime, en->mtime };

	if (fchownat(dir, name, en->uid, en->gid, AT_SYMLINK_NOFOLLOW) < 0)
		return cannot(en, "set the owner of", e);
	if (!S_ISLNK(en->mode) && fchmodat(dir, name, en->mode & 07777, 0) < 0)
		return cannot(en, "set the mode of", e);
	if (utimensat(dir, name, times, AT_SYMLINK_NOFOLLOW) < 0)
		return cannot(en, "set the times of", e);
	return 0;
}

static int
write_all(int fd, const void *p, size_t len, uint64_t offset)
{
	while (len > 0) {
		ssize_t n = pwrite(fd, p, len, (off_t)offset);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return -1;
		p = (const char *)p + n;
		len -= (size_t)n;
		offset += (uint64_t)n;
	}
	return 0;
}

static int
copy_content(struct layer *l, int fd, const struct tar_entry *en, struct err *e)
{
	uint64_t offset;
	const void *p;
	size_t len;
	int r;

	while ((r = tar_piece(l->tar, &p, &len, &offset, e)) == 1) {
		if (offset > en->size || len > en->size - offset)
			return refuse(en, "it is longer than it says", e);
		if (write_all(fd, p, len, offset) < 0)
			return cannot(en, "write", e);
		if (l->budget->progress != NULL)
			l->budget->progress(l->budget->ctx);
	}
	if (r < 0)
		return r;
	if (ftruncate(fd, (off_t)en->size) < 0) /* a hole at its end */
		return cannot(en, "write", e);
	return 0;
}

static int
make_file(struct layer *l, const char *name, const struct tar_entry *en,
	  struct err *e)
{
	own_fd int fd = openat(
		l->dir, name,
		O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	int r;

	if (fd < 0)
		return cannot(en, "create", e);
	r = copy_content(l, fd, en, e);
	return r < 0 ? r : set_meta(l, fd, en, e);
}

static int
make_symlink(struct layer *l, const char *name, const struct tar_entry *en,
	     struct err *e)
{
	if (en->link == NULL || symlinkat(en->link, l->dir, name) < 0)
		return cannot(en, "create the link", e);
	l->bytes += strlen(en->link); /* as its size is shown */
	return set_meta_at(l->dir, name, en, e);
}

static int
make_fifo(struct layer *l, const char *name, const struct tar_entry *en,
	  struct err *e)
{
	if (mknodat(l->dir, name, S_IFIFO | 0600, 0) < 0)
		return cannot(en, "create", e);
	return set_meta_at(l->dir, name, en, e);
}

/* To a file that this layer has; its own meta data stays as it is. */
static int
make_hard_link(struct layer *l, const char *name, const struct tar_entry *en,
	       struct err *e)
{
	char path[PATH_MAX], *slash;
	own_fd int dir = -1;
	const char *target = path;
	struct stat st;
	int r = tree_clean(en->link, path, e);

	if (r < 0 || path[0] == '\0')
		return refuse(en, "it is a hard link that leads out", e);
	slash = strrchr(path, '/');
	if (slash != NULL) {
		*slash = '\0';
		target = slash + 1;
	}
	r = tree_find_dir(l->root, slash ? path : "", &dir);
	if (r == -EXDEV || r == -ELOOP)
		return refuse(en, "it is a hard link that leads out", e);
	if (r < 0 || fstatat(dir, target, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return refuse(en, "it is a hard link to nothing", e);
	if (!S_ISREG(st.st_mode) && !S_ISLNK(st.st_mode))
		return refuse(en,
			      "it is a hard link to something that is "
			      "not a file",
			      e);
	if (linkat(dir, target, l->dir, name, 0) < 0)
		return cannot(en, "create the hard link", e);
	return 0;
}

static int
set_opaque(int fd, const struct tar_entry *en, struct err *e)
{
	if (fsetxattr(fd, OPAQUE_XATTR, "y", 1, 0) < 0)
		return cannot(en, "mark as opaque", e);
	return 0;
}

/* It may be there already, from an entry below it or an earlier one. */
static int
make_dir(struct layer *l, const char *name, const struct tar_entry *en,
	 bool opaque, struct err *e)
{
	own_fd int fd = -1;

	if (mkdirat(l->dir, name, 0700) < 0 && errno != EEXIST)
		return cannot(en, "create", e);
	fd = openat(l->dir, name,
		    O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return cannot(en, "open", e);
	if (opaque && set_opaque(fd, en, e) < 0)
		return -EPERM;
	return set_meta(l, fd, en, e);
}

static bool
is_whiteout(const struct stat *st)
{
	return S_ISCHR(st->st_mode) && st->st_rdev == makedev(0, 0);
}

/*
 * ".wh.NAME" hides what lower layers have as NAME. What this layer itself
 * has under that name stays; if that is a directory, it hides as opaque.
 */
static int
put_whiteout(struct layer *l, const char *hidden, const struct tar_entry *en,
	     struct err *e)
{
	struct stat st;
	own_fd int fd = -1;

	if (*hidden == '\0' || strcmp(hidden, ".") == 0 ||
	    strcmp(hidden, "..") == 0)
		return refuse(en, "it is a whiteout of nothing", e);
	if (fstatat(l->dir, hidden, &st, AT_SYMLINK_NOFOLLOW) < 0) {
		if (mknodat(l->dir, hidden, S_IFCHR, makedev(0, 0)) < 0)
			return cannot(en, "create the whiteout", e);
		return 0;
	}
	if (!S_ISDIR(st.st_mode))
		return 0;
	fd = openat(l->dir, hidden,
		    O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	return fd < 0 ? cannot(en, "open", e) : set_opaque(fd, en, e);
}

/* What is there already under the name of an entry makes way for it. */
static int
make_way(struct layer *l, const char *name, const struct tar_entry *en,
	 bool *ret_opaque, struct err *e)
{
	bool dir = !en->hard && S_ISDIR(en->mode);
	struct stat st;

	*ret_opaque = false;
	if (fstatat(l->dir, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return errno == ENOENT ? 0 : cannot(en, "look at", e);
	if (dir && S_ISDIR(st.st_mode))
		return 0;
	*ret_opaque = dir && is_whiteout(&st);
	if (tree_remove(l->dir, name, NULL) < 0)
		return cannot(en, "replace", e);
	return 0;
}

static int
put_node(struct layer *l, const char *path, const char *name,
	 const struct tar_entry *en, struct err *e)
{
	bool opaque;
	int r = make_way(l, name, en, &opaque, e);

	if (r < 0)
		return r;
	if (en->hard)
		return make_hard_link(l, name, en, e);
	switch (en->mode & S_IFMT) {
	case S_IFREG:
		return make_file(l, name, en, e);
	case S_IFLNK:
		return make_symlink(l, name, en, e);
	case S_IFIFO:
		return make_fifo(l, name, en, e);
	case S_IFDIR:
		r = keep_dir_time(l, path, en, e);
		return r < 0 ? r : make_dir(l, name, en, opaque, e);
	case S_IFCHR:
	case S_IFBLK:
		return refuse(en, "images may not bring device nodes", e);
	default: /* foreign bytes, not an enum of ours */
		return refuse(en, "it is not a kind of file images have", e);
	}
}

static int
spend(struct layer *l, const struct tar_entry *en, struct err *e)
{
	struct layer_budget *b = l->budget;

	if (b->entries == 0)
		return err_set(e, -EFBIG, "there are too many files in it");
	b->entries--;
	if (en->size > b->bytes)
		return err_set(e, -EFBIG,
			       "it unpacks to more than is allowed, at "
			       "\"%.100s\"",
			       en->name);
	b->bytes -= en->size;
	l->bytes += en->size;
	return 0;
}

static int
put_entry(struct layer *l, const struct tar_entry *en, struct err *e)
{
	char path[PATH_MAX];
	const char *name;
	int r = spend(l, en, e);

	if (r < 0)
		return r;
	if (tree_clean(en->name, path, e) < 0)
		return err_wrap(e, -EPERM, "an entry is refused");
	if (path[0] == '\0') /* "./", the root directory */
		return S_ISDIR(en->mode) && !en->hard
			       ? set_meta(l, l->root, en, e)
			       : refuse(en, "it is no directory", e);
	r = parent(l, path, &name, e);
	if (r < 0)
		return err_wrap(e, -EPERM, "\"%.100s\" is refused", en->name);
	if (strcmp(name, WHITEOUT_OPAQUE) == 0)
		return set_opaque(l->dir, en, e);
	if (str_starts(name, WHITEOUT_META)) /* aufs's own books */
		return 0;
	if (str_starts(name, WHITEOUT))
		return put_whiteout(l, name + strlen(WHITEOUT), en, e);
	return put_node(l, path, name, en, e);
}

static void
set_dir_times(struct layer *l)
{
	for (size_t i = 0; i < l->time_count; i++) {
		struct timespec times[2] = { l->times[i].mtime,
					     l->times[i].mtime };
		own_fd int fd = -1;

		/* A later entry may have put something else there. */
		if (tree_find_dir(l->root, l->times[i].path, &fd) == 0)
			(void)futimens(fd, times); /* it was set before */
	}
}

static int
unpack(struct layer *l, struct unzip *u, struct err *e)
{
	struct tar_entry en;
	int r;

	while ((r = tar_next(l->tar, &en, e)) == 1) {
		r = put_entry(l, &en, e);
		if (r < 0)
			return r;
	}
	if (r < 0)
		return r;
	set_dir_times(l);
	return unzip_drain(u, e);
}

int
layer_unpack(int root, struct unzip *u, struct layer_budget *budget,
	     uint64_t *ret_bytes, struct err *e)
{
	struct layer l = {
		.root = root,
		.tar = tar_new(u),
		.budget = budget,
		.dir = -1,
	};
	int r = unpack(&l, u, e);

	tar_free(l.tar);
	own_fd_end(&l.dir);
	for (size_t i = 0; i < l.time_count; i++)
		mem_free(l.times[i].path);
	mem_free(l.times);
	if (r == 0)
		*ret_bytes = l.bytes;
	return r;
}
