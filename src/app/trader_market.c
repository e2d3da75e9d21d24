/* Venues and the instruments watched at them. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/crypto.h>

#include "app/trader_state.h"
#include "base/check.h"
#include "base/log.h"
#include "io/net/tls.h"

static void on_event(void *user, struct event *event)
{
    trader_event(((struct line *)user)->trader, event);
}

static void on_order_news(void *user, struct event *event)
{
    trader_order_news(((struct line *)user)->trader, event);
}

/* The venue told its symbols again: a halt or another filter counts from here. */
static void refresh_rules(struct line *line)
{
    struct trader *t = line->trader;
    for (uint16_t i = 0; i < t->instrument_count; i++) {
        struct instrument *rules = &t->instruments[i];
        if (rules->venue != line->venue) continue;
        const struct instrument *known = market_session_find(line->session, rules->symbol);
        if (known && known->price_scale == rules->price_scale &&
            known->qty_scale == rules->qty_scale && known->base_scale == rules->base_scale &&
            known->quote_scale == rules->quote_scale) {
            *rules = *known;
            rules->index = i;
        } else {
            log_error("instrument_halted", "symbol=%s reason=%s", rules->symbol,
                      known ? "its_scales_changed" : "not_listed_any_more");
            rules->status = INSTRUMENT_HALTED;
        }
        struct event event = {.kind = EVENT_INSTRUMENT, .instrument = i, .instrument_rules = rules};
        trader_event(t, &event);
    }
}

static void on_symbols(void *user)
{
    struct line *line = user;
    line->symbols_known = true;
    refresh_rules(line);
    struct waiting *waiting = line->waiting;
    line->waiting = NULL;
    while (waiting) {
        struct waiting *next = waiting->next;
        waiting->go(line->trader, waiting->user);
        free(waiting);
        waiting = next;
    }
}

static void on_state(void *user)
{
    trader_publish_status(((struct line *)user)->trader);
}

static void on_stream(void *user, bool up, const char *reason)
{
    struct line *line = user;
    log_info(up ? "user_stream_up" : "user_stream_down", "venue=%s reason=%s",
             venue_name(line->venue), reason);
    if (up) trader_query_working(line->trader, line->venue); /* the stream has no memory */
}

static void on_external(void *user, uint16_t instrument, const struct fill *fill)
{
    struct line *line = user;
    log_warn("external_fill", "venue=%s symbol=%s trade=%llu", venue_name(line->venue),
             line->trader->instruments[instrument].symbol,
             (unsigned long long)fill->venue_trade_id);
}

static uint64_t jitter_seed(const struct line *line)
{
    /* Jitter keeps servers apart; it decides nothing that a journal must repeat. */
    return (uint64_t)clock_monotonic_ns(&clock_system) + (uint64_t)line->venue;
}

static enum err open_gateway(struct line *line, struct trader_venue *where)
{
    const struct gateway_options options = {
        .ws_api_url = where->ws_api,
        .tls = line->tls,
        .rest = line->rest,
        .install = store_install_id(line->trader->options.store),
        .read_lag_ms = where->read_lag_ms,
        .jitter_seed = jitter_seed(line),
        .sink = {.on_event = on_order_news, .on_stream = on_stream, .on_external = on_external},
        .user = line,
    };
    return gateway_open(&line->trader->loop, &options, &line->gateway);
}

static enum err open_line(struct line *line)
{
    struct trader *t = line->trader;
    struct trader_venue *where = &t->options.venues[line->venue];
    enum err err = OK;
    if (strncmp(where->rest, "https:", 6) == 0) err = tls_client_new(NULL, &line->tls);
    if (err) return err;

    const bool live =
        t->options.live_enabled && where->api_key[0] != '\0' && where->secret[0] != '\0';
    if (live)
        err = binance_key_init_hmac(&line->key, slice_of(where->api_key), slice_of(where->secret));
    OPENSSL_cleanse(where->secret, sizeof where->secret);
    if (err) return err;
    const struct venue_rest_options rest = {
        .url = where->rest,
        .tls = line->tls,
        .clock = &clock_system,
        .key = live ? &line->key : NULL,
    };
    err = venue_rest_open(&t->loop, &rest, &line->rest);
    if (err) return err;

    const struct market_session_options session = {
        .ws_url = where->ws,
        .tls = line->tls,
        .rest = line->rest,
        .venue = line->venue,
        .jitter_seed = jitter_seed(line),
        .instruments_max = TRADER_INSTRUMENTS_MAX,
        .sink = {.on_event = on_event, .on_symbols = on_symbols, .on_state = on_state},
        .user = line,
    };
    err = market_session_open(&t->loop, &session, &line->session);
    if (!err && live) err = open_gateway(line, where);
    return err;
}

static void close_line(struct line *line)
{
    gateway_close(line->gateway);
    market_session_close(line->session);
    venue_rest_close(line->rest);
    binance_key_deinit(&line->key);
    tls_context_free(line->tls);
    while (line->waiting) {
        struct waiting *next = line->waiting->next;
        line->waiting->give_up(line->trader, line->waiting->user, "the server stops");
        free(line->waiting);
        line->waiting = next;
    }
}

enum err trader_lines_open(struct trader *t)
{
    for (unsigned v = 0; v < VENUE_COUNT; v++) {
        t->lines[v] = (struct line){
            .trader = t,
            .venue = (enum venue)v,
            .offered = t->options.venues[v].rest[0] != '\0',
        };
    }
    /* The built-in market is always there; the others are dialled when somebody asks for them. */
    return t->lines[VENUE_SIM].offered ? open_line(&t->lines[VENUE_SIM]) : OK;
}

void trader_lines_close(struct trader *t)
{
    for (unsigned v = 0; v < VENUE_COUNT; v++) close_line(&t->lines[v]);
}

struct line *trader_line(struct trader *t, enum venue venue)
{
    struct line *line = &t->lines[venue];
    if (!line->offered) {
        (void)err_set(ERR_UNSUPPORTED, "venue %s is not configured", venue_name(venue));
        return NULL;
    }
    if (!line->session && open_line(line) != OK) {
        close_line(line);
        *line = (struct line){
            .trader = t, .venue = venue, .offered = true, .restoring = line->restoring};
        return NULL;
    }
    return line;
}

void trader_when_known(struct trader *t, struct line *line, const struct waiting *what)
{
    if (line->symbols_known) {
        what->go(t, what->user);
        return;
    }
    struct waiting *waiting = calloc(1, sizeof *waiting);
    CHECK(waiting);
    *waiting = *what;
    struct waiting **last = &line->waiting;
    while (*last) last = &(*last)->next;
    *last = waiting;
}

static void give_up_late(struct line *line, int64_t now_ms)
{
    struct market_status status;
    char why[DESK_TEXT_SIZE];
    for (struct waiting **at = &line->waiting; *at;) {
        struct waiting *waiting = *at;
        if (now_ms < waiting->deadline_ms) {
            at = &waiting->next;
            continue;
        }
        market_session_status(line->session, &status);
        snprintf(why, sizeof why, "venue %s does not answer: %s", venue_name(line->venue),
                 status.reason);
        *at = waiting->next;
        waiting->give_up(line->trader, waiting->user, why);
        free(waiting);
    }
}

void trader_lines_tick(struct trader *t)
{
    for (unsigned v = 0; v < VENUE_COUNT; v++)
        if (t->lines[v].session) give_up_late(&t->lines[v], t->time_ms);
}

static bool find_watched(const struct trader *t, enum venue venue, const char *symbol,
                         uint16_t *index)
{
    for (uint16_t i = 0; i < t->instrument_count; i++) {
        if (t->instruments[i].venue != venue || strcmp(t->instruments[i].symbol, symbol) != 0)
            continue;
        *index = i;
        return true;
    }
    return false;
}

enum err trader_watch(struct trader *t, struct line *line, const char *symbol, uint16_t *index)
{
    if (find_watched(t, line->venue, symbol, index)) return OK;
    const struct instrument *known = market_session_find(line->session, symbol);
    if (!known)
        return err_set(ERR_NOT_FOUND, "%s has no symbol %s", venue_name(line->venue), symbol);
    if (t->instrument_count == TRADER_INSTRUMENTS_MAX)
        return err_set(ERR_LIMIT, "%d instruments are watched already", TRADER_INSTRUMENTS_MAX);

    *index = t->instrument_count;
    struct instrument *rules = &t->instruments[*index];
    *rules = *known;
    rules->index = *index;
    t->books[*index] = engine_book(t->engine, *index);
    t->instrument_count++;
    struct event event = {
        .kind = EVENT_INSTRUMENT, .instrument = *index, .instrument_rules = rules};
    trader_event(t, &event);
    const struct publication p = {
        .kind = PUBLISH_INSTRUMENT, .instrument = *index, .time_ms = t->time_ms, .rules = *rules};
    trader_publish_news(t, &p);
    enum err err = line->gateway ? gateway_add_instrument(line->gateway, rules) : OK;
    if (!err) err = market_session_watch(line->session, rules);
    return err;
}

struct line *trader_line_of(struct trader *t, uint16_t instrument)
{
    CHECK(instrument < t->instrument_count);
    return &t->lines[t->instruments[instrument].venue];
}
