/* image.c - see image.h: opening the store, finding images, starting loads. */
#include "exec/image/image.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/base/check.h"
#include "core/base/mem.h"
#include "core/base/str.h"
#include "core/model/naming.h"
#include "exec/image/digest.h"
#include "exec/image/file.h"
#include "exec/image/images.h"
#include "exec/image/name.h"
#include "exec/image/own.h"
#include "exec/image/spool.h"

#define ID_PREFIX_MIN 1
#define PIPE_BYTES (1 << 20)

extern char **environ;

static int
make_dirs(int dir, struct err *e)
{
	static const char *const names[] = { "blobs", "blobs/sha256", "layers",
					     "tmp" };
	int r = 0;

	for (size_t i = 0; r == 0 && i < ARRAY_LEN(names); i++)
		r = file_mkdir(dir, names[i], 0700, e);
	return r;
}

static int
open_dir(const char *root, int *ret_fd, struct err *e)
{
	own_fd int top = open(root, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	own_fd int dir = -1;
	int r;

	if (top < 0)
		return err_set(e, -errno, "cannot open %s: %s", root,
			       strerror(errno));
	r = file_mkdir(top, "images", 0700, e);
	if (r < 0)
		return r;
	dir = openat(top, "images", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (dir < 0)
		return err_set(e, -errno, "cannot open %s/images: %s", root,
			       strerror(errno));
	r = make_dirs(dir, e);
	if (r == 0)
		*ret_fd = take_fd(&dir);
	return r;
}

/* Overlayfs wants absolute directories. */
static int
find_path(const char *root, struct arena *a, const char **ret, struct err *e)
{
	char path[PATH_MAX];

	if (realpath(root, path) == NULL)
		return err_set(e, -errno, "cannot find %s: %s", root,
			       strerror(errno));
	*ret = arena_printf(a, "%s/images", path);
	return 0;
}

int
images_open(const char *root, struct images **ret, struct err *e)
{
	struct images *im = mem_new(sizeof(*im));
	int r;

	im->dir = -1;
	arena_init(&im->arena);
	arena_init(&im->builtin_arena);
	r = open_dir(root, &im->dir, e);
	if (r == 0)
		r = find_path(root, &im->builtin_arena, &im->path, e);
	if (r == 0)
		r = images_reload(im, e);
	if (r < 0) {
		images_close(im);
		return r;
	}
	builtin_init(im);
	images_sweep(im);
	*ret = im;
	return 0;
}

void
images_close(struct images *im)
{
	if (im == NULL)
		return;
	images_sweep_end(im);
	own_fd_end(&im->dir);
	arena_fini(&im->arena);
	arena_fini(&im->builtin_arena);
	mem_free(im);
}

int
images_reload(struct images *im, struct err *e)
{
	struct image_index index;
	struct arena a;
	int r;

	arena_init(&a);
	r = index_read(im->dir, &a, &index, e);
	if (r < 0) {
		arena_fini(&a);
		return r;
	}
	arena_fini(&im->arena);
	im->arena = a;
	im->index = index;
	return 0;
}

size_t
images_total(const struct images *im)
{
	return im->index.images.count + 1;
}

const struct image_record *
images_at(const struct images *im, size_t i)
{
	check(i < images_total(im));
	return i == 0 ? &im->builtin : &im->index.images.v[i - 1];
}

size_t
images_count(struct images *im)
{
	return images_total(im);
}

/* ---- finding ------------------------------------------------------------ */

static const struct image_record *
find_name(struct images *im, const char *tag, const char *digest)
{
	for (size_t i = 0; i < images_total(im); i++) {
		const struct image_record *r = images_at(im, i);

		if (digest != NULL ? strings_has(&r->digests, digest)
				   : strings_has(&r->tags, tag))
			return r;
	}
	return NULL;
}

/* The digits of an id or of its beginning, or NULL. */
static const char *
id_digits(const char *ref)
{
	size_t prefix = strlen(DIGEST_PREFIX);
	const char *hex = ref;

	if (strncmp(ref, DIGEST_PREFIX, prefix) == 0)
		hex = ref + prefix;
	if (strlen(hex) < ID_PREFIX_MIN || strlen(hex) > DIGEST_HEX_LEN ||
	    strspn(hex, "0123456789abcdef") != strlen(hex))
		return NULL;
	return hex;
}

static int
find_id(struct images *im, const char *hex, const struct image_record **ret,
	struct err *e)
{
	const struct image_record *found = NULL;

	for (size_t i = 0; i < images_total(im); i++) {
		const struct image_record *r = images_at(im, i);

		if (!str_starts(r->id + strlen(DIGEST_PREFIX), hex))
			continue;
		if (found != NULL)
			return err_set(e, -EINVAL,
				       "the image id %s is ambiguous: several "
				       "images begin with it",
				       hex);
		found = r;
	}
	if (found != NULL)
		*ret = found;
	return found != NULL ? 0 : -ENOENT;
}

int
images_resolve(struct images *im, const char *ref, struct arena *a,
	       const struct image_record **ret, struct err *e)
{
	const char *hex = id_digits(ref), *tag = NULL, *digest = NULL;
	struct image_ref name;
	int r = -ENOENT;

	if (hex != NULL && strlen(hex) == DIGEST_HEX_LEN)
		r = find_id(im, hex, ret, e);
	if (r == -ENOENT && image_ref_parse(ref, a, &name, e) == 0) {
		if (name.tag != NULL)
			tag = name_tagged(&name, a);
		if (name.digest != NULL)
			digest = name_digested(&name, name.digest, a);
		*ret = find_name(im, tag, digest);
		if (*ret != NULL)
			return 0;
		ref = image_ref_familiar(&name, a, true);
	}
	if (r == -ENOENT && hex != NULL)
		r = find_id(im, hex, ret, e);
	return r == -ENOENT ? err_set(e, r, "No such image: %s", ref) : r;
}

static int
config_text(struct images *im, const struct image_record *r, struct buf *ret,
	    struct err *e)
{
	const char *hex = digest_hex_part(r->id);
	char name[sizeof("blobs/sha256/") + DIGEST_HEX_LEN];
	char got[DIGEST_HEX_LEN + 1];
	int code;

	if (builtin_is(im, r)) {
		buf_puts(ret, im->builtin_config);
		return 0;
	}
	if (hex == NULL)
		return err_set(e, -EPROTO,
			       "the image list has the id "
			       "\"%.80s\"",
			       r->id);
	snprintf(name, sizeof(name), "blobs/sha256/%s", hex);
	code = file_read(im->dir, name, SPOOL_TEXT_MAX, ret, e);
	if (code < 0) /* -ENOENT would say that there is no such image */
		return err_wrap(e, -EIO, "image %.19s", r->id);
	digest_of(ret->p, ret->len, got);
	if (strcmp(got, hex) != 0)
		return err_set(e, -EIO,
			       "the configuration of the image %.19s is "
			       "damaged on the disk; remove the image and "
			       "load it again",
			       r->id);
	return 0;
}

int
images_config(struct images *im, const struct image_record *r, struct arena *a,
	      struct oci_image *ret, struct err *e)
{
	owned(buf_fini) struct buf text = { 0 };
	int code = config_text(im, r, &text, e);

	if (code < 0)
		return code;
	code = model_json_read(&oci_image_type, buf_cstr(&text), text.len, a,
			       ret, e);
	return code < 0 ? err_wrap(e, code, "image %.19s", r->id) : 0;
}

static int
layer_dirs(struct images *im, const struct image_record *r, struct arena *a,
	   struct strings *ret, struct err *e)
{
	ret->count = r->layers.count;
	ret->v = arena_array(a, ret->count, sizeof(*ret->v));
	if (builtin_is(im, r))
		return builtin_layer(im, a, &ret->v[0], e);
	for (uint32_t i = 0; i < ret->count; i++)
		ret->v[i] = arena_printf(a, "%s/layers/%s", im->path,
					 r->layers.v[i]);
	return 0;
}

/* How the image is called by who asked for it as ref. */
static const char *
reference_of(const struct image_record *r, const char *ref, struct arena *a)
{
	struct image_ref name;
	struct err ignored;

	if (id_digits(ref) == NULL &&
	    image_ref_parse(ref, a, &name, &ignored) == 0)
		return image_ref_familiar(&name, a, name.tag == NULL);
	return r->tags.count > 0 ? name_familiar(r->tags.v[0], a)
				 : arena_strdup(a, r->id);
}

/* All strings of the record live in the index's arena, not in a. */
static void
copy_config(const struct oci_image *from, const struct image_record *r,
	    struct arena *a, struct image_config *ret)
{
	const struct oci_config *c = &from->config;

	ret->id = arena_strdup(a, r->id);
	ret->repo_digest =
		r->digests.count > 0 ? name_familiar(r->digests.v[0], a) : NULL;
	ret->entrypoint = c->entrypoint;
	ret->cmd = c->cmd;
	ret->env = c->env;
	ret->user = c->user;
	ret->working_dir = c->working_dir;
	ret->stop_signal = c->stop_signal;
	ret->labels = c->labels;
	ret->volumes = c->volumes;
	ret->exposed_ports = c->exposed_ports;
	ret->healthcheck = c->healthcheck;
	ret->architecture = from->architecture;
	ret->os = str_or(from->os, "linux");
	ret->size = r->size;
}

int
images_find(struct images *im, const char *ref, struct arena *a,
	    struct image_config *ret, struct err *e)
{
	struct image_config config = { 0 };
	const struct image_record *r;
	struct oci_image image;
	int code = images_resolve(im, ref, a, &r, e);

	if (code == 0)
		code = images_config(im, r, a, &image, e);
	if (code == 0)
		code = layer_dirs(im, r, a, &config.layers, e);
	if (code < 0)
		return code;
	copy_config(&image, r, a, &config);
	config.reference = reference_of(r, ref, a);
	*ret = config;
	return 0;
}

/* ---- loading ------------------------------------------------------------ */

static int
make_pipe(int ret[2], struct err *e)
{
	if (pipe2(ret, O_CLOEXEC) < 0)
		return err_set(e, -errno, "cannot make a pipe: %s",
			       strerror(errno));
	/* Beyond the user's allowance it stays small: slower, no worse. */
	(void)fcntl(ret[1], F_SETPIPE_SZ, PIPE_BYTES);
	return 0;
}

static void
set_nonblock(int fd)
{
	check(fcntl(fd, F_SETFL, O_NONBLOCK) == 0);
}

/* in and out become the child's 0 and 1, all else is closed by exec. */
static int
spawn_loader(struct images *im, const struct load_options *o, const int fds[2],
	     int *ret_pid)
{
	owned(buf_fini) struct buf name = { 0 };
	const char *argv[] = { "swarm", "image-loader", im->path,
			       NULL,	NULL,		NULL };
	size_t argc = 3;
	posix_spawn_file_actions_t actions;
	posix_spawnattr_t attr;
	sigset_t set;
	pid_t pid;
	int r;

	if (o->quiet)
		argv[argc++] = "--quiet";
	buf_printf(&name, "--name=%s", str_or(o->name, ""));
	if (!str_empty(o->name))
		argv[argc++] = buf_cstr(&name);
	posix_spawn_file_actions_init(&actions);
	posix_spawn_file_actions_adddup2(&actions, fds[0], STDIN_FILENO);
	posix_spawn_file_actions_adddup2(&actions, fds[1], STDOUT_FILENO);
	posix_spawnattr_init(&attr);
	sigfillset(&set);
	posix_spawnattr_setsigdefault(&attr, &set);
	sigemptyset(&set);
	posix_spawnattr_setsigmask(&attr, &set);
	posix_spawnattr_setflags(&attr, POSIX_SPAWN_SETSIGDEF |
						POSIX_SPAWN_SETSIGMASK);
	r = posix_spawn(&pid, o->self, &actions, &attr, (char *const *)argv,
			environ);
	posix_spawnattr_destroy(&attr);
	posix_spawn_file_actions_destroy(&actions);
	if (r == 0)
		*ret_pid = pid;
	return -r;
}

int
images_load_start(struct images *im, const struct load_options *o, int *ret_pid,
		  int *ret_in_fd, int *ret_out_fd, struct err *e)
{
	int in[2] = { -1, -1 }, out[2] = { -1, -1 };
	int r = make_pipe(in, e);

	if (r == 0)
		r = make_pipe(out, e);
	if (r == 0) {
		r = spawn_loader(im, o, (int[]){ in[0], out[1] }, ret_pid);
		if (r < 0)
			err_set(e, r, "cannot start the image loader, %s: %s",
				o->self, strerror(-r));
	}
	own_fd_end(&in[0]);
	own_fd_end(&out[1]);
	if (r < 0) {
		own_fd_end(&in[1]);
		own_fd_end(&out[0]);
		return r;
	}
	set_nonblock(in[1]);
	set_nonblock(out[0]);
	*ret_in_fd = in[1];
	*ret_out_fd = out[0];
	return 0;
}
