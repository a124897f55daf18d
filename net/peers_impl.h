/*
 * peers_impl.h - what the files of net/peers share.
 *
 * A link's life; all of it is the loop's, but while it shakes hands its
 * socket and engine belong to a thread of the pool (struct shake):
 *
 *	RESOLVES -> CONNECTS -> SHAKES -> UP -> CLOSES -> DEAD
 *
 * with a start at each of the first three, and DEAD from anywhere. A dead link
 * stays until its end has been told, from the loop, never from an order.
 */
#ifndef NET_PEERS_IMPL_H
#define NET_PEERS_IMPL_H

#include <pthread.h>

#include "core/base/buf.h"
#include "core/base/list.h"
#include "net/peer_dns.h"
#include "net/peer_frames.h"
#include "net/peers.h"
#include "net/tls/chain.h"

/* Those whom we do not know yet: they shake hands, or are anonymous. */
#define UNKNOWN_MAX 1024
#define UNKNOWN_PER_ADDRESS_MAX 256 /* of IPv6, per /64 */
#define INBOUND_MAX 8192
#define ANONYMOUS_MESSAGE_MAX 65536
#define ANONYMOUS_MESSAGES_MAX 64
#define ANONYMOUS_S 30.
#define RESOLVES_MAX 64 /* names that are looked up, or wait for it */

#define RESOLVE_S 4.
#define CONNECT_S 3.
#define CONNECT_NEXT_S 1. /* when there is another address to try */
#define SHAKE_S 5.
#define CLOSE_S 1.
#define CALM_S 5.
#define CAME_MANY 64
#define RETRY_S .1 /* no descriptors: look again */

#define POOL_THREADS 2
#define STAGE_LEN 65536	      /* read, or written, at once */
#define TURN_BYTES_MAX 262144 /* read, or written, per link and turn */

/*
 * Records of at most 2 KiB between our own nodes: a client announces its
 * smaller input buffer, a server cannot, so both use the same. Links that
 * others opened are idle workers' mostly: what goes out there is smaller.
 */
#define RECORD_IN_LEN (2048 + 325)
#define RECORD_OUT_LEN (2048 + 85)
#define RECORD_OUT_INBOUND_LEN (1024 + 85)

enum link_state {
	STATE_RESOLVES = 1,
	STATE_CONNECTS,
	STATE_SHAKES,
	STATE_UP,
	STATE_CLOSES,
	STATE_DEAD,
};

/* A message that waits, with its length before it. */
struct out {
	struct out *next;
	uint32_t len, sent;
	uint8_t bytes[];
};

struct link {
	struct list node;    /* links, or dead */
	struct list dirty;   /* has something to write this turn */
	struct list strange; /* in unknown */
	struct link *next;   /* of the same bucket */
	struct peers *peers;
	uint64_t id;
	enum link_state state;
	bool inbound, told, refused, anonymous;
	bool said_bye; /* CLOSES: all is sent */
	int fd;
	ev_io io;
	ev_timer timer;
	struct ip ip;
	char *who;	     /* for sentences */
	char *err;	     /* why it is dead */
	struct dial *dial;   /* until it shakes hands */
	struct shake *shake; /* SHAKES */
	br_ssl_engine_context *engine;
	struct frames in;
	uint32_t messages; /* of an anonymous one */
	struct out *first, *last;
	size_t waiting;	 /* bytes in out, with what they cost */
	struct buf wire; /* sealed; the socket was full */
	size_t wire_sent;
};

/* Work on a thread; finish is called on the loop and frees the job. */
struct job {
	struct list node;
	void (*finish)(struct job *j);
	struct peers *peers;
};

/* A name that is looked up. */
struct resolve {
	struct job job;
	struct link *link; /* the loop's; NULL: nobody waits any more */
	char *host;
	struct ip ips[DNS_ADDRESSES_MAX];
	size_t count;
	struct err err; /* when count is 0 */
};

/* Whom to connect to; ends when a connection is there. */
struct dial {
	char *pin;
	uint16_t port;
	struct resolve *resolve;
	struct ip ips[DNS_ADDRESSES_MAX];
	size_t count, at;
	bool all_refused;
};

/* A handshake; a thread's from shake_start() until it is finished. */
struct shake {
	struct job job;
	struct link *link; /* the loop's; NULL: nobody waits any more */
	int fd;
	bool client;
	bool lingers; /* it has failed */
	ev_io io;
	ev_timer timer;
	struct pool_thread *thread;
	struct tls_identity *identity; /* NULL: show none */
	struct tls_roots *roots;
	char *pin;
	struct chain *chain;
	br_ssl_engine_context *engine;
	int code; /* 0: peer says who it is; else err says why not */
	struct tls_peer peer;
	struct err err;
};

struct pool_thread {
	struct peers *peers;
	pthread_t thread;
	struct ev_loop *loop;
	ev_async wake;
	pthread_mutex_t mutex;
	struct list inbox;  /* mutex */
	bool stop;	    /* mutex */
	struct list shakes; /* the thread's */
};

struct resolver {
	pthread_t thread;
	bool running;
	int stop_fd; /* readable: end */
	pthread_mutex_t mutex;
	pthread_cond_t cond;
	struct list inbox; /* mutex */
	bool stop;	   /* mutex */
	size_t count;	   /* the loop's: asked and not yet finished */
};

struct listener {
	int fd; /* or -1 */
	char *addr;
	ev_io io;
	ev_timer retry;
	/* To be told: where, or why not. */
	char *listens, *failed;
};

#define BUCKETS 1024 /* a power of two */

struct peers {
	struct peers_config config;
	struct tls_identity *identity; /* NULL: we are nobody */
	struct tls_roots *roots;
	struct listener listener;
	struct list links, dead;
	struct list mark;    /* in dead: those behind it are told later */
	struct list dirty;   /* to write at the end of the turn */
	struct list unknown; /* inbound, not verified */
	struct link *buckets[BUCKETS];
	size_t inbound_count, unknown_count;
	size_t came;   /* since memory was last given back */
	ev_timer calm; /* nobody shakes hands any more */
	uint64_t inbound_last;
	ev_prepare turn;
	ev_timer later; /* at once, but not from inside an order */
	ev_async wake;
	pthread_mutex_t mutex;
	struct list finished; /* mutex: jobs */
	struct pool_thread pool[POOL_THREADS];
	uint32_t pool_next;
	struct resolver resolver;
	uint8_t *in_stage, *out_stage; /* STAGE_LEN each */
};

/* peers.c */
struct link *link_new(struct peers *p, uint64_t id, const char *who);
void link_move(struct link *l, enum link_state to);
/* The link is dead; why is told later. It is told with l->who and
 * what fmt says. */
void link_fail(struct link *l, const char *fmt, ...) printf_like(2, 3);
/* From a handshake that is through; takes its socket and engine. */
void link_established(struct link *l, struct shake *s);
/* It is no stranger any more, or gone. */
void link_known(struct link *l);
void peers_later(struct peers *p);
/* From a thread. */
void peers_finished(struct job *j);
void peers_thread(pthread_t *ret, void *(*run)(void *), void *ctx);

/* peer_dial.c */
void dial_start(struct link *l, const char *addr, const char *pin);
void dial_free(struct dial *d); /* NULL is fine; forgets the resolve */
void dial_timeout(struct link *l);
void dial_connected(struct link *l); /* or not */
void dial_resolved(struct link *l, const struct resolve *r);
void socket_options(int fd);
void ip_format(const struct ip *ip, char ret[IP_TEXT_MAX]);
/* "1.2.3.4:5", "[::1]:5", "host:5" */
struct addr {
	char host[DNS_NAME_MAX + 1];
	uint16_t port;
};
bool addr_split(const char *addr, struct addr *ret);
/* An address for the kernel; returns its length. */
struct sockaddr_storage;
uint32_t ip_to_socket(const struct ip *ip, uint16_t port, bool v6,
		      struct sockaddr_storage *ret);
bool ip_from_socket(const struct sockaddr_storage *sa, struct ip *ret);

/* peer_accept.c */
void listener_init(struct peers *p);
void listener_order(struct peers *p, const char *addr); /* NULL: stop */
void listener_report(struct peers *p);
void listener_close(struct peers *p);

/* peer_pool.c */
int pool_open(struct peers *p, struct err *e);
void pool_close(struct peers *p);
void shake_start(struct link *l, int fd, const char *pin);
void shake_free(struct shake *s); /* NULL is fine */

/* peer_resolve.c */
int resolver_open(struct peers *p, struct err *e);
void resolver_close(struct peers *p);
/* NULL: too many are looked up. */
struct resolve *resolve_start(struct link *l, const char *host);

/* peer_shake.c */
/* A context and its buffers, all in one. */
br_ssl_engine_context *shake_engine_new(struct shake *s);
/* Forget what was lent for the handshake: nothing of it is used after. */
void shake_engine_settle(struct shake *s);
void engine_free(br_ssl_engine_context *e); /* wiped; NULL is fine */

/* peer_engine.c */
void link_send(struct link *l, const void *message, size_t len);
void link_read(struct link *l);
void link_take(struct link *l); /* what the engine has decrypted already */
void link_write(struct link *l);
void link_out_free(struct link *l);

#endif
