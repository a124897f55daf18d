/* service_edit_test.c - flags of create and update, and the specs they make. */
#include "core/base/buf.h"
#include "net/client/command.h"
#include "net/client/service_edit.h"
#include "net/client/service_text.h"
#include "test/t.h"

#define WORDS 64

/* Splits on single blanks; "~" stands for a blank inside a word. */
static int
split(char *line, char **argv)
{
	int argc = 0;

	for (char *p = line; p != NULL && argc < WORDS;) {
		char *end = strchr(p, ' ');

		if (end != NULL)
			*end++ = '\0';
		argv[argc++] = p;
		for (; *p != '\0'; p++)
			if (*p == '~')
				*p = ' ';
		p = end;
	}
	return argc;
}

static int
parse(const char *line, struct arena *a, struct parsed *p, const char **message)
{
	char **argv = arena_array(a, WORDS, sizeof(*argv));
	int argc = split(arena_strdup(a, line), argv);

	return command_parse(argc, argv, a, p, message);
}

/* The spec's JSON, or the message. */
static const char *
create(const char *flags, struct arena *a)
{
	const char *line = arena_printf(a, "swarm service create %s", flags);
	struct service_spec spec = { 0 };
	const char *message = NULL;
	struct buf out = { 0 };
	struct parsed p;
	struct err e;
	char *json;

	if (parse(line, a, &p, &message) != 0)
		return message;
	if (edit_create(&p, &spec, a, &e) < 0)
		return arena_strdup(a, e.msg);
	model_json_write(&service_spec_type, &spec, &out);
	json = arena_strdup(a, buf_cstr(&out));
	buf_fini(&out);
	return json;
}

static const char *
update(const char *before, const char *flags, struct arena *a)
{
	const char *line = arena_printf(a, "swarm service update %s", flags);
	const char *was = create(before, a), *message = NULL;
	struct service_spec spec = { 0 };
	struct buf out = { 0 };
	struct parsed p;
	struct err e;
	char *json;

	OK(model_json_read(&service_spec_type, was, strlen(was), a, &spec,
			   &e) == 0);
	if (parse(line, a, &p, &message) != 0)
		return message;
	if (edit_update(&p, &spec, a, &e) < 0)
		return arena_strdup(a, e.msg);
	model_json_write(&service_spec_type, &spec, &out);
	json = arena_strdup(a, buf_cstr(&out));
	buf_fini(&out);
	return json;
}

struct row {
	const char *flags;
	const char *want; /* a part of the JSON, or of the message */
};

static void
check_rows(const struct row *rows, size_t count, const char *before)
{
	for (size_t i = 0; i < count; i++) {
		struct arena a;
		const char *got;

		arena_init(&a);
		T_ROW(rows[i].flags);
		got = before ? update(before, rows[i].flags, &a)
			     : create(rows[i].flags, &a);
		if (strstr(got, rows[i].want) == NULL)
			EQ_STR(got, rows[i].want);
		arena_fini(&a);
	}
}

T(create_flags_become_a_spec)
{
	static const struct row rows[] = {
		{ "--name web img", "\"Name\":\"web\"" },
		{ "img", "\"Mode\":{\"Replicated\":{}}" },
		{ "img", "\"Image\":\"img\"" },
		{ "img", "\"Init\":false" },
		{ "--init img", "\"Init\":true" },
		{ "img sleep 10", "\"Args\":[\"sleep\",\"10\"]" },
		{ "img --name x", "\"Args\":[\"--name\",\"x\"]" },
		{ "--replicas 3 img", "\"Replicated\":{\"Replicas\":3}" },
		{ "--replicas 0 img", "\"Replicated\":{\"Replicas\":0}" },
		{ "--mode global img", "\"Mode\":{\"Global\":{}}" },
		{ "-e A=1 -e B=2 -e A=3 img", "\"Env\":[\"A=3\",\"B=2\"]" },
		{ "--entrypoint sh~-c~'a~b' img",
		  "\"Command\":[\"sh\",\"-c\",\"a b\"]" },
		{ "--label b=2 --label a img",
		  "\"Labels\":{\"a\":\"\",\"b\":\"2\"}" },
		{ "--container-label x=y img", "\"Labels\":{\"x\":\"y\"}" },
		{ "--limit-cpu 0.5 img",
		  "\"Limits\":{\"NanoCPUs\":500000000}" },
		{ "--limit-memory 64m img", "\"MemoryBytes\":67108864" },
		{ "--reserve-memory 1g img",
		  "\"Reservations\":{\"MemoryBytes\":1073741824}" },
		{ "--limit-pids 7 img", "\"Pids\":7" },
		{ "--restart-condition none img",
		  "\"RestartPolicy\":{\"Condition\":\"none\",\"Delay\":"
		  "5000000000,\"MaxAttempts\":0}" },
		{ "--restart-delay 1s img", "\"Condition\":\"any\",\"Delay\":"
					    "1000000000" },
		{ "--stop-grace-period 1m30s img",
		  "\"StopGracePeriod\":90000000000" },
		{ "--stop-signal INT img", "\"StopSignal\":\"INT\"" },
		{ "--health-cmd true --health-interval 2s img",
		  "\"Healthcheck\":{\"Test\":[\"CMD-SHELL\",\"true\"],"
		  "\"Interval\":2000000000}" },
		{ "--no-healthcheck img", "\"Test\":[\"NONE\"]" },
		{ "--cap-add net_admin --cap-drop all img",
		  "\"CapabilityAdd\":[\"CAP_NET_ADMIN\"],\"CapabilityDrop\":"
		  "[\"ALL\"]" },
		{ "--cap-drop chown --cap-add CHOWN img",
		  "\"CapabilityAdd\":[\"CAP_CHOWN\"]" },
		{ "--ulimit nofile=10:20 img", "{\"Name\":\"nofile\",\"Hard\":"
					       "20,\"Soft\":10}" },
		{ "--sysctl net.core.somaxconn=9 img",
		  "\"Sysctls\":{\"net.core.somaxconn\":\"9\"}" },
		{ "--host db:10.0.0.1 img", "\"Hosts\":[\"10.0.0.1 db\"]" },
		{ "--dns 1.1.1.1 --dns-search lan img",
		  "\"Nameservers\":[\"1.1.1.1\"],\"Search\":[\"lan\"]" },
		{ "--mount type=bind,source=/a,target=/b,readonly img",
		  "\"Mounts\":[{\"Type\":\"bind\",\"Source\":\"/a\","
		  "\"Target\":\"/b\",\"ReadOnly\":true}]" },
		{ "--mount type=tmpfs,target=/t,tmpfs-size=1m,tmpfs-mode=1770 "
		  "img",
		  "\"TmpfsOptions\":{\"SizeBytes\":1048576,\"Mode\":1016}" },
		{ "--mount src=v,dst=/v,volume-nocopy img",
		  "\"VolumeOptions\":{\"NoCopy\":true" },
		{ "-p published=8080,target=80,mode=host img",
		  "{\"Protocol\":\"tcp\",\"TargetPort\":80,\"PublishedPort\":"
		  "8080,\"PublishMode\":\"host\"}" },
		{ "-p 8000-8001:80-81/udp img",
		  "{\"Protocol\":\"udp\",\"TargetPort\":81,\"PublishedPort\":"
		  "8001,\"PublishMode\":\"ingress\"}" },
		{ "--network host img",
		  "\"Networks\":[{\"Target\":\"host\"}]" },
		{ "--constraint node.role==manager img",
		  "\"Constraints\":[\"node.role==manager\"]" },
		{ "--placement-pref spread=node.labels.zone "
		  "--placement-pref spread=node.labels.rack img",
		  "\"Placement\":{\"Preferences\":[{\"Spread\":{"
		  "\"SpreadDescriptor\":\"node.labels.zone\"}},{\"Spread\":"
		  "{\"SpreadDescriptor\":\"node.labels.rack\"}}]}" },
		{ "--update-parallelism 2 img",
		  "\"UpdateConfig\":{\"Parallelism\":2" },
		{ "--update-order start-first img",
		  "\"Order\":\"start-first\"" },
		{ "--log-opt max-size=1m img",
		  "\"LogDriver\":{\"Name\":\"json-file\",\"Options\":{"
		  "\"max-size\":\"1m\"}}" },
		{ "-t --read-only -u 1:2 -w /x --hostname h img",
		  "\"Hostname\":\"h\"" },
	};

	check_rows(rows, ARRAY_LEN(rows), NULL);
}

T(create_refuses_what_docker_refuses_with_its_words)
{
	static const struct row rows[] = {
		{ "--mode global --replicas 2 img",
		  "replicas can only be used with replicated or "
		  "replicated-job mode" },
		{ "--mode global --replicas-max-per-node 1 img",
		  "replicas-max-per-node can only be used with replicated or "
		  "replicated-job mode" },
		{ "--label =1 img", "invalid label '=1': empty name" },
		{ "--label a~b=1 img", "label 'a b' contains whitespaces" },
		{ "--container-label =1 img", "invalid label '=1'" },
		{ "--host db:here img",
		  "invalid IP address in add-host: \"here\"" },
		{ "--mount type=bind,src=/x,dst=/y,bind-recursive=zork img",
		  "invalid value for bind-recursive: zork (must be" },
		{ "--mount type=bind,src=/x,dst=/y,bind-recursive=writable "
		  "img",
		  "option 'bind-recursive=writable' requires 'readonly'" },
		{ "--mount type=bind,src=/x,dst=/y,ro,bind-recursive=readonly "
		  "img",
		  "option 'bind-recursive=readonly' requires "
		  "'bind-propagation=rprivate'" },
		{ "--mode zork img", "Unknown mode: zork" },
		{ "--mode global-job img", "not supported yet" },
		{ "--no-healthcheck --health-cmd x img",
		  "--no-healthcheck conflicts with --health-* options" },
		{ "-p 127.0.0.1:80:80 img", "hostip is not supported" },
		{ "-p foo img", "invalid containerPort: foo" },
		{ "-p 70000:80 img", "invalid hostPort: 70000" },
		{ "-p 80/zork img", "invalid proto: zork" },
		{ "-p target=80,zork=1 img", "invalid field key: zork" },
		{ "-p published=80 img", "missing mandatory field 'target'" },
		{ "-p 80-81:80-90 img", "invalid ranges specified" },
		{ "-p target=80,mode=zork img",
		  "invalid publish mode value (zork)" },
		{ "--mount foo img", "invalid field 'foo' must be a" },
		{ "--mount type=bind img", "target is required" },
		{ "--mount type=bind,src=/x,dst=/y,volume-nocopy img",
		  "cannot mix 'volume-*' options with mount type 'bind'" },
		{ "--mount dst=/x,zork=1 img", "unexpected key 'zork'" },
		{ "--ulimit foo img", "invalid ulimit argument: foo" },
		{ "--ulimit nofile=10:5 img", "less than or equal" },
		{ "--host foo img", "bad format for add-host" },
		{ "--dns foo img", "IP address is not correctly formatted" },
		{ "-e =x img", "invalid environment variable: =x" },
		{ "--entrypoint 'a img", "a quote is not closed" },
		{ "--restart-condition zork img", "invalid value \"zork\"" },
		{ "--placement-pref zone img",
		  "placement preference must be of the format \"<strategy>="
		  "<arg>\"" },
		{ "--placement-pref pack=zone img",
		  "unsupported placement preference pack (only spread is "
		  "supported)" },
		{ "--secret s img", "--secret is not supported yet" },
		{ "--zork img", "unknown flag: --zork" },
	};

	check_rows(rows, ARRAY_LEN(rows), NULL);
}

T(update_changes_what_is_named_and_nothing_else)
{
	static const char before[] =
		"--name web --replicas 2 -e A=1 -e B=2 --label l=1 "
		"--mount src=v,dst=/v -p published=80,target=80,mode=host "
		"--cap-add NET_ADMIN --constraint node.role==manager "
		"--placement-pref spread=a --placement-pref spread=b "
		"--host db:10.0.0.1 --limit-memory 64m --ulimit nofile=5 img x";
	static const struct row rows[] = {
		{ "web", "\"Replicas\":2" },
		{ "--image other web", "\"Image\":\"other\",\"Args\":[\"x\"]" },
		{ "--args a~b web", "\"Args\":[\"a\",\"b\"]" },
		{ "--env-add B=3 --env-rm A web", "\"Env\":[\"B=3\"]" },
		{ "--label-rm l --label-add m=2 web",
		  "\"Labels\":{\"m\":\"2\"}" },
		{ "--mount-rm /v --mount-add src=w,dst=/w web",
		  "\"Mounts\":[{\"Type\":\"volume\",\"Source\":\"w\"" },
		{ "--publish-rm 80 web", "\"EndpointSpec\":{}" },
		{ "--publish-add published=81,target=80,mode=host web",
		  "\"PublishedPort\":81" },
		{ "--cap-drop NET_ADMIN --replicas 5 web", "\"Replicas\":5" },
		{ "--constraint-rm node.role==manager --placement-pref-rm "
		  "spread=a --placement-pref-rm spread=b web",
		  "\"Placement\":{}" },
		{ "--placement-pref-rm spread=a --placement-pref-add spread=c "
		  "web",
		  "\"Preferences\":[{\"Spread\":{\"SpreadDescriptor\":\"b\"}}"
		  ",{\"Spread\":{\"SpreadDescriptor\":\"c\"}}]" },
		{ "--host-rm db:10.0.0.1 --host-add x:1.2.3.4 web",
		  "\"Hosts\":[\"1.2.3.4 x\"]" },
		{ "--limit-cpu 2 web",
		  "\"Limits\":{\"NanoCPUs\":2000000000,\"MemoryBytes\":"
		  "67108864}" },
		{ "--ulimit-rm nofile --force web", "\"ForceUpdate\":1" },
		{ "--update-delay 1s web", "\"Delay\":1000000000" },
		{ "--network-add name=host web",
		  "\"Networks\":[{\"Target\":\"host\"}]" },
		{ "--label-add =1 web", "invalid label '=1': empty name" },
	};

	check_rows(rows, ARRAY_LEN(rows), before);
}

T(an_added_capability_that_is_dropped_is_only_forgotten)
{
	struct arena a;
	const char *got;

	arena_init(&a);
	got = update("--name web --cap-add CHOWN img", "--cap-drop CHOWN web",
		     &a);
	OK(strstr(got, "CHOWN") == NULL);
	arena_fini(&a);
}
