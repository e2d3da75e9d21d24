/* Second factors: codes of six digits that change every 30 seconds, and codes for the day on which
 * the telephone is gone.
 *
 * SHA-1, six digits, 30 s, because that is what every authenticator does. A code is taken one step
 * early or late, and each step at most once: whoever saw a code being typed cannot use it again.
 * Recovery codes are ten random ones of 80 bits, each good once; only hashes are kept, and 80 bits
 * are too many to be guessed from those. Pure, but for
 * the kernel's random numbers in the two `_new`. Source: RFC 6238, RFC 4226, RFC 4648 (base32). */
#ifndef SERVICE_ACCOUNT_TOTP_H
#define SERVICE_ACCOUNT_TOTP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/slice.h"
#include "service/account/token.h"

enum {
    TOTP_SECRET_SIZE = 20,
    TOTP_SECRET_TEXT_SIZE = 33, /* base32, with its NUL */
    TOTP_STEP_S = 30,
    TOTP_DIGITS = 6,
    RECOVERY_CODES = 10,
    RECOVERY_CODE_SIZE = 20, /* "xxxx-xxxx-xxxx-xxxx", with its NUL */
};

void totp_secret_new(uint8_t secret[TOTP_SECRET_SIZE]);
void totp_secret_text(const uint8_t secret[TOTP_SECRET_SIZE], char text[TOTP_SECRET_TEXT_SIZE]);
/* The otpauth:// address that authenticators read from a picture. False where it does not fit. */
bool totp_address(const uint8_t secret[TOTP_SECRET_SIZE], const char *email, char *out,
                  size_t size);
/* The code of a step (seconds since 1970 / TOTP_STEP_S). */
uint32_t totp_code(const uint8_t secret[TOTP_SECRET_SIZE], uint64_t step);
/* Whether text is the code of a step around now that is later than last_step; *step is that one. */
bool totp_check(const uint8_t secret[TOTP_SECRET_SIZE], struct slice text, int64_t now_s,
                uint64_t last_step, uint64_t *step);

void recovery_code_new(char code[RECOVERY_CODE_SIZE], struct token_hash *hash);
/* Of what a person typed: case, blanks and hyphens do not count. False where it cannot be one. */
bool recovery_code_read(struct slice text, struct token_hash *hash);

#endif
