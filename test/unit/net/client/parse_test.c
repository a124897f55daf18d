/* parse_test.c - argv in, Docker's words and exit codes out. */
#include <string.h>

#include "test/unit/net/client/fake.h"

static const struct fake_answer none[] = { { NULL, 0, NULL, 0 } };

#define RUN_HELP(path) "Run '" path " --help' for more information\n"
#define LS "\n\nUsage:  swarm node ls [OPTIONS]\n\n" RUN_HELP("swarm node ls")

T(what_does_not_parse_is_refused_in_dockers_words)
{
	static const struct fake_row rows[] = {
		{ "frob", 1, "",
		  "swarm: unknown command: swarm frob\n\n"
		  "Run 'swarm --help' for more information\n" },
		{ "service frob", 1, "",
		  "swarm: unknown command: swarm service frob\n\n"
		  "Usage:  swarm service\n\n" RUN_HELP("swarm service") },
		{ "node ls --frob", 125, "", "unknown flag: --frob" LS },
		{ "node ls --filter", 125, "",
		  "flag needs an argument: --filter" LS },
		{ "node ls -f", 125, "",
		  "flag needs an argument: 'f' in -f" LS },
		{ "node ls -qf", 125, "",
		  "flag needs an argument: 'f' in -f" LS },
		{ "node ls -qx", 125, "",
		  "unknown shorthand flag: 'x' in -x" LS },
		{ "node ls -q=maybe", 125, "",
		  "invalid argument \"maybe\" for \"-q, --quiet\" flag: "
		  "strconv.ParseBool: parsing \"maybe\": invalid syntax" LS },
		{ "node ls --=x", 125, "", "bad flag syntax: --=x" LS },
		{ "node ls -f foo", 125, "",
		  "invalid argument \"foo\" for \"-f, --filter\" flag: bad "
		  "format of filter (expected name=value)" LS },
		{ "node --frob", 125, "",
		  "unknown flag: --frob\n\nUsage:  swarm node\n\n" RUN_HELP(
			  "swarm node") },
		{ "--frob ps", 125, "",
		  "unknown flag: --frob\n\nUsage:  swarm [OPTIONS] COMMAND "
		  "[ARG...]\n\n" RUN_HELP("swarm") },
	};

	fake_rows(none, rows, ARRAY_LEN(rows));
}

T(the_number_of_arguments_is_checked_in_dockers_words)
{
	static const struct fake_row rows[] = {
		{ "node ls x", 1, "",
		  "swarm: 'swarm node ls' accepts no "
		  "arguments" LS },
		{ "service scale", 1, "",
		  "swarm: 'swarm service scale' requires at least 1 "
		  "argument\n\nUsage:  swarm service scale SERVICE=REPLICAS "
		  "[SERVICE=REPLICAS...]\n\nSee 'swarm service scale --help' "
		  "for more information\n" },
		{ "service logs a b", 1, "",
		  "swarm: 'swarm service logs' requires 1 argument\n\n"
		  "Usage:  swarm service logs [OPTIONS] "
		  "SERVICE|TASK\n\n" RUN_HELP("swarm service logs") },
		{ "image ls a b", 1, "",
		  "swarm: 'swarm image ls' requires at most 1 argument\n\n"
		  "Usage:  swarm image ls [OPTIONS] "
		  "[REPOSITORY[:TAG]]\n\n" RUN_HELP("swarm image ls") },
		{ "service scale foo", 1, "",
		  "invalid scale specifier 'foo'.\n"
		  "See 'swarm service scale --help'.\n\n"
		  "Usage:  swarm service scale SERVICE=REPLICAS "
		  "[SERVICE=REPLICAS...]\n\nScale one or multiple replicated "
		  "services\n" },
		{ "service scale =1", 1, "",
		  "invalid scale specifier '=1'.\n"
		  "See 'swarm service scale --help'.\n\n"
		  "Usage:  swarm service scale SERVICE=REPLICAS "
		  "[SERVICE=REPLICAS...]\n\nScale one or multiple replicated "
		  "services\n" },
		{ "service scale foo=bar", 1, "",
		  "foo: invalid replicas value bar: strconv.ParseUint: parsing "
		  "\"bar\": invalid syntax\n" },
	};

	fake_rows(none, rows, ARRAY_LEN(rows));
}

T(what_is_not_there_yet_is_refused_by_name)
{
	static const struct fake_row rows[] = {
		{ "stack deploy x", 1, "",
		  "swarm stack is not supported yet\n" },
		{ "init --external-ca protocol=cfssl,url=https://x", 1, "",
		  "--external-ca is not supported yet\n" },
		{ "ca --rotate --external-ca", 1, "",
		  "--external-ca is not supported yet\n" },
		{ "--tls ps", 1, "", "--tls is not supported yet\n" },
	};

	fake_rows(none, rows, ARRAY_LEN(rows));
}

T(help_is_laid_out_as_dockers)
{
	static const struct fake_row rows[] = {
		{ "leave --help", 0,
		  "Usage:  swarm leave [OPTIONS]\n\nLeave the swarm\n\n"
		  "Options:\n"
		  "  -f, --force   Force this node to leave the swarm, "
		  "ignoring "
		  "warnings\n",
		  "" },
		{ "help service rm", 0,
		  "Usage:  swarm service rm SERVICE [SERVICE...]\n\n"
		  "Remove one or more services\n\nAliases:\n"
		  "  swarm service rm, swarm service remove\n",
		  "" },
		{ "service logs x -h", 0,
		  "Usage:  swarm service logs [OPTIONS] SERVICE|TASK\n\n"
		  "Fetch the logs of a service or task\n\n"
		  "Options:\n"
		  "      --details        Show extra details provided to logs\n"
		  "  -f, --follow         Follow log output\n"
		  "      --no-resolve     Do not map IDs to Names in output\n"
		  "      --no-task-ids    Do not include task IDs in output\n"
		  "      --no-trunc       Do not truncate output\n"
		  "      --raw            Do not neatly format logs\n"
		  "      --since string   Show logs since timestamp (e.g.\n"
		  "                       \"2013-01-02T13:23:37Z\") or "
		  "relative "
		  "(e.g. \"42m\"\n"
		  "                       for 42 minutes)\n"
		  "  -n, --tail string    Number of lines to show from the end "
		  "of the logs\n"
		  "                       (default \"all\")\n"
		  "  -t, --timestamps     Show timestamps\n",
		  "" },
	};

	fake_rows(none, rows, ARRAY_LEN(rows));
}

/* ---- what parses ------------------------------------------------------------
 */

static struct parsed
parse(struct arena *a, int argc, const char **argv)
{
	struct parsed p;
	const char *message = NULL;

	EQ(command_parse(argc, (char **)argv, a, &p, &message), 0);
	return p;
}

T(flags_come_in_all_of_gos_forms)
{
	const char *argv[] = { "swarm",	   "-H",	"unix:///x", "service",
			       "ps",	   "-qf",	"a=1",	     "web",
			       "--filter", "b=2",	"--format=", "-fc=3",
			       "--",	   "--no-trunc" };
	struct arena a;
	struct parsed p;

	arena_init(&a);
	p = parse(&a, ARRAY_LEN(argv), argv);
	EQ_STR(p.command->path, "service ps");
	EQ(flag_bool(&p, "quiet"), true);
	EQ(flag_bool(&p, "no-trunc"), false);
	EQ(flag_list(&p, "filter")->count, 3);
	EQ_STR(flag_list(&p, "filter")->v[2], "c=3");
	EQ(flag_given(&p, "format"), true);
	EQ_STR(flag_str(&p, "format"), "");
	EQ(p.args.count, 2);
	EQ_STR(p.args.v[0], "web");
	EQ_STR(p.args.v[1], "--no-trunc");
	arena_fini(&a);
}

T(the_flags_of_create_end_at_the_image)
{
	const char *argv[] = { "swarm", "service", "create", "--name", "web",
			       "nginx", "sh",	   "-c",     "x" };
	struct arena a;
	struct parsed p;

	arena_init(&a);
	p = parse(&a, ARRAY_LEN(argv), argv);
	EQ_STR(flag_str(&p, "name"), "web");
	EQ(p.args.count, 4);
	EQ_STR(p.args.v[2], "-c");
	arena_fini(&a);
}

T(aliases_are_the_same_commands)
{
	static const char *const rows[][3] = {
		{ "images", NULL, "image ls" },
		{ "image", "list", "image ls" },
		{ "service", "remove", "service rm" },
		{ "container", "ls", "ps" },
		{ "system", "info", "info" },
		{ "load", NULL, "image load" },
	};
	struct arena a;

	arena_init(&a);
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		const char *argv[] = { "swarm", rows[i][0],
				       rows[i][1] ? rows[i][1] : "x", "x" };
		struct parsed p;
		const char *message = NULL;

		t_row(rows[i][2]);
		(void)command_parse(rows[i][1] ? 3 : 2, (char **)argv, &a, &p,
				    &message);
		OK(p.command != NULL);
		EQ_STR(p.command->path, rows[i][2]);
	}
	arena_fini(&a);
}

T(texts_become_values_as_go_reads_them)
{
	static const struct {
		const char *text;
		int rc;
		int64_t want;
		const char *why;
	} durations[] = {
		{ "1m30s", 0, 90 * NS_PER_S, "" },
		{ "1.5h", 0, 5400 * NS_PER_S, "" },
		{ "0", 0, 0, "" },
		{ "-2s", 0, -2 * NS_PER_S, "" },
		{ "5", -EINVAL, 0, "time: missing unit in duration \"5\"" },
		{ "5x", -EINVAL, 0,
		  "time: unknown unit \"x\" in duration \"5x\"" },
		{ "", -EINVAL, 0, "time: invalid duration \"\"" },
		{ "x", -EINVAL, 0, "time: invalid duration \"x\"" },
	}, cpus[] = {
		{ "0.5", 0, 500000000, "" },
		{ "2", 0, 2000000000, "" },
		{ "1e-9", 0, 1, "" },
		{ "1e-11", -EINVAL, 0, "value is too precise" },
		{ "x", -EINVAL, 0, "failed to parse x as a rational number" },
		{ "9e18", -EINVAL, 0,
		  "9e18 is more CPUs than can be counted" },
	};

	for (size_t i = 0; i < ARRAY_LEN(durations); i++) {
		struct err e = { "" };
		int64_t v = 0;

		t_row(durations[i].text);
		EQ(text_to_duration(durations[i].text, &v, &e),
		   durations[i].rc);
		EQ(v, durations[i].want);
		EQ_STR(e.msg, durations[i].why);
	}
	for (size_t i = 0; i < ARRAY_LEN(cpus); i++) {
		struct err e = { "" };
		int64_t v = 0;

		t_row(cpus[i].text);
		EQ(text_to_nano(cpus[i].text, &v, &e), cpus[i].rc);
		EQ(v, cpus[i].want);
		EQ_STR(e.msg, cpus[i].why);
	}
}

T(every_row_of_the_table_can_be_shown_and_run)
{
	for (size_t i = 0; i < command_count; i++) {
		const struct command *c = &commands[i];
		unsigned inert = COMMAND_GROUP | COMMAND_HOOK | COMMAND_NOT_YET;

		t_row(c->path);
		OK((c->run != NULL) == !(c->marks & inert));
		OK(c->args_min <= c->args_max);
		for (size_t j = 0; c->flags && j < *c->flag_count; j++) {
			OK(c->flags[j].name != NULL &&
			   c->flags[j].help != NULL);
			OK(c->flags[j].kind != 0);
			for (size_t k = 0; k < j; k++)
				OK(strcmp(c->flags[j].name, c->flags[k].name) !=
				   0);
		}
	}
}

T(completion_offers_what_the_table_has)
{
	struct fake f;

	EQ(fake_run(&f, none, "completion bash"), 0);
	OK(strstr(f.out, "'service scale')\n\t\tflags=' --detach --help'") !=
	   NULL);
	OK(strstr(f.out, "external-ca") == NULL);
	OK(strstr(f.out, "complete -o default -F _swarm swarm\n") != NULL);
	fake_fini(&f);
}
