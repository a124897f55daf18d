/*
 * link.h - network devices, their addresses and routes (rtnetlink). nl is a
 * NETLINK_ROUTE socket; all IPv4, addresses in host order.
 *
 * x_request() builds, the others ask the kernel too. Errors say which device.
 */
#ifndef NET_NETLINK_LINK_H
#define NET_NETLINK_LINK_H

#include "core/base/err.h"
#include "net/netlink/nl.h"

#define LINK_NAME_MAX 16 /* with the NUL; the kernel's IFNAMSIZ */
#define MAC_LEN 6

struct link {
	int index;
	int master; /* 0: none */
	bool up;
	char name[LINK_NAME_MAX];
};

struct veth {
	const char *name; /* of the end that stays here */
	int master;	  /* its bridge */
	const char *peer; /* of the end in the namespace */
	int peer_netns_fd;
	uint8_t peer_mac[MAC_LEN];
};

/* A network; host bits of address may be set. */
struct subnet {
	uint32_t address;
	unsigned bits;
};

struct route {
	struct subnet to; /* bits 0: the default route */
	uint32_t via;	  /* 0: none, then through link */
	int link;
};

uint32_t subnet_mask(unsigned bits);
bool subnet_overlap(const struct subnet *a, const struct subnet *b);

/* The index, or -ENODEV. */
int link_find(struct nl *nl, const char *name, struct err *e);
int link_add_bridge(struct nl *nl, const char *name, const uint8_t mac[MAC_LEN],
		    struct err *e);
/* This end is up; the peer is made in its namespace at once, down. */
int link_add_veth(struct nl *nl, const struct veth *v, struct err *e);
int link_up(struct nl *nl, int index, struct err *e);
/* Let a bridge's port have back what it sent. */
int link_hairpin(struct nl *nl, int index, struct err *e);
int link_delete(struct nl *nl, const char *name, struct err *e);
/* Each device; one that gives false is the last. */
int link_each(struct nl *nl, bool (*each)(void *ctx, const struct link *l),
	      void *ctx, struct err *e);

int addr_add(struct nl *nl, int link, const struct subnet *a, struct err *e);
/* Each address with its device's index. */
int addr_each(struct nl *nl,
	      bool (*each)(void *ctx, int link, const struct subnet *a),
	      void *ctx, struct err *e);

int route_add(struct nl *nl, const struct route *r, struct err *e);
/* Each unicast route of the main table. */
int route_each(struct nl *nl, bool (*each)(void *ctx, const struct route *r),
	       void *ctx, struct err *e);

void link_bridge_request(struct nl_request *q, const char *name,
			 const uint8_t mac[MAC_LEN]);
void link_veth_request(struct nl_request *q, const struct veth *v);
void addr_request(struct nl_request *q, int link, const struct subnet *a);
void route_request(struct nl_request *q, const struct route *r);

#endif
