/* holder_test.c - lines of /proc/net/tcp and their like. */
#include "net/holder.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#include "core/base/str.h"
#include "test/t.h"

#define REST " 00000000:00000000 00:00000000 00000000     0        0 "
static const struct {
	const char *name, *line;
	uint16_t port;
	uint64_t inode; /* 0: not this one */
	bool listens;
} rows[] = {
	{ "a listening one",
	  "   0: 00000000:1F90 00000000:0000 0A" REST "12345 1 0000 100", 8080,
	  12345, true },
	{ "another port",
	  "   0: 00000000:1F91 00000000:0000 0A" REST "12345 1 0000 100", 8080,
	  0, false },
	{ "a connected one",
	  " 100: 0100007F:1F90 0100007F:B2A8 01" REST "77 1 0000 20", 8080, 77,
	  false },
	{ "one of IPv6",
	  "   3: 00000000000000000000000000000000:1F90 "
	  "00000000000000000000000000000000:0000 0A" REST "9 1 0000",
	  8080, 9, true },
	{ "UDP", "  410: 00000000:1F90 00000000:0000 07" REST "5 2 0000 0",
	  8080, 5, true },
	{ "the remote port only",
	  "   0: 00000000:0001 00000000:1F90 01" REST "12345 1", 8080, 0,
	  false },
	{ "no inode (TIME_WAIT)",
	  "   0: 00000000:1F90 00000000:0000 06" REST "0 1", 8080, 0, false },
	{ "the title", "  sl  local_address rem_address   st tx_queue", 8080, 0,
	  false },
	{ "a line that is cut", "   0: 00000000:1F90", 8080, 0, false },
	{ "cut after the state", "   0: 00000000:1F90 00000000:0000 0A", 8080,
	  0, false },
	{ "nothing", "", 8080, 0, false },
};

T(lines_of_proc_net_are_read)
{
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		uint64_t inode = 0;
		bool listens = false;
		bool found = holder_read_line(rows[i].line, rows[i].port,
					      &inode, &listens);

		T_ROW(rows[i].name);
		EQ(found, rows[i].inode != 0);
		EQ(inode, rows[i].inode);
		EQ(listens, rows[i].listens);
	}
}

T(we_find_ourselves)
{
	struct sockaddr_in sa = { .sin_family = AF_INET };
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	char got[HOLDER_TEXT_MAX], pid[32];
	socklen_t len = sizeof(sa);
	uint16_t port;

	sa.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	EQ(bind(fd, (struct sockaddr *)&sa, sizeof(sa)), 0);
	EQ(listen(fd, 1), 0);
	EQ(getsockname(fd, (struct sockaddr *)&sa, &len), 0);
	port = ntohs(sa.sin_port);
	OK(holder_find(false, port, got));
	snprintf(pid, sizeof(pid), "(pid %d)", getpid());
	OK(str_ends(got, pid));
	close(fd);
	OK(!holder_find(false, port, got));
}
