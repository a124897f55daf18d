/*
 * passwd_fuzz.c - passwd and group files, and the user that is asked for:
 * "SPEC\0PASSWD\0GROUP". A name that no line has with a plain 0 must not end
 * as root.
 */
#include <string.h>

#include "core/base/check.h"
#include "exec/passwd.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct passwd_text
part(const uint8_t **at, const uint8_t *end)
{
	const uint8_t *nul =
		*at < end ? memchr(*at, 0, (size_t)(end - *at)) : NULL;
	const uint8_t *stop = nul ? nul : end;
	struct passwd_text t = { (const char *)*at, (size_t)(stop - *at) };

	*at = nul ? nul + 1 : end;
	return t;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct strings none = { 0 };
	const uint8_t *at = data;
	struct user_request q = { .groups = &none };
	struct user_ids u;
	struct passwd_text spec;
	struct arena a;
	struct err e;

	arena_init(&a);
	spec = part(&at, data + size);
	q.spec = arena_strndup(&a, spec.p, spec.len);
	q.passwd = part(&at, data + size);
	q.group = part(&at, data + size);
	if (passwd_resolve(&q, &a, &u, &e) == 0) {
		check(u.uid <= PASSWD_ID_MAX && u.gid <= PASSWD_ID_MAX);
		check(u.group_count >= 1 && u.groups[0] == u.gid);
		check(u.group_count <= PASSWD_GROUPS_MAX);
		check(u.home != NULL);
		/* root by name takes a line that says so */
		if (u.uid == 0 && q.spec[0] >= 'a' && q.spec[0] <= 'z')
			check(q.passwd.len > 0 &&
			      memmem(q.passwd.p, q.passwd.len, ":0", 2));
	}
	arena_fini(&a);
	return 0;
}
