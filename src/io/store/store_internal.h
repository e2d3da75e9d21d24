/* What the files of the store's writing side share. */
#ifndef IO_STORE_STORE_INTERNAL_H
#define IO_STORE_STORE_INTERNAL_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "core/model/order.h"
#include "io/store/sql.h"
#include "io/store/store_later.h"

enum statement {
    SETTLE,
    DATE_USER,
    INSTALL_ID,
    ORDER_IDS,
    ORDER_PLACED,
    ORDER_CHANGED,
    FILL,
    POSITION,
    TOTALS,
    ROUND_TRIP,
    BOT_INSERT,
    BOT_EXISTS,
    BOT_UPDATE,
    BOT_TIES,
    BOT_DELETE,
    BOT_WANT,
    BOTS_STOP,
    LOAD_BOTS,
    LOAD_TOTALS,
    LOAD_POSITIONS,
    LOAD_ORDERS,
    LOAD_FILLS,
    NEXT_ORDER_ID,
    STATEMENT_COUNT
};

struct store {
    char *url;
    struct sql *db;
    char install_id[INSTALL_ID_SIZE];
    bool in_transaction;
    enum sql_pace pace;
    bool lost;               /* a write of this transaction failed: it must not be committed */
    bool broken;             /* a commit's outcome is unknown: no more writes */
    enum err refused;        /* of this transaction, told late: it can only be rolled back */
    uint64_t order_id_floor; /* ids below it are set aside, as far as this transaction knows */
    struct sql_statement *statements[STATEMENT_COUNT];
    struct store_later later;
};

/* Of store_load.c; NULL for the statements that are store.c's. */
extern const char *const store_load_texts[STATEMENT_COUNT];

/* The statements of what store_later.h holds back. */
enum err store_change_write(struct store *s, const struct store_change *change) ERR_MUST_USE;
enum err store_position_write(struct store *s, const struct store_position *row) ERR_MUST_USE;
enum err store_totals_write(struct store *s, const struct store_totals *row) ERR_MUST_USE;

/* Sets a block of ids aside once order_id comes near the end of what is known to be. */
enum err store_order_ids_reserve(struct store *s, uint64_t order_id) ERR_MUST_USE;

#endif
