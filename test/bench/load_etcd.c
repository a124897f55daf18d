/*
 * load_etcd.c - writes to etcd: Put over gRPC, HTTP/2 and TLS, with a
 * certificate of the client's own. Several writers share a connection, as in
 * etcd's own benchmark; each has its key, and a value of LOAD_VALUE_LEN.
 */
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/tcp.h>
#include <nghttp2/nghttp2.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "test/bench/load.h"

#define MESSAGE_MAX 512
#define OUT_MAX 1048576

struct put {
	struct writer *writer;
	uint8_t message[MESSAGE_MAX];
	size_t len, sent;
	bool ok;
	char why[128];
};

struct etcd_connection {
	struct connection c;
	SSL *ssl;
	nghttp2_session *h2;
	const char *authority;
	struct put *puts;
	uint8_t out[OUT_MAX]; /* what TLS has not taken */
	size_t out_len;
};

static void
fail_tls(const char *what)
{
	ERR_print_errors_fp(stderr);
	load_fail(what);
}

/* ---- one Put -------------------------------------------------------- */

/* PutRequest { bytes key = 1; bytes value = 2; } behind gRPC's five bytes. */
static void
fill(struct put *p)
{
	uint8_t *m = p->message + 5;
	size_t key = (size_t)snprintf((char *)m + 2, 32, "bench/%06u",
				      p->writer->number);
	uint32_t len;

	m[0] = 0x0a;
	m[1] = (uint8_t)key;
	m += 2 + key;
	*m++ = 0x12;
	*m++ = (LOAD_VALUE_LEN & 0x7f) | 0x80;
	*m++ = LOAD_VALUE_LEN >> 7;
	memset(m, 'v', LOAD_VALUE_LEN);
	p->len = (size_t)(m + LOAD_VALUE_LEN - p->message);
	len = (uint32_t)p->len - 5;
	p->message[0] = 0;
	p->message[1] = p->message[2] = 0;
	p->message[3] = (uint8_t)(len >> 8);
	p->message[4] = (uint8_t)len;
}

static ssize_t
read_message(nghttp2_session *h2, int32_t stream, uint8_t *buf, size_t room,
	     uint32_t *flags, nghttp2_data_source *source, void *ctx)
{
	struct put *p = source->ptr;
	size_t n = p->len - p->sent < room ? p->len - p->sent : room;

	(void)h2, (void)stream, (void)ctx;
	memcpy(buf, p->message + p->sent, n);
	p->sent += n;
	if (p->sent == p->len)
		*flags |= NGHTTP2_DATA_FLAG_EOF;
	return (ssize_t)n;
}

static nghttp2_nv
header(const char *name, const char *value)
{
	return (nghttp2_nv){ (uint8_t *)name, (uint8_t *)value, strlen(name),
			     strlen(value), NGHTTP2_NV_FLAG_NONE };
}

static void
begin(struct etcd_connection *e, struct put *p)
{
	nghttp2_nv head[] = {
		header(":method", "POST"),
		header(":scheme", "https"),
		header(":path", "/etcdserverpb.KV/Put"),
		header(":authority", e->authority),
		header("content-type", "application/grpc"),
		header("te", "trailers"),
	};
	nghttp2_data_provider data = { .source.ptr = p,
				       .read_callback = read_message };

	p->sent = 0;
	p->ok = false;
	snprintf(p->why, sizeof(p->why), "no grpc-status");
	p->writer->began_us = load_now_us();
	if (nghttp2_submit_request(e->h2, NULL, head,
				   sizeof(head) / sizeof(*head), &data, p) < 0)
		load_fail("nghttp2_submit_request");
}

static int
on_header(nghttp2_session *h2, const nghttp2_frame *frame, const uint8_t *name,
	  size_t name_len, const uint8_t *value, size_t len, uint8_t flags,
	  void *ctx)
{
	struct put *p =
		nghttp2_session_get_stream_user_data(h2, frame->hd.stream_id);

	(void)flags, (void)ctx;
	if (p == NULL)
		return 0;
	if (name_len == 11 && memcmp(name, "grpc-status", 11) == 0)
		p->ok = len == 1 && value[0] == '0';
	else if (name_len == 12 && memcmp(name, "grpc-message", 12) == 0)
		snprintf(p->why, sizeof(p->why), "%.*s", (int)len, value);
	return 0;
}

static int
on_close(nghttp2_session *h2, int32_t stream, uint32_t code, void *ctx)
{
	struct put *p = nghttp2_session_get_stream_user_data(h2, stream);

	(void)code;
	if (p == NULL)
		return 0;
	load_done(p->writer, p->ok, p->why);
	begin(ctx, p);
	return 0;
}

/* ---- bytes ------------------------------------------------------------- */

static void
read_all(struct etcd_connection *e)
{
	uint8_t in[65536];
	int n;

	while ((n = SSL_read(e->ssl, in, sizeof(in))) > 0) {
		if (nghttp2_session_mem_recv(e->h2, in, (size_t)n) != n)
			load_fail("nghttp2_session_mem_recv");
	}
	if (SSL_get_error(e->ssl, n) != SSL_ERROR_WANT_READ)
		fail_tls("etcd hung up");
}

static void
flush(struct etcd_connection *e)
{
	size_t sent = 0;

	e->c.wants_write = false;
	while (sent < e->out_len) {
		int n = SSL_write(e->ssl, e->out + sent,
				  (int)(e->out_len - sent));

		if (n <= 0 && SSL_get_error(e->ssl, n) != SSL_ERROR_WANT_WRITE)
			fail_tls("send to etcd");
		if (n <= 0) {
			e->c.wants_write = true;
			break;
		}
		sent += (size_t)n;
	}
	memmove(e->out, e->out + sent, e->out_len - sent);
	e->out_len -= sent;
}

static void
send_all(struct etcd_connection *e)
{
	const uint8_t *p;
	ssize_t n;

	while ((n = nghttp2_session_mem_send(e->h2, &p)) > 0) {
		if (e->out_len + (size_t)n > OUT_MAX)
			load_fail("etcd does not read");
		memcpy(e->out + e->out_len, p, (size_t)n);
		e->out_len += (size_t)n;
	}
	flush(e);
}

static void
turn(struct connection *c)
{
	struct etcd_connection *e = (struct etcd_connection *)c;

	read_all(e);
	send_all(e);
}

/* ---- the connection ------------------------------------------------------ */

static int
dial(const char *target)
{
	struct addrinfo *found, hints = { .ai_socktype = SOCK_STREAM };
	const char *colon = strrchr(target, ':');
	char host[256];
	int fd;

	if (colon == NULL)
		load_fail(target);
	snprintf(host, sizeof(host), "%.*s", (int)(colon - target), target);
	if (getaddrinfo(host, colon + 1, &hints, &found) != 0)
		load_fail(target);
	fd = socket(found->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0 || connect(fd, found->ai_addr, found->ai_addrlen) < 0)
		load_fail(target);
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &(int){ 1 }, sizeof(int));
	freeaddrinfo(found);
	return fd;
}

static SSL *
handshake(int fd, const struct load_options *o)
{
	static SSL_CTX *ctx;
	SSL *ssl;

	if (ctx == NULL) {
		ctx = SSL_CTX_new(TLS_client_method());
		if (SSL_CTX_load_verify_locations(ctx, o->ca, NULL) != 1 ||
		    SSL_CTX_use_certificate_file(ctx, o->cert,
						 SSL_FILETYPE_PEM) != 1 ||
		    SSL_CTX_use_PrivateKey_file(ctx, o->key,
						SSL_FILETYPE_PEM) != 1)
			fail_tls("certificates");
		SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER, NULL);
		SSL_CTX_set_mode(ctx,
				 SSL_MODE_ENABLE_PARTIAL_WRITE |
					 SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
		SSL_CTX_set_alpn_protos(ctx, (const uint8_t *)"\2h2", 3);
	}
	ssl = SSL_new(ctx);
	SSL_set_fd(ssl, fd);
	if (SSL_connect(ssl) != 1)
		fail_tls("handshake with etcd");
	return ssl;
}

static nghttp2_session *
session(struct etcd_connection *e)
{
	nghttp2_settings_entry settings[] = {
		{ NGHTTP2_SETTINGS_ENABLE_PUSH, 0 },
		{ NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, 1 << 20 },
	};
	nghttp2_session_callbacks *calls;
	nghttp2_session *h2;

	nghttp2_session_callbacks_new(&calls);
	nghttp2_session_callbacks_set_on_header_callback(calls, on_header);
	nghttp2_session_callbacks_set_on_stream_close_callback(calls, on_close);
	if (nghttp2_session_client_new(&h2, calls, e) < 0 ||
	    nghttp2_submit_settings(h2, NGHTTP2_FLAG_NONE, settings, 2) < 0)
		load_fail("nghttp2");
	nghttp2_session_callbacks_del(calls);
	return h2;
}

static struct connection *
etcd_open(const struct load_options *o, struct writer *v, uint32_t count)
{
	struct etcd_connection *e = calloc(1, sizeof(*e));

	if (e == NULL || (e->puts = calloc(count, sizeof(*e->puts))) == NULL)
		load_fail("memory");
	e->authority = o->target;
	e->c.fd = dial(o->target);
	e->ssl = handshake(e->c.fd, o);
	fcntl(e->c.fd, F_SETFL, O_NONBLOCK);
	e->h2 = session(e);
	for (uint32_t i = 0; i < count; i++) {
		e->puts[i].writer = &v[i];
		fill(&e->puts[i]);
		begin(e, &e->puts[i]);
	}
	send_all(e);
	return &e->c;
}

const struct load_system load_etcd = { etcd_open, turn };
