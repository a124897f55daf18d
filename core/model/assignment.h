/*
 * assignment.h - what of a task a worker is told, as a number, and the sum of
 * those over all that it is told: so that it and the leader can tell whether
 * they mean the same set without sending it.
 *
 * The status is not in it: that comes from the worker. Nor is the version of
 * the object, since each status makes a new one.
 */
#ifndef CORE_MODEL_ASSIGNMENT_H
#define CORE_MODEL_ASSIGNMENT_H

#include "core/model/objects.h"

/* In no order, so that it can be kept as tasks come and go. */
struct assignment_sum {
	uint64_t count;
	uint64_t sum; /* of assignment_hash() */
};
/* In place of a count: there is no set yet. */
#define ASSIGNMENT_NONE UINT64_MAX

uint64_t assignment_hash(const struct task *t); /* never 0 */
void assignment_add(struct assignment_sum *s, uint64_t hash);
void assignment_remove(struct assignment_sum *s, uint64_t hash);
bool assignment_same(const struct assignment_sum *a,
		     const struct assignment_sum *b);

/* Is it for that node to know of? */
bool assignment_is_of(const struct task *t, const char *node_id);

#endif
