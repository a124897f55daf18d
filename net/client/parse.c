/*
 * parse.c - argv to struct parsed, by the rows of table.c and Docker's
 * (pflag's) rules: -abc clusters, --flag value, --flag=value, "--" ends the
 * flags, and the texts of what is wrong. Prints nothing and exits nowhere.
 */
#include "net/client/command.h"

#include <errno.h>
#include <string.h>

#include "core/base/check.h"
#include "core/base/mem.h"
#include "core/base/str.h"

#define FLAG_VALUES_MAX 4096 /* of one flag */

/* What is being read, and the row it is read for. */
struct reader {
	int argc;
	char **argv;
	int at; /* the next word */
	struct arena *arena;
	const struct command *command; /* NULL: global flags */
	const struct flag *flags;
	size_t flag_count;
	struct flag_value *values;
	struct parsed *parsed;
	const char *message;
};

static const char *
command_path(const struct reader *r)
{
	return r->command == NULL ? "" : r->command->path;
}

/* "swarm service ls", or "swarm" alone. */
static const char *
full_path(const struct reader *r)
{
	const char *path = command_path(r);

	return arena_printf(r->arena, "swarm%s%s", *path ? " " : "", path);
}

static const char *
usage_line(const struct reader *r)
{
	if (r->command == NULL)
		return "swarm [OPTIONS] COMMAND [ARG...]";
	if (r->command->marks & COMMAND_GROUP)
		return full_path(r);
	return arena_printf(r->arena, "%s %s", full_path(r), r->command->usage);
}

/* A flag that does not parse: the reason, the usage, and where to read on. */
static int
usage_error(struct reader *r, const char *why)
{
	r->message = arena_printf(r->arena,
				  "%s\n\nUsage:  %s\n\n"
				  "Run '%s --help' for more information\n",
				  why, usage_line(r), full_path(r));
	return CLI_USAGE;
}

/* ---- values -------------------------------------------------------------- */

static int
value_fits(enum flag_kind kind, const char *value, struct err *e)
{
	union {
		bool b;
		int64_t i;
		uint64_t u;
		double f;
	} out;

	switch (kind) {
	case FLAG_STRING:
	case FLAG_LIST:
		return 0;
	case FLAG_BOOL:
		return text_to_bool(value, &out.b, e);
	case FLAG_U64:
		return text_to_u64(value, &out.u, e);
	case FLAG_I64:
		return text_to_i64(value, &out.i, e);
	case FLAG_FLOAT:
		return text_to_float(value, &out.f, e);
	case FLAG_DURATION:
		return text_to_duration(value, &out.i, e);
	case FLAG_BYTES:
		return text_to_bytes(value, &out.i, e);
	case FLAG_DECIMAL:
		return text_to_nano(value, &out.i, e);
	}
	unreachable();
}

static const char *
flag_names(struct reader *r, const struct flag *f)
{
	if (f->letter == 0)
		return arena_printf(r->arena, "--%s", f->name);
	return arena_printf(r->arena, "-%c, --%s", f->letter, f->name);
}

static void
value_add(struct reader *r, struct flag_value *v, const char *value)
{
	const char **grown;

	/* Room doubles: when the count is a power of two, it is full. */
	if ((v->values.count & (v->values.count - 1)) == 0) {
		size_t cap = v->values.count == 0 ? 1 : v->values.count * 2u;

		grown = arena_array(r->arena, cap, sizeof(*grown));
		if (v->values.count > 0)
			memcpy(grown, v->values.v,
			       v->values.count * sizeof(*grown));
		v->values.v = grown;
	}
	v->values.v[v->values.count++] = value;
	v->given = true;
}

/* What is in argv can be read by everybody on this host. */
static const char *
take_secret(struct reader *r, const char *word)
{
	const char *copy = arena_strdup(r->arena, word);

	memset((char *)word, '*', strlen(word));
	return copy;
}

static int
flag_set(struct reader *r, const struct flag *f, const char *value)
{
	struct flag_value *v = &r->values[f - r->flags];
	struct err e = { 0 };
	int rc;

	if (f->marks & FLAG_NOT_YET) {
		r->message = arena_printf(
			r->arena, "--%s is not supported yet\n", f->name);
		return CLI_FAILED;
	}
	rc = value_fits(f->kind, value, &e);
	if (rc == 0 && f->accept != NULL)
		rc = f->accept(value, &e);
	if (rc == 0 && v->values.count >= FLAG_VALUES_MAX)
		rc = err_set(&e, -E2BIG, "given more than %d times",
			     FLAG_VALUES_MAX);
	if (rc != 0)
		return usage_error(
			r,
			arena_printf(r->arena,
				     "invalid argument \"%s\" for \"%s\" flag: "
				     "%s",
				     value, flag_names(r, f), e.msg));
	if (f->marks & FLAG_SECRET)
		value = take_secret(r, value);
	value_add(r, v, value);
	return 0;
}

/* ---- flags --------------------------------------------------------------- */

static const struct flag *
flag_by_name(const struct reader *r, const char *name, size_t len)
{
	for (size_t i = 0; i < r->flag_count; i++)
		if (strlen(r->flags[i].name) == len &&
		    memcmp(r->flags[i].name, name, len) == 0)
			return &r->flags[i];
	return NULL;
}

static const struct flag *
flag_by_letter(const struct reader *r, char letter)
{
	for (size_t i = 0; i < r->flag_count; i++)
		if (r->flags[i].letter == letter)
			return &r->flags[i];
	return NULL;
}

/* word is "--name" or "--name=value". */
static int
read_long(struct reader *r, const char *word)
{
	const char *name = word + 2, *equals = strchr(name, '=');
	size_t len = equals ? (size_t)(equals - name) : strlen(name);
	const struct flag *f = flag_by_name(r, name, len);

	if (len == 0)
		return usage_error(
			r, arena_printf(r->arena, "bad flag syntax: %s", word));
	if (f == NULL && len == 4 && memcmp(name, "help", 4) == 0) {
		r->parsed->help = true;
		return 0;
	}
	if (f == NULL)
		return usage_error(r, arena_printf(r->arena,
						   "unknown flag: --%.*s",
						   (int)len, name));
	if (equals != NULL)
		return flag_set(r, f, equals + 1);
	if (f->kind == FLAG_BOOL)
		return flag_set(r, f, "true");
	if (r->at >= r->argc) {
		if (f->marks & FLAG_NOT_YET)
			return flag_set(r, f, "");
		return usage_error(
			r, arena_printf(r->arena,
					"flag needs an argument: --%s", name));
	}
	return flag_set(r, f, r->argv[r->at++]);
}

/* One letter of a cluster. *ret_done: it took the rest as its value. */
static int
read_letter(struct reader *r, const char *cluster, bool *ret_done)
{
	const struct flag *f = flag_by_letter(r, cluster[0]);

	*ret_done = false;
	if (f == NULL && cluster[0] == 'h') {
		r->parsed->help = true;
		return 0;
	}
	if (f == NULL)
		return usage_error(
			r, arena_printf(r->arena,
					"unknown shorthand flag: '%c' in -%s",
					cluster[0], cluster));
	if (cluster[1] == '=') {
		*ret_done = true;
		return flag_set(r, f, cluster + 2);
	}
	if (f->kind == FLAG_BOOL)
		return flag_set(r, f, "true");
	*ret_done = true;
	if (cluster[1] != '\0')
		return flag_set(r, f, cluster + 1);
	if (r->at >= r->argc)
		return usage_error(
			r, arena_printf(r->arena,
					"flag needs an argument: '%c' in -%s",
					cluster[0], cluster));
	return flag_set(r, f, r->argv[r->at++]);
}

static int
read_cluster(struct reader *r, const char *word)
{
	bool done = false;
	int rc = 0;

	for (const char *p = word + 1; rc == 0 && !done && *p != '\0'; p++)
		rc = read_letter(r, p, &done);
	return rc;
}

static bool
is_flag(const char *word)
{
	return word[0] == '-' && word[1] != '\0';
}

static int
read_flag(struct reader *r)
{
	const char *word = r->argv[r->at++];

	return word[1] == '-' ? read_long(r, word) : read_cluster(r, word);
}

/* ---- which command ------------------------------------------------------- */

/* Is path in "a b, c d"? */
static bool
in_aliases(const char *aliases, const char *path)
{
	size_t len = strlen(path);

	while (aliases != NULL && *aliases != '\0') {
		size_t n = strcspn(aliases, ",");

		if (n == len && memcmp(aliases, path, n) == 0)
			return true;
		aliases += n;
		aliases += strspn(aliases, ", ");
	}
	return false;
}

static const struct command *
command_find(const char *path)
{
	for (size_t i = 0; i < command_count; i++)
		if (str_eq(commands[i].path, path) ||
		    in_aliases(commands[i].aliases, path))
			return &commands[i];
	return NULL;
}

static int
unknown_command(struct reader *r, const char *word)
{
	if (r->command == NULL)
		r->message = arena_printf(
			r->arena,
			"swarm: unknown command: swarm %s\n\n"
			"Run 'swarm --help' for more information\n",
			word);
	else
		r->message = arena_printf(
			r->arena,
			"swarm: unknown command: %s %s\n\nUsage:  %s\n\n"
			"Run '%s --help' for more information\n",
			full_path(r), word, full_path(r), full_path(r));
	return CLI_FAILED;
}

/* A group takes no flags but --help; then comes the name of its command. */
static int
read_group(struct reader *r)
{
	const struct command *c;
	const char *word;
	int rc = 0;

	while (rc == 0 && r->at < r->argc && is_flag(r->argv[r->at]))
		rc = read_flag(r);
	if (rc != 0)
		return rc;
	if (r->at >= r->argc || r->parsed->help) {
		r->parsed->help = true;
		return 0;
	}
	word = r->argv[r->at++];
	c = command_find(
		arena_printf(r->arena, "%s %s", command_path(r), word));
	if (c == NULL)
		return unknown_command(r, word);
	r->command = c;
	return 0;
}

static int
read_command(struct reader *r)
{
	const char *word = r->argv[r->at++];

	if (str_eq(word, "help")) {
		r->parsed->help = true;
		if (r->at >= r->argc)
			return 0;
		word = r->argv[r->at++];
	}
	if (strchr(word, ' ') != NULL)
		return unknown_command(r, word);
	r->command = command_find(word);
	if (r->command == NULL)
		return unknown_command(r, word);
	if (!(r->command->marks & COMMAND_GROUP))
		return 0;
	/* "help service ls" names a command too. */
	if (r->parsed->help && r->at < r->argc) {
		r->parsed->help = false;
		int rc = read_group(r);

		r->parsed->help = true;
		return rc;
	}
	return read_group(r);
}

/* ---- positional arguments ------------------------------------------------ */

static int
args_error(struct reader *r, const char *want, const char *see)
{
	r->message = arena_printf(r->arena,
				  "swarm: '%s' %s\n\nUsage:  %s\n\n"
				  "%s '%s --help' for more information\n",
				  full_path(r), want, usage_line(r), see,
				  full_path(r));
	return CLI_FAILED;
}

static const char *
plural(int n)
{
	return n == 1 ? "" : "s";
}

/* The four texts of Docker's cli.NoArgs, ExactArgs and so on. */
static int
args_fit(struct reader *r)
{
	int n = (int)r->parsed->args.count;
	int min = r->command->args_min, max = r->command->args_max;
	struct arena *a = r->arena;

	if (n >= min && n <= max)
		return 0;
	if (max == 0)
		return args_error(r, "accepts no arguments", "Run");
	if (min == max)
		return args_error(r,
				  arena_printf(a, "requires %d argument%s", min,
					       plural(min)),
				  "Run");
	if (max == ARGS_MANY)
		return args_error(r,
				  arena_printf(a,
					       "requires at least %d "
					       "argument%s",
					       min, plural(min)),
				  "See");
	if (min == 0)
		return args_error(r,
				  arena_printf(a,
					       "requires at most %d argument%s",
					       max, plural(max)),
				  "Run");
	return args_error(r,
			  arena_printf(a,
				       "requires at least %d and at most %d "
				       "argument%s",
				       min, max, plural(max)),
			  "Run");
}

static int
read_args(struct reader *r)
{
	struct flag_value args = { 0 };
	bool flags = true;
	int rc = 0;

	while (rc == 0 && r->at < r->argc && !r->parsed->help) {
		const char *word = r->argv[r->at];

		if (flags && str_eq(word, "--")) {
			flags = false;
			r->at++;
		} else if (flags && is_flag(word)) {
			rc = read_flag(r);
		} else {
			r->at++;
			value_add(r, &args, word);
			if (r->command->marks & COMMAND_FLAGS_FIRST)
				flags = false;
		}
	}
	r->parsed->args = args.values;
	return rc;
}

/* ---- the whole ----------------------------------------------------------- */

static int
read_global(struct reader *r)
{
	int rc = 0;

	r->flags = global_flags;
	r->flag_count = global_flag_count;
	r->values = arena_array(r->arena, r->flag_count, sizeof(*r->values));
	r->parsed->global = r->values;
	while (rc == 0 && r->at < r->argc && is_flag(r->argv[r->at])) {
		if (str_eq(r->argv[r->at], "--")) {
			r->at++;
			break;
		}
		rc = read_flag(r);
	}
	return rc;
}

static int
not_yet(struct reader *r)
{
	r->message = arena_printf(r->arena, "%s is not supported yet\n",
				  full_path(r));
	return CLI_FAILED;
}

static int
read_all(struct reader *r)
{
	int rc;

	if (r->argc > CLI_ARGS_MAX) {
		r->message = arena_printf(r->arena,
					  "the command line has more than %d "
					  "words\n",
					  CLI_ARGS_MAX);
		return CLI_FAILED;
	}
	rc = read_global(r);
	if (rc != 0 || r->parsed->help || r->at >= r->argc)
		return rc;
	rc = read_command(r);
	if (rc != 0)
		return rc;
	r->parsed->command = r->command;
	if (r->command == NULL)
		return 0;
	if (r->command->marks & COMMAND_NOT_YET)
		return not_yet(r);
	r->flags = r->command->flags;
	r->flag_count =
		r->command->flag_count == NULL ? 0 : *r->command->flag_count;
	r->values =
		arena_array(r->arena, r->flag_count + 1, sizeof(*r->values));
	r->parsed->flags = r->values;
	if (r->parsed->help)
		return 0;
	rc = read_args(r);
	return rc != 0 || r->parsed->help ? rc : args_fit(r);
}

int
command_parse(int argc, char **argv, struct arena *a, struct parsed *ret,
	      const char **ret_message)
{
	struct parsed p = { 0 };
	struct reader r = {
		.argc = argc, .argv = argv, .at = 1, .arena = a, .parsed = &p
	};
	int rc = read_all(&r);

	check(rc == 0 || r.message != NULL);
	*ret = p;
	*ret_message = r.message;
	return rc;
}

/* ---- asking -------------------------------------------------------------- */

static const struct flag_value *
value_in(const struct flag *rows, size_t count, const struct flag_value *v,
	 const char *name)
{
	for (size_t i = 0; i < count; i++)
		if (str_eq(rows[i].name, name))
			return &v[i];
	return NULL;
}

static const struct flag *
row_of(const struct parsed *p, const char *name, const struct flag_value **ret)
{
	const struct command *c = p->command;
	size_t count = c && c->flag_count ? *c->flag_count : 0;

	for (size_t i = 0; i < count; i++)
		if (str_eq(c->flags[i].name, name)) {
			*ret = &p->flags[i];
			return &c->flags[i];
		}
	*ret = value_in(global_flags, global_flag_count, p->global, name);
	check(*ret != NULL);
	return &global_flags[*ret - p->global];
}

bool
flag_given(const struct parsed *p, const char *name)
{
	const struct flag_value *v;

	(void)row_of(p, name, &v);
	return v->given;
}

static const char *
text_of(const struct parsed *p, const char *name, const char *zero)
{
	const struct flag_value *v;
	const struct flag *f = row_of(p, name, &v);

	if (v->values.count > 0)
		return v->values.v[v->values.count - 1];
	return f->fallback != NULL ? f->fallback : zero;
}

const char *
flag_str(const struct parsed *p, const char *name)
{
	return text_of(p, name, "");
}

const struct strings *
flag_list(const struct parsed *p, const char *name)
{
	const struct flag_value *v;

	(void)row_of(p, name, &v);
	return &v->values;
}

/* The values were read once already: what does not read now is a bug. */
#define READER(name, T, reader, zero)                                          \
	T name(const struct parsed *p, const char *flag)                       \
	{                                                                      \
		struct err e;                                                  \
		T v = 0;                                                       \
		check(reader(text_of(p, flag, zero), &v, &e) == 0);            \
		return v;                                                      \
	}

READER(flag_bool, bool, text_to_bool, "false")
READER(flag_u64, uint64_t, text_to_u64, "0")
READER(flag_i64, int64_t, text_to_i64, "0")
READER(flag_ns, int64_t, text_to_duration, "0s")
READER(flag_bytes, int64_t, text_to_bytes, "0")
READER(flag_nano, int64_t, text_to_nano, "0")
READER(flag_float, double, text_to_float, "0")
