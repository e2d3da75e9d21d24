/* Random operations against a model in memory: what is loaded and read equals what was written. */
#include "cmocka_all.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/prng.h"
#include "fixture.h"
#include "io/store/store_read.h"

enum {
    BOTS = 24,
    SYMBOLS = 3,
    ORDERS = 600,
    FILLS = 900,
    BATCHES = 120,
    RECENT_FILLS = 40,
    RECENT_ORDERS = 30,
    SEEDS = 4,
};

/* Rows of tables in plain arrays; index 0 of bots and orders stays empty, as ids start at 1. */
struct model {
    struct store_bot bots[BOTS + 1];
    bool deleted[BOTS + 1], has_totals[BOTS + 1], has_position[BOTS + 1][SYMBOLS];
    struct store_totals totals[BOTS + 1];
    struct store_position positions[BOTS + 1][SYMBOLS];
    struct store_order orders[ORDERS + 1];
    struct store_fill fills[FILLS];
    struct store_round_trip trips[FILLS];
    uint32_t bot_count, order_count, fill_count, trip_count;
};

static const char *const symbols[SYMBOLS] = {"BTCUSDT", "ETH-USD", "\xe5\xb8\x81\xe5\xae\x89USDT"};
static const char *const names[] = {"trend", "Robert'); DROP TABLE bots;--", "\"\\%_?1 :name @x",
                                    "\xf0\x9f\x9a\x80 \xc5\x9f\xc4\xb1k", "a\nb\tc"};

static int64_t amount(struct prng *p)
{
    const uint64_t bits = prng_next(p);
    return (int64_t)(bits >> (1 + bits % 60));
}

static int64_t signed_amount(struct prng *p)
{
    return prng_next(p) & 1 ? amount(p) : -amount(p);
}

static uint8_t below(struct prng *p, unsigned bound)
{
    return (uint8_t)prng_below(p, bound);
}

static bool is_working(const struct store_order *o)
{
    return !order_state_is_closed((enum order_state)o->order.state);
}

static void random_bot(struct prng *p, struct store_bot *b)
{
    memset(b, 0, sizeof *b);
    b->user_id = STORE_FIRST_USER;
    strcpy(b->name, names[below(p, 5)]);
    b->venue = below(p, VENUE_COUNT);
    b->mode = below(p, 2);
    strcpy(b->strategy, "rsi");
    snprintf(b->params, sizeof b->params, "{\"period\":%u}", below(p, 200));
    b->symbol_count = (uint8_t)(1 + below(p, SYMBOLS));
    for (int i = 0; i < b->symbol_count; i++) strcpy(b->symbols[i], symbols[i]);
    b->timeframe = below(p, TIMEFRAME_COUNT);
    b->quote_scale = below(p, SCALE_MAX + 1);
    b->capital.units = 1 + amount(p) / 2;
    b->sizing_kind = below(p, SIZING_KIND_COUNT);
    b->sizing_scale = below(p, SCALE_MAX + 1);
    b->sizing_value = 1 + amount(p) / 2;
    b->risk.trailing_ppm = (int32_t)prng_below(p, 1000000);
    b->risk.max_daily_trades = (uint32_t)prng_next(p);
    b->risk.cooldown_s = (uint32_t)prng_next(p);
    b->created_ms = NOW_MS + (int64_t)prng_below(p, 5);
    b->updated_ms = b->created_ms;
}

static void random_totals(struct prng *p, uint64_t bot_id, struct store_totals *row)
{
    memset(row, 0, sizeof *row);
    row->bot_id = bot_id;
    row->quote_scale = below(p, SCALE_MAX + 1);
    row->totals.day = 20000 + below(p, 9);
    row->totals.day_pnl.units = signed_amount(p);
    row->totals.day_trades = (uint32_t)prng_next(p);
    row->totals.realized.units = signed_amount(p);
    row->totals.trades = (uint64_t)amount(p);
    row->totals.state = below(p, BOT_STATE_COUNT);
    row->totals.reason = below(p, BOT_REASON_COUNT);
}

static void change_order(struct prng *p, struct order *o)
{
    o->state = (uint8_t)(ORDER_SENT + below(p, ORDER_STATE_COUNT - ORDER_SENT));
    o->reason = below(p, ORDER_REASON_COUNT);
    o->filled.units = amount(p);
    o->filled_quote.units = amount(p);
    o->venue_order_id = (uint64_t)amount(p);
    o->venue_code = (int32_t)prng_next(p);
    o->updated_ms++;
}

static void step_bot(struct prng *p, struct store *s, struct model *m)
{
    struct store_bot bot;
    random_bot(p, &bot);
    uint64_t id = 0;
    if (m->bot_count < BOTS && prng_below(p, 3) == 0) {
        assert_ok(store_bot_insert(s, &bot, &id));
        bot.id = id;
        assert_int_equal(id, ++m->bot_count);
        m->bots[id] = bot;
        return;
    }
    id = 1 + prng_below(p, BOTS);
    struct store_bot *known = &m->bots[id];
    const bool there = id <= m->bot_count && !m->deleted[id];
    const enum err want = there ? OK : ERR_NOT_FOUND;
    switch (prng_below(p, 4)) {
    case 0: {
        bot.id = id;
        assert_int_equal(store_bot_update(s, &bot), want);
        bot.created_ms = known->created_ms;
        bot.running = known->running;
        if (there) *known = bot;
        break;
    }
    case 1: {
        const bool running = prng_next(p) & 1;
        assert_int_equal(store_bot_want(s, 1, id, running, bot.updated_ms), want);
        if (there) known->running = running, known->updated_ms = bot.updated_ms;
        break;
    }
    case 2: {
        struct store_totals totals;
        random_totals(p, id, &totals);
        const bool exists = id <= m->bot_count;
        assert_int_equal(store_bot_totals(s, &totals), exists ? OK : ERR_NOT_FOUND);
        if (exists) m->totals[id] = totals, m->has_totals[id] = true;
        break;
    }
    default: {
        bool tied = known->running;
        for (uint32_t i = 1; i <= m->order_count; i++) {
            tied |= m->orders[i].order.bot_id == id && is_working(&m->orders[i]);
        }
        for (int i = 0; i < SYMBOLS; i++) tied |= m->positions[id][i].position.open;
        const enum err err = store_bot_delete(s, 1, id, NOW_MS);
        assert_int_equal(err, !there ? ERR_NOT_FOUND : tied ? ERR_INVALID : OK);
        if (!err) m->deleted[id] = true;
    }
    }
}

static void step_order(struct prng *p, struct store *s, struct model *m)
{
    const uint64_t bot_id = 1 + prng_below(p, BOTS);
    if (m->order_count < ORDERS && prng_next(p) & 1) {
        struct store_order row = sample_order(m->order_count + 1, bot_id);
        row.market.venue = below(p, VENUE_COUNT);
        memset(row.market.symbol, 0, sizeof row.market.symbol);
        strcpy(row.market.symbol, symbols[below(p, SYMBOLS)]);
        row.order.mode = below(p, 2);
        row.order.side = below(p, 2);
        row.order.type = below(p, 2);
        row.order.purpose = below(p, 4);
        row.order.qty.units = 1 + amount(p) / 2;
        row.order.price.units = row.order.type == ORDER_TYPE_LIMIT ? 1 + amount(p) / 2 : 0;
        row.order.trigger.units = amount(p);
        row.order.created_ms = NOW_MS + (int64_t)prng_below(p, 9);
        row.order.updated_ms = row.order.created_ms;
        memset(row.body, 0, sizeof row.body);
        strcpy(row.body, names[below(p, 5)]);
        const bool there = bot_id <= m->bot_count && !m->deleted[bot_id];
        assert_int_equal(store_order_placed(s, &row), there ? OK : ERR_NOT_FOUND);
        if (there) m->orders[++m->order_count] = row;
        return;
    }
    const uint64_t id = 1 + prng_below(p, ORDERS);
    const struct store_order before = id <= m->order_count ? m->orders[id] : sample_order(id, 1);
    struct store_change change = {before.order, before.market};
    change_order(p, &change.order);
    change.market.qty_scale = (uint8_t)prng_below(p, SCALE_MAX + 1);
    assert_int_equal(store_order_changed(s, &change), id <= m->order_count ? OK : ERR_NOT_FOUND);
    if (id > m->order_count) return;
    m->orders[id].order = change.order;
    m->orders[id].market = change.market;
}

static bool is_booked(const struct model *m, const struct store_fill *f)
{
    for (uint32_t i = 0; i < m->fill_count; i++) {
        const struct store_fill *known = &m->fills[i];
        if (known->fill.venue_trade_id == f->fill.venue_trade_id && known->mode == f->mode &&
            known->market.venue == f->market.venue &&
            strcmp(known->market.symbol, f->market.symbol) == 0)
            return true;
    }
    return false;
}

static void book(struct model *m, const struct store_booking *row, const struct store_fill *fill)
{
    const struct booking *b = &row->booking;
    int symbol = 0;
    while (strcmp(symbols[symbol], row->market.symbol) != 0) symbol++;
    m->orders[b->order.id].order = b->order;
    m->fills[m->fill_count++] = *fill;
    m->has_totals[row->bot_id] = true;
    memset(&m->totals[row->bot_id], 0, sizeof *m->totals);
    m->totals[row->bot_id].bot_id = row->bot_id;
    m->totals[row->bot_id].quote_scale = row->market.quote_scale;
    m->totals[row->bot_id].totals = b->totals;
    /* The model keeps one position a symbol: the sample fills of step_fill are all on VENUE_SIM. */
    m->has_position[row->bot_id][symbol] = true;
    struct store_position *position = &m->positions[row->bot_id][symbol];
    memset(position, 0, sizeof *position);
    position->bot_id = row->bot_id;
    position->market = row->market;
    position->position = b->position;
    if (!b->closed) return;
    struct store_round_trip *trip = &m->trips[m->trip_count++];
    memset(trip, 0, sizeof *trip);
    trip->id = m->trip_count;
    trip->bot_id = row->bot_id;
    trip->mode = b->order.mode;
    trip->market = row->market;
    trip->round_trip = b->round_trip;
}

static void step_fill(struct prng *p, struct store *s, struct model *m)
{
    if (!m->order_count || m->fill_count == FILLS) return;
    const struct store_order *order = &m->orders[1 + prng_below(p, m->order_count)];
    if (order->market.venue != VENUE_SIM) return;
    struct store_booking row = sample_booking(order, prng_below(p, 400), 0);
    struct booking *b = &row.booking;
    const bool foreign = prng_below(p, 10) == 0;
    if (foreign) row.bot_id++;
    change_order(p, &b->order);
    b->fill.fee.units = amount(p);
    b->position.base.units = signed_amount(p);
    b->position.cost.units = signed_amount(p);
    b->position.fees.units = signed_amount(p);
    b->position.peak.units = amount(p);
    b->position.open = prng_next(p) & 1;
    struct store_totals totals;
    random_totals(p, row.bot_id, &totals);
    b->totals = totals.totals;
    b->closed = prng_below(p, 3) == 0;
    b->round_trip.pnl.units = signed_amount(p);
    b->round_trip.closed_ms = NOW_MS + below(p, 9);

    struct store_fill fill;
    memset(&fill, 0, sizeof fill);
    fill.id = m->fill_count + 1;
    fill.bot_id = row.bot_id;
    fill.mode = order->order.mode;
    fill.market = order->market;
    fill.fill = b->fill;
    const enum err want = foreign ? ERR_NOT_FOUND : is_booked(m, &fill) ? ERR_EXISTS : OK;
    assert_int_equal(store_fill_booked(s, &row), want);
    if (!want) book(m, &row, &fill);
}

/* What is left to be told, and where telling stands. */
struct check {
    const struct model *m;
    uint64_t bot, totals, position, order;
    uint32_t fill;
};

static void check_bot(void *user, const struct store_bot *row)
{
    struct check *c = user;
    while (c->m->deleted[++c->bot]) continue;
    assert_memory_equal(row, &c->m->bots[c->bot], sizeof *row);
}

static void check_totals(void *user, const struct store_totals *row)
{
    struct check *c = user;
    do c->totals++;
    while (c->m->deleted[c->totals] || !c->m->has_totals[c->totals]);
    assert_memory_equal(row, &c->m->totals[c->totals], sizeof *row);
}

static void check_position(void *user, const struct store_position *row)
{
    struct check *c = user;
    int symbol = 0;
    while (strcmp(symbols[symbol], row->market.symbol) != 0) symbol++;
    assert_false(c->m->deleted[row->bot_id]);
    assert_true(c->m->has_position[row->bot_id][symbol]);
    assert_memory_equal(row, &c->m->positions[row->bot_id][symbol], sizeof *row);
    c->position++;
}

static bool is_known(const struct model *m, uint64_t order)
{
    return is_working(&m->orders[order]) ||
           (m->orders[order].order.mode == MODE_LIVE && order + RECENT_ORDERS > m->order_count);
}

static void check_order(void *user, const struct store_order *row)
{
    struct check *c = user;
    while (!is_known(c->m, ++c->order)) continue;
    assert_memory_equal(row, &c->m->orders[c->order], sizeof *row);
}

static bool is_told(const struct model *m, uint32_t fill)
{
    return fill + RECENT_FILLS >= m->fill_count || is_known(m, m->fills[fill].fill.order_id);
}

static void check_fill(void *user, const struct store_fill *row)
{
    struct check *c = user;
    while (!is_told(c->m, c->fill)) c->fill++;
    assert_memory_equal(row, &c->m->fills[c->fill++], sizeof *row);
}

/* Nothing is missing behind the last row that was told. */
static void check_whole(const struct check *c)
{
    const struct model *m = c->m;
    uint64_t positions = 0;
    for (uint64_t i = 1; i <= m->bot_count; i++) {
        if (m->deleted[i]) continue;
        assert_true(i <= c->bot);
        if (m->has_totals[i]) assert_true(i <= c->totals);
        for (int k = 0; k < SYMBOLS; k++) positions += m->has_position[i][k];
    }
    assert_int_equal(c->position, positions);
    for (uint64_t i = c->order + 1; i <= m->order_count; i++) assert_false(is_known(m, i));
    for (uint32_t i = c->fill; i < m->fill_count; i++) assert_false(is_told(m, i));
}

static void check_loaded(struct store *s, const struct model *m, uint64_t *next_order_id)
{
    struct check c = {.m = m};
    const struct store_loader loader = {
        .user = &c,
        .on_bot = check_bot,
        .on_totals = check_totals,
        .on_position = check_position,
        .on_order = check_order,
        .on_fill = check_fill,
        .fill_count = RECENT_FILLS,
        .order_count = RECENT_ORDERS,
    };
    assert_ok(store_load(s, &loader, next_order_id));
    check_whole(&c);
    assert_true(*next_order_id > m->order_count);
}

struct listed {
    const struct model *m;
    uint64_t count, last_id, bot_id;
    int64_t last_ms;
};

static void check_newer_first(struct listed *l, int64_t time_ms, uint64_t id)
{
    if (l->count++) {
        assert_true(time_ms < l->last_ms || (time_ms == l->last_ms && id < l->last_id));
    }
    l->last_ms = time_ms;
    l->last_id = id;
}

static void list_order(void *user, const struct store_order *row)
{
    struct listed *l = user;
    assert_memory_equal(row, &l->m->orders[row->order.id], sizeof *row);
    assert_true(!l->bot_id || row->order.bot_id == l->bot_id);
    check_newer_first(l, row->order.created_ms, row->order.id);
}

static void list_fill(void *user, const struct store_fill *row)
{
    struct listed *l = user;
    assert_memory_equal(row, &l->m->fills[row->id - 1], sizeof *row);
    assert_true(!l->bot_id || row->bot_id == l->bot_id);
    check_newer_first(l, row->fill.time_ms, row->id);
}

static void list_trip(void *user, const struct store_round_trip *row)
{
    struct listed *l = user;
    assert_memory_equal(row, &l->m->trips[row->id - 1], sizeof *row);
    assert_true(!l->bot_id || row->bot_id == l->bot_id);
    check_newer_first(l, row->round_trip.closed_ms, row->id);
}

static void list_bot(void *user, const struct store_bot *row)
{
    struct listed *l = user;
    assert_false(l->m->deleted[row->id]);
    assert_memory_equal(row, &l->m->bots[row->id], sizeof *row);
    check_newer_first(l, row->created_ms, row->id);
}

enum list { LIST_BOTS, LIST_ORDERS, LIST_FILLS, LIST_TRIPS, LIST_COUNT };

static uint64_t read_all(struct store_reader *r, const struct model *m, enum list list,
                         uint64_t bot_id)
{
    struct listed l = {.m = m, .bot_id = bot_id};
    struct store_page page = {.user_id = STORE_FIRST_USER, .bot_id = bot_id, .limit = 7};
    for (uint64_t before = UINT64_MAX; before != l.count;) {
        before = l.count;
        page.before_id = l.last_id;
        if (list == LIST_BOTS) assert_ok(store_read_bots(r, &page, list_bot, &l));
        if (list == LIST_ORDERS) assert_ok(store_read_orders(r, &page, list_order, &l));
        if (list == LIST_FILLS) assert_ok(store_read_fills(r, &page, list_fill, &l));
        if (list == LIST_TRIPS) assert_ok(store_read_round_trips(r, &page, list_trip, &l));
    }
    return l.count;
}

static void check_read(const struct fixture *f, const struct model *m)
{
    struct store_reader *r = NULL;
    assert_ok(store_reader_open(f->url, &r));
    uint64_t living = 0, sums[LIST_COUNT] = {0};
    for (uint64_t i = 1; i <= m->bot_count; i++) living += !m->deleted[i];
    assert_int_equal(read_all(r, m, LIST_BOTS, 0), living);
    const uint64_t counts[LIST_COUNT] = {0, m->order_count, m->fill_count, m->trip_count};
    for (enum list list = LIST_ORDERS; list < LIST_COUNT; list++) {
        assert_int_equal(read_all(r, m, list, 0), counts[list]);
        for (uint64_t bot = 1; bot <= m->bot_count; bot++) sums[list] += read_all(r, m, list, bot);
        assert_int_equal(sums[list], counts[list]);
    }
    store_reader_close(r);
}

/* The model counts without holes. */
static void without_holes(const struct fixture *f, const struct model *m)
{
    reset_ids(f, "bots", m->bot_count);
    reset_ids(f, "fills", m->fill_count);
    reset_ids(f, "round_trips", m->trip_count);
}

static void run_batch(const struct fixture *f, struct prng *p, struct store *s, struct model *m,
                      struct model *before)
{
    memcpy(before, m, sizeof *m);
    assert_ok(store_begin(s));
    for (uint64_t steps = prng_below(p, 40); steps; steps--) {
        switch (prng_below(p, 3)) {
        case 0: step_bot(p, s, m); break;
        case 1: step_order(p, s, m); break;
        default: step_fill(p, s, m); break;
        }
        without_holes(f, m);
    }
    if (prng_below(p, 5)) {
        assert_ok(store_commit(s));
    } else {
        store_rollback(s);
        memcpy(m, before, sizeof *m);
        without_holes(f, m);
    }
}

static void test_store_model__loads_what_was_written(void **state)
{
    const enum sql_kind kind = fixture_of(state)->kind;
    for (uint64_t seed = 0; seed < SEEDS; seed++) {
        if (seed) {
            fixture_teardown(state);
            const int made =
                kind == SQL_SQLITE ? fixture_setup(state) : fixture_setup_postgres(state);
            assert_int_equal(made, 0);
        }
        const struct fixture *f = fixture_of(state);
        struct model *m = calloc(1, sizeof *m), *before = calloc(1, sizeof *before);
        struct prng p;
        prng_init(&p, seed);
        struct store *s = open_store(f);
        for (int batch = 0; batch < BATCHES; batch++) {
            run_batch(f, &p, s, m, before);
            if (batch % 20 != 19) continue;
            uint64_t next_order_id;
            store_close(s);
            s = open_store(f);
            check_loaded(s, m, &next_order_id);
            check_read(f, m);
        }
        assert_true(m->fill_count > 50 && m->trip_count > 10 && m->order_count > 100);
        store_close(s);
        free(m);
        free(before);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        ON_BOTH(test_store_model__loads_what_was_written),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
