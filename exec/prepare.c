/*
 * prepare.c - see prepare.h. First what a task cannot be prepared without
 * (its directories, its root, its volumes), then what Docker looks at when it
 * starts a container: a failure there is told at the start.
 */
#include "exec/prepare.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "core/base/str.h"
#include "exec/bundle.h"
#include "exec/caps.h"
#include "exec/etc_files.h"
#include "exec/fs.h"
#include "exec/pass_fd.h"
#include "exec/rootfs.h"
#include "exec/runtime.h"
#include "exec/volumes.h"

#define PASSWD_BYTES_MAX (2U << 20)
#define ETC_BYTES_MAX (256U << 10)
#define CGROUP2_MAGIC 0x63677270

struct work {
	const struct prepare *p;
	struct arena arena;
	struct order order;
	const char *container; /* ROOT/containers/ID */
	const char *netns;     /* NULL: the host's */
	bool host_network;
	int root_fd;
	const char **sources; /* of the service's mounts */
	struct plan_volume *volumes;
	uint32_t volume_count;
	struct prepared *out;
	int fds[PREPARE_FDS_MAX];   /* for the shim */
	int child[PREPARE_FDS_MAX]; /* the container's stdin, stdout, stderr */
};

/* ---- directories, root, volumes ----------------------------------------- */

static int
use_volumes(struct work *w, struct err *e)
{
	const struct container_spec *c = w->order.spec.container;
	struct volume_request q = {
		.root = w->order.root,
		.container = w->container,
		.rootfs_fd = w->root_fd,
	};
	int r = 0;

	w->sources = arena_array(&w->arena, c->mounts.count + 1,
				 sizeof(*w->sources));
	for (uint32_t i = 0; r == 0 && i < c->mounts.count; i++) {
		q.spec = &c->mounts.v[i];
		if (q.spec->type == MOUNT_BIND)
			w->sources[i] = q.spec->source;
		if (q.spec->type != MOUNT_VOLUME)
			continue;
		q.number++;
		r = volume_use(&q, &w->arena, &w->sources[i], e);
	}
	return r;
}

static bool
has_mount(const struct container_spec *c, const char *path, struct arena *a)
{
	for (uint32_t i = 0; i < c->mounts.count; i++) {
		const char *target = str_or(c->mounts.v[i].target, "");

		if (str_eq(path_clean(target, a), path))
			return true;
	}
	return false;
}

/* Paths that the image declares get a volume of the container's own. */
static int
use_image_volumes(struct work *w, struct err *e)
{
	const struct strings *paths = &w->order.image.volumes;
	int r = 0;

	w->volumes =
		arena_array(&w->arena, paths->count + 1, sizeof(*w->volumes));
	for (uint32_t i = 0; r == 0 && i < paths->count; i++) {
		struct plan_volume *v = &w->volumes[w->volume_count];
		struct mount m = { .type = MOUNT_VOLUME };
		struct volume_request q = {
			.root = w->order.root,
			.container = w->container,
			.number = 1000000 + i,
			.rootfs_fd = w->root_fd,
			.spec = &m,
		};

		m.target = path_clean(paths->v[i], &w->arena);
		if (m.target == NULL || strcmp(m.target, "/") == 0 ||
		    has_mount(w->order.spec.container, m.target, &w->arena))
			continue;
		v->destination = m.target;
		r = volume_use(&q, &w->arena, &v->source, e);
		w->volume_count++;
	}
	return r;
}

static int
make_root(struct work *w, struct err *e)
{
	char path[PATH_MAX];
	int r = rootfs_unshare(w->p->dir, e);

	if (r == 0)
		r = fs_mkdirs(w->container, 0700, e);
	if (r == 0)
		r = rootfs_mount(w->p->dir, w->container,
				 &w->order.image.layers, e);
	if (r == 0)
		r = fs_path(path, sizeof(path), e, "%s/rootfs", w->p->dir);
	if (r < 0)
		return r;
	w->root_fd = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (w->root_fd < 0)
		return err_set(e, -errno, "cannot open %s: %s", path,
			       strerror(errno));
	r = use_volumes(w, e);
	return r < 0 ? r : use_image_volumes(w, e);
}

/* ---- logs, binds, user -------------------------------------------------- */

static int
read_log_driver(struct work *w, struct err *e)
{
	static const struct driver json_file = { 0 };
	const struct driver *d = w->order.log_driver;

	if (d == NULL)
		d = w->order.spec.log_driver;
	if (d == NULL)
		d = &json_file;
	if (str_eq(d->name, "none"))
		return 0;
	if (!str_empty(d->name) && !str_eq(d->name, "json-file"))
		return err_set(e, -EINVAL,
			       "log driver \"%s\" is not supported: use "
			       "\"json-file\" or \"none\"",
			       d->name);
	w->out->keep_logs = true;
	return log_limits_read(&d->options, &w->out->limits, e);
}

static int
check_bind(const struct mount *m, struct err *e)
{
	struct stat st;

	if (str_empty(m->source) || m->source[0] != '/')
		return err_set(e, -EINVAL,
			       "invalid mount config for type \"bind\": "
			       "invalid mount path: '%s' mount path must be "
			       "absolute",
			       str_or(m->source, ""));
	if (stat(m->source, &st) == 0)
		return 0;
	if (errno != ENOENT)
		return err_set(e, -errno, "cannot look at bind source %s: %s",
			       m->source, strerror(errno));
	if (m->bind != NULL && m->bind->create_mountpoint)
		return fs_mkdirs(m->source, 0755, e);
	return err_set(e, -ENOENT,
		       "invalid mount config for type \"bind\": bind source "
		       "path does not exist: %s",
		       m->source);
}

static int
check_binds(struct work *w, struct err *e)
{
	const struct container_spec *c = w->order.spec.container;
	int r = 0;

	for (uint32_t i = 0; r == 0 && i < c->mounts.count; i++)
		if (c->mounts.v[i].type == MOUNT_BIND)
			r = check_bind(&c->mounts.v[i], e);
	return r;
}

static int
find_user(struct work *w, struct user_ids *ret, struct err *e)
{
	const struct container_spec *c = w->order.spec.container;
	struct buf passwd = { 0 }, group = { 0 };
	struct user_request q = {
		.spec = str_or(c->user, w->order.image.user),
		.groups = &c->groups,
	};
	int r = rootfs_read(w->root_fd, "/etc/passwd", PASSWD_BYTES_MAX,
			    &passwd, e);

	if (r == 0)
		r = rootfs_read(w->root_fd, "/etc/group", PASSWD_BYTES_MAX,
				&group, e);
	q.passwd = (struct passwd_text){ passwd.p, passwd.len };
	q.group = (struct passwd_text){ group.p, group.len };
	if (r == 0)
		r = passwd_resolve(&q, &w->arena, ret, e);
	buf_fini(&passwd);
	buf_fini(&group);
	return r;
}

/* ---- network and the files of /etc --------------------------------------- */

/* A new namespace, held by a mount that only this process and the runtime
 * see: when they and the container are gone, so is it, and its veth. */
static int
make_netns(const char *path, struct err *e)
{
	own_fd int back = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
	own_fd int file = open(path, O_RDONLY | O_CREAT | O_CLOEXEC, 0600);
	int r = 0;

	if (back < 0 || file < 0)
		return err_set(e, -errno, "cannot create %s: %s", path,
			       strerror(errno));
	if (unshare(CLONE_NEWNET) < 0)
		return err_set(e, -errno, "cannot make a network namespace: %s",
			       strerror(errno));
	if (mount("/proc/self/ns/net", path, NULL, MS_BIND, NULL) < 0)
		r = err_set(e, -errno, "cannot mount a namespace on %s: %s",
			    path, strerror(errno));
	if (setns(back, CLONE_NEWNET) < 0)
		r = err_set(e, -errno, "cannot leave a network namespace: %s",
			    strerror(errno));
	return r;
}

static int
make_network(struct work *w, struct err *e)
{
	const struct order *o = &w->order;
	const struct shim_net *net = w->p->net;
	int r;

	w->host_network = str_eq(o->network, "host");
	if (w->host_network)
		return 0;
	w->netns = arena_printf(&w->arena, "%s/netns", w->p->dir);
	r = make_netns(w->netns, e);
	if (r == 0)
		r = net->loopback(w->netns, e);
	if (r == 0 && str_empty(o->network) && !str_empty(o->address))
		r = net->attach(o->bridge, o->task_id, w->netns, o->address,
				o->gateway, e);
	return r;
}

static const char *
hostname_of(struct work *w)
{
	const char *given = w->order.hostname;
	struct utsname u;

	if (!str_empty(given))
		return given;
	if (w->host_network && uname(&u) == 0)
		return arena_strdup(&w->arena, u.nodename);
	return arena_strndup(&w->arena, str_or(w->order.container_id, "swarm"),
			     12);
}

static int
write_etc(struct work *w, const char *name, struct buf *text, struct err *e)
{
	const char *path = arena_printf(&w->arena, "%s/%s", w->container, name);
	int r = fs_write(path, text->p, text->len, 0644, e);

	buf_fini(text);
	return r;
}

static int
write_etc_files(struct work *w, const char *hostname, struct err *e)
{
	struct buf hosts = { 0 }, resolv = { 0 }, out = { 0 };
	struct etc_request q = {
		.host_network = w->host_network,
		.address = w->host_network ? NULL : w->order.address,
		.hostname = hostname,
		.spec = w->order.spec.container,
	};
	struct err ignored; /* a host without these files is fine */
	int r;

	(void)fs_read("/etc/hosts", ETC_BYTES_MAX, &hosts, &ignored);
	(void)fs_read("/etc/resolv.conf", ETC_BYTES_MAX, &resolv, &ignored);
	q.host = buf_cstr(&hosts);
	etc_hosts(&q, &out);
	r = write_etc(w, "hosts", &out, e);
	q.host = buf_cstr(&resolv);
	if (r == 0) {
		etc_resolv_conf(&q, &out);
		r = write_etc(w, "resolv.conf", &out, e);
	}
	if (r == 0) {
		buf_printf(&out, "%s\n", hostname);
		r = write_etc(w, "hostname", &out, e);
	}
	buf_fini(&hosts);
	buf_fini(&resolv);
	return r;
}

/* ---- the bundle ---------------------------------------------------------- */

static int
write_text(struct work *w, const char *name, struct buf *text, struct err *e)
{
	const char *path = arena_printf(&w->arena, "%s/%s", w->p->dir, name);
	int r = fs_write(path, text->p, text->len, 0600, e);

	buf_clear(text);
	return r;
}

/* It has mount_setattr(2), by which a tree of mounts is made read-only. */
static bool
kernel_sets_trees(void)
{
	return syscall(SYS_mount_setattr, -1, "", 0, NULL, 0) == 0 ||
	       errno != ENOSYS;
}

static int
plan_mounts(struct work *w, struct plan *ret, struct err *e)
{
	struct plan_request q = {
		.spec = w->order.spec.container,
		.sources = w->sources,
		.volumes = w->volumes,
		.volume_count = w->volume_count,
		.etc_dir = w->container,
		.init = w->order.spec.container->init == YES ? w->order.self
							     : NULL,
		.all_read_only = kernel_sets_trees(),
	};

	return mount_plan(&q, &w->arena, ret, e);
}

static void
prepend_init(struct work *w, struct strings *argv)
{
	struct strings with = { 0 };

	if (w->order.spec.container->init != YES)
		return;
	with.v = arena_array(&w->arena, argv->count + 3, sizeof(char *));
	with.v[with.count++] = "/sbin/docker-init"; /* this program */
	with.v[with.count++] = "container-init";
	with.v[with.count++] = "--";
	for (uint32_t i = 0; i < argv->count; i++)
		with.v[with.count++] = argv->v[i];
	*argv = with;
}

static bool
has_cgroup_v2(void)
{
	struct statfs fs;

	return statfs("/sys/fs/cgroup", &fs) == 0 && fs.f_type == CGROUP2_MAGIC;
}

static int
make_bundle(struct work *w, struct err *e)
{
	const struct container_spec *c = w->order.spec.container;
	struct bundle b = { .order = &w->order, .netns = w->netns };
	struct buf out = { 0 };
	int r;

	b.cgroup_v2 = has_cgroup_v2();
	b.hostname = hostname_of(w);
	b.rootfs = "rootfs";
	r = order_argv(&w->order, &w->arena, &b.argv, e);
	if (r == 0)
		r = find_user(w, &b.user, e);
	if (r == 0)
		r = caps_compute(&c->capability_add, &c->capability_drop,
				 caps_possible(), &b.caps, e);
	if (r == 0)
		r = plan_mounts(w, &b.plan, e);
	if (r == 0)
		r = write_etc_files(w, b.hostname, e);
	if (r < 0)
		return r;
	prepend_init(w, &b.argv);
	bundle_write(&b, &out);
	r = write_text(w, "config.json", &out, e);
	bundle_write_probe(&b, &out);
	if (r == 0)
		r = write_text(w, "probe.json", &out, e);
	buf_fini(&out);
	return r;
}

/* ---- runtime create ------------------------------------------------------ */

static int
make_pipes(struct work *w, struct err *e)
{
	int p[2];

	for (int i = 0; i < 3; i++) {
		/* the shim reads 1 and 2 (its fds 0 and 1), and keeps 0 open */
		bool in = i == 0;

		if (in && !w->order.spec.container->open_stdin)
			continue;
		if (pipe2(p, O_CLOEXEC) < 0)
			return err_set(e, -errno, "cannot make a pipe: %s",
				       strerror(errno));
		w->child[i] = in ? p[0] : p[1];
		w->fds[in ? 2 : i - 1] = in ? p[1] : p[0];
	}
	return 0;
}

static int
read_pid(struct work *w, struct err *e)
{
	const char *path = arena_printf(&w->arena, "%s/pid", w->p->dir);
	struct buf text = { 0 };
	uint64_t pid = 0;
	int r = fs_read(path, 32, &text, e);

	if (r == 0 &&
	    (!str_to_u64(buf_cstr(&text), &pid) || pid == 0 || pid > INT_MAX))
		r = err_set(e, -EINVAL, "%s has no process id", path);
	buf_fini(&text);
	w->out->pid = (int32_t)pid;
	return r;
}

static int
run_runtime(const struct work *w, const char *const args[], struct err *e)
{
	const struct runtime rt = {
		.program = w->order.runtime,
		.run = w->p->run,
		.dir = w->p->dir,
		.id = w->p->id,
	};
	const struct child_io io = {
		.fds = { w->child[0], w->child[1], w->child[2] },
		.dies_along = true,
	};
	pid_t pid = runtime_start(&rt, args, &io, e);

	if (pid < 0)
		return pid;
	return child_wait(pid) == 0 ? 0 : runtime_failed(&rt, "create", e);
}

/* Another daemon's last task went, and took "/swarm" along, in between. */
static bool
lost_its_cgroup(const struct err *e)
{
	return strstr(e->msg, "/swarm/") != NULL &&
	       strstr(e->msg, "no such file or directory") != NULL;
}

static int
run_create(struct work *w, struct err *e)
{
	const char *args[] = { "create",     "--bundle", w->p->dir,
			       "--pid-file", "pid",	 w->p->id,
			       NULL,	     NULL,	 NULL };
	own_fd int console = -1;
	int r;

	if (w->out->tty) {
		args[5] = "--console-socket";
		args[6] = "console.sock";
		args[7] = w->p->id;
		console = fd_listen("console.sock", e);
		if (console < 0)
			return console;
	}
	r = run_runtime(w, args, e);
	if (r < 0 && lost_its_cgroup(e))
		r = run_runtime(w, args, e);
	if (r < 0)
		return r;
	if (w->out->tty)
		w->fds[0] = fd_accept_and_receive(console, e);
	if (w->out->tty && w->fds[0] < 0)
		return w->fds[0];
	return read_pid(w, e);
}

static int
create(struct work *w, struct err *e)
{
	int r;

	w->out->tty = w->order.spec.container->tty;
	w->out->stop_signal = order_stop_signal(&w->order);
	/* the runtime, too, must be gone before somebody cleans up */
	(void)fcntl(w->p->lock_fd, F_SETFD, 0);
	if (chdir(w->p->dir) < 0)
		return err_set(e, -errno, "cannot enter %s: %s", w->p->dir,
			       strerror(errno));
	r = w->out->tty ? 0 : make_pipes(w, e);
	return r < 0 ? r : run_create(w, e);
}

static int
prepare_rest(struct work *w, struct err *e)
{
	int r = read_log_driver(w, e);

	if (r == 0)
		r = check_binds(w, e);
	if (r == 0)
		r = make_network(w, e);
	if (r == 0)
		r = make_bundle(w, e);
	return r < 0 ? r : create(w, e);
}

static int
read_order(struct work *w, struct err *e)
{
	const char *path = arena_printf(&w->arena, "%s/order", w->p->dir);
	int r = order_read(path, &w->arena, &w->order, e);

	if (r < 0)
		return r;
	w->container = arena_printf(&w->arena, "%s/containers/%s",
				    w->order.root, w->p->id);
	r = fs_path(w->out->root, sizeof(w->out->root), e, "%s", w->order.root);
	return r < 0 ? r
		     : fs_path(w->out->runtime, sizeof(w->out->runtime), e,
			       "%s", w->order.runtime);
}

static void
prepare_all(struct work *w)
{
	struct err e = { 0 };
	int r = read_order(w, &e);

	w->out->outcome = PREPARE_FAILED;
	if (r == 0)
		r = make_root(w, &e);
	if (r == 0) {
		w->out->outcome = PREPARE_CANNOT_START;
		r = prepare_rest(w, &e);
	}
	if (r == 0)
		w->out->outcome = PREPARE_OK;
	memcpy(w->out->err, e.msg, sizeof(w->out->err));
}

void
prepare_main(const struct prepare *p, int fd)
{
	static struct prepared out;
	struct work w = { .p = p, .out = &out };

	arena_init(&w.arena);
	w.root_fd = -1;
	for (int i = 0; i < PREPARE_FDS_MAX; i++)
		w.fds[i] = w.child[i] = -1;
	prepare_all(&w);
	if (out.outcome == PREPARE_OK)
		while (out.fd_count < PREPARE_FDS_MAX &&
		       w.fds[out.fd_count] >= 0)
			out.fd_count++;
	/* if the shim is not there any more, nobody needs it */
	(void)fd_send(fd, &out, sizeof(out), w.fds, out.fd_count);
	arena_fini(&w.arena);
}

int
prepare_receive(int fd, struct prepared *ret, int fds[PREPARE_FDS_MAX])
{
	size_t count = 0;
	ssize_t n =
		fd_receive(fd, ret, sizeof(*ret), fds, PREPARE_FDS_MAX, &count);

	if (n != (ssize_t)sizeof(*ret) || ret->fd_count != count) {
		for (size_t i = 0; i < count; i++)
			close(fds[i]);
		return -EPIPE;
	}
	return 0;
}
