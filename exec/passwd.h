/*
 * passwd.h - who a container runs as: "user", "uid", "user:group" looked up
 * in the image's own passwd and group files, by the rules Docker has.
 *
 * The files are hostile. Ids are plain decimal numbers from 0 to 2^31-1, or
 * the line is no entry; a line that names no valid id never means root.
 */
#ifndef EXEC_PASSWD_H
#define EXEC_PASSWD_H

#include "core/base/arena.h"
#include "core/base/err.h"
#include "core/model/type.h"

#define PASSWD_ID_MAX 2147483647U
#define PASSWD_GROUPS_MAX 1024 /* additional groups of one container */

struct passwd_text { /* a file's content; p may be NULL if len is 0 */
	const char *p;
	size_t len;
};

struct user_ids {
	uint32_t uid;
	uint32_t gid;
	uint32_t *groups; /* the additional ones: gid first, no twins */
	uint32_t group_count;
	const char *home; /* "/" if not known */
};

/*
 * spec: "" is uid 0. groups: names or numbers that the service adds.
 * Everything in ret is in a. -EINVAL: no such user or group, or a number out
 * of range.
 */
struct user_request {
	const char *spec;
	const struct strings *groups;
	struct passwd_text passwd;
	struct passwd_text group;
};
int passwd_resolve(const struct user_request *q, struct arena *a,
		   struct user_ids *ret, struct err *e);

#endif
