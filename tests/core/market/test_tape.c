/* The tape: newest first, oldest forgotten, repeats refused. */
#include "cmocka_all.h"

#include "core/market/tape.h"

static void test_tape__reads_newest_first_and_forgets_the_oldest(void **state)
{
    (void)state;
    for (uint32_t capacity = 1; capacity <= 5; capacity++) {
        struct arena arena;
        struct tape tape;
        assert_int_equal(arena_init(&arena, tape_need(capacity)), OK);
        tape_init(&tape, &arena, capacity);
        assert_null(tape_at(&tape, 0));
        for (uint64_t id = 1; id <= 17; id++) {
            assert_true(tape_add(&tape, &(struct print){.id = id, .price = {100}}));
            const uint32_t count = id < capacity ? (uint32_t)id : capacity;
            for (uint32_t age = 0; age < count; age++)
                assert_int_equal(tape_at(&tape, age)->id, id - age);
            assert_null(tape_at(&tape, count));
            assert_null(tape_at(&tape, UINT32_MAX));
        }
        arena_deinit(&arena);
    }
}

static void test_tape__repeated_ids_are_refused_and_counted(void **state)
{
    (void)state;
    struct arena arena;
    struct tape tape;
    assert_int_equal(arena_init(&arena, tape_need(8)), OK);
    tape_init(&tape, &arena, 8);
    static const struct {
        uint64_t id;
        bool taken;
    } cases[] = {{5, true}, {5, false}, {4, false}, {6, true}, {100, true}, {99, false}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        assert_int_equal(tape_add(&tape, &(struct print){.id = cases[i].id}), cases[i].taken);
    assert_int_equal(tape.repeated, 3);
    assert_int_equal(tape.count, 3);
    arena_deinit(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_tape__reads_newest_first_and_forgets_the_oldest),
        cmocka_unit_test(test_tape__repeated_ids_are_refused_and_counted),
    };
    return cmocka_run_group_tests_name("tape", tests, NULL, NULL);
}
