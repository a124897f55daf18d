/*
 * egress_test.c - the tasks' network in a host of its own: each test makes a
 * network namespace for the host, one per task, and one for the internet, and
 * real connections go between them. Needs root; says so and passes without.
 */
#include "net/egress.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/rtnetlink.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/base/str.h"
#include "net/egress_impl.h"
#include "net/netlink/nft.h"
#include "net/netlink/nl.h"
#include "test/t.h"

#define BRIDGE "swarm-test"
#define WAIT_MS 5000
#define SILENCE_MS 700 /* that nothing comes must be waited for */
#define HOST "198.51.100.1"
#define INTERNET "198.51.100.2"

/* ---- namespaces ---------------------------------------------------------- */

struct place {
	pid_t pid; /* keeps it */
	int fd;
	char path[64];
};

static void
die_with_parent(void)
{
	prctl(PR_SET_PDEATHSIG, SIGKILL);
}

static struct place
new_place(void)
{
	struct place p;
	int ready[2];
	char c = 0;

	OK(pipe2(ready, O_CLOEXEC) == 0);
	p.pid = fork();
	if (p.pid == 0) {
		die_with_parent();
		if (unshare(CLONE_NEWNET) == 0)
			(void)!write(ready[1], "x", 1);
		close(ready[1]);
		for (;;)
			pause();
	}
	close(ready[1]);
	OK(read(ready[0], &c, 1) == 1);
	close(ready[0]);
	snprintf(p.path, sizeof(p.path), "/proc/%d/ns/net", p.pid);
	p.fd = open(p.path, O_RDONLY | O_CLOEXEC);
	OK(p.fd >= 0);
	return p;
}

static void
end_place(struct place *p)
{
	close(p->fd);
	kill(p->pid, SIGKILL);
	waitpid(p->pid, NULL, 0);
}

/* ---- talking ------------------------------------------------------------- */

static struct sockaddr_in
at(const char *ip, uint16_t port)
{
	struct sockaddr_in sa = { .sin_family = AF_INET,
				  .sin_port = htons(port) };

	OK(inet_pton(AF_INET, ip, &sa.sin_addr) == 1);
	return sa;
}

static void
answer_forever(int fd, int type, const char *name)
{
	for (;;) {
		struct sockaddr_in peer;
		socklen_t len = sizeof(peer);
		char text[128], ip[INET_ADDRSTRLEN];
		int c = fd;

		if (type == SOCK_STREAM)
			c = accept(fd, (struct sockaddr *)&peer, &len);
		else if (recvfrom(fd, text, sizeof(text), 0,
				  (struct sockaddr *)&peer, &len) < 0)
			continue;
		inet_ntop(AF_INET, &peer.sin_addr, ip, sizeof(ip));
		snprintf(text, sizeof(text), "%s %s", name, ip);
		(void)!sendto(c, text, strlen(text), MSG_NOSIGNAL,
			      type == SOCK_STREAM ? NULL
						  : (struct sockaddr *)&peer,
			      type == SOCK_STREAM ? 0 : len);
		if (type == SOCK_STREAM)
			close(c);
	}
}

/* A server that says its name and who called. place NULL: the host. */
static pid_t
serve(const struct place *place, int type, uint16_t port, const char *name)
{
	int ready[2];
	char c = 0;
	pid_t pid;

	OK(pipe2(ready, O_CLOEXEC) == 0);
	pid = fork();
	if (pid == 0) {
		struct sockaddr_in sa = at("0.0.0.0", port);
		int fd;

		die_with_parent();
		close(ready[0]);
		if (place && setns(place->fd, CLONE_NEWNET) < 0)
			_exit(1);
		fd = socket(AF_INET, type | SOCK_CLOEXEC, 0);
		if (bind(fd, (struct sockaddr *)&sa, sizeof(sa)) < 0)
			_exit(1);
		if (type == SOCK_STREAM && listen(fd, 16) < 0)
			_exit(1);
		(void)!write(ready[1], "x", 1);
		answer_forever(fd, type, name);
	}
	close(ready[1]);
	OK(read(ready[0], &c, 1) == 1);
	close(ready[0]);
	return pid;
}

static void
end_server(pid_t pid)
{
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
}

static void
converse(int fd, const struct sockaddr_in *sa, int wait_ms, char *ret,
	 size_t cap)
{
	struct pollfd pfd = { .fd = fd, .events = POLLIN };
	ssize_t n;

	snprintf(ret, cap, "refused");
	if (connect(fd, (const struct sockaddr *)sa, sizeof(*sa)) < 0 &&
	    errno != EINPROGRESS)
		return;
	(void)send(fd, "?", 1, MSG_NOSIGNAL); /* starts UDP */
	snprintf(ret, cap, "silence");
	if (poll(&pfd, 1, wait_ms) <= 0)
		return;
	n = recv(fd, ret, cap - 1, 0);
	/* 0: send() was told of the refusal already. */
	if (n <= 0)
		snprintf(ret, cap, "refused");
	else
		ret[n] = '\0';
}

/* What a caller in the place hears. */
static const char *
call_for(const struct place *place, int type, const char *ip, uint16_t port,
	 int wait_ms)
{
	static char text[128];
	struct sockaddr_in sa = at(ip, port);
	int out[2];
	ssize_t n;
	pid_t pid;

	OK(pipe2(out, O_CLOEXEC) == 0);
	pid = fork();
	if (pid == 0) {
		int fd;

		if (place && setns(place->fd, CLONE_NEWNET) < 0)
			_exit(1);
		fd = socket(AF_INET, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
		converse(fd, &sa, wait_ms, text, sizeof(text));
		(void)!write(out[1], text, strlen(text));
		_exit(0);
	}
	close(out[1]);
	n = read(out[0], text, sizeof(text) - 1);
	OK(n > 0);
	text[n] = '\0';
	close(out[0]);
	waitpid(pid, NULL, 0);
	return text;
}

static const char *
call(const struct place *place, int type, const char *ip, uint16_t port)
{
	return call_for(place, type, ip, port, WAIT_MS);
}

/* ---- the world ----------------------------------------------------------- */

static struct {
	struct egress *egress;
	const char *subnet;
	struct place one, two, internet;
	char refusals[1024];
} w;

#define ID_ONE "aaaaaaaaaaaaaaaaaaaaaaaaa"
#define ID_TWO "bbbbbbbbbbbbbbbbbbbbbbbbb"

/* false: not root. The process gets a namespace, and no other memory of it. */
static bool
new_host(void)
{
	struct nl *nl = NULL;
	struct err e;

	if (unshare(CLONE_NEWNET) < 0) {
		fprintf(stderr, "skipped: needs root\n");
		return false;
	}
	EQ(nl_open(NETLINK_ROUTE, &nl, &e), 0);
	EQ(link_up(nl, link_find(nl, "lo", &e), &e), 0);
	nl_close(nl);
	return true;
}

static void
must(int code, const struct err *e)
{
	if (code < 0)
		fprintf(stderr, "%s\n", e->msg);
	OK(code >= 0);
}

static void
add_internet(void)
{
	static const uint8_t mac[MAC_LEN] = { 2, 0, 0, 0, 0, 9 };
	const struct subnet here = { 0xc6336401, 24 };
	const struct subnet there = { 0xc6336402, 24 };
	struct veth v = { .name = "up0", .peer = "eth0" };
	struct nl *nl = NULL;
	struct err e;

	w.internet = new_place();
	memcpy(v.peer_mac, mac, sizeof(mac));
	v.peer_netns_fd = w.internet.fd;
	must(nl_open(NETLINK_ROUTE, &nl, &e), &e);
	must(link_add_veth(nl, &v, &e), &e);
	must(addr_add(nl, link_find(nl, "up0", &e), &here, &e), &e);
	nl_close(nl);
	must(nl_open_in(w.internet.fd, NETLINK_ROUTE, &nl, &e), &e);
	must(addr_add(nl, link_find(nl, "eth0", &e), &there, &e), &e);
	must(link_up(nl, link_find(nl, "eth0", &e), &e), &e);
	nl_close(nl);
}

static bool
begin(void)
{
	struct err e;

	if (!new_host())
		return false;
	must(egress_open(BRIDGE, &w.egress, &w.subnet, &e), &e);
	EQ_STR(w.subnet, "172.20.0.0/20");
	w.one = new_place();
	w.two = new_place();
	must(egress_attach(BRIDGE, ID_ONE, w.one.path, "172.20.0.2/20",
			   "172.20.0.1", &e),
	     &e);
	must(egress_attach(BRIDGE, ID_TWO, w.two.path, "172.20.0.3/20",
			   "172.20.0.1", &e),
	     &e);
	add_internet();
	return true;
}

static void
end(void)
{
	egress_close(w.egress);
	end_place(&w.one);
	end_place(&w.two);
	end_place(&w.internet);
}

static void
note_refusal(void *ctx, const struct port_wish *p, const char *why)
{
	size_t len = strlen(w.refusals);

	OK(ctx == &w);
	snprintf(w.refusals + len, sizeof(w.refusals) - len, "%s: %s\n",
		 p->task_id, why);
}

static struct port_wish
wish(int protocol, uint16_t published, const char *address, uint16_t target)
{
	return (struct port_wish){ .task_id = "t",
				   .service_name = "web",
				   .protocol = protocol,
				   .published = published,
				   .target = target,
				   .address = address };
}

static void
publish(const struct port_wish *v, size_t count)
{
	w.refusals[0] = '\0';
	egress_ports(w.egress, v, count, note_refusal, &w);
}

static bool
count_one(void *ctx, const struct link *l)
{
	(void)l;
	++*(int *)ctx;
	return true;
}

static int
count_links(void)
{
	struct nl *nl = NULL;
	struct err e;
	int count = 0;

	EQ(nl_open(NETLINK_ROUTE, &nl, &e), 0);
	EQ(link_each(nl, count_one, &count, &e), 0);
	nl_close(nl);
	return count;
}

/* ---- tests --------------------------------------------------------------- */

T(a_bridge_is_named_after_the_run_directory)
{
	char a[EGRESS_NAME_MAX], b[EGRESS_NAME_MAX];

	egress_name("/run/swarm", a);
	EQ_STR(a, "swarm0");
	egress_name("/run/swarm/", a);
	EQ_STR(a, "swarm0");
	egress_name("/run/swarm2", a);
	OK(str_starts(a, "swarm-"));
	EQ(strlen(a), EGRESS_NAME_MAX - 1);
	egress_name("/run/swarm2/", b);
	EQ_STR(a, b);
	egress_name("/run/swarm3", b);
	OK(strcmp(a, b) != 0);
}

T(subnets_are_tried_in_order_and_all_are_private)
{
	struct subnet s, last = { 0 };
	unsigned n = 0;

	for (; egress_candidate(n, &s); n++) {
		EQ(s.bits, 20);
		OK(n == 0 || !subnet_overlap(&s, &last));
		OK(s.address >> 18 == 0xac140000 >> 18 ||
		   s.address >> 19 == 0x0ac80000 >> 19);
		last = s;
	}
	EQ(n, 192);
}

T(tasks_reach_each_other_and_the_world)
{
	if (!begin())
		return;
	serve(&w.two, SOCK_STREAM, 80, "two");
	serve(&w.internet, SOCK_STREAM, 80, "net");
	serve(&w.internet, SOCK_DGRAM, 53, "dns");
	EQ_STR(call(&w.one, SOCK_STREAM, "172.20.0.3", 80), "two 172.20.0.2");
	EQ_STR(call(&w.two, SOCK_STREAM, "127.0.0.1", 80), "two 127.0.0.1");
	EQ_STR(call(&w.one, SOCK_STREAM, INTERNET, 80), "net " HOST);
	EQ_STR(call(&w.one, SOCK_DGRAM, INTERNET, 53), "dns " HOST);
	end();
}

static void
check_ports(int type, int protocol)
{
	const struct port_wish v[] = {
		wish(protocol, 8080, "172.20.0.2", 80),
		wish(protocol, 8081, "172.20.0.3", 80),
	};

	publish(v, ARRAY_LEN(v));
	EQ_STR(w.refusals, "");
	/* from outside, with the caller's own address */
	EQ_STR(call(&w.internet, type, HOST, 8080), "one " INTERNET);
	EQ_STR(call(&w.internet, type, HOST, 8081), "two " INTERNET);
	/* from this host */
	EQ_STR(call(NULL, type, HOST, 8080), "one " HOST);
	EQ_STR(call(NULL, type, "127.0.0.1", 8080), "one 172.20.0.1");
	EQ_STR(call(NULL, type, "172.20.0.1", 8080), "one 172.20.0.1");
	EQ_STR(call(NULL, type, "172.20.0.3", 80), "two 172.20.0.1");
	/* from a task, to its sibling and to itself */
	EQ_STR(call(&w.one, type, HOST, 8081), "two 172.20.0.1");
	EQ_STR(call(&w.one, type, HOST, 8080), "one 172.20.0.1");
	EQ_STR(call(&w.one, type, "172.20.0.1", 8080), "one 172.20.0.1");
}

T(a_host_port_leads_to_its_task_from_everywhere)
{
	const struct port_wish web = wish(PROTO_TCP, 9090, "172.20.0.3", 80);
	struct err e;

	if (!begin())
		return;
	serve(&w.one, SOCK_STREAM, 80, "one");
	serve(&w.one, SOCK_DGRAM, 80, "one");
	serve(&w.two, SOCK_STREAM, 80, "two");
	serve(&w.two, SOCK_DGRAM, 80, "two");
	check_ports(SOCK_STREAM, PROTO_TCP);
	check_ports(SOCK_DGRAM, PROTO_UDP);
	/* Bridged frames may see the host's rules (as here) or not. */
	(void)sysctl_set("net/bridge/bridge-nf-call-iptables", "0", &e);
	check_ports(SOCK_STREAM, PROTO_TCP);
	check_ports(SOCK_DGRAM, PROTO_UDP);
	/* Those of before are gone. */
	publish(&web, 1);
	EQ_STR(call(NULL, SOCK_STREAM, HOST, 9090), "two " HOST);
	EQ_STR(call(NULL, SOCK_STREAM, HOST, 8080), "refused");
	EQ_STR(call(&w.internet, SOCK_STREAM, HOST, 8080), "refused");
	end();
}

static void
route_of_internet(void)
{
	const struct route r = { .to = { 0xac140000, 20 }, .via = 0xc6336401 };
	struct nl *nl = NULL;
	struct err e;

	must(nl_open_in(w.internet.fd, NETLINK_ROUTE, &nl, &e), &e);
	must(route_add(nl, &r, &e), &e);
	nl_close(nl);
}

T(what_is_not_published_is_not_forwarded)
{
	const struct port_wish web = wish(PROTO_TCP, 8080, "172.20.0.2", 80);

	if (!begin())
		return;
	route_of_internet();
	serve(&w.one, SOCK_STREAM, 80, "one");
	serve(&w.one, SOCK_STREAM, 81, "secret");
	publish(&web, 1);
	EQ_STR(call(&w.internet, SOCK_STREAM, HOST, 8080), "one " INTERNET);
	EQ_STR(call_for(&w.internet, SOCK_STREAM, "172.20.0.2", 81, SILENCE_MS),
	       "silence");
	EQ_STR(call_for(&w.internet, SOCK_STREAM, "172.20.0.2", 80, SILENCE_MS),
	       "silence");
	end();
}

static int
loopback_away(void *ctx, struct err *e)
{
	(void)ctx;
	return sysctl_set("net/ipv4/conf/all/route_localnet", "1", e);
}

/* A hostile task: no loopback of its own, and 127.0.0.0/8 by way of us. */
static void
drop_loopback(struct nl *nl)
{
	const struct subnet own = { 0x7f000001, 8 };
	char room[NL_REQUEST_MAX] __attribute__((aligned(8)));
	struct nl_request q;
	struct err e;

	nl_begin(&q, room, sizeof(room), RTM_DELADDR, 0);
	addr_request(&q, link_find(nl, "lo", &e), &own);
	must(nl_ask(nl, &q, &e), &e);
}

static void
turn_hostile(const struct place *p)
{
	const struct route r = { .to = { 0x7f000000, 8 }, .via = 0xac140001 };
	struct nl *nl = NULL;
	struct err e;

	must(nl_open_in(p->fd, NETLINK_ROUTE, &nl, &e), &e);
	drop_loopback(nl);
	must(route_add(nl, &r, &e), &e);
	must(netns_do(p->fd, loopback_away, NULL, &e), &e);
	nl_close(nl);
}

T(a_task_cannot_reach_the_hosts_loopback)
{
	if (!begin())
		return;
	serve(NULL, SOCK_STREAM, 7070, "host");
	turn_hostile(&w.one);
	EQ_STR(call(NULL, SOCK_STREAM, "127.0.0.1", 7070), "host 127.0.0.1");
	EQ_STR(call(&w.one, SOCK_STREAM, "172.20.0.1", 7070),
	       "host 172.20.0.2");
	EQ_STR(call_for(&w.one, SOCK_STREAM, "127.0.0.1", 7070, SILENCE_MS),
	       "silence");
	end();
}

T(a_port_that_is_taken_is_refused_with_its_holder)
{
	const struct port_wish v[] = {
		wish(PROTO_TCP, 8080, "172.20.0.2", 80),
		wish(PROTO_UDP, 8080, "172.20.0.2", 80),
		wish(PROTO_TCP, 8082, "172.20.0.3", 80),
		wish(PROTO_TCP, 8082, "172.20.0.2", 80),
		wish(PROTO_SCTP, 8083, "172.20.0.2", 80),
		wish(PROTO_TCP, 8084, "", 80),
	};
	char want[1024];
	pid_t tcp, udp;

	if (!begin())
		return;
	prctl(PR_SET_NAME, "squatter");
	tcp = serve(NULL, SOCK_STREAM, 8080, "squatter");
	udp = serve(NULL, SOCK_DGRAM, 8080, "squatter");
	serve(&w.two, SOCK_STREAM, 80, "two");
	publish(v, ARRAY_LEN(v));
	snprintf(want, sizeof(want),
		 "t: Host port 8080/tcp is already in use by squatter (pid "
		 "%d); stop it or publish another port.\n"
		 "t: Host port 8082/tcp is already published by service web "
		 "on this host.\n"
		 "t: Host ports are TCP or UDP; SCTP is not supported.\n"
		 "t: The task has no IPv4 address.\n"
		 "t: Host port 8080/udp is already in use by squatter (pid "
		 "%d); stop it or publish another port.\n",
		 tcp, udp);
	EQ_STR(w.refusals, want);
	EQ_STR(call(&w.internet, SOCK_STREAM, HOST, 8082), "two " INTERNET);
	EQ_STR(call(&w.internet, SOCK_STREAM, HOST, 8080),
	       "squatter " INTERNET);
	end_server(tcp);
	end_server(udp);
	publish(v, 2); /* once free, it is had */
	EQ_STR(w.refusals, "");
	end();
}

T(what_is_published_cannot_be_taken_by_others)
{
	const struct port_wish v[] = {
		wish(PROTO_TCP, 8080, "172.20.0.2", 80),
		wish(PROTO_UDP, 8080, "172.20.0.2", 80),
	};
	struct sockaddr_in sa = at("0.0.0.0", 8080);
	static const int types[] = { SOCK_STREAM, SOCK_DGRAM };
	const int on = 1;

	if (!begin())
		return;
	publish(v, ARRAY_LEN(v));
	EQ_STR(w.refusals, "");
	for (size_t i = 0; i < ARRAY_LEN(types); i++) {
		int fd = socket(AF_INET, types[i] | SOCK_CLOEXEC, 0);

		setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
		EQ(bind(fd, (struct sockaddr *)&sa, sizeof(sa)), -1);
		EQ(errno, EADDRINUSE);
		close(fd);
	}
	end();
}

/* One UDP socket that goes on, as a client's does. */
static const char *
ask_again(int fd)
{
	static char text[128];
	struct sockaddr_in sa = at("127.0.0.1", 8053);

	converse(fd, &sa, WAIT_MS, text, sizeof(text));
	return text;
}

T(a_udp_flow_moves_with_its_port)
{
	const struct port_wish one = wish(PROTO_UDP, 8053, "172.20.0.2", 53);
	const struct port_wish two = wish(PROTO_UDP, 8053, "172.20.0.3", 53);
	int fd;

	if (!begin())
		return;
	serve(&w.one, SOCK_DGRAM, 53, "one");
	serve(&w.two, SOCK_DGRAM, 53, "two");
	fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	publish(&one, 1);
	EQ_STR(ask_again(fd), "one 172.20.0.1");
	publish(&two, 1);
	EQ_STR(ask_again(fd), "two 172.20.0.1");
	close(fd);
	end();
}

T(a_daemon_that_comes_back_finds_all_as_it_was)
{
	const struct port_wish web = wish(PROTO_TCP, 8080, "172.20.0.2", 80);
	struct err e;

	if (!begin())
		return;
	serve(&w.one, SOCK_STREAM, 80, "one");
	publish(&web, 1);
	egress_close(w.egress);
	EQ_STR(call(&w.internet, SOCK_STREAM, HOST, 8080), "one " INTERNET);
	must(egress_open(BRIDGE, &w.egress, &w.subnet, &e), &e);
	EQ_STR(w.subnet, "172.20.0.0/20");
	EQ_STR(call(&w.internet, SOCK_STREAM, HOST, 8080), "one " INTERNET);
	publish(&web, 1);
	EQ_STR(w.refusals, "");
	EQ_STR(call(&w.internet, SOCK_STREAM, HOST, 8080), "one " INTERNET);
	end();
}

T(two_daemons_have_two_subnets)
{
	struct egress *other = NULL;
	const char *subnet = NULL;
	struct err e;

	if (!begin())
		return;
	must(egress_open("swarm-other", &other, &subnet, &e), &e);
	EQ_STR(subnet, "172.20.16.0/20");
	must(egress_remove(other, &e), &e);
	egress_close(other);
	serve(&w.internet, SOCK_STREAM, 80, "net");
	EQ_STR(call(&w.one, SOCK_STREAM, INTERNET, 80), "net " HOST);
	end();
}

T(a_subnet_that_is_routed_elsewhere_is_not_chosen)
{
	const struct route r = { .to = { 0xac140000, 16 }, .via = 0xc6336402 };
	struct egress *g = NULL;
	const char *subnet = NULL;
	struct nl *nl = NULL;
	struct err e;

	if (!new_host())
		return;
	add_internet();
	must(nl_open(NETLINK_ROUTE, &nl, &e), &e);
	must(route_add(nl, &r, &e), &e);
	nl_close(nl);
	must(egress_open(BRIDGE, &g, &subnet, &e), &e);
	EQ_STR(subnet, "172.21.0.0/20");
	egress_close(g);
	end_place(&w.internet);
}

T(a_second_attempt_to_attach_replaces_the_first)
{
	struct err e;

	if (!begin())
		return;
	must(egress_attach(BRIDGE, ID_ONE, w.one.path, "172.20.0.4/20",
			   "172.20.0.1", &e),
	     &e);
	serve(&w.one, SOCK_STREAM, 80, "one");
	EQ_STR(call(&w.two, SOCK_STREAM, "172.20.0.4", 80), "one 172.20.0.3");
	end();
}

T(what_was_removed_can_be_restored_with_the_same_subnet)
{
	const struct port_wish web = wish(PROTO_TCP, 8080, "172.20.0.2", 80);
	struct err e;

	if (!begin())
		return;
	must(egress_remove(w.egress, &e), &e);
	publish(NULL, 0);
	EQ(nft_table_exists("swarm_swarm_test", &e), 0);
	must(egress_restore(w.egress, &e), &e);
	must(egress_restore(w.egress, &e), &e); /* nothing to do */
	EQ_STR(w.subnet, "172.20.0.0/20");
	must(egress_attach(BRIDGE, ID_ONE, w.one.path, "172.20.0.2/20",
			   "172.20.0.1", &e),
	     &e);
	must(egress_attach(BRIDGE, ID_TWO, w.two.path, "172.20.0.3/20",
			   "172.20.0.1", &e),
	     &e);
	serve(&w.one, SOCK_STREAM, 80, "one");
	serve(&w.internet, SOCK_STREAM, 80, "net");
	publish(&web, 1);
	EQ_STR(w.refusals, "");
	EQ_STR(call(NULL, SOCK_STREAM, "127.0.0.1", 8080), "one 172.20.0.1");
	EQ_STR(call(&w.two, SOCK_STREAM, INTERNET, 80), "net " HOST);
	end();
}

T(what_cannot_be_attached_is_named)
{
	struct err e;

	if (!begin())
		return;
	EQ(egress_attach("nothing", ID_ONE, w.one.path, "172.20.0.2/20",
			 "172.20.0.1", &e),
	   -ENODEV);
	OK(strstr(e.msg, "nothing") != NULL);
	EQ(egress_attach("a-name-that-is-too-long", ID_ONE, w.one.path,
			 "172.20.0.2/20", "172.20.0.1", &e),
	   -EINVAL);
	OK(strstr(e.msg, "a-name-that-is-too-long") != NULL);
	EQ(egress_attach(BRIDGE, ID_ONE, "/nowhere", "172.20.0.2/20",
			 "172.20.0.1", &e),
	   -ENOENT);
	OK(strstr(e.msg, "/nowhere") != NULL);
	EQ(egress_attach(BRIDGE, ID_ONE, w.one.path, "172.20.0.2", "172.20.0.1",
			 &e),
	   -EINVAL);
	end();
}

T(sweeping_takes_the_links_of_tasks_that_are_gone)
{
	static const char *const keep[] = { ID_TWO };
	struct err e;
	int before;

	if (!begin())
		return;
	serve(&w.two, SOCK_STREAM, 80, "two");
	before = count_links();
	must(egress_sweep(BRIDGE, keep, 1, &e), &e);
	EQ(count_links(), before - 1);
	EQ_STR(call(NULL, SOCK_STREAM, "172.20.0.3", 80), "two 172.20.0.1");
	EQ(egress_sweep("nothing", keep, 1, &e), 0);
	end();
}

T(removing_leaves_nothing)
{
	const struct port_wish web = wish(PROTO_TCP, 8080, "172.20.0.2", 80);
	struct sockaddr_in sa = at("0.0.0.0", 8080);
	struct err e;
	int fd;

	if (!begin())
		return;
	publish(&web, 1);
	EQ(nft_table_exists("swarm_swarm_test", &e), 1);
	must(egress_remove(w.egress, &e), &e);
	EQ(nft_table_exists("swarm_swarm_test", &e), 0);
	EQ(count_links(), 2); /* lo and up0 */
	fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	EQ(bind(fd, (struct sockaddr *)&sa, sizeof(sa)), 0);
	close(fd);
	must(egress_remove(w.egress, &e), &e); /* and again */
	end();
}

T(a_namespace_without_a_network_has_its_loopback)
{
	struct place p;
	struct err e;

	if (!new_host())
		return;
	p = new_place();
	must(egress_loopback(p.path, &e), &e);
	serve(&p, SOCK_STREAM, 80, "me");
	EQ_STR(call(&p, SOCK_STREAM, "127.0.0.1", 80), "me 127.0.0.1");
	end_place(&p);
}

T(thousands_of_ports_fit_one_transaction)
{
	static struct port_wish v[3000];

	if (!begin())
		return;
	for (size_t i = 0; i < ARRAY_LEN(v); i++)
		v[i] = wish(i % 2 ? PROTO_TCP : PROTO_UDP,
			    (uint16_t)(20000 + i), "172.20.0.2", 80);
	serve(&w.one, SOCK_STREAM, 80, "one");
	publish(v, ARRAY_LEN(v));
	EQ_STR(w.refusals, "");
	EQ_STR(call(&w.internet, SOCK_STREAM, HOST, 22999), "one " INTERNET);
	end();
}
