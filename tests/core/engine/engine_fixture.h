/* An engine with one instrument, its outbox, and short ways to tell it things: each is one event,
 * or a few, at the desk's time. */
#ifndef TESTS_CORE_ENGINE_ENGINE_FIXTURE_H
#define TESTS_CORE_ENGINE_ENGINE_FIXTURE_H

#include <stdint.h>

#include "core/engine/engine.h"

enum { MINUTE = 60000, START = 1700006400 };
#define START_MS (START * INT64_C(1000)) /* 00:00 UTC */

extern const struct engine_limits limits;
extern const struct instrument btc;

struct desk {
    struct engine *engine;
    struct outbox out;
    uint64_t seq;
    int64_t time_ms;
    int64_t candle_ms;
    uint64_t trade_id;
};

struct bot_config bot_of(uint64_t id);
void step(struct desk *d, struct event event);
struct desk desk_open(void);
void desk_close(struct desk *d);
void command(struct desk *d, enum bot_command what, const struct bot_config *bot);
void add_and_start(struct desk *d, const struct bot_config *bot);
/* The next minute closes there. */
void candle(struct desk *d, int64_t close);
void print(struct desk *d, int64_t price);
void wait_ms(struct desk *d, int64_t ms);
void news(struct desk *d, uint64_t order_id, enum order_input input);
void fill(struct desk *d, const struct order *order, int64_t price, int64_t qty);
/* The only action of this kind in the outbox; NULL when there is none. */
const struct action *find(const struct desk *d, enum action_kind kind);
struct order placed(const struct desk *d);
/* Falls, then rises until the averages cross: leaves an entry order in the outbox. */
struct order enter(struct desk *d);
struct bot_view view(const struct desk *d, uint64_t id);

#endif
