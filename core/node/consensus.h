/*
 * consensus.h - what core/node does about the raft among the managers: its
 * messages (consensus.c), its snapshots (snapshot.c), and who takes part
 * (roles.c). Only core/node uses it.
 */
#ifndef CORE_NODE_CONSENSUS_H
#define CORE_NODE_CONSENSUS_H

#include "core/model/request.h"
#include "core/node/rpc.h"

/* ---- consensus.c ------------------------------------------------------- */

const char *consensus_leader(const struct node *n); /* node id; NULL */
uint32_t consensus_voters(const struct node *n);
void consensus_send(struct node *n);
void consensus_on_raft(struct node *n, const struct sender *from,
		       const struct message *m);
void consensus_on_gone(struct node *n, const struct sender *from,
		       const struct message *m);

/*
 * Answers a request from the tables as they are now, once it is certain that
 * this node was the leader when it asked (6.4); takes over body. Alone: now.
 * Where it turns out that it was not, the request is asked again.
 */
void consensus_reply(struct node *n, const struct request *r, int status,
		     struct buf *body);
void consensus_reads(struct node *n);
void consensus_forget_read(struct node *n, uint64_t request_id);

/* Each step: a leader whose disk is full hands the office over. */
void consensus_full_step(struct node *n);

/* EVENT_STOP: the office is handed over first, within 1.5 s. */
void consensus_stop(struct node *n);
void consensus_stop_step(struct node *n);
void consensus_fini(struct node *n);

/* ---- snapshot.c --------------------------------------------------------- */

/* Fills in the piece that m (RAFT_SNAPSHOT) asks for; false: not now. */
bool snapshot_fill(struct node *n, struct raft_msg *m);
/* Takes the pieces that came; the last one makes this node's state anew. */
void snapshot_take(struct node *n);
void snapshot_tick(struct node *n); /* lets go of what nobody fetches */
void snapshot_fini(struct node *n);

/* ---- roles.c ---------------------------------------------------------------
 */

/* The leader: makes the members what the node objects say, one at a time. */
void roles_step(struct node *n);
uint64_t roles_deadline(const struct node *n);
void roles_on_join(struct node *n, const struct sender *from,
		   const struct message *m);
/*
 * This node asks to be made a member, again and again, until it votes; then
 * member_joined() is called. Its identity is on the disk already, and
 * n->raft is made, with nobody in it.
 */
void consensus_join(struct node *n);
void consensus_join_step(struct node *n);
/* A member that was removed while it was not looking finds out. */
void consensus_gone_step(struct node *n);
/* A manager wants to leave (MESSAGE_LEAVE): 0, or -errno and why. */
int roles_leave(struct node *n, const char *node_id, struct err *e);

#endif
