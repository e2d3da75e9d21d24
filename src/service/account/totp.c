/* Codes by time, codes for emergencies. */
#include "service/account/totp.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <sodium.h>

#include "base/check.h"

enum { SHA1_SIZE = 20, CODES = 1000000, RECOVERY_LETTERS = 16 };

static const char base32[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
/* 32 letters of which no two look alike: without i, l, o and u. */
static const char recovery_letters[] = "0123456789abcdefghjkmnpqrstvwxyz";

void totp_secret_new(uint8_t secret[TOTP_SECRET_SIZE])
{
    randombytes_buf(secret, TOTP_SECRET_SIZE);
}

void totp_secret_text(const uint8_t secret[TOTP_SECRET_SIZE], char text[TOTP_SECRET_TEXT_SIZE])
{
    uint32_t bits = 0, bit_count = 0;
    size_t size = 0;
    for (size_t i = 0; i < TOTP_SECRET_SIZE; i++) {
        bits = bits << 8 | secret[i];
        for (bit_count += 8; bit_count >= 5; bit_count -= 5)
            text[size++] = base32[bits >> (bit_count - 5) & 31];
    }
    text[size] = '\0';
}

/* Everything but the plainest letters as %XX. */
static bool append_coded(char *out, size_t size, size_t *at, const char *text)
{
    for (; *text; text++) {
        const unsigned char c = (unsigned char)*text;
        const bool plain = isalnum(c) || c == '.' || c == '-' || c == '_' || c == '@';
        const int used = snprintf(out + *at, size - *at, plain ? "%c" : "%%%02X", c);
        if (used < 0 || (size_t)used >= size - *at) return false;
        *at += (size_t)used;
    }
    return true;
}

bool totp_address(const uint8_t secret[TOTP_SECRET_SIZE], const char *email, char *out, size_t size)
{
    char text[TOTP_SECRET_TEXT_SIZE];
    totp_secret_text(secret, text);
    const int head = snprintf(out, size, "otpauth://totp/TradeBot:");
    if (head < 0 || (size_t)head >= size) return false;
    size_t at = (size_t)head;
    if (!append_coded(out, size, &at, email)) return false;
    const int tail = snprintf(out + at, size - at, "?secret=%s&issuer=TradeBot", text);
    sodium_memzero(text, sizeof text);
    return tail > 0 && (size_t)tail < size - at;
}

uint32_t totp_code(const uint8_t secret[TOTP_SECRET_SIZE], uint64_t step)
{
    unsigned char counter[8], digest[EVP_MAX_MD_SIZE];
    unsigned size = sizeof digest;
    for (int i = 0; i < 8; i++) counter[i] = (unsigned char)(step >> (56 - 8 * i));
    CHECK(HMAC(EVP_sha1(), secret, TOTP_SECRET_SIZE, counter, sizeof counter, digest, &size));
    CHECK(size == SHA1_SIZE);
    const unsigned char *at = digest + (digest[SHA1_SIZE - 1] & 15);
    const uint32_t number = (uint32_t)(at[0] & 0x7F) << 24 | (uint32_t)at[1] << 16 |
                            (uint32_t)at[2] << 8 | (uint32_t)at[3];
    sodium_memzero(digest, sizeof digest);
    return number % CODES;
}

static bool read_code(struct slice text, uint32_t *code)
{
    *code = 0;
    if (text.size != TOTP_DIGITS) return false;
    for (size_t i = 0; i < text.size; i++) {
        if (text.data[i] < '0' || text.data[i] > '9') return false;
        *code = *code * 10 + (uint32_t)(text.data[i] - '0');
    }
    return true;
}

bool totp_check(const uint8_t secret[TOTP_SECRET_SIZE], struct slice text, int64_t now_s,
                uint64_t last_step, uint64_t *step)
{
    uint32_t code;
    if (now_s < TOTP_STEP_S || !read_code(text, &code)) return false;
    const uint64_t now = (uint64_t)now_s / TOTP_STEP_S;
    bool found = false;
    for (uint64_t at = now - 1; at <= now + 1; at++) {
        if (at <= last_step || totp_code(secret, at) != code) continue;
        *step = at;
        found = true;
    }
    return found;
}

/* ---- recovery codes ---- */

static void hash_letters(const char letters[RECOVERY_LETTERS], struct token_hash *hash)
{
    static const unsigned char purpose[] = "tradebot recovery code";
    crypto_generichash(hash->bytes, sizeof hash->bytes, (const unsigned char *)letters,
                       RECOVERY_LETTERS, purpose, sizeof purpose - 1);
}

void recovery_code_new(char code[RECOVERY_CODE_SIZE], struct token_hash *hash)
{
    char letters[RECOVERY_LETTERS];
    for (int i = 0; i < RECOVERY_LETTERS; i++)
        letters[i] = recovery_letters[randombytes_uniform(sizeof recovery_letters - 1)];
    snprintf(code, RECOVERY_CODE_SIZE, "%.4s-%.4s-%.4s-%.4s", letters, letters + 4, letters + 8,
             letters + 12);
    hash_letters(letters, hash);
    sodium_memzero(letters, sizeof letters);
}

bool recovery_code_read(struct slice text, struct token_hash *hash)
{
    char letters[RECOVERY_LETTERS];
    size_t count = 0;
    for (size_t i = 0; i < text.size; i++) {
        const char c = (char)tolower((unsigned char)text.data[i]);
        if (c == '-' || c == ' ') continue;
        if (count == RECOVERY_LETTERS || !memchr(recovery_letters, c, sizeof recovery_letters - 1))
            return false;
        letters[count++] = c;
    }
    if (count < RECOVERY_LETTERS) return false;
    hash_letters(letters, hash);
    sodium_memzero(letters, sizeof letters);
    return true;
}
