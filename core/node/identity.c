/*
 * identity.c - see identity.h: the rows, the port, and what a manager's
 * tables or a session say of this node. Renewal is in renew.c.
 */
#include "core/node/identity.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "core/base/check.h"
#include "core/base/mem.h"
#include "core/base/str.h"
#include "core/manager/ca.h"
#include "core/model/fields.h"
#include "core/node/identity_impl.h"
#include "core/node/node_impl.h"

#define LISTEN_AGAIN_MS 1000
#define LOCK_AGAIN_MS 5000
#define DESCRIBE_MS 250 /* several changes are told at once */

/* clang-format off */

#define THIS struct certificate
TYPE(certificate, "Certificate",
	BYTES(key, "Key", 1, 0),
	STRING(chain, "Chain", 2, 0),
	STRING(roots, "Roots", 3, 0),
	BOOL(manager, "Manager", 4, 0),
	TIME(not_before, "NotBefore", 5, 0),
	TIME(not_after, "NotAfter", 6, 0),
	BYTES(issuer_subject, "IssuerSubject", 7, 0),
	BYTES(issuer_public_key, "IssuerPublicKey", 8, 0));
#undef THIS

#define THIS struct addresses
TYPE(addresses, "Addresses",
	STRING(listen, "Listen", 1, 0),
	STRING(advertise, "Advertise", 2, 0),
	STRING(data_path, "DataPath", 3, 0));
#undef THIS

#define THIS struct peer_addr
LOCAL_TYPE(peer_addr, "Manager",
	STRING(node_id, "NodeID", 1, 0),
	STRING(addr, "Addr", 2, 0));
#undef THIS

#define THIS struct known_managers
TYPE(known_managers, "Managers",
	LIST(v, "Managers", 1, 0, peer_addr));
#undef THIS

/* clang-format on */

static void keep_managers(struct node *n, const struct peer_addr *v,
			  uint32_t count);
static void load_lock(struct node *n, const struct stored *s);

/* ---- what is remembered -------------------------------------------------- */

static struct identity *
identity_of(struct node *n)
{
	struct identity *i = n->identity;

	if (i != NULL)
		return i;
	i = mem_new(sizeof(*i));
	arena_init(&i->arena);
	arena_init(&i->told_arena);
	arena_init(&i->addresses_arena);
	arena_init(&i->managers_arena);
	arena_init(&i->renew_arena);
	i->listen_at_ms = i->describe_ms = UINT64_MAX;
	i->renew_at_ns = INT64_MAX;
	n->identity = i;
	return i;
}

/*
 * Managers are told of a certificate once it is on the disk: they end a
 * rotation of the root when all have the next one, and a node that has it no
 * more after a crash would be shut out for good.
 */
static void
keep_told(struct node *n, struct arena *old, const struct certificate *was)
{
	struct identity *i = n->identity;

	if (was->chain == NULL || i->told_seq != 0) {
		arena_wipe(old); /* nobody was told of it */
	} else {
		i->told = *was;
		i->told_arena = *old;
	}
	if (was->chain != NULL)
		i->told_seq = n->batch_seq;
}

static void
set_certificate(struct node *n, const struct certificate *c)
{
	struct identity *i = identity_of(n);
	struct certificate was = i->certificate;
	struct arena old = i->arena;

	arena_init(&i->arena);
	model_copy(&certificate_type, c, &i->arena, &i->certificate);
	keep_told(n, &old, &was);
	renew_plan(n);
	identity_describe(n);
}

static void
look_at_disk(struct node *n)
{
	struct identity *i = n->identity;

	if (i->told_seq == 0 || n->durable_seq < i->told_seq)
		return;
	i->told_seq = 0;
	identity_describe(n);
	arena_wipe(&i->told_arena);
}

static void
set_addresses(struct node *n, const struct addresses *a)
{
	struct identity *i = identity_of(n);
	struct arena old = i->addresses_arena;

	arena_init(&i->addresses_arena);
	model_copy(&addresses_type, a, &i->addresses_arena, &i->addresses);
	arena_fini(&old);
}

void
identity_set(struct node *n, const struct certificate *c,
	     const struct addresses *a)
{
	set_certificate(n, c);
	if (a != NULL)
		set_addresses(n, a);
	identity_address(n);
}

void
identity_use(struct node *n)
{
	const struct certificate *c = &n->identity->certificate;

	n->identity->used = true;
	trust_tell(n, &(struct trust_order){ .verb = TRUST_USE,
					     .key = c->key,
					     .own_chain = c->chain,
					     .roots = c->roots });
}

static void
store_row(struct node *n, const char *row, const struct type *t,
	  const void *record)
{
	struct buf packed = { 0 };

	model_pack(t, record, &packed);
	disk_identity(n, row, packed.p, packed.len);
	mem_wipe(packed.p, packed.len);
	buf_fini(&packed);
}

void
identity_store(struct node *n)
{
	const struct identity *i = n->identity;

	disk_identity(n, ROW_NODE, n->node_id, strlen(n->node_id));
	disk_identity(n, ROW_CLUSTER, n->cluster_id, strlen(n->cluster_id));
	store_row(n, ROW_CERTIFICATE, &certificate_type, &i->certificate);
	store_row(n, ROW_ADDRESSES, &addresses_type, &i->addresses);
	store_row(n, ROW_MANAGERS, &known_managers_type, &i->managers);
}

static int
load_row(const struct stored *s, const char *key, const struct type *t,
	 struct arena *a, void *ret, struct err *e)
{
	for (size_t i = 0; i < s->row_count; i++) {
		const struct batch_row *row = &s->rows[i];

		if (row->table == TABLE_IDENTITY && strcmp(row->key, key) == 0)
			return model_unpack(t, row->value, row->len, a, ret, e);
	}
	return err_set(e, -EINVAL, "this node's %s is not there", key);
}

static bool
is_whole(const struct certificate *c)
{
	return c->key.len > 0 && !str_empty(c->chain) && !str_empty(c->roots);
}

int
identity_load(struct node *n, const struct stored *stored, struct err *e)
{
	struct known_managers managers = { 0 };
	struct addresses addresses = { 0 };
	struct certificate c = { 0 };
	struct arena a;
	int r;

	arena_init(&a);
	r = load_row(stored, ROW_CERTIFICATE, &certificate_type, &a, &c, e);
	if (r == 0 && !is_whole(&c))
		r = err_set(e, -EINVAL, "this node's certificate is not whole");
	if (r == 0)
		r = load_row(stored, ROW_ADDRESSES, &addresses_type, &a,
			     &addresses, e);
	if (r == 0)
		r = load_row(stored, ROW_MANAGERS, &known_managers_type, &a,
			     &managers, e);
	if (r == 0) {
		identity_set(n, &c, &addresses);
		keep_managers(n, managers.v.v, managers.v.count);
		load_lock(n, stored);
		n->identity->listening = c.manager;
		n->identity->listen_at_ms = 0;
	}
	arena_wipe(&a);
	return r;
}

void
identity_free(struct node *n)
{
	struct identity *i = n->identity;

	if (i == NULL)
		return;
	renew_stop(n);
	trust_forget(n, i->lock_order);
	arena_wipe(&i->arena);
	arena_wipe(&i->told_arena);
	arena_fini(&i->addresses_arena);
	arena_fini(&i->managers_arena);
	mem_wipe(i, sizeof(*i));
	mem_free(i);
	n->identity = NULL;
}

void
identity_forget(struct node *n)
{
	peers_close_all(n);
	identity_listen_stop(n);
	identity_free(n);
	n->raft_id = n->session_link = 0;
	n->removed = false;
	n->node_id[0] = n->cluster_id[0] = n->manager_addr[0] = '\0';
	identity_describe(n);
	trust_tell(n, &(struct trust_order){ .verb = TRUST_FORGET });
}

const struct certificate *
identity_certificate(const struct node *n)
{
	return n->identity != NULL ? &n->identity->certificate : NULL;
}

bool
identity_is_over(const struct node *n)
{
	const struct certificate *c = identity_certificate(n);

	/* It is backdated: one that has not begun was made by a clock that
	 * was wrong, maybe this node's own. */
	return c != NULL && (c->not_after <= n->now.wall_ns ||
			     c->not_before > n->now.wall_ns);
}

void
identity_describe(struct node *n)
{
	const struct certificate *c = identity_certificate(n);
	struct tls_info *tls = &n->description.tls;

	if (c != NULL && n->identity->told_seq != 0)
		c = &n->identity->told;
	*tls = (struct tls_info){ 0 };
	if (c != NULL) {
		tls->trust_root = c->roots;
		tls->issuer_subject = c->issuer_subject;
		tls->issuer_public_key = c->issuer_public_key;
		/* A session that is yet to begin tells it anyhow. */
		if (n->session != NULL)
			n->identity->describe_ms = n->now.mono_ms + DESCRIBE_MS;
	}
}

/* ---- the managers ------------------------------------------------------- */

const struct known_managers *
identity_managers(const struct node *n)
{
	static const struct known_managers none = { 0 };

	return n->identity != NULL ? &n->identity->managers : &none;
}

static void
keep_managers(struct node *n, const struct peer_addr *v, uint32_t count)
{
	struct identity *i = identity_of(n);
	struct arena old = i->managers_arena;
	struct known_managers from = { { (struct peer_addr *)v, count } };

	arena_init(&i->managers_arena);
	model_copy(&known_managers_type, &from, &i->managers_arena,
		   &i->managers);
	arena_fini(&old);
}

void
identity_take_managers(struct node *n, const struct peer_addr *v,
		       uint32_t count)
{
	struct known_managers from = { { (struct peer_addr *)v, count } };

	if (n->identity == NULL || count == 0 ||
	    model_equal(&known_managers_type, &from, &n->identity->managers))
		return;
	keep_managers(n, v, count);
	store_row(n, ROW_MANAGERS, &known_managers_type,
		  &n->identity->managers);
}

/* ---- the port ------------------------------------------------------------ */

/* What the words that were given mean now; an interface that is not there is
 * waited for at the address that it had. */
void
identity_address(struct node *n)
{
	const struct addresses *a = &n->identity->addresses;
	struct identity *i = n->identity;
	struct addr at = { 0 };
	struct err e;

	if (addr_choose(a->listen, a->advertise, &n->addrs, n->default_addr,
			&at, &e) < 0) {
		snprintf(i->trouble, sizeof(i->trouble), "%s", e.msg);
		return;
	}
	i->addr = at;
	snprintf(n->manager_addr, sizeof(n->manager_addr), "%s", at.told);
	n->manager_dirty = true;
}

void
identity_listen(struct node *n)
{
	struct link_order o = { .verb = LINK_LISTEN };
	struct identity *i = n->identity;

	i->listen_at_ms = UINT64_MAX;
	if (i->addr.listen[0] == '\0') {
		i->listen_at_ms = n->now.mono_ms + LISTEN_AGAIN_MS;
		return;
	}
	o.addr = arena_strdup(&n->step_arena, i->addr.listen);
	effect_add(n, EFFECT_LINK)->link_order =
		arena_dup(&n->step_arena, &o, sizeof(o));
	i->listening = true;
}

void
identity_listen_stop(struct node *n)
{
	struct link_order o = { .verb = LINK_LISTEN };

	if (n->identity == NULL || !n->identity->listening)
		return;
	n->identity->listening = false;
	n->identity->listen_at_ms = UINT64_MAX;
	n->identity->trouble[0] = '\0';
	effect_add(n, EFFECT_LINK)->link_order =
		arena_dup(&n->step_arena, &o, sizeof(o));
}

void
identity_listens(struct node *n, const struct link_report *r)
{
	struct identity *i = n->identity;

	if (i == NULL || !i->listening)
		return;
	i->trouble[0] = '\0';
	if (r->news == LINK_LISTENS)
		return;
	snprintf(i->trouble, sizeof(i->trouble), "%s",
		 str_or(r->err, "the manager's port cannot be opened"));
	i->listen_at_ms = n->now.mono_ms + LISTEN_AGAIN_MS;
	join_listen_failed(n, i->trouble);
}

const char *
identity_trouble(const struct node *n)
{
	const struct identity *i = n->identity;

	if (n->removed)
		return IDENTITY_REMOVED;
	return i != NULL && i->trouble[0] != '\0' ? i->trouble : NULL;
}

const char *
identity_host(const struct node *n)
{
	if (n->identity == NULL)
		return "";
	/* Who took no wish of ours sees better than we do. */
	if (n->identity->addr.told[0] == ':' && n->seen_ip[0] != '\0')
		return n->seen_ip;
	return n->identity->addr.host;
}

/* The leader's own address, in the tables as it is now; the others' are seen
 * by who they dial (roles_seen()). */
void
identity_self_tx(struct node *n, struct tx *tx)
{
	const struct node_object *o =
		state_get(n->state, OBJECT_NODE, n->node_id);
	const char *host = identity_host(n), *addr;
	struct node_object *to;
	struct arena a;

	if (o == NULL || n->identity == NULL || o->raft_id != n->raft_id)
		return;
	arena_init(&a);
	addr = roles_addr(n->manager_addr, host, &a);
	if (!str_empty(addr) && addr[0] != ':' &&
	    (!str_eq(addr, o->manager_addr) || !str_eq(host, o->status.addr))) {
		to = object_clone(o);
		to->manager_addr = arena_strdup(object_arena(to), addr);
		to->status.addr = arena_strdup(object_arena(to), host);
		tx_put(tx, to, o->head.version.index);
	}
	arena_fini(&a);
}

/* ---- what managers say of it --------------------------------------------- */

static void
take_roots(struct node *n, const char *roots)
{
	struct certificate c = n->identity->certificate;

	if (str_empty(roots) || str_eq(roots, c.roots))
		return;
	c.roots = roots;
	set_certificate(n, &c);
	store_row(n, ROW_CERTIFICATE, &certificate_type,
		  &n->identity->certificate);
	identity_use(n);
}

static void
take_wishes(struct node *n, const char *roots, bool manager, uint64_t renew)
{
	struct identity *i = n->identity;

	take_roots(n, roots);
	if (manager != i->certificate.manager)
		renew_now(n);
	if (renew > i->renew_seen && i->renew_known)
		renew_now(n);
	i->renew_seen = renew;
	i->renew_known = true;
}

void
identity_settings(struct node *n, const struct settings_body *s)
{
	if (n->identity == NULL || n->life != LIFE_WORKER)
		return;
	identity_take_managers(n, s->managers.v, s->managers.count);
	take_wishes(n, s->roots, s->manager, s->renew);
}

void
identity_renew(struct node *n)
{
	if (n->identity != NULL)
		renew_now(n);
}

/* A manager reads its own tables. While it is not a member yet, they say
 * what was true some time ago. */
static void
look_at_tables(struct node *n)
{
	const struct cluster *c = state_cluster(n->state);
	const struct node_object *o =
		state_get(n->state, OBJECT_NODE, n->node_id);
	struct identity *i = n->identity;
	struct arena a;

	if (c == NULL || o == NULL || n->joining)
		return;
	if (i->seen_cluster == c->head.version.index &&
	    i->seen_node == o->head.version.index)
		return;
	i->seen_cluster = c->head.version.index;
	i->seen_node = o->head.version.index;
	arena_init(&a);
	take_wishes(n, ca_roots(c, &a), o->role == ROLE_MANAGER, o->renew);
	arena_fini(&a);
}

/* Where managers are, for the day when this one is a worker. */
static void
look_at_managers(struct node *n)
{
	size_t count = state_count(n->state, OBJECT_NODE);
	struct peer_addr *v;
	uint32_t found = 0;
	struct arena a;

	if (n->joining || n->identity->seen_nodes == n->applied)
		return;
	n->identity->seen_nodes = n->applied;
	arena_init(&a);
	v = arena_array(&a, count, sizeof(*v));
	for (size_t k = 0; k < count; k++) {
		const struct node_object *o =
			state_at(n->state, OBJECT_NODE, k);

		if (o->raft_id != 0 && !str_empty(o->manager_addr))
			v[found++] = (struct peer_addr){ o->head.id,
							 o->manager_addr };
	}
	identity_take_managers(n, v, found);
	arena_fini(&a);
}

/* ---- autolock ------------------------------------------------------------ */

static void
load_lock(struct node *n, const struct stored *s)
{
	struct identity *i = n->identity;

	for (size_t k = 0; k < s->row_count; k++) {
		const struct batch_row *row = &s->rows[k];

		if (row->table != TABLE_IDENTITY ||
		    strcmp(row->key, ROW_LOCK) != 0 ||
		    row->len != sizeof(i->lock))
			continue;
		memcpy(i->lock, row->value, sizeof(i->lock));
		i->locked = true;
	}
}

static void
on_locked(struct node *n, void *ctx, const struct trust_report *r)
{
	struct identity *i = n->identity;

	(void)ctx;
	i->lock_order = 0;
	if (r->err != NULL) {
		snprintf(i->trouble, sizeof(i->trouble), "%s", r->err);
		i->lock_at_ms = n->now.mono_ms + LOCK_AGAIN_MS;
		return;
	}
	i->locked = i->lock_next_len > 0;
	memcpy(i->lock, i->lock_next, sizeof(i->lock));
	if (i->locked)
		disk_identity(n, ROW_LOCK, i->lock, sizeof(i->lock));
	else
		batch_row_delete(disk_batch(n), TABLE_IDENTITY, ROW_LOCK);
}

/* The store of every manager is sealed by the cluster's unlock key. */
static void
keep_lock(struct node *n, struct bytes key)
{
	struct identity *i = n->identity;
	bool same = i->locked == (key.len > 0) &&
		    (!i->locked || memcmp(i->lock, key.p, key.len) == 0);

	if (same || i->lock_order != 0 || n->now.mono_ms < i->lock_at_ms ||
	    key.len > sizeof(i->lock_next))
		return;
	mem_wipe(i->lock_next, sizeof(i->lock_next));
	if (key.len > 0)
		memcpy(i->lock_next, key.p, key.len);
	i->lock_next_len = key.len;
	i->lock_order = trust_ask(
		n, &(struct trust_order){ .verb = TRUST_LOCK, .secret = key },
		on_locked, NULL);
}

static void
look_at_lock(struct node *n)
{
	const struct cluster *c =
		n->state != NULL ? state_cluster(n->state) : NULL;

	if (n->life == LIFE_WORKER)
		keep_lock(n, (struct bytes){ 0 }); /* it holds no secrets */
	else if (c != NULL && !n->joining)
		keep_lock(n, c->unlock_key);
}

/* ---- time -----------------------------------------------------------------
 */

void
identity_tick(struct node *n)
{
	struct identity *i = n->identity;

	if (i == NULL)
		return;
	if (!i->used)
		identity_use(n);
	if (n->life != LIFE_MEMBER && n->life != LIFE_WORKER)
		return;
	if (n->life == LIFE_MEMBER && n->state != NULL) {
		look_at_tables(n);
		look_at_managers(n);
	}
	look_at_lock(n);
	look_at_disk(n);
	if (i->describe_ms <= n->now.mono_ms) {
		i->describe_ms = UINT64_MAX;
		session_describe(n);
	}
	if (n->identity->listen_at_ms <= n->now.mono_ms && i->listening) {
		identity_address(n);
		identity_listen(n);
	}
	renew_tick(n);
}

uint64_t
identity_deadline(const struct node *n)
{
	const struct identity *i = n->identity;
	uint64_t at;

	if (i == NULL || (n->life != LIFE_MEMBER && n->life != LIFE_WORKER))
		return UINT64_MAX;
	at = min_u64(renew_deadline(n), i->describe_ms);
	if (i->listening)
		at = min_u64(at, i->listen_at_ms);
	if (i->lock_order == 0 && i->lock_at_ms > n->now.mono_ms)
		at = min_u64(at, i->lock_at_ms);
	return at;
}
