/* container_test.c - what docker ps and inspect are told. */
#include "test/unit/core/agent/host.h"

static int
ask(struct host *h, enum op op, const char *target, const char *filters,
    char *body, size_t len)
{
	struct kv q[] = { { "all", "1" }, { "filters", filters } };
	struct request r = { .op = op,
			     .target = target,
			     .query = { q, filters == NULL ? 1 : 2 } };
	struct buf b = { 0 };
	int code = agent_containers(h->a, &r, h->now, &b);

	put(body, len, buf_cstr(&b));
	buf_fini(&b);
	return code;
}

T(containers_are_listed_with_what_docker_ps_shows)
{
	char body[4096];
	struct host h;

	init(&h);
	h.task = checked_task();
	publish(h.task, 8080);
	run(&h, h.task);
	wait_ms(&h, 60000 * 5);
	EQ(ask(&h, OP_CONTAINER_LIST, NULL, NULL, body, sizeof(body)), 200);
	OK(strstr(body, "\"Names\":[\"/web.1.t1\"]") != NULL);
	OK(strstr(body, "\"Image\":\"whoami\"") != NULL);
	OK(strstr(body, "Up 5 minutes (health: starting)\"") != NULL);
	OK(strstr(body, "\"PublicPort\":8080") != NULL);
	OK(strstr(body, "\"com.docker.swarm.task.id\":\"t1\"") != NULL);
	OK(strstr(body, "\"IPAddress\":\"172.30.0.2\"") != NULL);
	exits(&h, "t1", 3);
	wait_ms(&h, 3000);
	ask(&h, OP_CONTAINER_LIST, NULL, NULL, body, sizeof(body));
	OK(strstr(body, "\"Status\":\"Exited (3) 3 seconds ago\"") != NULL);
	OK(strstr(body, "\"State\":\"exited\"") != NULL);
	fini(&h);
}

T(the_image_gives_what_the_service_leaves_open)
{
	static const char *const entrypoint[] = { "/bin/program" };
	static const char *const cmd[] = { "by default" };
	static const char *const env[] = { "A=image", "B=image" };
	static const char *const own_env[] = { "A=service" };
	static const char *const own_args[] = { "one two", "3" };
	static const char *const exposed[] = { "80/tcp", "junk" };
	const struct runner_image image = {
		.id = "sha256:12",
		.entrypoint = { (const char **)entrypoint, 1 },
		.cmd = { (const char **)cmd, 1 },
		.env = { (const char **)env, 2 },
		.exposed_ports = { (const char **)exposed, 2 },
	};
	const struct runner_report r = { .news = RUNNER_PREPARED,
					 .task_id = "t1",
					 .image = &image };
	char body[8192];
	struct host h;

	for (int with_args = 0; with_args < 2; with_args++) {
		init(&h);
		h.task = task_new("t1", 1);
		h.task->spec.container->env =
			(struct strings){ (const char **)own_env, 1 };
		if (with_args)
			h.task->spec.container->args =
				(struct strings){ (const char **)own_args, 2 };
		assign(&h, h.task);
		report_full(&h, &r);
		report(&h, "t1", RUNNER_STARTED);
		ask(&h, OP_CONTAINER_LIST, NULL, NULL, body, sizeof(body));
		OK(strstr(body,
			  with_args ? "\"Command\":\"/bin/program 'one two' 3\""
				    : "\"Command\":\"/bin/program "
				      "'by default'\"") != NULL);
		OK(strstr(body, "\"ImageID\":\"sha256:12\"") != NULL);
		OK(strstr(body, "[{\"PrivatePort\":80,\"Type\":\"tcp\"}]") !=
		   NULL);
		ask(&h, OP_CONTAINER_INSPECT, "t1", NULL, body, sizeof(body));
		OK(strstr(body, "\"Path\":\"/bin/program\"") != NULL);
		OK(strstr(body, "\"Env\":[\"A=service\",\"B=image\"]") != NULL);
		fini(&h);
	}
}

T(containers_are_filtered)
{
	static const struct {
		const char *filters;
		int code;
		bool shown;
	} rows[] = {
		{ "{\"name\":{\"web\":true}}", 200, true },
		{ "{\"name\":{\"/web\":true}}", 200, true },
		{ "{\"name\":{\"db\":true}}", 200, false },
		{ "{\"status\":{\"running\":true}}", 200, true },
		{ "{\"status\":{\"exited\":true}}", 200, false },
		{ "{\"label\":{\"com.docker.swarm.task\":true}}", 200, true },
		{ "{\"label\":{\"com.docker.swarm.task.id=t2\":true}}", 200,
		  false },
		{ "{\"ancestor\":{\"whoami\":true}}", 200, true },
		{ "{\"is-task\":{\"false\":true}}", 200, false },
		{ "{\"health\":{\"none\":true}}", 200, true },
		{ "{\"colour\":{\"red\":true}}", 400, false },
	};
	char body[4096];
	struct host h;

	init(&h);
	h.task = task_new("t1", 1);
	run(&h, h.task);
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		T_ROW(rows[i].filters);
		EQ(ask(&h, OP_CONTAINER_LIST, NULL, rows[i].filters, body,
		       sizeof(body)),
		   rows[i].code);
		EQ(strstr(body, "web.1.t1") != NULL, rows[i].shown);
	}
	fini(&h);
}

T(a_container_is_found_by_its_names)
{
	const char *id = NULL, *id2 = NULL;
	char body[4096], prefix[8];
	struct host h;

	init(&h);
	h.task = task_new("t1", 1);
	run(&h, h.task);
	OK(agent_container(h.a, "web.1.t1", &id) != NULL);
	EQ(strlen(id), 64);
	OK(agent_container(h.a, "t1", &id2) != NULL);
	OK(agent_container(h.a, id, &id2) != NULL);
	snprintf(prefix, sizeof(prefix), "%.6s", id);
	OK(agent_container(h.a, prefix, &id2) != NULL);
	EQ_STR(id, id2);
	OK(agent_container(h.a, "nobody", &id2) == NULL);
	EQ(ask(&h, OP_CONTAINER_INSPECT, prefix, NULL, body, sizeof(body)),
	   200);
	OK(strstr(body, "\"Pid\":77") != NULL);
	OK(strstr(body, "\"Tty\":false") != NULL);
	EQ(ask(&h, OP_CONTAINER_INSPECT, "nobody", NULL, body, sizeof(body)),
	   404);
	EQ_STR(body, "{\"message\":\"No such container: nobody\"}");
	fini(&h);
}
