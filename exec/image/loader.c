/* loader.c - see loader.h. */
#include "exec/image/loader.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/base/mem.h"
#include "core/base/str.h"
#include "exec/image/file.h"
#include "exec/image/loader_impl.h"
#include "exec/image/name.h"
#include "exec/image/own.h"
#include "exec/image/tree.h"

#define GIB (UINT64_C(1) << 30)

/*
 * deflate cannot do better than 1032 to 1; what beats 200 over a whole GiB
 * is a file of zeros or a bomb, and both are unwelcome.
 */
const struct loader_config loader_defaults = {
	.dir = -1,
	.in_fd = -1,
	.out_fd = -1,
	.archive = { .bytes = 20 * GIB, .ratio = 200, .ratio_from = GIB },
	.layer = { .bytes = 20 * GIB, .ratio = 200, .ratio_from = GIB },
	.unpacked_bytes = 20 * GIB,
	.unpacked_entries = 1000000,
};

void
new_layer_name(const char *hex, char ret[NEW_LAYER_NAME_MAX])
{
	snprintf(ret, NEW_LAYER_NAME_MAX, "layer-%s", hex);
}

static void
on_progress(void *ctx)
{
	loader_say_progress(ctx, false);
}

static struct new_layer *
find_new(struct loader *l, const char *hex)
{
	for (size_t i = 0; i < l->layer_count; i++)
		if (strcmp(l->layers[i].hex, hex) == 0)
			return &l->layers[i];
	return NULL;
}

/* Unpacks what u gives into the directory, and compares its digest. */
static int
unpack_verified(struct loader *l, int dir, struct unzip *u, const char *hex,
		uint64_t *ret_bytes, struct err *e)
{
	char got[DIGEST_HEX_LEN + 1];
	struct digest d;
	int r;

	digest_init(&d);
	unzip_hash(u, &d);
	r = layer_unpack(dir, u, &l->budget, ret_bytes, e);
	if (r < 0)
		return r;
	digest_hex(&d, got);
	if (strcmp(got, hex) != 0)
		return err_set(e, -EPROTO,
			       "its content is sha256:%s, the image's "
			       "configuration promises sha256:%s",
			       got, hex);
	return 0;
}

static int
unpack_into(struct loader *l, int dir, const struct member *m, const char *hex,
	    uint64_t *ret_bytes, struct err *e)
{
	own_fd int fd = -1;
	struct unzip *u;
	int r = spool_open(&l->spool, m, &fd, e);

	if (r < 0)
		return r;
	u = unzip_new(fd, "it", &l->config->layer);
	l->at = u;
	l->at_hex = hex;
	l->at_total = m->size;
	loader_say_progress(l, false);
	r = unpack_verified(l, dir, u, hex, ret_bytes, e);
	if (r == 0)
		loader_say_progress(l, true);
	unzip_free(u);
	return r;
}

static int
unpack_layer(struct loader *l, const struct member *m, const char *hex,
	     struct err *e)
{
	char name[NEW_LAYER_NAME_MAX];
	own_fd int dir = -1;
	uint64_t bytes;
	int r;

	if (index_layer(&l->index, hex) != NULL || find_new(l, hex) != NULL)
		return 0;
	new_layer_name(hex, name);
	r = file_mkdir(l->tmp, name, 0755, e);
	if (r < 0)
		return r;
	dir = openat(l->tmp, name,
		     O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (dir < 0)
		return err_set(e, -errno, "cannot open its directory: %s",
			       strerror(errno));
	r = unpack_into(l, dir, m, hex, &bytes, e);
	if (r < 0)
		return r;
	l->layers = mem_grow(l->layers, l->layer_count, &l->layer_cap,
			     sizeof(*l->layers));
	l->layers[l->layer_count++] = (struct new_layer){
		.hex = hex,
		.size = (int64_t)bytes,
	};
	return 0;
}

static int
unpack_images(struct loader *l, struct err *e)
{
	for (size_t i = 0; i < l->plan.count; i++) {
		const struct image_plan *it = &l->plan.images[i];
		const struct strings *ids = &it->image.rootfs.diff_ids;

		for (uint32_t k = 0; k < ids->count; k++) {
			const char *hex = digest_hex_part(ids->v[k]);
			int r = unpack_layer(l, it->layers[k], hex, e);

			if (r < 0)
				return err_wrap(e, r, "layer %.12s", hex);
		}
	}
	return 0;
}

static void
say_loaded(struct loader *l)
{
	for (size_t i = 0; i < l->plan.count; i++) {
		const struct image_plan *it = &l->plan.images[i];

		for (uint32_t k = 0; k < it->names.count; k++)
			loader_say_stream(l, "Loaded image: %s\n",
					  name_familiar(it->names.v[k], &l->a));
		if (it->names.count == 0)
			loader_say_stream(l, "Loaded image ID: %s\n", it->id);
	}
}

static int
load(struct loader *l, struct err *e)
{
	int r = index_read(l->config->dir, &l->a, &l->index, e);

	if (r == 0)
		r = spool_read(&l->spool, l->config->in_fd, &l->config->archive,
			       e);
	if (r == 0)
		r = archive_plan(&l->spool, l->config->name, &l->a, &l->plan,
				 e);
	if (r == 0)
		r = unpack_images(l, e);
	if (r == 0)
		r = loader_commit(l, e);
	if (r == 0)
		say_loaded(l);
	return r;
}

/* Locked, so that a sweep sees that it is in use. */
static int
make_tmp(struct loader *l, struct err *e)
{
	uint64_t random;
	own_fd int tmp = -1;
	int r = file_mkdir(l->config->dir, "tmp", 0700, e);

	if (r < 0)
		return r;
	if (getrandom(&random, sizeof(random), 0) != sizeof(random))
		return err_set(e, -EIO, "the kernel gives no random bytes");
	snprintf(l->tmp_name, sizeof(l->tmp_name), "tmp/load-%016llx",
		 (unsigned long long)random);
	r = file_mkdir(l->config->dir, l->tmp_name, 0700, e);
	if (r < 0)
		return r;
	tmp = openat(l->config->dir, l->tmp_name,
		     O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (tmp < 0 || flock(tmp, LOCK_EX | LOCK_NB) < 0)
		return err_set(e, -errno, "cannot use the directory %s: %s",
			       l->tmp_name, strerror(errno));
	l->tmp = take_fd(&tmp);
	return 0;
}

int
loader_run(const struct loader_config *config, struct err *e)
{
	struct loader l = {
		.config = config,
		.tmp = -1,
		.budget = { .bytes = config->unpacked_bytes,
			    .entries = config->unpacked_entries,
			    .progress = on_progress,
			    .ctx = &l },
	};
	int r;

	arena_init(&l.a);
	r = make_tmp(&l, e);
	spool_init(&l.spool, l.tmp);
	if (r == 0)
		r = load(&l, e);
	if (r < 0)
		loader_say_error(&l, e->msg);
	if (l.tmp >= 0) /* what stays is swept at the next start */
		(void)tree_remove(config->dir, l.tmp_name, NULL);
	own_fd_end(&l.tmp);
	spool_fini(&l.spool);
	mem_free(l.layers);
	arena_fini(&l.a);
	return r;
}
