/*
 * scheduler.c - finds a node for each task that has none (facts 4.7).
 *
 * Tasks of one service and spec are a group: the nodes are filtered once for
 * it, those that pass make a heap with the least loaded on top, and each task
 * costs the logarithm of their number. A node is asked again before each
 * task, since the last one may have filled it.
 *
 * How loaded nodes are is added up anew from the tables each time.
 */
#include <stdlib.h>
#include <string.h>

#include "core/base/buf.h"
#include "core/base/check.h"
#include "core/base/mem.h"
#include "core/base/str.h"
#include "core/manager/constraint.h"
#include "core/manager/manager_impl.h"

#define FAILURES_BAD 5		 /* this many lately: others first */
#define FAILURE_MEMORY_MS 300000 /* how long is lately */
#define FAILURES_MAX 4096

/* The filters, in the order they are asked; each is a reason. */
enum refusal {
	REFUSED_NOT_READY,
	REFUSED_RESOURCES,
	REFUSED_CONSTRAINT,
	REFUSED_PLATFORM,
	REFUSED_PORT,
	REFUSED_MAX_REPLICAS,
	REFUSAL_COUNT,
	FITS = REFUSAL_COUNT,
};

struct place { /* a node, as loaded as this step leaves it */
	const struct node_object *node;
	int64_t nano_cpus, memory_bytes; /* left */
	uint64_t tasks;			 /* active, of all services */
	uint64_t of_service;		 /* active, of the group's */
	uint64_t failures;		 /* of the group's, lately */
	uint32_t *ports;		 /* published: port << 8 | protocol */
	size_t port_count, port_cap;
};

struct places {
	struct place *v; /* by node id */
	size_t count;
	size_t *heap; /* indexes of v, the best first */
	size_t heap_count;
};

/* ---- load ------------------------------------------------------------- */

static struct place *
place_of(struct places *ps, const char *node_id)
{
	size_t lo = 0, hi = ps->count;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;
		int r = strcmp(ps->v[mid].node->head.id, node_id);

		if (r == 0)
			return &ps->v[mid];
		if (r < 0)
			lo = mid + 1;
		else
			hi = mid;
	}
	return NULL;
}

static uint32_t
port_key(const struct port_config *c)
{
	int protocol = c->protocol == 0 ? PROTO_TCP : c->protocol;

	return (uint32_t)c->published_port << 8 | (uint32_t)protocol;
}

static bool
is_host_port(const struct port_config *c)
{
	return c->publish_mode == PUBLISH_HOST && c->published_port != 0;
}

static void
place_add_ports(struct place *p, const struct task *t)
{
	if (t->endpoint == NULL)
		return;
	for (uint32_t i = 0; i < t->endpoint->ports.count; i++) {
		const struct port_config *c = &t->endpoint->ports.v[i];

		if (!is_host_port(c))
			continue;
		p->ports = mem_grow(p->ports, p->port_count, &p->port_cap,
				    sizeof(uint32_t));
		p->ports[p->port_count++] = port_key(c);
	}
}

/* t holds what it needs of the node from its assignment to its end. */
static void
place_add(struct place *p, const struct task *t)
{
	const struct resource_requirements *r = t->spec.resources;

	if (r != NULL && r->reservations != NULL) {
		p->nano_cpus -= r->reservations->nano_cpus;
		p->memory_bytes -= r->reservations->memory_bytes;
	}
	if (t->desired_state <= TASK_COMPLETE)
		p->tasks++;
	place_add_ports(p, t);
}

static bool
holds_node(const struct task *t)
{
	return t->status.state >= TASK_ASSIGNED &&
	       t->status.state <= TASK_RUNNING;
}

static void
place_load(struct place *place, const struct plan *p, struct task_span tasks)
{
	for (size_t i = 0; i < tasks.count; i++) {
		const struct draft *d = map_get(&p->index, tasks.v[i]->head.id);
		const struct task *t = d != NULL ? draft_task(d) : tasks.v[i];

		if ((d == NULL || !d->deleted) && holds_node(t))
			place_add(place, t);
	}
}

static void
places_build(struct places *ps, const struct manager *m, const struct plan *p)
{
	ps->count = state_count(m->state, OBJECT_NODE);
	ps->v = mem_new_array(ps->count + 1, sizeof(struct place));
	ps->heap = mem_new_array(ps->count + 1, sizeof(size_t));
	for (size_t i = 0; i < ps->count; i++) {
		const struct node_object *n =
			state_at(m->state, OBJECT_NODE, i);

		ps->v[i].node = n;
		ps->v[i].nano_cpus = n->description.resources.nano_cpus;
		ps->v[i].memory_bytes = n->description.resources.memory_bytes;
		place_load(&ps->v[i], p,
			   state_tasks_of_node(m->state, n->head.id));
	}
}

static void
places_fini(struct places *ps)
{
	for (size_t i = 0; i < ps->count; i++)
		mem_free(ps->v[i].ports);
	mem_free(ps->v);
	mem_free(ps->heap);
}

/* ---- filters ---------------------------------------------------------- */

static bool
has_resources(const struct place *p, const struct task *t)
{
	const struct resource_requirements *r = t->spec.resources;

	if (r == NULL || r->reservations == NULL)
		return true;
	return (r->reservations->nano_cpus <= 0 ||
		r->reservations->nano_cpus <= p->nano_cpus) &&
	       (r->reservations->memory_bytes <= 0 ||
		r->reservations->memory_bytes <= p->memory_bytes);
}

static const char *
arch_name(const char *s)
{
	if (str_eq(s, "x86_64"))
		return "amd64";
	return str_eq(s, "aarch64") ? "arm64" : str_or(s, "");
}

static bool
has_platform(const struct place *p, const struct placement *where)
{
	const struct platform *have = &p->node->description.platform;

	for (uint32_t i = 0; i < where->platforms.count; i++) {
		const struct platform *want = &where->platforms.v[i];

		if ((str_empty(want->os) || str_eq(want->os, have->os)) &&
		    (str_empty(want->architecture) ||
		     str_eq(arch_name(want->architecture),
			    arch_name(have->architecture))))
			return true;
	}
	return where->platforms.count == 0;
}

static bool
has_ports(const struct place *p, const struct task *t)
{
	if (t->endpoint == NULL)
		return true;
	for (uint32_t i = 0; i < t->endpoint->ports.count; i++) {
		const struct port_config *c = &t->endpoint->ports.v[i];

		if (!is_host_port(c))
			continue;
		for (size_t j = 0; j < p->port_count; j++)
			if (p->ports[j] == port_key(c))
				return false;
	}
	return true;
}

static enum refusal
place_fits(const struct place *p, const struct task *t)
{
	const struct placement *where = t->spec.placement;

	if (p->node->status.state != NODE_READY ||
	    (p->node->spec.availability != NODE_ACTIVE &&
	     p->node->spec.availability != 0))
		return REFUSED_NOT_READY;
	if (!has_resources(p, t))
		return REFUSED_RESOURCES;
	if (where != NULL && !constraints_match(&where->constraints, p->node))
		return REFUSED_CONSTRAINT;
	if (where != NULL && !has_platform(p, where))
		return REFUSED_PLATFORM;
	if (!has_ports(p, t))
		return REFUSED_PORT;
	if (where != NULL && where->max_replicas != 0 &&
	    p->of_service >= where->max_replicas)
		return REFUSED_MAX_REPLICAS;
	return FITS;
}

static void
explain_one(struct buf *out, enum refusal why, size_t nodes)
{
	static const char *const words[REFUSAL_COUNT] = {
		[REFUSED_RESOURCES] = "insufficient resources on ",
		[REFUSED_CONSTRAINT] = "scheduling constraints not satisfied "
				       "on ",
		[REFUSED_PLATFORM] = "unsupported platform on ",
		[REFUSED_PORT] = "host-mode port already in use on ",
	};
	const char *noun = nodes == 1 ? "node" : "nodes";

	if (out->len > 0)
		buf_puts(out, "; ");
	if (why == REFUSED_MAX_REPLICAS)
		buf_puts(out, "max replicas per node limit exceed");
	else if (why == REFUSED_NOT_READY)
		buf_printf(out, "%zu %s not available for new tasks", nodes,
			   noun);
	else
		buf_printf(out, "%s%zu %s", words[why], nodes, noun);
}

/* The most frequent reason first. */
static void
explain(const size_t refused[REFUSAL_COUNT], struct buf *out)
{
	bool said[REFUSAL_COUNT] = { false };

	for (int round = 0; round < REFUSAL_COUNT; round++) {
		int most = -1;

		for (int i = 0; i < REFUSAL_COUNT; i++)
			if (!said[i] && refused[i] > 0 &&
			    (most < 0 || refused[i] > refused[most]))
				most = i;
		if (most < 0)
			return;
		said[most] = true;
		explain_one(out, (enum refusal)most, refused[most]);
	}
}

/* ---- the heap --------------------------------------------------------- */

static uint64_t
bad_failures(const struct place *p)
{
	return p->failures >= FAILURES_BAD ? p->failures : 0;
}

/* Is x the better place? Ties go to the smaller id. */
static bool
is_better(const struct places *ps, size_t x, size_t y)
{
	const struct place *a = &ps->v[x], *b = &ps->v[y];

	if (bad_failures(a) != bad_failures(b))
		return bad_failures(a) < bad_failures(b);
	if (a->of_service != b->of_service)
		return a->of_service < b->of_service;
	if (a->tasks != b->tasks)
		return a->tasks < b->tasks;
	return x < y;
}

static void
heap_sink(struct places *ps, size_t at)
{
	for (;;) {
		size_t best = at, swap;

		for (size_t kid = 2 * at + 1; kid <= 2 * at + 2; kid++)
			if (kid < ps->heap_count &&
			    is_better(ps, ps->heap[kid], ps->heap[best]))
				best = kid;
		if (best == at)
			return;
		swap = ps->heap[at];
		ps->heap[at] = ps->heap[best];
		ps->heap[best] = swap;
		at = best;
	}
}

static void
heap_pop(struct places *ps)
{
	check(ps->heap_count > 0);
	ps->heap[0] = ps->heap[--ps->heap_count];
	heap_sink(ps, 0);
}

/* ---- a group ---------------------------------------------------------- */

static void
count_service(struct places *ps, const struct manager *m, const struct plan *p,
	      const struct task *like)
{
	struct task_span all =
		state_tasks_of_service(m->state, str_or(like->service_id, ""));

	for (size_t i = 0; i < ps->count; i++)
		ps->v[i].of_service = ps->v[i].failures = 0;
	for (size_t i = 0; i < all.count; i++) {
		const struct draft *d = map_get(&p->index, all.v[i]->head.id);
		const struct task *t = d != NULL ? draft_task(d) : all.v[i];
		struct place *place = place_of(ps, str_or(t->node_id, ""));

		if (place != NULL && (d == NULL || !d->deleted) &&
		    holds_node(t) && t->desired_state <= TASK_COMPLETE)
			place->of_service++;
	}
	for (size_t i = 0; i < m->failure_count; i++) {
		const struct failure *f = &m->failures[i];
		struct place *place = place_of(ps, f->node_id);

		if (place != NULL && f->spec_version == like->spec_version &&
		    str_eq(f->service_id, like->service_id))
			place->failures++;
	}
}

static void
assign(struct plan *p, struct draft *d, struct place *place,
       const char *message)
{
	struct task *t = plan_edit(p, d);

	t->node_id = arena_strdup(object_arena(t), place->node->head.id);
	plan_status(p, d, TASK_ASSIGNED, message, "");
	place_add(place, t);
	place->of_service++;
}

/* The task waits, and says why; not twice the same. */
static void
leave_pending(struct plan *p, struct draft *d, const char *why)
{
	if (!str_eq(draft_task(d)->status.err, why))
		plan_status(p, d, TASK_PENDING, "pending task scheduling", why);
}

static void
group_heap(struct places *ps, const struct task *t,
	   size_t refused[REFUSAL_COUNT])
{
	ps->heap_count = 0;
	for (size_t i = 0; i < ps->count; i++) {
		enum refusal r = place_fits(&ps->v[i], t);

		if (r == FITS)
			ps->heap[ps->heap_count++] = i;
		else
			refused[r]++;
	}
	for (size_t i = ps->heap_count; i > 0; i--)
		heap_sink(ps, i - 1);
}

/* The best place that still has room, on top of the heap; or NULL. */
static struct place *
group_next(struct places *ps, const struct task *t,
	   size_t refused[REFUSAL_COUNT])
{
	while (ps->heap_count > 0) {
		struct place *place = &ps->v[ps->heap[0]];
		enum refusal r = place_fits(place, t);

		if (r == FITS)
			return place;
		refused[r]++;
		heap_pop(ps);
	}
	return NULL;
}

static void
group_place(struct plan *p, struct places *ps, struct draft **v, size_t count)
{
	size_t refused[REFUSAL_COUNT] = { 0 };
	struct buf words = { 0 }, why = { 0 };

	group_heap(ps, draft_task(v[0]), refused);
	for (size_t i = 0; i < count; i++) {
		struct place *place = group_next(ps, draft_task(v[i]), refused);

		if (place != NULL) {
			assign(p, v[i], place,
			       "scheduler assigned task to node");
			heap_sink(ps, 0);
			continue;
		}
		if (why.len == 0) {
			explain(refused, &words);
			buf_printf(&why,
				   words.len > 0 ? "no suitable node (%s)"
						 : "no suitable node%s",
				   buf_cstr(&words));
		}
		leave_pending(p, v[i], buf_cstr(&why));
	}
	buf_fini(&words);
	buf_fini(&why);
}

/* A global service's task has its node; it only has to fit there. */
static void
confirm_place(struct plan *p, struct places *ps, struct draft *d)
{
	struct place *place = place_of(ps, draft_task(d)->node_id);
	size_t refused[REFUSAL_COUNT] = { 0 };
	struct buf why = { 0 };
	enum refusal r;

	if (place == NULL)
		return;
	r = place_fits(place, draft_task(d));
	if (r == FITS) {
		assign(p, d, place,
		       "scheduler confirmed task can run on preassigned node");
		return;
	}
	refused[r] = 1;
	explain(refused, &why);
	leave_pending(p, d, buf_cstr(&why));
	buf_fini(&why);
}

/* ---- all that is pending ---------------------------------------------- */

static bool
is_preassigned(const struct task *t)
{
	return !str_empty(t->node_id);
}

static int
by_group(const void *x, const void *y)
{
	const struct task *a = draft_task(*(struct draft *const *)x);
	const struct task *b = draft_task(*(struct draft *const *)y);
	int r;

	if (is_preassigned(a) != is_preassigned(b))
		return is_preassigned(a) ? -1 : 1;
	r = strcmp(str_or(a->service_id, ""), str_or(b->service_id, ""));
	if (r != 0)
		return r;
	if (a->spec_version != b->spec_version)
		return a->spec_version < b->spec_version ? -1 : 1;
	if (a->slot != b->slot)
		return a->slot < b->slot ? -1 : 1;
	return strcmp(a->head.id, b->head.id);
}

static bool
same_group(const struct draft *x, const struct draft *y)
{
	const struct task *a = draft_task(x), *b = draft_task(y);

	return a->spec_version == b->spec_version &&
	       str_eq(a->service_id, b->service_id);
}

/*
 * Is it to be placed? One that is to stop before it was ever placed has
 * stopped.
 */
static bool
is_pending(struct plan *p, struct draft *d)
{
	const struct task *t = draft_task(d);

	if (d->deleted || t->status.state > TASK_PENDING)
		return false;
	if (t->desired_state == TASK_SHUTDOWN)
		plan_status(p, d, TASK_SHUTDOWN, "shutdown", "");
	return t->desired_state <= TASK_RUNNING;
}

static struct draft **
pending_collect(struct manager *m, struct plan *p, size_t *ret_count)
{
	struct draft **v = NULL;
	size_t count = 0, cap = 0;

	for (size_t i = 0; i < m->count; i++) {
		struct task_span all =
			state_tasks_of_service(m->state, m->v[i]->id);

		if (!m->v[i]->unplaced)
			continue;
		m->v[i]->unplaced = false;
		for (size_t j = 0; j < all.count; j++) {
			if (all.v[j]->status.state > TASK_PENDING)
				continue;
			(void)plan_track(p, all.v[j]);
			m->v[i]->unplaced = true;
		}
	}
	for (size_t i = 0; i < p->count; i++) {
		if (!is_pending(p, p->v[i]))
			continue;
		v = mem_grow(v, count, &cap, sizeof(struct draft *));
		v[count++] = p->v[i];
	}
	if (count > 1)
		qsort(v, count, sizeof(struct draft *), by_group);
	*ret_count = count;
	return v;
}

static void
failures_prune(struct manager *m, struct now now)
{
	size_t old = 0;

	while (old < m->failure_count &&
	       m->failures[old].at_ms + FAILURE_MEMORY_MS <= now.mono_ms)
		old++;
	if (m->failure_count - old >= FAILURES_MAX)
		old = m->failure_count - FAILURES_MAX + 1;
	for (size_t i = 0; i < old; i++) {
		mem_free(m->failures[i].service_id);
		mem_free(m->failures[i].node_id);
	}
	m->failure_count -= old;
	if (old > 0)
		memmove(m->failures, m->failures + old,
			m->failure_count * sizeof(struct failure));
}

void
scheduler_run(struct manager *m, struct plan *p)
{
	struct places ps = { 0 };
	size_t count, end;
	struct draft **v = pending_collect(m, p, &count);

	if (count == 0) {
		mem_free(v);
		return;
	}
	failures_prune(m, p->now);
	allocator_run(p, v, count);
	places_build(&ps, m, p);
	for (size_t i = 0; i < count; i = end) {
		count_service(&ps, m, p, draft_task(v[i]));
		end = i + 1;
		if (is_preassigned(draft_task(v[i]))) {
			confirm_place(p, &ps, v[i]);
			continue;
		}
		while (end < count && same_group(v[i], v[end]))
			end++;
		group_place(p, &ps, v + i, end - i);
	}
	places_fini(&ps);
	mem_free(v);
}

void
scheduler_note_failure(struct manager *m, const struct task *t, struct now now)
{
	failures_prune(m, now);
	m->failures = mem_grow(m->failures, m->failure_count, &m->failure_cap,
			       sizeof(struct failure));
	m->failures[m->failure_count++] = (struct failure){
		.service_id = mem_strdup(str_or(t->service_id, "")),
		.node_id = mem_strdup(str_or(t->node_id, "")),
		.spec_version = t->spec_version,
		.at_ms = now.mono_ms,
	};
}

void
scheduler_forget(struct manager *m)
{
	for (size_t i = 0; i < m->failure_count; i++) {
		mem_free(m->failures[i].service_id);
		mem_free(m->failures[i].node_id);
	}
	mem_free(m->failures);
}
