/* str.h - questions about strings, and numbers out of them. */
#ifndef CORE_BASE_STR_H
#define CORE_BASE_STR_H

#include "core/base/base.h"

bool str_eq(const char *a, const char *b); /* NULL equals NULL and "" */
bool str_empty(const char *s);		   /* NULL or "" */
bool str_starts(const char *s, const char *prefix);
bool str_ends(const char *s, const char *suffix);
int str_cmp_nocase(const char *a, const char *b);	  /* ASCII only */
const char *str_or(const char *s, const char *otherwise); /* if empty */

/* Whole strings of decimal digits (a sign for i64) only; false: *ret stays. */
bool str_to_u64(const char *s, uint64_t *ret);
bool str_to_i64(const char *s, int64_t *ret);

/*
 * The length of the UTF-8 sequence at s (1 to 4), or 0 if the bytes there are
 * not one. len is what is left of s, and not 0.
 */
size_t str_utf8_len(const char *s, size_t len);

/* "web2" before "web10": digits compare as numbers. A total order. */
int str_cmp_natural(const char *a, const char *b);

#endif
