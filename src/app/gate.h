/* Who counts requests in a running server: the limits of the settings, and Redis where there is
 * one.
 *
 * Order: gate_open before the API, gate_quiet after api_quiet (questions that wait are answered by
 * the limiter in memory), gate_close when the API is closed. All on the web loop's thread; the loop
 * must run once more after gate_close. */
#ifndef APP_GATE_H
#define APP_GATE_H

#include <uv.h>

#include "app/config.h"
#include "base/err.h"
#include "io/guard/guard.h"
#include "io/redis/redis.h"

struct gate;

enum err gate_open(const struct config *config, uv_loop_t *loop, struct gate **out) ERR_MUST_USE;
struct guard *gate_guard(struct gate *g);
/* NULL: none is used. */
const struct redis *gate_redis(const struct gate *g);
/* NULL is fine, for both. */
void gate_quiet(struct gate *g);
void gate_close(struct gate *g);

#endif
