/* say.c - see say.h. */
#include "exec/say.h"

#include <stdarg.h>
#include <stdio.h>
#include <time.h>

#include "core/base/str.h"
#include "core/base/time_text.h"

#define LINE_MAX_BYTES 2048

static const char *const names[] = { "error", "warn", "info", "debug" };

/* The program's one level: set at start, before there are threads. */
static enum say_level wanted = SAY_INFO;

void
say_up_to(enum say_level level)
{
	wanted = level;
}

bool
say_level_named(const char *name, enum say_level *ret)
{
	for (size_t i = 0; i < ARRAY_LEN(names); i++)
		if (str_eq(name, names[i])) {
			*ret = (enum say_level)i;
			return true;
		}
	return false;
}

void
say(enum say_level level, const char *fmt, ...)
{
	char line[LINE_MAX_BYTES], when[TIME_TEXT_MAX];
	struct timespec ts;
	va_list ap;

	if (level > wanted)
		return;
	clock_gettime(CLOCK_REALTIME, &ts);
	time_format_fixed(ts.tv_sec * NS_PER_S + ts.tv_nsec, when);
	va_start(ap, fmt);
	vsnprintf(line, sizeof(line), fmt, ap);
	va_end(ap);
	fprintf(stderr, "%s %s: %s\n", when, names[level], line);
}
