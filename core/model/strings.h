/* strings.h - a struct strings as a set that keeps its order. */
#ifndef CORE_MODEL_STRINGS_H
#define CORE_MODEL_STRINGS_H

#include "core/model/type.h"

bool strings_has(const struct strings *list, const char *s);
/* At the end, unless it is there; the array and the copy of s are in a. */
void strings_add(struct strings *list, struct arena *a, const char *s);
/* In place: the array must be the list's own. Was it there? */
bool strings_remove(struct strings *list, const char *s);

#endif
