/* control_swarm.c - the cluster itself: made, shown, changed. */
#include <errno.h>
#include <string.h>

#include "core/base/check.h"
#include "core/base/ip.h"
#include "core/base/json.h"
#include "core/base/str.h"
#include "core/manager/ca.h"
#include "core/manager/control_impl.h"
#include "core/model/fields.h"

#define HISTORY_LIMIT 5
#define SNAPSHOT_INTERVAL 10000
#define SLOW_FOLLOWER_ENTRIES 500
#define ELECTION_TICK 10
#define HEARTBEAT_TICK 1
#define HEARTBEAT_PERIOD_NS (5 * NS_PER_S)
#define CERT_EXPIRY_NS (2160 * 3600 * NS_PER_S)
#define CERT_EXPIRY_MIN_NS (3600 * NS_PER_S)
#define DEFAULT_POOL "10.0.0.0/8"
#define SUBNET_SIZE 24
#define SUBNET_SIZE_MAX 29
#define DATA_PATH_PORT 4789
#define DATA_PATH_PORT_MIN 1024
#define DATA_PATH_PORT_MAX 49151
#define POOLS_MAX 64

/* ---- the cluster's settings -----------------------------------------------
 */

static void
default_u64(uint64_t *v, uint64_t otherwise)
{
	if (*v == 0)
		*v = otherwise;
}

static void
default_i64(int64_t *v, int64_t otherwise)
{
	if (*v == 0)
		*v = otherwise;
}

void
control_cluster_defaults(struct cluster_spec *spec)
{
	struct opt_i64 *history = &spec->orchestration.task_history_limit;

	if (str_empty(spec->name))
		spec->name = "default";
	if (!history->set)
		*history = (struct opt_i64){ true, HISTORY_LIMIT };
	default_u64(&spec->raft.snapshot_interval, SNAPSHOT_INTERVAL);
	if (!spec->raft.keep_old_snapshots.set)
		spec->raft.keep_old_snapshots.set = true;
	default_u64(&spec->raft.log_entries_for_slow_followers,
		    SLOW_FOLLOWER_ENTRIES);
	default_i64(&spec->raft.election_tick, ELECTION_TICK);
	default_i64(&spec->raft.heartbeat_tick, HEARTBEAT_TICK);
	default_i64(&spec->dispatcher.heartbeat_period_ns, HEARTBEAT_PERIOD_NS);
	default_i64(&spec->ca.node_cert_expiry_ns, CERT_EXPIRY_NS);
}

int
control_cluster_check(const struct cluster_spec *spec, struct err *e)
{
	if (!str_empty(spec->name) && !str_eq(spec->name, "default"))
		return err_set(e, -EINVAL,
			       "swarm spec must be named \"default\"");
	if (spec->ca.node_cert_expiry_ns != 0 &&
	    spec->ca.node_cert_expiry_ns < CERT_EXPIRY_MIN_NS)
		return err_set(e, -EINVAL,
			       "minimum certificate expiry time is: 1h0m0s");
	if (spec->dispatcher.heartbeat_period_ns < 0)
		return err_set(e, -EINVAL,
			       "invalid cluster specification: the heartbeat "
			       "period cannot be negative");
	if (!str_empty(spec->ca.signing_ca_key) &&
	    str_empty(spec->ca.signing_ca_cert))
		return err_set(e, -EINVAL,
			       "invalid cluster specification: if a signing CA "
			       "key is provided, the signing CA cert must also "
			       "be provided");
	return 0;
}

void
control_swarm_inspect(struct control *c)
{
	const struct cluster *cluster = state_cluster(c->env->state);

	check(cluster); /* there is a state, so there was an init */
	control_reply_object(c, &cluster_type, cluster);
}

/* The spec that an update brings, checked; on failure the reply is set. */
bool
control_read_update(struct control *c, struct cluster_spec *ret)
{
	const struct cluster *from = state_cluster(c->env->state);
	struct err e;
	int r;

	check(from);
	if (!control_version(c, &from->head) ||
	    !control_body(c, &cluster_spec_type, ret))
		return false;
	r = control_cluster_check(ret, &e);
	if (r < 0)
		control_spec_error(c->ret, r, e.msg);
	return r == 0;
}

void
control_swarm_update(struct control *c)
{
	const struct cluster *from = state_cluster(c->env->state);
	struct cluster_spec spec;
	struct cluster *to;

	if (!control_read_update(c, &spec))
		return;
	if (str_empty(spec.name))
		spec.name = "default";
	to = object_clone(from);
	control_ca_update(c, from, &spec, to);
	/* A root that was brought is in the cluster now, and its key must not
	 * be shown. */
	spec.ca.signing_ca_cert = spec.ca.signing_ca_key = NULL;
	model_copy(&cluster_spec_type, &spec, object_arena(to), &to->spec);
	tx_put(&c->ret->tx, to, from->head.version.index);
	control_propose(c, 200, "");
}

/* ---- init -----------------------------------------------------------------
 */

struct init {
	const char *listen_addr;
	const char *advertise_addr;
	const char *data_path_addr;
	uint64_t data_path_port;
	struct strings pools;
	uint64_t subnet_size;
	bool force_new_cluster;
	struct cluster_spec cluster_spec;
	bool auto_lock;
	int availability;
};

/* clang-format off */
#define THIS struct init
LOCAL_TYPE(init, "InitRequest",
	STRING(listen_addr, "ListenAddr", 1, 0),
	STRING(advertise_addr, "AdvertiseAddr", 2, 0),
	STRING(data_path_addr, "DataPathAddr", 3, 0),
	U64(data_path_port, "DataPathPort", 4, 0),
	STRINGS(pools, "DefaultAddrPool", 5, 0),
	U64(subnet_size, "SubnetSize", 6, 0),
	BOOL(force_new_cluster, "ForceNewCluster", 7, 0),
	STRUCT(cluster_spec, "Spec", 8, 0, cluster_spec),
	BOOL(auto_lock, "AutoLockManagers", 9, 0),
	ENUM(availability, "Availability", 10, 0, node_availability));
#undef THIS
/* clang-format on */

static int
check_pools(const struct init *i, struct err *e)
{
	uint64_t size = i->subnet_size ? i->subnet_size : SUBNET_SIZE;

	if (i->subnet_size > SUBNET_SIZE_MAX)
		return err_set(
			e, -EINVAL, "invalid SubnetSize %llu: want at most %d",
			(unsigned long long)i->subnet_size, SUBNET_SIZE_MAX);
	if (i->pools.count > POOLS_MAX)
		return err_set(e, -EINVAL,
			       "invalid DefaultAddrPool: want at most %d pools",
			       POOLS_MAX);
	for (uint32_t k = 0; k < i->pools.count; k++) {
		const char *pool = i->pools.v[k];
		struct ip_net net;

		if (!ip_net_parse(pool, &net) || !ip_is_v4(&net.ip))
			return err_set(e, -EINVAL,
				       "invalid DefaultAddrPool \"%s\": want "
				       "an IPv4 subnet as 10.0.0.0/8",
				       pool);
		if (net.bits > 96 + size)
			return err_set(e, -EINVAL,
				       "invalid CIDR \"%s\": the subnet size "
				       "%llu is larger than the pool",
				       pool, (unsigned long long)size);
	}
	return 0;
}

static int
check_init(const struct init *i, struct err *e)
{
	int r = control_cluster_check(&i->cluster_spec, e);

	if (r < 0)
		return r;
	if (!str_empty(i->data_path_addr))
		return err_set(e, -EOPNOTSUPP,
			       "--data-path-addr is not supported yet");
	if (i->data_path_port != 0 && (i->data_path_port < DATA_PATH_PORT_MIN ||
				       i->data_path_port > DATA_PATH_PORT_MAX))
		return err_set(e, -EINVAL,
			       "Invalid data path port number: %llu, must be "
			       "between %d and %d",
			       (unsigned long long)i->data_path_port,
			       DATA_PATH_PORT_MIN, DATA_PATH_PORT_MAX);
	return check_pools(i, e);
}

static void
put_keys(struct cluster *o, const struct init *i,
	 const struct cluster_start *start)
{
	struct arena *a = object_arena(o);
	struct gossip_key *key = arena_alloc(a, sizeof(*key));

	ca_set_root(o, &start->root);
	ca_make_tokens(o, start->secrets);
	key->secret.p = arena_dup(a, start->gossip_key, CLUSTER_KEY_BYTES);
	key->secret.len = CLUSTER_KEY_BYTES;
	key->made_at = start->now_ns;
	o->gossip_keys.v = key;
	o->gossip_keys.count = 1;
	o->spec.encryption.auto_lock_managers |= i->auto_lock;
	if (!o->spec.encryption.auto_lock_managers)
		return;
	o->unlock_key.p = arena_dup(a, start->unlock_key, CLUSTER_KEY_BYTES);
	o->unlock_key.len = CLUSTER_KEY_BYTES;
}

static void
put_cluster(struct control *c, const struct init *i,
	    const struct cluster_start *start)
{
	struct cluster *o = object_new(OBJECT_CLUSTER);
	struct arena *a = object_arena(o);
	struct cluster_spec spec = i->cluster_spec;

	control_cluster_defaults(&spec);
	o->head.id = arena_strdup(a, start->cluster_id);
	model_copy(&cluster_spec_type, &spec, a, &o->spec);
	o->subnet_size = i->subnet_size ? i->subnet_size : SUBNET_SIZE;
	o->data_path_port =
		i->data_path_port ? i->data_path_port : DATA_PATH_PORT;
	o->default_addr_pool.count = i->pools.count ? i->pools.count : 1;
	o->default_addr_pool.v =
		arena_array(a, o->default_addr_pool.count, sizeof(char *));
	o->default_addr_pool.v[0] = DEFAULT_POOL;
	for (uint32_t k = 0; k < i->pools.count; k++)
		o->default_addr_pool.v[k] = arena_strdup(a, i->pools.v[k]);
	put_keys(o, i, start);
	tx_put(&c->ret->tx, o, TX_ABSENT);
}

static void
put_node(struct control *c, const struct init *i,
	 const struct cluster_start *start)
{
	struct node_object *o = object_new(OBJECT_NODE);
	struct arena *a = object_arena(o);

	o->head.id = arena_strdup(a, start->node_id);
	o->spec.role = ROLE_MANAGER;
	o->spec.availability = i->availability ? i->availability : NODE_ACTIVE;
	o->role = ROLE_MANAGER;
	o->status.state = NODE_READY;
	o->status.addr = arena_strdup(a, start->addr);
	o->raft_id = start->raft_id;
	o->manager_addr = arena_strdup(a, start->manager_addr);
	o->gossip_port = start->gossip_port;
	o->cert_expiry = start->cert_expiry;
	model_copy(&node_description_type, c->env->description, a,
		   &o->description);
	tx_put(&c->ret->tx, o, TX_ABSENT);
}

/* Their ids are their names, so that a spec may say either. */
static void
put_network(struct control *c, const char *name, const char *driver)
{
	struct network *o = object_new(OBJECT_NETWORK);
	struct kvs none = { 0 };

	o->head.id = name;
	o->name = name;
	o->driver = driver;
	o->labels = kvs_with(&none, object_arena(o),
			     "com.docker.swarm.predefined", "true");
	tx_put(&c->ret->tx, o, TX_ABSENT);
}

static bool
read_init(struct control *c, struct init *ret)
{
	struct err e;
	int r;

	*ret = (struct init){ 0 };
	if (c->r->body_len > 0 && !control_body(c, &init_type, ret))
		return false;
	r = check_init(ret, &e);
	if (r < 0)
		control_spec_error(c->ret, r, e.msg);
	return r == 0;
}

bool
control_init_read(const struct control_env *env, const struct request *r,
		  struct arena *a, struct init_wish *ret,
		  struct control_reply *reply)
{
	struct control c = { env, r, reply, a };
	struct cluster_spec spec;
	struct init i;

	if (!read_init(&c, &i))
		return false;
	spec = i.cluster_spec;
	control_cluster_defaults(&spec);
	*ret = (struct init_wish){
		.listen_addr = i.listen_addr,
		.advertise_addr = i.advertise_addr,
		.force_new_cluster = i.force_new_cluster,
		.cert_expiry_ns = spec.ca.node_cert_expiry_ns,
	};
	return true;
}

void
control_init(const struct control_env *env, const struct request *r,
	     const struct cluster_start *start, struct control_reply *ret)
{
	struct arena a;
	struct control c = { env, r, ret, &a };
	struct init i;

	check(env->description);
	arena_init(&a);
	if (read_init(&c, &i)) {
		put_cluster(&c, &i, start);
		put_node(&c, &i, start);
		put_network(&c, "host", "host");
		put_network(&c, "none", "null");
		put_network(&c, "bridge", "bridge");
		control_propose(&c, 200,
				arena_printf(&a, "\"%s\"\n", start->node_id));
	}
	arena_fini(&a);
}
