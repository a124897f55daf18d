/* cmd_keys.c - swarm join-token, unlock, unlock-key. */
#include <errno.h>
#include <signal.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

#include "core/base/str.h"
#include "net/client/cluster.h"
#include "net/client/tree.h"

/* ---- join-token -----------------------------------------------------------
 */

static int
rotate_token(struct cli *cli, bool manager, struct err *e)
{
	json_t *swarm = NULL;
	int rc = cli_get(cli, "/swarm", &swarm, e);

	if (rc == 0)
		rc = cluster_update(cli, swarm,
				    manager ? "rotateManagerToken"
					    : "rotateWorkerToken",
				    e);
	json_decref(swarm);
	return rc;
}

static int
put_token(struct cli *cli, bool manager, struct err *e)
{
	json_t *swarm = NULL;
	int rc = cli_get(cli, "/swarm", &swarm, e);

	if (rc == 0)
		fprintf(cli->out, "%s\n",
			cli_clean(&cli->arena,
				  tree_str(swarm,
					   manager ? "JoinTokens.Manager"
						   : "JoinTokens.Worker")));
	json_decref(swarm);
	return rc;
}

static int
put_command(struct cli *cli, const char *role, struct err *e)
{
	json_t *info = NULL;
	int rc = cli_get(cli, "/info", &info, e);

	if (rc == 0)
		rc = cluster_put_join(cli, tree_str(info, "Swarm.NodeID"), role,
				      e);
	json_decref(info);
	return rc;
}

int
cmd_join_token(struct cli *cli, const struct parsed *p)
{
	const char *role = p->args.v[0];
	bool manager = str_eq(role, "manager"), quiet = flag_bool(p, "quiet");
	struct err e = { 0 };
	int rc = 0;

	if (!manager && !str_eq(role, "worker"))
		return cli_fail(cli, "unknown role %s", role);
	if (flag_bool(p, "rotate")) {
		rc = rotate_token(cli, manager, &e);
		if (rc == 0 && !quiet)
			fprintf(cli->out,
				"Successfully rotated %s join token.\n\n",
				role);
	}
	if (rc == 0)
		rc = quiet ? put_token(cli, manager, &e)
			   : put_command(cli, role, &e);
	return rc == 0 ? CLI_OK : cli_fail_err(cli, &e);
}

/* ---- unlock-key -----------------------------------------------------------
 */

static int
rotate_key(struct cli *cli, struct err *e)
{
	json_t *swarm = NULL;
	int rc = cli_get(cli, "/swarm", &swarm, e);

	if (rc == 0 &&
	    !tree_bool(swarm, "Spec.EncryptionConfig.AutoLockManagers"))
		rc = err_set(e, -EINVAL,
			     "cannot rotate because autolock is not turned on");
	if (rc == 0)
		rc = cluster_update(cli, swarm, "rotateManagerUnlockKey", e);
	json_decref(swarm);
	return rc;
}

int
cmd_unlock_key(struct cli *cli, const struct parsed *p)
{
	bool quiet = flag_bool(p, "quiet"), rotate = flag_bool(p, "rotate");
	const char *key = "";
	struct err e = { 0 };
	int rc = rotate ? rotate_key(cli, &e) : 0;

	if (rc == 0 && rotate && !quiet)
		fputs("Successfully rotated manager unlock key.\n", cli->out);
	if (rc == 0)
		rc = cluster_get_unlock_key(cli, &key, &e);
	if (rc == 0 && *key == '\0')
		rc = err_set(&e, -ENOENT, "no unlock key is set");
	if (rc != 0)
		return cli_fail_err(cli, &e);
	if (quiet)
		fprintf(cli->out, "%s\n", key);
	else
		cluster_put_unlock_key(cli, key);
	return CLI_OK;
}

/* ---- unlock ---------------------------------------------------------------
 */

static void
on_interrupt(int signo)
{
	(void)signo; /* read() is to give EINTR, and the terminal its echo */
}

/* A line, without what ends it. Bytes are read one at a time: what is behind
 * the line is somebody else's. */
static int
read_line(int fd, char *ret, size_t cap, struct err *e)
{
	size_t len = 0;
	ssize_t n;

	while ((n = read(fd, ret + len, 1)) == 1 && ret[len] != '\n')
		if (++len == cap)
			return err_set(e, -E2BIG,
				       "the key is longer than %zu bytes",
				       cap - 1);
	if (n < 0)
		return err_set(e, -errno, "read the unlock key: %s",
			       strerror(errno));
	ret[len] = '\0';
	return 0;
}

static int
read_silently(struct cli *cli, char *ret, size_t cap, struct err *e)
{
	struct termios was, quiet;
	struct sigaction old;
	bool silent = tcgetattr(cli->in_fd, &was) == 0;
	int rc;

	fputs("Enter unlock key: ", cli->out);
	(void)fflush(cli->out);
	(void)sigaction(SIGINT,
			&(struct sigaction){ .sa_handler = on_interrupt },
			&old);
	if (silent) {
		quiet = was;
		quiet.c_lflag &= ~(tcflag_t)ECHO;
		(void)tcsetattr(cli->in_fd, TCSAFLUSH, &quiet);
	}
	rc = read_line(cli->in_fd, ret, cap, e);
	if (silent)
		(void)tcsetattr(cli->in_fd, TCSAFLUSH, &was);
	(void)sigaction(SIGINT, &old, NULL);
	fputc('\n', cli->out);
	return rc;
}

/* Without the white space around it. */
static const char *
trim(char *s)
{
	size_t len;

	while (*s != '\0' && (unsigned char)*s <= ' ')
		s++;
	for (len = strlen(s); len > 0 && (unsigned char)s[len - 1] <= ' ';)
		s[--len] = '\0';
	return s;
}

static int
check_locked(struct cli *cli, struct err *e)
{
	json_t *info = NULL;
	int rc = cli_get(cli, "/info", &info, e);
	const char *state = tree_str(info, "Swarm.LocalNodeState");

	if (rc == 0 && str_eq(state, "inactive"))
		rc = err_set(e, -EINVAL,
			     "Error: This node is not part of a swarm");
	else if (rc == 0 && !str_eq(state, "locked"))
		rc = err_set(e, -EINVAL, "Error: swarm is not locked");
	json_decref(info);
	return rc;
}

int
cmd_unlock(struct cli *cli, const struct parsed *p)
{
	char key[TOKEN_TEXT_MAX] = "";
	struct buf answer = { 0 };
	struct err e = { 0 };
	int rc = check_locked(cli, &e);

	(void)p;
	if (rc == 0)
		rc = cli->in_tty ? read_silently(cli, key, sizeof(key), &e)
				 : read_line(cli->in_fd, key, sizeof(key), &e);
	if (rc == 0) {
		json_t *t = json_object();

		tree_set(t, "UnlockKey", json_string(trim(key)));
		rc = cli_ask(cli, "POST", "/swarm/unlock",
			     cluster_dump(t, &cli->arena), &answer, &e);
	}
	buf_fini(&answer);
	return rc == 0 ? CLI_OK : cli_fail_err(cli, &e);
}
