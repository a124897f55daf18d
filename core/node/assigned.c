/*
 * assigned.c - what this node is to run, as the leader says: a full set, then
 * differences that follow each other. What does not add up is not guessed
 * at: the session begins again, without a set.
 */
#include <errno.h>
#include <string.h>

#include "core/base/check.h"
#include "core/base/mem.h"
#include "core/base/str.h"
#include "core/node/node_impl.h"
#include "core/node/session_impl.h"

#define PARTS_MAX 65536 /* tasks of one full set */

/* ---- the set ------------------------------------------------------------- */

static size_t
place(const struct session *s, const char *id)
{
	size_t low = 0, high = s->set_count;

	while (low < high) {
		size_t mid = low + (high - low) / 2;

		if (strcmp(s->set[mid].id, id) < 0)
			low = mid + 1;
		else
			high = mid;
	}
	return low;
}

static bool
is_at(const struct session *s, size_t at, const char *id)
{
	return at < s->set_count && strcmp(s->set[at].id, id) == 0;
}

static void
set_put(struct session *s, const struct task *t)
{
	size_t at = place(s, t->head.id);
	uint64_t hash = assignment_hash(t);

	if (is_at(s, at, t->head.id)) {
		assignment_remove(&s->sum, s->set[at].hash);
	} else {
		s->set = mem_grow(s->set, s->set_count, &s->set_cap,
				  sizeof(*s->set));
		memmove(s->set + at + 1, s->set + at,
			(s->set_count - at) * sizeof(*s->set));
		s->set_count++;
		s->set[at].id = mem_strdup(t->head.id);
	}
	s->set[at].hash = hash;
	assignment_add(&s->sum, hash);
}

static void
set_remove(struct session *s, const char *id)
{
	size_t at = place(s, id);

	if (!is_at(s, at, id))
		return;
	assignment_remove(&s->sum, s->set[at].hash);
	mem_free(s->set[at].id);
	s->set_count--;
	memmove(s->set + at, s->set + at + 1,
		(s->set_count - at) * sizeof(*s->set));
}

static void
set_clear(struct session *s)
{
	for (size_t i = 0; i < s->set_count; i++)
		mem_free(s->set[i].id);
	s->set_count = 0;
	s->sum = (struct assignment_sum){ 0 };
	s->has_set = false;
}

void
assigned_drop_parts(struct session *s)
{
	for (size_t i = 0; i < s->part_count; i++)
		object_unref(s->parts[i]);
	mem_free(s->parts);
	s->parts = NULL;
	s->part_count = s->part_cap = 0;
}

void
assigned_fini(struct session *s)
{
	assigned_drop_parts(s);
	set_clear(s);
	mem_free(s->set);
	s->set = NULL;
	s->set_cap = 0;
}

/* ---- what the leader says ------------------------------------------------ */

/* Begin again, with nothing. */
static void
lost_count(struct node *n)
{
	assigned_drop_parts(n->session);
	set_clear(n->session);
	session_again(n);
}

static bool
keep_parts(struct session *s, const struct dispatcher_assign *a)
{
	if (s->part_count + a->task_count > PARTS_MAX)
		return false;
	for (size_t i = 0; i < a->task_count; i++) {
		s->parts = mem_grow(s->parts, s->part_count, &s->part_cap,
				    sizeof(*s->parts));
		s->parts[s->part_count++] = object_ref(a->tasks[i]);
	}
	return true;
}

static void
take_full(struct node *n, struct session *s)
{
	set_clear(s);
	for (size_t i = 0; i < s->part_count; i++)
		set_put(s, s->parts[i]);
	s->has_set = true;
	agent_assign_all(n->agent, s->parts, s->part_count, n->now);
	assigned_drop_parts(s);
}

static void
take_difference(struct node *n, struct session *s,
		const struct dispatcher_assign *a)
{
	for (size_t i = 0; i < a->removed_count; i++) {
		set_remove(s, a->removed[i]);
		agent_unassign(n->agent, a->removed[i], n->now);
		work_drain(n);
	}
	for (size_t i = 0; i < a->task_count; i++) {
		set_put(s, a->tasks[i]);
		agent_assign(n->agent, a->tasks[i], n->now);
		work_drain(n);
	}
}

void
session_assign(struct node *n, uint64_t session,
	       const struct dispatcher_assign *a)
{
	struct session *s = n->session;

	if (!session_is_open(n) || s->id != session)
		return;
	if (a->number != s->number + 1 || (!a->full && !s->has_set) ||
	    (a->full && !keep_parts(s, a))) {
		lost_count(n);
		return;
	}
	s->number = a->number;
	if (a->full && a->more)
		return;
	if (a->full)
		take_full(n, s);
	else
		take_difference(n, s, a);
	work_drain(n);
	if (!assignment_same(&s->sum, &a->after))
		lost_count(n);
}

/* ---- over a link --------------------------------------------------------- */

/* All or none; each is a reference. */
static bool
unpack_tasks(const struct assign_body *b, const struct task **ret)
{
	for (uint32_t i = 0; i < b->tasks.count; i++) {
		const struct bytes *packed = &b->tasks.v[i].object;
		struct err e;
		void *task;

		if (object_unpack(OBJECT_TASK, packed->p, packed->len, &task,
				  &e) == 0) {
			ret[i] = task;
			continue;
		}
		while (i > 0)
			object_unref(ret[--i]);
		return false;
	}
	return true;
}

void
session_on_assign(struct node *n, const struct sender *from,
		  const struct message *m)
{
	const struct assign_body *b = m->assign;
	struct dispatcher_assign a = {
		.number = b->number,
		.full = b->full,
		.more = b->more,
		.task_count = b->tasks.count,
		.removed = b->removed.v,
		.removed_count = b->removed.count,
		.after = { b->count, b->checksum },
	};
	const struct task **tasks;

	if (!session_is_open(n) || from->route.link != n->session->way.link)
		return;
	tasks = mem_new_array(b->tasks.count + 1, sizeof(*tasks));
	a.tasks = tasks;
	if (unpack_tasks(b, tasks)) {
		session_assign(n, b->session, &a);
		for (uint32_t i = 0; i < b->tasks.count; i++)
			object_unref(tasks[i]);
	} else if (b->session == n->session->id) {
		lost_count(n);
	}
	mem_free(tasks);
}
