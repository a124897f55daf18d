/*
 * session.h - the worker's side and the leader's side of a node's session,
 * and who answers right now (gossip). Only core/node uses it.
 *
 * Every node that is in a cluster has one session, with the leader: a worker
 * over a link to some manager, a manager straight to the leader, the leader
 * with itself, where nothing is packed and no time is kept.
 */
#ifndef CORE_NODE_SESSION_H
#define CORE_NODE_SESSION_H

#include "core/gossip/gossip.h"
#include "core/manager/dispatcher.h"
#include "core/node/rpc.h"

struct session;
struct alive;

/* ---- session.c: the worker's side ---------------------------------------- */

void session_step(struct node *n);
void session_report(struct node *n); /* news of tasks, when there is any */
uint64_t session_deadline(const struct node *n);
void session_describe(struct node *n); /* what this host is has changed */
void session_fini(struct node *n);
bool session_is_open(const struct node *n);
uint64_t session_id(const struct node *n); /* 0: none is open */

/* What the leader assigns; the tasks are borrowed. */
void session_assign(struct node *n, uint64_t session,
		    const struct dispatcher_assign *a);

void session_link_down(struct node *n, const struct peer_link *l);
/* Gossip says that this manager is dead: a link to it may be silent for long
 * and not fail, so it is asked. Gossip alone ends nothing: its packets may be
 * lost while the link is fine, and any node may lie. */
void session_manager_dead(struct node *n, const char *node_id);
void session_on_settings(struct node *n, const struct sender *from,
			 const struct message *m);
void session_on_assign(struct node *n, const struct sender *from,
		       const struct message *m);
void session_on_heard(struct node *n, const struct sender *from,
		      const struct message *m);
void session_on_lost(struct node *n, const struct sender *from,
		     const struct message *m);

/* ---- dispatch.c: the leader's side --------------------------------------- */

void dispatch_office(struct node *n); /* taken or lost, as n->manager says */
void dispatch_step(struct node *n);
void dispatch_changes(struct node *n, const struct changes *changes);
bool dispatch_has_tx(const struct node *n);
void dispatch_tx(struct node *n, struct tx *tx);
void dispatch_tx_done(struct node *n, bool applied);
uint64_t dispatch_deadline(const struct node *n);
void dispatch_fini(struct node *n);

void dispatch_link_down(struct node *n, const struct peer_link *l);
void dispatch_route_down(struct node *n, const struct route *r);
void dispatch_on_session(struct node *n, const struct sender *from,
			 const struct message *m);
void dispatch_on_heartbeat(struct node *n, const struct sender *from,
			   const struct message *m);
void dispatch_on_statuses(struct node *n, const struct sender *from,
			  const struct message *m);
/* The way to a node that has a session; false: it has none. */
bool dispatch_route(struct node *n, const char *node_id, struct route *ret);
/* A worker leaves: it is down at once, and its tasks go elsewhere. */
void dispatch_left(struct node *n, const char *node_id);

/* ---- alive.c: gossip ------------------------------------------------------
 */

void alive_step(struct node *n);
void alive_reset(struct node *n); /* the tables are others */
void alive_changes(struct node *n, const struct changes *changes);
void alive_settings(struct node *n, const struct settings_body *s);
void alive_packet(struct node *n, const struct gossip_packet *p);
/* The host that a node was heard at last, as in HOST:PORT; false: unknown. */
bool alive_host(const struct node *n, const char *node_id,
		char ret[LINK_ADDR_MAX]);
/* What gossip thinks of the nodes now, for a dispatcher that begins. */
void alive_tell(struct node *n);
/* False: it does not answer, as far as is known. */
bool alive_answers(const struct node *n, const char *node_id);
uint64_t alive_deadline(const struct node *n);
void alive_fini(struct node *n);

#endif
