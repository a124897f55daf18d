/*
 * fs.h - small file jobs that the runner, the shim and the cleaner share.
 * Paths are ours (below ROOT or RUN), never a container's: those go through
 * rootfs.h.
 */
#ifndef EXEC_FS_H
#define EXEC_FS_H

#include <sys/types.h>

#include "core/base/buf.h"
#include "core/base/err.h"

#define FS_FILE_MAX (4U << 20)

/* For owned(): closes what is >= 0. */
void fs_closep(int *fd);
#define own_fd owned(fs_closep)
int fs_take(int *fd); /* the owner changes */

/* A path from a format; -ENAMETOOLONG if it does not fit in PATH_MAX. */
int fs_path(char *ret, size_t size, struct err *e, const char *fmt, ...)
	printf_like(4, 5);

/* Like mkdir -p; the parents get 0755, the last one mode. */
int fs_mkdirs(const char *path, mode_t mode, struct err *e);

/* Appends the file to ret; -EFBIG if it has more than max bytes. */
int fs_read(const char *path, size_t max, struct buf *ret, struct err *e);
int fs_read_fd(int fd, size_t max, struct buf *ret, struct err *e);

/* Whole or not at all: written beside path and renamed. */
int fs_write(const char *path, const void *p, size_t len, mode_t mode,
	     struct err *e);

bool fs_exists(const char *path); /* a dangling link exists, too */

/*
 * Removes path and all below it, without following links, whatever the depth
 * (a container made it). Not there is fine. Mounts are not crossed.
 */
int fs_remove_tree(const char *path, struct err *e);

#endif
