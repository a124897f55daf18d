/* tree.h - values out of a JSON tree by a path: "Spec.Mode.Global". */
#ifndef NET_CLIENT_TREE_H
#define NET_CLIENT_TREE_H

#include <jansson.h>

#include "core/base/arena.h"
#include "core/base/base.h"

/* NULL: not there, or null. Borrowed. */
json_t *tree_get(const json_t *tree, const char *path);
/* "", 0, false, or TIME_ZERO if it is not there or of another kind. */
const char *tree_str(const json_t *tree, const char *path);
int64_t tree_i64(const json_t *tree, const char *path);
double tree_float(const json_t *tree, const char *path);
bool tree_bool(const json_t *tree, const char *path);
int64_t tree_time(const json_t *tree, const char *path); /* ns */

/* Puts v there, which is the tree's then; makes the objects on the way. */
void tree_set(json_t *tree, const char *path, json_t *v);

/* The elements of an array in an order; the array is the caller's. */
json_t **tree_sorted(const json_t *array, size_t *ret_count,
		     int (*cmp)(const void *, const void *));

/* "ready" gives "Ready". */
const char *text_title(struct arena *a, const char *s);
/* Without the digest, if it has a tag; in familiar form. */
const char *text_image(struct arena *a, const char *image);

#endif
