/* Serving recordings. */
#include "service/simserver/recording.h"

#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "base/hash.h"
#include "io/venue/json_cursor.h"
#include "service/simserver/simserver_internal.h"

enum {
    FRAMES_A_TURN = 500,
    WAIT_FOR_CLIENTS_MS = 2,
    CLIENT_LEAD = 1 << 20, /* bytes that a client may be behind at full speed */
    MIRROR_ORDERS_MAX = 2 * SIMSERVER_MIRROR_LEVELS,
    LAST_NS = 1000000000, /* recorded time goes on after the last frame */
    STEP_MS = 100,        /* what the streams made of a recording are sent by */
};

/* ---- opening ---- */

/* Ten to the decimals that the smallest step leaves of the scale. */
static int64_t step_of(unsigned decimals)
{
    int64_t step = 1;
    for (unsigned i = decimals; i < RECORDING_SCALE; i++) step *= 10;
    return step;
}

/* Rules that fit the data: what was recorded could have been ordered. */
static void set_rules(const struct recorded_symbol *s, struct instrument *i)
{
    memcpy(i->symbol, s->name, sizeof i->symbol);
    memcpy(i->base, s->base, sizeof i->base);
    memcpy(i->quote, s->quote, sizeof i->quote);
    i->venue = VENUE_SIM;
    i->status = INSTRUMENT_TRADING;
    i->price_scale = i->qty_scale = i->base_scale = i->quote_scale = RECORDING_SCALE;
    i->tick.units = i->price_min.units = step_of(s->price_decimals);
    i->price_max.units = INT64_C(10000000) * step_of(0);
    i->step.units = i->qty_min.units = step_of(s->qty_decimals);
    i->qty_max.units = INT64_C(90000000) * step_of(0);
    i->bid_up_ppm = i->ask_up_ppm = 5 * PPM;
    i->bid_down_ppm = i->ask_down_ppm = PPM / 5;
    i->orders_max = 200;
    i->algo_orders_max = 5;
    i->maker_fee_ppm = i->taker_fee_ppm = 1000;
}

static enum book_result apply_levels(struct book *book, const struct recorded_depth *d,
                                     bool is_snapshot)
{
    const struct book_update update = {
        .snapshot = is_snapshot,
        .last_id = d->last_id,
        .bids = d->bids,
        .asks = d->asks,
        .bid_count = d->bid_count,
        .ask_count = d->ask_count,
    };
    return book_apply(book, &update);
}

static enum err start_symbol(struct recording *r, const struct recorded_symbol *s,
                             struct played_symbol *p)
{
    struct recorded_depth depth;
    set_rules(s, &p->rules);
    p->trades = s->trades;
    book_init(&p->book, &r->arena, RECORDING_BOOK_LEVELS);
    if (s->snapshot.size == 0) return OK;
    recording_file_depth(&r->file, s->snapshot, &depth);
    if (apply_levels(&p->book, &depth, true) != BOOK_OK)
        return recording_file_refuse(&r->file, s->snapshot,
                                     "a snapshot that is out of order or crossed");
    p->has_snapshot = true;
    return OK;
}

/* The place of a stream's name, or the free one where it belongs. */
static unsigned place_of(const struct recording *r, struct slice stream)
{
    unsigned at = (unsigned)hash_bytes(HASH_SEED, stream.data, stream.size);
    for (;; at++) {
        at &= RECORDING_STREAM_BUCKETS - 1;
        if (r->names[at].size == 0 || slice_equal(r->names[at], stream)) return at;
    }
}

bool recording_holds(const struct recording *r, struct slice stream)
{
    return r->names[place_of(r, stream)].size > 0;
}

static enum err note_name(struct recording *r, const struct recorded_frame *f)
{
    if (f->stream.size == 0) return OK;
    struct slice *place = &r->names[place_of(r, f->stream)];
    if (place->size) return OK;
    if (r->name_count++ == RECORDING_STREAMS_MAX)
        return recording_file_refuse(&r->file, f->data, "more than 1024 streams");
    *place = f->stream;
    return OK;
}

/* By how much the exchange's clock is ahead of the line's time, at least. */
struct lead {
    int64_t least_ms;
    bool is_of_prints, is_known;
};

static void note_lead(struct lead *l, const struct recorded_frame *f, int64_t time_ms,
                      bool is_of_print)
{
    const int64_t lead_ms = time_ms - f->at_ns / 1000000;
    if (time_ms <= 0 || time_ms >= RECORDING_TIME_LIMIT) return;
    if (!l->is_known || (is_of_print && !l->is_of_prints))
        *l = (struct lead){lead_ms, is_of_print, true};
    else if (lead_ms < l->least_ms)
        l->least_ms = lead_ms;
}

/* The field E of a frame, 0 where there is none. */
static int64_t event_time(struct slice data)
{
    struct json_cursor j;
    struct slice key;
    int64_t time_ms = 0;
    cursor_init(&j, data);
    cursor_enter_object(&j);
    while (cursor_next_key(&j, &key)) {
        if (slice_is(key, "E"))
            cursor_i64(&j, &time_ms);
        else
            cursor_skip(&j);
    }
    return cursor_end(&j) ? time_ms : 0;
}

/* Whether it is a kline frame, of a timeframe that there is. */
static bool is_kline(const struct recorded_frame *f, enum timeframe *out)
{
    static const char word[] = "@kline_";
    if (f->kind != RECORDED_OTHER || f->symbol == INSTRUMENT_NONE) return false;
    const char *at = memmem(f->stream.data, f->stream.size, word, sizeof word - 1);
    if (!at) return false;
    at += sizeof word - 1;
    char name[8];
    return slice_copy((struct slice){at, f->stream.size - (size_t)(at - f->stream.data)}, name,
                      sizeof name) &&
           timeframe_parse(name, out);
}

/* What must be known of a frame before anything is played. */
static enum err survey_frame(struct recording *r, const struct recorded_frame *f, struct lead *l)
{
    struct played_symbol *s = &r->symbols[f->symbol];
    struct print print;
    struct synthetic_candle kline;
    enum timeframe timeframe;
    if (f->kind == RECORDED_TRADE) {
        recording_file_print(f, &print);
        note_lead(l, f, print.time_ms, true);
        if (!recorded_candles_plan(&s->candles, &print))
            return recording_file_refuse(&r->file, f->data, "more is traded than can be counted");
    } else if (is_kline(f, &timeframe)) {
        if (recorded_kline_read(f->data, timeframe, &kline) != OK)
            return recording_file_refuse(&r->file, f->data, "a kline frame that is no candle");
        recorded_candles_plan_told(&s->candles, timeframe, &kline);
    }
    if (!l->is_of_prints) note_lead(l, f, event_time(f->data), false);
    return OK;
}

static enum err survey(struct recording *r)
{
    struct lead leads[RECORDING_SYMBOLS_MAX] = {0};
    enum err err = OK;
    for (size_t i = 0; !err && i < r->file.frame_count; i++) {
        const struct recorded_frame *f = &r->file.frames[i];
        err = note_name(r, f);
        if (!err && f->symbol != INSTRUMENT_NONE) err = survey_frame(r, f, &leads[f->symbol]);
    }
    for (uint16_t i = 0; !err && i < r->symbol_count; i++) {
        r->symbols[i].ahead_ms = leads[i].least_ms;
        err = recorded_candles_init(&r->symbols[i].candles);
    }
    return err;
}

enum err recording_open(const char *const *files, unsigned count, double speed,
                        struct recording **out)
{
    struct recording *r = calloc(1, sizeof *r);
    *out = NULL;
    if (!r) return err_set(ERR_NO_MEMORY, "no memory for a recording");
    r->speed = speed;
    enum err err = recording_file_open(files, count, &r->file);
    r->symbol_count = r->file.symbol_count;
    if (!err) err = arena_init(&r->arena, RECORDING_SYMBOLS_MAX * book_need(RECORDING_BOOK_LEVELS));
    if (!err && !(r->symbols = calloc(RECORDING_SYMBOLS_MAX, sizeof *r->symbols)))
        err = err_set(ERR_NO_MEMORY, "no memory for a recording");
    for (uint16_t i = 0; !err && i < r->symbol_count; i++)
        err = start_symbol(r, &r->file.symbols[i], &r->symbols[i]);
    if (!err) err = survey(r);
    if (err)
        recording_close(r);
    else
        *out = r;
    return err;
}

static void on_timer_closed(uv_handle_t *handle)
{
    free(handle);
}

void recording_close(struct recording *r)
{
    if (!r) return;
    if (r->timer) uv_close((uv_handle_t *)r->timer, on_timer_closed);
    recording_file_close(&r->file);
    for (uint16_t i = 0; r->symbols && i < r->symbol_count; i++)
        recorded_candles_deinit(&r->symbols[i].candles);
    free(r->symbols);
    arena_deinit(&r->arena);
    free(r);
}

/* ---- serving ---- */

/* Recorded time of a symbol goes on, and what falls due in it is sent. */
static void advance(struct recording *r, uint16_t symbol, int64_t time_ms)
{
    struct played_symbol *s = &r->symbols[symbol];
    const int64_t before_ms = s->clock_ms;
    if (time_ms <= before_ms) return;
    s->clock_ms = time_ms;
    if (before_ms / STEP_MS != time_ms / STEP_MS)
        streams_step(r->server, symbol, before_ms, time_ms);
}

static void advance_all(struct recording *r, int64_t at_ns)
{
    for (uint16_t i = 0; i < r->symbol_count; i++)
        advance(r, i, at_ns / 1000000 + r->symbols[i].ahead_ms);
}

/* The book as it was told is over: who follows it by deltas must see a gap. */
static void lose_book(struct recording *r, uint16_t symbol)
{
    r->symbols[symbol].has_gap = true;
    for (unsigned speed = 0; speed < DEPTH_SPEEDS; speed++)
        depth_batch_clear(&r->server->feeds[symbol].batches[speed]);
}

static void note_changes(struct recording *r, uint16_t symbol, uint64_t update_id, enum side side,
                         const struct level *levels, uint32_t count)
{
    struct instrument_feed *feed = &r->server->feeds[symbol];
    for (uint32_t i = 0; i < count; i++)
        for (unsigned speed = 0; speed < DEPTH_SPEEDS; speed++)
            depth_batch_add(&feed->batches[speed], update_id, (uint8_t)side, levels[i].price.units);
}

static void apply_depth(struct recording *r, const struct recorded_frame *f)
{
    struct played_symbol *s = &r->symbols[f->symbol];
    const uint64_t before = s->book.last_id;
    struct recorded_depth d;
    recording_file_depth(&r->file, f->data, &d);
    const bool is_snapshot = f->kind == RECORDED_SNAPSHOT;
    if (is_snapshot ? !s->has_gap || d.last_id < before : !s->has_snapshot || d.last_id <= before)
        return;
    if (!is_snapshot && (s->has_gap || d.first_id > before + 1)) {
        lose_book(r, f->symbol);
        return;
    }
    s->has_gap = apply_levels(&s->book, &d, is_snapshot) != BOOK_OK;
    if (s->has_gap) {
        lose_book(r, f->symbol);
    } else if (!is_snapshot) {
        note_changes(r, f->symbol, before + 1, SIDE_BUY, d.bids, d.bid_count);
        note_changes(r, f->symbol, before + 1, SIDE_SELL, d.asks, d.ask_count);
    }
    r->server->feeds[f->symbol].is_changed = true;
    simserver_settle(r->server);
}

static void play_trade(struct recording *r, const struct recorded_frame *f)
{
    struct print print;
    recording_file_print(f, &print);
    struct market_trade trade = {
        .id = print.id,
        .price = print.price,
        .qty = print.qty,
        .time_ms = print.time_ms,
        .buyer_is_maker = print.taker == SIDE_SELL,
    };
    const bool fits = money_notional(print.price, RECORDING_SCALE, print.qty, RECORDING_SCALE,
                                     RECORDING_SCALE, ROUND_DOWN, &trade.quote);
    CHECK(fits); /* the reader refuses what does not */
    advance(r, f->symbol, print.time_ms);
    recorded_candles_add(&r->symbols[f->symbol].candles, &print, trade.quote);
    market_note_trade(r->server, f->symbol, &trade);
}

static void play_kline(struct recording *r, const struct recorded_frame *f,
                       enum timeframe timeframe)
{
    struct synthetic_candle kline;
    const enum err err = recorded_kline_read(f->data, timeframe, &kline);
    CHECK(err == OK); /* it was read before */
    recorded_candles_tell(&r->symbols[f->symbol].candles, timeframe, &kline);
}

static void serve(struct recording *r, const struct recorded_frame *f)
{
    enum timeframe timeframe;
    advance_all(r, f->at_ns);
    if (f->kind == RECORDED_DEPTH || f->kind == RECORDED_SNAPSHOT)
        apply_depth(r, f);
    else if (f->kind == RECORDED_TRADE)
        play_trade(r, f);
    else if (is_kline(f, &timeframe))
        play_kline(r, f, timeframe);
    if (f->stream.size) streams_publish(r->server, f->stream, f->data);
}

void recording_tick(struct recording *r)
{
    if (!r->is_playing || r->at == r->file.frame_count || r->speed <= 0) return;
    /* Not beyond the next frame, which may be late. */
    const double at_ns = (double)(uv_hrtime() - r->began_ns) * r->speed;
    const int64_t next_ns = r->file.frames[r->at].at_ns;
    advance_all(r, at_ns < (double)next_ns ? (int64_t)at_ns : next_ns);
}

static uint64_t due_ns(const struct recording *r)
{
    if (r->speed <= 0) return 0;
    return r->began_ns + (uint64_t)((double)r->file.frames[r->at].at_ns / r->speed);
}

static void on_timer(uv_timer_t *timer)
{
    struct recording *r = timer->data;
    const uint64_t now_ns = uv_hrtime();
    if (r->speed <= 0 && streams_pending(r->server) > CLIENT_LEAD) {
        uv_timer_start(timer, on_timer, WAIT_FOR_CLIENTS_MS, 0);
        return;
    }
    for (unsigned i = 0; i < FRAMES_A_TURN && r->at < r->file.frame_count && due_ns(r) <= now_ns;
         i++)
        serve(r, &r->file.frames[r->at++]);
    if (r->at == r->file.frame_count) {
        /* What waits for the second to be over is sent. */
        advance_all(r, r->file.frames[r->at - 1].at_ns + LAST_NS);
        r->server->counters.recording_ended = true;
        return;
    }
    const uint64_t due = due_ns(r);
    uv_timer_start(timer, on_timer, due > now_ns ? (due - now_ns) / 1000000 + 1 : 0, 0);
}

void recording_begin(struct recording *r)
{
    if (r->is_playing) return;
    r->is_playing = true;
    r->began_ns = uv_hrtime();
    /* Not before the request that began it is answered. */
    uv_timer_start(r->timer, on_timer, 0, 0);
}

/* ---- what people trade against ---- */

static void withdraw(struct recording *r, uint16_t instrument, int64_t now_ms)
{
    struct sim_exchange *e = &r->server->exchange;
    const struct sim_order *orders[MIRROR_ORDERS_MAX];
    uint64_t ids[MIRROR_ORDERS_MAX];
    const uint32_t count =
        sim_exchange_open_orders(e, r->maker, instrument, orders, MIRROR_ORDERS_MAX);
    for (uint32_t i = 0; i < count; i++) ids[i] = orders[i]->id;
    for (uint32_t i = 0; i < count; i++) {
        const struct sim_cancel cancel = {
            .account = r->maker, .instrument = instrument, .order_id = ids[i], .time_ms = now_ms};
        struct sim_order ended;
        (void)sim_exchange_cancel(e, &cancel, &ended); /* one that is gone is as good */
    }
}

void recording_mirror(struct recording *r, uint16_t instrument)
{
    const int64_t now_ms = simserver_now(r->server);
    withdraw(r, instrument, now_ms);
    for (unsigned side = 0; side < 2; side++) {
        struct level levels[SIMSERVER_MIRROR_LEVELS];
        const uint32_t count = book_side(&r->symbols[instrument].book, (enum side)side, levels,
                                         SIMSERVER_MIRROR_LEVELS);
        for (uint32_t i = 0; i < count; i++) {
            const struct sim_request request = {
                .account = r->maker,
                .instrument = instrument,
                .side = (uint8_t)side,
                .type = SIM_TYPE_LIMIT,
                .tif = SIM_GTC,
                .qty = levels[i].qty,
                .price = levels[i].price,
                .time_ms = now_ms,
            };
            struct sim_result result;
            (void)sim_exchange_place(&r->server->exchange, &request, &result); /* full: thinner */
        }
    }
}
