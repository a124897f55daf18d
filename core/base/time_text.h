/*
 * time_text.h - times and durations as text, without the C library's clock
 * or zone. Times are ns since 1970 UTC; durations are ns.
 */
#ifndef CORE_BASE_TIME_TEXT_H
#define CORE_BASE_TIME_TEXT_H

#include "core/base/base.h"

#define TIME_TEXT_MAX 40
/* What Go prints for its zero time; time_parse() gives TIME_ZERO for it. */
#define TIME_ZERO 0

/* RFC 3339 with ns, trailing zeros cut, "Z" (Go's RFC3339Nano). */
void time_format(int64_t ns, char ret[TIME_TEXT_MAX]);
/* The same with all nine digits, as log lines have it. */
void time_format_fixed(int64_t ns, char ret[TIME_TEXT_MAX]);
bool time_parse(const char *s, int64_t *ret_ns); /* RFC 3339, any offset */

/* Go's duration syntax: "1h30m", "1.5s", "300ms", "-2us", "0". */
bool duration_parse(const char *s, int64_t *ret_ns);
void duration_format(int64_t ns, char ret[TIME_TEXT_MAX]); /* "1m30s" */

/* "About a minute", "3 weeks": facts 1.0, HumanDuration. */
void duration_human(int64_t ns, char ret[TIME_TEXT_MAX]);

/* Bytes with decimal units and four digits: "1.234MB", "12.5kB". */
void size_human(uint64_t bytes, char ret[TIME_TEXT_MAX]);
/* Bytes with binary units: "64MiB". */
void size_human_binary(uint64_t bytes, char ret[TIME_TEXT_MAX]);
/* "64m", "1.5GB", "10MiB", "100": binary units whatever the suffix. */
bool size_parse(const char *s, int64_t *ret_bytes);

#endif
