/* type_impl.h - what the codecs share among themselves. */
#ifndef CORE_MODEL_TYPE_IMPL_H
#define CORE_MODEL_TYPE_IMPL_H

#include "core/model/type.h"

/* The common shape of LIST_OF(T), struct strings and struct kvs. */
struct any_list {
	void *v;
	uint32_t count;
};

static inline void *
field_at(const struct field *f, const void *obj)
{
	return (char *)obj + f->offset;
}

/* What the field takes in its struct; 0 if it has no place there. */
size_t field_size(const struct field *f);

/* Is this the value that is left out? Structs: all their fields are. */
bool field_is_zero(const struct field *f, const void *p);
void field_clear(const struct field *f, void *p);
/* All fields of the table; members that are in no table stay. */
void type_clear(const struct type *t, void *obj);

void kvs_sort(struct kvs *m);
void strings_sort(struct strings *s);
bool strings_are_sorted(const struct strings *s); /* and without twins */
bool kvs_are_sorted(const struct kvs *m);	  /* and without twins */

/* Where a reader is: a chain of names and indexes on the stack. */
struct where {
	const struct where *up;
	const char *name; /* NULL: an index */
	uint32_t index;
};

/* -EINVAL, with "Path.To[2].Field: " before the message. */
int where_fail(const struct where *w, struct err *e, const char *fmt, ...)
	printf_like(3, 4);

#endif
