/* holder.c - see holder.h. */
#include "net/holder.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/base/str.h"

#define LINE_MAX_BYTES 512
#define SOCKETS_MAX 200000   /* lines that are read */
#define PROCESSES_MAX 100000 /* that are looked at */
#define FDS_MAX 100000	     /* of one process */
#define STATE_LISTEN 0x0A
#define STATE_CLOSE 0x07 /* what a bound UDP socket shows */
#define INODE_FIELD 6	 /* fields between the state and the inode */

static const char *
skip_fields(const char *s, int count)
{
	while (count-- > 0) {
		s += strspn(s, " ");
		s += strcspn(s, " ");
	}
	return s + strspn(s, " ");
}

/*
 *   sl  local_address rem_address   st tx_queue rx_queue tr tm->when
 *   retrnsmt   uid  timeout inode ...
 */
bool
holder_read_line(const char *line, uint16_t port, uint64_t *ret_inode,
		 bool *ret_listens)
{
	const char *local = skip_fields(line, 1);
	const char *colon = strchr(local, ':');
	unsigned long state;
	char *end;
	uint64_t inode;

	if (colon == NULL || strtoul(colon + 1, &end, 16) != port ||
	    *end != ' ')
		return false;
	state = strtoul(skip_fields(line, 3), &end, 16);
	if (*end != ' ')
		return false;
	inode = strtoull(skip_fields(line, 3 + INODE_FIELD), &end, 10);
	if (inode == 0)
		return false;
	*ret_inode = inode;
	*ret_listens = state == STATE_LISTEN || state == STATE_CLOSE;
	return true;
}

/* A listening socket is the better answer, but any is one. */
static uint64_t
find_inode(const char *path, uint16_t port, uint64_t found)
{
	FILE *f = fopen(path, "re");
	char line[LINE_MAX_BYTES];
	bool listens = false;
	uint64_t inode;

	if (f == NULL)
		return found;
	for (int i = 0; i < SOCKETS_MAX && !listens; i++) {
		if (fgets(line, sizeof(line), f) == NULL)
			break;
		if (holder_read_line(line, port, &inode, &listens) &&
		    (listens || found == 0))
			found = inode;
	}
	fclose(f);
	return found;
}

static bool
has_socket(const char *pid, const char *socket)
{
	char path[64], target[64];
	const struct dirent *d;
	bool found = false;
	DIR *dir;

	snprintf(path, sizeof(path), "/proc/%.20s/fd", pid);
	dir = opendir(path);
	if (dir == NULL)
		return false;
	for (int i = 0; i < FDS_MAX && !found; i++) {
		ssize_t n;

		d = readdir(dir);
		if (d == NULL)
			break;
		n = readlinkat(dirfd(dir), d->d_name, target,
			       sizeof(target) - 1);
		if (n <= 0)
			continue;
		target[n] = '\0';
		found = strcmp(target, socket) == 0;
	}
	closedir(dir);
	return found;
}

/* A name may hold anything; what a terminal would act on is left out. */
static void
read_name(const char *pid, char *ret, size_t cap)
{
	char path[64];
	ssize_t n = -1;
	int fd;

	snprintf(path, sizeof(path), "/proc/%.20s/comm", pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd >= 0) {
		n = read(fd, ret, cap - 1);
		close(fd);
	}
	ret[n > 0 ? n : 0] = '\0';
	ret[strcspn(ret, "\n")] = '\0';
	for (char *p = ret; *p; p++)
		if (*p < ' ' || *p > '~')
			*p = '?';
}

static bool
find_process(uint64_t inode, char ret[HOLDER_TEXT_MAX])
{
	char socket[64], name[32];
	const struct dirent *d;
	bool found = false;
	uint64_t pid;
	DIR *dir = opendir("/proc");

	if (dir == NULL)
		return false;
	snprintf(socket, sizeof(socket), "socket:[%llu]",
		 (unsigned long long)inode);
	for (int i = 0; i < PROCESSES_MAX && !found; i++) {
		d = readdir(dir);
		if (d == NULL)
			break;
		if (!str_to_u64(d->d_name, &pid))
			continue;
		found = has_socket(d->d_name, socket);
		if (!found)
			continue;
		read_name(d->d_name, name, sizeof(name));
		snprintf(ret, HOLDER_TEXT_MAX, "%s (pid %llu)",
			 str_or(name, "a process"), (unsigned long long)pid);
	}
	closedir(dir);
	return found;
}

bool
holder_find(bool udp, uint16_t port, char ret[HOLDER_TEXT_MAX])
{
	/* thread-self: what the calling thread's namespace has. */
	const char *v4 =
		udp ? "/proc/thread-self/net/udp" : "/proc/thread-self/net/tcp";
	const char *v6 = udp ? "/proc/thread-self/net/udp6"
			     : "/proc/thread-self/net/tcp6";
	uint64_t inode = find_inode(v4, port, 0);

	inode = find_inode(v6, port, inode);
	return inode != 0 && find_process(inode, ret);
}
