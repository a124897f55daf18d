/*
 * peers.c - see peers.h: links by their number, orders, and what is told of
 * them. What is due after an order is done by a timer that is due at once:
 * the loop then turns once more, so that who listens has its turn after it.
 */
#include "net/peers.h"

#include <errno.h>
#include <malloc.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "core/base/check.h"
#include "core/base/mem.h"
#include "core/base/str.h"
#include "net/peers_impl.h"

#define TO(x) BIT(STATE_##x)

static const uint32_t moves[] = {
	[STATE_RESOLVES] = TO(CONNECTS) | TO(DEAD),
	[STATE_CONNECTS] = TO(SHAKES) | TO(DEAD),
	[STATE_SHAKES] = TO(UP) | TO(DEAD),
	[STATE_UP] = TO(CLOSES) | TO(DEAD),
	[STATE_CLOSES] = TO(DEAD),
	[STATE_DEAD] = 0,
};

void
link_move(struct link *l, enum link_state to)
{
	/* A new one starts at any of the first three. */
	check(l->state == 0 || (moves[l->state] & BIT(to)));
	l->state = to;
}

/* ---- links by number ------------------------------------------------ */

static struct link **
bucket(struct peers *p, uint64_t id)
{
	return &p->buckets[id & (BUCKETS - 1)];
}

static struct link *
find(struct peers *p, uint64_t id)
{
	struct link *l = *bucket(p, id);

	while (l != NULL && l->id != id)
		l = l->next;
	return l;
}

static void
on_link_timer(struct ev_loop *loop, ev_timer *w, int revents)
{
	struct link *l = container_of(w, struct link, timer);

	(void)loop, (void)revents;
	switch (l->state) {
	case STATE_RESOLVES:
	case STATE_CONNECTS:
		dial_timeout(l);
		return;
	case STATE_UP:
		link_fail(l, "it showed no certificate, and did not end within "
			     "30 seconds");
		return;
	case STATE_CLOSES:
		link_fail(l, "this node closed it");
		return;
	case STATE_SHAKES:
	case STATE_DEAD:
		break;
	}
	unreachable();
}

static void
on_link_io(struct ev_loop *loop, ev_io *w, int revents)
{
	struct link *l = container_of(w, struct link, io);

	(void)loop;
	if (l->state == STATE_CONNECTS) {
		dial_connected(l);
		return;
	}
	if (revents & EV_READ)
		link_read(l);
	if (revents & EV_WRITE)
		link_write(l);
}

struct link *
link_new(struct peers *p, uint64_t id, const char *who)
{
	struct link *l = mem_new(sizeof(*l));

	check(find(p, id) == NULL);
	l->peers = p;
	l->id = id;
	l->fd = -1;
	l->inbound = id & LINK_INBOUND;
	l->who = mem_strdup(who);
	list_init(&l->dirty);
	list_init(&l->strange);
	list_append(&p->links, &l->node);
	l->next = *bucket(p, id);
	*bucket(p, id) = l;
	l->in.max = LINK_MESSAGE_MAX;
	ev_init(&l->io, on_link_io);
	ev_init(&l->timer, on_link_timer);
	if (l->inbound) {
		list_append(&p->unknown, &l->strange);
		p->inbound_count++;
		p->unknown_count++;
		p->came++;
	}
	return l;
}

/*
 * A thousand who come at once leave more free memory behind than they keep,
 * in pieces between what they keep: only now is it given back.
 */
static void
on_calm(struct ev_loop *loop, ev_timer *w, int revents)
{
	struct peers *p = container_of(w, struct peers, calm);

	(void)revents;
	ev_timer_stop(loop, w);
	if (p->unknown_count > 0)
		return; /* they start it again */
	p->came = 0;
	(void)malloc_trim(0);
}

void
link_known(struct link *l)
{
	struct peers *p = l->peers;

	if (list_empty(&l->strange))
		return;
	check(p->unknown_count > 0);
	p->unknown_count--;
	list_remove(&l->strange);
	if (p->unknown_count > 0 || p->came < CAME_MANY)
		return;
	p->calm.repeat = CALM_S;
	ev_timer_again(p->config.loop, &p->calm);
}

/* Let go of all but what is to be told. */
static void
link_strip(struct link *l)
{
	struct peers *p = l->peers;

	ev_io_stop(p->config.loop, &l->io);
	ev_timer_stop(p->config.loop, &l->timer);
	if (l->fd >= 0)
		close(l->fd);
	l->fd = -1;
	if (l->shake != NULL)
		l->shake->link = NULL; /* freed when the thread gives it back */
	l->shake = NULL;
	dial_free(l->dial);
	l->dial = NULL;
	link_known(l);
	list_remove(&l->dirty);
	link_out_free(l);
}

static void
link_free(struct link *l)
{
	struct link **at = bucket(l->peers, l->id);

	while (*at != l)
		at = &(*at)->next;
	*at = l->next;
	if (l->inbound)
		l->peers->inbound_count--;
	list_remove(&l->node);
	/* Not before: a message out of it may be with somebody. */
	frames_fini(&l->in);
	engine_free(l->engine);
	mem_free(l->who);
	mem_free(l->err);
	mem_free(l);
}

void
link_fail(struct link *l, const char *fmt, ...)
{
	struct buf b = { 0 };
	char why[ERR_MSG_MAX];
	va_list ap;

	if (l->state == STATE_DEAD)
		return;
	va_start(ap, fmt);
	vsnprintf(why, sizeof(why), fmt, ap);
	va_end(ap);
	buf_printf(&b, "link %s %s: %s", l->inbound ? "from" : "to", l->who,
		   why);
	l->err = buf_take(&b);
	link_move(l, STATE_DEAD);
	link_strip(l);
	list_remove(&l->node);
	list_append(&l->peers->dead, &l->node);
	peers_later(l->peers);
}

/* ---- what is told --------------------------------------------------- */

static void
report(struct peers *p, const struct link_report *r)
{
	p->config.report(p->config.ctx, r);
}

static enum link_trust
trust_of(const struct tls_peer *peer)
{
	switch (peer->trust) {
	case TLS_ANONYMOUS:
		return LINK_ANONYMOUS;
	case TLS_VERIFIED:
		return LINK_VERIFIED;
	case TLS_EXPIRED:
		return LINK_EXPIRED;
	}
	unreachable();
}

static void
report_up(struct link *l, const struct tls_peer *from)
{
	struct link_peer peer = { .trust = trust_of(from), .root = from->root };
	struct link_report r = { .news = LINK_UP,
				 .link = l->id,
				 .peer = &peer };

	if (peer.trust != LINK_ANONYMOUS) {
		memcpy(peer.node_id, from->node_id, sizeof(peer.node_id));
		memcpy(peer.role, from->role, sizeof(peer.role));
		memcpy(peer.cluster_id, from->cluster_id,
		       sizeof(peer.cluster_id));
	}
	ip_format(&l->ip, peer.ip);
	l->told = true;
	report(l->peers, &r);
}

static void
report_down(struct link *l)
{
	struct link_report r = { .news = LINK_DOWN,
				 .link = l->id,
				 .err = l->err,
				 .refused = l->refused };

	check(l->state == STATE_DEAD);
	if (!l->inbound || l->told)
		report(l->peers, &r);
}

void
link_established(struct link *l, struct shake *s)
{
	struct peers *p = l->peers;

	check(s->code == 0 && l->fd < 0 && l->engine == NULL);
	link_move(l, STATE_UP);
	l->shake = NULL;
	l->fd = s->fd;
	l->engine = s->engine;
	s->fd = -1;
	s->engine = NULL;
	l->anonymous = s->peer.trust == TLS_ANONYMOUS;
	if (l->anonymous) {
		l->in.max = ANONYMOUS_MESSAGE_MAX;
		l->timer.repeat = ANONYMOUS_S;
		ev_timer_again(p->config.loop, &l->timer);
	} else {
		link_known(l);
	}
	report_up(l, &s->peer);
	if (l->state == STATE_UP)
		link_take(l);
	if (l->state == STATE_DEAD)
		return;
	ev_io_set(&l->io, l->fd, EV_READ);
	ev_io_start(p->config.loop, &l->io);
	/* Whoever sent before it was up. */
	if (l->first != NULL || l->state == STATE_CLOSES)
		link_write(l);
}

void
peers_later(struct peers *p)
{
	if (!ev_is_active(&p->later)) {
		ev_timer_set(&p->later, 0., 0.);
		ev_timer_start(p->config.loop, &p->later);
	}
}

/* Those who die while this is told are told of in the next turn. */
static void
on_later(struct ev_loop *loop, ev_timer *w, int revents)
{
	struct peers *p = container_of(w, struct peers, later);

	(void)loop, (void)revents;
	listener_report(p);
	list_append(&p->dead, &p->mark);
	while (p->dead.next != &p->mark) {
		struct link *l = container_of(p->dead.next, struct link, node);

		report_down(l);
		link_free(l);
	}
	list_remove(&p->mark);
}

/* ---- the end of the turn -------------------------------------------- */

static void
on_turn(struct ev_loop *loop, ev_prepare *w, int revents)
{
	struct peers *p = container_of(w, struct peers, turn);

	(void)loop, (void)revents;
	list_each_safe (it, tmp, &p->dirty) {
		struct link *l = container_of(it, struct link, dirty);

		list_remove(it);
		link_write(l);
	}
}

/* ---- threads -------------------------------------------------------- */

/* Signals are the loop's: threads take none. */
void
peers_thread(pthread_t *ret, void *(*run)(void *), void *ctx)
{
	sigset_t all, old;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	if (pthread_create(ret, NULL, run, ctx) != 0)
		fatal("the kernel gives no thread for links to other nodes");
	pthread_sigmask(SIG_SETMASK, &old, NULL);
}

void
peers_finished(struct job *j)
{
	struct peers *p = j->peers;

	pthread_mutex_lock(&p->mutex);
	list_append(&p->finished, &j->node);
	pthread_mutex_unlock(&p->mutex);
	ev_async_send(p->config.loop, &p->wake);
}

static struct job *
next_finished(struct peers *p)
{
	struct job *j = NULL;

	pthread_mutex_lock(&p->mutex);
	if (!list_empty(&p->finished)) {
		j = container_of(p->finished.next, struct job, node);
		list_remove(&j->node);
	}
	pthread_mutex_unlock(&p->mutex);
	return j;
}

static void
on_wake(struct ev_loop *loop, ev_async *w, int revents)
{
	struct peers *p = container_of(w, struct peers, wake);
	struct job *j;

	(void)loop, (void)revents;
	while ((j = next_finished(p)) != NULL)
		j->finish(j);
}

/* ---- orders --------------------------------------------------------- */

static void
order_send(struct peers *p, const struct link_order *o)
{
	struct link *l = find(p, o->link);

	check(o->len > 0 && o->len <= LINK_MESSAGE_MAX);
	/* Of a link that has ended, LINK_DOWN is on its way or was told. */
	if (l == NULL || l->state >= STATE_CLOSES)
		return;
	link_send(l, o->message, o->len);
}

static void
order_close(struct peers *p, const struct link_order *o)
{
	struct link *l = find(p, o->link);

	if (l == NULL || l->state >= STATE_CLOSES)
		return;
	if (l->state != STATE_UP) {
		link_fail(l, "this node closed it before it was up");
		return;
	}
	link_move(l, STATE_CLOSES);
	l->timer.repeat = CLOSE_S;
	ev_timer_again(p->config.loop, &l->timer);
	if (list_empty(&l->dirty))
		list_append(&p->dirty, &l->dirty);
}

void
peers_order(struct peers *p, const struct link_order *o)
{
	switch (o->verb) {
	case LINK_OPEN:
		check(o->link != 0 && !(o->link & LINK_INBOUND));
		dial_start(link_new(p, o->link, o->addr), o->addr, o->pin);
		return;
	case LINK_SEND:
		order_send(p, o);
		return;
	case LINK_CLOSE:
		order_close(p, o);
		return;
	case LINK_LISTEN:
		listener_order(p, o->addr);
		return;
	}
	unreachable();
}

static void
set_identity(struct peers *p, struct tls_identity *i, struct tls_roots *r)
{
	tls_identity_unref(p->identity);
	tls_roots_unref(p->roots);
	p->identity = i;
	p->roots = r;
}

static void
forget(struct peers *p)
{
	set_identity(p, NULL, NULL);
	list_each_safe (it, tmp, &p->links)
		link_fail(container_of(it, struct link, node),
			  "this node has left the cluster");
}

int
peers_identity(struct peers *p, const struct trust_order *o, struct err *e)
{
	struct tls_identity *identity;
	struct tls_roots *roots;
	int r;

	if (o->verb == TRUST_FORGET) {
		forget(p);
		return 0;
	}
	check(o->verb == TRUST_USE);
	r = tls_roots_new(o->roots, &roots, e);
	if (r < 0)
		return r;
	r = tls_identity_new(o->own_chain, o->roots, o->key.p, o->key.len,
			     &identity, e);
	if (r < 0) {
		tls_roots_unref(roots);
		return r;
	}
	set_identity(p, identity, roots);
	return 0;
}

/* ---- start and end -------------------------------------------------- */

static void
start_watchers(struct peers *p)
{
	struct ev_loop *loop = p->config.loop;

	/* After all others: what they order leaves in the same turn. */
	ev_prepare_init(&p->turn, on_turn);
	ev_set_priority(&p->turn, EV_MINPRI);
	ev_prepare_start(loop, &p->turn);
	ev_init(&p->later, on_later);
	ev_init(&p->calm, on_calm);
	ev_async_init(&p->wake, on_wake);
	ev_async_start(loop, &p->wake);
}

int
peers_open(const struct peers_config *config, struct peers **ret, struct err *e)
{
	struct peers *p = mem_new(sizeof(*p));
	int r;

	p->config = *config;
	list_init(&p->links);
	list_init(&p->dead);
	list_init(&p->mark);
	list_init(&p->dirty);
	list_init(&p->unknown);
	list_init(&p->finished);
	pthread_mutex_init(&p->mutex, NULL);
	p->in_stage = mem_new(STAGE_LEN);
	p->out_stage = mem_new(STAGE_LEN);
	listener_init(p);
	start_watchers(p);
	r = resolver_open(p, e);
	if (r == 0)
		r = pool_open(p, e);
	if (r < 0) {
		peers_close(p);
		return r;
	}
	*ret = p;
	return 0;
}

void
peers_close(struct peers *p)
{
	struct job *j;

	if (p == NULL)
		return;
	listener_close(p);
	/* Whatever threads are at, nobody waits for it any more. */
	list_each_safe (it, tmp, &p->links)
		link_fail(container_of(it, struct link, node), "the end");
	resolver_close(p);
	pool_close(p);
	while ((j = next_finished(p)) != NULL)
		j->finish(j);
	list_each_safe (it, tmp, &p->dead)
		link_free(container_of(it, struct link, node));
	ev_prepare_stop(p->config.loop, &p->turn);
	ev_timer_stop(p->config.loop, &p->later);
	ev_timer_stop(p->config.loop, &p->calm);
	ev_async_stop(p->config.loop, &p->wake);
	set_identity(p, NULL, NULL);
	pthread_mutex_destroy(&p->mutex);
	mem_free(p->in_stage);
	mem_free(p->out_stage);
	mem_free(p);
}
