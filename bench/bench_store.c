/* The store against bare SQLite: durable orders per second, one a commit and many a commit.
 *
 * Bare SQLite inserts the same columns into a table of its own without constraints or indexes, with
 * the same pragmas. Runs are interleaved so that both see the same moods of the disk. */
#include <semaphore.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "io/store/sql.h"
#include "io/store/store_thread.h"

enum { SINGLES = 400, BATCHES = 60, BATCH = STORE_BATCH_MAX, ROUNDS = 3 };

struct bench {
    char folder[64];
    struct store *store;
    struct sql *bare;
    struct sql_statement *bare_insert;
    uint64_t bot_id, next_id, bare_next_id;
    sem_t woken;
};

static void must(enum err err)
{
    if (!err) return;
    fprintf(stderr, "%s\n", err_text());
    exit(1);
}

static struct store_order make_order(uint64_t id, uint64_t bot_id)
{
    struct store_order row = {
        .order = {.id = id, .bot_id = bot_id, .state = ORDER_SENT, .qty = {1540}, .created_ms = 1},
        .market = {.price_scale = 2, .qty_scale = 5, .base_scale = 8, .quote_scale = 8},
        .body = "symbol=BTCUSDT&side=BUY&type=MARKET&quantity=0.01540",
    };
    strcpy(row.market.symbol, "BTCUSDT");
    client_id_write("abcdefgh", id, row.client_order_id);
    return row;
}

static void open_store(struct bench *b)
{
    struct store_bot bot = {
        .user_id = STORE_FIRST_USER,
        .name = "bench",
        .strategy = "rsi",
        .params = "{}",
        .symbol_count = 1,
        .symbols = {"BTCUSDT"},
        .capital = {1},
        .sizing_value = 1,
    };
    char path[128];
    snprintf(path, sizeof path, "%s/store.db", b->folder);
    must(store_open(path, 1, &b->store));
    must(store_begin(b->store));
    must(store_bot_insert(b->store, &bot, &b->bot_id));
    must(store_commit(b->store));
}

static void open_bare(struct bench *b)
{
    char path[128];
    snprintf(path, sizeof path, "%s/bare.db", b->folder);
    must(sql_open(path, SQL_WRITE, 1000, &b->bare));
    must(sql_exec(b->bare,
                  "CREATE TABLE orders (id INTEGER PRIMARY KEY, bot_id INTEGER, qty INTEGER,"
                  " client_order_id TEXT, body TEXT, created_ms INTEGER)"));
    must(sql_prepare(b->bare, "INSERT INTO orders VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
                     &b->bare_insert));
}

static void store_orders(struct bench *b, int count)
{
    must(store_begin(b->store));
    for (int i = 0; i < count; i++) {
        const struct store_order row = make_order(++b->next_id, b->bot_id);
        must(store_order_placed(b->store, &row));
    }
    must(store_commit(b->store));
}

static void bare_orders(struct bench *b, int count)
{
    must(sql_exec(b->bare, "BEGIN IMMEDIATE"));
    for (int i = 0; i < count; i++) {
        const struct store_order row = make_order(++b->bare_next_id, b->bot_id);
        sql_u64(b->bare_insert, row.order.id);
        sql_u64(b->bare_insert, row.order.bot_id);
        sql_i64(b->bare_insert, row.order.qty.units);
        sql_text(b->bare_insert, row.client_order_id);
        sql_text(b->bare_insert, row.body);
        sql_i64(b->bare_insert, row.order.created_ms);
        must(sql_run(b->bare_insert));
    }
    must(sql_exec(b->bare, "COMMIT"));
}

static void wake(void *user)
{
    sem_post(user);
}

/* Through the thread, with as many commands under way as its ring takes. */
static void thread_orders(struct bench *b, int count)
{
    struct store_thread *t = NULL;
    const struct store_thread_options options = {
        .store = b->store, .slot_count = 1024, .wake = wake, .user = &b->woken};
    must(store_thread_start(&options, &t));
    struct store_ack ack;
    for (int pushed = 0, acked = 0; acked < count;) {
        struct store_command c = {.kind = STORE_ORDER_PLACED};
        c.order = make_order(b->next_id + 1, b->bot_id);
        if (pushed < count && store_thread_push(t, &c))
            pushed++, b->next_id++;
        else
            sem_wait(&b->woken);
        for (; store_thread_pop_ack(t, &ack); acked++) must((enum err)ack.err);
    }
    store_thread_free(t);
}

static double rate(struct bench *b, void (*run)(struct bench *, int), int calls, int count)
{
    const int64_t start = clock_monotonic_ns(&clock_system);
    for (int i = 0; i < calls; i++) run(b, count);
    const int64_t spent = clock_monotonic_ns(&clock_system) - start;
    return (double)calls * count * 1e9 / (double)spent;
}

static void clean(struct bench *b)
{
    store_close(b->store);
    sql_close(b->bare);
    static const char *const files[] = {"store.db", "store.db-lock", "bare.db", "bare.db-lock"};
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        char path[128];
        snprintf(path, sizeof path, "%s/%s", b->folder, files[i]);
        unlink(path);
    }
    rmdir(b->folder);
}

int main(void)
{
    struct bench b = {.folder = "/tmp/tradebot-bench-XXXXXX"};
    if (!mkdtemp(b.folder)) return 1;
    sem_init(&b.woken, 0, 0);
    open_store(&b);
    open_bare(&b);
    puts("round  orders/s: one a commit (store, bare)  256 a commit (store, bare)  thread");
    for (int round = 1; round <= ROUNDS; round++) {
        const double bare_one = rate(&b, bare_orders, SINGLES, 1);
        const double one = rate(&b, store_orders, SINGLES, 1);
        const double bare_many = rate(&b, bare_orders, BATCHES, BATCH);
        const double many = rate(&b, store_orders, BATCHES, BATCH);
        const double thread = rate(&b, thread_orders, 1, BATCHES * BATCH);
        printf("%5d  %8.0f %8.0f (%.2fx)  %8.0f %8.0f (%.2fx)  %8.0f\n", round, one, bare_one,
               one / bare_one, many, bare_many, many / bare_many, thread);
    }
    clean(&b);
    return 0;
}
