/*
 * control.c - which function answers which operation, and what they share:
 * replies, errors, finding objects by what users call them.
 */
#include "core/manager/control.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "core/base/check.h"
#include "core/base/json.h"
#include "core/base/str.h"
#include "core/manager/control_impl.h"
#include "core/model/naming.h"

#define NOT_A_MANAGER                                                          \
	"This node is not a swarm manager. Use \"swarm init\" or \"swarm "     \
	"join\" to connect this node to swarm and try again."

/* ---- replies ------------------------------------------------------------ */

void
control_reply_fini(struct control_reply *r)
{
	tx_fini(&r->tx);
	buf_fini(&r->body);
	*r = (struct control_reply){ 0 };
}

static void
put_error(struct control_reply *r, int status, const char *msg)
{
	struct json w = { .out = &r->body };

	check(status >= 400 && status < 600);
	tx_fini(&r->tx);
	r->tx = (struct tx){ 0 };
	r->propose = false;
	r->status = status;
	buf_clear(&r->body);
	json_open(&w, '{');
	json_put_str(&w, "message", msg);
	json_close(&w, '}');
	buf_putc(&r->body, '\n');
}

void
control_error(struct control_reply *r, int status, const char *fmt, ...)
{
	char msg[ERR_MSG_MAX * 2];
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(msg, sizeof(msg), fmt, ap); /* a cut tail is fine */
	va_end(ap);
	put_error(r, status, msg);
}

void
control_rpc_error(struct control_reply *ret, enum rpc_code code,
		  const char *fmt, ...)
{
	static const struct {
		const char *name;
		int status;
	} codes[] = {
		[RPC_INVALID_ARGUMENT] = { "InvalidArgument", 400 },
		[RPC_FAILED_PRECONDITION] = { "FailedPrecondition", 400 },
		[RPC_NOT_FOUND] = { "NotFound", 404 },
		[RPC_ALREADY_EXISTS] = { "AlreadyExists", 409 },
		[RPC_UNIMPLEMENTED] = { "Unimplemented", 501 },
		[RPC_UNKNOWN] = { "Unknown", 500 },
	};
	char msg[ERR_MSG_MAX * 2];
	va_list ap;

	check(code >= 1 && code < ARRAY_LEN(codes));
	va_start(ap, fmt);
	(void)vsnprintf(msg, sizeof(msg), fmt, ap); /* a cut tail is fine */
	va_end(ap);
	control_error(ret, codes[code].status, "rpc error: code = %s desc = %s",
		      codes[code].name, msg);
}

void
control_spec_error(struct control_reply *ret, int code, const char *why)
{
	check(code < 0);
	if (code == -EOPNOTSUPP)
		control_error(ret, 501, "%s", why);
	else if (code == -ENOENT)
		control_error(ret, 404, "%s", why);
	else
		control_rpc_error(ret, RPC_INVALID_ARGUMENT, "%s", why);
}

void
control_refused(int code, const char *why, struct control_reply *ret)
{
	if (code == -ESTALE)
		control_rpc_error(ret, RPC_UNKNOWN, "update out of sequence");
	else if (code == -EEXIST)
		control_rpc_error(ret, RPC_ALREADY_EXISTS, "%s", why);
	else if (code == -ENOENT)
		control_rpc_error(ret, RPC_NOT_FOUND, "%s", why);
	else
		control_rpc_error(ret, RPC_UNKNOWN, "%s", why);
}

void
control_reply_object(struct control *c, const struct type *t,
		     const void *object)
{
	c->ret->status = 200;
	model_json_write(t, object, &c->ret->body);
	buf_putc(&c->ret->body, '\n');
}

void
control_list_begin(struct control *c, struct control_list *ret)
{
	*ret = (struct control_list){ .c = c };
	buf_putc(&c->ret->body, '[');
}

struct buf *
control_list_next(struct control_list *l)
{
	struct buf *out = &l->c->ret->body;

	if (l->comma)
		buf_putc(out, ',');
	l->comma = true;
	return out;
}

void
control_list_put(struct control_list *l, const struct type *t,
		 const void *object)
{
	model_json_write(t, object, control_list_next(l));
}

void
control_list_end(struct control_list *l)
{
	l->c->ret->status = 200;
	buf_puts(&l->c->ret->body, "]\n");
}

static void
reply_text(struct control *c, const char *body)
{
	c->ret->status = 200;
	buf_puts(&c->ret->body, body);
}

void
control_propose(struct control *c, int status, const char *body)
{
	check(c->ret->tx.count > 0);
	c->ret->propose = true;
	c->ret->status = status;
	c->ret->tx.wall_ns = c->env->now.wall_ns;
	buf_puts(&c->ret->body, body);
}

/* ---- what requests bring ------------------------------------------------ */

/* Parts of a spec that are refused by the flag that makes them. */
static const struct {
	const char *path_end;
	const char *flag;
} later[] = {
	{ "Secrets: is not supported yet", "--secret" },
	{ "Configs: is not supported yet", "--config" },
	{ "Privileges: is not supported yet",
	  "--credential-spec (and other privileges)" },
	{ "GenericResources: is not supported yet", "--generic-resource" },
	{ "SwapBytes: is not supported yet", "--memory-swap" },
	{ "MemorySwappiness: is not supported yet", "--memory-swappiness" },
	{ "ExternalCAs: is not supported yet", "--external-ca" },
	{ "SigningCACert: is not supported yet", "--ca-cert" },
	{ "SigningCAKey: is not supported yet", "--ca-key" },
};

static void
body_error(struct control *c, const char *why)
{
	if (!str_ends(why, "is not supported yet")) {
		control_error(c->ret, 400, "%s", why);
		return;
	}
	for (size_t i = 0; i < ARRAY_LEN(later); i++) {
		if (!str_ends(why, later[i].path_end))
			continue;
		control_error(c->ret, 501, "%s is not supported yet",
			      later[i].flag);
		return;
	}
	control_error(c->ret, 501, "%s", why);
}

bool
control_body(struct control *c, const struct type *t, void *ret)
{
	const char *body = c->r->body;
	struct err e;

	if (!body || c->r->body_len == 0) {
		control_error(c->ret, 400,
			      "the request has no body: want a %s as JSON",
			      t->name);
		return false;
	}
	if (model_json_read(t, body, c->r->body_len, c->a, ret, &e) == 0)
		return true;
	body_error(c, e.msg);
	return false;
}

bool
control_version(struct control *c, const struct object *object)
{
	const char *text = request_query(c->r, "version");
	uint64_t version;

	if (!str_to_u64(text, &version)) {
		control_error(c->ret, 400,
			      "invalid %s version '%s': want a number",
			      object_type_name(object->type), text);
		return false;
	}
	if (version == object->version.index)
		return true;
	control_refused(-ESTALE, "", c->ret);
	return false;
}

/* ---- filters ------------------------------------------------------------ */

bool
control_filters(struct control *c, const char *const *allowed,
		struct filters *ret)
{
	struct err e;

	if (filters_read(request_query(c->r, "filters"), allowed, c->a, ret,
			 &e) == 0)
		return true;
	control_error(c->ret, 400, "%s", e.msg);
	return false;
}

bool
control_filter_prefix(const struct filters *f, const char *key, const char *s)
{
	const struct strings *values = filters_get(f, key);

	if (!values)
		return true;
	for (uint32_t i = 0; i < values->count; i++)
		if (str_starts(str_or(s, ""), values->v[i]))
			return true;
	return false;
}

static bool
is_word(const char *const *words, const char *s)
{
	for (; *words; words++)
		if (!strcmp(*words, s))
			return true;
	return false;
}

bool
control_filter_words(struct control *c, const struct filters *f,
		     const char *key, const char *const *words)
{
	const struct strings *values = filters_get(f, key);

	for (uint32_t i = 0; values && i < values->count; i++) {
		if (is_word(words, values->v[i]))
			continue;
		control_error(c->ret, 400, "Invalid %s filter: '%s'", key,
			      values->v[i]);
		return false;
	}
	return true;
}

/* ---- finding ------------------------------------------------------------ */

const char *
control_name(const struct control *c, const void *object)
{
	const struct object *head = object;

	switch (head->type) {
	case OBJECT_NODE:
		return ((const struct node_object *)object)
			->description.hostname;
	case OBJECT_SERVICE:
		return ((const struct service *)object)->spec.name;
	case OBJECT_TASK:
		return task_name(object, c->a);
	case OBJECT_NETWORK:
		return ((const struct network *)object)->name;
	case OBJECT_CLUSTER:
	case OBJECT_RECEIPT:
	case OBJECT_TYPE_COUNT:
		break;
	}
	unreachable();
}

struct found {
	const void *first;
	size_t count;
};

static struct found
find_by(const struct control *c, enum object_type type, const char *text,
	bool by_name)
{
	size_t count = state_count(c->env->state, type);
	struct found f = { 0 };

	for (size_t i = 0; i < count; i++) {
		const struct object *o = state_at(c->env->state, type, i);
		bool hit = by_name ? str_eq(control_name(c, o), text)
				   : str_starts(o->id, text);

		if (!hit)
			continue;
		if (f.count++ == 0)
			f.first = o;
	}
	return f;
}

const void *
control_find(struct control *c, enum object_type type, const char *id)
{
	const char *kind = object_type_name(type);
	const void *exact;
	struct found f = { 0 };

	if (!c->env->state || str_empty(id)) {
		control_error(c->ret, 404, "%s %s not found", kind, id);
		return NULL;
	}
	exact = state_get(c->env->state, type, id);
	if (exact)
		return exact;
	f = find_by(c, type, id, true);
	if (f.count == 0)
		f = find_by(c, type, id, false);
	if (f.count == 1)
		return f.first;
	if (f.count == 0)
		control_error(c->ret, 404, "%s %s not found", kind, id);
	else
		control_error(c->ret, 400,
			      "%s %s is ambiguous (%zu matches found)", kind,
			      id, f.count);
	return NULL;
}

/* ---- who answers -------------------------------------------------------- */

static void
empty_list(struct control *c)
{
	reply_text(c, "[]\n");
}

static void
refuse_auth(struct control *c)
{
	control_error(c->ret, 501,
		      "logging in to registries is not supported yet");
}

static void
refuse_target(struct control *c)
{
	control_error(c->ret, 501, "%s is not supported yet", c->r->target);
}

static const struct {
	void (*answer)(struct control *c);
	bool anywhere; /* also before there is a cluster */
} ops[] = {
	[OP_VERSION] = { control_system_version, true },
	[OP_INFO] = { control_system_info, true },
	[OP_AUTH] = { refuse_auth, true },
	[OP_SYSTEM_DF] = { control_system_df, true },
	[OP_SWARM_INSPECT] = { control_swarm_inspect, false },
	[OP_SWARM_UPDATE] = { control_swarm_update, false },
	[OP_SWARM_UNLOCK_KEY] = { control_unlock_key, false },
	[OP_NODE_LIST] = { control_node_list, false },
	[OP_NODE_INSPECT] = { control_node_inspect, false },
	[OP_NODE_UPDATE] = { control_node_update, false },
	[OP_NODE_REMOVE] = { control_node_remove, false },
	[OP_SERVICE_LIST] = { control_service_list, false },
	[OP_SERVICE_CREATE] = { control_service_create, false },
	[OP_SERVICE_INSPECT] = { control_service_inspect, false },
	[OP_SERVICE_UPDATE] = { control_service_update, false },
	[OP_SERVICE_REMOVE] = { control_service_remove, false },
	[OP_SERVICE_REBALANCE] = { control_service_rebalance, false },
	[OP_TASK_LIST] = { control_task_list, false },
	[OP_TASK_INSPECT] = { control_task_inspect, false },
	[OP_NETWORK_LIST] = { control_network_list, true },
	[OP_NETWORK_INSPECT] = { control_network_inspect, true },
	[OP_SECRET_LIST] = { empty_list, false },
	[OP_CONFIG_LIST] = { empty_list, false },
	[OP_NOT_SUPPORTED] = { refuse_target, true },
};

void
control_request(const struct control_env *env, const struct request *r,
		struct control_reply *ret)
{
	struct arena a;
	struct control c = { env, r, ret, &a };

	check((size_t)r->op < ARRAY_LEN(ops));
	check(ops[r->op].answer); /* the others are not ours to answer */
	arena_init(&a);
	if (env->state || ops[r->op].anywhere)
		ops[r->op].answer(&c);
	else
		control_error(ret, 503, NOT_A_MANAGER);
	check(ret->status != 0);
	arena_fini(&a);
}
