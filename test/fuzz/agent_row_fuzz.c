/*
 * agent_row_fuzz.c - any bytes as a stored row of the worker: refused, or a
 * task that the agent can take to its end.
 */
#include "core/agent/agent.h"
#include "core/base/check.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
drain(struct agent *a)
{
	struct agent_out o;

	while (agent_next(a, &o))
		check(o.type != 0);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct node_description description;
	uint64_t rand_state = 1;
	struct now now = { 1000, NS_PER_S };
	struct agent_config config = { .rand_state = &rand_state,
				       .node_id = "node1",
				       .description = &description,
				       .egress_subnet = "10.0.0.0/24" };
	struct runner_report scanned = { .news = RUNNER_SCANNED };
	struct runner_report found = { .news = RUNNER_FOUND,
				       .task_id = "t1",
				       .phase = RUNNER_PHASE_RUNNING };
	struct agent *a = agent_new(&config, now);
	struct err e;

	if (agent_load(a, "t1", data, size, &e) == 0 && size % 2 == 0)
		agent_report(a, &found, now);
	agent_report(a, &scanned, now);
	drain(a);
	agent_tick(a, (struct now){ 100000, NS_PER_S });
	agent_leave(a, now);
	drain(a);
	agent_free(a);
	return 0;
}
