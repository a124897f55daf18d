/*
 * objects.c - the field tables. Rows are in the order of the Docker Engine
 * API's own types, which is the order of its JSON; OMIT is where those say
 * omitempty. A tag is forever: a new row takes the next free number of its
 * table, and the number of a row that goes is not given again. LATER names
 * what Docker's type has and this program does not do yet.
 */
#include "core/model/objects.h"

#include "core/model/fields.h"

/* clang-format off */

NAMES(mount_type,
	"bind", "volume", "tmpfs", "npipe", "cluster", "image");
NAMES(restart_condition,
	"none", "on-failure", "any");
NAMES(failure_action,
	"pause", "continue", "rollback");
NAMES(update_order,
	"stop-first", "start-first");
NAMES(endpoint_mode,
	"vip", "dnsrr");
NAMES(port_protocol,
	"tcp", "udp", "sctp");
NAMES(publish_mode,
	"ingress", "host");
NAMES(update_state,
	"updating", "paused", "completed", "rollback_started",
	"rollback_paused", "rollback_completed");
NAMES(task_state,
	"new", "allocated", "pending", "assigned", "accepted",
	"preparing", "ready", "starting", "running", "complete",
	"shutdown", "failed", "rejected", "remove", "orphaned");
NAMES(node_role,
	"worker", "manager");
NAMES(node_availability,
	"active", "pause", "drain");
NAMES(node_state,
	"unknown", "down", "ready", "disconnected");
NAMES(reachability,
	"unknown", "unreachable", "reachable");

#define THIS struct driver
TYPE(driver, "Driver",
	STRING(name, "Name", 1, OMIT),
	KVS(options, "Options", 2, OMIT));
#undef THIS

/* ---- task template ----------------------------------------------------- */

#define THIS struct bind_options
LOCAL_TYPE(bind_options, "BindOptions",
	STRING(propagation, "Propagation", 1, OMIT),
	BOOL(non_recursive, "NonRecursive", 2, OMIT),
	BOOL(create_mountpoint, "CreateMountpoint", 3, OMIT),
	BOOL(read_only_non_recursive, "ReadOnlyNonRecursive", 4, OMIT),
	BOOL(read_only_force_recursive, "ReadOnlyForceRecursive", 5, OMIT));
#undef THIS

#define THIS struct volume_options
LOCAL_TYPE(volume_options, "VolumeOptions",
	BOOL(no_copy, "NoCopy", 1, OMIT),
	KVS(labels, "Labels", 2, OMIT),
	STRING(subpath, "Subpath", 3, OMIT),
	PTR(driver, "DriverConfig", 4, OMIT, driver));
#undef THIS

#define THIS struct tmpfs_options
LOCAL_TYPE(tmpfs_options, "TmpfsOptions",
	I64(size_bytes, "SizeBytes", 1, OMIT),
	U64(mode, "Mode", 2, OMIT),
	LATER("Options"));
#undef THIS

#define THIS struct mount
LOCAL_TYPE(mount, "Mount",
	ENUM(type, "Type", 1, OMIT, mount_type),
	STRING(source, "Source", 2, OMIT),
	STRING(target, "Target", 3, OMIT),
	BOOL(read_only, "ReadOnly", 4, OMIT),
	STRING(consistency, "Consistency", 5, OMIT),
	PTR(bind, "BindOptions", 6, OMIT, bind_options),
	PTR(volume, "VolumeOptions", 7, OMIT, volume_options),
	PTR(tmpfs, "TmpfsOptions", 8, OMIT, tmpfs_options),
	LATER("ImageOptions"),
	LATER("ClusterOptions"));
#undef THIS

#define THIS struct healthcheck
TYPE(healthcheck, "Healthcheck",
	STRINGS(test, "Test", 1, OMIT),
	I64(interval_ns, "Interval", 2, OMIT),
	I64(timeout_ns, "Timeout", 3, OMIT),
	I64(start_period_ns, "StartPeriod", 4, OMIT),
	I64(start_interval_ns, "StartInterval", 5, OMIT),
	I64(retries, "Retries", 6, OMIT));
#undef THIS

#define THIS struct dns_config
LOCAL_TYPE(dns_config, "DNSConfig",
	STRINGS(nameservers, "Nameservers", 1, OMIT),
	STRINGS(search, "Search", 2, OMIT),
	STRINGS(options, "Options", 3, OMIT));
#undef THIS

#define THIS struct ulimit
LOCAL_TYPE(ulimit, "Ulimit",
	STRING(name, "Name", 1, 0),
	I64(hard, "Hard", 2, 0),
	I64(soft, "Soft", 3, 0));
#undef THIS

#define THIS struct container_spec
TYPE(container_spec, "ContainerSpec",
	STRING(image, "Image", 1, OMIT),
	KVS(labels, "Labels", 2, OMIT),
	STRINGS(command, "Command", 3, OMIT),
	STRINGS(args, "Args", 4, OMIT),
	STRING(hostname, "Hostname", 5, OMIT),
	STRINGS(env, "Env", 6, OMIT),
	STRING(dir, "Dir", 7, OMIT),
	STRING(user, "User", 8, OMIT),
	STRINGS(groups, "Groups", 9, OMIT),
	OPT_BOOL(init, "Init", 10, OMIT),
	STRING(stop_signal, "StopSignal", 11, OMIT),
	BOOL(tty, "TTY", 12, OMIT),
	BOOL(open_stdin, "OpenStdin", 13, OMIT),
	BOOL(read_only, "ReadOnly", 14, OMIT),
	LIST(mounts, "Mounts", 15, OMIT, mount),
	OPT_I64(stop_grace_period_ns, "StopGracePeriod", 16, OMIT),
	PTR(healthcheck, "Healthcheck", 17, OMIT, healthcheck),
	STRINGS(hosts, "Hosts", 18, OMIT),
	PTR(dns, "DNSConfig", 19, OMIT, dns_config),
	STRING(isolation, "Isolation", 20, OMIT),
	KVS(sysctls, "Sysctls", 21, OMIT),
	STRINGS(capability_add, "CapabilityAdd", 22, OMIT),
	STRINGS(capability_drop, "CapabilityDrop", 23, OMIT),
	LIST(ulimits, "Ulimits", 24, OMIT, ulimit),
	I64(oom_score_adj, "OomScoreAdj", 25, OMIT),
	LATER("Privileges"),
	LATER("Secrets"),
	LATER("Configs"));
#undef THIS

#define THIS struct resource_limits
LOCAL_TYPE(resource_limits, "Limits",
	I64(nano_cpus, "NanoCPUs", 1, OMIT),
	I64(memory_bytes, "MemoryBytes", 2, OMIT),
	I64(pids, "Pids", 3, OMIT));
#undef THIS

#define THIS struct resource_reservations
LOCAL_TYPE(resource_reservations, "Reservations",
	I64(nano_cpus, "NanoCPUs", 1, OMIT),
	I64(memory_bytes, "MemoryBytes", 2, OMIT),
	LATER("GenericResources"));
#undef THIS

#define THIS struct resource_requirements
LOCAL_TYPE(resource_requirements, "Resources",
	PTR(limits, "Limits", 1, OMIT, resource_limits),
	PTR(reservations, "Reservations", 2, OMIT, resource_reservations),
	LATER("SwapBytes"),
	LATER("MemorySwappiness"));
#undef THIS

#define THIS struct restart_policy
LOCAL_TYPE(restart_policy, "RestartPolicy",
	ENUM(condition, "Condition", 1, OMIT, restart_condition),
	OPT_I64(delay_ns, "Delay", 2, OMIT),
	OPT_U64(max_attempts, "MaxAttempts", 3, OMIT),
	OPT_I64(window_ns, "Window", 4, OMIT));
#undef THIS

#define THIS struct spread
LOCAL_TYPE(spread, "Spread",
	STRING(descriptor, "SpreadDescriptor", 1, 0));
#undef THIS

#define THIS struct preference
LOCAL_TYPE(preference, "Preference",
	PTR(spread, "Spread", 1, 0, spread));
#undef THIS

#define THIS struct platform
TYPE(platform, "Platform",
	STRING(architecture, "Architecture", 1, OMIT),
	STRING(os, "OS", 2, OMIT));
#undef THIS

#define THIS struct placement
LOCAL_TYPE(placement, "Placement",
	STRINGS(constraints, "Constraints", 1, OMIT),
	LIST(preferences, "Preferences", 2, OMIT, preference),
	U64(max_replicas, "MaxReplicas", 3, OMIT),
	LIST(platforms, "Platforms", 4, OMIT, platform));
#undef THIS

#define THIS struct network_attachment_config
LOCAL_TYPE(network_attachment_config, "NetworkAttachmentConfig",
	STRING(target, "Target", 1, OMIT),
	STRINGS(aliases, "Aliases", 2, OMIT),
	KVS(driver_opts, "DriverOpts", 3, OMIT));
#undef THIS

#define THIS struct task_spec
TYPE(task_spec, "TaskSpec",
	PTR(container, "ContainerSpec", 1, OMIT, container_spec),
	PTR(resources, "Resources", 2, OMIT, resource_requirements),
	PTR(restart, "RestartPolicy", 3, OMIT, restart_policy),
	PTR(placement, "Placement", 4, OMIT, placement),
	LIST(networks, "Networks", 5, OMIT, network_attachment_config),
	PTR(log_driver, "LogDriver", 6, OMIT, driver),
	U64(force_update, "ForceUpdate", 7, 0),
	STRING(runtime, "Runtime", 8, OMIT),
	LATER("PluginSpec"),
	LATER("NetworkAttachmentSpec"));
#undef THIS

/* ---- service ----------------------------------------------------------- */

#define THIS struct update_config
TYPE(update_config, "UpdateConfig",
	U64(parallelism, "Parallelism", 1, 0),
	I64(delay_ns, "Delay", 2, OMIT),
	ENUM(failure_action, "FailureAction", 3, OMIT, failure_action),
	I64(monitor_ns, "Monitor", 4, OMIT),
	FLOAT(max_failure_ratio, "MaxFailureRatio", 5, 0),
	ENUM(order, "Order", 6, 0, update_order));
#undef THIS

#define THIS struct port_config
TYPE(port_config, "PortConfig",
	STRING(name, "Name", 1, OMIT),
	ENUM(protocol, "Protocol", 2, OMIT, port_protocol),
	U64(target_port, "TargetPort", 3, OMIT),
	U64(published_port, "PublishedPort", 4, OMIT),
	ENUM(publish_mode, "PublishMode", 5, OMIT, publish_mode));
#undef THIS

#define THIS struct endpoint_spec
TYPE(endpoint_spec, "EndpointSpec",
	ENUM(mode, "Mode", 1, OMIT, endpoint_mode),
	LIST(ports, "Ports", 2, OMIT, port_config));
#undef THIS

#define THIS struct replicated_mode
LOCAL_TYPE(replicated_mode, "Replicated",
	OPT_U64(replicas, "Replicas", 1, OMIT));
#undef THIS

#define THIS struct replicated_job_mode
LOCAL_TYPE(replicated_job_mode, "ReplicatedJob",
	OPT_U64(max_concurrent, "MaxConcurrent", 1, OMIT),
	OPT_U64(total_completions, "TotalCompletions", 2, OMIT));
#undef THIS

static const struct type empty_type = {
	"Empty", sizeof(struct empty), NULL, 0
};

#define THIS struct service_mode
LOCAL_TYPE(service_mode, "Mode",
	PTR(replicated, "Replicated", 1, OMIT, replicated_mode),
	PTR(global, "Global", 2, OMIT, empty),
	PTR(replicated_job, "ReplicatedJob", 3, OMIT, replicated_job_mode),
	PTR(global_job, "GlobalJob", 4, OMIT, empty));
#undef THIS

#define THIS struct service_spec
TYPE(service_spec, "ServiceSpec",
	STRING(name, "Name", 1, OMIT),
	KVS(labels, "Labels", 2, 0),
	STRUCT(task, "TaskTemplate", 3, 0, task_spec),
	STRUCT(mode, "Mode", 4, 0, service_mode),
	PTR(update, "UpdateConfig", 5, OMIT, update_config),
	PTR(rollback, "RollbackConfig", 6, OMIT, update_config),
	PTR(endpoint, "EndpointSpec", 7, OMIT, endpoint_spec),
	LATER("Networks"));
#undef THIS

#define THIS struct update_status
TYPE(update_status, "UpdateStatus",
	ENUM(state, "State", 1, OMIT, update_state),
	TIME(started_at, "StartedAt", 2, OMIT),
	TIME(completed_at, "CompletedAt", 3, OMIT),
	STRING(message, "Message", 4, OMIT));
#undef THIS

#define THIS struct virtual_ip
LOCAL_TYPE(virtual_ip, "VirtualIP",
	STRING(network_id, "NetworkID", 1, OMIT),
	STRING(addr, "Addr", 2, OMIT));
#undef THIS

#define THIS struct endpoint
LOCAL_TYPE(endpoint, "Endpoint",
	STRUCT(spec, "Spec", 1, 0, endpoint_spec),
	LIST(ports, "Ports", 2, OMIT, port_config),
	LIST(virtual_ips, "VirtualIPs", 3, OMIT, virtual_ip));
#undef THIS

#define THIS struct service_status
LOCAL_TYPE(service_status, "ServiceStatus",
	U64(running_tasks, "RunningTasks", 1, 0),
	U64(desired_tasks, "DesiredTasks", 2, 0),
	U64(completed_tasks, "CompletedTasks", 3, 0));
#undef THIS

#define THIS struct service
TYPE(service, "Service",
	EMBED(head, "head", 1, object, object_head_type),
	STRUCT(spec, "Spec", 2, 0, service_spec),
	PTR(previous_spec, "PreviousSpec", 3, OMIT, service_spec),
	STRUCT(endpoint, "Endpoint", 4, 0, endpoint),
	PTR(update_status, "UpdateStatus", 5, OMIT, update_status),
	PTR(status, "ServiceStatus", 6, OMIT, service_status),
	U64(spec_version, "SpecVersion", 7, INTERNAL),
	STRINGS(moving, "Moving", 8, INTERNAL));
#undef THIS

/* ---- task -------------------------------------------------------------- */

#define THIS struct container_status
LOCAL_TYPE(container_status, "ContainerStatus",
	STRING(container_id, "ContainerID", 1, 0),
	I64(pid, "PID", 2, 0),
	I64(exit_code, "ExitCode", 3, 0));
#undef THIS

#define THIS struct port_status
LOCAL_TYPE(port_status, "PortStatus",
	LIST(ports, "Ports", 1, OMIT, port_config));
#undef THIS

#define THIS struct task_status
TYPE(task_status, "TaskStatus",
	TIME(timestamp, "Timestamp", 1, 0),
	ENUM(state, "State", 2, OMIT, task_state),
	STRING(message, "Message", 3, OMIT),
	STRING(err, "Err", 4, OMIT),
	PTR(container, "ContainerStatus", 5, OMIT, container_status),
	STRUCT(ports, "PortStatus", 6, 0, port_status),
	STRING(applied_by, "AppliedBy", 7, INTERNAL),
	TIME(applied_at, "AppliedAt", 8, INTERNAL),
	STRING(address, "Address", 9, INTERNAL),
	STRING(health, "Health", 10, INTERNAL));
#undef THIS

#define THIS struct volume_attachment
LOCAL_TYPE(volume_attachment, "VolumeAttachment",
	STRING(id, "ID", 1, OMIT),
	STRING(source, "Source", 2, OMIT),
	STRING(target, "Target", 3, OMIT));
#undef THIS

#define THIS struct task
TYPE(task, "Task",
	EMBED(head, "head", 1, object, object_head_type),
	STRING(name, "Name", 2, OMIT),
	KVS(labels, "Labels", 3, 0),
	STRUCT(spec, "Spec", 4, 0, task_spec),
	STRING(service_id, "ServiceID", 5, OMIT),
	U64(slot, "Slot", 6, OMIT),
	STRING(node_id, "NodeID", 7, OMIT),
	STRUCT(status, "Status", 8, 0, task_status),
	ENUM(desired_state, "DesiredState", 9, OMIT, task_state),
	LIST(volumes, "Volumes", 10, FIELD_NULL, volume_attachment),
	U64(spec_version, "SpecVersion", 11, INTERNAL),
	STRING(service_name, "ServiceName", 12, INTERNAL),
	KVS(service_labels, "ServiceLabels", 13, INTERNAL),
	PTR(endpoint, "Endpoint", 14, INTERNAL, endpoint_spec),
	PTR(log_driver, "LogDriver", 15, INTERNAL, driver));
#undef THIS

/* ---- node -------------------------------------------------------------- */

#define THIS struct node_spec
TYPE(node_spec, "NodeSpec",
	STRING(name, "Name", 1, OMIT),
	KVS(labels, "Labels", 2, 0),
	ENUM(role, "Role", 3, OMIT, node_role),
	ENUM(availability, "Availability", 4, OMIT, node_availability));
#undef THIS

#define THIS struct node_resources
LOCAL_TYPE(node_resources, "Resources",
	I64(nano_cpus, "NanoCPUs", 1, OMIT),
	I64(memory_bytes, "MemoryBytes", 2, OMIT));
#undef THIS

#define THIS struct plugin
LOCAL_TYPE(plugin, "Plugin",
	STRING(type, "Type", 1, OMIT),
	STRING(name, "Name", 2, OMIT));
#undef THIS

#define THIS struct engine_description
LOCAL_TYPE(engine_description, "Engine",
	STRING(version, "EngineVersion", 1, OMIT),
	KVS(labels, "Labels", 2, OMIT),
	LIST(plugins, "Plugins", 3, OMIT, plugin));
#undef THIS

#define THIS struct tls_info
LOCAL_TYPE(tls_info, "TLSInfo",
	STRING(trust_root, "TrustRoot", 1, OMIT),
	BYTES(issuer_subject, "CertIssuerSubject", 2, OMIT),
	BYTES(issuer_public_key, "CertIssuerPublicKey", 3, OMIT));
#undef THIS

#define THIS struct node_description
TYPE(node_description, "NodeDescription",
	STRING(hostname, "Hostname", 1, OMIT),
	STRUCT(platform, "Platform", 2, 0, platform),
	STRUCT(resources, "Resources", 3, 0, node_resources),
	STRUCT(engine, "Engine", 4, 0, engine_description),
	STRUCT(tls, "TLSInfo", 5, 0, tls_info));
#undef THIS

#define THIS struct node_status
LOCAL_TYPE(node_status, "NodeStatus",
	ENUM(state, "State", 1, OMIT, node_state),
	STRING(message, "Message", 2, OMIT),
	STRING(addr, "Addr", 3, OMIT));
#undef THIS

#define THIS struct manager_status
LOCAL_TYPE(manager_status, "ManagerStatus",
	BOOL(leader, "Leader", 1, OMIT),
	ENUM(reachability, "Reachability", 2, OMIT, reachability),
	STRING(addr, "Addr", 3, OMIT));
#undef THIS

#define THIS struct node_object
TYPE(node, "Node",
	EMBED(head, "head", 1, object, object_head_type),
	STRUCT(spec, "Spec", 2, 0, node_spec),
	STRUCT(description, "Description", 3, 0, node_description),
	STRUCT(status, "Status", 4, 0, node_status),
	PTR(manager, "ManagerStatus", 5, OMIT, manager_status),
	ENUM(role, "Role", 6, INTERNAL, node_role),
	U64(raft_id, "RaftID", 7, INTERNAL),
	STRING(manager_addr, "ManagerAddr", 8, INTERNAL),
	U64(gossip_port, "GossipPort", 9, INTERNAL),
	U64(renew, "Renew", 10, INTERNAL),
	TIME(cert_expiry, "CertExpiry", 11, INTERNAL),
	TIME(down_since, "DownSince", 12, INTERNAL));
#undef THIS

/* ---- cluster ----------------------------------------------------------- */

#define THIS struct orchestration_config
LOCAL_TYPE(orchestration_config, "Orchestration",
	OPT_I64(task_history_limit, "TaskHistoryRetentionLimit", 1, OMIT));
#undef THIS

#define THIS struct raft_config
LOCAL_TYPE(raft_config, "Raft",
	U64(snapshot_interval, "SnapshotInterval", 1, OMIT),
	OPT_U64(keep_old_snapshots, "KeepOldSnapshots", 2, OMIT),
	U64(log_entries_for_slow_followers, "LogEntriesForSlowFollowers", 3,
		OMIT),
	I64(election_tick, "ElectionTick", 4, 0),
	I64(heartbeat_tick, "HeartbeatTick", 5, 0));
#undef THIS

#define THIS struct dispatcher_config
LOCAL_TYPE(dispatcher_config, "Dispatcher",
	I64(heartbeat_period_ns, "HeartbeatPeriod", 1, OMIT));
#undef THIS

#define THIS struct ca_config
LOCAL_TYPE(ca_config, "CAConfig",
	I64(node_cert_expiry_ns, "NodeCertExpiry", 1, OMIT),
	U64(force_rotate, "ForceRotate", 2, OMIT),
	STRING(signing_ca_cert, "SigningCACert", 3, OMIT),
	STRING(signing_ca_key, "SigningCAKey", 4, OMIT),
	LATER("ExternalCAs"));
#undef THIS

#define THIS struct task_defaults
LOCAL_TYPE(task_defaults, "TaskDefaults",
	PTR(log_driver, "LogDriver", 1, OMIT, driver));
#undef THIS

#define THIS struct encryption_config
LOCAL_TYPE(encryption_config, "EncryptionConfig",
	BOOL(auto_lock_managers, "AutoLockManagers", 1, 0));
#undef THIS

#define THIS struct cluster_spec
TYPE(cluster_spec, "ClusterSpec",
	STRING(name, "Name", 1, OMIT),
	KVS(labels, "Labels", 2, 0),
	STRUCT(orchestration, "Orchestration", 3, 0, orchestration_config),
	STRUCT(raft, "Raft", 4, 0, raft_config),
	STRUCT(dispatcher, "Dispatcher", 5, 0, dispatcher_config),
	STRUCT(ca, "CAConfig", 6, 0, ca_config),
	STRUCT(task_defaults, "TaskDefaults", 7, 0, task_defaults),
	STRUCT(encryption, "EncryptionConfig", 8, 0, encryption_config));
#undef THIS

#define THIS struct join_tokens
LOCAL_TYPE(join_tokens, "JoinTokens",
	STRING(worker, "Worker", 1, 0),
	STRING(manager, "Manager", 2, 0));
#undef THIS

#define THIS struct root_ca
TYPE(root_ca, "RootCA",
	STRING(cert, "Cert", 1, INTERNAL),
	BYTES(key, "Key", 2, INTERNAL),
	STRING(digest, "Digest", 3, INTERNAL),
	BYTES(subject, "Subject", 4, INTERNAL),
	BYTES(public_key, "PublicKey", 5, INTERNAL));
#undef THIS

#define THIS struct root_rotation
LOCAL_TYPE(root_rotation, "RootRotation",
	STRUCT(next, "Next", 1, INTERNAL, root_ca),
	STRING(cross_signed, "CrossSigned", 2, INTERNAL));
#undef THIS

#define THIS struct removed_node
LOCAL_TYPE(removed_node, "RemovedNode",
	STRING(node_id, "NodeID", 1, INTERNAL),
	TIME(until, "Until", 2, INTERNAL));
#undef THIS

#define THIS struct gossip_key
TYPE(gossip_key, "GossipKey",
	BYTES(secret, "Secret", 1, INTERNAL),
	TIME(made_at, "MadeAt", 2, INTERNAL));
#undef THIS

#define THIS struct cluster
TYPE(cluster, "Cluster",
	EMBED(head, "head", 1, object, object_head_type),
	STRUCT(spec, "Spec", 2, 0, cluster_spec),
	STRUCT(tls, "TLSInfo", 3, 0, tls_info),
	BOOL(root_rotation_in_progress, "RootRotationInProgress", 4, 0),
	STRINGS(default_addr_pool, "DefaultAddrPool", 5, FIELD_NULL),
	U64(subnet_size, "SubnetSize", 6, 0),
	U64(data_path_port, "DataPathPort", 7, 0),
	STRUCT(join_tokens, "JoinTokens", 8, 0, join_tokens),
	STRUCT(root, "RootCA", 9, INTERNAL, root_ca),
	PTR(rotation, "RootRotation", 10, INTERNAL, root_rotation),
	LIST(removed, "Removed", 11, INTERNAL, removed_node),
	BYTES(unlock_key, "UnlockKey", 12, INTERNAL),
	LIST(gossip_keys, "GossipKeys", 13, INTERNAL, gossip_key));
#undef THIS

/* ---- network ----------------------------------------------------------- */

#define THIS struct network
TYPE(network, "Network",
	EMBED(head, "head", 1, object, object_head_type),
	STRING(name, "Name", 2, OMIT),
	KVS(labels, "Labels", 3, 0),
	STRING(driver, "Driver", 4, 0),
	BOOL(internal, "Internal", 5, 0),
	BOOL(attachable, "Attachable", 6, 0),
	BOOL(ingress, "Ingress", 7, 0));
#undef THIS

/* ---- receipt ----------------------------------------------------------- */

#define THIS struct receipt
TYPE(receipt, "Receipt",
	EMBED(head, "head", 1, object, object_head_type),
	U64(status, "Status", 2, INTERNAL),
	BYTES(body, "Body", 3, INTERNAL),
	U64(request, "Request", 4, INTERNAL));
#undef THIS
