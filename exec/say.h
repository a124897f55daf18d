/* say.h - log lines on standard error, for the edges that may log. */
#ifndef EXEC_SAY_H
#define EXEC_SAY_H

#include "core/base/base.h"

enum say_level { SAY_ERROR, SAY_WARN, SAY_INFO, SAY_DEBUG };

/* Lines of a level above are not written; SAY_INFO at first. */
void say_up_to(enum say_level level);
/* The level of a name ("warn"); false: there is none of that name. */
bool say_level_named(const char *name, enum say_level *ret);

/* One line, with the time and the level before it; cut at 2 KiB. */
void say(enum say_level level, const char *fmt, ...) printf_like(2, 3);

#endif
