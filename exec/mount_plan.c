/* mount_plan.c - see mount_plan.h. */
#include "exec/mount_plan.h"

#include <errno.h>
#include <string.h>

#include "core/base/check.h"
#include "core/base/str.h"

#define OPTIONS_MAX 8

static const struct {
	const char *destination;
	const char *type;
	const char *source;
	const char *options[OPTIONS_MAX];
} defaults[] = {
	{ "/proc", "proc", "proc", { "nosuid", "noexec", "nodev" } },
	{ "/dev",
	  "tmpfs",
	  "tmpfs",
	  { "nosuid", "strictatime", "mode=755", "size=65536k" } },
	{ "/dev/pts",
	  "devpts",
	  "devpts",
	  { "nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620",
	    "gid=5" } },
	{ "/sys", "sysfs", "sysfs", { "nosuid", "noexec", "nodev", "ro" } },
	{ "/sys/fs/cgroup",
	  "cgroup",
	  "cgroup",
	  { "ro", "nosuid", "noexec", "nodev" } },
	{ "/dev/mqueue", "mqueue", "mqueue", { "nosuid", "noexec", "nodev" } },
	{ "/dev/shm",
	  "tmpfs",
	  "shm",
	  { "nosuid", "noexec", "nodev", "mode=1777", "size=67108864" } },
};

static const char *const propagations[] = { "private", "rprivate", "shared",
					    "rshared", "slave",	   "rslave" };

const char *
path_clean(const char *path, struct arena *a)
{
	size_t len = strlen(path), n = 0;
	char *to;

	if (path[0] != '/')
		return NULL;
	to = arena_alloc(a, len + 2);
	while (*path != '\0') {
		size_t part;

		path += strspn(path, "/");
		part = strcspn(path, "/");
		if (part == 0 || (part == 1 && path[0] == '.')) {
			path += part;
			continue;
		}
		if (part == 2 && memcmp(path, "..", 2) == 0) {
			while (n > 0 && to[--n] != '/')
				continue;
		} else {
			to[n++] = '/';
			memcpy(to + n, path, part);
			n += part;
		}
		path += part;
	}
	if (n == 0)
		to[n++] = '/';
	to[n] = '\0';
	return to;
}

static void
option(struct plan_mount *m, const char *text)
{
	check(m->options.count < OPTIONS_MAX);
	m->options.v[m->options.count++] = text;
}

static struct plan_mount *
add(struct plan *p, struct arena *a, const char *type, const char *destination,
    const char *source)
{
	struct plan_mount *m = &p->v[p->count++];

	*m = (struct plan_mount){ .destination = destination,
				  .type = type,
				  .source = source };
	m->options.v = arena_array(a, OPTIONS_MAX, sizeof(char *));
	return m;
}

/* A mount of the service on /x replaces the default on /x and below. */
static bool
is_taken(const struct plan_request *q, struct arena *a, const char *destination)
{
	for (uint32_t i = 0; i < q->spec->mounts.count; i++) {
		const char *given = str_or(q->spec->mounts.v[i].target, "");
		const char *target = path_clean(given, a);
		size_t len = target ? strlen(target) : 0;

		if (len > 1 && strncmp(destination, target, len) == 0 &&
		    (destination[len] == '\0' || destination[len] == '/'))
			return true;
	}
	return false;
}

static void
add_defaults(const struct plan_request *q, struct plan *p, struct arena *a)
{
	for (size_t i = 0; i < ARRAY_LEN(defaults); i++) {
		struct plan_mount *m;

		if (is_taken(q, a, defaults[i].destination))
			continue;
		m = add(p, a, defaults[i].type, defaults[i].destination,
			defaults[i].source);
		for (int j = 0; j < OPTIONS_MAX; j++)
			if (defaults[i].options[j] != NULL)
				option(m, defaults[i].options[j]);
	}
	if (q->init != NULL) {
		struct plan_mount *m =
			add(p, a, "bind", "/sbin/docker-init", q->init);

		option(m, "bind");
		option(m, "ro");
	}
}

static int
add_bind(const struct mount *spec, const char *source, struct plan *p,
	 struct arena *a, struct err *e)
{
	static const struct bind_options none = { 0 };
	const struct bind_options *b = spec->bind ? spec->bind : &none;
	const char *propagation = str_or(b->propagation, "rprivate");
	struct plan_mount *m = add(p, a, "bind", spec->target, source);
	bool known = false;

	for (size_t i = 0; i < ARRAY_LEN(propagations); i++)
		known |= str_eq(propagation, propagations[i]);
	if (!known)
		return err_set(e, -EINVAL, "invalid propagation mode: '%s'",
			       propagation);
	option(m, b->non_recursive ? "bind" : "rbind");
	if (spec->read_only)
		option(m, "ro");
	option(m, propagation);
	if (str_ends(propagation, "shared"))
		p->propagation = "shared";
	else if (str_ends(propagation, "slave") && p->propagation == NULL)
		p->propagation = "rslave";
	return 0;
}

static void
add_volume(const char *target, const char *source, bool read_only,
	   struct plan *p, struct arena *a)
{
	struct plan_mount *m = add(p, a, "bind", target, source);

	option(m, "rbind");
	if (read_only)
		option(m, "ro");
}

/* Docker says sizes with the largest unit that divides them. */
static const char *
size_option(int64_t bytes, struct arena *a)
{
	static const struct {
		int64_t unit;
		const char *suffix;
	} units[] = { { INT64_C(1) << 30, "g" },
		      { INT64_C(1) << 20, "m" },
		      { INT64_C(1) << 10, "k" },
		      { 1, "" } };
	size_t i = 0;

	while (bytes % units[i].unit != 0)
		i++;
	return arena_printf(a, "size=%lld%s",
			    (long long)(bytes / units[i].unit),
			    units[i].suffix);
}

static void
add_tmpfs(const struct mount *spec, struct plan *p, struct arena *a)
{
	struct plan_mount *m = add(p, a, "tmpfs", spec->target, "tmpfs");

	option(m, "noexec");
	option(m, "nosuid");
	option(m, "nodev");
	option(m, "rprivate");
	if (spec->read_only)
		option(m, "ro");
	if (spec->tmpfs != NULL && spec->tmpfs->mode != 0)
		option(m, arena_printf(a, "mode=%llo",
				       (unsigned long long)spec->tmpfs->mode));
	if (spec->tmpfs != NULL && spec->tmpfs->size_bytes > 0)
		option(m, size_option(spec->tmpfs->size_bytes, a));
}

static int
add_spec_mount(const struct mount *spec, const char *source, struct plan *p,
	       struct arena *a, struct err *e)
{
	struct mount m = *spec;

	m.target = spec->target ? path_clean(spec->target, a) : NULL;
	if (m.target == NULL || strcmp(m.target, "/") == 0)
		return err_set(e, -EINVAL,
			       "invalid mount target, must be an absolute path "
			       "in the container: %s",
			       str_or(spec->target, "\"\""));
	switch ((enum mount_type)m.type) {
	case MOUNT_BIND:
		return add_bind(&m, source, p, a, e);
	case MOUNT_VOLUME:
		add_volume(m.target, source, m.read_only, p, a);
		return 0;
	case MOUNT_TMPFS:
		add_tmpfs(&m, p, a);
		return 0;
	case MOUNT_NPIPE:
	case MOUNT_CLUSTER:
	case MOUNT_IMAGE:
		break;
	}
	return err_set(e, -EINVAL, "mounts of type %s are not supported",
		       enum_name(&mount_type_names, m.type));
}

static void
add_etc(const struct plan_request *q, struct plan *p, struct arena *a)
{
	static const char *const names[] = { "resolv.conf", "hostname",
					     "hosts" };

	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		const char *target = arena_printf(a, "/etc/%s", names[i]);
		struct plan_mount *m;

		if (is_taken(q, a, target))
			continue;
		m = add(p, a, "bind", target,
			arena_printf(a, "%s/%s", q->etc_dir, names[i]));
		option(m, "rbind");
		if (q->spec->read_only)
			option(m, "ro");
		option(m, "rprivate");
	}
}

static size_t
depth(const char *path)
{
	size_t n = 0;

	for (; *path != '\0'; path++)
		n += *path == '/' && path[1] != '\0';
	return n;
}

/* Stable: what was named first stays first among equals. */
static void
sort_by_depth(struct plan_mount *v, uint32_t count)
{
	for (uint32_t i = 1; i < count; i++) {
		struct plan_mount m = v[i];
		uint32_t j = i;

		for (; j > 0 &&
		       depth(v[j - 1].destination) > depth(m.destination);
		     j--)
			v[j] = v[j - 1];
		v[j] = m;
	}
}

/*
 * A read-only bind is so with all that is mounted below it, where the kernel
 * can do that: as Docker does it.
 */
static int
make_whole_read_only(const struct mount *spec, bool can, struct plan_mount *m,
		     struct err *e)
{
	static const struct bind_options none = { 0 };
	const struct bind_options *b = spec->bind ? spec->bind : &none;

	if (spec->type != MOUNT_BIND || !spec->read_only || b->non_recursive ||
	    b->read_only_non_recursive)
		return 0;
	if (!can && b->read_only_force_recursive)
		return err_set(e, -EINVAL,
			       "bind-recursive=readonly of %s needs Linux 5.12 "
			       "or later",
			       m->destination);
	for (uint32_t i = 0; can && i < m->options.count; i++)
		if (str_eq(m->options.v[i], "ro"))
			m->options.v[i] = "rro";
	return 0;
}

int
mount_plan(const struct plan_request *q, struct arena *a, struct plan *ret,
	   struct err *e)
{
	size_t most = ARRAY_LEN(defaults) + 4 + q->spec->mounts.count +
		      q->volume_count;
	struct plan p = { .v = arena_array(a, most, sizeof(*p.v)) };
	uint32_t first;
	int r = 0;

	add_defaults(q, &p, a);
	first = p.count;
	for (uint32_t i = 0; r == 0 && i < q->spec->mounts.count; i++) {
		r = add_spec_mount(&q->spec->mounts.v[i], q->sources[i], &p, a,
				   e);
		if (r == 0)
			r = make_whole_read_only(&q->spec->mounts.v[i],
						 q->all_read_only,
						 &p.v[p.count - 1], e);
	}
	if (r < 0)
		return r;
	for (uint32_t i = 0; i < q->volume_count; i++)
		add_volume(q->volumes[i].destination, q->volumes[i].source,
			   false, &p, a);
	add_etc(q, &p, a);
	sort_by_depth(p.v + first, p.count - first);
	check(p.count <= most);
	*ret = p;
	return 0;
}
