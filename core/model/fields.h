/*
 * fields.h - macros for the rows of field tables: for the .c files that hold
 * tables, and for nothing else. THIS is the struct that a table is about;
 * each row checks that the member's C type is the one its kind needs.
 */
#ifndef CORE_MODEL_FIELDS_H
#define CORE_MODEL_FIELDS_H

#include "core/model/type.h"

#define OMIT FIELD_OMIT
#define INTERNAL FIELD_INTERNAL

#define MEMBER(m) __typeof__(((THIS *)0)->m)
/* 0, or no compilation. */
#define MUST(cond) (0 * sizeof(char[(cond) ? 1 : -1]))
#define SAME(x, y) __builtin_types_compatible_p(x, y)

#define ROW(m, name, tag, k, fl, must, ...)                                    \
	{                                                                      \
		name, tag, (uint32_t)(offsetof(THIS, m) + MUST(must)), k, fl,  \
			__VA_ARGS__                                            \
	}
#define PLAIN(m, name, tag, k, fl, T)                                          \
	ROW(m, name, tag, k, fl, SAME(MEMBER(m), T), NULL, NULL)

#define STRING(m, name, tag, fl)                                               \
	PLAIN(m, name, tag, FIELD_STRING, fl, const char *)
#define BOOL(m, name, tag, fl) PLAIN(m, name, tag, FIELD_BOOL, fl, bool)
#define I64(m, name, tag, fl) PLAIN(m, name, tag, FIELD_I64, fl, int64_t)
#define U64(m, name, tag, fl) PLAIN(m, name, tag, FIELD_U64, fl, uint64_t)
#define OPT_I64(m, name, tag, fl)                                              \
	PLAIN(m, name, tag, FIELD_OPT_I64, fl, struct opt_i64)
#define OPT_U64(m, name, tag, fl)                                              \
	PLAIN(m, name, tag, FIELD_OPT_U64, fl, struct opt_u64)
#define OPT_BOOL(m, name, tag, fl) PLAIN(m, name, tag, FIELD_OPT_BOOL, fl, int)
#define FLOAT(m, name, tag, fl) PLAIN(m, name, tag, FIELD_FLOAT, fl, double)
#define TIME(m, name, tag, fl) PLAIN(m, name, tag, FIELD_TIME, fl, int64_t)
#define BYTES(m, name, tag, fl)                                                \
	PLAIN(m, name, tag, FIELD_BYTES, fl, struct bytes)
#define STRINGS(m, name, tag, fl)                                              \
	PLAIN(m, name, tag, FIELD_STRINGS, fl, struct strings)
#define SET(m, name, tag, fl) PLAIN(m, name, tag, FIELD_SET, fl, struct strings)
#define KVS(m, name, tag, fl) PLAIN(m, name, tag, FIELD_KVS, fl, struct kvs)

/* what: enum what_names, and the struct and the table of what. */
#define ENUM(m, name, tag, fl, what)                                           \
	ROW(m, name, tag, FIELD_ENUM, fl, SAME(MEMBER(m), int), NULL,          \
	    &what##_names)
#define STRUCT(m, name, tag, fl, what)                                         \
	ROW(m, name, tag, FIELD_STRUCT, fl, SAME(MEMBER(m), struct what),      \
	    &what##_type, NULL)
#define EMBED(m, name, tag, what, table)                                       \
	ROW(m, name, tag, FIELD_EMBED, 0, SAME(MEMBER(m), struct what),        \
	    &table, NULL)
#define PTR(m, name, tag, fl, what)                                            \
	ROW(m, name, tag, FIELD_PTR, fl, SAME(MEMBER(m), struct what *),       \
	    &what##_type, NULL)
#define LIST(m, name, tag, fl, what)                                           \
	ROW(m, name, tag, FIELD_LIST, fl, SAME(MEMBER(m.v), struct what *),    \
	    &what##_type, NULL)

#define LATER(name)                                                            \
	{                                                                      \
		name, 0, 0, FIELD_LATER, OMIT, NULL, NULL                      \
	}

/* TYPE(driver, "Driver", rows...): the table driver_type, of THIS. */
#define TYPE(what, title, ...)                                                 \
	static const struct field what##_fields[] = { __VA_ARGS__ };           \
	const struct type what##_type = { title, sizeof(THIS), what##_fields,  \
					  ARRAY_LEN(what##_fields) }

/* A table that only other tables of the same file name. */
#define LOCAL_TYPE(what, title, ...)                                           \
	static const struct field what##_fields[] = { __VA_ARGS__ };           \
	static const struct type what##_type = { title, sizeof(THIS),          \
						 what##_fields,                \
						 ARRAY_LEN(what##_fields) }

#define NAMES(what, ...)                                                       \
	static const char *const what##_words[] = { NULL, __VA_ARGS__ };       \
	const struct enum_names what##_names = { what##_words,                 \
						 ARRAY_LEN(what##_words) }

#endif
