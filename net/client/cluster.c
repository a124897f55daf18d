/* cluster.c - see cluster.h. */
#include "net/client/cluster.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/base/check.h"
#include "core/base/str.h"
#include "net/client/tree.h"

#define TOKEN_VARIABLE "SWARM_TOKEN"

/* ---- specs ----------------------------------------------------------------
 */

static json_t *
value_of(const struct parsed *p, const char *flag, enum flag_kind kind)
{
	uint64_t u;

	switch (kind) {
	case FLAG_BOOL:
		return json_boolean(flag_bool(p, flag));
	case FLAG_I64:
		return json_integer(flag_i64(p, flag));
	case FLAG_DURATION:
		return json_integer(flag_ns(p, flag));
	case FLAG_U64:
		u = flag_u64(p, flag);
		return json_integer(u < INT64_MAX ? (json_int_t)u : INT64_MAX);
	case FLAG_STRING:
	case FLAG_LIST:
	case FLAG_FLOAT:
	case FLAG_BYTES:
	case FLAG_DECIMAL:
		break;
	}
	unreachable();
}

void
cluster_edit(const struct parsed *p, json_t *spec)
{
	static const struct {
		const char *flag, *path;
		enum flag_kind kind;
	} rows[] = {
		{ "task-history-limit",
		  "Orchestration.TaskHistoryRetentionLimit", FLAG_I64 },
		{ "snapshot-interval", "Raft.SnapshotInterval", FLAG_U64 },
		{ "max-snapshots", "Raft.KeepOldSnapshots", FLAG_U64 },
		{ "dispatcher-heartbeat", "Dispatcher.HeartbeatPeriod",
		  FLAG_DURATION },
		{ "cert-expiry", "CAConfig.NodeCertExpiry", FLAG_DURATION },
		{ "autolock", "EncryptionConfig.AutoLockManagers", FLAG_BOOL },
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		if (flag_given(p, rows[i].flag))
			tree_set(spec, rows[i].path,
				 value_of(p, rows[i].flag, rows[i].kind));
}

const char *
cluster_dump(json_t *tree, struct arena *a)
{
	char *text = json_dumps(tree, JSON_COMPACT | JSON_REAL_PRECISION(15));
	const char *copy = arena_strdup(a, str_or(text, ""));

	free(text); /* jansson's own */
	json_decref(tree);
	return copy;
}

int
cluster_update(struct cli *cli, const json_t *swarm, const char *rotate,
	       struct err *e)
{
	const char *version =
		arena_printf(&cli->arena, "%lld",
			     (long long)tree_i64(swarm, "Version.Index"));
	json_t *spec = tree_get(swarm, "Spec");
	struct buf answer = { 0 };
	int r;

	if (!json_is_object(spec))
		return err_set(e, -EPROTO,
			       "the daemon gave a swarm without a spec");
	r = cli_ask(cli, "POST",
		    /* A NULL in the place of a key is the end. */
		    cli_path(cli, "/swarm/update", "version", version, rotate,
			     "true", NULL),
		    cluster_dump(json_incref(spec), &cli->arena), &answer, e);
	buf_fini(&answer);
	return r;
}

/* ---- bodies ---------------------------------------------------------------
 */

static json_t *
place_body(const struct cluster_place *place, struct arena *a)
{
	const char *on = str_or(place->listen_addr, CLUSTER_LISTEN_ADDR);
	json_t *t = json_object();

	tree_set(t, "ListenAddr", json_string(text_to_node_addr(on, a)));
	tree_set(t, "AdvertiseAddr",
		 json_string(str_or(place->advertise_addr, "")));
	tree_set(t, "DataPathAddr",
		 json_string(str_or(place->data_path_addr, "")));
	tree_set(t, "Availability",
		 json_string(str_or(place->availability, "active")));
	return t;
}

json_t *
cluster_init_body(const struct cluster_place *place, struct arena *a)
{
	json_t *t = place_body(place, a);

	tree_set(t, "Spec.Name", json_string("default"));
	return t;
}

const char *
cluster_join_body(const struct cluster_place *place,
		  const struct strings *addrs, const char *token,
		  struct arena *a)
{
	json_t *t = place_body(place, a), *list = json_array();

	for (uint32_t i = 0; i < addrs->count; i++)
		json_array_append_new(list, json_string(addrs->v[i]));
	tree_set(t, "RemoteAddrs", list);
	tree_set(t, "JoinToken", json_string(token));
	return cluster_dump(t, a);
}

/* ---- tokens ---------------------------------------------------------------
 */

/* White space around it goes; a token has none. */
static const char *
first_word(const char *text, size_t len, struct arena *a)
{
	size_t from = 0, to;

	while (from < len && (unsigned char)text[from] <= ' ')
		from++;
	for (to = from; to < len && (unsigned char)text[to] > ' ';)
		to++;
	return arena_strndup(a, text + from, to - from);
}

static int
read_token(const char *path, int in_fd, struct arena *a, const char **ret,
	   struct err *e)
{
	bool is_stdin = str_eq(path, "-");
	int fd = is_stdin ? in_fd : open(path, O_RDONLY | O_CLOEXEC);
	char text[TOKEN_TEXT_MAX];
	size_t len = 0;
	ssize_t n = fd < 0 ? -1 : 1;

	while (n > 0 && len < sizeof(text)) {
		n = read(fd, text + len, sizeof(text) - len);
		if (n > 0)
			len += (size_t)n;
	}
	if (n < 0)
		err_set(e, -errno, "read the token in %.150s: %s", path,
			strerror(errno));
	if (fd >= 0 && !is_stdin)
		close(fd);
	if (n < 0)
		return -EINVAL;
	*ret = first_word(text, len, a);
	if (**ret == '\0')
		return err_set(e, -EINVAL, "there is no token in %.150s", path);
	return 0;
}

/* It is in no child's environment, and in this one's no more. */
static const char *
take_variable(struct arena *a)
{
	char *value = getenv(TOKEN_VARIABLE);
	const char *copy;

	if (value == NULL)
		return "";
	copy = arena_strdup(a, value);
	memset(value, '*', strlen(value));
	(void)unsetenv(TOKEN_VARIABLE);
	return copy;
}

int
cluster_token(const struct parsed *p, int in_fd, struct arena *a,
	      const char **ret, struct err *e)
{
	bool named = flag_given(p, "token"),
	     filed = flag_given(p, "token-file");

	if (named && filed)
		return err_set(e, -EINVAL,
			       "--token and --token-file cannot be used "
			       "together");
	if (filed)
		return read_token(flag_str(p, "token-file"), in_fd, a, ret, e);
	*ret = named ? flag_str(p, "token") : take_variable(a);
	return 0;
}

/* ---- what is printed ------------------------------------------------------
 */

int
cluster_put_join(struct cli *cli, const char *node_id, const char *role,
		 struct err *e)
{
	bool manager = str_eq(role, "manager");
	json_t *node = NULL, *swarm = NULL;
	int r = cli_get(cli, "/swarm", &swarm, e);

	/* Only of a manager is it known which node it is. */
	if (r == 0)
		r = cli_get(cli,
			    arena_printf(&cli->arena, "/nodes/%s",
					 cli_escape(cli, node_id)),
			    &node, e);
	if (r == 0) {
		const char *addr = tree_str(node, "ManagerStatus.Addr");
		const char *token =
			tree_str(swarm, manager ? "JoinTokens.Manager"
						: "JoinTokens.Worker");

		fprintf(cli->out,
			"To add a %s to this swarm, run the following "
			"command:\n\n    swarm join --token %s %s\n\n",
			role, cli_clean(&cli->arena, token),
			cli_clean(&cli->arena,
				  str_or(addr, "HOST:" CLUSTER_PORT)));
	}
	json_decref(node);
	json_decref(swarm);
	return r;
}

int
cluster_get_unlock_key(struct cli *cli, const char **ret, struct err *e)
{
	json_t *answer = NULL;
	int r = cli_get(cli, "/swarm/unlockkey", &answer, e);

	if (r == 0)
		*ret = cli_clean(&cli->arena, tree_str(answer, "UnlockKey"));
	json_decref(answer);
	return r;
}

void
cluster_put_unlock_key(struct cli *cli, const char *key)
{
	if (str_empty(key))
		return;
	fprintf(cli->out,
		"To unlock a swarm manager after it restarts, run the `swarm "
		"unlock`\ncommand and provide the following key:\n\n"
		"    %s\n\n"
		"Remember to store this key in a password manager, since "
		"without it you\nwill not be able to restart the manager.\n",
		key);
}
