/* identity_rows.h - the rows of a node that is in a cluster, as a store has
 * them. */
#ifndef TEST_UNIT_CORE_NODE_IDENTITY_ROWS_H
#define TEST_UNIT_CORE_NODE_IDENTITY_ROWS_H

#include <string.h>

#include "core/node/batch.h"
#include "core/node/identity.h"

#define ROWS_CLUSTER "ccccccccccccccccccccccccc"
#define ROWS_IDENTITY 4 /* that identity_rows() makes; not the node's id */

static inline struct batch_row
identity_row(struct arena *a, const char *key, const struct type *t,
	     const void *record)
{
	struct buf packed = { 0 };
	struct batch_row row = { TABLE_IDENTITY, arena_strdup(a, key), NULL,
				 0 };

	model_pack(t, record, &packed);
	row.value = arena_dup(a, packed.p, packed.len);
	row.len = packed.len;
	buf_fini(&packed);
	return row;
}

/* ret has room for ROWS_IDENTITY; all is in a. */
static inline void
identity_rows(bool manager, int64_t not_after, struct arena *a,
	      struct batch_row *ret)
{
	static struct peer_addr one = { "mmmmmmmmmmmmmmmmmmmmmmmmm",
					"10.0.0.9:2377" };
	struct certificate c = {
		.key = { (const uint8_t *)"key 1", 5 },
		.chain = "chain\n",
		.roots = "root 1\n",
		.manager = manager,
		.not_before = 1,
		.not_after = not_after,
		.issuer_subject = { (const uint8_t *)"s", 1 },
		.issuer_public_key = { (const uint8_t *)"p", 1 },
	};
	struct addresses at = { 0 };
	struct known_managers known = { { &one, 1 } };

	ret[0] = identity_row(a, "addresses", &addresses_type, &at);
	ret[1] = identity_row(a, "certificate", &certificate_type, &c);
	ret[2] = (struct batch_row){ TABLE_IDENTITY, arena_strdup(a, "cluster"),
				     arena_strdup(a, ROWS_CLUSTER), 25 };
	ret[3] = identity_row(a, "managers", &known_managers_type, &known);
}

#endif
