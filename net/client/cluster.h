/*
 * cluster.h - what the commands about the swarm itself share: init, join,
 * join-token, unlock-key, update, ca, and the daemon's flags.
 */
#ifndef NET_CLIENT_CLUSTER_H
#define NET_CLIENT_CLUSTER_H

#include <jansson.h>

#include "net/client/command.h"

#define CLUSTER_PORT "2377"
#define CLUSTER_LISTEN_ADDR "0.0.0.0:" CLUSTER_PORT

/* ---- requests -------------------------------------------------------------
 */

/*
 * A cluster's spec with what the flags say that were given, of those that
 * init and update have.
 */
void cluster_edit(const struct parsed *p, json_t *spec);
/*
 * Sends the Spec of what GET /swarm gave back. rotate: a query parameter that
 * is to be true ("rotateWorkerToken"), or NULL.
 */
int cluster_update(struct cli *cli, const json_t *swarm, const char *rotate,
		   struct err *e);

/* What a node has to be told to be in a cluster; "": not said. */
struct cluster_place {
	const char *listen_addr; /* as in text_to_node_addr() */
	const char *advertise_addr, *data_path_addr;
	const char *availability;
};
/* Bodies of POST /swarm/init and /swarm/join. The first one is the caller's,
 * and may be given more. */
json_t *cluster_init_body(const struct cluster_place *place, struct arena *a);
const char *cluster_join_body(const struct cluster_place *place,
			      const struct strings *addrs, const char *token,
			      struct arena *a);
/* The tree as text, in a; the tree goes. */
const char *cluster_dump(json_t *tree, struct arena *a);

/* ---- tokens ---------------------------------------------------------------
 */

#define TOKEN_TEXT_MAX 4096 /* bytes of a file with a token or a key */

/*
 * A join token from --token, --token-file ("-": stdin) or the environment's
 * SWARM_TOKEN, which is wiped. In a; "" if nobody says one. -EINVAL: both
 * flags, or a file that has none.
 */
int cluster_token(const struct parsed *p, int in_fd, struct arena *a,
		  const char **ret, struct err *e);

/* Prints how to join as "worker" or "manager"; node_id is a manager's. */
int cluster_put_join(struct cli *cli, const char *node_id, const char *role,
		     struct err *e);
/* Prints the unlock key with what it is for; "" prints nothing. */
void cluster_put_unlock_key(struct cli *cli, const char *key);
/* The key is in the cli's arena; "" if managers are not locked. */
int cluster_get_unlock_key(struct cli *cli, const char **ret, struct err *e);

/* ---- texts: pure ----------------------------------------------------------
 */

/* "1.2.3.4", ":5", "eth0:6" to HOST:PORT, with 0.0.0.0 and 2377. */
const char *text_to_node_addr(const char *s, struct arena *a);
/* "ACTIVE" to "active"; -EINVAL if it is none of the three. */
int text_to_availability(const char *s, const char **ret, struct err *e);

/* For the flag tables: is it one? */
int node_addr_check(const char *s, struct err *e);
int pools_check(const char *s, struct err *e); /* CIDRs, commas between */
int u32_check(const char *s, struct err *e);

#endif
