/*
 * trust.c - orders for keys and certificates, and who waits for what comes of
 * them (trust.h). What is ordered is copied to where it lives for the step,
 * and wiped after it.
 */
#include "core/node/trust.h"

#include "core/base/check.h"
#include "core/base/mem.h"
#include "core/node/node_impl.h"

/* An order that is not reported yet. */
struct asked {
	struct list link;
	uint64_t id;
	trust_done fn;
	void *ctx;
};

static struct bytes
copy_bytes(struct arena *a, const struct bytes *b)
{
	struct bytes copy = { NULL, b->len };

	if (b->len > 0)
		copy.p = arena_dup(a, b->p, b->len);
	return copy;
}

static void
order(struct node *n, const struct trust_order *o, uint64_t id)
{
	struct arena *a = &n->step_arena;
	struct trust_order *copy = arena_dup(a, o, sizeof(*o));

	copy->id = id;
	copy->key = copy_bytes(a, &o->key);
	copy->csr = copy_bytes(a, &o->csr);
	copy->secret = copy_bytes(a, &o->secret);
	copy->cert = arena_strdup(a, o->cert);
	copy->chain = arena_strdup(a, o->chain);
	copy->root2 = arena_strdup(a, o->root2);
	copy->node_id = arena_strdup(a, o->node_id);
	copy->cluster_id = arena_strdup(a, o->cluster_id);
	copy->own_chain = arena_strdup(a, o->own_chain);
	copy->roots = arena_strdup(a, o->roots);
	n->step_secret |= o->key.len > 0 || o->secret.len > 0;
	effect_add(n, EFFECT_TRUST)->trust_order = copy;
}

uint64_t
trust_ask(struct node *n, const struct trust_order *o, trust_done fn, void *ctx)
{
	struct asked *w = mem_new(sizeof(*w));

	check(o->verb != TRUST_USE && o->verb != TRUST_FORGET);
	w->id = ++n->trust_next;
	w->fn = fn;
	w->ctx = ctx;
	list_append(&n->trust_asked, &w->link);
	order(n, o, w->id);
	return w->id;
}

void
trust_tell(struct node *n, const struct trust_order *o)
{
	check(o->verb == TRUST_USE || o->verb == TRUST_FORGET);
	order(n, o, 0);
}

static struct asked *
find(struct node *n, uint64_t id)
{
	list_each (it, &n->trust_asked) {
		struct asked *w = container_of(it, struct asked, link);

		if (w->id == id)
			return w;
	}
	return NULL;
}

static void
asked_free(struct asked *w)
{
	list_remove(&w->link);
	mem_free(w);
}

void
trust_forget(struct node *n, uint64_t id)
{
	struct asked *w = find(n, id);

	if (w != NULL)
		asked_free(w);
}

void
trust_take(struct node *n, const struct trust_report *r)
{
	struct asked *w = find(n, r->id);
	struct asked copy;

	if (w == NULL)
		return; /* it was forgotten */
	copy = *w;
	asked_free(w);
	copy.fn(n, copy.ctx, r);
}

void
trust_fini(struct node *n)
{
	list_each_safe (it, tmp, &n->trust_asked)
		asked_free(container_of(it, struct asked, link));
}
