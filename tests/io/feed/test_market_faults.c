/* Random faults against a market session: the book that it tells is the venue's, as of the id that
 * it claims, or it is marked stale; and once the faults end it catches up.
 *
 * The venue is a naive model: a book of few prices, one level changed with each update id, and all
 * states by their ids. A seed is an episode on a session that goes on: frames are lost, held back,
 * swapped, repeated and broken, connections cut, snapshots late, old, broken or refused. */
#include "cmocka_all.h"

#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/prng.h"
#include "core/model/money.h"
#include "io/feed/feed_recorder.h"
#include "io/net/net_fixture.h"

enum {
    SEEDS = 1000,
    SESSIONS = 8, /* the seeds are spread over them */
    INDEX = 3,
    PRICES = 8,       /* a side */
    STATES = 1 << 16, /* newest ids whose state is kept */
    LATE_MAX = 6,     /* frames that are held back */
    FIRST_TICK = 10000,
};

/* Quantities in lots; 0: no such level. */
struct venue_state {
    uint8_t bids[PRICES], asks[PRICES];
};

struct frame {
    uint64_t first, last;
};

struct model {
    struct feed_recorder f;
    struct prng prng;
    uint64_t last_id;
    uint64_t sent_id; /* up to where frames were made */
    struct venue_state states[STATES];
    struct frame late[LATE_MAX];
    unsigned late_count;
    unsigned faults;   /* percent of frames and snapshots, drawn for each seed */
    int64_t lot_units; /* of 0.00001 in the instrument's scale */
    uint64_t told_id;
    unsigned told, stale; /* books compared, times marked stale */
};

static bool chance(struct model *m, unsigned percent)
{
    return prng_below(&m->prng, 100) < percent;
}

static struct venue_state *state_of(struct model *m, uint64_t id)
{
    return &m->states[id % STATES];
}

static void change(struct model *m)
{
    struct venue_state next = *state_of(m, m->last_id);
    const size_t place = prng_below(&m->prng, PRICES);
    const uint8_t qty = (uint8_t)prng_below(&m->prng, 4);
    if (chance(m, 50))
        next.bids[place] = qty;
    else
        next.asks[place] = qty;
    *state_of(m, ++m->last_id) = next;
}

/* The price of a place, the best first: bids fall from where asks rise. */
static unsigned ticks(bool is_bid, unsigned place)
{
    return is_bid ? FIRST_TICK - 1 - place : FIRST_TICK + place;
}

static void write_side(struct buffer *out, const uint8_t *side, const uint8_t *before, bool is_bid)
{
    const char *comma = "";
    for (unsigned i = 0; i < PRICES; i++) {
        if (before ? side[i] == before[i] : side[i] == 0) continue;
        const unsigned t = ticks(is_bid, i);
        buffer_printf(out, "%s[\"%u.%02u\",\"0.0000%u\"]", comma, t / 100, t % 100, side[i]);
        comma = ",";
    }
}

static void write_frame(struct model *m, const struct frame *frame, struct buffer *out)
{
    const struct venue_state *before = state_of(m, frame->first - 1);
    const struct venue_state *after = state_of(m, frame->last);
    buffer_printf(out,
                  "{\"stream\":\"btcusdt@depth@100ms\",\"data\":{\"e\":\"depthUpdate\",\"E\":1,"
                  "\"s\":\"BTCUSDT\",\"U\":%llu,\"u\":%llu,\"b\":[",
                  (unsigned long long)frame->first, (unsigned long long)frame->last);
    write_side(out, after->bids, before->bids, true);
    buffer_append_text(out, "],\"a\":[");
    write_side(out, after->asks, before->asks, false);
    buffer_append_text(out, "]}}");
}

static bool may_send(const struct model *m)
{
    return m->f.venue.stream && ws_is_open(m->f.venue.stream) && m->f.venue.stream_messages > 0;
}

/* Breaks what can be seen to be broken: a wrong digit could not be. */
static void corrupt(struct model *m, struct buffer *text)
{
    if (chance(m, 50))
        text->size = (size_t)prng_below(&m->prng, text->size);
    else
        text->data[prng_below(&m->prng, text->size)] = '}';
}

static void send_frame(struct model *m, const struct frame *frame, bool is_sound)
{
    struct buffer text = {0};
    if (!may_send(m)) return;
    write_frame(m, frame, &text);
    if (!is_sound) corrupt(m, &text);
    (void)ws_send(m->f.venue.stream, WS_TEXT, buffer_slice(&text)); /* it may have hung up */
    buffer_deinit(&text);
}

/* The next frame: some changes in one. */
static struct frame make_frame(struct model *m)
{
    const struct frame frame = {m->sent_id + 1, m->sent_id + 1 + prng_below(&m->prng, 3)};
    while (m->last_id < frame.last) change(m);
    m->sent_id = frame.last;
    return frame;
}

static void faulty_frame(struct model *m)
{
    const struct frame frame = make_frame(m);
    const unsigned kind = chance(m, m->faults) ? (unsigned)prng_below(&m->prng, 5) : 5;
    switch (kind) {
    case 0: break; /* lost */
    case 1:
        send_frame(m, &frame, true);
        send_frame(m, &frame, true);
        break;
    case 2: send_frame(m, &frame, false); break;
    case 3:
        if (m->late_count < LATE_MAX) m->late[m->late_count++] = frame;
        break;
    case 4: {
        const struct frame next = make_frame(m);
        send_frame(m, &next, true);
        send_frame(m, &frame, true);
        break;
    }
    default: send_frame(m, &frame, true);
    }
    if (m->late_count > 0 && chance(m, 30)) send_frame(m, &m->late[--m->late_count], true);
}

static void answer(struct http_reply *reply, int status, struct slice body)
{
    /* The count keeps the budget from holding the next snapshot back. */
    static const struct http_header weight = {SLICE("X-MBX-USED-WEIGHT-1M"), SLICE("1")};
    http_reply_send(reply, &(struct http_response){.status = status,
                                                   .content_type = "application/json",
                                                   .headers = &weight,
                                                   .header_count = 1,
                                                   .body = body});
}

/* Answers one request for a snapshot with the state at an id. */
static void snapshot(struct model *m, struct http_reply *reply, uint64_t id, bool is_sound)
{
    struct buffer text = {0};
    buffer_printf(&text, "{\"lastUpdateId\":%llu,\"bids\":[", (unsigned long long)id);
    write_side(&text, state_of(m, id)->bids, NULL, true);
    buffer_append_text(&text, "],\"asks\":[");
    write_side(&text, state_of(m, id)->asks, NULL, false);
    buffer_append_text(&text, "]}");
    if (!is_sound) corrupt(m, &text);
    answer(reply, 200, buffer_slice(&text));
    buffer_deinit(&text);
}

static void faulty_snapshot(struct model *m)
{
    struct venue_script *v = &m->f.venue;
    if (v->held_count == 0) return;
    struct http_reply *reply = v->held[--v->held_count];
    const unsigned kind = chance(m, m->faults) ? (unsigned)prng_below(&m->prng, 4) : 4;
    switch (kind) {
    case 0: answer(reply, 500, SLICE("<html>")); break;
    case 1: snapshot(m, reply, m->last_id, false); break;
    case 2: snapshot(m, reply, m->last_id - prng_below(&m->prng, 20), true); break;
    case 3: {
        struct conn *c = http_reply_take(reply, NULL, NULL);
        if (c) conn_abort(c);
        break;
    }
    default: snapshot(m, reply, m->last_id, true);
    }
}

static void faulty_connection(struct model *m)
{
    struct venue_script *v = &m->f.venue;
    switch (prng_below(&m->prng, 3)) {
    case 0: script_cut(v); break;
    case 1:
        if (may_send(m)) ws_close(v->stream, 1001, SLICE("24 hours"));
        break;
    default:
        if (may_send(m))
            (void)ws_send(v->stream, WS_TEXT,
                          SLICE("{\"stream\":\"!serverShutdown\",\"data\":"
                                "{\"e\":\"serverShutdown\",\"E\":1}}"));
    }
}

/* The book that was told, side by side with the venue's at that id. */
static void on_book(struct feed_recorder *f, const struct event *event)
{
    struct model *m = f->user;
    const struct book *book = &f->books[INDEX];
    struct level levels[PRICES + 1];
    if (event->kind == EVENT_FEED && event->feed == FEED_STALE) {
        m->stale++;
        return;
    }
    assert_true(book->last_id <= m->last_id && book->last_id + STATES > m->last_id);
    if (event->kind == EVENT_BOOK && event->book.snapshot) assert_false(f->is_live);
    if (f->is_live && event->kind == EVENT_BOOK) assert_true(book->last_id > m->told_id);
    m->told_id = book->last_id;
    m->told++;
    const struct venue_state *state = state_of(m, book->last_id);
    for (unsigned side = 0; side < 2; side++) {
        const bool is_bid = side == SIDE_BUY;
        const uint8_t *wanted = is_bid ? state->bids : state->asks;
        const uint32_t count = book_side(book, (enum side)side, levels, PRICES + 1);
        uint32_t seen = 0;
        for (unsigned i = 0; i < PRICES; i++) {
            if (wanted[i] == 0) continue;
            assert_true(seen < count);
            assert_int_equal(levels[seen].price.units, ticks(is_bid, i));
            assert_int_equal(levels[seen++].qty.units, wanted[i] * m->lot_units);
        }
        assert_int_equal(seen, count);
    }
}

static void turn(struct model *m, unsigned times)
{
    struct market_status status;
    for (unsigned i = 0; i < times; i++) {
        uv_run(&m->f.loop, UV_RUN_NOWAIT);
        market_session_status(m->f.session, &status);
        assert_int_equal(m->f.is_live, status.state == MARKET_LIVE);
    }
}

static bool has_caught_up(const struct model *m)
{
    return m->f.is_live && m->f.books[INDEX].last_id == m->last_id;
}

/* Faults are over: what was lost unseen shows at the next frame. */
static void settle(struct model *m)
{
    const uint64_t start = uv_now(&m->f.loop);
    m->late_count = 0;
    for (unsigned turns = 0; !has_caught_up(m); turns++) {
        struct venue_script *v = &m->f.venue;
        while (v->held_count > 0) snapshot(m, v->held[--v->held_count], m->last_id, true);
        /* Not in each turn: a session that reads in small pieces could not catch up. */
        if (may_send(m) && m->f.is_live && turns % 16 == 0) {
            const struct frame frame = make_frame(m);
            send_frame(m, &frame, true);
        }
        uv_run(&m->f.loop, UV_RUN_ONCE);
        assert_true(uv_now(&m->f.loop) - start < FIXTURE_WAIT_MS);
    }
}

static void episode(struct model *m, uint64_t seed)
{
    prng_init(&m->prng, seed);
    const unsigned steps = 20 + (unsigned)prng_below(&m->prng, 60);
    m->faults = (unsigned)prng_below(&m->prng, 40);
    const unsigned cuts = (unsigned)prng_below(&m->prng, 8);
    for (unsigned i = 0; i < steps; i++) {
        faulty_frame(m);
        if (chance(m, 60)) faulty_snapshot(m);
        if (chance(m, cuts)) faulty_connection(m);
        turn(m, (unsigned)prng_below(&m->prng, 4));
    }
    settle(m);
    script_forget(&m->f.venue);
}

static void begin(struct model *m, uint32_t read_size)
{
    const struct market_session_options options = {
        .reconnect_first_ms = 1, .reconnect_last_ms = 2, .read_size = read_size};
    *m = (struct model){.last_id = STATES, .sent_id = STATES};
    recorder_init(&m->f, &options);
    m->f.is_quiet = true;
    m->f.on_book = on_book;
    m->f.user = m;
    script_answer_with(&m->f.venue, &(struct script_answer){.route = "GET /api/v3/depth",
                                                            .manner = SCRIPT_HANG,
                                                            .stays = true});
    recorder_watch(&m->f);
    const unsigned scale = market_session_find(m->f.session, "BTCUSDT")->qty_scale;
    assert_true(decimal_parse("0.00001", 7, scale, &m->lot_units));
}

static void test_faults__book_is_the_venues_or_stale(void **state)
{
    static const uint32_t read_sizes[SESSIONS] = {0, 16, 0, 64, 0, 100, 0, 333};
    (void)state;
    struct model *m = malloc(sizeof *m);
    unsigned told = 0, stale = 0;
    for (unsigned s = 0; s < SESSIONS; s++) {
        begin(m, read_sizes[s]);
        for (unsigned seed = s; seed < SEEDS; seed += SESSIONS) episode(m, seed);
        struct market_status status;
        market_session_status(m->f.session, &status);
        assert_int_equal(m->f.refusals, 0);
        assert_true(status.gaps > 0 && status.malformed > 0 && status.reconnects > 0);
        told += m->told;
        stale += m->stale;
        recorder_deinit(&m->f);
    }
    print_message("%d seeds: %u books compared, %u times stale\n", SEEDS, told, stale);
    assert_true(told > SEEDS * 5); /* how many there is time for depends on the machine */
    free(m);
}

int main(void)
{
    log_level_set(LOG_ERROR);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_faults__book_is_the_venues_or_stale),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
