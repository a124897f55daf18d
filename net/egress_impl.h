/* egress_impl.h - shared by net/egress*.c: the bridge, and its host ports. */
#ifndef NET_EGRESS_IMPL_H
#define NET_EGRESS_IMPL_H

#include "net/egress.h"
#include "net/netlink/link.h"

#define TABLE_MAX 32
#define SUBNET_TEXT_MAX 24

/* A host port that is ours. */
struct held_port {
	bool udp;
	uint16_t port;
	int fd; /* keeps others from taking it */
	uint32_t address;
	uint16_t target;
};

struct egress {
	char name[EGRESS_NAME_MAX];
	char table[TABLE_MAX];
	char subnet_text[SUBNET_TEXT_MAX];
	struct subnet subnet;	 /* host bits are 0; bits 0: not chosen yet */
	struct held_port *ports; /* by protocol and number */
	size_t port_count;
};

void egress_table_name(const char *name, char ret[TABLE_MAX]);
void egress_link_name(const char *task_id, char ret[LINK_NAME_MAX]);
/* 02:42 and the address, as Docker does: the same address, the same MAC. */
void egress_mac(uint32_t address, uint8_t ret[MAC_LEN]);

/*
 * Make the table with no ports, unless it is there: then it has the ports of
 * tasks that go on, and stays until egress_ports() knows better.
 */
int egress_make_table(const struct egress *g, struct err *e);
/* Replace the whole table by one with these ports. */
int egress_write_table(const struct egress *g, const struct held_port *ports,
		       size_t count, struct err *e);

/*
 * The candidate that is n-th in order, or false if n is past the last. Pure.
 */
bool egress_candidate(unsigned n, struct subnet *ret);

#endif
