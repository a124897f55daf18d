/*
 * fake_trust.h - keys and certificates for tests that have no arithmetic: a
 * key is its number, a certificate says in words what it is. Both ends of a
 * test agree on them, so that what is wrong is seen.
 */
#ifndef TEST_FAKE_TRUST_H
#define TEST_FAKE_TRUST_H

#include <string.h>

#include "core/base/arena.h"
#include "core/base/str.h"
#include "core/node/trust.h"

#define FAKE_HOUR_NS (3600 * NS_PER_S)
#define FAKE_DIGEST_LEN 50

struct fake_trust {
	uint64_t made; /* keys and roots, ever */
	int64_t now_ns;
};

static inline struct bytes
fake_bytes(const char *s)
{
	return (struct bytes){ (const uint8_t *)s, s ? strlen(s) : 0 };
}

/* "root 3\n" has the digest "000...03". */
static inline const char *
fake_digest(const char *cert, struct arena *a)
{
	uint64_t n = 0;
	char *word = arena_strdup(a, cert + strlen("root "));

	word[strcspn(word, "\n")] = '\0';
	(void)str_to_u64(word, &n);
	return arena_printf(a, "%050llu", (unsigned long long)n);
}

static inline void
fake_issuer(const char *cert, struct arena *a, struct trust_report *r)
{
	r->issuer_subject = fake_bytes(arena_printf(
		a, "subject of %.*s", (int)strcspn(cert, "\n"), cert));
	r->issuer_public_key = fake_bytes(arena_printf(
		a, "public of %.*s", (int)strcspn(cert, "\n"), cert));
}

static inline void
fake_root(struct fake_trust *t, struct arena *a, struct trust_report *r)
{
	unsigned long long n = ++t->made;

	r->cert = arena_printf(a, "root %llu\n", n);
	r->key = fake_bytes(arena_printf(a, "key of root %llu", n));
	r->digest = fake_digest(r->cert, a);
	fake_issuer(r->cert, a, r);
}

static inline void
fake_sign(struct fake_trust *t, const struct trust_order *o, struct arena *a,
	  struct trust_report *r)
{
	r->not_before = t->now_ns - FAKE_HOUR_NS;
	r->not_after = t->now_ns + o->expiry_ns + FAKE_HOUR_NS;
	r->cert = arena_printf(a, "%s %s of %s until %lld by %s%s",
			       o->manager ? "manager" : "worker", o->node_id,
			       o->cluster_id, (long long)r->not_after, o->cert,
			       o->chain != NULL ? o->chain : "");
	fake_issuer(o->cert, a, r);
}

/* False: no report comes of it (USE, FORGET). */
static inline bool
fake_trust(struct fake_trust *t, const struct trust_order *o, struct arena *a,
	   struct trust_report *r)
{
	*r = (struct trust_report){ .id = o->id, .verb = o->verb };
	for (size_t i = 0; i < sizeof(r->random); i++)
		r->random[i] = (uint8_t)(o->id * 7 + i);
	switch (o->verb) {
	case TRUST_MAKE_ROOT:
		fake_root(t, a, r);
		r->not_after = t->now_ns + 20 * 365 * 24 * FAKE_HOUR_NS;
		return true;
	case TRUST_MAKE_KEY:
		t->made++;
		r->key = fake_bytes(arena_printf(a, "key %llu",
						 (unsigned long long)t->made));
		r->csr = fake_bytes(arena_printf(a, "csr %llu",
						 (unsigned long long)t->made));
		return true;
	case TRUST_SIGN:
		fake_sign(t, o, a, r);
		return true;
	case TRUST_CROSS_SIGN:
		r->cert = arena_printf(a, "cross %.*s by %s",
				       (int)strcspn(o->root2, "\n"), o->root2,
				       o->cert);
		return true;
	case TRUST_LOOK_AT:
		if (!str_starts(o->cert, "root ")) {
			r->err = "it is not a root";
			return true;
		}
		r->key = o->key;
		r->digest = fake_digest(o->cert, a);
		r->not_after = t->now_ns + 20 * 365 * 24 * FAKE_HOUR_NS;
		fake_issuer(o->cert, a, r);
		return true;
	case TRUST_LOCK:
		return true;
	case TRUST_USE:
	case TRUST_FORGET:
		return false;
	}
	return false;
}

#endif
