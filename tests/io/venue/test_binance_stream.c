/* Market frames: every kind, the recordings value by value, and mutations against jansson. */
#include "cmocka_all.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/prng.h"
#include "io/venue/binance/binance_stream.h"
#include "recordings.h"
#include "stream_peer.h"

enum { BTC, NKN, BLZ, BNB, ETH };

static struct binance_symbols table;
static struct level levels[BINANCE_LEVELS_MAX];
static struct binance_decoder decoder;

static int set_up(void **state)
{
    (void)state;
    const struct instrument instruments[] = {
        stream_peer_instrument("BTCUSDT", BTC, 2, 5), stream_peer_instrument("NKNUSDT", NKN, 4, 0),
        stream_peer_instrument("BLZETH", BLZ, 8, 0),  stream_peer_instrument("BNBBTC", BNB, 6, 3),
        stream_peer_instrument("ETHUSDT", ETH, 2, 4),
    };
    memset(&table, 0, sizeof table);
    for (size_t i = 0; i < sizeof instruments / sizeof *instruments; i++)
        assert_int_equal(binance_symbols_add(&table, &instruments[i]), OK);
    decoder = (struct binance_decoder){
        .symbols = &table, .levels = levels, .level_capacity = BINANCE_LEVELS_MAX};
    return 0;
}

/* From an exact copy on the heap, so that the sanitizer sees a read behind the end. */
static enum err decode(const char *text, struct binance_frame *out)
{
    static char *copy;
    free(copy);
    copy = malloc(strlen(text) + 1);
    memcpy(copy, text, strlen(text));
    const enum err err = binance_stream_decode(&decoder, (struct slice){copy, strlen(text)}, out);
    if (!err) assert_null(stream_peer_compare(slice_of(text), &table, out));
    return err;
}

#define TRADE                                                                                      \
    "{\"e\":\"trade\",\"E\":1723161255343,\"s\":\"BTCUSDT\",\"t\":3735683259,"                     \
    "\"p\":\"61837.63000000\",\"q\":\"0.02000000\",\"T\":1723161255342,\"m\":true,\"M\":true}"
#define AGG_TRADE                                                                                  \
    "{\"e\":\"aggTrade\",\"E\":1675759520848,\"s\":\"ETHUSDT\",\"a\":226532,"                      \
    "\"p\":\"1632.46000000\",\"q\":\"0.34300000\",\"f\":228423,\"l\":228425,"                      \
    "\"T\":1675759520847,\"m\":false,\"M\":true}"
#define DEPTH                                                                                      \
    "{\"e\":\"depthUpdate\",\"E\":1723161255208,\"s\":\"BTCUSDT\",\"U\":50093239189,"              \
    "\"u\":50093239202,\"b\":[[\"61737.63000000\",\"0.00000000\"],[\"56854.58000000\","            \
    "\"1.00000000\"]],\"a\":[[\"61837.64000000\",\"1.54698000\"]]}"
#define BOOK_TICKER                                                                                \
    "{\"u\":50093239212,\"s\":\"BTCUSDT\",\"b\":\"61837.63000000\",\"B\":\"3.78826000\","          \
    "\"a\":\"61837.64000000\",\"A\":\"1.54698000\"}"
#define KLINE                                                                                      \
    "{\"e\":\"kline\",\"E\":1633998512000,\"s\":\"NKNUSDT\",\"k\":{\"t\":1633998480000,"           \
    "\"T\":1633998539999,\"s\":\"NKNUSDT\",\"i\":\"1m\",\"f\":1,\"L\":9,\"o\":\"0.3520\","         \
    "\"c\":\"0.3521\",\"h\":\"0.3530\",\"l\":\"0.3519\",\"v\":\"1000\",\"n\":9,\"x\":true,"        \
    "\"q\":\"352.1\",\"V\":\"500\",\"Q\":\"176\",\"B\":\"0\"}}"
#define TICKER                                                                                     \
    "{\"e\":\"24hrTicker\",\"E\":123456789,\"s\":\"BNBBTC\",\"p\":\"0.0015\",\"P\":\"250.00\","    \
    "\"w\":\"0.0018\",\"x\":\"0.0009\",\"c\":\"0.0025\",\"Q\":\"10\",\"b\":\"0.0024\","            \
    "\"B\":\"10\",\"a\":\"0.0026\",\"A\":\"100\",\"o\":\"0.0010\",\"h\":\"0.0025\","               \
    "\"l\":\"0.0010\",\"v\":\"10000\",\"q\":\"18\",\"O\":0,\"C\":86400000,\"F\":0,\"L\":18150,"    \
    "\"n\":18151}"
#define MINI_TICKER                                                                                \
    "{\"e\":\"24hrMiniTicker\",\"E\":123456789,\"s\":\"BNBBTC\",\"c\":\"0.0025\","                 \
    "\"o\":\"0.0010\",\"h\":\"0.0025\",\"l\":\"0.0010\",\"v\":\"10000\",\"q\":\"18\"}"
#define PARTIAL                                                                                    \
    "{\"lastUpdateId\":160,\"bids\":[[\"0.0024\",\"10\"]],\"asks\":[[\"0.0026\",\"100\"]]}"
#define WRAPPED(stream, event) "{\"stream\":\"" stream "\",\"data\":" event "}"

static void test_stream__every_kind_is_read(void **state)
{
    (void)state;
    struct binance_frame f;
    assert_int_equal(decode(WRAPPED("btcusdt@trade", TRADE), &f), OK);
    assert_int_equal(f.kind, BINANCE_TRADE);
    assert_int_equal(f.instrument, BTC);
    assert_int_equal(f.event_ms, 1723161255343);
    assert_true(slice_is(f.stream, "btcusdt@trade"));
    assert_int_equal(f.trade.id, 3735683259);
    assert_int_equal(f.trade.price.units, 6183763);
    assert_int_equal(f.trade.qty.units, 2000);
    assert_int_equal(f.trade.taker, SIDE_SELL);
    assert_int_equal(f.trade.time_ms, 1723161255342);

    assert_int_equal(decode(AGG_TRADE, &f), OK);
    assert_int_equal(f.kind, BINANCE_AGG_TRADE);
    assert_int_equal(f.stream.size, 0);
    assert_int_equal(f.agg_trade.print.taker, SIDE_BUY);
    assert_int_equal(f.agg_trade.last_trade_id, 228425);

    assert_int_equal(decode(WRAPPED("btcusdt@depth@100ms", DEPTH), &f), OK);
    assert_int_equal(f.kind, BINANCE_DEPTH);
    assert_int_equal(f.depth.bid_count, 2);
    assert_int_equal(f.depth.ask_count, 1);
    assert_int_equal(f.depth.asks[0].qty.units, 154698);

    assert_int_equal(decode(BOOK_TICKER, &f), OK);
    assert_int_equal(f.kind, BINANCE_BOOK_TICKER);
    assert_int_equal(f.book_ticker.bid.price.units, 6183763);
    assert_int_equal(decoder.tolerant_count, 0);

    assert_int_equal(decode(WRAPPED("nknusdt@kline_1m", KLINE), &f), OK);
    assert_int_equal(f.kind, BINANCE_KLINE);
    assert_int_equal(f.kline.timeframe, TIMEFRAME_1M);
    assert_true(f.kline.closed);
    assert_int_equal(f.kline.candle.volume.units, 1000);

    assert_int_equal(decode(TICKER, &f), OK);
    assert_int_equal(f.kind, BINANCE_TICKER);
    assert_int_equal(f.ticker.ask.units, 2600);
    assert_int_equal(decode(MINI_TICKER, &f), OK);
    assert_int_equal(f.kind, BINANCE_MINI_TICKER);
    assert_int_equal(f.ticker.last.units, 2500);
    assert_int_equal(f.ticker.ask.units, 0);

    assert_int_equal(decode(WRAPPED("bnbbtc@depth5@100ms", PARTIAL), &f), OK);
    assert_int_equal(f.kind, BINANCE_PARTIAL_DEPTH);
    assert_int_equal(f.instrument, BNB);
    assert_int_equal(f.depth.asks[0].price.units, 2600);

    assert_int_equal(decode("{\"e\":\"serverShutdown\",\"E\":1770123456789}", &f), OK);
    assert_int_equal(f.kind, BINANCE_SHUTDOWN);
    assert_int_equal(f.event_ms, 1770123456789);
    assert_int_equal(decode(WRAPPED("!serverShutdown", "{\"e\":\"serverShutdown\",\"E\":5}"), &f),
                     OK);
    assert_int_equal(f.kind, BINANCE_SHUTDOWN);
}

static void test_stream__control_answers_are_told_apart(void **state)
{
    (void)state;
    struct binance_frame f;
    assert_int_equal(decode("{\"result\":null,\"id\":312}", &f), OK);
    assert_int_equal(f.kind, BINANCE_RESULT);
    assert_int_equal(f.control.id, 312);
    assert_int_equal(decode("{\"result\":[\"btcusdt@trade\"],\"id\":\"abc\"}", &f), OK);
    assert_int_equal(f.kind, BINANCE_RESULT);
    assert_int_equal(f.control.id, -1);
    assert_int_equal(decode("{\"code\":2,\"msg\":\"Invalid request: x\",\"id\":7}", &f), OK);
    assert_int_equal(f.kind, BINANCE_ERROR);
    assert_int_equal(f.control.id, 7);
    assert_int_equal(f.control.code, 2);
    assert_true(slice_is(f.control.message, "Invalid request: x"));
    assert_int_equal(decode("{\"error\":{\"code\":3,\"msg\":\"y\"},\"id\":8}", &f), OK);
    assert_int_equal(f.kind, BINANCE_ERROR);
    assert_int_equal(f.control.code, 3);
}

static void test_stream__unknown_kinds_and_symbols_are_counted(void **state)
{
    (void)state;
    struct binance_frame f;
    const uint64_t unknown = decoder.unknown_count, foreign = decoder.foreign_count;
    assert_int_equal(decode("{\"e\":\"blockTrade\",\"E\":1,\"s\":\"BTCUSDT\"}", &f), OK);
    assert_int_equal(f.kind, BINANCE_UNKNOWN);
    assert_int_equal(decode("[{\"e\":\"24hrMiniTicker\"}]", &f), OK);
    assert_int_equal(f.kind, BINANCE_UNKNOWN);
    assert_int_equal(decode("{}", &f), OK);
    assert_int_equal(f.kind, BINANCE_UNKNOWN);
    assert_int_equal(
        decode("{\"u\":1,\"s\":\"XXXUSDT\",\"b\":\"1\",\"B\":\"1\",\"a\":\"1\",\"A\":\"1\"}", &f),
        OK);
    assert_int_equal(f.kind, BINANCE_FOREIGN);
    assert_int_equal(f.instrument, INSTRUMENT_NONE);
    assert_int_equal(decoder.unknown_count - unknown, 3);
    assert_int_equal(decoder.foreign_count - foreign, 1);
}

static void test_stream__any_key_order_and_white_space_say_the_same(void **state)
{
    (void)state;
    struct binance_frame f;
    assert_int_equal(
        decode(
            " {\"data\" : {\"new\":[1,{\"x\":null}],\"M\":true,\"m\":false,\"T\":5,\"q\":\"0.02\","
            "\n\"p\":\"61837.6\",\"t\":9,\"s\":\"BTCUSDT\",\"E\":6,\"e\":\"\\u0074rade\"} , "
            "\"stream\":\"btcusdt@trade\"}\n",
            &f),
        OK);
    assert_int_equal(f.kind, BINANCE_TRADE);
    assert_int_equal(f.trade.price.units, 6183760);
    assert_int_equal(f.trade.taker, SIDE_BUY);
    /* asks before bids */
    assert_int_equal(
        decode("{\"e\":\"depthUpdate\",\"E\":1,\"s\":\"BTCUSDT\",\"U\":1,\"u\":2,"
               "\"a\":[[\"3.0\",\"1.0\"]],\"b\":[[\"1.0\",\"0.5\",[]],[\"2.0\",\"1\"]]}",
               &f),
        OK);
    assert_int_equal(f.depth.bid_count, 2);
    assert_int_equal(f.depth.asks[0].price.units, 300);
    assert_int_equal(f.depth.bids[1].price.units, 200);
}

static void test_stream__what_is_not_sound_is_refused(void **state)
{
    (void)state;
    static const char *const frames[] = {
        "",
        "{",
        "{}x",
        "nul",
        TRADE "}",
        "{\"stream\":\"btcusdt@trade\",\"data\":" TRADE,
        /* stream and symbol disagree */
        WRAPPED("ethusdt@trade", TRADE),
        /* a number too large, a negative price, no price at all, NaN, 1e999 */
        "{\"u\":1,\"s\":\"BTCUSDT\",\"b\":\"99999999999999999999\",\"B\":\"1\",\"a\":\"1\",\"A\":"
        "\"1\"}",
        "{\"u\":1,\"s\":\"BTCUSDT\",\"b\":\"-1\",\"B\":\"1\",\"a\":\"1\",\"A\":\"1\"}",
        "{\"u\":1,\"s\":\"BTCUSDT\",\"B\":\"1\",\"a\":\"1\",\"A\":\"1\"}",
        "{\"u\":1,\"s\":\"BTCUSDT\",\"b\":\"NaN\",\"B\":\"1\",\"a\":\"1\",\"A\":\"1\"}",
        "{\"u\":1,\"s\":\"BTCUSDT\",\"b\":\"1e999\",\"B\":\"1\",\"a\":\"1\",\"A\":\"1\"}",
        "{\"u\":1,\"s\":\"BTCUSDT\",\"b\":1.5,\"B\":\"1\",\"a\":\"1\",\"A\":\"1\"}",
        "{\"u\":-1,\"s\":\"BTCUSDT\",\"b\":\"1\",\"B\":\"1\",\"a\":\"1\",\"A\":\"1\"}",
        /* a key twice */
        "{\"u\":1,\"u\":1,\"s\":\"BTCUSDT\",\"b\":\"1\",\"B\":\"1\",\"a\":\"1\",\"A\":\"1\"}",
        "{\"u\":1,\"s\":\"BTCUSDT\",\"s\":\"ETHUSDT\",\"b\":\"1\",\"B\":\"1\",\"a\":\"1\",\"A\":"
        "\"1\"}",
        /* ids backwards, a level without quantity, a price of zero in the book */
        "{\"e\":\"depthUpdate\",\"E\":1,\"s\":\"BTCUSDT\",\"U\":3,\"u\":2,\"b\":[],\"a\":[]}",
        "{\"e\":\"depthUpdate\",\"E\":1,\"s\":\"BTCUSDT\",\"U\":1,\"u\":2,\"b\":[[\"1\"]],\"a\":[]"
        "}",
        "{\"e\":\"depthUpdate\",\"E\":1,\"s\":\"BTCUSDT\",\"U\":1,\"u\":2,\"b\":[[\"0\",\"1\"]],"
        "\"a\":[]}",
        /* a trade of nothing */
        "{\"e\":\"trade\",\"E\":1,\"s\":\"BTCUSDT\",\"t\":1,\"p\":\"0.00\",\"q\":\"1\",\"T\":1,"
        "\"m\":true}",
        "{\"e\":\"serverShutdown\"}",
        /* a candle whose low is above its high */
        "{\"e\":\"kline\",\"E\":1,\"s\":\"BTCUSDT\",\"k\":{\"t\":1,\"i\":\"1m\",\"o\":\"5\",\"c\":"
        "\"5\","
        "\"h\":\"4\",\"l\":\"6\",\"v\":\"1\",\"n\":1,\"x\":false}}",
    };
    struct binance_frame f;
    for (size_t i = 0; i < sizeof frames / sizeof *frames; i++) {
        const uint64_t before = decoder.malformed_count;
        if (decode(frames[i], &f) != ERR_PARSE) fail_msg("accepted: %s", frames[i]);
        assert_int_equal(decoder.malformed_count, before + 1);
    }
}

static void test_stream__data_finer_than_the_rules_is_rounded_or_left_out(void **state)
{
    (void)state;
    struct binance_frame f;
    const uint64_t odd = decoder.odd_level_count;
    assert_int_equal(
        decode("{\"e\":\"depthUpdate\",\"E\":1,\"s\":\"BTCUSDT\",\"U\":1,\"u\":2,\"b\":"
               "[[\"1.001\",\"1\"],[\"2.00\",\"0.0000019\"],[\"3.00\",\"25.4261890\"]],"
               "\"a\":[[\"4.00\",\"0.0\"]]}",
               &f),
        OK);
    assert_int_equal(decoder.odd_level_count, odd + 1);
    assert_int_equal(f.depth.bid_count, 2);
    assert_int_equal(f.depth.bids[0].qty.units, 1);
    assert_int_equal(f.depth.bids[1].qty.units, 2542618);
    assert_int_equal(f.depth.asks[0].qty.units, 0);
    assert_int_equal(
        decode("{\"u\":1,\"s\":\"BTCUSDT\",\"b\":\"1.009\",\"B\":\"1\",\"a\":\"1.011\","
               "\"A\":\"1\"}",
               &f),
        OK);
    assert_int_equal(f.book_ticker.bid.price.units, 100);
    assert_int_equal(f.book_ticker.ask.price.units, 102);
}

static void test_stream__too_many_levels_is_a_limit(void **state)
{
    (void)state;
    struct binance_frame f;
    decoder.level_capacity = 3;
    assert_int_equal(decode(DEPTH, &f), OK);
    decoder.level_capacity = 2;
    assert_int_equal(decode(DEPTH, &f), ERR_LIMIT);
    assert_string_equal(err_text(), "more than 2 levels in a frame");
    decoder.level_capacity = BINANCE_LEVELS_MAX;
}

static void test_stream__recordings_equal_jansson_value_by_value(void **state)
{
    (void)state;
    static const char *const names[] = {
        "data/raw/binance-spot/btcusdt_20240808.jsonl",
        "data/raw/binance-spot/nknusdt_blzeth_20211012_with_snapshots.jsonl",
    };
    uint64_t kinds[BINANCE_FRAME_KIND_COUNT] = {0};
    const uint64_t tolerant = decoder.tolerant_count;
    for (size_t n = 0; n < 2; n++) {
        struct recording r;
        struct slice line, frame;
        if (!recording_open(&r, names[n])) skip();
        while (recording_line(&r, &line)) {
            struct binance_frame f;
            if (memmem(line.data, line.size, "\"rest\"", 6)) continue;
            assert_true(recording_member(line, "msg", &frame));
            if (binance_stream_decode(&decoder, frame, &f))
                fail_msg("%s: %.*s", err_text(), (int)frame.size, frame.data);
            const char *wrong = stream_peer_compare(frame, &table, &f);
            if (wrong) fail_msg("%s: %.*s", wrong, (int)frame.size, frame.data);
            kinds[f.kind]++;
        }
        recording_close(&r);
    }
    assert_int_equal(kinds[BINANCE_BOOK_TICKER], 28040 + 74 + 1);
    assert_int_equal(kinds[BINANCE_TRADE], 9757);
    assert_int_equal(kinds[BINANCE_DEPTH], 3451 + 150 + 10);
    assert_int_equal(kinds[BINANCE_AGG_TRADE], 1);
    assert_int_equal(kinds[BINANCE_KLINE], 1);
    /* The straight path takes what Binance writes; only the kline and three frames with
     * a quantity finer than today's step go the other way. */
    assert_int_equal(decoder.tolerant_count - tolerant, 4);
}

static void test_stream__fixtures_of_other_people_are_read(void **state)
{
    (void)state;
    static const struct {
        const char *file;
        uint8_t kind;
    } rows[] = {
        {"ws_spot_agg_trade.json", BINANCE_AGG_TRADE},
        {"ws_spot_ticker_24hr.json", BINANCE_TICKER},
        {"ws_spot_ticker_book.json", BINANCE_BOOK_TICKER},
        {"ws_spot_trade.json", BINANCE_TRADE},
    };
    struct recording r;
    if (!recording_open(&r, "data/rest/message_fixtures_nautilus.jsonl")) skip();
    struct instrument eth = stream_peer_instrument("ETHUSDT", ETH, 2, 5);
    assert_int_equal(binance_symbols_add(&table, &eth), OK);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct slice frame;
        struct binance_frame f;
        assert_true(recording_fixture(&r, rows[i].file, &frame));
        if (binance_stream_decode(&decoder, frame, &f))
            fail_msg("%s: %s", rows[i].file, err_text());
        assert_int_equal(f.kind, rows[i].kind);
        assert_null(stream_peer_compare(frame, &table, &f));
    }
    recording_close(&r);
}

static size_t mutate(struct prng *random, char *text, size_t size, size_t capacity)
{
    static const char bytes[] = "{}[]\",:\\0123456789.eE+-tfn \n\x01\x7f\x80\xc3\xff";
    for (uint64_t n = 1 + prng_below(random, 3); n-- > 0 && size > 1;) {
        const size_t at = prng_below(random, size);
        const char byte = bytes[prng_below(random, sizeof bytes - 1)];
        const uint64_t kind = prng_below(random, 5);
        if (kind == 0) {
            text[at] = byte;
        } else if (kind == 1) {
            memmove(text + at, text + at + 1, --size - at);
        } else if (kind == 2 && size < capacity) {
            memmove(text + at + 1, text + at, size++ - at);
            text[at] = byte;
        } else if (kind == 3) {
            const size_t from = prng_below(random, size), count = prng_below(random, 12);
            if (from + count <= size && at + count <= size) memmove(text + at, text + from, count);
        } else {
            text[at] ^= (char)(1 << prng_below(random, 8));
        }
    }
    return size;
}

static void test_stream__mutations_are_never_read_otherwise_than_by_jansson(void **state)
{
    (void)state;
    static const char *const seeds[] = {
        WRAPPED("btcusdt@trade", TRADE),
        TRADE,
        AGG_TRADE,
        DEPTH,
        BOOK_TICKER,
        KLINE,
        TICKER,
        WRAPPED("btcusdt@depth@100ms", DEPTH),
        WRAPPED("btcusdt@bookTicker", BOOK_TICKER),
        MINI_TICKER,
        WRAPPED("bnbbtc@depth5", PARTIAL),
        "{\"result\":null,\"id\":312}",
        "{\"code\":2,\"msg\":\"x\",\"id\":7}",
    };
    struct prng random;
    uint64_t accepted = 0;
    prng_init(&random, 20261123);
    for (int round = 0; round < 200000; round++) {
        char text[1024];
        struct binance_frame f;
        const char *seed = seeds[prng_below(&random, sizeof seeds / sizeof *seeds)];
        size_t size = strlen(seed);
        memcpy(text, seed, size);
        size = mutate(&random, text, size, sizeof text);
        char *exact = malloc(size);
        memcpy(exact, text, size);
        const struct slice frame = {exact, size};
        if (!binance_stream_decode(&decoder, frame, &f)) {
            accepted++;
            const char *wrong = stream_peer_compare(frame, &table, &f);
            if (wrong) fail_msg("%s: %.*s", wrong, (int)size, exact);
        }
        free(exact);
    }
    assert_true(accepted > 10000 && accepted < 190000);
}

/* Both paths say the same of every frame: a space behind it forces the tolerant one. */
static void test_stream__both_paths_say_the_same(void **state)
{
    (void)state;
    struct recording r;
    struct slice line, frame;
    unsigned count = 0;
    static struct level other_levels[BINANCE_LEVELS_MAX];
    struct binance_decoder other = decoder;
    other.levels = other_levels;
    if (!recording_open(&r, "data/raw/binance-spot/btcusdt_20240808.jsonl")) skip();
    while (recording_line(&r, &line) && count < 3000) {
        struct binance_frame a = {0}, b = {0};
        static char padded[1 << 16];
        if (memmem(line.data, line.size, "\"rest\"", 6)) continue;
        assert_true(recording_member(line, "msg", &frame) && frame.size + 1 < sizeof padded);
        memcpy(padded, frame.data, frame.size);
        padded[frame.size] = ' ';
        const uint64_t tolerant = other.tolerant_count;
        assert_int_equal(binance_stream_decode(&decoder, frame, &a), OK);
        assert_int_equal(binance_stream_decode(&other, (struct slice){padded, frame.size + 1}, &b),
                         OK);
        assert_int_equal(other.tolerant_count, tolerant + 1);
        assert_int_equal(a.kind, b.kind);
        assert_int_equal(a.event_ms, b.event_ms);
        if (a.kind == BINANCE_DEPTH) {
            assert_int_equal(a.depth.bid_count, b.depth.bid_count);
            assert_int_equal(a.depth.ask_count, b.depth.ask_count);
            const size_t total = a.depth.bid_count + a.depth.ask_count;
            if (total) assert_memory_equal(levels, other_levels, total * sizeof *levels);
        } else if (a.kind == BINANCE_TRADE) {
            assert_int_equal(a.trade.price.units, b.trade.price.units);
            assert_int_equal(a.trade.taker, b.trade.taker);
        } else {
            assert_memory_equal(&a.book_ticker, &b.book_ticker, sizeof a.book_ticker);
        }
        count++;
    }
    assert_int_equal(count, 3000);
    recording_close(&r);
}

static void test_stream__subscriptions_are_written(void **state)
{
    (void)state;
    struct buffer out = {0}, name = {0};
    binance_stream_write_name(&name, "BTCUSDT", "@depth@100ms");
    const struct slice streams[] = {SLICE("btcusdt@trade"), buffer_slice(&name)};
    binance_stream_write_subscribe(&out, true, streams, 2, 7);
    assert_true(slice_is(buffer_slice(&out),
                         "{\"method\":\"SUBSCRIBE\",\"params\":[\"btcusdt@trade\","
                         "\"btcusdt@depth@100ms\"],\"id\":7}"));
    buffer_clear(&out);
    binance_stream_write_subscribe(&out, false, streams, 1, 8);
    assert_true(slice_is(buffer_slice(&out),
                         "{\"method\":\"UNSUBSCRIBE\",\"params\":[\"btcusdt@trade\"],\"id\":8}"));
    buffer_deinit(&out);
    buffer_deinit(&name);
}

static void test_symbols__are_found_by_both_names_and_no_other(void **state)
{
    (void)state;
    static struct binance_symbols many;
    char text[SYMBOL_SIZE], lower[SYMBOL_SIZE];
    for (unsigned i = 0; i < BINANCE_SYMBOLS_MAX; i++) {
        snprintf(text, sizeof text, "%.*sS%uUSDT", (int)(i % 12), "ABCDEFGHIJKL", i);
        struct instrument added = stream_peer_instrument(text, (uint16_t)i, 2, 3);
        assert_int_equal(binance_symbols_add(&many, &added), OK);
    }
    for (unsigned i = 0; i < BINANCE_SYMBOLS_MAX; i++) {
        snprintf(text, sizeof text, "%.*sS%uUSDT", (int)(i % 12), "ABCDEFGHIJKL", i);
        snprintf(lower, sizeof lower, "%.*ss%uusdt", (int)(i % 12), "abcdefghijkl", i);
        assert_int_equal(binance_symbols_find(&many, slice_of(text))->instrument, i);
        assert_int_equal(binance_symbols_find_stream(&many, slice_of(lower))->instrument, i);
        assert_null(binance_symbols_find(&many, slice_of(lower)));
        assert_null(binance_symbols_find_stream(&many, slice_of(text)));
    }
    struct instrument extra = stream_peer_instrument("ONEMORE", 1, 1, 1);
    assert_int_equal(binance_symbols_add(&many, &extra), ERR_LIMIT);
    extra = stream_peer_instrument("S0USDT", 0, 7, 7);
    assert_int_equal(binance_symbols_add(&many, &extra), OK);
    assert_int_equal(binance_symbols_find(&many, SLICE("S0USDT"))->price_scale, 7);
    extra = stream_peer_instrument("bad name", 0, 7, 7);
    assert_int_equal(binance_symbols_add(&many, &extra), ERR_INVALID);
    assert_null(binance_symbols_find(&many, SLICE("")));
    assert_null(binance_symbols_find(&many, SLICE("ABCDEFGHIJKLMNOPQRSTUVWXYZ")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_stream__every_kind_is_read),
        cmocka_unit_test(test_stream__control_answers_are_told_apart),
        cmocka_unit_test(test_stream__unknown_kinds_and_symbols_are_counted),
        cmocka_unit_test(test_stream__any_key_order_and_white_space_say_the_same),
        cmocka_unit_test(test_stream__what_is_not_sound_is_refused),
        cmocka_unit_test(test_stream__data_finer_than_the_rules_is_rounded_or_left_out),
        cmocka_unit_test(test_stream__too_many_levels_is_a_limit),
        cmocka_unit_test(test_stream__recordings_equal_jansson_value_by_value),
        cmocka_unit_test(test_stream__both_paths_say_the_same),
        cmocka_unit_test(test_stream__mutations_are_never_read_otherwise_than_by_jansson),
        cmocka_unit_test(test_stream__fixtures_of_other_people_are_read),
        cmocka_unit_test(test_stream__subscriptions_are_written),
        cmocka_unit_test(test_symbols__are_found_by_both_names_and_no_other),
    };
    return cmocka_run_group_tests(tests, set_up, NULL);
}
