/* The table of settings. */
#include "app/config.h"

#include <ctype.h>
#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "app/nearest.h"
#include "io/net/url.h"
#include "io/redis/redis_address.h"

extern char **environ;

struct setting {
    const char *key;
    const char *standard;
    const char *help;
    enum err (*parse)(const struct setting *s, struct config *c, const char *value);
    size_t offset; /* of the field, for parsers of plain text */
    bool secret;   /* never shown, not even in an error */
};

static enum err bad(const struct setting *s, const char *value, const char *want)
{
    return err_set(ERR_INVALID, "%s=%s: %s", s->key, s->secret ? "…" : value, want);
}

static enum err parse_text(const struct setting *s, struct config *c, const char *value)
{
    if (strlen(value) >= CONFIG_TEXT_SIZE) return bad(s, "…", "longer than 511 bytes");
    snprintf((char *)c + s->offset, CONFIG_TEXT_SIZE, "%s", value);
    return OK;
}

static enum err parse_folder(const struct setting *s, struct config *c, const char *value)
{
    return *value ? parse_text(s, c, value) : bad(s, value, "must name a folder");
}

/* Keys and requests may cross this machine's loopback in the clear, and nothing else. */
static enum err parse_url(const struct setting *s, struct config *c, const char *value)
{
    struct url url;
    if (!*value) return parse_text(s, c, value);
    if (url_parse(value, &url) != OK) return bad(s, value, err_text());
    if (!url.secure && !url_host_is_loopback(url.host))
        return bad(s, value, "must be https or wss; plain http and ws are for this machine alone");
    return parse_text(s, c, value);
}

/* The rest of it is looked at by those who open it. */
static enum err parse_database(const struct setting *s, struct config *c, const char *value)
{
    if (!*value || strncmp(value, "sqlite:", 7) == 0 || strncmp(value, "postgresql://", 13) == 0 ||
        strncmp(value, "postgres://", 11) == 0)
        return parse_text(s, c, value);
    return bad(s, value, "must begin with sqlite: or postgresql://");
}

static enum err parse_bool(const struct setting *s, struct config *c, const char *value)
{
    bool *field = (bool *)((char *)c + s->offset);
    *field = strcmp(value, "true") == 0 || strcmp(value, "1") == 0;
    if (*field || strcmp(value, "false") == 0 || strcmp(value, "0") == 0) return OK;
    return bad(s, value, "must be true or false");
}

static enum err parse_listen(const struct setting *s, struct config *c, const char *value)
{
    return address_parse(value, c->host, &c->port) ? bad(s, value, err_text()) : OK;
}

static enum err parse_web_threads(const struct setting *s, struct config *c, const char *value)
{
    char *end;
    const long count = strtol(value, &end, 10);
    const bool is_auto = strcmp(value, "auto") == 0;
    if (!is_auto &&
        (!isdigit((unsigned char)*value) || *end || count < 1 || count > CONFIG_WEB_THREADS_MAX))
        return bad(s, value, "must be auto, or a number from 1 to 16");
    c->web_threads = is_auto ? 0 : (uint32_t)count;
    return OK;
}

static enum err parse_registration(const struct setting *s, struct config *c, const char *value)
{
    static const char *const names[] = {[REGISTRATION_FIRST] = "first",
                                        [REGISTRATION_OPEN] = "open",
                                        [REGISTRATION_CLOSED] = "closed"};
    for (unsigned i = 0; i < sizeof names / sizeof *names; i++) {
        if (strcmp(value, names[i]) != 0) continue;
        c->registration = (enum registration)i;
        return OK;
    }
    return bad(s, value, "must be first, open or closed");
}

/* The offset is that of a rule. */
static enum err parse_limit(const struct setting *s, struct config *c, const char *value)
{
    struct limit_rule *rule = (struct limit_rule *)((char *)c + s->offset);
    return limit_rule_parse(value, rule) ? bad(s, value, err_text()) : OK;
}

static enum err parse_proxies(const struct setting *s, struct config *c, const char *value)
{
    return trusted_proxies_parse(value, &c->proxies) ? bad(s, value, err_text()) : OK;
}

static enum err parse_redis(const struct setting *s, struct config *c, const char *value)
{
    struct redis_address address;
    if (*value && redis_address_parse(value, &address)) return bad(s, value, err_text());
    return parse_text(s, c, value);
}

static enum err parse_mail(const struct setting *s, struct config *c, const char *value)
{
    c->has_mail = *value != '\0';
    if (!c->has_mail) return OK;
    return mail_server_parse(value, &c->mail) ? bad(s, value, err_text()) : OK;
}

/* Links in letters begin with it, and a link must not carry a reset's token in the clear. */
static enum err parse_origin(const struct setting *s, struct config *c, const char *value)
{
    struct url url;
    const enum err err = parse_url(s, c, value);
    if (err || !*value) return err;
    if (url_parse(value, &url) != OK || url.websocket || strcmp(url.path, "/") != 0)
        return bad(s, value, "must be https://HOST[:PORT], without a path");
    const size_t size = strlen(c->url);
    if (c->url[size - 1] == '/') c->url[size - 1] = '\0';
    return OK;
}

static enum err parse_locale(const struct setting *s, struct config *c, const char *value)
{
    c->locale = strcmp(value, "en") == 0 ? LOCALE_EN : LOCALE_TR;
    return strcmp(value, "en") == 0 || strcmp(value, "tr") == 0 ? OK
                                                                : bad(s, value, "must be tr or en");
}

static enum err parse_level(const struct setting *s, struct config *c, const char *value)
{
    return log_level_parse(value, &c->log_level)
               ? OK
               : bad(s, value, "must be debug, info, warn or error");
}

#define FIELD(name) .offset = offsetof(struct config, name)

static const struct setting settings[] = {
    {"TRADEBOT_DATA", "./data", "folder of the database and the simulated exchange", parse_folder,
     FIELD(data)},
    {"DATABASE_URL", "",
     "sqlite:PATH, from the data folder on, or postgresql://…; else tradebot.db", parse_database,
     FIELD(database_url), true},
    {"TRADEBOT_SECRET_FILE", "",
     "master keys that seal secrets, mode 600; else secret.key in the data folder", parse_text,
     FIELD(secret_file)},
    {"TRADEBOT_LISTEN", "127.0.0.1:8000", "address and port; port 0 picks a free one",
     parse_listen},
    {"TRADEBOT_TLS_CERT", "",
     "PEM file of the certificate with its chain: https instead of http; read again on SIGHUP",
     parse_text, FIELD(tls_certificate)},
    {"TRADEBOT_TLS_KEY", "", "PEM file of its key, mode 600", parse_text, FIELD(tls_key)},
    {"TRADEBOT_WEB_THREADS", "auto",
     "threads that answer people and programs, 1 to 16; auto: 1 below 4 cores, else 2",
     parse_web_threads},
    {"TRADEBOT_REGISTRATION", "first",
     "who may register: the first account alone, anybody (open) or nobody (closed)",
     parse_registration},
    {"TRADEBOT_TRUSTED_PROXIES", "",
     "proxies whose X-Forwarded-For is believed: addresses and ranges, nobody where empty",
     parse_proxies},
    {"REDIS_URL", "", "redis://[user:password@]host[:port][/n] or unix:PATH; else memory",
     parse_redis, FIELD(redis_url), true},
    {"SMTP_URL", "",
     "smtp[s]://[user:password@]host[:port][?from=ADDRESS&ca=FILE]; else no mail is sent",
     parse_mail, .secret = true},
    {"TRADEBOT_URL", "",
     "where people reach the page, for links in letters; else the listen address", parse_origin,
     FIELD(url)},
    {"RATE_LIMIT_DEFAULT", "600/60s",
     "requests of one address: never more in any span of that time (ms, s, m, h)", parse_limit,
     FIELD(limits[LIMIT_DEFAULT])},
    {"RATE_LIMIT_LOGIN", "10/60s", "passwords that one address may try", parse_limit,
     FIELD(limits[LIMIT_LOGIN])},
    {"RATE_LIMIT_LOGIN_ACCOUNT", "30/60s", "wrong passwords of one account, from anywhere",
     parse_limit, FIELD(limits[LIMIT_LOGIN_ACCOUNT])},
    {"RATE_LIMIT_REGISTER", "10/60s", "accounts that one address may ask for", parse_limit,
     FIELD(limits[LIMIT_REGISTER])},
    {"RATE_LIMIT_FORGOT", "5/60s", "password resets that one address may ask for", parse_limit,
     FIELD(limits[LIMIT_FORGOT])},
    {"RATE_LIMIT_BOT", "60/60s", "bots that one address may make, start and stop", parse_limit,
     FIELD(limits[LIMIT_BOT])},
    {"RATE_LIMIT_KEYS", "10/60s", "exchange keys that one address may add and end", parse_limit,
     FIELD(limits[LIMIT_KEYS])},
    {"LIVE_TRADING_ENABLED", "false", "whether bots in live mode may send orders", parse_bool,
     FIELD(live_trading)},
    {"TRADEBOT_LOCALE", "tr", "language of error texts where the client names none: tr or en",
     parse_locale},
    {"LOG_LEVEL", "info", "debug, info, warn or error", parse_level},
    {"BINANCE_URL", "https://api.binance.com", "Binance spot REST", parse_url, FIELD(binance_url)},
    {"BINANCE_WS_URL", "wss://stream.binance.com:9443", "Binance spot streams", parse_url,
     FIELD(binance_ws_url)},
    {"BINANCE_WS_API_URL", "wss://ws-api.binance.com:443/ws-api/v3", "Binance spot WebSocket API",
     parse_url, FIELD(binance_ws_api_url)},
    {"SIM_URL", "", "a `tradebot sim` of its own instead of the built-in one: its rest", parse_url,
     FIELD(sim_url)},
    {"SIM_WS_URL", "", "its ws", parse_url, FIELD(sim_ws_url)},
    {"SIM_WS_API_URL", "", "its ws_api", parse_url, FIELD(sim_ws_api_url)},
    {"SIM_API_KEY", "", "its test account's api_key", parse_text, FIELD(sim_api_key), true},
    {"SIM_SECRET", "", "its test account's secret", parse_text, FIELD(sim_secret), true},
};

enum { SETTING_COUNT = sizeof settings / sizeof *settings, LINE_SIZE = 1024 };

static enum err unknown(const char *key, const char *where)
{
    struct nearest nearest;
    nearest_init(&nearest, key);
    for (unsigned i = 0; i < SETTING_COUNT; i++) nearest_try(&nearest, settings[i].key);
    return err_set(ERR_INVALID, "%s: no such setting%s; %s%s%s", key, where,
                   nearest.name ? "did you mean " : "see ",
                   nearest.name ? nearest.name : "tradebot serve --help", nearest.name ? "?" : "");
}

enum err config_set(struct config *c, const char *key, const char *value)
{
    for (unsigned i = 0; i < SETTING_COUNT; i++)
        if (strcmp(settings[i].key, key) == 0) return settings[i].parse(&settings[i], c, value);
    return unknown(key, "");
}

static char *trim(char *text)
{
    while (isspace((unsigned char)*text)) text++;
    char *end = text + strlen(text);
    while (end > text && isspace((unsigned char)end[-1])) *--end = '\0';
    return text;
}

static enum err load_line(struct config *c, char *line)
{
    char *text = trim(line);
    if (*text == '\0' || *text == '#') return OK;
    char *equals = strchr(text, '=');
    /* The line itself is not shown: it may be a secret. */
    if (!equals) return err_set(ERR_INVALID, "no KEY=value");
    *equals = '\0';
    char *value = trim(equals + 1);
    const size_t size = strlen(value);
    if (size >= 2 && (*value == '"' || *value == '\'') && value[size - 1] == *value) {
        value[size - 1] = '\0';
        value++;
    }
    return config_set(c, trim(text), value);
}

static enum err load_file(struct config *c, const char *path)
{
    FILE *file = fopen(path, "r");
    if (!file)
        return errno == ENOENT ? OK : err_set(ERR_IO, "cannot read %s: %s", path, strerror(errno));
    char line[LINE_SIZE];
    enum err err = OK;
    for (unsigned number = 1; !err && fgets(line, sizeof line, file); number++) {
        if (!strchr(line, '\n') && !feof(file))
            err = err_set(ERR_INVALID, "longer than %d bytes, or with a NUL in it", LINE_SIZE - 2);
        else
            err = load_line(c, line);
        if (err) err = err_note(err, "in %s line %u", path, number);
    }
    if (!err && ferror(file)) err = err_set(ERR_IO, "cannot read %s: %s", path, strerror(errno));
    fclose(file);
    return err;
}

static enum err load_environment(struct config *c)
{
    for (unsigned i = 0; i < SETTING_COUNT; i++) {
        const char *value = getenv(settings[i].key);
        const enum err err = value ? settings[i].parse(&settings[i], c, value) : OK;
        if (err) return err;
    }
    for (char **at = environ; *at; at++) {
        const char *equals = strchr(*at, '=');
        if (!equals || strncmp(*at, "TRADEBOT_", 9) != 0) continue;
        const size_t size = (size_t)(equals - *at);
        bool known = false;
        for (unsigned i = 0; i < SETTING_COUNT; i++)
            known |= strlen(settings[i].key) == size && memcmp(settings[i].key, *at, size) == 0;
        if (known) continue;
        char key[NEAREST_SIZE_MAX + 1];
        snprintf(key, sizeof key, "%.*s", (int)size, *at);
        return unknown(key, " (in the environment)");
    }
    return OK;
}

/* One without the others would be the built-in exchange with a part of somebody else's. */
static enum err check_sim(const struct config *c)
{
    const bool url = *c->sim_url, ws = *c->sim_ws_url, ws_api = *c->sim_ws_api_url;
    if (url != ws || url != ws_api)
        return err_set(ERR_INVALID, "SIM_URL, SIM_WS_URL and SIM_WS_API_URL belong together");
    if ((*c->sim_api_key != '\0') != (*c->sim_secret != '\0'))
        return err_set(ERR_INVALID, "SIM_API_KEY and SIM_SECRET belong together");
    return OK;
}

/* An address to listen on need not be one that a reader of the letter can reach. */
static enum err check_mail(const struct config *c)
{
    if (!c->has_mail || *c->url || url_host_is_loopback(c->host)) return OK;
    return err_set(ERR_INVALID,
                   "SMTP_URL: links in letters need TRADEBOT_URL, the address under which people "
                   "reach the page, as https://bot.example.com");
}

static enum err check_listen(const struct config *c)
{
    if ((*c->tls_certificate != '\0') != (*c->tls_key != '\0'))
        return err_set(ERR_INVALID, "TRADEBOT_TLS_CERT and TRADEBOT_TLS_KEY belong together");
    if (config_has_tls(c) || c->proxies.count > 0 || url_host_is_loopback(c->host)) return OK;
    return err_set(ERR_INVALID,
                   "TRADEBOT_LISTEN (--listen) is %s: only this machine is served without TLS. Set "
                   "TRADEBOT_TLS_CERT and TRADEBOT_TLS_KEY, or put a proxy that speaks https in "
                   "front and name its address in TRADEBOT_TRUSTED_PROXIES",
                   c->host);
}

enum err config_check(const struct config *c)
{
    const enum err err = check_listen(c);
    return err ? err : check_mail(c);
}

bool config_has_tls(const struct config *c)
{
    return *c->tls_certificate != '\0';
}

enum err config_load(struct config *c)
{
    *c = (struct config){0};
    for (unsigned i = 0; i < SETTING_COUNT; i++) {
        const enum err err = settings[i].parse(&settings[i], c, settings[i].standard);
        if (err) return err;
    }
    const enum err err = load_file(c, ".env");
    if (err) return err;
    const enum err environment_err = load_environment(c);
    return environment_err ? environment_err : check_sim(c);
}

void config_help(void)
{
    for (unsigned i = 0; i < SETTING_COUNT; i++) {
        const struct setting *s = &settings[i];
        const bool standard = *s->standard != '\0';
        printf("  %-22s %s%s%s%s\n", s->key, s->help, standard ? " (" : "", s->standard,
               standard ? ")" : "");
    }
}
