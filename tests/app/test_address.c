/* ADDRESS:PORT, right and wrong. */
#include "cmocka_all.h"

#include <string.h>

#include "app/address.h"

static void test_address__forms_that_people_write_are_read(void **state)
{
    (void)state;
    static const struct {
        const char *text, *host;
        uint16_t port;
    } rows[] = {
        {"127.0.0.1:8000", "127.0.0.1", 8000},
        {"[::1]:0", "::1", 0},
        {"localhost:65535", "127.0.0.1", 65535},
        {"example.org:80", "example.org", 80},
    };
    for (unsigned i = 0; i < sizeof rows / sizeof *rows; i++) {
        char host[ADDRESS_HOST_SIZE];
        uint16_t port = 1;
        assert_int_equal(address_parse(rows[i].text, host, &port), OK);
        assert_string_equal(host, rows[i].host);
        assert_int_equal(port, rows[i].port);
    }
}

static void test_address__wrong_ones_tell_what_is_wanted(void **state)
{
    (void)state;
    static const struct {
        const char *text, *cause;
    } rows[] = {
        {"", "ADDRESS:PORT"},
        {"8000", "ADDRESS:PORT"},
        {":8000", "ADDRESS:PORT"},
        {"127.0.0.1:", "ADDRESS:PORT"},
        {"127.0.0.1:http", "ADDRESS:PORT"},
        {"127.0.0.1:80x", "from 0 to 65535"},
        {"127.0.0.1: 80", "ADDRESS:PORT"},
        {"127.0.0.1:65536", "from 0 to 65535"},
        {"127.0.0.1:-1", "ADDRESS:PORT"},
        {"::1:80", "brackets"},
        {"[]:80", "ADDRESS:PORT"},
        {"1234567890123456789012345678901234567890123456789012345678901234:80", "too long"},
    };
    for (unsigned i = 0; i < sizeof rows / sizeof *rows; i++) {
        char host[ADDRESS_HOST_SIZE];
        uint16_t port;
        assert_int_equal(address_parse(rows[i].text, host, &port), ERR_INVALID);
        if (!strstr(err_text(), rows[i].cause))
            fail_msg("'%s': \"%s\" tells not \"%s\"", rows[i].text, err_text(), rows[i].cause);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_address__forms_that_people_write_are_read),
        cmocka_unit_test(test_address__wrong_ones_tell_what_is_wanted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
