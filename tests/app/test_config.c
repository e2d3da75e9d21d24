/* Settings: where they come from, and what is refused with which words. */
#include "cmocka_all.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "app/config.h"

/* An empty working folder without any of our variables. */
static int enter_folder(void **state)
{
    (void)state;
    char path[] = "/tmp/test_config_XXXXXX";
    unsetenv("TRADEBOT_SOURCE_ROOT");
    unsetenv("TRADEBOT_LISTEN");
    unsetenv("SIM_SECRET");
    unsetenv("LOG_LEVEL");
    return mkdtemp(path) && chdir(path) == 0 ? 0 : -1;
}

static int leave_folder(void **state)
{
    (void)state;
    char path[256];
    unlink(".env");
    rmdir(".env");
    return getcwd(path, sizeof path) && chdir("/") == 0 && rmdir(path) == 0 ? 0 : -1;
}

static void write_env(const char *text)
{
    FILE *file = fopen(".env", "w");
    assert_non_null(file);
    fputs(text, file);
    fclose(file);
}

static void assert_refused(const char *key, const char *value, const char *cause)
{
    struct config c = {0};
    assert_int_equal(config_set(&c, key, value), ERR_INVALID);
    if (!strstr(err_text(), key) || !strstr(err_text(), cause))
        fail_msg("%s=%s: \"%s\" names not the key and \"%s\"", key, value, err_text(), cause);
}

static void test_config__defaults_are_safe(void **state)
{
    (void)state;
    struct config c;
    assert_int_equal(config_load(&c), OK);
    assert_false(c.live_trading);
    assert_string_equal(c.host, "127.0.0.1");
    assert_int_equal(c.port, 8000);
    assert_string_equal(c.sim_url, "");
}

static void test_config__environment_wins_over_file_over_default(void **state)
{
    (void)state;
    struct config c;
    write_env("# ours\r\n\r\n  TRADEBOT_LISTEN = \"127.0.0.1:81\" \r\nLOG_LEVEL=warn");
    assert_int_equal(config_load(&c), OK);
    assert_int_equal(c.port, 81);
    assert_int_equal(c.log_level, LOG_WARN);
    setenv("TRADEBOT_LISTEN", "[::1]:0", 1);
    assert_int_equal(config_load(&c), OK);
    assert_string_equal(c.host, "::1");
    assert_int_equal(c.port, 0);
}

static void test_config__bad_values_are_refused_by_name(void **state)
{
    (void)state;
    static const char *const cases[][3] = {
        {"TRADEBOT_DATA", "", "folder"},
        {"TRADEBOT_WEB_THREADS", "0", "1 to 16"},
        {"TRADEBOT_WEB_THREADS", "17", "1 to 16"},
        {"TRADEBOT_WEB_THREADS", " 2", "1 to 16"},
        {"TRADEBOT_WEB_THREADS", "2x", "1 to 16"},
        {"TRADEBOT_WEB_THREADS", "", "1 to 16"},
        {"TRADEBOT_LISTEN", "", "ADDRESS:PORT"},
        {"TRADEBOT_LISTEN", "8000", "ADDRESS:PORT"},
        {"TRADEBOT_LISTEN", ":8000", "ADDRESS:PORT"},
        {"TRADEBOT_LISTEN", "127.0.0.1:", "ADDRESS:PORT"},
        {"TRADEBOT_LISTEN", "127.0.0.1:-1", "ADDRESS:PORT"},
        {"TRADEBOT_LISTEN", "127.0.0.1:65536", "65535"},
        {"TRADEBOT_LISTEN", "127.0.0.1:99999999999999999999999", "65535"},
        {"TRADEBOT_LISTEN", "127.0.0.1:80x", "65535"},
        {"TRADEBOT_LISTEN", "[]:80", "ADDRESS:PORT"},
        {"SMTP_URL", "http://mail.example.com", "smtp"},
        {"TRADEBOT_URL", "http://bot.example.com", "https"},
        {"TRADEBOT_URL", "https://bot.example.com/page", "without a path"},
        {"TRADEBOT_URL", "wss://bot.example.com", "without a path"},
        {"LIVE_TRADING_ENABLED", "yes", "true or false"},
        {"LIVE_TRADING_ENABLED", "", "true or false"},
        {"LIVE_TRADING_ENABLED", "TRUE", "true or false"},
        {"TRADEBOT_LOCALE", "de", "tr or en"},
        {"LOG_LEVEL", "loud", "debug"},
        {"BINANCE_URL", "http://api.binance.com", "https"},
        {"BINANCE_WS_URL", "ws://stream.binance.com", "https"},
        {"BINANCE_URL", "ftp://127.0.0.1", ""},
        {"DATABASE_URL", "mysql://root@here/db", "sqlite: or postgresql://"},
        {"DATABASE_URL", "data/tradebot.db", "sqlite: or postgresql://"},
        {"SIM_URLS", "x", "no such setting"},
    };
    for (unsigned i = 0; i < sizeof cases / sizeof *cases; i++)
        assert_refused(cases[i][0], cases[i][1], cases[i][2]);
}

static void test_config__secret_is_never_in_an_error(void **state)
{
    (void)state;
    struct config c;
    char env[700] = "SIM_SECRET=";
    memset(env + strlen(env), 'k', 600);
    write_env(env);
    assert_int_equal(config_load(&c), ERR_INVALID);
    assert_non_null(strstr(err_text(), "SIM_SECRET"));
    assert_null(strstr(err_text(), "kkk"));
    write_env("DATABASE_URL=mysql://me:kkkkkk@here/db\n");
    assert_int_equal(config_load(&c), ERR_INVALID);
    assert_non_null(strstr(err_text(), "DATABASE_URL"));
    assert_null(strstr(err_text(), "kkk"));
    write_env("SIM_SECRETS=kkkkkk\n");
    assert_int_equal(config_load(&c), ERR_INVALID);
    assert_null(strstr(err_text(), "kkk"));
    write_env("SIM_SECRET kkkkkk\n");
    assert_int_equal(config_load(&c), ERR_INVALID);
    assert_null(strstr(err_text(), "kkk"));
}

static void test_config__typo_in_the_environment_is_refused(void **state)
{
    (void)state;
    struct config c;
    setenv("TRADEBOT_LISTN", "127.0.0.1:1", 1);
    const enum err err = config_load(&c);
    unsetenv("TRADEBOT_LISTN");
    assert_int_equal(err, ERR_INVALID);
    assert_non_null(strstr(err_text(), "TRADEBOT_LISTN"));
}

static void test_config__line_that_is_cut_is_not_two_lines(void **state)
{
    (void)state;
    struct config c;
    /* The rest of the line, read as a line of its own, would switch live trading on. */
    char env[1200] = "#";
    memset(env + 1, 'x', 1022);
    strcat(env, "LIVE_TRADING_ENABLED=true\n");
    write_env(env);
    assert_int_equal(config_load(&c), ERR_INVALID);
    assert_non_null(strstr(err_text(), "line 1"));
}

static void test_config__folder_for_a_file_is_refused(void **state)
{
    (void)state;
    struct config c;
    assert_int_equal(mkdir(".env", 0700), 0);
    assert_int_equal(config_load(&c), ERR_IO);
}

static void assert_check(const char *pairs[][2], size_t count, const char *cause)
{
    static struct config c;
    assert_int_equal(config_load(&c), OK);
    for (size_t i = 0; i < count; i++)
        assert_int_equal(config_set(&c, pairs[i][0], pairs[i][1]), OK);
    const enum err err = config_check(&c);
    assert_int_equal(err, cause ? ERR_INVALID : OK);
    if (cause && !strstr(err_text(), cause)) fail_msg("\"%s\" names not %s", err_text(), cause);
}

#define CHECK_OF(cause, ...)                                                                       \
    do {                                                                                           \
        const char *pairs[][2] = {__VA_ARGS__};                                                    \
        assert_check(pairs, sizeof pairs / sizeof *pairs, cause);                                  \
    } while (0)

static void test_config__others_are_served_by_tls_or_behind_a_proxy_alone(void **state)
{
    (void)state;
    CHECK_OF(NULL, {"TRADEBOT_LISTEN", "[::1]:80"});
    CHECK_OF("TRADEBOT_TLS_CERT and TRADEBOT_TLS_KEY, or", {"TRADEBOT_LISTEN", "0.0.0.0:80"});
    CHECK_OF("only this machine", {"TRADEBOT_LISTEN", "[::]:80"});
    CHECK_OF("belong together", {"TRADEBOT_LISTEN", "0.0.0.0:80"}, {"TRADEBOT_TLS_CERT", "c.pem"});
    CHECK_OF("belong together", {"TRADEBOT_TLS_KEY", "k.pem"});
    CHECK_OF(NULL, {"TRADEBOT_LISTEN", "0.0.0.0:80"}, {"TRADEBOT_TLS_CERT", "c.pem"},
             {"TRADEBOT_TLS_KEY", "k.pem"});
    CHECK_OF(NULL, {"TRADEBOT_LISTEN", "0.0.0.0:80"}, {"TRADEBOT_TRUSTED_PROXIES", "10.0.0.1"});
}

static void test_config__links_need_an_address_that_people_reach(void **state)
{
    (void)state;
    static const char mail[] = "smtp://127.0.0.1?from=bot@example.com";
    CHECK_OF(NULL, {"SMTP_URL", mail});
    CHECK_OF("TRADEBOT_URL", {"SMTP_URL", mail}, {"TRADEBOT_LISTEN", "0.0.0.0:80"},
             {"TRADEBOT_TRUSTED_PROXIES", "10.0.0.1"});
    CHECK_OF(NULL, {"SMTP_URL", mail}, {"TRADEBOT_LISTEN", "0.0.0.0:80"},
             {"TRADEBOT_TRUSTED_PROXIES", "10.0.0.1"},
             {"TRADEBOT_URL", "https://bot.example.com/"});
}

static void test_config__half_a_sim_is_refused(void **state)
{
    (void)state;
    struct config c;
    write_env("SIM_URL=http://127.0.0.1:9000\n");
    assert_int_equal(config_load(&c), ERR_INVALID);
    assert_non_null(strstr(err_text(), "SIM_WS_URL"));
    write_env("SIM_API_KEY=k\n");
    assert_int_equal(config_load(&c), ERR_INVALID);
    assert_non_null(strstr(err_text(), "SIM_SECRET"));
}

#define IN_FOLDER(test) cmocka_unit_test_setup_teardown(test, enter_folder, leave_folder)

int main(void)
{
    const struct CMUnitTest tests[] = {
        IN_FOLDER(test_config__defaults_are_safe),
        IN_FOLDER(test_config__environment_wins_over_file_over_default),
        IN_FOLDER(test_config__bad_values_are_refused_by_name),
        IN_FOLDER(test_config__secret_is_never_in_an_error),
        IN_FOLDER(test_config__typo_in_the_environment_is_refused),
        IN_FOLDER(test_config__line_that_is_cut_is_not_two_lines),
        IN_FOLDER(test_config__folder_for_a_file_is_refused),
        IN_FOLDER(test_config__others_are_served_by_tls_or_behind_a_proxy_alone),
        IN_FOLDER(test_config__links_need_an_address_that_people_reach),
        IN_FOLDER(test_config__half_a_sim_is_refused),
    };
    return cmocka_run_group_tests_name("app/config", tests, NULL, NULL);
}
