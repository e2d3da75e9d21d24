/* The tools of base/: what the rest of the house takes for granted. */
#include "cmocka_all.h"

#include <pthread.h>
#include <stdlib.h>

#include "base/arena.h"
#include "base/buffer.h"
#include "base/err.h"
#include "base/hash.h"
#include "base/prng.h"
#include "base/ring.h"

static void test_err__each_caller_adds_to_the_trace(void **state)
{
    (void)state;
    assert_int_equal(err_set(ERR_IO, "refused"), ERR_IO);
    assert_int_equal(err_note(ERR_IO, "while connecting to %s", "a"), ERR_IO);
    assert_string_equal(err_text(), "refused; while connecting to a");
    assert_int_equal(err_set(ERR_PARSE, "again: %s", err_text()), ERR_PARSE);
    assert_string_equal(err_text(), "again: refused; while connecting to a");
}

static void test_err__long_trace_is_cut_not_overrun(void **state)
{
    (void)state;
    (void)err_set(ERR_IO, "start");
    for (int i = 0; i < 200; i++) (void)err_note(ERR_IO, "while doing the thing number %d", i);
    assert_true(strlen(err_text()) < ERR_TEXT_SIZE);
}

static void test_buffer__numbers_and_text(void **state)
{
    (void)state;
    struct buffer b = {0};
    buffer_append_text(&b, "a=");
    buffer_append_i64(&b, INT64_MIN);
    buffer_append_char(&b, ' ');
    buffer_append_u64(&b, UINT64_MAX);
    buffer_printf(&b, " %05d", 42);
    buffer_append_char(&b, '\0');
    assert_string_equal(b.data, "a=-9223372036854775808 18446744073709551615 00042");
    buffer_consume(&b, 2);
    assert_memory_equal(b.data, "-92", 3);
    buffer_deinit(&b);
}

static void test_buffer__limit_fails_for_good_until_cleared(void **state)
{
    (void)state;
    struct buffer b = {.limit = 8};
    buffer_append(&b, "12345678", 8);
    assert_false(b.failed);
    buffer_append_char(&b, '9');
    assert_true(b.failed);
    assert_int_equal(b.size, 8);
    buffer_clear(&b);
    assert_false(b.failed);
    buffer_deinit(&b);
}

static void test_arena__pieces_are_zeroed_and_aligned(void **state)
{
    (void)state;
    struct arena a;
    assert_int_equal(arena_init(&a, arena_need(3, 5) + arena_need(1, 100)), OK);
    unsigned char *first = arena_take(&a, 3, 5), *second = arena_take(&a, 1, 100);
    assert_int_equal((uintptr_t)first % 64, 0);
    assert_int_equal((uintptr_t)second % 64, 0);
    for (int i = 0; i < 100; i++) assert_int_equal(second[i], 0);
    assert_int_equal(a.used, a.size);
    arena_deinit(&a);
}

static void test_hash__same_everywhere(void **state)
{
    (void)state;
    /* Journals keep these values across releases and machines: they must never change. */
    assert_true(hash_u64(HASH_SEED, 1) == UINT64_C(0xe99ff867dbf682c9));
    assert_true(hash_bytes(HASH_SEED, "ab", 2) == UINT64_C(0x74e8f760d4fa7527));
    assert_true(hash_bytes(HASH_SEED, "ab", 2) != hash_bytes(HASH_SEED, "ba", 2));
    assert_true(hash_bytes(hash_bytes(0, "a", 1), "b", 1) != hash_bytes(0, "ab", 2));
    assert_true(hash_bytes(0, "", 0) != 0);
}

static void test_prng__same_seed_same_numbers_and_even_spread(void **state)
{
    (void)state;
    struct prng a, b;
    prng_init(&a, 7);
    prng_init(&b, 7);
    unsigned seen[10] = {0};
    for (int i = 0; i < 100000; i++) {
        assert_true(prng_next(&a) == prng_next(&b));
        const double unit = prng_unit(&a);
        prng_unit(&b);
        assert_true(unit >= 0 && unit < 1);
        seen[prng_below(&a, 10)]++;
        prng_below(&b, 10);
    }
    for (int i = 0; i < 10; i++) assert_in_range(seen[i], 9500, 10500);
}

static void test_ring__full_refuses_and_order_holds(void **state)
{
    (void)state;
    struct ring r;
    int item;
    assert_int_equal(ring_init(&r, sizeof item, 2), OK);
    for (int lap = 0; lap < 5; lap++) {
        for (int i = 0; i < 2; i++) assert_true(ring_push(&r, &i));
        item = 9;
        assert_false(ring_push(&r, &item));
        for (int i = 0; i < 2; i++) {
            assert_true(ring_pop(&r, &item));
            assert_int_equal(item, i);
        }
        assert_false(ring_pop(&r, &item));
    }
    ring_deinit(&r);
}

enum { CROSSINGS = 200000 };

static void *ring_producer(void *arg)
{
    struct ring *r = arg;
    for (uint64_t i = 0; i < CROSSINGS;)
        if (ring_push(r, &i)) i++;
    return NULL;
}

static void test_ring__nothing_lost_between_two_threads(void **state)
{
    (void)state;
    struct ring r;
    pthread_t producer;
    assert_int_equal(ring_init(&r, sizeof(uint64_t), 64), OK);
    assert_int_equal(pthread_create(&producer, NULL, ring_producer, &r), 0);
    for (uint64_t expected = 0, item; expected < CROSSINGS;)
        if (ring_pop(&r, &item)) assert_true(item == expected++);
    pthread_join(producer, NULL);
    ring_deinit(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_err__each_caller_adds_to_the_trace),
        cmocka_unit_test(test_err__long_trace_is_cut_not_overrun),
        cmocka_unit_test(test_buffer__numbers_and_text),
        cmocka_unit_test(test_buffer__limit_fails_for_good_until_cleared),
        cmocka_unit_test(test_arena__pieces_are_zeroed_and_aligned),
        cmocka_unit_test(test_hash__same_everywhere),
        cmocka_unit_test(test_prng__same_seed_same_numbers_and_even_spread),
        cmocka_unit_test(test_ring__full_refuses_and_order_holds),
        cmocka_unit_test(test_ring__nothing_lost_between_two_threads),
    };
    return cmocka_run_group_tests_name("base", tests, NULL, NULL);
}
