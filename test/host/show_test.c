/*
 * show_test.c - prints what a container of ours sees, for comparison with
 * what one of Docker's does (test/host/compare-docker.sh):
 * show_test ROOTFS RUNTIME SCRATCH plain|rich|tty|host [COMMAND]
 */
#include "test/host/runner_daemon.h"

static struct mount rich_mounts[] = {
	{ .type = MOUNT_BIND, .target = "/bnd" },
	{ .type = MOUNT_VOLUME, .source = "vol1", .target = "/data" },
	{ .type = MOUNT_VOLUME,
	  .source = "vol2",
	  .target = "/vro",
	  .read_only = true },
	{ .type = MOUNT_TMPFS, .target = "/t1" },
	{ .type = MOUNT_TMPFS, .target = "/t2" },
	{ .type = MOUNT_BIND, .target = "/bnd/x", .read_only = true },
};
static struct ulimit rich_limits[] = { { "nofile", 100, 200 } };
static struct tmpfs_options rich_tmpfs = { 1 << 20, 0700 };
static struct bind_options rich_bind = { .propagation = "private" };
static struct kv rich_sysctl[] = { { "net.core.somaxconn", "99" } };
static struct resource_limits rich_resources = {
	.memory_bytes = 64 << 20,
	.nano_cpus = 500000000,
	.pids = 50,
};
static struct resource_requirements rich_requirements = {
	.limits = &rich_resources,
};
static const char *rich_caps[] = { "SYS_PTRACE" };
static const char *rich_drops[] = { "NET_RAW" };
static const char *rich_dns[] = { "1.2.3.4" };
static const char *rich_search[] = { "foo.com" };
static const char *rich_options[] = { "ndots:3" };
static const char *rich_hosts[] = { "9.8.7.6 abc" };
static const char *rich_env[] = { "B=2", "FOO=over" };
static struct dns_config rich_dns_config = {
	.nameservers = { rich_dns, 1 },
	.search = { rich_search, 1 },
	.options = { rich_options, 1 },
};

static void
make_rich(struct job *j)
{
	static char data[PATH_MAX];

	snprintf(data, sizeof(data), "%s/../bind", rootfs);
	rich_mounts[0].source = rich_mounts[5].source = data;
	rich_mounts[4].tmpfs = &rich_tmpfs;
	rich_mounts[5].bind = &rich_bind;
	j->c.mounts.v = rich_mounts;
	j->c.mounts.count = 6;
	j->c.ulimits.v = rich_limits;
	j->c.ulimits.count = 1;
	j->c.sysctls = (struct kvs){ rich_sysctl, 1 };
	j->c.capability_add = (struct strings){ rich_caps, 1 };
	j->c.capability_drop = (struct strings){ rich_drops, 1 };
	j->c.dns = &rich_dns_config;
	j->c.hosts = (struct strings){ rich_hosts, 1 };
	j->c.env = (struct strings){ rich_env, 2 };
	j->c.user = "app";
	j->c.dir = "/newdir";
	j->c.read_only = true;
	j->c.oom_score_adj = 77;
	j->o.hostname = "hname";
	j->task.spec.resources = &rich_requirements;
}

static void
make(struct job *j, const char *kind)
{
	if (strcmp(kind, "rich") == 0)
		make_rich(j);
	j->c.tty = strcmp(kind, "tty") == 0;
	if (strcmp(kind, "host") == 0)
		j->o.network = "host";
}

int
main(int argc, char **argv)
{
	int r = daemon_main(argc, argv);
	const char *command[] = { "sh", "-c", argc > 5 ? argv[5] : "env",
				  NULL };
	char path[PATH_MAX];
	struct buf log = { 0 };
	struct job j;
	struct err e;

	if (r >= 0)
		return r;
	snprintf(d.root, sizeof(d.root), "%s/root", scratch);
	snprintf(d.run, sizeof(d.run), "%s/run", scratch);
	daemon_start();
	job_init(&j, command);
	make(&j, argv[4]);
	run_job(&j);
	wait_for(RUNNER_EXITED, j.id);
	OK(fs_path(path, sizeof(path), &e, "%s/tasks/%s/config.json", d.run,
		   j.id) == 0);
	log_of(&j, &log);
	fputs(buf_cstr(&log), stdout);
	buf_fini(&log);
	if (argc > 6) { /* a copy of the bundle's configuration, too */
		OK(fs_read(path, 1 << 20, &log, &e) == 0);
		OK(fs_write(argv[6], log.p, log.len, 0600, &e) == 0);
		buf_fini(&log);
	}
	remove_job(&j);
	daemon_end();
	return 0;
}
