/* cmd_system.c - swarm info, version, completion. */
#include <jansson.h>
#include <string.h>

#include "core/base/mem.h"
#include "core/base/str.h"
#include "core/base/time_text.h"
#include "core/model/request.h"
#include "net/client/command.h"
#include "net/client/format.h"
#include "net/client/tree.h"

#if defined(__x86_64__)
#define ARCH "amd64"
#elif defined(__aarch64__)
#define ARCH "arm64"
#else
#define ARCH "unknown"
#endif

/* ---- version
 * ------------------------------------------------------------------- */

static json_t *
client_tree(const struct cli *cli)
{
	const struct cli_hooks *h = cli->hooks;
	json_t *t = json_object();
	char api[16];

	snprintf(api, sizeof(api), "1.%d", API_MINOR_MAX);
	json_object_set_new(
		t, "Version",
		json_string(str_or(h ? h->version : NULL, "unknown")));
	json_object_set_new(t, "ApiVersion", json_string(api));
	json_object_set_new(
		t, "GitCommit",
		json_string(str_or(h ? h->commit : NULL, "unknown")));
	json_object_set_new(t, "Os", json_string("linux"));
	json_object_set_new(t, "Arch", json_string(ARCH));
	return t;
}

static void
put_field(FILE *out, const char *label, const char *value)
{
	if (*value == '\0')
		return;
	fputs(label, out);
	cli_put(out, value);
	fputc('\n', out);
}

static void
put_client_version(FILE *out, const json_t *c)
{
	fputs("Client:\n", out);
	put_field(out, " Version:           ", tree_str(c, "Version"));
	put_field(out, " API version:       ", tree_str(c, "ApiVersion"));
	put_field(out, " Git commit:        ", tree_str(c, "GitCommit"));
	fprintf(out, " OS/Arch:           linux/%s\n", ARCH);
}

/* Of a component, its version first and then what it says of itself. */
static void
put_component(FILE *out, const json_t *c)
{
	static const char *const rows[][2] = {
		{ "Details.ApiVersion", "  API version:      " },
		{ "Details.GitCommit", "  Git commit:       " },
		{ "Details.BuildTime", "  Built:            " },
	};
	const char *minimum = tree_str(c, "Details.MinAPIVersion");

	fputc(' ', out);
	cli_put(out, tree_str(c, "Name"));
	fputs(":\n", out);
	put_field(out, "  Version:          ", tree_str(c, "Version"));
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		const char *value = tree_str(c, rows[i][0]);

		if (*value == '\0')
			continue;
		fputs(rows[i][1], out);
		cli_put(out, value);
		if (i == 0 && *minimum != '\0') {
			fputs(" (minimum version ", out);
			cli_put(out, minimum);
			fputc(')', out);
		}
		fputc('\n', out);
	}
	if (*tree_str(c, "Details.Os") != '\0') {
		fputs("  OS/Arch:          ", out);
		cli_put(out, tree_str(c, "Details.Os"));
		fputc('/', out);
		cli_put(out, tree_str(c, "Details.Arch"));
		fputc('\n', out);
	}
}

static void
put_server_version(FILE *out, const json_t *s)
{
	const json_t *list = tree_get(s, "Components");

	fputs("\nServer: ", out);
	cli_put(out, tree_str(s, "Platform.Name"));
	fputc('\n', out);
	for (size_t i = 0; i < json_array_size(list); i++)
		put_component(out, json_array_get(list, i));
}

static int
version_format(struct cli *cli, const char *format, json_t *client,
	       json_t *server)
{
	json_t *both = json_object();
	int rc;

	json_object_set(both, "Client", client);
	json_object_set_new(both, "Server",
			    server ? json_incref(server) : json_null());
	rc = format_value(cli, format, both);
	json_decref(both);
	return rc;
}

int
cmd_version(struct cli *cli, const struct parsed *p)
{
	const char *format = flag_str(p, "format");
	json_t *client, *server = NULL;
	struct err e = { 0 };
	int rc = format_check(cli, format), asked;

	if (rc != CLI_OK)
		return rc;
	client = client_tree(cli);
	asked = cli_get(cli, "/version", &server, &e);
	if (*format != '\0') {
		rc = version_format(cli, format, client, server);
	} else {
		put_client_version(cli->out, client);
		if (asked == 0)
			put_server_version(cli->out, server);
	}
	json_decref(client);
	json_decref(server);
	if (asked != 0)
		(void)cli_fail_err(cli, &e);
	return rc != CLI_OK ? rc : asked == 0 ? CLI_OK : CLI_FAILED;
}

/* ---- info
 * ----------------------------------------------------------------------- */

/* One line of the page: a label, and where its value is. */
struct line {
	const char *label, *path;
	enum { TEXT, NUMBER, YES_NO, MEMORY, DURATION } kind;
};

static void
put_value(FILE *out, const json_t *v, int kind)
{
	char text[TIME_TEXT_MAX];
	int64_t i = json_integer_value(v);

	switch (kind) {
	case TEXT:
		cli_put(out, str_or(json_string_value(v), ""));
		break;
	case NUMBER:
		fprintf(out, "%lld", (long long)i);
		break;
	case YES_NO:
		fputs(json_is_true(v) ? "true" : "false", out);
		break;
	case MEMORY:
		size_human_binary(i > 0 ? (uint64_t)i : 0, text);
		fputs(text, out);
		break;
	case DURATION:
		duration_human(i, text);
		fputs(text, out);
		break;
	}
}

/* Empty text is left out; what is not there is a number's zero. */
static void
put_lines(FILE *out, const json_t *tree, const struct line *lines, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		const json_t *v = tree_get(tree, lines[i].path);

		if (lines[i].path[0] == '\0') {
			fprintf(out, "%s\n", lines[i].label);
			continue;
		}
		if (lines[i].kind == TEXT && json_string_length(v) == 0)
			continue;
		fprintf(out, "%s: ", lines[i].label);
		put_value(out, v, lines[i].kind);
		fputc('\n', out);
	}
}

static const struct line engine_lines[] = {
	{ " Containers", "Containers", NUMBER },
	{ "  Running", "ContainersRunning", NUMBER },
	{ "  Paused", "ContainersPaused", NUMBER },
	{ "  Stopped", "ContainersStopped", NUMBER },
	{ " Images", "Images", NUMBER },
	{ " Server Version", "ServerVersion", TEXT },
	{ " Storage Driver", "Driver", TEXT },
	{ " Logging Driver", "LoggingDriver", TEXT },
	{ " Cgroup Driver", "CgroupDriver", TEXT },
	{ " Cgroup Version", "CgroupVersion", TEXT },
};

static const struct line cluster_lines[] = {
	{ "  ClusterID", "Swarm.Cluster.ID", TEXT },
	{ "  Managers", "Swarm.Managers", NUMBER },
	{ "  Nodes", "Swarm.Nodes", NUMBER },
};

static const struct line cluster_more_lines[] = {
	{ "  Data Path Port", "Swarm.Cluster.DataPathPort", NUMBER },
	{ "  Orchestration:", "", TEXT },
	{ "   Task History Retention Limit",
	  "Swarm.Cluster.Spec.Orchestration.TaskHistoryRetentionLimit",
	  NUMBER },
	{ "  Raft:", "", TEXT },
	{ "   Snapshot Interval", "Swarm.Cluster.Spec.Raft.SnapshotInterval",
	  NUMBER },
	{ "   Number of Old Snapshots to Retain",
	  "Swarm.Cluster.Spec.Raft.KeepOldSnapshots", NUMBER },
	{ "   Heartbeat Tick", "Swarm.Cluster.Spec.Raft.HeartbeatTick",
	  NUMBER },
	{ "   Election Tick", "Swarm.Cluster.Spec.Raft.ElectionTick", NUMBER },
	{ "  Dispatcher:", "", TEXT },
	{ "   Heartbeat Period",
	  "Swarm.Cluster.Spec.Dispatcher.HeartbeatPeriod", DURATION },
	{ "  CA Configuration:", "", TEXT },
	{ "   Expiry Duration", "Swarm.Cluster.Spec.CAConfig.NodeCertExpiry",
	  DURATION },
	{ "   Force Rotate", "Swarm.Cluster.Spec.CAConfig.ForceRotate",
	  NUMBER },
	{ "  Autolock Managers",
	  "Swarm.Cluster.Spec.EncryptionConfig.AutoLockManagers", YES_NO },
	{ "  Root Rotation In Progress", "Swarm.Cluster.RootRotationInProgress",
	  YES_NO },
};

static const struct line host_lines[] = {
	{ " Default Runtime", "DefaultRuntime", TEXT },
	{ " Init Binary", "InitBinary", TEXT },
	{ " Kernel Version", "KernelVersion", TEXT },
	{ " Operating System", "OperatingSystem", TEXT },
	{ " OSType", "OSType", TEXT },
	{ " Architecture", "Architecture", TEXT },
	{ " CPUs", "NCPU", NUMBER },
	{ " Total Memory", "MemTotal", MEMORY },
	{ " Name", "Name", TEXT },
	{ " ID", "ID", TEXT },
	{ " Root Dir", "DockerRootDir", TEXT },
	{ " Debug Mode", "Debug", YES_NO },
};

static void
put_pools(FILE *out, const json_t *info)
{
	const json_t *pools = tree_get(info, "Swarm.Cluster.DefaultAddrPool");

	if (json_array_size(pools) == 0)
		return;
	fputs("  Default Address Pool: ", out);
	for (size_t i = 0; i < json_array_size(pools); i++) {
		cli_put(out, str_or(json_string_value(json_array_get(pools, i)),
				    ""));
		fputs("  ", out);
	}
	fprintf(out, "\n  SubnetSize: %lld\n",
		(long long)tree_i64(info, "Swarm.Cluster.SubnetSize"));
}

static int
by_addr(const void *x, const void *y)
{
	const json_t *a = *(json_t *const *)x, *b = *(json_t *const *)y;

	return strcmp(tree_str(a, "Addr"), tree_str(b, "Addr"));
}

static void
put_managers(FILE *out, const json_t *info)
{
	size_t count;
	json_t **sorted = tree_sorted(tree_get(info, "Swarm.RemoteManagers"),
				      &count, by_addr);

	if (count > 0)
		fputs("  Manager Addresses:\n", out);
	for (size_t i = 0; i < count; i++)
		put_field(out, "   ", tree_str(sorted[i], "Addr"));
	mem_free(sorted);
}

static void
put_swarm(FILE *out, const json_t *info)
{
	const char *state = tree_str(info, "Swarm.LocalNodeState");
	bool manager = tree_bool(info, "Swarm.ControlAvailable");

	put_field(out, " Swarm: ", state);
	if (str_eq(state, "inactive") || str_eq(state, "locked"))
		return;
	put_field(out, "  NodeID: ", tree_str(info, "Swarm.NodeID"));
	put_field(out, "  Error: ", tree_str(info, "Swarm.Error"));
	fprintf(out, "  Is Manager: %s\n", manager ? "true" : "false");
	if (manager && *tree_str(info, "Swarm.Error") == '\0' &&
	    tree_get(info, "Swarm.Cluster") != NULL) {
		put_lines(out, info, cluster_lines, ARRAY_LEN(cluster_lines));
		put_pools(out, info);
		put_lines(out, info, cluster_more_lines,
			  ARRAY_LEN(cluster_more_lines));
	}
	put_field(out, "  Node Address: ", tree_str(info, "Swarm.NodeAddr"));
	put_managers(out, info);
}

static void
put_client_info(struct cli *cli)
{
	const struct cli_hooks *h = cli->hooks;

	fprintf(cli->out, "Client:\n Version:    %s\n Debug Mode: false\n",
		str_or(h ? h->version : NULL, "unknown"));
}

int
cmd_info(struct cli *cli, const struct parsed *p)
{
	const char *format = flag_str(p, "format");
	const json_t *warnings;
	json_t *info = NULL;
	struct err e = { 0 };
	int rc = format_check(cli, format);

	if (rc != CLI_OK)
		return rc;
	rc = cli_get(cli, "/info", &info, &e);
	if (*format != '\0' && rc == 0) {
		rc = format_value(cli, format, info);
		json_decref(info);
		return rc;
	}
	put_client_info(cli);
	fputs("\nServer:\n", cli->out);
	if (rc != 0)
		return cli_fail_err(cli, &e);
	put_lines(cli->out, info, engine_lines, ARRAY_LEN(engine_lines));
	put_swarm(cli->out, info);
	put_lines(cli->out, info, host_lines, ARRAY_LEN(host_lines));
	warnings = tree_get(info, "Warnings");
	for (size_t i = 0; i < json_array_size(warnings); i++)
		put_field(cli->err, "",
			  str_or(json_string_value(json_array_get(warnings, i)),
				 ""));
	json_decref(info);
	return CLI_OK;
}

/* ---- completion
 * -------------------------------------------------------------------- */

int
cmd_completion(struct cli *cli, const struct parsed *p)
{
	if (!str_eq(p->args.v[0], "bash"))
		return cli_fail(cli,
				"There is completion for bash only, not for "
				"\"%s\".",
				p->args.v[0]);
	complete_bash(cli->out);
	return CLI_OK;
}
