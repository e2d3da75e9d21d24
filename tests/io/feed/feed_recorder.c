/* The market session under test, and its log. */
#include "io/feed/feed_recorder.h"

#include "cmocka_all.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "io/net/net_fixture.h"

static void note(struct feed_recorder *f, const char *word, unsigned long long number)
{
    if (!f->is_quiet) buffer_printf(&f->log, "%s %llu\n", word, number);
}

static void on_event(void *user, struct event *event)
{
    struct feed_recorder *f = user;
    assert_non_null(f->session);
    f->event_count++;
    switch ((enum event_kind)event->kind) {
    case EVENT_BOOK:
        note(f, event->book.snapshot ? "snap" : "delta", event->book.last_id);
        if (event->instrument < RECORDER_BOOKS_MAX &&
            book_apply(&f->books[event->instrument], &event->book) != BOOK_OK)
            f->refusals++;
        if (f->resyncs && !event->book.snapshot) {
            f->resyncs = false;
            market_session_resync(f->session, event->instrument);
        }
        break;
    case EVENT_FEED:
        f->is_live = event->feed == FEED_LIVE;
        if (!f->is_quiet)
            buffer_append_text(&f->log, event->feed == FEED_LIVE ? "live\n" : "stale\n");
        break;
    case EVENT_PRINT: note(f, "print", event->print.id); break;
    case EVENT_CANDLE:
        assert_false(event->candle.history);
        if (!f->is_quiet)
            buffer_printf(&f->log, "candle %s %lld\n",
                          timeframe_name((enum timeframe)event->candle.timeframe),
                          (long long)event->candle.candle.open_ms);
        break;
    default: fail_msg("an event of kind %u", event->kind);
    }
    if (f->on_book && (event->kind == EVENT_BOOK || event->kind == EVENT_FEED))
        f->on_book(f, event);
    if (f->close_at > 0 && f->event_count == f->close_at) {
        market_session_close(f->session);
        f->session = NULL;
    }
}

static void on_symbols(void *user)
{
    struct feed_recorder *f = user;
    f->symbols_count++;
}

static void on_state(void *user)
{
    (void)user;
}

void recorder_init(struct feed_recorder *f, const struct market_session_options *options)
{
    *f = (struct feed_recorder){0};
    assert_int_equal(uv_loop_init(&f->loop), 0);
    script_init(&f->venue, &f->loop, 0);
    assert_int_equal(arena_init(&f->arena, RECORDER_BOOKS_MAX * book_need(10000)), OK);
    for (unsigned i = 0; i < RECORDER_BOOKS_MAX; i++) book_init(&f->books[i], &f->arena, 10000);
    const struct venue_rest_options rest = {.url = f->venue.rest_url, .clock = &clock_system};
    assert_int_equal(venue_rest_open(&f->loop, &rest, &f->rest), OK);
    struct market_session_options all = *options;
    all.ws_url = f->venue.ws_url;
    all.rest = f->rest;
    all.venue = VENUE_BINANCE;
    if (all.instruments_max == 0) all.instruments_max = 8;
    all.sink =
        (struct market_sink){.on_event = on_event, .on_symbols = on_symbols, .on_state = on_state};
    all.user = f;
    assert_int_equal(market_session_open(&f->loop, &all, &f->session), OK);
}

void recorder_deinit(struct feed_recorder *f)
{
    market_session_close(f->session);
    f->session = NULL;
    venue_rest_close(f->rest);
    script_deinit(&f->venue);
    loop_finish(&f->loop);
    buffer_deinit(&f->log);
    arena_deinit(&f->arena);
}

struct wait {
    const struct feed_recorder *f;
    bool (*condition)(const struct feed_recorder *f);
};

static bool is_met(const void *data)
{
    const struct wait *wait = data;
    return wait->condition(wait->f);
}

void recorder_run(struct feed_recorder *f, bool (*condition)(const struct feed_recorder *f))
{
    run_until(&f->loop, is_met, &(struct wait){f, condition});
}

struct expected {
    const struct feed_recorder *f;
    const char *log;
};

static bool is_logged(const void *data)
{
    const struct expected *e = data;
    return e->f->log.size >= strlen(e->log);
}

void recorder_expect(struct feed_recorder *f, const char *log)
{
    run_until(&f->loop, is_logged, &(struct expected){f, log});
    buffer_append_char(&f->log, '\0');
    assert_string_equal(f->log.data, log);
    buffer_clear(&f->log);
}

void recorder_on_candles(void *user, enum err err, const struct candle *candles, size_t count)
{
    struct feed_recorder *f = user;
    f->fetched += 1 + (unsigned)count;
    f->fetch_err = err;
    if (count > 0) f->fetched_last = candles[count - 1];
}

static bool has_symbols(const struct feed_recorder *f)
{
    return f->symbols_count > 0;
}

static bool was_asked(const struct feed_recorder *f)
{
    return f->venue.message_count > 0;
}

void recorder_watch(struct feed_recorder *f)
{
    recorder_run(f, has_symbols);
    const struct instrument *found = market_session_find(f->session, "BTCUSDT");
    assert_non_null(found);
    struct instrument rules = *found;
    rules.index = 3;
    assert_int_equal(market_session_watch(f->session, &rules), OK);
    recorder_run(f, was_asked);
}
