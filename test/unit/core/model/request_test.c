/* Routes, queries and filters: tables of what is asked and what it means. */
#include "core/model/request.h"

#include <errno.h>

#include "test/t.h"

static int
route(const char *method, const char *path, struct arena *a, struct request *r,
      struct err *e)
{
	memset(r, 0, sizeof(*r));
	memset(e, 0, sizeof(*e));
	return request_route(method, path, a, r, e);
}

T(routes_find_their_operation)
{
	static const struct {
		const char *method, *path;
		enum op op;
		enum op_where where;
		const char *target;
	} rows[] = {
		{ "GET", "/_ping", OP_PING, OP_AT_SERVER, "" },
		{ "HEAD", "/v1.50/_ping", OP_PING, OP_AT_SERVER, "" },
		{ "GET", "/v1.24/version", OP_VERSION, OP_AT_NODE, "" },
		{ "GET", "/info?x", OP_INFO, OP_AT_NODE, "" },
		{ "GET", "/swarm", OP_SWARM_INSPECT, OP_AT_NODE, "" },
		{ "POST", "/swarm/init", OP_SWARM_INIT, OP_AT_NODE, "" },
		{ "POST", "/swarm/leave?force=1", OP_SWARM_LEAVE, OP_AT_NODE,
		  "" },
		{ "GET", "/swarm/unlockkey", OP_SWARM_UNLOCK_KEY, OP_AT_NODE,
		  "" },
		{ "GET", "/nodes", OP_NODE_LIST, OP_AT_NODE, "" },
		{ "GET", "/nodes/abc", OP_NODE_INSPECT, OP_AT_NODE, "abc" },
		{ "DELETE", "/nodes/abc?force=1", OP_NODE_REMOVE, OP_AT_NODE,
		  "abc" },
		{ "POST", "/nodes/abc/update?version=4", OP_NODE_UPDATE,
		  OP_AT_NODE, "abc" },
		{ "POST", "/v1.50/services/create", OP_SERVICE_CREATE,
		  OP_AT_NODE, "" },
		{ "GET", "/services/web%2Dx", OP_SERVICE_INSPECT, OP_AT_NODE,
		  "web-x" },
		{ "GET", "/services/a+b", OP_SERVICE_INSPECT, OP_AT_NODE,
		  "a+b" },
		{ "POST", "/services/web/update", OP_SERVICE_UPDATE, OP_AT_NODE,
		  "web" },
		{ "POST", "/services/web/rebalance?dryRun=1",
		  OP_SERVICE_REBALANCE, OP_AT_NODE, "web" },
		{ "GET", "/services/web/logs", OP_SERVICE_LOGS, OP_AT_NODE,
		  "web" },
		{ "GET", "/tasks/t/logs", OP_TASK_LOGS, OP_AT_NODE, "t" },
		{ "GET", "/networks/", OP_NETWORK_LIST, OP_AT_NODE, "" },
		{ "GET", "/networks/host", OP_NETWORK_INSPECT, OP_AT_NODE,
		  "host" },
		{ "GET", "/containers/json", OP_CONTAINER_LIST, OP_AT_NODE,
		  "" },
		{ "GET", "/containers/ab/json", OP_CONTAINER_INSPECT,
		  OP_AT_NODE, "ab" },
		{ "GET", "/images/json", OP_IMAGE_LIST, OP_AT_IMAGES, "" },
		{ "GET", "/images/a/b:c@sha256:00/json", OP_IMAGE_INSPECT,
		  OP_AT_IMAGES, "a/b:c@sha256:00" },
		{ "GET", "/images/a%2Fb/json", OP_IMAGE_INSPECT, OP_AT_IMAGES,
		  "a/b" },
		{ "DELETE", "/images/h:5000/a/b", OP_IMAGE_REMOVE, OP_AT_IMAGES,
		  "h:5000/a/b" },
		{ "GET", "/distribution/docker.io/library/x/json",
		  OP_DISTRIBUTION, OP_AT_IMAGES, "docker.io/library/x" },
		{ "POST", "/networks/create", OP_NOT_SUPPORTED, OP_AT_NODE,
		  "creating networks" },
		{ "POST", "/images/create?fromImage=x", OP_NOT_SUPPORTED,
		  OP_AT_NODE, "pulling images" },
	};
	struct arena a;
	struct request r;
	struct err e;

	arena_init(&a);
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		T_ROW(rows[i].path);
		EQ(route(rows[i].method, rows[i].path, &a, &r, &e), 0);
		EQ(r.op, rows[i].op);
		EQ(r.where, rows[i].where);
		EQ_STR(r.target, rows[i].target);
	}
	arena_fini(&a);
}

T(what_is_no_route_is_refused_in_dockers_words)
{
	static const struct {
		const char *method, *path;
		int code;
		const char *msg;
	} rows[] = {
		{ "GET", "/", -ENOENT, "page not found" },
		{ "GET", "", -ENOENT, "page not found" },
		{ "GET", "/nodes/", -ENOENT, "page not found" },
		{ "GET", "/nodes/a/b", -ENOENT, "page not found" },
		{ "PUT", "/nodes", -ENOENT, "page not found" },
		{ "GET", "/services/create/", -ENOENT, "page not found" },
		{ "GET", "/images//", -ENOENT, "page not found" },
		/* "docker inspect X" goes on to other kinds only after a 404 */
		{ "GET", "/volumes/x", -ENOENT, "page not found" },
		{ "GET", "/plugins/x/json", -ENOENT, "page not found" },
		{ "GET", "/v1.50", -ENOENT, "page not found" },
		{ "GET", "/v1x/info", -ENOENT, "page not found" },
		{ "GET", "/v1./info", -ENOENT, "page not found" },
		{ "GET", "/v1.20/info", -EINVAL,
		  "client version 1.20 is too old. Minimum supported API "
		  "version is 1.24, please upgrade your client to a newer "
		  "version" },
		{ "GET", "/v1.99/info", -EINVAL,
		  "client version 1.99 is too new. Maximum supported API "
		  "version is 1.50" },
		{ "GET", "/v2.0/info", -EINVAL,
		  "client version 2.0 is too new. Maximum supported API "
		  "version is 1.50" },
		{ "GET", "/nodes/%", -EINVAL,
		  "invalid URL escape in the path" },
		{ "GET", "/nodes/%4", -EINVAL,
		  "invalid URL escape in the path" },
		{ "GET", "/nodes/%zz", -EINVAL,
		  "invalid URL escape in the path" },
		{ "GET", "/nodes/%00", -EINVAL,
		  "invalid URL escape in the path" },
		{ "GET", "/nodes?a=%f", -EINVAL,
		  "invalid URL escape in the query" },
	};
	struct arena a;
	struct request r;
	struct err e;

	arena_init(&a);
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		T_ROW(rows[i].path);
		EQ(route(rows[i].method, rows[i].path, &a, &r, &e),
		   rows[i].code);
		EQ_STR(e.msg, rows[i].msg);
		EQ(r.op, 0);
	}
	arena_fini(&a);
}

T(the_query_is_decoded_and_its_first_value_counts)
{
	struct arena a;
	struct request r;
	struct err e;

	arena_init(&a);
	EQ(route("GET", "/v1.41/tasks?b=x+y%26&a=1&b=2&&c&d=&e=False", &a, &r,
		 &e),
	   0);
	EQ(r.api_minor, 41);
	EQ(r.query.count, 5);
	EQ_STR(r.query.v[0].key, "a");
	EQ_STR(request_query(&r, "b"), "x y&");
	EQ_STR(request_query(&r, "c"), "");
	EQ_STR(request_query(&r, "zz"), "");
	OK(request_query_bool(&r, "a"));
	OK(request_query_bool(&r, "b"));
	OK(!request_query_bool(&r, "c"));
	OK(!request_query_bool(&r, "e"));
	OK(!request_query_bool(&r, "zz"));
	arena_fini(&a);
}

T(too_many_query_parameters_are_refused)
{
	char path[512] = "/info?";
	struct arena a;
	struct request r;
	struct err e;

	arena_init(&a);
	for (int i = 0; i < REQUEST_QUERY_MAX; i++)
		snprintf(path + strlen(path), 8, "k%d&", i);
	EQ(route("GET", path, &a, &r, &e), 0);
	EQ(r.query.count, REQUEST_QUERY_MAX);
	snprintf(path + strlen(path), 8, "more");
	EQ(route("GET", path, &a, &r, &e), -EINVAL);
	EQ_STR(e.msg, "too many query parameters: at most 32");
	arena_fini(&a);
}

static const char *const allowed[] = { "id", "name", "label", NULL };

T(filters_are_read_in_both_forms)
{
	static const char *const rows[] = {
		"{\"name\":{\"a\":true,\"b\":true,\"c\":false},\"id\":{}}",
		"{\"name\":[\"a\",\"b\"]}",
	};
	struct arena a;
	struct filters f;
	struct err e;

	arena_init(&a);
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		T_ROW(rows[i]);
		EQ(filters_read(rows[i], allowed, &a, &f, &e), 0);
		EQ(filters_get(&f, "name")->count, 2);
		OK(!filters_get(&f, "id"));
		OK(filters_match(&f, "name", "a"));
		OK(filters_match(&f, "name", "b"));
		OK(!filters_match(&f, "name", "c"));
		OK(!filters_match(&f, "name", NULL));
		OK(filters_match(&f, "id", "whatever"));
	}
	EQ(filters_read("", allowed, &a, &f, &e), 0);
	EQ(f.count, 0);
	EQ(filters_read(NULL, allowed, &a, &f, &e), 0);
	arena_fini(&a);
}

T(bad_filters_are_refused)
{
	static const struct {
		const char *json, *msg;
	} rows[] = {
		{ "{\"x\":[]}", "invalid filter 'x'" },
		{ "[]", "invalid filter: want an object" },
		{ "{\"id\":1}", "invalid filter: want {\"value\":true}" },
		{ "{\"id\":[1]}", "invalid filter: want strings" },
		{ "{\"id\":{\"a\":1}}", "invalid filter: want true after 'a'" },
	};
	struct arena a;
	struct filters f;
	struct err e;

	arena_init(&a);
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		T_ROW(rows[i].json);
		EQ(filters_read(rows[i].json, allowed, &a, &f, &e), -EINVAL);
		EQ_STR(e.msg, rows[i].msg);
	}
	EQ(filters_read("{\"id\":", allowed, &a, &f, &e), -EINVAL);
	arena_fini(&a);
}

T(all_label_filters_must_hold)
{
	static struct kv v[] = { { "a", "1" }, { "b", "" } };
	static const struct kvs labels = { v, 2 };
	static const struct {
		const char *json;
		bool holds;
	} rows[] = {
		{ "{}", true },
		{ "{\"label\":[\"a\"]}", true },
		{ "{\"label\":[\"a=1\",\"b\"]}", true },
		{ "{\"label\":[\"b=\"]}", true },
		{ "{\"label\":[\"a=1\",\"c\"]}", false },
		{ "{\"label\":[\"a=2\"]}", false },
		{ "{\"label\":[\"a=\"]}", false },
		{ "{\"label\":[\"\"]}", false },
	};
	struct arena a;
	struct filters f;
	struct err e;

	arena_init(&a);
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		T_ROW(rows[i].json);
		EQ(filters_read(rows[i].json, allowed, &a, &f, &e), 0);
		EQ(filters_match_labels(&f, "label", &labels), rows[i].holds);
	}
	arena_fini(&a);
}

T(a_key_has_1_to_128_of_a_few_characters)
{
	char key[REQUEST_KEY_MAX + 2];

	OK(request_key_valid("a"));
	OK(request_key_valid("A-Z_09-az"));
	OK(!request_key_valid(""));
	OK(!request_key_valid("a b"));
	OK(!request_key_valid("a\n"));
	OK(!request_key_valid("\xc3\xa9"));
	memset(key, 'k', sizeof(key));
	key[REQUEST_KEY_MAX] = '\0';
	OK(request_key_valid(key));
	key[REQUEST_KEY_MAX] = 'k';
	key[REQUEST_KEY_MAX + 1] = '\0';
	OK(!request_key_valid(key));
}
