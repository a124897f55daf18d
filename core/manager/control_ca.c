/*
 * control_ca.c - what joins, locks and roots are asked for: the bodies of
 * swarm join and unlock, and what an update changes of keys and tokens.
 * Nothing of a token or a key is ever in a message.
 */
#include <errno.h>
#include <string.h>

#include "core/base/check.h"
#include "core/base/json.h"
#include "core/base/mem.h"
#include "core/base/str.h"
#include "core/manager/ca.h"
#include "core/manager/control_impl.h"
#include "core/model/fields.h"

#define REMOTES_MAX 16
#define INVALID_UNLOCK_KEY "swarm could not be unlocked: invalid key provided"

/* clang-format off */

#define THIS struct join_wish
LOCAL_TYPE(join_wish, "JoinRequest",
	STRING(listen_addr, "ListenAddr", 1, 0),
	STRING(advertise_addr, "AdvertiseAddr", 2, 0),
	STRING(data_path_addr, "DataPathAddr", 3, 0),
	STRINGS(remote_addrs, "RemoteAddrs", 4, 0),
	STRING(join_token, "JoinToken", 5, 0),
	ENUM(availability, "Availability", 6, 0, node_availability));
#undef THIS

struct unlock {
	const char *key;
};
#define THIS struct unlock
LOCAL_TYPE(unlock, "UnlockRequest",
	STRING(key, "UnlockKey", 1, 0));
#undef THIS

/* clang-format on */

/* ---- join ------------------------------------------------------------------
 */

static int
check_join(const struct join_wish *w, struct err *e)
{
	char digest[TOKEN_DIGEST_TEXT + 1];

	if (w->remote_addrs.count == 0)
		return err_set(e, -EINVAL,
			       "at least 1 remote address is required to join "
			       "a swarm");
	if (w->remote_addrs.count > REMOTES_MAX)
		return err_set(e, -EINVAL,
			       "invalid RemoteAddrs: want at most %d",
			       REMOTES_MAX);
	if (!str_empty(w->data_path_addr))
		return err_set(e, -EOPNOTSUPP,
			       "--data-path-addr is not supported yet");
	return token_read(str_or(w->join_token, ""), digest, e);
}

bool
control_join_read(const struct control_env *env, const struct request *r,
		  struct arena *a, struct join_wish *ret,
		  struct control_reply *reply)
{
	struct control c = { env, r, reply, a };
	struct err e;
	int code;

	if (!control_body(&c, &join_wish_type, ret))
		return false;
	code = check_join(ret, &e);
	if (code < 0)
		control_spec_error(reply, code, e.msg);
	return code == 0;
}

/* ---- unlock ----------------------------------------------------------------
 */

bool
control_unlock_read(const struct control_env *env, const struct request *r,
		    uint8_t ret[CLUSTER_KEY_BYTES], struct control_reply *reply)
{
	struct arena a;
	struct control c = { env, r, reply, &a };
	struct unlock u;
	struct err e;
	bool fine;

	_Static_assert(CLUSTER_KEY_BYTES == UNLOCK_KEY_BYTES, "one length");
	arena_init(&a);
	fine = control_body(&c, &unlock_type, &u);
	if (fine && unlock_key_read(str_or(u.key, ""), ret, &e) < 0) {
		control_error(reply, 401, INVALID_UNLOCK_KEY);
		fine = false;
	}
	arena_wipe(&a);
	return fine;
}

void
control_unlock_key(struct control *c)
{
	const struct cluster *cluster = state_cluster(c->env->state);
	struct json w = { .out = &c->ret->body };
	char text[UNLOCK_KEY_LEN + 1] = "";

	check(cluster);
	if (cluster->unlock_key.len == UNLOCK_KEY_BYTES)
		unlock_key_write(cluster->unlock_key.p, text);
	json_open(&w, '{');
	json_put_str(&w, "UnlockKey", text);
	json_close(&w, '}');
	buf_putc(&c->ret->body, '\n');
	c->ret->status = 200;
	mem_wipe(text, sizeof(text));
}

/* ---- update ----------------------------------------------------------------
 */

/* Is it another root than the one that is? */
static enum control_root
wanted_root(const struct cluster *from, const struct cluster_spec *spec)
{
	if (!str_empty(spec->ca.signing_ca_cert))
		return str_eq(spec->ca.signing_ca_cert, from->root.cert)
			       ? ROOT_AS_IS
			       : ROOT_GIVEN;
	return spec->ca.force_rotate != from->spec.ca.force_rotate ? ROOT_NEW
								   : ROOT_AS_IS;
}

bool
control_update_read(const struct control_env *env, const struct request *r,
		    struct arena *a, struct update_wish *ret,
		    struct control_reply *reply)
{
	const struct cluster *from = state_cluster(env->state);
	struct control c = { env, r, reply, a };
	struct cluster_spec spec;

	if (!control_read_update(&c, &spec))
		return false;
	*ret = (struct update_wish){ .root = wanted_root(from, &spec),
				     .cert = spec.ca.signing_ca_cert,
				     .key = spec.ca.signing_ca_key };
	if (ret->root != ROOT_GIVEN || !str_empty(ret->key))
		return true;
	control_spec_error(reply, -EINVAL,
			   "invalid cluster specification: a signing CA cert "
			   "needs its signing CA key: external CAs are not "
			   "supported");
	return false;
}

/* The root that is, given again, ends a rotation (facts 7.6). */
static void
stop_rotation(struct cluster *to)
{
	struct root_ca root = to->root;

	to->rotation = NULL;
	to->root_rotation_in_progress = false;
	ca_set_root(to, &root);
}

static void
update_lock(const struct control *c, const struct cluster_spec *spec,
	    struct cluster *to, const uint8_t key[UNLOCK_KEY_BYTES])
{
	bool lock = spec->encryption.auto_lock_managers;
	bool rotate = request_query_bool(c->r, "rotateManagerUnlockKey");

	if (!lock) {
		to->unlock_key = (struct bytes){ 0 };
	} else if (to->unlock_key.len == 0 || rotate) {
		to->unlock_key.p =
			arena_dup(object_arena(to), key, UNLOCK_KEY_BYTES);
		to->unlock_key.len = UNLOCK_KEY_BYTES;
	}
}

void
control_ca_update(struct control *c, const struct cluster *from,
		  const struct cluster_spec *spec, struct cluster *to)
{
	const struct control_secrets *s = c->env->secrets;

	check(s);
	_Static_assert(sizeof(s->random) == CA_SECRETS_BYTES + UNLOCK_KEY_BYTES,
		       "enough for all of it");
	if (s->root)
		ca_begin_rotation(to, s->root, s->cross_signed);
	else if (!str_empty(spec->ca.signing_ca_cert) && from->rotation)
		stop_rotation(to);
	if (request_query_bool(c->r, "rotateWorkerToken"))
		ca_make_worker_token(to, s->random);
	if (request_query_bool(c->r, "rotateManagerToken"))
		ca_make_manager_token(to, s->random + TOKEN_SECRET_BYTES);
	update_lock(c, spec, to, s->random + CA_SECRETS_BYTES);
}
