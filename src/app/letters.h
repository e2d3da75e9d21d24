/* Letters of a running server: the mailer of the settings, and where its links lead.
 *
 * Links begin with TRADEBOT_URL, or with where the server listens, told by letters_set_origin once
 * that is known. Thread: the main one; letters_send_reset, and reading the mailer's counters, any
 * web thread. */
#ifndef APP_LETTERS_H
#define APP_LETTERS_H

#include "app/config.h"
#include "base/err.h"
#include "io/mail/mailer.h"

struct letters;

/* *out is NULL where the settings name no mail server. config must stay. */
enum err letters_open(const struct config *config, struct letters **out) ERR_MUST_USE;
/* "http://127.0.0.1:8000", unless the settings name one. Before any letter. NULL is fine. */
void letters_set_origin(struct letters *l, const char *origin);
/* locale "": the server's. What cannot be sent is in the log. */
void letters_send_reset(struct letters *l, const char *email, const char *locale,
                        const char *token);
/* NULL without letters. */
struct mailer *letters_mailer(const struct letters *l);
/* NULL is fine. */
void letters_close(struct letters *l);

#endif
