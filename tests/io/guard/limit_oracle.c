/* The brute-force meaning of a rate limit. */
#include "io/guard/limit_oracle.h"

#include "base/check.h"

static void tell_time(struct limit_oracle *o, int64_t now_ms)
{
    if (now_ms > o->now_ms) o->now_ms = now_ms;
}

void limit_oracle_init(struct limit_oracle *o, struct limit_rule rule)
{
    o->rule = rule;
    o->now_ms = 0;
    o->count = 0;
}

uint32_t limit_oracle_used(const struct limit_oracle *o, int64_t now_ms)
{
    uint32_t used = 0;
    for (size_t i = 0; i < o->count; i++) used += o->accepted[i] > now_ms - o->rule.span_ms;
    return used;
}

void limit_oracle_add(struct limit_oracle *o, int64_t now_ms)
{
    tell_time(o, now_ms);
    CHECK(o->count < ORACLE_MAX);
    o->accepted[o->count++] = o->now_ms;
}

struct limit_answer limit_oracle_take(struct limit_oracle *o, int64_t now_ms)
{
    struct limit_answer a = {.limit = o->rule.count};
    tell_time(o, now_ms);
    a.at_ms = o->now_ms;
    a.accepted = limit_oracle_used(o, o->now_ms) < o->rule.count;
    if (a.accepted) limit_oracle_add(o, now_ms);
    a.remaining = o->rule.count - limit_oracle_used(o, o->now_ms);
    int64_t at = o->now_ms;
    while (limit_oracle_used(o, at) >= o->rule.count && !a.accepted) at++;
    if (!a.accepted) a.retry_ms = (uint32_t)(at - now_ms);
    at = o->now_ms;
    while (limit_oracle_used(o, at) > 0) at++;
    a.reset_ms = (uint32_t)(at - now_ms);
    return a;
}

uint32_t limit_oracle_worst(const struct limit_oracle *o)
{
    uint32_t worst = 0;
    for (size_t first = 0, last = 0; last < o->count; last++) {
        while (o->accepted[first] <= o->accepted[last] - o->rule.span_ms) first++;
        if (last - first + 1 > worst) worst = (uint32_t)(last - first + 1);
    }
    return worst;
}
