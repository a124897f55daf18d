/*
 * stored_test.c - a node that starts from a store that is not whole ends with
 * a sentence. Each tries it in a process of its own.
 */
#include <sys/wait.h>
#include <unistd.h>

#include "core/node/node.h"
#include "test/t.h"
#include "test/unit/core/node/identity_rows.h"

#define NODE_ID "aaaaaaaaaaaaaaaaaaaaaaaaa"

static const struct node_description description = { .hostname = "host" };

static void
start(const struct stored *stored)
{
	const struct node_config c = { .seed = 6,
				       .version = "1",
				       .root_dir = "/r",
				       .runtime = "runc",
				       .description = &description,
				       .egress_subnet = "172.30.0.0/16",
				       .stored = stored };

	node_free(node_new(&c, (struct now){ 1000, 5 }));
}

/* What the node says before it ends; "" if it starts. */
static void
last_words(const struct stored *stored, char *ret, size_t size)
{
	size_t len = 0;
	int fds[2];
	ssize_t n;
	pid_t pid;

	EQ(pipe(fds), 0);
	pid = fork();
	OK(pid >= 0);
	if (pid == 0) {
		dup2(fds[1], STDERR_FILENO);
		start(stored);
		_exit(0);
	}
	close(fds[1]);
	while ((n = read(fds[0], ret + len, size - 1 - len)) > 0)
		len += (size_t)n;
	ret[len] = '\0';
	close(fds[0]);
	EQ(waitpid(pid, NULL, 0), pid);
}

struct row {
	int table;
	const char *key, *value;
	size_t len;
};

#define NODE                                                                   \
	{                                                                      \
		TABLE_IDENTITY, "node", NODE_ID, 25                            \
	}
#define RAFT                                                                   \
	{                                                                      \
		TABLE_IDENTITY, "raft", "1", 1                                 \
	}
#define MEMBERS                                                                \
	{                                                                      \
		TABLE_IDENTITY, "members", "\1\0\0\0\0\0\0\0\0", 9             \
	}

T(a_store_that_is_not_whole_ends_the_node_with_a_sentence)
{
	static const struct {
		const char *name;
		struct row rows[4];
		size_t count;
		uint64_t applied, index, term;
		const char *says; /* NULL: it starts */
	} cases[] = {
		{ "nothing", { { 0 } }, 0, 0, 0, 0, NULL },
		{ "whole", { MEMBERS, NODE, RAFT }, 3, 0, 1, 1, NULL },
		{ "short id",
		  { { TABLE_IDENTITY, "node", "abc", 3 } },
		  1,
		  0,
		  1,
		  1,
		  "this node's id is malformed" },
		{ "long id",
		  { { TABLE_IDENTITY, "node", NODE_ID "bbb", 28 } },
		  1,
		  0,
		  1,
		  1,
		  "this node's id is malformed" },
		{ "no raft id",
		  { MEMBERS, NODE },
		  2,
		  0,
		  1,
		  1,
		  "it does not say which member this node is" },
		{ "no members",
		  { NODE, RAFT },
		  2,
		  0,
		  1,
		  1,
		  NULL }, /* a manager that is to join yet */
		{ "half a member",
		  { { TABLE_IDENTITY, "members", "\1\0\0", 3 }, NODE, RAFT },
		  3,
		  0,
		  1,
		  1,
		  "a list of members cannot have 3 bytes" },
		{ "a log with a hole before it",
		  { MEMBERS, NODE, RAFT },
		  3,
		  4,
		  9,
		  1,
		  "the log has 1 entries from 9 on, but what was applied "
		  "ends with 4" },
		{ "a term from nowhere",
		  { MEMBERS, NODE, RAFT },
		  3,
		  0,
		  1,
		  7,
		  "entry 1 of the log cannot be of term 7" },
		{ "no cluster",
		  { MEMBERS, NODE, RAFT },
		  3,
		  9,
		  9,
		  1,
		  "there is no object of the cluster" },
		{ "junk for a service",
		  { { OBJECT_SERVICE, "svc", "\xc1", 1 }, MEMBERS, NODE, RAFT },
		  4,
		  0,
		  1,
		  1,
		  "service svc: " },
		{ "junk for a task of the worker",
		  { MEMBERS, NODE, RAFT, { TABLE_WORKER, "t1", "\xc1", 1 } },
		  4,
		  0,
		  1,
		  1,
		  "the stored task t1 cannot be read" },
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct raft_entry entry = { cases[i].index, cases[i].term,
					    RAFT_NOOP, NULL, 0 };
		struct batch_row rows[4 + ROWS_IDENTITY];
		struct stored stored = { .hard.term = 1,
					 .applied = cases[i].applied,
					 .entries = &entry,
					 .entry_count = cases[i].index > 0,
					 .rows = rows,
					 .row_count = cases[i].count +
						      ROWS_IDENTITY };
		char words[4096];
		struct arena a;

		T_ROW(cases[i].name);
		for (size_t k = 0; k < cases[i].count; k++)
			rows[k] = (struct batch_row){
				cases[i].rows[k].table,
				(char *)(uintptr_t)cases[i].rows[k].key,
				(char *)(uintptr_t)cases[i].rows[k].value,
				cases[i].rows[k].len
			};
		arena_init(&a);
		identity_rows(true, NS_PER_S, &a, rows + cases[i].count);
		last_words(&stored, words, sizeof(words));
		arena_fini(&a);
		if (cases[i].says == NULL) {
			EQ_STR(words, "");
			continue;
		}
		OK(strstr(words, "fatal: what /r/state/data.mdb holds of the "
				 "cluster") != NULL);
		OK(strstr(words, cases[i].says) != NULL);
		OK(strstr(words, "check failed") == NULL);
	}
}

T(an_identity_that_is_not_whole_ends_the_node_with_a_sentence)
{
	static const struct {
		const char *name;
		int row; /* that is another; -1: none is */
		const char *value, *says;
	} cases[] = {
		{ "junk for a certificate", 1, "\xc1", "" },
		{ "an empty certificate", 1, "\x80",
		  "this node's certificate is not whole" },
		{ "no cluster", 2, "", "" },
		{ "junk for the managers", 3, "\xc1", "" },
		{ "junk for the addresses", 0, "\xc1", "" },
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct batch_row rows[1 + ROWS_IDENTITY] = {
			{ TABLE_IDENTITY, (char *)"node", (char *)NODE_ID, 25 },
		};
		struct stored stored = { .rows = rows,
					 .row_count = 1 + ROWS_IDENTITY };
		char words[4096];
		struct arena a;

		T_ROW(cases[i].name);
		arena_init(&a);
		identity_rows(false, NS_PER_S, &a, rows + 1);
		rows[1 + cases[i].row].value =
			(char *)(uintptr_t)cases[i].value;
		rows[1 + cases[i].row].len = strlen(cases[i].value);
		last_words(&stored, words, sizeof(words));
		arena_fini(&a);
		OK(strstr(words, "fatal: what /r/state/data.mdb holds of the "
				 "cluster") != NULL);
		OK(strstr(words, cases[i].says) != NULL);
		OK(strstr(words, "check failed") == NULL);
	}
}
