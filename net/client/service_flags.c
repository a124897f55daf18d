/*
 * service_flags.c - the flags of "service create" and "service update", in
 * the order of the help. Rows that both have are written once, as macros.
 */
#include "net/client/command.h"
#include "net/client/service_text.h"

#define FLAG(name, letter, kind, help)                                         \
	{                                                                      \
		name, letter, kind, NULL, NULL, help, 0, NULL                  \
	}
#define TYPED(name, letter, kind, type, help, check)                           \
	{                                                                      \
		name, letter, kind, type, NULL, help, 0, check                 \
	}
#define SHOWN(name, kind, fallback, help)                                      \
	{                                                                      \
		name, 0, kind, NULL, fallback, help, 0, NULL                   \
	}
#define LATER(name, kind)                                                      \
	{                                                                      \
		name, 0, kind, NULL, NULL, "", FLAG_NOT_YET, NULL              \
	}

#define UNITS " (ns|us|ms|s|m|h)"

#define DETACH                                                                 \
	FLAG("detach", 'd', FLAG_BOOL,                                         \
	     "Exit immediately instead of waiting for the service to "         \
	     "converge")
#define ENTRYPOINT                                                             \
	TYPED("entrypoint", 0, FLAG_STRING, "command",                         \
	      "Overwrite the default ENTRYPOINT of the image", words_check)
#define HEALTH                                                                 \
	FLAG("health-cmd", 0, FLAG_STRING, "Command to run to check health"),  \
		FLAG("health-interval", 0, FLAG_DURATION,                      \
		     "Time between running the check (ms|s|m|h)"),             \
		FLAG("health-retries", 0, FLAG_I64,                            \
		     "Consecutive failures needed to report unhealthy"),       \
		FLAG("health-start-interval", 0, FLAG_DURATION,                \
		     "Time between running the check during the start "        \
		     "period (ms|s|m|h)"),                                     \
		FLAG("health-start-period", 0, FLAG_DURATION,                  \
		     "Start period for the container to initialize before "    \
		     "counting retries towards unstable (ms|s|m|h)"),          \
		FLAG("health-timeout", 0, FLAG_DURATION,                       \
		     "Maximum time to allow one check to run (ms|s|m|h)")
#define HOSTNAME FLAG("hostname", 0, FLAG_STRING, "Container hostname")
#define INIT                                                                   \
	FLAG("init", 0, FLAG_BOOL,                                             \
	     "Use an init inside each service container to forward "           \
	     "signals and reap processes")
#define LIMITS                                                                 \
	FLAG("limit-cpu", 0, FLAG_DECIMAL, "Limit CPUs"),                      \
		FLAG("limit-memory", 0, FLAG_BYTES, "Limit Memory"),           \
		FLAG("limit-pids", 0, FLAG_I64,                                \
		     "Limit maximum number of processes (default 0 = "         \
		     "unlimited)"),                                            \
		FLAG("log-driver", 0, FLAG_STRING,                             \
		     "Logging driver for service"),                            \
		FLAG("log-opt", 0, FLAG_LIST, "Logging driver options")
#define NO_HEALTHCHECK                                                         \
	FLAG("no-healthcheck", 0, FLAG_BOOL,                                   \
	     "Disable any container-specified HEALTHCHECK")
#define NO_RESOLVE                                                             \
	FLAG("no-resolve-image", 0, FLAG_BOOL,                                 \
	     "Do not record the digest and the platforms of the image")
#define OOM_SCORE                                                              \
	FLAG("oom-score-adj", 0, FLAG_I64,                                     \
	     "Tune host's OOM preferences (-1000 to 1000)")
#define QUIET FLAG("quiet", 'q', FLAG_BOOL, "Suppress progress output")
#define READ_ONLY                                                              \
	FLAG("read-only", 0, FLAG_BOOL,                                        \
	     "Mount the container's root filesystem as read only")
#define REPLICAS                                                               \
	FLAG("replicas", 0, FLAG_U64, "Number of tasks"),                      \
		FLAG("replicas-max-per-node", 0, FLAG_U64,                     \
		     "Maximum number of tasks per node (default 0 = "          \
		     "unlimited)"),                                            \
		FLAG("reserve-cpu", 0, FLAG_DECIMAL, "Reserve CPUs"),          \
		FLAG("reserve-memory", 0, FLAG_BYTES, "Reserve Memory")
#define RESTART                                                                \
	SHOWN("restart-condition", FLAG_STRING, "any",                         \
	      "Restart when condition is met (\"none\", \"on-failure\", "      \
	      "\"any\")"),                                                     \
		SHOWN("restart-delay", FLAG_DURATION, "5s",                    \
		      "Delay between restart attempts" UNITS),                 \
		FLAG("restart-max-attempts", 0, FLAG_U64,                      \
		     "Maximum number of restarts before giving up"),           \
		FLAG("restart-window", 0, FLAG_DURATION,                       \
		     "Window used to evaluate the restart policy" UNITS)
#define ROLLBACK                                                               \
	SHOWN("rollback-delay", FLAG_DURATION, "0s",                           \
	      "Delay between task rollbacks" UNITS),                           \
		LATER("rollback-failure-action", FLAG_STRING),                 \
		LATER("rollback-max-failure-ratio", FLAG_FLOAT),               \
		LATER("rollback-monitor", FLAG_DURATION),                      \
		SHOWN("rollback-order", FLAG_STRING, "stop-first",             \
		      "Rollback order (\"start-first\", \"stop-first\")"),     \
		SHOWN("rollback-parallelism", FLAG_U64, "1",                   \
		      "Maximum number of tasks rolled back "                   \
		      "simultaneously (0 to roll back all at once)")
#define STOP                                                                   \
	SHOWN("stop-grace-period", FLAG_DURATION, "10s",                       \
	      "Time to wait before force killing a container" UNITS),          \
		FLAG("stop-signal", 0, FLAG_STRING,                            \
		     "Signal to stop the container")
#define TTY FLAG("tty", 't', FLAG_BOOL, "Allocate a pseudo-TTY")
#define UPDATE                                                                 \
	SHOWN("update-delay", FLAG_DURATION, "0s",                             \
	      "Delay between updates" UNITS),                                  \
		LATER("update-failure-action", FLAG_STRING),                   \
		LATER("update-max-failure-ratio", FLAG_FLOAT),                 \
		LATER("update-monitor", FLAG_DURATION),                        \
		SHOWN("update-order", FLAG_STRING, "stop-first",               \
		      "Update order (\"start-first\", \"stop-first\")"),       \
		SHOWN("update-parallelism", FLAG_U64, "1",                     \
		      "Maximum number of tasks updated simultaneously (0 "     \
		      "to update all at once)")
#define USER                                                                   \
	FLAG("user", 'u', FLAG_STRING,                                         \
	     "Username or UID (format: <name|uid>[:<group|gid>])")
#define WORKDIR                                                                \
	FLAG("workdir", 'w', FLAG_STRING,                                      \
	     "Working directory inside the container")

const struct flag service_create_flags[] = {
	FLAG("cap-add", 0, FLAG_LIST, "Add Linux capabilities"),
	FLAG("cap-drop", 0, FLAG_LIST, "Drop Linux capabilities"),
	LATER("config", FLAG_LIST),
	FLAG("constraint", 0, FLAG_LIST, "Placement constraints"),
	TYPED("container-label", 0, FLAG_LIST, NULL, "Container labels",
	      label_check),
	LATER("credential-spec", FLAG_STRING),
	DETACH,
	TYPED("dns", 0, FLAG_LIST, NULL, "Set custom DNS servers", ip_check),
	FLAG("dns-option", 0, FLAG_LIST, "Set DNS options"),
	FLAG("dns-search", 0, FLAG_LIST, "Set custom DNS search domains"),
	LATER("endpoint-mode", FLAG_STRING),
	ENTRYPOINT,
	TYPED("env", 'e', FLAG_LIST, NULL, "Set environment variables",
	      env_check),
	FLAG("env-file", 0, FLAG_LIST,
	     "Read in a file of environment variables"),
	LATER("generic-resource", FLAG_LIST),
	FLAG("group", 0, FLAG_LIST,
	     "Set one or more supplementary user groups for the container"),
	HEALTH,
	TYPED("host", 0, FLAG_LIST, NULL,
	      "Set one or more custom host-to-IP mappings (host:ip)",
	      host_check),
	HOSTNAME,
	INIT,
	LATER("isolation", FLAG_STRING),
	TYPED("label", 'l', FLAG_LIST, NULL, "Service labels", label_check),
	LIMITS,
	LATER("max-concurrent", FLAG_U64),
	SHOWN("mode", FLAG_STRING, "replicated",
	      "Service mode (\"replicated\", \"global\")"),
	TYPED("mount", 0, FLAG_LIST, "mount",
	      "Attach a filesystem mount to the service", mount_check),
	FLAG("name", 0, FLAG_STRING, "Service name"),
	TYPED("network", 0, FLAG_LIST, "network",
	      "Network of the containers (\"host\" or \"none\")", NULL),
	NO_HEALTHCHECK,
	NO_RESOLVE,
	OOM_SCORE,
	TYPED("placement-pref", 0, FLAG_LIST, "pref",
	      "Add a placement preference", pref_check),
	TYPED("publish", 'p', FLAG_LIST, "port",
	      "Publish a port as a node port", port_check),
	QUIET,
	READ_ONLY,
	REPLICAS,
	RESTART,
	ROLLBACK,
	LATER("secret", FLAG_LIST),
	STOP,
	TYPED("sysctl", 0, FLAG_LIST, NULL, "Sysctl options", sysctl_check),
	TTY,
	TYPED("ulimit", 0, FLAG_LIST, "ulimit", "Ulimit options", ulimit_check),
	UPDATE,
	USER,
	LATER("with-registry-auth", FLAG_BOOL),
	WORKDIR,
};

const size_t service_create_flag_count = ARRAY_LEN(service_create_flags);

const struct flag service_update_flags[] = {
	TYPED("args", 0, FLAG_STRING, "command", "Service command args",
	      words_check),
	FLAG("cap-add", 0, FLAG_LIST, "Add Linux capabilities"),
	FLAG("cap-drop", 0, FLAG_LIST, "Drop Linux capabilities"),
	LATER("config-add", FLAG_LIST),
	LATER("config-rm", FLAG_LIST),
	FLAG("constraint-add", 0, FLAG_LIST,
	     "Add or update a placement constraint"),
	FLAG("constraint-rm", 0, FLAG_LIST, "Remove a constraint"),
	TYPED("container-label-add", 0, FLAG_LIST, NULL,
	      "Add or update a container label", label_check),
	FLAG("container-label-rm", 0, FLAG_LIST,
	     "Remove a container label by its key"),
	LATER("credential-spec", FLAG_STRING),
	DETACH,
	TYPED("dns-add", 0, FLAG_LIST, NULL,
	      "Add or update a custom DNS server", ip_check),
	FLAG("dns-option-add", 0, FLAG_LIST, "Add or update a DNS option"),
	FLAG("dns-option-rm", 0, FLAG_LIST, "Remove a DNS option"),
	FLAG("dns-rm", 0, FLAG_LIST, "Remove a custom DNS server"),
	FLAG("dns-search-add", 0, FLAG_LIST,
	     "Add or update a custom DNS search domain"),
	FLAG("dns-search-rm", 0, FLAG_LIST, "Remove a DNS search domain"),
	LATER("endpoint-mode", FLAG_STRING),
	ENTRYPOINT,
	TYPED("env-add", 0, FLAG_LIST, NULL,
	      "Add or update an environment variable", env_check),
	FLAG("env-rm", 0, FLAG_LIST, "Remove an environment variable"),
	FLAG("force", 0, FLAG_BOOL,
	     "Force update even if no changes require it"),
	LATER("generic-resource-add", FLAG_LIST),
	LATER("generic-resource-rm", FLAG_LIST),
	FLAG("group-add", 0, FLAG_LIST,
	     "Add an additional supplementary user group to the container"),
	FLAG("group-rm", 0, FLAG_LIST,
	     "Remove a previously added supplementary user group from the "
	     "container"),
	HEALTH,
	TYPED("host-add", 0, FLAG_LIST, NULL,
	      "Add a custom host-to-IP mapping (\"host:ip\")", host_check),
	FLAG("host-rm", 0, FLAG_LIST,
	     "Remove a custom host-to-IP mapping (\"host:ip\")"),
	HOSTNAME,
	FLAG("image", 0, FLAG_STRING, "Service image tag"),
	INIT,
	LATER("isolation", FLAG_STRING),
	TYPED("label-add", 0, FLAG_LIST, NULL, "Add or update a service label",
	      label_check),
	FLAG("label-rm", 0, FLAG_LIST, "Remove a label by its key"),
	LIMITS,
	LATER("max-concurrent", FLAG_U64),
	TYPED("mount-add", 0, FLAG_LIST, "mount",
	      "Add or update a mount on a service", mount_check),
	FLAG("mount-rm", 0, FLAG_LIST, "Remove a mount by its target path"),
	TYPED("network-add", 0, FLAG_LIST, "network", "Add a network", NULL),
	FLAG("network-rm", 0, FLAG_LIST, "Remove a network"),
	NO_HEALTHCHECK,
	NO_RESOLVE,
	OOM_SCORE,
	TYPED("placement-pref-add", 0, FLAG_LIST, "pref",
	      "Add a placement preference", pref_check),
	TYPED("placement-pref-rm", 0, FLAG_LIST, "pref",
	      "Remove a placement preference", pref_check),
	TYPED("publish-add", 0, FLAG_LIST, "port",
	      "Add or update a published port", port_check),
	TYPED("publish-rm", 0, FLAG_LIST, "port",
	      "Remove a published port by its target port", port_rm_check),
	QUIET,
	READ_ONLY,
	REPLICAS,
	RESTART,
	FLAG("rollback", 0, FLAG_BOOL, "Rollback to previous specification"),
	ROLLBACK,
	LATER("secret-add", FLAG_LIST),
	LATER("secret-rm", FLAG_LIST),
	STOP,
	TYPED("sysctl-add", 0, FLAG_LIST, NULL, "Add or update a Sysctl option",
	      sysctl_check),
	FLAG("sysctl-rm", 0, FLAG_LIST, "Remove a Sysctl option"),
	TTY,
	TYPED("ulimit-add", 0, FLAG_LIST, "ulimit",
	      "Add or update a ulimit option", ulimit_check),
	FLAG("ulimit-rm", 0, FLAG_LIST, "Remove a ulimit option"),
	UPDATE,
	USER,
	LATER("with-registry-auth", FLAG_BOOL),
	WORKDIR,
};

const size_t service_update_flag_count = ARRAY_LEN(service_update_flags);
