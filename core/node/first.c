/*
 * first.c - what this node was started to do (swarm daemon --init, --join):
 * tried until it works, with pauses; nothing when it is in a cluster already.
 */
#include "core/base/mem.h"
#include "core/base/rand.h"
#include "core/node/node_impl.h"

#define WAIT_FIRST_MS 1000
#define WAIT_MAX_MS 30000

struct first {
	struct arena arena; /* wiped: it may hold a token */
	struct request request;
	uint64_t at_ms, wait_ms; /* at_ms UINT64_MAX: it is at work */
	bool done;
};

static void
first_free(struct node *n)
{
	if (n->first == NULL)
		return;
	arena_wipe(&n->first->arena);
	mem_free(n->first);
	n->first = NULL;
}

void
first_init(struct node *n, const struct request *r)
{
	if (r == NULL || n->life != LIFE_NONE)
		return;
	n->first = mem_new(sizeof(*n->first));
	arena_init(&n->first->arena);
	request_copy(r, &n->first->arena, &n->first->request);
	n->first->request.id = REQUEST_FIRST;
	n->first->wait_ms = WAIT_FIRST_MS;
}

void
first_answered(struct node *n, int status)
{
	struct first *f = n->first;

	if (f == NULL)
		return;
	f->at_ms = n->now.mono_ms + f->wait_ms +
		   rand_next(&n->rand_state) % f->wait_ms;
	f->wait_ms = min_u64(2 * f->wait_ms, WAIT_MAX_MS);
	f->done = status == 200;
}

void
first_tick(struct node *n)
{
	struct first *f = n->first;

	if (f == NULL)
		return;
	/* Somebody else made it a member, or it worked. */
	if (f->done || (n->life != LIFE_NONE && n->life != LIFE_BEGINNING)) {
		first_free(n);
		return;
	}
	if (n->life != LIFE_NONE || f->at_ms > n->now.mono_ms)
		return;
	f->at_ms = UINT64_MAX;
	request_take(n, &f->request);
}

uint64_t
first_deadline(const struct node *n)
{
	return n->first != NULL && n->life == LIFE_NONE ? n->first->at_ms
							: UINT64_MAX;
}

void
first_fini(struct node *n)
{
	first_free(n);
}
