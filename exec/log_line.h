/*
 * log_line.h - one line of a json-file log, and the prefix that it is shown
 * with. Pure: bytes in, bytes out.
 */
#ifndef EXEC_LOG_LINE_H
#define EXEC_LOG_LINE_H

#include "core/base/base.h"
#include "core/base/buf.h"
#include "core/model/type.h"

/* A longer line of a container is written in parts of this size. */
#define LOG_PART_MAX 16384
/* A line of the file: every byte escaped, and the other members. */
#define LOG_JSON_MAX (LOG_PART_MAX * 6 + 4096)

struct log_line {
	const char *log; /* not terminated; ends with "\n" unless partial */
	size_t len;
	bool err; /* of stderr */
	int64_t time_ns;
};

/* Appends {"log":...,"stream":...,"time":...} and a newline. */
void log_line_write(const struct log_line *line, struct buf *out);

/*
 * Read one line of the file, without its newline; unknown members are
 * skipped. The text goes to scratch (emptied first), where *ret points.
 * false: it is not such a line, as after a crash in the middle of it.
 */
bool log_line_read(const char *p, size_t len, struct buf *scratch,
		   struct log_line *ret);

/* "k=v,k2=v2", each part escaped as in a query: facts 12.2. */
void log_details_write(const struct kvs *details, struct buf *out);

#endif
