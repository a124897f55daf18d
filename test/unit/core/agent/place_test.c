/* place_test.c - what a task gets of its host (facts 10.1, 10.2). */
#include "test/unit/core/agent/host.h"

T(addresses_are_the_lowest_free_ones)
{
	struct task *two = task_new("t2", 2), *three = task_new("t3", 3);
	struct host h;

	init(&h);
	h.task = task_new("t1", 1);
	run(&h, h.task);
	assign(&h, two);
	EQ_STR(order(&h, RUNNER_PREPARE)->address, "172.30.0.3/24");
	exits(&h, "t1", 0);
	assign(&h, three);
	EQ_STR(order(&h, RUNNER_PREPARE)->address, "172.30.0.2/24");
	object_unref(two);
	object_unref(three);
	fini(&h);
}

T(a_full_network_rejects_the_task_with_a_reason)
{
	struct host h;
	char id[8];

	init(&h);
	for (int i = 0; i < 254; i++) {
		struct task *t;

		snprintf(id, sizeof(id), "t%d", i);
		t = task_new(id, 1);
		agent_assign(h.a, t, h.now);
		while (agent_next(h.a, &(struct agent_out){ 0 }))
			;
		object_unref(t);
	}
	h.task = task_new("x", 1);
	assign(&h, h.task);
	OK(order(&h, RUNNER_PREPARE) == NULL);
	EQ(status(&h)->state, TASK_REJECTED);
	OK(strstr(status(&h)->err, "no free address") != NULL);
	fini(&h);
}

T(the_hosts_network_and_none_have_no_address)
{
	static const char *const names[] = { "host", "none" };

	for (size_t i = 0; i < 2; i++) {
		struct network_attachment_config n = { .target = names[i] };
		struct host h;

		T_ROW(names[i]);
		init(&h);
		h.task = task_new("t1", 1);
		h.task->spec.networks.v = &n;
		h.task->spec.networks.count = 1;
		assign(&h, h.task);
		EQ_STR(order(&h, RUNNER_PREPARE)->address, "");
		EQ_STR(order(&h, RUNNER_PREPARE)->network, names[i]);
		if (i == 0)
			EQ_STR(order(&h, RUNNER_PREPARE)->hostname, "rack1");
		fini(&h);
	}
}

T(host_ports_are_wanted_while_the_task_lives)
{
	struct port_wish wish[4];
	struct host h;
	size_t ports = SIZE_MAX, prepare = 0;

	init(&h);
	h.task = task_new("t1", 1);
	publish(h.task, 8080);
	assign(&h, h.task);
	for (size_t i = 0; i < h.count; i++) {
		if (h.seen[i].type == AGENT_PORTS && ports == SIZE_MAX)
			ports = i;
		if (h.seen[i].type == AGENT_ORDER)
			prepare = i;
	}
	OK(ports < prepare);
	EQ(agent_ports(h.a, wish, 4), 1);
	EQ(wish[0].published, 8080);
	EQ(wish[0].target, 80);
	EQ(wish[0].protocol, PROTO_TCP);
	EQ_STR(wish[0].address, "172.30.0.2");
	EQ_STR(wish[0].service_name, "web");
	report(&h, "t1", RUNNER_PREPARED);
	report(&h, "t1", RUNNER_STARTED);
	exits(&h, "t1", 0);
	EQ(agent_ports(h.a, wish, 4), 0);
	ports = SIZE_MAX;
	for (size_t i = 0; i < h.count; i++)
		if (h.seen[i].type == AGENT_PORTS)
			ports = i;
	OK(ports != SIZE_MAX);
	fini(&h);
}

T(a_port_that_is_left_open_is_chosen_here)
{
	struct task *two = task_new("t2", 2);
	struct port_wish wish[4];
	struct host h;

	init(&h);
	h.task = task_new("t1", 1);
	publish(h.task, 0);
	publish(two, 0);
	assign(&h, h.task);
	assign(&h, two);
	EQ(agent_ports(h.a, wish, 4), 2);
	OK(wish[0].published >= 32768 && wish[0].published <= 60999);
	OK(wish[1].published >= 32768 && wish[1].published <= 60999);
	OK(wish[0].published != wish[1].published);
	object_unref(two);
	fini(&h);
}

T(templates_are_filled_in)
{
	static const char *env[] = {
		"X={{.Service.Name}}.{{.Task.Slot}}@{{.Node.Hostname}}",
	};
	struct host h;

	init(&h);
	h.task = task_new("t1", 4);
	h.task->spec.container->hostname = "{{.Task.Name}}";
	h.task->spec.container->env.v = env;
	h.task->spec.container->env.count = 1;
	assign(&h, h.task);
	EQ_STR(order(&h, RUNNER_PREPARE)->env, "X=web.4@rack1");
	EQ_STR(order(&h, RUNNER_PREPARE)->hostname, "web.4.t1");
	fini(&h);
}

T(a_template_that_does_not_expand_rejects_the_task)
{
	static const char *env[] = { "X={{.Nonsense}}" };
	struct host h;

	init(&h);
	h.task = task_new("t1", 1);
	h.task->spec.container->env.v = env;
	h.task->spec.container->env.count = 1;
	assign(&h, h.task);
	EQ(status(&h)->state, TASK_REJECTED);
	OK(str_starts(status(&h)->err, "expanding env failed"));
	fini(&h);
}
