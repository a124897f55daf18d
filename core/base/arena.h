/*
 * arena.h - memory that is freed all at once. One owner; what is allocated
 * here lives exactly as long as the arena and is never freed alone.
 */
#ifndef CORE_BASE_ARENA_H
#define CORE_BASE_ARENA_H

#include <stdarg.h>

#include "core/base/base.h"

struct arena_block;

struct arena {
	struct arena_block *blocks; /* newest first */
	size_t used;		    /* of the newest block */
	size_t total_bytes;	    /* handed out by all blocks */
};

void arena_init(struct arena *a);
void arena_fini(struct arena *a); /* frees all; the arena is empty again */
void arena_wipe(struct arena *a); /* the same, of secrets: zeroed first */

/* Zeroed, aligned for any type; never NULL. size 0 gives a valid pointer. */
void *arena_alloc(struct arena *a, size_t size);
void *arena_array(struct arena *a, size_t count, size_t size);

void *arena_dup(struct arena *a, const void *p, size_t size);
char *arena_strdup(struct arena *a, const char *s); /* NULL gives NULL */
char *arena_strndup(struct arena *a, const char *s, size_t len);
char *arena_printf(struct arena *a, const char *fmt, ...) printf_like(2, 3);
char *arena_vprintf(struct arena *a, const char *fmt, va_list ap);

#endif
