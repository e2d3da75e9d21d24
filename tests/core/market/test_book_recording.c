/* Real exchange frames through the gap detector and the book, against a rebuild that shares no code
 * with them, and against the best prices that the exchange sent beside the deltas. */
#include "cmocka_all.h"

#include <ctype.h>
#include <jansson.h>
#include <string.h>

#include "core/market/book.h"
#include "core/market/book_sync.h"
#include "core/model/money.h"
#include "shared_data.h"

enum {
    MARKETS_MAX = 2,
    LEVELS_MAX = 20000,
    UPDATE_LEVELS_MAX = 5000,
    MAP_SLOTS = 1 << 17,
    BUFFER_MAX = 256,
    TICKERS_MAX = 512,
    SCALE = 8,
};

/* The rebuild: a hash map from price to quantity, sorted only to be compared. */
struct map {
    struct level
        slots[MAP_SLOTS]; /* price 0 = free; a removed level keeps its slot with quantity 0 */
};

struct ticker {
    uint64_t id;
    struct level bid, ask;
};

struct market {
    char symbol[16];
    struct arena arena;
    struct book book;
    struct book_sync sync;
    json_t *buffer[BUFFER_MAX];
    unsigned buffered;
    struct map *sides[2];
    struct ticker tickers[TICKERS_MAX];
    unsigned ticker_count;
    unsigned applied, ignored, compared, tickers_checked;
};

static struct market markets[MARKETS_MAX];
static unsigned market_count;

static struct market *market_of(const char *symbol)
{
    for (unsigned i = 0; i < market_count; i++)
        if (strcmp(markets[i].symbol, symbol) == 0) return &markets[i];
    assert_true(market_count < MARKETS_MAX);
    struct market *m = &markets[market_count++];
    memset(m, 0, sizeof *m);
    snprintf(m->symbol, sizeof m->symbol, "%s", symbol);
    assert_int_equal(arena_init(&m->arena, book_need(LEVELS_MAX)), OK);
    book_init(&m->book, &m->arena, LEVELS_MAX);
    book_sync_init(&m->sync);
    for (unsigned side = 0; side < 2; side++) m->sides[side] = calloc(1, sizeof(struct map));
    return m;
}

static void drop_markets(void)
{
    for (unsigned i = 0; i < market_count; i++) {
        for (unsigned k = 0; k < markets[i].buffered; k++) json_decref(markets[i].buffer[k]);
        for (unsigned side = 0; side < 2; side++) free(markets[i].sides[side]);
        arena_deinit(&markets[i].arena);
    }
    market_count = 0;
}

static int64_t units_of(const json_t *text)
{
    int64_t units;
    assert_true(json_is_string(text));
    assert_true(decimal_parse(json_string_value(text), json_string_length(text), SCALE, &units));
    return units;
}

static uint64_t id_of(const json_t *object, const char *key)
{
    const json_t *value = json_object_get(object, key);
    assert_true(json_is_integer(value));
    return (uint64_t)json_integer_value(value);
}

static uint32_t levels_of(const json_t *array, struct level *out)
{
    const size_t count = json_array_size(array);
    assert_true(count <= UPDATE_LEVELS_MAX);
    for (size_t i = 0; i < count; i++) {
        const json_t *pair = json_array_get(array, i);
        out[i].price.units = units_of(json_array_get(pair, 0));
        out[i].qty.units = units_of(json_array_get(pair, 1));
    }
    return (uint32_t)count;
}

static void map_set(struct map *map, struct level level)
{
    uint64_t at = (uint64_t)level.price.units * UINT64_C(0x9e3779b97f4a7c15) >> 47;
    while (map->slots[at].price.units != 0 && map->slots[at].price.units != level.price.units)
        at = (at + 1) % MAP_SLOTS;
    map->slots[at] = level;
}

static int by_price(const void *a, const void *b)
{
    const int64_t x = ((const struct level *)a)->price.units;
    const int64_t y = ((const struct level *)b)->price.units;
    return (x > y) - (x < y);
}

static void compare_with_map(struct market *m)
{
    static struct level want[MAP_SLOTS], got[LEVELS_MAX];
    for (unsigned side = 0; side < 2; side++) {
        size_t count = 0;
        for (size_t i = 0; i < MAP_SLOTS; i++)
            if (m->sides[side]->slots[i].qty.units > 0) want[count++] = m->sides[side]->slots[i];
        qsort(want, count, sizeof *want, by_price);
        assert_int_equal(book_side(&m->book, side, got, LEVELS_MAX), count);
        for (size_t i = 0; i < count; i++)
            assert_memory_equal(&got[i], &want[side == SIDE_BUY ? count - 1 - i : i], sizeof *got);
    }
    m->compared++;
}

static void compare_with_ticker(struct market *m)
{
    for (unsigned i = 0; i < TICKERS_MAX; i++) {
        const struct ticker *t = &m->tickers[i];
        if (t->id != m->book.last_id) continue;
        struct level bid, ask;
        assert_true(book_best_bid(&m->book, &bid) && book_best_ask(&m->book, &ask));
        assert_memory_equal(&bid, &t->bid, sizeof bid);
        assert_memory_equal(&ask, &t->ask, sizeof ask);
        m->tickers_checked++;
        return;
    }
}

static void apply(struct market *m, const json_t *bids, const json_t *asks, bool snapshot,
                  uint64_t last_id)
{
    static struct level levels[2][UPDATE_LEVELS_MAX];
    const struct book_update update = {
        .snapshot = snapshot,
        .last_id = last_id,
        .bids = levels[SIDE_BUY],
        .asks = levels[SIDE_SELL],
        .bid_count = levels_of(bids, levels[SIDE_BUY]),
        .ask_count = levels_of(asks, levels[SIDE_SELL]),
    };
    assert_int_equal(book_apply(&m->book, &update), BOOK_OK); /* so it is never crossed */
    for (uint32_t i = 0; i < update.bid_count; i++) map_set(m->sides[SIDE_BUY], update.bids[i]);
    for (uint32_t i = 0; i < update.ask_count; i++) map_set(m->sides[SIDE_SELL], update.asks[i]);
    compare_with_ticker(m);
    if (++m->applied % 100 == 0) compare_with_map(m);
}

static void on_delta(struct market *m, json_t *data)
{
    const uint64_t first = id_of(data, "U"), last = id_of(data, "u");
    switch (book_sync_on_delta(&m->sync, first, last)) {
    case BOOK_SYNC_BUFFER:
        assert_true(m->buffered < BUFFER_MAX);
        m->buffer[m->buffered++] = json_incref(data);
        break;
    case BOOK_SYNC_IGNORE: m->ignored++; break;
    case BOOK_SYNC_APPLY:
        apply(m, json_object_get(data, "b"), json_object_get(data, "a"), false, last);
        break;
    case BOOK_SYNC_RESYNC: fail_msg("%s: gap at %llu", m->symbol, (unsigned long long)first);
    }
}

static void on_snapshot(struct market *m, const json_t *message)
{
    const uint64_t last = id_of(message, "lastUpdateId");
    assert_int_equal(book_sync_on_snapshot(&m->sync, last), BOOK_SYNC_APPLY);
    apply(m, json_object_get(message, "bids"), json_object_get(message, "asks"), true, last);
    const unsigned count = m->buffered;
    m->buffered = 0;
    for (unsigned i = 0; i < count; i++) {
        on_delta(m, m->buffer[i]);
        json_decref(m->buffer[i]);
    }
    assert_int_equal(m->buffered, 0);
}

static void on_ticker(struct market *m, const json_t *data)
{
    m->tickers[m->ticker_count++ % TICKERS_MAX] = (struct ticker){
        .id = id_of(data, "u"),
        .bid = {{units_of(json_object_get(data, "b"))}, {units_of(json_object_get(data, "B"))}},
        .ask = {{units_of(json_object_get(data, "a"))}, {units_of(json_object_get(data, "A"))}},
    };
}

static void on_line(const char *line, const char *only_symbol)
{
    json_t *root = json_loads(line, 0, NULL);
    assert_non_null(root);
    json_t *message = json_object_get(root, "msg");
    const char *rest = json_string_value(json_object_get(root, "rest"));
    const char *stream = json_string_value(json_object_get(message, "stream"));
    char symbol[16] = "";

    if (rest) {
        const char *named = strstr(rest, "symbol=");
        if (named) sscanf(named + strlen("symbol="), "%15[A-Z]", symbol);
        on_snapshot(market_of(named ? symbol : only_symbol), message);
    } else if (stream) {
        sscanf(stream, "%15[a-z]", symbol);
        for (char *c = symbol; *c; c++) *c = (char)toupper((unsigned char)*c);
        json_t *data = json_object_get(message, "data");
        if (strstr(stream, "@depth@")) on_delta(market_of(symbol), data);
        if (strstr(stream, "@bookTicker")) on_ticker(market_of(symbol), data);
    }
    json_decref(root);
}

static bool play(const char *name, const char *only_symbol)
{
    FILE *file = shared_data_open(name);
    if (!file) return false;
    char *line = NULL;
    size_t capacity = 0;
    while (getline(&line, &capacity, file) > 0) on_line(line, only_symbol);
    free(line);
    fclose(file);
    for (unsigned i = 0; i < market_count; i++) compare_with_map(&markets[i]);
    return true;
}

static void test_book__recording_of_btcusdt_equals_an_independent_rebuild(void **state)
{
    (void)state;
    if (!play("raw/binance-spot/btcusdt_20240808.jsonl", "BTCUSDT")) skip();
    const struct market *m = market_of("BTCUSDT");
    assert_int_equal(market_count, 1);
    assert_int_equal(m->applied + m->ignored, 3451 + 1);
    assert_int_equal(m->ignored, 2); /* older than the snapshot */
    assert_int_equal(m->sync.lost, 0);
    assert_int_equal(m->book.dropped, 0);
    assert_true(m->tickers_checked > 500);
    assert_true(m->compared > 30);
    drop_markets();
}

static void test_book__recording_of_two_markets_equals_an_independent_rebuild(void **state)
{
    (void)state;
    if (!play("raw/binance-spot/nknusdt_blzeth_20211012_with_snapshots.jsonl", "")) skip();
    assert_int_equal(market_count, 2);
    for (unsigned i = 0; i < market_count; i++) {
        assert_int_equal(markets[i].sync.lost, 0);
        assert_true(markets[i].applied >= 10);
        assert_true(book_count(&markets[i].book, SIDE_BUY) > 100);
    }
    drop_markets();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_book__recording_of_btcusdt_equals_an_independent_rebuild),
        cmocka_unit_test(test_book__recording_of_two_markets_equals_an_independent_rebuild),
    };
    return cmocka_run_group_tests_name("book_recording", tests, NULL, NULL);
}
