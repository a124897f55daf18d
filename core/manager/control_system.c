/* control_system.c - what the daemon says of itself: version, info, usage. */
#include <string.h>

#include "core/base/check.h"
#include "core/base/json.h"
#include "core/base/str.h"
#include "core/base/time_text.h"
#include "core/manager/ca.h"
#include "core/manager/control_impl.h"

/* The kernel's word for the machine, and Go's. */
static const char *
go_arch(const char *machine)
{
	static const char *const words[][2] = {
		{ "x86_64", "amd64" },	  { "aarch64", "arm64" },
		{ "armv7l", "arm" },	  { "i686", "386" },
		{ "riscv64", "riscv64" },
	};

	for (size_t i = 0; i < ARRAY_LEN(words); i++)
		if (str_eq(machine, words[i][0]))
			return words[i][1];
	return str_or(machine, "unknown");
}

static const char *
api_version(struct arena *a, int minor)
{
	return arena_printf(a, "1.%d", minor);
}

static void
put_component(struct control *c, struct json *w)
{
	const struct node_description *d = c->env->description;

	json_open(w, '{');
	json_put_str(w, "Name", "Engine");
	json_put_str(w, "Version", c->env->version);
	json_key(w, "Details");
	json_open(w, '{');
	json_put_str(w, "ApiVersion", api_version(c->a, API_MINOR_MAX));
	json_put_str(w, "Arch", go_arch(d->platform.architecture));
	json_put_str(w, "BuildTime", "");
	json_put_str(w, "Experimental", "false");
	json_put_str(w, "GitCommit", "");
	json_put_str(w, "GoVersion", "");
	json_put_str(w, "KernelVersion", c->env->kernel_version);
	json_put_str(w, "MinAPIVersion", api_version(c->a, API_MINOR_MIN));
	json_put_str(w, "Os", "linux");
	json_close(w, '}');
	json_close(w, '}');
}

void
control_system_version(struct control *c)
{
	const struct node_description *d = c->env->description;
	struct json w = { .out = &c->ret->body };

	check(d);
	json_open(&w, '{');
	json_key(&w, "Platform");
	json_raw(&w, "{\"Name\":\"swarm\"}");
	json_key(&w, "Components");
	json_open(&w, '[');
	put_component(c, &w);
	json_close(&w, ']');
	json_put_str(&w, "Version", c->env->version);
	json_put_str(&w, "ApiVersion", api_version(c->a, API_MINOR_MAX));
	json_put_str(&w, "MinAPIVersion", api_version(c->a, API_MINOR_MIN));
	json_put_str(&w, "GitCommit", "");
	json_put_str(&w, "GoVersion", "");
	json_put_str(&w, "Os", "linux");
	json_put_str(&w, "Arch", go_arch(d->platform.architecture));
	json_put_str(&w, "KernelVersion", c->env->kernel_version);
	json_put_str(&w, "BuildTime", "");
	json_close(&w, '}');
	buf_putc(&c->ret->body, '\n');
	c->ret->status = 200;
}

/* ---- info ---------------------------------------------------------------- */

/* The cluster as everybody may see it: all but the tokens. */
static void
write_cluster_info(const struct cluster *cluster, struct arena *a,
		   struct buf *out)
{
	struct type t = cluster_type;
	struct field *fields = arena_array(a, t.field_count, sizeof(*fields));

	t.fields = fields;
	t.field_count = 0;
	for (uint32_t i = 0; i < cluster_type.field_count; i++)
		if (!str_eq(cluster_type.fields[i].name, "JoinTokens"))
			fields[t.field_count++] = cluster_type.fields[i];
	check(t.field_count + 1 == cluster_type.field_count);
	model_json_write(&t, cluster, out);
}

static void
put_managers(struct control *c, struct json *w, size_t *count)
{
	const struct state *s = c->env->state;

	json_key(w, "RemoteManagers");
	json_open(w, '[');
	for (size_t i = 0; i < state_count(s, OBJECT_NODE); i++) {
		const struct node_object *n = state_at(s, OBJECT_NODE, i);

		if (n->role != ROLE_MANAGER)
			continue;
		(*count)++;
		json_open(w, '{');
		json_put_str(w, "NodeID", n->head.id);
		json_put_str(w, "Addr", control_manager_addr(n, c->a));
		json_close(w, '}');
	}
	json_close(w, ']');
}

static void
put_two_managers(struct json *w)
{
	json_key(w, "Warnings");
	json_open(w, '[');
	json_str(w, "WARNING: Running Swarm in a two-manager configuration. "
		    "This configuration provides no fault tolerance, and "
		    "poses a high risk to lose control over the cluster: add "
		    "a third manager, or demote one.");
	json_close(w, ']');
}

/* What a person would wait for without knowing why. */
static void
put_warnings(struct control *c, struct json *w)
{
	const char *down;
	size_t left = ca_unconverged(c->env->state, &down);

	if (!down)
		return;
	json_key(w, "Warnings");
	json_open(w, '[');
	json_str(w, arena_printf(c->a,
				 "the root certificate cannot be rotated to "
				 "the end: %zu nodes have no new certificate, "
				 "of which %s is down; remove it, or wait "
				 "until it is back",
				 left, down));
	json_close(w, ']');
}

static void
put_member(struct control *c, struct json *w)
{
	const struct state *s = c->env->state;
	const struct node_object *self =
		state_get(s, OBJECT_NODE, str_or(c->env->node_id, ""));
	const struct cluster *cluster = state_cluster(s);
	struct buf info = { 0 };
	size_t managers = 0;

	json_put_str(w, "NodeID", c->env->node_id);
	json_put_str(w, "NodeAddr", self ? self->status.addr : "");
	json_put_str(w, "LocalNodeState",
		     self ? str_or(c->env->local_state, "active") : "pending");
	json_put_bool(w, "ControlAvailable", self != NULL);
	json_put_str(w, "Error", str_or(c->env->trouble, ""));
	put_managers(c, w, &managers);
	json_put_u64(w, "Nodes", state_count(s, OBJECT_NODE));
	json_put_u64(w, "Managers", managers);
	put_warnings(c, w);
	if (cluster) {
		write_cluster_info(cluster, c->a, &info);
		json_key(w, "Cluster");
		json_raw(w, buf_cstr(&info));
	}
	buf_fini(&info);
	if (managers == 2)
		put_two_managers(w);
}

/* A worker knows who its managers are, and a node without a cluster none. */
static void
put_known_managers(const struct control_env *env, struct json *w)
{
	json_key(w, "RemoteManagers");
	if (env->manager_count == 0) {
		json_nil(w);
		return;
	}
	json_open(w, '[');
	for (size_t i = 0; i < env->manager_count; i++) {
		json_open(w, '{');
		json_put_str(w, "NodeID", env->managers[i].node_id);
		json_put_str(w, "Addr", env->managers[i].addr);
		json_close(w, '}');
	}
	json_close(w, ']');
}

static void
put_swarm(struct control *c, struct json *w)
{
	const struct control_env *env = c->env;

	json_key(w, "Swarm");
	json_open(w, '{');
	if (env->state) {
		put_member(c, w);
	} else {
		json_put_str(w, "NodeID", str_or(env->node_id, ""));
		json_put_str(w, "NodeAddr", str_or(env->node_addr, ""));
		json_put_str(w, "LocalNodeState",
			     str_or(env->local_state, "inactive"));
		json_put_bool(w, "ControlAvailable", false);
		json_put_str(w, "Error", str_or(env->trouble, ""));
		put_known_managers(env, w);
	}
	json_close(w, '}');
}

static void
put_true(struct json *w)
{
	static const char *const keys[] = {
		"MemoryLimit", "SwapLimit",	 "CpuCfsPeriod",
		"CpuCfsQuota", "CPUShares",	 "CPUSet",
		"PidsLimit",   "IPv4Forwarding", "OomKillDisable",
	};

	for (size_t i = 0; i < ARRAY_LEN(keys); i++)
		json_put_bool(w, keys[i], true);
}

static void
put_counts(struct control *c, struct json *w)
{
	const struct control_env *env = c->env;
	size_t running = env->containers_running;

	json_put_str(w, "ID", env->node_id);
	json_put_u64(w, "Containers", env->containers);
	json_put_u64(w, "ContainersRunning", running);
	json_put_u64(w, "ContainersPaused", 0);
	json_put_u64(w, "ContainersStopped",
		     env->containers > running ? env->containers - running : 0);
	json_put_u64(w, "Images", env->images);
	json_put_str(w, "Driver", "overlay2");
	json_key(w, "DriverStatus");
	json_raw(w, "[]");
	json_key(w, "Plugins");
	json_raw(w, "{\"Volume\":[\"local\"],"
		    "\"Network\":[\"bridge\",\"host\",\"null\"],"
		    "\"Authorization\":null,\"Log\":[\"json-file\",\"none\"]}");
}

static void
put_host(struct control *c, struct json *w)
{
	const struct node_description *d = c->env->description;
	char now[TIME_TEXT_MAX];

	time_format(c->env->now.wall_ns, now);
	json_put_bool(w, "Debug", false);
	json_put_str(w, "SystemTime", now);
	json_put_str(w, "LoggingDriver", "json-file");
	json_put_str(w, "CgroupDriver", "cgroupfs");
	json_put_str(w, "KernelVersion", c->env->kernel_version);
	json_put_str(w, "OperatingSystem",
		     str_or(c->env->operating_system, "Linux"));
	json_put_str(w, "OSType", "linux");
	json_put_str(w, "Architecture", d->platform.architecture);
	json_put_str(w, "IndexServerAddress", "https://index.docker.io/v1/");
	json_key(w, "RegistryConfig");
	json_raw(w, "{\"InsecureRegistryCIDRs\":[],\"IndexConfigs\":{},"
		    "\"Mirrors\":[]}");
	json_put_i64(w, "NCPU", d->resources.nano_cpus / NS_PER_S);
	json_put_i64(w, "MemTotal", d->resources.memory_bytes);
	json_key(w, "GenericResources");
	json_nil(w);
	json_put_str(w, "DockerRootDir", c->env->root_dir);
	json_put_str(w, "HttpProxy", "");
	json_put_str(w, "HttpsProxy", "");
	json_put_str(w, "NoProxy", "");
	json_put_str(w, "Name", d->hostname);
	json_key(w, "Labels");
	json_raw(w, "[]");
	json_put_bool(w, "ExperimentalBuild", false);
	json_put_str(w, "ServerVersion", c->env->version);
}

static void
put_runtime(struct control *c, struct json *w)
{
	const char *path = str_or(c->env->runtime, "runc");
	const char *slash = strrchr(path, '/');
	const char *name = slash ? slash + 1 : path;

	json_key(w, "Runtimes");
	json_open(w, '{');
	json_key(w, name);
	json_open(w, '{');
	json_put_str(w, "path", path);
	json_close(w, '}');
	json_close(w, '}');
	json_put_str(w, "DefaultRuntime", name);
}

void
control_system_info(struct control *c)
{
	struct json w = { .out = &c->ret->body };

	check(c->env->description);
	json_open(&w, '{');
	put_counts(c, &w);
	put_true(&w);
	put_host(c, &w);
	put_runtime(c, &w);
	put_swarm(c, &w);
	json_put_bool(&w, "LiveRestoreEnabled", true); /* shims outlive us */
	json_put_str(&w, "Isolation", "");
	json_put_str(&w, "InitBinary", "");
	json_key(&w, "ContainerdCommit");
	json_raw(&w, "{\"ID\":\"\"}");
	json_key(&w, "RuncCommit");
	json_raw(&w, "{\"ID\":\"\"}");
	json_key(&w, "InitCommit");
	json_raw(&w, "{\"ID\":\"\"}");
	json_key(&w, "SecurityOptions");
	json_raw(&w, "[\"name=seccomp,profile=builtin\"]");
	json_key(&w, "Warnings");
	json_nil(&w);
	json_close(&w, '}');
	buf_putc(&c->ret->body, '\n');
	c->ret->status = 200;
}

void
control_system_df(struct control *c)
{
	c->ret->status = 200;
	buf_puts(&c->ret->body,
		 "{\"LayersSize\":0,\"Images\":[],\"Containers\":[],"
		 "\"Volumes\":[],\"BuildCache\":[]}\n");
}
