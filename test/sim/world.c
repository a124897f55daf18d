/* world.c - time: the heap of what is due, chance, and the history's hash. */
#include <stdarg.h>
#include <stdio.h>

#include "core/base/check.h"
#include "core/base/mem.h"
#include "core/base/rand.h"
#include "test/sim/sim.h"

#define STEPS_MAX 4000000

void
world_mix(struct world *w, const void *p, size_t len)
{
	const unsigned char *bytes = p;

	for (size_t i = 0; i < len; i++)
		w->hash = (w->hash ^ bytes[i]) * UINT64_C(0x100000001b3);
}

void
world_fail(struct world *w, const char *fmt, ...)
{
	va_list ap;

	if (w->failed)
		return;
	w->failed = true;
	va_start(ap, fmt);
	vsnprintf(w->reason, sizeof(w->reason), fmt, ap);
	va_end(ap);
	world_trace(w, "FAILED: %s", w->reason);
}

void
world_trace(struct world *w, const char *fmt, ...)
{
	va_list ap;

	if (!w->trace)
		return;
	printf("%6llu.%06llu ", (unsigned long long)(w->us / US_PER_S),
	       (unsigned long long)(w->us % US_PER_S));
	va_start(ap, fmt);
	vprintf(fmt, ap);
	va_end(ap);
	putchar('\n');
}

uint64_t
dice(struct world *w, uint64_t sides)
{
	return rand_next(&w->rnd) % sides;
}

bool
chance(struct world *w, uint64_t one_of)
{
	return !w->calm && one_of > 0 && dice(w, one_of) == 0;
}

/* ---- the heap ------------------------------------------------------------
 */

static bool
is_before(const struct due *a, const struct due *b)
{
	return a->at_us != b->at_us ? a->at_us < b->at_us : a->tie < b->tie;
}

static void
swap(struct due *a, struct due *b)
{
	struct due old = *a;

	*a = *b;
	*b = old;
}

static void
put(struct dues *d, const struct due *due)
{
	size_t at = d->count;

	d->v = mem_grow(d->v, d->count, &d->cap, sizeof(*d->v));
	d->v[d->count++] = *due;
	while (at > 0 && is_before(&d->v[at], &d->v[(at - 1) / 2])) {
		swap(&d->v[at], &d->v[(at - 1) / 2]);
		at = (at - 1) / 2;
	}
}

static struct due
take(struct dues *d)
{
	struct due first = d->v[0];
	size_t at = 0;

	d->v[0] = d->v[--d->count];
	while (2 * at + 1 < d->count) {
		size_t child = 2 * at + 1;

		if (child + 1 < d->count &&
		    is_before(&d->v[child + 1], &d->v[child]))
			child++;
		if (!is_before(&d->v[child], &d->v[at]))
			break;
		swap(&d->v[at], &d->v[child]);
		at = child;
	}
	return first;
}

void
dues_fini(struct dues *d)
{
	mem_free(d->v);
	*d = (struct dues){ 0 };
}

void
world_at(struct world *w, struct host *h, uint64_t at_us, due_fn fn, void *ctx,
	 uint64_t arg)
{
	uint64_t by_chance = rand_next(&w->rnd) >> 44;
	struct due due = { .at_us = max_u64(at_us, w->us),
			   .tie = by_chance << 40 | ++w->tie,
			   .fn = fn,
			   .ctx = ctx,
			   .arg = arg,
			   .host = h };

	put(&w->dues, &due);
}

/* What comes while a host is stopped comes all at once when it goes on. */
static void
defer(struct host *h, const struct due *due)
{
	struct dues *d = &h->deferred;

	d->v = mem_grow(d->v, d->count, &d->cap, sizeof(*d->v));
	d->v[d->count++] = *due;
}

void
world_run(struct world *w, uint64_t until_us)
{
	while (!w->failed && w->dues.count > 0 &&
	       w->dues.v[0].at_us <= until_us) {
		struct due due = take(&w->dues);

		w->us = due.at_us;
		if (due.host != NULL && due.host->stopped_until_us != 0) {
			defer(due.host, &due);
			continue;
		}
		due.fn(w, due.ctx, due.arg);
		if (++w->steps > STEPS_MAX)
			world_fail(w, "it never comes to rest");
	}
	if (!w->failed)
		w->us = until_us;
}
