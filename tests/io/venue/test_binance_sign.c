/* Signatures against the reference's vectors. */
#include "cmocka_all.h"

#include <stdio.h>
#include <string.h>

#include "io/venue/binance/binance_sign.h"

#define PAYLOAD_A                                                                                  \
    "symbol=BTCUSDT&side=BUY&type=LIMIT&timeInForce=GTC&quantity=0.01000&price=60000.00"           \
    "&recvWindow=5000&timestamp=1700000000000"
#define HMAC_A "87f54e81c762f850cffb675789ec46d1a55396d5ef9fc7e037d0b55fd760c8d1"
#define HMAC_B "4dd5052b31749148438ccba2ea2a2b9041cbe4eb4ee7509e1c7c576904020259"
#define HMAC_C "687f8d8d1e5892f84c46e2990328efac19274db157365a04594bf5a2442bef7c"
#define ED25519_A                                                                                  \
    "r8IyD+7TPMKRdo/vpCJALtKDAyPCqde2XRAtTJDUai/7ADH8NYe9zSpdoAAQtmi+EdSm91e2Aj3Yt3dMYEkgAA=="
#define ED25519_C                                                                                  \
    "x4Kv666G53Uh8EVq/psfXHYyBbHs/78LU5lnKgxU/Wo8zygom1eU0IvdX5Z4gHk7p7mlPjj2NtEUJl3p8OnZCw=="

static void hmac_key(struct binance_key *k)
{
    assert_int_equal(
        binance_key_init_hmac(k, SLICE("tradebot-test-key"), SLICE("tradebot-test-secret")), OK);
}

static void ed25519_key(struct binance_key *k)
{
    unsigned char seed[BINANCE_ED25519_SEED_SIZE];
    for (unsigned i = 0; i < sizeof seed; i++) seed[i] = (unsigned char)i;
    assert_int_equal(binance_key_init_ed25519(k, SLICE("tradebot-test-key"), seed), OK);
}

static void test_sign__hmac_equals_the_vectors_again_and_again(void **state)
{
    (void)state;
    struct binance_key k;
    char out[BINANCE_SIGNATURE_SIZE];
    hmac_key(&k);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(binance_sign(&k, SLICE(PAYLOAD_A), out), OK);
        assert_string_equal(out, HMAC_A);
        assert_int_equal(
            binance_sign(&k, SLICE("apiKey=tradebot-test-key&timestamp=1700000000000"), out), OK);
        assert_string_equal(out, HMAC_C);
    }
    /* query and body joined without a separator */
    assert_int_equal(binance_sign(&k,
                                  SLICE("symbol=BTCUSDT&side=BUY&type=LIMITtimeInForce=GTC"
                                        "&quantity=0.01000&price=60000.00&recvWindow=5000"
                                        "&timestamp=1700000000000"),
                                  out),
                     OK);
    assert_string_equal(out, "ade1a3b5bd4c6afab6f1eef142d4b888190e8f25260be458629031613deaa59b");
    binance_key_deinit(&k);
}

static void test_sign__ed25519_equals_the_vectors(void **state)
{
    (void)state;
    struct binance_key k;
    char out[BINANCE_SIGNATURE_SIZE];
    ed25519_key(&k);
    assert_int_equal(binance_sign(&k, SLICE(PAYLOAD_A), out), OK);
    assert_string_equal(out, ED25519_A);
    assert_int_equal(
        binance_sign(&k, SLICE("apiKey=tradebot-test-key&timestamp=1700000000000"), out), OK);
    assert_string_equal(out, ED25519_C);
    binance_key_deinit(&k);
}

static void test_sign__query_is_finished_with_time_and_signature(void **state)
{
    (void)state;
    struct binance_key k;
    struct buffer out = {0};
    hmac_key(&k);
    buffer_append_text(&out, "/api/v3/order?");
    const size_t from = out.size;
    buffer_append_text(&out, "symbol=BTCUSDT&side=BUY&type=LIMIT&timeInForce=GTC"
                             "&quantity=0.01000&price=60000.00");
    assert_int_equal(binance_sign_query(&k, &out, from, INT64_C(1700000000000)), OK);
    assert_true(slice_is(buffer_slice(&out), "/api/v3/order?" PAYLOAD_A "&signature=" HMAC_A));
    binance_key_deinit(&k);

    ed25519_key(&k);
    buffer_clear(&out);
    buffer_append_text(&out, "symbol=BTCUSDT&side=BUY&type=LIMIT&timeInForce=GTC"
                             "&quantity=0.01000&price=60000.00");
    assert_int_equal(binance_sign_query(&k, &out, 0, INT64_C(1700000000000)), OK);
    assert_true(slice_is(buffer_slice(&out),
                         PAYLOAD_A "&signature=r8IyD%2B7TPMKRdo%2FvpCJALtKDAyPCqde2XRAtTJDUai%2F7"
                                   "ADH8NYe9zSpdoAAQtmi%2BEdSm91e2Aj3Yt3dMYEkgAA%3D%3D"));
    binance_key_deinit(&k);
    buffer_deinit(&out);
}

static void test_sign__parameters_are_sorted_before_they_are_signed(void **state)
{
    (void)state;
    struct binance_key k;
    struct buffer out = {0};
    const struct binance_parameter parameters[] = {
        {"symbol", SLICE("BTCUSDT"), false},   {"side", SLICE("BUY"), false},
        {"type", SLICE("LIMIT"), false},       {"timeInForce", SLICE("GTC"), false},
        {"quantity", SLICE("0.01000"), false}, {"price", SLICE("60000.00"), false},
        {"recvWindow", SLICE("5000"), true},
    };
    hmac_key(&k);
    assert_int_equal(binance_sign_parameters(&k, &out, parameters, 7, INT64_C(1700000000000)), OK);
    assert_true(slice_is(
        buffer_slice(&out),
        "{\"apiKey\":\"tradebot-test-key\",\"price\":\"60000.00\",\"quantity\":\"0.01000\","
        "\"recvWindow\":5000,\"side\":\"BUY\",\"symbol\":\"BTCUSDT\",\"timeInForce\":\"GTC\","
        "\"timestamp\":1700000000000,\"type\":\"LIMIT\",\"signature\":\"" HMAC_B "\"}"));
    const struct binance_parameter hostile = {"symbol", SLICE("A\"B"), false};
    assert_int_equal(binance_sign_parameters(&k, &out, &hostile, 1, 1), ERR_INVALID);
    binance_key_deinit(&k);
    buffer_deinit(&out);
}

static void test_sign__bad_keys_are_refused_and_nothing_is_left(void **state)
{
    (void)state;
    struct binance_key k, zero;
    char long_key[200];
    memset(long_key, 'a', sizeof long_key);
    memset(&zero, 0, sizeof zero);
    assert_int_equal(binance_key_init_hmac(&k, SLICE(""), SLICE("s")), ERR_INVALID);
    assert_int_equal(binance_key_init_hmac(&k, SLICE("a\r\nX: y"), SLICE("s")), ERR_INVALID);
    assert_int_equal(binance_key_init_hmac(&k, SLICE("key"), SLICE("")), ERR_INVALID);
    assert_int_equal(binance_key_init_hmac(&k, (struct slice){long_key, sizeof long_key},
                                           SLICE("s")),
                     ERR_INVALID);
    assert_null(strstr(err_text(), "aaaa"));
    ed25519_key(&k);
    binance_key_deinit(&k);
    assert_memory_equal(&k, &zero, sizeof k);
    hmac_key(&k);
    binance_key_deinit(&k);
    assert_memory_equal(&k, &zero, sizeof k);
}

#define PEM_ED25519                                                                                \
    "-----BEGIN PRIVATE KEY-----\n"                                                                \
    "MC4CAQAwBQYDK2VwBCIEIAABAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZGhscHR4f\n"                           \
    "-----END PRIVATE KEY-----\n"
#define PEM_OF_A_CURVE                                                                             \
    "-----BEGIN PRIVATE KEY-----\n"                                                                \
    "MC4CAQAwBQYDK2VuBCIEIAABAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZGhscHR4f\n"                           \
    "-----END PRIVATE KEY-----\n"

static void test_sign__a_secret_tells_by_itself_what_kind_it_is(void **state)
{
    (void)state;
    struct binance_key k;
    char by_pem[BINANCE_SIGNATURE_SIZE], by_seed[BINANCE_SIGNATURE_SIZE];
    assert_int_equal(binance_key_init(&k, SLICE("tradebot-test-key"), SLICE(PEM_ED25519)), OK);
    assert_int_equal(k.kind, BINANCE_KEY_ED25519);
    assert_int_equal(binance_sign(&k, SLICE("a=1"), by_pem), OK);
    binance_key_deinit(&k);
    ed25519_key(&k);
    assert_int_equal(binance_sign(&k, SLICE("a=1"), by_seed), OK);
    binance_key_deinit(&k);
    assert_string_equal(by_pem, by_seed);

    assert_int_equal(binance_key_init(&k, SLICE("key"), SLICE("secret")), OK);
    assert_int_equal(k.kind, BINANCE_KEY_HMAC);
    binance_key_deinit(&k);
    assert_int_equal(binance_key_init(&k, SLICE("key"), SLICE(PEM_OF_A_CURVE)), ERR_UNSUPPORTED);
    assert_int_equal(binance_key_init(&k, SLICE("key"), SLICE("-----BEGIN PRIVATE KEY-----\nMC4C")),
                     ERR_INVALID);
    assert_null(strstr(err_text(), "MC4C"));
    assert_int_equal(binance_key_init(&k, SLICE("key"), SLICE("")), ERR_INVALID);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sign__hmac_equals_the_vectors_again_and_again),
        cmocka_unit_test(test_sign__ed25519_equals_the_vectors),
        cmocka_unit_test(test_sign__query_is_finished_with_time_and_signature),
        cmocka_unit_test(test_sign__parameters_are_sorted_before_they_are_signed),
        cmocka_unit_test(test_sign__bad_keys_are_refused_and_nothing_is_left),
        cmocka_unit_test(test_sign__a_secret_tells_by_itself_what_kind_it_is),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
