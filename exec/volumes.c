/* volumes.c - see volumes.h. */
#include "exec/volumes.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/file.h>
#include <time.h>
#include <unistd.h>

#include "core/base/json.h"
#include "core/base/str.h"
#include "core/base/time_text.h"
#include "exec/copy.h"
#include "exec/fs.h"
#include "exec/rootfs.h"

#define NAME_LEN_MAX 255

static bool
is_alnum(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
	       (c >= '0' && c <= '9');
}

bool
volume_name_valid(const char *name)
{
	size_t len = strlen(name);

	if (len < 2 || len > NAME_LEN_MAX || !is_alnum(name[0]))
		return false;
	for (size_t i = 1; i < len; i++)
		if (!is_alnum(name[i]) && strchr("_.-", name[i]) == NULL)
			return false;
	return true;
}

static int
check_spec(const struct mount *m, struct err *e)
{
	const struct volume_options *o = m->volume;

	if (!str_empty(m->source) && !volume_name_valid(m->source))
		return err_set(e, -EINVAL,
			       "volume name \"%.80s\" is invalid: it must be "
			       "[a-zA-Z0-9][a-zA-Z0-9_.-]+; use type bind for "
			       "a path",
			       m->source);
	if (o == NULL)
		return 0;
	if (o->driver != NULL && !str_empty(o->driver->name) &&
	    !str_eq(o->driver->name, "local"))
		return err_set(e, -EINVAL,
			       "volume driver \"%s\" is not supported: only "
			       "\"local\" is",
			       o->driver->name);
	if (o->driver != NULL && o->driver->options.count > 0)
		return err_set(
			e, -EINVAL,
			"options of the local volume driver (\"%s\") are "
			"not supported yet",
			o->driver->options.v[0].key);
	if (!str_empty(o->subpath))
		return err_set(e, -EINVAL,
			       "volume-subpath is not supported yet");
	return 0;
}

/* What "volume inspect" will want to know. */
static int
write_facts(const char *dir, const struct mount *m, struct err *e)
{
	char path[PATH_MAX], when[TIME_TEXT_MAX];
	struct buf out = { 0 };
	struct json w = { .out = &out };
	struct timespec now;
	int r = fs_path(path, sizeof(path), e, "%s/volume.json", dir);

	if (r < 0 || fs_exists(path))
		return r;
	clock_gettime(CLOCK_REALTIME, &now);
	time_format(now.tv_sec * NS_PER_S + now.tv_nsec, when);
	json_open(&w, '{');
	json_put_str(&w, "Name", m->source);
	json_put_str(&w, "Driver", "local");
	json_put_str(&w, "CreatedAt", when);
	json_key(&w, "Labels");
	json_open(&w, '{');
	for (uint32_t i = 0; m->volume && i < m->volume->labels.count; i++)
		json_put_str(&w, m->volume->labels.v[i].key,
			     m->volume->labels.v[i].value);
	json_close(&w, '}');
	json_close(&w, '}');
	r = fs_write(path, out.p, out.len, 0600, e);
	buf_fini(&out);
	return r;
}

static bool
is_empty(int dir_fd)
{
	int fd = openat(dir_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir = fd >= 0 ? fdopendir(fd) : NULL;
	struct dirent *d;
	bool empty = true;

	if (dir == NULL)
		return false;
	while (empty && (d = readdir(dir)) != NULL)
		empty = strcmp(d->d_name, ".") == 0 ||
			strcmp(d->d_name, "..") == 0;
	closedir(dir);
	return empty;
}

static int
fill(const struct volume_request *q, const char *data, struct err *e)
{
	own_fd int to = open(data, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	own_fd int from = -1;

	if (to < 0)
		return err_set(e, -errno, "cannot open %s: %s", data,
			       strerror(errno));
	if (!is_empty(to))
		return 0;
	from = rootfs_open(q->rootfs_fd, q->spec->target,
			   O_RDONLY | O_DIRECTORY);
	return from < 0 ? 0 : copy_tree(from, to, e);
}

/* Locked: two tasks may come to a new volume at the same time. */
static int
make(const struct volume_request *q, const char *dir, const char *data,
     struct err *e)
{
	own_fd int lock = -1;
	int r = fs_mkdirs(data, 0755, e);

	if (r < 0)
		return r;
	lock = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (lock < 0 || flock(lock, LOCK_EX) < 0)
		return err_set(e, -errno, "cannot lock %s: %s", dir,
			       strerror(errno));
	if (!str_empty(q->spec->source))
		r = write_facts(dir, q->spec, e);
	if (r == 0 && !(q->spec->volume && q->spec->volume->no_copy))
		r = fill(q, data, e);
	return r;
}

int
volume_use(const struct volume_request *q, struct arena *a,
	   const char **ret_path, struct err *e)
{
	const char *dir, *data;
	int r = check_spec(q->spec, e);

	if (r < 0)
		return r;
	if (str_empty(q->spec->source))
		dir = arena_printf(a, "%s/volumes/%u", q->container, q->number);
	else
		dir = arena_printf(a, "%s/volumes/%s", q->root,
				   q->spec->source);
	data = arena_printf(a, "%s/_data", dir);
	r = make(q, dir, data, e);
	if (r < 0)
		return err_wrap(e, r, "volume %s",
				str_or(q->spec->source, q->spec->target));
	*ret_path = data;
	return 0;
}
