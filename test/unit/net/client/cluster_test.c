/*
 * cluster_test.c - the commands of the cluster: what they ask for, and what
 * they say, as the docker client 28.2 does against the same answers.
 */
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "net/client/cluster.h"
#include "net/client/daemon_flags.h"
#include "test/unit/net/client/fake.h"

#define ID "abcdefghijklmnopqrstuvwxy"
#define ID2 "bbbbbbbbbbbbbbbbbbbbbbbbb"
#define TLS(root, key)                                                         \
	"\"TLSInfo\":{\"TrustRoot\":\"" root "\",\"CertIssuerSubject\":"       \
	"\"c3Vi\",\"CertIssuerPublicKey\":\"" key "\"}"
#define SPEC(limit, raft, ca, lock)                                            \
	"{\"Name\":\"default\",\"Orchestration\":{"                            \
	"\"TaskHistoryRetentionLimit\":" limit "},\"Raft\":{" raft "},"        \
	"\"Dispatcher\":{\"HeartbeatPeriod\":5000000000},\"CAConfig\":{" ca    \
	"},\"EncryptionConfig\":{\"AutoLockManagers\":" lock "}}"
#define RAFT "\"SnapshotInterval\":10000"
#define CA "\"NodeCertExpiry\":7776000000000000"
#define PLAIN SPEC("5", RAFT, CA, "false")
#define LOCKED SPEC("5", RAFT, CA, "true")
#define SWARM(spec, tls)                                                       \
	"{\"ID\":\"c\",\"Version\":{\"Index\":10},\"Spec\":" spec "," tls      \
	",\"JoinTokens\":{\"Worker\":\"SWMTKN-1-w\",\"Manager\":"              \
	"\"SWMTKN-1-m\"}}"
#define NODE(id, name, role, rest)                                             \
	"{\"ID\":\"" id "\",\"Version\":{\"Index\":9},\"Spec\":{\"Labels\":{"  \
	"\"a.b\":\"c\"},\"Role\":\"" role "\",\"Availability\":\"active\"},"   \
	"\"Description\":{\"Hostname\":\"" name                                \
	"\"," TLS("old\\n", "a2V5") "}" rest "}"
#define ONE                                                                    \
	NODE(ID, "one", "manager",                                             \
	     ",\"ManagerStatus\":{\"Leader\":true,\"Addr\":\"10.0.0.1:"        \
	     "2377\"}")
#define TWO NODE(ID2, "two", "worker", "")
#define KEY_BLOCK                                                              \
	"To unlock a swarm manager after it restarts, run the `swarm "         \
	"unlock`\ncommand and provide the following key:\n\n"                  \
	"    SWMKEY-1-k\n\n"                                                   \
	"Remember to store this key in a password manager, since without it "  \
	"you\nwill not be able to restart the manager.\n"
#define JOIN(role, token)                                                      \
	"To add a " role " to this swarm, run the following command:\n\n"      \
	"    swarm join --token " token " 10.0.0.1:2377\n\n"
#define END                                                                    \
	{                                                                      \
		NULL, 0, NULL, 0                                               \
	}

#define COMMON(spec)                                                           \
	{ "GET /swarm", 200, SWARM(spec, TLS("old\\n", "a2V5")), 0 },          \
		{ "GET /swarm/unlockkey", 200,                                 \
		  "{\"UnlockKey\":\"SWMKEY-1-k\"}", 0 },                       \
		{ "GET /info", 200,                                            \
		  "{\"Swarm\":{\"NodeID\":\"" ID "\",\"LocalNodeState\":"      \
		  "\"active\",\"ControlAvailable\":true}}",                    \
		  0 },                                                         \
		{ "GET /nodes/" ID, 200, ONE, 0 },                             \
		{ "GET /nodes/one", 200, ONE, 0 },                             \
		{ "GET /nodes/two", 200, TWO, 0 },                             \
		{ "GET /nodes/gone", 404,                                      \
		  "{\"message\":\"node gone not found\"}", 0 },                \
		{ "POST /swarm/init", 200, "\"" ID "\"", 0 },                  \
		{ "POST /swarm/join", 200, "", 0 },                            \
		{ "POST /swarm/update?version=10", 200, "", 0 },               \
		{ "POST /swarm/update?version=10&rotateWorkerToken=true", 200, \
		  "", 0 },                                                     \
		{ "POST /swarm/update?version=10&rotateManagerToken=true",     \
		  200, "", 0 },                                                \
		{ "POST /swarm/update?version=10&rotateManagerUnlockKey=true", \
		  200, "", 0 },                                                \
		{ "POST /nodes/" ID "/update?version=9", 200, "", 0 },         \
		{ "POST /nodes/" ID2 "/update?version=9", 200, "", 0 },        \
		{ "DELETE /nodes/one", 200, "", 0 },                           \
		{ "DELETE /nodes/one?force=true", 200, "", 0 },                \
		{ "DELETE /nodes/gone", 404,                                   \
		  "{\"message\":\"node gone not found\"}", 0 },                \
		END

static const struct fake_answer open_swarm[] = { COMMON(PLAIN) };
static const struct fake_answer auto_locked[] = { COMMON(LOCKED) };

/* ---- init, join -----------------------------------------------------------
 */

#define INIT(place, spec, port, force, lock, pools, size)                      \
	"POST /swarm/init {" place ",\"Spec\":" spec ",\"DataPathPort\":" port \
	",\"ForceNewCluster\":" force ",\"AutoLockManagers\":" lock            \
	",\"DefaultAddrPool\":[" pools "],\"SubnetSize\":" size "}\n"          \
	"GET /swarm \nGET /nodes/" ID " \n"
#define PLACE(listen, advertise, path, how)                                    \
	"\"ListenAddr\":\"" listen "\",\"AdvertiseAddr\":\"" advertise         \
	"\",\"DataPathAddr\":\"" path "\",\"Availability\":\"" how "\""
#define USUAL PLACE("0.0.0.0:2377", "", "", "active")

T(init_says_how_to_join)
{
	static const struct fake_row rows[] = {
		{ "init", 0,
		  "Swarm initialized: current node (" ID
		  ") is now a manager.\n\n" JOIN(
			  "worker", "SWMTKN-1-w") "To add a manager to this "
						  "swarm, run 'swarm "
						  "join-token manager' and "
						  "follow the instructions.\n",
		  "" },
		{ "init --autolock", 0,
		  "Swarm initialized: current node (" ID
		  ") is now a manager.\n\n" JOIN(
			  "worker",
			  "SWMTKN-1-w") "To add a manager to this swarm, run "
					"'swarm join-token manager' and follow "
					"the instructions.\n" KEY_BLOCK,
		  "" },
		{ "init --availability zork", 1, "",
		  "invalid availability \"zork\", only active, pause and drain "
		  "are supported\n" },
	};
	static const struct fake_answer lost[] = {
		{ "POST /swarm/init", 400,
		  "{\"message\":\"could not choose an IP address to advertise "
		  "since this system has multiple addresses.\"}",
		  0 },
		END
	};
	static const struct fake_row no_address[] = {
		{ "init", 1, "",
		  "Error response from daemon: could not choose an IP address "
		  "to advertise since this system has multiple addresses - "
		  "specify one with --advertise-addr\n" },
	};

	fake_rows(open_swarm, rows, ARRAY_LEN(rows));
	fake_rows(lost, no_address, ARRAY_LEN(no_address));
}

T(init_sends_what_was_given_and_no_more)
{
	static const struct fake_row rows[] = {
		{ "init", 0,
		  INIT(USUAL, "{\"Name\":\"default\"}", "0", "false", "false",
		       "", "24"),
		  "" },
		{ "init --listen-addr eth0 --advertise-addr wlan0:99 "
		  "--data-path-addr 10.1.1.1 --availability DRAIN",
		  0,
		  INIT(PLACE("eth0:2377", "wlan0:99", "10.1.1.1", "drain"),
		       "{\"Name\":\"default\"}", "0", "false", "false", "",
		       "24"),
		  "" },
		{ "init --task-history-limit 0 --snapshot-interval 7 "
		  "--max-snapshots 2 --dispatcher-heartbeat 3s --cert-expiry "
		  "2h --autolock=false",
		  0,
		  INIT(USUAL,
		       "{\"Name\":\"default\",\"Orchestration\":{"
		       "\"TaskHistoryRetentionLimit\":0},\"Raft\":{"
		       "\"SnapshotInterval\":7,\"KeepOldSnapshots\":2},"
		       "\"Dispatcher\":{\"HeartbeatPeriod\":3000000000},"
		       "\"CAConfig\":{\"NodeCertExpiry\":7200000000000},"
		       "\"EncryptionConfig\":{\"AutoLockManagers\":false}}",
		       "0", "false", "false", "", "24"),
		  "" },
		{ "init --force-new-cluster --data-path-port 7789 "
		  "--default-addr-pool 10.1.0.0/16,10.2.0.0/16 "
		  "--default-addr-pool fd00::/8 "
		  "--default-addr-pool-mask-length 26",
		  0,
		  INIT(USUAL, "{\"Name\":\"default\"}", "7789", "true", "false",
		       "\"10.1.0.0/16\",\"10.2.0.0/16\",\"fd00::/8\"", "26"),
		  "" },
	};

	fake_sent(open_swarm, rows, ARRAY_LEN(rows));
}

T(join_takes_its_token_from_three_places)
{
#define JOINED(place, token)                                                   \
	"POST /swarm/join {" place ",\"RemoteAddrs\":[\"m:2377\"],"            \
	"\"JoinToken\":\"" token "\"}\nGET /info \n"
	static const struct fake_row rows[] = {
		{ "join --token T1 m:2377", 0, JOINED(USUAL, "T1"), "" },
		{ "join m:2377 --token=T1 --listen-addr :5 --advertise-addr "
		  "eth1 --availability pause --data-path-addr eth2",
		  0, JOINED(PLACE("0.0.0.0:5", "eth1", "eth2", "pause"), "T1"),
		  "" },
		{ "join --token T1 --token-file x m:2377", 1, "",
		  "--token and --token-file cannot be used together\n" },
		{ "join --token-file /nowhere/token m:2377", 1, "",
		  "read the token in /nowhere/token: No such file or "
		  "directory\n" },
		{ "join --token-file /dev/null m:2377", 1, "",
		  "there is no token in /dev/null\n" },
		{ "join m:2377", 1, "",
		  "no token is given: \"swarm join-token worker\" on a manager "
		  "shows one; give it by --token, --token-file or "
		  "$SWARM_TOKEN\n" },
	};
	struct fake f;
	int pipes[2];

	unsetenv("SWARM_TOKEN");
	fake_sent(open_swarm, rows, ARRAY_LEN(rows));
	setenv("SWARM_TOKEN", "T2", 1);
	EQ(fake_run(&f, open_swarm, "join m:2377"), 0);
	EQ_STR(buf_cstr(&f.sent), JOINED(USUAL, "T2"));
	EQ_STR(f.out, "This node joined a swarm as a manager.\n");
	OK(getenv("SWARM_TOKEN") == NULL);
	fake_fini(&f);
	OK(pipe(pipes) == 0 && write(pipes[1], " T3\r\nmore\n", 10) == 10);
	close(pipes[1]);
	EQ(fake_run_in(&f, open_swarm, "join --token-file - m:2377", pipes[0]),
	   0);
	EQ_STR(buf_cstr(&f.sent), JOINED(USUAL, "T3"));
	fake_fini(&f);
	close(pipes[0]);
}

T(a_worker_is_told_that_it_is_one)
{
	static const struct fake_answer answers[] = {
		{ "POST /swarm/join", 200, "", 0 },
		{ "GET /info", 200, "{\"Swarm\":{\"ControlAvailable\":false}}",
		  0 },
		END
	};
	static const struct fake_answer refused[] = {
		{ "POST /swarm/join", 503,
		  "{\"message\":\"This node is already part of a swarm. Use "
		  "\\\"docker swarm leave\\\", docker node ls, dockerd\"}",
		  0 },
		END
	};
	static const struct fake_row row = {
		"join --token T m", 0,
		"This node joined a swarm as a worker.\n", ""
	};
	static const struct fake_row no = {
		"join --token T m", 1, "",
		"Error response from daemon: This node is already part of a "
		"swarm. Use \"swarm leave\", swarm node ls, dockerd\n"
	};

	fake_rows(answers, &row, 1);
	fake_rows(refused, &no, 1);
}

T(a_token_does_not_stay_in_argv)
{
	char w0[] = "swarm", w1[] = "join", w2[] = "--token", w3[] = "SECRET",
	     w4[] = "m:2377", w5[] = "--token=SECRET";
	char *argv[] = { w0, w1, w2, w3, w4, NULL };
	char *glued[] = { w0, w1, w5, w4, NULL };
	const char *message;
	struct parsed p;
	struct arena a;

	arena_init(&a);
	EQ(command_parse(5, argv, &a, &p, &message), 0);
	EQ_STR(flag_str(&p, "token"), "SECRET");
	EQ_STR(w3, "******");
	EQ(command_parse(4, glued, &a, &p, &message), 0);
	EQ_STR(flag_str(&p, "token"), "SECRET");
	EQ_STR(w5, "--token=******");
	arena_fini(&a);
}

T(addresses_get_what_they_lack)
{
	static const struct {
		const char *given, *want;
	} rows[] = {
		{ "eth0", "eth0:2377" },
		{ ":5", "0.0.0.0:5" },
		{ ":", "0.0.0.0:2377" },
		{ "1.2.3.4", "1.2.3.4:2377" },
		{ "name:9", "name:9" },
		{ "[::1]:3", "[::1]:3" },
		{ "::1", "[::1]:2377" },
		{ "[::1]", "[::1]:2377" },
		{ "tcp://1.2.3.4:5", "1.2.3.4:5" },
	};
	struct arena a;
	struct err e;

	arena_init(&a);
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		T_ROW(rows[i].given);
		EQ(node_addr_check(rows[i].given, &e), 0);
		EQ_STR(text_to_node_addr(rows[i].given, &a), rows[i].want);
	}
	arena_fini(&a);
}

#define USAGE(path, rest)                                                      \
	"\n\nUsage:  swarm " path " " rest "\n\nRun 'swarm " path              \
	" --help' for more information\n"

T(values_that_are_none_are_refused_in_dockers_words)
{
	static const struct fake_row rows[] = {
		{ "init --listen-addr :x", 125, "",
		  "invalid argument \":x\" for \"--listen-addr\" flag: parse "
		  "\"tcp://:x\": invalid port \":x\" after host" USAGE(
			  "init", "[OPTIONS]") },
		{ "init --default-addr-pool 10.0.0.0", 125, "",
		  "invalid argument \"10.0.0.0\" for \"--default-addr-pool\" "
		  "flag: invalid string being converted to CIDR: "
		  "10.0.0.0" USAGE("init", "[OPTIONS]") },
		{ "init --data-path-port 99999999999", 125, "",
		  "invalid argument \"99999999999\" for \"--data-path-port\" "
		  "flag: strconv.ParseUint: parsing \"99999999999\": value out "
		  "of range" USAGE("init", "[OPTIONS]") },
		{ "join", 1, "",
		  "swarm: 'swarm join' requires 1 argument" USAGE(
			  "join", "[OPTIONS] HOST:PORT") },
		{ "join-token", 1, "",
		  "swarm: 'swarm join-token' requires 1 argument" USAGE(
			  "join-token", "[OPTIONS] (worker|manager)") },
		{ "join-token foo", 1, "", "unknown role foo\n" },
		{ "update x", 1, "",
		  "swarm: 'swarm update' accepts no arguments" USAGE(
			  "update", "[OPTIONS]") },
		{ "ca --ca-cert /nowhere/x --rotate", 125, "",
		  "invalid argument \"/nowhere/x\" for \"--ca-cert\" flag: "
		  "open /nowhere/x: No such file or directory" USAGE(
			  "ca", "[OPTIONS]") },
		{ "ca --ca-key /dev/null --rotate", 125, "",
		  "invalid argument \"/dev/null\" for \"--ca-key\" flag: file "
		  "contents must be in PEM format" USAGE("ca", "[OPTIONS]") },
		{ "ca --cert-expiry 3h", 1, "",
		  "`--cert-expiry` flag requires the `--rotate` flag to update "
		  "the CA\n" },
		{ "node update --label-add =x one", 125, "",
		  "invalid argument \"=x\" for \"--label-add\" flag: invalid "
		  "label '=x': empty name" USAGE("node update",
						 "[OPTIONS] NODE") },
	};
	static const struct fake_answer none[] = { END };

	fake_rows(none, rows, ARRAY_LEN(rows));
}

/* ---- tokens and keys ------------------------------------------------------
 */

T(tokens_are_shown_and_rotated)
{
	static const struct fake_row said[] = {
		{ "join-token worker", 0, JOIN("worker", "SWMTKN-1-w"), "" },
		{ "join-token -q manager", 0, "SWMTKN-1-m\n", "" },
		{ "join-token --rotate manager", 0,
		  "Successfully rotated manager join token.\n\n" JOIN(
			  "manager", "SWMTKN-1-m"),
		  "" },
		{ "join-token --rotate -q worker", 0, "SWMTKN-1-w\n", "" },
	};
	static const struct fake_row sent[] = {
		{ "join-token --rotate -q worker", 0,
		  "GET /swarm \nPOST /swarm/update?version=10&"
		  "rotateWorkerToken=true " PLAIN "\nGET /swarm \n",
		  "" },
		{ "join-token --rotate -q manager", 0,
		  "GET /swarm \nPOST /swarm/update?version=10&"
		  "rotateManagerToken=true " PLAIN "\nGET /swarm \n",
		  "" },
	};

	fake_rows(open_swarm, said, ARRAY_LEN(said));
	fake_sent(open_swarm, sent, ARRAY_LEN(sent));
}

T(the_unlock_key_is_shown_and_rotated)
{
	static const struct fake_row said[] = {
		{ "unlock-key", 0, KEY_BLOCK, "" },
		{ "unlock-key -q", 0, "SWMKEY-1-k\n", "" },
		{ "unlock-key --rotate", 0,
		  "Successfully rotated manager unlock key.\n" KEY_BLOCK, "" },
	};
	static const struct fake_row sent = {
		"unlock-key --rotate -q", 0,
		"GET /swarm \nPOST /swarm/update?version=10&"
		"rotateManagerUnlockKey=true " LOCKED
		"\nGET /swarm/unlockkey \n",
		""
	};
	static const struct fake_row no = {
		"unlock-key --rotate", 1, "",
		"cannot rotate because autolock is not turned on\n"
	};
	static const struct fake_answer empty[] = {
		{ "GET /swarm/unlockkey", 200, "{\"UnlockKey\":\"\"}", 0 }, END
	};
	static const struct fake_row none = { "unlock-key", 1, "",
					      "no unlock key is set\n" };

	fake_rows(auto_locked, said, ARRAY_LEN(said));
	fake_sent(auto_locked, &sent, 1);
	fake_rows(open_swarm, &no, 1);
	fake_rows(empty, &none, 1);
}

T(unlock_sends_the_first_line_of_stdin)
{
	static const struct fake_answer locked[] = {
		{ "GET /info", 200,
		  "{\"Swarm\":{\"LocalNodeState\":\"locked\"}}", 0 },
		{ "POST /swarm/unlock", 200, "", 0 },
		END
	};
	static const struct fake_answer alone[] = {
		{ "GET /info", 200,
		  "{\"Swarm\":{\"LocalNodeState\":\"inactive\"}}", 0 },
		END
	};
	static const struct fake_row rows[] = {
		{ "unlock", 1, "", "Error: swarm is not locked\n" },
	};
	static const struct fake_row no = {
		"unlock", 1, "", "Error: This node is not part of a swarm\n"
	};
	struct fake f;
	char more[8];
	int pipes[2];

	fake_rows(open_swarm, rows, 1);
	fake_rows(alone, &no, 1);
	OK(pipe(pipes) == 0 && write(pipes[1], " SWMKEY-1-x \nrest", 17) == 17);
	close(pipes[1]);
	EQ(fake_run_in(&f, locked, "unlock", pipes[0]), 0);
	EQ_STR(buf_cstr(&f.sent), "GET /info \nPOST /swarm/unlock "
				  "{\"UnlockKey\":\"SWMKEY-1-x\"}\n");
	EQ_STR(f.out, "");
	EQ(read(pipes[0], more, sizeof(more)), 4);
	fake_fini(&f);
	close(pipes[0]);
}

/* ---- update ---------------------------------------------------------------
 */

T(update_changes_what_is_named)
{
#define UPDATED(spec) "GET /swarm \nPOST /swarm/update?version=10 " spec "\n"
	static const struct fake_row sent[] = {
		{ "update --task-history-limit 3", 0,
		  UPDATED(SPEC("3", RAFT, CA, "false")), "" },
		{ "update --snapshot-interval 9 --max-snapshots 1", 0,
		  UPDATED(SPEC("5",
			       "\"SnapshotInterval\":9,\"KeepOldSnapshots\":1",
			       CA, "false")),
		  "" },
		{ "update --cert-expiry 1h", 0,
		  UPDATED(SPEC("5", RAFT, "\"NodeCertExpiry\":3600000000000",
			       "false")),
		  "" },
		{ "update --autolock", 0,
		  UPDATED(LOCKED) "GET /swarm/unlockkey \n", "" },
	};
	static const struct fake_row still = { "update --autolock", 0,
					       "Swarm updated.\n", "" };
	static const struct fake_row off = { "update --autolock=false", 0,
					     UPDATED(PLAIN), "" };
	static const struct fake_row said[] = {
		{ "update --dispatcher-heartbeat 1s", 0, "Swarm updated.\n",
		  "" },
		{ "update --autolock", 0, "Swarm updated.\n" KEY_BLOCK, "" },
	};
	static const struct fake_answer none[] = { END };
	struct fake f;

	fake_sent(open_swarm, sent, ARRAY_LEN(sent));
	fake_sent(auto_locked, &off, 1);
	fake_rows(auto_locked, &still, 1);
	fake_rows(open_swarm, said, ARRAY_LEN(said));
	EQ(fake_run(&f, none, "update"), 0);
	OK(str_starts(f.out, "Usage:  swarm update [OPTIONS]\n"));
	EQ_STR(buf_cstr(&f.sent), "");
	fake_fini(&f);
}

/* ---- ca -------------------------------------------------------------------
 */

static const char *
write_pem(char path[32], const char *text)
{
	int fd;

	snprintf(path, 32, "/tmp/swarm-ca-XXXXXX");
	fd = mkstemp(path);
	OK(fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text));
	close(fd);
	return path;
}

T(ca_shows_the_root)
{
	static const struct fake_row rows[] = {
		{ "ca", 0, "old\n", "" },
		{ "ca -q", 0, "old\n", "" },
	};

	fake_rows(open_swarm, rows, ARRAY_LEN(rows));
}

T(ca_rotation_asks_for_a_new_root_or_brings_one)
{
	static const struct fake_row row = {
		"ca --rotate -d --cert-expiry 1h", 0,
		UPDATED(SPEC("5", RAFT,
			     "\"NodeCertExpiry\":3600000000000,\"ForceRotate\":"
			     "1",
			     "false")),
		""
	};
	char cert[32], key[32], line[128];
	struct fake f;

	fake_sent(open_swarm, &row, 1);
	write_pem(cert, "-----BEGIN CERTIFICATE-----\nx\n");
	write_pem(key, "-----BEGIN EC PRIVATE KEY-----\ny\n");
	snprintf(line, sizeof(line), "ca --rotate -d --ca-cert %s --ca-key %s",
		 cert, key);
	EQ(fake_run(&f, open_swarm, line), 0);
	EQ_STR(buf_cstr(&f.sent),
	       UPDATED(SPEC("5", RAFT,
			    CA ",\"SigningCACert\":\"-----BEGIN "
			       "CERTIFICATE-----\\nx\\n\",\"SigningCAKey\":"
			       "\"-----BEGIN EC PRIVATE KEY-----\\ny\\n\"",
			    "false")));
	fake_fini(&f);
	snprintf(line, sizeof(line), "ca --rotate --ca-cert %s", cert);
	EQ(fake_run(&f, open_swarm, line), 1);
	EQ_STR(f.err, "the --ca-cert flag requires that a --ca-key flag be "
		      "provided as well\n");
	fake_fini(&f);
	unlink(cert);
	unlink(key);
}

#define AT(root, key) "{\"ID\":\"x\",\"Description\":{" TLS(root, key) "}}"
#define ROTATING                                                               \
	"{\"RootRotationInProgress\":true,\"Version\":{\"Index\":11}," TLS(    \
		"new\\n", "bmV3") "}"
#define ROTATED                                                                \
	"{\"RootRotationInProgress\":false,\"Version\":{\"Index\":12}," TLS(   \
		"new\\n", "bmV3") "}"

T(a_rotation_is_watched_until_all_nodes_are_through)
{
	static const struct fake_answer answers[] = {
		{ "POST /swarm/update?version=10", 200, "", 0 },
		{ "GET /swarm", 200, SWARM(PLAIN, TLS("old\\n", "a2V5")), 0 },
		{ "GET /swarm", 200, ROTATING, 0 },
		{ "GET /swarm", 200, ROTATING, 0 },
		{ "GET /swarm", 503, "{\"message\":\"no leader\"}", 0 },
		{ "GET /swarm", 200, ROTATED, 0 },
		{ "GET /swarm", 200, ROTATED, 0 },
		{ "GET /nodes", 200,
		  "[" AT("old\\n", "a2V5") "," AT("old\\n", "bmV3") "]", 0 },
		/* Roots are not counted as long as the old one is needed. */
		{ "GET /nodes", 200,
		  "[" AT("new\\n", "bmV3") "," AT("new\\n", "bmV3") "]", 0 },
		{ "GET /nodes", 200,
		  "[" AT("old\\n", "bmV3") "," AT("new\\n", "bmV3") "]", 0 },
		{ "GET /nodes", 200,
		  "[" AT("new\\n", "bmV3") "," AT("new\\n", "bmV3") "]", 0 },
		END
	};
#define PROGRESS(tls, ca)                                                      \
	"desired root digest: sha256:digest-of-new\n\n"                        \
	"  rotated TLS certificates:  " tls "/2 nodes\n"                       \
	"  rotated CA certificates:   " ca "/2 nodes\n"
	static const struct fake_row row = {
		"ca --rotate", 0,
		PROGRESS("1", "0") PROGRESS("2", "0") PROGRESS("2", "1")
			PROGRESS("2", "2") "new\n",
		""
	};
	static const struct fake_row quiet = { "ca --rotate -q", 0, "", "" };

	fake_rows(answers, &row, 1);
	fake_rows(answers, &quiet, 1);
}

/* ---- nodes ----------------------------------------------------------------
 */

#define NODE_SPEC(labels, role, how)                                           \
	"{\"Labels\":{" labels "},\"Role\":\"" role                            \
	"\",\"Availability\":\"" how "\"}\n"

T(a_node_is_updated_by_its_whole_spec)
{
	static const struct fake_row rows[] = {
		{ "node update one", 0,
		  "GET /nodes/one \nPOST /nodes/" ID
		  "/update?version=9 " NODE_SPEC("\"a.b\":\"c\"", "manager",
						 "active"),
		  "" },
		{ "node update --availability DRAIN --role Worker --label-add "
		  "x.y=1=2 --label-add z --label-rm a.b one",
		  0,
		  "GET /nodes/one \nPOST /nodes/" ID
		  "/update?version=9 " NODE_SPEC("\"x.y\":\"1=2\",\"z\":\"\"",
						 "worker", "drain"),
		  "" },
		{ "node update --label-rm q one", 1, "GET /nodes/one \n",
		  "key q doesn't exist in node's labels\n" },
		{ "node update gone", 1, "GET /nodes/gone \n",
		  "Error response from daemon: node gone not found\n" },
	};
	static const struct fake_row said[] = {
		{ "node update --role worker one", 0, "one\n", "" },
		{ "node promote two one gone two", 1,
		  "Node two promoted to a manager in the swarm.\n"
		  "Node " ID " is already a manager.\n",
		  "Error response from daemon: node gone not found\n" },
		{ "node demote two one", 0,
		  "Node " ID2 " is already a worker.\n"
		  "Manager one demoted in the swarm.\n",
		  "" },
		{ "node rm gone one", 1, "one\n",
		  "Error response from daemon: node gone not found\n" },
		{ "node rm -f one", 0, "one\n", "" },
	};
	static const struct fake_row roles[] = {
		{ "node promote two", 0,
		  "GET /nodes/two \nPOST /nodes/" ID2
		  "/update?version=9 " NODE_SPEC("\"a.b\":\"c\"", "manager",
						 "active"),
		  "" },
		{ "node demote one", 0,
		  "GET /nodes/one \nPOST /nodes/" ID
		  "/update?version=9 " NODE_SPEC("\"a.b\":\"c\"", "worker",
						 "active"),
		  "" },
		{ "node rm --force one", 0, "DELETE /nodes/one?force=true \n",
		  "" },
	};

	fake_sent(open_swarm, rows, ARRAY_LEN(rows));
	fake_rows(open_swarm, said, ARRAY_LEN(said));
	fake_sent(open_swarm, roles, ARRAY_LEN(roles));
}

T(a_nodes_certificate_is_ready_or_to_be_rotated)
{
	static const struct fake_answer answers[] = {
		{ "GET /nodes", 200,
		  "[" AT("r", "k") "," AT("q", "k") ",{\"ID\":\"y\"}]", 0 },
		{ "GET /info", 200,
		  "{\"Swarm\":{\"Cluster\":{" TLS("r", "k") "}}}", 0 },
		END
	};
	static const struct fake_row row = {
		"node ls --format {{.ID}}:{{.TLSStatus}}", 0,
		"x:Ready\nx:Needs Rotation\ny:Unknown\n", ""
	};

	fake_rows(answers, &row, 1);
}

/* ---- rebalance ------------------------------------------------------------
 */

#define MOVES                                                                  \
	"{\"Moves\":[{\"TaskID\":\"t1\",\"Slot\":3,\"From\":\"" ID             \
	"\",\"To\":\"" ID2 "\"}]}"
#define SERVICE                                                                \
	{                                                                      \
		"GET /services/web", 200,                                      \
			"{\"ID\":\"s1\",\"Spec\":{\"Name\":\"web\"}}", 0       \
	}

T(rebalance_shows_or_makes_moves)
{
	static const struct fake_answer answers[] = {
		SERVICE,
		{ "GET /services", 200, "[]", 0 },
		{ "GET /nodes", 200, "[" ONE "," TWO "]", 0 },
		{ "POST /services/s1/rebalance?dryRun=1", 200, MOVES, 0 },
		{ "POST /services/s1/rebalance", 200, MOVES, 0 },
		END
	};
	static const struct fake_answer still[] = {
		SERVICE,
		{ "POST /services/s1/rebalance", 200, "{\"Moves\":[]}", 0 },
		END
	};
	static const struct fake_row rows[] = {
		{ "service rebalance --dry-run web", 0,
		  "TASK      FROM      TO\nweb.3     one       two\n", "" },
		{ "service rebalance -d web", 0, "web\n", "" },
	};
	static const struct fake_row nothing = { "service rebalance web", 0,
						 "web: nothing to move\n", "" };
	static const struct fake_row sent = {
		"service rebalance -d web", 0,
		"GET /services/web \nPOST /services/s1/rebalance \n", ""
	};

	fake_rows(answers, rows, ARRAY_LEN(rows));
	fake_rows(still, &nothing, 1);
	fake_sent(answers, &sent, 1);
}

/* ---- info -----------------------------------------------------------------
 */

T(info_has_the_swarm_as_docker_prints_it)
{
	static const struct fake_answer answers[] = {
		{ "GET /info", 200,
		  "{\"Swarm\":{\"NodeID\":\"" ID "\",\"NodeAddr\":\"10.0.0.1\","
		  "\"LocalNodeState\":\"active\",\"ControlAvailable\":true,"
		  "\"RemoteManagers\":[{\"Addr\":\"10.0.0.2:2377\"},{\"Addr\":"
		  "\"10.0.0.1:2377\"}],\"Nodes\":3,\"Managers\":2,\"Cluster\":"
		  "{\"ID\":\"c\",\"Spec\":" PLAIN
		  ",\"DefaultAddrPool\":[\"10.0.0.0/8\"],\"SubnetSize\":24,"
		  "\"DataPathPort\":4789}}}",
		  0 },
		END
	};
	static const char want[] =
		" Swarm: active\n  NodeID: " ID "\n  Is Manager: true\n"
		"  ClusterID: c\n  Managers: 2\n  Nodes: 3\n"
		"  Default Address Pool: 10.0.0.0/8  \n  SubnetSize: 24\n"
		"  Data Path Port: 4789\n  Orchestration:\n"
		"   Task History Retention Limit: 5\n  Raft:\n"
		"   Snapshot Interval: 10000\n"
		"   Number of Old Snapshots to Retain: 0\n"
		"   Heartbeat Tick: 0\n   Election Tick: 0\n  Dispatcher:\n"
		"   Heartbeat Period: 5 seconds\n  CA Configuration:\n"
		"   Expiry Duration: 3 months\n   Force Rotate: 0\n"
		"  Autolock Managers: false\n"
		"  Root Rotation In Progress: false\n"
		"  Node Address: 10.0.0.1\n  Manager Addresses:\n"
		"   10.0.0.1:2377\n   10.0.0.2:2377\n";
	struct fake f;

	EQ(fake_run(&f, answers, "info"), 0);
	OK(strstr(f.out, want) != NULL);
	fake_fini(&f);
}

/* ---- the daemon's flags ---------------------------------------------------
 */

static int
daemon_flags(const char *line, struct arena *a, struct daemon_options *ret)
{
	char *argv[16], *at = arena_strdup(a, line);
	int argc = 0;

	while (at != NULL && argc < 16) {
		char *blank = strchr(at, ' ');

		if (blank != NULL)
			*blank++ = '\0';
		argv[argc++] = at;
		at = blank;
	}
	*ret = (struct daemon_options){ 0 };
	return daemon_flags_read(argc, argv, a, ret);
}

T(the_daemon_is_told_what_to_do_first)
{
	struct daemon_options o;
	struct arena a;

	unsetenv("SWARM_TOKEN");
	arena_init(&a);
	EQ(daemon_flags("daemon", &a, &o), -1);
	OK(o.first == NULL && !o.force_new_cluster);
	EQ(daemon_flags("daemon --init --advertise-addr eth0 --listen-addr :9",
			&a, &o),
	   -1);
	OK(o.first != NULL && o.first->op == OP_SWARM_INIT);
	EQ_STR(o.first->body,
	       "{" PLACE("0.0.0.0:9", "eth0", "",
			 "active") ",\"Spec\":{\"Name\":\"default\"}}");
	EQ(o.first->body_len, strlen(o.first->body));
	EQ(daemon_flags("daemon --join m1 --join m2:9 --token T", &a, &o), -1);
	OK(o.first != NULL && o.first->op == OP_SWARM_JOIN);
	EQ_STR(o.first->body, "{" USUAL ",\"RemoteAddrs\":[\"m1\",\"m2:9\"],"
			      "\"JoinToken\":\"T\"}");
	setenv("SWARM_TOKEN", "E", 1);
	EQ(daemon_flags("daemon --join m --force-new-cluster", &a, &o), -1);
	OK(strstr(o.first->body, "\"JoinToken\":\"E\"") != NULL);
	OK(o.force_new_cluster);
	/* It may have joined already: then the token may be gone. */
	EQ(daemon_flags("daemon --join m --token-file /nowhere/t", &a, &o), -1);
	OK(strstr(o.first->body, "\"JoinToken\":\"\"") != NULL);
	arena_fini(&a);
}

T(flags_of_the_daemon_that_fight_are_refused)
{
	static const char *const lines[] = {
		"daemon --init --join m --token T",
		"daemon --token T",
		"daemon --token-file T",
		"daemon --join m --token T --token-file F",
		"daemon --advertise-addr eth0",
		"daemon --listen-addr :1",
		"daemon --init --listen-addr :x",
	};
	struct daemon_options o;
	struct arena a;

	arena_init(&a);
	for (size_t i = 0; i < ARRAY_LEN(lines); i++) {
		T_ROW(lines[i]);
		EQ(daemon_flags(lines[i], &a, &o), CLI_USAGE);
	}
	arena_fini(&a);
}
