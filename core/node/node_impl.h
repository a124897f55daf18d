/* node_impl.h - what the files of core/node share, and nobody else sees. */
#ifndef CORE_NODE_NODE_IMPL_H
#define CORE_NODE_NODE_IMPL_H

#include "core/agent/agent.h"
#include "core/base/buf.h"
#include "core/base/id.h"
#include "core/base/list.h"
#include "core/manager/control.h"
#include "core/manager/manager.h"
#include "core/node/consensus.h"
#include "core/node/forward.h"
#include "core/node/identity.h"
#include "core/node/logs.h"
#include "core/node/node.h"
#include "core/node/peers.h"
#include "core/node/rpc.h"
#include "core/node/session.h"

#define BATCHES_MAX 2	       /* on their way to the disk */
#define WATCHERS_MAX 512       /* event streams and followed logs */
#define PROPOSALS_MAX 4096     /* requests' changes on their way */
#define RECENT_MAX 256	       /* past changes, for events since */
#define REQUEST_TX_MAX 1048576 /* bytes of one request's change */
#define CHUNK_OPS_MAX 500      /* operations of one entry of the controllers */
#define LATER_MS 100 /* rows that the log can make again wait so long */

/* Rows of TABLE_IDENTITY. */
#define ROW_NODE "node"
#define ROW_CLUSTER "cluster"
#define ROW_RAFT "raft"		      /* the raft id, decimal */
#define ROW_MEMBERS "members"	      /* raft_members_pack(), as of applied */
#define ROW_MANAGERS "managers"	      /* identity.c: whom this node may dial */
#define ROW_CERTIFICATE "certificate" /* struct certificate, packed */
#define ROW_ADDRESSES "addresses"     /* struct addresses */
#define ROW_LOCK "lock" /* the unlock key that the store is sealed by */
/* The roles as certificates say them (OU). */
#define ROLE_WORD_MANAGER "swarm-manager"
#define ROLE_WORD_WORKER "swarm-worker"

#define ROW_LEAVING "leaving" /* there: the cluster is being left */

/* MEMBER: a manager, also while it does not vote yet; WORKER: in a cluster,
 * and no manager; BEGINNING: init or join is at work, and nothing of it is on
 * the disk; LOCKED: the store is sealed, so nothing is known. */
enum life {
	LIFE_NONE = 1,
	LIFE_MEMBER,
	LIFE_WORKER,
	LIFE_LEAVING,
	LIFE_BEGINNING,
	LIFE_LOCKED,
};

enum proposal_kind {
	PROPOSAL_REQUEST = 1,
	PROPOSAL_INTERNAL,
	PROPOSAL_STATUS,
	PROPOSAL_CALL, /* done is called: 0, or -errno and why */
};

/* A change in the log whose end somebody waits for. */
struct proposal {
	struct list link; /* by index */
	enum proposal_kind kind;
	uint64_t index, term;
	uint64_t request_id; /* REQUEST; 0: nobody waits any more */
	int status;
	struct buf body;
	char *key;	      /* of the receipt that it puts; or NULL */
	struct waiter *again; /* asks once more if nobody can tell; or NULL */
	/* CALL */
	void (*done)(struct node *n, void *ctx, int result, const char *why);
	void *ctx;
};

/* A stream of events, or a log that is followed. */
struct watcher {
	struct list link;
	uint64_t request_id;
	/* events */
	struct event_filter *filter;
	uint64_t until_ms; /* UINT64_MAX: none */
	/* logs of one service, or one task */
	char *service_id, *task_id;
	struct log_options options;
	bool begun; /* the driver has it: it is the one that ends it */
};

struct recent {
	struct change change;
	struct now now;
};

/* The latest state of a task that the managers were not told. */
struct news {
	char *task_id;
	struct task_status status;
	struct arena arena;
	uint64_t batch; /* the message that it is in; 0: none */
};

/* An order that waits for its worker row. */
struct held_order {
	struct list link;
	uint64_t need_seq;
	struct arena arena;
	struct runner_order order;
};

struct sent_batch {
	uint64_t seq;
	uint64_t raft_seq; /* 0: nothing of raft's */
	uint64_t applied;
};

struct node {
	enum life life;
	struct now now;
	uint32_t waited; /* events since settle() */
	uint64_t rand_state;
	struct arena config_arena;
	const char *version, *root_dir, *runtime, *egress_subnet;
	const char *kernel_version, *operating_system, *default_addr;
	struct node_description description;
	struct arena description_arena;

	/* who this node is: identity.c, trust.c, begin.c, join.c */
	struct identity *identity; /* NULL: nobody */
	struct list trust_asked;   /* orders that wait for their reports */
	uint64_t trust_next;
	bool step_secret;	/* step_arena holds a key: it is wiped */
	struct begin *begin;	/* init that is at work; NULL: none */
	struct join *join;	/* join that is at work; NULL: none */
	struct first *first;	/* what it was started to do; NULL: nothing */
	struct list enrolments; /* that this leader has at work */
	size_t enrolment_count;
	struct wrong_tokens *wrong_tokens; /* NULL: none yet */
	struct list updates; /* of the cluster, that this leader has at work */
	size_t update_count;
	uint64_t ca_next_ms; /* see ca_step() */
	bool leave_removing; /* it leaves, and is taken out of the raft */
	uint64_t leave_until_ms, leave_call;
	bool forcing;	    /* once the disk has it all */
	uint64_t forcer;    /* who asked for a new cluster by force */
	uint64_t force_seq; /* the batch that makes it one; 0: not yet */
	uint64_t election_ms, heartbeat_ms; /* 0: raft's own */
	struct host_addrs addrs;	    /* of this host; in addrs_arena */
	struct arena addrs_arena;

	char node_id[ID_LEN + 1];
	char cluster_id[ID_LEN + 1]; /* "": in none */
	uint64_t raft_id;
	char manager_addr[LINK_ADDR_MAX]; /* advertised; see hello_body */
	uint64_t gossip_port;
	char seen_ip[IP_TEXT_MAX]; /* as others see this node; or "" */
	struct raft *raft;
	struct state *state;
	struct manager *manager; /* while this node leads */
	struct agent *agent;

	/* effects of this step; what they point at is in step_arena */
	struct arena step_arena;
	struct effect *effects;
	size_t effect_next, effect_count, effect_cap;
	struct list spent_orders; /* sent in this step: freed in the next */

	/* the disk */
	struct batch *filling;
	uint64_t batch_seq;	 /* of filling */
	bool filling_urgent;	 /* else it holds what the log holds already */
	uint64_t filling_due_ms; /* and goes by itself then; 0: not yet set */
	struct sent_batch sent[BATCHES_MAX];
	uint32_t sent_count;
	uint64_t durable_seq;
	bool disk_full;
	uint64_t wiped_seq; /* batches up to here were before a wipe */
	uint64_t applied, applied_sent, trimmed;

	/* changes on their way */
	struct list proposals;
	uint32_t proposal_count;
	uint32_t internal_open;	  /* of the controllers and the statuses */
	uint32_t internal_failed; /* in a row */
	uint64_t internal_retry_ms;
	bool statuses_failed; /* a part of the news on its way was refused */
	bool manager_dirty;

	/* requests */
	struct list waiters, foreign; /* forward.c, foreign.c */
	uint32_t waiter_count, foreign_count;
	size_t waiter_bytes;
	uint64_t foreign_next;
	uint64_t receipts_at_ms; /* look for old ones then */
	/* how far the log was at a time, and at one that is long ago */
	uint64_t receipts_mark, receipts_mark_ms, receipts_old;
	struct list log_reads, feeds; /* logs.c, feed.c */
	size_t log_read_count, feed_count;
	uint64_t feed_next, logs_at_ms;
	struct list watchers;
	uint32_t watcher_count;
	uint64_t leaver; /* the request that leaves; 0: none */
	struct recent recent[RECENT_MAX];
	uint64_t recent_count; /* ever */

	/* other nodes: peers.c, rpc.c, mesh.c */
	struct peer_link **links; /* by id */
	size_t link_count, link_cap;
	uint64_t link_next;
	struct list manager_links; /* those that are up */
	struct list dials;
	struct list calls;
	size_t call_count;
	uint64_t call_next;
	uint64_t session_link; /* a worker's, to some manager; 0: none */

	/* sessions: session.c, dispatch.c, alive.c */
	struct session *session;       /* NULL: in no cluster */
	struct dispatcher *dispatcher; /* while this node leads */
	struct alive *alive;	       /* NULL: in no cluster */
	uint64_t told_leader_link;     /* that workers here know of */

	/* the managers' raft: consensus.c, snapshot.c, roles.c */
	struct list held_reads;
	struct list snapshots; /* that others fetch */
	struct snapshot_sink *snapshot_sink;
	bool roles_dirty;
	uint64_t roles_at_ms;
	bool forced;  /* force-new-cluster: others are not managers any more */
	bool joining; /* asks to be made a member */
	uint64_t join_at_ms, join_call;
	bool gone;    /* the others say, or its own log, that it is no member */
	bool removed; /* a manager says so: this node is of no cluster now */
	uint64_t gone_at_ms; /* when it looks at its log for that again */
	bool stopping, stopped;
	uint64_t stop_by_ms;

	/* the worker's side */
	bool scanned;  /* the runner has said what was there */
	char **strays; /* and, while the store is locked, these: task ids */
	size_t stray_count, stray_cap;
	struct news **news; /* by task id */
	size_t news_count, news_cap;
	bool ports_dirty; /* the driver is to be told the wanted ones */
	struct list held_orders;
	uint64_t worker_row_seq; /* the batch of the latest worker row */
};

/* effect.c */
struct effect *effect_add(struct node *n, enum effect_type type);
void effect_reply(struct node *n, uint64_t request_id, int status,
		  const struct buf *body);
void effect_error(struct node *n, uint64_t request_id, int status,
		  const char *fmt, ...) printf_like(4, 5);
void effect_disk_full(struct node *n, uint64_t request_id);
void effect_stream(struct node *n, uint64_t request_id, enum stream_kind kind,
		   const void *p, size_t len);
/* A frame that says why the log ends here. */
void effect_stream_error(struct node *n, uint64_t request_id, const char *why);
void effect_stream_end(struct node *n, uint64_t request_id);
void effect_order(struct node *n, const struct runner_order *o);
void effect_release_orders(struct node *n);
void effect_step_begin(struct node *n);
void effect_fini(struct node *n);

/* disk.c */
struct batch *disk_batch(struct node *n); /* to be written at once */
struct batch *disk_batch_later(struct node *n);
uint64_t disk_deadline(const struct node *n);
void disk_flush(struct node *n);
void disk_persisted(struct node *n, uint64_t seq);
void disk_forget(struct node *n);
void disk_is_full(struct node *n);
void disk_identity(struct node *n, const char *key, const void *p, size_t len);

/* change.c */
int change_propose(struct node *n, const struct tx *tx, struct proposal *p,
		   struct err *e);
void change_apply_committed(struct node *n);
void change_internal(struct node *n);
void change_forget(struct node *n, uint64_t request_id);
void change_lost(struct node *n);
void change_waits(struct node *n); /* the disk is full: who asked is told */
struct proposal *proposal_new(enum proposal_kind kind);
void proposal_free(struct node *n, struct proposal *p);

/* request.c */
void request_take(struct node *n, const struct request *r);
/* This node leads: the answer may take its time. */
void request_answer(struct node *n, const struct request *r);
/* The answer that the receipt of key keeps; false: there is none. */
bool request_receipt(struct node *n, uint64_t request_id, const char *key);
/* It is no manager: says what it is. */
void request_refuse(struct node *n, uint64_t request_id);
bool request_is_for_leader(enum op op);
void request_gone(struct node *n, uint64_t request_id);
struct control_env request_env(struct node *n);
/* As the leader: from the tables, or a proposal. secrets may be NULL. */
void request_decide(struct node *n, const struct request *r,
		    const struct control_secrets *secrets);

/* trust.c: fn is called with the report, in a later step, or never again. */
typedef void (*trust_done)(struct node *n, void *ctx,
			   const struct trust_report *r);
uint64_t trust_ask(struct node *n, const struct trust_order *o, trust_done fn,
		   void *ctx);
void trust_tell(struct node *n, const struct trust_order *o); /* no report */
void trust_forget(struct node *n, uint64_t id);
void trust_take(struct node *n, const struct trust_report *r);
void trust_fini(struct node *n);

/* member.c */
void member_load(struct node *n, const struct stored *stored, bool force);
void member_office(struct node *n);
void member_fini(struct node *n);
/* A manager that is no member yet: raft with nobody in it, no tables, the
 * port; consensus_join() does the rest. */
void member_become_manager(struct node *n);
/* Its log, its tables and the cluster's keys go, here and on the disk; its
 * containers run on. */
void member_become_worker(struct node *n);
void member_end_consensus(struct node *n);
void member_forget(struct node *n); /* as if it had never been in a cluster */
void member_store_raft_id(struct node *n);
/* swarm init --force-new-cluster, when it is a manager already. */
bool member_force(struct node *n, const struct request *r); /* false: it is
							       not asked for */
void member_force_step(struct node *n);

/* begin.c: swarm init */
void begin_init(struct node *n, const struct request *r);
void begin_listens(struct node *n, const struct link_report *r);
void begin_gone(struct node *n, uint64_t request_id);
void begin_fini(struct node *n);

/* join.c: swarm join, the side of who joins */
void join_start(struct node *n, const struct request *r);
void join_link_up(struct node *n, struct peer_link *l);
void join_link_down(struct node *n, struct peer_link *l,
		    const struct link_report *r);
void join_listen_failed(struct node *n, const char *why);
void join_gone(struct node *n, uint64_t request_id);
void join_left(struct node *n); /* the node leaves what it was to join */
void join_tick(struct node *n);
uint64_t join_deadline(const struct node *n);
void join_fini(struct node *n);

/* first.c */
void first_init(struct node *n, const struct request *r);
void first_answered(struct node *n, int status);
void first_tick(struct node *n);
uint64_t first_deadline(const struct node *n);
void first_fini(struct node *n);

/* enrol.c: the leader's side of joining, renewing and leaving */
void enrol_on_enroll(struct node *n, const struct sender *from,
		     const struct message *m);
void enrol_on_renew(struct node *n, const struct sender *from,
		    const struct message *m);
void enrol_on_enrolled(struct node *n, const struct sender *from,
		       const struct message *m);
void enrol_on_leave(struct node *n, const struct sender *from,
		    const struct message *m);
void enrol_fini(struct node *n);

/* wrong_tokens.c */
bool wrong_tokens_too_many(const struct node *n, const char *ip);
void wrong_tokens_note(struct node *n, const char *ip);
void wrong_tokens_fini(struct node *n);

/* leave.c */
void member_leave(struct node *n, const struct request *r);
void member_leave_step(struct node *n);
bool leave_removed(struct node *n); /* false: it is not leaving */
/* Nobody asked for it: what runs ends, and then all is forgotten. */
void leave_at_once(struct node *n);
uint64_t leave_deadline(const struct node *n);

/* swarm_update.c */
void swarm_update(struct node *n, const struct request *r);
void swarm_update_gone(struct node *n, uint64_t request_id);
void swarm_update_fini(struct node *n);

/* locked.c: a node that knows nothing until it is unlocked */
bool locked_takes(struct node *n, const struct request *r); /* false: as any */

/* mesh.c */
void mesh_tick(struct node *n);
uint64_t mesh_deadline(const struct node *n);
void mesh_fini(struct node *n);
/* Called by peers.c and rpc.c: they tell whoever the link is of. */
void peers_link_up(struct node *n, struct peer_link *l);
void peers_link_down(struct node *n, struct peer_link *l,
		     const struct link_report *r);
void peers_hello(struct node *n, struct peer_link *l);
void peers_listens(struct node *n, const struct link_report *r);
void rpc_route_down(struct node *n, const struct route *r);

/* rpc.c, for answers that have kinds of their own: was it asked for? */
bool rpc_answer(struct node *n, const struct message *m);
/* That link of this manager's is down: the leader is told. */
void rpc_relay_gone(struct node *n, uint64_t link);
void rpc_init(struct node *n);

/* What the raft says of this node: it votes now; it may not take part; it is
 * not a member any more (demoted, or removed): its certificate says worker
 * next, and tables and log go. In join.c and member.c. */
void member_joined(struct node *n);
void member_refused(struct node *n, const char *why);
void member_gone(struct node *n);

/* roles.c */
/* By the leader's tables; others cannot tell, and say yes. A certificate says
 * manager for as long as it is good, also when its node is none any more. */
bool roles_is_manager(const struct node *n, const char *node_id);
void roles_tx(struct node *n, struct tx *tx);
void roles_seen(struct node *n, const struct peer_link *l);
const char *roles_addr(const char *named, const char *seen_ip, struct arena *a);

/* work.c */
void work_start(struct node *n);
/* What the runner found while the store was locked: nobody will know it. */
void work_remove_strays(struct node *n);
void work_report(struct node *n, const struct runner_report *r);
void work_drain(struct node *n);
void work_send_ports(struct node *n);	  /* once a step, if they changed */
bool work_has_news(const struct node *n); /* in no message yet */
/* Those that are in no message yet; borrowed until they are done. */
uint32_t work_news_take(struct node *n, uint64_t batch, struct status_item *ret,
			size_t max);
void work_news_done(struct node *n, uint64_t batch, bool known);
void work_news_unsent(struct node *n);
void work_news_take_back(struct node *n);
void work_fini(struct node *n);

/* watch.c */
void watch_events(struct node *n, const struct request *r);
void watch_logs(struct node *n, const struct request *r);
void watch_container_logs(struct node *n, const struct request *r);
void watch_changes(struct node *n, const struct changes *changes);
void watch_leave(struct node *n); /* all services are gone */
void watch_reset(struct node *n); /* the tables are others: begin again */
void watch_tick(struct node *n);
void watch_gone(struct node *n, uint64_t request_id);
uint64_t watch_deadline(const struct node *n);
void watch_fini(struct node *n);

#endif
