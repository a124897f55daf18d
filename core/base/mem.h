/* mem.h - allocation that cannot fail: out of memory ends the process. */
#ifndef CORE_BASE_MEM_H
#define CORE_BASE_MEM_H

#include <stddef.h>

void *mem_new(size_t size);			/* zeroed */
void *mem_new_array(size_t count, size_t size); /* zeroed */
void *mem_resize(void *p, size_t size);		/* like realloc */
void *mem_dup(const void *p, size_t size);
char *mem_strdup(const char *s);     /* NULL gives NULL */
void mem_free(void *p);		     /* NULL is fine */
void mem_wipe(void *p, size_t size); /* zeroes that no compiler leaves out */

/* For owned(mem_freep): frees what the variable points at. */
void mem_freep(void *pp);

/*
 * Room for one more element in a growing array: returns the array, moved if
 * need be, with *cap > count. Elements are size bytes; *cap starts at 0.
 */
void *mem_grow(void *array, size_t count, size_t *cap, size_t size);

#endif
