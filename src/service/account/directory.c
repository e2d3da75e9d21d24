/* One array of users by id, and two trees: users by e-mail, credentials by hash. */
#include "service/account/directory.h"

#include <pthread.h>
#include <search.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"

struct member;

struct seat {
    struct token_hash hash;
    struct member *owner;
    enum credential kind;
    uint32_t index; /* into the picture's sessions or tokens */
    /* These two change under the readers' lock, so they stand apart from the rows. */
    _Atomic int64_t seen_ms;
    _Atomic int64_t told_ms; /* what the database knows of seen_ms, or was just asked to */
};

struct member {
    struct account_picture picture;
    uint64_t version;
    uint32_t seat_count;
    struct seat seats[]; /* sessions, then tokens */
};

struct directory {
    pthread_rwlock_t lock;
    void *by_email, *by_hash; /* trees of tsearch(3) */
    struct member **users;    /* by id, upward: what the lists walk */
    uint32_t count;
    uint64_t version;
    uint64_t gone_version; /* of the newest deletion */
};

/* ---- pictures ---- */

void account_picture_deinit(struct account_picture *p)
{
    free(p->sessions);
    free(p->tokens);
    *p = (struct account_picture){0};
}

bool account_picture_add_session(struct account_picture *p, const struct store_session *row)
{
    if (p->session_count == SESSIONS_MAX) return false;
    p->sessions = reallocarray(p->sessions, p->session_count + 1, sizeof *row);
    CHECK(p->sessions);
    p->sessions[p->session_count++] = *row;
    return true;
}

bool account_picture_add_token(struct account_picture *p, const struct store_api_token *row)
{
    if (p->token_count == API_TOKENS_MAX) return false;
    p->tokens = reallocarray(p->tokens, p->token_count + 1, sizeof *row);
    CHECK(p->tokens);
    p->tokens[p->token_count++] = *row;
    return true;
}

/* ---- members ---- */

static int compare_email(const void *a, const void *b)
{
    return strcmp(((const struct member *)a)->picture.user.email,
                  ((const struct member *)b)->picture.user.email);
}

static int compare_hash(const void *a, const void *b)
{
    return memcmp(((const struct seat *)a)->hash.bytes, ((const struct seat *)b)->hash.bytes,
                  TOKEN_HASH_SIZE);
}

static struct member *member_new(struct account_picture *picture, uint64_t version)
{
    const uint32_t count = picture->session_count + picture->token_count;
    struct member *e = calloc(1, sizeof *e + count * sizeof *e->seats);
    CHECK(e);
    e->picture = *picture;
    e->version = version;
    for (uint32_t i = 0; i < picture->session_count; i++) {
        struct seat *seat = &e->seats[e->seat_count++];
        seat->kind = CREDENTIAL_SESSION;
        seat->index = i;
        memcpy(seat->hash.bytes, picture->sessions[i].hash, TOKEN_HASH_SIZE);
        atomic_init(&seat->seen_ms, picture->sessions[i].seen_ms);
        atomic_init(&seat->told_ms, picture->sessions[i].seen_ms);
    }
    for (uint32_t i = 0; i < picture->token_count; i++) {
        struct seat *seat = &e->seats[e->seat_count++];
        seat->kind = CREDENTIAL_TOKEN;
        seat->index = i;
        memcpy(seat->hash.bytes, picture->tokens[i].hash, TOKEN_HASH_SIZE);
        atomic_init(&seat->seen_ms, picture->tokens[i].used_ms);
        atomic_init(&seat->told_ms, picture->tokens[i].used_ms);
    }
    for (uint32_t i = 0; i < e->seat_count; i++) e->seats[i].owner = e;
    *picture = (struct account_picture){0};
    return e;
}

static void member_free(struct member *e)
{
    account_picture_deinit(&e->picture);
    free(e);
}

static struct seat *find_seat(const struct directory *d, const struct token_hash *hash)
{
    const struct seat key = {.hash = *hash};
    struct seat **found = tfind(&key, &d->by_hash, compare_hash);
    return found ? *found : NULL;
}

/* What the old picture had seen, and the new one, read from the database, has not. */
static void keep_seen(const struct directory *d, struct member *e)
{
    for (uint32_t i = 0; i < e->seat_count; i++) {
        struct seat *seat = &e->seats[i];
        const struct seat *before = find_seat(d, &seat->hash);
        if (!before) continue;
        const int64_t seen_ms = atomic_load(&before->seen_ms);
        if (seen_ms > atomic_load(&seat->seen_ms)) atomic_store(&seat->seen_ms, seen_ms);
        atomic_store(&seat->told_ms, atomic_load(&before->told_ms));
    }
}

static uint32_t place_of(const struct directory *d, uint64_t user_id)
{
    uint32_t low = 0, high = d->count;
    while (low < high) {
        const uint32_t middle = low + (high - low) / 2;
        if (d->users[middle]->picture.user.id < user_id)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static struct member *find(const struct directory *d, uint64_t user_id)
{
    const uint32_t place = place_of(d, user_id);
    return place < d->count && d->users[place]->picture.user.id == user_id ? d->users[place] : NULL;
}

static void insert(struct directory *d, struct member *e)
{
    const uint32_t place = place_of(d, e->picture.user.id);
    if (d->count == DIRECTORY_USERS_MAX) {
        member_free(e);
        return;
    }
    memmove(&d->users[place + 1], &d->users[place], (d->count - place) * sizeof *d->users);
    d->users[place] = e;
    d->count++;
    if (*e->picture.user.email) CHECK(tsearch(e, &d->by_email, compare_email));
    for (uint32_t i = 0; i < e->seat_count; i++)
        CHECK(tsearch(&e->seats[i], &d->by_hash, compare_hash));
}

/* Takes it out and does not free it. */
static void take_out(struct directory *d, struct member *e)
{
    const uint32_t place = place_of(d, e->picture.user.id);
    d->count--;
    memmove(&d->users[place], &d->users[place + 1], (d->count - place) * sizeof *d->users);
    if (*e->picture.user.email) tdelete(e, &d->by_email, compare_email);
    for (uint32_t i = 0; i < e->seat_count; i++) tdelete(&e->seats[i], &d->by_hash, compare_hash);
}

/* ---- the directory ---- */

struct directory *directory_new(void)
{
    struct directory *d = calloc(1, sizeof *d);
    CHECK(d && pthread_rwlock_init(&d->lock, NULL) == 0);
    d->users = calloc(DIRECTORY_USERS_MAX, sizeof *d->users);
    CHECK(d->users);
    return d;
}

static void clear(struct directory *d)
{
    while (d->count > 0) {
        struct member *e = d->users[d->count - 1];
        take_out(d, e);
        member_free(e);
    }
}

void directory_free(struct directory *d)
{
    if (!d) return;
    clear(d);
    free(d->users);
    pthread_rwlock_destroy(&d->lock);
    free(d);
}

void directory_replace(struct directory *d, struct account_picture *pictures, uint32_t count,
                       uint64_t version)
{
    struct member **made = calloc(count > 0 ? count : 1, sizeof *made);
    CHECK(made);
    for (uint32_t i = 0; i < count; i++) made[i] = member_new(&pictures[i], version);
    pthread_rwlock_wrlock(&d->lock);
    for (uint32_t i = 0; i < count; i++) keep_seen(d, made[i]);
    clear(d);
    for (uint32_t i = 0; i < count; i++) insert(d, made[i]);
    d->version = d->gone_version = version;
    pthread_rwlock_unlock(&d->lock);
    free(made);
}

void directory_apply(struct directory *d, uint64_t user_id, struct account_picture *picture,
                     uint64_t before_version, uint64_t version)
{
    struct member *made = picture ? member_new(picture, version) : NULL;
    pthread_rwlock_wrlock(&d->lock);
    struct member *before = find(d, user_id), *gone = made;
    /* A user who is not here may be one who was deleted since: then the next reading tells. */
    const uint64_t known = before ? before->version : d->gone_version;
    if (version > known) {
        gone = before;
        if (made) keep_seen(d, made);
        if (before) take_out(d, before);
        if (made) insert(d, made);
        if (!made) d->gone_version = version;
        if (before_version == d->version) d->version = version;
    }
    pthread_rwlock_unlock(&d->lock);
    if (gone) member_free(gone);
}

bool directory_is_behind(struct directory *d, uint64_t version)
{
    pthread_rwlock_rdlock(&d->lock);
    const bool behind = d->version != version;
    pthread_rwlock_unlock(&d->lock);
    return behind;
}

/* ---- who is it ---- */

static int64_t expires_ms(const struct seat *seat)
{
    const struct account_picture *p = &seat->owner->picture;
    if (seat->kind == CREDENTIAL_TOKEN) return p->tokens[seat->index].expires_ms;
    return atomic_load(&seat->seen_ms) + p->sessions[seat->index].lifetime_ms;
}

static struct principal principal_of(const struct seat *seat)
{
    const struct account_picture *p = &seat->owner->picture;
    struct principal who = {
        .user_id = p->user.id,
        .role = (enum role)p->user.role,
        .credential = seat->kind,
        .expires_ms = expires_ms(seat),
    };
    memcpy(who.locale, p->user.locale, sizeof who.locale);
    if (seat->kind == CREDENTIAL_TOKEN) {
        who.credential_id = p->tokens[seat->index].id;
        who.scopes = p->tokens[seat->index].scopes;
    } else {
        who.credential_id = p->sessions[seat->index].id;
        who.scopes = SCOPE_READ | SCOPE_TRADE;
        who.authenticated_ms = p->sessions[seat->index].authenticated_ms;
    }
    return who;
}

/* A clock that was set back never makes a credential older than it was. */
static bool mark_seen(struct seat *seat, int64_t now_ms)
{
    int64_t seen_ms = atomic_load(&seat->seen_ms);
    while (seen_ms < now_ms && !atomic_compare_exchange_weak(&seat->seen_ms, &seen_ms, now_ms))
        continue;
    int64_t told_ms = atomic_load(&seat->told_ms);
    return now_ms - told_ms >= TOUCH_MS &&
           atomic_compare_exchange_strong(&seat->told_ms, &told_ms, now_ms);
}

bool directory_identify(struct directory *d, const struct token_hash *hash, int64_t now_ms,
                        struct principal *out, bool *touch)
{
    *touch = false;
    pthread_rwlock_rdlock(&d->lock);
    struct seat *seat = find_seat(d, hash);
    const int64_t end_ms = seat ? expires_ms(seat) : 0;
    const bool known =
        seat && !seat->owner->picture.user.is_disabled && (end_ms == 0 || now_ms < end_ms);
    if (known) {
        *touch = mark_seen(seat, now_ms);
        *out = principal_of(seat);
    }
    pthread_rwlock_unlock(&d->lock);
    return known;
}

/* ---- looking up ---- */

bool directory_is_claimed(struct directory *d)
{
    pthread_rwlock_rdlock(&d->lock);
    const bool claimed = d->by_email != NULL;
    pthread_rwlock_unlock(&d->lock);
    return claimed;
}

uint32_t directory_count(struct directory *d)
{
    pthread_rwlock_rdlock(&d->lock);
    const uint32_t count = d->count;
    pthread_rwlock_unlock(&d->lock);
    return count;
}

bool directory_user(struct directory *d, uint64_t user_id, struct store_user *out)
{
    return directory_next_user(d, user_id, out) && out->id == user_id;
}

bool directory_next_user(struct directory *d, uint64_t user_id, struct store_user *out)
{
    pthread_rwlock_rdlock(&d->lock);
    const uint32_t place = place_of(d, user_id);
    const bool found = place < d->count;
    if (found) *out = d->users[place]->picture.user;
    pthread_rwlock_unlock(&d->lock);
    return found;
}

bool directory_find(struct directory *d, const char *email, struct store_user *out)
{
    struct member key = {0};
    if (strlen(email) >= sizeof key.picture.user.email || !*email) return false;
    memcpy(key.picture.user.email, email, strlen(email) + 1);
    pthread_rwlock_rdlock(&d->lock);
    struct member **found = tfind(&key, &d->by_email, compare_email);
    if (found) *out = (*found)->picture.user;
    pthread_rwlock_unlock(&d->lock);
    return found != NULL;
}

uint32_t directory_sessions(struct directory *d, uint64_t user_id,
                            struct store_session out[SESSIONS_MAX])
{
    pthread_rwlock_rdlock(&d->lock);
    const struct member *e = find(d, user_id);
    const uint32_t count = e ? e->picture.session_count : 0;
    for (uint32_t i = 0; i < count; i++) {
        out[i] = e->picture.sessions[i];
        out[i].seen_ms = atomic_load(&e->seats[i].seen_ms);
        out[i].expires_ms = expires_ms(&e->seats[i]);
    }
    pthread_rwlock_unlock(&d->lock);
    return count;
}

uint32_t directory_tokens(struct directory *d, uint64_t user_id,
                          struct store_api_token out[API_TOKENS_MAX])
{
    pthread_rwlock_rdlock(&d->lock);
    const struct member *e = find(d, user_id);
    const uint32_t count = e ? e->picture.token_count : 0;
    for (uint32_t i = 0; i < count; i++) {
        out[i] = e->picture.tokens[i];
        out[i].used_ms = atomic_load(&e->seats[e->picture.session_count + i].seen_ms);
    }
    pthread_rwlock_unlock(&d->lock);
    return count;
}
