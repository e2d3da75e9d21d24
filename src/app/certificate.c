/* The files of the certificate. */
#include "app/certificate.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>

#include "base/log.h"

static enum err check_key_file(const char *path)
{
    struct stat file;
    if (stat(path, &file) != 0)
        return err_set(ERR_INVALID, "TRADEBOT_TLS_KEY=%s: %s", path, strerror(errno));
    if (file.st_mode & (S_IRWXO | S_IWGRP))
        return err_set(ERR_INVALID,
                       "TRADEBOT_TLS_KEY=%s: others can use it (mode %03o): chmod 600 %s", path,
                       (unsigned)(file.st_mode & 0777), path);
    return OK;
}

enum err certificate_open(const struct config *config, struct tls_context **out)
{
    *out = NULL;
    if (!config_has_tls(config)) return OK;
    enum err err = check_key_file(config->tls_key);
    if (!err) err = tls_server_new(config->tls_certificate, config->tls_key, out);
    return err ? err_note(err, "while reading TRADEBOT_TLS_CERT and TRADEBOT_TLS_KEY") : OK;
}

void certificate_reload(const struct config *config, struct tls_context *tls)
{
    enum err err = check_key_file(config->tls_key);
    if (!err) err = tls_server_reload(tls);
    if (err)
        log_error("certificate_kept", "cause=\"%s\"", err_text());
    else
        log_info("certificate_read", "file=%s", config->tls_certificate);
}
