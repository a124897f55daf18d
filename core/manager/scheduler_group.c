/* scheduler_group.c - see scheduler_group.h. */
#include "core/manager/scheduler_group.h"

#include <stdlib.h>
#include <string.h>

#include "core/base/check.h"
#include "core/base/mem.h"
#include "core/base/str.h"
#include "core/manager/constraint.h"

/* ---- what a task needs ------------------------------------------------ */

static void
needs_ports(struct needs *n, const struct endpoint_spec *e, struct arena *a)
{
	if (e == NULL)
		return;
	n->ports = arena_array(a, e->ports.count, sizeof(uint32_t));
	for (uint32_t i = 0; i < e->ports.count; i++) {
		uint32_t port = place_port(&e->ports.v[i]);

		if (port != 0)
			n->ports[n->port_count++] = port;
	}
}

static void
needs_placement(struct group *g, const struct placement *where)
{
	struct needs *n = &g->needs;

	if (where == NULL)
		return;
	if (where->max_replicas != 0)
		n->max_replicas = where->max_replicas;
	n->constraint_count = where->constraints.count;
	n->constraints = arena_array(&g->arena, n->constraint_count,
				     sizeof(*n->constraints));
	for (size_t i = 0; i < n->constraint_count; i++)
		n->constraints[i] = places_rule(g->ps, where->constraints.v[i]);
	n->platforms = places_platforms(g->ps, where);
}

void
group_begin(struct group *g, struct places *ps, const struct task *like,
	    struct now now)
{
	const struct resource_requirements *r = like->spec.resources;

	*g = (struct group){ .ps = ps, .like = like };
	arena_init(&g->arena);
	places_trim(ps);
	g->needs.max_replicas = UINT64_MAX;
	if (r != NULL && r->reservations != NULL) {
		g->needs.nano_cpus = r->reservations->nano_cpus;
		g->needs.memory_bytes = r->reservations->memory_bytes;
	}
	needs_ports(&g->needs, like->endpoint, &g->arena);
	needs_placement(g, like->spec.placement);
	places_open(ps, str_or(like->service_id, ""), like->spec_version, now);
}

void
group_end(struct group *g)
{
	places_close(g->ps, str_or(g->like->service_id, ""));
	mem_free(g->branches);
	arena_fini(&g->arena);
}

/* ---- filters ---------------------------------------------------------- */

static bool
has_resources(const struct needs *n, const struct place *p)
{
	const struct node_resources *all = &p->node->description.resources;

	return (n->nano_cpus <= 0 ||
		n->nano_cpus <= all->nano_cpus - p->nano_cpus) &&
	       (n->memory_bytes <= 0 ||
		n->memory_bytes <= all->memory_bytes - p->memory_bytes);
}

static bool
has_ports(const struct needs *n, const struct place *p)
{
	for (size_t i = 0; i < n->port_count; i++)
		for (size_t k = 0; k < p->port_count; k++)
			if (n->ports[i] == p->ports[k])
				return false;
	return true;
}

/* The filters whose answer changes as tasks are placed. */
static bool
has_room(const struct needs *n, const struct place *p)
{
	return has_resources(n, p) && has_ports(n, p) &&
	       p->of_service < n->max_replicas;
}

static bool
passes_constraints(const struct needs *n, const struct place *p)
{
	for (size_t i = 0; i < n->constraint_count; i++)
		if (!bit_get(rule_bits(n->constraints[i]), p->slot))
			return false;
	return true;
}

enum refusal
group_refuses(const struct group *g, const struct place *p)
{
	const struct needs *n = &g->needs;

	if (p->node == NULL || !bit_get(g->ps->ready, p->slot))
		return REFUSED_NOT_READY;
	if (!has_resources(n, p))
		return REFUSED_RESOURCES;
	if (!passes_constraints(n, p))
		return REFUSED_CONSTRAINT;
	if (n->platforms != NULL && !bit_get(rule_bits(n->platforms), p->slot))
		return REFUSED_PLATFORM;
	if (!has_ports(n, p))
		return REFUSED_PORT;
	return p->of_service < n->max_replicas ? FITS : REFUSED_MAX_REPLICAS;
}

/* ---- heaps ------------------------------------------------------------ */

/*
 * Where the service failed often comes last; then count the service's own
 * tasks, then (for a rebalance) whether one may stay, then all tasks.
 */
static uint64_t
place_key(const struct place *p)
{
	uint64_t bad = p->failures >= PLACE_FAILURES_BAD ? p->failures : 0;

	return min_u64(bad, (1 << 16) - 1) << 48 |
	       min_u64(p->of_service, (1 << 20) - 1) << 28 |
	       (uint64_t)(p->stay <= p->of_service) << 27 |
	       min_u64(p->tasks, (1 << 27) - 1);
}

static inline bool
seat_less(const struct seat *a, const struct seat *b)
{
	return a->key != b->key ? a->key < b->key : a->rank < b->rank;
}

static void
heap_sink(struct heap *h, size_t at)
{
	struct seat s = h->v[at];

	for (;;) {
		size_t kid = 2 * at + 1;

		if (kid >= h->count)
			break;
		if (kid + 1 < h->count && seat_less(&h->v[kid + 1], &h->v[kid]))
			kid++;
		if (!seat_less(&h->v[kid], &s))
			break;
		h->v[at] = h->v[kid];
		at = kid;
	}
	h->v[at] = s;
}

static void
heap_make(struct heap *h)
{
	for (size_t i = h->count / 2; i > 0; i--)
		heap_sink(h, i - 1);
}

static void
heap_pop(struct heap *h)
{
	check(h->count > 0);
	h->v[0] = h->v[--h->count];
	if (h->count > 0)
		heap_sink(h, 0);
}

/* ---- branches --------------------------------------------------------- */

/* A place with the values that it is spread by. */
struct leaf {
	const char *values[GROUP_SPREAD_MAX];
	uint32_t rank;
	uint32_t slot;
};

static uint32_t
branch_add(struct group *g, size_t room)
{
	struct branch *b;

	g->branches = mem_grow(g->branches, g->branch_count, &g->branch_cap,
			       sizeof(struct branch));
	b = &g->branches[g->branch_count];
	*b = (struct branch){ .heap.v = arena_array(&g->arena, room,
						    sizeof(struct seat)) };
	return (uint32_t)g->branch_count++;
}

static void
heap_add(struct heap *h, uint64_t key, uint32_t rank, uint32_t at)
{
	h->v[h->count++] = (struct seat){ key, rank, at };
}

/* All nodes with every filter's bit; returns how many there are. */
static size_t
candidates(struct group *g, uint64_t *bits)
{
	const struct needs *n = &g->needs;
	size_t count = 0;

	for (size_t w = 0; w < g->ps->words; w++) {
		bits[w] = g->ps->ready[w];
		for (size_t i = 0; i < n->constraint_count; i++)
			bits[w] &= rule_bits(n->constraints[i])[w];
		if (n->platforms != NULL)
			bits[w] &= rule_bits(n->platforms)[w];
		count += (size_t)__builtin_popcountll(bits[w]);
	}
	return count;
}

static void
rank_flat(struct group *g, const uint64_t *bits, size_t count)
{
	uint32_t self = branch_add(g, count); /* may move the others */
	struct branch *root = &g->branches[self];

	root->leaf = true;
	for (size_t w = 0; w < g->ps->words; w++)
		for (uint64_t left = bits[w]; left != 0; left &= left - 1) {
			size_t slot = w * 64 + (size_t)__builtin_ctzll(left);
			const struct place *p = g->ps->at[slot];

			if (has_room(&g->needs, p))
				heap_add(&root->heap, place_key(p), p->rank,
					 p->slot);
		}
	heap_make(&root->heap);
}

/* What the tasks are spread over: the labels' descriptors. */
static size_t
spread_over(const struct task *t, const char *ret[GROUP_SPREAD_MAX])
{
	static const struct node_object none;
	const struct placement *where = t->spec.placement;
	size_t count = 0;

	if (where == NULL)
		return 0;
	for (uint32_t i = 0; i < where->preferences.count; i++) {
		const struct spread *s = where->preferences.v[i].spread;

		if (s == NULL || str_empty(s->descriptor) ||
		    spread_value(s->descriptor, &none) == NULL)
			continue;
		if (count < GROUP_SPREAD_MAX)
			ret[count++] = s->descriptor;
	}
	return count;
}

static int
by_values(const void *x, const void *y)
{
	const struct leaf *a = x, *b = y;

	for (size_t i = 0; i < GROUP_SPREAD_MAX && a->values[i] != NULL; i++) {
		int r = strcmp(a->values[i], b->values[i]);

		if (r != 0)
			return r;
	}
	return a->rank < b->rank ? -1 : a->rank > b->rank;
}

/* The leaves below one branch, from depth on. Gives its service's tasks. */
static uint64_t
grow_branch(struct group *g, uint32_t self, const struct leaf *v, size_t count,
	    size_t depth)
{
	uint64_t tasks = 0;

	check(depth <= GROUP_SPREAD_MAX);
	if (depth == GROUP_SPREAD_MAX || v[0].values[depth] == NULL) {
		struct branch *b = &g->branches[self];

		b->leaf = true;
		for (size_t i = 0; i < count; i++) {
			const struct place *p = g->ps->at[v[i].slot];

			tasks += p->of_service;
			heap_add(&b->heap, place_key(p), p->rank, p->slot);
		}
		heap_make(&b->heap);
		return tasks;
	}
	for (size_t i = 0, end; i < count; i = end) {
		uint32_t kid;
		uint64_t below;

		end = i + 1;
		while (end < count &&
		       strcmp(v[i].values[depth], v[end].values[depth]) == 0)
			end++;
		kid = branch_add(g, end - i);
		below = grow_branch(g, kid, v + i, end - i, depth + 1);
		tasks += below;
		heap_add(&g->branches[self].heap, below, kid, kid);
	}
	heap_make(&g->branches[self].heap);
	return tasks;
}

static void
rank_spread(struct group *g, const uint64_t *bits, size_t count,
	    const char *const *over, size_t levels)
{
	struct leaf *v = mem_new_array(count + 1, sizeof(*v));
	size_t n = 0;

	for (size_t w = 0; w < g->ps->words; w++)
		for (uint64_t left = bits[w]; left != 0; left &= left - 1) {
			size_t slot = w * 64 + (size_t)__builtin_ctzll(left);
			const struct place *p = g->ps->at[slot];

			if (!has_room(&g->needs, p))
				continue;
			for (size_t i = 0; i < levels; i++)
				v[n].values[i] = spread_value(over[i], p->node);
			v[n].rank = p->rank;
			v[n++].slot = p->slot;
		}
	qsort(v, n, sizeof(*v), by_values);
	(void)branch_add(g, n); /* the root */
	if (n > 0)
		(void)grow_branch(g, 0, v, n, 0);
	mem_free(v);
}

void
group_rank(struct group *g)
{
	uint64_t *bits = arena_array(&g->arena, g->ps->words, sizeof(*bits));
	const char *over[GROUP_SPREAD_MAX];
	size_t count = candidates(g, bits);
	size_t levels = spread_over(g->like, over);

	check(g->branch_count == 0);
	if (levels == 0)
		rank_flat(g, bits, count);
	else
		rank_spread(g, bits, count, over, levels);
}

/* ---- one task --------------------------------------------------------- */

/* Down to the best leaf; false: what it led to is empty, and was cut off. */
static bool
descend(struct group *g)
{
	g->depth = 0;
	g->path[0] = 0;
	for (;;) {
		struct branch *b = &g->branches[g->path[g->depth]];

		if (b->heap.count == 0) {
			if (g->depth > 0)
				heap_pop(&g->branches[g->path[g->depth - 1]]
						  .heap);
			return false;
		}
		if (b->leaf)
			return true;
		g->depth++;
		check(g->depth <= GROUP_SPREAD_MAX);
		g->path[g->depth] = b->heap.v[0].at;
	}
}

struct place *
group_next(struct group *g)
{
	while (g->branches[0].heap.count > 0) {
		struct heap *leaf;
		struct place *p;

		if (!descend(g))
			continue;
		leaf = &g->branches[g->path[g->depth]].heap;
		p = g->ps->at[leaf->v[0].at];
		if (has_room(&g->needs, p))
			return p;
		heap_pop(leaf);
	}
	return NULL;
}

void
group_take_at(struct group *g, struct place *p)
{
	places_book(g->ps, p, g->like, 1);
	if (g->like->desired_state <= TASK_COMPLETE)
		p->of_service++;
}

void
group_take(struct group *g)
{
	struct heap *leaf = &g->branches[g->path[g->depth]].heap;
	struct place *p = g->ps->at[leaf->v[0].at];

	group_take_at(g, p);
	leaf->v[0].key = place_key(p);
	heap_sink(leaf, 0);
	for (size_t i = g->depth; i > 0; i--) {
		struct heap *above = &g->branches[g->path[i - 1]].heap;

		above->v[0].key++;
		heap_sink(above, 0);
	}
}

/* ---- why not ---------------------------------------------------------- */

static void
explain_part(struct buf *out, enum refusal why, size_t nodes)
{
	static const char *const words[REFUSAL_COUNT] = {
		[REFUSED_RESOURCES] = "insufficient resources on ",
		[REFUSED_CONSTRAINT] = "scheduling constraints not satisfied "
				       "on ",
		[REFUSED_PLATFORM] = "unsupported platform on ",
		[REFUSED_PORT] = "host-mode port already in use on ",
	};
	const char *noun = nodes == 1 ? "node" : "nodes";

	if (why == REFUSED_MAX_REPLICAS)
		buf_puts(out, "max replicas per node limit exceed");
	else if (why == REFUSED_NOT_READY)
		buf_printf(out, "%zu %s not available for new tasks", nodes,
			   noun);
	else
		buf_printf(out, "%s%zu %s", words[why], nodes, noun);
}

void
group_explain_one(enum refusal why, struct buf *out)
{
	explain_part(out, why, 1);
}

/* The most frequent reason first. */
void
group_explain(const struct group *g, struct buf *out)
{
	size_t refused[REFUSAL_COUNT + 1] = { 0 };
	bool first = true;

	for (size_t i = 0; i < g->ps->count; i++)
		if (g->ps->v[i]->node != NULL)
			refused[group_refuses(g, g->ps->v[i])]++;
	check(refused[FITS] == 0);
	buf_puts(out, "no suitable node");
	for (int round = 0; round < REFUSAL_COUNT; round++) {
		int most = 0;

		for (int i = 1; i < REFUSAL_COUNT; i++)
			if (refused[i] > refused[most])
				most = i;
		if (refused[most] == 0)
			break;
		buf_puts(out, first ? " (" : "; ");
		first = false;
		explain_part(out, (enum refusal)most, refused[most]);
		refused[most] = 0;
	}
	if (!first)
		buf_putc(out, ')');
}
