/*
 * map.h - from strings to pointers: open addressing, backward-shift delete.
 * Keys are borrowed: they must outlive their entry (they are usually part of
 * the value). It has no order and cannot be walked: what is walked is kept
 * in a list or a sorted array beside it, so that nothing depends on a hash.
 */
#ifndef CORE_BASE_MAP_H
#define CORE_BASE_MAP_H

#include "core/base/base.h"

struct map_slot;

struct map {
	struct map_slot *slots;
	size_t count;
	size_t cap; /* a power of two, or 0 */
	uint64_t seed;
};

/* A seed that a peer cannot guess keeps collisions from being made. */
void map_init(struct map *m, uint64_t seed);
void map_fini(struct map *m);
void *map_get(const struct map *m, const char *key); /* NULL: not there */
void *map_put(struct map *m, const char *key, void *value); /* gives the old */
void *map_del(struct map *m, const char *key); /* gives the old, or NULL */

#endif
