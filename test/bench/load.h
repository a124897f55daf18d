/*
 * load.h - what the parts of the load generator share: writers in a closed
 * loop, each with one write on its way, over connections that stay open.
 */
#ifndef TEST_BENCH_LOAD_H
#define TEST_BENCH_LOAD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define LOAD_VALUE_LEN 256

struct writer {
	uint32_t number;
	uint64_t began_us; /* of the write that is on its way */
	uint64_t written;  /* writes that this writer finished */
};

struct connection {
	int fd;
	bool wants_write; /* bytes wait that the socket did not take */
};

struct load_options {
	const char *target; /* a socket's path, or ADDR:PORT */
	const char *ca, *cert, *key;
	uint32_t writers, connections;
	double seconds;
};

/* Now, from a clock that only goes up. */
uint64_t load_now_us(void);
/* A write was answered: it is counted, and its writer may begin the next. */
void load_done(struct writer *w, bool ok, const char *why);
/* Prints what and errno's text, and exits. */
_Noreturn void load_fail(const char *what);

/* One system: how it is connected to, and what a write is. */
struct load_system {
	/* One connection for writers v..v+count, each of which begins. */
	struct connection *(*open)(const struct load_options *o,
				   struct writer *v, uint32_t count);
	/* Reads all there is, calls load_done(), begins next writes, and sends
	 * what can be sent. */
	void (*turn)(struct connection *c);
};
extern const struct load_system load_swarm, load_etcd;

#endif
