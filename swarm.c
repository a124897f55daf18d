/*
 * swarm.c - the daemon's wiring, and main: one binary that is the daemon,
 * the command line, the supervisor of each container and a demo image.
 *
 * A turn of the loop (style.md 1.7): callbacks only append events to the
 * inbox; before the loop sleeps, the node is stepped until the inbox is
 * empty, and its effects are carried out in order. Nothing is decided here.
 */
#include "swarm.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/random.h>
#include <time.h>
#include <unistd.h>

#include "core/base/check.h"
#include "core/base/mem.h"
#include "core/base/str.h"
#include "exec/host.h"
#include "exec/image/digest.h"
#include "exec/init.h"
#include "exec/say.h"
#include "exec/whoami.h"
#include "net/client/command.h"
#include "net/client/start.h"

#define SWARM_VERSION "0.1.0"

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

/* ---- requests ------------------------------------------------------- */

static void
on_request(void *ctx, const struct request *r)
{
	struct daemon *d = ctx;
	bool enters = r->op == OP_SWARM_INIT || r->op == OP_SWARM_JOIN;
	struct err e;

	if (enters && egress_restore(d->egress, &e) < 0)
		answer_error(d, r->id, 500, e.msg);
	else if (r->op == OP_IMAGE_LOAD)
		streams_upload(d, r);
	else if (r->where == OP_AT_IMAGES)
		answer_images(d, r);
	else
		inbox_add_request(&d->inbox, r);
}

static const char *
swarm_state(void *ctx)
{
	struct daemon *d = ctx;

	return node_swarm_state(d->node);
}

static struct node *make_node(struct daemon *d, const struct stored *stored);

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

/*
 * What was locked opens: the node is made anew from what is there. What the
 * old one was told meanwhile (nothing but requests) it has answered; what runs
 * is looked for now.
 */
static void
unlock(struct daemon *d, const struct effect *f)
{
	struct stored stored = { 0 };
	struct err e;
	int r = store_unlock(d->store, f->unlock_key, &stored, &e);

	if (r < 0) {
		answer_error(d, f->request_id, r == -EACCES ? 401 : 500, e.msg);
		return;
	}
	d->unlocked = make_node(d, &stored);
	stored_fini(&stored);
	http_reply(d->http, f->request_id, 200, "application/json", "", 0);
}

/* Of --init and --join there is nobody to tell but the log. */
static void
reply(struct daemon *d, const struct effect *f)
{
	if (f->request_id != REQUEST_FIRST)
		http_reply(d->http, f->request_id, f->status,
			   "application/json", f->body, f->body_len);
	else if (f->status == 200)
		say(SAY_INFO, "this node is in a swarm");
	else
		say(SAY_WARN, "not in a swarm yet, trying again: %.*s",
		    (int)f->body_len, f->body);
}

static void
carry_out(struct daemon *d, const struct effect *f)
{
	switch (f->type) {
	case EFFECT_PERSIST:
		store_submit(d->store, f->batch);
		break;
	case EFFECT_REPLY:
		reply(d, f);
		break;
	case EFFECT_STREAM:
		streams_piece(d, f);
		break;
	case EFFECT_STREAM_END:
		http_stream_end(d->http, f->request_id);
		break;
	case EFFECT_LOGS:
		streams_logs(d, f);
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
		cluster_link(d, f->link_order);
		break;
	case EFFECT_TRUST:
		cluster_trust(d, f->trust_order);
		break;
	case EFFECT_GOSSIP:
		cluster_gossip(d, f->gossip_order);
		break;
	case EFFECT_LOGS_MORE:
		streams_more(d, f);
		break;
	case EFFECT_LOGS_STOP:
		streams_stop(d, f->request_id);
		break;
	case EFFECT_UNLOCK:
		unlock(d, f);
		break;
	case EFFECT_STOPPED:
		ev_break(d->loop, EVBREAK_ALL);
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
	if (d->unlocked == NULL)
		return;
	node_free(d->node);
	d->node = d->unlocked;
	d->unlocked = NULL;
	runner_scan(d->runner);
	inbox_add(&d->inbox, EVENT_TICK);
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
	struct event *ev;

	while ((ev = inbox_take(&d->inbox)) != NULL) {
		ev->more = d->inbox.count > 0;
		step(d, ev);
		if (ev->type == EVENT_RUNNER &&
		    ev->report->news == RUNNER_EXITED)
			streams_task_ended(d, ev->report->task_id);
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
	cluster_take_locked(d);
	take_inbox(d);
	arm_timer(d);
}

static void
on_timer(struct ev_loop *loop, ev_timer *w, int revents)
{
	struct daemon *d = container_of(w, struct daemon, timer);

	(void)loop, (void)revents;
	/* What waits is older than the time that is over. */
	if (d->gossip != NULL)
		gossip_socket_read(d->gossip);
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
	struct daemon *d = w->data;

	(void)revents;
	say(SAY_INFO, "signal %d: stopping; containers go on", w->signum);
	/* The second one does not wait until the office is handed over. */
	if (d->stopping)
		ev_break(loop, EVBREAK_ALL);
	d->stopping = true;
	inbox_add(&d->inbox, EVENT_STOP);
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
	d->on_term.data = d->on_int.data = d;
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
	d->locked_at_start = r == -ENOKEY;
	if (r == 0 || r == -ENOKEY)
		store_on_full(d->store, on_store_full);
	return r == -ENOKEY ? 0 : r;
}

static int
open_shells(struct daemon *d, struct err *e)
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
	r = egress_open(d->bridge, &d->egress, &d->subnet, e);
	if (r < 0)
		return err_wrap(e, r, "set up the network %s", d->bridge);
	config.images = d->images;
	r = runner_open(&config, &d->runner, e);
	return r < 0 ? r : cluster_open(d, e);
}

static struct node *
make_node(struct daemon *d, const struct stored *stored)
{
	const char *slash = strrchr(d->options.runtime, '/');
	struct host_addrs addrs;
	struct host_facts facts;
	struct node *n;
	struct arena a;
	struct node_config config = {
		.version = SWARM_VERSION,
		.root_dir = d->options.root,
		.runtime = slash ? slash + 1 : d->options.runtime,
		.description = &d->description,
		.egress_subnet = d->subnet,
		.stored = stored,
		.locked = stored == NULL,
		.addrs = &addrs,
		.first = d->options.first,
		.force_new_cluster = d->options.force_new_cluster,
	};

	arena_init(&a);
	cluster_addrs(&a, &addrs);
	host_find_facts(&a, &facts);
	config.kernel_version = facts.kernel_version;
	config.operating_system = facts.operating_system;
	config.default_addr = facts.default_addr;
	if (getrandom(&config.seed, sizeof(config.seed), 0) !=
	    sizeof(config.seed))
		fatal("the kernel gives no random bytes");
	n = node_new(&config, now());
	arena_fini(&a);
	return n;
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
	int r = open_base(d, e);

	if (r == 0)
		r = open_store(d, &stored, e);
	if (r == 0)
		r = open_shells(d, e);
	if (r == 0)
		d->node = make_node(d, d->locked_at_start ? NULL : &stored);
	stored_fini(&stored);
	if (r < 0)
		return r;
	/* Of a locked node nothing is known: what runs is left alone. */
	if (!d->locked_at_start)
		runner_scan(d->runner);
	return open_http(d, e);
}

/* Also after a start that failed half-way: what is not there is NULL. */
static void
daemon_close(struct daemon *d)
{
	streams_fini(d);
	http_server_close(d->http);
	runner_close(d->runner);
	store_close(d->store);
	cluster_close(d);
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

	/* Its keys are not for core files, nor for who may trace it. */
	(void)prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
	arena_init(&d->arena);
	inbox_init(&d->inbox);
	streams_init(d);
	list_init(&d->locked);
	pthread_mutex_init(&d->locked_mutex, NULL);
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
		.digest_of = digest_of,
	};

	(void)sigaction(SIGPIPE, &(struct sigaction){ .sa_handler = SIG_IGN },
			NULL);
	return cli_main(argc, argv, &hooks);
}
