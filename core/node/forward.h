/*
 * forward.h - requests that the leader answers, whichever manager was asked.
 *
 * Here: a request waits until there is a leader (WAITING_MS at most), is sent
 * to it, and sent again when the way there breaks or another one leads, until
 * ASKED_MS have passed. That may be done with what changes something, too: it
 * carries a key, and one key has one effect (core/manager/receipt.h).
 *
 * There: what other managers send gets an id with REQUEST_FOREIGN, so that
 * whatever answers a request needs not know where it came from. Long answers
 * go in pieces, and no more of them than FOREIGN_WINDOW is on its way.
 */
#ifndef CORE_NODE_FORWARD_H
#define CORE_NODE_FORWARD_H

#include "core/base/buf.h"
#include "core/base/list.h"
#include "core/model/request.h"
#include "core/node/rpc.h"

#define REQUEST_FOREIGN (UINT64_C(1) << 61)

#define WAITING_MAX 1024	     /* requests that wait or are sent */
#define WAITING_BYTES_MAX 67108864   /* all that they hold */
#define WAITING_MS 10000	     /* for a leader */
#define ASKED_MS 20000		     /* for its answer */
#define FOREIGN_MAX 4096	     /* requests of other managers */
#define FOREIGN_PIECE_MAX 262144     /* bytes of one message */
#define FOREIGN_WINDOW 1048576	     /* bytes sent and not yet taken */
#define FORWARD_BODY_MAX (256 << 20) /* of a whole answer */

/* A request of this node's clients that cannot be answered at once. */
struct waiter {
	struct list link;
	uint64_t retry_ms;
	uint64_t call; /* that has it at the leader; 0: it waits */
	uint64_t over; /* the link */
	char leader[ID_LEN + 1];
	bool asked; /* some leader had it: it may have been done */
	/* The answer comes in pieces: a stream, or one long body. */
	bool streaming, full;
	uint64_t owed; /* bytes not told to be taken, while it is full */
	struct buf body;
	struct arena arena;
	struct request request; /* in arena */
};

/* A copy of r; what changes something gets a key. */
struct waiter *waiter_new(struct node *n, const struct request *r);
void waiter_free(struct node *n, struct waiter *w); /* NULL is fine */
/* Takes it over: it is answered by forward_step(), or gone; refused if too
 * many wait. */
void waiter_queue(struct node *n, struct waiter *w);
bool request_is_write(enum op op);
/* A request that this node had as the leader, and cannot answer as such: it
 * is asked again. again: its copy (taken over), or NULL: there is none. asked:
 * it may have been done. */
void request_again(struct node *n, uint64_t id, struct waiter *again,
		   bool asked);

void forward_init(struct node *n);
void forward_step(struct node *n);
uint64_t forward_deadline(const struct node *n);
void forward_gone(struct node *n, uint64_t request_id);
void forward_room(struct node *n, uint64_t request_id, bool room);
void forward_link_down(struct node *n, uint64_t link);
void forward_fini(struct node *n);

void forward_on_request(struct node *n, const struct sender *from,
			const struct message *m);
void forward_on_reply(struct node *n, const struct sender *from,
		      const struct message *m);
void forward_on_gone(struct node *n, const struct sender *from,
		     const struct message *m);
/* MESSAGE_MORE with a call. */
void forward_on_more(struct node *n, const struct sender *from,
		     const struct message *m);

/* Answers to ids with REQUEST_FOREIGN; see effect.c. */
void foreign_reply(struct node *n, uint64_t id, int status,
		   const struct buf *body);
void foreign_stream(struct node *n, uint64_t id, bool raw, const void *p,
		    size_t len);
void foreign_stream_end(struct node *n, uint64_t id);
/* This node does not lead any more: who asked sends it to who does. */
void foreign_again(struct node *n, uint64_t id);

#endif
