/* Serving recordings. */
#include "service/simserver/recording.h"

#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "service/simserver/simserver_internal.h"

enum {
    FRAMES_A_TURN = 500,
    WAIT_FOR_CLIENTS_MS = 2,
    CLIENT_LEAD = 1 << 20, /* bytes that a client may be behind at full speed */
    MIRROR_ORDERS_MAX = 2 * SIMSERVER_MIRROR_LEVELS,
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
    free(r->symbols);
    arena_deinit(&r->arena);
    free(r);
}

/* ---- serving ---- */

static void apply_depth(struct recording *r, const struct recorded_frame *f)
{
    struct played_symbol *s = &r->symbols[f->symbol];
    struct recorded_depth d;
    recording_file_depth(&r->file, f->data, &d);
    const bool is_snapshot = f->kind == RECORDED_SNAPSHOT;
    if (is_snapshot ? !s->has_gap || d.last_id < s->book.last_id
                    : !s->has_snapshot || d.last_id <= s->book.last_id)
        return;
    if (!is_snapshot && (s->has_gap || d.first_id > s->book.last_id + 1)) {
        s->has_gap = true;
        return;
    }
    s->has_gap = apply_levels(&s->book, &d, is_snapshot) != BOOK_OK;
}

static void remember_trade(struct recording *r, const struct recorded_frame *f)
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
    (void)market_history_add(&r->server->feeds[f->symbol].history, &trade);
}

static void serve(struct recording *r, const struct recorded_frame *f)
{
    if (f->kind == RECORDED_DEPTH || f->kind == RECORDED_SNAPSHOT) apply_depth(r, f);
    if (f->kind == RECORDED_TRADE) remember_trade(r, f);
    if (f->stream.size) streams_publish(r->server, f->stream, f->data);
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
