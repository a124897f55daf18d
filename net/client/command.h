/*
 * command.h - the command line as data: rows of commands and flags, what
 * argv became, and the context that a command runs in.
 *
 * A command is a request and a rendering. parse.c is pure (argv in, struct
 * parsed or a message out); help.c and complete.c print the same rows.
 */
#ifndef NET_CLIENT_COMMAND_H
#define NET_CLIENT_COMMAND_H

#include <stdio.h>

#include "core/base/arena.h"
#include "core/base/base.h"
#include "core/base/buf.h"
#include "core/base/err.h"
#include "core/model/type.h"
#include "net/http/client.h"

/* ---- exit codes (facts 1.0) -------------------------------------------- */

enum cli_exit {
	CLI_OK = 0,
	CLI_FAILED = 1,	   /* the daemon refused, or could not be reached */
	CLI_TEMPLATE = 64, /* inspect: a bad --format */
	CLI_USAGE = 125,   /* a flag that does not parse */
};

/* ---- rows -------------------------------------------------------------- */

enum flag_kind {
	FLAG_BOOL = 1,
	FLAG_STRING,
	FLAG_LIST, /* may be given many times */
	FLAG_U64,
	FLAG_I64,
	FLAG_FLOAT,
	FLAG_DURATION, /* Go's: 1m30s; read as ns */
	FLAG_BYTES,    /* 512m, 1.5GiB; read as bytes */
	FLAG_DECIMAL,  /* CPUs: 0.5; read as 1e-9 */
};

enum flag_mark {
	FLAG_NOT_YET = 1, /* Docker has it, we do not: refused by name */
	FLAG_HIDDEN = 2,  /* not in help and completion */
	FLAG_SECRET = 4,  /* its value is wiped out of argv once it is read */
};

struct flag {
	const char *name; /* long, without dashes */
	char letter;	  /* or 0 */
	enum flag_kind kind;
	const char *type;     /* word in the help; NULL: the kind's own */
	const char *fallback; /* value when not given, shown; NULL: zero */
	const char *help;
	unsigned marks; /* enum flag_mark */
	/*
	 * What else must hold of each value (a port, a mount ...), or NULL.
	 * Its message ends 'invalid argument "V" for "-p, --publish" flag: '.
	 */
	int (*accept)(const char *value, struct err *e);
};

#define ARGS_MANY 1000000

enum command_mark {
	COMMAND_FLAGS_FIRST = 1, /* flags end at the first positional */
	COMMAND_HIDDEN = 2,
	COMMAND_NOT_YET = 4, /* Docker has it, we do not: refused by name */
	COMMAND_GROUP = 8,   /* "service": prints its help */
	COMMAND_HOOK = 16,   /* not a client: swarm.c's (see cli_hooks) */
};

struct cli;
struct parsed;

struct command {
	const char *path;    /* "service create" */
	const char *aliases; /* other full paths, ", " between; or NULL */
	const char *usage;   /* "[OPTIONS] IMAGE [COMMAND] [ARG...]" */
	const char *help;    /* one line */
	const struct flag *flags;
	const size_t *flag_count;
	int args_min, args_max; /* positional arguments */
	unsigned marks;		/* enum command_mark */
	int (*run)(struct cli *cli, const struct parsed *p); /* enum cli_exit */
};

extern const struct command commands[];
extern const size_t command_count;
extern const struct flag global_flags[];
extern const size_t global_flag_count;

/* ---- what argv became --------------------------------------------------- */

#define CLI_ARGS_MAX 8192 /* words of argv that are looked at */

struct flag_value {
	bool given;
	struct strings values; /* in order; all but FLAG_LIST use the last */
};

struct parsed {
	const struct command *command; /* NULL: only global flags */
	struct flag_value *global;     /* one per global_flags[] row */
	struct flag_value *flags;      /* one per command->flags[] row */
	struct strings args;	       /* positional */
	bool help;		       /* --help: print the page instead */
};

/*
 * Pure, but that a FLAG_SECRET's value is taken out of argv. argv[0] is the
 * program's name and not looked at. 0, or an exit code with the whole text for
 * stderr in *ret_message (in a).
 */
int command_parse(int argc, char **argv, struct arena *a, struct parsed *ret,
		  const char **ret_message);

/* Names that the command's row does not have are bugs: check() fails. */
bool flag_given(const struct parsed *p, const char *name);
bool flag_bool(const struct parsed *p, const char *name);
const char *flag_str(const struct parsed *p, const char *name); /* never NULL */
uint64_t flag_u64(const struct parsed *p, const char *name);
int64_t flag_i64(const struct parsed *p, const char *name);
int64_t flag_ns(const struct parsed *p, const char *name);    /* DURATION */
int64_t flag_bytes(const struct parsed *p, const char *name); /* BYTES */
int64_t flag_nano(const struct parsed *p, const char *name);  /* DECIMAL */
double flag_float(const struct parsed *p, const char *name);
const struct strings *flag_list(const struct parsed *p, const char *name);

/* The readers of values (flag_text.c): whole strings only; -EINVAL. */
int text_to_duration(const char *s, int64_t *ret_ns, struct err *e);
int text_to_bytes(const char *s, int64_t *ret, struct err *e);
int text_to_nano(const char *s, int64_t *ret, struct err *e);
int text_to_bool(const char *s, bool *ret, struct err *e);
int text_to_u64(const char *s, uint64_t *ret, struct err *e);
int text_to_i64(const char *s, int64_t *ret, struct err *e);
int text_to_float(const char *s, double *ret, struct err *e);

/* ---- where a command runs ----------------------------------------------- */

struct cli_hooks; /* below */

struct cli {
	/* One exchange; as http_exchange(). Tests put their own here. */
	int (*exchange)(struct cli *cli, const struct http_exchange *x,
			struct buf *ret_body, struct err *e);
	struct http_client *http; /* what the real exchange() uses */
	bool busy;  /* an exchange is under way: another one opens its own */
	void *test; /* what a test's exchange() uses */
	const char *host; /* unix:///run/swarm/swarm.sock */
	FILE *out, *err;
	int in_fd;
	bool in_tty, err_tty;
	bool out_tty;			      /* and its cursor can be moved */
	int width;			      /* of the terminal; 80 */
	int height;			      /* the same; 24 */
	int64_t (*clock_ns)(struct cli *cli); /* wall */
	struct arena arena;		      /* lives as long as the command */
	const struct cli_hooks *hooks;
};

/*
 * Requests. path is without the version: "/services?status=true".
 * Give 0 (an answer of 2xx) or -errno with one sentence in e: -ECONNREFUSED
 * nobody listens; for "Error response from daemon: ..." -ENOENT (404),
 * -EEXIST (409), -EAGAIN (503), -EINVAL (400), -EPROTO (others).
 */
int cli_ask(struct cli *cli, const char *method, const char *path,
	    const char *body, struct buf *ret_body, struct err *e);
/* Any exchange, with the same results; x->path is without the version. */
int cli_exchange(struct cli *cli, const struct http_exchange *x,
		 struct buf *ret_body, struct err *e);
/* A GET whose answer is a JSON tree; the caller's, json_decref(). */
struct json_t;
int cli_get(struct cli *cli, const char *path, struct json_t **ret,
	    struct err *e);

/*
 * "/services" with query pairs (key, value, ..., NULL), escaped, in the
 * arena; pairs with a NULL value are left out.
 */
const char *cli_path(struct cli *cli, const char *path, ...);
/* What may stand in a path as one segment: all else is %XX. */
const char *cli_escape(struct cli *cli, const char *s);
/* The filters parameter from --filter k=v rows; NULL if there are none. */
int cli_filters(struct cli *cli, const struct strings *rows, const char **ret,
		struct err *e);

/* Says it on stderr, a newline behind it; gives CLI_FAILED. */
int cli_fail(struct cli *cli, const char *fmt, ...) printf_like(2, 3);
int cli_fail_err(struct cli *cli, const struct err *e);

/* s without what could steer a terminal (C0 but \t and \n, DEL, C1). */
const char *cli_clean(struct arena *a, const char *s);
/* The same straight to a file, for streams that do not end. */
void cli_put(FILE *to, const char *s);

/* ---- the program --------------------------------------------------------- */

/*
 * What only swarm.c has. "daemon", and the hidden "shim", "image-loader",
 * "container-init" and "whoami" are handed on with argv[0] being that word.
 */
struct cli_hooks {
	const char *version; /* "0.1.0" */
	const char *commit;
	int (*daemon_main)(int argc, char **argv);
	int (*shim_main)(int argc, char **argv);
	int (*image_loader_main)(int argc, char **argv);
	int (*init_main)(int argc, char **argv);
	int (*whoami_main)(int argc, char **argv);
	/* Start a daemon that listens on host; returns once it answers. */
	int (*start_daemon)(const char *host, struct err *e);
	/* SHA-256: 64 hex digits, terminated. */
	void (*digest_of)(const void *p, size_t len, char *ret);
};

/* The whole command line; gives the exit code. */
int cli_main(int argc, char **argv, const struct cli_hooks *hooks);
/* The same in a context that is made already (tests). */
int cli_run(struct cli *cli, int argc, char **argv);

/* help.c: the page of a command (NULL: of the program). */
void help_print(FILE *out, const struct command *c, int width);
/* complete.c */
void complete_bash(FILE *out);

/* ---- the commands, by file ----------------------------------------------- */

/* cmd_swarm.c, cmd_keys.c, cmd_ca.c */
int cmd_init(struct cli *cli, const struct parsed *p);
int cmd_join(struct cli *cli, const struct parsed *p);
int cmd_leave(struct cli *cli, const struct parsed *p);
int cmd_update(struct cli *cli, const struct parsed *p);
int cmd_join_token(struct cli *cli, const struct parsed *p);
int cmd_unlock(struct cli *cli, const struct parsed *p);
int cmd_unlock_key(struct cli *cli, const struct parsed *p);
int cmd_ca(struct cli *cli, const struct parsed *p);
/* cmd_system.c, events.c */
int cmd_info(struct cli *cli, const struct parsed *p);
int cmd_version(struct cli *cli, const struct parsed *p);
int cmd_ps(struct cli *cli, const struct parsed *p);
int cmd_events(struct cli *cli, const struct parsed *p);
int cmd_completion(struct cli *cli, const struct parsed *p);
/* cmd_node.c */
int cmd_node_ls(struct cli *cli, const struct parsed *p);
int cmd_node_inspect(struct cli *cli, const struct parsed *p);
int cmd_node_ps(struct cli *cli, const struct parsed *p);
/* node_update.c */
int cmd_node_update(struct cli *cli, const struct parsed *p);
int cmd_node_promote(struct cli *cli, const struct parsed *p);
int cmd_node_demote(struct cli *cli, const struct parsed *p);
int cmd_node_rm(struct cli *cli, const struct parsed *p);
/* cmd_service.c, logs.c */
int cmd_service_ls(struct cli *cli, const struct parsed *p);
int cmd_service_ps(struct cli *cli, const struct parsed *p);
int cmd_service_inspect(struct cli *cli, const struct parsed *p);
int cmd_service_scale(struct cli *cli, const struct parsed *p);
int cmd_service_rollback(struct cli *cli, const struct parsed *p);
int cmd_service_rm(struct cli *cli, const struct parsed *p);
int cmd_service_logs(struct cli *cli, const struct parsed *p);
/* service_rebalance.c */
int cmd_service_rebalance(struct cli *cli, const struct parsed *p);
/* service_create.c, with its rows in service_flags.c */
int cmd_service_create(struct cli *cli, const struct parsed *p);
int cmd_service_update(struct cli *cli, const struct parsed *p);
extern const struct flag service_create_flags[], service_update_flags[];
extern const size_t service_create_flag_count, service_update_flag_count;
/* cmd_image.c */
int cmd_image_load(struct cli *cli, const struct parsed *p);
int cmd_image_ls(struct cli *cli, const struct parsed *p);
int cmd_image_inspect(struct cli *cli, const struct parsed *p);
int cmd_image_rm(struct cli *cli, const struct parsed *p);
int cmd_image_prune(struct cli *cli, const struct parsed *p);

#endif
