/* runner_impl.h - what the parts of the runner share; for runner*.c only. */
#ifndef EXEC_RUNNER_IMPL_H
#define EXEC_RUNNER_IMPL_H

#include <ev.h>
#include <sys/resource.h>
#include <sys/types.h>

#include "core/base/id.h"
#include "core/base/list.h"
#include "core/base/map.h"
#include "exec/runner.h"
#include "exec/shim_proto.h"

struct runner {
	struct runner_config c; /* strings are its own */
	struct list tasks;
	struct map by_id;
	struct list children;
	struct list reports; /* made while an order was given: told later */
	struct list waiting; /* tasks that wait for a turn to prepare */
	unsigned preparing;  /* at once, at most preparing_max */
	unsigned preparing_max;
	unsigned finding; /* live shims that have not said their phase */
	bool scanning;
	bool want_scan;
	bool closed;
	struct rlimit files_before; /* as we were started, and as it is now */
	struct rlimit files;
	ev_timer later; /* reports, the scan and its end */
	ev_timer patience;
};

/*
 * One task, from PREPARE (or being found) to REMOVED. told is the last phase
 * that was reported (0: none): each is reported once.
 */
struct runner_task {
	struct list node;
	struct list queue; /* in waiting */
	struct runner *r;
	char id[ID_LEN + 1];
	char *dir;
	int fd; /* to its shim; -1: there is none */
	ev_io io;
	uint32_t told; /* enum shim_phase */
	bool finding;
	bool holds_turn; /* counts in preparing */
	bool cleaning;	 /* a cleaner is at it */
	bool remove_wanted;
	ev_timer hung; /* REMOVE was asked, or a cleaner could not start */
};

/* runner.c */
struct runner_task *runner_task_find(struct runner *r, const char *id);
struct runner_task *runner_task_new(struct runner *r, const char *id);
void runner_task_free(struct runner_task *t);
void runner_turn_done(struct runner_task *t); /* lets the next prepare */
void runner_found(struct runner_task *t, const struct shim_state *s,
		  enum runner_phase phase);

/* runner_report.c: at once; or from the loop, for what an order finds out. */
void report_state(struct runner_task *t, enum runner_news news,
		  const struct shim_state *s);
void report_failed(struct runner *r, const char *id, const char *why);
void report_later(struct runner *r, const struct runner_report *report);
void reports_flush(struct runner *r);
void reports_drop(struct runner *r);

/* runner_shim.c: the connection to a shim. */
int runner_connect(struct runner_task *t, struct err *e);
void runner_disconnect(struct runner_task *t);
void runner_send(struct runner_task *t, const struct shim_request *q);
void runner_settle(struct runner_task *t); /* there is no shim (any more) */

/* runner_child.c: our processes. */
enum cleaner_mode { CLEANER_KEEP, CLEANER_REMOVE };
int runner_spawn_shim(struct runner_task *t, struct err *e);
void runner_spawn_cleaner(struct runner_task *t, enum cleaner_mode mode);
void runner_cleaned(struct runner_task *t, enum cleaner_mode mode, int code);
void runner_children_drop(struct runner *r);

#endif
