/* What the store keeps of accounts, row by row, as values. */
#ifndef IO_STORE_ACCOUNT_ROW_H
#define IO_STORE_ACCOUNT_ROW_H

#include <stdbool.h>
#include <stdint.h>

#include "base/slice.h"

/* Sizes of texts count the NUL. */
enum {
    STORE_EMAIL_SIZE = 255,
    STORE_PASSWORD_HASH_SIZE = 128,
    STORE_HASH_SIZE = 32,
    STORE_SEALED_SIZE_MAX = 256, /* of a second factor */
    STORE_LOCALE_SIZE = 3,       /* "", "tr" or "en" */
    STORE_ADDRESS_SIZE = 46,
    STORE_AGENT_SIZE = 128,
    STORE_LABEL_SIZE = 65,
};

enum role { ROLE_VIEWER, ROLE_TRADER, ROLE_ADMIN, ROLE_COUNT };

/* A blob of a column that may be NULL (size 0). */
struct sealed {
    uint32_t size;
    uint8_t bytes[STORE_SEALED_SIZE_MAX];
};

struct store_user {
    uint64_t id;
    char email[STORE_EMAIL_SIZE]; /* "" while nobody has claimed the first account */
    char password_hash[STORE_PASSWORD_HASH_SIZE]; /* "" likewise */
    uint8_t role;                                 /* enum role */
    bool is_disabled;
    char locale[STORE_LOCALE_SIZE];
    struct sealed totp;      /* the second factor in use */
    struct sealed totp_next; /* one that was begun and not confirmed */
    uint64_t totp_step;      /* of the newest code used: an earlier one is worth nothing */
    uint32_t recovery_codes; /* unused ones; only told, never written */
    int64_t created_ms, password_ms;
};

struct store_session {
    uint64_t id, user_id;
    uint8_t hash[STORE_HASH_SIZE];
    int64_t created_ms;
    int64_t authenticated_ms; /* when the password was last given */
    int64_t seen_ms, expires_ms;
    int64_t lifetime_ms; /* expires_ms = seen_ms + this */
    char address[STORE_ADDRESS_SIZE];
    char agent[STORE_AGENT_SIZE];
};

struct store_api_token {
    uint64_t id, user_id;
    uint8_t hash[STORE_HASH_SIZE];
    char name[STORE_LABEL_SIZE];
    uint32_t scopes; /* bits, see service/account */
    int64_t created_ms;
    int64_t used_ms;    /* 0: never */
    int64_t expires_ms; /* 0: never */
};

const char *role_name(enum role role);
/* False where there is no such role. */
bool role_from_name(struct slice name, enum role *role);

#endif
