/* signals.h - signal numbers from what users write. */
#ifndef EXEC_SIGNALS_H
#define EXEC_SIGNALS_H

/* "SIGTERM", "term", "15", "SIGRTMIN+3"; -1 if there is no such signal. */
int signal_number(const char *name);

#endif
