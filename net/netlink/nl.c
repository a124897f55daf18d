/* nl.c - see nl.h. */
#include "net/netlink/nl.h"

#include <errno.h>
#include <libmnl/libmnl.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "core/base/check.h"
#include "core/base/mem.h"

#define RECEIVE_MAX 65536
#define TEXT_MAX 200

struct nl {
	int fd;
	uint32_t seq;
	char buf[RECEIVE_MAX] __attribute__((aligned(8)));
};

/* One wait for an answer. */
struct wait {
	uint32_t first_seq, last_seq;
	nl_each_fn each; /* NULL: only errors are of interest */
	void *ctx;
	bool enough, done;
	int code;
	uint32_t failed_seq;
	char text[TEXT_MAX]; /* the kernel's */
};

static void
set_options(int fd)
{
	const struct timeval wait = { .tv_sec = NL_WAIT_S };
	const int on = 1;

	(void)setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof(wait));
	(void)setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &wait, sizeof(wait));
	/* Older kernels know these not and answer with less. */
	(void)setsockopt(fd, SOL_NETLINK, NETLINK_EXT_ACK, &on, sizeof(on));
	(void)setsockopt(fd, SOL_NETLINK, NETLINK_CAP_ACK, &on, sizeof(on));
	(void)setsockopt(fd, SOL_NETLINK, NETLINK_GET_STRICT_CHK, &on,
			 sizeof(on));
}

int
nl_open(int protocol, struct nl **ret, struct err *e)
{
	struct sockaddr_nl sa = { .nl_family = AF_NETLINK };
	int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, protocol);
	struct nl *nl;

	if (fd < 0)
		return err_set(e, -errno,
			       "Cannot open a netlink socket (protocol %d): "
			       "%s.",
			       protocol, strerror(errno));
	if (bind(fd, (struct sockaddr *)&sa, sizeof(sa)) < 0) {
		int code = -errno;

		close(fd);
		return err_set(e, code, "Cannot bind a netlink socket: %s.",
			       strerror(-code));
	}
	set_options(fd);
	nl = mem_new(sizeof(*nl));
	nl->fd = fd;
	*ret = nl;
	return 0;
}

void
nl_close(struct nl *nl)
{
	if (nl == NULL)
		return;
	close(nl->fd);
	mem_free(nl);
}

void
nl_closep(struct nl **nl)
{
	nl_close(*nl);
}

static int
send_all(struct nl *nl, const void *p, size_t len, struct err *e)
{
	struct sockaddr_nl sa = { .nl_family = AF_NETLINK };
	int room = (int)(len * 2);

	/* One message is one buffer; a large one needs a larger socket. */
	if (len > RECEIVE_MAX)
		(void)setsockopt(nl->fd, SOL_SOCKET, SO_SNDBUFFORCE, &room,
				 sizeof(room));
	if (sendto(nl->fd, p, len, 0, (struct sockaddr *)&sa, sizeof(sa)) < 0)
		return err_set(e, -errno,
			       "Cannot send to the kernel by netlink: %s.",
			       strerror(errno));
	return 0;
}

static int
ack_text(const struct nlattr *a, void *ctx)
{
	struct wait *w = ctx;

	if (mnl_attr_get_type(a) != NLMSGERR_ATTR_MSG ||
	    mnl_attr_validate(a, MNL_TYPE_NUL_STRING) < 0)
		return MNL_CB_OK;
	snprintf(w->text, sizeof(w->text), "%s", mnl_attr_get_str(a));
	return MNL_CB_OK;
}

static void
got_ack(struct wait *w, const struct nlmsghdr *h)
{
	const struct nlmsgerr *err = mnl_nlmsg_get_payload(h);
	size_t offset = sizeof(*err);

	if (h->nlmsg_len < mnl_nlmsg_size(sizeof(*err)))
		return;
	if (err->error == 0) {
		w->done = w->done || h->nlmsg_seq == w->last_seq;
		return;
	}
	w->done = true;
	if (w->code != 0)
		return; /* the first failure is the cause of the others */
	w->code = err->error;
	w->failed_seq = h->nlmsg_seq;
	if (!(h->nlmsg_flags & NLM_F_ACK_TLVS))
		return;
	if (!(h->nlmsg_flags & NLM_F_CAPPED))
		offset += err->msg.nlmsg_len - sizeof(err->msg);
	if (h->nlmsg_len > mnl_nlmsg_size(offset))
		(void)mnl_attr_parse(h, (unsigned)offset, ack_text, w);
}

static void
got_message(struct wait *w, const struct nlmsghdr *h)
{
	/* Signed distance: the numbers may wrap. */
	if ((int32_t)(h->nlmsg_seq - w->first_seq) < 0 ||
	    (int32_t)(w->last_seq - h->nlmsg_seq) < 0)
		return;
	if (h->nlmsg_type == NLMSG_ERROR) {
		got_ack(w, h);
		return;
	}
	if (h->nlmsg_type == NLMSG_DONE) {
		w->done = true;
		return;
	}
	if (w->each == NULL || h->nlmsg_type < NLMSG_MIN_TYPE)
		return;
	if (!w->enough)
		w->enough = !w->each(w->ctx, h);
	if (!(h->nlmsg_flags & NLM_F_MULTI))
		w->done = true;
}

static int
wait_for(struct nl *nl, struct wait *w, struct err *e)
{
	while (!w->done) {
		struct sockaddr_nl from = { 0 };
		socklen_t from_len = sizeof(from);
		ssize_t n =
			recvfrom(nl->fd, nl->buf, sizeof(nl->buf), MSG_TRUNC,
				 (struct sockaddr *)&from, &from_len);
		const struct nlmsghdr *h = (const void *)nl->buf;
		int len = (int)n;

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return err_set(e, -errno, "No answer by netlink: %s.",
				       strerror(errno));
		if (from.nl_pid != 0)
			continue; /* only the kernel's word counts */
		if (n == 0 || (size_t)n > sizeof(nl->buf))
			return err_set(e, -EMSGSIZE,
				       "A netlink answer of %zd bytes cannot "
				       "be read.",
				       n);
		for (; mnl_nlmsg_ok(h, len); h = mnl_nlmsg_next(h, &len))
			got_message(w, h);
	}
	if (w->code < 0)
		return err_set(e, w->code, "%s%s%s%s", strerror(-w->code),
			       w->text[0] ? " (" : "", w->text,
			       w->text[0] ? ")" : "");
	return 0;
}

static int
ask(struct nl *nl, struct nl_request *q, struct wait *w, struct err *e)
{
	int code;

	if (!nl_fits(q))
		return err_set(e, -ENOBUFS,
			       "A netlink request is longer than %zu bytes.",
			       q->cap);
	q->hdr->nlmsg_seq = w->first_seq = w->last_seq = ++nl->seq;
	code = send_all(nl, q->hdr, q->hdr->nlmsg_len, e);
	return code < 0 ? code : wait_for(nl, w, e);
}

int
nl_ask(struct nl *nl, struct nl_request *q, struct err *e)
{
	struct wait w = { 0 };

	q->hdr->nlmsg_flags |= NLM_F_ACK;
	return ask(nl, q, &w, e);
}

int
nl_dump(struct nl *nl, struct nl_request *q, nl_each_fn each, void *ctx,
	struct err *e)
{
	struct wait w = { .each = each, .ctx = ctx };

	return ask(nl, q, &w, e);
}

int
nl_transact(struct nl *nl, const void *p, size_t len, uint32_t last_seq,
	    uint32_t *ret_seq, struct err *e)
{
	struct wait w = { .first_seq = 0, .last_seq = last_seq };
	int code = send_all(nl, p, len, e);

	if (code < 0)
		return code;
	code = wait_for(nl, &w, e);
	*ret_seq = w.failed_seq;
	return code;
}
