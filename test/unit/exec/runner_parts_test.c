/* runner_parts_test.c - small parts: signals, argv, messages, trees. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/base/str.h"
#include "exec/fs.h"
#include "exec/order.h"
#include "exec/runtime.h"
#include "exec/shim_proto.h"
#include "exec/signals.h"
#include "exec/volumes.h"
#include "test/t.h"

T(signals_go_by_any_of_their_names)
{
	static const struct {
		const char *name;
		int want;
	} rows[] = {
		{ "SIGTERM", SIGTERM },
		{ "term", SIGTERM },
		{ "15", 15 },
		{ "SigUsr1", SIGUSR1 },
		{ "RTMIN", 34 },
		{ "SIGRTMIN+3", 37 },
		{ "RTMAX-1", 63 },
		{ "64", 64 },
		{ "0", -1 },
		{ "65", -1 },
		{ "", -1 },
		{ "SIG", -1 },
		{ "NOPE", -1 },
		{ "RTMIN+31", -1 },
		{ "RTMIN-1", -1 },
		{ "-9", -1 },
		{ "SIGTERMSIGTERMSIGTERM", -1 },
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		T_ROW(rows[i].name);
		EQ(signal_number(rows[i].name), rows[i].want);
	}
}

static const char *
argv_of(const char *command, const char *args, const char *entry,
	const char *cmd, struct arena *a)
{
	const char *given[] = { command, args, entry, cmd };
	struct container_spec c = { 0 };
	struct order o = { .spec = { .container = &c } };
	struct strings *to[] = { &c.command, &c.args, &o.image.entrypoint,
				 &o.image.cmd };
	struct strings got;
	const char *text = "";
	struct err e;

	for (int i = 0; i < 4; i++)
		*to[i] = (struct strings){ &given[i], given[i] != NULL };
	if (order_argv(&o, a, &got, &e) < 0)
		return "refused";
	for (uint32_t i = 0; i < got.count; i++)
		text = arena_printf(a, "%s%s%s", text, i ? " " : "", got.v[i]);
	return text;
}

T(command_and_args_replace_the_images_as_docker_does)
{
	struct arena a;

	arena_init(&a);
	EQ_STR(argv_of(NULL, NULL, "entry", "cmd", &a), "entry cmd");
	EQ_STR(argv_of(NULL, "args", "entry", "cmd", &a), "entry args");
	EQ_STR(argv_of("own", NULL, "entry", "cmd", &a), "own");
	EQ_STR(argv_of("own", "args", "entry", "cmd", &a), "own args");
	EQ_STR(argv_of(NULL, NULL, NULL, "cmd", &a), "cmd");
	EQ_STR(argv_of(NULL, NULL, NULL, NULL, &a), "refused");
	EQ_STR(argv_of("", NULL, NULL, NULL, &a), "refused");
	arena_fini(&a);
}

T(messages_that_do_not_check_are_refused)
{
	struct shim_request q = { .magic = SHIM_MAGIC, .verb = SHIM_PROBE };

	OK(shim_request_valid(&q, SHIM_REQUEST_HEAD));
	OK(!shim_request_valid(&q, SHIM_REQUEST_HEAD - 1));
	OK(!shim_request_valid(&q, SHIM_REQUEST_HEAD + 1));
	q.text_len = 3;
	memcpy(q.text, "ab", 3);
	OK(shim_request_valid(&q, SHIM_REQUEST_HEAD + 3));
	q.text[2] = 'c'; /* words end with NUL */
	OK(!shim_request_valid(&q, SHIM_REQUEST_HEAD + 3));
	q.text_len = SHIM_TEXT_MAX + 1;
	OK(!shim_request_valid(&q, SHIM_REQUEST_HEAD + q.text_len));
	q.text_len = 0;
	q.verb = SHIM_END + 1;
	OK(!shim_request_valid(&q, SHIM_REQUEST_HEAD));
	q.verb = SHIM_STOP;
	q.signal = 65;
	OK(!shim_request_valid(&q, SHIM_REQUEST_HEAD));
	q.signal = 9;
	q.magic++;
	OK(!shim_request_valid(&q, SHIM_REQUEST_HEAD));
}

static void
temp_dir(char path[40])
{
	snprintf(path, 40, "/tmp/swarm-parts.XXXXXX");
	OK(mkdtemp(path) != NULL);
}

T(states_are_written_whole_and_damage_is_seen)
{
	struct shim_state s = { .magic = SHIM_MAGIC,
				.phase = SHIM_RUNNING,
				.pid = 77 };
	struct shim_state got;
	char dir[40], file[80];
	struct err e;

	temp_dir(dir);
	snprintf(file, sizeof(file), "%s/state", dir);
	EQ(shim_state_read(dir, &got, &e), -ENOENT);
	EQ(shim_state_write(dir, &s, &e), 0);
	EQ(shim_state_read(dir, &got, &e), 0);
	EQ(got.pid, 77);
	EQ(truncate(file, 10), 0);
	EQ(shim_state_read(dir, &got, &e), -EINVAL);
	s.phase = 99;
	EQ(shim_state_write(dir, &s, &e), 0);
	EQ(shim_state_read(dir, &got, &e), -EINVAL);
	EQ(fs_remove_tree(dir, &e), 0);
}

T(processes_are_told_apart_by_their_birth)
{
	OK(process_born(getpid()) > 0);
	EQ(process_born(INT_MAX), 0);
}

/* Deeper than a path may be long, and with links that lead out. */
T(deep_trees_are_removed_and_links_are_not_followed)
{
	char dir[40], outside[40], name[80];
	struct err e;
	int fd;

	temp_dir(dir);
	temp_dir(outside);
	snprintf(name, sizeof(name), "%s/keep", outside);
	close(open(name, O_CREAT | O_WRONLY, 0600));
	fd = open(dir, O_RDONLY | O_DIRECTORY);
	for (int i = 0; i < 3000; i++) {
		int next;

		OK(mkdirat(fd, "deeper", 0700) == 0);
		OK(mkdirat(fd, "~1", 0000) == 0); /* its own names, too */
		OK(symlinkat(outside, fd, "link") == 0);
		next = openat(fd, "deeper", O_RDONLY | O_DIRECTORY);
		close(fd);
		fd = next;
		OK(fd >= 0);
	}
	close(fd);
	EQ(fs_remove_tree(dir, &e), 0);
	OK(!fs_exists(dir));
	OK(fs_exists(name));
	EQ(fs_remove_tree(dir, &e), 0); /* again */
	EQ(fs_remove_tree(outside, &e), 0);
}

/* Of a container whose health check fails for years. */
T(the_runtimes_log_does_not_grow_for_ever)
{
	char dir[] = "/tmp/swarm-log-XXXXXX", path[PATH_MAX];
	const struct runtime rt = { "/bin/true", dir, dir, "id" };
	const char *const args[] = { "start", NULL };
	static const off_t rows[][2] = { { 60000, 60000 }, { 70000, 0 } };
	struct stat st;
	struct err e;

	OK(mkdtemp(dir) != NULL);
	snprintf(path, sizeof(path), "%s/runtime.log", dir);
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		EQ(fs_write(path, "", 0, 0600, &e), 0);
		EQ(truncate(path, rows[i][0]), 0);
		EQ(runtime_run(&rt, args), 0);
		EQ(stat(path, &st), 0);
		EQ(st.st_size, rows[i][1]);
	}
	EQ(fs_remove_tree(dir, &e), 0);
}

T(volume_names_are_no_paths)
{
	static const struct {
		const char *name;
		bool ok;
	} rows[] = {
		{ "data", true }, { "a.b_c-9", true }, { "a", false },
		{ "", false },	  { "../x", false },   { ".hidden", false },
		{ "a/b", false }, { "-x", false },     { "a b", false },
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		T_ROW(rows[i].name);
		EQ(volume_name_valid(rows[i].name), rows[i].ok);
	}
}
