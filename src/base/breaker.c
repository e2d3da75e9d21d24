/* The circuit breaker's states. */
#include "base/breaker.h"

#include <stddef.h>

static void tell_time(struct breaker *b, int64_t now_ms);
static bool probe_begin(struct breaker *b);
static void window_add(struct breaker *b, bool bad);
static bool window_is_bad(const struct breaker *b);
static void probe_end(struct breaker *b, bool bad);
static void enter_closed(struct breaker *b);
static void enter_open(struct breaker *b);
static void enter_half_open(struct breaker *b);

void breaker_init(struct breaker *b, uint32_t slow_ms, uint64_t seed)
{
    *b = (struct breaker){.slow_ms = slow_ms, .now_ms = INT64_MIN, .banned_until_ms = INT64_MIN};
    prng_init(&b->jitter, seed);
    enter_closed(b);
}

bool breaker_begin(struct breaker *b, enum breaker_class class, int64_t now_ms,
                   struct breaker_call *call)
{
    tell_time(b, now_ms);
    const bool is_protective = class == BREAKER_PROTECTIVE;
    if (b->now_ms < b->banned_until_ms ||
        (!is_protective && b->state != BREAKER_CLOSED && !probe_begin(b))) {
        b->refused_total++;
        return false;
    }
    *call = (struct breaker_call){
        .begun_ms = b->now_ms,
        .generation = b->generation,
        .counts = !is_protective || b->state == BREAKER_CLOSED,
    };
    return true;
}

void breaker_end(struct breaker *b, const struct breaker_call *call, bool failed, int64_t now_ms)
{
    tell_time(b, now_ms);
    if (!call->counts || call->generation != b->generation) return;
    const bool bad = failed || b->now_ms - call->begun_ms >= b->slow_ms;
    if (b->state == BREAKER_HALF_OPEN) {
        probe_end(b, bad);
        return;
    }
    window_add(b, bad);
    if (b->bad_run >= BREAKER_BAD_RUN || window_is_bad(b)) enter_open(b);
}

void breaker_ban(struct breaker *b, int64_t until_ms)
{
    if (until_ms > b->banned_until_ms) b->banned_until_ms = until_ms;
}

const char *breaker_state_name(enum breaker_state state)
{
    static const char *const names[] = {
#define X(name, text) text,
        BREAKER_STATES(X)
#undef X
    };
    return names[state];
}

static void tell_time(struct breaker *b, int64_t now_ms)
{
    if (now_ms > b->now_ms) b->now_ms = now_ms;
}

static bool probe_begin(struct breaker *b)
{
    if (b->state == BREAKER_OPEN) {
        if (b->now_ms < b->open_until_ms) return false;
        enter_half_open(b);
    }
    if (b->probes_begun == BREAKER_PROBES) return false;
    b->probes_begun++;
    return true;
}

static void window_add(struct breaker *b, bool bad)
{
    if (b->call_count == BREAKER_WINDOW)
        b->bad_count -= b->window[b->next];
    else
        b->call_count++;
    b->window[b->next] = bad;
    b->next = (b->next + 1) % BREAKER_WINDOW;
    b->bad_count += bad;
    b->bad_run = bad ? b->bad_run + 1 : 0;
}

static bool window_is_bad(const struct breaker *b)
{
    return b->call_count >= BREAKER_CALLS_MIN &&
           b->bad_count * 100 >= b->call_count * BREAKER_BAD_PERCENT;
}

static void probe_end(struct breaker *b, bool bad)
{
    if (bad)
        enter_open(b);
    else if (++b->probes_good == BREAKER_PROBES)
        enter_closed(b);
}

static void enter_closed(struct breaker *b)
{
    b->state = BREAKER_CLOSED;
    b->generation++;
    b->open_ms = BREAKER_OPEN_FIRST_MS;
    b->bad_run = b->call_count = b->bad_count = b->next = 0;
}

static void enter_open(struct breaker *b)
{
    const uint32_t half = b->open_ms / 2;
    b->state = BREAKER_OPEN;
    b->generation++;
    b->opened_total++;
    b->open_until_ms = b->now_ms + half + (int64_t)prng_below(&b->jitter, half + 1);
    b->open_ms = b->open_ms > BREAKER_OPEN_LAST_MS / 2 ? BREAKER_OPEN_LAST_MS : b->open_ms * 2;
}

static void enter_half_open(struct breaker *b)
{
    b->state = BREAKER_HALF_OPEN;
    b->generation++;
    b->probes_begun = b->probes_good = 0;
}
