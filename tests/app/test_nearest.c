/* Which known name a mistyped one is taken for. */
#include "cmocka_all.h"

#include <string.h>

#include "app/nearest.h"

static const char *const names[] = {"data", "strategy", "set", "json", "help"};

static const char *nearest_of(const char *typed)
{
    struct nearest n;
    nearest_init(&n, typed);
    for (unsigned i = 0; i < sizeof names / sizeof *names; i++) nearest_try(&n, names[i]);
    return n.name ? n.name : "-";
}

static void test_nearest__one_or_two_letters_off_is_found(void **state)
{
    (void)state;
    static const struct {
        const char *typed, *want;
    } rows[] = {
        {"dta", "data"},          {"dataa", "data"},        {"adta", "data"},
        {"stratgey", "strategy"}, {"stratagi", "strategy"}, {"sat", "set"},
        {"JSON", "json"},         {"jsno", "json"},         {"h", "help"},
        {"strat", "strategy"},
    };
    for (unsigned i = 0; i < sizeof rows / sizeof *rows; i++)
        assert_string_equal(nearest_of(rows[i].typed), rows[i].want);
}

static void test_nearest__what_is_far_is_not_guessed(void **state)
{
    (void)state;
    char long_word[200];
    memset(long_word, 'd', sizeof long_word - 1);
    long_word[sizeof long_word - 1] = '\0';
    const char *const far[] = {"x", "", "frobnicate", "no-such", "tada!!", long_word};
    for (unsigned i = 0; i < sizeof far / sizeof *far; i++)
        assert_string_equal(nearest_of(far[i]), "-");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_nearest__one_or_two_letters_off_is_found),
        cmocka_unit_test(test_nearest__what_is_far_is_not_guessed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
