/*
 * objects.h - the records that the cluster is made of, with the names and
 * units of the Docker Engine API (durations and times in ns, memory in
 * bytes, CPUs in 1e-9). Their field tables are in objects.c.
 *
 * Top-level objects (cluster, node, service, task, network) begin with
 * struct object: they are immutable once committed, live in one arena each
 * and are counted by reference; see object.h.
 */
#ifndef CORE_MODEL_OBJECTS_H
#define CORE_MODEL_OBJECTS_H

#include "core/model/object.h"
#include "core/model/type.h"

struct driver {
	const char *name;
	struct kvs options;
};

/* ---- task template ---------------------------------------------------- */

enum mount_type {
	MOUNT_BIND = 1,
	MOUNT_VOLUME,
	MOUNT_TMPFS,
	MOUNT_NPIPE,
	MOUNT_CLUSTER,
	MOUNT_IMAGE,
};

struct bind_options {
	const char *propagation;
	bool non_recursive;
	bool create_mountpoint;
	bool read_only_non_recursive;
	bool read_only_force_recursive;
};
struct volume_options {
	bool no_copy;
	struct kvs labels;
	const char *subpath;
	struct driver *driver;
};
struct tmpfs_options {
	int64_t size_bytes;
	uint64_t mode; /* Go's os.FileMode bits, decimal in JSON */
};
struct mount {
	int type; /* enum mount_type */
	const char *source;
	const char *target;
	bool read_only;
	const char *consistency;
	struct bind_options *bind;
	struct volume_options *volume;
	struct tmpfs_options *tmpfs;
};

struct healthcheck {
	struct strings test; /* empty: the image's; ["NONE"]; CMD; CMD-SHELL */
	int64_t interval_ns;
	int64_t timeout_ns;
	int64_t start_period_ns;
	int64_t start_interval_ns;
	int64_t retries;
};

struct dns_config {
	struct strings nameservers;
	struct strings search;
	struct strings options;
};

struct ulimit {
	const char *name;
	int64_t soft;
	int64_t hard;
};

struct container_spec {
	const char *image;
	struct kvs labels;
	struct strings command; /* the entry point */
	struct strings args;
	const char *hostname;
	struct strings env; /* "K=V" */
	const char *dir;
	const char *user;
	struct strings groups;
	const char *stop_signal;
	bool tty;
	bool open_stdin;
	bool read_only;
	LIST_OF(struct mount) mounts;
	struct opt_i64 stop_grace_period_ns;
	struct healthcheck *healthcheck;
	struct strings hosts; /* "ip name ..." */
	struct dns_config *dns;
	int init; /* enum tristate */
	struct kvs sysctls;
	struct strings capability_add;
	struct strings capability_drop;
	LIST_OF(struct ulimit) ulimits;
	int64_t oom_score_adj;
	const char *isolation;
};

struct resource_limits {
	int64_t nano_cpus;
	int64_t memory_bytes;
	int64_t pids;
};
struct resource_reservations {
	int64_t nano_cpus;
	int64_t memory_bytes;
};
struct resource_requirements {
	struct resource_limits *limits;
	struct resource_reservations *reservations;
};

enum restart_condition { RESTART_NONE = 1, RESTART_ON_FAILURE, RESTART_ANY };

struct restart_policy {
	int condition; /* enum restart_condition */
	struct opt_i64 delay_ns;
	struct opt_u64 max_attempts;
	struct opt_i64 window_ns;
};

struct spread {
	const char *descriptor;
};
struct preference {
	struct spread *spread;
};
struct platform {
	const char *architecture;
	const char *os;
};
struct placement {
	struct strings constraints;
	LIST_OF(struct preference) preferences;
	uint64_t max_replicas;
	LIST_OF(struct platform) platforms;
};

struct network_attachment_config {
	const char *target; /* a network's id (the API also takes names) */
	struct strings aliases;
	struct kvs driver_opts;
};

struct task_spec {
	struct container_spec *container;
	struct resource_requirements *resources;
	struct restart_policy *restart;
	struct placement *placement;
	LIST_OF(struct network_attachment_config) networks;
	struct driver *log_driver;
	uint64_t force_update;
	const char *runtime; /* "container" */
};

/* ---- service ----------------------------------------------------------- */

enum failure_action { FAILURE_PAUSE = 1, FAILURE_CONTINUE, FAILURE_ROLLBACK };
enum update_order { ORDER_STOP_FIRST = 1, ORDER_START_FIRST };

struct update_config {
	uint64_t parallelism; /* 0: all at once */
	int64_t delay_ns;
	int failure_action; /* enum failure_action */
	int64_t monitor_ns; /* 0: 5 s */
	double max_failure_ratio;
	int order; /* enum update_order */
};

enum endpoint_mode { ENDPOINT_VIP = 1, ENDPOINT_DNSRR };
enum port_protocol { PROTO_TCP = 1, PROTO_UDP, PROTO_SCTP };
enum publish_mode { PUBLISH_INGRESS = 1, PUBLISH_HOST };

struct port_config {
	const char *name;
	int protocol; /* enum port_protocol; absent is tcp */
	uint64_t target_port;
	uint64_t published_port; /* 0: any */
	int publish_mode;	 /* enum publish_mode; absent is ingress */
};
struct endpoint_spec {
	int mode; /* enum endpoint_mode */
	LIST_OF(struct port_config) ports;
};

struct replicated_mode {
	struct opt_u64 replicas;
};
struct empty {
	char nothing;
};
struct replicated_job_mode {
	struct opt_u64 max_concurrent;
	struct opt_u64 total_completions;
};
struct service_mode { /* exactly one */
	struct replicated_mode *replicated;
	struct empty *global;
	struct replicated_job_mode *replicated_job;
	struct empty *global_job;
};

struct service_spec {
	const char *name;
	struct kvs labels;
	struct task_spec task;
	struct service_mode mode;
	struct update_config *update;
	struct update_config *rollback;
	struct endpoint_spec *endpoint;
};

enum update_state {
	UPDATE_UPDATING = 1,
	UPDATE_PAUSED,
	UPDATE_COMPLETED,
	UPDATE_ROLLBACK_STARTED,
	UPDATE_ROLLBACK_PAUSED,
	UPDATE_ROLLBACK_COMPLETED,
};
struct update_status {
	int state; /* enum update_state */
	int64_t started_at;
	int64_t completed_at;
	const char *message;
};
struct virtual_ip {
	const char *network_id;
	const char *addr; /* CIDR */
};
struct endpoint {
	struct endpoint_spec spec;
	LIST_OF(struct port_config) ports;
	LIST_OF(struct virtual_ip) virtual_ips;
};
struct service_status { /* computed for ?status=true, never stored */
	uint64_t running_tasks;
	uint64_t desired_tasks;
	uint64_t completed_tasks;
};

struct service {
	struct object head;
	struct service_spec spec;
	struct service_spec *previous_spec;
	struct endpoint endpoint;
	struct update_status *update_status;
	struct service_status *status;
	/* internal: the version of the spec that tasks are compared with */
	uint64_t spec_version;
	/* internal: ids of tasks that a rebalance moves, sorted; the updater
	 * replaces them, as if their spec were an old one */
	struct strings moving;
};

/* ---- task -------------------------------------------------------------- */

/* Only ever grows. The values and words are facts 3.1's. */
enum task_state {
	TASK_NEW = 1,
	TASK_ALLOCATED,
	TASK_PENDING,
	TASK_ASSIGNED,
	TASK_ACCEPTED,
	TASK_PREPARING,
	TASK_READY,
	TASK_STARTING,
	TASK_RUNNING,
	TASK_COMPLETE,
	TASK_SHUTDOWN,
	TASK_FAILED,
	TASK_REJECTED,
	TASK_REMOVE, /* desired only */
	TASK_ORPHANED,
};

struct container_status {
	const char *container_id;
	int64_t pid;
	int64_t exit_code;
};
struct port_status {
	LIST_OF(struct port_config) ports;
};
struct task_status {
	int64_t timestamp; /* the worker's clock */
	int state;	   /* enum task_state */
	const char *message;
	const char *err;
	struct container_status *container;
	struct port_status ports;
	/* internal */
	const char *applied_by; /* manager node id */
	int64_t applied_at;	/* the manager's clock */
	const char *address;	/* on the egress network, of the task */
	const char *health;	/* "", starting, healthy, unhealthy */
};

struct volume_attachment { /* of cluster volumes: there are none yet */
	const char *id;
	const char *source;
	const char *target;
};

struct task {
	struct object head;
	const char *name; /* empty: SERVICE.SLOT.ID, see naming.h */
	struct kvs labels;
	struct task_spec spec;
	const char *service_id;
	uint64_t slot; /* 0: of a global service */
	const char *node_id;
	struct task_status status;
	int desired_state; /* enum task_state */
	LIST_OF(struct volume_attachment) volumes;
	/* internal */
	uint64_t spec_version; /* the service's, when the task was made */
	const char *service_name;
	struct kvs service_labels;
	struct endpoint_spec *endpoint; /* the ports, as the service had them */
	struct driver *log_driver;	/* the service's, else the cluster's */
};

/* ---- node -------------------------------------------------------------- */

enum node_role { ROLE_WORKER = 1, ROLE_MANAGER };
enum node_availability { NODE_ACTIVE = 1, NODE_PAUSE, NODE_DRAIN };
enum node_state { NODE_UNKNOWN = 1, NODE_DOWN, NODE_READY, NODE_DISCONNECTED };
enum reachability { REACH_UNKNOWN = 1, REACH_UNREACHABLE, REACH_REACHABLE };

struct node_spec {
	const char *name;
	struct kvs labels;
	int role;	  /* desired; enum node_role */
	int availability; /* enum node_availability */
};
struct node_resources {
	int64_t nano_cpus;
	int64_t memory_bytes;
};
struct plugin {
	const char *type;
	const char *name;
};
struct engine_description {
	const char *version;
	struct kvs labels;
	LIST_OF(struct plugin) plugins;
};
struct tls_info {
	const char *trust_root;
	struct bytes issuer_subject;
	struct bytes issuer_public_key;
};
struct node_description {
	const char *hostname;
	struct platform platform;
	struct node_resources resources;
	struct engine_description engine;
	struct tls_info tls;
};
struct node_status {
	int state; /* enum node_state */
	const char *message;
	const char *addr;
};
struct manager_status { /* computed, not stored */
	bool leader;
	int reachability; /* enum reachability */
	const char *addr;
};
struct node_object {
	struct object head;
	struct node_spec spec;
	struct node_description description;
	struct node_status status;
	struct manager_status *manager;
	/* internal */
	int role;	  /* observed: what its certificate is to say */
	uint64_t raft_id; /* of a manager; 0: not a member of the raft */
	const char *manager_addr; /* "10.0.0.1:2377": where a manager listens */
	uint64_t gossip_port;	  /* UDP */
	uint64_t renew;		  /* grows: it is to renew its certificate */
	int64_t cert_expiry;	  /* when the last one that it got is over */
	int64_t down_since;	  /* wall ns; 0: it is not down */
};

/* ---- cluster ----------------------------------------------------------- */

struct orchestration_config {
	struct opt_i64 task_history_limit;
};
struct raft_config {
	uint64_t snapshot_interval;
	struct opt_u64 keep_old_snapshots;
	uint64_t log_entries_for_slow_followers;
	int64_t election_tick;
	int64_t heartbeat_tick;
};
struct dispatcher_config {
	int64_t heartbeat_period_ns;
};
struct ca_config {
	int64_t node_cert_expiry_ns;
	uint64_t force_rotate;
	/* A root that is to be the cluster's, PEM. The key is taken out of the
	 * spec that brings it, and never shown. */
	const char *signing_ca_cert, *signing_ca_key;
};
struct task_defaults {
	struct driver *log_driver;
};
struct encryption_config {
	bool auto_lock_managers;
};
struct cluster_spec {
	const char *name; /* "default" */
	struct kvs labels;
	struct orchestration_config orchestration;
	struct raft_config raft;
	struct dispatcher_config dispatcher;
	struct ca_config ca;
	struct task_defaults task_defaults;
	struct encryption_config encryption;
};
struct join_tokens {
	const char *worker;
	const char *manager;
};
struct root_ca { /* keys are DER, certificates PEM (core/node/trust.h) */
	const char *cert;
	struct bytes key;
	const char *digest; /* as a join token has it */
	/* as certificates that it signed name it (DER) */
	struct bytes subject, public_key;
};
struct root_rotation {
	struct root_ca next;
	const char *cross_signed; /* next, signed by the root before it */
};
struct removed_node {
	const char *node_id;
	int64_t until; /* wall ns: its certificates are over by then */
};
struct gossip_key {
	struct bytes secret; /* 32 bytes */
	int64_t made_at;     /* wall ns */
};
struct cluster {
	struct object head;
	struct cluster_spec spec;
	struct tls_info tls;
	bool root_rotation_in_progress;
	struct strings default_addr_pool;
	uint64_t subnet_size;
	uint64_t data_path_port;
	struct join_tokens join_tokens;
	/* internal */
	struct root_ca root;
	struct root_rotation *rotation; /* NULL: none */
	LIST_OF(struct removed_node) removed;
	struct bytes unlock_key; /* 32 bytes; empty: not locked */
	LIST_OF(struct gossip_key) gossip_keys; /* the first one seals */
};

/*
 * What an API request that changed something was answered, kept for a while:
 * whoever asks again with the same key gets this, and nothing is done twice.
 * Its id is the key.
 */
struct receipt {
	struct object head;
	uint64_t request; /* what was asked, hashed: another is refused */
	uint64_t status;
	struct bytes body;
};

/* ---- network: for now the predefined ones ------------------------------ */

struct network {
	struct object head;
	const char *name;
	struct kvs labels;
	const char *driver; /* host, null, bridge */
	bool internal;
	bool attachable;
	bool ingress;
};

extern const struct type service_type, task_type, node_type, cluster_type,
	network_type, receipt_type;
extern const struct type gossip_key_type, driver_type, healthcheck_type,
	platform_type, root_ca_type;
extern const struct type service_spec_type, task_spec_type, node_spec_type,
	cluster_spec_type, task_status_type, container_spec_type,
	update_config_type, endpoint_spec_type, node_description_type,
	update_status_type, port_config_type;

extern const struct enum_names task_state_names, mount_type_names,
	restart_condition_names, failure_action_names, update_order_names,
	endpoint_mode_names, port_protocol_names, publish_mode_names,
	update_state_names, node_role_names, node_availability_names,
	node_state_names, reachability_names;

#endif
