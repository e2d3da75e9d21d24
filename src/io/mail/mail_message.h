/* One letter as it goes over the wire: head and body, of text in UTF-8.
 *
 * Nothing that is put in can become a line of the head: addresses are checked, the subject must be
 * one line and is encoded where it is not plain ASCII, the body is base64. Pure.
 * Source: RFC 5322 (form), RFC 2047 (encoded words), RFC 2045 (base64), RFC 3834 (automatic). */
#ifndef IO_MAIL_MAIL_MESSAGE_H
#define IO_MAIL_MAIL_MESSAGE_H

#include <stdint.h>

#include "base/buffer.h"
#include "base/err.h"
#include "io/mail/mail_server.h"

/* Sizes count the NUL. */
enum { MAIL_SUBJECT_SIZE = 128, MAIL_TEXT_SIZE = 4096, MAIL_ID_SIZE = 33 };

struct mail {
    char to[MAIL_ADDRESS_SIZE];
    char subject[MAIL_SUBJECT_SIZE];
    char text[MAIL_TEXT_SIZE]; /* lines end in \n */
};

/* Appends the letter. id: letters and digits, unique to it. ERR_INVALID: no address, a subject with
 * control characters, or bytes that are not UTF-8. */
enum err mail_message_write(const struct mail *mail, const char *from, const char *id,
                            int64_t now_ms, struct buffer *out) ERR_MUST_USE;

#endif
