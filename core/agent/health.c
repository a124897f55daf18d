/* health.c - see health.h. */
#include "core/agent/health.h"

#include "core/base/check.h"
#include "core/base/str.h"

/* What Docker uses where nothing is said. */
#define INTERVAL_NS (30 * NS_PER_S)
#define START_INTERVAL_NS (5 * NS_PER_S)
#define TIMEOUT_NS (30 * NS_PER_S)
#define RETRIES 3

static int64_t
pick(int64_t spec, int64_t image, int64_t usual)
{
	if (spec > 0)
		return spec;
	return image > 0 ? image : usual;
}

struct healthcheck
health_merge(const struct healthcheck *spec, const struct healthcheck *image)
{
	static const struct healthcheck none;
	const struct healthcheck *s = spec != NULL ? spec : &none;
	const struct healthcheck *i = image != NULL ? image : &none;

	return (struct healthcheck){
		.test = s->test.count > 0 ? s->test : i->test,
		.interval_ns =
			pick(s->interval_ns, i->interval_ns, INTERVAL_NS),
		.timeout_ns = pick(s->timeout_ns, i->timeout_ns, TIMEOUT_NS),
		.start_period_ns =
			pick(s->start_period_ns, i->start_period_ns, 0),
		.start_interval_ns =
			pick(s->start_interval_ns, i->start_interval_ns,
			     START_INTERVAL_NS),
		.retries = pick(s->retries, i->retries, RETRIES),
	};
}

bool
health_argv(const struct healthcheck *c, struct arena *a, struct strings *ret)
{
	const struct strings *t = &c->test;

	if (t->count >= 2 && str_eq(t->v[0], "CMD")) {
		*ret = (struct strings){ t->v + 1, t->count - 1 };
		return true;
	}
	if (t->count < 2 || !str_eq(t->v[0], "CMD-SHELL"))
		return false;
	ret->v = arena_array(a, t->count + 1, sizeof(*ret->v));
	ret->v[0] = "/bin/sh";
	ret->v[1] = "-c";
	for (uint32_t i = 1; i < t->count; i++)
		ret->v[i + 1] = t->v[i];
	ret->count = t->count + 1;
	return true;
}

static uint64_t
ms(int64_t ns)
{
	return (uint64_t)(ns / NS_PER_MS + (ns % NS_PER_MS != 0));
}

/* In the start period the checks come faster. */
static uint64_t
interval_ms(const struct health *h, uint64_t now_ms)
{
	if (h->state == HEALTH_STARTING &&
	    now_ms - h->started_ms < ms(h->check.start_period_ns))
		return ms(h->check.start_interval_ns);
	return ms(h->check.interval_ns);
}

void
health_begin(struct health *h, const struct healthcheck *c, uint64_t now_ms,
	     uint64_t age_ms)
{
	const struct strings *t = &c->test;
	bool wanted = t->count >= 2 &&
		      (str_eq(t->v[0], "CMD") || str_eq(t->v[0], "CMD-SHELL"));

	*h = (struct health){
		.state = wanted ? HEALTH_STARTING : HEALTH_NONE,
		.check = *c,
		.next_ms = UINT64_MAX,
		.started_ms = now_ms - min_u64(age_ms, now_ms),
	};
	if (wanted)
		h->next_ms = now_ms + interval_ms(h, now_ms);
}

bool
health_due(struct health *h, uint64_t now_ms, uint64_t id)
{
	check(id != 0);
	if (h->state == HEALTH_NONE || h->probe_id != 0 || now_ms < h->next_ms)
		return false;
	h->probe_id = id;
	h->next_ms = UINT64_MAX;
	return true;
}

void
health_result(struct health *h, uint64_t now_ms, bool healthy)
{
	check(h->state != HEALTH_NONE);
	h->probe_id = 0;
	if (healthy) {
		h->streak = 0;
		h->state = HEALTH_HEALTHY;
	} else if (h->state != HEALTH_STARTING ||
		   now_ms - h->started_ms >= ms(h->check.start_period_ns)) {
		h->streak++;
		if (h->streak >= (uint64_t)h->check.retries)
			h->state = HEALTH_UNHEALTHY;
	}
	h->next_ms = now_ms + interval_ms(h, now_ms);
}

const char *
health_name(enum health_state s)
{
	switch (s) {
	case HEALTH_NONE:
		return "";
	case HEALTH_STARTING:
		return "starting";
	case HEALTH_HEALTHY:
		return "healthy";
	case HEALTH_UNHEALTHY:
		return "unhealthy";
	}
	unreachable();
}
