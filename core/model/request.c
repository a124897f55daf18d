/*
 * request.c - the routes of the HTTP API, and what a path and its query say.
 * It knows nothing of sockets, headers or bodies.
 */
#include "core/model/request.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/check.h"
#include "core/base/str.h"

/*
 * {id} is one segment, {name} is one or more (image names have slashes). The
 * first row that matches wins.
 */
struct route {
	const char *method;
	const char *pattern;
	enum op op;
	enum op_where where;
	const char *refused; /* OP_NOT_SUPPORTED: the target */
};

#define NODE OP_AT_NODE
#define IMAGES OP_AT_IMAGES
#define REFUSE(method, pattern, what)                                          \
	{                                                                      \
		method, pattern, OP_NOT_SUPPORTED, NODE, what                  \
	}

static const struct route routes[] = {
	{ "GET", "/_ping", OP_PING, OP_AT_SERVER, NULL },
	{ "HEAD", "/_ping", OP_PING, OP_AT_SERVER, NULL },
	{ "GET", "/version", OP_VERSION, NODE, NULL },
	{ "GET", "/info", OP_INFO, NODE, NULL },
	{ "GET", "/events", OP_EVENTS, NODE, NULL },
	{ "GET", "/system/df", OP_SYSTEM_DF, NODE, NULL },
	{ "POST", "/auth", OP_AUTH, NODE, NULL },

	{ "GET", "/swarm", OP_SWARM_INSPECT, NODE, NULL },
	{ "POST", "/swarm/init", OP_SWARM_INIT, NODE, NULL },
	{ "POST", "/swarm/join", OP_SWARM_JOIN, NODE, NULL },
	{ "POST", "/swarm/leave", OP_SWARM_LEAVE, NODE, NULL },
	{ "POST", "/swarm/update", OP_SWARM_UPDATE, NODE, NULL },
	{ "GET", "/swarm/unlockkey", OP_SWARM_UNLOCK_KEY, NODE, NULL },
	{ "POST", "/swarm/unlock", OP_SWARM_UNLOCK, NODE, NULL },

	{ "GET", "/nodes", OP_NODE_LIST, NODE, NULL },
	{ "GET", "/nodes/{id}", OP_NODE_INSPECT, NODE, NULL },
	{ "POST", "/nodes/{id}/update", OP_NODE_UPDATE, NODE, NULL },
	{ "DELETE", "/nodes/{id}", OP_NODE_REMOVE, NODE, NULL },

	{ "GET", "/services", OP_SERVICE_LIST, NODE, NULL },
	{ "POST", "/services/create", OP_SERVICE_CREATE, NODE, NULL },
	{ "GET", "/services/{id}", OP_SERVICE_INSPECT, NODE, NULL },
	{ "POST", "/services/{id}/update", OP_SERVICE_UPDATE, NODE, NULL },
	{ "DELETE", "/services/{id}", OP_SERVICE_REMOVE, NODE, NULL },
	{ "POST", "/services/{id}/rebalance", OP_SERVICE_REBALANCE, NODE,
	  NULL },
	{ "GET", "/services/{id}/logs", OP_SERVICE_LOGS, NODE, NULL },

	{ "GET", "/tasks", OP_TASK_LIST, NODE, NULL },
	{ "GET", "/tasks/{id}", OP_TASK_INSPECT, NODE, NULL },
	{ "GET", "/tasks/{id}/logs", OP_TASK_LOGS, NODE, NULL },

	{ "GET", "/networks", OP_NETWORK_LIST, NODE, NULL },
	{ "GET", "/networks/", OP_NETWORK_LIST, NODE, NULL },
	{ "GET", "/networks/{id}", OP_NETWORK_INSPECT, NODE, NULL },
	REFUSE("POST", "/networks/create", "creating networks"),
	REFUSE("POST", "/networks/prune", "pruning networks"),
	REFUSE("DELETE", "/networks/{id}", "removing networks"),
	REFUSE("POST", "/networks/{id}/connect", "connecting containers"),
	REFUSE("POST", "/networks/{id}/disconnect", "connecting containers"),

	{ "GET", "/secrets", OP_SECRET_LIST, NODE, NULL },
	REFUSE("POST", "/secrets/create", "creating secrets"),
	{ "GET", "/configs", OP_CONFIG_LIST, NODE, NULL },
	REFUSE("POST", "/configs/create", "creating configs"),

	{ "GET", "/containers/json", OP_CONTAINER_LIST, NODE, NULL },
	{ "GET", "/containers/{id}/json", OP_CONTAINER_INSPECT, NODE, NULL },
	{ "GET", "/containers/{id}/logs", OP_CONTAINER_LOGS, NODE, NULL },
	REFUSE("POST", "/containers/create", "creating single containers"),
	REFUSE("POST", "/containers/prune", "pruning containers"),
	REFUSE("POST", "/containers/{id}/exec", "executing in a container"),
	REFUSE("POST", "/containers/{id}/attach", "attaching to a container"),
	REFUSE("POST", "/containers/{id}/start", "starting single containers"),
	REFUSE("POST", "/containers/{id}/stop", "stopping single containers"),
	REFUSE("POST", "/containers/{id}/kill", "killing single containers"),
	REFUSE("POST", "/containers/{id}/restart",
	       "restarting single containers"),
	REFUSE("DELETE", "/containers/{id}", "removing single containers"),
	REFUSE("GET", "/containers/{id}/stats", "container statistics"),
	REFUSE("GET", "/containers/{id}/top", "listing processes"),

	{ "GET", "/images/json", OP_IMAGE_LIST, IMAGES, NULL },
	{ "GET", "/images/{name}/json", OP_IMAGE_INSPECT, IMAGES, NULL },
	{ "POST", "/images/load", OP_IMAGE_LOAD, IMAGES, NULL },
	{ "POST", "/images/prune", OP_IMAGE_PRUNE, IMAGES, NULL },
	{ "DELETE", "/images/{name}", OP_IMAGE_REMOVE, IMAGES, NULL },
	{ "GET", "/distribution/{name}/json", OP_DISTRIBUTION, IMAGES, NULL },
	REFUSE("POST", "/images/create", "pulling images"),
	REFUSE("POST", "/images/{name}/push", "pushing images"),
	REFUSE("POST", "/images/{name}/tag", "tagging images"),
	REFUSE("POST", "/build", "building images"),

	REFUSE("GET", "/volumes", "listing volumes"),
	REFUSE("POST", "/volumes/create", "creating volumes"),
	REFUSE("POST", "/volumes/prune", "pruning volumes"),
	REFUSE("DELETE", "/volumes/{id}", "removing volumes"),
};

/* ---- escapes ------------------------------------------------------------ */

static int
hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}

/* %XX, and '+' for a space in a query. NULL: a bad escape, or a NUL. */
static char *
decode(const char *s, size_t len, bool query, struct arena *a)
{
	char *out = arena_alloc(a, len + 1), *to = out;

	for (size_t i = 0; i < len; i++) {
		char c = s[i];

		if (c == '%') {
			int hi = i + 2 < len ? hex_digit(s[i + 1]) : -1;
			int lo = i + 2 < len ? hex_digit(s[i + 2]) : -1;

			if (hi < 0 || lo < 0)
				return NULL;
			c = (char)(hi * 16 + lo);
			i += 2;
		} else if (c == '+' && query) {
			c = ' ';
		}
		if (c == '\0')
			return NULL;
		*to++ = c;
	}
	*to = '\0';
	return out;
}

/* ---- the version -------------------------------------------------------- */

static size_t
digits(const char *s, unsigned *ret)
{
	size_t n = 0;

	*ret = 0;
	while (n < 4 && s[n] >= '0' && s[n] <= '9')
		*ret = *ret * 10 + (unsigned)(s[n++] - '0');
	return n;
}

/* "/v1.24/x": moves *path to "/x". No prefix is no error. */
static int
take_version(const char **path, unsigned *ret_minor, struct err *e)
{
	const char *p = *path;
	unsigned major, minor;
	size_t n, m;

	*ret_minor = API_MINOR_MAX;
	if (p[1] != 'v' || p[2] < '0' || p[2] > '9')
		return 0;
	n = digits(p + 2, &major);
	if (p[2 + n] != '.')
		return err_set(e, -ENOENT, "page not found");
	m = digits(p + 3 + n, &minor);
	if (m == 0 || p[3 + n + m] != '/')
		return err_set(e, -ENOENT, "page not found");
	if (major < 1 || (major == 1 && minor < API_MINOR_MIN))
		return err_set(e, -EINVAL,
			       "client version %u.%u is too old. Minimum "
			       "supported API version is 1.%d, please upgrade "
			       "your client to a newer version",
			       major, minor, API_MINOR_MIN);
	if (major > 1 || minor > API_MINOR_MAX)
		return err_set(e, -EINVAL,
			       "client version %u.%u is too new. Maximum "
			       "supported API version is 1.%d",
			       major, minor, API_MINOR_MAX);
	*path = p + 3 + n + m;
	*ret_minor = minor;
	return 0;
}

/* ---- routes ------------------------------------------------------------- */

struct part {
	const char *p;
	size_t len;
};

/* Does path match, and what stands where the braces are. */
static bool
match(const char *pattern, const char *path, size_t len, struct part *ret)
{
	const char *open = strchr(pattern, '{');
	const char *close, *tail;
	size_t head_len, tail_len;
	bool many;

	*ret = (struct part){ NULL, 0 };
	if (!open)
		return strlen(pattern) == len && !memcmp(pattern, path, len);
	close = strchr(open, '}');
	check(close);
	tail = close + 1;
	many = open[1] == 'n';
	head_len = (size_t)(open - pattern);
	tail_len = strlen(tail);
	if (len <= head_len + tail_len || memcmp(path, pattern, head_len) ||
	    memcmp(path + len - tail_len, tail, tail_len))
		return false;
	ret->p = path + head_len;
	ret->len = len - head_len - tail_len;
	return many || !memchr(ret->p, '/', ret->len);
}

static const struct route *
find_route(const char *method, const char *path, size_t len, struct part *arg)
{
	for (size_t i = 0; i < ARRAY_LEN(routes); i++) {
		if (strcmp(routes[i].method, method) != 0)
			continue;
		if (match(routes[i].pattern, path, len, arg))
			return &routes[i];
	}
	return NULL;
}

/* ---- the query ---------------------------------------------------------- */

/* Adds unless the key is there: the first value counts, as in Docker. */
static void
query_add(struct kvs *q, const char *key, const char *value)
{
	uint32_t at = 0;

	while (at < q->count && strcmp(q->v[at].key, key) < 0)
		at++;
	if (at < q->count && !strcmp(q->v[at].key, key))
		return;
	memmove(&q->v[at + 1], &q->v[at], (q->count - at) * sizeof(*q->v));
	q->v[at] = (struct kv){ key, value };
	q->count++;
}

static int
query_read(const char *s, struct arena *a, struct kvs *ret, struct err *e)
{
	ret->v = arena_array(a, REQUEST_QUERY_MAX, sizeof(*ret->v));
	ret->count = 0;
	while (*s) {
		size_t len = strcspn(s, "&");
		const char *eq = memchr(s, '=', len);
		size_t key_len = eq ? (size_t)(eq - s) : len;
		const char *key = decode(s, key_len, true, a);
		const char *value =
			eq ? decode(eq + 1, len - key_len - 1, true, a) : "";

		if (!key || !value)
			return err_set(e, -EINVAL,
				       "invalid URL escape in the query");
		if (ret->count == REQUEST_QUERY_MAX)
			return err_set(e, -EINVAL,
				       "too many query parameters: at most %d",
				       REQUEST_QUERY_MAX);
		if (len > 0)
			query_add(ret, key, value);
		s += len;
		if (*s == '&')
			s++;
	}
	return 0;
}

int
request_route(const char *method, const char *path_and_query, struct arena *a,
	      struct request *ret, struct err *e)
{
	const char *path = path_and_query;
	const struct route *route;
	struct request r = { 0 };
	struct part arg;
	size_t len;
	int rc;

	if (strlen(path) > REQUEST_PATH_MAX)
		return err_set(e, -EINVAL, "the path is longer than %d bytes",
			       REQUEST_PATH_MAX);
	if (path[0] != '/')
		return err_set(e, -ENOENT, "page not found");
	rc = take_version(&path, &r.api_minor, e);
	if (rc < 0)
		return rc;
	len = strcspn(path, "?#");
	route = find_route(method, path, len, &arg);
	if (!route)
		return err_set(e, -ENOENT, "page not found");
	r.op = route->op;
	r.where = route->where;
	r.head = !strcmp(method, "HEAD");
	r.target = arg.p ? decode(arg.p, arg.len, false, a) : "";
	if (!r.target)
		return err_set(e, -EINVAL, "invalid URL escape in the path");
	if (route->refused)
		r.target = route->refused;
	rc = query_read(path[len] == '?' ? path + len + 1 : "", a, &r.query, e);
	if (rc < 0)
		return rc;
	*ret = r;
	return 0;
}

void
request_copy(const struct request *r, struct arena *a, struct request *ret)
{
	struct kv *query = arena_array(a, r->query.count, sizeof(*query));

	*ret = *r;
	ret->target = arena_strdup(a, r->target);
	ret->key = arena_strdup(a, r->key);
	ret->body =
		r->body != NULL ? arena_strndup(a, r->body, r->body_len) : NULL;
	for (uint32_t i = 0; i < r->query.count; i++) {
		query[i].key = arena_strdup(a, r->query.v[i].key);
		query[i].value = arena_strdup(a, r->query.v[i].value);
	}
	ret->query.v = query;
}

static bool
is_key_char(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
	       (c >= '0' && c <= '9') || c == '_' || c == '-';
}

bool
request_key_valid(const char *key)
{
	size_t len = 0;

	while (key[len] != '\0' && len <= REQUEST_KEY_MAX)
		if (!is_key_char(key[len++]))
			return false;
	return len > 0 && len <= REQUEST_KEY_MAX;
}

const char *
request_query(const struct request *r, const char *key)
{
	return str_or(kvs_get(&r->query, key), "");
}

bool
request_query_bool(const struct request *r, const char *key)
{
	static const char *const no[] = { "", "0", "no", "false", "none" };
	const char *s = request_query(r, key);

	for (size_t i = 0; i < ARRAY_LEN(no); i++)
		if (!str_cmp_nocase(s, no[i]))
			return false;
	return true;
}
