/* main.c - what every fuzz target links: the two ways in which core/ ends. */
#include <stdio.h>
#include <stdlib.h>

#include "core/base/check.h"

_Noreturn void
check_failed(const char *file, int line, const char *what)
{
	fprintf(stderr, "%s:%d: check failed: %s\n", file, line, what);
	abort();
}

_Noreturn void
fatal(const char *why)
{
	fprintf(stderr, "fatal: %s\n", why);
	abort();
}
