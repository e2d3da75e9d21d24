/* What web threads count: each for itself, told of all. */
#include "cmocka_all.h"

#include <uv.h>

#include "service/api/tally.h"

enum { THREADS = 4, ANSWERS = 200000 };

static struct tallies tallies;

static void count(void *user)
{
    struct tally *own = user;
    for (unsigned i = 0; i < ANSWERS; i++) {
        tally_add(&own->answers[2 + i % 4]);
        tally_add(&own->limited[LIMIT_LOGIN]);
        tally_set(own, TALLY_CONNECTIONS, i);
    }
}

static void test_tally__threads_that_count_at_once_lose_nothing(void **state)
{
    (void)state;
    uv_thread_t threads[THREADS];
    uint64_t last = 0, all = 0;
    tallies = (struct tallies){.count = THREADS};
    for (unsigned i = 0; i < THREADS; i++)
        assert_int_equal(uv_thread_create(&threads[i], count, &tallies.items[i]), 0);
    while (last < (uint64_t)THREADS * ANSWERS) {
        const uint64_t seen = tallies_limited(&tallies, LIMIT_LOGIN);
        assert_true(seen >= last);
        last = seen;
    }
    for (unsigned i = 0; i < THREADS; i++) assert_int_equal(uv_thread_join(&threads[i]), 0);
    for (unsigned digit = 2; digit <= 5; digit++) all += tallies_answers(&tallies, digit);
    assert_int_equal(all, THREADS * ANSWERS);
    for (unsigned i = 0; i < THREADS; i++)
        assert_int_equal(tally_requests(&tallies.items[i]), ANSWERS);
    assert_int_equal(tallies_sum(&tallies, TALLY_CONNECTIONS), THREADS * (ANSWERS - 1));
}

static void test_tally__sums_and_the_most_are_of_the_threads_there_are(void **state)
{
    (void)state;
    tallies = (struct tallies){.count = 2};
    tally_set(&tallies.items[0], TALLY_LONGEST_MS, 7);
    tally_set(&tallies.items[1], TALLY_LONGEST_MS, 30);
    tally_set(&tallies.items[2], TALLY_LONGEST_MS, 99); /* not one of them */
    assert_int_equal(tallies_most(&tallies, TALLY_LONGEST_MS), 30);
    assert_int_equal(tallies_sum(&tallies, TALLY_LONGEST_MS), 37);
    assert_int_equal(tallies_answers(&tallies, 2), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_tally__threads_that_count_at_once_lose_nothing),
        cmocka_unit_test(test_tally__sums_and_the_most_are_of_the_threads_there_are),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
