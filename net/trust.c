/*
 * trust.c - the thread that makes and uses keys: see trust.h. An order is
 * copied into a job of its own, done on the thread, and reported on the loop;
 * keys in it are wiped when the job ends.
 */
#include "net/trust.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <time.h>

#include "core/base/check.h"
#include "core/base/list.h"
#include "core/base/mem.h"
#include "net/tls/cert.h"

/* A thousand nodes that join at once are a thousand jobs; more than this is a
 * fault, and answered as one. */
#define JOBS_MAX 16384

struct job {
	struct list link;
	struct arena arena; /* what order and report point at */
	struct trust_order order;
	struct trust_report report;
	struct buf key; /* what was made; wiped */
	struct err err;
};

struct trust {
	struct trust_config config;
	ev_async done_async;
	pthread_t thread;
	pthread_mutex_t mutex; /* of all that follows */
	pthread_cond_t cond;
	struct list todo, done;
	size_t count; /* in both, and the one at work */
	bool closing;
};

/* ---- jobs ---- */

static struct bytes
keep_bytes(struct job *j, const void *p, size_t len)
{
	return (struct bytes){ arena_dup(&j->arena, p, len), len };
}

static struct job *
job_new(const struct trust_order *o)
{
	struct job *j = mem_new(sizeof(*j));

	arena_init(&j->arena);
	j->order = *o;
	j->order.key = keep_bytes(j, o->key.p, o->key.len);
	j->order.csr = keep_bytes(j, o->csr.p, o->csr.len);
	j->order.cert = arena_strdup(&j->arena, o->cert);
	j->order.chain = arena_strdup(&j->arena, o->chain);
	j->order.root2 = arena_strdup(&j->arena, o->root2);
	j->order.node_id = arena_strdup(&j->arena, o->node_id);
	j->order.cluster_id = arena_strdup(&j->arena, o->cluster_id);
	j->report.id = o->id;
	j->report.verb = o->verb;
	return j;
}

static void
job_free(struct job *j)
{
	if (j->order.key.len > 0)
		explicit_bzero((void *)(uintptr_t)j->order.key.p,
			       j->order.key.len);
	if (j->key.p != NULL)
		explicit_bzero(j->key.p, j->key.cap);
	explicit_bzero(j->report.random, sizeof(j->report.random));
	buf_fini(&j->key);
	arena_fini(&j->arena);
	mem_free(j);
}

/* ---- what is done on the thread ---- */

static int64_t
wall_ns(void)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_REALTIME, &t);
	return t.tv_sec * NS_PER_S + t.tv_nsec;
}

static void
report_key(struct job *j, const struct cert_key *k)
{
	cert_key_write(k, &j->key);
	j->report.key = (struct bytes){ (uint8_t *)j->key.p, j->key.len };
}

static void
report_cert(struct job *j, struct buf *pem)
{
	j->report.cert = arena_strndup(&j->arena, pem->p, pem->len);
	buf_fini(pem);
}

/* Whose certificate signs: pem is of a CA. */
static int
report_issuer(struct job *j, const char *pem)
{
	struct cert_facts facts;
	int r = cert_look(pem, &j->arena, &facts, &j->err);

	if (r == 0) {
		j->report.issuer_subject = facts.subject;
		j->report.issuer_public_key = facts.public_key;
	}
	return r;
}

static int
report_times(struct job *j, const char *pem)
{
	struct cert_facts facts;
	int r = cert_look(pem, &j->arena, &facts, &j->err);

	if (r == 0) {
		j->report.not_before = facts.not_before;
		j->report.not_after = facts.not_after;
	}
	return r;
}

/* What a token and TLSInfo say of a root. */
static int
report_root(struct job *j, const char *pem)
{
	char digest[CERT_DIGEST_TEXT + 1];
	int r = cert_digest(pem, digest, &j->err);

	if (r == 0)
		r = report_issuer(j, pem);
	if (r == 0)
		r = report_times(j, pem);
	if (r == 0)
		j->report.digest = arena_strdup(&j->arena, digest);
	return r;
}

static int
read_signer_key(struct job *j, struct cert_key *ret)
{
	return cert_key_read(j->order.key.p, j->order.key.len, ret, &j->err);
}

static int
make_root(struct job *j)
{
	struct buf pem = { 0 };
	struct cert_key k;

	cert_key_make(&k);
	cert_make_root(&k, wall_ns(), &pem);
	report_key(j, &k);
	cert_key_wipe(&k);
	report_cert(j, &pem);
	return report_root(j, j->report.cert);
}

static int
make_key(struct job *j)
{
	struct buf csr = { 0 };
	struct cert_key k;

	cert_key_make(&k);
	cert_make_request(&k, &csr);
	report_key(j, &k);
	cert_key_wipe(&k);
	j->report.csr = keep_bytes(j, csr.p, csr.len);
	buf_fini(&csr);
	return 0;
}

static int
sign(struct job *j)
{
	const struct trust_order *o = &j->order;
	struct cert_subject s = { o->node_id, o->cluster_id, o->manager };
	struct buf pem = { 0 };
	struct cert_key k;
	int r = read_signer_key(j, &k);

	if (r < 0)
		return r;
	r = cert_sign(&k, o->cert, o->csr.p, o->csr.len, &s, wall_ns(),
		      o->expiry_ns, &pem, &j->err);
	cert_key_wipe(&k);
	if (r < 0)
		return r;
	if (o->chain != NULL)
		buf_puts(&pem, o->chain);
	report_cert(j, &pem);
	r = report_times(j, j->report.cert);
	return r < 0 ? r : report_issuer(j, o->cert);
}

static int
cross_sign(struct job *j)
{
	const struct trust_order *o = &j->order;
	struct buf pem = { 0 };
	struct cert_key k;
	int r = read_signer_key(j, &k);

	if (r < 0)
		return r;
	r = cert_cross_sign(&k, o->cert, o->root2, &pem, &j->err);
	cert_key_wipe(&k);
	if (r == 0)
		report_cert(j, &pem);
	return r;
}

static int
look_at(struct job *j)
{
	const struct trust_order *o = &j->order;
	struct cert_key k;
	int r = report_root(j, o->cert);

	if (r < 0 || o->key.len == 0)
		return r;
	r = read_signer_key(j, &k);
	if (r < 0)
		return r;
	if (cert_is_key_of(&k, o->cert))
		report_key(j, &k);
	else
		r = err_set(&j->err, -EINVAL,
			    "the key is not that of the root certificate");
	cert_key_wipe(&k);
	return r;
}

static int
carry_out(struct job *j)
{
	switch (j->order.verb) {
	case TRUST_MAKE_ROOT:
		return make_root(j);
	case TRUST_MAKE_KEY:
		return make_key(j);
	case TRUST_SIGN:
		return sign(j);
	case TRUST_CROSS_SIGN:
		return cross_sign(j);
	case TRUST_LOOK_AT:
		return look_at(j);
	case TRUST_USE:
	case TRUST_FORGET:
	case TRUST_LOCK:
		break; /* trust_order() takes none of them */
	}
	unreachable();
}

/* A report that failed brings nothing but its reason. */
static void
job_run(struct job *j)
{
	if (carry_out(j) < 0)
		j->report = (struct trust_report){
			.id = j->order.id,
			.verb = j->order.verb,
			.err = j->err.msg,
		};
	cert_random(j->report.random, sizeof(j->report.random));
}

static struct job *
take_todo(struct trust *t)
{
	struct job *j = NULL;

	pthread_mutex_lock(&t->mutex);
	while (!t->closing && list_empty(&t->todo))
		pthread_cond_wait(&t->cond, &t->mutex);
	if (!t->closing) {
		j = container_of(t->todo.next, struct job, link);
		list_remove(&j->link);
	}
	pthread_mutex_unlock(&t->mutex);
	return j;
}

static void
give_done(struct trust *t, struct job *j)
{
	pthread_mutex_lock(&t->mutex);
	list_append(&t->done, &j->link);
	pthread_mutex_unlock(&t->mutex);
	ev_async_send(t->config.loop, &t->done_async);
}

static void *
work(void *arg)
{
	struct trust *t = arg;
	struct job *j;

	while ((j = take_todo(t)) != NULL) {
		job_run(j);
		give_done(t, j);
	}
	return NULL;
}

/* ---- what is done on the loop ---- */

static struct job *
take_done(struct trust *t)
{
	struct job *j = NULL;

	pthread_mutex_lock(&t->mutex);
	if (!list_empty(&t->done)) {
		j = container_of(t->done.next, struct job, link);
		list_remove(&j->link);
		t->count--;
	}
	pthread_mutex_unlock(&t->mutex);
	return j;
}

static void
on_done(struct ev_loop *loop, ev_async *w, int revents)
{
	struct trust *t = container_of(w, struct trust, done_async);
	struct job *j;

	(void)loop, (void)revents;
	while ((j = take_done(t)) != NULL) {
		t->config.report(t->config.ctx, &j->report);
		job_free(j);
	}
}

/* A full queue answers too, and at once: its jobs have failed already. */
static void
refuse(struct trust *t, struct job *j)
{
	(void)err_set(&j->err, -EBUSY,
		      "more than %d keys and certificates wait to be made",
		      JOBS_MAX);
	j->report.err = j->err.msg;
	cert_random(j->report.random, sizeof(j->report.random));
	list_append(&t->done, &j->link);
	ev_async_send(t->config.loop, &t->done_async);
}

void
trust_order(struct trust *t, const struct trust_order *o)
{
	struct job *j = job_new(o);

	check(o->verb >= TRUST_MAKE_ROOT && o->verb <= TRUST_LOOK_AT);
	pthread_mutex_lock(&t->mutex);
	t->count++;
	if (t->count > JOBS_MAX) {
		refuse(t, j);
	} else {
		list_append(&t->todo, &j->link);
		pthread_cond_signal(&t->cond);
	}
	pthread_mutex_unlock(&t->mutex);
}

/* Signals are the loop's. */
static int
start_thread(struct trust *t)
{
	sigset_t all, before;
	int r;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	r = pthread_create(&t->thread, NULL, work, t);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	return -r;
}

int
trust_open(const struct trust_config *config, struct trust **ret, struct err *e)
{
	struct trust *t = mem_new(sizeof(*t));
	int r;

	t->config = *config;
	list_init(&t->todo);
	list_init(&t->done);
	pthread_mutex_init(&t->mutex, NULL);
	pthread_cond_init(&t->cond, NULL);
	ev_async_init(&t->done_async, on_done);
	ev_async_start(config->loop, &t->done_async);
	r = start_thread(t);
	if (r < 0) {
		ev_async_stop(config->loop, &t->done_async);
		mem_free(t);
		return err_set(e, r, "start the thread that signs: %s",
			       strerror(-r));
	}
	*ret = t;
	return 0;
}

static void
free_all(struct list *jobs)
{
	while (!list_empty(jobs)) {
		struct job *j = container_of(jobs->next, struct job, link);

		list_remove(&j->link);
		job_free(j);
	}
}

void
trust_close(struct trust *t)
{
	if (t == NULL)
		return;
	pthread_mutex_lock(&t->mutex);
	t->closing = true;
	pthread_cond_signal(&t->cond);
	pthread_mutex_unlock(&t->mutex);
	pthread_join(t->thread, NULL);
	ev_async_stop(t->config.loop, &t->done_async);
	free_all(&t->todo);
	free_all(&t->done);
	pthread_mutex_destroy(&t->mutex);
	pthread_cond_destroy(&t->cond);
	mem_free(t);
}
