/* assignment.c - see assignment.h. */
#include "core/model/assignment.h"

#include "core/base/check.h"
#include "core/base/rand.h"
#include "core/base/str.h"

static uint64_t
mix(uint64_t h, uint64_t with)
{
	uint64_t state = h ^ with;

	return rand_next(&state);
}

uint64_t
assignment_hash(const struct task *t)
{
	uint64_t h = 1;

	for (const char *s = t->head.id; *s != '\0'; s++)
		h = mix(h, (uint8_t)*s);
	h = mix(h, t->spec_version);
	h = mix(h, (uint64_t)t->desired_state);
	return h != 0 ? h : 1;
}

void
assignment_add(struct assignment_sum *s, uint64_t hash)
{
	s->count++;
	s->sum += hash;
}

void
assignment_remove(struct assignment_sum *s, uint64_t hash)
{
	check(s->count > 0);
	s->count--;
	s->sum -= hash;
}

bool
assignment_same(const struct assignment_sum *a, const struct assignment_sum *b)
{
	return a->count == b->count && a->sum == b->sum;
}

bool
assignment_is_of(const struct task *t, const char *node_id)
{
	return t != NULL && t->status.state >= TASK_ASSIGNED &&
	       str_eq(t->node_id, node_id);
}
