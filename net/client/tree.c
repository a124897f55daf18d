/* tree.c - see tree.h. */
#include "net/client/tree.h"

#include <stdlib.h>
#include <string.h>

#include "core/base/check.h"
#include "core/base/mem.h"
#include "core/base/str.h"
#include "core/base/time_text.h"
#include "core/model/naming.h"

#define NAME_MAX_LEN 64 /* of one name in a path: paths are ours */

json_t *
tree_get(const json_t *tree, const char *path)
{
	char name[NAME_MAX_LEN];

	while (*path != '\0') {
		size_t len = strcspn(path, ".");

		if (len >= sizeof(name))
			return NULL;
		memcpy(name, path, len);
		name[len] = '\0';
		tree = json_object_get(tree, name);
		path += len + (path[len] == '.');
	}
	return json_is_null(tree) ? NULL : (json_t *)tree;
}

void
tree_set(json_t *tree, const char *path, json_t *v)
{
	char name[NAME_MAX_LEN];

	for (;;) {
		size_t len = strcspn(path, ".");
		json_t *next;

		check(len < sizeof(name));
		memcpy(name, path, len);
		name[len] = '\0';
		if (path[len] == '\0')
			break;
		next = json_object_get(tree, name);
		if (!json_is_object(next)) {
			next = json_object();
			json_object_set_new(tree, name, next);
		}
		tree = next;
		path += len + 1;
	}
	json_object_set_new(tree, name, v);
}

const char *
tree_str(const json_t *tree, const char *path)
{
	return str_or(json_string_value(tree_get(tree, path)), "");
}

int64_t
tree_i64(const json_t *tree, const char *path)
{
	return json_integer_value(tree_get(tree, path));
}

double
tree_float(const json_t *tree, const char *path)
{
	return json_number_value(tree_get(tree, path));
}

bool
tree_bool(const json_t *tree, const char *path)
{
	return json_is_true(tree_get(tree, path));
}

int64_t
tree_time(const json_t *tree, const char *path)
{
	int64_t ns = TIME_ZERO;

	(void)time_parse(tree_str(tree, path), &ns); /* else it stays zero */
	return ns;
}

json_t **
tree_sorted(const json_t *array, size_t *ret_count,
	    int (*cmp)(const void *, const void *))
{
	size_t n = json_array_size(array);
	json_t **list = mem_new_array(n + 1, sizeof(*list));

	for (size_t i = 0; i < n; i++)
		list[i] = json_array_get(array, i);
	qsort(list, n, sizeof(*list), cmp);
	*ret_count = n;
	return list;
}

const char *
text_title(struct arena *a, const char *s)
{
	char *out = arena_strdup(a, s);

	if (*out >= 'a' && *out <= 'z')
		*out = (char)(*out - 'a' + 'A');
	return out;
}

const char *
text_image(struct arena *a, const char *image)
{
	struct image_ref ref;
	struct err e;

	if (image_ref_parse(image, a, &ref, &e) != 0 || str_empty(ref.tag))
		return image;
	return image_ref_familiar(&ref, a, false);
}
