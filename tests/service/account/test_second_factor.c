/* Tokens, codes by time, recovery codes. */
#include <string.h>

#include <sodium.h>

#include "service/account/token.h"
#include "service/account/totp.h"

#include "cmocka_all.h"

static const uint8_t rfc_secret[TOTP_SECRET_SIZE] = "12345678901234567890";

static bool check(const char *text, int64_t now_s, uint64_t last_step, uint64_t *step)
{
    return totp_check(rfc_secret, slice_of(text), now_s, last_step, step);
}

static void test_totp__codes_are_those_of_rfc_6238(void **state)
{
    (void)state;
    static const struct {
        uint64_t time_s;
        uint32_t code; /* the RFC shows eight digits; these are the last six */
    } cases[] = {
        {59, 287082},       {1111111109, 81804},  {1111111111, 50471},
        {1234567890, 5924}, {2000000000, 279037}, {20000000000, 353130},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        assert_int_equal(totp_code(rfc_secret, cases[i].time_s / TOTP_STEP_S), cases[i].code);
}

static void test_totp__a_code_is_good_one_step_early_and_late_and_no_longer(void **state)
{
    (void)state;
    uint64_t step = 0;
    const int64_t begin_s = 1111111110; /* of the step whose code is 050471 */
    assert_false(check("050471", begin_s - 31, 0, &step));
    assert_true(check("050471", begin_s - 30, 0, &step));
    assert_true(check("050471", begin_s, 0, &step));
    assert_int_equal(step, begin_s / 30);
    assert_true(check("050471", begin_s + 59, 0, &step));
    assert_false(check("050471", begin_s + 60, 0, &step));
}

static void test_totp__a_step_is_used_once_and_an_earlier_one_not_after_it(void **state)
{
    (void)state;
    uint64_t step = 0;
    const int64_t now_s = 1111111110;
    assert_true(check("050471", now_s, 0, &step));
    assert_false(check("050471", now_s, step, &step));
    assert_false(check("081804", now_s, step, &step)); /* the step before, still in its window */
}

static void test_totp__what_is_no_code_is_refused(void **state)
{
    (void)state;
    static const char *const texts[] = {"",        "50471",  "0050471", "05047a",
                                        " 050471", "-50471", "+50471",  "050471\n"};
    uint64_t step = 0;
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        assert_false(check(texts[i], 1111111111, 0, &step));
    assert_false(check("050471", -5, 0, &step));
}

static void test_totp__the_address_is_one_that_authenticators_read(void **state)
{
    (void)state;
    char text[256];
    assert_true(totp_address(rfc_secret, "a+b@example.test", text, sizeof text));
    assert_string_equal(text, "otpauth://totp/TradeBot:a%2Bb@example.test?secret="
                              "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ&issuer=TradeBot");
    for (size_t size = 1; size <= strlen(text); size++) {
        char small[256];
        assert_false(totp_address(rfc_secret, "a+b@example.test", small, size));
    }
}

static void test_recovery__a_code_is_read_as_people_type_it(void **state)
{
    (void)state;
    assert_true(sodium_init() >= 0);
    for (int i = 0; i < 100; i++) {
        char code[RECOVERY_CODE_SIZE], typed[64];
        struct token_hash made, read;
        size_t size = 0;
        recovery_code_new(code, &made);
        assert_int_equal(strlen(code), RECOVERY_CODE_SIZE - 1);
        for (const char *at = code; *at; at++)
            if (*at != '-') {
                typed[size] = *at >= 'a' && size % 2 ? (char)(*at - 32) : *at;
                size++;
                if (size % 5 == 0) typed[size++] = ' ';
            }
        assert_true(recovery_code_read((struct slice){typed, size}, &read));
        assert_true(token_hash_equal(&made, &read));
    }
}

static void test_recovery__what_is_no_code_is_refused(void **state)
{
    (void)state;
    struct token_hash hash;
    static const char *const texts[] = {"", "0000-0000-0000-000", "0000-0000-0000-00000",
                                        "0000-0000-0000-000u", "0000-0000-0000-000\n"};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        assert_false(recovery_code_read(slice_of(texts[i]), &hash));
    assert_true(recovery_code_read(SLICE("0000-0000-0000-0000"), &hash));
}

static void test_token__kinds_are_told_apart_and_read_back(void **state)
{
    (void)state;
    assert_true(sodium_init() >= 0);
    for (enum token_kind kind = 0; kind < TOKEN_KIND_COUNT; kind++) {
        char text[TOKEN_TEXT_SIZE];
        struct token_hash made, read;
        enum token_kind read_kind;
        token_new(kind, text, &made);
        assert_int_equal(strlen(text), TOKEN_TEXT_SIZE - 1);
        assert_true(token_read(slice_of(text), &read_kind, &read));
        assert_int_equal(read_kind, kind);
        assert_true(token_hash_equal(&made, &read));
    }
}

static void test_token__any_other_text_is_no_token_or_another_one(void **state)
{
    (void)state;
    char text[TOKEN_TEXT_SIZE];
    struct token_hash made, read;
    enum token_kind kind;
    token_new(TOKEN_SESSION, text, &made);
    for (size_t size = 0; size < TOKEN_TEXT_SIZE - 1; size++)
        assert_false(token_read((struct slice){text, size}, &kind, &read));
    for (size_t i = 0; i < TOKEN_TEXT_SIZE - 1; i++) {
        text[i] ^= 1;
        assert_false(token_read(slice_of(text), &kind, &read) && token_hash_equal(&made, &read));
        text[i] ^= 1;
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_totp__codes_are_those_of_rfc_6238),
        cmocka_unit_test(test_totp__a_code_is_good_one_step_early_and_late_and_no_longer),
        cmocka_unit_test(test_totp__a_step_is_used_once_and_an_earlier_one_not_after_it),
        cmocka_unit_test(test_totp__what_is_no_code_is_refused),
        cmocka_unit_test(test_totp__the_address_is_one_that_authenticators_read),
        cmocka_unit_test(test_recovery__a_code_is_read_as_people_type_it),
        cmocka_unit_test(test_recovery__what_is_no_code_is_refused),
        cmocka_unit_test(test_token__kinds_are_told_apart_and_read_back),
        cmocka_unit_test(test_token__any_other_text_is_no_token_or_another_one),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
