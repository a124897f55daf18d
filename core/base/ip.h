/* ip.h - IP addresses and prefixes as text, without the C library's. */
#ifndef CORE_BASE_IP_H
#define CORE_BASE_IP_H

#include "core/base/base.h"

#define IP_TEXT_MAX 48

/* IPv4 is kept as ::ffff:a.b.c.d, so that both compare as 16 bytes. */
struct ip {
	uint8_t b[16];
};
struct ip_net {
	struct ip ip;  /* as written: host bits may be set */
	unsigned bits; /* of 128 */
};

bool ip_parse(const char *s, struct ip *ret);
bool ip_net_parse(const char *s, struct ip_net *ret); /* a CIDR */
bool ip_net_contains(const struct ip_net *n, const struct ip *ip);
bool ip_is_v4(const struct ip *ip);
uint32_t ip_v4(const struct ip *ip); /* host order; of an IPv4 address */
void ip_v4_format(uint32_t v4, char ret[IP_TEXT_MAX]);

#endif
