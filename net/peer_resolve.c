/*
 * peer_resolve.c - names of hosts into addresses, on a thread of its own that
 * may wait: /etc/hosts, then the servers of /etc/resolv.conf by UDP. The C
 * library's resolver is not for a static program: it loads the host's modules.
 */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <unistd.h>

#include "core/base/check.h"
#include "core/base/mem.h"
#include "core/base/str.h"
#include "net/peers_impl.h"

#define SERVERS_MAX 3
#define SEARCH_MAX 6
#define LINE_MAX_LEN 1024
#define LINES_MAX 100000
#define DNS_PORT 53
#define TRIES 2
#define TRY_MS 800
#define STRAY_MAX 16 /* answers to somebody else's questions, per try */

struct resolv_conf {
	struct ip servers[SERVERS_MAX];
	size_t server_count;
	char search[SEARCH_MAX][DNS_NAME_MAX + 1];
	size_t search_count;
};

/* ---- files ---------------------------------------------------------- */

static void
add_server(struct resolv_conf *rc, const char *word)
{
	if (rc->server_count < SERVERS_MAX &&
	    ip_parse(word, &rc->servers[rc->server_count]))
		rc->server_count++;
}

static void
add_search(struct resolv_conf *rc, const char *word)
{
	if (rc->search_count < SEARCH_MAX && strlen(word) <= DNS_NAME_MAX)
		snprintf(rc->search[rc->search_count++], DNS_NAME_MAX + 1, "%s",
			 word);
}

static void
conf_line(struct resolv_conf *rc, char *line)
{
	static const char space[] = " \t\r\n";
	char *save, *key = strtok_r(line, space, &save), *word;

	if (key == NULL)
		return;
	if (str_eq(key, "search") || str_eq(key, "domain"))
		rc->search_count = 0; /* the last one counts */
	while ((word = strtok_r(NULL, space, &save)) != NULL) {
		if (str_eq(key, "nameserver"))
			add_server(rc, word);
		if (str_eq(key, "search") || str_eq(key, "domain"))
			add_search(rc, word);
	}
}

static void
read_conf(struct resolv_conf *rc)
{
	FILE *f = fopen("/etc/resolv.conf", "re");
	char line[LINE_MAX_LEN];

	memset(rc, 0, sizeof(*rc));
	for (int i = 0; f && i < LINES_MAX && fgets(line, sizeof(line), f); i++)
		conf_line(rc, line);
	if (f)
		fclose(f);
	if (rc->server_count == 0)
		add_server(rc, "127.0.0.1");
}

static void
look_in_hosts(struct resolve *r)
{
	FILE *f = fopen("/etc/hosts", "re");
	char line[LINE_MAX_LEN];

	for (int i = 0; f && i < LINES_MAX && fgets(line, sizeof(line), f); i++)
		if (r->count < DNS_ADDRESSES_MAX &&
		    hosts_line(line, r->host, &r->ips[r->count]))
			r->count++;
	if (f)
		fclose(f);
	if (r->count == 0 && str_cmp_nocase(r->host, "localhost") == 0 &&
	    ip_parse("127.0.0.1", &r->ips[0]))
		r->count = 1;
}

/* ---- servers -------------------------------------------------------- */

static uint16_t
random_id(void)
{
	uint16_t id;

	if (getrandom(&id, sizeof(id), 0) != sizeof(id))
		fatal("the kernel gives no random bytes");
	return id;
}

/* A socket whose port the kernel chose, which hears this server only. */
static int
server_socket(const struct ip *server)
{
	struct sockaddr_storage sa;
	socklen_t len = ip_to_socket(server, DNS_PORT, false, &sa);
	int fd = socket(sa.ss_family, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK,
			0);

	if (fd < 0)
		return -errno;
	if (connect(fd, (struct sockaddr *)&sa, len) < 0) {
		int code = -errno;

		close(fd);
		return code;
	}
	return fd;
}

/* 0, what dns_answer() says, or -ETIMEDOUT; -ECANCELED: it is the end. */
static int
hear(struct resolve *r, int fd, const uint8_t *query, size_t len)
{
	struct pollfd pfd[] = {
		{ .fd = fd, .events = POLLIN },
		{ .fd = r->job.peers->resolver.stop_fd, .events = POLLIN },
	};
	uint8_t answer[DNS_ANSWER_MAX];

	for (int i = 0; i < STRAY_MAX; i++) {
		ssize_t n;
		int code;

		if (poll(pfd, ARRAY_LEN(pfd), TRY_MS) == 0)
			return -ETIMEDOUT;
		if (pfd[1].revents)
			return -ECANCELED;
		n = recv(fd, answer, sizeof(answer), 0);
		if (n < 0)
			return errno == EAGAIN || errno == EINTR ? -ETIMEDOUT
								 : -errno;
		code = dns_answer(answer, (size_t)n, query, len, r->ips,
				  &r->count);
		if (code != -EINVAL)
			return code;
	}
	return -EINVAL;
}

static int
ask(struct resolve *r, const struct ip *server, const char *name, uint16_t type)
{
	uint8_t query[DNS_QUERY_MAX];
	size_t len = dns_query(query, random_id(), name, type);
	int fd, code;

	if (len == 0)
		return -ENOENT;
	fd = server_socket(server);
	if (fd < 0)
		return fd;
	if (send(fd, query, len, MSG_NOSIGNAL) < 0)
		code = -errno;
	else
		code = hear(r, fd, query, len);
	close(fd);
	return code;
}

/* Of whichever server answers; -ENOENT: there is no such name. */
static int
ask_servers(struct resolve *r, const struct resolv_conf *rc, const char *name,
	    uint16_t type)
{
	int code = -ETIMEDOUT;

	for (int try = 0; try < TRIES; try++) {
		for (size_t i = 0; i < rc->server_count; i++) {
			code = ask(r, &rc->servers[i], name, type);
			if (code == 0 || code == -ENOENT || code == -ECANCELED)
				return code;
		}
	}
	return code;
}

static int
ask_name(struct resolve *r, const struct resolv_conf *rc, const char *name)
{
	int code = ask_servers(r, rc, name, DNS_A);

	if (code == -ECANCELED || code == -ENOENT)
		return code;
	if (r->count == 0) /* mostly so: one question is enough */
		code = ask_servers(r, rc, name, DNS_AAAA);
	if (code == 0 && r->count == 0)
		code = -ENOENT;
	return code;
}

/* A name with a dot is first taken as it is, one without with a domain. */
static int
ask_all(struct resolve *r, const struct resolv_conf *rc)
{
	bool dotted = strchr(r->host, '.') != NULL;
	char name[2 * DNS_NAME_MAX + 2];
	int code = dotted ? ask_name(r, rc, r->host) : -ENOENT;

	for (size_t i = 0; code == -ENOENT && i < rc->search_count; i++) {
		if (str_ends(r->host, "."))
			break;
		snprintf(name, sizeof(name), "%s.%s", r->host, rc->search[i]);
		code = ask_name(r, rc, name);
	}
	if (code == -ENOENT && !dotted)
		code = ask_name(r, rc, r->host);
	return code;
}

static void
look_up(struct resolve *r)
{
	struct resolv_conf rc;
	int code;

	look_in_hosts(r);
	if (r->count > 0)
		return;
	read_conf(&rc);
	code = ask_all(r, &rc);
	if (r->count == 0)
		(void)err_set(&r->err, code,
			      code == -ENOENT
				      ? "the name %s is not known"
				      : "the name %s was not resolved: no "
					"server of /etc/resolv.conf answers",
			      r->host);
}

/* ---- the thread ----------------------------------------------------- */

static struct resolve *
next_name(struct resolver *rs)
{
	struct resolve *r = NULL;

	pthread_mutex_lock(&rs->mutex);
	while (list_empty(&rs->inbox) && !rs->stop)
		pthread_cond_wait(&rs->cond, &rs->mutex);
	if (!rs->stop) {
		r = container_of(rs->inbox.next, struct resolve, job.node);
		list_remove(&r->job.node);
	}
	pthread_mutex_unlock(&rs->mutex);
	return r;
}

static void *
run(void *ctx)
{
	struct resolver *rs = ctx;
	struct resolve *r;

	while ((r = next_name(rs)) != NULL) {
		look_up(r);
		peers_finished(&r->job);
	}
	return NULL;
}

/* ---- on the loop ---------------------------------------------------- */

static void
resolve_free(struct resolve *r)
{
	mem_free(r->host);
	mem_free(r);
}

static void
finish_resolve(struct job *j)
{
	struct resolve *r = container_of(j, struct resolve, job);

	j->peers->resolver.count--;
	if (r->link != NULL)
		dial_resolved(r->link, r);
	resolve_free(r);
}

struct resolve *
resolve_start(struct link *l, const char *host)
{
	struct resolver *rs = &l->peers->resolver;
	struct resolve *r;

	if (rs->count >= RESOLVES_MAX)
		return NULL;
	if (!rs->running)
		peers_thread(&rs->thread, run, rs);
	rs->running = true;
	rs->count++;
	r = mem_new(sizeof(*r));
	r->job = (struct job){ .finish = finish_resolve, .peers = l->peers };
	r->link = l;
	r->host = mem_strdup(host);
	pthread_mutex_lock(&rs->mutex);
	list_append(&rs->inbox, &r->job.node);
	pthread_cond_signal(&rs->cond);
	pthread_mutex_unlock(&rs->mutex);
	return r;
}

int
resolver_open(struct peers *p, struct err *e)
{
	struct resolver *rs = &p->resolver;

	pthread_mutex_init(&rs->mutex, NULL);
	pthread_cond_init(&rs->cond, NULL);
	list_init(&rs->inbox);
	rs->stop_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (rs->stop_fd < 0)
		return err_set(e, -errno, "Cannot make an eventfd: %s.",
			       strerror(errno));
	return 0;
}

static void
stop_thread(struct resolver *rs)
{
	pthread_mutex_lock(&rs->mutex);
	rs->stop = true;
	pthread_cond_signal(&rs->cond);
	pthread_mutex_unlock(&rs->mutex);
	check(eventfd_write(rs->stop_fd, 1) == 0);
	pthread_join(rs->thread, NULL);
}

void
resolver_close(struct peers *p)
{
	struct resolver *rs = &p->resolver;

	if (rs->running)
		stop_thread(rs);
	list_each_safe (it, tmp, &rs->inbox)
		resolve_free(container_of(it, struct resolve, job.node));
	if (rs->stop_fd > 0)
		close(rs->stop_fd);
	pthread_cond_destroy(&rs->cond);
	pthread_mutex_destroy(&rs->mutex);
}
