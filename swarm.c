/*
 * swarm.c - the daemon's wiring, and main: one binary that is the daemon,
 * the command line, the supervisor of each container and a demo image.
 *
 * A turn of the loop (style.md 1.7): callbacks only append events to the
 * inbox; before the loop sleeps, the node is stepped until the inbox is
 * empty, and its effects are carried out in order. Nothing is decided here.
 */
#include <errno.h>
#include <ev.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>
#include <unistd.h>

#include "core/base/check.h"
#include "core/base/json.h"
#include "core/base/mem.h"
#include "core/base/str.h"
#include "core/node/inbox.h"
#include "core/node/node.h"
#include "exec/host.h"
#include "exec/image/answer.h"
#include "exec/image/image.h"
#include "exec/image/upload.h"
#include "exec/init.h"
#include "exec/logs.h"
#include "exec/runner.h"
#include "exec/say.h"
#include "exec/whoami.h"
#include "net/client/command.h"
#include "net/client/daemon_flags.h"
#include "net/client/start.h"
#include "net/egress.h"
#include "net/http/server.h"
#include "store/store.h"

#define SWARM_VERSION "0.1.0"
#define SELF_MAX 4096

/* A request that is answered in pieces by something other than the node. */
struct stream {
	struct list link;
	struct daemon *d;
	uint64_t request_id;
	struct log_stream *logs; /* or */
	struct upload *upload;
};

struct daemon {
	struct daemon_options options;
	char self[SELF_MAX];
	char bridge[EGRESS_NAME_MAX];
	struct arena arena; /* lives as long as the daemon */
	struct ev_loop *loop;
	struct store *store;
	struct images *images;
	struct egress *egress;
	struct http_server *http;
	struct runner *runner;
	struct node *node;
	struct node_description description;
	struct inbox inbox;
	struct list streams;
	_Atomic uint64_t persisted; /* written by the store's thread */
	_Atomic bool disk_full;	    /* so, too */
	uint64_t persisted_seen;
	bool disk_full_seen;
	ev_async persisted_async;
	ev_prepare prepare;
	ev_timer timer;
	ev_signal on_term, on_int;
};

/* ---- the clock, the end -------------------------- */

_Noreturn void
check_failed(const char *file, int line, const char *what)
{
	fprintf(stderr, "swarm: bug at %s:%d: %s does not hold\n", file, line,
		what);
	abort();
}

_Noreturn void
fatal(const char *why)
{
	fprintf(stderr, "swarm: %s\n", why);
	_exit(1);
}

static struct now
now(void)
{
	struct timespec mono, wall;

	clock_gettime(CLOCK_BOOTTIME, &mono);
	clock_gettime(CLOCK_REALTIME, &wall);
	return (struct now){
		.mono_ms = (uint64_t)mono.tv_sec * 1000 +
			   (uint64_t)mono.tv_nsec / 1000000,
		.wall_ns = wall.tv_sec * NS_PER_S + wall.tv_nsec,
	};
}

/* ---- answers in pieces --------------------------------------------- */

static struct stream *
stream_find(struct daemon *d, uint64_t request_id)
{
	list_each (it, &d->streams) {
		struct stream *s = container_of(it, struct stream, link);

		if (s->request_id == request_id)
			return s;
	}
	return NULL;
}

static struct stream *
stream_new(struct daemon *d, uint64_t request_id)
{
	struct stream *s = mem_new(sizeof(*s));

	s->d = d;
	s->request_id = request_id;
	list_append(&d->streams, &s->link);
	return s;
}

static void
stream_free(struct stream *s)
{
	list_remove(&s->link);
	mem_free(s);
}

static void
reply_error(struct daemon *d, uint64_t request_id, int status, const char *why)
{
	struct buf body = { 0 };

	buf_puts(&body, "{\"message\":");
	json_quote(&body, why);
	buf_puts(&body, "}\n");
	http_reply(d->http, request_id, status, "application/json", body.p,
		   body.len);
	buf_fini(&body);
}

static bool
on_log_piece(void *ctx, const void *p, size_t len, bool ended)
{
	struct stream *s = ctx;
	bool room = true;

	if (len > 0)
		room = http_stream(s->d->http, s->request_id, NULL, p, len);
	if (ended) {
		http_stream_end(s->d->http, s->request_id);
		inbox_add_gone(&s->d->inbox, s->request_id);
		stream_free(s);
	}
	return room;
}

static void
note_ended(struct stream *s, const struct effect *f)
{
	for (size_t i = 0; i < f->log_count; i++)
		if (f->logs[i].ended)
			log_stream_task_ended(s->logs, f->logs[i].task_id);
}

/* More tasks join a stream that is followed, or it is said that none will. */
static bool
join_logs(struct daemon *d, const struct effect *f)
{
	struct stream *s = stream_find(d, f->request_id);
	bool last = f->log_count == 0 && !f->log_endless;

	if (s == NULL || s->logs == NULL)
		return last;
	for (size_t i = 0; i < f->log_count; i++)
		log_stream_add(s->logs, &f->logs[i]);
	note_ended(s, f);
	if (last)
		log_stream_no_more(s->logs);
	return true;
}

static void
start_logs(struct daemon *d, const struct effect *f)
{
	bool raw = f->log_count == 1 && f->logs[0].tty;
	struct stream *s = stream_new(d, f->request_id);
	struct log_stream_config config = {
		.root = d->options.root,
		.loop = d->loop,
		.raw = raw,
		.endless = f->log_endless,
		.piece = on_log_piece,
		.ctx = s,
	};
	struct err e;

	/* The headers go out first: with follow there may be no line yet. */
	(void)http_stream(d->http, f->request_id,
			  raw ? "application/vnd.docker.raw-stream"
			      : "application/vnd.docker.multiplexed-stream",
			  "", 0);
	if (log_stream_open(&config, &f->log_options, f->logs, f->log_count,
			    &s->logs, &e) < 0) {
		say(SAY_ERROR, "logs: %s", e.msg);
		http_stream_end(d->http, f->request_id);
		stream_free(s);
		return;
	}
	note_ended(s, f);
}

static void
logs_task_ended(struct daemon *d, const char *task_id)
{
	list_each_safe (it, tmp, &d->streams) {
		struct stream *s = container_of(it, struct stream, link);

		if (s->logs != NULL)
			log_stream_task_ended(s->logs, task_id);
	}
}

static void
on_upload_lines(void *ctx, const void *p, size_t len)
{
	struct stream *s = ctx;

	(void)http_stream(s->d->http, s->request_id, "application/json", p,
			  len);
}

static void
on_upload_resume(void *ctx)
{
	struct stream *s = ctx;

	http_body_resume(s->d->http, s->request_id);
}

static void
on_upload_ended(void *ctx, bool loaded)
{
	struct stream *s = ctx;
	struct daemon *d = s->d;
	struct err e;

	if (loaded && images_reload(d->images, &e) < 0)
		say(SAY_ERROR, "image load: %s", e.msg);
	if (loaded)
		inbox_add(&d->inbox, EVENT_IMAGES);
	http_stream_end(d->http, s->request_id);
	stream_free(s);
}

static void
start_upload(struct daemon *d, const struct request *r)
{
	struct stream *s = stream_new(d, r->id);
	struct upload_config config = {
		.loop = d->loop,
		.images = d->images,
		.load = { .self = d->self,
			  .name = request_query(r, "name"),
			  .quiet = request_query_bool(r, "quiet") },
		.lines = on_upload_lines,
		.resume = on_upload_resume,
		.ended = on_upload_ended,
		.ctx = s,
	};
	struct err e;

	if (upload_start(&config, &s->upload, &e) == 0)
		return;
	reply_error(d, r->id, 500, e.msg);
	stream_free(s);
}

static bool
on_body(void *ctx, uint64_t request_id, const void *p, size_t len)
{
	struct stream *s = stream_find(ctx, request_id);

	/* One that was refused is read to its end and forgotten. */
	return s == NULL || upload_put(s->upload, p, len);
}

/* ---- requests ------------------------------------------------------- */

static void
answer_images(struct daemon *d, const struct request *r)
{
	struct strings used = { 0 };
	struct buf body = { 0 };
	struct arena a;
	int status;

	arena_init(&a);
	node_images_used(d->node, &a, &used);
	status = images_answer(d->images, r, &used, &body);
	http_reply(d->http, r->id, status, "application/json", body.p,
		   body.len);
	buf_fini(&body);
	arena_fini(&a);
}

static void
on_request(void *ctx, const struct request *r)
{
	struct daemon *d = ctx;
	struct err e;

	if (r->op == OP_SWARM_INIT && egress_restore(d->egress, &e) < 0)
		reply_error(d, r->id, 500, e.msg);
	else if (r->op == OP_IMAGE_LOAD)
		start_upload(d, r);
	else if (r->where == OP_AT_IMAGES)
		answer_images(d, r);
	else
		inbox_add_request(&d->inbox, r);
}

static void
on_gone(void *ctx, uint64_t request_id)
{
	struct daemon *d = ctx;
	struct stream *s = stream_find(d, request_id);

	if (s != NULL && s->logs != NULL) {
		log_stream_close(s->logs);
		stream_free(s);
	} else if (s != NULL) {
		upload_abandon(s->upload);
	}
	inbox_add_gone(&d->inbox, request_id);
}

static void
on_drained(void *ctx, uint64_t request_id)
{
	struct stream *s = stream_find(ctx, request_id);

	if (s != NULL && s->logs != NULL)
		log_stream_resume(s->logs);
}

static const char *
swarm_state(void *ctx)
{
	struct daemon *d = ctx;

	return node_swarm_state(d->node);
}

/* ---- effects -------------------------------------------------------- */

static void
on_port_refused(void *ctx, const struct port_wish *p, const char *why)
{
	struct daemon *d = ctx;
	struct runner_report report = {
		.news = RUNNER_PORT_LOST,
		.task_id = p->task_id,
		.err = why,
	};

	inbox_add_report(&d->inbox, &report);
}

static void
wipe(struct daemon *d)
{
	struct err e;

	if (store_wipe(d->store, &e) < 0)
		fatal(e.msg);
	if (egress_remove(d->egress, &e) < 0)
		say(SAY_WARN, "leave: %s", e.msg);
}

static void
stream_piece(struct daemon *d, const struct effect *f)
{
	if (http_stream(d->http, f->request_id, "application/json", f->body,
			f->body_len))
		return;
	/* A watcher that does not read is let go, not waited for. */
	http_stream_end(d->http, f->request_id);
	inbox_add_gone(&d->inbox, f->request_id);
}

static void
carry_out(struct daemon *d, const struct effect *f)
{
	switch (f->type) {
	case EFFECT_PERSIST:
		store_submit(d->store, f->batch);
		break;
	case EFFECT_REPLY:
		http_reply(d->http, f->request_id, f->status,
			   "application/json", f->body, f->body_len);
		break;
	case EFFECT_STREAM:
		stream_piece(d, f);
		break;
	case EFFECT_STREAM_END:
		http_stream_end(d->http, f->request_id);
		break;
	case EFFECT_LOGS:
		if (!join_logs(d, f))
			start_logs(d, f);
		break;
	case EFFECT_RUNNER:
		runner_order(d->runner, f->order);
		break;
	case EFFECT_PORTS:
		egress_ports(d->egress, f->ports, f->port_count,
			     on_port_refused, d);
		break;
	case EFFECT_WIPE:
		wipe(d);
		break;
	case EFFECT_LINK:
	case EFFECT_TRUST:
	case EFFECT_GOSSIP:
	case EFFECT_LOGS_STOP:
	case EFFECT_STOPPED:
		break;
	}
}

static void
step(struct daemon *d, const struct event *ev)
{
	struct effect f;

	node_step(d->node, now(), ev);
	while (node_next(d->node, &f))
		carry_out(d, &f);
}

/* ---- the turn ------------------------------------------------------- */

static void
take_persisted(struct daemon *d)
{
	uint64_t seq = atomic_load(&d->persisted);

	if (seq == d->persisted_seen)
		return;
	d->persisted_seen = seq;
	step(d, &(struct event){ EVENT_PERSISTED, .batch_seq = seq });
}

static void
take_disk_full(struct daemon *d)
{
	bool full = atomic_load(&d->disk_full);

	if (full == d->disk_full_seen)
		return;
	d->disk_full_seen = full;
	step(d, &(struct event){ .type = full ? EVENT_DISK_FULL
					      : EVENT_DISK_SPACE });
}

static void
take_inbox(struct daemon *d)
{
	const struct event *ev;

	while ((ev = inbox_take(&d->inbox)) != NULL) {
		step(d, ev);
		if (ev->type == EVENT_RUNNER &&
		    ev->report->news == RUNNER_EXITED)
			logs_task_ended(d, ev->report->task_id);
		inbox_free(ev);
	}
}

static void
arm_timer(struct daemon *d)
{
	uint64_t at = node_deadline(d->node), mono = now().mono_ms;

	ev_timer_stop(d->loop, &d->timer);
	if (at == UINT64_MAX)
		return;
	ev_now_update(d->loop);
	ev_timer_set(&d->timer, at > mono ? (double)(at - mono) / 1000 : 0, 0);
	ev_timer_start(d->loop, &d->timer);
}

static void
on_prepare(struct ev_loop *loop, ev_prepare *w, int revents)
{
	struct daemon *d = container_of(w, struct daemon, prepare);

	(void)loop, (void)revents;
	take_persisted(d);
	take_disk_full(d);
	take_inbox(d);
	arm_timer(d);
}

static void
on_timer(struct ev_loop *loop, ev_timer *w, int revents)
{
	struct daemon *d = container_of(w, struct daemon, timer);

	(void)loop, (void)revents;
	inbox_add(&d->inbox, EVENT_TICK);
}

static void
on_persisted(struct ev_loop *loop, ev_async *w, int revents)
{
	(void)loop, (void)w, (void)revents; /* the turn looks */
}

/* On the store's thread. */
static void
on_store_done(void *ctx, uint64_t seq)
{
	struct daemon *d = ctx;

	atomic_store(&d->persisted, seq);
	ev_async_send(d->loop, &d->persisted_async);
}

/* On the store's thread. */
static void
on_store_full(void *ctx, const char *why)
{
	struct daemon *d = ctx;

	if (why != NULL)
		say(SAY_ERROR, "%s", why);
	else
		say(SAY_INFO, "the disk has space again: all is written");
	atomic_store(&d->disk_full, why != NULL);
	ev_async_send(d->loop, &d->persisted_async);
}

static void
on_report(void *ctx, const struct runner_report *r)
{
	struct daemon *d = ctx;

	inbox_add_report(&d->inbox, r);
}

static void
on_signal(struct ev_loop *loop, ev_signal *w, int revents)
{
	(void)revents;
	say(SAY_INFO, "signal %d: stopping; containers go on", w->signum);
	ev_break(loop, EVBREAK_ALL);
}

/* ---- start and end -------------------------------------------------- */

static void
start_watchers(struct daemon *d)
{
	ev_async_init(&d->persisted_async, on_persisted);
	ev_async_start(d->loop, &d->persisted_async);
	ev_prepare_init(&d->prepare, on_prepare);
	ev_prepare_start(d->loop, &d->prepare);
	ev_timer_init(&d->timer, on_timer, 0, 0);
	ev_signal_init(&d->on_term, on_signal, SIGTERM);
	ev_signal_start(d->loop, &d->on_term);
	ev_signal_init(&d->on_int, on_signal, SIGINT);
	ev_signal_start(d->loop, &d->on_int);
}

static int
open_base(struct daemon *d, struct err *e)
{
	ssize_t len = readlink("/proc/self/exe", d->self, SELF_MAX - 1);

	if (len < 0)
		return err_set(e, -errno, "read /proc/self/exe: %s",
			       strerror(errno));
	d->loop = ev_loop_new(EVFLAG_NOENV | EVBACKEND_EPOLL);
	if (d->loop == NULL)
		return err_set(e, -ENOSYS, "the kernel has no epoll");
	start_watchers(d);
	host_describe(d->options.hostname, SWARM_VERSION, &d->arena,
		      &d->description);
	return host_find_runtime(d->options.runtime, &d->arena,
				 &d->options.runtime, e);
}

static int
open_store(struct daemon *d, struct stored *ret_stored, struct err *e)
{
	int r = host_make_dir(d->options.root, 0711, e);

	if (r == 0)
		r = host_make_dir(d->options.run, 0711, e);
	if (r == 0)
		r = store_open(d->options.root, on_store_done, d, &d->store,
			       ret_stored, e);
	if (r == 0)
		store_on_full(d->store, on_store_full);
	return r;
}

static int
open_shells(struct daemon *d, const char **ret_subnet, struct err *e)
{
	struct runner_config config = {
		.root = d->options.root,
		.run = d->options.run,
		.runtime = d->options.runtime,
		.self = d->self,
		.bridge = d->bridge,
		.loop = d->loop,
		.report = on_report,
		.ctx = d,
	};
	int r = images_open(d->options.root, &d->images, e);

	if (r < 0)
		return r;
	egress_name(d->options.run, d->bridge);
	r = egress_open(d->bridge, &d->egress, ret_subnet, e);
	if (r < 0)
		return err_wrap(e, r, "set up the network %s", d->bridge);
	config.images = d->images;
	return runner_open(&config, &d->runner, e);
}

static void
open_node(struct daemon *d, const char *subnet, const struct stored *stored)
{
	const char *slash = strrchr(d->options.runtime, '/');
	struct host_facts facts;
	struct node_config config = {
		.version = SWARM_VERSION,
		.root_dir = d->options.root,
		.runtime = slash ? slash + 1 : d->options.runtime,
		.description = &d->description,
		.egress_subnet = subnet,
		.stored = stored,
	};

	host_find_facts(&d->arena, &facts);
	config.kernel_version = facts.kernel_version;
	config.operating_system = facts.operating_system;
	config.default_addr = facts.default_addr;
	if (getrandom(&config.seed, sizeof(config.seed), 0) !=
	    sizeof(config.seed))
		fatal("the kernel gives no random bytes");
	d->node = node_new(&config, now());
}

static int
open_http(struct daemon *d, struct err *e)
{
	struct http_server_config config = {
		.loop = d->loop,
		.socket_path = d->options.socket,
		.version = SWARM_VERSION,
		.request = on_request,
		.body = on_body,
		.gone = on_gone,
		.drained = on_drained,
		.swarm_state = swarm_state,
		.ctx = d,
	};

	return http_server_open(&config, &d->http, e);
}

static int
daemon_open(struct daemon *d, struct err *e)
{
	struct stored stored = { 0 };
	const char *subnet = NULL;
	int r = open_base(d, e);

	if (r == 0)
		r = open_store(d, &stored, e);
	if (r == 0)
		r = open_shells(d, &subnet, e);
	if (r == 0)
		open_node(d, subnet, &stored);
	stored_fini(&stored);
	if (r < 0)
		return r;
	runner_scan(d->runner);
	return open_http(d, e);
}

/* Also after a start that failed half-way: what is not there is NULL. */
static void
daemon_close(struct daemon *d)
{
	list_each_safe (it, tmp, &d->streams) {
		struct stream *s = container_of(it, struct stream, link);

		if (s->logs != NULL)
			log_stream_close(s->logs);
		stream_free(s);
	}
	http_server_close(d->http);
	runner_close(d->runner);
	store_close(d->store);
	egress_close(d->egress);
	images_close(d->images);
	node_free(d->node);
	inbox_fini(&d->inbox);
	if (d->loop != NULL)
		ev_loop_destroy(d->loop);
}

static int
run_daemon(struct daemon *d)
{
	enum say_level level = SAY_INFO;
	struct err e;
	int r = 0;

	if (!say_level_named(d->options.log_level, &level))
		r = err_set(&e, -EINVAL,
			    "--log-level %s: want error, warn, info or debug",
			    d->options.log_level);
	say_up_to(level);
	if (r == 0)
		r = daemon_open(d, &e);
	if (r < 0) {
		fprintf(stderr, "swarm daemon: %s\n", e.msg);
		daemon_close(d);
		return 1;
	}
	say(SAY_INFO, "swarm %s listens on unix://%s", SWARM_VERSION,
	    d->options.socket);
	if (host_notify_ready(&e) < 0)
		say(SAY_WARN, "%s", e.msg);
	ev_run(d->loop, 0);
	daemon_close(d);
	return 0;
}

static int
daemon_main(int argc, char **argv)
{
	struct daemon *d = mem_new(sizeof(*d));
	int code;

	arena_init(&d->arena);
	inbox_init(&d->inbox);
	list_init(&d->streams);
	code = daemon_flags_read(argc, argv, &d->arena, &d->options);
	if (code < 0)
		code = run_daemon(d);
	arena_fini(&d->arena);
	mem_free(d);
	return code;
}

/* ---- main ----------------------------------------------------------- */

static int
shim(int argc, char **argv)
{
	static const struct shim_net net = { egress_attach, egress_loopback };

	return shim_main(argc, argv, &net);
}

int
main(int argc, char **argv)
{
	static const struct cli_hooks hooks = {
		.version = SWARM_VERSION,
		.daemon_main = daemon_main,
		.shim_main = shim,
		.image_loader_main = image_loader_main,
		.init_main = container_init_main,
		.whoami_main = whoami_main,
		.start_daemon = start_daemon,
	};

	(void)sigaction(SIGPIPE, &(struct sigaction){ .sa_handler = SIG_IGN },
			NULL);
	return cli_main(argc, argv, &hooks);
}
