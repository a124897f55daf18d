/*
 * service_text.h - the values of service flags that are more than a word:
 * mounts, ports, ulimits and the like, as Docker's client reads them (facts
 * 1.3). Pure. Results are in the arena; -EINVAL with the reason.
 */
#ifndef NET_CLIENT_SERVICE_TEXT_H
#define NET_CLIENT_SERVICE_TEXT_H

#include "core/model/objects.h"

#define WORDS_MAX 1024	    /* of a command line */
#define PORT_RANGE_MAX 1024 /* ports of one "8000-8100:80-180" */

struct ports {
	struct port_config *v;
	uint32_t count;
};

/* type=volume,source=data,target=/data,readonly */
int text_to_mount(const char *s, struct arena *a, struct mount *ret,
		  struct err *e);
/* 8080:80/tcp, 8000-8009:80-89, or published=8080,target=80,mode=host */
int text_to_ports(const char *s, struct arena *a, struct ports *ret,
		  struct err *e);
/* nofile=1024:2048 */
int text_to_ulimit(const char *s, struct arena *a, struct ulimit *ret,
		   struct err *e);
/* "host:ip" to "ip host", as the API has it */
int text_to_host(const char *s, struct arena *a, const char **ret,
		 struct err *e);
/* A command line into words, with quotes and backslashes as in sh. */
int text_to_words(const char *s, struct arena *a, struct strings *ret,
		  struct err *e);
/* "host" of "host" and "name=host" */
const char *network_of_text(const char *s);
/* "net_admin" to "CAP_NET_ADMIN"; ALL stays. */
const char *capability_name(const char *s, struct arena *a);
/* "80/udp" for --publish-rm */
int text_to_port_ref(const char *s, uint64_t *ret_target, int *ret_protocol,
		     struct err *e);

/* "spread=node.labels.zone"; ret is in a. */
int text_to_preference(const char *s, struct arena *a, struct preference *ret,
		       struct err *e);

/* For the flag tables: is it one? */
int pref_check(const char *s, struct err *e);
int mount_check(const char *s, struct err *e);
int port_check(const char *s, struct err *e);
int port_rm_check(const char *s, struct err *e);
int ulimit_check(const char *s, struct err *e);
int host_check(const char *s, struct err *e);
int words_check(const char *s, struct err *e);
int ip_check(const char *s, struct err *e);
int env_check(const char *s, struct err *e);
int sysctl_check(const char *s, struct err *e);
int label_check(const char *s, struct err *e);

#endif
