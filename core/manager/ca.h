/*
 * ca.h - the cluster's certificates, decided: who gets one and as what, whom
 * all trust, the join tokens, and the change from one root to the next as a
 * controller. Pure: the arithmetic is done elsewhere (core/node/trust.h).
 *
 * A rotation: from now on the next root signs, and what it signs carries the
 * next root signed by the old one, so that who trusts only the old one trusts
 * it, too. All nodes are told to trust both, and asked in batches to renew.
 * Once every node shows a certificate of the next root, that is the root.
 */
#ifndef CORE_MANAGER_CA_H
#define CORE_MANAGER_CA_H

#include "core/base/base.h"
#include "core/model/token.h"
#include "core/state/state.h"

#define CA_SECRETS_BYTES (2 * TOKEN_SECRET_BYTES) /* of both join tokens */
#define CA_BATCH_NODES 30 /* that are asked to renew at once, */
#define CA_BATCH_MS 3000  /* so often */
#define CA_REMOVED_NS (7 * 24 * 3600 * NS_PER_S) /* kept after their time */

/* Who signs now; borrowed from the cluster. */
struct ca_signer {
	struct bytes key;
	const char *cert;
	const char *chain; /* behind each leaf; NULL: nothing */
};
struct ca_signer ca_signer(const struct cluster *c);
int64_t ca_expiry_ns(const struct cluster *c);
/* All that are trusted, one PEM after the other; in a. */
const char *ca_roots(const struct cluster *c, struct arena *a);

/* enum node_role; 0: it is none of this cluster's tokens. Takes the same time
 * for each answer. */
int ca_role_of(const struct cluster *c, const char *token);
bool ca_is_removed(const struct cluster *c, const char *node_id);

/* For a cluster that is being made or changed; all goes into its arena. */
void ca_make_tokens(struct cluster *c, const uint8_t secrets[CA_SECRETS_BYTES]);
void ca_make_worker_token(struct cluster *c,
			  const uint8_t secret[TOKEN_SECRET_BYTES]);
void ca_make_manager_token(struct cluster *c,
			   const uint8_t secret[TOKEN_SECRET_BYTES]);
void ca_set_root(struct cluster *c, const struct root_ca *root);
void ca_add_removed(struct cluster *c, const char *node_id, int64_t until);
/* next signs from now on; cross_signed: see root_rotation. */
void ca_begin_rotation(struct cluster *c, const struct root_ca *next,
		       const char *cross_signed);
void ca_end_rotation(struct cluster *c); /* next is the root now */

/* A new node as its managers know it before it is heard of. */
struct ca_newcomer {
	const char *node_id, *hostname, *addr;
	int role, availability;
	int64_t cert_expiry;
};
void ca_put_node(struct tx *tx, const struct ca_newcomer *who);

/*
 * The controller: appends what is to be done now. next_ms is the time of the
 * next batch, kept by who calls, 0 at first; UINT64_MAX: none is needed.
 */
void ca_step(const struct state *s, struct now now, uint64_t *next_ms,
	     struct tx *tx);
/* Nodes without a certificate of the root that is to be: how many, and, if
 * they are down, the id of the first that holds the rotation up (else NULL).
 */
size_t ca_unconverged(const struct state *s, const char **ret_down);

#endif
