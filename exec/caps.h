/* caps.h - the capabilities of a container, as Docker works them out. */
#ifndef EXEC_CAPS_H
#define EXEC_CAPS_H

#include "core/base/err.h"
#include "core/model/type.h"

#define CAP_COUNT 41

/* "CAP_CHOWN" is bit 0; names go by the kernel's numbers. */
extern const char *const cap_names[CAP_COUNT];

/* The order in which Docker lists its defaults; ends with -1. */
extern const int cap_defaults[];

/*
 * The set as bits: the 14 defaults, less drop, plus add; "ALL" in either
 * means every one that is possible. Names are taken with or without CAP_, in
 * any case.
 */
int caps_compute(const struct strings *add, const struct strings *drop,
		 uint64_t possible, uint64_t *ret, struct err *e);

/* What this kernel has and this process may hand on. */
uint64_t caps_possible(void);

#endif
