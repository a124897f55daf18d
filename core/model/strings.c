/* strings.c - see strings.h. */
#include "core/model/strings.h"

#include <string.h>

#include "core/base/str.h"

bool
strings_has(const struct strings *list, const char *s)
{
	for (uint32_t i = 0; i < list->count; i++)
		if (str_eq(list->v[i], s))
			return true;
	return false;
}

void
strings_add(struct strings *list, struct arena *a, const char *s)
{
	const char **v;

	if (strings_has(list, s))
		return;
	v = arena_array(a, list->count + 1, sizeof(*v));
	if (list->count > 0)
		memcpy(v, list->v, list->count * sizeof(*v));
	v[list->count] = arena_strdup(a, s);
	list->v = v;
	list->count++;
}

bool
strings_remove(struct strings *list, const char *s)
{
	for (uint32_t i = 0; i < list->count; i++) {
		if (!str_eq(list->v[i], s))
			continue;
		memmove(&list->v[i], &list->v[i + 1],
			(list->count - i - 1) * sizeof(*list->v));
		list->count--;
		return true;
	}
	return false;
}
