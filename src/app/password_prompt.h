/* Asks a person for a new password, on the terminal and without showing it, or takes one from
 * standard input. Never from the command line, which every process of the machine can read. */
#ifndef APP_PASSWORD_PROMPT_H
#define APP_PASSWORD_PROMPT_H

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"
#include "service/account/password_rules.h"

struct password_text {
    char bytes[PASSWORD_SIZE_MAX + 1]; /* no NUL at its end; one byte more than may be */
    size_t size;
};

/* from_stdin: one line. Else twice on the terminal. ERR_INVALID: two that differ, or one that the
 * rules refuse, with the cause. ERR_UNSUPPORTED: no terminal. */
enum err password_prompt(bool from_stdin, const char *email,
                         struct password_text *out) ERR_MUST_USE;
/* Hashes it as the server does. */
enum err password_prompt_hash(const struct password_text *password, char *hash,
                              size_t hash_size) ERR_MUST_USE;

#endif
