/* control_impl.h - what the files control_*.c share. Not for others. */
#ifndef CORE_MANAGER_CONTROL_IMPL_H
#define CORE_MANAGER_CONTROL_IMPL_H

#include "core/manager/control.h"

/* One request on its way through. */
struct control {
	const struct control_env *env;
	const struct request *r;
	struct control_reply *ret;
	struct arena *a; /* gone when the request is answered */
};

/* The gRPC codes that Docker's messages carry, each with its HTTP status. */
enum rpc_code {
	RPC_INVALID_ARGUMENT = 1, /* 400 */
	RPC_FAILED_PRECONDITION,  /* 400 */
	RPC_NOT_FOUND,		  /* 404 */
	RPC_ALREADY_EXISTS,	  /* 409 */
	RPC_UNIMPLEMENTED,	  /* 501 */
	RPC_UNKNOWN,		  /* 500 */
};
void control_rpc_error(struct control_reply *ret, enum rpc_code code,
		       const char *fmt, ...) printf_like(3, 4);

/*
 * A spec that was refused: code is -EINVAL (400), -ENOENT (404) or
 * -EOPNOTSUPP (501).
 */
void control_spec_error(struct control_reply *ret, int code, const char *why);

/*
 * The object that id means: its id, its name, or the start of one id. On
 * failure the reply is set and NULL comes back.
 */
const void *control_find(struct control *c, enum object_type type,
			 const char *id);
const char *control_name(const struct control *c, const void *object);

/* The request's body as a record of t; on failure the reply is set. */
bool control_body(struct control *c, const struct type *t, void *ret);
/* The version parameter, if it is what object has; else the reply is set. */
bool control_version(struct control *c, const struct object *object);

/* The filters parameter; on failure the reply is set. */
bool control_filters(struct control *c, const char *const *allowed,
		     struct filters *ret);
/* Not given, or s starts with one of the values. */
bool control_filter_prefix(const struct filters *f, const char *key,
			   const char *s);
/* Every value of key is among the words; else the reply is set. */
bool control_filter_words(struct control *c, const struct filters *f,
			  const char *key, const char *const *words);

/* Replies with one object, or with a list of them. */
void control_reply_object(struct control *c, const struct type *t,
			  const void *object);
struct control_list {
	struct control *c;
	bool comma;
};
void control_list_begin(struct control *c, struct control_list *ret);
/* Whoever writes an element itself puts it after this. */
struct buf *control_list_next(struct control_list *l);
void control_list_put(struct control_list *l, const struct type *t,
		      const void *object);
void control_list_end(struct control_list *l);

/* Propose what is in ret->tx; body is the answer once it is applied. */
void control_propose(struct control *c, int status, const char *body);

/* The operations. */
void control_system_version(struct control *c);
void control_system_info(struct control *c);
void control_system_df(struct control *c);
void control_swarm_inspect(struct control *c);
void control_swarm_update(struct control *c);
void control_node_list(struct control *c);
void control_node_inspect(struct control *c);
void control_node_update(struct control *c);
void control_node_remove(struct control *c);
void control_service_list(struct control *c);
void control_service_inspect(struct control *c);
void control_service_create(struct control *c);
void control_service_update(struct control *c);
void control_service_remove(struct control *c);
void control_service_rebalance(struct control *c);
void control_task_list(struct control *c);
void control_task_inspect(struct control *c);
void control_network_list(struct control *c);
void control_network_inspect(struct control *c);

/* The address others reach a manager at: ADDR:2377. */
const char *control_manager_addr(const struct node_object *n, struct arena *a);
bool control_task_current(const struct service *s, const struct task *t);
/* "brave_otter"; not one that is taken in state. */
const char *control_random_name(const struct state *state, uint64_t *rand_state,
				struct arena *a);

/* control_ca.c: what an update changes of keys, tokens and roots. */
bool control_read_update(struct control *c, struct cluster_spec *ret);
void control_ca_update(struct control *c, const struct cluster *from,
		       const struct cluster_spec *spec, struct cluster *to);
void control_unlock_key(struct control *c);

/* Every setting that was not given gets its default (facts 2.1). */
void control_cluster_defaults(struct cluster_spec *spec);
/* What a cluster's spec may say: 0, -EINVAL or -EOPNOTSUPP. */
int control_cluster_check(const struct cluster_spec *spec, struct err *e);

#endif
