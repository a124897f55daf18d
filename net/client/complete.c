/* complete.c - bash completion out of the command table. */
#include "net/client/command.h"

#include <string.h>

#include "core/base/str.h"

#define HIDDEN (COMMAND_HIDDEN | COMMAND_NOT_YET)

static bool
listed(const struct command *c)
{
	return !(c->marks & HIDDEN);
}

/* The commands of a group ("" for those at the top). */
static void
put_commands(FILE *out, const char *group)
{
	size_t len = strlen(group);

	for (size_t i = 0; i < command_count; i++) {
		const char *path = commands[i].path;

		if (!listed(&commands[i]))
			continue;
		if (len > 0 &&
		    (strncmp(path, group, len) != 0 || path[len] != ' '))
			continue;
		if (len == 0 && strchr(path, ' ') != NULL)
			continue;
		fprintf(out, " %s", len > 0 ? path + len + 1 : path);
	}
}

static void
put_flags(FILE *out, const struct flag *flags, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (!(flags[i].marks & (FLAG_HIDDEN | FLAG_NOT_YET)))
			fprintf(out, " --%s", flags[i].name);
	fputs(" --help", out);
}

/* What may stand as an argument is asked from the daemon. */
static const char *
argument_query(const struct command *c)
{
	if (strstr(c->usage, "SERVICE") != NULL)
		return "swarm service ls --format '{{.Name}}'";
	if (strstr(c->usage, "NODE") != NULL)
		return "swarm node ls --format '{{.Hostname}}'";
	if (strstr(c->usage, "IMAGE") != NULL)
		return "swarm image ls --format '{{.Repository}}:{{.Tag}}'";
	return NULL;
}

static void
put_case(FILE *out, const struct command *c, const char *path, size_t len)
{
	const char *query = argument_query(c);

	fprintf(out, "\t'%.*s')\n\t\tflags='", (int)len, path);
	put_flags(out, c->flags, c->flag_count ? *c->flag_count : 0);
	fputs("'\n", out);
	if (query != NULL)
		fprintf(out, "\t\twords=$(%s 2>/dev/null)\n", query);
	if (str_eq(c->path, "completion"))
		fputs("\t\twords=bash\n", out);
	if (str_eq(c->path, "join-token"))
		fputs("\t\twords='worker manager'\n", out);
	fputs("\t\t;;\n", out);
}

static void
put_cases(FILE *out, const struct command *c)
{
	const char *alias = c->aliases;

	if (c->marks & COMMAND_GROUP) {
		fprintf(out, "\t'%s')\n\t\twords='", c->path);
		put_commands(out, c->path);
		fputs("'\n\t\tflags=' --help'\n\t\t;;\n", out);
		return;
	}
	put_case(out, c, c->path, strlen(c->path));
	while (alias != NULL && *alias != '\0') {
		size_t n = strcspn(alias, ",");

		put_case(out, c, alias, n);
		alias += n;
		alias += strspn(alias, ", ");
	}
}

/* The groups as a pattern, "image|node|service": two words make a command. */
static void
put_group_pattern(FILE *out)
{
	const char *joint = "";

	for (size_t i = 0; i < command_count; i++)
		if (commands[i].marks & COMMAND_GROUP) {
			fprintf(out, "%s%s", joint, commands[i].path);
			joint = "|";
		}
}

void
complete_bash(FILE *out)
{
	fputs("# bash completion for swarm; made by 'swarm completion bash'\n"
	      "_swarm() {\n"
	      "\tlocal cur=${COMP_WORDS[COMP_CWORD]} path= words= flags= i w\n"
	      "\tfor ((i = 1; i < COMP_CWORD; i++)); do\n"
	      "\t\tw=${COMP_WORDS[i]}\n"
	      "\t\tcase $w in\n"
	      "\t\t-H | --host) [ -z \"$path\" ] && i=$((i + 1)) ;;\n"
	      "\t\t-*) ;;\n"
	      "\t\t*)\n"
	      "\t\t\tcase $path in\n"
	      "\t\t\t'') path=$w ;;\n\t\t\t",
	      out);
	put_group_pattern(out);
	fputs(") path=\"$path $w\" ;;\n"
	      "\t\t\tesac\n"
	      "\t\t\t;;\n"
	      "\t\tesac\n"
	      "\tdone\n"
	      "\tcase $path in\n"
	      "\t'')\n\t\twords='",
	      out);
	put_commands(out, "");
	fputs("'\n\t\tflags='", out);
	put_flags(out, global_flags, global_flag_count);
	fputs("'\n\t\t;;\n", out);
	for (size_t i = 0; i < command_count; i++)
		if (listed(&commands[i]))
			put_cases(out, &commands[i]);
	/*
	 * Names come from other hosts. compgen -W would expand them, and the
	 * line that they are put into is run at Enter: so they are compared
	 * as they are, and one that the shell would read as more than a word
	 * is not offered.
	 */
	fputs("\tesac\n"
	      "\t[[ $cur == -* ]] && words=$flags\n"
	      "\tCOMPREPLY=()\n"
	      "\twhile read -r w; do\n"
	      "\t\tcase $w in\n"
	      "\t\t'' | *[!A-Za-z0-9_.:/@-]*) ;;\n"
	      "\t\t\"$cur\"*) COMPREPLY+=(\"$w\") ;;\n"
	      "\t\tesac\n"
	      "\tdone <<<\"${words// /$'\\n'}\"\n"
	      "}\n"
	      "complete -o default -F _swarm swarm\n",
	      out);
}
