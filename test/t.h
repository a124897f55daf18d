/* t.h - the whole test harness: T(name) { ... } and one main. */
#ifndef TEST_T_H
#define TEST_T_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/check.h"

struct t {
	const char *name;
	void (*run)(void);
	struct t *next;
};

void t_add(struct t *t);

/* Names are sentences that are true: T(final_states_have_no_way_out). */
#define T(id)                                                                  \
	static void t_##id(void);                                              \
	__attribute__((constructor)) static void t_add_##id(void)              \
	{                                                                      \
		static struct t t = { #id, t_##id, NULL };                     \
		t_add(&t);                                                     \
	}                                                                      \
	static void t_##id(void)

/* Each ends the test on failure. Inside loops over rows, T_ROW says which. */
#define OK(cond) t_ok(__FILE__, __LINE__, #cond, (cond))
#define EQ(got, want)                                                          \
	t_eq(__FILE__, __LINE__, #got, (long long)(got), (long long)(want))
#define EQ_STR(got, want) t_eq_str(__FILE__, __LINE__, #got, got, want)
#define T_ROW(name) t_row(name)

void t_ok(const char *file, int line, const char *what, int cond);
void t_eq(const char *file, int line, const char *what, long long got,
	  long long want);
void t_eq_str(const char *file, int line, const char *what, const char *got,
	      const char *want);
void t_row(const char *name);

#endif
