/*
 * rootfs.h - a container's root: the image's layers with a writable one on
 * top, and safe ways to look inside. Links in there are the container's: they
 * are followed as if its root were ours, and never out of it.
 */
#ifndef EXEC_ROOTFS_H
#define EXEC_ROOTFS_H

#include "core/base/buf.h"
#include "core/model/type.h"

/*
 * Our own mount namespace, in which what is mounted below dir is seen by
 * nobody else: it goes with the last process in here, so that no mount can be
 * left behind. All else is shared with the host as before.
 */
int rootfs_unshare(const char *dir, struct err *e);

/*
 * Mounts DIR/rootfs: layers (absolute, lowest first) under CONTAINER/upper,
 * with CONTAINER/work; container is ROOT/containers/ID. Makes what is missing.
 * Changes the working directory.
 */
int rootfs_mount(const char *dir, const char *container,
		 const struct strings *layers, struct err *e);

/* Opens path inside the root that root_fd is; -errno. */
int rootfs_open(int root_fd, const char *path, int flags);

/* The file's text, or nothing if there is none. At most max bytes. */
int rootfs_read(int root_fd, const char *path, size_t max, struct buf *ret,
		struct err *e);

#endif
