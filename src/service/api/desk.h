/* What a web thread asks of the trade thread, and how the answer comes back.
 *
 * Every change goes this way: the trade thread is the only one that steps the engine, and through
 * it the only one that writes to the store. An answer of OK means durable. Each request gets
 * exactly one answer, on its web thread's loop, after desk.ask returned. */
#ifndef SERVICE_API_DESK_H
#define SERVICE_API_DESK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "core/model/candle.h"
#include "core/model/instrument.h"
#include "io/store/row.h"

enum desk_request_kind {
    DESK_BOT_CREATE, /* bot */
    DESK_BOT_START,  /* bot_id */
    DESK_BOT_STOP,   /* bot_id */
    DESK_BOT_PANIC,  /* bot_id */
    DESK_BOT_CHANGE, /* bot, with its id; ERR_EXISTS: it is not idle, the text says why */
    DESK_BOT_REMOVE, /* bot_id; ERR_EXISTS as above */
    DESK_KILL,       /* panic for every bot of the user */
    DESK_WATCH,      /* venue, symbol: from the answer on its book and prints are published */
    DESK_CANDLES,    /* venue, symbol, timeframe, count */
    DESK_SYMBOLS,    /* venue: all its instruments */
};

enum { DESK_TEXT_SIZE = 256 };

struct desk_answer {
    enum err err;
    char text[DESK_TEXT_SIZE]; /* the cause for people when err is not OK */
    uint64_t bot_id;           /* BOT_CREATE */
    uint16_t instrument;       /* WATCH, CANDLES: the index that publications use */
    struct instrument rules;   /* WATCH, CANDLES */
    /* CANDLES: oldest first, the last may still be open; SYMBOLS. Good during the callback. */
    const struct candle *candles;
    const struct instrument *instruments;
    size_t count; /* CANDLES, SYMBOLS; KILL: bots that were not stopped already */
};

struct desk_request {
    uint8_t kind;
    uint8_t venue, timeframe;
    uint16_t count;
    char symbol[SYMBOL_SIZE];
    uint64_t user_id, bot_id;
    struct store_bot bot;
    void (*on_answer)(void *user, const struct desk_answer *answer);
    void *user;
    uint32_t end; /* the desk's own: where the answer goes */
};

struct desk {
    void *self;
    /* Copies the request. False when too many are under way: answer 503. */
    bool (*ask)(void *self, const struct desk_request *request);
};

#endif
