/* ca.c - see ca.h. */
#include "core/manager/ca.h"

#include <string.h>

#include "core/base/check.h"
#include "core/base/str.h"
#include "core/model/object.h"

#define EXPIRY_NS (2160 * 3600 * NS_PER_S) /* if the spec says nothing */

/* ---- who signs, who is trusted --------------------------------------------
 */

struct ca_signer
ca_signer(const struct cluster *c)
{
	const struct root_rotation *r = c->rotation;

	if (r == NULL)
		return (struct ca_signer){ c->root.key, c->root.cert, NULL };
	return (struct ca_signer){ r->next.key, r->next.cert, r->cross_signed };
}

int64_t
ca_expiry_ns(const struct cluster *c)
{
	int64_t ns = c->spec.ca.node_cert_expiry_ns;

	return ns > 0 ? ns : EXPIRY_NS;
}

const char *
ca_roots(const struct cluster *c, struct arena *a)
{
	if (c->rotation == NULL)
		return str_or(c->root.cert, "");
	return arena_printf(a, "%s%s", str_or(c->root.cert, ""),
			    str_or(c->rotation->next.cert, ""));
}

int
ca_role_of(const struct cluster *c, const char *token)
{
	bool worker = token_same(c->join_tokens.worker, token);
	bool manager = token_same(c->join_tokens.manager, token);

	if (manager)
		return ROLE_MANAGER;
	return worker ? ROLE_WORKER : 0;
}

bool
ca_is_removed(const struct cluster *c, const char *node_id)
{
	for (uint32_t i = 0; i < c->removed.count; i++)
		if (str_eq(c->removed.v[i].node_id, node_id))
			return true;
	return false;
}

/* ---- changing a cluster ----------------------------------------------------
 */

static const char *
make_token(struct cluster *c, const uint8_t secret[TOKEN_SECRET_BYTES])
{
	char text[TOKEN_LEN + 1];

	check(!str_empty(c->root.digest));
	token_write(c->root.digest, secret, text);
	return arena_strdup(object_arena(c), text);
}

void
ca_make_worker_token(struct cluster *c,
		     const uint8_t secret[TOKEN_SECRET_BYTES])
{
	c->join_tokens.worker = make_token(c, secret);
}

void
ca_make_manager_token(struct cluster *c,
		      const uint8_t secret[TOKEN_SECRET_BYTES])
{
	c->join_tokens.manager = make_token(c, secret);
}

void
ca_make_tokens(struct cluster *c, const uint8_t secrets[CA_SECRETS_BYTES])
{
	ca_make_worker_token(c, secrets);
	ca_make_manager_token(c, secrets + TOKEN_SECRET_BYTES);
}

static void
show_issuer(struct cluster *c, const struct root_ca *r)
{
	c->tls.trust_root = c->root.cert;
	c->tls.issuer_subject = r->subject;
	c->tls.issuer_public_key = r->public_key;
}

void
ca_set_root(struct cluster *c, const struct root_ca *root)
{
	model_copy(&root_ca_type, root, object_arena(c), &c->root);
	show_issuer(c, &c->root);
}

void
ca_begin_rotation(struct cluster *c, const struct root_ca *next,
		  const char *cross_signed)
{
	struct arena *a = object_arena(c);
	struct root_rotation *r = arena_alloc(a, sizeof(*r));

	model_copy(&root_ca_type, next, a, &r->next);
	r->cross_signed = arena_strdup(a, cross_signed);
	c->rotation = r;
	c->root_rotation_in_progress = true;
	show_issuer(c, &r->next);
}

/* The same secret with the digest of the root that is now. */
static const char *
renew_token(struct cluster *c, const char *token)
{
	size_t at = TOKEN_LEN - TOKEN_SECRET_TEXT;

	if (token == NULL || strlen(token) != TOKEN_LEN)
		return token;
	return arena_printf(object_arena(c), "%.9s%s-%s", token, c->root.digest,
			    token + at);
}

void
ca_end_rotation(struct cluster *c)
{
	check(c->rotation);
	c->root = c->rotation->next;
	c->rotation = NULL;
	c->root_rotation_in_progress = false;
	c->join_tokens.worker = renew_token(c, c->join_tokens.worker);
	c->join_tokens.manager = renew_token(c, c->join_tokens.manager);
	show_issuer(c, &c->root);
}

void
ca_add_removed(struct cluster *c, const char *node_id, int64_t until)
{
	struct arena *a = object_arena(c);
	uint32_t count = c->removed.count;
	struct removed_node *v = arena_array(a, count + 1, sizeof(*v));

	for (uint32_t i = 0; i < count; i++)
		v[i] = c->removed.v[i];
	v[count].node_id = arena_strdup(a, node_id);
	v[count].until = until;
	c->removed.v = v;
	c->removed.count = count + 1;
}

void
ca_put_node(struct tx *tx, const struct ca_newcomer *who)
{
	struct node_object *o = object_new(OBJECT_NODE);
	struct arena *a = object_arena(o);

	o->head.id = arena_strdup(a, who->node_id);
	o->spec.role = o->role = who->role;
	o->spec.availability =
		who->availability != 0 ? who->availability : NODE_ACTIVE;
	o->description.hostname = arena_strdup(a, who->hostname);
	o->status.state = NODE_UNKNOWN;
	o->status.message = "waiting for the node to report";
	o->status.addr = arena_strdup(a, who->addr);
	o->cert_expiry = who->cert_expiry;
	tx_put(tx, o, TX_ABSENT);
}

/* ---- the controller --------------------------------------------------------
 */

static bool
is_same(const struct bytes *x, const struct bytes *y)
{
	return x->len == y->len &&
	       (x->len == 0 || memcmp(x->p, y->p, x->len) == 0);
}

static bool
has_converged(const struct cluster *c, const struct node_object *o)
{
	const struct root_ca *next = &c->rotation->next;
	const struct tls_info *tls = &o->description.tls;

	return is_same(&tls->issuer_public_key, &next->public_key) &&
	       is_same(&tls->issuer_subject, &next->subject);
}

size_t
ca_unconverged(const struct state *s, const char **ret_down)
{
	const struct cluster *c = state_cluster(s);
	size_t count = 0;

	*ret_down = NULL;
	if (c == NULL || c->rotation == NULL)
		return 0;
	for (size_t i = 0; i < state_count(s, OBJECT_NODE); i++) {
		const struct node_object *o = state_at(s, OBJECT_NODE, i);

		if (has_converged(c, o))
			continue;
		count++;
		if (o->status.state != NODE_READY && *ret_down == NULL)
			*ret_down = o->head.id;
	}
	return count;
}

/* Those that are ready and not there yet, a batch at a time. A node is asked
 * again when it did not do it within a round of all. */
static void
ask_batch(const struct state *s, const struct cluster *c, struct tx *tx)
{
	size_t count = state_count(s, OBJECT_NODE), asked = 0;
	uint64_t least = UINT64_MAX;

	for (size_t i = 0; i < count; i++) {
		const struct node_object *o = state_at(s, OBJECT_NODE, i);

		if (!has_converged(c, o) && o->status.state == NODE_READY &&
		    o->renew < least)
			least = o->renew;
	}
	for (size_t i = 0; i < count && asked < CA_BATCH_NODES; i++) {
		const struct node_object *o = state_at(s, OBJECT_NODE, i);
		struct node_object *to;

		if (has_converged(c, o) || o->status.state != NODE_READY ||
		    o->renew > least)
			continue;
		to = object_clone(o);
		to->renew++;
		tx_put(tx, to, o->head.version.index);
		asked++;
	}
}

static void
step_rotation(const struct state *s, const struct cluster *c, struct now now,
	      uint64_t *next_ms, struct tx *tx)
{
	const char *down;
	struct cluster *to;

	if (ca_unconverged(s, &down) == 0) {
		to = object_clone(c);
		ca_end_rotation(to);
		tx_put(tx, to, c->head.version.index);
		*next_ms = UINT64_MAX;
		return;
	}
	if (*next_ms == UINT64_MAX)
		*next_ms = 0;
	if (now.mono_ms < *next_ms)
		return;
	*next_ms = now.mono_ms + CA_BATCH_MS;
	ask_batch(s, c, tx);
}

static bool
is_past(const struct removed_node *r, struct now now)
{
	return r->until + CA_REMOVED_NS < now.wall_ns;
}

/* Certificates that are over long ago need not be refused by name. */
static void
purge_removed(const struct cluster *c, struct now now, struct tx *tx)
{
	struct cluster *to;
	uint32_t kept = 0, past = 0;

	for (uint32_t i = 0; i < c->removed.count; i++)
		past += is_past(&c->removed.v[i], now);
	if (past == 0)
		return;
	to = object_clone(c);
	for (uint32_t i = 0; i < to->removed.count; i++)
		if (!is_past(&to->removed.v[i], now))
			to->removed.v[kept++] = to->removed.v[i];
	to->removed.count = kept;
	tx_put(tx, to, c->head.version.index);
}

void
ca_step(const struct state *s, struct now now, uint64_t *next_ms, struct tx *tx)
{
	const struct cluster *c = state_cluster(s);

	if (c != NULL && c->rotation != NULL) {
		step_rotation(s, c, now, next_ms, tx);
		return;
	}
	*next_ms = UINT64_MAX;
	if (c != NULL)
		purge_removed(c, now, tx);
}
