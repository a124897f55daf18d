/*
 * table.c - the rows: every command and flag there is, in the order that
 * the help shows them. Texts are Docker's where the meaning is. A row that
 * is marked NOT_YET is what Docker has and we do not: it is refused by name.
 */
#include <errno.h>
#include <string.h>

#include "net/client/cluster.h"
#include "net/client/service_text.h"

static int
accept_filter(const char *value, struct err *e)
{
	if (strchr(value, '=') != NULL)
		return 0;
	return err_set(e, -EINVAL,
		       "bad format of filter (expected name=value)");
}

#define FORMAT_REFERENCE                                                       \
	"Refer to https://docs.docker.com/go/formatting/ for more "            \
	"information about formatting output with templates"
#define INSPECT_FORMAT                                                         \
	"Format output using a custom template:\n"                             \
	"'json':             Print in JSON format\n"                           \
	"'TEMPLATE':         Print output using the given Go "                 \
	"template.\n" FORMAT_REFERENCE
#define LIST_FORMAT                                                            \
	"Format output using a custom template:\n"                             \
	"'table':            Print output in table format with column "        \
	"headers (default)\n"                                                  \
	"'table TEMPLATE':   Print output in table format using the given "    \
	"Go template\n"                                                        \
	"'json':             Print in JSON format\n"                           \
	"'TEMPLATE':         Print output using the given Go "                 \
	"template.\n" FORMAT_REFERENCE

#define FILTER                                                                 \
	{                                                                      \
		"filter", 'f', FLAG_LIST, "filter", NULL,                      \
			"Filter output based on conditions provided", 0,       \
			accept_filter                                          \
	}
#define FLAG(name, letter, kind, help)                                         \
	{                                                                      \
		name, letter, kind, NULL, NULL, help, 0, NULL                  \
	}
#define LATER(name, letter, kind)                                              \
	{                                                                      \
		name, letter, kind, NULL, NULL, "", FLAG_NOT_YET, NULL         \
	}
#define DETACH                                                                 \
	FLAG("detach", 'd', FLAG_BOOL,                                         \
	     "Exit immediately instead of waiting for the service to "         \
	     "converge")
#define NO_TRUNC FLAG("no-trunc", 0, FLAG_BOOL, "Do not truncate output")
#define DONT_TRUNC FLAG("no-trunc", 0, FLAG_BOOL, "Don't truncate output")

const struct flag global_flags[] = {
	{ "host", 'H', FLAG_STRING, "list", NULL,
	  "Daemon socket to connect to (default is $SWARM_HOST, then "
	  "unix:///run/swarm/swarm.sock)",
	  0, NULL },
	FLAG("debug", 'D', FLAG_BOOL, "Enable debug mode"),
	FLAG("version", 'v', FLAG_BOOL, "Print version information and quit"),
	LATER("config", 0, FLAG_STRING),
	LATER("context", 'c', FLAG_STRING),
	LATER("log-level", 'l', FLAG_STRING),
	LATER("tls", 0, FLAG_BOOL),
	LATER("tlscacert", 0, FLAG_STRING),
	LATER("tlscert", 0, FLAG_STRING),
	LATER("tlskey", 0, FLAG_STRING),
	LATER("tlsverify", 0, FLAG_BOOL),
};

const size_t global_flag_count = ARRAY_LEN(global_flags);

/* ---- daemon, swarm -------------------------------------------------------
 */

#define UNITS " (ns|us|ms|s|m|h)"
#define SECRET(name, help)                                                     \
	{                                                                      \
		name, 0, FLAG_STRING, NULL, NULL, help, FLAG_SECRET, NULL      \
	}
#define TOKEN                                                                  \
	SECRET("token", "Token for entry into the swarm"),                     \
		FLAG("token-file", 0, FLAG_STRING,                             \
		     "File with the token (\"-\" for STDIN); $SWARM_TOKEN "    \
		     "may have it, too")
#define ADVERTISE_ADDR                                                         \
	FLAG("advertise-addr", 0, FLAG_STRING,                                 \
	     "Advertised address (format: \"<ip|interface>[:port]\")")
#define LISTEN_ADDR                                                            \
	{                                                                      \
		"listen-addr", 0, FLAG_STRING, "node-addr",                    \
			CLUSTER_LISTEN_ADDR,                                   \
			"Listen address (format: \"<ip|interface>[:port]\")",  \
			0, node_addr_check                                     \
	}
#define PLACE                                                                  \
	ADVERTISE_ADDR,                                                        \
		{ "availability",                                              \
		  0,                                                           \
		  FLAG_STRING,                                                 \
		  NULL,                                                        \
		  "active",                                                    \
		  "Availability of the node (\"active\", \"pause\", "          \
		  "\"drain\")",                                                \
		  0,                                                           \
		  NULL },                                                      \
		FLAG("data-path-addr", 0, FLAG_STRING,                         \
		     "Address or interface to use for data path traffic "      \
		     "(format: \"<ip|interface>\")"),                          \
		LISTEN_ADDR
#define CERT_EXPIRY                                                            \
	{                                                                      \
		"cert-expiry", 0, FLAG_DURATION, NULL, "2160h0m0s",            \
			"Validity period for node certificates" UNITS, 0, NULL \
	}
#define CLUSTER_SPEC                                                           \
	CERT_EXPIRY,                                                           \
		{ "dispatcher-heartbeat",                                      \
		  0,                                                           \
		  FLAG_DURATION,                                               \
		  NULL,                                                        \
		  "5s",                                                        \
		  "Dispatcher heartbeat period" UNITS,                         \
		  0,                                                           \
		  NULL },                                                      \
		LATER("external-ca", 0, FLAG_LIST),                            \
		FLAG("max-snapshots", 0, FLAG_U64,                             \
		     "Number of additional Raft snapshots to retain"),         \
		{ "snapshot-interval",                                         \
		  0,                                                           \
		  FLAG_U64,                                                    \
		  NULL,                                                        \
		  "10000",                                                     \
		  "Number of log entries between Raft snapshots",              \
		  0,                                                           \
		  NULL },                                                      \
	{                                                                      \
		"task-history-limit", 0, FLAG_I64, NULL, "5",                  \
			"Task history retention limit", 0, NULL                \
	}

static const struct flag daemon_flags[] = {
	{ "root", 0, FLAG_STRING, NULL, "/var/lib/swarm",
	  "Directory of all that is kept", 0, NULL },
	{ "run", 0, FLAG_STRING, NULL, "/run/swarm",
	  "Directory of sockets, bundles and namespaces", 0, NULL },
	FLAG("host", 'H', FLAG_STRING,
	     "Socket to listen on (default is swarm.sock in --run)"),
	FLAG("hostname", 0, FLAG_STRING,
	     "Name of this node (default is the host's)"),
	{ "runtime", 0, FLAG_STRING, NULL, NULL,
	  "OCI runtime, runc or crun (default is runc from PATH)", 0, NULL },
	{ "log-level", 0, FLAG_STRING, NULL, "info",
	  "Least level that is logged (\"debug\", \"info\", \"warn\", "
	  "\"error\")",
	  0, NULL },
	FLAG("init", 0, FLAG_BOOL,
	     "Initialize a swarm, unless this node is in one"),
	{ "join", 0, FLAG_LIST, "node-addr", NULL,
	  "Join the swarm of this manager, unless this node is in one "
	  "(format: \"<host>[:port]\")",
	  0, NULL },
	TOKEN,
	ADVERTISE_ADDR,
	LISTEN_ADDR,
	FLAG("force-new-cluster", 0, FLAG_BOOL,
	     "Go on as the only manager, from what is kept here"),
};

static const struct flag init_flags[] = {
	PLACE,
	CLUSTER_SPEC,
	FLAG("autolock", 0, FLAG_BOOL,
	     "Enable manager autolocking (requiring an unlock key to start a "
	     "stopped manager)"),
	{ "data-path-port", 0, FLAG_U64, "uint32", NULL,
	  "Port number to use for data path traffic (1024 - 49151). If no "
	  "value is set or is set to 0, the default port (4789) is used.",
	  0, u32_check },
	{ "default-addr-pool", 0, FLAG_LIST, "ipNetSlice", "[]",
	  "default address pool in CIDR format", 0, pools_check },
	{ "default-addr-pool-mask-length", 0, FLAG_U64, "uint32", "24",
	  "default address pool subnet mask length", 0, u32_check },
	FLAG("force-new-cluster", 0, FLAG_BOOL,
	     "Force create a new cluster from current state"),
};

static const struct flag join_flags[] = { PLACE, TOKEN };

static const struct flag join_token_flags[] = {
	FLAG("quiet", 'q', FLAG_BOOL, "Only display token"),
	FLAG("rotate", 0, FLAG_BOOL, "Rotate join token"),
};

static const struct flag unlock_key_flags[] = {
	FLAG("quiet", 'q', FLAG_BOOL, "Only display token"),
	FLAG("rotate", 0, FLAG_BOOL, "Rotate unlock key"),
};

static const struct flag update_flags[] = {
	FLAG("autolock", 0, FLAG_BOOL,
	     "Change manager autolocking setting (true|false)"),
	CLUSTER_SPEC,
};

static const struct flag ca_flags[] = {
	{ "ca-cert", 0, FLAG_STRING, "pem-file", NULL,
	  "Path to the PEM-formatted root CA certificate to use for the new "
	  "cluster",
	  0, NULL },
	{ "ca-key", 0, FLAG_STRING, "pem-file", NULL,
	  "Path to the PEM-formatted root CA key to use for the new cluster", 0,
	  NULL },
	CERT_EXPIRY,
	FLAG("detach", 'd', FLAG_BOOL,
	     "Exit immediately instead of waiting for the root rotation to "
	     "converge"),
	LATER("external-ca", 0, FLAG_LIST),
	FLAG("quiet", 'q', FLAG_BOOL, "Suppress progress output"),
	FLAG("rotate", 0, FLAG_BOOL,
	     "Rotate the swarm CA - if no certificate or key are provided, new "
	     "ones will be generated"),
};

static const struct flag leave_flags[] = {
	FLAG("force", 'f', FLAG_BOOL,
	     "Force this node to leave the swarm, ignoring warnings"),
};

/* ---- node, service ---------------------------------------------------------
 */

static const struct flag list_flags[] = {
	FILTER,
	FLAG("format", 0, FLAG_STRING, LIST_FORMAT),
	FLAG("quiet", 'q', FLAG_BOOL, "Only display IDs"),
};

static const struct flag inspect_flags[] = {
	FLAG("format", 'f', FLAG_STRING, INSPECT_FORMAT),
	FLAG("pretty", 0, FLAG_BOOL,
	     "Print the information in a human friendly format"),
};

static const struct flag node_update_flags[] = {
	FLAG("availability", 0, FLAG_STRING,
	     "Availability of the node (\"active\", \"pause\", \"drain\")"),
	{ "label-add", 0, FLAG_LIST, NULL, NULL,
	  "Add or update a node label (\"key=value\")", 0, label_check },
	FLAG("label-rm", 0, FLAG_LIST, "Remove a node label if exists"),
	FLAG("role", 0, FLAG_STRING,
	     "Role of the node (\"worker\", \"manager\")"),
};

static const struct flag node_rm_flags[] = {
	FLAG("force", 'f', FLAG_BOOL, "Force remove a node from the swarm"),
};

static const struct flag tasks_flags[] = {
	FILTER,
	FLAG("format", 0, FLAG_STRING,
	     "Pretty-print tasks using a Go template"),
	FLAG("no-resolve", 0, FLAG_BOOL, "Do not map IDs to Names"),
	NO_TRUNC,
	FLAG("quiet", 'q', FLAG_BOOL, "Only display task IDs"),
};

static const struct flag scale_flags[] = { DETACH };

static const struct flag rebalance_flags[] = {
	DETACH,
	FLAG("dry-run", 0, FLAG_BOOL, "Only show what would move, and where"),
	FLAG("quiet", 'q', FLAG_BOOL, "Suppress progress output"),
};

static const struct flag rollback_flags[] = {
	DETACH,
	FLAG("quiet", 'q', FLAG_BOOL, "Suppress progress output"),
};

static const struct flag logs_flags[] = {
	FLAG("details", 0, FLAG_BOOL, "Show extra details provided to logs"),
	FLAG("follow", 'f', FLAG_BOOL, "Follow log output"),
	FLAG("no-resolve", 0, FLAG_BOOL, "Do not map IDs to Names in output"),
	FLAG("no-task-ids", 0, FLAG_BOOL, "Do not include task IDs in output"),
	NO_TRUNC,
	FLAG("raw", 0, FLAG_BOOL, "Do not neatly format logs"),
	FLAG("since", 0, FLAG_STRING,
	     "Show logs since timestamp (e.g. \"2013-01-02T13:23:37Z\") or "
	     "relative (e.g. \"42m\" for 42 minutes)"),
	{ "tail", 'n', FLAG_STRING, NULL, "all",
	  "Number of lines to show from the end of the logs", 0, NULL },
	FLAG("timestamps", 't', FLAG_BOOL, "Show timestamps"),
};

/* ---- image ------------------------------------------------------------------
 */

static const struct flag image_load_flags[] = {
	FLAG("input", 'i', FLAG_STRING,
	     "Read from tar archive file or directory, instead of STDIN"),
	FLAG("quiet", 'q', FLAG_BOOL, "Suppress the load output"),
	LATER("platform", 0, FLAG_STRING),
};

static const struct flag image_list_flags[] = {
	FLAG("all", 'a', FLAG_BOOL,
	     "Show all images (default hides intermediate images)"),
	FLAG("digests", 0, FLAG_BOOL, "Show digests"),
	FILTER,
	FLAG("format", 0, FLAG_STRING, LIST_FORMAT),
	DONT_TRUNC,
	FLAG("quiet", 'q', FLAG_BOOL, "Only show image IDs"),
	LATER("tree", 0, FLAG_BOOL),
};

static const struct flag image_inspect_flags[] = {
	FLAG("format", 'f', FLAG_STRING, INSPECT_FORMAT),
	LATER("platform", 0, FLAG_STRING),
};

static const struct flag image_rm_flags[] = {
	FLAG("force", 'f', FLAG_BOOL, "Force removal of the image"),
	FLAG("no-prune", 0, FLAG_BOOL, "Do not delete untagged parents"),
	LATER("platform", 0, FLAG_LIST),
};

static const struct flag image_prune_flags[] = {
	FLAG("all", 'a', FLAG_BOOL,
	     "Remove all unused images, not just dangling ones"),
	{ "filter", 0, FLAG_LIST, "filter", NULL,
	  "Provide filter values (e.g. \"until=<timestamp>\")", 0,
	  accept_filter },
	FLAG("force", 'f', FLAG_BOOL, "Do not prompt for confirmation"),
};

/* ---- the host
 * ----------------------------------------------------------------- */

static const struct flag ps_flags[] = {
	FLAG("all", 'a', FLAG_BOOL,
	     "Show all containers (default shows just running)"),
	FILTER,
	FLAG("format", 0, FLAG_STRING, LIST_FORMAT),
	{ "last", 'n', FLAG_I64, NULL, "-1",
	  "Show n last created containers (includes all states)", 0, NULL },
	FLAG("latest", 'l', FLAG_BOOL,
	     "Show the latest created container (includes all states)"),
	DONT_TRUNC,
	FLAG("quiet", 'q', FLAG_BOOL, "Only display container IDs"),
	LATER("size", 's', FLAG_BOOL),
};

static const struct flag events_flags[] = {
	FILTER,
	FLAG("format", 0, FLAG_STRING, INSPECT_FORMAT),
	FLAG("since", 0, FLAG_STRING,
	     "Show all events created since timestamp"),
	FLAG("until", 0, FLAG_STRING, "Stream events until this timestamp"),
};

static const struct flag format_flags[] = {
	FLAG("format", 'f', FLAG_STRING, INSPECT_FORMAT),
};

/* ---- commands
 * ------------------------------------------------------------------ */

#define COUNT(rows) static const size_t rows##_count = ARRAY_LEN(rows)
COUNT(daemon_flags);
COUNT(init_flags);
COUNT(join_flags);
COUNT(join_token_flags);
COUNT(unlock_key_flags);
COUNT(update_flags);
COUNT(ca_flags);
COUNT(leave_flags);
COUNT(node_update_flags);
COUNT(node_rm_flags);
COUNT(rebalance_flags);
COUNT(list_flags);
COUNT(inspect_flags);
COUNT(tasks_flags);
COUNT(scale_flags);
COUNT(rollback_flags);
COUNT(logs_flags);
COUNT(image_load_flags);
COUNT(image_list_flags);
COUNT(image_inspect_flags);
COUNT(image_rm_flags);
COUNT(image_prune_flags);
COUNT(ps_flags);
COUNT(events_flags);
COUNT(format_flags);

#define FLAGS(rows) rows, &rows##_count
#define NO_FLAGS NULL, NULL
#define GROUP(path, help)                                                      \
	{                                                                      \
		path, NULL, "", help, NO_FLAGS, 0, 0, COMMAND_GROUP, NULL      \
	}
#define ALIAS_GROUP(path)                                                      \
	{                                                                      \
		path, NULL, "", "", NO_FLAGS, 0, 0,                            \
			COMMAND_GROUP | COMMAND_HIDDEN, NULL                   \
	}
#define NOT_YET(path)                                                          \
	{                                                                      \
		path, NULL, "", "", NO_FLAGS, 0, ARGS_MANY, COMMAND_NOT_YET,   \
			NULL                                                   \
	}

const struct command commands[] = {
	GROUP("image", "Manage images"),
	{ "image inspect", NULL, "[OPTIONS] IMAGE [IMAGE...]",
	  "Display detailed information on one or more images",
	  FLAGS(image_inspect_flags), 1, ARGS_MANY, 0, cmd_image_inspect },
	{ "image load", "load", "[OPTIONS]",
	  "Load an image from a tar archive or STDIN", FLAGS(image_load_flags),
	  0, 0, 0, cmd_image_load },
	{ "image ls", "image list, images", "[OPTIONS] [REPOSITORY[:TAG]]",
	  "List images", FLAGS(image_list_flags), 0, 1, 0, cmd_image_ls },
	{ "image prune", NULL, "[OPTIONS]", "Remove unused images",
	  FLAGS(image_prune_flags), 0, 0, 0, cmd_image_prune },
	{ "image rm", "image remove, rmi", "[OPTIONS] IMAGE [IMAGE...]",
	  "Remove one or more images", FLAGS(image_rm_flags), 1, ARGS_MANY, 0,
	  cmd_image_rm },

	GROUP("node", "Manage Swarm nodes"),
	{ "node demote", NULL, "NODE [NODE...]",
	  "Demote one or more nodes from manager in the swarm", NO_FLAGS, 1,
	  ARGS_MANY, 0, cmd_node_demote },
	{ "node inspect", NULL, "[OPTIONS] self|NODE [NODE...]",
	  "Display detailed information on one or more nodes",
	  FLAGS(inspect_flags), 1, ARGS_MANY, 0, cmd_node_inspect },
	{ "node ls", "node list", "[OPTIONS]", "List nodes in the swarm",
	  FLAGS(list_flags), 0, 0, 0, cmd_node_ls },
	{ "node promote", NULL, "NODE [NODE...]",
	  "Promote one or more nodes to manager in the swarm", NO_FLAGS, 1,
	  ARGS_MANY, 0, cmd_node_promote },
	{ "node ps", NULL, "[OPTIONS] [NODE...]",
	  "List tasks running on one or more nodes, defaults to current node",
	  FLAGS(tasks_flags), 0, ARGS_MANY, 0, cmd_node_ps },
	{ "node rm", "node remove", "[OPTIONS] NODE [NODE...]",
	  "Remove one or more nodes from the swarm", FLAGS(node_rm_flags), 1,
	  ARGS_MANY, 0, cmd_node_rm },
	{ "node update", NULL, "[OPTIONS] NODE", "Update a node",
	  FLAGS(node_update_flags), 1, 1, 0, cmd_node_update },

	GROUP("service", "Manage Swarm services"),
	{ "service create", NULL, "[OPTIONS] IMAGE [COMMAND] [ARG...]",
	  "Create a new service", service_create_flags,
	  &service_create_flag_count, 1, ARGS_MANY, COMMAND_FLAGS_FIRST,
	  cmd_service_create },
	{ "service inspect", NULL, "[OPTIONS] SERVICE [SERVICE...]",
	  "Display detailed information on one or more services",
	  FLAGS(inspect_flags), 1, ARGS_MANY, 0, cmd_service_inspect },
	{ "service logs", NULL, "[OPTIONS] SERVICE|TASK",
	  "Fetch the logs of a service or task", FLAGS(logs_flags), 1, 1, 0,
	  cmd_service_logs },
	{ "service ls", "service list", "[OPTIONS]", "List services",
	  FLAGS(list_flags), 0, 0, 0, cmd_service_ls },
	{ "service ps", NULL, "[OPTIONS] SERVICE [SERVICE...]",
	  "List the tasks of one or more services", FLAGS(tasks_flags), 1,
	  ARGS_MANY, 0, cmd_service_ps },
	{ "service rebalance", NULL, "[OPTIONS] SERVICE",
	  "Move tasks to nodes that have less to do", FLAGS(rebalance_flags), 1,
	  1, 0, cmd_service_rebalance },
	{ "service rm", "service remove", "SERVICE [SERVICE...]",
	  "Remove one or more services", NO_FLAGS, 1, ARGS_MANY, 0,
	  cmd_service_rm },
	{ "service rollback", NULL, "[OPTIONS] SERVICE",
	  "Revert changes to a service's configuration", FLAGS(rollback_flags),
	  1, 1, 0, cmd_service_rollback },
	{ "service scale", NULL, "SERVICE=REPLICAS [SERVICE=REPLICAS...]",
	  "Scale one or multiple replicated services", FLAGS(scale_flags), 1,
	  ARGS_MANY, 0, cmd_service_scale },
	{ "service update", NULL, "[OPTIONS] SERVICE", "Update a service",
	  service_update_flags, &service_update_flag_count, 1, 1, 0,
	  cmd_service_update },

	{ "ca", NULL, "[OPTIONS]", "Display and rotate the root CA",
	  FLAGS(ca_flags), 0, 0, 0, cmd_ca },
	{ "completion", NULL, "bash",
	  "Generate the autocompletion script for bash", NO_FLAGS, 1, 1, 0,
	  cmd_completion },
	{ "daemon", NULL, "[OPTIONS]", "Run the daemon of this node",
	  FLAGS(daemon_flags), 0, 0, COMMAND_HOOK, NULL },
	{ "events", "system events", "[OPTIONS]",
	  "Get real time events from the server", FLAGS(events_flags), 0, 0, 0,
	  cmd_events },
	{ "info", "system info", "[OPTIONS]", "Display system-wide information",
	  FLAGS(format_flags), 0, 0, 0, cmd_info },
	{ "init", NULL, "[OPTIONS]", "Initialize a swarm", FLAGS(init_flags), 0,
	  0, 0, cmd_init },
	{ "join", NULL, "[OPTIONS] HOST:PORT",
	  "Join a swarm as a node and/or manager", FLAGS(join_flags), 1, 1, 0,
	  cmd_join },
	{ "join-token", NULL, "[OPTIONS] (worker|manager)",
	  "Manage join tokens", FLAGS(join_token_flags), 1, 1, 0,
	  cmd_join_token },
	{ "leave", NULL, "[OPTIONS]", "Leave the swarm", FLAGS(leave_flags), 0,
	  0, 0, cmd_leave },
	{ "ps", "container ls, container list, container ps", "[OPTIONS]",
	  "List containers", FLAGS(ps_flags), 0, 0, 0, cmd_ps },
	{ "unlock", NULL, "", "Unlock swarm", NO_FLAGS, 0, 0, 0, cmd_unlock },
	{ "unlock-key", NULL, "[OPTIONS]", "Manage the unlock key",
	  FLAGS(unlock_key_flags), 0, 0, 0, cmd_unlock_key },
	{ "update", NULL, "[OPTIONS]", "Update the swarm", FLAGS(update_flags),
	  0, 0, 0, cmd_update },
	{ "version", NULL, "[OPTIONS]", "Show the version information",
	  FLAGS(format_flags), 0, 0, 0, cmd_version },

	ALIAS_GROUP("container"),
	ALIAS_GROUP("system"),
	NOT_YET("config"),
	NOT_YET("exec"),
	NOT_YET("logs"),
	NOT_YET("network"),
	NOT_YET("pull"),
	NOT_YET("image pull"),
	NOT_YET("secret"),
	NOT_YET("stack"),
	NOT_YET("volume"),
};
const size_t command_count = ARRAY_LEN(commands);
