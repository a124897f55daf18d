/* service_image.c - see service_image.h. */
#include "net/client/service_image.h"

#include <errno.h>
#include <jansson.h>
#include <string.h>

#include "core/base/str.h"
#include "core/model/naming.h"
#include "core/model/objects.h"

/* Platforms as the scheduler's filter takes them. */
static void
read_platforms(const json_t *list, struct task_spec *t, struct arena *a)
{
	size_t count = json_array_size(list);
	struct platform *v = arena_array(a, count, sizeof(*v));
	uint32_t kept = 0;

	for (size_t i = 0; i < count; i++) {
		json_t *row = json_array_get(list, i);
		const char *arch =
			json_string_value(json_object_get(row, "architecture"));
		const char *os = json_string_value(json_object_get(row, "os"));

		if (str_empty(arch) || str_eq(arch, "unknown"))
			continue;
		v[kept++] = (struct platform){
			str_eq(arch, "arm") ? "" : arena_strdup(a, arch),
			arena_strdup(a, os),
		};
	}
	if (kept == 0)
		return;
	if (t->placement == NULL)
		t->placement = arena_alloc(a, sizeof(*t->placement));
	t->placement->platforms.v = v;
	t->placement->platforms.count = kept;
}

static const char *
with_tag(struct cli *cli, const char *image, const char *digest)
{
	struct image_ref ref;
	struct err e;

	if (image_ref_parse(image, &cli->arena, &ref, &e) < 0)
		return image;
	if (str_empty(digest) || ref.digest != NULL)
		return image;
	ref.digest = digest;
	return image_ref_familiar(&ref, &cli->arena, true);
}

void
service_image_resolve(struct cli *cli, struct task_spec *t)
{
	const char *image = t->container->image, *digest;
	const char *path =
		arena_printf(&cli->arena, "/distribution/%s/json", image);
	json_t *root = NULL;
	struct err e;
	int r;

	if (str_empty(image))
		return;
	r = cli_get(cli, path, &root, &e);
	if (r < 0 && r != -ENOENT)
		return; /* the request itself will say what is wrong */
	if (r < 0) {
		fprintf(cli->err,
			"image %s is not on this node, so its digest is not "
			"recorded: load it with \"swarm image load\", or tasks "
			"will be rejected.\n",
			cli_clean(&cli->arena, image));
		return;
	}
	digest = json_string_value(
		json_object_get(json_object_get(root, "Descriptor"), "digest"));
	digest = digest ? arena_strdup(&cli->arena, digest) : NULL;
	t->container->image = with_tag(cli, image, digest);
	read_platforms(json_object_get(root, "Platforms"), t, &cli->arena);
	json_decref(root);
}
