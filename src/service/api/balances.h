/* What somebody's paper bots have, added up by venue and asset.
 *
 * A paper bot owns its capital, what it earned, and what it bought with it; there is no account
 * behind it that could be asked. Quote: capital and closed profits less what open positions cost;
 * of that, what an entry under way has reserved is locked. Base: what is held; all of it is locked
 * while a sell is under way. Bots that the trade thread has not told of yet are not in it.
 *
 * Memory: rows on the heap, one a pair of venue and asset, in their order. Thread: the board's. */
#ifndef SERVICE_API_BALANCES_H
#define SERVICE_API_BALANCES_H

#include <stdbool.h>
#include <stdint.h>

#include "io/store/row.h"
#include "service/api/board.h"

struct balance {
    uint8_t venue; /* enum venue */
    uint8_t scale; /* of both amounts */
    char asset[ASSET_SIZE];
    struct money free, locked;
    int64_t time_ms; /* of the newest news in it */
};

struct balances {
    struct balance *rows;
    uint32_t count, capacity;
    bool failed; /* a sum beyond 63 bits, or no memory: the rows are of no use */
};

/* Adds one bot's; a live one's money is at its venue, and nothing is added. */
void balances_add(struct balances *b, const struct store_bot *bot, const struct board *board);
void balances_deinit(struct balances *b);

#endif
