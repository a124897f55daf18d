/* dispatcher_impl.h - what the dispatcher's files share. */
#ifndef CORE_MANAGER_DISPATCHER_IMPL_H
#define CORE_MANAGER_DISPATCHER_IMPL_H

#include "core/base/id.h"
#include "core/base/ip.h"
#include "core/base/list.h"
#include "core/base/map.h"
#include "core/manager/dispatcher.h"

#define NEVER UINT64_MAX
#define PEER_ADDR_MAX 64

/* What a node object is to become; only while there is something. */
struct node_news {
	struct arena arena; /* what description points at */
	int state;	    /* enum node_state; 0: as it is */
	const char *message;
	char addr[IP_TEXT_MAX]; /* "": as it is */
	bool told;		/* the next two are */
	uint64_t gossip_port;
	struct node_description description;
	char *manager_addr; /* NULL: as it is */
	bool orphan;	    /* its tasks are given up for good */
};

/* A task that may have come, gone or changed since the last message. */
struct touched {
	const struct task *task; /* a reference */
	uint64_t before; /* assignment_hash() as it was told; 0: it was not */
	size_t order;
};

/* One node. Most have a session and nothing else: keep it small. */
struct worker {
	char id[ID_LEN + 1];
	struct dispatcher_route route;
	uint64_t session;  /* 0: none */
	uint64_t call;	   /* the first SETTINGS answer it; 0: done */
	struct list busy;  /* there is something to send */
	struct list newsy; /* there is news */
	uint64_t due_ms;   /* it is down then; if it is: its tasks are lost */
	size_t heap_at;
	uint64_t heard_ms; /* the last heartbeat, or the session's begin */
	uint64_t asked_ms; /* it was asked for one; 0: it answered since */
	uint64_t begun_ms[DISPATCHER_RATE_MAX];
	uint64_t peers_told;
	uint64_t number; /* of the last ASSIGN */
	struct assignment_sum sum;
	size_t full_at;
	bool has_tables, down, dead;
	bool want_settings, want_begin, want_full;
	struct touched *touched;
	size_t touched_at, touched_count, touched_cap;
	struct node_news *news;
	uint32_t reports; /* of its, that wait */
};
_Static_assert(sizeof(struct worker) <= 512, "a session is small");

/* A node's address for gossip; kept when it is gone, so that it can be said. */
struct gossip_peer {
	char *id;
	char addr[PEER_ADDR_MAX]; /* "": gone */
	uint64_t seq;		  /* of its last change */
};

/* A message with statuses. */
struct report {
	struct list link;
	struct arena arena;
	const char *node_id;
	struct dispatcher_route route;
	uint64_t call;
	struct dispatcher_status *v;
	size_t count;
	bool in_tx;
};

struct dispatcher {
	const struct state *state;
	uint64_t *rand_state;
	char *node_id;
	uint64_t period_ms, began_ms;
	struct map index; /* node id -> worker */
	struct worker **heap;
	size_t count, cap, session_count;
	struct list busy, newsy;
	struct list reports;
	size_t report_count;
	struct dispatcher_out *replies;
	size_t reply_at, reply_count, reply_cap;
	struct gossip_peer *peers; /* by id */
	size_t peer_count, peer_cap, peer_gone;
	uint64_t peers_seq, peers_due_ms, peers_sent_ms;
	struct arena managers_arena;
	struct dispatcher_peer *managers;
	size_t manager_count;
	struct arena out_arena;
};

/* dispatcher.c */
struct worker *dispatcher_worker(const struct dispatcher *d, const char *id);
void dispatcher_want_all(struct dispatcher *d); /* settings */

/* dispatcher_out.c */
void dispatcher_out_init(struct dispatcher *d);
void dispatcher_out_fini(struct dispatcher *d);
void dispatcher_out_reply(struct dispatcher *d, const struct dispatcher_out *o);
void dispatcher_out_busy(struct dispatcher *d, struct worker *w);
void dispatcher_out_touch(struct dispatcher *d, struct worker *w,
			  const struct task *t, uint64_t before);
void dispatcher_out_forget(struct worker *w); /* its session is over */
/* Of a node, before and after; either may be NULL. */
void dispatcher_out_peer_changed(struct dispatcher *d,
				 const struct node_object *before,
				 const struct node_object *after);
void dispatcher_out_tick(struct dispatcher *d, struct now now);

/* dispatcher_tx.c */
struct node_news *dispatcher_news_of(struct dispatcher *d, struct worker *w);
void dispatcher_news_describe(struct dispatcher *d, struct worker *w,
			      const struct node_object *o,
			      const struct dispatcher_hello *h);
void dispatcher_news_drop(struct worker *w);
void dispatcher_reports_fini(struct dispatcher *d);

#endif
