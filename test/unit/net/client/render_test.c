/* render_test.c - canned answers in, Docker's output out, byte for byte. */
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "net/client/format.h"
#include "net/client/progress.h"
#include "net/client/tarstream.h"
#include "test/unit/net/client/fake.h"

#define NODE_ID "abcdefghijklmnopqrstuvwxy"
#define SERVICE_ID "s1s1s1s1s1s1s1s1s1s1s1s1s"
#define NODE                                                                   \
	"{\"ID\":\"" NODE_ID "\",\"Version\":{\"Index\":9},\"Spec\":{"         \
	"\"Role\":\"manager\",\"Availability\":\"active\"},\"Description\":{"  \
	"\"Hostname\":\"box\",\"Engine\":{\"EngineVersion\":\"0.1.0\"}},"      \
	"\"Status\":{\"State\":\"ready\",\"Addr\":\"10.0.0.1\"},"              \
	"\"ManagerStatus\":{\"Leader\":true,\"Reachability\":\"reachable\"}}"
#define NODE2                                                                  \
	"{\"ID\":\"bbbb\",\"Spec\":{\"Availability\":\"drain\"},"              \
	"\"Description\":{\"Hostname\":\"box10\"},\"Status\":{\"State\":"      \
	"\"down\"}}"
#define NODE3                                                                  \
	"{\"ID\":\"cccc\",\"Spec\":{\"Availability\":\"pause\"},"              \
	"\"Description\":{\"Hostname\":\"box9\\u001b[31m\"},\"Status\":{"      \
	"\"State\":\"down\"}}"
#define SERVICE                                                                \
	"{\"ID\":\"" SERVICE_ID "\",\"Version\":{\"Index\":12},\"Spec\":{"     \
	"\"Name\":\"web\",\"Labels\":{},\"TaskTemplate\":{\"ContainerSpec\":"  \
	"{\"Image\":\"nginx:1.25@sha256:"                                      \
	"0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef\""   \
	"}},\"Mode\":{\"Replicated\":{\"Replicas\":3}}},\"Endpoint\":{"        \
	"\"Ports\":[{\"Protocol\":\"tcp\",\"TargetPort\":81,"                  \
	"\"PublishedPort\":8081,\"PublishMode\":\"ingress\"},{\"Protocol\":"   \
	"\"tcp\",\"TargetPort\":80,\"PublishedPort\":8080,\"PublishMode\":"    \
	"\"ingress\"},{\"Protocol\":\"udp\",\"TargetPort\":53,"                \
	"\"PublishedPort\":53,\"PublishMode\":\"host\"}]},"                    \
	"\"ServiceStatus\":{\"RunningTasks\":2,\"DesiredTasks\":3}}"

static const char tasks[] =
	"[{\"ID\":\"task2222222222222222222222\",\"CreatedAt\":"
	"\"2023-11-14T21:00:00Z\",\"Spec\":{\"ContainerSpec\":{\"Image\":"
	"\"nginx:1.25\"}},\"ServiceID\":\"" SERVICE_ID "\",\"Slot\":10,"
	"\"NodeID\":\"" NODE_ID "\",\"Status\":{\"Timestamp\":"
	"\"2023-11-14T22:11:20Z\",\"State\":\"running\",\"PortStatus\":{"
	"\"Ports\":[{\"Protocol\":\"tcp\",\"TargetPort\":80,"
	"\"PublishedPort\":8080}]}},\"DesiredState\":\"running\"},"
	"{\"ID\":\"task1old\",\"CreatedAt\":\"2023-11-14T20:00:00Z\","
	"\"Spec\":{\"ContainerSpec\":{\"Image\":\"nginx:1.25\"}},"
	"\"ServiceID\":\"" SERVICE_ID "\",\"Slot\":2,\"NodeID\":\"" NODE_ID
	"\",\"Status\":{\"Timestamp\":\"2023-11-14T20:13:20Z\",\"State\":"
	"\"failed\",\"Err\":\"task: non-zero exit (137): killed by it\"},"
	"\"DesiredState\":\"shutdown\"},"
	"{\"ID\":\"task1new\",\"CreatedAt\":\"2023-11-14T22:00:00Z\","
	"\"Spec\":{\"ContainerSpec\":{\"Image\":\"nginx:1.25\"}},"
	"\"ServiceID\":\"" SERVICE_ID "\",\"Slot\":2,\"NodeID\":\"" NODE_ID
	"\",\"Status\":{\"Timestamp\":\"2023-11-14T22:13:15Z\",\"State\":"
	"\"running\"},\"DesiredState\":\"running\"}]";

static const struct fake_answer answers[] = {
	{ "GET /nodes", 200, "[" NODE "," NODE2 "," NODE3 "]", 0 },
	{ "GET /nodes/box", 200, NODE, 0 },
	{ "GET /nodes/" NODE_ID, 200, NODE, 0 },
	{ "GET /nodes/nope", 404, "{\"message\":\"node nope not found\"}\n",
	  0 },
	{ "GET /info", 200, "{\"Swarm\":{\"NodeID\":\"" NODE_ID "\"}}", 0 },
	{ "GET /services?status=true", 200, "[" SERVICE "]", 0 },
	{ "GET /services", 200, "[" SERVICE "]", 0 },
	{ "GET /services/web", 200, SERVICE, 0 },
	{ "GET /services/web?insertDefaults=true", 200, SERVICE, 0 },
	{ "GET /services/nope?insertDefaults=true", 404,
	  "{\"message\":\"service nope not found\"}", 0 },
	{ "GET /services/nope", 404, "{\"message\":\"service nope not found\"}",
	  0 },
	{ "GET /tasks/nope", 404, "{\"message\":\"no\"}", 0 },
	{ "POST /services/" SERVICE_ID "/update?version=12", 200,
	  "{\"Warnings\":[\"careful\"]}", 0 },
	{ "DELETE /services/web", 200, "", 0 },
	{ "DELETE /services/nope", 404,
	  "{\"message\":\"service nope not found\"}", 0 },
	{ "GET /tasks?filters=%7B%22service%22%3A%7B%22" SERVICE_ID
	  "%22%3Atrue%7D%7D",
	  200, tasks, 0 },
	{ "POST /swarm/leave", 503,
	  "{\"message\":\"You are attempting to leave\"}", 0 },
	{ "POST /swarm/leave?force=true", 200, "", 0 },
	{ "GET /images/json", 200,
	  "[{\"Id\":\"sha256:"
	  "aaaaaaaaaaaabbbbbbbbbbbbccccccccccccddddddddddddeeeeeeeeeeeeffff\","
	  "\"RepoTags\":[\"host:5000/a/b:v1\",\"nginx:latest\"],"
	  "\"RepoDigests\":[],\"Created\":1699990000,\"Size\":187654321}]",
	  0 },
	{ "GET /containers/json", 200,
	  "[{\"Id\":\"0123456789abcdef\",\"Names\":[\"/web.1.x\"],\"Image\":"
	  "\"nginx:1.25\",\"Command\":\"/entry.sh nginx -g 'daemon off;'\","
	  "\"Created\":1699999940,\"Ports\":[{\"IP\":\"0.0.0.0\","
	  "\"PrivatePort\":80,\"PublicPort\":8080,\"Type\":\"tcp\"},"
	  "{\"PrivatePort\":443,\"Type\":\"tcp\"}],\"State\":\"running\","
	  "\"Status\":\"Up About a minute\"}]",
	  0 },
	{ "GET /events?until=1700000000.000000000", 200,
	  "{\"Type\":\"service\",\"Action\":\"create\",\"Actor\":{\"ID\":"
	  "\"x\",\"Attributes\":{\"name\":\"web\",\"b.c\":\"1\"}},"
	  "\"timeNano\":1700000000000000004}\n"
	  "{\"Type\":\"node\",\"Action\":\"up\\u001b\",\"Actor\":{\"ID\":\"y\"}"
	  ",\"time\":1700000001}\n",
	  0 },
	{ NULL, 0, NULL, 0 },
};

#define EMPTY_IDS "          "

T(lists_are_dockers_tables)
{
	static const struct fake_row rows[] = {
		{ "node ls", 0,
		  "ID                            HOSTNAME   STATUS    "
		  "AVAILABILITY   MANAGER STATUS   ENGINE VERSION\n" NODE_ID
		  " *   box        Ready     Active         Leader           "
		  "0.1.0\n"
		  "cccc                          box9[31m   Down      Pause"
		  "                           \n"
		  "bbbb                          box10      Down      Drain"
		  "                           \n",
		  "" },
		{ "node ls -q", 0, NODE_ID "\ncccc\nbbbb\n", "" },
		{ "service ls", 0,
		  "ID             NAME      MODE         REPLICAS   IMAGE"
		  "        PORTS\n"
		  "s1s1s1s1s1s1   web       replicated   2/3        nginx:1.25"
		  "   *:8080-8081->80-81/tcp\n",
		  "" },
		{ "service ps web", 0,
		  "ID             NAME        IMAGE        NODE      DESIRED "
		  "STATE   CURRENT STATE           ERROR"
		  "                              PORTS\n"
		  "task1new       web.2       nginx:1.25   box       Running"
		  "         Running 5 seconds ago"
		  "                                      \n"
		  "task1old        \\_ web.2   nginx:1.25   box       Shutdown"
		  "        Failed 2 hours ago      "
		  "\"task: non-zero exit (137): ki\xe2\x80\xa6\"   \n"
		  "task22222222   web.10      nginx:1.25   box       Running"
		  "         Running 2 minutes ago"
		  "                                      *:8080->80/tcp\n",
		  "" },
		{ "image ls", 0,
		  "REPOSITORY      TAG       IMAGE ID       CREATED       "
		  "SIZE\n"
		  "host:5000/a/b   v1        aaaaaaaaaaaa   3 hours ago   "
		  "188MB\n"
		  "nginx           latest    aaaaaaaaaaaa   3 hours ago   "
		  "188MB\n",
		  "" },
		{ "ps", 0,
		  "CONTAINER ID   IMAGE        COMMAND                  CREATED"
		  "              STATUS              PORTS"
		  "                           NAMES\n"
		  "0123456789ab   nginx:1.25   \"/entry.sh nginx -g "
		  "\xe2\x80\xa6"
		  "\"   About a minute ago   Up About a minute   "
		  "0.0.0.0:8080->80/tcp, 443/tcp   web.1.x\n",
		  "" },
	};

	fake_rows(answers, rows, ARRAY_LEN(rows));
}

T(formats_are_dockers)
{
	static const struct fake_row rows[] = {
		{ "service ls --format json", 0,
		  "{\"ID\":\"s1s1s1s1s1s1\",\"Image\":\"nginx:1.25\",\"Mode\":"
		  "\"replicated\",\"Name\":\"web\",\"Ports\":"
		  "\"*:8080-8081->80-81/tcp\",\"Replicas\":\"2/3\"}\n",
		  "" },
		{ "service ls --format {{.Name}}:~{{.Replicas}}", 0,
		  "web: 2/3\n", "" },
		{ "service ls --format table~{{.Name}}\\t{{.Mode}}", 0,
		  "NAME      MODE\nweb       replicated\n", "" },
		{ "service ls --format {{.Nope}}", 1, "",
		  "template parsing error: template: :1:3: executing \"\" at "
		  "<.Nope>: map has no entry for key \"Nope\"\n" },
		{ "service ls --format {{", 1, "",
		  "template parsing error: template: :1:3: unclosed action\n" },
		{ "service ls --format raw", 0,
		  "id: s1s1s1s1s1s1\nname: web\nmode: replicated\nreplicas: "
		  "2/3\nimage: nginx:1.25\nports: *:8080-8081->80-81/tcp\n\n",
		  "" },
		{ "node ls --format {{.Self}}", 0, "true\nfalse\nfalse\n", "" },
		{ "node inspect box nope --format {{.Description.Hostname}}", 1,
		  "box\n",
		  "Error response from daemon: node nope not found\n" },
		{ "node inspect self --format {{.Spec.Name}}", 0, "\n", "" },
		{ "service inspect nope", 1, "[]\n",
		  "Error: no such service: nope\n" },
		{ "node inspect box --format {{.Nope}}", 1, "\n",
		  "template parsing error: template: :1:3: executing \"\" at "
		  "<.Nope>: map has no entry for key \"Nope\"\n" },
		{ "node inspect box --format {{.Spec.Labels.x}}{{.Spec.Name}}",
		  0, "<no value>\n", "" },
		{ "node inspect box --format {{.ID.X}}", 1, "\n",
		  "template parsing error: template: :1:3: executing \"\" at "
		  "<.ID.X>: can't evaluate field X in type string\n" },
	};

	fake_rows(answers, rows, ARRAY_LEN(rows));
}

T(changes_are_told_as_docker_does)
{
	static const struct fake_row rows[] = {
		{ "leave", 1, "",
		  "Error response from daemon: You are attempting to leave\n" },
		{ "leave -f", 0, "Node left the swarm.\n", "" },
		{ "service rm web nope", 1, "web\n",
		  "Error response from daemon: service nope not found\n" },
		{ "service scale -d web=5 nope=1", 1, "web scaled to 5\n",
		  "careful\nnope: Error response from daemon: service nope not "
		  "found\n" },
		{ "service update -d --force web", 0, "web\n", "careful\n" },
		{ "service ps nope", 1, "", "no such service: nope\n" },
		{ "service logs nope", 1, "",
		  "no such task or service: nope\n" },
		{ "events --until 1700000000.000000000", 0,
		  "2023-11-14T22:13:20.000000004Z service create x (b.c=1, "
		  "name=web)\n2023-11-14T22:13:21.000000000Z node up y\n",
		  "" },
		{ "events --until 1700000000.000000000 --format {{.Type}}", 0,
		  "service\nnode\n", "" },
		{ "image prune -f", 1, "",
		  "nobody answers POST /images/prune?filters=%7B%22dangling%22"
		  "%3A%7B%22true%22%3Atrue%7D%7D\n" },
	};

	fake_rows(answers, rows, ARRAY_LEN(rows));
}

T(scaling_sends_the_whole_spec_back)
{
	struct fake f;

	EQ(fake_run(&f, answers, "service scale -d web=5"), 0);
	OK(strstr(buf_cstr(&f.sent), "\"Mode\":{\"Replicated\":{\"Replicas\":"
				     "5}}}\n") != NULL);
	OK(strstr(buf_cstr(&f.sent), "{\"Name\":\"web\",\"Labels\":{},") !=
	   NULL);
	fake_fini(&f);
}

T(inspect_indents_what_the_daemon_said)
{
	static const struct fake_answer few[] = {
		{ "GET /nodes/a", 200,
		  "{\"b\":[],\"a\":{\"x\":\"{,}\",\"n\":1.50},\"l\":[1,2]}",
		  0 },
		{ NULL, 0, NULL, 0 },
	};
	static const struct fake_row rows[] = {
		{ "node inspect a", 0,
		  "[\n    {\n        \"b\": [],\n        \"a\": {\n"
		  "            \"x\": \"{,}\",\n            \"n\": 1.50\n"
		  "        },\n        \"l\": [\n            1,\n"
		  "            2\n        ]\n    }\n]\n",
		  "" },
		{ "node inspect --format json a", 0,
		  "[{\"b\":[],\"a\":{\"x\":\"{,}\",\"n\":1.50},\"l\":[1,2]}]\n",
		  "" },
	};

	fake_rows(few, rows, ARRAY_LEN(rows));
}

T(pretty_pages_are_dockers)
{
	static const struct fake_row rows[] = {
		{ "service inspect --pretty web", 0,
		  "\nID:\t\t" SERVICE_ID "\nName:\t\tweb\n"
		  "Service Mode:\tReplicated\n Replicas:\t3\n"
		  "Placement:\nContainerSpec:\n Image:\t\tnginx:1.25@sha256:"
		  "0123456789abcdef0123456789abcdef0123456789abcdef012345678"
		  "9abcdef\n"
		  "Endpoint Mode:\t\nPorts:\n PublishedPort = 8081\n"
		  "  Protocol = tcp\n  TargetPort = 81\n"
		  "  PublishMode = ingress\n PublishedPort = 8080\n"
		  "  Protocol = tcp\n  TargetPort = 80\n"
		  "  PublishMode = ingress\n PublishedPort = 53\n"
		  "  Protocol = udp\n  TargetPort = 53\n"
		  "  PublishMode = host \n\n",
		  "" },
	};

	fake_rows(answers, rows, ARRAY_LEN(rows));
}

/* ---- logs
 * --------------------------------------------------------------------- */

#define DETAILS                                                                \
	"com.docker.swarm.node.id=" NODE_ID                                    \
	",com.docker.swarm.service.id=" SERVICE_ID                             \
	",com.docker.swarm.task.id=task2222222222222222222222"
#define LOG_PATH "GET /services/web/logs?stdout=1&stderr=1&tail=all&details=1"

static void
frame(struct buf *b, char stream, const char *text)
{
	size_t len = strlen(text);
	char head[8] = {
		stream, 0, 0, 0, 0, 0, (char)(len >> 8), (char)(len & 0xff)
	};

	buf_put(b, head, sizeof(head));
	buf_puts(b, text);
}

static int
run_logs(struct fake *f, const char *line, const char *path, struct buf *stream)
{
	const struct fake_answer few[] = {
		{ "GET /services/web", 200, SERVICE, 0 },
		{ "GET /services", 200, "[" SERVICE "]", 0 },
		{ "GET /nodes", 200, "[" NODE "]", 0 },
		{ "GET /tasks/task2222222222222222222222", 200, "{\"Slot\":1}",
		  0 },
		{ path, 200, stream->p, stream->len },
		{ NULL, 0, NULL, 0 },
	};

	return fake_run(f, few, line);
}

T(logs_are_put_behind_their_tasks)
{
	struct buf stream = { 0 };
	struct fake f;

	frame(&stream, 1, DETAILS " hello  world\n");
	frame(&stream, 2, DETAILS ",z=1%2C2 oops\n");
	EQ(run_logs(&f, "service logs web", LOG_PATH, &stream), 0);
	EQ_STR(f.out, "web.1.task22222222@box    | hello  world\n");
	EQ_STR(f.err, "web.1.task22222222@box    | oops\n");
	fake_fini(&f);
	EQ(run_logs(&f, "service logs --details --no-task-ids web", LOG_PATH,
		    &stream),
	   0);
	EQ_STR(f.out, "web.1@box    |  hello  world\n");
	EQ_STR(f.err, "web.1@box    | z=1,2 oops\n");
	fake_fini(&f);
	buf_fini(&stream);
}

T(log_streams_that_are_garbled_are_refused)
{
	struct buf stream = { 0 };
	struct fake f;

	buf_put(&stream, "\x09\0\0\0\0\0\0\x01x", 9);
	EQ(run_logs(&f, "service logs web", LOG_PATH, &stream), 1);
	EQ_STR(f.err, "The daemon's log stream is garbled: a frame of stream 9 "
		      "with 1 bytes.\n");
	fake_fini(&f);
	buf_clear(&stream);
	frame(&stream, 1, "no-details-here\n");
	EQ(run_logs(&f, "service logs web", LOG_PATH, &stream), 1);
	EQ_STR(f.err, "invalid context in log message\n");
	fake_fini(&f);
	buf_clear(&stream);
	frame(&stream, 3, "it broke");
	EQ(run_logs(&f, "service logs web", LOG_PATH, &stream), 1);
	EQ_STR(f.err, "Error grabbing logs: it broke\n");
	fake_fini(&f);
	buf_fini(&stream);
}

/* ---- alignment, archives
 * --------------------------------------------------------- */

T(columns_are_aligned_as_gos_tabwriter_does)
{
	static const char *const rows[][2] = {
		{ "a\tb\n", "a         b\n" },
		{ "a\tb\nlonger-than-ten\tc\n",
		  "a                 b\nlonger-than-ten   c\n" },
		{ "x\n", "x\n" },
		{ "\xc3\xa9\xc3\xa9\tb\n", "\xc3\xa9\xc3\xa9        b\n" },
		{ "a\tb\nnone\nlonger-than-ten\tc\n",
		  "a         b\nnone\nlonger-than-ten   c\n" },
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct buf out = { 0 };

		t_row(rows[i][0]);
		tabs_align(rows[i][0], strlen(rows[i][0]), &out);
		EQ_STR(buf_cstr(&out), rows[i][1]);
		buf_fini(&out);
	}
}

#define PAUSED                                                                 \
	"{\"ID\":\"" SERVICE_ID "\",\"Version\":{\"Index\":12},\"Spec\":{"     \
	"\"Name\":\"web\",\"TaskTemplate\":{\"ContainerSpec\":{\"Image\":"     \
	"\"x\"}},\"Mode\":{\"Replicated\":{\"Replicas\":2}}},"                 \
	"\"UpdateStatus\":{\"State\":\"paused\",\"Message\":\"too bad\"}}"

static const struct fake_answer waiting[] = {
	{ "GET /services/s", 200, PAUSED, 0 },
	{ "GET /tasks?filters=%7B%22service%22%3A%7B%22s%22%3Atrue%7D%2C%22"
	  "_up-to-date%22%3A%7B%22true%22%3Atrue%7D%7D",
	  200,
	  "[{\"ID\":\"a\",\"Slot\":1,\"Status\":{\"State\":\"running\"},"
	  "\"DesiredState\":\"running\"},{\"ID\":\"b\",\"Slot\":2,"
	  "\"Status\":{\"State\":\"pending\",\"Err\":\"no suitable node "
	  "(h\u00f6her)\"},\"DesiredState\":\"running\"}]",
	  0 },
	{ NULL, 0, NULL, 0 },
};

T(progress_says_what_is_in_the_way)
{
	static const struct {
		const char *name;
		bool terminal;
		int width, height;
		const char *want;
	} rows[] = {
		{ "no terminal: lines", false, 80, 24,
		  "overall progress: 1 out of 2 tasks\n"
		  "2/2: no suitable node (h\u00f6her)\n" },
		{ "a narrow terminal: no line wraps", true, 24, 24,
		  "overall progress: 1 ou\u2026\x1b[K\n"
		  "1/2: running   [=====>]\x1b[K\n"
		  "2/2: no suitable node \u2026\x1b[K\n"
		  "verify: waiting for ta\u2026\x1b[K\n\x1b[J" },
		{ "a low terminal: tasks are counted", true, 80, 4,
		  "overall progress: 1 out of 2 tasks\x1b[K\n"
		  "verify: waiting for tasks to run\x1b[K\n\x1b[J" },
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct fake f;

		T_ROW(rows[i].name);
		EQ(fake_run(&f, waiting, "version"), 1);
		free(f.out);
		free(f.err);
		f.cli.out = open_memstream(&f.out, &f.out_len);
		f.cli.err = open_memstream(&f.err, &f.err_len);
		f.cli.out_tty = rows[i].terminal;
		f.cli.width = rows[i].width;
		f.cli.height = rows[i].height;
		EQ(progress_wait(&f.cli, "s", PROGRESS_SHOW), 1);
		fclose(f.cli.out);
		fclose(f.cli.err);
		EQ_STR(f.out, rows[i].want);
		EQ_STR(f.err, "service update paused: too bad\n");
		fake_fini(&f);
	}
}

T(an_archive_goes_with_the_name_of_its_file)
{
	static const struct {
		const char *file, *name;
	} rows[] = {
		{ "nginx.tar", "nginx" },
		{ "nginx.tar.gz", "nginx" },
		{ "nginx-1.25.tgz", "nginx-1.25" },
		{ "box.tar.zst", "box" },
		{ "box", "box" },
	};
	static const struct fake_answer none[] = { { NULL, 0, NULL, 0 } };
	char dir[] = "/tmp/swarm-cli-XXXXXX", path[64], line[96], want[96];

	OK(mkdtemp(dir) != NULL);
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct fake f;

		T_ROW(rows[i].file);
		snprintf(path, sizeof(path), "%s/%s", dir, rows[i].file);
		close(open(path, O_CREAT | O_WRONLY | O_CLOEXEC, 0600));
		snprintf(line, sizeof(line), "image load -i %s", path);
		snprintf(want, sizeof(want),
			 "POST /images/load?quiet=1&name=%s \n", rows[i].name);
		EQ(fake_run(&f, none, line), 1);
		EQ_STR(buf_cstr(&f.sent), want);
		fake_fini(&f);
		unlink(path);
	}
	rmdir(dir);
}

T(a_directory_is_sent_as_an_archive)
{
	char request[96];
	const struct fake_answer load[] = {
		{ request, 200,
		  "{\"status\":\"Loading layer\",\"progressDetail\":{"
		  "\"current\":1,\"total\":2},\"id\":\"x\"}\r\n"
		  "{\"stream\":\"Loaded image: a:b\\n\"}\r\n",
		  0 },
		{ NULL, 0, NULL, 0 },
	};
	char dir[] = "/tmp/CLI-tar-XXXXXX", path[64], line[96];
	struct fake f;
	size_t begin;
	int fd;

	OK(mkdtemp(dir) != NULL);
	snprintf(path, sizeof(path), "%s/file", dir);
	fd = open(path, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
	EQ(write(fd, "hello", 5), 5);
	close(fd);
	snprintf(request, sizeof(request), "POST /images/load?quiet=1&name=%s",
		 dir + strlen("/tmp/"));
	snprintf(line, sizeof(line), "image load -i %s", dir);
	EQ(fake_run(&f, load, line), 0);
	EQ_STR(f.out, "Loaded image: a:b\n");
	begin = strlen(request) + 1;
	/* a header, a block of data, two blocks of end, a newline */
	EQ(f.sent.len, begin + 4 * 512 + 1);
	EQ_STR(f.sent.p + begin, "file");
	EQ(memcmp(f.sent.p + begin + 257, "ustar", 6), 0);
	EQ(memcmp(f.sent.p + begin + 512, "hello", 6), 0);
	fake_fini(&f);
	unlink(path);
	snprintf(path, sizeof(path), "%s/pipe", dir);
	EQ(mkfifo(path, 0600), 0);
	EQ(fake_run(&f, load, line), 1);
	snprintf(request, sizeof(request),
		 "%s: pipe is no file, directory or symbolic link\n", dir);
	EQ_STR(f.err, request);
	fake_fini(&f);
	unlink(path);
	rmdir(dir);
}

T(what_the_loader_reports_is_said)
{
	static const struct fake_answer load[] = {
		{ "POST /images/load?quiet=1&name=null", 200,
		  "{\"errorDetail\":{\"message\":\"bad digest\"},\"error\":"
		  "\"bad digest\"}\n",
		  0 },
		{ NULL, 0, NULL, 0 },
	};
	struct fake f;

	EQ(fake_run(&f, load, "image load -i /dev/null"), 1);
	EQ_STR(f.err, "bad digest\n");
	fake_fini(&f);
	EQ(fake_run(&f, load, "image load -i /nonexistent"), 1);
	EQ_STR(f.err, "open /nonexistent: No such file or directory\n");
	fake_fini(&f);
}
