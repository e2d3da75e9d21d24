/* GET exchangeInfo: the list of symbols with their filters.
 *
 * Quantities are counted finer than in lots, because the book and our fills may be: orders that
 * were placed when the step was smaller stay, and trade in its parts.
 *
 * A filter's decimals can only be read once the scales are known, and the tick and step that say
 * the scales may come anywhere in the list; so a symbol's filters are kept as raw slices and read
 * in the end. */
#include <string.h>

#include "io/venue/binance/binance_rest.h"
#include "io/venue/json_cursor.h"

enum {
    FILTERS_MAX = 32, /* of one symbol; it has about ten */
    /* Finer than 8 decimals Binance keeps no quantity, whatever an asset's precision. */
    QTY_SCALE_MAX = 8,
    /* A step is at most so many units: then 9 * 10^14 steps fit, more than any symbol trades in a
     * day, and candles and sums of the book cannot overflow. */
    STEP_UNITS_MAX = 10000,
    /* Of the largest orders, so many fit into one sum. */
    ORDERS_FIT_MIN = 1000,
};

struct filter {
    struct slice type, raw;
};

struct raw_symbol {
    struct slice symbol, status, base, quote;
    int64_t base_precision, quote_precision, quote_asset_precision;
    struct filter filters[FILTERS_MAX];
    size_t filter_count;
};

static void read_limit(struct json_cursor *c, struct request_limits *limits);
static void read_symbol(struct json_cursor *c, struct raw_symbol *out);
static bool build_instrument(const struct raw_symbol *raw, struct instrument *out);

static void read_symbols(struct json_cursor *c, enum venue venue, size_t capacity,
                         struct binance_exchange_info *out, bool *full)
{
    cursor_enter_array(c);
    while (cursor_next_element(c)) {
        struct raw_symbol raw;
        struct instrument i;
        read_symbol(c, &raw);
        if (c->error) return;
        if (!build_instrument(&raw, &i)) {
            out->skipped_count++;
            continue;
        }
        *full = out->instrument_count == capacity || out->instrument_count == INSTRUMENT_NONE;
        if (*full) {
            cursor_refuse(c, "too many symbols");
            return;
        }
        i.index = (uint16_t)out->instrument_count;
        i.venue = (uint8_t)venue;
        out->instruments[out->instrument_count++] = i;
    }
}

enum err binance_read_exchange_info(struct slice body, enum venue venue,
                                    struct instrument *instruments, size_t capacity,
                                    struct binance_exchange_info *out)
{
    struct json_cursor c;
    struct slice key;
    bool full = false, any = false;
    *out = (struct binance_exchange_info){.instruments = instruments};
    cursor_init(&c, body);
    cursor_enter_object(&c);
    while (cursor_next_key(&c, &key)) {
        if (slice_is(key, "serverTime")) {
            cursor_i64(&c, &out->server_ms);
        } else if (slice_is(key, "rateLimits")) {
            cursor_enter_array(&c);
            while (cursor_next_element(&c)) read_limit(&c, &out->limits);
        } else if (slice_is(key, "symbols")) {
            if (any) cursor_refuse(&c, "key given twice");
            any = true;
            read_symbols(&c, venue, capacity, out, &full);
        } else {
            cursor_skip(&c);
        }
    }
    if (full) return err_set(ERR_LIMIT, "exchangeInfo lists more than %zu symbols", capacity);
    if (!cursor_end(&c)) return cursor_fail(&c, "exchangeInfo");
    return any ? OK : err_set(ERR_PARSE, "exchangeInfo without symbols");
}

static void read_limit(struct json_cursor *c, struct request_limits *limits)
{
    struct slice key, type = {0}, interval = {0};
    int64_t count = 0, limit = 0;
    cursor_enter_object(c);
    while (cursor_next_key(c, &key)) {
        if (slice_is(key, "rateLimitType"))
            cursor_string(c, &type, NULL);
        else if (slice_is(key, "interval"))
            cursor_string(c, &interval, NULL);
        else if (slice_is(key, "intervalNum"))
            cursor_i64(c, &count);
        else if (slice_is(key, "limit"))
            cursor_i64(c, &limit);
        else
            cursor_skip(c);
    }
    if (limit <= 0 || limit > UINT32_MAX) return;
    const uint32_t value = (uint32_t)limit;
    if (slice_is(type, "REQUEST_WEIGHT") && slice_is(interval, "MINUTE") && count == 1)
        limits->weight = value;
    if (slice_is(type, "ORDERS") && slice_is(interval, "SECOND") && count == 10)
        limits->orders_short = value;
    if (slice_is(type, "ORDERS") && slice_is(interval, "DAY") && count == 1)
        limits->orders_long = value;
}

/* Passes one filter and keeps its type and bytes. */
static void read_filter(struct json_cursor *c, struct raw_symbol *out)
{
    struct slice key, type = {0};
    cursor_peek(c);
    const char *from = c->at;
    cursor_enter_object(c);
    while (cursor_next_key(c, &key)) {
        if (slice_is(key, "filterType"))
            cursor_string(c, &type, NULL);
        else
            cursor_skip(c);
    }
    if (c->error) return;
    if (out->filter_count == FILTERS_MAX) {
        cursor_refuse(c, "too many filters");
        return;
    }
    out->filters[out->filter_count++] = (struct filter){type, {from, (size_t)(c->at - from)}};
}

static void read_symbol(struct json_cursor *c, struct raw_symbol *out)
{
    struct slice key;
    memset(out, 0, offsetof(struct raw_symbol, filters));
    out->filter_count = 0;
    out->base_precision = out->quote_precision = out->quote_asset_precision = -1;
    cursor_enter_object(c);
    while (cursor_next_key(c, &key)) {
        if (slice_is(key, "symbol"))
            cursor_string(c, &out->symbol, NULL);
        else if (slice_is(key, "status"))
            cursor_string(c, &out->status, NULL);
        else if (slice_is(key, "baseAsset"))
            cursor_string(c, &out->base, NULL);
        else if (slice_is(key, "quoteAsset"))
            cursor_string(c, &out->quote, NULL);
        else if (slice_is(key, "baseAssetPrecision"))
            cursor_i64(c, &out->base_precision);
        else if (slice_is(key, "quotePrecision"))
            cursor_i64(c, &out->quote_precision);
        else if (slice_is(key, "quoteAssetPrecision"))
            cursor_i64(c, &out->quote_asset_precision);
        else if (slice_is(key, "filters")) {
            cursor_enter_array(c);
            while (cursor_next_element(c)) read_filter(c, out);
        } else {
            cursor_skip(c);
        }
    }
}

static const struct filter *find_filter(const struct raw_symbol *raw, const char *type)
{
    for (size_t i = 0; i < raw->filter_count; i++)
        if (slice_is(raw->filters[i].type, type)) return &raw->filters[i];
    return NULL;
}

/* A cursor at the value of a filter's field; false where there is none. */
static bool find_field(const struct filter *filter, const char *name, struct json_cursor *c)
{
    struct slice key;
    if (!filter) return false;
    cursor_init(c, filter->raw);
    cursor_enter_object(c);
    while (cursor_next_key(c, &key)) {
        if (slice_is(key, name)) return true;
        cursor_skip(c);
    }
    return false;
}

/* A limit: rounded to the strict side, 0 where the filter or the field is absent. */
static int64_t field_units(const struct filter *filter, const char *name, unsigned scale,
                           enum rounding mode)
{
    struct json_cursor c;
    int64_t units = 0;
    if (!find_field(filter, name, &c) || !cursor_decimal_limit(&c, scale, mode, &units)) return 0;
    return units;
}

static uint32_t field_count(const struct filter *filter, const char *name)
{
    struct json_cursor c;
    int64_t value = 0;
    if (!find_field(filter, name, &c) || !cursor_i64(&c, &value)) return 0;
    return value > 0 && value <= UINT32_MAX ? (uint32_t)value : 0;
}

static bool field_flag(const struct filter *filter, const char *name)
{
    struct json_cursor c;
    bool value = false;
    return find_field(filter, name, &c) && cursor_bool(&c, &value) && value;
}

/* The decimals that a step needs: "0.00100000" has three. False where it is absent or zero. */
static bool step_scale(const struct filter *filter, const char *name, uint8_t *scale)
{
    struct json_cursor c;
    struct slice text;
    int64_t units;
    if (!find_field(filter, name, &c) || !cursor_string(&c, &text, NULL)) return false;
    while (text.size > 0 && text.data[text.size - 1] == '0' && memchr(text.data, '.', text.size))
        text.size--;
    const char *dot = memchr(text.data, '.', text.size);
    const size_t decimals = dot ? text.size - (size_t)(dot - text.data) - 1 : 0;
    if (dot && decimals == 0) text.size--;
    if (decimals > SCALE_MAX) return false;
    *scale = (uint8_t)decimals;
    return decimal_parse(text.data, text.size, *scale, &units) && units > 0;
}

/* Is there room for sums of quantities in this scale? A limit that is too large for it reads as
 * INT64_MAX. */
static bool qty_scale_has_room(const struct raw_symbol *raw, unsigned scale)
{
    const struct filter *lot = find_filter(raw, "LOT_SIZE");
    const struct filter *market = find_filter(raw, "MARKET_LOT_SIZE");
    return field_units(lot, "stepSize", scale, ROUND_UP) <= STEP_UNITS_MAX &&
           field_units(lot, "maxQty", scale, ROUND_UP) <= INT64_MAX / ORDERS_FIT_MIN &&
           field_units(market, "maxQty", scale, ROUND_UP) <= INT64_MAX / ORDERS_FIT_MIN;
}

/* The base asset's precision where there is room for it, and never coarser than the lot. */
static uint8_t qty_scale_of(const struct raw_symbol *raw, uint8_t lot_scale)
{
    uint8_t scale =
        raw->base_precision < QTY_SCALE_MAX ? (uint8_t)raw->base_precision : QTY_SCALE_MAX;
    while (scale > lot_scale && !qty_scale_has_room(raw, scale)) scale--;
    return scale > lot_scale ? scale : lot_scale;
}

static void set_price_rules(const struct raw_symbol *raw, struct instrument *out)
{
    const struct filter *price = find_filter(raw, "PRICE_FILTER");
    const struct filter *side = find_filter(raw, "PERCENT_PRICE_BY_SIDE");
    const struct filter *both = find_filter(raw, "PERCENT_PRICE");
    const unsigned ppm_scale = 6; /* a ratio in parts per million is a decimal of six places */

    out->tick.units = field_units(price, "tickSize", out->price_scale, ROUND_UP);
    out->price_min.units = field_units(price, "minPrice", out->price_scale, ROUND_UP);
    out->price_max.units = field_units(price, "maxPrice", out->price_scale, ROUND_DOWN);
    if (side) {
        out->bid_up_ppm = field_units(side, "bidMultiplierUp", ppm_scale, ROUND_DOWN);
        out->bid_down_ppm = field_units(side, "bidMultiplierDown", ppm_scale, ROUND_UP);
        out->ask_up_ppm = field_units(side, "askMultiplierUp", ppm_scale, ROUND_DOWN);
        out->ask_down_ppm = field_units(side, "askMultiplierDown", ppm_scale, ROUND_UP);
    } else {
        out->bid_up_ppm = out->ask_up_ppm =
            field_units(both, "multiplierUp", ppm_scale, ROUND_DOWN);
        out->bid_down_ppm = out->ask_down_ppm =
            field_units(both, "multiplierDown", ppm_scale, ROUND_UP);
    }
}

static void set_qty_rules(const struct raw_symbol *raw, struct instrument *out)
{
    const struct filter *lot = find_filter(raw, "LOT_SIZE");
    const struct filter *market = find_filter(raw, "MARKET_LOT_SIZE");
    const unsigned scale = out->qty_scale;

    out->step.units = field_units(lot, "stepSize", scale, ROUND_UP);
    out->qty_min.units = field_units(lot, "minQty", scale, ROUND_UP);
    out->qty_max.units = field_units(lot, "maxQty", scale, ROUND_DOWN);
    out->market_step.units = field_units(market, "stepSize", scale, ROUND_UP);
    out->market_qty_min.units = field_units(market, "minQty", scale, ROUND_UP);
    out->market_qty_max.units = field_units(market, "maxQty", scale, ROUND_DOWN);
}

static void set_notional_rules(const struct raw_symbol *raw, struct instrument *out)
{
    const struct filter *range = find_filter(raw, "NOTIONAL");
    const struct filter *least = find_filter(raw, "MIN_NOTIONAL");
    const unsigned scale = out->quote_scale;
    if (range) {
        out->notional_min.units = field_units(range, "minNotional", scale, ROUND_UP);
        out->notional_max.units = field_units(range, "maxNotional", scale, ROUND_DOWN);
        out->notional_min_market = field_flag(range, "applyMinToMarket");
        out->notional_max_market = field_flag(range, "applyMaxToMarket");
    } else {
        out->notional_min.units = field_units(least, "minNotional", scale, ROUND_UP);
        out->notional_min_market = field_flag(least, "applyToMarket");
    }
}

static bool build_instrument(const struct raw_symbol *raw, struct instrument *out)
{
    const int64_t quote_precision =
        raw->quote_asset_precision >= 0 ? raw->quote_asset_precision : raw->quote_precision;
    *out = (struct instrument){.maker_fee_ppm = BINANCE_FEE_PPM, .taker_fee_ppm = BINANCE_FEE_PPM};
    if (raw->symbol.size == 0 || !slice_copy(raw->symbol, out->symbol, sizeof out->symbol) ||
        raw->base.size == 0 || !slice_copy(raw->base, out->base, sizeof out->base) ||
        raw->quote.size == 0 || !slice_copy(raw->quote, out->quote, sizeof out->quote))
        return false;
    if (raw->base_precision < 0 || raw->base_precision > SCALE_MAX || quote_precision < 0 ||
        quote_precision > SCALE_MAX)
        return false;
    uint8_t lot_scale;
    if (!step_scale(find_filter(raw, "PRICE_FILTER"), "tickSize", &out->price_scale) ||
        !step_scale(find_filter(raw, "LOT_SIZE"), "stepSize", &lot_scale))
        return false;

    out->qty_scale = qty_scale_of(raw, lot_scale);
    out->base_scale = (uint8_t)raw->base_precision;
    out->quote_scale = (uint8_t)quote_precision;
    out->status = slice_is(raw->status, "TRADING") ? INSTRUMENT_TRADING : INSTRUMENT_HALTED;
    set_price_rules(raw, out);
    set_qty_rules(raw, out);
    set_notional_rules(raw, out);
    out->orders_max = field_count(find_filter(raw, "MAX_NUM_ORDERS"), "maxNumOrders");
    out->algo_orders_max = field_count(find_filter(raw, "MAX_NUM_ALGO_ORDERS"), "maxNumAlgoOrders");
    return true;
}
