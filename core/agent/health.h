/*
 * health.h - what a container's health check says, over time (facts 10.3).
 * Pure: results and times in, the next deadline and a verdict out.
 */
#ifndef CORE_AGENT_HEALTH_H
#define CORE_AGENT_HEALTH_H

#include "core/base/base.h"
#include "core/model/objects.h"

enum health_state {
	HEALTH_NONE, /* there is no check */
	HEALTH_STARTING,
	HEALTH_HEALTHY,
	HEALTH_UNHEALTHY,
};

struct health {
	enum health_state state;
	struct healthcheck check; /* merged; borrows from what it came from */
	uint64_t streak;	  /* failures in a row */
	uint64_t probe_id;	  /* of the one on its way; 0: none */
	uint64_t next_ms;	  /* when to probe; UINT64_MAX: not by time */
	uint64_t started_ms;
};

/* What the spec leaves open is the image's; both may be NULL. */
struct healthcheck health_merge(const struct healthcheck *spec,
				const struct healthcheck *image);

/* ["CMD", ...] or ["CMD-SHELL", text]; false: there is no check. */
bool health_argv(const struct healthcheck *c, struct arena *a,
		 struct strings *ret);

/* The container started running so many ms ago. */
void health_begin(struct health *h, const struct healthcheck *c,
		  uint64_t now_ms, uint64_t age_ms);
/* Is a probe due? Then it is on its way as id, until health_result(). */
bool health_due(struct health *h, uint64_t now_ms, uint64_t id);
void health_result(struct health *h, uint64_t now_ms, bool healthy);

const char *health_name(enum health_state s); /* "" for none */

#endif
