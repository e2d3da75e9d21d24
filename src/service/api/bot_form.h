/* POST /bots, PUT /bots/{id}: a body into a bot, or into the list of everything that is wrong with
 * it.
 *
 * Unknown fields are refused. Amounts are strings and read exactly. An absent risk rule takes its
 * standard value (stop 0.5 %, take 1.5 %, trailing 0.3 %, the rest off), null switches it off.
 * Rules of the symbols are known only to the venue, so checking goes in two steps. Pure. */
#ifndef SERVICE_API_BOT_FORM_H
#define SERVICE_API_BOT_FORM_H

#include <stdbool.h>

#include "base/slice.h"
#include "core/model/instrument.h"
#include "io/store/row.h"
#include "service/api/problem.h"

enum { BOT_FORM_CAPITAL_SCALE = 8 }; /* decimals that a capital may have */

struct bot_form {
    struct store_bot bot;
    struct faults faults;
    enum problem problem;                   /* the caller's: what bot_form_read answered */
    bool venue_is_known, symbols_are_known; /* enough to ask the venue for its symbols */
    bool amounts_are_known;                 /* capital and sizing */
    char sizing_text[48];                   /* of a fixed quantity: its scale is the symbol's */
};

/* PROBLEM_COUNT when it is JSON, else a problem of json_body_read; faults are in `language`. */
enum problem bot_form_read(struct bot_form *form, struct slice body, bool live_enabled,
                           enum language language);
/* The second step: the symbols exist, share a quote asset, and the amounts fit their scales. */
void bot_form_fit(struct bot_form *form, const struct instrument *instruments, size_t count);

#endif
