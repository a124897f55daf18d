/*
 * log_reader.h - the lines of one task's log, oldest first, across its
 * rotated files, while a shim may be writing and rotating it.
 */
#ifndef EXEC_LOG_READER_H
#define EXEC_LOG_READER_H

#include "core/base/err.h"
#include "exec/log_line.h"

struct log_reader;

/*
 * path is the current file's; -ENOENT if there is none yet. tail: begin with
 * the last that many lines; -1: with the first.
 */
int log_reader_open(const char *path, int64_t tail, struct log_reader **ret,
		    struct err *e);
void log_reader_close(struct log_reader *r); /* NULL is fine */

/* true: *ret is valid until the next call. false: no more for now. */
bool log_reader_next(struct log_reader *r, struct log_line *ret);

#endif
