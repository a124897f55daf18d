/*
 * rpc.h - what is asked over links: who may say what (one table, in rpc.c),
 * calls and their answers, and the relay: a manager that does not lead hands
 * what is for the leader on to it, with who said it, and the answer back.
 */
#ifndef CORE_NODE_RPC_H
#define CORE_NODE_RPC_H

#include "core/node/peers.h"

/* Where an answer goes: over a link, by way of the manager at the end of that
 * link (relay: its own number for it), or (link 0) to this node itself. */
struct route {
	uint64_t link;
	bool relayed;
	uint64_t relay;
};

/* Who said it, from a verified certificate. */
struct sender {
	struct route route;
	enum link_trust trust;
	bool manager;
	char node_id[ID_LEN + 1];
	char ip[IP_TEXT_MAX]; /* "": this node itself */
};

typedef void (*rpc_handler)(struct node *n, const struct sender *from,
			    const struct message *m);

/* Who may say a kind, and to whom; bits. */
enum rpc_from {
	FROM_ANONYMOUS = 1, /* who shows no certificate */
	FROM_EXPIRED = 2,   /* one of ours, past its time */
	FROM_WORKER = 4,
	FROM_MANAGER = 8,
	FROM_NODE = FROM_WORKER | FROM_MANAGER,
};
enum rpc_at {
	AT_ANY = 1, /* every node takes it */
	AT_MANAGER, /* only a manager does */
	AT_LEADER,  /* the leader does; other managers hand it on */
};
struct rpc_rule {
	unsigned from;
	enum rpc_at at;
	rpc_handler handler;
};
/* NULL: nobody may. */
const struct rpc_rule *rpc_rule(int kind);

/* Why a peer may not say it, or NULL if it may. Pure: the table's test. */
struct rpc_self {
	const char *cluster_id; /* NULL: in none (or on its way in) */
	bool manager;
	bool (*is_removed)(const struct node *n, const char *node_id);
	const struct node *node;
};
const char *rpc_refusal(const struct rpc_self *self,
			const struct link_peer *peer, int kind);

/* A message came over l. What may not be is answered with DONE -EACCES (if it
 * is a call), and the link goes down. */
void rpc_take(struct node *n, struct peer_link *l, const void *p, size_t len);

void rpc_send(struct node *n, const struct route *to, const struct message *m);
void rpc_done(struct node *n, const struct sender *to, uint64_t call, int code,
	      const char *err);
/*
 * To the leader, wherever it is: itself (then it is handled before this
 * returns), through the manager that is the leader, or, on a worker, over its
 * session. False: there is no way there now; nothing was sent.
 */
bool rpc_send_leader(struct node *n, const struct message *m);

/*
 * A question: done is called once, with the answer (m), or without (m NULL)
 * and why. m->call is set here. To the leader if to is NULL. Gives the call's
 * number, or 0 if done was called already: this node may be the leader.
 */
struct call;
typedef void (*call_done)(struct node *n, void *ctx, const struct message *m,
			  const char *why);
uint64_t rpc_call(struct node *n, const struct route *to, struct message *m,
		  uint64_t timeout_ms, call_done done, void *ctx);
void rpc_forget(struct node *n, uint64_t call); /* done is not called */
void rpc_link_down(struct node *n, uint64_t link, const char *why);
void rpc_tick(struct node *n);
uint64_t rpc_deadline(const struct node *n);
void rpc_fini(struct node *n); /* calls are forgotten */

#endif
