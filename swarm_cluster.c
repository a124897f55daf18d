/*
 * swarm_cluster.c - what the node wants of links, keys and gossip, handed to
 * those who do it, and what they report, handed to the node.
 */
#include "swarm.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>

#include "core/base/check.h"
#include "core/base/mem.h"
#include "core/base/str.h"
#include "exec/host.h"
#include "exec/say.h"

/* ---- this host's addresses -------------------------------------------- */

void
cluster_addrs(struct arena *a, struct host_addrs *ret)
{
	struct err e;

	if (addrs_list(a, ret, &e) == 0)
		return;
	say(SAY_WARN, "%s", e.msg);
	*ret = (struct host_addrs){ 0 };
}

static void
on_addrs_changed(void *ctx)
{
	struct daemon *d = ctx;
	struct host_addrs addrs;
	struct host_facts facts;
	struct arena a;

	arena_init(&a);
	cluster_addrs(&a, &addrs);
	host_find_facts(&a, &facts);
	inbox_add_addrs(&d->inbox, &addrs, facts.default_addr);
	arena_fini(&a);
}

/* ---- links, keys ------------------------------------------------------- */

static void
on_link(void *ctx, const struct link_report *r)
{
	struct daemon *d = ctx;

	if (r->news == LINK_DOWN && r->err != NULL)
		say(SAY_DEBUG, "link %llu: %s",
		    (unsigned long long)(r->link & ~LINK_INBOUND), r->err);
	if (r->news == LINK_LISTEN_FAILED)
		say(SAY_ERROR, "%s", r->err);
	inbox_add_link(&d->inbox, r);
}

static void
on_trust(void *ctx, const struct trust_report *r)
{
	struct daemon *d = ctx;

	inbox_add_trust(&d->inbox, r);
}

/* A lock that the store's thread made, on its way to the loop. */
struct locked {
	struct list link;
	struct daemon *d;
	uint64_t id;
	char *why; /* NULL: done */
};

/* On the store's thread. */
static void
on_locked(void *ctx, const char *why)
{
	struct locked *l = ctx;
	struct daemon *d = l->d;

	l->why = mem_strdup(why);
	pthread_mutex_lock(&d->locked_mutex);
	list_append(&d->locked, &l->link);
	pthread_mutex_unlock(&d->locked_mutex);
	ev_async_send(d->loop, &d->persisted_async);
}

static struct locked *
take_locked(struct daemon *d)
{
	struct locked *l = NULL;

	pthread_mutex_lock(&d->locked_mutex);
	if (!list_empty(&d->locked)) {
		l = container_of(d->locked.next, struct locked, link);
		list_remove(&l->link);
	}
	pthread_mutex_unlock(&d->locked_mutex);
	return l;
}

void
cluster_take_locked(struct daemon *d)
{
	struct locked *l;

	while ((l = take_locked(d)) != NULL) {
		struct trust_report r = { .id = l->id,
					  .verb = TRUST_LOCK,
					  .err = l->why };

		if (getrandom(r.random, sizeof(r.random), 0) !=
		    sizeof(r.random))
			fatal("the kernel gives no random bytes");
		inbox_add_trust(&d->inbox, &r);
		mem_free(l->why);
		mem_free(l);
	}
}

static void
relock(struct daemon *d, const struct trust_order *o)
{
	struct locked *l = mem_new(sizeof(*l));

	l->d = d;
	l->id = o->id;
	store_relock(d->store,
		     o->secret.len == STORE_LOCK_LEN ? o->secret.p : NULL,
		     on_locked, l);
}

void
cluster_trust(struct daemon *d, const struct trust_order *o)
{
	struct err e;

	switch (o->verb) {
	case TRUST_USE:
	case TRUST_FORGET:
		if (peers_identity(d->peers, o, &e) < 0)
			say(SAY_ERROR, "%s", e.msg);
		return;
	case TRUST_LOCK:
		relock(d, o);
		return;
	case TRUST_MAKE_ROOT:
	case TRUST_MAKE_KEY:
	case TRUST_SIGN:
	case TRUST_CROSS_SIGN:
	case TRUST_LOOK_AT:
		trust_order(d->trust, o);
		return;
	}
}

void
cluster_link(struct daemon *d, const struct link_order *o)
{
	peers_order(d->peers, o);
}

/* ---- gossip ------------------------------------------------------------- */

static void
on_packet(void *ctx, const char *addr, const void *p, size_t len)
{
	struct daemon *d = ctx;

	inbox_add_gossip(&d->inbox, &(struct gossip_packet){ addr, p, len });
}

static void
close_gossip(struct daemon *d)
{
	gossip_socket_close(d->gossip);
	d->gossip = NULL;
	mem_free(d->gossip_addr);
	d->gossip_addr = NULL;
}

/* A host may have no IPv6 at all. */
static int
open_gossip_at(struct gossip_socket_config *config, struct gossip_socket **ret,
	       struct err *e)
{
	char v4[GOSSIP_ADDR_MAX];
	int r = gossip_socket_open(config, ret, e);

	if ((r != -EAFNOSUPPORT && r != -EADDRNOTAVAIL) ||
	    !str_starts(config->addr, "[::]"))
		return r;
	snprintf(v4, sizeof(v4), "0.0.0.0%s", config->addr + strlen("[::]"));
	config->addr = v4;
	return gossip_socket_open(config, ret, e);
}

static void
open_gossip(struct daemon *d, const struct gossip_order *o)
{
	struct gossip_socket_config config = {
		.loop = d->loop, .addr = o->addr, .packet = on_packet, .ctx = d
	};
	struct err e;

	if (d->gossip != NULL && !str_eq(d->gossip_addr, o->addr))
		close_gossip(d);
	if (d->gossip == NULL) {
		if (open_gossip_at(&config, &d->gossip, &e) < 0) {
			say(SAY_ERROR, "gossip: %s", e.msg);
			return;
		}
		d->gossip_addr = mem_strdup(o->addr);
	}
	gossip_socket_keys(d->gossip, o->keys, o->key_count);
}

void
cluster_gossip(struct daemon *d, const struct gossip_order *o)
{
	switch (o->verb) {
	case GOSSIP_OPEN:
		open_gossip(d, o);
		return;
	case GOSSIP_CLOSE:
		close_gossip(d);
		return;
	case GOSSIP_PACKET:
		if (d->gossip != NULL)
			gossip_socket_send(d->gossip, o->addr, o->p, o->len);
		return;
	}
}

/* ---- start and end -------------------------------------------------- */

int
cluster_open(struct daemon *d, struct err *e)
{
	struct peers_config peers = { d->loop, on_link, d };
	struct trust_config trust = { d->loop, on_trust, d };
	int r = peers_open(&peers, &d->peers, e);

	if (r == 0)
		r = trust_open(&trust, &d->trust, e);
	if (r == 0)
		r = addrs_watch_open(d->loop, on_addrs_changed, d,
				     &d->addrs_watch, e);
	return r;
}

/* The store's thread has ended by now: nothing is locked any more. */
void
cluster_close(struct daemon *d)
{
	struct locked *l;

	addrs_watch_close(d->addrs_watch);
	close_gossip(d);
	trust_close(d->trust);
	peers_close(d->peers);
	while ((l = take_locked(d)) != NULL) {
		mem_free(l->why);
		mem_free(l);
	}
}
