/* scheduler_place.c - see scheduler_place.h. */
#include "core/manager/scheduler_place.h"

#include <string.h>

#include "core/base/check.h"
#include "core/base/mem.h"
#include "core/base/str.h"

struct row { /* tasks of the service at one place */
	uint32_t slot;
	uint32_t count; /* 0: there were some */
};

struct failure { /* facts 4.7 */
	uint32_t slot;
	uint64_t spec_version;
	uint64_t at_ms;
};

struct tally {
	char *service_id;
	struct row *rows; /* by slot */
	size_t row_count, row_cap;
	size_t empty;		  /* rows with 0 */
	struct failure *failures; /* oldest first */
	size_t failure_count, failure_cap;
	size_t at; /* in the list of all */
};

/* ---- life ------------------------------------------------------------- */

void
places_init(struct places *ps, uint64_t hash_seed)
{
	*ps = (struct places){ .orphan_at_ms = UINT64_MAX };
	map_init(&ps->index, hash_seed);
	map_init(&ps->rule_index, hash_seed);
	map_init(&ps->tally_index, hash_seed);
}

static void
place_free(struct place *p)
{
	mem_free(p->ports);
	mem_free(p->id);
	mem_free(p);
}

static void
tally_free(struct tally *t)
{
	mem_free(t->service_id);
	mem_free(t->rows);
	mem_free(t->failures);
	mem_free(t);
}

void
places_fini(struct places *ps)
{
	for (size_t i = 0; i < ps->count; i++)
		place_free(ps->v[i]);
	for (size_t i = 0; i < ps->tally_count; i++)
		tally_free(ps->tallies[i]);
	rules_fini(ps);
	mem_free(ps->rules);
	mem_free(ps->tallies);
	mem_free(ps->v);
	mem_free(ps->at);
	mem_free(ps->ready);
	map_fini(&ps->index);
	map_fini(&ps->tally_index);
}

/* ---- services --------------------------------------------------------- */

static struct tally *
tally_get(struct places *ps, const char *service_id)
{
	struct tally *t = map_get(&ps->tally_index, service_id);

	if (t != NULL)
		return t;
	t = mem_new(sizeof(*t));
	t->service_id = mem_strdup(service_id);
	t->at = ps->tally_count;
	ps->tallies = mem_grow(ps->tallies, ps->tally_count, &ps->tally_cap,
			       sizeof(struct tally *));
	ps->tallies[ps->tally_count++] = t;
	check(map_put(&ps->tally_index, t->service_id, t) == NULL);
	return t;
}

void
places_forget(struct places *ps, const char *service_id)
{
	struct tally *t = map_del(&ps->tally_index, service_id);

	if (t == NULL)
		return;
	ps->tallies[t->at] = ps->tallies[--ps->tally_count];
	ps->tallies[t->at]->at = t->at;
	tally_free(t);
}

/* The first row that does not come before slot. */
static size_t
row_place(const struct tally *t, uint32_t slot)
{
	size_t lo = 0, hi = t->row_count;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;

		if (t->rows[mid].slot < slot)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

static void
rows_compact(struct tally *t)
{
	size_t kept = 0;

	for (size_t i = 0; i < t->row_count; i++)
		if (t->rows[i].count > 0)
			t->rows[kept++] = t->rows[i];
	t->row_count = kept;
	t->empty = 0;
}

/* Rows that become empty stay for a while: most are soon filled again. */
static void
tally_count(struct tally *t, uint32_t slot, int sign)
{
	size_t at = row_place(t, slot);

	if (at < t->row_count && t->rows[at].slot == slot) {
		struct row *row = &t->rows[at];

		check(sign > 0 || row->count > 0);
		t->empty -= row->count == 0;
		row->count += (uint32_t)sign;
		t->empty += row->count == 0;
		return;
	}
	check(sign > 0);
	if (t->empty > 16 && t->empty > t->row_count / 2) {
		rows_compact(t);
		at = row_place(t, slot);
	}
	t->rows = mem_grow(t->rows, t->row_count, &t->row_cap,
			   sizeof(struct row));
	memmove(&t->rows[at + 1], &t->rows[at],
		(t->row_count - at) * sizeof(struct row));
	t->rows[at] = (struct row){ slot, 1 };
	t->row_count++;
}

static void
failures_prune(struct tally *t, uint64_t now_ms)
{
	size_t old = 0;

	while (old < t->failure_count &&
	       t->failures[old].at_ms + PLACE_FAILURE_MS <= now_ms)
		old++;
	if (t->failure_count - old >= PLACE_FAILURES_MAX)
		old = t->failure_count - PLACE_FAILURES_MAX + 1;
	t->failure_count -= old;
	if (old > 0)
		memmove(t->failures, t->failures + old,
			t->failure_count * sizeof(struct failure));
}

/* The slot becomes another node's. */
static void
failures_drop(struct places *ps, uint32_t slot)
{
	for (size_t i = 0; i < ps->tally_count; i++) {
		struct tally *t = ps->tallies[i];
		size_t kept = 0;

		for (size_t k = 0; k < t->failure_count; k++)
			if (t->failures[k].slot != slot)
				t->failures[kept++] = t->failures[k];
		t->failure_count = kept;
	}
}

void
places_failed(struct places *ps, const struct task *t, struct now now)
{
	struct place *p = places_get(ps, str_or(t->node_id, ""));
	struct tally *y = tally_get(ps, str_or(t->service_id, ""));

	if (p == NULL)
		return;
	failures_prune(y, now.mono_ms);
	y->failures = mem_grow(y->failures, y->failure_count, &y->failure_cap,
			       sizeof(struct failure));
	y->failures[y->failure_count++] =
		(struct failure){ p->slot, t->spec_version, now.mono_ms };
}

void
places_open(struct places *ps, const char *service_id, uint64_t spec_version,
	    struct now now)
{
	struct tally *t = map_get(&ps->tally_index, service_id);

	if (t == NULL)
		return;
	for (size_t i = 0; i < t->row_count; i++)
		if (t->rows[i].count > 0)
			ps->at[t->rows[i].slot]->of_service = t->rows[i].count;
	failures_prune(t, now.mono_ms);
	for (size_t i = 0; i < t->failure_count; i++)
		if (t->failures[i].spec_version == spec_version)
			ps->at[t->failures[i].slot]->failures++;
}

void
places_close(struct places *ps, const char *service_id)
{
	struct tally *t = map_get(&ps->tally_index, service_id);

	for (size_t i = 0; t != NULL && i < t->row_count; i++) {
		struct place *p = ps->at[t->rows[i].slot];

		if (p != NULL)
			p->of_service = p->stay = 0;
	}
	for (size_t i = 0; t != NULL && i < t->failure_count; i++)
		ps->at[t->failures[i].slot]->failures = 0;
}

/* ---- nodes ------------------------------------------------------------ */

/* The first place that does not come before id. */
static size_t
place_rank(const struct places *ps, const char *id)
{
	size_t lo = 0, hi = ps->count;

	if (hi > 0 && strcmp(ps->v[hi - 1]->id, id) < 0)
		return hi;
	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;

		if (strcmp(ps->v[mid]->id, id) < 0)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

static void
slots_grow(struct places *ps)
{
	size_t cap = ps->slot_cap == 0 ? 4 : ps->slot_cap * 2;
	size_t words = (cap + 63) / 64;

	ps->at = mem_resize(ps->at, cap * sizeof(struct place *));
	memset(ps->at + ps->slot_cap, 0,
	       (cap - ps->slot_cap) * sizeof(struct place *));
	ps->slot_cap = cap;
	if (words == ps->words)
		return;
	rules_grow(ps, words);
	ps->ready = mem_resize(ps->ready, words * sizeof(uint64_t));
	memset(ps->ready + ps->words, 0,
	       (words - ps->words) * sizeof(uint64_t));
	ps->words = words;
}

static uint32_t
slot_take(struct places *ps)
{
	if (ps->count == ps->slot_cap)
		slots_grow(ps);
	if (ps->at[ps->count] == NULL)
		return (uint32_t)ps->count; /* as long as no node ever went */
	for (size_t i = 0;; i++)
		if (ps->at[i] == NULL)
			return (uint32_t)i;
}

static struct place *
place_make(struct places *ps, const char *id)
{
	struct place *p = mem_new(sizeof(*p));
	size_t rank = place_rank(ps, id);

	p->id = mem_strdup(id);
	p->slot = slot_take(ps);
	p->orphan_at_ms = UINT64_MAX;
	ps->at[p->slot] = p;
	ps->v = mem_grow(ps->v, ps->count, &ps->cap, sizeof(struct place *));
	memmove(&ps->v[rank + 1], &ps->v[rank],
		(ps->count - rank) * sizeof(struct place *));
	ps->v[rank] = p;
	ps->count++;
	ps->gone++;
	for (size_t i = rank; i < ps->count; i++)
		ps->v[i]->rank = (uint32_t)i;
	check(map_put(&ps->index, p->id, p) == NULL);
	return p;
}

struct place *
places_get(const struct places *ps, const char *node_id)
{
	return map_get(&ps->index, node_id);
}

void
places_mark(struct places *ps, struct place *p)
{
	ps->marked += !p->marked;
	p->marked = true;
}

void
places_sweep(struct places *ps)
{
	size_t kept = 0;

	if (ps->gone == 0)
		return;
	for (size_t i = 0; i < ps->count; i++) {
		struct place *p = ps->v[i];

		if (p->node != NULL || p->held > 0) {
			p->rank = (uint32_t)kept;
			ps->v[kept++] = p;
			continue;
		}
		ps->gone--;
		ps->marked -= p->marked;
		ps->in_flight -= p->in_flight;
		failures_drop(ps, p->slot);
		ps->at[p->slot] = NULL;
		check(map_del(&ps->index, p->id) == p);
		place_free(p);
	}
	ps->count = kept;
}

static bool
is_ready(const struct node_object *n)
{
	return n != NULL && n->status.state == NODE_READY &&
	       (n->spec.availability == NODE_ACTIVE ||
		n->spec.availability == 0);
}

/* When what the node ran is given up: a day after it went down. */
static uint64_t
orphan_time(const struct place *p, const struct node_object *n, struct now now)
{
	int64_t passed;

	if (n == NULL || n->status.state != NODE_DOWN)
		return UINT64_MAX;
	if (p->orphan_at_ms != UINT64_MAX)
		return p->orphan_at_ms;
	passed = n->down_since == 0 ? 0 : now.wall_ns - n->down_since;
	if (passed < 0)
		passed = 0; /* the clock was set back */
	if (passed / NS_PER_MS >= PLACE_ORPHAN_MS)
		return now.mono_ms;
	return now.mono_ms + PLACE_ORPHAN_MS - (uint64_t)(passed / NS_PER_MS);
}

void
places_node(struct places *ps, const struct node_object *before,
	    const struct node_object *after, struct now now)
{
	const char *id = after != NULL ? after->head.id : before->head.id;
	struct place *p = places_get(ps, id);

	if (p == NULL)
		p = place_make(ps, id);
	ps->gone += (after == NULL) - (p->node == NULL);
	p->node = after;
	p->orphan_at_ms = orphan_time(p, after, now);
	ps->orphan_at_ms = min_u64(ps->orphan_at_ms, p->orphan_at_ms);
	bit_put(ps->ready, p->slot, is_ready(after));
	rules_node(ps, p);
}

/* ---- tasks ------------------------------------------------------------ */

bool
place_task_holds(const struct task *t)
{
	return t->status.state >= TASK_ASSIGNED &&
	       t->status.state <= TASK_RUNNING && !str_empty(t->node_id);
}

uint32_t
place_port(const struct port_config *c)
{
	int protocol = c->protocol == 0 ? PROTO_TCP : c->protocol;

	if (c->publish_mode != PUBLISH_HOST || c->published_port == 0)
		return 0;
	return (uint32_t)c->published_port << 8 | (uint32_t)protocol;
}

static void
port_book(struct place *p, uint32_t port, int sign)
{
	if (sign > 0) {
		p->ports = mem_grow(p->ports, p->port_count, &p->port_cap,
				    sizeof(uint32_t));
		p->ports[p->port_count++] = port;
		return;
	}
	for (size_t i = 0; i < p->port_count; i++)
		if (p->ports[i] == port) {
			p->ports[i] = p->ports[--p->port_count];
			return;
		}
	unreachable();
}

void
places_book(struct places *ps, struct place *p, const struct task *t, int sign)
{
	const struct resource_requirements *r = t->spec.resources;

	check(sign > 0 || p->held > 0);
	p->held += (uint64_t)(int64_t)sign;
	if (r != NULL && r->reservations != NULL) {
		p->nano_cpus += sign * r->reservations->nano_cpus;
		p->memory_bytes += sign * r->reservations->memory_bytes;
	}
	for (uint32_t i = 0; t->endpoint && i < t->endpoint->ports.count; i++) {
		uint32_t port = place_port(&t->endpoint->ports.v[i]);

		if (port != 0)
			port_book(p, port, sign);
	}
	if (t->desired_state > TASK_COMPLETE)
		return;
	p->tasks += (uint64_t)(int64_t)sign;
	tally_count(tally_get(ps, str_or(t->service_id, "")), p->slot, sign);
}

static bool
counts_alike(const struct task *a, const struct task *b)
{
	return place_task_holds(a) && place_task_holds(b) &&
	       str_eq(a->node_id, b->node_id) &&
	       (a->desired_state <= TASK_COMPLETE) ==
		       (b->desired_state <= TASK_COMPLETE);
}

static void
book_one(struct places *ps, const struct task *t, int sign)
{
	struct place *p;

	if (t == NULL || !place_task_holds(t))
		return;
	p = places_get(ps, t->node_id);
	if (p == NULL) { /* its node is gone: the enforcer sees to it */
		p = place_make(ps, t->node_id);
		places_mark(ps, p);
	}
	places_book(ps, p, t, sign);
}

void
places_task(struct places *ps, const struct task *before,
	    const struct task *after)
{
	if (before != NULL && after != NULL && counts_alike(before, after))
		return;
	book_one(ps, before, -1);
	book_one(ps, after, 1);
}

void
places_load(struct places *ps, const struct state *s, struct now now)
{
	size_t nodes = state_count(s, OBJECT_NODE);
	size_t tasks = state_count(s, OBJECT_TASK);

	for (size_t i = 0; i < nodes; i++)
		places_node(ps, NULL, state_at(s, OBJECT_NODE, i), now);
	for (size_t i = 0; i < tasks; i++)
		places_task(ps, NULL, state_at(s, OBJECT_TASK, i));
}
