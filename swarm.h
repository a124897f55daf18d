/*
 * swarm.h - what the files that wire the daemon share (swarm*.c): all its
 * parts, and how what one of them says reaches another. Nothing is decided
 * here.
 */
#ifndef SWARM_H
#define SWARM_H

#include <ev.h>
#include <pthread.h>
#include <stdatomic.h>

#include "core/node/inbox.h"
#include "core/node/node.h"
#include "exec/image/image.h"
#include "exec/runner.h"
#include "net/addrs.h"
#include "net/client/daemon_flags.h"
#include "net/egress.h"
#include "net/gossip.h"
#include "net/http/server.h"
#include "net/peers.h"
#include "net/trust.h"
#include "store/store.h"

#define SELF_MAX 4096

struct daemon {
	struct daemon_options options;
	char self[SELF_MAX];
	char bridge[EGRESS_NAME_MAX];
	struct arena arena; /* lives as long as the daemon */
	struct ev_loop *loop;
	struct store *store;
	struct images *images;
	struct egress *egress;
	struct http_server *http;
	struct runner *runner;
	struct peers *peers;
	struct trust *trust;
	struct gossip_socket *gossip; /* NULL: closed */
	char *gossip_addr;
	struct addrs_watch *addrs_watch;
	struct node *node;
	struct node *unlocked; /* takes the node's place after this step */
	bool locked_at_start;
	const char *subnet; /* of the egress network */
	struct node_description description;
	struct inbox inbox;
	struct list streams;
	_Atomic uint64_t persisted;   /* written by the store's thread */
	_Atomic bool disk_full;	      /* so, too */
	pthread_mutex_t locked_mutex; /* over the list: see swarm_cluster.c */
	struct list locked;
	uint64_t persisted_seen;
	bool disk_full_seen;
	ev_async persisted_async;
	ev_prepare prepare;
	ev_timer timer;
	ev_signal on_term, on_int;
	bool stopping;
};

/* swarm_streams.c: requests that are answered in pieces by something other
 * than the node, and those that the images answer. */
void streams_init(struct daemon *d);
void streams_fini(struct daemon *d);
void streams_logs(struct daemon *d, const struct effect *f);
void streams_task_ended(struct daemon *d, const char *task_id);
void streams_upload(struct daemon *d, const struct request *r);
void streams_piece(struct daemon *d, const struct effect *f);
void answer_images(struct daemon *d, const struct request *r);
void answer_error(struct daemon *d, uint64_t request_id, int status,
		  const char *why);
/* What the HTTP server calls; ctx is the daemon. */
bool on_body(void *ctx, uint64_t request_id, const void *p, size_t len);
void on_gone(void *ctx, uint64_t request_id);
void on_drained(void *ctx, uint64_t request_id);

/* swarm_cluster.c */
int cluster_open(struct daemon *d, struct err *e);
void cluster_close(struct daemon *d);
void cluster_addrs(struct arena *a, struct host_addrs *ret);
void cluster_link(struct daemon *d, const struct link_order *o);
void cluster_trust(struct daemon *d, const struct trust_order *o);
void cluster_gossip(struct daemon *d, const struct gossip_order *o);
void cluster_take_locked(struct daemon *d);

/* swarm_streams.c: a log that is read for another node goes on, or is not
 * read any more. */
void streams_more(struct daemon *d, const struct effect *f);
void streams_stop(struct daemon *d, uint64_t request_id);

#endif
