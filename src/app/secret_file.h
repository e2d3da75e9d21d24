/* Where the master keys are that seal secrets in the database, and opening them.
 *
 * In this order: TRADEBOT_SECRET_FILE, systemd's credential tradebot-secret (which cannot be
 * written, and so not be rotated, from here), secret.key in the data folder. */
#ifndef APP_SECRET_FILE_H
#define APP_SECRET_FILE_H

#include <stdbool.h>
#include <stddef.h>

#include "app/config.h"
#include "service/account/vault.h"

struct secret_file {
    char path[2 * CONFIG_TEXT_SIZE];
    bool is_credential;
};

/* ERR_INVALID: the name is too long. */
enum err secret_file_find(const struct config *config, struct secret_file *out) ERR_MUST_USE;
/* Opens it; with make, a first start makes it where it is missing and no credential. Errors as of
 * vault_create and vault_open. */
enum err secret_file_open(const struct secret_file *file, bool make,
                          struct vault **out) ERR_MUST_USE;

#endif
