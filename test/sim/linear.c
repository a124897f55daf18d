/*
 * linear.c - is there an order of all that was asked of one service, each
 * request at one moment between its call and its answer, in which every
 * answer is right? (Lowe, Testing for linearizability, 2017: just in time.)
 *
 * What is kept of the past is a set of configurations: which of the open
 * requests have taken effect by now, and what the register holds then. What
 * has no known outcome stays open for ever: it may take effect at any time,
 * or never.
 */
#include <stdlib.h>
#include <string.h>

#include "core/base/check.h"
#include "core/base/mem.h"
#include "test/sim/sim.h"

#define OPEN_MAX 64
#define CONFIGS_MAX 60000

struct config {
	uint64_t done; /* bits: places of open requests */
	uint64_t value;
};
struct configs {
	struct config *v;
	size_t count, cap;
};

struct search {
	const struct history *h;
	size_t open[OPEN_MAX]; /* index + 1; 0: the place is free */
	struct configs now, next;
	bool too_many;
};

/* What o makes of the register; false: it cannot have happened here. */
static bool
apply(const struct op_record *o, uint64_t value, uint64_t *ret)
{
	*ret = value;
	switch (o->kind) {
	case OP_READ:
		return o->to == value;
	case OP_CREATE:
		if (o->end == OP_FAILED)
			return value != 0; /* the name was taken */
		*ret = o->to;
		return value == 0;
	case OP_CAS:
		*ret = o->to;
		return value == o->from;
	case OP_REMOVE:
		if (o->end == OP_FAILED)
			return value == 0;
		*ret = 0;
		return value != 0;
	}
	unreachable();
}

/* A read that never ended says nothing; a change may have happened. */
static bool
counts(const struct op_record *o)
{
	if (o->kind == OP_READ)
		return o->end == OP_OK;
	return o->end != OP_VOID;
}

static bool
ends(const struct op_record *o)
{
	return o->end == OP_OK || o->end == OP_FAILED;
}

static void
add(struct search *s, struct configs *to, uint64_t done, uint64_t value)
{
	for (size_t i = 0; i < to->count; i++)
		if (to->v[i].done == done && to->v[i].value == value)
			return;
	if (to->count == CONFIGS_MAX) {
		s->too_many = true;
		return;
	}
	to->v = mem_grow(to->v, to->count, &to->cap, sizeof(*to->v));
	to->v[to->count++] = (struct config){ done, value };
}

/* Whatever may take effect before this answer does, in every order. */
static void
expand(struct search *s)
{
	for (size_t i = 0; i < s->now.count && !s->too_many; i++)
		for (int k = 0; k < OPEN_MAX; k++) {
			struct config c = s->now.v[i];
			uint64_t value;

			if (s->open[k] == 0 || (c.done >> k & 1) != 0 ||
			    !apply(&s->h->v[s->open[k] - 1], c.value, &value))
				continue;
			/* That it did nothing is no news. */
			if (!ends(&s->h->v[s->open[k] - 1]) && value == c.value)
				continue;
			add(s, &s->now, c.done | UINT64_C(1) << k, value);
		}
}

static int
place_of(const struct search *s, size_t index)
{
	for (int k = 0; k < OPEN_MAX; k++)
		if (s->open[k] == index + 1)
			return k;
	return -1;
}

static void
on_call(struct search *s, size_t index)
{
	for (int k = 0; k < OPEN_MAX; k++)
		if (s->open[k] == 0) {
			s->open[k] = index + 1;
			return;
		}
	s->too_many = true;
}

/* It has taken effect by now: the rest is not what happened. */
static void
on_return(struct search *s, size_t index)
{
	int k = place_of(s, index);
	struct configs old;

	expand(s);
	s->next.count = 0;
	for (size_t i = 0; i < s->now.count; i++) {
		const struct config *c = &s->now.v[i];

		if ((c->done >> k & 1) != 0)
			add(s, &s->next, c->done & ~(UINT64_C(1) << k),
			    c->value);
	}
	old = s->now;
	s->now = s->next;
	s->next = old;
	s->open[k] = 0;
}

const char *
linear_check(const struct history *h)
{
	struct search s = { .h = h };
	const char *why = NULL;

	add(&s, &s.now, 0, h->first);
	for (uint64_t t = 1; t <= h->clock && why == NULL && !s.too_many; t++)
		for (size_t i = 0; i < h->count; i++) {
			const struct op_record *o = &h->v[i];

			if (!counts(o))
				continue;
			if (o->called == t)
				on_call(&s, i);
			if (!ends(o) || o->returned != t)
				continue;
			on_return(&s, i);
			if (s.now.count == 0 && !s.too_many)
				why = "no order of the requests explains "
				      "their answers";
		}
	mem_free(s.now.v);
	mem_free(s.next.v);
	return why;
}
