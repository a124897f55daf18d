/* peers.c - see peers.h. The links are an array by id, as ids only grow. */
#include "core/node/peers.h"

#include <string.h>

#include "core/base/check.h"
#include "core/base/mem.h"
#include "core/base/str.h"
#include "core/node/node_impl.h"

#define INBOUND_EACH_MAX 8 /* that one node opened */

void
peers_init(struct node *n)
{
	list_init(&n->manager_links);
	n->link_next = 1;
}

static void
link_free(struct peer_link *l)
{
	list_remove(&l->managers);
	mem_free(l->root);
	mem_free(l->addr);
	mem_free(l->manager_addr);
	mem_free(l);
}

void
peers_fini(struct node *n)
{
	for (size_t i = 0; i < n->link_count; i++)
		link_free(n->links[i]);
	mem_free(n->links);
	n->links = NULL;
	n->link_count = n->link_cap = 0;
}

/* Where a link with that id is, or would be. */
static size_t
place(const struct node *n, uint64_t id)
{
	size_t low = 0, high = n->link_count;

	while (low < high) {
		size_t mid = low + (high - low) / 2;

		if (n->links[mid]->id < id)
			low = mid + 1;
		else
			high = mid;
	}
	return low;
}

struct peer_link *
peers_find(struct node *n, uint64_t id)
{
	size_t at = place(n, id);

	return at < n->link_count && n->links[at]->id == id ? n->links[at]
							    : NULL;
}

static struct peer_link *
link_new(struct node *n, uint64_t id, enum link_use use)
{
	size_t at = place(n, id);
	struct peer_link *l = mem_new(sizeof(*l));

	l->id = id;
	l->use = use;
	list_init(&l->managers);
	n->links = mem_grow(n->links, n->link_count, &n->link_cap,
			    sizeof(struct peer_link *));
	memmove(n->links + at + 1, n->links + at,
		(n->link_count - at) * sizeof(struct peer_link *));
	n->links[at] = l;
	n->link_count++;
	return l;
}

static void
link_forget(struct node *n, struct peer_link *l)
{
	size_t at = place(n, l->id);

	check(n->links[at] == l);
	n->link_count--;
	memmove(n->links + at, n->links + at + 1,
		(n->link_count - at) * sizeof(struct peer_link *));
	link_free(l);
}

static void
order(struct node *n, const struct link_order *o)
{
	effect_add(n, EFFECT_LINK)->link_order =
		arena_dup(&n->step_arena, o, sizeof(*o));
}

struct peer_link *
peers_dial(struct node *n, enum link_use use, const char *addr, const char *pin)
{
	struct peer_link *l = link_new(n, n->link_next++, use);

	l->addr = mem_strdup(addr);
	order(n,
	      &(struct link_order){ .verb = LINK_OPEN,
				    .link = l->id,
				    .addr = arena_strdup(&n->step_arena, addr),
				    .pin = arena_strdup(&n->step_arena, pin) });
	return l;
}

void
peers_hang_up(struct node *n, struct peer_link *l)
{
	if (l->closing)
		return;
	l->closing = true;
	list_remove(&l->managers);
	order(n, &(struct link_order){ .verb = LINK_CLOSE, .link = l->id });
}

void
peers_close_all(struct node *n)
{
	for (size_t i = 0; i < n->link_count; i++)
		peers_hang_up(n, n->links[i]);
}

struct peer_link *
peers_to(struct node *n, const char *node_id)
{
	list_each (it, &n->manager_links) {
		struct peer_link *l =
			container_of(it, struct peer_link, managers);

		if (strcmp(l->peer.node_id, node_id) == 0)
			return l;
	}
	return NULL;
}

struct peer_link *
peers_some_manager(struct node *n)
{
	struct peer_link *l;

	if (list_empty(&n->manager_links))
		return NULL;
	l = container_of(n->manager_links.next, struct peer_link, managers);
	list_remove(&l->managers);
	list_append(&n->manager_links, &l->managers);
	return l;
}

void
peers_send_packed(struct node *n, struct peer_link *l, const void *p,
		  size_t len)
{
	if (!l->up || l->closing)
		return;
	order(n, &(struct link_order){
			 .verb = LINK_SEND,
			 .link = l->id,
			 .message = arena_dup(&n->step_arena, p, len),
			 .len = len });
}

void
peers_send(struct node *n, struct peer_link *l, const struct message *m)
{
	struct buf packed = { 0 };

	message_pack(m, &packed);
	peers_send_packed(n, l, packed.p, packed.len);
	buf_fini(&packed);
}

/* ---- what the shell reports ---------------------------------------- */

static void
say_hello(struct node *n, struct peer_link *l)
{
	struct hello_body body = {
		.wire_version = WIRE_VERSION,
		.version = n->version,
		.raft_id = n->raft_id,
		.manager_addr = n->manager_addr,
		.gossip_port = n->gossip_port,
		.seen = l->peer.ip,
	};

	peers_send(n, l,
		   &(struct message){ .kind = MESSAGE_HELLO, .hello = &body });
}

/* A node has one link, and a few more while it changes its way. */
static void
drop_oldest(struct node *n, const struct peer_link *than)
{
	struct peer_link *oldest = NULL;
	size_t count = 0;

	for (size_t i = 0; i < n->link_count; i++) {
		struct peer_link *l = n->links[i];

		if (l->use != USE_INBOUND || !l->up || l->closing ||
		    strcmp(l->peer.node_id, than->peer.node_id) != 0)
			continue;
		count++;
		if (oldest == NULL)
			oldest = l; /* they are by age */
	}
	if (count > INBOUND_EACH_MAX)
		peers_hang_up(n, oldest);
}

static void
on_up(struct node *n, const struct link_report *r)
{
	struct peer_link *l = peers_find(n, r->link);

	if (l == NULL) {
		check((r->link & LINK_INBOUND) != 0);
		l = link_new(n, r->link, USE_INBOUND);
	}
	check(!l->up);
	l->up = true;
	l->peer = *r->peer;
	l->root = mem_strdup(r->peer->root);
	l->peer.root = l->root;
	l->is_manager = strcmp(r->peer->role, ROLE_WORD_MANAGER) == 0;
	if (l->closing)
		return;
	if (l->use == USE_INBOUND && l->peer.trust != LINK_ANONYMOUS)
		drop_oldest(n, l);
	if (l->is_manager && l->peer.trust == LINK_VERIFIED &&
	    l->use != USE_JOIN)
		list_append(&n->manager_links, &l->managers);
	/* Who is over may ask for a new certificate, and say nothing else. */
	if (l->use != USE_JOIN && l->peer.trust == LINK_VERIFIED &&
	    !identity_is_over(n))
		say_hello(n, l);
	peers_link_up(n, l);
}

static void
on_down(struct node *n, const struct link_report *r)
{
	struct peer_link *l = peers_find(n, r->link);

	if (l == NULL)
		return; /* it was never up */
	list_remove(&l->managers);
	l->up = false;
	rpc_link_down(n, l->id, r->err);
	peers_link_down(n, l, r);
	link_forget(n, l);
}

void
peers_report(struct node *n, const struct link_report *r)
{
	struct peer_link *l;

	switch (r->news) {
	case LINK_UP:
		on_up(n, r);
		return;
	case LINK_MESSAGE:
		l = peers_find(n, r->link);
		if (l != NULL && !l->closing)
			rpc_take(n, l, r->message, r->len);
		return;
	case LINK_DOWN:
		on_down(n, r);
		return;
	case LINK_LISTENS:
	case LINK_LISTEN_FAILED:
		peers_listens(n, r);
		return;
	}
	unreachable();
}
