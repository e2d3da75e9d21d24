/* Keeps a process's memory to itself: no core dumps, and no reading of it by other programs of the
 * same user (ptrace, /proc/PID/mem). Secrets lie in guarded pages besides (vault.h); this is for
 * what passes through ordinary memory, such as the body of a request. */
#ifndef APP_PROCESS_GUARD_H
#define APP_PROCESS_GUARD_H

#include "base/err.h"

/* Once, before the first thread and the first secret. ERR_IO: the kernel refused. */
enum err process_guard(void) ERR_MUST_USE;

#endif
