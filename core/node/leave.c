/*
 * leave.c - swarm leave. A manager is taken out of the raft first, if others
 * are there to do it; then the managers are told, the containers end, and all
 * is forgotten. Nobody is waited for long: who leaves, leaves.
 */
#include <string.h>

#include "core/base/check.h"
#include "core/base/mem.h"
#include "core/node/node_impl.h"

#define REMOVED_MS 5000 /* for the others to go on without this manager */
#define TOLD_MS 2000	/* for the managers to hear that it left */

#define NOT_MEMBER "This node is not part of a swarm"
#define MANAGER                                                                \
	"You are attempting to leave the swarm on a node that is "             \
	"participating as a manager. "
#define LAST                                                                   \
	"Removing the last manager erases all current state of the swarm. "    \
	"Use `--force` to ignore this message. "
#define LOSES                                                                  \
	"Removing this node leaves %u managers out of %u. Without a Raft "     \
	"quorum your swarm will be inaccessible. "
#define UNKNOWN "Doing so may lose the consensus of your cluster. "
#define RESTORE                                                                \
	"The only way to restore a swarm that has lost consensus is to "       \
	"reinitialize it with `--force-new-cluster`. Use `--force` to "        \
	"suppress this message."

/* ---- may it? ---------------------------------------------------------------
 */

static void
refuse_manager(struct node *n, uint64_t id)
{
	uint32_t voters = consensus_voters(n), after = 0, needed = 0;
	int r = n->manager != NULL
			? raft_can_remove(n->raft, n->raft_id, &after, &needed)
			: 0;

	if (voters == 1 && n->manager != NULL)
		effect_error(n, id, 503, MANAGER LAST);
	else if (r < 0)
		effect_error(n, id, 503, MANAGER LOSES RESTORE, after, voters);
	else if (consensus_leader(n) == NULL)
		effect_error(n, id, 503, MANAGER UNKNOWN RESTORE);
	else
		effect_error(n, id, 503, MANAGER RESTORE);
}

/* ---- the managers are told --------------------------------------------------
 */

/* A link to any manager: each hands it on to the leader. */
static struct peer_link *
some_manager(struct node *n)
{
	struct peer_link *l = peers_find(n, n->session_link);

	if (l != NULL && l->up && !l->closing)
		return l;
	if (list_empty(&n->manager_links))
		return NULL;
	return container_of(n->manager_links.next, struct peer_link, managers);
}

static void
on_told(struct node *n, void *ctx, const struct message *m, const char *why)
{
	(void)ctx, (void)m, (void)why;
	n->leave_call = 0;
}

static void
tell(struct node *n)
{
	struct message m = { .kind = MESSAGE_LEAVE };
	struct peer_link *l = some_manager(n);

	n->leave_until_ms = n->now.mono_ms + TOLD_MS;
	if (l != NULL)
		n->leave_call = rpc_call(n, &(struct route){ .link = l->id },
					 &m, TOLD_MS, on_told, NULL);
}

/* ---- leaving ---------------------------------------------------------------
 */

static void
leave_now(struct node *n)
{
	join_left(n);
	n->leave_removing = false;
	rpc_forget(n, n->leave_call);
	n->leave_call = 0;
	n->life = LIFE_LEAVING;
	disk_identity(n, ROW_LEAVING, "1", 1);
	member_end_consensus(n);
	tell(n);
	if (n->scanned)
		agent_leave(n->agent, n->now);
}

void
leave_at_once(struct node *n)
{
	leave_now(n);
}

static void
on_removing(struct node *n, void *ctx, const struct message *m, const char *why)
{
	(void)ctx, (void)why;
	n->leave_call = 0;
	/* It cannot be done, or nobody answers: who forces it, goes. */
	if (n->leave_removing &&
	    (m == NULL || m->kind != MESSAGE_DONE || m->done->code != 0))
		leave_now(n);
}

static void
leave_raft(struct node *n)
{
	struct message m = { .kind = MESSAGE_LEAVE };
	uint64_t call;

	n->leave_removing = true;
	n->leave_until_ms = n->now.mono_ms + REMOVED_MS;
	call = rpc_call(n, NULL, &m, REMOVED_MS, on_removing, NULL);
	if (n->leave_removing) /* else it leaves already, and told others */
		n->leave_call = call;
}

void
member_leave(struct node *n, const struct request *r)
{
	bool member = n->life == LIFE_MEMBER || n->life == LIFE_WORKER ||
		      n->life == LIFE_LEAVING;

	if (!member) {
		effect_error(n, r->id, 503, NOT_MEMBER);
		return;
	}
	if (n->leaver != 0) {
		effect_error(n, r->id, 503,
			     "This node is leaving the swarm already");
		return;
	}
	if (n->life == LIFE_MEMBER && !request_query_bool(r, "force")) {
		refuse_manager(n, r->id);
		return;
	}
	n->leaver = r->id;
	if (n->life == LIFE_LEAVING || n->leave_removing)
		return;
	if (n->life == LIFE_MEMBER && consensus_voters(n) > 1 &&
	    consensus_leader(n) != NULL)
		leave_raft(n);
	else
		leave_now(n);
}

/* It was taken out of the raft. */
bool
leave_removed(struct node *n)
{
	if (!n->leave_removing)
		return false;
	leave_now(n);
	return true;
}

static bool
has_left(const struct node *n)
{
	/* Orders that still wait would come after the wipe: not so. */
	return n->life == LIFE_LEAVING && n->scanned &&
	       agent_is_empty(n->agent) && list_empty(&n->held_orders) &&
	       (n->leave_call == 0 || n->now.mono_ms >= n->leave_until_ms);
}

void
member_leave_step(struct node *n)
{
	uint64_t leaver = n->leaver;

	if (n->leave_removing && n->now.mono_ms >= n->leave_until_ms)
		leave_now(n);
	if (!has_left(n))
		return;
	rpc_forget(n, n->leave_call);
	n->leave_call = 0;
	member_forget(n);
	n->life = LIFE_NONE;
	n->leaver = 0;
	effect_reply(n, leaver, 200, NULL);
}

uint64_t
leave_deadline(const struct node *n)
{
	bool waits = n->leave_removing ||
		     (n->life == LIFE_LEAVING && n->leave_call != 0);

	return waits ? n->leave_until_ms : UINT64_MAX;
}
