/* The directory: who a token belongs to, whatever the order in which news comes. */
#include "service/account/directory.h"

#include <pthread.h>
#include <stdatomic.h>
#include <string.h>

#include "base/prng.h"

#include "cmocka_all.h"

enum { DAY_MS = 24 * 3600 * 1000 };

static const int64_t start_ms = INT64_C(1763900000000);

static struct token_hash hash_of(uint32_t mark)
{
    struct token_hash hash = {{0}};
    memcpy(hash.bytes, &mark, sizeof mark);
    return hash;
}

static struct account_picture picture_of(uint64_t id, const char *email)
{
    struct account_picture p = {.user = {.id = id, .role = ROLE_TRADER}};
    snprintf(p.user.email, sizeof p.user.email, "%s", email);
    return p;
}

static void add_session(struct account_picture *p, uint64_t id, uint32_t mark)
{
    struct store_session s = {
        .id = id,
        .user_id = p->user.id,
        .seen_ms = start_ms,
        .authenticated_ms = start_ms,
        .lifetime_ms = 7 * (int64_t)DAY_MS,
        .expires_ms = start_ms + 7 * (int64_t)DAY_MS,
    };
    const struct token_hash hash = hash_of(mark);
    memcpy(s.hash, hash.bytes, sizeof s.hash);
    account_picture_add_session(p, &s);
}

static void add_token(struct account_picture *p, uint64_t id, uint32_t mark, int64_t expires_ms)
{
    struct store_api_token t = {
        .id = id, .user_id = p->user.id, .scopes = SCOPE_READ, .expires_ms = expires_ms};
    const struct token_hash hash = hash_of(mark);
    memcpy(t.hash, hash.bytes, sizeof t.hash);
    account_picture_add_token(p, &t);
}

/* The user that a token belongs to at that time; 0 where it belongs to nobody. */
static uint64_t whose_at(struct directory *d, uint32_t mark, int64_t now_ms)
{
    struct principal who;
    bool touch;
    const struct token_hash hash = hash_of(mark);
    return directory_identify(d, &hash, now_ms, &who, &touch) ? who.user_id : 0;
}

static uint64_t whose(struct directory *d, uint32_t mark)
{
    return whose_at(d, mark, start_ms);
}

static void apply(struct directory *d, struct account_picture p, uint64_t version)
{
    directory_apply(d, p.user.id, &p, version - 1, version);
}

static void test_directory__a_token_tells_its_user_and_no_other(void **state)
{
    (void)state;
    struct directory *d = directory_new();
    struct account_picture all[2] = {picture_of(1, "a@b.co"), picture_of(2, "c@d.co")};
    add_session(&all[0], 11, 1);
    add_session(&all[1], 12, 2);
    add_token(&all[1], 13, 3, 0);
    directory_replace(d, all, 2, 5);
    assert_int_equal(whose(d, 1), 1);
    assert_int_equal(whose(d, 2), 2);
    assert_int_equal(whose(d, 3), 2);
    assert_int_equal(whose(d, 4), 0);
    struct principal who;
    bool touch;
    struct token_hash hash = hash_of(3);
    assert_true(directory_identify(d, &hash, start_ms, &who, &touch));
    assert_int_equal(who.credential, CREDENTIAL_TOKEN);
    assert_int_equal(who.credential_id, 13);
    assert_int_equal(who.scopes, SCOPE_READ);
    assert_int_equal(who.authenticated_ms, 0);
    hash = hash_of(2);
    assert_true(directory_identify(d, &hash, start_ms, &who, &touch));
    assert_int_equal(who.credential, CREDENTIAL_SESSION);
    assert_int_equal(who.scopes, SCOPE_READ | SCOPE_TRADE);
    directory_free(d);
}

static void test_directory__a_session_slides_and_a_token_does_not(void **state)
{
    (void)state;
    struct directory *d = directory_new();
    struct account_picture p = picture_of(1, "a@b.co");
    add_session(&p, 11, 1);
    add_session(&p, 12, 2);
    add_token(&p, 13, 3, start_ms + DAY_MS);
    apply(d, p, 1);
    const int64_t week_ms = 7 * (int64_t)DAY_MS;
    assert_int_equal(whose_at(d, 1, start_ms + week_ms - 1), 1);
    assert_int_equal(whose_at(d, 1, start_ms + 2 * week_ms - 2), 1);
    assert_int_equal(whose_at(d, 2, start_ms + week_ms), 0);
    assert_int_equal(whose_at(d, 3, start_ms + DAY_MS - 1), 1);
    assert_int_equal(whose_at(d, 3, start_ms + DAY_MS), 0);
    directory_free(d);
}

static void test_directory__the_database_is_told_of_use_once_an_hour(void **state)
{
    (void)state;
    struct directory *d = directory_new();
    struct account_picture p = picture_of(1, "a@b.co");
    add_session(&p, 11, 1);
    apply(d, p, 1);
    unsigned touches = 0;
    for (int64_t at_ms = 0; at_ms <= 10 * (int64_t)TOUCH_MS; at_ms += TOUCH_MS / 16) {
        struct principal who;
        bool touch;
        const struct token_hash hash = hash_of(1);
        assert_true(directory_identify(d, &hash, start_ms + at_ms, &who, &touch));
        touches += touch;
    }
    assert_int_equal(touches, 10);
    struct store_session rows[SESSIONS_MAX];
    assert_int_equal(directory_sessions(d, 1, rows), 1);
    assert_int_equal(rows[0].seen_ms, start_ms + 10 * (int64_t)TOUCH_MS);
    assert_int_equal(rows[0].expires_ms, rows[0].seen_ms + 7 * (int64_t)DAY_MS);
    directory_free(d);
}

static void test_directory__what_was_seen_survives_news_of_the_user(void **state)
{
    (void)state;
    struct directory *d = directory_new();
    struct account_picture p = picture_of(1, "a@b.co");
    struct store_session rows[SESSIONS_MAX];
    add_session(&p, 11, 1);
    apply(d, p, 1);
    assert_int_equal(whose_at(d, 1, start_ms + 5000), 1);
    p = picture_of(1, "a@b.co");
    add_session(&p, 11, 1);
    add_session(&p, 12, 2);
    apply(d, p, 2);
    assert_int_equal(directory_sessions(d, 1, rows), 2);
    assert_int_equal(rows[0].seen_ms, start_ms + 5000);
    assert_int_equal(rows[1].seen_ms, start_ms);
    directory_free(d);
}

static void test_directory__a_disabled_user_has_no_token(void **state)
{
    (void)state;
    struct directory *d = directory_new();
    struct account_picture p = picture_of(1, "a@b.co");
    add_session(&p, 11, 1);
    add_token(&p, 12, 2, 0);
    p.user.is_disabled = true;
    apply(d, p, 1);
    assert_int_equal(whose(d, 1), 0);
    assert_int_equal(whose(d, 2), 0);
    directory_free(d);
}

static void test_directory__what_a_newer_picture_lacks_is_gone(void **state)
{
    (void)state;
    struct directory *d = directory_new();
    struct account_picture p = picture_of(1, "a@b.co");
    add_session(&p, 11, 1);
    add_session(&p, 12, 2);
    apply(d, p, 1);
    p = picture_of(1, "a@b.co");
    add_session(&p, 12, 2);
    apply(d, p, 2);
    assert_int_equal(whose(d, 1), 0);
    assert_int_equal(whose(d, 2), 1);
    directory_apply(d, 1, NULL, 2, 3);
    assert_int_equal(whose(d, 2), 0);
    assert_int_equal(directory_count(d), 0);
    assert_false(directory_is_claimed(d));
    directory_free(d);
}

static void test_directory__news_out_of_order_never_brings_back_what_is_gone(void **state)
{
    (void)state;
    struct directory *d = directory_new();
    struct account_picture old = picture_of(1, "a@b.co"), new = picture_of(1, "a@b.co");
    add_session(&old, 11, 1);
    add_session(&new, 12, 2);
    apply(d, new, 2);
    apply(d, old, 1);
    assert_int_equal(whose(d, 1), 0);
    assert_int_equal(whose(d, 2), 1);

    old = picture_of(1, "a@b.co");
    add_session(&old, 12, 2);
    directory_apply(d, 1, NULL, 3, 4);
    apply(d, old, 3);
    assert_int_equal(whose(d, 2), 0);
    assert_true(directory_is_behind(d, 4)); /* so everything is read anew */
    directory_free(d);
}

static void test_directory__a_gap_shows_that_another_process_changed_something(void **state)
{
    (void)state;
    struct directory *d = directory_new();
    directory_replace(d, NULL, 0, 5);
    assert_false(directory_is_behind(d, 5));
    apply(d, picture_of(1, "a@b.co"), 6);
    assert_false(directory_is_behind(d, 6));
    apply(d, picture_of(2, "c@d.co"), 8);
    assert_true(directory_is_behind(d, 8));
    directory_replace(d, NULL, 0, 8);
    assert_false(directory_is_behind(d, 8));
    directory_free(d);
}

static void test_directory__users_are_found_by_address_and_listed_by_id(void **state)
{
    (void)state;
    struct directory *d = directory_new();
    struct store_user user;
    for (uint64_t id = 50; id > 0; id--) {
        char email[32];
        snprintf(email, sizeof email, "user%02u@b.co", (unsigned)id);
        apply(d, picture_of(3 * id, email), 51 - id);
    }
    uint64_t next = 0;
    unsigned count = 0;
    for (; directory_next_user(d, next, &user); next = user.id + 1)
        assert_int_equal(user.id, 3 * ++count);
    assert_int_equal(count, 50);
    assert_true(directory_find(d, "user07@b.co", &user));
    assert_int_equal(user.id, 21);
    assert_false(directory_find(d, "user51@b.co", &user));
    assert_false(directory_find(d, "", &user));
    assert_true(directory_user(d, 21, &user));
    assert_false(directory_user(d, 22, &user));
    directory_free(d);
}

static void test_directory__rows_beyond_the_limits_are_left_out(void **state)
{
    (void)state;
    struct account_picture p = picture_of(1, "a@b.co");
    for (uint32_t i = 0; i < SESSIONS_MAX + 5; i++) add_session(&p, i + 1, i + 1);
    for (uint32_t i = 0; i < API_TOKENS_MAX + 5; i++) add_token(&p, i + 1, 1000 + i, 0);
    assert_int_equal(p.session_count, SESSIONS_MAX);
    assert_int_equal(p.token_count, API_TOKENS_MAX);
    struct directory *d = directory_new();
    apply(d, p, 1);
    assert_int_equal(whose(d, SESSIONS_MAX), 1);
    assert_int_equal(whose(d, SESSIONS_MAX + 1), 0);
    directory_free(d);
}

/* ---- against a plain model, and from several threads ---- */

enum { USERS = 6, MARKS = 24, STEPS = 20000 };

static void test_directory__agrees_with_a_plain_model(void **state)
{
    (void)state;
    struct directory *d = directory_new();
    struct prng random;
    uint64_t owner[MARKS + 1] = {0};
    prng_init(&random, 7);
    for (uint64_t version = 1; version <= STEPS; version++) {
        const uint64_t user = 1 + prng_below(&random, USERS);
        for (uint32_t mark = 1; mark <= MARKS; mark++)
            if (owner[mark] == user) owner[mark] = 0;
        if (prng_below(&random, 5) == 0) {
            directory_apply(d, user, NULL, version - 1, version);
        } else {
            char email[32];
            snprintf(email, sizeof email, "u%u@b.co", (unsigned)user);
            struct account_picture p = picture_of(user, email);
            for (uint32_t mark = 1; mark <= MARKS; mark++) {
                if (owner[mark] || prng_below(&random, 4) > 0) continue;
                owner[mark] = user;
                add_session(&p, mark, mark);
                if (p.session_count == SESSIONS_MAX) break;
            }
            apply(d, p, version);
        }
        const uint32_t asked = 1 + (uint32_t)prng_below(&random, MARKS);
        assert_int_equal(whose(d, asked), owner[asked]);
        assert_false(directory_is_behind(d, version));
    }
    directory_free(d);
}

static struct directory *shared;
static atomic_bool done;

static void *ask(void *user)
{
    uint64_t *count = user;
    while (!atomic_load(&done)) {
        for (uint32_t mark = 1; mark <= MARKS; mark++) {
            const uint64_t id = whose(shared, mark);
            assert_true(id == 0 || id == mark % USERS + 1);
            *count += id != 0;
        }
    }
    return NULL;
}

static void test_directory__readers_see_whole_pictures_while_they_change(void **state)
{
    (void)state;
    pthread_t threads[2];
    uint64_t counts[2] = {0};
    shared = directory_new();
    atomic_store(&done, false);
    for (int i = 0; i < 2; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, ask, &counts[i]), 0);
    struct prng random;
    prng_init(&random, 3);
    for (uint64_t version = 1; version <= 3000; version++) {
        const uint64_t user = version % USERS + 1;
        struct account_picture p = picture_of(user, "");
        for (uint32_t mark = 1; mark <= MARKS; mark++)
            if (mark % USERS + 1 == user && prng_below(&random, 2)) add_session(&p, mark, mark);
        apply(shared, p, version);
    }
    atomic_store(&done, true);
    for (int i = 0; i < 2; i++) pthread_join(threads[i], NULL);
    directory_free(shared);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_directory__a_token_tells_its_user_and_no_other),
        cmocka_unit_test(test_directory__a_session_slides_and_a_token_does_not),
        cmocka_unit_test(test_directory__the_database_is_told_of_use_once_an_hour),
        cmocka_unit_test(test_directory__what_was_seen_survives_news_of_the_user),
        cmocka_unit_test(test_directory__a_disabled_user_has_no_token),
        cmocka_unit_test(test_directory__what_a_newer_picture_lacks_is_gone),
        cmocka_unit_test(test_directory__news_out_of_order_never_brings_back_what_is_gone),
        cmocka_unit_test(test_directory__a_gap_shows_that_another_process_changed_something),
        cmocka_unit_test(test_directory__users_are_found_by_address_and_listed_by_id),
        cmocka_unit_test(test_directory__rows_beyond_the_limits_are_left_out),
        cmocka_unit_test(test_directory__agrees_with_a_plain_model),
        cmocka_unit_test(test_directory__readers_see_whole_pictures_while_they_change),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
