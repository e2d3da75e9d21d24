/* Limits, and the client of Redis that shares them with other servers. */
#include "app/gate.h"

#include <stdlib.h>
#include <sys/random.h>

#include "base/check.h"
#include "service/api/limits.h"

struct gate {
    struct guard *guard;
    struct redis *redis; /* NULL: memory only, or closed */
};

enum err gate_limits_open(const struct config *config, struct guard_limits **out)
{
    struct guard_limit limits[LIMIT_CLASS_COUNT];
    for (unsigned i = 0; i < LIMIT_CLASS_COUNT; i++)
        limits[i] = (struct guard_limit){limit_names[i], config->limits[i]};
    const enum err err =
        guard_limits_new(limits, LIMIT_CLASS_COUNT, *config->redis_url != '\0', out);
    return err ? err_note(err, "while setting up the rate limits") : OK;
}

static enum err open_redis(struct gate *g, const struct config *config, uv_loop_t *loop)
{
    struct redis_address address;
    uint64_t seed;
    if (!*config->redis_url) return OK;
    CHECK(getrandom(&seed, sizeof seed, 0) == sizeof seed);
    const enum err err = redis_address_parse(config->redis_url, &address);
    return err ? err : redis_open(loop, &address, seed, &g->redis);
}

enum err gate_open(const struct config *config, struct guard_limits *limits, uv_loop_t *loop,
                   struct gate **out)
{
    struct gate *g = calloc(1, sizeof *g);
    CHECK(g);
    enum err err = open_redis(g, config, loop);
    if (!err) err = guard_new(loop, limits, g->redis, &g->guard);
    if (err)
        gate_close(g);
    else
        *out = g;
    return err ? err_note(err, "while setting up the rate limits") : OK;
}

struct guard *gate_guard(struct gate *g)
{
    return g->guard;
}

const struct redis *gate_redis(const struct gate *g)
{
    return g->redis;
}

void gate_quiet(struct gate *g)
{
    if (!g) return;
    redis_close(g->redis);
    g->redis = NULL;
}

void gate_close(struct gate *g)
{
    if (!g) return;
    gate_quiet(g);
    guard_free(g->guard);
    free(g);
}
