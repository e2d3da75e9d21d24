/* Finding the secret file. */
#include "app/secret_file.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum err secret_file_find(const struct config *config, struct secret_file *out)
{
    const char *credentials = getenv("CREDENTIALS_DIRECTORY");
    int size = -1;
    out->is_credential = false;
    if (*config->secret_file) {
        size = snprintf(out->path, sizeof out->path, "%s", config->secret_file);
    } else if (credentials) {
        size = snprintf(out->path, sizeof out->path, "%s/tradebot-secret", credentials);
        out->is_credential = size > 0 && access(out->path, F_OK) == 0;
    }
    if (!*config->secret_file && !out->is_credential)
        size = snprintf(out->path, sizeof out->path, "%s/secret.key", config->data);
    return size < 0 || (size_t)size >= sizeof out->path
               ? err_set(ERR_INVALID, "the secret file's name is too long")
               : OK;
}

enum err secret_file_open(const struct secret_file *file, bool make, struct vault **out)
{
    enum err err = vault_open(file->path, out);
    if (err != ERR_NOT_FOUND || !make) return err;
    err = vault_create(file->path);
    return err ? err : vault_open(file->path, out);
}
