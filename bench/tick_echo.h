/* A thread that waits for bytes (epoll), reads them and writes answer_size bytes on another
 * connection. It knows nothing of frames: the peer sends less than one read takes.
 * Ends when the peer does. */
#ifndef BENCH_TICK_ECHO_H
#define BENCH_TICK_ECHO_H

#include <stddef.h>
#include <stdint.h>

struct tick_echo {
    uint16_t port;
    size_t answer_size; /* at most 4096 */
};

void *tick_echo_run(void *echo);

#endif
