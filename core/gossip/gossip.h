/*
 * gossip.h - who answers right now: SWIM (Das, Gupta, Motivala 2002) with
 * suspicion, indirect probes, and Lifeguard's local health (Dadgar, Phillips,
 * Currey 2018). Pure: packets and time in, packets and verdicts out. Who
 * exists is told from outside and never learnt from a packet: gossip only says
 * who answers (design.md, rule 2). Packets are plain here; the shell seals
 * them.
 *
 * From the moment at which a member falls silent until all call it dead pass
 * at most a period until one of its three watchers asks it, a period until
 * that one gives up, and GOSSIP_SUSPECT_MS: 2.2 s, 1.8 s in the mean; a refused
 * one 1.3 s, 0.9 s in the mean. Nobody is called dead on hearsay: each asks
 * for itself before it says so. Each member sends 16 packets a second, however
 * many there are, and some 60 more at a death; it takes 220 bytes for each of
 * the others.
 */
#ifndef CORE_GOSSIP_GOSSIP_H
#define CORE_GOSSIP_GOSSIP_H

#include "core/base/base.h"
#include "core/base/id.h"

#define GOSSIP_MEMBERS_MAX 4096
#define GOSSIP_PACKET_MAX 1300 /* bytes; plain */
#define GOSSIP_ADDR_MAX 64     /* "10.0.0.1:7946", "[fd00::1]:7946" */
#define GOSSIP_PERIOD_MS 500   /* one probe each; grows with bad local health */
#define GOSSIP_PROBE_MS 200    /* until others are asked to probe */
#define GOSSIP_SUSPECT_MS 1200 /* at least, until a suspect is dead */
#define GOSSIP_REFUSED_MS 800  /* the same, refused to us and to others */

enum gossip_state { GOSSIP_ALIVE = 1, GOSSIP_SUSPECT, GOSSIP_DEAD };

struct gossip_member {
	char id[ID_LEN + 1];
	char addr[GOSSIP_ADDR_MAX];
};

struct gossip;

struct gossip *gossip_new(const char *self_id, uint64_t seed, uint64_t now_ms);
void gossip_free(struct gossip *g); /* NULL is fine */

/*
 * All that exist now, each once, this node among them or not; at most
 * GOSSIP_MEMBERS_MAX. New ones are alive until shown otherwise; a new address
 * is used at once; others are forgotten, without a verdict. Cheap if it is the
 * list of last time, in the same order.
 */
void gossip_members(struct gossip *g, const struct gossip_member *v,
		    size_t count, uint64_t now_ms);

/*
 * A packet that opened, from addr; a bad one is dropped. A member that is
 * heard from another address than known is answered there, and asked there
 * from when it has answered a question that was sent there.
 */
void gossip_packet(struct gossip *g, const char *addr, const void *p,
		   size_t len, uint64_t now_ms);
/* The host at addr says that nobody listens there (ICMP): its member is
 * probed again at once, and dead soon if others are refused as well. */
void gossip_refused(struct gossip *g, const char *addr, uint64_t now_ms);
/* Packets that have come are given before it: an answer that waits unread is
 * none. One that comes late says that this node was stalled; it then blames
 * nobody for that time. */
void gossip_tick(struct gossip *g, uint64_t now_ms);
uint64_t gossip_deadline(const struct gossip *g); /* ms; UINT64_MAX: none */

enum gossip_out_type { GOSSIP_SEND = 1, GOSSIP_VERDICT };
struct gossip_out {
	enum gossip_out_type type;
	const char *addr; /* SEND */
	const void *packet;
	size_t len;
	const char *id; /* VERDICT: this member's state changed */
	enum gossip_state state;
};
/* Drain after each call above (it is checked); valid until the next one. */
bool gossip_next(struct gossip *g, struct gossip_out *ret);

/* Where a member was heard last, else told to be; NULL: nobody is called so,
 * or this node is. Valid until the next call. */
const char *gossip_place(const struct gossip *g, const char *id);

/* GOSSIP_DEAD for who does not exist. */
enum gossip_state gossip_state(const struct gossip *g, const char *id);

#endif
