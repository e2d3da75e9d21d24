/* How long a loop's turns take: while callbacks run, nobody else on that loop is served.
 *
 * Measured from the moment the poll returned to just before the next one, so a loop that waits is
 * not one that stalls. One clock reading a turn. Thread: that of the loop. */
#ifndef IO_NET_LOOP_WATCH_H
#define IO_NET_LOOP_WATCH_H

#include <stdint.h>

#include <uv.h>

#define LOOP_STALL_MS 20

struct loop_watch {
    uv_check_t after_poll;
    uv_prepare_t before_poll;
    int64_t turn_start_ns; /* 0: no poll has returned yet */
    uint64_t stalls;       /* turns of more than LOOP_STALL_MS */
    uint32_t longest_ms;
    unsigned open_handles;
    void (*on_closed)(struct loop_watch *w);
};

/* Keeps no loop alive. */
void loop_watch_start(struct loop_watch *w, uv_loop_t *loop);
/* on_closed comes from the loop, when the memory may go; NULL: not told. */
void loop_watch_close(struct loop_watch *w, void (*on_closed)(struct loop_watch *w));

#endif
