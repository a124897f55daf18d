/*
 * trust.h - certificates as the simulator has them: text that says who, by
 * whom, as what and how long, in the shape of PEM. Nothing is encrypted;
 * whether a chain holds is decided as net/tls/chain.h says.
 */
#ifndef TEST_SIM_TRUST_H
#define TEST_SIM_TRUST_H

#include "core/base/id.h"
#include "core/base/base.h"
#include "core/node/link.h"

#define CERTS_MAX 12

enum cert_kind { CERT_ROOT = 1, CERT_CROSS, CERT_LEAF };
struct cert {
	enum cert_kind kind;
	uint64_t key;	 /* whose it is */
	uint64_t signer; /* the key that signed; a root's is its own */
	int64_t not_before, not_after;
	char node_id[ID_LEN + 1], cluster_id[ID_LEN + 1], role[32];
};

struct certs {
	struct cert v[CERTS_MAX];
	size_t count;
};

/* What a daemon was told by TRUST_USE. */
struct identity_model {
	bool is_set;
	struct certs chain; /* leaf first; then the roots, as they are shown */
	struct certs roots;
};

/*
 * Who shows that chain, to one who trusts roots (pin: whatever root of the
 * chain has that digest) at that time. NULL: ret is filled in; else why not.
 * pin may be NULL; ret_root is the pinned root.
 */
const char *certs_verify(const struct certs *shown, const struct certs *roots,
			 const char *pin, bool by_client, int64_t now_ns,
			 struct link_peer *ret, struct cert *ret_root);
void cert_write_pem(const struct cert *c, char *ret, size_t size);
#define CERT_PEM_MAX 256

#endif
