/* Letters to a real mail server, and to servers that are none. */
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <jansson.h>

#include "io/mail/mailer.h"
#include "io/net/net_fixture.h"

#include "cmocka_all.h"

enum { PATIENCE_MS = 20000, TIMEOUT_MS = 1000 };

static char folder[64], certificate[96], key[96];
static bool has_server;

struct server {
    pid_t pid;
    int lines, life; /* its output; its input, which ends it */
    unsigned port;
    char got[65536];
    size_t got_size;
};

static void make_paths(const char *name)
{
    snprintf(certificate, sizeof certificate, "%s/%s.pem", folder, name);
    snprintf(key, sizeof key, "%s/%s.key", folder, name);
}

/* The next line that the server writes; NULL when none comes for so long. */
static json_t *next_line(struct server *s, int patience_ms)
{
    for (;;) {
        char *end = memchr(s->got, '\n', s->got_size);
        if (end) {
            json_t *line = json_loadb(s->got, (size_t)(end - s->got), 0, NULL);
            s->got_size -= (size_t)(end + 1 - s->got);
            memmove(s->got, end + 1, s->got_size);
            assert_non_null(line);
            return line;
        }
        struct pollfd at = {.fd = s->lines, .events = POLLIN};
        if (poll(&at, 1, patience_ms) == 0) return NULL;
        const ssize_t size = read(s->lines, s->got + s->got_size, sizeof s->got - s->got_size);
        if (size <= 0) fail_msg("the mail server ended");
        s->got_size += (size_t)size;
    }
}

static void start(struct server *s, const char *mode)
{
    char script[512];
    int out[2], in[2];
    if (!has_server) skip();
    snprintf(script, sizeof script, "%s/tests/io/mail/smtp_server.py",
             getenv("TRADEBOT_SOURCE_ROOT"));
    *s = (struct server){0};
    assert_int_equal(pipe(out) | pipe(in), 0);
    s->pid = fork();
    if (s->pid == 0) {
        dup2(in[0], 0);
        dup2(out[1], 1);
        for (int fd = 3; fd < 64; fd++) close(fd);
        execl("/usr/bin/python3", "/usr/bin/python3", script, mode, certificate, key, NULL);
        _exit(127);
    }
    close(in[0]);
    close(out[1]);
    s->lines = out[0];
    s->life = in[1];
    json_t *line = next_line(s, PATIENCE_MS);
    assert_non_null(line);
    s->port = (unsigned)json_integer_value(json_object_get(line, "port"));
    json_decref(line);
}

static void stop(struct server *s)
{
    close(s->life);
    waitpid(s->pid, NULL, 0);
    close(s->lines);
}

/* The next thing of that kind that happened. */
static json_t *next_event(struct server *s, const char *event)
{
    for (;;) {
        json_t *line = next_line(s, PATIENCE_MS);
        if (!line) fail_msg("never came: %s", event);
        const char *name = json_string_value(json_object_get(line, "event"));
        if (name && strcmp(name, event) == 0) return line;
        json_decref(line);
    }
}

static const char *text_of(const json_t *line, const char *name)
{
    return json_string_value(json_object_get(line, name));
}

/* format: the server's address, with %u for its port. */
static struct mailer *open_at(const char *format, const char *ca, unsigned port)
{
    char url[256], with_ca[400];
    struct mailer_options options = {.timeout_ms = TIMEOUT_MS, .retry_first_ms = 10};
    struct mailer *m = NULL;
    const char *mark = strstr(format, "%u");
    snprintf(url, sizeof url, "%.*s%u%s", (int)(mark - format), format, port, mark + 2);
    snprintf(with_ca, sizeof with_ca, "%s%s%s", url, ca ? "&ca=" : "", ca ? ca : "");
    if (mail_server_parse(with_ca, &options.server) != OK) fail_msg("%s", err_text());
    assert_int_equal(mailer_open(&options, &m), OK);
    return m;
}

static const struct mail sample = {"you@example.com", "Ş: parolanızı yenileyin",
                                   "Merhaba ışık,\n.\nlast\n"};

static struct mailer_counters wait_for(struct mailer *m, uint64_t ended)
{
    for (int i = 0; i < PATIENCE_MS / 5; i++) {
        const struct mailer_counters c = mailer_counters(m);
        if (c.sent + c.given_up >= ended) return c;
        nanosleep(&(struct timespec){0, 5000000}, NULL); /* a poll, with a deadline */
    }
    fail_msg("the letter is neither sent nor given up");
    return (struct mailer_counters){0};
}

#define SMTP  "smtp://127.0.0.1:%u?from=bot@example.com"
#define SMTPS "smtps://127.0.0.1:%u?from=bot@example.com"

static void test_mailer__a_letter_arrives_as_it_was_written(void **state)
{
    (void)state;
    struct server s;
    start(&s, "plain");
    struct mailer *m = open_at(SMTP, NULL, s.port);
    assert_true(mailer_send(m, &sample));
    json_t *letter = next_event(&s, "letter");
    assert_string_equal(text_of(letter, "sender"), "bot@example.com");
    assert_string_equal(json_string_value(json_array_get(json_object_get(letter, "to"), 0)),
                        "you@example.com");
    const char *text = text_of(letter, "text");
    assert_non_null(strstr(text, "To: <you@example.com>\r\n"));
    assert_non_null(strstr(text, "Subject: =?UTF-8?B?xZ46IHBhcm9sYW7EsXrEsSB5ZW5pbGV5aW4=?=\r\n"));
    assert_non_null(strstr(text, "\r\n\r\nTWVyaGFiYSDEscWfxLFrLA0KLg0KbGFzdA0K\r\n"));
    json_decref(letter);
    const struct mailer_counters c = wait_for(m, 1);
    assert_int_equal(c.sent, 1);
    assert_int_equal(c.waiting, 0);
    mailer_close(m);
    stop(&s);
}

static void assert_secured(const char *mode, const char *format)
{
    struct server s;
    make_paths("good");
    start(&s, mode);
    struct mailer *m = open_at(format, certificate, s.port);
    mailer_send(m, &sample);
    assert_int_equal(wait_for(m, 1).sent, 1);
    json_t *letter = next_event(&s, "letter");
    assert_true(json_is_true(json_object_get(letter, "tls")));
    json_decref(letter);
    mailer_close(m);
    stop(&s);
}

static void test_mailer__by_starttls_and_by_tls_from_the_start(void **state)
{
    (void)state;
    if (!has_server) skip();
    assert_secured("starttls", SMTP);
    assert_secured("smtps", SMTPS);
}

/* Given up at the first try, and nothing was said. */
static void assert_distrusted(const char *server_certificate, const char *ca, const char *mode,
                              const char *format)
{
    struct server s;
    char ca_path[96];
    make_paths(ca);
    memcpy(ca_path, certificate, sizeof ca_path);
    make_paths(server_certificate);
    start(&s, mode);
    struct mailer *m = open_at(format, ca_path, s.port);
    mailer_send(m, &sample);
    const struct mailer_counters c = wait_for(m, 1);
    assert_int_equal(c.given_up, 1);
    assert_int_equal(c.retried, 0);
    mailer_close(m);
    assert_null(next_line(&s, 0));
    stop(&s);
}

static void test_mailer__no_trust_no_letter(void **state)
{
    (void)state;
    if (!has_server) skip();
    assert_distrusted("good", "other", "starttls", SMTP);
    assert_distrusted("other", "other", "starttls", SMTP); /* another name's */
    assert_distrusted("over", "over", "starttls", SMTP);
    assert_distrusted("good", "other", "smtps", SMTPS);
    assert_distrusted("good", "good", "plain", SMTP); /* it offers no STARTTLS */
}

static void test_mailer__logs_in_and_a_wrong_password_is_not_tried_again(void **state)
{
    (void)state;
    struct server s;
    make_paths("good");
    start(&s, "auth");
    struct mailer *m =
        open_at("smtp://bot:p%3A%2F%40x@127.0.0.1:%u?from=bot@example.com", certificate, s.port);
    mailer_send(m, &sample);
    assert_int_equal(wait_for(m, 1).sent, 1);
    json_t *letter = next_event(&s, "letter");
    assert_true(json_is_true(json_object_get(letter, "login")));
    json_decref(letter);
    mailer_close(m);
    m = open_at("smtp://bot:wrong@127.0.0.1:%u?from=bot@example.com", certificate, s.port);
    mailer_send(m, &sample);
    const struct mailer_counters c = wait_for(m, 1);
    assert_int_equal(c.given_up, 1);
    assert_int_equal(c.retried, 0);
    mailer_close(m);
    stop(&s);
}

static void test_mailer__a_refused_recipient_is_given_up_and_the_next_letter_goes_on(void **state)
{
    (void)state;
    struct server s;
    start(&s, "refuse");
    struct mailer *m = open_at(SMTP, NULL, s.port);
    mailer_send(m, &sample);
    const struct mailer_counters c = wait_for(m, 1);
    assert_int_equal(c.given_up, 1);
    assert_int_equal(c.retried, 0);
    mailer_send(m, &sample);
    assert_int_equal(wait_for(m, 2).given_up, 2);
    assert_int_equal(wait_for(m, 2).failed_in_row, 2);
    mailer_close(m);
    stop(&s);
}

static void test_mailer__a_busy_server_is_asked_again_with_the_same_letter(void **state)
{
    (void)state;
    struct server s;
    start(&s, "busy");
    struct mailer *m = open_at(SMTP, NULL, s.port);
    mailer_send(m, &sample);
    const struct mailer_counters c = wait_for(m, 1);
    assert_int_equal(c.sent, 1);
    assert_int_equal(c.retried, 2);
    assert_int_equal(c.failed_in_row, 0);
    mailer_close(m);
    stop(&s);
}

static void assert_given_up_after_all_tries(const char *mode)
{
    struct server s;
    start(&s, mode);
    struct mailer *m = open_at(SMTP, NULL, s.port);
    mailer_send(m, &sample);
    const struct mailer_counters c = wait_for(m, 1);
    assert_int_equal(c.given_up, 1);
    assert_int_equal(c.retried, MAIL_TRIES - 1);
    mailer_close(m);
    stop(&s);
}

static void test_mailer__servers_that_close_or_talk_nonsense_are_given_up(void **state)
{
    (void)state;
    if (!has_server) skip();
    assert_given_up_after_all_tries("close");
    assert_given_up_after_all_tries("garbage");
}

static void test_mailer__a_server_that_is_not_there_is_given_up(void **state)
{
    (void)state;
    struct mailer *m = open_at(SMTP, NULL, 1);
    mailer_send(m, &sample);
    const struct mailer_counters c = wait_for(m, 1);
    assert_int_equal(c.retried, MAIL_TRIES - 1);
    mailer_close(m);
}

static void test_mailer__a_server_that_says_nothing_is_left_at_the_deadline(void **state)
{
    (void)state;
    struct server s;
    start(&s, "hang");
    struct mailer *m = open_at(SMTP, NULL, s.port);
    mailer_send(m, &sample);
    for (int i = 0; i < 2; i++) json_decref(next_event(&s, "connection"));
    assert_true(mailer_counters(m).retried >= 1);
    mailer_close(m);
    stop(&s);
}

static void test_mailer__the_same_letter_again_where_the_end_was_not_heard(void **state)
{
    (void)state;
    struct server s;
    char id[128];
    start(&s, "stop");
    struct mailer *m = open_at(SMTP, NULL, s.port);
    mailer_send(m, &sample);
    for (int i = 0; i < 2; i++) {
        json_t *letter = next_event(&s, "letter");
        const char *at = strstr(text_of(letter, "text"), "Message-ID:");
        assert_non_null(at);
        if (i == 0) snprintf(id, sizeof id, "%.*s", (int)strcspn(at, "\r"), at);
        assert_memory_equal(at, id, strlen(id));
        json_decref(letter);
    }
    mailer_close(m);
    stop(&s);
}

static void test_mailer__a_full_queue_refuses_and_closing_breaks_off(void **state)
{
    (void)state;
    struct server s;
    start(&s, "hang");
    struct mailer *m = open_at(SMTP, NULL, s.port);
    for (int i = 0; i < MAIL_QUEUE_MAX; i++) assert_true(mailer_send(m, &sample));
    assert_false(mailer_send(m, &sample));
    const struct mailer_counters c = mailer_counters(m);
    assert_int_equal(c.waiting, MAIL_QUEUE_MAX);
    assert_int_equal(c.refused, 1);
    mailer_close(m);
    stop(&s);
}

/* What a letter says, to whom, and what a server answers stays out of the log. */
static void test_mailer__the_log_tells_nothing_of_the_letter(void **state)
{
    (void)state;
    struct server s;
    struct mail secret = sample;
    char path[96], text[8192];
    start(&s, "refuse");
    snprintf(path, sizeof path, "%s/log", folder);
    snprintf(secret.text, sizeof secret.text, "https://h/#/reset-password/tbr_canary\n");
    fflush(stderr);
    const int kept = dup(2);
    FILE *log = fopen(path, "w+");
    dup2(fileno(log), 2);
    struct mailer *m = open_at("smtp://127.0.0.1:%u?from=bot@example.com", NULL, s.port);
    mailer_send(m, &secret);
    wait_for(m, 1);
    mailer_close(m);
    dup2(kept, 2);
    close(kept);
    rewind(log);
    text[fread(text, 1, sizeof text - 1, log)] = '\0';
    fclose(log);
    assert_non_null(strstr(text, "mail_given_up"));
    assert_non_null(strstr(text, "answer=550"));
    assert_null(strstr(text, "tbr_"));
    assert_null(strstr(text, "you@"));
    stop(&s);
}

static int open_folder(void **state)
{
    (void)state;
    signal(SIGPIPE, SIG_IGN);
    strcpy(folder, "/tmp/tradebot-mail-XXXXXX");
    has_server = getenv("TRADEBOT_SOURCE_ROOT") &&
                 system("/usr/bin/python3 -c 'import aiosmtpd' 2>/dev/null") == 0;
    if (!has_server) print_message("no python3-aiosmtpd: skipped\n");
    if (!mkdtemp(folder)) return -1;
    make_paths("other");
    certificate_make("mail.example.com", certificate, key);
    make_paths("over");
    certificate_make_for("127.0.0.1", -60, certificate, key);
    make_paths("good");
    certificate_make("127.0.0.1", certificate, key);
    return 0;
}

static int remove_folder(void **state)
{
    char command[128];
    (void)state;
    snprintf(command, sizeof command, "rm -rf %s", folder);
    return system(command);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_mailer__a_letter_arrives_as_it_was_written),
        cmocka_unit_test(test_mailer__by_starttls_and_by_tls_from_the_start),
        cmocka_unit_test(test_mailer__no_trust_no_letter),
        cmocka_unit_test(test_mailer__logs_in_and_a_wrong_password_is_not_tried_again),
        cmocka_unit_test(test_mailer__a_refused_recipient_is_given_up_and_the_next_letter_goes_on),
        cmocka_unit_test(test_mailer__a_busy_server_is_asked_again_with_the_same_letter),
        cmocka_unit_test(test_mailer__servers_that_close_or_talk_nonsense_are_given_up),
        cmocka_unit_test(test_mailer__a_server_that_is_not_there_is_given_up),
        cmocka_unit_test(test_mailer__a_server_that_says_nothing_is_left_at_the_deadline),
        cmocka_unit_test(test_mailer__the_same_letter_again_where_the_end_was_not_heard),
        cmocka_unit_test(test_mailer__a_full_queue_refuses_and_closing_breaks_off),
        cmocka_unit_test(test_mailer__the_log_tells_nothing_of_the_letter),
    };
    return cmocka_run_group_tests(tests, open_folder, remove_folder);
}
