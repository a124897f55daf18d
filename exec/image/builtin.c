/*
 * builtin.c - swarm/whoami:latest, the image that is this program. It is the
 * same on every node that runs the same version. Nothing is read, hashed or
 * written for it before a container wants it.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/base/json.h"
#include "core/base/str.h"
#include "exec/image/archive.h"
#include "exec/image/digest.h"
#include "exec/image/file.h"
#include "exec/image/images.h"
#include "exec/image/own.h"
#include "exec/image/tree.h"

#define BUILTIN_TAG "docker.io/swarm/whoami:latest"
#define BUILTIN_REPOSITORY "docker.io/swarm/whoami"
#define BUILTIN_PREFIX "whoami-"
/* There is no tar of it; so its diff id is that of its name. */
#define BUILTIN_LAYER "swarm/whoami layer 1"

/* A program that is not static (a build for debugging) runs in no image of
 * its own: then another binary can be named. */
static const char *
program(void)
{
	const char *named = getenv("SWARM_WHOAMI");

	return str_empty(named) ? "/proc/self/exe" : named;
}

static void
put_list(struct json *w, const char *key, const char *a, const char *b)
{
	json_key(w, key);
	json_open(w, '[');
	json_str(w, a);
	if (b != NULL)
		json_str(w, b);
	json_close(w, ']');
}

static const char *
digest_text(struct arena *a, const char *text)
{
	char hex[DIGEST_HEX_LEN + 1];

	digest_of(text, strlen(text), hex);
	return arena_printf(a, DIGEST_PREFIX "%s", hex);
}

static const char *
make_config(struct arena *a)
{
	owned(buf_fini) struct buf text = { 0 };
	struct json w = { .out = &text };

	json_open(&w, '{');
	json_put_str(&w, "architecture", archive_architecture());
	json_put_str(&w, "os", "linux");
	json_put_str(&w, "created", "2025-01-01T00:00:00Z");
	json_key(&w, "config");
	json_open(&w, '{');
	put_list(&w, "Entrypoint", "/swarm", "whoami");
	json_key(&w, "ExposedPorts");
	json_raw(&w, "{\"80/tcp\":{}}");
	json_put_str(&w, "WorkingDir", "/");
	json_put_str(&w, "StopSignal", "SIGTERM");
	json_close(&w, '}');
	json_key(&w, "rootfs");
	json_open(&w, '{');
	json_put_str(&w, "type", "layers");
	put_list(&w, "diff_ids", digest_text(a, BUILTIN_LAYER), NULL);
	json_close(&w, '}');
	json_close(&w, '}');
	return arena_strndup(a, text.p, text.len);
}

/* Its layer cannot be fetched, so the list of layers is empty. */
static const char *
make_manifest(struct arena *a, const char *id, size_t config_len)
{
	return arena_printf(a,
			    "{\"schemaVersion\":2,\"mediaType\":\"%s\","
			    "\"config\":{\"mediaType\":\"%s\",\"digest\":"
			    "\"%s\",\"size\":%zu},\"layers\":[]}",
			    OCI_MEDIA_MANIFEST, OCI_MEDIA_CONFIG, id,
			    config_len);
}

void
builtin_init(struct images *im)
{
	struct arena *a = &im->builtin_arena;
	struct image_record *r = &im->builtin;
	struct stat st = { 0 };

	im->builtin_config = make_config(a);
	r->id = digest_text(a, im->builtin_config);
	im->builtin_manifest =
		make_manifest(a, r->id, strlen(im->builtin_config));
	r->manifest_type = OCI_MEDIA_MANIFEST;
	r->manifest_digest = digest_text(a, im->builtin_manifest);
	r->manifest_size = (int64_t)strlen(im->builtin_manifest);
	strings_add(&r->tags, a, BUILTIN_TAG);
	strings_add(
		&r->digests, a,
		arena_printf(a, BUILTIN_REPOSITORY "@%s", r->manifest_digest));
	strings_add(&r->layers, a,
		    digest_hex_part(digest_text(a, BUILTIN_LAYER)));
	r->architecture = archive_architecture();
	r->os = "linux";
	r->created = INT64_C(1735689600) * NS_PER_S; /* as in the config */
	(void)stat(program(), &st);		     /* of no size, then */
	r->size = st.st_size;
}

bool
builtin_is(const struct images *im, const struct image_record *r)
{
	return r == &im->builtin;
}

static int
cannot(const char *what, struct err *e)
{
	int code = -errno;

	return err_set(e, code, "cannot %s the built-in image: %s", what,
		       strerror(-code));
}

static int
copy_self(int dir, struct err *e)
{
	own_fd int from = open(program(), O_RDONLY | O_CLOEXEC);
	own_fd int to = openat(
		dir, "swarm",
		O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0755);
	ssize_t n;

	if (from < 0 || to < 0)
		return cannot("make", e);
	do
		n = sendfile(to, from, NULL, 1 << 30);
	while (n > 0 || (n < 0 && errno == EINTR));
	if (n < 0 || fchmod(to, 0755) < 0)
		return cannot("write", e);
	return fsync(to) < 0 ? cannot("sync", e) : 0;
}

/* Made in tmp/ and renamed, so that a half copy is never run. */
static int
make_layer(struct images *im, const char *path, struct err *e)
{
	char tmp[64];
	own_fd int dir = -1;
	int r;

	snprintf(tmp, sizeof(tmp), "tmp/trash-whoami-%d", (int)getpid());
	(void)tree_remove(im->dir, tmp, NULL); /* mkdir finds it otherwise */
	r = file_mkdir(im->dir, tmp, 0755, e);
	if (r < 0)
		return r;
	dir = openat(im->dir, tmp, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (dir < 0 || fchmod(dir, 0755) < 0)
		return cannot("make", e);
	r = copy_self(dir, e);
	if (r < 0) {
		/* Half a copy on a full disk would keep it full. */
		(void)tree_remove(im->dir, tmp, NULL);
		return r;
	}
	if (renameat(im->dir, tmp, im->dir, path) == 0)
		return 0;
	if (errno != EEXIST && errno != ENOTEMPTY)
		return cannot("move", e);
	(void)tree_remove(im->dir, tmp, NULL); /* another made it */
	return 0;
}

/* Named by the program file, so that an upgrade brings a new layer. */
int
builtin_layer(struct images *im, struct arena *a, const char **ret,
	      struct err *e)
{
	struct stat st;
	const char *path;
	int r;

	if (stat(program(), &st) < 0)
		return cannot("find the program of", e);
	path = arena_printf(a, "layers/" BUILTIN_PREFIX "%llx-%llx-%llx",
			    (unsigned long long)st.st_ino,
			    (unsigned long long)st.st_size,
			    (unsigned long long)st.st_mtim.tv_sec * 1000000000 +
				    (unsigned long long)st.st_mtim.tv_nsec);
	if (faccessat(im->dir, path, F_OK, 0) < 0) {
		r = make_layer(im, path, e);
		if (r < 0)
			return r;
	}
	*ret = arena_printf(a, "%s/%s", im->path, path);
	return 0;
}
