/* signals.c - see signals.h. */
#include "exec/signals.h"

#include <signal.h>
#include <string.h>

#include "core/base/base.h"
#include "core/base/str.h"

#define SIGNAL_MAX 64

static const struct {
	const char *name;
	int number;
} signals[] = {
	{ "ABRT", SIGABRT },	 { "ALRM", SIGALRM },	  { "BUS", SIGBUS },
	{ "CHLD", SIGCHLD },	 { "CLD", SIGCHLD },	  { "CONT", SIGCONT },
	{ "FPE", SIGFPE },	 { "HUP", SIGHUP },	  { "ILL", SIGILL },
	{ "INT", SIGINT },	 { "IO", SIGIO },	  { "IOT", SIGIOT },
	{ "KILL", SIGKILL },	 { "PIPE", SIGPIPE },	  { "POLL", SIGPOLL },
	{ "PROF", SIGPROF },	 { "PWR", SIGPWR },	  { "QUIT", SIGQUIT },
	{ "SEGV", SIGSEGV },	 { "STKFLT", SIGSTKFLT }, { "STOP", SIGSTOP },
	{ "SYS", SIGSYS },	 { "TERM", SIGTERM },	  { "TRAP", SIGTRAP },
	{ "TSTP", SIGTSTP },	 { "TTIN", SIGTTIN },	  { "TTOU", SIGTTOU },
	{ "URG", SIGURG },	 { "USR1", SIGUSR1 },	  { "USR2", SIGUSR2 },
	{ "VTALRM", SIGVTALRM }, { "WINCH", SIGWINCH },	  { "XCPU", SIGXCPU },
	{ "XFSZ", SIGXFSZ },
};

/* "RTMIN", "RTMIN+n", "RTMAX-n": counted as glibc shows them to programs. */
static int
realtime(const char *name)
{
	uint64_t n = 0;
	bool from_min = str_starts(name, "RTMIN");

	if (!from_min && !str_starts(name, "RTMAX"))
		return -1;
	name += 5;
	if (*name != '\0' && (*name != (from_min ? '+' : '-') ||
			      !str_to_u64(name + 1, &n) || n > 30))
		return -1;
	return from_min ? 34 + (int)n : SIGNAL_MAX - (int)n;
}

int
signal_number(const char *name)
{
	char upper[16];
	uint64_t n;
	size_t len = strlen(name);

	if (str_to_u64(name, &n))
		return n >= 1 && n <= SIGNAL_MAX ? (int)n : -1;
	if (len >= sizeof(upper))
		return -1;
	for (size_t i = 0; i <= len; i++)
		upper[i] = name[i] >= 'a' && name[i] <= 'z'
				   ? (char)(name[i] - 'a' + 'A')
				   : name[i];
	name = str_starts(upper, "SIG") ? upper + 3 : upper;
	for (size_t i = 0; i < ARRAY_LEN(signals); i++)
		if (strcmp(name, signals[i].name) == 0)
			return signals[i].number;
	return realtime(name);
}
