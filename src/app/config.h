/* Settings: flags over environment over `.env` in the working folder over defaults.
 *
 * One table (config.c) is the truth for names, defaults, help and checks. A value that does not
 * parse, an unknown key in `.env` and an unknown TRADEBOT_ variable in the environment are refused
 * by name: a setting with a typo must not be a setting that is silently off. */
#ifndef APP_CONFIG_H
#define APP_CONFIG_H

#include <stdbool.h>
#include <stdint.h>

#include "app/address.h"
#include "base/err.h"
#include "base/log.h"
#include "io/guard/client_address.h"
#include "io/mail/mail_server.h"
#include "service/account/accounts.h"
#include "service/api/limits.h"

enum { CONFIG_TEXT_SIZE = 512, CONFIG_WEB_THREADS_MAX = 16 };

enum locale { LOCALE_TR, LOCALE_EN };

struct config {
    char data[CONFIG_TEXT_SIZE];
    char database_url[CONFIG_TEXT_SIZE]; /* may hold a password; "": SQLite in the data folder */
    char secret_file[CONFIG_TEXT_SIZE];  /* "": see secret_file.h */
    char host[ADDRESS_HOST_SIZE];        /* to listen on; see config_check */
    uint16_t port;                       /* 0: the system picks */
    char tls_certificate[CONFIG_TEXT_SIZE], tls_key[CONFIG_TEXT_SIZE]; /* both or none */
    uint32_t web_threads; /* 0: as suits this machine, see web_thread.h */
    enum registration registration;
    struct trusted_proxies proxies;
    struct limit_rule limits[LIMIT_CLASS_COUNT];
    char redis_url[CONFIG_TEXT_SIZE]; /* "": counters are kept in memory */
    bool has_mail;
    struct mail_server mail;
    /* Where people reach the page, without a slash at its end; "": where it listens. */
    char url[CONFIG_TEXT_SIZE];
    bool live_trading;
    enum locale locale;
    enum log_level log_level;
    char binance_url[CONFIG_TEXT_SIZE], binance_ws_url[CONFIG_TEXT_SIZE];
    char binance_ws_api_url[CONFIG_TEXT_SIZE];
    /* A simulated exchange in a process of its own instead of the built-in one; "" = built-in. */
    char sim_url[CONFIG_TEXT_SIZE], sim_ws_url[CONFIG_TEXT_SIZE], sim_ws_api_url[CONFIG_TEXT_SIZE];
    char sim_api_key[CONFIG_TEXT_SIZE], sim_secret[CONFIG_TEXT_SIZE];
};

/* Defaults, then `.env`, then the environment. ERR_INVALID names the key, the cause and what is
 * allowed; ERR_IO a `.env` that is there and cannot be read. */
enum err config_load(struct config *c) ERR_MUST_USE;
/* One value by its environment name, as flags do. */
enum err config_set(struct config *c, const char *key, const char *value) ERR_MUST_USE;
/* What no setting tells alone, for who listens: call it when the flags are in. An address that
 * others reach needs TLS, ours or a proxy's. ERR_INVALID tells the cure. */
enum err config_check(const struct config *c) ERR_MUST_USE;
/* Whether it speaks https. */
bool config_has_tls(const struct config *c);
/* Prints the settings as lines of help: name, meaning, default. */
void config_help(void);

#endif
