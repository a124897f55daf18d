/* json_test.c - reading and writing JSON: Docker's shape, and refusals. */
#include "core/model/objects.h"
#include "test/t.h"

static struct arena arena;
static struct err e;

static int
read_spec(const char *text, struct service_spec *ret)
{
	return model_json_read(&service_spec_type, text, strlen(text), &arena,
			       ret, &e);
}

/* What dockerd 28 prints for a service made by "docker service create". */
static const char docker_service[] =
	"{\"ID\":\"9mnpnzenvg8p8tdbtq4wvbkcz\",\"Version\":{\"Index\":11},"
	"\"CreatedAt\":\"2024-11-20T22:00:00.123456789Z\","
	"\"UpdatedAt\":\"2024-11-20T22:00:01Z\","
	"\"Spec\":{\"Name\":\"web\",\"Labels\":{},"
	"\"TaskTemplate\":{\"ContainerSpec\":{\"Image\":\"nginx:latest\","
	"\"Args\":[\"-c\",\"a<b && c\"],\"Init\":false,"
	"\"Mounts\":[{\"Type\":\"bind\",\"Source\":\"/a\",\"Target\":\"/b\"}],"
	"\"StopGracePeriod\":10000000000,\"DNSConfig\":{},"
	"\"Isolation\":\"default\"},"
	"\"Resources\":{\"Limits\":{\"MemoryBytes\":67108864},"
	"\"Reservations\":{}},"
	"\"RestartPolicy\":{\"Condition\":\"any\",\"Delay\":5000000000,"
	"\"MaxAttempts\":0},\"Placement\":{},\"ForceUpdate\":0,"
	"\"Runtime\":\"container\"},"
	"\"Mode\":{\"Replicated\":{\"Replicas\":0}},"
	"\"UpdateConfig\":{\"Parallelism\":1,\"FailureAction\":\"pause\","
	"\"Monitor\":5000000000,\"MaxFailureRatio\":0,"
	"\"Order\":\"stop-first\"},"
	"\"EndpointSpec\":{\"Mode\":\"vip\",\"Ports\":[{\"Protocol\":\"tcp\","
	"\"TargetPort\":80,\"PublishedPort\":8080,"
	"\"PublishMode\":\"host\"}]}},"
	"\"Endpoint\":{\"Spec\":{}}}";

static const char docker_task[] =
	"{\"ID\":\"0kzzo1i0y4jz6027t0k7aezc7\",\"Version\":{\"Index\":71},"
	"\"CreatedAt\":\"2024-11-20T22:00:00Z\","
	"\"UpdatedAt\":\"2024-11-20T22:00:00Z\",\"Labels\":{},"
	"\"Spec\":{\"ContainerSpec\":{\"Image\":\"redis\"},\"Placement\":{},"
	"\"ForceUpdate\":0},\"ServiceID\":\"9mnpnzenvg8p8tdbtq4wvbkcz\","
	"\"Slot\":1,\"NodeID\":\"60gvrl6tm78dmak4yl7srz94v\","
	"\"Status\":{\"Timestamp\":\"2024-11-20T22:00:00Z\","
	"\"State\":\"running\",\"Message\":\"started\","
	"\"ContainerStatus\":{\"ContainerID\":\"e5d6\",\"PID\":677,"
	"\"ExitCode\":0},\"PortStatus\":{}},\"DesiredState\":\"running\","
	"\"Volumes\":null}";

static const char docker_node[] =
	"{\"ID\":\"60gvrl6tm78dmak4yl7srz94v\",\"Version\":{},"
	"\"CreatedAt\":\"0001-01-01T00:00:00Z\","
	"\"UpdatedAt\":\"0001-01-01T00:00:00Z\","
	"\"Spec\":{\"Labels\":{\"disk\":\"ssd\"},\"Role\":\"manager\","
	"\"Availability\":\"active\"},"
	"\"Description\":{\"Hostname\":\"a\",\"Platform\":{"
	"\"Architecture\":\"x86_64\",\"OS\":\"linux\"},"
	"\"Resources\":{\"NanoCPUs\":2000000000},"
	"\"Engine\":{\"EngineVersion\":\"1\",\"Plugins\":[{\"Type\":"
	"\"Network\",\"Name\":\"host\"}]},"
	"\"TLSInfo\":{\"TrustRoot\":\"pem\",\"CertIssuerSubject\":\"MBM=\"}},"
	"\"Status\":{\"State\":\"ready\",\"Addr\":\"127.0.0.1\"},"
	"\"ManagerStatus\":{\"Leader\":true,\"Reachability\":\"reachable\","
	"\"Addr\":\"127.0.0.1:2377\"}}";

static const char docker_cluster[] =
	"{\"ID\":\"60gvrl6tm78dmak4yl7srz94v\",\"Version\":{\"Index\":1},"
	"\"CreatedAt\":\"2024-11-20T22:00:00Z\","
	"\"UpdatedAt\":\"2024-11-20T22:00:00Z\","
	"\"Spec\":{\"Name\":\"default\",\"Labels\":{},"
	"\"Orchestration\":{\"TaskHistoryRetentionLimit\":5},"
	"\"Raft\":{\"SnapshotInterval\":10000,\"KeepOldSnapshots\":0,"
	"\"LogEntriesForSlowFollowers\":500,\"ElectionTick\":10,"
	"\"HeartbeatTick\":1},\"Dispatcher\":{\"HeartbeatPeriod\":5000000000},"
	"\"CAConfig\":{\"NodeCertExpiry\":7776000000000000},"
	"\"TaskDefaults\":{},"
	"\"EncryptionConfig\":{\"AutoLockManagers\":false}},"
	"\"TLSInfo\":{},\"RootRotationInProgress\":false,"
	"\"DefaultAddrPool\":[\"10.0.0.0/8\"],\"SubnetSize\":24,"
	"\"DataPathPort\":4789,"
	"\"JoinTokens\":{\"Worker\":\"SWMTKN-1-a\","
	"\"Manager\":\"SWMTKN-1-b\"}}";

T(objects_print_as_docker_prints_them)
{
	static const struct {
		enum object_type type;
		const char *text;
	} rows[] = {
		{ OBJECT_SERVICE, docker_service },
		{ OBJECT_TASK, docker_task },
		{ OBJECT_NODE, docker_node },
		{ OBJECT_CLUSTER, docker_cluster },
	};
	struct buf out = { 0 };

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		const struct type *t = object_table(rows[i].type);
		void *o = object_new(rows[i].type);
		int code =
			model_json_read(t, rows[i].text, strlen(rows[i].text),
					object_arena(o), o, &e);

		T_ROW(e.msg);
		EQ(code, 0);
		T_ROW(t->name);
		buf_clear(&out);
		model_json_write(t, o, &out);
		EQ_STR(buf_cstr(&out), rows[i].text);
		object_unref(o);
	}
	buf_fini(&out);
}

T(internal_fields_are_neither_written_nor_read)
{
	static const char text[] = "{\"SpecVersion\":7,\"ServiceName\":\"x\"}";
	struct buf out = { 0 };
	struct task *t = object_new(OBJECT_TASK);

	EQ(model_json_read(&task_type, text, strlen(text), object_arena(t), t,
			   &e),
	   0);
	EQ(t->spec_version, 0);
	OK(t->service_name == NULL);
	t->spec_version = 9;
	t->service_name = "secret";
	t->status.address = "10.0.0.9";
	model_json_write(&task_type, t, &out);
	OK(strstr(buf_cstr(&out), "secret") == NULL);
	OK(strstr(buf_cstr(&out), "10.0.0.9") == NULL);
	buf_fini(&out);
	object_unref(t);
}

T(names_match_without_case_and_the_last_wins)
{
	struct service_spec s;

	EQ(read_spec("{\"name\":\"a\",\"NAME\":\"b\",\"x\":[[{}]]}", &s), 0);
	EQ_STR(s.name, "b");
	EQ(read_spec("{\"tasktemplate\":{\"RESOURCES\":{\"limits\":"
		     "{\"nanocpus\":5}}}}",
		     &s),
	   0);
	EQ(s.task.resources->limits->nano_cpus, 5);
	EQ(read_spec("{\"mode\":{\"GLOBAL\":{}}}", &s), 0);
	OK(s.mode.global != NULL);
	arena_fini(&arena);
}

T(null_leaves_a_field_absent)
{
	struct service_spec s;

	EQ(read_spec("{\"Name\":null,\"Labels\":null,\"TaskTemplate\":null,"
		     "\"UpdateConfig\":null,\"Mode\":{\"Global\":null}}",
		     &s),
	   0);
	OK(model_equal(&service_spec_type, &s, &(struct service_spec){ 0 }));
	EQ(read_spec("{\"Labels\":{\"a\":null}}", &s), 0);
	EQ_STR(kvs_get(&s.labels, "a"), "");
	arena_fini(&arena);
}

T(labels_are_sorted_by_reading)
{
	struct service_spec s;

	EQ(read_spec("{\"Labels\":{\"b\":\"1\",\"a\":\"2\",\"c\":\"3\"}}", &s),
	   0);
	EQ(s.labels.count, 3);
	EQ_STR(s.labels.v[0].key, "a");
	EQ_STR(s.labels.v[2].key, "c");
	arena_fini(&arena);
}

#define IN_CONTAINER(x) "{\"TaskTemplate\":{\"ContainerSpec\":{" x "}}}"
#define DEEP8 "[[[[[[[["
#define DEEP8_END "]]]]]]]]"

T(what_is_wrong_is_refused_with_its_place)
{
	static const struct {
		const char *text;
		const char *message;
	} rows[] = {
		{ "{\"TaskTemplate\":{\"Resources\":{\"Limits\":"
		  "{\"NanoCPUs\":\"2\"}}}}",
		  "TaskTemplate.Resources.Limits.NanoCPUs: want an integer, "
		  "got a string" },
		{ "{\"Name\":5}", "Name: want a string, got an integer" },
		{ "{\"name\":{}}", "Name: want a string, got an object" },
		{ "[]", "want an object, got an array" },
		{ "{\"Labels\":[]}",
		  "Labels: want an object of strings, got an array" },
		{ "{\"Labels\":{\"a\":1}}",
		  "Labels.a: want a string, got an integer" },
		{ "{\"Mode\":{\"Replicated\":{\"Replicas\":-1}}}",
		  "Mode.Replicated.Replicas: want an integer of 0 or more, "
		  "got -1" },
		{ "{\"Mode\":{\"Replicated\":{\"Replicas\":1.5}}}",
		  "Mode.Replicated.Replicas: want an integer, got a number "
		  "with a fraction" },
		{ "{\"UpdateConfig\":{\"Order\":\"random\"}}",
		  "UpdateConfig.Order: want one of stop-first, start-first, "
		  "got \"random\"" },
		{ IN_CONTAINER("\"Init\":1"),
		  "TaskTemplate.ContainerSpec.Init: want a boolean, got an "
		  "integer" },
		{ IN_CONTAINER("\"Env\":[\"a\",2]"),
		  "TaskTemplate.ContainerSpec.Env[1]: want a string, got an "
		  "integer" },
		{ IN_CONTAINER("\"Mounts\":[{},{\"Type\":\"x\"}]"),
		  "TaskTemplate.ContainerSpec.Mounts[1].Type: want one of "
		  "bind, volume, tmpfs, npipe, cluster, image, got \"x\"" },
		{ IN_CONTAINER("\"Secrets\":[{\"SecretName\":\"a\"}]"),
		  "TaskTemplate.ContainerSpec.Secrets: is not supported yet" },
		{ IN_CONTAINER("\"Privileges\":{\"NoNewPrivileges\":true}"),
		  "TaskTemplate.ContainerSpec.Privileges: is not supported "
		  "yet" },
		{ "{\"UpdateConfig\":{\"MaxFailureRatio\":\"x\"}}",
		  "UpdateConfig.MaxFailureRatio: want a number, got a "
		  "string" },
		{ "{\"Name\":\"a\"", "not JSON: " },
		{ "{\"Name\":\"a\"} x", "not JSON: " },
		{ "{\"Name\":\"\\u0000\"}", "not JSON: " },
		{ "{\"Name\":\"\xff\"}", "not JSON: " },
		{ "{\"Mode\":{\"Replicated\":{\"Replicas\":"
		  "18446744073709551616}}}",
		  "not JSON: " },
		{ "", "not JSON: " },
		{ "{\"x\":" DEEP8 DEEP8 DEEP8 DEEP8_END DEEP8_END DEEP8_END "}",
		  "JSON is nested deeper than 24 at byte " },
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct service_spec s;

		memset(&s, 1, sizeof(s));
		T_ROW(rows[i].text);
		EQ(read_spec(rows[i].text, &s), -22);
		T_ROW(e.msg);
		EQ(strncmp(e.msg, rows[i].message, strlen(rows[i].message)), 0);
		OK(model_equal(&service_spec_type, &s,
			       &(struct service_spec){ 0 }));
	}
	arena_fini(&arena);
}

T(what_is_not_supported_may_be_there_if_it_says_nothing)
{
	struct service_spec s;

	EQ(read_spec(IN_CONTAINER("\"Secrets\":[],\"Configs\":null,"
				  "\"Privileges\":{\"CredentialSpec\":null,"
				  "\"NoNewPrivileges\":false,\"A\":{\"b\":"
				  "\"\"}}"),
		     &s),
	   0);
	arena_fini(&arena);
}

T(depth_of_24_is_taken_and_brackets_in_strings_do_not_count)
{
	struct service_spec s;

	EQ(read_spec("{\"x\":" DEEP8 DEEP8 "[[[[[[[]]]]]]]" DEEP8_END DEEP8_END
		     ",\"Name\":\"\\\"" DEEP8 DEEP8 DEEP8 DEEP8 "\"}",
		     &s),
	   0);
	arena_fini(&arena);
}

T(lists_over_the_limit_are_refused_with_their_place)
{
	struct buf b = { 0 };
	struct service_spec s;

	buf_puts(&b, "{\"TaskTemplate\":{\"ContainerSpec\":{\"Env\":[\"\"");
	for (int i = 0; i < MODEL_COUNT_MAX; i++)
		buf_puts(&b, ",\"\"");
	buf_puts(&b, "]}}}");
	EQ(read_spec(buf_cstr(&b), &s), -22);
	EQ_STR(e.msg, "TaskTemplate.ContainerSpec.Env: 65537 elements, want "
		      "at most 65536");
	buf_clear(&b);
	buf_puts(&b, "{\"x\":[0");
	for (int i = 0; i < 1048576; i++)
		buf_puts(&b, ",0");
	buf_puts(&b, "]}");
	EQ(read_spec(buf_cstr(&b), &s), -22);
	EQ_STR(e.msg, "JSON has more than 1048576 values");
	buf_fini(&b);
	arena_fini(&arena);
}

T(numbers_with_a_fraction_print_as_go_prints_them)
{
	static const struct {
		double v;
		const char *text;
	} rows[] = {
		{ 0.0, "0" },		{ 0.1, "0.1" },
		{ 0.25, "0.25" },	{ 1, "1" },
		{ 1.5, "1.5" },		{ 100, "100" },
		{ 123456, "123456" },	{ 1e20, "100000000000000000000" },
		{ 1e21, "1e+21" },	{ 1.5e300, "1.5e+300" },
		{ 1e-6, "0.000001" },	{ 1e-7, "1e-7" },
		{ 1.25e-9, "1.25e-9" }, { 0.1 + 0.2, "0.30000000000000004" },
		{ -0.5, "-0.5" },	{ -1e-7, "-1e-7" },
	};
	struct buf out = { 0 };

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct update_config u = { .max_failure_ratio = rows[i].v };
		char want[128];

		T_ROW(rows[i].text);
		snprintf(want, sizeof(want),
			 "{\"Parallelism\":0,\"MaxFailureRatio\":%s,"
			 "\"Order\":\"\"}",
			 rows[i].text);
		buf_clear(&out);
		model_json_write(&update_config_type, &u, &out);
		EQ_STR(buf_cstr(&out), want);
	}
	buf_fini(&out);
}

T(a_list_at_the_top_names_the_element_that_is_wrong)
{
	static const char good[] = "[{\"TargetPort\":1},null,"
				   "{\"TargetPort\":3}]";
	static const char bad[] = "[{},{\"TargetPort\":\"x\"}]";
	LIST_OF(struct port_config) ports;

	EQ(model_json_read_list(&port_config_type, good, strlen(good), &arena,
				&ports, &e),
	   0);
	EQ(ports.count, 3);
	EQ(ports.v[0].target_port, 1);
	EQ(ports.v[1].target_port, 0);
	EQ(ports.v[2].target_port, 3);
	EQ(model_json_read_list(&port_config_type, bad, strlen(bad), &arena,
				&ports, &e),
	   -22);
	EQ_STR(e.msg, "[1].TargetPort: want an integer, got a string");
	EQ(ports.count, 0);
	EQ(model_json_read_list(&port_config_type, "{}", 2, &arena, &ports, &e),
	   -22);
	EQ_STR(e.msg, "want an array, got an object");
	arena_fini(&arena);
}
