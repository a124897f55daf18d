/*
 * scheduler_group.h - where a group of equal tasks goes (facts 4.7): the
 * nodes are filtered once, those that pass make a heap with the least loaded
 * on top (one for each value of what the tasks are spread over, and heaps of
 * those), and each task costs the logarithm of their number.
 */
#ifndef CORE_MANAGER_SCHEDULER_GROUP_H
#define CORE_MANAGER_SCHEDULER_GROUP_H

#include "core/manager/scheduler_place.h"

#define GROUP_SPREAD_MAX 8 /* placement preferences; no service has more */

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

/* What a task needs of a node, ready to be asked. */
struct needs {
	int64_t nano_cpus, memory_bytes;
	uint32_t *ports;
	size_t port_count;
	uint64_t max_replicas; /* UINT64_MAX: as many as there is room for */
	const struct rule **constraints;
	size_t constraint_count;
	const struct rule *platforms; /* NULL: any */
};

/* Something in a heap: a place, or a branch. The smallest key is on top. */
struct seat {
	uint64_t key;
	uint32_t rank; /* breaks ties */
	uint32_t at;   /* a place's slot, or a branch's number */
};
struct heap {
	struct seat *v;
	size_t count;
};

struct branch { /* the nodes with one value of a label, and so on */
	struct heap heap;
	bool leaf; /* the heap holds places */
};

struct group {
	struct places *ps;
	const struct task *like; /* borrowed */
	struct needs needs;
	struct arena arena;
	struct branch *branches; /* the first is the root */
	size_t branch_count, branch_cap;
	uint32_t path[GROUP_SPREAD_MAX + 1]; /* to where the next one goes */
	size_t depth;
};

/*
 * Between begin and end ps changes only by group_take(), which books a task
 * like like: that stays. like must outlive the group.
 */
void group_begin(struct group *g, struct places *ps, const struct task *like,
		 struct now now);
void group_end(struct group *g);

/* Makes the heaps; before the first group_next(). */
void group_rank(struct group *g);
/* The best place that still has room; NULL: none has. */
struct place *group_next(struct group *g);
/* The place that group_next() gave gets one. */
void group_take(struct group *g);

/* Could p have one? A global service's tasks have their node. */
enum refusal group_refuses(const struct group *g, const struct place *p);
/* Books one at p, whatever the heaps say. */
void group_take_at(struct group *g, struct place *p);

/* Why there is no room: "no suitable node (...)". */
void group_explain(const struct group *g, struct buf *out);
/* The same of one node. */
void group_explain_one(enum refusal why, struct buf *out);

#endif
