/*
 * sim.h - one node in a world of its own: a clock, a disk that loses what
 * was not synced, a container runner, and someone who asks for things. All
 * that happens follows from the seed.
 */
#ifndef TEST_SIM_SIM_H
#define TEST_SIM_SIM_H

#include "core/base/buf.h"
#include "core/node/node.h"
#include "core/state/state.h"

#define SERVICES 6	 /* names s0 .. s5 */
#define GLOBAL_SERVICE 5 /* the one that is global */
#define CONTAINERS_MAX 512
#define REQUESTS_MAX 4096
#define TASKS_MAX 4096
#define IMAGES 2 /* img:0, img:1; img:1 may be missing */
#define HISTORY_MAX 5

/* ---- the disk -------------------------------------------------------------
 */

#define PENDING_MAX 8

struct disk {
	struct raft_hard hard;
	uint64_t applied;
	struct raft_entry *entries;
	size_t entry_count, entry_cap;
	struct batch_row *rows; /* by table, then key */
	size_t row_count, row_cap;
	/* submitted and not synced, oldest first */
	const struct batch *pending[PENDING_MAX];
	uint64_t due_ms[PENDING_MAX];
	size_t pending_count;
};

void disk_write(struct disk *d, const struct batch *b);
void disk_erase(struct disk *d);
/* Borrowed: all points into the disk. */
void disk_stored(const struct disk *d, struct stored *ret);
uint64_t disk_last(const struct disk *d);
const char *disk_check(const struct disk *d); /* NULL: whole */
const struct batch_row *disk_row(const struct disk *d, int table,
				 const char *key);

/* ---- the runner ------------------------------------------------------------
 */

struct container {
	char task_id[32];
	enum runner_phase phase; /* 0: being prepared */
	int64_t pid, started_at, finished_at, exit_code;
	/* orders that wait, in order; the first is being carried out */
	enum runner_verb todo[8];
	uint64_t probe_id[8];
	size_t todo_count;
	uint64_t due_ms;  /* when the first is done */
	uint64_t exit_ms; /* when it ends by itself */
	int image;
	char address[24];
};

/* ---- who asks
 * ---------------------------------------------------------------- */

enum asked { ASKED_READ = 1, ASKED_CHANGE, ASKED_STREAM };

struct asked_for {
	uint64_t id;
	enum asked kind;
	enum op op;
	bool ended;
	int service;	  /* 0 .. SERVICES - 1, or -1 */
	int availability; /* of NODE_UPDATE; 0: no such request */
	uint64_t rev;	  /* what it was to become; 0: removed */
	uint64_t replicas;
};

/* What is known of a service by its replies. */
struct known {
	uint64_t acked_rev;	/* 0: acknowledged as not there */
	uint64_t acked_seq;	/* the request that said so */
	uint64_t asked_rev[64]; /* may have happened since: rev, 0: removed */
	size_t asked_count;
};

/* The same of the node's availability. */
struct known_node {
	int acked;
	struct {
		uint64_t id;
		int availability;
	} asked[16];
	size_t asked_count;
};

struct seen_task {
	char id[32];
	int state, desired;
};

struct world {
	uint64_t seed, rnd;
	struct now now;
	struct node *node; /* NULL: down */
	uint64_t up_ms;	   /* when it comes up again */
	uint64_t daemon; /* request ids and reports of an older one are void */
	struct disk disk;
	struct container *containers;
	size_t container_count;
	uint64_t next_pid;
	uint64_t scan_ms; /* when the runner says what it found; 0: has */
	bool calm;	  /* nothing fails any more */
	uint64_t ask_ms;

	struct asked_for *asked;
	size_t asked_count;
	uint64_t next_request, next_rev;
	struct known known[SERVICES];
	struct known_node known_node;
	int last_availability; /* what it is to be in the end */
	uint64_t finish_request;
	bool has_image[IMAGES];
	char refused[32]; /* the task whose host port somebody else has */
	bool member;	  /* acknowledged */
	bool maybe_in;	  /* init was asked for */
	bool maybe_out;	  /* leave was asked for */
	struct seen_task *seen;
	size_t seen_count;

	uint64_t hash;
	uint64_t steps, crashes, replies, changes_acked;
	bool trace;
	bool failed;
};

/* The history so far goes into one number. */
void world_mix(struct world *w, const void *p, size_t len);
void world_fail(struct world *w, const char *fmt, ...) printf_like(2, 3);
void world_trace(struct world *w, const char *fmt, ...) printf_like(2, 3);
uint64_t dice(struct world *w, uint64_t sides); /* 0 .. sides - 1 */
void world_give(struct world *w, const struct event *ev);

void runner_take(struct world *w, const struct runner_order *o);
void runner_run(struct world *w);
void runner_refuse(struct world *w); /* tells of w->refused */
uint64_t runner_due(const struct world *w);
void runner_daemon_died(struct world *w);
void runner_host_died(struct world *w);

void client_ask(struct world *w);
void client_reply(struct world *w, const struct effect *e);
void client_daemon_died(struct world *w);
void client_init(struct world *w);
/* Called while it is calm: sees to it that the end can be judged. */
void client_finish(struct world *w);

/* Whose raft refuses things from now on. */
void fault_world(struct world *w);

void check_ports(struct world *w, const struct port_wish *v, size_t count);
void check_after_commit(struct world *w);
void check_after_start(struct world *w);
void check_converged(struct world *w);

#endif
