/* host.c - see host.h. */
#include "exec/host.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "core/base/check.h"
#include "core/base/str.h"
#include "exec/fs.h"

#define OS_RELEASE_MAX 65536

void
host_describe(const char *hostname, const char *version, struct arena *a,
	      struct node_description *ret)
{
	static const struct plugin plugins[] = {
		{ "Log", "json-file" }, { "Network", "bridge" },
		{ "Network", "host" },	{ "Network", "null" },
		{ "Volume", "local" },
	};
	struct utsname u;

	check(uname(&u) == 0);
	*ret = (struct node_description){ 0 };
	ret->hostname = arena_strdup(a, str_or(hostname, u.nodename));
	ret->platform.architecture = arena_strdup(a, u.machine);
	ret->platform.os = "linux";
	ret->resources.nano_cpus = sysconf(_SC_NPROCESSORS_ONLN) * NS_PER_S;
	ret->resources.memory_bytes =
		sysconf(_SC_PHYS_PAGES) * sysconf(_SC_PAGESIZE);
	ret->engine.version = arena_strdup(a, version);
	ret->engine.plugins.v = arena_dup(a, plugins, sizeof(plugins));
	ret->engine.plugins.count = ARRAY_LEN(plugins);
}

/* The value of PRETTY_NAME=, without its quotes. */
static const char *
pretty_name(const char *text, struct arena *a)
{
	static const char key[] = "PRETTY_NAME=";

	for (const char *p = text; *p != '\0'; p += strspn(p, "\n")) {
		size_t len = strcspn(p, "\n");

		if (str_starts(p, key)) {
			p += sizeof(key) - 1;
			len -= sizeof(key) - 1;
			if (len >= 2 && (*p == '"' || *p == '\'') &&
			    p[len - 1] == *p)
				return arena_strndup(a, p + 1, len - 2);
			return arena_strndup(a, p, len);
		}
		p += len;
	}
	return NULL;
}

static const char *
find_system(struct arena *a)
{
	static const char *const paths[] = { "/etc/os-release",
					     "/usr/lib/os-release" };
	const char *name = NULL;

	for (size_t i = 0; i < ARRAY_LEN(paths) && name == NULL; i++) {
		struct buf text = { 0 };
		struct err e;

		if (fs_read(paths[i], OS_RELEASE_MAX, &text, &e) == 0)
			name = pretty_name(buf_cstr(&text), a);
		buf_fini(&text);
	}
	return name;
}

/*
 * The address that a packet to the world would leave with. Connecting a
 * datagram socket asks the routes and sends nothing.
 */
static const char *
find_addr(struct arena *a)
{
	struct sockaddr_in in = { .sin_family = AF_INET,
				  .sin_port = htons(9),
				  .sin_addr.s_addr = htonl(0xc0000201) };
	socklen_t len = sizeof(in);
	char text[INET_ADDRSTRLEN];
	const char *found = NULL;
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return NULL;
	if (connect(fd, (struct sockaddr *)&in, len) == 0 &&
	    getsockname(fd, (struct sockaddr *)&in, &len) == 0 &&
	    inet_ntop(AF_INET, &in.sin_addr, text, sizeof(text)) != NULL)
		found = arena_strdup(a, text);
	(void)close(fd);
	return found;
}

void
host_find_facts(struct arena *a, struct host_facts *ret)
{
	struct utsname u;

	check(uname(&u) == 0);
	ret->kernel_version = arena_strdup(a, u.release);
	ret->operating_system = find_system(a);
	ret->default_addr = find_addr(a);
}

static const char *
look_up(const char *name, struct arena *a)
{
	static const char *const dirs[] = {
		"/usr/local/sbin", "/usr/local/bin", "/usr/sbin",
		"/usr/bin",	   "/sbin",	     "/bin",
	};

	for (size_t i = 0; i < ARRAY_LEN(dirs); i++) {
		const char *path = arena_printf(a, "%s/%s", dirs[i], name);

		if (access(path, X_OK) == 0)
			return path;
	}
	return NULL;
}

int
host_find_runtime(const char *given, struct arena *a, const char **ret,
		  struct err *e)
{
	const char *path;

	if (!str_empty(given)) {
		path = strchr(given, '/') ? given : look_up(given, a);
		if (path == NULL || access(path, X_OK) != 0)
			return err_set(e, -ENOENT,
				       "the runtime %s is not there or cannot "
				       "be executed: check --runtime",
				       given);
	} else {
		path = look_up("runc", a);
		if (path == NULL)
			path = look_up("crun", a);
		if (path == NULL)
			return err_set(e, -ENOENT,
				       "no container runtime is installed: "
				       "install runc or crun, or name one "
				       "with --runtime PATH");
	}
	*ret = path;
	return 0;
}

int
host_make_dir(const char *path, unsigned mode, struct err *e)
{
	if (mkdir(path, mode) < 0 && errno != EEXIST)
		return err_set(e, -errno, "make the directory %s: %s", path,
			       strerror(errno));
	return 0;
}

int
host_notify_ready(struct err *e)
{
	const char *path = getenv("NOTIFY_SOCKET");
	struct sockaddr_un sun = { .sun_family = AF_UNIX };
	size_t len = path ? strlen(path) : 0;
	ssize_t sent;
	int fd;

	if (len == 0 || len >= sizeof(sun.sun_path))
		return 0;
	memcpy(sun.sun_path, path, len);
	if (sun.sun_path[0] == '@')
		sun.sun_path[0] = '\0';
	fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return err_set(e, -errno, "socket: %s", strerror(errno));
	sent = sendto(
		fd, "READY=1", 7, MSG_NOSIGNAL, (void *)&sun,
		(socklen_t)(offsetof(struct sockaddr_un, sun_path) + len));
	(void)close(fd);
	if (sent < 0)
		return err_set(e, -errno, "notify %s: %s", path,
			       strerror(errno));
	return 0;
}
