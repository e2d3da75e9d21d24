/* The order table. */
#include "core/execution/order_state.h"

#include "base/check.h"

/* What a closed order answers: venues tell the same thing twice, late and out of order, so news
 * about it changes nothing, but a fill that completes it does. */
#define CLOSED(state)                                                                              \
    [state] = {                                                                                    \
        [ON_ACCEPT] = state,           [ON_NO_ANSWER] = state,      [ON_FILL_PART] = state,        \
        [ON_FILL_REST] = ORDER_FILLED, [ON_CANCEL_REFUSED] = state, [ON_CANCELED] = state,         \
        [ON_EXPIRED] = state,                                                                      \
    }

static const uint8_t next_state[ORDER_STATE_COUNT][ORDER_INPUT_COUNT] = {
    [ORDER_SENT] =
        {
            [ON_ACCEPT] = ORDER_OPEN,
            [ON_REJECT] = ORDER_REJECTED,
            [ON_NO_ANSWER] = ORDER_UNKNOWN, /* timeout, 5xx, cut line: it may live at the venue */
            [ON_PROVED_ABSENT] = ORDER_REJECTED, /* provably not one byte of it left */
            [ON_FILL_PART] = ORDER_OPEN,
            [ON_FILL_REST] = ORDER_FILLED,
            [ON_CANCELED] = ORDER_CANCELED,
            [ON_EXPIRED] = ORDER_EXPIRED,
        },
    [ORDER_UNKNOWN] =
        {
            [ON_ACCEPT] = ORDER_OPEN,
            [ON_REJECT] = ORDER_REJECTED, /* the answer came after all */
            [ON_NO_ANSWER] = ORDER_UNKNOWN,
            [ON_PROVED_ABSENT] = ORDER_REJECTED,
            [ON_FILL_PART] = ORDER_OPEN,
            [ON_FILL_REST] = ORDER_FILLED,
            [ON_CANCEL_SENT] = ORDER_UNKNOWN,
            [ON_CANCEL_REFUSED] = ORDER_UNKNOWN,
            [ON_CANCELED] = ORDER_CANCELED,
            [ON_EXPIRED] = ORDER_EXPIRED,
        },
    [ORDER_OPEN] =
        {
            [ON_ACCEPT] = ORDER_OPEN,
            [ON_NO_ANSWER] = ORDER_OPEN,
            [ON_FILL_PART] = ORDER_OPEN,
            [ON_FILL_REST] = ORDER_FILLED,
            [ON_CANCEL_SENT] = ORDER_CANCELING,
            [ON_CANCEL_REFUSED] = ORDER_OPEN,
            [ON_CANCELED] = ORDER_CANCELED, /* the venue may cancel unasked */
            [ON_EXPIRED] = ORDER_EXPIRED,
        },
    [ORDER_CANCELING] =
        {
            [ON_ACCEPT] = ORDER_CANCELING,
            [ON_NO_ANSWER] = ORDER_CANCELING,
            [ON_FILL_PART] = ORDER_CANCELING,
            [ON_FILL_REST] = ORDER_FILLED, /* the fill won the race */
            [ON_CANCEL_SENT] = ORDER_CANCELING,
            [ON_CANCEL_REFUSED] = ORDER_OPEN, /* proof of nothing: query */
            [ON_CANCELED] = ORDER_CANCELED,
            [ON_EXPIRED] = ORDER_EXPIRED,
        },
    CLOSED(ORDER_FILLED),
    CLOSED(ORDER_CANCELED),
    CLOSED(ORDER_EXPIRED),
    /* An accept or a fill of a rejected order means that our proof was wrong: impossible, halt. */
    [ORDER_REJECTED] =
        {
            [ON_REJECT] = ORDER_REJECTED,
            [ON_NO_ANSWER] = ORDER_REJECTED,
            [ON_PROVED_ABSENT] = ORDER_REJECTED,
            [ON_CANCEL_REFUSED] = ORDER_REJECTED,
        },
};

enum order_state order_state_next(enum order_state state, enum order_input input)
{
    CHECK(state < ORDER_STATE_COUNT);
    CHECK(input < ORDER_INPUT_COUNT);
    return (enum order_state)next_state[state][input];
}
