/*
 * inbox.h - events that wait for the turn, each with a copy of all that it
 * points at, so that whoever brought one may forget it at once.
 */
#ifndef CORE_NODE_INBOX_H
#define CORE_NODE_INBOX_H

#include "core/base/list.h"
#include "core/node/node.h"

/* Past this the host cannot keep up: inbox_add*() end the process. */
#define INBOX_MAX 65536

struct inbox {
	struct list events;
	size_t count;
};

void inbox_init(struct inbox *in);
void inbox_fini(struct inbox *in);

void inbox_add(struct inbox *in, enum event_type type);
/* An event with a request_id. */
void inbox_add_id(struct inbox *in, enum event_type type, uint64_t request_id);
void inbox_add_request(struct inbox *in, const struct request *r);
void inbox_add_report(struct inbox *in, const struct runner_report *r);
void inbox_add_link(struct inbox *in, const struct link_report *r);
void inbox_add_trust(struct inbox *in, const struct trust_report *r);
void inbox_add_gossip(struct inbox *in, const struct gossip_packet *p);
void inbox_add_log_piece(struct inbox *in, const struct log_piece *p);
void inbox_add_addrs(struct inbox *in, const struct host_addrs *addrs,
		     const char *default_addr);

/* The oldest, or NULL; the caller's, to be given to inbox_free(). */
struct event *inbox_take(struct inbox *in);
void inbox_free(const struct event *ev);

#endif
