/* copy.h - copying what an image has at a path into a new volume. */
#ifndef EXEC_COPY_H
#define EXEC_COPY_H

#include "core/base/err.h"

#define COPY_DEPTH_MAX 128

/*
 * Everything below the directory from goes below the directory to (both stay
 * open), with owners, modes, times and extended attributes, and to gets those
 * of from. Nobody else may be changing either.
 */
int copy_tree(int from, int to, struct err *e);

#endif
