/*
 * log_line_fuzz.c - any bytes as a log line. What is read must survive being
 * written and read again; a container's bytes must survive being written.
 */
#include <stdint.h>
#include <string.h>

#include "core/base/check.h"
#include "exec/log_line.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
round_trip(const struct log_line *line)
{
	struct buf text = { 0 }, scratch = { 0 }, again = { 0 };
	struct log_line first, second;

	log_line_write(line, &text);
	check(text.p[text.len - 1] == '\n');
	check(memchr(text.p, '\n', text.len - 1) == NULL);
	check(log_line_read(text.p, text.len - 1, &scratch, &first));
	check(first.err == line->err);
	buf_clear(&text);
	log_line_write(&first, &text);
	check(log_line_read(text.p, text.len - 1, &again, &second));
	check(first.len == second.len);
	check(memcmp(first.log, second.log, first.len) == 0);
	buf_fini(&text);
	buf_fini(&scratch);
	buf_fini(&again);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct buf scratch = { 0 };
	struct log_line line;

	if (size <= LOG_PART_MAX) {
		line = (struct log_line){ .log = (const char *)data,
					  .len = size,
					  .err = size % 2 == 1 };
		round_trip(&line);
	}
	if (log_line_read((const char *)data, size, &scratch, &line) &&
	    line.len <= LOG_PART_MAX)
		round_trip(&line);
	buf_fini(&scratch);
	return 0;
}
