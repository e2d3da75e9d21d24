/* Making and reading tokens. */
#include "service/account/token.h"

#include <string.h>

#include <sodium.h>

enum { RANDOM_SIZE = 32, PREFIX_SIZE = 4, CODE_SIZE = TOKEN_TEXT_SIZE - PREFIX_SIZE };

_Static_assert(sodium_base64_ENCODED_LEN(RANDOM_SIZE, sodium_base64_VARIANT_URLSAFE_NO_PADDING) ==
                   CODE_SIZE,
               "the header tells the size");

static const char prefixes[TOKEN_KIND_COUNT][PREFIX_SIZE + 1] = {
    [TOKEN_SESSION] = "tbs_",
    [TOKEN_API] = "tbt_",
    [TOKEN_RESET] = "tbr_",
    [TOKEN_SETUP] = "tbu_",
    [TOKEN_CONSOLE] = "tbc_",
};

static void hash_text(const char *text, struct token_hash *hash)
{
    crypto_generichash(hash->bytes, sizeof hash->bytes, (const unsigned char *)text,
                       TOKEN_TEXT_SIZE - 1, NULL, 0);
}

void token_new(enum token_kind kind, char text[TOKEN_TEXT_SIZE], struct token_hash *hash)
{
    unsigned char random[RANDOM_SIZE];
    randombytes_buf(random, sizeof random);
    memcpy(text, prefixes[kind], PREFIX_SIZE);
    sodium_bin2base64(text + PREFIX_SIZE, CODE_SIZE, random, sizeof random,
                      sodium_base64_VARIANT_URLSAFE_NO_PADDING);
    hash_text(text, hash);
    sodium_memzero(random, sizeof random);
}

bool token_read(struct slice text, enum token_kind *kind, struct token_hash *hash)
{
    if (text.size != TOKEN_TEXT_SIZE - 1) return false;
    for (unsigned i = 0; i < TOKEN_KIND_COUNT; i++) {
        if (memcmp(text.data, prefixes[i], PREFIX_SIZE) != 0) continue;
        *kind = (enum token_kind)i;
        hash_text(text.data, hash);
        return true;
    }
    return false;
}

bool token_hash_equal(const struct token_hash *a, const struct token_hash *b)
{
    return sodium_memcmp(a->bytes, b->bytes, sizeof a->bytes) == 0;
}
