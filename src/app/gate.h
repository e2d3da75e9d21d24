/* Who counts requests on one web thread: the limits of the settings, which all threads share, and a
 * client of Redis where there is one.
 *
 * Order: gate_limits_open before the first gate, guard_limits_free after the last; gate_open before
 * the thread's API, gate_quiet after api_quiet (questions that wait are answered by the
 * limiter in memory), gate_close when the API is closed. A gate is its loop's, which must run once
 * more after gate_close. */
#ifndef APP_GATE_H
#define APP_GATE_H

#include <uv.h>

#include "app/config.h"
#include "base/err.h"
#include "io/guard/guard.h"
#include "io/redis/redis.h"

struct gate;

enum err gate_limits_open(const struct config *config, struct guard_limits **out) ERR_MUST_USE;
enum err gate_open(const struct config *config, struct guard_limits *limits, uv_loop_t *loop,
                   struct gate **out) ERR_MUST_USE;
struct guard *gate_guard(struct gate *g);
/* NULL: none is used. */
const struct redis *gate_redis(const struct gate *g);
/* NULL is fine, for both. */
void gate_quiet(struct gate *g);
void gate_close(struct gate *g);

#endif
