/* Sends letters by SMTP, on a thread of its own, one after another.
 *
 *     mailer_send --> queue of MAIL_QUEUE_MAX --> a connection each --> sent
 *                          ^-- later, MAIL_TRIES in all --'  '--> given up, with a line in the log
 *
 * A letter that the server refuses for good (a 5xx, a wrong password, a certificate that is not
 * good) is given up at once; any other failure is tried again after times that grow threefold from
 * retry_first_ms to MAIL_RETRY_LAST_MS, the later half of each random, while other letters go on. A
 * connection that was lost after the text may mean that it was taken: the second copy has the same
 * Message-ID. Each phase is bounded by timeout_ms, a whole attempt by MAIL_ATTEMPT_TIMES of that.
 *
 * What a letter says is in no log: lines name it by a number, and a failure by libcurl's own words
 * and the server's three digits. Letters are wiped when they are done. What waits when the process
 * ends is lost: whoever waits for it asks again.
 *
 * Thread: mailer_send and mailer_counters from any. Source: libcurl's manual; RFC 5321. */
#ifndef IO_MAIL_MAILER_H
#define IO_MAIL_MAILER_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "io/mail/mail_message.h"
#include "io/mail/mail_server.h"

enum {
    MAIL_QUEUE_MAX = 64, /* letters; one more is refused */
    MAIL_TRIES = 6,
    MAIL_ATTEMPT_TIMES = 3,
    MAIL_TIMEOUT_MS = 20 * 1000,
    MAIL_RETRY_FIRST_MS = 5 * 1000,
    MAIL_RETRY_LAST_MS = 5 * 60 * 1000,
};

struct mailer_options {
    struct mail_server server;
    uint32_t timeout_ms;     /* MAIL_TIMEOUT_MS */
    uint32_t retry_first_ms; /* MAIL_RETRY_FIRST_MS */
};

struct mailer_counters {
    uint64_t sent, retried, given_up, refused; /* refused: by a full queue */
    uint32_t waiting;
    uint32_t failed_in_row; /* attempts since a letter went, whichever letters they were for */
};

struct mailer;

enum err mailer_open(const struct mailer_options *options, struct mailer **out) ERR_MUST_USE;
/* Takes a copy. False when the queue is full, which is logged. */
bool mailer_send(struct mailer *m, const struct mail *mail);
struct mailer_counters mailer_counters(struct mailer *m);
/* Breaks off what is being sent and drops what waits. NULL is fine. */
void mailer_close(struct mailer *m);

#endif
