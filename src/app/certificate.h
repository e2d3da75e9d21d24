/* TLS of our own: the certificate and the key that TRADEBOT_TLS_CERT and TRADEBOT_TLS_KEY name.
 *
 * A key that everybody on the machine can read, or that its group can write, is refused. Reload
 * when the files were renewed: connections that are open keep the certificate they began with. */
#ifndef APP_CERTIFICATE_H
#define APP_CERTIFICATE_H

#include "app/config.h"
#include "base/err.h"
#include "io/net/tls.h"

/* *out is NULL where the settings name none. ERR_INVALID names the file, the cause and the cure. */
enum err certificate_open(const struct config *config, struct tls_context **out) ERR_MUST_USE;
/* Reads the files again. One that cannot be used leaves the old certificate where it is; the log
 * says what became of it. */
void certificate_reload(const struct config *config, struct tls_context *tls);

#endif
