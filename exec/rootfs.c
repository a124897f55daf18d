/* rootfs.c - see rootfs.h. */
#include "exec/rootfs.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/openat2.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "exec/fs.h"

#define LAYERS_MAX 500 /* the kernel's limit */

/* Up from dir to the root of the mount that it is on. */
static int
mount_root_of(const char *dir, char *ret, size_t size, struct err *e)
{
	int r = fs_path(ret, size, e, "%s", dir);

	while (r == 0) {
		struct statx st;
		char *slash = strrchr(ret, '/');

		if (statx(AT_FDCWD, ret, 0, 0, &st) < 0)
			return err_set(e, -errno, "cannot look at %s: %s", ret,
				       strerror(errno));
		if (st.stx_attributes & STATX_ATTR_MOUNT_ROOT)
			return 0;
		if (slash == NULL || (slash == ret && ret[1] == '\0'))
			return 0;
		slash[slash == ret] = '\0';
	}
	return r;
}

int
rootfs_unshare(const char *dir, struct err *e)
{
	char at[PATH_MAX], real[PATH_MAX];
	int r;

	if (realpath(dir, real) == NULL)
		return err_set(e, -errno, "cannot resolve %s: %s", dir,
			       strerror(errno));
	r = mount_root_of(real, at, sizeof(at), e);
	if (r < 0)
		return r;
	if (unshare(CLONE_NEWNS) < 0)
		return err_set(e, -errno,
			       "cannot make a mount namespace: %s (is this "
			       "root?)",
			       strerror(errno));
	if (mount(NULL, at, NULL, MS_PRIVATE, NULL) < 0)
		return err_set(e, -errno,
			       "cannot make the mount %s private: %s", at,
			       strerror(errno));
	return 0;
}

static int
link_to(const char *target, const char *name, struct err *e)
{
	if (symlink(target, name) < 0 && errno != EEXIST)
		return err_set(e, -errno, "cannot make a link to %s: %s",
			       target, strerror(errno));
	return 0;
}

/*
 * mount(2) takes one page of options. Links with short names keep hundreds of
 * layers below that, and keep commas and colons of paths out of it.
 */
static int
link_layers(const struct strings *layers, const char *container,
	    struct buf *options, struct err *e)
{
	char path[PATH_MAX], name[16];
	int r = 0;

	buf_puts(options, "lowerdir=");
	for (uint32_t i = layers->count; r == 0 && i > 0; i--) {
		snprintf(name, sizeof(name), "%u", i);
		r = link_to(layers->v[i - 1], name, e);
		buf_printf(options, "%s%s", i == layers->count ? "" : ":",
			   name);
	}
	if (r == 0 && layers->count == 0) {
		buf_puts(options, "empty");
		r = fs_mkdirs("empty", 0755, e);
	}
	buf_puts(options, ",upperdir=u,workdir=w");
	if (r == 0)
		r = fs_path(path, sizeof(path), e, "%s/upper", container);
	if (r == 0)
		r = link_to(path, "u", e);
	if (r == 0)
		r = fs_path(path, sizeof(path), e, "%s/work", container);
	return r < 0 ? r : link_to(path, "w", e);
}

static int
make_dirs(const char *dir, const char *container, struct err *e)
{
	const struct {
		const char *base, *name;
		mode_t mode;
	} dirs[] = {
		{ dir, "rootfs", 0755 },
		{ dir, "l", 0700 },
		{ container, "upper", 0755 },
		{ container, "work", 0700 },
	};
	char path[PATH_MAX];

	for (size_t i = 0; i < ARRAY_LEN(dirs); i++) {
		int r = fs_path(path, sizeof(path), e, "%s/%s", dirs[i].base,
				dirs[i].name);

		if (r == 0)
			r = fs_mkdirs(path, dirs[i].mode, e);
		if (r < 0)
			return r;
	}
	return 0;
}

int
rootfs_mount(const char *dir, const char *container,
	     const struct strings *layers, struct err *e)
{
	char links[PATH_MAX], target[PATH_MAX];
	struct buf options = { 0 };
	int r;

	if (layers->count > LAYERS_MAX)
		return err_set(e, -E2BIG, "the image has %u layers, over %d",
			       layers->count, LAYERS_MAX);
	r = make_dirs(dir, container, e);
	if (r == 0)
		r = fs_path(links, sizeof(links), e, "%s/l", dir);
	if (r == 0)
		r = fs_path(target, sizeof(target), e, "%s/rootfs", dir);
	if (r == 0 && chdir(links) < 0)
		r = err_set(e, -errno, "cannot enter %s: %s", links,
			    strerror(errno));
	if (r == 0)
		r = link_layers(layers, container, &options, e);
	if (r == 0 &&
	    mount("overlay", target, "overlay", 0, buf_cstr(&options)) < 0)
		r = err_set(e, -errno,
			    "cannot mount the image's layers (overlay) on %s: "
			    "%s",
			    target, strerror(errno));
	buf_fini(&options);
	return r;
}

int
rootfs_open(int root_fd, const char *path, int flags)
{
	struct open_how how = {
		.flags = (uint64_t)(flags | O_CLOEXEC),
		.resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS,
	};
	long fd = syscall(SYS_openat2, root_fd, path, &how, sizeof(how));

	return fd < 0 ? -errno : (int)fd;
}

int
rootfs_read(int root_fd, const char *path, size_t max, struct buf *ret,
	    struct err *e)
{
	/* a FIFO there must not make us wait */
	own_fd int fd = rootfs_open(root_fd, path, O_RDONLY | O_NONBLOCK);
	struct stat st;
	int r;

	if (fd == -ENOENT || fd == -ENOTDIR)
		return 0;
	if (fd < 0)
		return err_set(e, fd, "cannot open %s of the image: %s", path,
			       strerror(-fd));
	if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode))
		return err_set(e, -EINVAL, "%s of the image is not a file",
			       path);
	r = fs_read_fd(fd, max, ret, e);
	if (r < 0)
		return err_wrap(e, r, "%s of the image", path);
	return 0;
}
