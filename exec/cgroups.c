/* cgroups.c - see cgroups.h. */
#include "exec/cgroups.h"

#include <dirent.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/base/buf.h"
#include "exec/fs.h"

#define TOP "/sys/fs/cgroup"
#define PROCS_BYTES_MAX (4U << 20)

/* Calls fn with each directory that may be the task's: v2's, then v1's. */
static unsigned
each(const char *id, unsigned (*fn)(const char *dir))
{
	char dir[PATH_MAX];
	struct err e;
	struct dirent *d;
	unsigned sum = 0;
	DIR *top = opendir(TOP);

	if (fs_path(dir, sizeof(dir), &e, TOP "/swarm/%s", id) == 0)
		sum += fn(dir);
	while (top != NULL && (d = readdir(top)) != NULL)
		if (d->d_name[0] != '.' &&
		    fs_path(dir, sizeof(dir), &e, TOP "/%s/swarm/%s", d->d_name,
			    id) == 0)
			sum += fn(dir);
	if (top != NULL)
		closedir(top);
	return sum;
}

/* The number behind key in a file of "key number" lines. */
static unsigned
counter(const char *dir, const char *file, const char *key)
{
	char path[PATH_MAX];
	struct buf text = { 0 };
	struct err e;
	const char *at = NULL;
	unsigned n = 0;

	if (fs_path(path, sizeof(path), &e, "%s/%s", dir, file) == 0 &&
	    fs_read(path, 65536, &text, &e) == 0)
		at = strstr(buf_cstr(&text), key);
	if (at != NULL)
		n = (unsigned)strtoul(at + strlen(key), NULL, 10);
	buf_fini(&text);
	return n;
}

static unsigned
oom_kills(const char *dir)
{
	return counter(dir, "memory.events", "oom_kill ") +
	       counter(dir, "memory.oom_control", "oom_kill ");
}

bool
cgroup_oom_killed(const char *id)
{
	return each(id, oom_kills) > 0;
}

static unsigned
kill_procs(const char *dir)
{
	char path[PATH_MAX];
	struct buf text = { 0 };
	struct err e;
	unsigned count = 0;
	const char *at;

	if (fs_path(path, sizeof(path), &e, "%s/cgroup.procs", dir) < 0 ||
	    fs_read(path, PROCS_BYTES_MAX, &text, &e) < 0) {
		buf_fini(&text);
		return 0;
	}
	for (at = buf_cstr(&text); *at != '\0'; at += *at == '\n') {
		char *end;
		long pid = strtol(at, &end, 10);

		/* 0 is a process of another pid namespace: not ours */
		if (pid > 1 && kill((pid_t)pid, SIGKILL) == 0)
			count++;
		at = end > at ? end : at + 1;
		if (*at == '\0')
			break;
	}
	buf_fini(&text);
	return count;
}

unsigned
cgroup_kill(const char *id)
{
	return each(id, kill_procs);
}

static unsigned
remove_dir(const char *dir)
{
	return rmdir(dir) == 0;
}

void
cgroup_remove(const char *id)
{
	(void)each(id, remove_dir);
}

void
cgroup_remove_parent(void)
{
	(void)each("", remove_dir);
}
