/* state_impl.h - what the files of core/state share, and nobody else sees. */
#ifndef CORE_STATE_STATE_IMPL_H
#define CORE_STATE_STATE_IMPL_H

#include "core/base/map.h"
#include "core/state/state.h"

/*
 * Objects in the order of some key; borrowed from their table. There is room
 * at both ends, so that a table whose oldest come first is a queue.
 */
struct index {
	const void **v; /* front places into what was allocated */
	size_t front, count, cap;
	int (*cmp)(const void *a, const void *b); /* of objects; never 0 for
						     two different ids */
};

void index_fini(struct index *x);
/* The first place whose object does not come before probe. */
size_t index_find(const struct index *x, const void *probe);
void index_put(struct index *x, const void *object);
void index_remove(struct index *x, const void *object);
/* after takes the place of before; both NULL or not. */
void index_change(struct index *x, const void *before, const void *after);

/* Orders: id; age, then id; name without case, then id; service id, slot,
 * id; node id, id. */
int index_by_id(const void *a, const void *b);
int index_by_age(const void *a, const void *b);
int index_by_service_name(const void *a, const void *b);
int index_by_network_name(const void *a, const void *b);
int index_by_service(const void *a, const void *b);
int index_by_node(const void *a, const void *b);

struct state {
	struct index by_id[OBJECT_TYPE_COUNT];
	struct map ids[OBJECT_TYPE_COUNT];
	struct index service_names, network_names;
	struct index service_tasks, node_tasks;
};

#endif
