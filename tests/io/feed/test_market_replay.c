/* Whole runs of a market session: the shared recordings, and a venue that loses and repeats. The
 * book that comes out must be the one that is built without any of our code for sync. */
#include "cmocka_all.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/prng.h"
#include "io/feed/feed_recorder.h"
#include "io/net/net_fixture.h"
#include "io/venue/recordings.h"

/* ---- a book as a plain list ---- */

enum { MODEL_LEVELS_MAX = 20000 };

struct model_side {
    struct level levels[MODEL_LEVELS_MAX];
    unsigned count;
};

struct model {
    struct model_side sides[2];
    uint64_t last_id;
};

static void model_set(struct model_side *side, int64_t price, int64_t qty)
{
    unsigned i = 0;
    while (i < side->count && side->levels[i].price.units != price) i++;
    if (qty == 0) {
        if (i < side->count) side->levels[i] = side->levels[--side->count];
        return;
    }
    if (i == side->count) {
        assert_true(i < MODEL_LEVELS_MAX);
        side->count++;
    }
    side->levels[i] = (struct level){{price}, {qty}};
}

/* Every level of the model stands in the book, and no other; the book is not crossed. */
static void assert_book_is(const struct book *book, const struct model *model)
{
    struct level bid, ask;
    assert_int_equal(book->state, BOOK_LIVE);
    assert_int_equal(book->last_id, model->last_id);
    for (unsigned side = 0; side < 2; side++) {
        const struct model_side *wanted = &model->sides[side];
        assert_int_equal(book->sides[side].count, wanted->count);
        for (unsigned i = 0; i < wanted->count; i++) {
            unsigned at = 0;
            while (at < book->sides[side].count &&
                   book->sides[side].levels[at].price.units != wanted->levels[i].price.units)
                at++;
            assert_true(at < book->sides[side].count);
            assert_int_equal(book->sides[side].levels[at].qty.units, wanted->levels[i].qty.units);
        }
    }
    if (book_best_bid(book, &bid) && book_best_ask(book, &ask))
        assert_true(bid.price.units < ask.price.units);
}

/* ---- recordings ---- */

static int64_t decimal_units(const char *text, unsigned scale)
{
    int64_t units = 0;
    const char *at = text;
    for (; *at && *at != '.'; at++) units = units * 10 + (*at - '0');
    if (*at == '.') at++;
    for (unsigned i = 0; i < scale; i++) units = units * 10 + (*at ? *at++ - '0' : 0);
    for (; *at; at++) assert_int_equal(*at, '0');
    return units;
}

struct replay {
    const char *file, *symbol, *stream;
    const char *snapshot; /* how its line shows itself */
    unsigned price_scale, qty_scale;
};

static void model_json(struct model_side *side, const json_t *levels, const struct replay *r)
{
    size_t i;
    json_t *level;
    json_array_foreach(levels, i, level)
        model_set(side, decimal_units(json_string_value(json_array_get(level, 0)), r->price_scale),
                  decimal_units(json_string_value(json_array_get(level, 1)), r->qty_scale));
}

/* The procedure of the documents, once more and by other means. */
static void model_recording(struct model *m, struct recording *recording, const struct replay *r)
{
    struct slice line, message;
    bool has_snapshot = false;
    recording->at = 0;
    while (recording_line(recording, &line)) {
        const bool is_snapshot = memmem(line.data, line.size < 200 ? line.size : 200, r->snapshot,
                                        strlen(r->snapshot)) != NULL;
        const bool is_delta = memmem(line.data, line.size < 120 ? line.size : 120, r->stream,
                                     strlen(r->stream)) != NULL;
        if ((!is_snapshot && !is_delta) || !recording_member(line, "msg", &message)) continue;
        json_t *root = json_loadb(message.data, message.size, 0, NULL);
        assert_non_null(root);
        if (is_snapshot && !has_snapshot) {
            has_snapshot = true;
            m->last_id = (uint64_t)json_integer_value(json_object_get(root, "lastUpdateId"));
            model_json(&m->sides[SIDE_BUY], json_object_get(root, "bids"), r);
            model_json(&m->sides[SIDE_SELL], json_object_get(root, "asks"), r);
            recording->at = 0; /* deltas before it may reach beyond it */
        } else if (is_delta && has_snapshot) {
            const json_t *data = json_object_get(root, "data");
            const uint64_t last = (uint64_t)json_integer_value(json_object_get(data, "u"));
            if (last > m->last_id) {
                model_json(&m->sides[SIDE_BUY], json_object_get(data, "b"), r);
                model_json(&m->sides[SIDE_SELL], json_object_get(data, "a"), r);
                m->last_id = last;
            }
        }
        json_decref(root);
    }
    assert_true(has_snapshot);
}

static bool is_synced(const struct feed_recorder *f)
{
    return f->books[3].state == BOOK_LIVE;
}

struct reached {
    const struct feed_recorder *f;
    uint64_t last_id;
};

static bool has_reached(const void *data)
{
    const struct reached *r = data;
    return r->f->books[3].state == BOOK_LIVE && r->f->books[3].last_id == r->last_id;
}

/* Sends every frame of the streams that the session asks for, few ahead of it, so that neither
 * side queues much. */
static void serve_frames(struct feed_recorder *f, struct recording *recording)
{
    struct slice line, message;
    struct market_status status;
    unsigned sent = 0;
    market_session_status(f->session, &status);
    const uint64_t first = status.frames;
    recording->at = 0;
    while (recording_line(recording, &line)) {
        const char *head = memmem(line.data, line.size < 60 ? line.size : 60, "\"stream\"", 8);
        if (!head || memmem(head, 60, "@bookTicker", 11) ||
            !recording_member(line, "msg", &message))
            continue;
        assert_int_equal(ws_send(f->venue.stream, WS_TEXT, message), OK);
        sent++;
        while (status.frames + 200 < first + sent) {
            uv_run(&f->loop, UV_RUN_ONCE);
            market_session_status(f->session, &status);
        }
    }
}

static char *snapshot_of(struct recording *recording, const char *mark)
{
    struct slice line, message;
    recording->at = 0;
    while (recording_line(recording, &line))
        if (memmem(line.data, line.size < 200 ? line.size : 200, mark, strlen(mark)) &&
            recording_member(line, "msg", &message))
            return strndup(message.data, message.size);
    return NULL;
}

static void replay(const struct replay *r, uint32_t read_size)
{
    struct recording recording;
    struct feed_recorder f;
    if (!recording_open(&recording, r->file)) skip();
    struct model *model = calloc(1, sizeof *model);
    model_recording(model, &recording, r);
    char *snapshot = snapshot_of(&recording, r->snapshot);
    assert_non_null(snapshot);

    const struct market_session_options options = {.read_size = read_size};
    recorder_init(&f, &options);
    f.is_quiet = true;
    script_answer_with(&f.venue, &(struct script_answer){.route = "GET /api/v3/depth",
                                                         .manner = SCRIPT_HANG});
    struct instrument rules = script_instrument(3);
    snprintf(rules.symbol, sizeof rules.symbol, "%s", r->symbol);
    rules.price_scale = (uint8_t)r->price_scale;
    rules.qty_scale = (uint8_t)r->qty_scale;
    assert_int_equal(market_session_watch(f.session, &rules), OK);
    while (f.venue.held_count == 0) uv_run(&f.loop, UV_RUN_ONCE);

    /* The first delta is there before the snapshot, as it was when this was recorded. */
    struct slice line, message;
    recording.at = 0;
    while (recording_line(&recording, &line) &&
           !memmem(line.data, 120, r->stream, strlen(r->stream)))
        ;
    assert_true(recording_member(line, "msg", &message));
    assert_int_equal(ws_send(f.venue.stream, WS_TEXT, message), OK);
    http_reply_text(f.venue.held[--f.venue.held_count], 200, "application/json",
                    slice_of(snapshot));
    recorder_run(&f, is_synced);
    serve_frames(&f, &recording);
    run_until(&f.loop, has_reached, &(struct reached){&f, model->last_id});

    struct market_status status;
    market_session_status(f.session, &status);
    assert_int_equal(status.gaps, 0);
    assert_int_equal(status.malformed, 0);
    assert_int_equal(status.reconnects, 0);
    assert_int_equal(f.refusals, 0);
    assert_book_is(&f.books[3], model);
    print_message("%s: %llu frames, book of %u and %u levels\n", r->symbol,
                  (unsigned long long)status.frames, f.books[3].sides[0].count,
                  f.books[3].sides[1].count);
    recorder_deinit(&f);
    recording_close(&recording);
    free(snapshot);
    free(model);
}

static const struct replay replays[] = {
    {"data/raw/binance-spot/btcusdt_20240808.jsonl", "BTCUSDT", "btcusdt@depth",
     "\"rest\":\"depth\"", 8, 8},
    {"data/raw/binance-spot/nknusdt_blzeth_20211012_with_snapshots.jsonl", "NKNUSDT",
     "nknusdt@depth", "depth?symbol=NKNUSDT", 8, 8},
    {"data/raw/binance-spot/nknusdt_blzeth_20211012_with_snapshots.jsonl", "BLZETH", "blzeth@depth",
     "depth?symbol=BLZETH", 8, 8},
};

static void test_replay__recordings_give_the_rebuilt_book(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof replays / sizeof *replays; i++) replay(&replays[i], 0);
}

static void test_replay__recordings_give_it_byte_by_byte(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof replays / sizeof *replays; i++) replay(&replays[i], 1);
}

/* ---- a venue that loses, repeats, garbles and cuts ---- */

struct market {
    struct model model;
    struct prng prng;
    struct feed_recorder *f;
};

static void append_levels(struct buffer *out, const struct model_side *side)
{
    for (unsigned i = 0; i < side->count; i++)
        buffer_printf(out, "%s[\"%lld.%02lld\",\"%lld.%08lld\"]", i ? "," : "",
                      (long long)(side->levels[i].price.units / 100),
                      (long long)(side->levels[i].price.units % 100),
                      (long long)(side->levels[i].qty.units / 100000000),
                      (long long)(side->levels[i].qty.units % 100000000));
}

static int by_price(const void *a, const void *b)
{
    const int64_t x = ((const struct level *)a)->price.units;
    const int64_t y = ((const struct level *)b)->price.units;
    return (x > y) - (x < y);
}

/* The venue's REST shows its book as it is at this moment. */
static void publish_snapshot(struct market *m)
{
    struct buffer out = {0};
    for (unsigned s = 0; s < 2; s++)
        qsort(m->model.sides[s].levels, m->model.sides[s].count, sizeof(struct level), by_price);
    struct model_side *bids = &m->model.sides[SIDE_BUY];
    for (unsigned i = 0; i < bids->count / 2; i++) {
        const struct level kept = bids->levels[i];
        bids->levels[i] = bids->levels[bids->count - 1 - i];
        bids->levels[bids->count - 1 - i] = kept;
    }
    buffer_printf(&out, "{\"lastUpdateId\":%llu,\"bids\":[", (unsigned long long)m->model.last_id);
    append_levels(&out, bids);
    buffer_append_text(&out, "],\"asks\":[");
    append_levels(&out, &m->model.sides[SIDE_SELL]);
    buffer_append_text(&out, "]}");
    buffer_append_char(&out, '\0');
    script_always(&m->f->venue, "GET /api/v3/depth", 200, out.data);
    buffer_deinit(&out);
}

/* Changes the venue's book by a few levels and writes the frame that tells it. */
static void next_frame(struct market *m, struct buffer *out)
{
    struct model_side changed[2] = {0};
    const uint64_t first = m->model.last_id + 1;
    m->model.last_id += 1 + prng_below(&m->prng, 3);
    for (unsigned n = 0; n < 4; n++) {
        const unsigned side = (unsigned)prng_below(&m->prng, 2);
        const int64_t away = 1 + (int64_t)prng_below(&m->prng, 50);
        const int64_t price = 10000 + (side == SIDE_BUY ? -away : away);
        const int64_t qty =
            prng_below(&m->prng, 3) == 0 ? 0 : 1 + (int64_t)prng_below(&m->prng, 1000000000);
        model_set(&m->model.sides[side], price, qty);
        /* A frame tells a price once, by its last quantity; 0 must be told too. */
        unsigned i = 0;
        while (i < changed[side].count && changed[side].levels[i].price.units != price) i++;
        if (i == changed[side].count) changed[side].count++;
        changed[side].levels[i] = (struct level){{price}, {qty}};
    }
    buffer_clear(out);
    buffer_printf(out,
                  "{\"e\":\"depthUpdate\",\"E\":1,\"s\":\"BTCUSDT\",\"U\":%llu,\"u\":%llu,\"b\":[",
                  (unsigned long long)first, (unsigned long long)m->model.last_id);
    append_levels(out, &changed[SIDE_BUY]);
    buffer_append_text(out, "],\"a\":[");
    append_levels(out, &changed[SIDE_SELL]);
    buffer_append_text(out, "]}");
}

static void send_with_faults(struct market *m, struct buffer *frame)
{
    struct venue_script *v = &m->f->venue;
    if (!v->stream) return;
    switch (prng_below(&m->prng, 20)) {
    case 0: return;
    case 1: (void)ws_send(v->stream, WS_TEXT, buffer_slice(frame)); break;
    case 2: frame->size -= 3; break;
    case 3:
        if (prng_below(&m->prng, 4) == 0) script_cut(v);
        return;
    default: break;
    }
    (void)ws_send(v->stream, WS_TEXT, buffer_slice(frame));
}

static bool is_live(const struct feed_recorder *f)
{
    struct market_status status;
    market_session_status(f->session, &status);
    /* The session may not have seen yet that it was cut. */
    return f->venue.stream && status.state == MARKET_LIVE && status.streams == 2;
}

static void test_replay__faults_never_leave_a_wrong_book(void **state)
{
    (void)state;
    uint64_t gaps = 0, reconnects = 0, malformed = 0;
    struct market *m = calloc(1, sizeof *m);
    for (uint64_t seed = 0; seed < 40; seed++) {
        struct feed_recorder f;
        struct buffer frame = {0};
        const struct market_session_options options = {
            .reconnect_first_ms = 1, .reconnect_last_ms = 3, .jitter_seed = seed};
        recorder_init(&f, &options);
        f.is_quiet = true;
        *m = (struct market){.f = &f};
        prng_init(&m->prng, seed);
        m->model.last_id = 1000;
        publish_snapshot(m);
        recorder_watch(&f);
        /* A venue this bad costs more snapshots than a real one allows in a minute. */
        request_budget_set_limits(venue_rest_budget(f.rest),
                                  &(struct request_limits){.weight = 10000000});
        for (unsigned n = 0; n < 400; n++) {
            next_frame(m, &frame);
            send_with_faults(m, &frame);
            if (prng_below(&m->prng, 3) == 0) publish_snapshot(m);
            if (prng_below(&m->prng, 4) == 0)
                uv_run(&f.loop, f.venue.stream ? UV_RUN_NOWAIT : UV_RUN_ONCE);
        }
        /* The faults end: whatever is missing shows at the next frame, and is healed. */
        publish_snapshot(m);
        recorder_run(&f, is_live);
        next_frame(m, &frame);
        publish_snapshot(m);
        script_send(&f.venue, "%.*s", (int)frame.size, frame.data);
        run_until(&f.loop, has_reached, &(struct reached){&f, m->model.last_id});
        assert_book_is(&f.books[3], &m->model);
        assert_int_equal(f.refusals, 0);
        struct market_status status;
        market_session_status(f.session, &status);
        gaps += status.gaps;
        reconnects += status.reconnects;
        malformed += status.malformed;
        buffer_deinit(&frame);
        recorder_deinit(&f);
    }
    print_message("%llu gaps, %llu reconnects, %llu malformed frames\n", (unsigned long long)gaps,
                  (unsigned long long)reconnects, (unsigned long long)malformed);
    assert_true(gaps > 0 && reconnects > 0 && malformed > 0);
    free(m);
}

int main(void)
{
    log_level_set(LOG_ERROR);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_replay__recordings_give_the_rebuilt_book),
        cmocka_unit_test(test_replay__recordings_give_it_byte_by_byte),
        cmocka_unit_test(test_replay__faults_never_leave_a_wrong_book),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
