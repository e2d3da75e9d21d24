/* User stream events and session frames of the WebSocket API. */
#include "io/venue/binance/binance_user.h"

#include <string.h>

#include "io/venue/binance/binance_fields.h"
#include "io/venue/json_cursor.h"

/* What the first pass over a frame finds. */
struct envelope {
    struct slice event; /* the inner event, or the frame itself where it came bare */
    bool is_event, is_answer;
    struct slice kind, symbol;
};

static bool survey(struct slice frame, struct json_cursor *c, struct envelope *out);
static enum err read_answer(struct slice frame, struct binance_user_frame *out);
static enum err read_event(const struct binance_symbols *symbols, const struct envelope *e,
                           struct binance_user_frame *out);

enum err binance_user_decode(const struct binance_symbols *symbols, struct slice frame,
                             struct binance_user_frame *out)
{
    struct json_cursor c;
    struct envelope e;
    out->kind = BINANCE_USER_UNKNOWN;
    out->instrument = INSTRUMENT_NONE;
    out->event_ms = 0;
    if (!survey(frame, &c, &e)) return cursor_fail(&c, "a user frame");
    if (e.is_answer) return read_answer(frame, out);
    return e.is_event ? read_event(symbols, &e, out) : OK;
}

static bool survey_event(struct json_cursor *c, struct envelope *out)
{
    struct slice key;
    if (cursor_peek(c) != CURSOR_OBJECT) return cursor_skip(c);
    cursor_enter_object(c);
    while (cursor_next_key(c, &key)) {
        const bool text = cursor_peek(c) == CURSOR_STRING;
        if (text && slice_is(key, "e")) {
            if (out->is_event) return cursor_refuse(c, "key given twice");
            out->is_event = cursor_string(c, &out->kind, NULL);
        } else if (text && slice_is(key, "s")) {
            if (out->symbol.data) return cursor_refuse(c, "key given twice");
            cursor_string(c, &out->symbol, NULL);
        } else {
            cursor_skip(c);
        }
    }
    return !c->error;
}

static bool survey(struct slice frame, struct json_cursor *c, struct envelope *out)
{
    struct json_cursor inner;
    struct slice key, wrapped = {0};
    bool has_status = false;
    *out = (struct envelope){0};
    cursor_init(c, frame);
    if (cursor_peek(c) != CURSOR_OBJECT) return cursor_skip(c) && cursor_end(c);
    cursor_enter_object(c);
    while (cursor_next_key(c, &key)) {
        has_status |= slice_is(key, "status");
        if (slice_is(key, "event") && cursor_peek(c) == CURSOR_OBJECT) {
            if (wrapped.data) return cursor_refuse(c, "key given twice");
            cursor_raw(c, &wrapped);
        } else {
            cursor_skip(c);
        }
    }
    if (!cursor_end(c)) return false;
    out->event = wrapped.data ? wrapped : frame;
    cursor_init(&inner, out->event);
    if (!survey_event(&inner, out)) return cursor_refuse(c, inner.error);
    out->is_answer = !out->is_event && has_status;
    return true;
}

static void read_rate_limit(struct json_cursor *c, struct binance_user_answer *out)
{
    struct slice key, type = {0}, interval = {0};
    int64_t count = -1, interval_count = -1;
    cursor_enter_object(c);
    while (cursor_next_key(c, &key)) {
        if (slice_is(key, "rateLimitType"))
            cursor_string(c, &type, NULL);
        else if (slice_is(key, "interval"))
            cursor_string(c, &interval, NULL);
        else if (slice_is(key, "intervalNum"))
            cursor_i64(c, &interval_count);
        else if (slice_is(key, "count"))
            cursor_i64(c, &count);
        else
            cursor_skip(c);
    }
    if (slice_is(type, "REQUEST_WEIGHT") && slice_is(interval, "MINUTE") && interval_count == 1)
        out->used_weight = count;
}

static void read_subscription_id(struct slice result, struct binance_user_answer *out)
{
    struct json_cursor c;
    struct slice key;
    cursor_init(&c, result);
    if (cursor_peek(&c) != CURSOR_OBJECT) return;
    cursor_enter_object(&c);
    while (cursor_next_key(&c, &key)) {
        if (slice_is(key, "subscriptionId") && cursor_peek(&c) == CURSOR_NUMBER)
            cursor_i64(&c, &out->subscription_id);
        else
            cursor_skip(&c);
    }
}

static enum err read_answer(struct slice frame, struct binance_user_frame *out)
{
    struct json_cursor c;
    struct slice key;
    int64_t status = 0;
    struct binance_user_answer *answer = &out->answer;
    out->kind = BINANCE_USER_ANSWER;
    *answer = (struct binance_user_answer){.id = -1, .subscription_id = -1, .used_weight = -1};
    cursor_init(&c, frame);
    cursor_enter_object(&c);
    while (cursor_next_key(&c, &key)) {
        if (slice_is(key, "id") && cursor_peek(&c) == CURSOR_NUMBER)
            cursor_i64(&c, &answer->id);
        else if (slice_is(key, "status"))
            cursor_i64(&c, &status);
        else if (slice_is(key, "result"))
            cursor_raw(&c, &answer->result);
        else if (slice_is(key, "error"))
            cursor_raw(&c, &answer->error_body);
        else if (slice_is(key, "rateLimits") && cursor_peek(&c) == CURSOR_ARRAY) {
            cursor_enter_array(&c);
            while (cursor_next_element(&c)) read_rate_limit(&c, answer);
        } else {
            cursor_skip(&c);
        }
    }
    if (!c.error && (status < 100 || status > 999)) cursor_refuse(&c, "no sound status");
    if (!cursor_end(&c)) return cursor_fail(&c, "an answer");
    answer->status = (int)status;
    if (status == 200) {
        read_subscription_id(answer->result, answer);
        return OK;
    }
    const enum err err = binance_read_error(answer->error_body, &answer->error);
    return err ? err_note(err, "while reading the answer to request %lld", (long long)answer->id)
               : OK;
}

/* All of an executionReport that we use, before it is made sense of. */
struct report {
    struct slice client_id, original_id, execution, refusal, asset;
    uint8_t side, status;
    bool maker, is_rounded;
    int64_t event_ms, time_ms, trade_id;
    uint64_t order_id;
    int64_t qty, last_qty, filled, last_price, fee;
};

static bool read_nullable_text(struct json_cursor *c, struct slice *out)
{
    return cursor_peek(c) == CURSOR_NULL ? cursor_null(c) : cursor_string(c, out, NULL);
}

static bool read_report_member(struct json_cursor *c, char letter, const struct binance_symbol *s,
                               struct report *r)
{
    switch (letter) {
    case 'E': return cursor_i64(c, &r->event_ms);
    case 'c': return cursor_string(c, &r->client_id, NULL);
    case 'C': return cursor_string(c, &r->original_id, NULL);
    case 'S': return binance_read_side(c, &r->side);
    case 'q': return cursor_decimal(c, s->qty_scale, &r->qty);
    case 'x': return cursor_string(c, &r->execution, NULL);
    case 'X': return binance_read_status(c, &r->status);
    case 'r': return cursor_string(c, &r->refusal, NULL);
    case 'i': return cursor_u64(c, &r->order_id);
    case 'l': return binance_read_traded(c, s->qty_scale, &r->last_qty, &r->is_rounded);
    case 'z': return binance_read_traded(c, s->qty_scale, &r->filled, &r->is_rounded);
    case 'L': return binance_read_traded(c, s->price_scale, &r->last_price, &r->is_rounded);
    case 'n': return cursor_decimal(c, BINANCE_FEE_SCALE, &r->fee);
    case 'N': return read_nullable_text(c, &r->asset);
    case 'T': return cursor_i64(c, &r->time_ms);
    case 't': return cursor_i64(c, &r->trade_id);
    case 'm': return cursor_bool(c, &r->maker);
    default: return cursor_skip(c);
    }
}

static void read_report(struct json_cursor *c, const struct binance_symbol *s, struct report *r)
{
    static const char letters[] = "EcCSqxXrilzLnNTtm";
    struct slice key;
    uint32_t seen = 0;
    *r = (struct report){0};
    cursor_enter_object(c);
    while (cursor_next_key(c, &key)) {
        const char *letter =
            key.size == 1 ? memchr(letters, key.data[0], sizeof letters - 1) : NULL;
        const uint32_t bit = letter ? UINT32_C(1) << (letter - letters) : 0;
        if (seen & bit) cursor_refuse(c, "key given twice");
        seen |= bit;
        read_report_member(c, letter ? *letter : '\0', s, r);
    }
    if (seen != (UINT32_C(1) << (sizeof letters - 1)) - 1) cursor_refuse(c, "a field is missing");
    if (r->qty < 0 || r->last_qty < 0 || r->filled < 0 || r->filled > r->qty || r->fee < 0)
        cursor_refuse(c, "absurd quantity");
}

static uint8_t report_reason(struct slice refusal)
{
    if (slice_is(refusal, "INSUFFICIENT_BALANCES")) return ORDER_REASON_INSUFFICIENT_BALANCE;
    return ORDER_REASON_VENUE_REJECTED;
}

/* What an execution type says; TRADE says it by its fill,
 * REPLACED and partial prevention say nothing. */
static void set_news(const struct report *r, struct binance_execution *out)
{
    const bool ended = r->status == BINANCE_STATUS_EXPIRED_IN_MATCH;
    out->has_news = true;
    if (slice_is(r->execution, "NEW"))
        out->input = ON_ACCEPT;
    else if (slice_is(r->execution, "CANCELED"))
        out->input = ON_CANCELED;
    else if (slice_is(r->execution, "EXPIRED"))
        out->input = ON_EXPIRED;
    else if (slice_is(r->execution, "TRADE_PREVENTION") && ended)
        out->input = ON_EXPIRED;
    else if (slice_is(r->execution, "REJECTED")) {
        out->input = ON_REJECT;
        out->reason = report_reason(r->refusal);
    } else {
        out->has_news = false;
    }
}

static bool set_fill(const struct report *r, struct binance_execution *out)
{
    out->fill = (struct fill){
        .venue_trade_id = (uint64_t)r->trade_id,
        .price = {r->last_price},
        .qty = {r->last_qty},
        .fee = {r->fee},
        .fee_scale = BINANCE_FEE_SCALE,
        .liquidity = r->maker ? LIQUIDITY_MAKER : LIQUIDITY_TAKER,
        .time_ms = r->time_ms,
    };
    return r->trade_id >= 0 && binance_fill_is_sound(&out->fill, r->is_rounded) &&
           slice_copy(r->asset, out->fill.fee_asset, ASSET_SIZE) &&
           (r->fee == 0 || r->asset.size > 0);
}

static bool read_execution(struct json_cursor *c, const struct binance_symbol *s,
                           struct binance_user_frame *out)
{
    struct report r;
    struct binance_execution *x = &out->execution;
    read_report(c, s, &r);
    if (c->error) return false;
    out->event_ms = r.event_ms;
    *x = (struct binance_execution){
        .client_id = r.original_id.size > 0 ? r.original_id : r.client_id,
        .venue_order_id = r.order_id,
        .status = r.status,
        .side = r.side,
        .qty = {r.qty},
        .filled = {r.filled},
        .time_ms = r.time_ms,
    };
    set_news(&r, x);
    x->is_rounded = r.is_rounded;
    x->has_fill = slice_is(r.execution, "TRADE") && (r.last_qty > 0 || r.is_rounded);
    return !x->has_fill || set_fill(&r, x) || cursor_refuse(c, "fill is not sound");
}

static void read_position_balance(struct json_cursor *c, struct binance_balance *out)
{
    struct slice key;
    unsigned seen = 0;
    *out = (struct binance_balance){0};
    cursor_enter_object(c);
    while (cursor_next_key(c, &key)) {
        if (slice_is(key, "a"))
            seen |= binance_read_asset(c, out->asset) ? 1 : 0;
        else if (slice_is(key, "f"))
            seen |= cursor_decimal(c, BINANCE_FEE_SCALE, &out->free.units) ? 2 : 0;
        else if (slice_is(key, "l"))
            seen |= cursor_decimal(c, BINANCE_FEE_SCALE, &out->locked.units) ? 4 : 0;
        else
            cursor_skip(c);
    }
    if (seen != 7) cursor_refuse(c, "balance lacks a field");
}

static bool read_position(struct json_cursor *c, struct binance_user_frame *out)
{
    struct slice key;
    bool listed = false;
    out->position.balance_count = 0;
    cursor_enter_object(c);
    while (cursor_next_key(c, &key)) {
        if (slice_is(key, "E")) {
            cursor_i64(c, &out->event_ms);
        } else if (slice_is(key, "B")) {
            if (listed) cursor_refuse(c, "key given twice");
            listed = true;
            cursor_enter_array(c);
            while (cursor_next_element(c)) {
                if (out->position.balance_count == BINANCE_USER_BALANCES_MAX)
                    return cursor_refuse(c, "too many balances");
                read_position_balance(c, &out->position.balances[out->position.balance_count++]);
            }
        } else {
            cursor_skip(c);
        }
    }
    return !c->error && (listed || cursor_refuse(c, "no balances"));
}

static bool read_balance_update(struct json_cursor *c, struct binance_user_frame *out)
{
    struct slice key;
    unsigned seen = 0;
    cursor_enter_object(c);
    while (cursor_next_key(c, &key)) {
        if (slice_is(key, "E"))
            seen |= cursor_i64(c, &out->event_ms) ? 1 : 0;
        else if (slice_is(key, "a"))
            seen |= binance_read_asset(c, out->balance.asset) ? 2 : 0;
        else if (slice_is(key, "d"))
            seen |= cursor_decimal(c, BINANCE_FEE_SCALE, &out->balance.delta.units) ? 4 : 0;
        else
            cursor_skip(c);
    }
    return !c->error && (seen == 7 || cursor_refuse(c, "a field is missing"));
}

static bool read_list_status(struct json_cursor *c, struct binance_user_frame *out)
{
    struct slice key;
    unsigned seen = 0;
    cursor_enter_object(c);
    while (cursor_next_key(c, &key)) {
        if (slice_is(key, "E"))
            seen |= cursor_i64(c, &out->event_ms) ? 1 : 0;
        else if (slice_is(key, "g"))
            seen |= cursor_i64(c, &out->list.list_id) ? 2 : 0;
        else if (slice_is(key, "L"))
            seen |= cursor_string(c, &out->list.status, NULL) ? 4 : 0;
        else if (slice_is(key, "C"))
            seen |= cursor_string(c, &out->list.client_id, NULL) ? 8 : 0;
        else
            cursor_skip(c);
    }
    return !c->error && (seen == 15 || cursor_refuse(c, "a field is missing"));
}

static bool read_time_only(struct json_cursor *c, struct binance_user_frame *out)
{
    struct slice key;
    cursor_enter_object(c);
    while (cursor_next_key(c, &key)) {
        if (slice_is(key, "E"))
            cursor_i64(c, &out->event_ms);
        else
            cursor_skip(c);
    }
    return !c->error;
}

static enum err read_event(const struct binance_symbols *symbols, const struct envelope *e,
                           struct binance_user_frame *out)
{
    static const struct {
        const char *event;
        uint8_t kind;
        bool with_symbol;
    } kinds[] = {
        {"executionReport", BINANCE_USER_EXECUTION, true},
        {"listStatus", BINANCE_USER_LIST, true},
        {"outboundAccountPosition", BINANCE_USER_POSITION, false},
        {"balanceUpdate", BINANCE_USER_BALANCE, false},
        {"eventStreamTerminated", BINANCE_USER_TERMINATED, false},
        {"serverShutdown", BINANCE_USER_SHUTDOWN, false},
    };
    size_t n = 0;
    while (n < sizeof kinds / sizeof *kinds && !slice_is(e->kind, kinds[n].event)) n++;
    if (n == sizeof kinds / sizeof *kinds) return OK;

    const struct binance_symbol *s =
        kinds[n].with_symbol ? binance_symbols_find(symbols, e->symbol) : NULL;
    out->kind = kinds[n].with_symbol && !s ? BINANCE_USER_FOREIGN : kinds[n].kind;
    if (s) out->instrument = s->instrument;

    struct json_cursor c;
    bool ok = true;
    cursor_init(&c, e->event);
    switch ((enum binance_user_kind)out->kind) {
    case BINANCE_USER_EXECUTION: ok = read_execution(&c, s, out); break;
    case BINANCE_USER_POSITION: ok = read_position(&c, out); break;
    case BINANCE_USER_BALANCE: ok = read_balance_update(&c, out); break;
    case BINANCE_USER_LIST: ok = read_list_status(&c, out); break;
    default: ok = read_time_only(&c, out); break;
    }
    return ok ? OK : cursor_fail(&c, "a user event");
}

enum err binance_user_write_subscribe(struct buffer *out, int64_t id, struct binance_key *key,
                                      int64_t timestamp_ms)
{
    buffer_append_text(out, "{\"id\":");
    buffer_append_i64(out, id);
    buffer_append_text(out, ",\"method\":\"userDataStream.subscribe.signature\",\"params\":");
    const enum err err = binance_sign_parameters(key, out, NULL, 0, timestamp_ms);
    buffer_append_char(out, '}');
    return err;
}
