/*
 * logs.h - logs of tasks on other nodes (facts 6.3). The leader, which has
 * the sessions, asks each node that has some (logs.c); the node has its
 * driver read them and sends what comes (feed.c). A node may send as much as
 * it was given credit for, and gets more as the client takes it: a long log
 * fills neither memory nor the link that the session is on.
 *
 * A cluster of one node needs none of this: see watch.c.
 */
#ifndef CORE_NODE_LOGS_H
#define CORE_NODE_LOGS_H

#include "core/manager/control.h"
#include "core/node/rpc.h"

#define LOG_READS_MAX 256     /* on a leader */
#define LOG_CREDIT_MAX 262144 /* bytes on their way from one node */
#define LOG_CREDIT_MIN 32768
#define LOG_CREDIT_SUM_MAX 4194304 /* from all, but for the least each */
#define LOG_FEEDS_MAX 256	   /* on a node */
#define LOG_LOOK_MS 1000	   /* at nodes that come and go */

struct log_options;
struct log_piece;

/* ---- logs.c: the leader ------------------------------------------------- */

/* The request is answered in pieces from now on. */
void logs_read(struct node *n, const struct request *r,
	       const struct log_selection *sel,
	       const struct log_options *options);
void logs_changes(struct node *n, const struct changes *changes);
void logs_route_down(struct node *n, const struct route *r);
/* The client takes no more for now (or goes on). */
void logs_room(struct node *n, uint64_t request_id, bool room);
void logs_gone(struct node *n, uint64_t request_id);
void logs_lost(struct node *n); /* the office */
void logs_tick(struct node *n);
uint64_t logs_deadline(const struct node *n);
void logs_init(struct node *n);
void logs_fini(struct node *n);

void logs_on_piece(struct node *n, const struct sender *from,
		   const struct message *m);

/* ---- feed.c: the node that has them -------------------------------------- */

void feed_on_logs(struct node *n, const struct sender *from,
		  const struct message *m);
void feed_on_stop(struct node *n, const struct sender *from,
		  const struct message *m);
/* MESSAGE_MORE without a call. */
void feed_on_more(struct node *n, const struct message *m);
void feed_piece(struct node *n, const struct log_piece *p);
void feed_step(struct node *n); /* none outlives the session it came over */
void feed_fini(struct node *n);

#endif
