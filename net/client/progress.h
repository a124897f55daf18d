/*
 * progress.h - watching a service until it is what was asked for, as
 * `docker service create` does: bars on a terminal, nothing but the verdict
 * elsewhere (facts 1.3, "Progress UI").
 */
#ifndef NET_CLIENT_PROGRESS_H
#define NET_CLIENT_PROGRESS_H

#include "net/client/command.h"

enum progress_mode { PROGRESS_SHOW, PROGRESS_QUIET };

/*
 * Polls until the service converged and stayed so for its monitor time.
 * Gives CLI_OK, or CLI_FAILED having said why (update paused, service gone).
 */
int progress_wait(struct cli *cli, const char *service_id,
		  enum progress_mode mode);

#endif
