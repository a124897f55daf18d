/* arena.c - see arena.h. */
#include "core/base/arena.h"

#include <stdio.h>
#include <string.h>

#include "core/base/check.h"
#include "core/base/mem.h"

#define BLOCK_MIN 480
#define BLOCK_MAX 65536
#define ALIGN _Alignof(max_align_t)

struct arena_block {
	struct arena_block *next;
	size_t cap;
	_Alignas(max_align_t) unsigned char data[];
};

void
arena_init(struct arena *a)
{
	*a = (struct arena){ 0 };
}

void
arena_fini(struct arena *a)
{
	struct arena_block *next;

	for (struct arena_block *b = a->blocks; b != NULL; b = next) {
		next = b->next;
		mem_free(b);
	}
	arena_init(a);
}

void
arena_wipe(struct arena *a)
{
	for (struct arena_block *b = a->blocks; b != NULL; b = b->next)
		mem_wipe(b->data, b->cap);
	arena_fini(a);
}

/* Most objects need a little more than one: the second is no larger. */
static size_t
next_cap(const struct arena *a)
{
	if (a->blocks == NULL)
		return BLOCK_MIN;
	return a->blocks->next != NULL ? a->blocks->cap * 2 : a->blocks->cap;
}

static void
add_block(struct arena *a, size_t size)
{
	size_t cap = next_cap(a);
	struct arena_block *b;

	if (cap > BLOCK_MAX)
		cap = BLOCK_MAX;
	if (cap < size)
		cap = size;
	b = mem_new(sizeof(*b) + cap);
	b->cap = cap;
	b->next = a->blocks;
	a->blocks = b;
	a->used = 0;
}

void *
arena_alloc(struct arena *a, size_t size)
{
	void *p;

	check(size <= SIZE_MAX - ALIGN);
	size = (size + ALIGN - 1) / ALIGN * ALIGN;
	if (a->blocks == NULL || a->blocks->cap - a->used < size)
		add_block(a, size);
	p = a->blocks->data + a->used;
	a->used += size;
	a->total_bytes += size;
	return p;
}

void *
arena_array(struct arena *a, size_t count, size_t size)
{
	check(size == 0 || count <= SIZE_MAX / 2 / size);
	return arena_alloc(a, count * size);
}

void *
arena_dup(struct arena *a, const void *p, size_t size)
{
	void *copy = arena_alloc(a, size);

	if (size > 0)
		memcpy(copy, p, size);
	return copy;
}

char *
arena_strdup(struct arena *a, const char *s)
{
	return s ? arena_dup(a, s, strlen(s) + 1) : NULL;
}

char *
arena_strndup(struct arena *a, const char *s, size_t len)
{
	char *copy = arena_alloc(a, len + 1);

	if (len > 0)
		memcpy(copy, s, len);
	return copy;
}

char *
arena_vprintf(struct arena *a, const char *fmt, va_list ap)
{
	va_list again;
	char *s;
	int len;

	va_copy(again, ap);
	len = vsnprintf(NULL, 0, fmt, again);
	va_end(again);
	check(len >= 0);
	s = arena_alloc(a, (size_t)len + 1);
	vsnprintf(s, (size_t)len + 1, fmt, ap);
	return s;
}

char *
arena_printf(struct arena *a, const char *fmt, ...)
{
	va_list ap;
	char *s;

	va_start(ap, fmt);
	s = arena_vprintf(a, fmt, ap);
	va_end(ap);
	return s;
}
