/*
 * peers.h - the links that this node has to others, and finding the one that
 * leads to somebody. Only core/node uses it.
 *
 * A link has one use. Managers keep one to every other manager (USE_PEER),
 * a worker keeps one to some manager (USE_SESSION), a node that joins has one
 * to whom it was told of (USE_JOIN); what others opened is USE_INBOUND, and
 * serves for answers, and for anything else to that node.
 */
#ifndef CORE_NODE_PEERS_H
#define CORE_NODE_PEERS_H

#include "core/base/list.h"
#include "core/node/link.h"
#include "core/node/message.h"

struct node;

enum link_use { USE_PEER = 1, USE_SESSION, USE_JOIN, USE_INBOUND };

struct peer_link {
	struct list managers; /* in the node's list of links to managers */
	uint64_t id;
	enum link_use use;
	bool up, helloed;      /* its HELLO came */
	bool closing;	       /* LINK_CLOSE was ordered */
	char *addr;	       /* that we dialled; NULL: they did */
	struct link_peer peer; /* when up; root is the link's */
	char *root;
	bool is_manager; /* by its certificate */
	/* from its HELLO */
	uint64_t raft_id, gossip_port;
	char *manager_addr; /* or NULL */
};

void peers_init(struct node *n);
void peers_fini(struct node *n);
/* All links are closed: the node is somebody else from now on, or nobody. */
void peers_close_all(struct node *n);

/* Gives the link; its fate comes by peers_report(). pin: see link.h. */
struct peer_link *peers_dial(struct node *n, enum link_use use,
			     const char *addr, const char *pin);
void peers_hang_up(struct node *n, struct peer_link *l);
struct peer_link *peers_find(struct node *n, uint64_t id); /* NULL: gone */
/* A link that is up and leads to that manager; NULL: none. */
struct peer_link *peers_to(struct node *n, const char *node_id);
/* Another manager each time, for what any of them hands on; NULL: none. The
 * first one may be left behind as well, and know as little. */
struct peer_link *peers_some_manager(struct node *n);

void peers_send(struct node *n, struct peer_link *l, const struct message *m);
void peers_send_packed(struct node *n, struct peer_link *l, const void *p,
		       size_t len);

void peers_report(struct node *n, const struct link_report *r);

#endif
