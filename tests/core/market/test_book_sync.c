/* The gap detector: every rule of the procedure at its boundary. */
#include "cmocka_all.h"

#include "base/prng.h"
#include "core/market/book_sync.h"

static struct book_sync live_at(uint64_t id)
{
    struct book_sync s;
    book_sync_init(&s);
    assert_int_equal(book_sync_on_snapshot(&s, id), BOOK_SYNC_APPLY);
    return s;
}

static void test_book_sync__deltas_wait_for_the_snapshot(void **state)
{
    (void)state;
    struct book_sync s;
    book_sync_init(&s);
    assert_int_equal(book_sync_on_delta(&s, 50, 55), BOOK_SYNC_BUFFER);
    assert_int_equal(book_sync_on_delta(&s, 56, 60), BOOK_SYNC_BUFFER);
    assert_int_equal(s.first_id, 50);
    assert_int_equal(book_sync_on_snapshot(&s, 57), BOOK_SYNC_APPLY);
    /* the feed hands its buffer in again */
    assert_int_equal(book_sync_on_delta(&s, 50, 55), BOOK_SYNC_IGNORE);
    assert_int_equal(book_sync_on_delta(&s, 56, 60), BOOK_SYNC_APPLY);
    assert_int_equal(book_sync_on_delta(&s, 61, 61), BOOK_SYNC_APPLY);
    assert_int_equal(s.last_id, 61);
    assert_int_equal(s.lost, 0);
}

static void test_book_sync__snapshot_older_than_the_first_delta_is_fetched_again(void **state)
{
    (void)state;
    static const struct {
        uint64_t snapshot;
        enum book_sync_verdict verdict;
    } cases[] = {
        {48, BOOK_SYNC_RESYNC},
        {49, BOOK_SYNC_RESYNC}, /* strictly less than the first U: the rule as written */
        {50, BOOK_SYNC_APPLY},
        {99, BOOK_SYNC_APPLY},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct book_sync s;
        book_sync_init(&s);
        book_sync_on_delta(&s, 50, 55);
        assert_int_equal(book_sync_on_snapshot(&s, cases[i].snapshot), cases[i].verdict);
        if (cases[i].verdict == BOOK_SYNC_APPLY) continue;
        /* the buffer is kept: a younger snapshot makes it whole */
        assert_int_equal(s.state, BOOK_SYNC_WAITING);
        assert_int_equal(book_sync_on_snapshot(&s, 52), BOOK_SYNC_APPLY);
        assert_int_equal(book_sync_on_delta(&s, 50, 55), BOOK_SYNC_APPLY);
    }
}

static void test_book_sync__live_deltas_are_judged_at_each_boundary(void **state)
{
    (void)state;
    static const struct {
        uint64_t first, last;
        enum book_sync_verdict verdict;
    } cases[] = {
        {90, 99, BOOK_SYNC_IGNORE},   {95, 100, BOOK_SYNC_IGNORE},
        {100, 100, BOOK_SYNC_IGNORE}, {95, 101, BOOK_SYNC_APPLY},
        {100, 105, BOOK_SYNC_APPLY},  {101, 101, BOOK_SYNC_APPLY},
        {101, 140, BOOK_SYNC_APPLY},  {102, 102, BOOK_SYNC_RESYNC},
        {102, 140, BOOK_SYNC_RESYNC}, {101, 100, BOOK_SYNC_RESYNC},
        {60, 59, BOOK_SYNC_RESYNC},   {0, 0, BOOK_SYNC_IGNORE},
        {0, 101, BOOK_SYNC_APPLY},    {UINT64_MAX, UINT64_MAX, BOOK_SYNC_RESYNC},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct book_sync s = live_at(100);
        const enum book_sync_verdict verdict =
            book_sync_on_delta(&s, cases[i].first, cases[i].last);
        assert_int_equal(verdict, cases[i].verdict);
        assert_int_equal(s.lost, verdict == BOOK_SYNC_RESYNC);
        assert_int_equal(s.state, verdict == BOOK_SYNC_RESYNC ? BOOK_SYNC_WAITING : BOOK_SYNC_LIVE);
        if (verdict == BOOK_SYNC_APPLY) assert_int_equal(s.last_id, cases[i].last);
        if (verdict == BOOK_SYNC_IGNORE) assert_int_equal(s.last_id, 100);
    }
}

static void test_book_sync__the_delta_behind_a_gap_is_the_first_of_the_new_buffer(void **state)
{
    (void)state;
    struct book_sync s = live_at(100);
    assert_int_equal(book_sync_on_delta(&s, 110, 115), BOOK_SYNC_RESYNC);
    assert_int_equal(book_sync_on_delta(&s, 116, 120), BOOK_SYNC_BUFFER);
    assert_int_equal(book_sync_on_snapshot(&s, 109), BOOK_SYNC_RESYNC);
    assert_int_equal(book_sync_on_snapshot(&s, 112), BOOK_SYNC_APPLY);
    assert_int_equal(book_sync_on_delta(&s, 110, 115), BOOK_SYNC_APPLY);
    assert_int_equal(book_sync_on_delta(&s, 116, 120), BOOK_SYNC_APPLY);
}

static void test_book_sync__snapshot_before_any_delta_is_good(void **state)
{
    (void)state;
    struct book_sync s = live_at(100);
    assert_int_equal(book_sync_on_snapshot(&s, 200), BOOK_SYNC_IGNORE);
    assert_int_equal(s.last_id, 100);
    assert_int_equal(book_sync_on_delta(&s, 101, 102), BOOK_SYNC_APPLY);
}

static void test_book_sync__restart_forgets_the_buffer_and_keeps_the_count(void **state)
{
    (void)state;
    struct book_sync s = live_at(100);
    book_sync_on_delta(&s, 200, 201);
    book_sync_restart(&s);
    assert_int_equal(s.lost, 1);
    assert_int_equal(book_sync_on_snapshot(&s, 7), BOOK_SYNC_APPLY);
}

/* A venue's ids are cut into deltas; some are lost, some come twice. The book that follows the
 * verdicts must hold exactly the ids 1..last_id, checked by counting. */
static void test_book_sync__applied_ids_are_complete_whatever_is_lost(void **state)
{
    (void)state;
    struct prng p;
    struct book_sync s;
    prng_init(&p, 11);
    book_sync_init(&s);
    uint64_t next = 1, complete_to = 0, applied = 0, resyncs = 0;
    struct {
        uint64_t first, last;
    } buffered[64];
    unsigned count = 0;

    for (unsigned i = 0; i < 20000; i++) {
        uint64_t first = next, last = next + prng_below(&p, 5);
        if (prng_below(&p, 40) == 0 && first > 20)
            first -= 9, last -= 9; /* seen before */
        else
            next = last + 1;
        if (prng_below(&p, 50) == 0) continue; /* lost */

        const enum book_sync_verdict verdict = book_sync_on_delta(&s, first, last);
        if (verdict == BOOK_SYNC_RESYNC) count = 0, resyncs++;
        if (verdict == BOOK_SYNC_APPLY) {
            assert_true(first <= complete_to + 1 && last > complete_to);
            complete_to = last;
            applied++;
        }
        if (verdict != BOOK_SYNC_BUFFER && verdict != BOOK_SYNC_RESYNC) continue;
        buffered[count].first = first;
        buffered[count++].last = last;
        if (count < 4 && prng_below(&p, 3)) continue;

        const uint64_t snapshot = next - 1 - prng_below(&p, next < 12 ? next : 12);
        if (book_sync_on_snapshot(&s, snapshot) != BOOK_SYNC_APPLY) {
            if (count > 60) count = 0, book_sync_restart(&s);
            continue;
        }
        complete_to = snapshot;
        for (unsigned k = 0; k < count; k++) {
            const enum book_sync_verdict again =
                book_sync_on_delta(&s, buffered[k].first, buffered[k].last);
            if (again == BOOK_SYNC_RESYNC) {
                resyncs++;
                book_sync_restart(&s);
                break;
            }
            assert_int_equal(again,
                             buffered[k].last <= complete_to ? BOOK_SYNC_IGNORE : BOOK_SYNC_APPLY);
            if (again == BOOK_SYNC_APPLY) complete_to = buffered[k].last;
        }
        count = 0;
    }
    assert_true(applied > 5000);
    assert_true(resyncs > 100);
    assert_int_equal(resyncs, s.lost);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_book_sync__deltas_wait_for_the_snapshot),
        cmocka_unit_test(test_book_sync__snapshot_older_than_the_first_delta_is_fetched_again),
        cmocka_unit_test(test_book_sync__live_deltas_are_judged_at_each_boundary),
        cmocka_unit_test(test_book_sync__the_delta_behind_a_gap_is_the_first_of_the_new_buffer),
        cmocka_unit_test(test_book_sync__snapshot_before_any_delta_is_good),
        cmocka_unit_test(test_book_sync__restart_forgets_the_buffer_and_keeps_the_count),
        cmocka_unit_test(test_book_sync__applied_ids_are_complete_whatever_is_lost),
    };
    return cmocka_run_group_tests_name("book_sync", tests, NULL, NULL);
}
