/* CHECK states what must be true. It stays on in release builds: money is at stake, and stopping is
 * safe, because start is recover. Use it for our own bugs only; what the world may send is an
 * error. */
#ifndef BASE_CHECK_H
#define BASE_CHECK_H

#define CHECK(condition) ((condition) ? (void)0 : check_failed(#condition, __FILE__, __LINE__))

/* Prints the broken condition to standard error and aborts. */
_Noreturn void check_failed(const char *condition, const char *file, int line);

#endif
