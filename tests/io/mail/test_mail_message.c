/* Addresses of mail servers, and letters as they go over the wire. */
#include <stdlib.h>
#include <string.h>

#include "io/mail/mail_message.h"
#include "service/account/reset_mail.h"

#include "cmocka_all.h"

static void test_server__addresses(void **state)
{
    (void)state;
    static const struct {
        const char *text, *url, *user, *password, *from, *ca;
        bool needs_tls;
    } cases[] = {
        {"smtps://a%40b.co:p%3A%2F%40x@mail.example.com", "smtps://mail.example.com:465", "a@b.co",
         "p:/@x", "a@b.co", "", true},
        {"smtp://u:p@mail.example.com:2525?from=bot@b.co", "smtp://mail.example.com:2525", "u", "p",
         "bot@b.co", "", true},
        {"smtp://mail.example.com?from=bot%40b.co", "smtp://mail.example.com:587", "", "",
         "bot@b.co", "", true},
        {"smtp://127.0.0.1:25?from=a@b", "smtp://127.0.0.1:25", "", "", "a@b", "", false},
        {"smtp://[::1]:25?from=a@b", "smtp://[::1]:25", "", "", "a@b", "", false},
        {"smtp://localhost:25/?from=a@b", "smtp://localhost:25", "", "", "a@b", "", false},
        {"smtp://127.0.0.1:25?from=a@b&ca=/etc/ca.pem", "smtp://127.0.0.1:25", "", "", "a@b",
         "/etc/ca.pem", true},
        {"smtps://127.0.0.1?from=a@b", "smtps://127.0.0.1:465", "", "", "a@b", "", true},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct mail_server s;
        if (mail_server_parse(cases[i].text, &s) != OK)
            fail_msg("%s: %s", cases[i].text, err_text());
        assert_string_equal(s.url, cases[i].url);
        assert_string_equal(s.user, cases[i].user);
        assert_string_equal(s.password, cases[i].password);
        assert_string_equal(s.from, cases[i].from);
        assert_string_equal(s.ca_path, cases[i].ca);
        assert_int_equal(s.needs_tls, cases[i].needs_tls);
    }
}

static void test_server__wrong_addresses_name_their_cause_and_no_password(void **state)
{
    (void)state;
    static const struct {
        const char *text, *cause;
    } cases[] = {
        {"", "smtp[s]://user:password@host:port"},
        {"mail.example.com?from=a@b", "smtp[s]://"},
        {"http://secret:secret@h?from=a@b", "must begin with smtp"},
        {"smtp://u:secret@", "smtp[s]://"},
        {"smtp://u:secret@h:99999?from=a@b", "smtp[s]://"},
        {"smtp://u:secret@h", "names no sender"},
        {"smtp://:secret@h?from=a@b", "password needs a user"},
        {"smtp://u:secret@h?from=nobody", "from=nobody is no address"},
        {"smtp://u:secret@h?from=a@b%0D%0ARCPT", "from= is empty, too long, or no text"},
        {"smtp://u:sec%0Aret@h?from=a@b", "password is too long, or no text"},
        {"smtp://u:secret@h?from=a@b&to=x", "not 'to'"},
        {"smtp://u:secret@h?from=", "from= is empty"},
        {"smtp://u:secret@h/path?from=a@b", "nothing but ?"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        static const struct mail_server blank;
        struct mail_server s;
        if (mail_server_parse(cases[i].text, &s) != ERR_INVALID) fail_msg("%s", cases[i].text);
        if (!strstr(err_text(), cases[i].cause)) fail_msg("%s: %s", cases[i].text, err_text());
        assert_null(strstr(err_text(), "secret"));
        assert_memory_equal(&s, &blank, sizeof s);
    }
}

static char *write_mail(const struct mail *mail)
{
    struct buffer out = {0};
    assert_int_equal(mail_message_write(mail, "bot@b.co", "abc123", INT64_C(1763900000000), &out),
                     OK);
    buffer_append_char(&out, '\0');
    return out.data;
}

static void test_message__as_it_goes_over_the_wire(void **state)
{
    (void)state;
    const struct mail mail = {"you@c.de", "Plain", "one\ntwo\n.\n"};
    char *text = write_mail(&mail);
    assert_string_equal(text, "From: TradeBot <bot@b.co>\r\n"
                              "To: <you@c.de>\r\n"
                              "Subject: Plain\r\n"
                              "Date: Sun, 23 Nov 2025 12:13:20 +0000\r\n"
                              "Message-ID: <abc123@b.co>\r\n"
                              "MIME-Version: 1.0\r\n"
                              "Content-Type: text/plain; charset=utf-8\r\n"
                              "Content-Transfer-Encoding: base64\r\n"
                              "Auto-Submitted: auto-generated\r\n"
                              "\r\n"
                              "b25lDQp0d28NCi4NCg==\r\n");
    free(text);
}

static void test_message__lines_stay_short_whatever_is_in_them(void **state)
{
    (void)state;
    struct mail mail = {"you@c.de", "", ""};
    for (size_t size = 0; size < MAIL_SUBJECT_SIZE - 2; size++) {
        for (size_t i = 0; i + 1 < size; i += 2) memcpy(mail.subject + i, "\xC5\x9F", 3);
        memset(mail.text, size % 3 == 0 ? '\n' : 'x', size * 20);
        char *text = write_mail(&mail), *rest = NULL;
        assert_null(strstr(text, "\n\n"));
        for (char *line = strtok_r(text, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest)) {
            assert_true(strlen(line) <= 78);
            assert_int_equal(line[strlen(line) - 1], '\r');
        }
        free(text);
    }
}

static void test_message__nothing_put_in_becomes_a_line_of_the_head(void **state)
{
    (void)state;
    static const struct mail cases[] = {
        {"you@c.de\r\nBcc: all@c.de", "s", "t"},
        {"you@c.de, me@c.de", "s", "t"},
        {"you@c.de> BODY=8BIT", "s", "t"},
        {"", "s", "t"},
        {"you@c.de", "s\r\nBcc: all@c.de", "t"},
        {"you@c.de", "s\nx", "t"},
        {"you@c.de", "s\x7F", "t"},
        {"you@c.de", "\xFF", "t"},
        {"you@c.de", "s", "\xC3"},
        {"y\xC3\xB6u@c.de", "s", "t"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct buffer out = {0};
        assert_int_equal(mail_message_write(&cases[i], "bot@b.co", "a", 0, &out), ERR_INVALID);
        assert_int_equal(out.size, 0);
    }
    const struct mail fake = {"you@c.de", "=?UTF-8?B?QmNjOiB4?=", "t"};
    char *text = write_mail(&fake);
    assert_null(strstr(text, "QmNjOiB4"));
    free(text);
}

static void test_reset__letter_in_both_languages(void **state)
{
    (void)state;
    struct mail mail;
    assert_int_equal(reset_mail_write("a@b.co", "", "https://bot.example.com", "tbr_x", &mail), OK);
    assert_string_equal(mail.to, "a@b.co");
    assert_string_equal(mail.subject, "TradeBot: parolanızı yenileyin");
    assert_non_null(strstr(mail.text, "\nhttps://bot.example.com/#/reset-password/tbr_x\n"));
    assert_non_null(strstr(mail.text, " 30\n"));
    assert_int_equal(reset_mail_write("a@b.co", "en", "http://127.0.0.1:8000", "tbr_y", &mail), OK);
    assert_string_equal(mail.subject, "TradeBot: choose a new password");
    assert_non_null(strstr(mail.text, "\nhttp://127.0.0.1:8000/#/reset-password/tbr_y\n"));
    char long_text[MAIL_TEXT_SIZE];
    memset(long_text, 'x', sizeof long_text);
    long_text[sizeof long_text - 1] = '\0';
    assert_int_equal(reset_mail_write("a@b.co", "en", long_text, "tbr_y", &mail), ERR_LIMIT);
    assert_int_equal(reset_mail_write(long_text, "en", "http://h", "tbr_y", &mail), ERR_LIMIT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_server__addresses),
        cmocka_unit_test(test_server__wrong_addresses_name_their_cause_and_no_password),
        cmocka_unit_test(test_message__as_it_goes_over_the_wire),
        cmocka_unit_test(test_message__lines_stay_short_whatever_is_in_them),
        cmocka_unit_test(test_message__nothing_put_in_becomes_a_line_of_the_head),
        cmocka_unit_test(test_reset__letter_in_both_languages),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
