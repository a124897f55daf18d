/*
 * image_remove.c - removing and pruning; see image.h. The index comes first:
 * what it no longer names is moved to tmp/, from where a thread removes it.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "core/base/json.h"
#include "core/base/str.h"
#include "core/base/time_text.h"
#include "core/model/naming.h"
#include "core/model/request.h"
#include "exec/image/digest.h"
#include "exec/image/image_reply.h"
#include "exec/image/images.h"
#include "exec/image/name.h"
#include "exec/image/own.h"

/* One change of the index, in memory until it is written. */
struct removal {
	struct images *im;
	struct arena a;
	struct image_index index;
	int lock;
	struct json w;		    /* [{"Untagged":..},{"Deleted":..}] */
	struct strings dead_layers; /* HEX */
	struct strings dead_blobs;  /* HEX */
	int64_t reclaimed;
	size_t changes;
};

static void
say(struct removal *x, const char *what, const char *name)
{
	json_open(&x->w, '{');
	json_put_str(&x->w, what, name);
	json_close(&x->w, '}');
	x->changes++;
}

static int
begin(struct removal *x, struct images *im, struct buf *out, struct err *e)
{
	int r;

	*x = (struct removal){ .im = im, .lock = -1, .w = { .out = out } };
	arena_init(&x->a);
	r = index_lock(im->dir, &x->lock, e);
	return r < 0 ? r : index_read(im->dir, &x->a, &x->index, e);
}

static void
end(struct removal *x)
{
	own_fd_end(&x->lock);
	arena_fini(&x->a);
}

/* A crash before this is through leaves garbage, and no more. */
static void
drop_files(struct removal *x)
{
	char from[96], to[96];

	for (uint32_t i = 0; i < x->dead_layers.count; i++) {
		snprintf(from, sizeof(from), "layers/%s", x->dead_layers.v[i]);
		snprintf(to, sizeof(to), "tmp/trash-%s", x->dead_layers.v[i]);
		(void)renameat(x->im->dir, from, x->im->dir, to);
	}
	for (uint32_t i = 0; i < x->dead_blobs.count; i++) {
		snprintf(from, sizeof(from), "blobs/sha256/%s",
			 x->dead_blobs.v[i]);
		(void)unlinkat(x->im->dir, from, 0);
	}
}

static int
commit(struct removal *x, struct err *e)
{
	int r = index_write(x->im->dir, &x->index, e);

	if (r == 0) {
		drop_files(x);
		r = images_reload(x->im, e);
	}
	if (r == 0 && x->dead_layers.count > 0)
		images_sweep(x->im);
	return r;
}

static bool
is_layer_used(const struct image_index *index, const char *hex)
{
	for (uint32_t i = 0; i < index->images.count; i++)
		if (strings_has(&index->images.v[i].layers, hex))
			return true;
	return false;
}

static void
remove_layer_record(struct image_index *index, struct layer_record *at)
{
	size_t i = (size_t)(at - index->layers.v);

	memmove(at, at + 1, (index->layers.count - i - 1) * sizeof(*at));
	index->layers.count--;
}

static void
drop_layers(struct removal *x, const struct strings *layers)
{
	for (uint32_t i = layers->count; i > 0; i--) {
		const char *hex = layers->v[i - 1];
		struct layer_record *layer = index_layer(&x->index, hex);

		if (layer == NULL || is_layer_used(&x->index, hex))
			continue;
		x->reclaimed += layer->size;
		remove_layer_record(&x->index, layer);
		strings_add(&x->dead_layers, &x->a, hex);
		say(x, "Deleted", arena_printf(&x->a, DIGEST_PREFIX "%s", hex));
	}
}

static void
drop_image(struct removal *x, const char *id)
{
	struct image_record *r = index_image(&x->index, id);
	struct image_record was = *r;
	size_t i = (size_t)(r - x->index.images.v);

	for (uint32_t k = 0; k < was.tags.count; k++)
		say(x, "Untagged", name_familiar(was.tags.v[k], &x->a));
	for (uint32_t k = 0; k < was.digests.count; k++)
		say(x, "Untagged", name_familiar(was.digests.v[k], &x->a));
	memmove(r, r + 1, (x->index.images.count - i - 1) * sizeof(*r));
	x->index.images.count--;
	say(x, "Deleted", was.id);
	strings_add(&x->dead_blobs, &x->a, digest_hex_part(was.id));
	if (digest_hex_part(was.manifest_digest) != NULL)
		strings_add(&x->dead_blobs, &x->a,
			    digest_hex_part(was.manifest_digest));
	drop_layers(x, &was.layers);
}

/* The full tag that ref means, if it is a tag of r; else NULL. */
static const char *
tag_meant(const struct image_record *r, const char *ref, struct arena *a)
{
	struct image_ref name;
	struct err ignored;
	const char *tag;

	if (image_ref_parse(ref, a, &name, &ignored) < 0 || name.tag == NULL ||
	    name.digest != NULL)
		return NULL;
	tag = name_tagged(&name, a);
	return strings_has(&r->tags, tag) ? tag : NULL;
}

/* What is asked for. */
struct target {
	const char *ref;
	const char *id;	 /* the image's */
	const char *tag; /* in full; NULL: the image is named by its id */
	bool force;
	bool in_use;
};

static int
conflict(const struct target *t, struct err *e)
{
	const char *id = t->id + strlen(DIGEST_PREFIX);

	if (t->tag != NULL)
		return err_set(e, -EBUSY,
			       "conflict: unable to remove repository "
			       "reference \"%s\" (must force) - a task on this "
			       "node is using its referenced image %.12s",
			       t->ref, id);
	return err_set(e, -EBUSY,
		       "conflict: unable to delete %.12s (cannot be forced) - "
		       "a task on this node is using the image",
		       id);
}

/* What may be removed, by Docker's rules. */
static int
check_remove(const struct target *t, uint32_t tag_count, struct err *e)
{
	bool untag = t->tag != NULL && (t->force || tag_count > 1);

	if (t->in_use && !untag)
		return conflict(t, e);
	if (t->tag == NULL && tag_count > 1 && !t->force)
		return err_set(e, -EBUSY,
			       "conflict: unable to delete %.12s (must be "
			       "forced) - image is referenced in multiple "
			       "repositories",
			       t->id + strlen(DIGEST_PREFIX));
	return 0;
}

static void
remove_one(struct removal *x, const struct target *t)
{
	struct image_record *r = index_image(&x->index, t->id);

	if (r == NULL) /* another was faster */
		return;
	if (t->tag == NULL || (r->tags.count <= 1 && !t->in_use))
		drop_image(x, t->id);
	else if (strings_remove(&r->tags, t->tag))
		say(x, "Untagged", name_familiar(t->tag, &x->a));
}

static int
remove_locked(struct removal *x, const char *ref, bool force,
	      const struct strings *in_use, struct err *e)
{
	const struct image_record *r;
	struct target t = { .ref = ref, .force = force };
	int code = images_resolve(x->im, ref, &x->a, &r, e);

	if (code < 0)
		return code;
	if (builtin_is(x->im, r))
		return err_set(e, -EBUSY,
			       "conflict: %s is built into this program and "
			       "cannot be removed",
			       ref);
	t.id = arena_strdup(&x->a, r->id);
	t.tag = tag_meant(r, ref, &x->a);
	t.in_use = strings_has(in_use, t.id);
	code = check_remove(&t, r->tags.count, e);
	if (code < 0)
		return code;
	remove_one(x, &t);
	return commit(x, e);
}

int
images_api_remove(struct images *im, const char *ref, bool force,
		  const struct strings *in_use, struct buf *body)
{
	struct removal x;
	struct err e;
	int r = begin(&x, im, body, &e);

	json_open(&x.w, '[');
	if (r == 0)
		r = remove_locked(&x, ref, force, in_use, &e);
	json_close(&x.w, ']');
	buf_putc(body, '\n');
	end(&x);
	return r < 0 ? image_reply_error(body, r, e.msg) : 200;
}

/* ---- prune -------------------------------------------------------------- */

static const char *const prune_filters[] = { "dangling", "label", "until",
					     NULL };

struct prune {
	struct filters filters;
	bool all; /* not only those without a tag */
	int64_t until_ns;
};

static int
read_prune(const char *json, struct arena *a, struct prune *ret, struct err *e)
{
	const struct strings *v;
	int r = 0;

	*ret = (struct prune){ .until_ns = INT64_MAX };
	if (!str_empty(json))
		r = filters_read(json, prune_filters, a, &ret->filters, e);
	if (r < 0)
		return r;
	v = filters_get(&ret->filters, "dangling");
	if (v != NULL && v->count > 0)
		ret->all = !image_reply_bool(v->v[0]);
	return image_read_until(&ret->filters, &ret->until_ns, e);
}

static bool
may_prune(const struct prune *p, const struct image_record *r,
	  const struct strings *in_use)
{
	if (strings_has(in_use, r->id))
		return false;
	if (!p->all && r->tags.count > 0)
		return false;
	return r->created <= p->until_ns &&
	       filters_match_labels(&p->filters, "label", &r->labels);
}

static int
prune_locked(struct removal *x, const char *filters_json,
	     const struct strings *in_use, struct err *e)
{
	struct prune p;
	int r = read_prune(filters_json, &x->a, &p, e);

	if (r < 0)
		return r;
	for (uint32_t i = x->index.images.count; i > 0; i--)
		if (may_prune(&p, &x->index.images.v[i - 1], in_use))
			drop_image(x, x->index.images.v[i - 1].id);
	return x->changes > 0 ? commit(x, e) : 0;
}

int
images_api_prune(struct images *im, const char *filters_json,
		 const struct strings *in_use, struct buf *body)
{
	owned(buf_fini) struct buf list = { 0 };
	struct json w = { .out = body };
	struct removal x;
	struct err e;
	int r = begin(&x, im, &list, &e);

	json_open(&x.w, '[');
	if (r == 0)
		r = prune_locked(&x, filters_json, in_use, &e);
	json_close(&x.w, ']');
	end(&x);
	if (r < 0)
		return image_reply_error(body, r, e.msg);
	json_open(&w, '{');
	json_key(&w, "ImagesDeleted");
	json_raw(&w, x.changes > 0 ? buf_cstr(&list) : "null");
	json_put_i64(&w, "SpaceReclaimed", x.reclaimed);
	json_close(&w, '}');
	buf_putc(body, '\n');
	return 200;
}
