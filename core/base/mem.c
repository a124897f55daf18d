/* mem.c - see mem.h. */
#include "core/base/mem.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/check.h"

static void *
must(void *p)
{
	if (p == NULL)
		fatal("out of memory");
	return p;
}

void *
mem_new(size_t size)
{
	return must(calloc(1, size ? size : 1));
}

void *
mem_new_array(size_t count, size_t size)
{
	return must(calloc(count ? count : 1, size ? size : 1));
}

void *
mem_resize(void *p, size_t size)
{
	return must(realloc(p, size ? size : 1));
}

void *
mem_dup(const void *p, size_t size)
{
	void *copy = mem_new(size);

	if (size > 0)
		memcpy(copy, p, size);
	return copy;
}

char *
mem_strdup(const char *s)
{
	return s ? mem_dup(s, strlen(s) + 1) : NULL;
}

void
mem_free(void *p)
{
	free(p);
}

void
mem_wipe(void *p, size_t size)
{
	if (size == 0)
		return;
	memset(p, 0, size);
	__asm__ volatile("" : : "r"(p) : "memory");
}

void
mem_freep(void *pp)
{
	void *p;

	memcpy(&p, pp, sizeof(p));
	free(p);
}

void *
mem_grow(void *array, size_t count, size_t *cap, size_t size)
{
	size_t want;

	check(count <= *cap);
	if (count < *cap)
		return array;
	want = *cap ? *cap * 2 : 8;
	check(want <= SIZE_MAX / 2 / size);
	*cap = want;
	return mem_resize(array, want * size);
}
