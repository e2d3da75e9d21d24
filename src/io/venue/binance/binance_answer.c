/* The table of codes that prove something, and the reading of an answer with it. */
#include "io/venue/binance/binance_answer.h"

#include <string.h>

#include "base/check.h"

/* Codes that a 4xx answer carries when the matching engine has not taken the request. The codes of
 * which the venue itself says "unknown" (-1000, -1001, -1006, -1007), and -1008 (overloaded: it may
 * have got further), are left out on purpose, as is every code that the documents do not list. */
static const int32_t definite_codes[] = {
    -1002, -1013, -1014, -1016, -1020, -1022, -1100, -1101, -1102, -1103, -1104, -1105,
    -1106, -1108, -1111, -1112, -1114, -1115, -1116, -1117, -1118, -1119, -1120, -1121,
    -1122, -1128, -1130, -1134, -1135, -1145, -1151, -1220, -2010, -2014, -2015,
};

enum {
    CODE_TOO_MANY_REQUESTS = -1003,
    CODE_FILTER = -1013,
    CODE_TOO_MANY_ORDERS = -1015,
    CODE_CLOCK = -1021,
    CODE_ORDER_REFUSED = -2010,
    CODE_CANCEL_REFUSED = -2011,
    CODE_NO_SUCH_ORDER = -2013,
};

static bool is_definite(int32_t code)
{
    for (size_t i = 0; i < sizeof definite_codes / sizeof *definite_codes; i++)
        if (definite_codes[i] == code) return true;
    return false;
}

static bool contains(struct slice text, const char *part)
{
    return text.data && memmem(text.data, text.size, part, strlen(part)) != NULL;
}

/* "Way too much request weight used; IP banned until 1700000000000. …" */
static int64_t banned_until(struct slice message)
{
    static const char words[] = "banned until ";
    const char *at =
        message.size > 0 ? memmem(message.data, message.size, words, sizeof words - 1) : NULL;
    if (!at) return 0;
    const char *end = message.data + message.size;
    int64_t ms = 0;
    for (at += sizeof words - 1; at < end && *at >= '0' && *at <= '9'; at++)
        if (__builtin_mul_overflow(ms, 10, &ms) || __builtin_add_overflow(ms, *at - '0', &ms))
            return 0;
    return ms;
}

static enum order_reason refusal_reason(int32_t code, struct slice message)
{
    if (code == CODE_FILTER) return ORDER_REASON_FILTER;
    if (code == CODE_ORDER_REFUSED && contains(message, "insufficient balance"))
        return ORDER_REASON_INSUFFICIENT_BALANCE;
    if (code == CODE_ORDER_REFUSED && contains(message, "liquidity"))
        return ORDER_REASON_NO_LIQUIDITY;
    return ORDER_REASON_VENUE_REJECTED;
}

static void set_verdict(struct binance_answer *out, enum binance_verdict verdict,
                        enum order_reason reason)
{
    out->verdict = (uint8_t)verdict;
    out->reason = (uint8_t)reason;
}

static void classify_limited(const struct binance_outcome *outcome, struct binance_answer *out)
{
    if (outcome->retry_after_s > 0 && outcome->retry_after_s <= INT64_MAX / 1000)
        out->retry_after_ms = outcome->retry_after_s * 1000;
    out->banned_until_ms = banned_until(out->message);
    out->orders_limited = out->code == CODE_TOO_MANY_ORDERS;
    set_verdict(out, BINANCE_RATE_LIMITED, ORDER_REASON_RATE_LIMITED);
}

static void classify_refusal(enum binance_request_kind kind, const struct binance_outcome *outcome,
                             struct binance_answer *out)
{
    const int32_t code = out->code;
    if (code == CODE_TOO_MANY_REQUESTS || code == CODE_TOO_MANY_ORDERS) {
        classify_limited(outcome, out);
    } else if (code == CODE_CLOCK) {
        set_verdict(out, BINANCE_CLOCK, ORDER_REASON_NO_ANSWER);
    } else if (kind == BINANCE_QUERY && code == CODE_NO_SUCH_ORDER) {
        set_verdict(out, BINANCE_ABSENT, ORDER_REASON_NONE);
    } else if (kind == BINANCE_CANCEL && code == CODE_CANCEL_REFUSED) {
        set_verdict(out, BINANCE_REJECTED, ORDER_REASON_VENUE_REJECTED);
    } else if (kind == BINANCE_PLACE && code == CODE_ORDER_REFUSED &&
               contains(out->message, "Duplicate order")) {
        set_verdict(out, BINANCE_UNKNOWN_FATE, ORDER_REASON_NO_ANSWER);
    } else if (is_definite(code)) {
        set_verdict(out, BINANCE_REJECTED, refusal_reason(code, out->message));
    }
}

static void classify_success(const struct binance_outcome *outcome, const struct instrument *i,
                             const char *client_id, struct fill *fills, uint32_t fill_capacity,
                             struct binance_answer *out)
{
    struct binance_order order;
    if (binance_read_order(outcome->body, i, fills, fill_capacity, &order)) return;
    if (!slice_is(order.client_id, client_id)) return;
    out->order = order;
    set_verdict(out, BINANCE_ACCEPTED, ORDER_REASON_NONE);
}

/* Only these statuses come from the part of the venue that knows orders. 403 is the firewall, 409
 * and 5xx mean that something was done in part or nobody knows. */
static bool status_may_prove(int status)
{
    return status == 400 || status == 401 || status == 404 || status == 418 || status == 429;
}

void binance_classify(enum binance_request_kind kind, const struct binance_outcome *outcome,
                      const struct instrument *i, const char *client_id, struct fill *fills,
                      uint32_t fill_capacity, struct binance_answer *out)
{
    struct binance_error error;
    *out = (struct binance_answer){0};
    set_verdict(out, BINANCE_UNKNOWN_FATE, ORDER_REASON_NO_ANSWER);
    if (!outcome->answered) {
        if (!outcome->maybe_sent) set_verdict(out, BINANCE_NOT_SENT, ORDER_REASON_NOT_SENT);
        return;
    }
    if (outcome->status == 200) {
        classify_success(outcome, i, client_id, fills, fill_capacity, out);
        return;
    }
    const bool limited = outcome->status == 429 || outcome->status == 418;
    if (!binance_read_error(outcome->body, &error)) {
        out->code = error.code;
        out->message = error.message;
        if (status_may_prove(outcome->status)) classify_refusal(kind, outcome, out);
    }
    /* A limit without a listed code proves nothing about the order, but it binds the budget. */
    if (limited && out->verdict != BINANCE_RATE_LIMITED) {
        const struct binance_answer kept = *out;
        classify_limited(outcome, out);
        set_verdict(out, (enum binance_verdict)kept.verdict, (enum order_reason)kept.reason);
    }
}

const char *binance_verdict_name(enum binance_verdict verdict)
{
    static const char *const names[BINANCE_VERDICT_COUNT] = {
        [BINANCE_ACCEPTED] = "accepted",
        [BINANCE_REJECTED] = "rejected",
        [BINANCE_UNKNOWN_FATE] = "unknown",
        [BINANCE_NOT_SENT] = "not_sent",
        [BINANCE_RATE_LIMITED] = "rate_limited",
        [BINANCE_CLOCK] = "clock",
        [BINANCE_ABSENT] = "absent",
    };
    CHECK((unsigned)verdict < BINANCE_VERDICT_COUNT);
    return names[verdict];
}
