/* Rows that wait for the end of a transaction, by their keys. */
#include "io/store/store_later.h"

#include <stdbool.h>
#include <string.h>

#include "io/store/store_internal.h"

static bool is_same_market(const struct store_market *a, const struct store_market *b);

/* The newest come first: whose rows change often, changed them lately. */
enum err store_later_change(struct store *s, const struct store_change *row)
{
    struct store_later *l = &s->later;
    for (uint32_t i = l->change_count; i-- > 0;) {
        if (l->changes[i].order.id != row->order.id ||
            !is_same_market(&l->changes[i].market, &row->market))
            continue;
        l->changes[i] = *row;
        return OK;
    }
    const enum err err = l->change_count == STORE_LATER_MAX ? store_later_write(s) : OK;
    if (!err) l->changes[l->change_count++] = *row;
    return err;
}

enum err store_later_position(struct store *s, const struct store_position *row)
{
    struct store_later *l = &s->later;
    for (uint32_t i = l->position_count; i-- > 0;) {
        if (l->positions[i].bot_id != row->bot_id ||
            !is_same_market(&l->positions[i].market, &row->market))
            continue;
        l->positions[i] = *row;
        return OK;
    }
    const enum err err = l->position_count == STORE_LATER_MAX ? store_later_write(s) : OK;
    if (!err) l->positions[l->position_count++] = *row;
    return err;
}

enum err store_later_totals(struct store *s, const struct store_totals *row)
{
    struct store_later *l = &s->later;
    for (uint32_t i = l->totals_count; i-- > 0;) {
        if (l->totals[i].bot_id != row->bot_id) continue;
        l->totals[i] = *row;
        return OK;
    }
    const enum err err = l->totals_count == STORE_LATER_MAX ? store_later_write(s) : OK;
    if (!err) l->totals[l->totals_count++] = *row;
    return err;
}

enum err store_later_write(struct store *s)
{
    struct store_later *l = &s->later;
    enum err err = OK;
    for (uint32_t i = 0; !err && i < l->change_count; i++)
        err = store_change_write(s, &l->changes[i]);
    for (uint32_t i = 0; !err && i < l->position_count; i++)
        err = store_position_write(s, &l->positions[i]);
    for (uint32_t i = 0; !err && i < l->totals_count; i++)
        err = store_totals_write(s, &l->totals[i]);
    l->change_count = l->position_count = l->totals_count = 0;
    return err;
}

static bool is_same_market(const struct store_market *a, const struct store_market *b)
{
    return a->venue == b->venue && strcmp(a->symbol, b->symbol) == 0;
}
