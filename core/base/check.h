/* check.h - assertions that stay on in release builds. */
#ifndef CORE_BASE_CHECK_H
#define CORE_BASE_CHECK_H

/* A false cond is a bug in this program, never a fact about the world. */
#define check(cond) ((cond) ? (void)0 : check_failed(__FILE__, __LINE__, #cond))

#define unreachable() check_failed(__FILE__, __LINE__, "unreachable")

/*
 * Both are defined by the program (swarm.c, or the test's main), because
 * saying so is I/O. check_failed() aborts. fatal() is for a machine that
 * failed, not us: no memory, a lost disk. It exits; others heal.
 */
_Noreturn void check_failed(const char *file, int line, const char *what);
_Noreturn void fatal(const char *why);

#endif
