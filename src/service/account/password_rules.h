/* Which passwords are taken: by length and by what everybody guesses first, not by kinds of letter.
 *
 * Refused are passwords of under 8 characters, of over 1024 bytes or with a control character,
 * those among common_passwords (leaked ones and plain words, whatever their case), and those that
 * hold the account's own name. Pure.
 * Source: OWASP ASVS 5, V6.2; NIST SP 800-63B. */
#ifndef SERVICE_ACCOUNT_PASSWORD_RULES_H
#define SERVICE_ACCOUNT_PASSWORD_RULES_H

#include <stddef.h>

#include "base/slice.h"

enum { PASSWORD_LENGTH_MIN = 8, PASSWORD_SIZE_MAX = 1024 };

enum password_fault {
    PASSWORD_GOOD,
    PASSWORD_TOO_SHORT, /* in characters, not in bytes */
    PASSWORD_TOO_LONG,
    PASSWORD_HAS_CONTROL, /* nobody could type it again; NUL among them */
    PASSWORD_COMMON,
    PASSWORD_HAS_NAME, /* the e-mail address, or its part before the @ with little around it */
};

/* password: UTF-8, checked before. email: as normalised, "" where there is none. */
enum password_fault password_check(struct slice password, const char *email);

/* Made at build time from Debian's word lists: '\n' before and after each word, in order. */
extern const char common_passwords[];
extern const size_t common_passwords_size;

#endif
