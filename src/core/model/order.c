/* Names of order words, and client order ids. */
#include "core/model/order.h"

#include <string.h>

#include "base/check.h"

#define NAME_OF(names, value)                                                                      \
    (CHECK((size_t)(value) < sizeof(names) / sizeof *(names)), (names)[value])

const char *side_name(enum side side)
{
    static const char *const names[] = {[SIDE_BUY] = "buy", [SIDE_SELL] = "sell"};
    return NAME_OF(names, side);
}

const char *order_type_name(enum order_type type)
{
    static const char *const names[] = {
        [ORDER_TYPE_MARKET] = "market",
        [ORDER_TYPE_LIMIT] = "limit",
    };
    return NAME_OF(names, type);
}

const char *mode_name(enum trading_mode mode)
{
    static const char *const names[] = {[MODE_PAPER] = "paper", [MODE_LIVE] = "live"};
    return NAME_OF(names, mode);
}

const char *purpose_name(enum purpose purpose)
{
    static const char *const names[] = {
        [PURPOSE_ENTRY] = "entry",
        [PURPOSE_EXIT] = "exit",
        [PURPOSE_STOP] = "stop",
        [PURPOSE_TARGET] = "target",
    };
    return NAME_OF(names, purpose);
}

const char *liquidity_name(enum liquidity liquidity)
{
    static const char *const names[] = {[LIQUIDITY_MAKER] = "maker", [LIQUIDITY_TAKER] = "taker"};
    return NAME_OF(names, liquidity);
}

static const char *const state_names[] = {
#define X(name, text) [ORDER_##name] = text,
    ORDER_STATES(X)
#undef X
};

const char *order_state_name(enum order_state state)
{
    return NAME_OF(state_names, state);
}

bool order_state_is_closed(enum order_state state)
{
    return state == ORDER_FILLED || state == ORDER_CANCELED || state == ORDER_EXPIRED ||
           state == ORDER_REJECTED;
}

const char *order_input_name(enum order_input input)
{
    static const char *const names[] = {
#define X(name, text) [ON_##name] = text,
        ORDER_INPUTS(X)
#undef X
    };
    return NAME_OF(names, input);
}

const char *order_reason_name(enum order_reason reason)
{
    static const char *const names[] = {
#define X(name, text) [ORDER_REASON_##name] = text,
        ORDER_REASONS(X)
#undef X
    };
    return NAME_OF(names, reason);
}

static const char base36[] = "0123456789abcdefghijklmnopqrstuvwxyz";

void client_id_write(const char install[INSTALL_ID_SIZE], uint64_t order_id,
                     char out[CLIENT_ID_SIZE])
{
    char digits[16];
    unsigned count = 0;
    do {
        digits[count++] = base36[order_id % 36];
        order_id /= 36;
    } while (order_id);

    const size_t install_size = strlen(install);
    CHECK(install_size < INSTALL_ID_SIZE);
    memcpy(out, "tb-", 3);
    memcpy(out + 3, install, install_size);
    size_t size = 3 + install_size;
    out[size++] = '-';
    while (count) out[size++] = digits[--count];
    out[size] = '\0';
}

bool client_id_parse(const char install[INSTALL_ID_SIZE], const char *text, size_t size,
                     uint64_t *order_id)
{
    const size_t install_size = strlen(install);
    const size_t prefix = 3 + install_size + 1;
    if (size <= prefix || memcmp(text, "tb-", 3) != 0) return false;
    if (memcmp(text + 3, install, install_size) != 0 || text[prefix - 1] != '-') return false;

    if (text[prefix] == '0' && size > prefix + 1) return false; /* one id has one text */
    uint64_t value = 0;
    for (size_t at = prefix; at < size; at++) {
        const char *digit = memchr(base36, text[at], 36);
        if (!digit) return false;
        if (__builtin_mul_overflow(value, 36, &value)) return false;
        if (__builtin_add_overflow(value, (uint64_t)(digit - base36), &value)) return false;
    }
    *order_id = value;
    return true;
}
