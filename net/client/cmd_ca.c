/*
 * cmd_ca.c - swarm ca: the root certificate, and its rotation, watched until
 * each node has a certificate by the new root and trusts no other.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "core/base/str.h"
#include "net/client/cluster.h"
#include "net/client/tree.h"

#define POLL_MS 200
#define PEM_MAX (64 * 1024)
#define DIGEST_TEXT_MAX 65 /* 64 hex digits */
#define BAR_WIDTH 50
#define BAR_REST 45 /* columns of a line beside the bar */

static volatile sig_atomic_t interrupted;

static void
on_interrupt(int signo)
{
	(void)signo;
	interrupted = 1;
}

/* ---- what is asked for ----------------------------------------------------
 */

static int
read_pem(const char *path, struct arena *a, const char **ret, struct err *e)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	char *text = arena_alloc(a, PEM_MAX + 1);
	ssize_t n = fd < 0 ? -1 : 1;
	size_t len = 0;

	while (n > 0 && len < PEM_MAX) {
		n = read(fd, text + len, PEM_MAX - len);
		if (n > 0)
			len += (size_t)n;
	}
	if (n < 0)
		err_set(e, -EINVAL, "open %.150s: %s", path, strerror(errno));
	if (fd >= 0)
		close(fd);
	if (n < 0)
		return -EINVAL;
	text[len] = '\0';
	if (strstr(text, "-----BEGIN ") == NULL)
		return err_set(e, -EINVAL,
			       "file contents must be in PEM format");
	*ret = text;
	return 0;
}

/* The same words and exit code as of a flag that does not parse. */
static int
read_pem_flag(struct cli *cli, const struct parsed *p, const char *flag,
	      const char **ret)
{
	const char *path = flag_str(p, flag);
	struct err e;

	*ret = "";
	if (!flag_given(p, flag) || read_pem(path, &cli->arena, ret, &e) == 0)
		return CLI_OK;
	(void)cli_fail(cli,
		       "invalid argument \"%s\" for \"--%s\" flag: %s\n\n"
		       "Usage:  swarm ca [OPTIONS]\n\n"
		       "Run 'swarm ca --help' for more information",
		       path, flag, e.msg);
	return CLI_USAGE;
}

/* Flags that mean nothing where the root is only shown. */
static int
check_flags(const struct parsed *p, struct err *e)
{
	static const char *const rotating[] = { "ca-cert", "ca-key",
						"cert-expiry" };

	if (flag_bool(p, "rotate")) {
		if (flag_given(p, "ca-cert") && !flag_given(p, "ca-key"))
			return err_set(e, -EINVAL,
				       "the --ca-cert flag requires that a "
				       "--ca-key flag be provided as well");
		return 0;
	}
	for (size_t i = 0; i < ARRAY_LEN(rotating); i++)
		if (flag_given(p, rotating[i]))
			return err_set(e, -EINVAL,
				       "`--%s` flag requires the `--rotate` "
				       "flag to update the CA",
				       rotating[i]);
	return 0;
}

static void
edit_ca(const struct parsed *p, json_t *swarm, const char *cert,
	const char *key)
{
	static const char counter[] = "Spec.CAConfig.ForceRotate";

	if (flag_given(p, "cert-expiry"))
		tree_set(swarm, "Spec.CAConfig.NodeCertExpiry",
			 json_integer(flag_ns(p, "cert-expiry")));
	if (*cert == '\0' && *key == '\0') {
		tree_set(swarm, counter,
			 json_integer(tree_i64(swarm, counter) + 1));
		return;
	}
	if (*cert != '\0')
		tree_set(swarm, "Spec.CAConfig.SigningCACert",
			 json_string(cert));
	if (*key != '\0')
		tree_set(swarm, "Spec.CAConfig.SigningCAKey", json_string(key));
}

/* ---- how far it is --------------------------------------------------------
 */

struct rotation {
	const char *digest;
	size_t nodes, certificates, roots;
	bool over;
};

static void
look(struct cli *cli, const json_t *swarm, const json_t *nodes,
     struct rotation *r)
{
	const json_t *want = tree_get(swarm, "TLSInfo");
	const char *root = tree_str(want, "TrustRoot");
	char hex[DIGEST_TEXT_MAX] = "unknown";

	if (cli->hooks != NULL && cli->hooks->digest_of != NULL)
		cli->hooks->digest_of(root, strlen(root), hex);
	*r = (struct rotation){ .nodes = json_array_size(nodes) };
	r->digest = arena_printf(&cli->arena, "sha256:%s", hex);
	for (size_t i = 0; i < r->nodes; i++) {
		const json_t *has = tree_get(json_array_get(nodes, i),
					     "Description.TLSInfo");

		r->certificates +=
			str_eq(tree_str(has, "CertIssuerPublicKey"),
			       tree_str(want, "CertIssuerPublicKey")) &&
			str_eq(tree_str(has, "CertIssuerSubject"),
			       tree_str(want, "CertIssuerSubject"));
		r->roots += str_eq(tree_str(has, "TrustRoot"), root);
	}
	/* Nobody can do without the old root while it is still used. */
	if (r->certificates < r->nodes ||
	    tree_bool(swarm, "RootRotationInProgress"))
		r->roots = 0;
	else
		r->over = r->roots == r->nodes;
}

static void
put_bar(struct cli *cli, const char *label, size_t done, size_t all)
{
	static const char fill[] =
		"==================================================";
	int room = cli->width - BAR_REST, width;

	room = room > BAR_WIDTH ? BAR_WIDTH : room;
	fputs(label, cli->out);
	if (cli->out_tty && room > 0 && all > 0) {
		width = (int)(done * (size_t)room / all);
		fprintf(cli->out, "[%.*s>%*s] ", width, fill, room - width, "");
	}
	fprintf(cli->out, "%zu/%zu nodes%s\n", done, all,
		cli->out_tty ? "\033[K" : "");
}

/* Where nothing can be drawn over, only what has changed is written. */
static void
put_rotation(struct cli *cli, const struct rotation *was,
	     const struct rotation *r)
{
	bool drawn = was->digest != NULL;

	if (!cli->out_tty && drawn && was->nodes == r->nodes &&
	    was->certificates == r->certificates && was->roots == r->roots &&
	    str_eq(was->digest, r->digest))
		return;
	if (cli->out_tty && drawn)
		fputs("\033[3A", cli->out);
	fprintf(cli->out, "desired root digest: %s%s\n", r->digest,
		cli->out_tty ? "\033[K" : "");
	put_bar(cli, "  rotated TLS certificates:  ", r->certificates,
		r->nodes);
	put_bar(cli, "  rotated CA certificates:   ", r->roots, r->nodes);
	(void)fflush(cli->out);
}

static int
poll_once(struct cli *cli, struct rotation *ret, struct err *e)
{
	json_t *swarm = NULL, *nodes = NULL;
	int rc = cli_get(cli, "/swarm", &swarm, e);

	if (rc == 0)
		rc = cli_get(cli, "/nodes", &nodes, e);
	if (rc == 0)
		look(cli, swarm, nodes, ret);
	json_decref(swarm);
	json_decref(nodes);
	return rc;
}

/* Until it is over, or SIGINT; *ret_over says which. */
static int
watch(struct cli *cli, bool show, bool *ret_over, struct err *e)
{
	struct rotation was = { 0 }, r = { 0 };
	struct sigaction old;
	int rc = 0;

	interrupted = 0;
	(void)sigaction(SIGINT,
			&(struct sigaction){ .sa_handler = on_interrupt },
			&old);
	while (rc == 0 && !interrupted) {
		rc = poll_once(cli, &r, e);
		if (rc == 0 && show)
			put_rotation(cli, &was, &r);
		was = r;
		/* 503: the leader changes, which the rotation outlives. */
		if (rc == -EAGAIN)
			rc = 0;
		if (rc != 0 || r.over)
			break;
		(void)nanosleep(&(struct timespec){ 0, POLL_MS * NS_PER_MS },
				NULL);
	}
	(void)sigaction(SIGINT, &old, NULL);
	*ret_over = r.over;
	return rc;
}

/* ---- the command ----------------------------------------------------------
 */

static int
put_root(struct cli *cli, struct err *e)
{
	json_t *swarm = NULL;
	const char *root;
	int rc = cli_get(cli, "/swarm", &swarm, e);

	if (rc == 0) {
		root = tree_str(swarm, "TLSInfo.TrustRoot");
		if (*root == '\0')
			rc = err_set(e, -ENOENT, "No CA information available");
		fputs(cli_clean(&cli->arena, root), cli->out);
		/* PEM ends with a line's end; what is asked for does too. */
		if (*root != '\0' && !str_ends(root, "\n"))
			fputc('\n', cli->out);
	}
	json_decref(swarm);
	return rc;
}

static int
rotate(struct cli *cli, const struct parsed *p, const char *cert,
       const char *key, struct err *e)
{
	json_t *swarm = NULL;
	bool over = true;
	int rc = cli_get(cli, "/swarm", &swarm, e);

	if (rc == 0) {
		edit_ca(p, swarm, cert, key);
		rc = cluster_update(cli, swarm, NULL, e);
	}
	json_decref(swarm);
	if (rc != 0 || flag_bool(p, "detach"))
		return rc;
	rc = watch(cli, !flag_bool(p, "quiet"), &over, e);
	if (rc != 0 || flag_bool(p, "quiet"))
		return rc;
	if (over)
		return put_root(cli, e);
	fputs("Operation continuing in background.\n"
	      "Use `swarm info` to check progress.\n",
	      cli->out);
	return 0;
}

int
cmd_ca(struct cli *cli, const struct parsed *p)
{
	const char *cert, *key;
	struct err e = { 0 };
	int code = read_pem_flag(cli, p, "ca-cert", &cert), rc;

	if (code == CLI_OK)
		code = read_pem_flag(cli, p, "ca-key", &key);
	if (code != CLI_OK)
		return code;
	rc = check_flags(p, &e);
	if (rc == 0)
		rc = flag_bool(p, "rotate") ? rotate(cli, p, cert, key, &e)
					    : put_root(cli, &e);
	return rc == 0 ? CLI_OK : cli_fail_err(cli, &e);
}
