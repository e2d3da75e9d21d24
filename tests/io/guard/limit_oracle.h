/* The meaning of a rate limit by brute force: every acceptance is remembered, every question counts
 * them all again. For the tests of both limiters. */
#ifndef TESTS_IO_GUARD_LIMIT_ORACLE_H
#define TESTS_IO_GUARD_LIMIT_ORACLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "io/guard/limit.h"

enum { ORACLE_MAX = 4096 };

struct limit_oracle {
    struct limit_rule rule;
    int64_t now_ms; /* the latest told: backwards is standing still */
    int64_t accepted[ORACLE_MAX];
    size_t count;
};

void limit_oracle_init(struct limit_oracle *o, struct limit_rule rule);
/* Acceptances t with now - T < t. */
uint32_t limit_oracle_used(const struct limit_oracle *o, int64_t now_ms);
/* What an exact limiter must answer; counts the request if it is accepted. */
struct limit_answer limit_oracle_take(struct limit_oracle *o, int64_t now_ms);
/* An acceptance that somebody else decided. */
void limit_oracle_add(struct limit_oracle *o, int64_t now_ms);
/* The most acceptances in any span of T. */
uint32_t limit_oracle_worst(const struct limit_oracle *o);

#endif
