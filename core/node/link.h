/*
 * link.h - what the node and whoever holds its connections to other nodes
 * tell each other. A link is one TCP connection with TLS on both sides; it
 * carries whole messages, in order, each way, and ends as a whole.
 *
 * The node opens links (LINK_OPEN) and takes those that others opened: it is
 * told LINK_UP once the peer's certificate has been verified to the end, and
 * then LINK_MESSAGE for each message, and LINK_DOWN once, last, for every
 * link that it opened or was told of. The shell decides nothing: who may say
 * what is the node's business (core/node/rpc.c), by what is in link_peer.
 */
#ifndef CORE_NODE_LINK_H
#define CORE_NODE_LINK_H

#include "core/base/id.h"
#include "core/base/ip.h"
#include "core/model/type.h"

/* The node numbers what it opens from 1; the shell what others opened, with
 * this bit. A number is never used again. */
#define LINK_INBOUND (UINT64_C(1) << 63)

#define LINK_MESSAGE_MAX 8388608 /* bytes of one message */
/* Bytes that wait to be sent on one link; past that it goes down. */
#define LINK_BACKLOG_MAX 67108864
#define LINK_ADDR_MAX 256

/* Who is at the other end; from a chain that was verified to its end. */
enum link_trust {
	LINK_ANONYMOUS = 1, /* showed no certificate: it may only ask to join */
	LINK_VERIFIED,	    /* names are from its certificate */
	LINK_EXPIRED,	    /* the same, but its time is over: may only renew */
};

struct link_peer {
	enum link_trust trust;
	char node_id[ID_LEN + 1];    /* CN */
	char role[32];		     /* OU: "swarm-manager", "swarm-worker" */
	char cluster_id[ID_LEN + 1]; /* O */
	/* The other end's address; no port. */
	char ip[IP_TEXT_MAX];
	/* A pinned link: the root (PEM) that the digest named. */
	const char *root;
};

enum link_verb {
	/*
	 * Dial addr ("10.0.0.1:2377", "[::1]:2377", "host:2377") as who we are
	 * (TRUST_USE), or, with pin, without a certificate; the chain that
	 * is shown must then end in the root whose digest pin is.
	 */
	LINK_OPEN = 1,
	LINK_SEND,   /* one message */
	LINK_CLOSE,  /* after what was sent; LINK_DOWN comes, too */
	LINK_LISTEN, /* take links at addr ("0.0.0.0:2377"); NULL: stop */
};
struct link_order {
	enum link_verb verb;
	uint64_t link;
	const char *addr;    /* OPEN, LISTEN */
	const char *pin;     /* OPEN; 50 digits of base 36, or NULL */
	const void *message; /* SEND */
	size_t len;
};

enum link_news {
	LINK_UP = 1,
	LINK_MESSAGE,
	LINK_DOWN,
	LINK_LISTENS,	    /* LISTEN was done: addr is where */
	LINK_LISTEN_FAILED, /* err says why; it is not tried again by itself */
};
struct link_report {
	enum link_news news;
	uint64_t link;
	const struct link_peer *peer; /* UP */
	const void *message;	      /* MESSAGE */
	size_t len;
	/* DOWN: one sentence. refused: nobody listens there (a host that
	 * answers, a port that does not) */
	const char *err;
	bool refused;
	const char *addr; /* LISTENS */
};

#endif
