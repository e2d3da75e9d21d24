/* What the tests of io/net share: a loop that runs until something is true, a raw peer that sends
 * and collects bytes, and certificates made on the spot. */
#ifndef TESTS_IO_NET_NET_FIXTURE_H
#define TESTS_IO_NET_NET_FIXTURE_H

#include <stdbool.h>

#include <uv.h>

#include "base/buffer.h"
#include "io/net/conn.h"

#define FIXTURE_WAIT_MS 10000 /* a condition that takes longer fails the test */

/* Runs the loop until condition(data); fails the test when FIXTURE_WAIT_MS pass first. */
void run_until(uv_loop_t *loop, bool (*condition)(const void *data), const void *data);
bool is_true(const void *flag); /* condition over a bool */
/* Runs until nothing is left, and closes the loop: fails where a handle leaked. */
void loop_finish(uv_loop_t *loop);

/* A conn that keeps everything it receives. */
struct raw_peer {
    struct conn *conn; /* NULL once closed */
    struct buffer got;
    bool is_open;
    bool is_closed;
    enum err reason;
    char text[256];
};

void raw_peer_dial(struct raw_peer *p, uv_loop_t *loop, uint16_t port);
void raw_peer_dial_with(struct raw_peer *p, uv_loop_t *loop, const struct conn_dial *dial);
void raw_peer_send(struct raw_peer *p, const char *text);
/* The number of times text stands in what came. */
unsigned raw_peer_count(const struct raw_peer *p, const char *text);
void raw_peer_deinit(struct raw_peer *p);
extern const struct conn_handler raw_peer_handler;

/* Writes a key and a certificate for `name` (a DNS name, or an address) that signs itself. */
void certificate_make(const char *name, const char *certificate_file, const char *key_file);
/* One that is good for so many seconds from now; negative: its time is over. */
void certificate_make_for(const char *name, long valid_s, const char *certificate_file,
                          const char *key_file);

#endif
