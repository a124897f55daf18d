/*
 * type.h - what a field table is, and what one table drives.
 *
 * Each record type of the program (objects, specs, messages, image
 * manifests) is described once, by a table of fields. The table is used to
 * read and write JSON (the Docker Engine API's names), to pack and unpack
 * msgpack (the log, the store, the wire), to copy, and to compare. Nobody
 * writes a codec by hand.
 *
 * Records are plain structs in an arena. Strings are never validated here
 * beyond being UTF-8 without NUL; what a value may be is the business of
 * whoever takes the record (core/manager/validate.c).
 */
#ifndef CORE_MODEL_TYPE_H
#define CORE_MODEL_TYPE_H

#include "core/base/arena.h"
#include "core/base/base.h"
#include "core/base/buf.h"
#include "core/base/err.h"

/* Composite field types; each is all zero when absent. */
struct bytes {
	const uint8_t *p;
	size_t len;
};
struct kv {
	const char *key;
	const char *value;
};
#define LIST_OF(T)                                                             \
	struct {                                                               \
		T *v;                                                          \
		uint32_t count;                                                \
	}
struct strings {
	const char **v;
	uint32_t count;
};
struct kvs { /* sorted by key, keys unique: reading sorts and refuses twins */
	struct kv *v;
	uint32_t count;
};
struct opt_i64 {
	bool set;
	int64_t v;
};
struct opt_u64 {
	bool set;
	uint64_t v;
};

enum field_kind {
	FIELD_STRING,	/* const char *; NULL reads and writes as "" */
	FIELD_BOOL,	/* bool */
	FIELD_I64,	/* int64_t */
	FIELD_U64,	/* uint64_t */
	FIELD_OPT_I64,	/* struct opt_i64: absent is not 0 */
	FIELD_OPT_U64,	/* struct opt_u64 */
	FIELD_OPT_BOOL, /* enum tristate */
	FIELD_FLOAT,	/* double */
	FIELD_TIME,	/* int64_t ns since 1970; JSON RFC 3339 with ns, UTC */
	FIELD_ENUM,	/* int; JSON and msgpack: the name; 0 is "not given" */
	FIELD_BYTES,	/* struct bytes; JSON: base64 */
	FIELD_STRINGS,	/* struct strings */
	FIELD_KVS,	/* struct kvs; JSON: object of strings */
	FIELD_STRUCT,	/* a struct, in line; JSON: object */
	FIELD_PTR,	/* pointer to a struct; NULL: absent */
	FIELD_LIST,	/* LIST_OF(struct); JSON: array of objects */
	FIELD_EMBED, /* a struct in line whose fields are this object's own */
	FIELD_SET,   /* struct strings, sorted; JSON: object of empty objects */
	FIELD_LATER, /* nothing: a part of the API that is refused unless empty
		      */
};

enum tristate { UNSET, NO, YES };

enum field_flag {
	FIELD_OMIT = 1,	    /* JSON: left out when zero (Go's omitempty) */
	FIELD_INTERNAL = 2, /* never in the API's JSON; in msgpack only */
	FIELD_NULL = 4,	    /* JSON: an absent list, map or pointer is null */
};

struct enum_names {
	const char *const *names; /* names[0] is NULL or "": not given */
	uint32_t count;
};

struct type;

struct field {
	const char *name;
	uint32_t tag; /* msgpack key: unique in its type, never reused */
	uint32_t offset;
	uint8_t kind;			/* enum field_kind */
	uint8_t flags;			/* enum field_flag */
	const struct type *type;	/* STRUCT, PTR, LIST, EMBED */
	const struct enum_names *names; /* ENUM */
};

struct type {
	const char *name; /* for error messages: "ServiceSpec" */
	size_t size;
	const struct field *fields;
	uint32_t field_count;
};

/* Limits on what is read from outside. */
#define MODEL_DEPTH_MAX 24
#define MODEL_COUNT_MAX 65536 /* elements of one list, map or object */

/*
 * Read one JSON object of type t into ret (t->size bytes, overwritten).
 * Everything ret points at is in a. Names match without case, as Go's do;
 * unknown names are skipped; null leaves a field absent. Says where and
 * what on failure: "TaskTemplate.Resources.Limits.NanoCPUs: want an integer,
 * got a string". Returns 0 or -EINVAL; then ret is zeroed.
 */
int model_json_read(const struct type *t, const char *text, size_t len,
		    struct arena *a, void *ret, struct err *e);

/*
 * Read a JSON array of objects of type t. ret is a LIST_OF(struct of t). In
 * messages an element is "[3].Name".
 */
int model_json_read_list(const struct type *t, const char *text, size_t len,
			 struct arena *a, void *ret, struct err *e);

/* Write obj as JSON, compact, in the table's order, as Go's encoder would. */
void model_json_write(const struct type *t, const void *obj, struct buf *out);

/* The same for msgpack: a map from tag to value; zero fields are left out. */
void model_pack(const struct type *t, const void *obj, struct buf *out);
int model_unpack(const struct type *t, const void *p, size_t len,
		 struct arena *a, void *ret, struct err *e);

/* Deep copy into a; deep comparison (absent and empty are equal). */
void model_copy(const struct type *t, const void *obj, struct arena *a,
		void *ret);
bool model_equal(const struct type *t, const void *x, const void *y);

/* Index of a name (without case) or -1; the name of an index, or "". */
int enum_from_name(const struct enum_names *names, const char *name);
const char *enum_name(const struct enum_names *names, int v);

/* The value of a key, or NULL. */
const char *kvs_get(const struct kvs *m, const char *key);
/* A copy of m in a, with key set to value, or without it if value is NULL. */
struct kvs kvs_with(const struct kvs *m, struct arena *a, const char *key,
		    const char *value);

#endif
