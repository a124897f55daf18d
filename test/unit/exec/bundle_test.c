/* bundle_test.c - config.json, piece by piece, against what Docker writes. */
#include "exec/bundle.h"

#include "exec/caps.h"
#include "exec/seccomp.h"
#include "core/base/json.h"
#include "test/t.h"

static struct container_spec spec;
static struct order order;
static struct bundle bundle;

static void
setup(void)
{
	static const char *argv[] = { "sh", "-c", "exit" };
	static uint32_t groups[] = { 0 };

	spec = (struct container_spec){ .image = "busybox" };
	order = (struct order){
		.task_id = "0123456789abcdefghijklmno",
		.spec = { .container = &spec },
	};
	bundle = (struct bundle){
		.order = &order,
		.argv = { argv, 3 },
		.user = { 0, 0, groups, 1, "/root" },
		.rootfs = "rootfs",
		.hostname = "web1",
		.netns = "/run/swarm/tasks/x/netns",
	};
}

/* The piece of config.json that begins with text, as long as want is. */
static void
has(const char *want)
{
	struct buf out = { 0 };

	bundle_write(&bundle, &out);
	if (strstr(buf_cstr(&out), want) == NULL)
		EQ_STR(buf_cstr(&out), want);
	buf_fini(&out);
}

static void
has_not(const char *text)
{
	struct buf out = { 0 };

	bundle_write(&bundle, &out);
	OK(strstr(buf_cstr(&out), text) == NULL);
	buf_fini(&out);
}

T(default_capabilities_are_dockers_and_none_is_inherited)
{
	struct strings none = { 0 };
	struct err e;

	setup();
	EQ(caps_compute(&none, &none, caps_possible(), &bundle.caps, &e), 0);
	has("\"capabilities\":{\"bounding\":[\"CAP_CHOWN\","
	    "\"CAP_DAC_OVERRIDE\",\"CAP_FSETID\",\"CAP_FOWNER\","
	    "\"CAP_MKNOD\",\"CAP_NET_RAW\",\"CAP_SETGID\",\"CAP_SETUID\","
	    "\"CAP_SETFCAP\",\"CAP_SETPCAP\",\"CAP_NET_BIND_SERVICE\","
	    "\"CAP_SYS_CHROOT\",\"CAP_KILL\",\"CAP_AUDIT_WRITE\"],"
	    "\"effective\":[");
	has_not("inheritable");
	has_not("ambient");
	bundle.user.uid = 1000; /* gets them by a file's capabilities only */
	has_not("effective");
	has_not("permitted");
}

T(paths_are_masked_and_read_only_as_in_docker)
{
	setup();
	has("\"maskedPaths\":[\"/proc/asound\",\"/proc/acpi\",\"/proc/kcore\","
	    "\"/proc/keys\",\"/proc/latency_stats\",\"/proc/timer_list\","
	    "\"/proc/timer_stats\",\"/proc/sched_debug\",\"/proc/scsi\","
	    "\"/sys/firmware\",\"/sys/devices/virtual/powercap\"]");
	has("\"readonlyPaths\":[\"/proc/bus\",\"/proc/fs\",\"/proc/irq\","
	    "\"/proc/sys\",\"/proc/sysrq-trigger\"]");
}

T(devices_are_denied_but_six)
{
	setup();
	has("\"devices\":[{\"allow\":false,\"access\":\"rwm\"},"
	    "{\"allow\":true,\"type\":\"c\",\"major\":1,\"minor\":5,"
	    "\"access\":\"rwm\"},");
	has("{\"allow\":false,\"type\":\"c\",\"major\":10,\"minor\":229,"
	    "\"access\":\"rwm\"}]");
}

T(limits_become_cgroup_values)
{
	struct resource_limits l = { 500000000, 64 << 20, 50 };
	struct resource_requirements r = { .limits = &l };

	setup();
	has("\"memory\":{\"disableOOMKiller\":false},\"cpu\":{}}");
	order.spec.resources = &r;
	has("\"memory\":{\"limit\":67108864,\"swap\":134217728,"
	    "\"disableOOMKiller\":false},"
	    "\"cpu\":{\"quota\":50000,\"period\":100000},"
	    "\"pids\":{\"limit\":50}}");
	l.memory_bytes = INT64_MAX;
	has("\"swap\":9223372036854775807");
}

T(namespaces_are_new_but_the_network_is_the_one_that_is_given)
{
	setup();
	has("\"cgroupsPath\":\"/swarm/0123456789abcdefghijklmno\","
	    "\"namespaces\":[{\"type\":\"mount\"},{\"type\":\"network\","
	    "\"path\":\"/run/swarm/tasks/x/netns\"},{\"type\":\"uts\"},"
	    "{\"type\":\"pid\"},{\"type\":\"ipc\"}]");
	bundle.cgroup_v2 = true;
	has("{\"type\":\"ipc\"},{\"type\":\"cgroup\"}]");
	bundle.netns = NULL;
	has_not("\"type\":\"network\"");
	has("\"sysctl\":{}"); /* the host's are the host's business */
}

T(sysctls_of_the_service_win)
{
	struct kv own[] = { { "net.ipv4.ip_unprivileged_port_start", "99" } };

	setup();
	has("\"sysctl\":{\"net.ipv4.ip_unprivileged_port_start\":\"0\","
	    "\"net.ipv4.ping_group_range\":\"0 2147483647\"}");
	spec.sysctls = (struct kvs){ own, 1 };
	has("\"sysctl\":{\"net.ipv4.ip_unprivileged_port_start\":\"99\","
	    "\"net.ipv4.ping_group_range\":\"0 2147483647\"}");
}

T(processes_run_where_and_as_they_should)
{
	struct ulimit limits[] = { { "nofile", 100, 200 }, { "core", -1, -1 } };

	setup();
	has("\"process\":{\"terminal\":false,\"user\":{\"uid\":0,\"gid\":0,"
	    "\"additionalGids\":[0]}");
	has("\"cwd\":\"/\"");
	has("\"noNewPrivileges\":false,\"oomScoreAdj\":0,"
	    "\"args\":[\"sh\",\"-c\",\"exit\"]}");
	order.image.working_dir = "/srv";
	has("\"cwd\":\"/srv\"");
	spec.dir = "/own";
	spec.oom_score_adj = -5;
	spec.ulimits.v = limits;
	spec.ulimits.count = 2;
	spec.read_only = true;
	has("\"cwd\":\"/own\"");
	has("\"oomScoreAdj\":-5");
	has("\"rlimits\":[{\"type\":\"RLIMIT_NOFILE\",\"hard\":200,"
	    "\"soft\":100},{\"type\":\"RLIMIT_CORE\","
	    "\"hard\":18446744073709551615,\"soft\":18446744073709551615}]");
	has("\"root\":{\"path\":\"rootfs\",\"readonly\":true}");
	has("\"hostname\":\"web1\"");
}

static void
env_is(const char *want)
{
	struct buf text = { 0 };
	struct strings env;
	struct arena a;

	arena_init(&a);
	env = bundle_env(&bundle, &a);
	for (uint32_t i = 0; i < env.count; i++)
		buf_printf(&text, "%s%s", i ? " " : "", env.v[i]);
	EQ_STR(buf_cstr(&text), want);
	buf_fini(&text);
	arena_fini(&a);
}

#define PATH "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

T(the_environment_is_in_dockers_order)
{
	static const char *image[] = { "FOO=image", "LANG=C" };
	static const char *own[] = { "A=1", "FOO=own" };
	static const char *unset[] = { "HOSTNAME", "PATH=/bin", "HOME=/x" };

	setup();
	env_is(PATH " HOSTNAME=web1 HOME=/root");
	order.image.env = (struct strings){ image, 2 };
	spec.tty = true;
	env_is(PATH " HOSTNAME=web1 TERM=xterm FOO=image LANG=C HOME=/root");
	spec.env = (struct strings){ own, 2 };
	env_is(PATH " HOSTNAME=web1 TERM=xterm A=1 FOO=own LANG=C HOME=/root");
	spec.env = (struct strings){ unset, 3 };
	env_is("PATH=/bin TERM=xterm HOME=/x FOO=image LANG=C");
}

T(a_probe_is_the_process_without_its_words)
{
	struct buf out = { 0 };
	static const char end[] = "\"oomScoreAdj\":0,\"args\":";

	setup();
	spec.tty = true;
	bundle_write_probe(&bundle, &out);
	OK(strncmp(buf_cstr(&out), "{\"terminal\":false,\"user\":", 25) == 0);
	OK(out.len > sizeof(end) &&
	   strcmp(out.p + out.len - (sizeof(end) - 1), end) == 0);
	buf_fini(&out);
}

T(seccomp_opens_calls_by_capability)
{
	static const struct {
		uint64_t caps;
		const char *has;
		const char *has_not;
	} rows[] = {
		{ 0,
		  "\"clone3\"],\"action\":\"SCMP_ACT_ERRNO\","
		  "\"errnoRet\":38}",
		  "\"mount\"" },
		{ 0,
		  "{\"names\":[\"clone\"],\"action\":\"SCMP_ACT_ALLOW\","
		  "\"args\":[{\"index\":0,\"value\":2114060288,"
		  "\"op\":\"SCMP_CMP_MASKED_EQ\"}]}",
		  "\"chroot\"" },
		{ UINT64_C(1) << 18, "{\"names\":[\"chroot\"]", "\"reboot\"" },
		{ UINT64_C(1) << 21, "\"mount\"", "SCMP_CMP_MASKED_EQ" },
		{ UINT64_C(1) << 19, "\"process_vm_readv\"", "\"mount\"" },
		{ UINT64_C(1) << 34, "{\"names\":[\"syslog\"]", "\"mount\"" },
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct buf out = { 0 };
		struct json w = { .out = &out };

		T_ROW(rows[i].has);
		seccomp_write(&w, rows[i].caps);
		OK(strncmp(buf_cstr(&out),
			   "{\"defaultAction\":\"SCMP_ACT_ERRNO\"", 33) == 0);
		OK(strstr(out.p, rows[i].has) != NULL);
		OK(strstr(out.p, rows[i].has_not) == NULL);
		/* none is written empty: a name too long for its room */
		OK(strstr(out.p, "\"\"") == NULL);
		buf_fini(&out);
	}
}
