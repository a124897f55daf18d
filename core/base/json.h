/*
 * json.h - writing JSON straight into a buffer: commas, quotes and escapes.
 * Strings are UTF-8; '<', '>' and '&' are left alone, as Docker's API does.
 * A byte that is not UTF-8 is written as U+FFFD. Reading is core/model's.
 */
#ifndef CORE_BASE_JSON_H
#define CORE_BASE_JSON_H

#include "core/base/base.h"
#include "core/base/buf.h"

void json_quote(struct buf *b, const char *s); /* NULL: "" */
void json_quote_n(struct buf *b, const char *s, size_t len);

/*
 * A writer keeps the commas: json_open(&w, '{'), json_key(&w, "a"),
 * json_u64(&w, 1), json_close(&w, '}'). Depth is checked.
 */
struct json {
	struct buf *out;
	bool comma;
	uint32_t depth;
};

#define JSON_DEPTH_MAX 64

void json_open(struct json *w, char bracket);
void json_close(struct json *w, char bracket);
void json_key(struct json *w, const char *key);
void json_str(struct json *w, const char *s);
void json_i64(struct json *w, int64_t v);
void json_u64(struct json *w, uint64_t v);
void json_bool(struct json *w, bool v);
void json_nil(struct json *w);
void json_raw(struct json *w, const char *json); /* one whole value */
/* key and value at once */
void json_put_str(struct json *w, const char *key, const char *s);
void json_put_i64(struct json *w, const char *key, int64_t v);
void json_put_u64(struct json *w, const char *key, uint64_t v);
void json_put_bool(struct json *w, const char *key, bool v);

#endif
