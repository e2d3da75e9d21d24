/* The made-up market as a function of time. */
#include "core/sim/sim_synthetic.h"

#include <string.h>

#include "base/check.h"
#include "base/hash.h"
#include "base/slice.h"

enum {
    ROOT_LEVELS = 23,        /* SYNTHETIC_ROOT_S = 2^23 */
    BLOCK_LEVEL = 13,        /* splits from a root interval down to a block */
    CLUSTER_FIRST_LEVEL = 6, /* volatility differs between spans of 36 hours ... */
    CLUSTER_LAST_LEVEL = 16, /* ... down to spans of 2 minutes */
    FINE_LEVELS = 20,        /* levels near the best price on the fine grid */
    COARSE = 10,             /* fine grid steps in a coarse one */
    REFRESH_STEPS = 50,      /* a level's quantity changes every 5 s */
};

/* Each kind of chance has its own stream. */
enum stream { STREAM_PATH, STREAM_CLUSTER, STREAM_QUOTE, STREAM_TRADE, STREAM_LEVEL };

struct character {
    const char *symbol, *base;
    double usual_price;
    double daily_volatility;
    uint8_t price_scale, qty_scale;
    double ticks;  /* a unit of price: 10^price_scale */
    int64_t grid;  /* ticks between levels near the best */
    int64_t lot;   /* a usual trade, in quantity units */
    int64_t depth; /* a usual level, in quantity units */
};

static const struct character characters[SYNTHETIC_SYMBOLS] = {
    {"BTCUSDT", "BTC", 68000, 0.025, 2, 5, 100, 50, 600, 6000},
    {"ETHUSDT", "ETH", 3400, 0.032, 2, 4, 100, 5, 1000, 9000},
    {"BNBUSDT", "BNB", 620, 0.028, 2, 3, 100, 2, 500, 4000},
    {"SOLUSDT", "SOL", 150, 0.042, 2, 3, 100, 1, 1800, 15000},
    {"LINKUSDT", "LINK", 15, 0.045, 3, 2, 1000, 1, 1600, 12000},
    {"AVAXUSDT", "AVAX", 28, 0.046, 3, 2, 1000, 1, 900, 7000},
};

static const double SECONDS_ROOT = 293.93876913398137; /* sqrt(86400) */
static const double GAUSS = 2.6429e-05; /* 1 / standard deviation of a sum of four 16-bit numbers */
static const double CLUSTER = 0.25;     /* most that one level changes volatility by */
static const double CLUSTER_NORM = 0.98974331861078702; /* 1 / sqrt(1 + CLUSTER^2 / 3) */
static const double ROOT_SPREAD = 2048; /* sqrt(SYNTHETIC_ROOT_S / 2) seconds' worth */
static const double UNIT_32 = 1.0 / 4294967296.0;

struct instrument synthetic_instrument(uint16_t symbol)
{
    CHECK(symbol < SYNTHETIC_SYMBOLS);
    const struct character *c = &characters[symbol];
    struct instrument i = {
        .index = symbol,
        .venue = VENUE_SIM,
        .status = INSTRUMENT_TRADING,
        .price_scale = c->price_scale,
        .qty_scale = c->qty_scale,
        .base_scale = 8,
        .quote_scale = 8,
        .quote = "USDT",
        .tick = {1},
        .price_min = {1},
        .price_max = {INT64_C(100000000)},
        .step = {1},
        .qty_min = {1},
        .qty_max = {INT64_C(900000000)},
        .market_qty_max = {INT64_C(90000000)},
        .notional_min = {INT64_C(500000000)},
        .notional_max = {INT64_C(900000000000000)},
        .notional_min_market = true,
        .bid_up_ppm = 5 * PPM,
        .bid_down_ppm = PPM / 5,
        .ask_up_ppm = 5 * PPM,
        .ask_down_ppm = PPM / 5,
        .orders_max = 200,
        .algo_orders_max = 5,
        .maker_fee_ppm = 1000,
        .taker_fee_ppm = 1000,
    };
    CHECK(slice_copy(slice_of(c->symbol), i.symbol, sizeof i.symbol));
    CHECK(slice_copy(slice_of(c->base), i.base, sizeof i.base));
    return i;
}

size_t synthetic_need(void)
{
    return arena_need(SYNTHETIC_BLOCKS, sizeof(struct synthetic_block)) +
           arena_need(SYNTHETIC_MINUTES, sizeof(struct synthetic_cached)) +
           arena_need(SYNTHETIC_HOURS, sizeof(struct synthetic_cached));
}

void synthetic_init(struct synthetic *s, struct arena *a, uint64_t seed)
{
    *s = (struct synthetic){
        .blocks = arena_take(a, SYNTHETIC_BLOCKS, sizeof *s->blocks),
        .minutes = arena_take(a, SYNTHETIC_MINUTES, sizeof *s->minutes),
        .hours = arena_take(a, SYNTHETIC_HOURS, sizeof *s->hours),
    };
    for (unsigned i = 0; i < SYNTHETIC_SYMBOLS; i++) {
        const char *symbol = characters[i].symbol;
        s->seeds[i] = hash_bytes(hash_u64(0, seed), symbol, strlen(symbol));
    }
}

/* e^x for |x| < 8, the same bits everywhere: (1 + x/1024 + ...)^1024. Relative error
 * below 1e-12. */
static double exponential(double x)
{
    const double r = x * (1.0 / 1024);
    double y = 1 + r * (1 + r * (1.0 / 2 + r * (1.0 / 6 + r * (1.0 / 24 + r * (1.0 / 120)))));
    for (int i = 0; i < 10; i++) y *= y;
    return y;
}

/* Nearly normal, mean 0, variance 1: the sum of a hash's four 16-bit pieces. */
static double gauss(uint64_t hash)
{
    const int64_t sum =
        (int64_t)((hash & 0xffff) + (hash >> 16 & 0xffff) + (hash >> 32 & 0xffff) + (hash >> 48));
    return (double)(sum - 131070) * GAUSS;
}

/* Standard deviation of the midpoint of a span of 2^(23 - level) seconds: sqrt(span) / 2. */
static double midpoint_spread(unsigned level)
{
    const unsigned exponent = ROOT_LEVELS - level;
    const double power = (double)(UINT64_C(1) << exponent / 2);
    return exponent % 2 ? power * 1.4142135623730951 / 2 : power / 2;
}

static uint64_t stream_seed(const struct synthetic *s, uint16_t symbol, enum stream stream)
{
    return hash_u64(s->seeds[symbol], (uint64_t)stream + 1);
}

/* Streams of the tree: a node is (level, index from 1970). */
struct tree {
    uint64_t path, cluster;
    double sigma; /* of a usual second */
};

static double midpoint(const struct tree *t, unsigned level, int64_t index, double left,
                       double right, double volatility)
{
    const uint64_t hash = hash_i64(t->path + level, index);
    return (left + right) / 2 + t->sigma * volatility * midpoint_spread(level) * gauss(hash);
}

/* Volatility of one half of a node: the node's times a hashed factor whose square averages 1. */
static double half_volatility(const struct tree *t, unsigned level, int64_t index, unsigned half,
                              double volatility)
{
    if (level < CLUSTER_FIRST_LEVEL || level > CLUSTER_LAST_LEVEL) return volatility;
    const uint64_t hash = hash_i64(t->cluster + level, index);
    const double u = (double)(half ? hash >> 32 : hash & 0xffffffff) * UNIT_32;
    return volatility * (1 + CLUSTER * (2 * u - 1)) * CLUSTER_NORM;
}

static double knot(const struct tree *t, int64_t index)
{
    return t->sigma * ROOT_SPREAD * gauss(hash_i64(t->path + ROOT_LEVELS + 1, index));
}

struct span {
    double left, right, volatility; /* log price at its ends */
};

/* From the root interval down to the block that starts at first_s. */
static struct span block_span(const struct tree *t, int64_t first_s)
{
    const int64_t root = first_s / SYNTHETIC_ROOT_S;
    struct span s = {knot(t, root), knot(t, root + 1), 1};
    for (unsigned level = 0; level < BLOCK_LEVEL; level++) {
        const int64_t index = first_s >> (ROOT_LEVELS - level);
        const unsigned half = (unsigned)(first_s >> (ROOT_LEVELS - level - 1) & 1);
        const double middle = midpoint(t, level, index, s.left, s.right, s.volatility);
        if (half)
            s.left = middle;
        else
            s.right = middle;
        s.volatility = half_volatility(t, level, index, half, s.volatility);
    }
    return s;
}

static void block_fill(const struct synthetic *s, struct synthetic_block *b, uint16_t symbol,
                       int64_t first_s)
{
    const struct character *c = &characters[symbol];
    const struct tree t = {
        .path = stream_seed(s, symbol, STREAM_PATH),
        .cluster = stream_seed(s, symbol, STREAM_CLUSTER),
        .sigma = c->daily_volatility / SECONDS_ROOT,
    };
    const struct span whole = block_span(&t, first_s);
    b->filled = true;
    b->symbol = symbol;
    b->first_s = first_s;
    b->price[0] = whole.left;
    b->price[SYNTHETIC_BLOCK_S] = whole.right;
    b->volatility[0] = whole.volatility;
    unsigned level = BLOCK_LEVEL;
    for (int width = SYNTHETIC_BLOCK_S; width > 1; width /= 2, level++) {
        for (int at = 0; at < SYNTHETIC_BLOCK_S; at += width) {
            const int64_t index = (first_s + at) >> (ROOT_LEVELS - level);
            const double v = b->volatility[at];
            b->price[at + width / 2] =
                midpoint(&t, level, index, b->price[at], b->price[at + width], v);
            b->volatility[at] = half_volatility(&t, level, index, 0, v);
            b->volatility[at + width / 2] = half_volatility(&t, level, index, 1, v);
        }
    }
    for (int at = 0; at <= SYNTHETIC_BLOCK_S; at++)
        b->price[at] = c->usual_price * exponential(b->price[at]);
}

static const struct synthetic_block *block_of(struct synthetic *s, uint16_t symbol, int64_t second)
{
    CHECK(symbol < SYNTHETIC_SYMBOLS && second >= SYNTHETIC_FIRST_MS / 1000);
    const int64_t first_s = second / SYNTHETIC_BLOCK_S * SYNTHETIC_BLOCK_S;
    const uint64_t place = (uint64_t)(first_s / SYNTHETIC_BLOCK_S) * SYNTHETIC_SYMBOLS + symbol;
    struct synthetic_block *b = &s->blocks[place % SYNTHETIC_BLOCKS];
    if (!b->filled || b->symbol != symbol || b->first_s != first_s)
        block_fill(s, b, symbol, first_s);
    return b;
}

/* One second of one symbol, with what is derived from it over and over. */
struct moment {
    const struct character *character;
    int64_t second;
    double price, move; /* at its start, in ticks; and until its end */
    double noise;       /* ticks */
    double volatility;
    uint64_t quote_seed, trade_seed;
};

static struct moment moment_of(struct synthetic *s, uint16_t symbol, int64_t second)
{
    const struct synthetic_block *b = block_of(s, symbol, second);
    const struct character *c = &characters[symbol];
    const int64_t at = second - b->first_s;
    const double price = b->price[at] * c->ticks;
    return (struct moment){
        .character = c,
        .second = second,
        .price = price,
        .move = b->price[at + 1] * c->ticks - price,
        .noise = 0.25 * c->daily_volatility / SECONDS_ROOT * b->volatility[at] * price,
        .volatility = b->volatility[at],
        .quote_seed = stream_seed(s, symbol, STREAM_QUOTE),
        .trade_seed = stream_seed(s, symbol, STREAM_TRADE),
    };
}

struct quote {
    int64_t bid, ask;
};

/* The path between two seconds is a straight line with a little noise; the spread is 1 to
 * 4 ticks. */
static struct quote quote_at(const struct moment *m, unsigned step)
{
    const uint64_t hash = hash_i64(m->quote_seed, m->second * SYNTHETIC_STEPS + step);
    const double u = (double)(hash >> 32) * UNIT_32;
    const int64_t spread = 1 + (int64_t)(hash & 3) * (int64_t)(hash >> 2 & 1);
    const double middle =
        m->price + m->move * (double)step * (1.0 / SYNTHETIC_STEPS) + m->noise * (2 * u - 1);
    const int64_t bid = (int64_t)(middle - (double)spread / 2);
    return (struct quote){.bid = bid, .ask = bid + spread};
}

static uint32_t trade_count(const struct moment *m, uint64_t hash)
{
    const double u = (double)(hash >> 32) * UNIT_32;
    const double count = 1 + 9 * m->volatility * u * u;
    return count < SYNTHETIC_TRADES_MAX ? (uint32_t)count : SYNTHETIC_TRADES_MAX;
}

/* Many small trades, few large ones; takers lean the way that the price goes. */
static struct synthetic_trade trade_at(const struct moment *m, uint64_t hash, unsigned step)
{
    const double u = (double)(hash & 0xffffff) * (1.0 / 16777216);
    const double size = (0.05 + 3 * u * u * u) * ((hash >> 24 & 63) == 0 ? 10 : 1);
    const unsigned lean = m->move > 0 ? 168 : 88;
    const enum side taker = (hash >> 32 & 0xff) < lean ? SIDE_BUY : SIDE_SELL;
    const struct quote q = quote_at(m, step);
    return (struct synthetic_trade){
        .time_ms = m->second * 1000 + (int64_t)step * SYNTHETIC_STEP_MS,
        .price = {taker == SIDE_BUY ? q.ask : q.bid},
        .qty = {1 + (int64_t)((double)m->character->lot * size)},
        .taker = (uint8_t)taker,
    };
}

static uint32_t trades_of(const struct moment *m, struct synthetic_trade out[SYNTHETIC_TRADES_MAX])
{
    const uint64_t hash = hash_i64(m->trade_seed, m->second);
    const uint32_t count = trade_count(m, hash);
    for (uint32_t i = 0; i < count; i++) {
        const uint64_t own = hash_u64(hash, i);
        const unsigned step =
            (i * SYNTHETIC_STEPS + (unsigned)(own >> 40) % SYNTHETIC_STEPS) / count;
        out[i] = trade_at(m, own, step);
    }
    return count;
}

void synthetic_quote(struct synthetic *s, uint16_t symbol, int64_t time_ms, struct price *bid,
                     struct price *ask)
{
    const struct moment m = moment_of(s, symbol, time_ms / 1000);
    const struct quote q = quote_at(&m, (unsigned)(time_ms % 1000 / SYNTHETIC_STEP_MS));
    bid->units = q.bid;
    ask->units = q.ask;
}

uint32_t synthetic_trades(struct synthetic *s, uint16_t symbol, int64_t second,
                          struct synthetic_trade out[SYNTHETIC_TRADES_MAX])
{
    const struct moment m = moment_of(s, symbol, second);
    return trades_of(&m, out);
}

/* What takers of that side will want in that step: the best level can always serve it. */
static int64_t wanted_at(const struct moment *m, unsigned step, enum side taker)
{
    struct synthetic_trade trades[SYNTHETIC_TRADES_MAX];
    const uint32_t count = trades_of(m, trades);
    const int64_t time_ms = m->second * 1000 + (int64_t)step * SYNTHETIC_STEP_MS;
    int64_t sum = 0;
    for (uint32_t i = 0; i < count; i++)
        if (trades[i].time_ms == time_ms && trades[i].taker == taker) sum += trades[i].qty.units;
    return sum;
}

/* A level's quantity belongs to its price, not to its rank, so that levels stand still while the
 * best price moves; it grows with depth and is dealt anew every few seconds. */
static int64_t level_qty(const struct character *c, uint64_t seed, int64_t price, int64_t step,
                         uint32_t rank)
{
    const uint64_t own = hash_i64(seed, price);
    const int64_t deal = (step + (int64_t)(own % REFRESH_STEPS)) / REFRESH_STEPS;
    const double u = (double)(hash_i64(own, deal) >> 32) * UNIT_32;
    const double growth = 0.25 + (double)(rank / 4) * 0.25;
    return 1 + (int64_t)((double)c->depth * growth * (0.3 + 1.4 * u));
}

/* The next price away from the best on the grid of this rank. */
static int64_t next_price(const struct character *c, enum side side, int64_t price, uint32_t rank)
{
    const int64_t grid = rank < FINE_LEVELS ? c->grid : c->grid * COARSE;
    return side == SIDE_SELL ? (price / grid + 1) * grid : (price - 1) / grid * grid;
}

uint32_t synthetic_levels(struct synthetic *s, uint16_t symbol, int64_t time_ms, enum side side,
                          struct level out[SYNTHETIC_LEVELS])
{
    const struct moment m = moment_of(s, symbol, time_ms / 1000);
    const unsigned step = (unsigned)(time_ms % 1000 / SYNTHETIC_STEP_MS);
    const struct quote q = quote_at(&m, step);
    const uint64_t seed = stream_seed(s, symbol, STREAM_LEVEL) + side;
    int64_t price = side == SIDE_BUY ? q.bid : q.ask;
    uint32_t count = 0;
    for (; count < SYNTHETIC_LEVELS && price > 0; count++) {
        const int64_t qty = level_qty(m.character, seed, price, time_ms / SYNTHETIC_STEP_MS, count);
        out[count] = (struct level){.price = {price}, .qty = {qty}};
        price = next_price(m.character, side, price, count + 1);
    }
    out[0].qty.units += wanted_at(&m, step, side == SIDE_BUY ? SIDE_SELL : SIDE_BUY);
    return count;
}

/* Candles */

static void candle_begin(struct synthetic_candle *c, int64_t open_ms, struct price open)
{
    *c = (struct synthetic_candle){.candle = {
                                       .open_ms = open_ms,
                                       .open = open,
                                       .high = open,
                                       .low = open,
                                       .close = open,
                                   }};
}

static int64_t quote_factor(const struct character *c)
{
    int64_t factor = 1;
    for (unsigned scale = c->price_scale + c->qty_scale; scale < 8; scale++) factor *= 10;
    return factor; /* price_scale + qty_scale <= quote_scale: nothing is rounded */
}

static void candle_add_second(struct synthetic_candle *c, const struct moment *m, int64_t factor)
{
    struct synthetic_trade trades[SYNTHETIC_TRADES_MAX];
    const uint32_t count = trades_of(m, trades);
    if (c->trades == 0) candle_begin(c, c->candle.open_ms, trades[0].price);
    for (uint32_t i = 0; i < count; i++) {
        const struct synthetic_trade *t = &trades[i];
        const int64_t quote = t->price.units * t->qty.units * factor;
        if (t->price.units > c->candle.high.units) c->candle.high = t->price;
        if (t->price.units < c->candle.low.units) c->candle.low = t->price;
        c->candle.volume.units += t->qty.units;
        c->quote_volume.units += quote;
        if (t->taker != SIDE_BUY) continue;
        c->taker_buy.units += t->qty.units;
        c->taker_buy_quote.units += quote;
    }
    c->candle.close = trades[count - 1].price;
    c->trades += count;
}

static void candle_add(struct synthetic_candle *c, const struct synthetic_candle *part)
{
    if (c->trades == 0) candle_begin(c, c->candle.open_ms, part->candle.open);
    if (part->candle.high.units > c->candle.high.units) c->candle.high = part->candle.high;
    if (part->candle.low.units < c->candle.low.units) c->candle.low = part->candle.low;
    c->candle.close = part->candle.close;
    c->candle.volume.units += part->candle.volume.units;
    c->quote_volume.units += part->quote_volume.units;
    c->taker_buy.units += part->taker_buy.units;
    c->taker_buy_quote.units += part->taker_buy_quote.units;
    c->trades += part->trades;
}

static struct synthetic_candle from_seconds(struct synthetic *s, uint16_t symbol, int64_t open_ms,
                                            int64_t seconds)
{
    const int64_t factor = quote_factor(&characters[symbol]);
    struct synthetic_candle c = {.candle = {.open_ms = open_ms}};
    for (int64_t i = 0; i < seconds; i++) {
        const struct moment m = moment_of(s, symbol, open_ms / 1000 + i);
        candle_add_second(&c, &m, factor);
    }
    return c;
}

static const struct synthetic_candle *cached(struct synthetic *s, uint16_t symbol, int64_t open_ms,
                                             enum timeframe part)
{
    const bool minute = part == TIMEFRAME_1M;
    const int64_t span_ms = timeframe_ms(part);
    const uint64_t size = minute ? SYNTHETIC_MINUTES : SYNTHETIC_HOURS;
    /* Neighbours in time are neighbours in the table, symbols lie apart. */
    const uint64_t place = (uint64_t)(open_ms / span_ms) + symbol * (size / SYNTHETIC_SYMBOLS);
    struct synthetic_cached *c = &(minute ? s->minutes : s->hours)[place % size];
    if (c->candle.candle.open_ms != open_ms || c->symbol != symbol) {
        c->symbol = symbol;
        c->candle = from_seconds(s, symbol, open_ms, span_ms / 1000);
    }
    return &c->candle;
}

static struct synthetic_candle from_parts(struct synthetic *s, uint16_t symbol, int64_t open_ms,
                                          int64_t span_ms, enum timeframe part)
{
    const int64_t part_ms = timeframe_ms(part);
    struct synthetic_candle c = {.candle = {.open_ms = open_ms}};
    for (int64_t at = open_ms; at < open_ms + span_ms; at += part_ms)
        candle_add(&c, cached(s, symbol, at, part));
    return c;
}

uint32_t synthetic_candles_max(enum timeframe timeframe)
{
    const int64_t most = SYNTHETIC_SPAN_S_MAX / (timeframe_ms(timeframe) / 1000);
    return (uint32_t)most;
}

uint32_t synthetic_candles(struct synthetic *s, uint16_t symbol, enum timeframe timeframe,
                           int64_t from_ms, uint32_t count, struct synthetic_candle *out)
{
    CHECK(symbol < SYNTHETIC_SYMBOLS && from_ms >= SYNTHETIC_FIRST_MS);
    const int64_t span_ms = timeframe_ms(timeframe);
    const uint32_t most = synthetic_candles_max(timeframe);
    int64_t open_ms = timeframe_floor(timeframe, from_ms);
    if (count > most) count = most;
    for (uint32_t i = 0; i < count; i++, open_ms += span_ms) {
        if (timeframe < TIMEFRAME_1M)
            out[i] = from_seconds(s, symbol, open_ms, span_ms / 1000);
        else
            out[i] = from_parts(s, symbol, open_ms, span_ms,
                                timeframe < TIMEFRAME_1H ? TIMEFRAME_1M : TIMEFRAME_1H);
    }
    return count;
}
