/* What people do with their accounts: register, come in, go out, change and recover what lets them
 * in. The rules; HTTP is the API's affair and rows are the store's.
 *
 * struct accounts is one for the process; each web thread has an account_desk of its own on it. A
 * call copies what it is given and answers once, later or at once, on the desk's thread. What it
 * changes is durable before it is answered, stands in the audit log in the same transaction, and
 * holds in the directory by then.
 *
 * A call is decided by the directory and made good by the rows: what has changed since (a password,
 * a state, a code that was used, room for a session) is found in the transaction that acts on it.
 *
 * What an outsider can learn: an unknown address, a wrong password and a disabled account take the
 * same road, the same hash and the same answer. Asking for a reset always answers the same.
 *
 * Closing: no call may be under way (account_desk_calls is 0): close the password pool and let the
 * port answer first. */
#ifndef SERVICE_ACCOUNT_ACCOUNTS_H
#define SERVICE_ACCOUNT_ACCOUNTS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/slice.h"
#include "io/store/key_store.h"
#include "io/store/sql.h"
#include "service/account/directory.h"
#include "service/account/password_pool.h"
#include "service/account/password_rules.h"
#include "service/account/totp.h"
#include "service/account/vault.h"

enum {
    SESSION_DAYS = 7,
    SESSION_DAYS_REMEMBERED = 30,
    RESET_MINUTES = 30,
    REAUTHENTICATE_MINUTES = 10, /* for so long a password that was given counts as fresh */
    ACCOUNT_CALLS_MAX = 256,     /* a desk; one more is refused as busy */
    TOTP_ADDRESS_SIZE = 1024,
    EXCHANGE_KEYS_MAX = 20, /* a user */
    EXCHANGE_API_KEY_SIZE_MAX = 128,
    EXCHANGE_SECRET_SIZE_MAX = 256,
    EMAIL_TEXT_SIZE_MAX = 1024, /* as typed, with the blanks around it; a longer one is none */
};

enum registration { REGISTRATION_FIRST, REGISTRATION_OPEN, REGISTRATION_CLOSED };

/* Becomes durable on the store's thread. run may be called again after a transaction was undone:
 * it changes nothing but the database and its own results. */
struct account_change {
    enum err (*run)(struct sql *db, struct account_change *change);
    void (*on_done)(struct account_change *change, enum err err); /* on the desk's thread */
};

enum account_outcome {
    ACCOUNT_OK,
    ACCOUNT_BUSY,
    ACCOUNT_UNAVAILABLE, /* the database does not answer, or cannot write */
    ACCOUNT_FAILED,      /* inside; it was logged */
    ACCOUNT_WRONG_CREDENTIALS,
    ACCOUNT_TOTP_REQUIRED, /* the password is right */
    ACCOUNT_WRONG_CODE,
    ACCOUNT_WRONG_TOKEN, /* a reset's: unknown, used or over */
    ACCOUNT_BAD_EMAIL,
    ACCOUNT_BAD_NAME,
    ACCOUNT_BAD_PASSWORD, /* answer.password_fault */
    ACCOUNT_EMAIL_TAKEN,
    ACCOUNT_REGISTRATION_CLOSED,
    ACCOUNT_SETUP_TOKEN_WANTED,
    ACCOUNT_NO_MAIL,
    ACCOUNT_NOT_FOUND,
    ACCOUNT_CONFLICT, /* not in this state: a second factor that is there already, or is not */
    ACCOUNT_LIMIT,    /* of users, or of this user's API tokens */
    ACCOUNT_LAST_ADMIN,
    ACCOUNT_REAUTHENTICATE, /* the password was given too long ago for this */
    ACCOUNT_BAD_KEY,        /* it cannot be one: the form of the key or its secret */
    ACCOUNT_WRONG_KEY,      /* the venue does not take it */
    ACCOUNT_KEY_MOVES_FUNDS,
    ACCOUNT_KEY_READS_NOTHING,
    ACCOUNT_VENUE_BUSY,
    ACCOUNT_VENUE_GONE,
    ACCOUNT_VENUE_ODD, /* what it said of the key cannot be understood */
};

/* What a venue says of a key, before anybody keeps it. */
struct account_probe {
    uint8_t venue;                                /* enum venue */
    struct slice api_key, secret;                 /* good until on_done */
    void (*on_done)(struct account_probe *probe); /* on the desk's thread, with what follows set */
    enum account_outcome outcome;                 /* OK: it may be kept */
    uint32_t permissions;                         /* enum key_permission bits */
    bool ip_restricted;
};

struct account_port {
    void *self;
    /* False when too many are under way. */
    bool (*change)(void *self, struct account_change *change);
    /* Sends the mail with the reset's token; NULL: no mail is set up. Any outcome is its own
     * affair. */
    void (*send_reset)(void *self, const char *email, const char *locale, const char *token);
    /* Asks the venue, later or at once; it ends by itself within seconds. False when too many are
     * under way. */
    bool (*probe)(void *self, struct account_probe *probe);
    /* A password job is back: call account_desk_collect on the desk's thread. Any thread. */
    void (*wake)(void *self);
};

struct accounts {
    struct directory *directory;
    struct vault *vault;
    struct password_pool *passwords;
    enum registration registration;
    bool has_setup_token;
    struct token_hash setup_token; /* lets somebody who is not local claim the first account */
};

struct account_desk;

struct account_desk *account_desk_new(struct accounts *accounts, const struct account_port *port);
void account_desk_free(struct account_desk *desk);
void account_desk_collect(struct account_desk *desk);
uint32_t account_desk_calls(const struct account_desk *desk);

/* What a call came to; good during the callback, secrets are wiped after it, and none are there
 * unless the outcome is OK. */
struct account_answer {
    enum account_outcome outcome;
    enum password_fault password_fault;
    struct store_user user; /* as it is from then on */
    uint64_t id;            /* of the session, token or key that was made */
    struct store_key key;
    int64_t expires_ms;
    char token[TOKEN_TEXT_SIZE]; /* shown this once */
    char secret[TOTP_SECRET_TEXT_SIZE], address[TOTP_ADDRESS_SIZE];
    char codes[RECOVERY_CODES][RECOVERY_CODE_SIZE];
    uint32_t code_count;
};

typedef void (*account_done)(void *user, const struct account_answer *answer);

/* Where a request comes from. */
struct account_origin {
    int64_t now_ms;
    bool is_local;
    char address[STORE_ADDRESS_SIZE];
    char agent[STORE_AGENT_SIZE];
    char request_id[33];
};

/* One call; what it does not use stays zero. Slices are copied. */
struct account_request {
    struct account_origin origin;
    struct principal who; /* of those who are in */
    struct slice email, password, new_password;
    struct slice code;  /* of six digits, or a recovery code */
    struct slice token; /* a reset's, or the set-up's */
    struct slice name;  /* of an API token or a key: 1 to 64 bytes of UTF-8, not all blank */
    struct slice api_key, secret; /* of an exchange */
    uint8_t venue;
    bool remember_me;
    uint32_t scopes;
    uint64_t target_id; /* a session, an API token, a key or a user */
    int64_t expires_ms; /* of an API token; 0: never */
    enum role role;
    bool is_disabled;
    char locale[STORE_LOCALE_SIZE];
    account_done done;
    void *user;
};

/* email, password, token. The first account may be claimed by a local request or with the set-up
 * token; later ones when registration is open. */
void account_register(struct account_desk *desk, const struct account_request *request);
/* email, password, code, remember_me. Answers token, id, expires_ms. */
void account_login(struct account_desk *desk, const struct account_request *request);
/* who (by a session), password, code: the session counts as freshly authenticated. */
void account_reauthenticate(struct account_desk *desk, const struct account_request *request);
/* who, target_id: a session of theirs, logout being their own. */
void account_end_session(struct account_desk *desk, const struct account_request *request);
/* who, password, new_password: every other session, all API tokens and a reset that waits end. */
void account_change_password(struct account_desk *desk, const struct account_request *request);
/* email. Answers before it has looked. */
void account_forgot_password(struct account_desk *desk, const struct account_request *request);
/* token, new_password: all sessions and API tokens end. */
void account_reset_password(struct account_desk *desk, const struct account_request *request);
/* who. Answers secret and address; nothing is on until it is confirmed. */
void account_begin_totp(struct account_desk *desk, const struct account_request *request);
/* who, code. Answers codes. */
void account_confirm_totp(struct account_desk *desk, const struct account_request *request);
void account_drop_totp(struct account_desk *desk, const struct account_request *request);
/* who, name, scopes, expires_ms. Answers token, id. */
void account_add_token(struct account_desk *desk, const struct account_request *request);
/* who, target_id. */
void account_end_token(struct account_desk *desk, const struct account_request *request);
/* who (with a fresh password), venue, name, api_key, secret. Kept only if the venue knows it and
 * says that it moves no funds. Answers key. */
void account_add_key(struct account_desk *desk, const struct account_request *request);
/* who, target_id. */
void account_end_key(struct account_desk *desk, const struct account_request *request);
/* who, locale ("": as the server is set). */
void account_set_locale(struct account_desk *desk, const struct account_request *request);
/* who (an admin), target_id, role or is_disabled: that user's sessions and API tokens end. */
void account_set_role(struct account_desk *desk, const struct account_request *request);
void account_set_disabled(struct account_desk *desk, const struct account_request *request);
/* who (an admin, or the console), name: the audit log tells that these counters are forgotten. */
void account_tell_limit_reset(struct account_desk *desk, const struct account_request *request);
/* Tells the database that a credential was used, as directory_identify asks for. Answers nobody;
 * what cannot be written now is written with the next hour's. */
void account_touch(struct account_desk *desk, const struct principal *who, int64_t now_ms);

/* Whether a password given then still counts as fresh. */
bool account_is_fresh(const struct principal *who, int64_t now_ms);
/* Trims, lowers and checks; false where it is no address. */
bool email_normalise(struct slice text, char out[STORE_EMAIL_SIZE]);

#endif
