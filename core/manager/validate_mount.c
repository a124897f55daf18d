/* validate_mount.c - the mounts of a spec, each by its type. */
#include <errno.h>
#include <string.h>

#include "core/base/str.h"
#include "core/manager/validate.h"

/* Has the path a ".." in it? It could then lead out of where it is put. */
static bool
climbs(const char *path)
{
	for (const char *p = path; *p;) {
		size_t len = strcspn(p, "/");

		if (len == 2 && !memcmp(p, "..", 2))
			return true;
		p += len;
		p += strspn(p, "/");
	}
	return false;
}

/* Without the slashes at its end, two spellings of one place are equal. */
static size_t
trimmed(const char *path)
{
	size_t len = strlen(path);

	while (len > 1 && path[len - 1] == '/')
		len--;
	return len;
}

static bool
same_path(const char *a, const char *b)
{
	size_t len = trimmed(a);

	return len == trimmed(b) && !memcmp(a, b, len);
}

static int
check_target(const struct container_spec *c, uint32_t i, struct err *e)
{
	const char *target = str_or(c->mounts.v[i].target, "");

	if (!*target)
		return err_set(e, -EINVAL,
			       "ContainerSpec: mount target must not be empty");
	if (target[0] != '/')
		return err_set(e, -EINVAL,
			       "ContainerSpec: invalid mount target \"%s\": "
			       "must be an absolute path",
			       target);
	if (trimmed(target) == 1 || climbs(target))
		return err_set(e, -EINVAL,
			       "ContainerSpec: invalid mount target \"%s\": "
			       "must not be \"/\" or have \"..\" in it",
			       target);
	for (uint32_t k = 0; k < i; k++)
		if (same_path(str_or(c->mounts.v[k].target, ""), target))
			return err_set(e, -EINVAL,
				       "ContainerSpec: duplicate mount point: "
				       "%s",
				       target);
	return 0;
}

static int
check_bind(const struct mount *m, struct err *e)
{
	static const char *const known[] = { "",       "private", "rprivate",
					     "shared", "rshared", "slave",
					     "rslave" };
	const char *how = m->bind ? str_or(m->bind->propagation, "") : "";
	bool found = false;

	if (str_empty(m->source) || m->source[0] != '/')
		return err_set(e, -EINVAL,
			       "ContainerSpec: invalid bind mount source "
			       "\"%s\": must be an absolute path",
			       str_or(m->source, ""));
	if (m->volume || m->tmpfs)
		return err_set(e, -EINVAL,
			       "ContainerSpec: a bind mount has no volume or "
			       "tmpfs options");
	for (size_t i = 0; i < ARRAY_LEN(known); i++)
		found |= str_eq(known[i], how);
	if (!found)
		return err_set(e, -EINVAL,
			       "ContainerSpec: invalid propagation mode: %s",
			       how);
	return 0;
}

/* A volume's name becomes a directory's. */
static bool
is_volume_name(const char *s)
{
	static const char first[] =
		"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
		"0123456789";
	size_t len = strlen(s);

	return len >= 2 && len <= 255 && strchr(first, s[0]) &&
	       strspn(s, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
			 "0123456789_.-") == len;
}

static int
check_volume(const struct mount *m, struct err *e)
{
	const struct volume_options *o = m->volume;

	if (m->bind || m->tmpfs)
		return err_set(e, -EINVAL,
			       "ContainerSpec: a volume mount has no bind or "
			       "tmpfs options");
	if (!str_empty(m->source) && !is_volume_name(m->source))
		return err_set(e, -EINVAL,
			       "ContainerSpec: \"%s\" includes invalid "
			       "characters for a local volume name, only "
			       "\"[a-zA-Z0-9][a-zA-Z0-9_.-]\" are allowed",
			       m->source);
	if (!o)
		return 0;
	if (!str_empty(o->subpath))
		return validate_later(e, "volume-subpath");
	if (o->driver && !str_empty(o->driver->name) &&
	    !str_eq(o->driver->name, "local"))
		return err_set(e, -EOPNOTSUPP,
			       "volume-driver=%s is not supported yet: use "
			       "local",
			       o->driver->name);
	if (o->driver && o->driver->options.count > 0)
		return validate_later(e, "volume-opt");
	return 0;
}

static int
check_tmpfs(const struct mount *m, struct err *e)
{
	if (m->bind || m->volume)
		return err_set(e, -EINVAL,
			       "ContainerSpec: a tmpfs mount has no bind or "
			       "volume options");
	if (!str_empty(m->source))
		return err_set(e, -EINVAL,
			       "ContainerSpec: a tmpfs mount has no source");
	if (m->tmpfs && m->tmpfs->size_bytes < 0)
		return err_set(e, -EINVAL,
			       "ContainerSpec: a tmpfs size cannot be "
			       "negative");
	return 0;
}

static int
check_type(const struct mount *m, struct err *e)
{
	switch ((enum mount_type)m->type) {
	case MOUNT_BIND:
		return check_bind(m, e);
	case MOUNT_VOLUME:
		return check_volume(m, e);
	case MOUNT_TMPFS:
		return check_tmpfs(m, e);
	case MOUNT_NPIPE:
		return err_set(e, -EINVAL,
			       "ContainerSpec: a mount of type npipe is only "
			       "there on Windows");
	case MOUNT_CLUSTER:
		return validate_later(e, "a mount of type cluster");
	case MOUNT_IMAGE:
		return err_set(e, -EINVAL, "invalid MountType: \"image\"");
	}
	return err_set(e, -EINVAL, "invalid MountType: \"\"");
}

int
validate_mounts(const struct container_spec *c, struct err *e)
{
	for (uint32_t i = 0; i < c->mounts.count; i++) {
		const struct mount *m = &c->mounts.v[i];
		int r = check_target(c, i, e);

		if (r == 0)
			r = check_type(m, e);
		if (r < 0)
			return r;
	}
	return 0;
}
