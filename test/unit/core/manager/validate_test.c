/* What a spec may not say, and what is said of it. */
#include "test/unit/core/manager/world.h"

struct row {
	const char *spec;
	int status;
	const char *msg;
};

#define C(fields)                                                              \
	"{\"TaskTemplate\":{\"ContainerSpec\":{\"Image\":\"x\"," fields "}}}"
#define TASK(fields)                                                           \
	"{\"TaskTemplate\":{\"ContainerSpec\":{\"Image\":\"x\"}," fields "}}"
#define SPEC(fields)                                                           \
	"{\"TaskTemplate\":{\"ContainerSpec\":{\"Image\":\"x\"}}," fields "}"
#define MOUNT(fields) C("\"Mounts\":[{" fields "}]")
#define PORT(fields) SPEC("\"EndpointSpec\":{\"Ports\":[{" fields "}]}")
#define BAD "rpc error: code = InvalidArgument desc = "

static void
check_rows(const struct row *rows, size_t count)
{
	struct world w;

	world_init(&w);
	for (size_t i = 0; i < count; i++) {
		T_ROW(rows[i].spec);
		EQ(ask(&w, "POST", "/services/create", rows[i].spec),
		   rows[i].status);
		if (rows[i].status == 201)
			continue;
		EQ_STR(answer(&w),
		       arena_printf(&w.arena, "{\"message\":\"%s\"}\n",
				    rows[i].msg));
		OK(w.reply.tx.count == 0);
	}
	world_close(&w);
}

T(services_need_a_name_and_an_image_that_can_be)
{
	static const struct row rows[] = {
		{ "{}", 400, "mismatched Runtime and *Spec fields" },
		{ "{\"TaskTemplate\":{\"ContainerSpec\":{}}}", 400,
		  BAD "ContainerSpec: image reference must be provided" },
		{ "{\"TaskTemplate\":{\"ContainerSpec\":{\"Image\":\"x:y:z\"}}"
		  "}",
		  400,
		  BAD "ContainerSpec: \\\"x:y:z\\\" is not a valid "
		      "repository/tag" },
		{ SPEC("\"Name\":\"-x\""), 400,
		  BAD "name must be valid as a DNS name component" },
		{ SPEC("\"Name\":\"x_\""), 400,
		  BAD "name must be valid as a DNS name component" },
		{ SPEC("\"Name\":\"a.b\""), 400,
		  BAD "name must be valid as a DNS name component" },
		{ SPEC("\"Name\":\"1234567890123456789012345678901234567890"
		       "123456789012345678901234\""),
		  400, BAD "name must be 63 characters or fewer" },
		{ SPEC("\"Name\":\"a-_b\""), 201, NULL },
		{ SPEC("\"Name\":\"7\""), 201, NULL },
		{ C("\"Isolation\":\"hyperv\""), 400,
		  BAD "ContainerSpec: isolation \\\"hyperv\\\" is not there on "
		      "Linux: want \\\"default\\\"" },
		{ C("\"OomScoreAdj\":1001"), 400,
		  BAD "ContainerSpec: oom-score-adj must be between -1000 and "
		      "1000" },
		{ C("\"StopGracePeriod\":-1"), 400,
		  BAD "ContainerSpec: stop-grace-period cannot be negative" },
		{ C("\"Env\":[\"=x\"]"), 400,
		  BAD "ContainerSpec: invalid environment variable: =x" },
		{ C("\"Hosts\":[\"nospace\"]"), 400,
		  BAD "ContainerSpec: invalid host \\\"nospace\\\": want "
		      "\\\"ADDRESS NAME\\\"" },
		{ C("\"Hosts\":[\"host-gateway x\"]"), 400,
		  BAD "ContainerSpec: invalid host \\\"host-gateway x\\\": "
		      "want \\\"ADDRESS NAME\\\"" },
		{ C("\"DNSConfig\":{\"Nameservers\":[\"x\"]}"), 400,
		  BAD "ContainerSpec: invalid DNS server \\\"x\\\": want an IP "
		      "address" },
		{ C("\"Ulimits\":[{\"Name\":\"nofile\",\"Soft\":2,"
		    "\"Hard\":1}]"),
		  400,
		  BAD "ContainerSpec: ulimit nofile: soft limit must be less "
		      "than or equal to hard limit: 2 > 1" },
		{ C("\"Ulimits\":[{\"Name\":\"nofile\",\"Soft\":5,"
		    "\"Hard\":-1}]"),
		  201, NULL },
	};

	check_rows(rows, ARRAY_LEN(rows));
}

T(amounts_have_smallest_values)
{
	static const struct row rows[] = {
		{ TASK("\"Resources\":{\"Limits\":{\"NanoCPUs\":100000}}"), 400,
		  BAD "invalid cpu value 0.0001: Must be at least 0.001" },
		{ TASK("\"Resources\":{\"Limits\":{\"MemoryBytes\":1048576}}"),
		  400,
		  BAD "invalid memory value 1048576: Must be at least 4MiB" },
		{ TASK("\"Resources\":{\"Reservations\":{\"MemoryBytes\":"
		       "1048576}}"),
		  400,
		  BAD "invalid memory value 1048576: Must be at least 4MiB" },
		{ TASK("\"Resources\":{\"Limits\":{\"NanoCPUs\":-1}}"), 400,
		  BAD "invalid cpu value -1e-09: Must be at least 0.001" },
		{ TASK("\"Resources\":{\"Limits\":{\"NanoCPUs\":1000000,"
		       "\"MemoryBytes\":4194304,\"Pids\":-1}}"),
		  201, NULL },
		{ TASK("\"RestartPolicy\":{\"Delay\":-1}"), 400,
		  BAD "TaskSpec: restart-delay cannot be negative" },
		{ TASK("\"RestartPolicy\":{\"Window\":-1}"), 400,
		  BAD "TaskSpec: restart-window cannot be negative" },
		{ SPEC("\"UpdateConfig\":{\"Delay\":-1}"), 400,
		  BAD "TaskSpec: update-delay cannot be negative" },
		{ SPEC("\"RollbackConfig\":{\"Monitor\":-1}"), 400,
		  BAD "TaskSpec: rollback-monitor cannot be negative" },
		{ SPEC("\"UpdateConfig\":{\"MaxFailureRatio\":2}"), 400,
		  BAD "TaskSpec: update-maxfailureratio cannot be less than 0 "
		      "or bigger than 1" },
		{ C("\"Healthcheck\":{\"Interval\":1000}"), 400,
		  BAD "ContainerSpec: Interval in HealthConfig cannot be less "
		      "than 1ms" },
		{ C("\"Healthcheck\":{\"StartInterval\":-1}"), 400,
		  BAD "ContainerSpec: StartInterval in HealthConfig cannot be "
		      "less than 1ms" },
		{ C("\"Healthcheck\":{\"Retries\":-1}"), 400,
		  BAD "ContainerSpec: Retries in HealthConfig cannot be "
		      "negative" },
		{ C("\"Healthcheck\":{\"Test\":[\"WHAT\"]}"), 400,
		  BAD "ContainerSpec: unknown type of health check "
		      "\\\"WHAT\\\": want NONE, CMD or CMD-SHELL" },
		{ SPEC("\"Mode\":{\"Replicated\":{\"Replicas\":10001}}"), 400,
		  BAD "Mode: 10001 replicas are too many: a service can have "
		      "10000" },
	};

	check_rows(rows, ARRAY_LEN(rows));
}

T(mounts_are_checked_by_their_type)
{
	static const struct row rows[] = {
		{ MOUNT("\"Type\":\"bind\",\"Source\":\"a\","
			"\"Target\":\"/b\""),
		  400,
		  BAD "ContainerSpec: invalid bind mount source \\\"a\\\": "
		      "must be an absolute path" },
		{ MOUNT("\"Type\":\"tmpfs\",\"Target\":\"b\""), 400,
		  BAD "ContainerSpec: invalid mount target \\\"b\\\": must be "
		      "an absolute path" },
		{ MOUNT("\"Type\":\"volume\",\"Target\":\"//\""), 400,
		  BAD "ContainerSpec: invalid mount target \\\"//\\\": must "
		      "not be \\\"/\\\" or have \\\"..\\\" in it" },
		{ MOUNT("\"Type\":\"volume\",\"Target\":\"/a/../b\""), 400,
		  BAD "ContainerSpec: invalid mount target \\\"/a/../b\\\": "
		      "must not be \\\"/\\\" or have \\\"..\\\" in it" },
		{ MOUNT("\"Type\":\"tmpfs\",\"Target\":\"/b\"},"
			"{\"Type\":\"tmpfs\",\"Target\":\"/b/\""),
		  400, BAD "ContainerSpec: duplicate mount point: /b/" },
		{ MOUNT("\"Type\":\"volume\",\"Source\":\"../x\","
			"\"Target\":\"/b\""),
		  400,
		  BAD "ContainerSpec: \\\"../x\\\" includes invalid characters "
		      "for a local volume name, only "
		      "\\\"[a-zA-Z0-9][a-zA-Z0-9_.-]\\\" are allowed" },
		{ MOUNT("\"Type\":\"volume\",\"Target\":\"/b\","
			"\"VolumeOptions\":{\"DriverConfig\":{\"Name\":"
			"\"nfs\"}}"),
		  501, "volume-driver=nfs is not supported yet: use local" },
		{ MOUNT("\"Type\":\"npipe\",\"Target\":\"/b\""), 400,
		  BAD "ContainerSpec: a mount of type npipe is only there on "
		      "Windows" },
		{ MOUNT("\"Type\":\"cluster\",\"Target\":\"/b\""), 501,
		  "a mount of type cluster is not supported yet" },
		{ MOUNT("\"Type\":\"image\",\"Target\":\"/b\""), 400,
		  BAD "invalid MountType: \\\"image\\\"" },
		{ MOUNT("\"Target\":\"/b\""), 400,
		  BAD "invalid MountType: \\\"\\\"" },
		{ MOUNT("\"Type\":\"bind\",\"Source\":\"/a\","
			"\"Target\":\"/b\",\"BindOptions\":{"
			"\"Propagation\":\"what\"}"),
		  400, BAD "ContainerSpec: invalid propagation mode: what" },
		{ MOUNT("\"Type\":\"tmpfs\",\"Target\":\"/b\","
			"\"Source\":\"x\""),
		  400, BAD "ContainerSpec: a tmpfs mount has no source" },
		{ MOUNT("\"Type\":\"volume\",\"Source\":\"v.1_-\","
			"\"Target\":\"/..b\"},{\"Type\":\"bind\","
			"\"Source\":\"/\",\"Target\":\"/c\""),
		  201, NULL },
	};

	check_rows(rows, ARRAY_LEN(rows));
}

T(ports_and_networks_are_those_of_one_node)
{
	static const struct row rows[] = {
		{ PORT("\"TargetPort\":80,\"PublishedPort\":80"), 501,
		  "publishing a port through the routing mesh (mode=ingress) "
		  "is not supported yet: use mode=host" },
		{ PORT("\"TargetPort\":0,\"PublishMode\":\"host\""), 400,
		  BAD "EndpointSpec: invalid target port 0: want 1 to 65535" },
		{ PORT("\"TargetPort\":80,\"PublishedPort\":65536,"
		       "\"PublishMode\":\"host\""),
		  400,
		  BAD "EndpointSpec: invalid published port 65536: want 1 to "
		      "65535" },
		{ PORT("\"TargetPort\":80,\"PublishedPort\":80,"
		       "\"PublishMode\":\"host\"},{\"TargetPort\":81,"
		       "\"PublishedPort\":80,\"Protocol\":\"tcp\","
		       "\"PublishMode\":\"host\""),
		  400, BAD "EndpointSpec: duplicate published ports provided" },
		{ PORT("\"TargetPort\":80,\"PublishedPort\":80,"
		       "\"PublishMode\":\"host\"},{\"TargetPort\":80,"
		       "\"PublishedPort\":80,\"Protocol\":\"udp\","
		       "\"PublishMode\":\"host\""),
		  201, NULL },
		{ SPEC("\"EndpointSpec\":{\"Mode\":\"dnsrr\"}"), 501,
		  "--endpoint-mode dnsrr is not supported yet" },
		{ TASK("\"Networks\":[{\"Target\":\"zz\"}]"), 404,
		  "network zz not found" },
		{ TASK("\"Networks\":[{\"Target\":\"ingress\"}]"), 400,
		  BAD "Service cannot be explicitly attached to the ingress "
		      "network \\\"ingress\\\"" },
		{ TASK("\"Networks\":[{\"Target\":\"host\"},{\"Target\":"
		       "\"none\"}]"),
		  400,
		  BAD "a task can be in one of the networks host, none and "
		      "bridge, not in 2 at once" },
		{ TASK("\"Networks\":[{\"Target\":\"none\"}]"), 201, NULL },
	};

	check_rows(rows, ARRAY_LEN(rows));
}

T(what_is_not_there_yet_is_refused_by_name)
{
	static const struct row rows[] = {
		{ C("\"Secrets\":[{\"SecretID\":\"a\"}]"), 501,
		  "--secret is not supported yet" },
		{ C("\"Configs\":[{\"ConfigID\":\"a\"}]"), 501,
		  "--config is not supported yet" },
		{ C("\"Privileges\":{\"CredentialSpec\":{\"File\":\"x\"}}"),
		  501,
		  "--credential-spec (and other privileges) is not supported "
		  "yet" },
		{ TASK("\"Resources\":{\"Reservations\":{\"GenericResources\":"
		       "[{\"DiscreteResourceSpec\":{\"Kind\":\"gpu\","
		       "\"Value\":1}}]}}"),
		  501, "--generic-resource is not supported yet" },
		{ SPEC("\"Mode\":{\"ReplicatedJob\":{}}"), 501,
		  "--mode replicated-job is not supported yet" },
		{ SPEC("\"Mode\":{\"GlobalJob\":{}}"), 501,
		  "--mode global-job is not supported yet" },
		{ SPEC("\"UpdateConfig\":{\"FailureAction\":\"rollback\"}"),
		  501,
		  "--update-failure-action rollback is not supported yet" },
		{ SPEC("\"RollbackConfig\":{\"FailureAction\":\"continue\"}"),
		  501,
		  "--rollback-failure-action continue is not supported yet" },
		{ SPEC("\"UpdateConfig\":{\"MaxFailureRatio\":0.5}"), 501,
		  "--update-max-failure-ratio is not supported yet" },
		{ TASK("\"Placement\":{\"Preferences\":[{},{},{},{},{},{},{},"
		       "{},{}]}"),
		  400,
		  "rpc error: code = InvalidArgument desc = TaskSpec: 9 "
		  "placement preferences are too many: a service can have "
		  "8" },
		{ TASK("\"LogDriver\":{\"Name\":\"syslog\"}"), 501,
		  "--log-driver syslog is not supported yet: use json-file" },
		{ TASK("\"LogDriver\":{\"Name\":\"json-file\",\"Options\":{"
		       "\"tag\":\"x\"}}"),
		  501,
		  "--log-opt tag is not supported yet: use max-size, max-file "
		  "or compress" },
		{ TASK("\"Runtime\":\"plugin\""), 501,
		  "tasks of the runtime \\\"plugin\\\" are not supported yet" },
		{ C("\"Secrets\":[],\"Configs\":null,\"Privileges\":{"
		    "\"CredentialSpec\":null,\"NoNewPrivileges\":false}"),
		  201, NULL },
		{ TASK("\"LogDriver\":{\"Name\":\"none\"}"), 201, NULL },
	};

	check_rows(rows, ARRAY_LEN(rows));
}

T(templates_are_checked_as_they_would_expand)
{
	static const struct row rows[] = {
		{ C("\"Hostname\":\"{{.Node.Hostname}}\""), 201, NULL },
		{ C("\"Env\":[\"A={{.Task.Slot}}\",\"B={{.Task.Name}}\"]"), 201,
		  NULL },
		{ SPEC("\"Labels\":{\"a\":\"b\"},\"TaskTemplate\":{"
		       "\"ContainerSpec\":{\"Image\":\"x\","
		       "\"Env\":[\"A={{.Service.Labels.a}}\"]}}"),
		  201, NULL },
		{ C("\"Mounts\":[{\"Type\":\"volume\",\"Source\":\"v-"
		    "{{.Task.Slot}}\",\"Target\":\"/{{.Service.Name}}\"}]"),
		  201, NULL },
		{ C("\"Hostname\":\"{{.Node.ID\""), 400,
		  BAD "expanding hostname failed: template: :1:11: unclosed "
		      "action" },
		{ C("\"Env\":[\"A={{.No.Such}}\"]"), 400,
		  BAD
		  "expanding env failed: template: :1:3: executing \\\"\\\" at "
		  "<.No.Such>: map has no entry for key \\\"No\\\"" },
		{ C("\"Mounts\":[{\"Type\":\"tmpfs\","
		    "\"Target\":\"{{.Task.Slot}}\"}]"),
		  400,
		  BAD "ContainerSpec: invalid mount target \\\"1\\\": must be "
		      "an absolute path" },
	};

	check_rows(rows, ARRAY_LEN(rows));
}

T(bad_constraints_are_refused)
{
	static const struct row rows[] = {
		{ TASK("\"Placement\":{\"Constraints\":[\"x\"]}"), 400,
		  BAD "constraint expected one operator from ==, !=" },
		{ TASK("\"Placement\":{\"Constraints\":[\"node.role==manager\","
		       "\"node.labels.a != b\"]}"),
		  201, NULL },
	};

	check_rows(rows, ARRAY_LEN(rows));
}
