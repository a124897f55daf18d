/*
 * peer_dns.h - the two messages of the DNS that a stub resolver needs, and a
 * line of /etc/hosts (RFC 1035, 3596). Pure: the sockets are peer_resolve.c's.
 */
#ifndef NET_PEER_DNS_H
#define NET_PEER_DNS_H

#include "core/base/ip.h"

#define DNS_ADDRESSES_MAX 8
#define DNS_NAME_MAX 253 /* as text */
#define DNS_QUERY_MAX (12 + DNS_NAME_MAX + 2 + 4)
#define DNS_ANSWER_MAX 4096
#define DNS_A 1
#define DNS_AAAA 28

/* The length, or 0: name cannot be asked for. */
size_t dns_query(uint8_t ret[DNS_QUERY_MAX], uint16_t id, const char *name,
		 uint16_t type);

/*
 * The addresses in an answer to query, put behind *count that are there
 * already. -EINVAL: not an answer to it, or malformed: wait for another.
 * -ENOENT: there is no such name. -EAGAIN: the server has a problem.
 */
int dns_answer(const uint8_t *p, size_t len, const uint8_t *query,
	       size_t query_len, struct ip ret[DNS_ADDRESSES_MAX],
	       size_t *count);

/* Does this line of /etc/hosts name host? line is changed. */
bool hosts_line(char *line, const char *host, struct ip *ret);

#endif
