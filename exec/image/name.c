/* name.c - see name.h. */
#include "exec/image/name.h"

#include "core/base/check.h"

const char *
name_repository(const struct image_ref *r, struct arena *a)
{
	return arena_printf(a, "%s/%s", r->domain, r->path);
}

const char *
name_tagged(const struct image_ref *r, struct arena *a)
{
	check(r->tag != NULL);
	return arena_printf(a, "%s/%s:%s", r->domain, r->path, r->tag);
}

const char *
name_digested(const struct image_ref *r, const char *digest, struct arena *a)
{
	return arena_printf(a, "%s/%s@%s", r->domain, r->path, digest);
}

const char *
name_familiar(const char *full, struct arena *a)
{
	struct image_ref r;
	struct err ignored;

	/* The index is ours, but it is on a disk: show what it has. */
	if (image_ref_parse(full, a, &r, &ignored) < 0)
		return full;
	return image_ref_familiar(&r, a, true);
}
