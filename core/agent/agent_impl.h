/*
 * agent_impl.h - what the files of the agent share: its jobs (one per task
 * that was assigned here) and what it wants done.
 *
 *                 PREPARED          START          STARTED
 *   NEW -> PREPARING -> READY ---------> STARTING --------> RUNNING
 *    |        |           |                 |                  |
 *    |        +-----------+--- STOPPING ----+------------------+
 *    |                          |  EXITED, FAILED              |
 *    +------------------------> ENDED <------------------------+
 *                                 | not assigned any more
 *                               REMOVING -> forgotten
 *
 * While no manager hears this node, what ends by itself goes from RUNNING to
 * WAITING, until its delay is over: then REMOVING, NEW and so on; its status
 * is RUNNING all the while. If a manager is there first, it is ENDED.
 */
#ifndef CORE_AGENT_AGENT_IMPL_H
#define CORE_AGENT_AGENT_IMPL_H

#include "core/agent/agent.h"
#include "core/agent/health.h"
#include "core/base/arena.h"
#include "core/model/type.h"

#define JOBS_MAX 65536
#define REMOVE_RETRY_MS UINT64_C(5000)
#define PORT_CHOICE_FIRST 32768
#define PORT_CHOICE_LAST 60999

enum job_phase {
	JOB_NEW = 1, /* nothing was ordered, or all must be done anew */
	JOB_PREPARING,
	JOB_READY,
	JOB_STARTING,
	JOB_RUNNING,
	JOB_STOPPING,
	JOB_ENDED,
	JOB_REMOVING,
	JOB_WAITING,
};

/* What is stored of a job. Strings are in the job's arena, or constant. */
struct job_row {
	struct bytes task; /* object_pack() */
	uint64_t phase;	   /* enum job_phase */
	const char *container_id;
	const char *name;
	const char *address; /* CIDR, or NULL */
	LIST_OF(struct port_config) ports;
	int64_t started_at, finished_at;
	bool oom_killed;
	bool unhealthy; /* it is being stopped because of that */
	bool ordered;	/* the runner was told about it: REMOVE is due */
	struct task_status status;
	struct container_status container;
	struct healthcheck *image_check;
	struct runner_image *image; /* NULL: not known */
	uint64_t restarts;	    /* here, without the managers, */
	int64_t restarts_since;	    /* from then on; wall ns */
};

struct job {
	struct job_row r;
	struct arena arena;
	char *id;		 /* the task's */
	const struct task *task; /* a reference; NULL: a container without */
	bool assigned;
	bool row_dirty, status_dirty;
	struct health health;
	uint64_t retry_ms;   /* REMOVING: order again; UINT64_MAX: no */
	uint64_t restart_ms; /* WAITING */
	/* what the runner found at start */
	enum runner_phase found;
	int64_t found_pid, found_started_at, found_finished_at, found_code;
	bool found_oom;
};

struct out_item {
	struct agent_out out;
	const void *hold; /* an object's reference, or NULL */
};

struct agent {
	uint64_t *rand_state;
	char *node_id;
	const struct node_description *description;
	uint32_t subnet, subnet_size; /* IPv4, host order */
	unsigned subnet_bits;
	struct job **jobs; /* by task id */
	size_t count, cap;
	bool scanned, leaving, alone;
	struct now now; /* of the call */
	uint64_t last_probe;
	struct out_item *out;
	size_t out_at, out_count, out_cap;
	struct arena out_arena;
};

/* ---- out.c ------------------------------------------------------------ */

void out_begin(struct agent *a, struct now now); /* of each public call */
void out_fini(struct agent *a);
struct runner_order *out_order(struct agent *a, struct job *j,
			       enum runner_verb verb, const void *hold);
void out_ports(struct agent *a);
void out_flush(struct agent *a, struct job *j); /* row, then status */
void out_forgotten(struct agent *a, const char *task_id);

/* ---- jobs.c ----------------------------------------------------------- */

struct job *job_find(const struct agent *a, const char *task_id);
struct job *job_add(struct agent *a, const char *task_id);
void job_drop(struct agent *a, struct job *j);
void job_free(struct job *j);
void job_set_task(struct job *j, const struct task *t);
void job_pack(const struct job *j, struct buf *out);
int job_unpack(struct job *j, const void *row, size_t len, struct err *e);
bool job_is_live(const struct job *j); /* holds its address and ports */

/* ---- place.c: what a task gets of this host --------------------------- */

enum net_kind { NET_EGRESS, NET_HOST, NET_NONE };
enum net_kind place_net(const struct task *t);
int place_address(struct agent *a, struct job *j, struct err *e);
int place_ports(struct agent *a, struct job *j, struct err *e);
const char *place_gateway(const struct agent *a, struct arena *arena);
struct kvs place_labels(const struct agent *a, const struct job *j,
			struct arena *arena);

/* ---- alone.c: it ended; is it to start again without a manager's word? -- */

bool alone_restarts(struct agent *a, struct job *j);

/* ---- life.c ----------------------------------------------------------- */

void life_step(struct agent *a, struct job *j);
void life_report(struct agent *a, struct job *j, const struct runner_report *r);
void life_adopt(struct agent *a, struct job *j); /* after SCANNED */
void life_lost(struct agent *a, struct job *j);	 /* no container, no row */
bool life_take_back(struct agent *a, struct job *j);
void life_tick(struct agent *a, struct job *j);
uint64_t life_deadline(const struct job *j);

#endif
