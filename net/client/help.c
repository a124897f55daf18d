/* help.c - the pages that --help prints, laid out as Docker's are. */
#include "net/client/command.h"

#include <stdlib.h>
#include <string.h>

#include "core/base/check.h"
#include "core/base/mem.h"
#include "core/base/str.h"

#define FLAGS_MAX 256	/* of one command */
#define NAME_COLUMN 11	/* of the lists of commands */
#define WRAP_SLOP 5	/* columns a last short word may stick out */
#define WRAP_LEAST 24	/* narrower text goes to a line of its own */
#define BLOCK_INDENT 16 /* then with this indent */

static const char *
kind_word(const struct flag *f)
{
	if (f->type != NULL)
		return f->type;
	switch (f->kind) {
	case FLAG_BOOL:
		return "";
	case FLAG_STRING:
		return "string";
	case FLAG_LIST:
		return "list";
	case FLAG_U64:
		return "uint";
	case FLAG_I64:
		return "int";
	case FLAG_FLOAT:
		return "float";
	case FLAG_DURATION:
		return "duration";
	case FLAG_BYTES:
		return "bytes";
	case FLAG_DECIMAL:
		return "decimal";
	}
	unreachable();
}

/* ---- wrapping, by pflag's rules ------------------------------------------ */

static void
pad(FILE *out, int n)
{
	fprintf(out, "%*s", n, "");
}

/* The length of the next line of s; *skip: 1 if a blank follows it. */
static size_t
line_len(const char *s, size_t width, size_t *skip)
{
	size_t len = strlen(s), cut;

	*skip = 0;
	if (width + WRAP_SLOP > len)
		return len;
	for (cut = width; cut > 0; cut--)
		if (strchr(" \t\n", s[cut - 1]) != NULL)
			break;
	if (cut <= 1)
		return len;
	cut--;
	for (size_t i = cut; i > 0; i--)
		if (s[i - 1] == '\n' && i > 1) {
			cut = i - 1;
			break;
		}
	*skip = 1;
	return cut;
}

/* A line may have line breaks of its own. */
static void
put_line(FILE *out, const char *s, size_t len, int indent)
{
	for (size_t i = 0; i < len; i++) {
		fputc(s[i], out);
		if (s[i] == '\n')
			pad(out, indent);
	}
}

static void
put_wrapped(FILE *out, const char *s, int indent, int width)
{
	int room = width - indent;
	bool first = true;

	if (room < WRAP_LEAST) {
		indent = BLOCK_INDENT;
		room = width - indent;
		fputc('\n', out);
		pad(out, indent);
	}
	if (room < WRAP_LEAST)
		room = 100000; /* hopeless: one line */
	do {
		size_t skip, len;

		if (!first) {
			fputc('\n', out);
			pad(out, indent);
		}
		len = line_len(s, (size_t)(room - WRAP_SLOP), &skip);
		put_line(out, s, len, indent);
		s += len + skip;
		first = false;
	} while (*s != '\0');
	fputc('\n', out);
}

/* ---- flags --------------------------------------------------------------- */

static int
by_name(const void *x, const void *y)
{
	const struct flag *const *a = x, *const *b = y;

	return strcmp((*a)->name, (*b)->name);
}

static size_t
shown(const struct flag *flags, size_t count, const struct flag **ret)
{
	size_t n = 0;

	for (size_t i = 0; i < count && n < FLAGS_MAX; i++)
		if (!(flags[i].marks & (FLAG_HIDDEN | FLAG_NOT_YET)))
			ret[n++] = &flags[i];
	qsort(ret, n, sizeof(*ret), by_name);
	return n;
}

static int
flag_width(const struct flag *f)
{
	const char *word = kind_word(f);

	return (int)(8 + strlen(f->name) + (*word ? 1 + strlen(word) : 0));
}

static void
put_flag(FILE *out, const struct flag *f, int column, int width)
{
	struct buf text = { 0 };
	const char *word = kind_word(f);

	if (f->letter != 0)
		fprintf(out, "  -%c, --%s", f->letter, f->name);
	else
		fprintf(out, "      --%s", f->name);
	if (*word != '\0')
		fprintf(out, " %s", word);
	pad(out, column - flag_width(f));
	buf_puts(&text, f->help);
	if (f->fallback != NULL && f->kind == FLAG_STRING && f->type == NULL)
		buf_printf(&text, " (default \"%s\")", f->fallback);
	else if (f->fallback != NULL)
		buf_printf(&text, " (default %s)", f->fallback);
	put_wrapped(out, buf_cstr(&text), column, width);
	buf_fini(&text);
}

static void
put_flags(FILE *out, const char *title, const struct flag *flags, size_t count,
	  int width)
{
	const struct flag *rows[FLAGS_MAX];
	size_t n = shown(flags, count, rows);
	int column = 0;

	if (n == 0)
		return;
	for (size_t i = 0; i < n; i++)
		if (flag_width(rows[i]) > column)
			column = flag_width(rows[i]);
	fprintf(out, "\n%s:\n", title);
	/* Docker leaves the last column of the terminal free. */
	for (size_t i = 0; i < n; i++)
		put_flag(out, rows[i], column + 3, width - 1);
}

/* ---- pages --------------------------------------------------------------- */

static bool
listed(const struct command *c)
{
	return !(c->marks & (COMMAND_HIDDEN | COMMAND_NOT_YET));
}

static void
put_command(FILE *out, const struct command *c)
{
	const char *last = strrchr(c->path, ' ');

	fprintf(out, "  %-*s %s\n", NAME_COLUMN, last ? last + 1 : c->path,
		c->help);
}

static void
group_page(FILE *out, const struct command *group)
{
	size_t len = strlen(group->path);

	fprintf(out, "Usage:  swarm %s COMMAND\n\n%s\n\nCommands:\n",
		group->path, group->help);
	for (size_t i = 0; i < command_count; i++)
		if (listed(&commands[i]) &&
		    strncmp(commands[i].path, group->path, len) == 0 &&
		    commands[i].path[len] == ' ')
			put_command(out, &commands[i]);
	fprintf(out,
		"\nRun 'swarm %s COMMAND --help' for more information on a "
		"command.\n",
		group->path);
}

static void
program_page(FILE *out, int width)
{
	fputs("Usage:  swarm [OPTIONS] COMMAND\n\n"
	      "Run services in containers on one host or many\n\n"
	      "Management Commands:\n",
	      out);
	for (size_t i = 0; i < command_count; i++)
		if (listed(&commands[i]) && commands[i].marks & COMMAND_GROUP)
			put_command(out, &commands[i]);
	fputs("\nCommands:\n", out);
	for (size_t i = 0; i < command_count; i++)
		if (listed(&commands[i]) &&
		    !(commands[i].marks & COMMAND_GROUP) &&
		    strchr(commands[i].path, ' ') == NULL)
			put_command(out, &commands[i]);
	put_flags(out, "Global Options", global_flags, global_flag_count,
		  width);
	fputs("\nRun 'swarm COMMAND --help' for more information on a "
	      "command.\n",
	      out);
}

/* "swarm a b, swarm c": the path and its aliases, each a whole command. */
static void
put_aliases(FILE *out, const struct command *c)
{
	const char *p = c->aliases;

	fprintf(out, "\nAliases:\n  swarm %s", c->path);
	while (*p != '\0') {
		size_t n = strcspn(p, ",");

		fprintf(out, ", swarm %.*s", (int)n, p);
		p += n;
		p += strspn(p, ", ");
	}
	fputc('\n', out);
}

void
help_print(FILE *out, const struct command *c, int width)
{
	if (c == NULL) {
		program_page(out, width);
		return;
	}
	if (c->marks & COMMAND_GROUP) {
		group_page(out, c);
		return;
	}
	fprintf(out, "Usage:  swarm %s%s%s\n\n%s\n", c->path,
		*c->usage ? " " : "", c->usage, c->help);
	if (c->aliases != NULL)
		put_aliases(out, c);
	put_flags(out, "Options", c->flags, c->flag_count ? *c->flag_count : 0,
		  width);
}
