/* naming_test.c - derived names, defaults, image references. */
#include "core/model/naming.h"

#include "core/base/str.h"
#include "test/t.h"

static struct arena arena;

T(tasks_are_named_by_slot_or_by_node)
{
	struct task t = { .head = { .id = "ID" },
			  .service_name = "web",
			  .slot = 3,
			  .node_id = "NODE" };

	EQ_STR(task_name(&t, &arena), "web.3.ID");
	t.slot = 0;
	EQ_STR(task_name(&t, &arena), "web.NODE.ID");
	t.name = "given";
	EQ_STR(task_name(&t, &arena), "given");
	arena_fini(&arena);
}

T(absent_fields_have_swarms_defaults)
{
	struct restart_policy r = { .delay_ns = { true, 0 } };
	struct container_spec c = { .stop_grace_period_ns = { true, 0 } };
	struct replicated_mode m = { .replicas = { true, 0 } };
	struct service_spec s = { 0 };

	EQ(restart_condition_of(&s.task), RESTART_ANY);
	EQ(restart_delay_ns(&s.task), 5 * NS_PER_S);
	EQ(stop_grace_ns(&s.task), 10 * NS_PER_S);
	EQ(service_replicas(&s), 1);
	OK(!service_is_global(&s));
	s.task.restart = &r;
	s.task.container = &c;
	s.mode.replicated = &m;
	EQ(restart_condition_of(&s.task), RESTART_ANY);
	EQ(restart_delay_ns(&s.task), 0);
	EQ(stop_grace_ns(&s.task), 0);
	EQ(service_replicas(&s), 0);
	r.condition = RESTART_NONE;
	EQ(restart_condition_of(&s.task), RESTART_NONE);
}

T(states_after_running_are_ended)
{
	for (int i = TASK_NEW; i <= TASK_ORPHANED; i++)
		EQ(task_state_ended(i), i > TASK_RUNNING);
}

T(defaults_are_filled_in_as_docker_does)
{
	static const char given[] =
		"{\"Name\":\"a\",\"TaskTemplate\":{\"ContainerSpec\":"
		"{\"Image\":\"i\"}}}";
	static const char want[] =
		"{\"Name\":\"a\",\"Labels\":{},\"TaskTemplate\":{"
		"\"ContainerSpec\":{\"Image\":\"i\","
		"\"StopGracePeriod\":10000000000,\"DNSConfig\":{}},"
		"\"Resources\":{},\"RestartPolicy\":{\"Condition\":\"any\","
		"\"Delay\":5000000000,\"MaxAttempts\":0},"
		"\"Placement\":{},\"ForceUpdate\":0},"
		"\"Mode\":{\"Replicated\":{\"Replicas\":1}},"
		"\"UpdateConfig\":{\"Parallelism\":1,\"FailureAction\":"
		"\"pause\",\"Monitor\":5000000000,\"MaxFailureRatio\":0,"
		"\"Order\":\"stop-first\"},"
		"\"RollbackConfig\":{\"Parallelism\":1,\"FailureAction\":"
		"\"pause\",\"Monitor\":5000000000,\"MaxFailureRatio\":0,"
		"\"Order\":\"stop-first\"},\"EndpointSpec\":{\"Mode\":\"vip\"}"
		"}";
	struct service_spec s, full;
	struct buf out = { 0 };
	struct err e;

	EQ(model_json_read(&service_spec_type, given, strlen(given), &arena, &s,
			   &e),
	   0);
	service_spec_with_defaults(&s, &arena, &full);
	model_json_write(&service_spec_type, &full, &out);
	EQ_STR(buf_cstr(&out), want);
	OK(s.update == NULL); /* the given one is as it was */
	buf_fini(&out);
	arena_fini(&arena);
}

T(what_is_given_is_not_a_default)
{
	struct empty nothing = { 0 };
	struct update_config u = { .parallelism = 0,
				   .failure_action = FAILURE_CONTINUE };
	struct service_spec s = { .mode.global = &nothing, .update = &u }, full;

	service_spec_with_defaults(&s, &arena, &full);
	OK(full.mode.replicated == NULL);
	EQ(full.update->parallelism, 0);
	EQ(full.update->failure_action, FAILURE_CONTINUE);
	arena_fini(&arena);
}

#define HEX64 "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

T(references_have_a_full_and_a_familiar_form)
{
	static const struct {
		const char *text, *domain, *path, *tag, *digest, *familiar;
	} rows[] = {
		{ "nginx", "docker.io", "library/nginx", "latest", NULL,
		  "nginx:latest" },
		{ "nginx:1.25", "docker.io", "library/nginx", "1.25", NULL,
		  "nginx:1.25" },
		{ "swarm/whoami", "docker.io", "swarm/whoami", "latest", NULL,
		  "swarm/whoami:latest" },
		{ "docker.io/nginx", "docker.io", "library/nginx", "latest",
		  NULL, "nginx:latest" },
		{ "index.docker.io/nginx", "docker.io", "library/nginx",
		  "latest", NULL, "nginx:latest" },
		{ "docker.io/library/a", "docker.io", "library/a", "latest",
		  NULL, "a:latest" },
		{ "library/a/b", "docker.io", "library/a/b", "latest", NULL,
		  "library/a/b:latest" },
		{ "localhost/a", "localhost", "a", "latest", NULL,
		  "localhost/a:latest" },
		{ "localhost:5000/a/b:t", "localhost:5000", "a/b", "t", NULL,
		  "localhost:5000/a/b:t" },
		{ "localhost:5000", "docker.io", "library/localhost", "5000",
		  NULL, "localhost:5000" },
		{ "ghcr.io/x/y_z", "ghcr.io", "x/y_z", "latest", NULL,
		  "ghcr.io/x/y_z:latest" },
		{ "Host/a", "Host", "a", "latest", NULL, "Host/a:latest" },
		{ "[::1]:5000/a", "[::1]:5000", "a", "latest", NULL,
		  "[::1]:5000/a:latest" },
		{ "a@sha256:" HEX64, "docker.io", "library/a", NULL,
		  "sha256:" HEX64, "a@sha256:" HEX64 },
		{ "a:t@sha256:" HEX64, "docker.io", "library/a", "t",
		  "sha256:" HEX64, "a:t@sha256:" HEX64 },
		{ "a__b-c---d.e", "docker.io", "library/a__b-c---d.e", "latest",
		  NULL, "a__b-c---d.e:latest" },
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct image_ref r;
		struct err e = { "" };
		int code = image_ref_parse(rows[i].text, &arena, &r, &e);

		T_ROW(rows[i].text);
		EQ_STR(e.msg, "");
		EQ(code, 0);
		EQ_STR(r.domain, rows[i].domain);
		EQ_STR(r.path, rows[i].path);
		EQ_STR(str_or(r.tag, ""), str_or(rows[i].tag, ""));
		EQ_STR(str_or(r.digest, ""), str_or(rows[i].digest, ""));
		EQ_STR(image_ref_familiar(&r, &arena, true), rows[i].familiar);
	}
	arena_fini(&arena);
}

T(the_familiar_form_can_do_without_the_digest)
{
	struct image_ref r;
	struct err e;

	EQ(image_ref_parse("a:t@sha256:" HEX64, &arena, &r, &e), 0);
	EQ_STR(image_ref_familiar(&r, &arena, false), "a:t");
	arena_fini(&arena);
}

T(what_is_not_a_reference_is_refused)
{
	static const char *const rows[] = {
		"",
		":t",
		"a:",
		"Nginx",
		"a/B",
		"a//b",
		"/a",
		"a/",
		"a b",
		"-a",
		"a-",
		"a___b",
		"a..b",
		"a._b",
		"a:t:u",
		"a@sha256:12",
		"a@md5:" HEX64,
		HEX64,
		"-host.x/a",
		"host-.x/a",
		"h:x/a",
		"h.:1/a",
		"h.x:/a",
		"a:-t",
		"a:.t",
		"https://a/b",
		"../a",
		"a/../b",
		"a@",
		"[::1/a",
		"[]:5/a",
		"a\n",
		"\xc3\xa9",
		"a@sha256:0123456789ABCDEF0123456789abcdef"
		"0123456789abcdef0123456789abcdef",
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct image_ref r = { .path = "as it was" };
		struct err e = { "" };

		T_ROW(rows[i]);
		EQ(image_ref_parse(rows[i], &arena, &r, &e), -22);
		OK(str_starts(e.msg, "invalid reference format"));
		EQ_STR(r.path, "as it was");
	}
	EQ(image_ref_parse(NULL, &arena, &(struct image_ref){ 0 },
			   &(struct err){ "" }),
	   -22);
	arena_fini(&arena);
}

T(names_and_tags_have_a_longest_form)
{
	char tag[140] = "a:", name[300] = "";
	struct image_ref r;
	struct err e;

	memset(tag + 2, 't', 128);
	EQ(image_ref_parse(tag, &arena, &r, &e), 0);
	tag[130] = 't';
	EQ(image_ref_parse(tag, &arena, &r, &e), -22);
	memset(name, 'n', 255 - strlen("docker.io/library/"));
	EQ(image_ref_parse(name, &arena, &r, &e), 0);
	name[strlen(name)] = 'n';
	EQ(image_ref_parse(name, &arena, &r, &e), -22);
	arena_fini(&arena);
}
