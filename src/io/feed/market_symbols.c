/* The venue's list of symbols: fetched at start and every hour, with the venue's limits. */
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "io/feed/market_internal.h"

static void on_symbols(void *user, const struct binance_outcome *outcome);
static enum err take_symbols(struct market_session *m, struct slice body);
static void take_limits(struct market_session *m, const struct request_limits *told);

const struct instrument *market_session_symbols(const struct market_session *m, size_t *count)
{
    *count = m->symbol_count;
    return m->symbols;
}

const struct instrument *market_session_find(const struct market_session *m, const char *symbol)
{
    for (size_t i = 0; i < m->symbol_count; i++)
        if (strcmp(m->symbols[i].symbol, symbol) == 0) return &m->symbols[i];
    return NULL;
}

uint64_t market_symbols_due(struct market_session *m)
{
    const uint64_t now = uv_now(m->loop);
    if (m->symbols_fetching) return UINT64_MAX;
    if (m->symbols_next > now) return m->symbols_next;
    const enum err err =
        venue_rest_send(m->options.rest, &(struct venue_request){
                                             .endpoint = BINANCE_GET_EXCHANGE_INFO,
                                             .priority = REQUEST_DATA,
                                             .deadline_ms = MARKET_REST_DEADLINE_MS,
                                             .owner = m,
                                             .on_outcome = on_symbols,
                                             .user = m,
                                         });
    m->symbols_fetching = !err;
    m->symbols_next = err ? now + backoff_next_ms(&m->symbols_backoff) : UINT64_MAX;
    return m->symbols_next;
}

static void on_symbols(void *user, const struct binance_outcome *outcome)
{
    struct market_session *m = user;
    m->symbols_fetching = false;
    market_wake(m);
    enum err err = market_check(outcome);
    if (!err) err = take_symbols(m, outcome->body);
    if (err) {
        m->symbols_next = uv_now(m->loop) + backoff_next_ms(&m->symbols_backoff);
        log_warn("symbols_failed", "venue=%s cause=\"%s\"", venue_name(m->options.venue),
                 err_text());
        return;
    }
    backoff_reset(&m->symbols_backoff);
    m->symbols_next = uv_now(m->loop) + MARKET_SYMBOLS_INTERVAL_MS;
    m->options.sink.on_symbols(m->options.user);
}

static enum err take_symbols(struct market_session *m, struct slice body)
{
    struct binance_exchange_info info;
    struct instrument *symbols = calloc(BINANCE_SYMBOLS_MAX, sizeof *symbols);
    if (!symbols) return err_set(ERR_NO_MEMORY, "no memory for the venue's symbols");
    const enum err err =
        binance_read_exchange_info(body, m->options.venue, symbols, BINANCE_SYMBOLS_MAX, &info);
    if (err || info.instrument_count == 0) {
        free(symbols);
        return err ? err : err_set(ERR_PARSE, "the venue lists no symbol that we can hold");
    }
    struct instrument *fitting = realloc(symbols, info.instrument_count * sizeof *symbols);
    free(m->symbols);
    m->symbols = fitting ? fitting : symbols;
    m->symbol_count = info.instrument_count;
    take_limits(m, &info.limits);
    log_info("symbols_known", "venue=%s count=%zu skipped=%zu", venue_name(m->options.venue),
             info.instrument_count, info.skipped_count);
    return OK;
}

/* A limit that the venue does not tell stays what it was. */
static void take_limits(struct market_session *m, const struct request_limits *told)
{
    struct request_budget *budget = venue_rest_budget(m->options.rest);
    struct request_limits limits = budget->limits;
    if (told->weight > 0) limits.weight = told->weight;
    if (told->orders_short > 0) limits.orders_short = told->orders_short;
    if (told->orders_long > 0) limits.orders_long = told->orders_long;
    request_budget_set_limits(budget, &limits);
}
