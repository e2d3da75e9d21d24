/* Tokens: 256 random bits that whoever holds them may use, and of which only a hash is kept.
 *
 * As text: four letters that name the kind ("tbs_" a session, "tbt_" an API token, "tbr_" a
 * password reset, "tbu_" the set-up of the first account, "tbc_" this machine's console), then 43
 * of base64url. The letters let people and scanners of leaked secrets know what they look at. The
 * hash is BLAKE2b-256: the bits are random, so nothing slower is needed. Pure, but for the random
 * numbers of token_new. */
#ifndef SERVICE_ACCOUNT_TOKEN_H
#define SERVICE_ACCOUNT_TOKEN_H

#include <stdbool.h>
#include <stdint.h>

#include "base/slice.h"

enum token_kind {
    TOKEN_SESSION,
    TOKEN_API,
    TOKEN_RESET,
    TOKEN_SETUP,
    TOKEN_CONSOLE,
    TOKEN_KIND_COUNT
};

enum { TOKEN_TEXT_SIZE = 48 /* with its NUL */, TOKEN_HASH_SIZE = 32 };

struct token_hash {
    uint8_t bytes[TOKEN_HASH_SIZE];
};

/* libsodium must be initialised. */
void token_new(enum token_kind kind, char text[TOKEN_TEXT_SIZE], struct token_hash *hash);
/* False where the text cannot be a token of ours, of whatever kind. */
bool token_read(struct slice text, enum token_kind *kind, struct token_hash *hash);
bool token_hash_equal(const struct token_hash *a, const struct token_hash *b);

#endif
