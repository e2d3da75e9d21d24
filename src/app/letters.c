/* The mailer, and what it is given to send. */
#include "app/letters.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "base/log.h"
#include "service/account/reset_mail.h"

struct letters {
    const struct config *config;
    struct mailer *mailer;
    char origin[CONFIG_TEXT_SIZE];
};

enum err letters_open(const struct config *config, struct letters **out)
{
    struct mailer_options options = {
        .server = config->mail,
        .timeout_ms = MAIL_TIMEOUT_MS,
        .retry_first_ms = MAIL_RETRY_FIRST_MS,
    };
    *out = NULL;
    if (!config->has_mail) return OK;
    struct letters *l = calloc(1, sizeof *l);
    CHECK(l);
    l->config = config;
    const enum err err = mailer_open(&options, &l->mailer);
    explicit_bzero(&options, sizeof options);
    if (err) {
        free(l);
        return err;
    }
    *out = l;
    return OK;
}

void letters_set_origin(struct letters *l, const char *origin)
{
    if (!l) return;
    snprintf(l->origin, sizeof l->origin, "%s", *l->config->url ? l->config->url : origin);
}

void letters_send_reset(struct letters *l, const char *email, const char *locale, const char *token)
{
    struct mail mail;
    const char *own = l->config->locale == LOCALE_EN ? "en" : "tr";
    CHECK(*l->origin);
    if (reset_mail_write(email, *locale ? locale : own, l->origin, token, &mail))
        log_error("mail_unwritten", "cause=\"%s\"", err_text());
    else
        (void)mailer_send(l->mailer, &mail); /* a full queue is in the log */
    explicit_bzero(&mail, sizeof mail);
}

struct mailer *letters_mailer(const struct letters *l)
{
    return l ? l->mailer : NULL;
}

void letters_close(struct letters *l)
{
    if (!l) return;
    mailer_close(l->mailer);
    free(l);
}
