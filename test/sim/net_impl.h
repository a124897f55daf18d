/* net_impl.h - what net.c and net_faults.c share. */
#ifndef TEST_SIM_NET_IMPL_H
#define TEST_SIM_NET_IMPL_H

#include "test/sim/sim.h"

struct frame {
	struct list link;
	uint64_t at_us;
	bool is_up, is_end; /* the first, the last */
	size_t len;
	char bytes[];
};

struct side {
	struct host *host;
	uint64_t daemon;
	uint64_t id;	/* of the link; 0: it was never told of it */
	struct list in; /* frames for this side */
	uint64_t in_until_us, in_bytes;
	bool up;	     /* LINK_UP was told */
	bool closed;	     /* it takes nothing any more */
	bool told;	     /* LINK_DOWN was told, or is not to be */
	uint64_t give_up_us; /* the other end is gone; 0: it is not */
	char err[96];
	bool refused;
};

struct wire {
	struct list link;
	struct world *w;
	struct side side[2];	  /* who dialled; who was dialled */
	struct link_peer peer[2]; /* as seen by each side */
	char root[CERT_PEM_MAX];
	char pin[64];
	char ip[2][40];
	bool established;
	int waits;	    /* dues that will look at it: it lives until then */
	struct certs shown; /* the dialler's chain, at that time */
	struct certs roots;
};

struct side *wire_other(struct wire *x, struct side *s);
bool side_is_alive(const struct side *s);
void side_drop_frames(struct side *s);
/* The socket is closed on this side; its daemon is told after_us later. */
void side_close(struct wire *x, struct side *s, uint64_t after_us,
		const char *why);
/* The other end is gone: this one learns it by a packet, or by patience. */
void side_lose(struct wire *x, struct side *s, uint64_t after_us);

void wire_free(struct wire *x);
bool wire_is_over(const struct wire *x);
/* fn is called with x then, and ends with wire_done(). */
void wire_at(struct wire *x, struct host *h, uint64_t at_us, due_fn fn,
	     uint64_t arg);
void wire_done(struct wire *x);
void wire_on_frame(struct world *w, void *ctx, uint64_t arg);
uint64_t net_patience_us(struct world *w);

#endif
