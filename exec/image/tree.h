/*
 * tree.h - file operations below one directory that foreign names cannot
 * leave: names are cleaned, directories are opened by openat2(2) with
 * RESOLVE_BENEATH, and the last component is never followed.
 */
#ifndef EXEC_IMAGE_TREE_H
#define EXEC_IMAGE_TREE_H

#include <limits.h>

#include "core/base/base.h"
#include "core/base/err.h"

#define TREE_DEPTH_MAX 256

/*
 * "./a//b/" becomes "a/b", and "." becomes "". -EINVAL if the name is
 * absolute, has a "..", is too long or too deep: e says which.
 */
int tree_clean(const char *name, char ret[PATH_MAX], struct err *e);

/*
 * The directory path (clean; "" is root itself), made as 0755 where it is
 * missing. Symbolic links on the way are followed as long as they stay
 * beneath root; -EXDEV if one leads out.
 */
int tree_open_dir(int root, const char *path, int *ret_fd, struct err *e);
/* The same, but -ENOENT (without words) if it is not there. */
int tree_find_dir(int root, const char *path, int *ret_fd);

/*
 * Remove name below dir, and all that is in it; it is fine if it is not
 * there. Stops early with -ECANCELED when *stop becomes true (NULL: never).
 */
int tree_remove(int dir, const char *name, const _Atomic bool *stop);

#endif
