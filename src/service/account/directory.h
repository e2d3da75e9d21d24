/* All accounts in memory: who a token belongs to, without asking the database.
 *
 * The directory holds what the database held at some version of settings.account_version. A change
 * is first made durable, then told by directory_apply with the versions that its transaction found
 * and left; changes that join keep the directory current, and one that was made by another process
 * leaves a gap, which directory_is_behind shows against the version that is read once a second.
 * Then everything is read anew (directory_replace).
 *
 * Bounded: DIRECTORY_USERS_MAX users, each with SESSIONS_MAX sessions and API_TOKENS_MAX tokens;
 * what is beyond is left out and counted (registration refuses before).
 * Thread: any; readers share a lock, so checking a token never waits for a database. */
#ifndef SERVICE_ACCOUNT_DIRECTORY_H
#define SERVICE_ACCOUNT_DIRECTORY_H

#include <stdbool.h>
#include <stdint.h>

#include "io/store/account_store.h"
#include "service/account/token.h"

enum {
    DIRECTORY_USERS_MAX = 10000,
    SESSIONS_MAX = 20, /* a user; a login beyond ends the one that was seen least lately */
    API_TOKENS_MAX = 50,
    TOUCH_MS = 3600 * 1000, /* how stale the database's idea of "last seen" may be */
};

/* What an API token may do; sessions may do everything their user's role may. */
enum scope { SCOPE_READ = 1, SCOPE_TRADE = 2 };

enum credential {
    CREDENTIAL_SESSION,
    CREDENTIAL_TOKEN,
    CREDENTIAL_CONSOLE, /* whoever may read the data folder: an admin without an account, id 0 */
};

/* Who asks. */
struct principal {
    uint64_t user_id;
    enum role role;
    enum credential credential;
    uint64_t credential_id;
    uint32_t scopes;          /* enum scope bits */
    int64_t authenticated_ms; /* when the password was last given; 0 for a token */
    int64_t expires_ms;       /* 0: never */
    char locale[STORE_LOCALE_SIZE];
};

/* One account as of one version. The arrays are on the heap. */
struct account_picture {
    struct store_user user;
    uint32_t session_count, token_count;
    struct store_session *sessions;
    struct store_api_token *tokens;
};

void account_picture_deinit(struct account_picture *picture);
/* False where there is no room: the row is left out. */
bool account_picture_add_session(struct account_picture *picture, const struct store_session *row);
bool account_picture_add_token(struct account_picture *picture, const struct store_api_token *row);

struct directory;

struct directory *directory_new(void);
void directory_free(struct directory *d);

/* Takes the pictures over (their array stays the caller's). Each user once. */
void directory_replace(struct directory *d, struct account_picture *pictures, uint32_t count,
                       uint64_t version);
/* One user is as in picture from this version on, or gone where it is NULL; the picture is taken
 * over. `before_version` is the one that the change was made upon. News older than what is known of
 * this user is dropped: two web threads may be told out of order. */
void directory_apply(struct directory *d, uint64_t user_id, struct account_picture *picture,
                     uint64_t before_version, uint64_t version);
/* Whether the database, at that version, knows more than this directory. */
bool directory_is_behind(struct directory *d, uint64_t version);

/* Who the token belongs to. False where it is unknown, over, or its user disabled. Marks it as
 * seen; *touch is true where the database should be told so (at most once in TOUCH_MS). */
bool directory_identify(struct directory *d, const struct token_hash *hash, int64_t now_ms,
                        struct principal *out, bool *touch);

/* Whether the first account has an owner. */
bool directory_is_claimed(struct directory *d);
uint32_t directory_count(struct directory *d);
bool directory_user(struct directory *d, uint64_t user_id, struct store_user *out);
bool directory_find(struct directory *d, const char *email, struct store_user *out);
/* The first user with an id of at least that; false behind the last. */
bool directory_next_user(struct directory *d, uint64_t user_id, struct store_user *out);
/* Copies; the count. With what was seen since the database was told. */
uint32_t directory_sessions(struct directory *d, uint64_t user_id,
                            struct store_session out[SESSIONS_MAX]);
uint32_t directory_tokens(struct directory *d, uint64_t user_id,
                          struct store_api_token out[API_TOKENS_MAX]);

#endif
