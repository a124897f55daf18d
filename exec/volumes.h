/*
 * volumes.h - local volumes: ROOT/volumes/NAME/_data, made on first use.
 */
#ifndef EXEC_VOLUMES_H
#define EXEC_VOLUMES_H

#include "core/model/objects.h"

struct volume_request {
	const char *root;	  /* ROOT */
	const char *container;	  /* ROOT/containers/ID, for unnamed ones */
	uint32_t number;	  /* of the unnamed one */
	int rootfs_fd;		  /* what is copied into an empty volume */
	const struct mount *spec; /* type volume */
};

/*
 * *ret_path (in a) is the directory to mount. An empty volume gets what the
 * image has at the target, unless the mount says no copy.
 */
int volume_use(const struct volume_request *q, struct arena *a,
	       const char **ret_path, struct err *e);

bool volume_name_valid(const char *name);

#endif
