/* The limiter on a real Redis: it answers as the one in memory would, and the guard goes on without
 * it. */
#include "io/guard/guard_keys.h"

#include "cmocka_all.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/prng.h"
#include "io/net/net_fixture.h"
#include "io/redis/redis_fixture.h"

enum { BATCH = 16 };

struct asked {
    unsigned waiting;
    unsigned count;
    bool is_done;
    struct limit_answer answers[BATCH];
};

static void on_answer(void *user, enum err err, const struct limit_answer *answer)
{
    struct asked *a = user;
    if (err) fail_msg("%s: %s", err_name(err), err_text());
    a->answers[a->count++] = *answer;
    a->is_done = --a->waiting == 0;
}

/* Takes `count` times at once and waits for all answers. */
static void take_batch(uv_loop_t *loop, struct limiter_redis *l,
                       const struct limiter_redis_rule *rule, struct limit_key key, unsigned count,
                       struct asked *a)
{
    *a = (struct asked){.waiting = count};
    for (unsigned i = 0; i < count; i++)
        assert_int_equal(limiter_redis_take(l, rule, key, on_answer, a), OK);
    run_until(loop, is_true, &a->is_done);
}

static void nap(uint64_t us)
{
    nanosleep(&(struct timespec){.tv_nsec = (long)us * 1000}, NULL);
}

struct desk {
    uv_loop_t loop;
    struct redis_server server;
    struct redis *redis;
    struct limiter_redis *limiter;
};

static void desk_open(struct desk *d)
{
    redis_server_start(&d->server, NULL);
    uv_loop_init(&d->loop);
    d->redis = redis_client(&d->loop, d->server.url);
    assert_int_equal(limiter_redis_new(d->redis, &d->limiter), OK);
}

static void desk_close(struct desk *d)
{
    redis_close(d->redis);
    limiter_redis_free(d->limiter);
    loop_finish(&d->loop);
    redis_server_stop(&d->server);
}

static void test_limiter_redis__answers_as_the_one_in_memory_would(void **state)
{
    (void)state;
    static const uint32_t counts[] = {1, 2, 3, 10, 64, 65, 100};
    static const uint32_t spans[] = {3, 10, 40};
    struct desk d;
    struct prng p;
    unsigned accepted = 0, refused = 0;
    desk_open(&d);
    prng_init(&p, 12);
    for (size_t c = 0; c < sizeof counts / sizeof *counts; c++)
        for (size_t s = 0; s < sizeof spans / sizeof *spans; s++) {
            struct limiter *memory;
            struct limiter_redis_rule rule;
            limiter_redis_rule_init(&rule, "table", (struct limit_rule){counts[c], spans[s]});
            assert_int_equal(limiter_new(rule.rule, 0, &memory), OK);
            const struct limit_key key = {{c * 10 + s, 4}};
            for (int i = 0; i < 60; i++) {
                struct asked a;
                take_batch(&d.loop, d.limiter, &rule, key, 1 + (unsigned)prng_below(&p, BATCH), &a);
                for (unsigned k = 0; k < a.count; k++) {
                    const struct limit_answer *got = &a.answers[k];
                    const struct limit_answer want = limiter_take(memory, key, got->at_ms);
                    assert_int_equal(got->accepted, want.accepted);
                    assert_int_equal(got->remaining, want.remaining);
                    assert_int_equal(got->retry_ms, want.retry_ms);
                    assert_int_equal(got->reset_ms, want.reset_ms);
                    accepted += want.accepted;
                    refused += !want.accepted;
                }
                nap(prng_below(&p, 1000 * spans[s] / 4));
            }
            limiter_free(memory);
        }
    assert_true(accepted > 1000 && refused > 1000);
    desk_close(&d);
}

static void test_limiter_redis__gives_back_as_the_one_in_memory_would(void **state)
{
    (void)state;
    struct desk d;
    struct prng p;
    desk_open(&d);
    prng_init(&p, 13);
    for (uint32_t n = 3; n < 100; n += 62) {
        struct limiter *memory;
        struct limiter_redis_rule rule;
        int64_t given[512];
        unsigned count = 0;
        limiter_redis_rule_init(&rule, "back", (struct limit_rule){n, 100000});
        assert_int_equal(limiter_new(rule.rule, 0, &memory), OK);
        const struct limit_key key = {{n, 4}};
        struct asked a;
        /* the scripts are loaded here: while they are, what was asked first may come second */
        limiter_redis_give_back(d.limiter, &rule, limit_key_global(), 0);
        take_batch(&d.loop, d.limiter, &rule, limit_key_global(), 1, &a);
        take_batch(&d.loop, d.limiter, &rule, limit_key_global(), 1, &a);
        for (int i = 0; i < 200; i++) {
            if (count > 0 && prng_below(&p, 2)) {
                const unsigned which = (unsigned)prng_below(&p, count);
                limiter_redis_give_back(d.limiter, &rule, key, given[which]);
                limiter_give_back(memory, key, given[which], given[count - 1]);
                memmove(&given[which], &given[which + 1], (--count - which) * sizeof *given);
            }
            take_batch(&d.loop, d.limiter, &rule, key, 1, &a);
            const struct limit_answer want = limiter_take(memory, key, a.answers[0].at_ms);
            assert_int_equal(a.answers[0].accepted, want.accepted);
            assert_int_equal(a.answers[0].remaining, want.remaining);
            if (want.accepted) given[count++] = want.at_ms;
            if (i % 8 == 0) nap(1000);
        }
        limiter_free(memory);
    }
    desk_close(&d);
}

static void test_limiter_redis__instances_together_accept_exactly_n(void **state)
{
    (void)state;
    enum { INSTANCES = 4, ROUNDS = 20 };
    struct desk d;
    struct redis *redis[INSTANCES];
    struct limiter_redis *limiters[INSTANCES];
    struct asked asked[INSTANCES];
    unsigned accepted = 0;
    desk_open(&d);
    for (int i = 0; i < INSTANCES; i++) {
        redis[i] = redis_client(&d.loop, d.server.url);
        assert_int_equal(limiter_redis_new(redis[i], &limiters[i]), OK);
    }
    struct limiter_redis_rule rule;
    limiter_redis_rule_init(&rule, "together", (struct limit_rule){500, 60000});
    for (int round = 0; round < ROUNDS; round++) {
        for (int i = 0; i < INSTANCES; i++) {
            asked[i] = (struct asked){.waiting = BATCH};
            for (unsigned k = 0; k < BATCH; k++)
                assert_int_equal(limiter_redis_take(limiters[i], &rule, limit_key_global(),
                                                    on_answer, &asked[i]),
                                 OK);
        }
        for (int i = 0; i < INSTANCES; i++) {
            run_until(&d.loop, is_true, &asked[i].is_done);
            for (int k = 0; k < BATCH; k++) accepted += asked[i].answers[k].accepted;
        }
    }
    assert_int_equal(accepted, 500);
    for (int i = 0; i < INSTANCES; i++) {
        redis_close(redis[i]);
        limiter_redis_free(limiters[i]);
    }
    desk_close(&d);
}

static void test_limiter_redis__keys_expire_and_scripts_come_back(void **state)
{
    (void)state;
    struct desk d;
    struct asked a;
    struct limiter_redis_rule rule;
    desk_open(&d);
    limiter_redis_rule_init(&rule, "login", (struct limit_rule){2, 5000});
    take_batch(&d.loop, d.limiter, &rule, limit_key_global(), 3, &a);
    assert_false(a.answers[2].accepted);
    const int ttl = atoi(redis_ask(&d.loop, d.redis, "PTTL rl:login:global"));
    assert_in_range(ttl, 3000, 5000);
    assert_string_equal(redis_ask(&d.loop, d.redis, "SCRIPT FLUSH"), "OK");
    take_batch(&d.loop, d.limiter, &rule, limit_key_global(), 3, &a);
    for (int i = 0; i < 3; i++) assert_false(a.answers[i].accepted);
    assert_string_equal(redis_ask(&d.loop, d.redis, "FLUSHALL"), "OK");
    take_batch(&d.loop, d.limiter, &rule, limit_key_global(), 3, &a);
    assert_true(a.answers[1].accepted && !a.answers[2].accepted);
    desk_close(&d);
}

static void test_limiter_redis__values_that_are_not_ours_count_as_lost(void **state)
{
    (void)state;
    static const char *const spoils[] = {"SET rl:login:global x",
                                         "SET rl:login:global 12345678901234567890123456789012",
                                         "SET rl:login:global 12345678901234567890",
                                         "RPUSH rl:login:global a b"};
    struct desk d;
    struct asked a;
    struct limiter_redis_rule rule;
    desk_open(&d);
    limiter_redis_rule_init(&rule, "login", (struct limit_rule){2, 5000});
    for (size_t i = 0; i < sizeof spoils / sizeof *spoils; i++) {
        redis_ask(&d.loop, d.redis, "DEL rl:login:global");
        redis_ask(&d.loop, d.redis, spoils[i]);
        take_batch(&d.loop, d.limiter, &rule, limit_key_global(), 3, &a);
        assert_true(a.answers[0].remaining <= 2);
    }
    desk_close(&d);
}

static bool is_stored;

static void on_stored(void *user, enum err err, const struct redis_reply *reply)
{
    (void)user;
    is_stored = !err && reply->kind == REDIS_TEXT;
}

/* Two acceptances that lie `ahead_ms` in the server's future: its clock stepped back. */
static void store_future(struct desk *d, int64_t ahead_ms)
{
    struct {
        double last, begun;
        uint32_t total;
        char ring[12];
    } __attribute__((packed)) value = {0};
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    value.last = value.begun = (double)(now.tv_sec * 1000 + now.tv_nsec / 1000000 + ahead_ms);
    value.total = 2;
    memcpy(value.ring, &value.last, 8);
    memcpy(value.ring + 8, &(uint32_t){2}, 4);
    const struct slice words[] = {
        SLICE("SET"), SLICE("rl:login:global"), {(const char *)&value, sizeof value}};
    is_stored = false;
    assert_int_equal(redis_send(d->redis, words, 3, on_stored, NULL), OK);
    run_until(&d->loop, is_true, &is_stored);
}

static void test_limiter_redis__a_clock_that_steps_back_frees_nothing(void **state)
{
    (void)state;
    static const int64_t steps[] = {2000, 5000, 3600000};
    struct desk d;
    struct asked a;
    struct limiter_redis_rule rule;
    desk_open(&d);
    limiter_redis_rule_init(&rule, "login", (struct limit_rule){2, 5000});
    for (int i = 0; i < 3; i++) {
        store_future(&d, steps[i]);
        take_batch(&d.loop, d.limiter, &rule, limit_key_global(), 1, &a);
        assert_false(a.answers[0].accepted);
        assert_in_range(a.answers[0].retry_ms, 4000, 10000);
    }
    desk_close(&d);
}

/* ---- the guard ---- */

enum { LOGIN, LIMIT_N = 40, SHARE = LIMIT_N * GUARD_SHARE_PERCENT / 100 };

struct guarded {
    bool is_done;
    struct limit_answer answer;
};

static void on_guarded(void *user, const struct limit_answer *answer)
{
    struct guarded *g = user;
    g->answer = *answer;
    g->is_done = true;
}

struct post {
    uv_loop_t loop;
    struct redis *redis;
    struct guard_limits *limits;
    struct guard *guard;
    unsigned slow;   /* answers that took longer than a few deadlines */
    unsigned stalls; /* calls that kept the loop for over 20 ms */
};

static void post_init(struct post *p)
{
    *p = (struct post){0};
    uv_loop_init(&p->loop);
}

static void post_connect(struct post *p, const char *url)
{
    static const struct guard_limit limits[] = {{"login", {LIMIT_N, 600000}}};
    p->redis = redis_client(&p->loop, url);
    assert_int_equal(guard_limits_new(limits, 1, true, &p->limits), OK);
    assert_int_equal(guard_new(&p->loop, p->limits, p->redis, &p->guard), OK);
}

static void post_open(struct post *p, const char *url)
{
    post_init(p);
    post_connect(p, url);
}

static void post_close(struct post *p)
{
    redis_close(p->redis);
    guard_free(p->guard);
    guard_limits_free(p->limits);
    loop_finish(&p->loop);
}

static struct limit_answer post_take(struct post *p, uint64_t key)
{
    struct guarded g = {0};
    const struct limit_key k = {{key, 4}};
    uv_update_time(&p->loop);
    const uint64_t begun = uv_now(&p->loop);
    const bool at_once = guard_take(p->guard, LOGIN, k, &g.answer, on_guarded, &g);
    uv_update_time(&p->loop);
    p->stalls += uv_now(&p->loop) - begun > 20;
    if (!at_once) run_until(&p->loop, is_true, &g.is_done);
    uv_update_time(&p->loop);
    p->slow += uv_now(&p->loop) - begun > 4 * REDIS_DEADLINE_MS;
    return g.answer;
}

static unsigned post_take_many(struct post *p, uint64_t key, unsigned count, unsigned *local)
{
    unsigned accepted = 0;
    for (unsigned i = 0; i < count; i++) {
        const struct limit_answer a = post_take(p, key);
        accepted += a.accepted;
        *local += a.is_local;
    }
    return accepted;
}

static void wait_shared_again(struct post *p)
{
    for (int i = 0; i < 3000; i++) {
        if (!post_take(p, 1000 + (uint64_t)i).is_local) return;
        uv_run(&p->loop, UV_RUN_NOWAIT);
        nap(5000);
    }
    fail_msg("Redis is well, and the guard does not go back to it");
}

/* Whatever ails Redis: everyone is answered soon, no more than N and the share get through, and
 * once it is well again it counts again. */
static void check_degraded(struct post *p, uint64_t key, unsigned before)
{
    unsigned local = 0;
    p->slow = p->stalls = 0;
    const unsigned accepted = before + post_take_many(p, key, 3 * LIMIT_N, &local);
    assert_true(accepted <= LIMIT_N + SHARE);
    assert_true(accepted >= SHARE);
    assert_true(local >= LIMIT_N);
    /* a busy machine may take us off its cores now and then; it is no matter of each call */
    assert_true(p->stalls <= 2 && p->slow <= 2);
}

static void test_guard__memory_answers_at_once(void **state)
{
    (void)state;
    static const struct guard_limit limits[] = {{"login", {2, 60000}}, {"order", {1, 60000}}};
    uv_loop_t loop;
    struct guard_limits *l;
    struct guard *g;
    struct limit_answer a;
    uv_loop_init(&loop);
    assert_int_equal(guard_limits_new(limits, 2, false, &l), OK);
    assert_int_equal(guard_new(&loop, l, NULL, &g), OK);
    for (int i = 0; i < 3; i++) {
        assert_true(guard_take(g, 0, limit_key_global(), &a, NULL, NULL));
        assert_int_equal(a.accepted, i < 2);
        assert_false(a.is_local);
    }
    assert_true(guard_take(g, 1, limit_key_global(), &a, NULL, NULL));
    assert_true(a.accepted);
    guard_give_back(g, 1, limit_key_global(), &a);
    assert_true(guard_take(g, 1, limit_key_global(), &a, NULL, NULL));
    assert_true(a.accepted);
    guard_free(g);
    guard_limits_free(l);
    loop_finish(&loop);
}

static void test_guard__goes_on_without_a_redis_that_is_killed(void **state)
{
    (void)state;
    struct redis_server s;
    struct post p;
    unsigned local = 0;
    redis_server_start(&s, NULL);
    post_open(&p, s.url);
    assert_int_equal(post_take_many(&p, 1, 10, &local), 10);
    assert_int_equal(local, 0);
    redis_server_kill(&s);
    check_degraded(&p, 1, 10);
    redis_server_restart(&s, NULL);
    wait_shared_again(&p);
    post_close(&p);
    redis_server_stop(&s);
}

static void test_guard__goes_on_without_a_redis_that_hangs(void **state)
{
    (void)state;
    struct redis_server s;
    struct post p;
    unsigned local = 0;
    redis_server_start(&s, NULL);
    post_open(&p, s.url);
    assert_int_equal(post_take_many(&p, 1, 10, &local), 10);
    kill(s.pid, SIGSTOP);
    check_degraded(&p, 1, 10);
    kill(s.pid, SIGCONT);
    wait_shared_again(&p);
    post_close(&p);
    redis_server_stop(&s);
}

/* The server ails after the command `ail`, and is well after `heal`. */
static void check_ailment(const char *ail, const char *heal)
{
    struct redis_server s;
    struct post p;
    unsigned local = 0;
    redis_server_start(&s, NULL);
    post_open(&p, s.url);
    assert_int_equal(post_take_many(&p, 1, 10, &local), 10);
    struct redis *doctor = redis_client(&p.loop, s.url);
    assert_string_equal(redis_ask(&p.loop, doctor, ail), "OK");
    check_degraded(&p, 1, 10);
    assert_string_equal(redis_ask(&p.loop, doctor, heal), "OK");
    wait_shared_again(&p);
    redis_close(doctor);
    post_close(&p);
    redis_server_stop(&s);
}

static void test_guard__goes_on_without_a_redis_that_is_full(void **state)
{
    (void)state;
    check_ailment("CONFIG SET maxmemory 1", "CONFIG SET maxmemory 0");
}

static void test_guard__goes_on_without_a_redis_that_is_read_only(void **state)
{
    (void)state;
    check_ailment("REPLICAOF 127.0.0.1 1", "REPLICAOF NO ONE");
}

static void test_guard__goes_on_without_a_redis_that_lies(void **state)
{
    (void)state;
    static const char *const answers[] = {"garbage\r\n",
                                          "*1\r\n*1\r\n*1\r\n:1\r\n",
                                          ":1\r\n",
                                          "*5\r\n:1\r\n:99999\r\n:0\r\n:0\r\n:1\r\n",
                                          "*5\r\n:7\r\n:1\r\n:0\r\n:0\r\n:1\r\n",
                                          "$-1\r\n"};
    for (size_t i = 0; i < sizeof answers / sizeof *answers; i++) {
        struct fake_redis f;
        struct post p;
        post_init(&p);
        fake_redis_start(&f, &p.loop, slice_of(answers[i]), 1);
        post_connect(&p, f.url);
        check_degraded(&p, 1, 0);
        listener_close(f.listener);
        post_close(&p);
    }
}

static void test_guard__a_flushed_redis_costs_one_window_at_most(void **state)
{
    (void)state;
    struct redis_server s;
    struct post p;
    unsigned local = 0;
    redis_server_start(&s, NULL);
    post_open(&p, s.url);
    unsigned accepted = post_take_many(&p, 1, 2 * LIMIT_N, &local);
    assert_int_equal(accepted, LIMIT_N);
    assert_string_equal(redis_ask(&p.loop, p.redis, "FLUSHALL"), "OK");
    accepted += post_take_many(&p, 1, 2 * LIMIT_N, &local);
    assert_int_equal(accepted, 2 * LIMIT_N);
    assert_int_equal(local, 0);
    post_close(&p);
    redis_server_stop(&s);
}

static void on_forgotten(void *user, enum err err)
{
    assert_int_equal(err, OK);
    if (user) *(bool *)user = true;
}

static void test_guard__needs_few_rights_and_leaves_no_refusal_behind(void **state)
{
    (void)state;
    static const char *const acl[] = {"--user", "doctor",       "on",      "nopass",   "~*",
                                      "+@all",  "--user",       "default", "on",       "nopass",
                                      "~rl:*",  "-@all",        "+ping",   "+evalsha", "+time",
                                      "+get",   "+script|load", "+set",    "+del",     NULL};
    struct redis_server s;
    struct post p;
    unsigned local = 0;
    redis_server_start(&s, acl);
    post_open(&p, s.url);
    assert_int_equal(post_take_many(&p, 1, LIMIT_N + 5, &local), LIMIT_N);
    guard_keys_forget(p.guard, LOGIN, (struct limit_key){{1, 4}}, on_forgotten, NULL);
    struct limit_answer a = post_take(&p, 1);
    assert_true(a.accepted);
    guard_give_back(p.guard, LOGIN, (struct limit_key){{1, 4}}, &a);
    (void)post_take(&p, 1); /* the script of giving back is loaded meanwhile */
    a = post_take(&p, 1);
    assert_int_equal(a.remaining, LIMIT_N - 2);
    assert_int_equal(local, 0);
    assert_non_null(strstr(redis_ask(&p.loop, p.redis, "CONFIG GET *"), "NOPERM"));
    post_close(&p);
    redis_server_stop(&s);
}

/* ---- listing and forgetting ---- */

struct listing {
    bool is_done;
    enum err err;
    uint64_t next;
    size_t count, page_max;
    uint32_t used; /* of all */
    struct guard_key last;
};

static void on_page(void *user, const struct guard_page *page)
{
    struct listing *list = user;
    list->is_done = true;
    list->err = page->err;
    list->next = page->next;
    list->count += page->count;
    if (page->count > list->page_max) list->page_max = page->count;
    for (size_t i = 0; i < page->count; i++) list->used += page->keys[i].used;
    if (page->count > 0) list->last = page->keys[page->count - 1];
}

static struct listing list_all(struct post *p, uint32_t max)
{
    struct listing list = {0};
    do {
        list.is_done = false;
        guard_keys_list(p->guard, list.next, max, on_page, &list);
        if (!list.is_done) run_until(&p->loop, is_true, &list.is_done);
        if (list.next) assert_true(guard_keys_cursor_is_good(p->guard, list.next));
    } while (list.next != 0);
    return list;
}

static void forget(struct post *p, uint64_t key)
{
    bool done = false;
    guard_keys_forget(p->guard, LOGIN, (struct limit_key){{key, 4}}, on_forgotten, &done);
    if (!done) run_until(&p->loop, is_true, &done);
}

static void test_guard_keys__tell_what_redis_counts(void **state)
{
    (void)state;
    struct redis_server s;
    struct post p;
    unsigned local = 0;
    redis_server_start(&s, NULL);
    post_open(&p, s.url);
    assert_int_equal(post_take_many(&p, 7, 5, &local), 5);
    assert_int_equal(post_take_many(&p, 7, LIMIT_N, &local), LIMIT_N - 5);
    assert_int_equal(guard_limits_totals(p.limits, LOGIN).accepted, LIMIT_N);
    assert_int_equal(guard_limits_totals(p.limits, LOGIN).refused, 5);
    assert_int_equal(local, 0);
    redis_ask(&p.loop, p.redis, "SET rl:login:192.0.2.99 nonsense");
    redis_ask(&p.loop, p.redis, "SET rl:other:192.0.2.99 nonsense");
    redis_ask(&p.loop, p.redis, "SET rl:login:no-address nonsense");
    redis_ask(&p.loop, p.redis, "HSET rl:login:192.0.2.98 field 1");
    struct listing list = list_all(&p, 50);
    assert_int_equal(list.err, OK);
    assert_int_equal(list.count, 1);
    assert_true(list.last.is_on_redis &&
                limit_key_equal(list.last.key, (struct limit_key){{7, 4}}));
    assert_int_equal(list.last.used, LIMIT_N);
    assert_int_equal(list.last.remaining, 0);
    assert_in_range(list.last.ttl_ms, 590000, 600000);
    forget(&p, 7);
    assert_int_equal(list_all(&p, 50).count, 0);
    assert_int_equal(post_take(&p, 7).remaining, LIMIT_N - 1);
    post_close(&p);
    redis_server_stop(&s);
}

static void test_guard_keys__go_over_many_in_pages_and_forget_them(void **state)
{
    (void)state;
    enum { KEYS = 700 };
    struct redis_server s;
    struct post p;
    bool done = false;
    redis_server_start(&s, NULL);
    post_open(&p, s.url);
    for (uint64_t key = 1; key <= KEYS; key++) assert_false(post_take(&p, key).is_local);
    struct listing list = list_all(&p, 20);
    assert_int_equal(list.err, OK);
    assert_int_equal(list.count, KEYS);
    assert_int_equal(list.used, KEYS);
    assert_true(list.page_max < 3 * GUARD_KEYS_STEP);
    redis_ask(&p.loop, p.redis, "SET other 1");
    guard_keys_forget_all(p.guard, on_forgotten, &done);
    run_until(&p.loop, is_true, &done);
    assert_int_equal(list_all(&p, 1000).count, 0);
    assert_string_equal(redis_ask(&p.loop, p.redis, "GET other"), "1");
    post_close(&p);
    redis_server_stop(&s);
}

static void test_guard_keys__say_so_when_redis_lies_or_is_gone(void **state)
{
    (void)state;
    static const char *const answers[] = {"*2\r\n$1\r\n0\r\n$1\r\nx\r\n",
                                          "*2\r\n$2\r\n-1\r\n*0\r\n",
                                          "*2\r\n$19\r\n9999999999999999999\r\n*0\r\n", ":1\r\n",
                                          "-NOPERM no\r\n"};
    for (size_t i = 0; i < sizeof answers / sizeof *answers; i++) {
        struct fake_redis f;
        struct post p;
        post_init(&p);
        fake_redis_start(&f, &p.loop, slice_of(answers[i]), 1);
        post_connect(&p, f.url);
        struct limiter *memory = guard_limits_local(p.limits, LOGIN);
        limiter_take(memory, (struct limit_key){{5, 4}}, guard_now_ms(p.guard));
        struct listing list = list_all(&p, 50);
        assert_int_not_equal(list.err, OK);
        assert_int_equal(list.count, 1); /* what memory counts is told all the same */
        assert_false(list.last.is_on_redis);
        assert_int_equal(list.last.remaining, SHARE - 1);
        listener_close(f.listener);
        post_close(&p);
    }
}

static void test_guard_keys__know_their_texts(void **state)
{
    (void)state;
    static const struct guard_limit limits[] = {{"login", {5, 1000}}, {"login:account", {5, 1000}}};
    static const char *const wrong[] = {
        "",      "rl:",          "rl:login",         "rl:login:",
        "login", "rl:login:1.2", "rl:bot:192.0.2.1", "rl:login:2001:db8::1"};
    struct guard_limits *l;
    size_t limit;
    struct limit_key key;
    assert_int_equal(guard_limits_new(limits, 2, false, &l), OK);
    assert_true(guard_keys_parse(l, SLICE("rl:login:192.0.2.1"), &limit, &key));
    assert_int_equal(limit, 0);
    assert_true(guard_keys_parse(l, SLICE("rl:login:2001:db8::"), &limit, &key));
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
        assert_false(guard_keys_parse(l, slice_of(wrong[i]), &limit, &key));
    char text[LIMITER_REDIS_KEY_SIZE];
    limiter_redis_key(guard_limits_rule(l, 1), limit_key_account(SLICE("a@b.test")), text);
    assert_true(guard_keys_parse(l, slice_of(text), &limit, &key));
    assert_int_equal(limit, 1);
    guard_limits_free(l);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_limiter_redis__answers_as_the_one_in_memory_would),
        cmocka_unit_test(test_limiter_redis__gives_back_as_the_one_in_memory_would),
        cmocka_unit_test(test_limiter_redis__instances_together_accept_exactly_n),
        cmocka_unit_test(test_limiter_redis__keys_expire_and_scripts_come_back),
        cmocka_unit_test(test_limiter_redis__values_that_are_not_ours_count_as_lost),
        cmocka_unit_test(test_limiter_redis__a_clock_that_steps_back_frees_nothing),
        cmocka_unit_test(test_guard__memory_answers_at_once),
        cmocka_unit_test(test_guard__needs_few_rights_and_leaves_no_refusal_behind),
        cmocka_unit_test(test_guard__goes_on_without_a_redis_that_is_killed),
        cmocka_unit_test(test_guard__goes_on_without_a_redis_that_hangs),
        cmocka_unit_test(test_guard__goes_on_without_a_redis_that_is_full),
        cmocka_unit_test(test_guard__goes_on_without_a_redis_that_is_read_only),
        cmocka_unit_test(test_guard__goes_on_without_a_redis_that_lies),
        cmocka_unit_test(test_guard__a_flushed_redis_costs_one_window_at_most),
        cmocka_unit_test(test_guard_keys__tell_what_redis_counts),
        cmocka_unit_test(test_guard_keys__go_over_many_in_pages_and_forget_them),
        cmocka_unit_test(test_guard_keys__say_so_when_redis_lies_or_is_gone),
        cmocka_unit_test(test_guard_keys__know_their_texts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
