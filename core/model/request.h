/*
 * request.h - an API request as the node sees it, and the table of routes
 * that HTTP requests are matched with. Pure: bytes in, request out.
 */
#ifndef CORE_MODEL_REQUEST_H
#define CORE_MODEL_REQUEST_H

#include "core/base/arena.h"
#include "core/model/type.h"

/* What is asked for. Which part of the program answers is route's where. */
enum op {
	OP_PING = 1,
	OP_VERSION,
	OP_INFO,
	OP_EVENTS,
	OP_AUTH,
	OP_SYSTEM_DF,
	OP_SWARM_INSPECT,
	OP_SWARM_INIT,
	OP_SWARM_LEAVE,
	OP_SWARM_UPDATE,
	OP_SWARM_JOIN,
	OP_SWARM_UNLOCK_KEY,
	OP_NODE_LIST,
	OP_NODE_INSPECT,
	OP_NODE_UPDATE,
	OP_NODE_REMOVE,
	OP_SERVICE_LIST,
	OP_SERVICE_CREATE,
	OP_SERVICE_INSPECT,
	OP_SERVICE_UPDATE,
	OP_SERVICE_REMOVE,
	OP_SERVICE_REBALANCE,
	OP_SERVICE_LOGS,
	OP_TASK_LIST,
	OP_TASK_INSPECT,
	OP_TASK_LOGS,
	OP_NETWORK_LIST,
	OP_NETWORK_INSPECT,
	OP_SECRET_LIST,
	OP_CONFIG_LIST,
	OP_CONTAINER_LIST,
	OP_CONTAINER_INSPECT,
	OP_CONTAINER_LOGS,
	OP_IMAGE_LIST,
	OP_IMAGE_INSPECT,
	OP_IMAGE_LOAD,
	OP_IMAGE_REMOVE,
	OP_IMAGE_PRUNE,
	OP_DISTRIBUTION,
	OP_NOT_SUPPORTED, /* target says what: "creating networks" */
	OP_SWARM_UNLOCK,
};

/* Who answers. */
enum op_where {
	OP_AT_NODE = 1, /* core/node: cluster objects, tasks, containers */
	OP_AT_IMAGES,	/* exec/image */
	OP_AT_SERVER,	/* the HTTP server itself (ping) */
};

#define REQUEST_QUERY_MAX 32	 /* parameters */
#define REQUEST_PATH_MAX 16384	 /* bytes, with the query */
#define REQUEST_FILTERS_MAX 1000 /* values in the filters parameter */
#define REQUEST_BODY_MAX 4194304 /* bytes; image load streams instead */
#define REQUEST_KEY_MAX 128	 /* bytes of an Idempotency-Key */

struct request {
	uint64_t id; /* unique in the life of the daemon; set by the server */
	enum op op;
	enum op_where where;
	const char *target; /* the {id} or {name} of the path, decoded */
	struct kvs query;
	const char *body; /* terminated; NULL: none */
	size_t body_len;
	unsigned api_minor; /* 50 for /v1.50; the maximum if not versioned */
	bool head;	    /* HEAD: the reply's body is not sent */
	/* The client's Idempotency-Key: asked again with the same one, it is
	 * done once. Valid, or NULL: none. */
	const char *key;
	uint64_t came_ms; /* the node's note of when (mono); 0: now */
};

#define API_MINOR_MAX 50 /* what docker 28.2 speaks */
#define API_MINOR_MIN 24

/*
 * Match method and path (as on the wire, with the query). All that ret points
 * at is in a. Fails with -ENOENT (unknown: 404 "page not found") or -EINVAL
 * (400: version out of range, bad escapes, too many parameters).
 */
int request_route(const char *method, const char *path_and_query,
		  struct arena *a, struct request *ret, struct err *e);

/* All that r points at, in a. */
void request_copy(const struct request *r, struct arena *a,
		  struct request *ret);

/* 1 to REQUEST_KEY_MAX of A-Z a-z 0-9 _ and -. */
bool request_key_valid(const char *key);

/* Query parameters, by Docker's rules (facts 12.1). */
const char *request_query(const struct request *r, const char *key); /* "" */
bool request_query_bool(const struct request *r, const char *key);

/*
 * The filters parameter, {"key":{"value":true}} or {"key":["value"]}.
 * allowed: names that may occur, ended by NULL; another is -EINVAL "invalid
 * filter 'x'".
 */
struct filter {
	const char *key;
	struct strings values;
};
struct filters {
	struct filter *v;
	uint32_t count;
};
int filters_read(const char *json, const char *const *allowed, struct arena *a,
		 struct filters *ret, struct err *e);
/* NULL if the key was not given. */
const struct strings *filters_get(const struct filters *f, const char *key);
/* Not given, or one of the values is exactly s. */
bool filters_match(const struct filters *f, const char *key, const char *s);
/* Not given, or all "k" and "k=v" hold. */
bool filters_match_labels(const struct filters *f, const char *key,
			  const struct kvs *labels);

#endif
