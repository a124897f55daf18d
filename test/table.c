/*
 * table.c - prints the command table, for man.sh: a line per command
 * ("command PATH kind") and per flag ("flag PATH NAME LETTER kind"; the
 * words of a path with _ between, "-" for the flags of the program itself).
 * Linked with the tables and with stubs for what they point to.
 */
#include <stdio.h>

#include "net/client/command.h"

static void
put_path(const char *what, const char *path)
{
	printf("%s ", what);
	for (; *path != '\0'; path++)
		putchar(*path == ' ' ? '_' : *path);
}

static const char *
flag_kind(const struct flag *f)
{
	if (f->marks & FLAG_NOT_YET)
		return "later";
	return f->marks & FLAG_HIDDEN ? "hidden" : "here";
}

static void
put_flags(const char *path, const struct flag *flags, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		put_path("flag", path);
		printf(" %s %c %s\n", flags[i].name,
		       flags[i].letter ? flags[i].letter : '-',
		       flag_kind(&flags[i]));
	}
}

static const char *
command_kind(const struct command *c)
{
	if (c->marks & COMMAND_NOT_YET)
		return "later";
	if (c->marks & COMMAND_HIDDEN)
		return "hidden";
	return c->marks & COMMAND_GROUP ? "group" : "here";
}

int
main(void)
{
	put_flags("-", global_flags, global_flag_count);
	for (size_t i = 0; i < command_count; i++) {
		const struct command *c = &commands[i];

		put_path("command", c->path);
		printf(" %s\n", command_kind(c));
		put_flags(c->path, c->flags,
			  c->flag_count ? *c->flag_count : 0);
	}
	return 0;
}
