/* What a rate limit costs a request: in memory, and through one Lua script on Redis.
 *
 *     bench_limiter                 nanoseconds a check in memory: a few hot keys, and a million
 *                                   that come in a random order. Expected: limiter_expect is called
 *                                   for each key some checks before its own, as a server does that
 *                                   knows the address before it has read the request; its cost is
 *                                   in the figure. Unexpected: the check comes at once.
 *     bench_limiter script          prints the script that Redis runs
 *     bench_limiter redis URL KEYS OUTSTANDING COUNT   checks a second over one connection
 *
 * bench/run sets redis-benchmark beside the last, with the same script, keys and pipelining. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "base/check.h"
#include "base/clock.h"
#include "base/prng.h"
#include "io/guard/guard.h"

enum {
    CHECKS = 1 << 22,
    CHECKS_A_MS = 64,
    AHEAD = 8,
    HOT_KEYS = 64,
    MANY_KEYS = 1000000,
    ROUNDS = 5
};

static struct limit_key key_of(uint32_t number)
{
    return (struct limit_key){{number, 4}};
}

/* ahead: how many checks before its own each key is expected; 0: never. */
static double check_ns(struct limiter *l, const uint32_t *order, uint32_t ahead, int64_t now_ms)
{
    uint64_t accepted = 0;
    const int64_t begun = clock_monotonic_ns(&clock_system);
    for (uint32_t i = 0; i < CHECKS; i++) {
        if (ahead) limiter_expect(l, key_of(order[(i + ahead) % CHECKS]));
        accepted += limiter_take(l, key_of(order[i]), now_ms + i / CHECKS_A_MS).accepted;
    }
    const double ns = (double)(clock_monotonic_ns(&clock_system) - begun) / CHECKS;
    CHECK(accepted > 0);
    return ns;
}

/* The best of some rounds; the first of a million keys also makes their entries. */
static double best_ns(struct limit_rule rule, uint32_t keys, uint32_t ahead)
{
    struct limiter *l;
    struct prng p;
    uint32_t *order = malloc(CHECKS * sizeof *order);
    double best = 1e9;
    prng_init(&p, 1);
    CHECK(order && limiter_new(rule, keys + keys / 4, &l) == OK);
    for (uint32_t i = 0; i < CHECKS; i++) order[i] = (uint32_t)prng_below(&p, keys);
    for (int round = 0; round < ROUNDS; round++) {
        const double ns = check_ns(l, order, ahead, (int64_t)round * CHECKS / CHECKS_A_MS);
        if (ns < best) best = ns;
    }
    limiter_free(l);
    free(order);
    return best;
}

/* One read of a cache line that is in no cache, in huge pages: the least that a check can cost
 * whose key nobody expected. Each line tells where the next one is, so the reads cannot overlap. */
static double line_ns(void)
{
    enum { LINES = 2 * MANY_KEYS, READS = 1 << 20 };
    struct line {
        _Alignas(64) uint32_t next;
    } * lines;
    const size_t size = LINES * sizeof *lines;
    struct prng p;
    uint32_t at = 0;
    double best = 1e9;
    prng_init(&p, 2);
    CHECK(posix_memalign((void **)&lines, (size_t)2 << 20, size) == 0);
    (void)madvise(lines, size, MADV_HUGEPAGE);
    for (uint32_t i = 0; i < LINES; i++) lines[i].next = i;
    for (uint32_t i = LINES - 1; i > 0; i--) { /* Sattolo: one circle through all of them */
        const uint32_t other = (uint32_t)prng_below(&p, i), next = lines[i].next;
        lines[i].next = lines[other].next;
        lines[other].next = next;
    }
    for (int round = 0; round < ROUNDS; round++) {
        const int64_t begun = clock_monotonic_ns(&clock_system);
        for (uint32_t i = 0; i < READS; i++) at = *(volatile uint32_t *)&lines[at].next;
        const double ns = (double)(clock_monotonic_ns(&clock_system) - begun) / READS;
        if (ns < best) best = ns;
    }
    free(lines);
    return best;
}

static void bench_memory(void)
{
    static const struct {
        const char *name;
        struct limit_rule rule;
    } rules[] = {{"600/60s", {600, 60000}}, {"10/60s", {10, 60000}}};
    const double line = line_ns();
    for (size_t i = 0; i < sizeof rules / sizeof *rules; i++) {
        const struct limit_rule rule = rules[i].rule;
        printf("rate limit in memory, %s, 64 hot keys: ours %.1f ns, peer -, ratio - "
               "(target <= 40 ns)\n",
               rules[i].name, best_ns(rule, HOT_KEYS, 0));
        printf("rate limit in memory, %s, 1M keys, each expected %d checks before: ours %.1f ns, "
               "peer -, ratio - (target <= 100 ns)\n",
               rules[i].name, AHEAD, best_ns(rule, MANY_KEYS, AHEAD));
        const double cold = best_ns(rule, MANY_KEYS, 0);
        printf("rate limit in memory, %s, 1M keys, unexpected: ours %.1f ns, peer %.1f ns (one "
               "read of as much memory), ratio %.2f (no target)\n",
               rules[i].name, cold, line, cold / line);
        fflush(stdout);
    }
}

/* ---- Redis ---- */

struct run {
    uv_loop_t loop;
    struct limiter_redis *limiter;
    struct limiter_redis_rule rule;
    struct prng p;
    uint64_t keys, outstanding, left, waiting;
    int64_t begun_ns;
    bool is_over;
};

static void take_one(struct run *r);

static void on_answer(void *user, enum err err, const struct limit_answer *answer)
{
    struct run *r = user;
    (void)answer;
    if (err) {
        fprintf(stderr, "bench_limiter: %s\n", err_text());
        exit(1);
    }
    r->waiting--;
    if (r->left > 0)
        take_one(r);
    else
        r->is_over = r->waiting == 0;
}

static void take_one(struct run *r)
{
    const struct limit_key key = {{prng_below(&r->p, r->keys), 4}};
    r->left--;
    r->waiting++;
    CHECK(limiter_redis_take(r->limiter, &r->rule, key, on_answer, r) == OK);
}

static int bench_redis(char **arguments)
{
    struct run r = {.keys = strtoull(arguments[1], NULL, 10),
                    .outstanding = strtoull(arguments[2], NULL, 10),
                    .left = strtoull(arguments[3], NULL, 10)};
    struct redis_address address;
    struct redis *redis;
    const double count = (double)r.left;
    uv_loop_init(&r.loop);
    prng_init(&r.p, 1);
    limiter_redis_rule_init(&r.rule, "bench", (struct limit_rule){10, 60000});
    if (redis_address_parse(arguments[0], &address) || redis_open(&r.loop, &address, 1, &redis) ||
        limiter_redis_new(redis, &r.limiter)) {
        fprintf(stderr, "bench_limiter: %s\n", err_text());
        return 1;
    }
    while (!redis_is_up(redis)) uv_run(&r.loop, UV_RUN_ONCE);
    r.begun_ns = clock_monotonic_ns(&clock_system);
    for (uint64_t i = 0; i < r.outstanding; i++) take_one(&r);
    while (!r.is_over) uv_run(&r.loop, UV_RUN_ONCE);
    const double seconds = (double)(clock_monotonic_ns(&clock_system) - r.begun_ns) / 1e9;
    printf("%.0f checks/s\n", count / seconds);
    redis_close(redis);
    uv_run(&r.loop, UV_RUN_DEFAULT);
    limiter_redis_free(r.limiter);
    uv_loop_close(&r.loop);
    return 0;
}

int main(int argc, char **argv)
{
    if (argc == 2 && strcmp(argv[1], "script") == 0)
        fputs(limiter_redis_script(), stdout);
    else if (argc == 6 && strcmp(argv[1], "redis") == 0)
        return bench_redis(argv + 2);
    else
        bench_memory();
    return 0;
}
