/* Which passwords are taken, and how they are hashed. */
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "service/account/password_pool.h"

#include "cmocka_all.h"

static enum password_fault fault_of(const char *password, const char *email)
{
    return password_check(slice_of(password), email);
}

static void test_password__rules(void **state)
{
    (void)state;
    static const struct {
        const char *password, *email;
        enum password_fault fault;
    } cases[] = {
        {"", "", PASSWORD_TOO_SHORT},
        {"1234567", "", PASSWORD_TOO_SHORT},
        {"\xC3\xA7\xC3\xA7\xC3\xA7\xC3\xA7", "",
         PASSWORD_TOO_SHORT}, /* four letters, eight bytes */
        {"12345678", "", PASSWORD_COMMON},
        {"PassWord1", "", PASSWORD_COMMON},
        {"baseball", "", PASSWORD_COMMON},
        {"correct horse", "", PASSWORD_GOOD},
        {"\xC3\xA7\xC3\xA7\xC3\xA7\xC3\xA7\xC3\xA7\xC3\xA7\xC3\xA7\xC3\xA7", "", PASSWORD_GOOD},
        {"tab\tinside it", "", PASSWORD_HAS_CONTROL},
        {"margaret", "margaret@example.test", PASSWORD_COMMON},
        {"Zbigniew7!", "zbigniew7@example.test", PASSWORD_HAS_NAME},
        {"my zbigniew7@example.test!", "zbigniew7@example.test", PASSWORD_HAS_NAME},
        {"zbigniew7 likes long walks", "zbigniew7@example.test", PASSWORD_GOOD},
        {"wholly unlike it", "zbigniew7@example.test", PASSWORD_GOOD},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        assert_int_equal(fault_of(cases[i].password, cases[i].email), cases[i].fault);
}

static void test_password__a_nul_inside_is_refused(void **state)
{
    (void)state;
    assert_int_equal(password_check((struct slice){"abcdefgh\0ijkl", 13}, ""),
                     PASSWORD_HAS_CONTROL);
}

static void test_password__length_has_a_bound_and_nothing_is_cut(void **state)
{
    (void)state;
    char text[PASSWORD_SIZE_MAX + 1];
    memset(text, 'q', sizeof text);
    assert_int_equal(password_check((struct slice){text, PASSWORD_SIZE_MAX}, ""), PASSWORD_GOOD);
    assert_int_equal(password_check((struct slice){text, sizeof text}, ""), PASSWORD_TOO_LONG);
}

static void test_password__every_common_one_is_found_and_nothing_between(void **state)
{
    (void)state;
    unsigned count = 0;
    for (size_t at = 1; at < common_passwords_size;) {
        const char *end = memchr(common_passwords + at, '\n', common_passwords_size - at);
        assert_non_null(end);
        char word[1024];
        const size_t size = (size_t)(end - common_passwords) - at;
        assert_true(size + 2 < sizeof word);
        memcpy(word, common_passwords + at, size);
        assert_int_equal(password_check((struct slice){word, size}, ""),
                         size <= 64 ? PASSWORD_COMMON : PASSWORD_GOOD);
        memcpy(word + size, "\x7E~", 2);
        assert_int_equal(password_check((struct slice){word, size + 2}, ""), PASSWORD_GOOD);
        at += size + 1;
        count++;
    }
    assert_true(count >= 3000);
    assert_int_equal(fault_of("zzzzzzzzzzzzzzzzzz-", ""), PASSWORD_GOOD);
    assert_int_equal(fault_of("        ", ""), PASSWORD_GOOD);
}

/* ---- the pool ---- */

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;
static unsigned done_count;

static void on_done(struct password_job *job)
{
    (void)job;
    pthread_mutex_lock(&lock);
    done_count++;
    pthread_cond_broadcast(&changed);
    pthread_mutex_unlock(&lock);
}

static struct password_job *job_new(enum password_task task, const char *password, size_t size,
                                    const char *hash)
{
    struct password_job *job = calloc(1, sizeof *job);
    job->task = task;
    job->size = size;
    job->on_done = on_done;
    memcpy(job->password, password, size);
    if (hash) snprintf(job->hash, sizeof job->hash, "%s", hash);
    return job;
}

static struct password_job *run(struct password_pool *pool, struct password_job *job)
{
    pthread_mutex_lock(&lock);
    const unsigned before = done_count;
    assert_true(password_pool_submit(pool, job));
    while (done_count == before) pthread_cond_wait(&changed, &lock);
    pthread_mutex_unlock(&lock);
    assert_false(job->failed);
    for (size_t i = 0; i < sizeof job->password; i++) assert_int_equal(job->password[i], 0);
    return job;
}

static bool is_right(struct password_pool *pool, const char *password, size_t size,
                     const char *hash)
{
    struct password_job *job = run(pool, job_new(PASSWORD_CHECK, password, size, hash));
    const bool right = job->is_right;
    free(job);
    return right;
}

static void test_pool__nothing_of_a_password_is_cut(void **state)
{
    (void)state;
    struct password_pool *pool = NULL;
    char password[PASSWORD_SIZE_MAX];
    static const size_t sizes[] = {64, 73, 128, PASSWORD_SIZE_MAX};
    assert_int_equal(password_pool_open(&pool), OK);
    memset(password, 'x', sizeof password);
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        const size_t size = sizes[i];
        struct password_job *made = run(pool, job_new(PASSWORD_MAKE_HASH, password, size, NULL));
        assert_true(is_right(pool, password, size, made->hash));
        password[size - 1] = 'y';
        assert_false(is_right(pool, password, size, made->hash));
        password[size - 1] = 'x';
        assert_false(is_right(pool, password, size - 1, made->hash));
        free(made);
    }
    password_pool_close(pool);
}

static void test_pool__nobody_s_hash_is_never_right_and_costs_the_same_parameters(void **state)
{
    (void)state;
    struct password_pool *pool = NULL;
    assert_int_equal(password_pool_open(&pool), OK);
    struct password_job *job =
        run(pool, job_new(PASSWORD_CHECK, "whatever it is", 14, password_hash_of_nobody));
    assert_false(job->is_right);
    assert_false(job->is_outdated);
    free(job);
    password_pool_close(pool);
}

static void test_pool__an_older_hash_is_right_and_outdated(void **state)
{
    (void)state;
    struct password_pool *pool = NULL;
    assert_int_equal(password_pool_open(&pool), OK);
    /* "correct horse" with one pass and 8 MiB */
    struct password_job *job =
        run(pool, job_new(PASSWORD_CHECK, "correct horse", 13,
                          "$argon2id$v=19$m=8192,t=1,p=1$NqVn6Q79rttyOD35VWjzYw$hOyu7ccW136rdREC/"
                          "xrWqv+5/AmuaEFCLOFM6+ckfBY"));
    assert_true(job->is_right);
    assert_true(job->is_outdated);
    free(job);
    password_pool_close(pool);
}

static void test_pool__a_queue_that_is_full_refuses_and_closing_gives_back_the_rest(void **state)
{
    (void)state;
    enum { JOBS = PASSWORD_QUEUE_MAX + PASSWORD_THREADS + 10 };
    struct password_pool *pool = NULL;
    struct password_job *jobs[JOBS];
    unsigned taken = 0, failed = 0;
    assert_int_equal(password_pool_open(&pool), OK);
    done_count = 0;
    for (unsigned i = 0; i < JOBS; i++) {
        jobs[i] = job_new(PASSWORD_CHECK, "a", 1, password_hash_of_nobody);
        if (password_pool_submit(pool, jobs[i])) taken++;
    }
    assert_true(taken >= PASSWORD_QUEUE_MAX && taken < JOBS);
    password_pool_close(pool);
    assert_int_equal(done_count, taken);
    for (unsigned i = 0; i < JOBS; i++) {
        failed += jobs[i]->failed;
        free(jobs[i]);
    }
    assert_true(failed > 0 && failed < taken + 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_password__rules),
        cmocka_unit_test(test_password__a_nul_inside_is_refused),
        cmocka_unit_test(test_password__length_has_a_bound_and_nothing_is_cut),
        cmocka_unit_test(test_password__every_common_one_is_found_and_nothing_between),
        cmocka_unit_test(test_pool__nothing_of_a_password_is_cut),
        cmocka_unit_test(test_pool__nobody_s_hash_is_never_right_and_costs_the_same_parameters),
        cmocka_unit_test(test_pool__an_older_hash_is_right_and_outdated),
        cmocka_unit_test(test_pool__a_queue_that_is_full_refuses_and_closing_gives_back_the_rest),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
