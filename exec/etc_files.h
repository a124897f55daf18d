/*
 * etc_files.h - /etc/hosts, /etc/hostname and /etc/resolv.conf of a container.
 * Pure: the host's own files come as text.
 */
#ifndef EXEC_ETC_FILES_H
#define EXEC_ETC_FILES_H

#include "core/base/buf.h"
#include "core/model/objects.h"

struct etc_request {
	bool host_network;   /* the container sees the host's files */
	const char *host;    /* the host's file; "" if it has none */
	const char *address; /* of the container, CIDR; NULL: none */
	const char *hostname;
	const struct container_spec *spec;
};

void etc_hosts(const struct etc_request *q, struct buf *out);
void etc_resolv_conf(const struct etc_request *q, struct buf *out);

#endif
