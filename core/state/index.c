/* index.c - sorted arrays of objects: small, in order, found by halving. */
#include <string.h>

#include "core/base/check.h"
#include "core/base/mem.h"
#include "core/base/str.h"
#include "core/state/state_impl.h"

void
index_fini(struct index *x)
{
	if (x->v != NULL)
		mem_free(x->v - x->front);
	x->v = NULL;
	x->front = x->count = x->cap = 0;
}

size_t
index_find(const struct index *x, const void *probe)
{
	size_t low = 0, high = x->count;

	while (low < high) {
		size_t mid = low + (high - low) / 2;

		if (x->cmp(x->v[mid], probe) < 0)
			low = mid + 1;
		else
			high = mid;
	}
	return low;
}

/* Room for one more behind the last: what is free in front is used before
 * more is asked for, where it is much. */
static void
make_room(struct index *x)
{
	const void **all = x->v != NULL ? x->v - x->front : NULL;

	if (x->front + x->count < x->cap)
		return;
	if (x->front > x->count) {
		memmove(all, x->v, x->count * sizeof(*x->v));
		x->front = 0;
	} else {
		all = mem_grow(all, x->front + x->count, &x->cap,
			       sizeof(*x->v));
	}
	x->v = all + x->front;
}

void
index_put(struct index *x, const void *object)
{
	size_t at = index_find(x, object);

	check(at == x->count || x->cmp(x->v[at], object) != 0);
	if (x->front > 0 && at < x->count / 2) {
		x->v--;
		x->front--;
		memmove(x->v, x->v + 1, at * sizeof(*x->v));
	} else {
		make_room(x);
		memmove(x->v + at + 1, x->v + at,
			(x->count - at) * sizeof(*x->v));
	}
	x->v[at] = object;
	x->count++;
}

void
index_remove(struct index *x, const void *object)
{
	size_t at = index_find(x, object);

	check(at < x->count && x->v[at] == object);
	x->count--;
	if (at < x->count / 2) {
		memmove(x->v + 1, x->v, at * sizeof(*x->v));
		x->v++;
		x->front++;
	} else {
		memmove(x->v + at, x->v + at + 1,
			(x->count - at) * sizeof(*x->v));
	}
}

void
index_change(struct index *x, const void *before, const void *after)
{
	if (before != NULL && after != NULL && x->cmp(before, after) == 0) {
		size_t at = index_find(x, before);

		check(at < x->count && x->v[at] == before);
		x->v[at] = after;
		return;
	}
	if (before != NULL)
		index_remove(x, before);
	if (after != NULL)
		index_put(x, after);
}

int
index_by_id(const void *a, const void *b)
{
	const struct object *x = a, *y = b;

	return strcmp(x->id, y->id);
}

int
index_by_age(const void *a, const void *b)
{
	const struct object *x = a, *y = b;

	if (x->made != y->made)
		return x->made < y->made ? -1 : 1;
	return index_by_id(a, b);
}

static int
name_then_id(const char *x, const char *y, const void *a, const void *b)
{
	int order = str_cmp_nocase(str_or(x, ""), str_or(y, ""));

	return order != 0 ? order : index_by_id(a, b);
}

int
index_by_service_name(const void *a, const void *b)
{
	const struct service *x = a, *y = b;

	return name_then_id(x->spec.name, y->spec.name, a, b);
}

int
index_by_network_name(const void *a, const void *b)
{
	const struct network *x = a, *y = b;

	return name_then_id(x->name, y->name, a, b);
}

int
index_by_service(const void *a, const void *b)
{
	const struct task *x = a, *y = b;
	int order =
		strcmp(str_or(x->service_id, ""), str_or(y->service_id, ""));

	if (order == 0 && x->slot != y->slot)
		return x->slot < y->slot ? -1 : 1;
	return order != 0 ? order : index_by_id(a, b);
}

int
index_by_node(const void *a, const void *b)
{
	const struct task *x = a, *y = b;
	int order = strcmp(str_or(x->node_id, ""), str_or(y->node_id, ""));

	return order != 0 ? order : index_by_id(a, b);
}
