/*
 * parse.h - HTTP/1.1 messages out of bytes: llhttp in its strict mode, one
 * event at a time, every length bounded. Pure: knows no socket. However the
 * bytes are cut, the same events come out (pieces of a body aside).
 */
#ifndef NET_HTTP_PARSE_H
#define NET_HTTP_PARSE_H

#include "core/base/base.h"

/* Bytes that lead to no event: a head, or chunk extensions and trailers. */
#define HTTP_HEAD_MAX 65536
#define HTTP_FIELDS_MAX 128

struct http_parser;

enum http_role {
	HTTP_READS_REQUESTS = 1,
	HTTP_READS_ANSWERS,
};

enum http_event {
	HTTP_MORE = 1, /* all was used; more bytes are needed */
	HTTP_GOT_HEAD, /* see http_parser_head() */
	HTTP_GOT_BODY, /* a piece */
	HTTP_GOT_END,  /* the message is complete; the next may follow */
	HTTP_BAD,      /* no message; nothing more can be read */
};

struct http_parsed {
	enum http_event event;
	size_t used;	  /* bytes of the input that are done with */
	const char *body; /* GOT_BODY: points into the input */
	size_t body_len;
	int status;	 /* BAD: what to answer (400, 431, 505) */
	const char *why; /* BAD: a sentence; lives as long as the parser */
};

/* What a head says. Strings are never NULL; a missing field is "". */
struct http_head {
	const char *method;	  /* requests */
	const char *target;	  /* as on the wire */
	const char *content_type; /* "" too if there is none */
	int status;		  /* answers */
	unsigned minor;		  /* HTTP/1.minor: 0 or 1 */
	bool keep_alive;
	bool has_body;		 /* chunked, or a length above 0 */
	bool has_length;	 /* content_length counts */
	uint64_t content_length; /* bytes */
	bool expects_continue;
	const char *key; /* Idempotency-Key */
};

struct http_parser *http_parser_new(enum http_role role);
void http_parser_free(struct http_parser *ps); /* NULL is fine */

/*
 * The next event of len bytes at p. Call until it gives HTTP_MORE (also with
 * no bytes left: an end may be due), each time with what is left.
 */
struct http_parsed http_parse(struct http_parser *ps, const char *p,
			      size_t len);
/* No more bytes will come: GOT_END if that ends an answer, else BAD. */
struct http_parsed http_parse_eof(struct http_parser *ps);

/* After GOT_HEAD, until the next message begins. */
const struct http_head *http_parser_head(const struct http_parser *ps);
/* Is a message begun and not complete? */
bool http_parser_midway(const struct http_parser *ps);
/* Answers only, between messages: the next answers a HEAD, has no body. */
void http_parser_no_body(struct http_parser *ps);

#endif
