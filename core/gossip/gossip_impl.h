/*
 * gossip_impl.h - what gossip.c, member.c, probe.c, news.c and packet.c share.
 *
 * Beside SWIM's walk over all members in a random order, each member watches
 * the three that come after it in the ring of all (by a hash of their ids):
 * so everybody is asked by three others in each period, not by luck, and the
 * time until a silence is noticed has a bound. The walk finds what the ring
 * cannot: the dead that answer again, and those whose watchers died with them.
 *
 * Nobody is called dead on hearsay. An accusation makes each member ask the
 * accused itself; it is dead to those whom it did not answer, once its time
 * to refute is over. So there is no message that says "dead".
 */
#ifndef CORE_GOSSIP_IMPL_H
#define CORE_GOSSIP_IMPL_H

#include "core/base/buf.h"
#include "core/base/list.h"
#include "core/gossip/gossip.h"

#define WATCHED 3
#define SLOTS (WATCHED + 1) /* a period: those, and one of the walk */
#define SLOT_MS (GOSSIP_PERIOD_MS / SLOTS)
#define INDIRECT_MS (GOSSIP_PERIOD_MS - GOSSIP_PROBE_MS)
#define HELPERS 3    /* are asked to ask, at the first failure */
#define HELP_MS 200  /* until a helper says that it has no answer */
#define HELPS_MAX 64 /* that we give at once */
#define ACCUSERS_MAX 3
#define SUSPECT_MAX_MS (2 * GOSSIP_SUSPECT_MS) /* with a single accuser */
#define ASK_SPREAD_MS 150 /* all hear of it at once, and shall not ask so */
#define ASK_AGAIN_MS 100
#define REFUSALS 2 /* of one probe: nobody listens */
#define FANOUT 3
#define PUSH_MS 50   /* between two rounds of pushing news */
#define DOWN_SHOWN 2 /* of the not alive, in each packet, in turn */
#define LATE_MS 100  /* a tick that is later says that this node was stalled */
#define HEALTH_MAX 7

/*
 * An incarnation is a member's own count of its refutations. Who holds the key
 * may say any number, so: those that are far above what is known are ignored,
 * and an answer to our own question says what the number is, were it lower.
 */
#define INCARNATION_WINDOW (UINT64_C(1) << 32)
#define INCARNATION_END (UINT64_C(1) << 62)

enum phase { PHASE_IDLE, PHASE_DIRECT, PHASE_INDIRECT };
enum asked { ASKED_NOT, ASKED_SILENT, ASKED_REFUSED };

struct member {
	char id[ID_LEN + 1];
	char addr[GOSSIP_ADDR_MAX];
	uint8_t state;			  /* enum gossip_state */
	uint8_t phase;			  /* of our probe */
	uint8_t asked;			  /* by us, since it is suspect */
	uint8_t helpers, nacks, refusals; /* of our probe */
	uint8_t moved;			  /* another address was asked, too */
	uint8_t spread; /* how often its news are still to be sent */
	uint8_t accuser_count;
	uint8_t refused_by; /* bits: which accusers were refused */
	uint32_t told;	    /* hash of the address that we were told */
	uint32_t accusers[ACCUSERS_MAX]; /* low halves of their refs */
	uint32_t seq;			 /* of our probe; 0: answered, none */
	uint64_t ref;			 /* hash of id; sorts the ring */
	uint64_t incarnation;
	uint64_t since_ms;  /* SUSPECT */
	uint64_t step_ms;   /* end of phase; IDLE and SUSPECT: next probe */
	struct list active; /* probed or suspect */
	struct list down;   /* suspect or dead */
	struct list news;
};
_Static_assert(sizeof(struct member) <= 200, "members are many");

/* We ask target for somebody. */
struct help {
	uint64_t target; /* 0: free */
	uint64_t due_ms;
	uint32_t seq;	   /* ours */
	uint32_t seq_from; /* theirs */
	char addr[GOSSIP_ADDR_MAX];
};

struct out {
	enum gossip_out_type type;
	size_t addr_at, packet_at, len; /* in bytes */
	const char *id;
	enum gossip_state state;
};

struct gossip {
	struct member self; /* in no list but news */
	uint64_t rand;
	uint64_t now_ms;
	uint64_t deadline_ms;
	unsigned health; /* 0: good; times are multiplied by 1 + this */

	struct member **ring; /* sorted by ref; owns them */
	struct member **told; /* as last told */
	struct member **walk; /* shuffled as it is walked */
	size_t count, told_count, walk_at;
	size_t alive;
	struct list active, down, news;

	uint64_t slot_ms;
	unsigned slot;
	struct member *watched[WATCHED];
	bool watched_stale;
	uint64_t push_ms;
	uint8_t spread;
	struct help helps[HELPS_MAX];
	size_t help_count;

	struct buf bytes;
	struct out *outs;
	size_t out_count, out_cap, out_at;
};

/* ---- gossip.c ---- */

void gossip_arm(struct gossip *g, uint64_t ms); /* a tick is wanted then */
void gossip_out_packet(struct gossip *g, const char *addr, const void *p,
		       size_t len);
void gossip_out_verdict(struct gossip *g, const struct member *m);

/* ---- member.c: who there is, and what state each is in ---- */

uint64_t member_ref(const char *id); /* never 0 */
uint32_t member_addr_hash(const char *addr);
struct member *member_find(const struct gossip *g, uint64_t ref);
/* One of a state below `below`, not m; NULL if a bounded look finds none. */
struct member *member_pick(struct gossip *g, enum gossip_state below,
			   const struct member * not );
struct member *member_walk(struct gossip *g); /* the next; NULL: none */
struct member *member_watched(struct gossip *g, unsigned slot);
void member_activate(struct gossip *g, struct member *m);
void member_deactivate(struct member *m);

/* It is alive, with this incarnation or a later one. */
void member_alive(struct gossip *g, struct member *m, uint64_t incarnation);
/* It did not answer accuser. A stale one is ignored. */
void member_accuse(struct gossip *g, struct member *m, uint64_t incarnation,
		   uint32_t accuser, bool refused);
uint64_t member_suspect_end(const struct gossip *g, const struct member *m);
void member_dead(struct gossip *g, struct member *m);

/* ---- probe.c: asking, directly and by others ---- */

void probe_start(struct gossip *g, struct member *m);
void probe_step(struct gossip *g, struct member *m); /* its time came */
void probe_refused(struct gossip *g, struct member *m);
/* m was heard at another address than is known: it is asked there, too. */
void probe_moved(struct gossip *g, struct member *m, const char *addr);
void probe_answered(struct gossip *g, struct member *m, uint64_t incarnation);
void probe_slot(struct gossip *g);
void probe_health(struct gossip *g, int change);

/* Helping others with theirs. */
void help_start(struct gossip *g, const char *addr, uint64_t target,
		uint32_t seq);
struct help *help_find(struct gossip *g, uint64_t target, uint32_t seq);
void help_end(struct gossip *g, struct help *h);
void help_tick(struct gossip *g);
void help_refused(struct gossip *g, const char *addr);

/* ---- news.c: what is sent, and what is told with it ---- */

enum packet_type {
	PACKET_PING = 1, /* subject: who is meant */
	PACKET_ACK,	 /* subject: who answered; another's, if relayed */
	PACKET_PING_REQ, /* ping the subject for me */
	PACKET_NACK,	 /* I got no answer from the subject */
	PACKET_NEWS,
};
#define PACKET_REFUSED 1 /* flag of a NACK */

struct packet_head {
	enum packet_type type;
	uint8_t flags;
	uint32_t seq;
	uint64_t from, incarnation; /* the sender */
	uint64_t subject, subject_incarnation;
};

/* to: who is there, or NULL; it is told first what it is accused of. */
void news_send(struct gossip *g, const char *addr, const struct member *to,
	       struct packet_head head);
void news_add(struct gossip *g, struct member *m);
void news_push(struct gossip *g); /* if it is time */

/* ---- packet.c: the bytes ---- */

#define PACKET_VERSION 1
#define PACKET_HEAD 40
#define PACKET_ENTRY 17 /* and 4 for each accuser */
#define PACKET_ENTRIES_MAX ((GOSSIP_PACKET_MAX - PACKET_HEAD) / PACKET_ENTRY)

struct packet_entry { /* accuser_count 0: alive */
	uint64_t ref, incarnation;
	uint8_t accuser_count, refused_by;
	uint32_t accusers[ACCUSERS_MAX];
};
struct packet {
	struct packet_head head;
	unsigned count;
	struct packet_entry entries[PACKET_ENTRIES_MAX];
};
struct packet_writer {
	uint8_t bytes[GOSSIP_PACKET_MAX];
	size_t len;
};

/* false: it is not one, to the last byte; ret is then undefined. */
bool packet_read(const void *p, size_t len, struct packet *ret);
void packet_begin(struct packet_writer *w, const struct packet_head *head);
/* false: there is no room; w is as it was. */
bool packet_put(struct packet_writer *w, const struct packet_entry *entry);

#endif
