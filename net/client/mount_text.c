/* mount_text.c - the value of --mount; see service_text.h. */
#include <errno.h>
#include <string.h>

#include "core/base/str.h"
#include "core/base/time_text.h"
#include "net/client/service_text.h"

static int
bad_value(struct err *e, const char *key, const char *value)
{
	return err_set(e, -EINVAL, "invalid value for %s: %s", key, value);
}

/* "readonly" alone is true. */
static int
read_bool(const char *key, const char *value, bool *ret, struct err *e)
{
	if (value == NULL || str_eq(value, "true") || str_eq(value, "1"))
		*ret = true;
	else if (str_eq(value, "false") || str_eq(value, "0"))
		*ret = false;
	else
		return bad_value(e, key, value);
	return 0;
}

static struct bind_options *
bind_of(struct mount *m, struct arena *a)
{
	if (m->bind == NULL)
		m->bind = arena_alloc(a, sizeof(*m->bind));
	return m->bind;
}

static struct volume_options *
volume_of(struct mount *m, struct arena *a)
{
	if (m->volume == NULL)
		m->volume = arena_alloc(a, sizeof(*m->volume));
	return m->volume;
}

static struct tmpfs_options *
tmpfs_of(struct mount *m, struct arena *a)
{
	if (m->tmpfs == NULL)
		m->tmpfs = arena_alloc(a, sizeof(*m->tmpfs));
	return m->tmpfs;
}

static struct kvs
add_pair(const struct kvs *m, struct arena *a, const char *pair)
{
	size_t len = strcspn(pair, "=");

	return kvs_with(m, a, arena_strndup(a, pair, len),
			pair[len] == '=' ? pair + len + 1 : "");
}

static int
bind_field(const char *key, const char *value, struct mount *m, struct arena *a,
	   struct err *e)
{
	struct bind_options *b = bind_of(m, a);

	if (str_eq(key, "bind-propagation")) {
		b->propagation = value;
		return 0;
	}
	if (str_eq(key, "bind-nonrecursive"))
		return read_bool(key, value, &b->non_recursive, e);
	if (str_eq(key, "bind-recursive")) {
		b->non_recursive = str_eq(value, "disabled");
		b->read_only_non_recursive = str_eq(value, "writable");
		b->read_only_force_recursive = str_eq(value, "readonly");
		if (b->non_recursive || b->read_only_non_recursive ||
		    b->read_only_force_recursive || str_eq(value, "enabled"))
			return 0;
		return err_set(e, -EINVAL,
			       "invalid value for %s: %s (must be "
			       "\"enabled\", \"disabled\", \"writable\", or "
			       "\"readonly\")",
			       key, value);
	}
	return err_set(e, -EINVAL, "unexpected key '%s' in '%s=%s'", key, key,
		       value);
}

static int
volume_field(const char *key, const char *value, struct mount *m,
	     struct arena *a, struct err *e)
{
	struct volume_options *v = volume_of(m, a);

	if (str_eq(key, "volume-nocopy"))
		return read_bool(key, value, &v->no_copy, e);
	if (str_eq(key, "volume-subpath")) {
		v->subpath = value;
		return 0;
	}
	if (str_eq(key, "volume-label")) {
		v->labels = add_pair(&v->labels, a, value);
		return 0;
	}
	if (v->driver == NULL)
		v->driver = arena_alloc(a, sizeof(*v->driver));
	if (str_eq(key, "volume-driver")) {
		v->driver->name = value;
		return 0;
	}
	if (str_eq(key, "volume-opt")) {
		v->driver->options = add_pair(&v->driver->options, a, value);
		return 0;
	}
	return err_set(e, -EINVAL, "unexpected key '%s' in '%s=%s'", key, key,
		       value);
}

static int
tmpfs_field(const char *key, const char *value, struct mount *m,
	    struct arena *a, struct err *e)
{
	struct tmpfs_options *t = tmpfs_of(m, a);
	uint64_t mode = 0;

	if (str_eq(key, "tmpfs-size")) {
		if (size_parse(value, &t->size_bytes))
			return 0;
		return bad_value(e, key, value);
	}
	if (!str_eq(key, "tmpfs-mode"))
		return err_set(e, -EINVAL, "unexpected key '%s' in '%s=%s'",
			       key, key, value);
	for (const char *p = value; *p != '\0'; p++) {
		if (*p < '0' || *p > '7' || mode > 07777)
			return bad_value(e, key, value);
		mode = mode * 8 + (uint64_t)(*p - '0');
	}
	t->mode = mode;
	return 0;
}

static int
mount_field(const char *key, const char *value, struct mount *m,
	    struct arena *a, struct err *e)
{
	if (str_eq(key, "readonly") || str_eq(key, "ro"))
		return read_bool(key, value, &m->read_only, e);
	if (value == NULL && str_eq(key, "volume-nocopy"))
		return volume_field(key, value, m, a, e);
	if (value == NULL)
		return err_set(e, -EINVAL,
			       "invalid field '%s' must be a key=value pair",
			       key);
	if (str_eq(key, "type")) {
		m->type = enum_from_name(&mount_type_names, value);
		return m->type > 0 ? 0 : bad_value(e, key, value);
	}
	if (str_eq(key, "source") || str_eq(key, "src"))
		m->source = value;
	else if (str_eq(key, "target") || str_eq(key, "dst") ||
		 str_eq(key, "destination"))
		m->target = value;
	else if (str_eq(key, "consistency"))
		m->consistency = value;
	else if (str_starts(key, "bind-"))
		return bind_field(key, value, m, a, e);
	else if (str_starts(key, "volume-"))
		return volume_field(key, value, m, a, e);
	else if (str_starts(key, "tmpfs-"))
		return tmpfs_field(key, value, m, a, e);
	else
		return err_set(e, -EINVAL, "unexpected key '%s' in '%s=%s'",
			       key, key, value);
	return 0;
}

static int
needs(struct err *e, const char *value, const char *other)
{
	return err_set(e, -EINVAL,
		       "option 'bind-recursive=%s' requires '%s' to be "
		       "specified in conjunction",
		       value, other);
}

static int
check_recursive(const struct mount *m, struct err *e)
{
	const struct bind_options *b = m->bind;

	if (b == NULL)
		return 0;
	if (b->read_only_non_recursive && !m->read_only)
		return needs(e, "writable", "readonly");
	if (b->read_only_force_recursive && !m->read_only)
		return needs(e, "readonly", "readonly");
	if (b->read_only_force_recursive && !str_eq(b->propagation, "rprivate"))
		return needs(e, "readonly", "bind-propagation=rprivate");
	return 0;
}

static int
check_kind(const struct mount *m, struct err *e)
{
	const char *kind = enum_name(&mount_type_names, m->type);
	const char *mixed = NULL;

	if (m->bind != NULL && m->type != MOUNT_BIND)
		mixed = "bind";
	if (m->volume != NULL && m->type != MOUNT_VOLUME)
		mixed = "volume";
	if (m->tmpfs != NULL && m->type != MOUNT_TMPFS)
		mixed = "tmpfs";
	if (mixed != NULL)
		return err_set(e, -EINVAL,
			       "cannot mix '%s-*' options with mount type '%s'",
			       mixed, kind);
	return check_recursive(m, e);
}

int
text_to_mount(const char *s, struct arena *a, struct mount *ret, struct err *e)
{
	*ret = (struct mount){ .type = MOUNT_VOLUME };
	while (*s != '\0') {
		size_t len = strcspn(s, ",");
		char *field = arena_strndup(a, s, len);
		char *eq = strchr(field, '=');

		if (eq != NULL)
			*eq = '\0';
		if (mount_field(field, eq ? eq + 1 : NULL, ret, a, e) < 0)
			return -EINVAL;
		s += len + (s[len] == ',');
	}
	if (str_empty(ret->target))
		return err_set(e, -EINVAL, "target is required");
	return check_kind(ret, e);
}

int
mount_check(const char *s, struct err *e)
{
	struct mount m;
	struct arena a;
	int r;

	arena_init(&a);
	r = text_to_mount(s, &a, &m, e);
	arena_fini(&a);
	return r;
}
