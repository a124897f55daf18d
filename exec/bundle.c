/* bundle.c - see bundle.h. */
#include "exec/bundle.h"

#include <stdio.h>
#include <string.h>

#include "core/base/json.h"
#include "core/base/str.h"
#include "exec/caps.h"
#include "exec/seccomp.h"

#define DEFAULT_PATH                                                           \
	"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
#define CPU_PERIOD_US 100000

static const char *const masked_paths[] = {
	"/proc/asound",
	"/proc/acpi",
	"/proc/kcore",
	"/proc/keys",
	"/proc/latency_stats",
	"/proc/timer_list",
	"/proc/timer_stats",
	"/proc/sched_debug",
	"/proc/scsi",
	"/sys/firmware",
	"/sys/devices/virtual/powercap",
};
static const char *const readonly_paths[] = {
	"/proc/bus",	       "/proc/fs", "/proc/irq", "/proc/sys",
	"/proc/sysrq-trigger",
};

/* Character devices that may be used: zero null urandom random tty console. */
static const struct {
	bool allow;
	int major, minor;
} devices[] = {
	{ true, 1, 5 }, { true, 1, 3 }, { true, 1, 9 },	    { true, 1, 8 },
	{ true, 5, 0 }, { true, 5, 1 }, { false, 10, 229 }, /* fuse */
};

/* ---- environment -------------------------------------------------------- */

static bool
same_key(const char *a, const char *b)
{
	size_t n = strcspn(a, "=");

	return strncmp(a, b, n) == 0 && (b[n] == '=' || b[n] == '\0');
}

static const char **
find_key(const struct strings *env, const char *entry)
{
	for (uint32_t i = 0; i < env->count; i++)
		if (same_key(entry, env->v[i]))
			return &env->v[i];
	return NULL;
}

/* "K=V" sets, in the place of an older K; "K" alone takes K away. */
static void
put_env(struct strings *env, const char *entry)
{
	const char **old = find_key(env, entry);

	if (strchr(entry, '=') != NULL) {
		if (old != NULL)
			*old = entry;
		else
			env->v[env->count++] = entry;
		return;
	}
	if (old == NULL)
		return;
	memmove(old, old + 1,
		(size_t)(env->v + env->count - (old + 1)) * sizeof(*old));
	env->count--;
}

struct strings
bundle_env(const struct bundle *b, struct arena *a)
{
	const struct container_spec *c = b->order->spec.container;
	const struct strings *image = &b->order->image.env;
	struct strings env = { 0 };

	env.v = arena_array(a, c->env.count + image->count + 4, sizeof(char *));
	put_env(&env, DEFAULT_PATH);
	put_env(&env, arena_printf(a, "HOSTNAME=%s", b->hostname));
	if (c->tty)
		put_env(&env, "TERM=xterm");
	for (uint32_t i = 0; i < c->env.count; i++)
		put_env(&env, c->env.v[i]);
	for (uint32_t i = 0; i < image->count; i++)
		if (find_key(&c->env, image->v[i]) == NULL)
			put_env(&env, image->v[i]);
	if (find_key(&env, "HOME=") == NULL)
		put_env(&env, arena_printf(a, "HOME=%s", b->user.home));
	return env;
}

/* ---- process ------------------------------------------------------------ */

static void
put_strings(struct json *w, const char *key, const char *const *v, size_t count)
{
	json_key(w, key);
	json_open(w, '[');
	for (size_t i = 0; i < count; i++)
		json_str(w, v[i]);
	json_close(w, ']');
}

static void
put_user(struct json *w, const struct user_ids *u)
{
	json_key(w, "user");
	json_open(w, '{');
	json_put_u64(w, "uid", u->uid);
	json_put_u64(w, "gid", u->gid);
	json_key(w, "additionalGids");
	json_open(w, '[');
	for (uint32_t i = 0; i < u->group_count; i++)
		json_u64(w, u->groups[i]);
	json_close(w, ']');
	json_close(w, '}');
}

/* Docker's order for its defaults, then by number: so it can be compared. */
static void
put_cap_set(struct json *w, const char *key, uint64_t caps)
{
	json_key(w, key);
	json_open(w, '[');
	for (const int *c = cap_defaults; *c >= 0; c++) {
		if (caps & (UINT64_C(1) << *c))
			json_str(w, cap_names[*c]);
		caps &= ~(UINT64_C(1) << *c);
	}
	for (int c = 0; c < CAP_COUNT; c++)
		if (caps & (UINT64_C(1) << c))
			json_str(w, cap_names[c]);
	json_close(w, ']');
}

/* Inheritable stays empty; other users than root get theirs by file only. */
static void
put_caps(struct json *w, const struct bundle *b)
{
	json_key(w, "capabilities");
	json_open(w, '{');
	put_cap_set(w, "bounding", b->caps);
	if (b->user.uid == 0) {
		put_cap_set(w, "effective", b->caps);
		put_cap_set(w, "permitted", b->caps);
	}
	json_close(w, '}');
}

static void
put_rlimits(struct json *w, const struct container_spec *c)
{
	if (c->ulimits.count == 0)
		return;
	json_key(w, "rlimits");
	json_open(w, '[');
	for (uint32_t i = 0; i < c->ulimits.count; i++) {
		const struct ulimit *u = &c->ulimits.v[i];
		char type[40];

		snprintf(type, sizeof(type), "RLIMIT_%s", str_or(u->name, ""));
		for (char *p = type; *p != '\0'; p++)
			if (*p >= 'a' && *p <= 'z')
				*p = (char)(*p - 'a' + 'A');
		json_open(w, '{');
		json_put_str(w, "type", type);
		/* -1 is "unlimited": all ones, as the kernel has it */
		json_put_u64(w, "hard", (uint64_t)u->hard);
		json_put_u64(w, "soft", (uint64_t)u->soft);
		json_close(w, '}');
	}
	json_close(w, ']');
}

static void
put_process_fields(struct json *w, const struct bundle *b)
{
	const struct container_spec *c = b->order->spec.container;
	struct strings env;
	struct arena a;

	arena_init(&a);
	env = bundle_env(b, &a);
	put_user(w, &b->user);
	put_strings(w, "env", env.v, env.count);
	json_put_str(w, "cwd",
		     str_or(str_or(c->dir, b->order->image.working_dir), "/"));
	put_caps(w, b);
	put_rlimits(w, c);
	json_put_bool(w, "noNewPrivileges", false);
	json_put_i64(w, "oomScoreAdj", c->oom_score_adj);
	arena_fini(&a);
}

static void
put_process(struct json *w, const struct bundle *b)
{
	json_key(w, "process");
	json_open(w, '{');
	json_put_bool(w, "terminal", b->order->spec.container->tty);
	put_process_fields(w, b);
	put_strings(w, "args", b->argv.v, b->argv.count);
	json_close(w, '}');
}

void
bundle_write_probe(const struct bundle *b, struct buf *out)
{
	struct json w = { .out = out };

	json_open(&w, '{');
	json_put_bool(&w, "terminal", false);
	put_process_fields(&w, b);
	json_key(&w, "args");
}

/* ---- mounts, linux ------------------------------------------------------ */

static void
put_mounts(struct json *w, const struct plan *plan)
{
	json_key(w, "mounts");
	json_open(w, '[');
	for (uint32_t i = 0; i < plan->count; i++) {
		const struct plan_mount *m = &plan->v[i];

		json_open(w, '{');
		json_put_str(w, "destination", m->destination);
		json_put_str(w, "type", m->type);
		json_put_str(w, "source", m->source);
		put_strings(w, "options", m->options.v, m->options.count);
		json_close(w, '}');
	}
	json_close(w, ']');
}

static void
put_devices(struct json *w)
{
	json_key(w, "devices");
	json_open(w, '[');
	json_open(w, '{');
	json_put_bool(w, "allow", false);
	json_put_str(w, "access", "rwm");
	json_close(w, '}');
	for (size_t i = 0; i < ARRAY_LEN(devices); i++) {
		json_open(w, '{');
		json_put_bool(w, "allow", devices[i].allow);
		json_put_str(w, "type", "c");
		json_put_i64(w, "major", devices[i].major);
		json_put_i64(w, "minor", devices[i].minor);
		json_put_str(w, "access", "rwm");
		json_close(w, '}');
	}
	json_close(w, ']');
}

static void
put_resources(struct json *w, const struct order *o)
{
	static const struct resource_limits none = { 0 };
	const struct resource_limits *l =
		o->spec.resources && o->spec.resources->limits
			? o->spec.resources->limits
			: &none;

	json_key(w, "resources");
	json_open(w, '{');
	put_devices(w);
	json_key(w, "memory");
	json_open(w, '{');
	if (l->memory_bytes > 0) {
		json_put_i64(w, "limit", l->memory_bytes);
		json_put_i64(w, "swap",
			     l->memory_bytes <= INT64_MAX / 2
				     ? l->memory_bytes * 2
				     : INT64_MAX);
	}
	json_put_bool(w, "disableOOMKiller", false);
	json_close(w, '}');
	json_key(w, "cpu");
	json_open(w, '{');
	if (l->nano_cpus > 0) {
		json_put_i64(w, "quota",
			     l->nano_cpus / (1000000000 / CPU_PERIOD_US));
		json_put_u64(w, "period", CPU_PERIOD_US);
	}
	json_close(w, '}');
	if (l->pids > 0) {
		json_key(w, "pids");
		json_open(w, '{');
		json_put_i64(w, "limit", l->pids);
		json_close(w, '}');
	}
	json_close(w, '}');
}

static void
put_namespace(struct json *w, const char *type, const char *path)
{
	json_open(w, '{');
	json_put_str(w, "type", type);
	if (path != NULL)
		json_put_str(w, "path", path);
	json_close(w, '}');
}

static void
put_namespaces(struct json *w, const struct bundle *b)
{
	json_key(w, "namespaces");
	json_open(w, '[');
	put_namespace(w, "mount", NULL);
	if (b->netns != NULL)
		put_namespace(w, "network", b->netns);
	put_namespace(w, "uts", NULL);
	put_namespace(w, "pid", NULL);
	put_namespace(w, "ipc", NULL);
	if (b->cgroup_v2)
		put_namespace(w, "cgroup", NULL);
	json_close(w, ']');
}

/* Two that Docker sets, so that users other than root can bind and ping. */
static void
put_sysctl(struct json *w, const struct bundle *b)
{
	static const struct kv extra[] = {
		{ "net.ipv4.ip_unprivileged_port_start", "0" },
		{ "net.ipv4.ping_group_range", "0 2147483647" },
	};
	const struct kvs *own = &b->order->spec.container->sysctls;

	json_key(w, "sysctl");
	json_open(w, '{');
	for (uint32_t i = 0; i < own->count; i++)
		json_put_str(w, own->v[i].key, own->v[i].value);
	for (size_t i = 0; b->netns != NULL && i < ARRAY_LEN(extra); i++)
		if (kvs_get(own, extra[i].key) == NULL)
			json_put_str(w, extra[i].key, extra[i].value);
	json_close(w, '}');
}

static void
put_linux(struct json *w, const struct bundle *b)
{
	char cgroup[80];

	snprintf(cgroup, sizeof(cgroup), "/swarm/%s", b->order->task_id);
	json_key(w, "linux");
	json_open(w, '{');
	put_sysctl(w, b);
	put_resources(w, b->order);
	json_put_str(w, "cgroupsPath", cgroup);
	put_namespaces(w, b);
	json_key(w, "seccomp");
	seccomp_write(w, b->caps);
	if (b->plan.propagation != NULL)
		json_put_str(w, "rootfsPropagation", b->plan.propagation);
	put_strings(w, "maskedPaths", masked_paths, ARRAY_LEN(masked_paths));
	put_strings(w, "readonlyPaths", readonly_paths,
		    ARRAY_LEN(readonly_paths));
	json_close(w, '}');
}

void
bundle_write(const struct bundle *b, struct buf *out)
{
	struct json w = { .out = out };

	json_open(&w, '{');
	json_put_str(&w, "ociVersion", "1.0.2");
	put_process(&w, b);
	json_key(&w, "root");
	json_open(&w, '{');
	json_put_str(&w, "path", b->rootfs);
	json_put_bool(&w, "readonly", b->order->spec.container->read_only);
	json_close(&w, '}');
	json_put_str(&w, "hostname", b->hostname);
	put_mounts(&w, &b->plan);
	put_linux(&w, b);
	json_close(&w, '}');
}
