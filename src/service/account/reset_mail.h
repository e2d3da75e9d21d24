/* The letter to somebody who has lost the password.
 *
 * The link leads to `origin`, which is a setting (or what the server listens on): a Host header can
 * be forged by whoever asks for the reset, and would send the token to a machine of his. The token
 * stands behind the #, where no browser sends it to a server or tells it to the next page. Pure. */
#ifndef SERVICE_ACCOUNT_RESET_MAIL_H
#define SERVICE_ACCOUNT_RESET_MAIL_H

#include "base/err.h"
#include "io/mail/mail_message.h"

/* origin: "https://bot.example.com", without a slash at its end. locale: "tr" or "en". ERR_LIMIT:
 * something is too long for a letter. */
enum err reset_mail_write(const char *email, const char *locale, const char *origin,
                          const char *token, struct mail *out) ERR_MUST_USE;

#endif
