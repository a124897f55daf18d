/*
 * peer_pool.c - threads that shake hands, each with a loop of its own: the
 * arithmetic of one handshake takes milliseconds, and a peer may take its time
 * between. A connection belongs to its thread until it is through, has failed,
 * or has had its time.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "core/base/check.h"
#include "core/base/mem.h"
#include "net/peers_impl.h"

#define LINGER_S 1.
#define POOL_NICE 5

void
shake_free(struct shake *s)
{
	if (s == NULL)
		return;
	if (s->fd >= 0)
		close(s->fd);
	engine_free(s->engine);
	chain_free(s->chain);
	tls_identity_unref(s->identity);
	tls_roots_unref(s->roots);
	mem_free(s->pin);
	mem_free(s);
}

/* On the loop. */
static void
finish_shake(struct job *j)
{
	struct shake *s = container_of(j, struct shake, job);
	struct link *l = s->link;

	if (l != NULL && s->code == 0) {
		link_established(l, s);
	} else if (l != NULL) {
		l->shake = NULL;
		link_fail(l, "%s", s->err.msg);
	}
	shake_free(s);
}

/* ---- on the thread -------------------------------------------------- */

static void
give_back(struct shake *s, int code)
{
	ev_io_stop(s->thread->loop, &s->io);
	ev_timer_stop(s->thread->loop, &s->timer);
	list_remove(&s->job.node);
	s->code = code;
	if (code == 0)
		shake_engine_settle(s);
	peers_finished(&s->job);
}

static void
wait_for(struct shake *s, int events)
{
	if (ev_is_active(&s->io) &&
	    (s->io.events & (EV_READ | EV_WRITE)) == events)
		return;
	ev_io_stop(s->thread->loop, &s->io);
	ev_io_set(&s->io, s->fd, events);
	ev_io_start(s->thread->loop, &s->io);
}

/*
 * BearSSL ends without a word on a certificate that is no good. Nothing is
 * encrypted yet when one is shown, so the word is the same for all.
 */
static void
say_bad_certificate(const struct shake *s)
{
	static const uint8_t alert[] = { 0x15, 0x03, 0x03, 0, 2, 2, 42 };

	/* If it is lost, the other end sees that it was broken off. */
	(void)send(s->fd, alert, sizeof(alert), MSG_NOSIGNAL);
}

/*
 * A socket that is closed while bytes come in is reset, and what was sent may
 * be lost, an alert, too: wait for the other end.
 */
static void
linger(struct shake *s, int code)
{
	s->lingers = true;
	s->code = code;
	(void)shutdown(s->fd, SHUT_WR); /* reading tells how it went */
	ev_timer_stop(s->thread->loop, &s->timer);
	ev_timer_set(&s->timer, LINGER_S, 0.);
	ev_timer_start(s->thread->loop, &s->timer);
	wait_for(s, EV_READ);
}

static void
discard(struct shake *s)
{
	uint8_t bytes[4096];
	ssize_t n = recv(s->fd, bytes, sizeof(bytes), 0);

	if (n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR))
		give_back(s, s->code);
}

/* The engine has come to an end, one or the other. */
static void
conclude(struct shake *s, bool through)
{
	int error = br_ssl_engine_last_error(s->engine);
	int r = chain_peer(s->chain, &s->peer, &s->err);

	if (r == 0) {
		give_back(s, r);
		return;
	}
	if (r == -EACCES)
		say_bad_certificate(s);
	if (r == -EAGAIN) {
		check(!through);
		r = err_set(&s->err, -EPROTO, "the TLS handshake failed: %s",
			    error == BR_ERR_OK ? "it was broken off"
					       : tls_error(error));
	}
	linger(s, r);
}

/* 1: go on; 0: wait for the socket; negative: it has failed. */
static int
after(ssize_t n, struct err *e)
{
	if (n > 0)
		return 1;
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return 0;
	if (n == 0)
		return err_set(e, -EPIPE,
			       "the other end closed it during the handshake");
	return err_set(e, -errno, "%s during the handshake", strerror(errno));
}

static int
put_record(struct shake *s)
{
	size_t len;
	const uint8_t *p = br_ssl_engine_sendrec_buf(s->engine, &len);
	ssize_t n = send(s->fd, p, len, MSG_NOSIGNAL);

	if (n > 0)
		br_ssl_engine_sendrec_ack(s->engine, (size_t)n);
	return after(n, &s->err);
}

static int
get_record(struct shake *s)
{
	size_t len;
	uint8_t *p = br_ssl_engine_recvrec_buf(s->engine, &len);
	ssize_t n = recv(s->fd, p, len, 0);

	if (n > 0)
		br_ssl_engine_recvrec_ack(s->engine, (size_t)n);
	return after(n, &s->err);
}

static void
go_on(struct shake *s)
{
	for (;;) {
		unsigned state = br_ssl_engine_current_state(s->engine);
		bool put = state & BR_SSL_SENDREC;
		int r;

		if (state == BR_SSL_CLOSED) {
			conclude(s, false);
			return;
		}
		if (!put && (state & BR_SSL_SENDAPP)) {
			conclude(s, true);
			return;
		}
		check(put || (state & BR_SSL_RECVREC));
		r = put ? put_record(s) : get_record(s);
		if (r == 0) {
			wait_for(s, put ? EV_WRITE : EV_READ);
			return;
		}
		if (r < 0) {
			give_back(s, r);
			return;
		}
	}
}

static void
on_io(struct ev_loop *loop, ev_io *w, int revents)
{
	struct shake *s = container_of(w, struct shake, io);

	(void)loop, (void)revents;
	if (s->lingers)
		discard(s);
	else
		go_on(s);
}

static void
on_timer(struct ev_loop *loop, ev_timer *w, int revents)
{
	struct shake *s = container_of(w, struct shake, timer);

	(void)loop, (void)revents;
	if (s->lingers)
		give_back(s, s->code);
	else
		give_back(s,
			  err_set(&s->err, -ETIMEDOUT,
				  "the TLS handshake took more than %d seconds",
				  (int)SHAKE_S));
}

static int64_t
wall_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_REALTIME, &t);
	return (int64_t)t.tv_sec * NS_PER_S + t.tv_nsec;
}

static void
begin(struct shake *s)
{
	struct pool_thread *t = s->thread;
	struct chain_config config = { .roots = s->roots,
				       .pin = s->pin,
				       .now_ns = wall_ns() };

	list_append(&t->shakes, &s->job.node);
	s->chain = chain_new(&config);
	s->engine = shake_engine_new(s);
	ev_init(&s->io, on_io);
	ev_timer_init(&s->timer, on_timer, SHAKE_S, 0.);
	ev_timer_start(t->loop, &s->timer);
	go_on(s);
}

/* NULL: none is left. */
static struct shake *
next_of_inbox(struct pool_thread *t, bool *stop)
{
	struct shake *s = NULL;

	pthread_mutex_lock(&t->mutex);
	*stop = t->stop;
	if (!list_empty(&t->inbox)) {
		s = container_of(t->inbox.next, struct shake, job.node);
		list_remove(&s->job.node);
	}
	pthread_mutex_unlock(&t->mutex);
	return s;
}

static void
on_wake(struct ev_loop *loop, ev_async *w, int revents)
{
	struct pool_thread *t = container_of(w, struct pool_thread, wake);
	struct shake *s;
	bool stop;

	(void)revents;
	ev_now_update(loop); /* timers count from here */
	while ((s = next_of_inbox(t, &stop)) != NULL) {
		if (stop)
			shake_free(s);
		else
			begin(s);
	}
	if (stop)
		ev_break(loop, EVBREAK_ALL);
}

static void *
run(void *ctx)
{
	struct pool_thread *t = ctx;

	/* Of this thread only: where cores are few, the loop goes first. */
	(void)setpriority(PRIO_PROCESS, (id_t)gettid(), POOL_NICE);
	ev_run(t->loop, 0);
	list_each_safe (it, tmp, &t->shakes) {
		struct shake *s = container_of(it, struct shake, job.node);

		ev_io_stop(t->loop, &s->io);
		ev_timer_stop(t->loop, &s->timer);
		list_remove(it);
		shake_free(s);
	}
	return NULL;
}

/* ---- on the loop ---------------------------------------------------- */

void
shake_start(struct link *l, int fd, const char *pin)
{
	struct peers *p = l->peers;
	struct pool_thread *t = &p->pool[p->pool_next++ % POOL_THREADS];
	struct shake *s = mem_new(sizeof(*s));

	s->job = (struct job){ .finish = finish_shake, .peers = p };
	s->link = l;
	s->fd = fd;
	s->client = !l->inbound;
	s->thread = t;
	s->pin = mem_strdup(pin);
	if (pin == NULL) {
		s->identity = tls_identity_ref(p->identity);
		s->roots = tls_roots_ref(p->roots);
	}
	l->shake = s;
	pthread_mutex_lock(&t->mutex);
	list_append(&t->inbox, &s->job.node);
	pthread_mutex_unlock(&t->mutex);
	ev_async_send(t->loop, &t->wake);
}

int
pool_open(struct peers *p, struct err *e)
{
	for (int i = 0; i < POOL_THREADS; i++) {
		struct pool_thread *t = &p->pool[i];

		/*
		 * Not epoll: libev leaves what is no longer watched there
		 * until it speaks, and here it is handed to another loop.
		 */
		t->loop = ev_loop_new(EVFLAG_NOENV | EVBACKEND_POLL);
		if (t->loop == NULL)
			return err_set(e, -ENOMEM,
				       "no loop for links to other nodes");
		t->peers = p;
		pthread_mutex_init(&t->mutex, NULL);
		list_init(&t->inbox);
		list_init(&t->shakes);
		ev_async_init(&t->wake, on_wake);
		ev_async_start(t->loop, &t->wake);
		peers_thread(&t->thread, run, t);
	}
	return 0;
}

void
pool_close(struct peers *p)
{
	for (int i = 0; i < POOL_THREADS; i++) {
		struct pool_thread *t = &p->pool[i];

		if (t->loop == NULL)
			continue;
		pthread_mutex_lock(&t->mutex);
		t->stop = true;
		pthread_mutex_unlock(&t->mutex);
		ev_async_send(t->loop, &t->wake);
		pthread_join(t->thread, NULL);
		ev_async_stop(t->loop, &t->wake);
		ev_loop_destroy(t->loop);
		pthread_mutex_destroy(&t->mutex);
	}
}
