/* What each request is answered, on real tables. */
#include "test/unit/core/manager/world.h"

/* As the docker command line sends them (28.2, recorded). */
#define CREATE_WEB                                                             \
	"{\"Name\":\"web\",\"Labels\":{},\"TaskTemplate\":{\"ContainerSpec\":" \
	"{\"Image\":\"nosuch:1\",\"Init\":false,\"DNSConfig\":{}},"            \
	"\"Resources\":{\"Limits\":{},\"Reservations\":{}},"                   \
	"\"Placement\":{},\"ForceUpdate\":0},\"Mode\":{\"Replicated\":{}},"    \
	"\"EndpointSpec\":{\"Mode\":\"vip\"}}"
#define CREATE_W2                                                              \
	"{\"Name\":\"w2\",\"Labels\":{\"a\":\"b\"},\"TaskTemplate\":{"         \
	"\"ContainerSpec\":{\"Image\":\"nosuch:1\",\"Args\":[\"cmd\","         \
	"\"arg\"],\"Env\":[\"A=1\"],\"Init\":true,\"Mounts\":[{\"Type\":"      \
	"\"tmpfs\",\"Target\":\"/x\"},{\"Type\":\"volume\",\"Source\":\"vo\"," \
	"\"Target\":\"/y\"},{\"Type\":\"bind\",\"Source\":\"/etc\","           \
	"\"Target\":\"/z\"}],\"Healthcheck\":{\"Test\":[\"CMD-SHELL\","        \
	"\"x\"]},\"DNSConfig\":{}},\"Resources\":{\"Limits\":{"                \
	"\"MemoryBytes\":67108864},\"Reservations\":{}},\"RestartPolicy\":{"   \
	"\"Condition\":\"none\",\"Delay\":5000000000,\"MaxAttempts\":0},"      \
	"\"Placement\":{\"Constraints\":[\"node.role==manager\"]},"            \
	"\"Networks\":[{\"Target\":\"host\"}],\"LogDriver\":{\"Name\":"        \
	"\"json-file\",\"Options\":{\"max-size\":\"1m\"}},\"ForceUpdate\":0}," \
	"\"Mode\":{\"Global\":{}},\"UpdateConfig\":{\"Parallelism\":1,"        \
	"\"FailureAction\":\"pause\",\"Monitor\":5000000000,"                  \
	"\"MaxFailureRatio\":0,\"Order\":\"start-first\"},\"EndpointSpec\":{"  \
	"\"Mode\":\"vip\",\"Ports\":[{\"Protocol\":\"tcp\",\"TargetPort\":80," \
	"\"PublishedPort\":8080,\"PublishMode\":\"host\"}]}}"
#define WEB(more)                                                              \
	"{\"Name\":\"web\",\"TaskTemplate\":{\"ContainerSpec\":{\"Image\":"    \
	"\"x\"}}" more "}"

struct row {
	const char *method, *path, *body;
	int status;
	const char *part; /* of the answer */
};

static void
check_rows(struct world *w, const struct row *rows, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		T_ROW(arena_printf(&w->arena, "%s %s", rows[i].method,
				   rows[i].path));
		EQ(ask(w, rows[i].method, rows[i].path, rows[i].body),
		   rows[i].status);
		if (!strstr(answer(w), rows[i].part))
			EQ_STR(answer(w), rows[i].part);
	}
}

T(outside_a_cluster_most_is_refused)
{
	static const struct row rows[] = {
		{ "GET", "/version", NULL, 200, "\"ApiVersion\":\"1.50\"" },
		{ "GET", "/version", NULL, 200, "\"Arch\":\"amd64\"" },
		{ "GET", "/info", NULL, 200,
		  "\"Swarm\":{\"NodeID\":\"\",\"NodeAddr\":\"\","
		  "\"LocalNodeState\":\"inactive\"," },
		{ "GET", "/info", NULL, 200, "\"NCPU\":4" },
		{ "GET", "/info", NULL, 200, "\"DefaultRuntime\":\"runc\"" },
		{ "GET", "/swarm", NULL, 503,
		  "This node is not a swarm manager. " },
		{ "GET", "/services", NULL, 503,
		  "This node is not a swarm manager. " },
		{ "GET", "/nodes", NULL, 503,
		  "This node is not a swarm manager. " },
		{ "GET", "/networks", NULL, 200, "[]\n" },
		{ "GET", "/networks/host", NULL, 404,
		  "network host not found" },
		{ "GET", "/volumes", NULL, 501,
		  "listing volumes is not supported yet" },
		{ "POST", "/networks/create", "{}", 501,
		  "creating networks is not supported yet" },
		{ "POST", "/auth", "{}", 501, "is not supported yet" },
		{ "POST", "/swarm/init", "{\"DataPathPort\":80}", 400,
		  "Invalid data path port number: 80, must be between 1024 "
		  "and 49151" },
		{ "POST", "/swarm/init", "{\"DefaultAddrPool\":[\"x\"]}", 400,
		  "invalid DefaultAddrPool \\\"x\\\"" },
		{ "POST", "/swarm/init",
		  "{\"DefaultAddrPool\":[\"10.0.0.0/28\"]}", 400,
		  "invalid CIDR \\\"10.0.0.0/28\\\"" },
		{ "POST", "/swarm/init", "{\"SubnetSize\":30}", 400,
		  "invalid SubnetSize 30" },
		{ "POST", "/swarm/init",
		  "{\"Spec\":{\"CAConfig\":{\"ExternalCAs\":[{\"URL\":\"x\"}]}"
		  "}}",
		  501, "--external-ca is not supported yet" },
		{ "POST", "/swarm/init", "{\"Availability\":\"what\"}", 400,
		  "Availability" },
		{ "POST", "/swarm/init", "{", 400, "message" },
	};
	struct world w;

	world_open(&w);
	check_rows(&w, rows, ARRAY_LEN(rows));
	world_close(&w);
}

T(init_makes_a_cluster_with_dockers_defaults)
{
	static const struct row rows[] = {
		{ "POST", "/swarm/init",
		  "{\"ListenAddr\":\"0.0.0.0:2377\",\"AdvertiseAddr\":"
		  "\"192.168.0.7:2377\",\"Spec\":{\"Orchestration\":{},"
		  "\"Raft\":{},\"Dispatcher\":{},\"CAConfig\":{}},"
		  "\"Availability\":\"active\",\"DefaultAddrPool\":null}",
		  200, "\"" WORLD_NODE "\"\n" },
		{ "GET", "/swarm", NULL, 200, "{\"ID\":\"" WORLD_CLUSTER "\"" },
		{ "GET", "/swarm", NULL, 200,
		  "\"Spec\":{\"Name\":\"default\",\"Labels\":{},"
		  "\"Orchestration\":{\"TaskHistoryRetentionLimit\":5},"
		  "\"Raft\":{\"SnapshotInterval\":10000,"
		  "\"KeepOldSnapshots\":0,\"LogEntriesForSlowFollowers\":500,"
		  "\"ElectionTick\":10,\"HeartbeatTick\":1},"
		  "\"Dispatcher\":{\"HeartbeatPeriod\":5000000000},"
		  "\"CAConfig\":{\"NodeCertExpiry\":7776000000000000},"
		  "\"TaskDefaults\":{},"
		  "\"EncryptionConfig\":{\"AutoLockManagers\":false}}" },
		{ "GET", "/swarm", NULL, 200,
		  "\"DefaultAddrPool\":[\"10.0.0.0/8\"],\"SubnetSize\":24,"
		  "\"DataPathPort\":4789,\"JoinTokens\":" },
		{ "GET", "/info", NULL, 200,
		  "\"NodeAddr\":\"10.0.0.1\",\"LocalNodeState\":\"active\","
		  "\"ControlAvailable\":true,\"Error\":\"\","
		  "\"RemoteManagers\":[{\"NodeID\":\"" WORLD_NODE
		  "\",\"Addr\":\"10.0.0.1:2377\"}],\"Nodes\":1,"
		  "\"Managers\":1,\"Cluster\":{\"ID\":\"" WORLD_CLUSTER "\"" },
		{ "GET", "/info", NULL, 200, "\"DataPathPort\":4789}}" },
		{ "GET", "/swarm/unlockkey", NULL, 200,
		  "{\"UnlockKey\":\"\"}" },
		{ "GET", "/secrets", NULL, 200, "[]\n" },
		{ "GET", "/configs", NULL, 200, "[]\n" },
		{ "POST", "/swarm/update?version=9", "{}", 500,
		  "update out of sequence" },
		{ "POST", "/swarm/update?version=1", "{\"Name\":\"other\"}",
		  400, "swarm spec must be named \\\"default\\\"" },
		{ "POST", "/swarm/update?version=1",
		  "{\"CAConfig\":{\"SigningCAKey\":\"k\"}}", 400,
		  "if a signing CA key is provided, the signing CA cert must "
		  "also be provided" },
		{ "POST", "/swarm/update?version=1",
		  "{\"Name\":\"default\",\"Orchestration\":{"
		  "\"TaskHistoryRetentionLimit\":2}}",
		  200, "" },
		{ "GET", "/swarm", NULL, 200,
		  "\"TaskHistoryRetentionLimit\":2" },
	};
	struct world w;

	world_open(&w);
	check_rows(&w, rows, ARRAY_LEN(rows));
	world_close(&w);
}

T(nodes_are_shown_and_changed)
{
	static const struct row rows[] = {
		{ "GET", "/nodes", NULL, 200,
		  "\"Spec\":{\"Labels\":{},\"Role\":\"manager\","
		  "\"Availability\":\"active\"}" },
		{ "GET", "/nodes/host-a", NULL, 200,
		  "\"ManagerStatus\":{\"Leader\":true,"
		  "\"Reachability\":\"reachable\",\"Addr\":\"10.0.0.1:"
		  "2377\"}" },
		{ "GET", "/nodes/node0", NULL, 200, WORLD_NODE },
		{ "GET", "/nodes/zz", NULL, 404, "node zz not found" },
		{ "GET", "/nodes?filters={\"role\":[\"worker\"]}", NULL, 200,
		  "[]\n" },
		{ "GET", "/nodes?filters={\"role\":[\"x\"]}", NULL, 400,
		  "Invalid role filter: 'x'" },
		{ "GET", "/nodes?filters={\"membership\":[\"pending\"]}", NULL,
		  200, "[]\n" },
		{ "GET", "/nodes?filters={\"name\":[\"host\"]}", NULL, 200,
		  WORLD_NODE },
		{ "GET", "/nodes?filters={\"zz\":[\"x\"]}", NULL, 400,
		  "invalid filter 'zz'" },
		{ "POST", "/nodes/host-a/update?version=1",
		  "{\"Role\":\"worker\",\"Availability\":\"active\"}", 400,
		  "attempting to demote the last manager of the swarm" },
		{ "POST", "/nodes/host-a/update?version=1",
		  "{\"Role\":\"manager\"}", 400, "invalid Availability" },
		{ "POST", "/nodes/host-a/update?version=x", "{}", 400,
		  "invalid node version 'x'" },
		{ "POST", "/nodes/host-a/update?version=1",
		  "{\"Role\":\"manager\",\"Availability\":\"drain\","
		  "\"Labels\":{\"disk\":\"ssd\"}}",
		  200, "" },
		{ "GET", "/nodes?filters={\"node.label\":[\"disk=ssd\"]}", NULL,
		  200, "\"Availability\":\"drain\"" },
		{ "POST", "/nodes/host-a/update?version=1",
		  "{\"Role\":\"manager\",\"Availability\":\"drain\"}", 500,
		  "rpc error: code = Unknown desc = update out of sequence" },
		{ "DELETE", "/nodes/host-a?force=1", NULL, 400,
		  "is a cluster manager and is a member of the raft cluster. "
		  "It must be demoted to worker before removal" },
	};
	struct world w;

	world_init(&w);
	check_rows(&w, rows, ARRAY_LEN(rows));
	world_close(&w);
}

T(predefined_networks_are_found_by_name)
{
	static const struct row rows[] = {
		{ "GET", "/networks/host?scope=swarm", NULL, 200,
		  "{\"Name\":\"host\",\"Id\":\"host\",\"Created\":\"2023-11-"
		  "14T22:13:21Z\",\"Scope\":\"swarm\",\"Driver\":\"host\"," },
		{ "GET", "/networks/none", NULL, 200, "\"Driver\":\"null\"" },
		{ "GET", "/networks?filters={\"name\":{\"brid\":true}}", NULL,
		  200, "[{\"Name\":\"bridge\"" },
		{ "GET", "/networks?filters={\"scope\":[\"local\"]}", NULL, 200,
		  "[]\n" },
		{ "GET", "/networks?filters={\"driver\":[\"overlay\"]}", NULL,
		  200, "[]\n" },
		{ "GET", "/networks/zz", NULL, 404, "network zz not found" },
	};
	struct world w;

	world_init(&w);
	check_rows(&w, rows, ARRAY_LEN(rows));
	world_close(&w);
}

T(what_the_docker_client_creates_is_stored_as_docker_stores_it)
{
	static const struct row rows[] = {
		{ "POST", "/v1.50/services/create", CREATE_WEB, 201,
		  "{\"ID\":\"" },
		{ "GET", "/services/web", NULL, 200,
		  "\"Spec\":{\"Name\":\"web\",\"Labels\":{},\"TaskTemplate\":{"
		  "\"ContainerSpec\":{\"Image\":\"nosuch:1\",\"Init\":false,"
		  "\"DNSConfig\":{},\"Isolation\":\"default\"},\"Resources\":{"
		  "\"Limits\":{},\"Reservations\":{}},\"Placement\":{},"
		  "\"ForceUpdate\":0,\"Runtime\":\"container\"},\"Mode\":{"
		  "\"Replicated\":{\"Replicas\":1}},\"EndpointSpec\":{"
		  "\"Mode\":\"vip\"}},\"Endpoint\":{\"Spec\":{}}}" },
		{ "POST", "/v1.50/services/create", CREATE_W2, 201,
		  "{\"ID\":\"" },
		{ "GET", "/services/w2", NULL, 200,
		  "\"Endpoint\":{\"Spec\":{\"Mode\":\"vip\",\"Ports\":[{"
		  "\"Protocol\":\"tcp\",\"TargetPort\":80,"
		  "\"PublishedPort\":8080,\"PublishMode\":\"host\"}]},"
		  "\"Ports\":[{\"Protocol\":\"tcp\",\"TargetPort\":80," },
		{ "GET", "/services/w2", NULL, 200,
		  "\"RestartPolicy\":{\"Condition\":\"none\","
		  "\"Delay\":5000000000,\"MaxAttempts\":0},\"Placement\":{"
		  "\"Constraints\":[\"node.role==manager\"]},\"Networks\":[{"
		  "\"Target\":\"host\"}],\"LogDriver\":{\"Name\":"
		  "\"json-file\",\"Options\":{\"max-size\":\"1m\"}},"
		  "\"ForceUpdate\":0,\"Runtime\":\"container\"},\"Mode\":{"
		  "\"Global\":{}},\"UpdateConfig\":{\"Parallelism\":1,"
		  "\"FailureAction\":\"pause\",\"Monitor\":5000000000,"
		  "\"MaxFailureRatio\":0,\"Order\":\"start-first\"}" },
		{ "GET", "/services/web?insertDefaults=true", NULL, 200,
		  "\"RestartPolicy\":{\"Condition\":\"any\","
		  "\"Delay\":5000000000,\"MaxAttempts\":0}" },
		{ "POST", "/services/create", CREATE_WEB, 409,
		  "rpc error: code = AlreadyExists desc = name conflicts with "
		  "an existing object: service web already exists" },
		{ "GET", "/services?status=true", NULL, 200,
		  "\"ServiceStatus\":{\"RunningTasks\":0,\"DesiredTasks\":1,"
		  "\"CompletedTasks\":0}" },
		{ "GET", "/services?filters={\"mode\":[\"global\"]}", NULL, 200,
		  "\"Name\":\"w2\"" },
		{ "GET", "/services?filters={\"label\":[\"a=c\"]}", NULL, 200,
		  "[]\n" },
		{ "GET", "/services/w", NULL, 404, "service w not found" },
		{ "POST", "/services/create", NULL, 400,
		  "the request has no body: want a ServiceSpec as JSON" },
	};
	struct world w;

	world_init(&w);
	check_rows(&w, rows, ARRAY_LEN(rows));
	world_close(&w);
}

T(services_without_a_name_get_one)
{
	struct world w;
	const struct service *s;

	world_init(&w);
	for (int i = 0; i < 50; i++) {
		EQ(ask(&w, "POST", "/services/create",
		       "{\"TaskTemplate\":{\"ContainerSpec\":{\"Image\":\"x\"}"
		       "}}"),
		   201);
		s = state_get(w.state, OBJECT_SERVICE, w.id);
		OK(strchr(s->spec.name, '_') != NULL);
	}
	EQ(state_count(w.state, OBJECT_SERVICE), 50);
	world_close(&w);
}

T(updates_keep_the_previous_spec_and_check_the_version)
{
	struct world w;
	const struct service *s;

	world_init(&w);
	EQ(ask(&w, "POST", "/services/create", CREATE_WEB), 201);
	EQ(update(&w, "web", "",
		  WEB(",\"Mode\":{\"Replicated\":{\"Replicas\":3}}")),
	   200);
	EQ_STR(answer(&w), "{\"Warnings\":null}\n");
	s = world_service(&w, "web");
	EQ(s->spec.mode.replicated->replicas.v, 3);
	EQ(s->previous_spec->mode.replicated->replicas.v, 1);
	EQ(s->spec_version, 2);
	EQ(s->head.version.index, 3);
	OK(s->update_status == NULL);
	EQ(ask(&w, "POST", "/services/web/update?version=2", WEB("")), 500);
	OK(strstr(answer(&w), "update out of sequence") != NULL);
	EQ(ask(&w, "POST", "/services/web/update", WEB("")), 400);
	EQ(update(&w, "web", "", WEB(",\"Mode\":{\"Global\":{}}")), 501);
	OK(strstr(answer(&w), "service mode change is not allowed") != NULL);
	EQ(update(&w, "web", "",
		  "{\"Name\":\"we\",\"TaskTemplate\":{\"ContainerSpec\":{"
		  "\"Image\":\"x\"}}}"),
	   501);
	OK(strstr(answer(&w), "renaming services is not supported") != NULL);
	world_close(&w);
}

T(rollback_swaps_the_specs)
{
	struct world w;
	const struct service *s;

	world_init(&w);
	EQ(ask(&w, "POST", "/services/create", CREATE_WEB), 201);
	EQ(update(&w, "web", "&rollback=previous", CREATE_WEB), 400);
	OK(strstr(answer(&w), "does not have a previous spec") != NULL);
	EQ(update(&w, "web", "&rollback=what", CREATE_WEB), 400);
	OK(strstr(answer(&w), "unrecognized rollback option what") != NULL);
	EQ(update(&w, "web", "", WEB("")), 200);
	EQ(update(&w, "web", "&rollback=previous", "{}"), 200);
	s = world_service(&w, "web");
	EQ_STR(s->spec.task.container->image, "nosuch:1");
	EQ_STR(s->previous_spec->task.container->image, "x");
	EQ(s->update_status->state, UPDATE_ROLLBACK_STARTED);
	EQ(update(&w, "web", "", WEB("")), 200);
	OK(world_service(&w, "web")->update_status == NULL);
	world_close(&w);
}

T(ids_resolve_by_id_then_name_then_start)
{
	struct world w;
	const struct service *s;
	char start[12];

	world_init(&w);
	EQ(ask(&w, "POST", "/services/create", CREATE_WEB), 201);
	snprintf(start, sizeof(start), "%.11s", w.id);
	EQ(ask(&w, "GET", arena_printf(&w.arena, "/services/%s", start), NULL),
	   200);
	OK(strstr(answer(&w), "\"Name\":\"web\"") != NULL);
	/* A service whose name is the start of the other's id wins. */
	EQ(ask(&w, "POST", "/services/create",
	       arena_printf(&w.arena,
			    "{\"Name\":\"%s\",\"TaskTemplate\":{"
			    "\"ContainerSpec\":{\"Image\":\"x\"}}}",
			    start)),
	   201);
	EQ(ask(&w, "GET", arena_printf(&w.arena, "/services/%s", start), NULL),
	   200);
	OK(strstr(answer(&w), w.id) != NULL);
	s = world_service(&w, "web");
	EQ(ask(&w, "DELETE", arena_printf(&w.arena, "/services/%s", s->head.id),
	       NULL),
	   200);
	EQ(ask(&w, "GET", "/services/web", NULL), 404);
	EQ(ask(&w, "DELETE", "/services/web", NULL), 404);
	world_close(&w);
}

T(a_start_that_many_ids_have_is_ambiguous)
{
	struct world w;
	char body[160];

	world_init(&w);
	/* 37 ids of 36 letters: two have the same first one. */
	for (int i = 0; i < 37; i++) {
		snprintf(body, sizeof(body),
			 "{\"Name\":\"long-name-%d\",\"TaskTemplate\":{"
			 "\"ContainerSpec\":{\"Image\":\"x\"}}}",
			 i);
		EQ(ask(&w, "POST", "/services/create", body), 201);
	}
	for (char c = '0'; c <= 'z'; c = c == '9' ? 'a' : (char)(c + 1)) {
		snprintf(body, sizeof(body), "/services/%c", c);
		if (ask(&w, "GET", body, NULL) == 400)
			break;
	}
	OK(strstr(answer(&w), " is ambiguous (") != NULL);
	world_close(&w);
}

/* ---- tasks ----------------------------------------------------------------
 */

static void
put_task(struct world *w, const char *id, uint64_t slot, int state, int desired)
{
	const struct service *s = world_service(w, "web");
	struct task *t = object_new(OBJECT_TASK);
	struct arena *a = object_arena(t);
	struct tx tx = { 0 };

	t->head.id = arena_strdup(a, id);
	t->service_id = arena_strdup(a, s->head.id);
	t->service_name = "web";
	t->slot = slot;
	t->node_id = WORLD_NODE;
	t->status.state = state;
	t->desired_state = desired;
	t->spec_version = s->spec_version;
	model_copy(&task_spec_type, &s->spec.task, a, &t->spec);
	t->endpoint = arena_alloc(a, sizeof(*t->endpoint));
	t->endpoint->mode = ENDPOINT_VIP;
	tx_put(&tx, t, TX_ABSENT);
	world_apply(w, &tx);
	tx_fini(&tx);
}

#define TASKS(filters) "/tasks?filters=" filters

T(tasks_are_listed_by_filters)
{
	static const struct row rows[] = {
		{ "GET", "/tasks/web.1.task1", NULL, 200,
		  "\"Status\":{\"Timestamp\":" },
		{ "GET", "/tasks/task2", NULL, 200, "\"Slot\":2" },
		{ "GET", "/tasks/task", NULL, 400,
		  "task task is ambiguous (3 matches found)" },
		{ "GET", "/tasks/zz", NULL, 404, "task zz not found" },
		{ "GET", TASKS("{\"service\":[\"web\"]}"), NULL, 200,
		  "\"ID\":\"task3\"" },
		{ "GET", TASKS("{\"service\":[\"zz\"]}"), NULL, 404,
		  "service zz not found" },
		{ "GET", TASKS("{\"node\":[\"zz\"]}"), NULL, 404,
		  "node zz not found" },
		{ "GET", TASKS("{\"desired-state\":[\"x\"]}"), NULL, 400,
		  "Invalid desired-state filter: 'x'" },
		{ "GET", TASKS("{\"desired-state\":[\"shutdown\"]}"), NULL, 200,
		  "[{\"ID\":\"task2\"" },
		{ "GET", TASKS("{\"name\":[\"web.3\"]}"), NULL, 200,
		  "[{\"ID\":\"task3\"" },
		{ "GET", TASKS("{\"id\":[\"task1\"]}"), NULL, 200,
		  "[{\"ID\":\"task1\"" },
		{ "GET", TASKS("{\"runtime\":[\"plugin\"]}"), NULL, 200,
		  "[]\n" },
		{ "GET", TASKS("{\"_up-to-date\":[\"false\"]}"), NULL, 200,
		  "[]\n" },
		{ "GET", "/services?status=true", NULL, 200,
		  "{\"RunningTasks\":1,\"DesiredTasks\":1," },
	};
	struct world w;

	world_init(&w);
	EQ(ask(&w, "POST", "/services/create", CREATE_WEB), 201);
	put_task(&w, "task1", 1, TASK_RUNNING, TASK_RUNNING);
	put_task(&w, "task2", 2, TASK_FAILED, TASK_SHUTDOWN);
	put_task(&w, "task3", 3, TASK_PENDING, TASK_RUNNING);
	check_rows(&w, rows, ARRAY_LEN(rows));
	world_close(&w);
}

T(scaling_leaves_tasks_up_to_date_and_a_new_image_does_not)
{
	static const char asked[] = TASKS("{\"_up-to-date\":{\"true\":true}}");
	static const char scaled[] =
		"{\"Name\":\"web\",\"TaskTemplate\":{\"ContainerSpec\":{"
		"\"Image\":\"nosuch:1\",\"Init\":false,\"DNSConfig\":{}},"
		"\"Resources\":{\"Limits\":{},\"Reservations\":{}},"
		"\"Placement\":{}},\"Mode\":{\"Replicated\":{\"Replicas\":9}},"
		"\"EndpointSpec\":{\"Mode\":\"vip\"}}";
	struct world w;

	world_init(&w);
	EQ(ask(&w, "POST", "/services/create", CREATE_WEB), 201);
	put_task(&w, "task1", 1, TASK_RUNNING, TASK_RUNNING);
	EQ(update(&w, "web", "", scaled), 200);
	EQ(ask(&w, "GET", asked, NULL), 200);
	OK(strstr(answer(&w), "task1") != NULL);
	EQ(update(&w, "web", "", WEB("")), 200);
	EQ(ask(&w, "GET", asked, NULL), 200);
	EQ_STR(answer(&w), "[]\n");
	world_close(&w);
}

static int
logs(struct world *w, const char *path, struct log_selection *ret)
{
	struct request r = { 0 };
	struct err e;

	control_reply_fini(&w->reply);
	EQ(request_route("GET", path, &w->arena, &r, &e), 0);
	return control_logs(&w->env, &r, &w->arena, ret, &w->reply);
}

T(logs_are_of_tasks_that_ran_in_the_order_of_slots)
{
	struct log_selection sel;
	struct world w;

	world_init(&w);
	EQ(ask(&w, "POST", "/services/create", CREATE_WEB), 201);
	put_task(&w, "task1", 3, TASK_RUNNING, TASK_RUNNING);
	put_task(&w, "task2", 1, TASK_FAILED, TASK_SHUTDOWN);
	put_task(&w, "task3", 2, TASK_PENDING, TASK_RUNNING);
	OK(logs(&w, "/services/web/logs", &sel) < 0);
	EQ(w.reply.status, 400);
	OK(logs(&w, "/services/zz/logs?stdout=1", &sel) < 0);
	EQ(w.reply.status, 404);
	EQ(logs(&w, "/services/web/logs?stderr=1", &sel), 0);
	EQ(w.reply.status, 0);
	EQ(sel.count, 2);
	EQ_STR(sel.tasks[0]->head.id, "task2");
	EQ_STR(sel.tasks[1]->head.id, "task1");
	EQ(logs(&w, "/services/web/logs?stderr=1&follow=1", &sel), 0);
	EQ(sel.count, 3);
	EQ(logs(&w, "/tasks/task3/logs?stdout=1", &sel), 0);
	EQ(sel.count, 1);
	OK(sel.service_id == NULL);
	world_close(&w);
}

/* ---- events ---------------------------------------------------------------
 */

static const char *
event(struct world *w)
{
	static const struct now at = { 0, INT64_C(1234567890123456789) };
	struct buf line = { 0 };
	const char *text = "none";

	OK(w->changes.count == 1);
	if (control_event(&w->changes.v[0], at, &line))
		text = arena_strndup(&w->arena, line.p, line.len);
	buf_fini(&line);
	return text;
}

T(changes_become_dockers_events)
{
	struct world w;

	world_init(&w);
	EQ(ask(&w, "POST", "/services/create", CREATE_WEB), 201);
	EQ_STR(event(&w),
	       arena_printf(&w.arena,
			    "{\"Type\":\"service\",\"Action\":\"create\","
			    "\"Actor\":{\"ID\":\"%s\",\"Attributes\":{"
			    "\"name\":\"web\"}},\"scope\":\"swarm\","
			    "\"time\":1234567890,"
			    "\"timeNano\":1234567890123456789}\n",
			    w.id));
	put_task(&w, "task1", 1, TASK_RUNNING, TASK_RUNNING);
	EQ_STR(event(&w), "none");
	EQ(update(&w, "web", "",
		  WEB(",\"Mode\":{\"Replicated\":{\"Replicas\":3}}")),
	   200);
	OK(strstr(event(&w),
		  "\"Attributes\":{\"name\":\"web\",\"image.old\":\"nosuch:1\","
		  "\"image.new\":\"x\",\"replicas.old\":\"1\","
		  "\"replicas.new\":\"3\"}") != NULL);
	EQ(update(&w, "web", "&rollback=previous", "{}"), 200);
	OK(strstr(event(&w), "\"updatestate.new\":\"rollback_started\"") !=
	   NULL);
	EQ(ask(&w, "POST", "/nodes/host-a/update?version=1",
	       "{\"Role\":\"manager\",\"Availability\":\"drain\"}"),
	   200);
	OK(strstr(event(&w), "\"Attributes\":{\"name\":\"host-a\","
			     "\"availability.old\":\"active\","
			     "\"availability.new\":\"drain\"}") != NULL);
	EQ(ask(&w, "DELETE", "/services/web", NULL), 200);
	OK(strstr(event(&w), "\"Action\":\"remove\"") != NULL);
	world_close(&w);
}

T(event_filters_let_pass_what_they_name)
{
	static const struct {
		const char *filters;
		bool passes;
	} rows[] = {
		{ "", true },
		{ "{\"type\":[\"service\"]}", true },
		{ "{\"type\":[\"node\",\"container\"]}", false },
		{ "{\"event\":[\"create\"]}", true },
		{ "{\"event\":[\"remove\"]}", false },
		{ "{\"scope\":[\"swarm\"]}", true },
		{ "{\"scope\":[\"local\"]}", false },
		{ "{\"service\":[\"web\"]}", true },
		{ "{\"service\":[\"other\"]}", false },
		{ "{\"container\":[\"web\"]}", false },
		{ "{\"label\":[\"x\"]}", false },
	};
	struct world w;

	world_init(&w);
	EQ(ask(&w, "POST", "/services/create", CREATE_WEB), 201);
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct kv kv = { "filters", rows[i].filters };
		struct request r = { .query = { &kv, 1 } };
		struct event_filter *f;
		struct err e;

		T_ROW(rows[i].filters);
		EQ(control_event_filter_new(&r, &f, &e), 0);
		EQ(control_event_passes(f, &w.changes.v[0]), rows[i].passes);
		control_event_filter_free(f);
	}
	world_close(&w);
}
