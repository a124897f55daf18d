/*
 * identity.h - who this node is in its cluster: its certificate and key, whom
 * it trusts, the addresses that it was given, and the managers that it knows
 * of. Stored in three rows of TABLE_IDENTITY. Only core/node uses it.
 *
 * The certificate is renewed at a random point of 50 to 80 % of its time, and
 * at once when its node is to have another role or the managers ask for it.
 */
#ifndef CORE_NODE_IDENTITY_H
#define CORE_NODE_IDENTITY_H

#include "core/node/message.h"

struct node;
struct stored;
struct link_report;

/* Row "certificate". */
struct certificate {
	struct bytes key;	   /* DER */
	const char *chain, *roots; /* PEM */
	bool manager;		   /* what it says (OU) */
	int64_t not_before, not_after;
	struct bytes issuer_subject, issuer_public_key;
};
/* Row "addresses": in the words that init or join was told, so that an
 * interface is looked up again at each start. */
struct addresses {
	const char *listen, *advertise, *data_path;
};
/* Row "managers". */
struct known_managers {
	LIST_OF(struct peer_addr) v;
};

struct identity; /* NULL in the node: it has none */

/* From the disk, and used from the first step on, with the port of a manager;
 * the node must have one. -EINVAL: it is not whole. */
int identity_load(struct node *n, const struct stored *stored, struct err *e);
/*
 * From now on; all is copied. identity_use() says so to the driver (TRUST_USE),
 * identity_store() puts the rows into the batch that fills.
 */
void identity_set(struct node *n, const struct certificate *c,
		  const struct addresses *a);
void identity_use(struct node *n);
void identity_store(struct node *n);
void identity_free(struct node *n);
/* The keys are wiped, here and there; links go down. The disk: disk_forget()
 * and EFFECT_WIPE. */
void identity_forget(struct node *n);

const struct certificate *identity_certificate(const struct node *n);
/* Its time is over, or has not begun by this clock: until it is renewed, others
 * take nothing but that. */
bool identity_is_over(const struct node *n);

/* The managers to dial, as last told. */
const struct known_managers *identity_managers(const struct node *n);
/* Keeps and stores a copy, if it is news; an empty list is not taken. */
void identity_take_managers(struct node *n, const struct peer_addr *v,
			    uint32_t count);

/* What a manager says of this node: its roots, its role, whether to renew. */
void identity_settings(struct node *n, const struct settings_body *s);
/* Get a new certificate now: whatever the managers say the role is. */
void identity_renew(struct node *n);

/* The manager's port is open, from now on or again (LINK_LISTEN). */
void identity_listen(struct node *n);
void identity_listens(struct node *n, const struct link_report *r);
/* What is wrong, for people: this node was removed (below), or why the port is
 * not open; NULL: nothing. */
#define IDENTITY_REMOVED                                                       \
	"This node was removed from its swarm: let it leave by force, then "   \
	"it can join again"
const char *identity_trouble(const struct node *n);

void identity_listen_stop(struct node *n);

/* What the words that init or join was told mean now: n->manager_addr. */
void identity_address(struct node *n);
const char *identity_host(const struct node *n); /* its address; "" */
struct tx;
void identity_self_tx(struct node *n, struct tx *tx);
/* n->description gets what the certificate adds: after each change of it. */
void identity_describe(struct node *n);
/* Also what managers learn from the tables: roots, role, renewal, lock. */
void identity_tick(struct node *n);
uint64_t identity_deadline(const struct node *n);

extern const struct type certificate_type, addresses_type, known_managers_type;

#endif
