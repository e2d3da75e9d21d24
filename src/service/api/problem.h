/* What went wrong with a request, for programs (a stable code) and for people (a sentence in their
 * language). Bodies are application/problem+json (RFC 9457) with code and request_id; a 422 also
 * names each field that is wrong. Nothing from inside the program ever stands in a problem. */
#ifndef SERVICE_API_PROBLEM_H
#define SERVICE_API_PROBLEM_H

#include <stddef.h>

#include "base/slice.h"

enum language { LANGUAGE_TURKISH, LANGUAGE_ENGLISH };

enum problem {
    PROBLEM_NOT_JSON,
    PROBLEM_TOO_DEEP,
    PROBLEM_BAD_TARGET,
    PROBLEM_BAD_REQUEST,
    PROBLEM_INVALID_QUERY,
    PROBLEM_UNAUTHENTICATED,
    PROBLEM_INVALID_CREDENTIALS,
    PROBLEM_TOTP_REQUIRED,
    PROBLEM_NOT_LOCAL,
    PROBLEM_ROLE_TOO_LOW,
    PROBLEM_SCOPE_TOO_SMALL,
    PROBLEM_REAUTHENTICATE,
    PROBLEM_FOREIGN_ORIGIN,
    PROBLEM_REGISTRATION_CLOSED,
    PROBLEM_SETUP_TOKEN_WANTED,
    PROBLEM_NOT_FOUND,
    PROBLEM_UNKNOWN_VENUE,
    PROBLEM_UNKNOWN_SYMBOL,
    PROBLEM_METHOD_NOT_ALLOWED,
    PROBLEM_TOO_SLOW,
    PROBLEM_EMAIL_TAKEN,
    PROBLEM_TOTP_STATE,
    PROBLEM_TOKENS_FULL,
    PROBLEM_KEYS_FULL,
    PROBLEM_LAST_ADMIN,
    PROBLEM_BODY_TOO_LARGE,
    PROBLEM_TARGET_TOO_LONG,
    PROBLEM_UNSUPPORTED_MEDIA_TYPE,
    PROBLEM_EXPECTATION_FAILED,
    PROBLEM_INVALID_FIELDS,
    PROBLEM_INVALID_KEY,
    PROBLEM_WRONG_KEY,
    PROBLEM_WITHDRAWAL_ENABLED,
    PROBLEM_READING_DISABLED,
    PROBLEM_BOT_REFUSED,
    PROBLEM_BOT_NOT_IDLE,
    PROBLEM_HEADERS_TOO_LARGE,
    PROBLEM_INTERNAL,
    PROBLEM_NOT_IMPLEMENTED,
    PROBLEM_VENUE_UNCLEAR,
    PROBLEM_RATE_LIMITED,
    PROBLEM_BUSY,
    PROBLEM_MARKET_NOT_READY,
    PROBLEM_VENUE_FAILED,
    PROBLEM_LIMIT_REACHED,
    PROBLEM_STORE_UNAVAILABLE,
    PROBLEM_REDIS_UNAVAILABLE,
    PROBLEM_MAIL_NOT_CONFIGURED,
    PROBLEM_STOPPING,
    PROBLEM_VERSION_UNSUPPORTED,
    PROBLEM_COUNT
};

/* What can be wrong with one field. */
enum fault {
    FAULT_REQUIRED,
    FAULT_UNKNOWN_FIELD,
    FAULT_UNKNOWN_PARAMETER,
    FAULT_WRONG_TYPE,
    FAULT_OUT_OF_RANGE,
    FAULT_INVALID,
    FAULT_NOT_FOUND,
    FAULT_DUPLICATE,
    FAULT_CONFLICT,
    FAULT_LIVE_DISABLED,
    FAULT_UNSUPPORTED,
    FAULT_TOO_SHORT,
    FAULT_TOO_LONG,
    FAULT_TOO_COMMON,
    FAULT_HOLDS_EMAIL,
    FAULT_COUNT
};

enum {
    FAULT_FIELD_SIZE = 96,
    FAULT_SENT_SIZE = 64, /* as much of a refused value as is shown again */
    FAULT_DETAIL_SIZE = 512,
    FAULTS_MAX = 32,
};

/* Faults of one request, in words of one language; those past FAULTS_MAX are not listed. */
struct faults {
    enum language language;
    unsigned count;
    struct {
        char field[FAULT_FIELD_SIZE];
        enum fault fault;
        /* Whole sentences: the field, what is wrong with it, what was sent, what to send. */
        char detail[FAULT_DETAIL_SIZE];
    } items[FAULTS_MAX];
};

int problem_status(enum problem problem);
/* Of a refusal of the HTTP server; PROBLEM_INTERNAL for a status that it does not give. */
enum problem problem_of_status(int status);
const char *problem_code(enum problem problem);
const char *problem_title(enum problem problem);
const char *problem_detail(enum problem problem, enum language language);

const char *fault_code(enum fault fault);

/* sent: what came, as excerpt_write gives it; "" where nothing did. The last part is a sentence
 * that says what to send instead: a format in both languages, for the same arguments. */
void faults_add(struct faults *faults, const char *field, enum fault fault, const char *sent,
                const char *turkish, const char *english, ...)
    __attribute__((format(printf, 5, 7), format(printf, 6, 7)));

/* Copies UTF-8 for showing: control characters and those that turn the direction of writing as
 * \uXXXX, and "…" in place of what does not fit. size: at least 8. */
void excerpt_write(struct slice text, char *out, size_t size);

/* The first of tr and en that an Accept-Language header prefers (RFC 9110 12.5.4); `otherwise` when
 * it names neither. */
enum language language_of(struct slice accept_language, enum language otherwise);

#endif
