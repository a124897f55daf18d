/* mount_plan_test.c - a container's mounts and their options, in order. */
#include "exec/mount_plan.h"

#include <errno.h>

#include "test/t.h"

static struct container_spec spec;
static const char *sources[8];

static const char *
plan_text(const struct plan *p, struct arena *a)
{
	const char *text = "";

	for (uint32_t i = 0; i < p->count; i++) {
		const struct plan_mount *m = &p->v[i];

		text = arena_printf(a, "%s%s%s %s %s", text, i ? "\n" : "",
				    m->destination, m->type, m->source);
		for (uint32_t j = 0; j < m->options.count; j++)
			text = arena_printf(a, "%s%s%s", text, j ? "," : " ",
					    m->options.v[j]);
	}
	return text;
}

static int
plan(struct arena *a, struct plan *ret, const char *init, struct err *e)
{
	const struct plan_request q = {
		.spec = &spec,
		.sources = sources,
		.etc_dir = "/c",
		.init = init,
	};

	return mount_plan(&q, a, ret, e);
}

/* The line of one destination; NULL if it is not mounted. */
static const char *
line_of(const struct plan *p, struct arena *a, const char *destination)
{
	const char *found = NULL;

	for (uint32_t i = 0; i < p->count; i++) {
		const struct plan one = { &p->v[i], 1, NULL };

		if (strcmp(p->v[i].destination, destination) == 0)
			found = plan_text(&one, a);
	}
	return found;
}

static void
set_mounts(struct mount *m, uint32_t count)
{
	spec = (struct container_spec){ 0 };
	spec.mounts.v = m;
	spec.mounts.count = count;
}

T(default_mounts_are_dockers)
{
	struct arena a;
	struct plan p;
	struct err e;

	arena_init(&a);
	set_mounts(NULL, 0);
	EQ(plan(&a, &p, "/bin/swarm", &e), 0);
	EQ_STR(plan_text(&p, &a),
	       "/proc proc proc nosuid,noexec,nodev\n"
	       "/dev tmpfs tmpfs nosuid,strictatime,mode=755,size=65536k\n"
	       "/dev/pts devpts devpts nosuid,noexec,newinstance,"
	       "ptmxmode=0666,mode=0620,gid=5\n"
	       "/sys sysfs sysfs nosuid,noexec,nodev,ro\n"
	       "/sys/fs/cgroup cgroup cgroup ro,nosuid,noexec,nodev\n"
	       "/dev/mqueue mqueue mqueue nosuid,noexec,nodev\n"
	       "/dev/shm tmpfs shm nosuid,noexec,nodev,mode=1777,"
	       "size=67108864\n"
	       "/sbin/docker-init bind /bin/swarm bind,ro\n"
	       "/etc/resolv.conf bind /c/resolv.conf rbind,rprivate\n"
	       "/etc/hostname bind /c/hostname rbind,rprivate\n"
	       "/etc/hosts bind /c/hosts rbind,rprivate");
	OK(p.propagation == NULL);
	spec.read_only = true;
	EQ(plan(&a, &p, NULL, &e), 0);
	EQ_STR(line_of(&p, &a, "/etc/hosts"),
	       "/etc/hosts bind /c/hosts rbind,ro,rprivate");
	arena_fini(&a);
}

T(a_read_only_bind_is_so_with_all_below_it_where_the_kernel_can)
{
	static struct bind_options top = { .read_only_non_recursive = true };
	static struct bind_options alone = { .non_recursive = true };
	static struct bind_options all = { .read_only_force_recursive = true };
	static const struct {
		struct bind_options *bind;
		bool can;
		const char *want; /* NULL: refused */
	} rows[] = {
		{ NULL, true, "/x bind /src rbind,rro,rprivate" },
		{ NULL, false, "/x bind /src rbind,ro,rprivate" },
		{ &top, true, "/x bind /src rbind,ro,rprivate" },
		{ &alone, true, "/x bind /src bind,ro,rprivate" },
		{ &all, true, "/x bind /src rbind,rro,rprivate" },
		{ &all, false, NULL },
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct mount m = { .type = MOUNT_BIND,
				   .target = "/x",
				   .read_only = true,
				   .bind = rows[i].bind };
		struct plan_request q = { .spec = &spec,
					  .sources = sources,
					  .etc_dir = "/c",
					  .all_read_only = rows[i].can };
		struct arena a;
		struct plan p;
		struct err e;

		arena_init(&a);
		set_mounts(&m, 1);
		sources[0] = "/src";
		EQ(mount_plan(&q, &a, &p, &e), rows[i].want ? 0 : -EINVAL);
		if (rows[i].want != NULL)
			EQ_STR(line_of(&p, &a, "/x"), rows[i].want);
		else
			EQ_STR(e.msg, "bind-recursive=readonly of /x needs "
				      "Linux 5.12 or later");
		arena_fini(&a);
	}
}

static struct bind_options slave = { .propagation = "rslave" };
static struct bind_options shared = { .propagation = "shared" };
static struct bind_options flat = { .non_recursive = true };
static struct bind_options odd = { .propagation = "sideways" };
static struct tmpfs_options small = { 3 << 20, 01777 };
static struct tmpfs_options odd_size = { 1025, 0 };

static const struct {
	const char *name;
	struct mount m;
	const char *want; /* NULL: refused */
	const char *propagation;
} rows[] = {
	{ "bind",
	  { .type = MOUNT_BIND, .target = "/x" },
	  "/x bind /src rbind,rprivate",
	  NULL },
	{ "bind, read-only",
	  { .type = MOUNT_BIND, .target = "/x", .read_only = true },
	  "/x bind /src rbind,ro,rprivate",
	  NULL },
	{ "bind, not recursive",
	  { .type = MOUNT_BIND, .target = "/x", .bind = &flat },
	  "/x bind /src bind,rprivate",
	  NULL },
	{ "bind, slave",
	  { .type = MOUNT_BIND, .target = "/x", .bind = &slave },
	  "/x bind /src rbind,rslave",
	  "rslave" },
	{ "bind, shared",
	  { .type = MOUNT_BIND, .target = "/x", .bind = &shared },
	  "/x bind /src rbind,shared",
	  "shared" },
	{ "bind, unknown propagation",
	  { .type = MOUNT_BIND, .target = "/x", .bind = &odd },
	  NULL,
	  NULL },
	{ "volume",
	  { .type = MOUNT_VOLUME, .target = "/x" },
	  "/x bind /src rbind",
	  NULL },
	{ "volume, read-only",
	  { .type = MOUNT_VOLUME, .target = "/x", .read_only = true },
	  "/x bind /src rbind,ro",
	  NULL },
	{ "tmpfs",
	  { .type = MOUNT_TMPFS, .target = "/x" },
	  "/x tmpfs tmpfs noexec,nosuid,nodev,rprivate",
	  NULL },
	{ "tmpfs with size and mode",
	  { .type = MOUNT_TMPFS, .target = "/x", .tmpfs = &small },
	  "/x tmpfs tmpfs noexec,nosuid,nodev,rprivate,mode=1777,size=3m",
	  NULL },
	{ "tmpfs of an odd size",
	  { .type = MOUNT_TMPFS, .target = "/x", .tmpfs = &odd_size },
	  "/x tmpfs tmpfs noexec,nosuid,nodev,rprivate,size=1025",
	  NULL },
	{ "dots in the target",
	  { .type = MOUNT_TMPFS, .target = "//a/../x/./" },
	  "/x tmpfs tmpfs noexec,nosuid,nodev,rprivate",
	  NULL },
	{ "a relative target",
	  { .type = MOUNT_TMPFS, .target = "x" },
	  NULL,
	  NULL },
	{ "no target", { .type = MOUNT_TMPFS }, NULL, NULL },
	{ "the root as target",
	  { .type = MOUNT_BIND, .target = "/x/.." },
	  NULL,
	  NULL },
	{ "a type that is not there",
	  { .type = MOUNT_NPIPE, .target = "/x" },
	  NULL,
	  NULL },
};

T(mounts_have_the_options_docker_gives)
{
	sources[0] = "/src";
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct mount m = rows[i].m;
		struct arena a;
		struct plan p = { 0 };
		struct err e;

		T_ROW(rows[i].name);
		arena_init(&a);
		set_mounts(&m, 1);
		EQ(plan(&a, &p, NULL, &e) == 0, rows[i].want != NULL);
		if (rows[i].want != NULL) {
			EQ_STR(line_of(&p, &a, "/x"), rows[i].want);
			EQ_STR(p.propagation, rows[i].propagation);
		}
		arena_fini(&a);
	}
}

T(a_mount_of_the_service_replaces_defaults_at_and_below)
{
	struct mount m[] = {
		{ .type = MOUNT_TMPFS, .target = "/dev/shm" },
		{ .type = MOUNT_BIND, .target = "/etc/hosts" },
		{ .type = MOUNT_BIND, .target = "/sys/" },
		{ .type = MOUNT_BIND, .target = "/device" },
	};
	struct arena a;
	struct plan p;
	struct err e;

	sources[1] = sources[2] = sources[3] = "/src";
	arena_init(&a);
	set_mounts(m, 4);
	EQ(plan(&a, &p, NULL, &e), 0);
	EQ_STR(line_of(&p, &a, "/dev/shm"),
	       "/dev/shm tmpfs tmpfs noexec,nosuid,nodev,rprivate");
	EQ_STR(line_of(&p, &a, "/etc/hosts"),
	       "/etc/hosts bind /src rbind,rprivate");
	EQ_STR(line_of(&p, &a, "/sys"), "/sys bind /src rbind,rprivate");
	OK(line_of(&p, &a, "/sys/fs/cgroup") == NULL);
	OK(line_of(&p, &a, "/dev") != NULL); /* /device is not /dev */
	arena_fini(&a);
}

T(parents_are_mounted_before_children)
{
	struct mount m[] = {
		{ .type = MOUNT_TMPFS, .target = "/a/b/c" },
		{ .type = MOUNT_TMPFS, .target = "/z" },
		{ .type = MOUNT_TMPFS, .target = "/a/b" },
		{ .type = MOUNT_TMPFS, .target = "/a" },
	};
	const char *want[] = { "/z",
			       "/a",
			       "/a/b",
			       "/etc/resolv.conf",
			       "/etc/hostname",
			       "/etc/hosts",
			       "/a/b/c" };
	struct arena a;
	struct plan p;
	struct err e;

	arena_init(&a);
	set_mounts(m, 4);
	EQ(plan(&a, &p, NULL, &e), 0);
	for (size_t i = 0; i < ARRAY_LEN(want); i++)
		EQ_STR(p.v[p.count - ARRAY_LEN(want) + i].destination, want[i]);
	arena_fini(&a);
}
