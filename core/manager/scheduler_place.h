/*
 * scheduler_place.h - what is known of the nodes when tasks are placed: how
 * much of each is taken, how many tasks of each service it runs, where
 * services failed lately, and which constraints it satisfies.
 *
 * Built from the tables and kept by each change of theirs, so that nothing
 * is added up anew for a decision. Taking a task away and adding it again
 * leads back to the same. Pure; borrows the node objects of the tables.
 */
#ifndef CORE_MANAGER_SCHEDULER_PLACE_H
#define CORE_MANAGER_SCHEDULER_PLACE_H

#include "core/base/buf.h"
#include "core/base/map.h"
#include "core/state/state.h"

#define PLACE_FAILURES_BAD 5	 /* this many lately: others first */
#define PLACE_FAILURE_MS 300000	 /* how long is lately */
#define PLACE_FAILURES_MAX 4096	 /* remembered of one service */
#define PLACE_RULES_MAX 1024	 /* more are forgotten all at once */
#define PLACE_ORPHAN_MS 86400000 /* facts 3.6: down for so long */

struct place { /* a node, or one that is gone while tasks name it */
	char *id;
	const struct node_object *node;	 /* NULL: gone */
	uint32_t slot;			 /* its number in bit sets: stays */
	uint32_t rank;			 /* among all places, by id */
	int64_t nano_cpus, memory_bytes; /* reserved */
	uint64_t held;	 /* tasks that were assigned and have not ended */
	uint64_t tasks;	 /* those of them that are to go on */
	uint32_t *ports; /* published: port << 8 | protocol; each one's own */
	size_t port_count, port_cap;
	/* of the group that is being placed */
	uint32_t of_service; /* tasks that are to go on */
	uint32_t failures;   /* lately */
	uint32_t stay;	     /* that need not move, if they are placed here */
	/* for the enforcer */
	bool marked;	       /* it changed */
	bool in_flight;	       /* in the transaction that is on its way */
	uint64_t orphan_at_ms; /* UINT64_MAX: its tasks are not given up */
};

/* The nodes by whether they pass one filter: a bit each, by slot. */
struct rule;

/* What is remembered of one service. */
struct tally;

struct places {
	struct map index;  /* id -> place */
	struct place **v;  /* by id */
	struct place **at; /* by slot; NULL: free */
	size_t count, cap, slot_cap;
	size_t gone; /* places without a node */
	size_t marked, in_flight;
	uint64_t orphan_at_ms; /* the earliest; may be too early */
	uint64_t *ready;       /* a bit set: takes new tasks */
	size_t words;	       /* of every bit set */
	struct map rule_index; /* text -> rule */
	struct rule **rules;
	size_t rule_count, rule_cap;
	struct map tally_index; /* service id -> tally */
	struct tally **tallies; /* in no order */
	size_t tally_count, tally_cap;
};

void places_init(struct places *ps, uint64_t hash_seed);
void places_fini(struct places *ps);
/* All nodes and tasks of s, into empty places. */
void places_load(struct places *ps, const struct state *s, struct now now);

/* What changed in the tables; NULL as in struct change. */
void places_node(struct places *ps, const struct node_object *before,
		 const struct node_object *after, struct now now);
void places_task(struct places *ps, const struct task *before,
		 const struct task *after);
/* A service is gone, and so are its tasks. */
void places_forget(struct places *ps, const char *service_id);
/* Frees places whose node is gone and that no task names. Not while places
 * are held. */
void places_sweep(struct places *ps);

struct place *places_get(const struct places *ps, const char *node_id);
void places_mark(struct places *ps, struct place *p);

/* A task of a service failed at a node. */
void places_failed(struct places *ps, const struct task *t, struct now now);

/*
 * Sets of_service and failures of all places to what they are for a service
 * and the version of its spec; places_close() sets them to 0 again.
 */
void places_open(struct places *ps, const char *service_id,
		 uint64_t spec_version, struct now now);
void places_close(struct places *ps, const char *service_id);

/* Does t hold what it needs of its node? */
bool place_task_holds(const struct task *t);
/* port << 8 | protocol of a port published at the host itself, else 0. */
uint32_t place_port(const struct port_config *c);
/* Adds t to p (sign 1) or takes it away (-1), of_service included. */
void places_book(struct places *ps, struct place *p, const struct task *t,
		 int sign);

/*
 * The rule of a constraint, and that of a list of platforms (NULL for none);
 * borrowed until places_trim(). rule_bits() has places->words words.
 */
const struct rule *places_rule(struct places *ps, const char *constraint);
const struct rule *places_platforms(struct places *ps,
				    const struct placement *where);
const uint64_t *rule_bits(const struct rule *r);
/* Forgets rules if there are too many. */
void places_trim(struct places *ps);
/* Does the node pass all of these constraints? */
bool places_allow(struct places *ps, const struct strings *constraints,
		  const struct place *p);

static inline bool
bit_get(const uint64_t *bits, uint32_t at)
{
	return bits[at / 64] >> (at % 64) & 1;
}

static inline void
bit_put(uint64_t *bits, uint32_t at, bool on)
{
	uint64_t mask = UINT64_C(1) << (at % 64);

	bits[at / 64] = on ? bits[at / 64] | mask : bits[at / 64] & ~mask;
}

/* The rules' part in what changes: slots of ps grew; a node is new. */
void rules_grow(struct places *ps, size_t words);
void rules_node(struct places *ps, const struct place *p);
void rules_fini(struct places *ps);

#endif
