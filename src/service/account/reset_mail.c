/* Two texts. */
#include "service/account/reset_mail.h"

#include <stdio.h>
#include <string.h>

#include "service/account/accounts.h"

struct wording {
    const char *subject, *before, *between, *after;
};

static const struct wording turkish = {
    "TradeBot: parolanızı yenileyin",
    "Merhaba,\n\n"
    "Bu adresin TradeBot hesabı için yeni bir parola istendi. Parolanızı seçmek için bu bağlantıyı "
    "açın:\n\n",
    "Bağlantının geçerli olduğu dakika:",
    "Bağlantı bir kez kullanılabilir. Parola değişince açık olan bütün oturumlar kapanır.\n\n"
    "Bunu siz istemediyseniz hiçbir şey yapmanız gerekmez: parolanız olduğu gibi kalır.\n",
};

static const struct wording english = {
    "TradeBot: choose a new password",
    "Hello,\n\n"
    "A new password was asked for the TradeBot account of this address. To choose it, open this "
    "link:\n\n",
    "Minutes for which it is good:",
    "The link works once. When the password changes, every open session ends.\n\n"
    "If it was not you who asked, there is nothing to do: your password stays as it is.\n",
};

enum err reset_mail_write(const char *email, const char *locale, const char *origin,
                          const char *token, struct mail *out)
{
    const struct wording *w = strcmp(locale, "en") == 0 ? &english : &turkish;
    *out = (struct mail){0};
    snprintf(out->subject, sizeof out->subject, "%s", w->subject);
    const int to = snprintf(out->to, sizeof out->to, "%s", email);
    const int size =
        snprintf(out->text, sizeof out->text, "%s%s/#/reset-password/%s\n\n%s %d\n\n%s", w->before,
                 origin, token, w->between, RESET_MINUTES, w->after);
    if (to >= 0 && (size_t)to < sizeof out->to && size >= 0 && (size_t)size < sizeof out->text)
        return OK;
    explicit_bzero(out, sizeof *out);
    return err_set(ERR_LIMIT, "the address is too long for a letter");
}
