/* list.h - intrusive doubly linked list; a head is an empty list's node. */
#ifndef CORE_BASE_LIST_H
#define CORE_BASE_LIST_H

#include "core/base/base.h"

struct list {
	struct list *next;
	struct list *prev;
};

static inline void
list_init(struct list *head)
{
	head->next = head->prev = head;
}

static inline bool
list_empty(const struct list *head)
{
	return head->next == head;
}

static inline void
list_append(struct list *head, struct list *node)
{
	node->prev = head->prev;
	node->next = head;
	head->prev->next = node;
	head->prev = node;
}

/* A removed node is an empty list; removing it again is fine. */
static inline void
list_remove(struct list *node)
{
	node->prev->next = node->next;
	node->next->prev = node->prev;
	list_init(node);
}

#define list_each(it, head)                                                    \
	for (struct list *it = (head)->next; it != (head); it = it->next)

/* it may be removed (and freed) in the body. */
#define list_each_safe(it, tmp, head)                                          \
	for (struct list *it = (head)->next, *tmp = it->next; it != (head);    \
	     it = tmp, tmp = it->next)

#endif
