/* Trades made durable in group commit, through the store thread, against what each database's own
 * library does with 100 rows a commit: bench_trades FOLDER [postgresql://… of an empty database]
 *
 * A trade is one fill. Ours book it as the program does (STORE_FILL_BOOKED): in one transaction the
 * fill's row (20 columns, 5 indexes, 3 references), its order as it is after it, the bot's position
 * and totals, and, for every second one, the round trip that it closes (21 columns, 4 indexes, 3
 * references). BOTS bots take turns, each with orders that were placed before the clock started.
 * The peer inserts one row a trade, of 13 columns with one index beside the key, and keeps no
 * order, position or total. Runs are interleaved, so that both see the same moods of the disk. */
#include <semaphore.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <libpq-fe.h>
#include <sqlite3.h>

#include "base/clock.h"
#include "io/store/store_thread.h"

enum { ROWS = 20000, BATCH = 100, ROUNDS = 3, SLOTS = 1024, BOTS = 20 };

#define TRADES                                                                                     \
    "CREATE TABLE peer_trades (id BIGINT PRIMARY KEY, bot_id BIGINT, user_id BIGINT, venue TEXT,"  \
    " symbol TEXT, side TEXT, price BIGINT, qty BIGINT, fee BIGINT, fee_asset TEXT, pnl BIGINT,"   \
    " venue_trade_id BIGINT, created_ms BIGINT)"
#define TRADES_INDEX "CREATE INDEX peer_trades_bot ON peer_trades (bot_id, created_ms)"

struct bench {
    struct store *store;
    uint64_t bots[BOTS], next_id;
    int64_t peer_id;
    sem_t woken;
    sqlite3 *sqlite;
    sqlite3_stmt *insert;
    PGconn *postgres;
};

static void must(int good, const char *cause)
{
    if (good) return;
    fprintf(stderr, "%s\n", cause);
    exit(1);
}

static const struct store_market market = {
    .price_scale = 2, .qty_scale = 5, .base_scale = 8, .quote_scale = 8, .symbol = "BTCUSDT"};

/* Each bot buys and sells in turn. */
static struct order make_order(uint64_t id)
{
    return (struct order){.id = id,
                          .state = ORDER_SENT,
                          .side = id / BOTS % 2 ? SIDE_SELL : SIDE_BUY,
                          .qty = {1540},
                          .created_ms = 1};
}

static void place(const struct bench *b, uint64_t id, struct store_command *c)
{
    c->kind = STORE_ORDER_PLACED;
    c->order = (struct store_order){
        .order = make_order(id),
        .market = market,
        .body = "symbol=BTCUSDT&side=BUY&type=MARKET&quantity=0.01540",
    };
    c->order.order.bot_id = b->bots[id % BOTS];
    client_id_write("abcdefgh", id, c->order.client_order_id);
}

static void book(const struct bench *b, uint64_t id, struct store_command *c)
{
    const struct order order = make_order(id);
    const bool closes = order.side == SIDE_SELL;
    const int64_t price = 6150000 + (int64_t)(id % 1000), now_ms = 1700000000000 + (int64_t)id;
    c->kind = STORE_FILL_BOOKED;
    c->booking = (struct store_booking){.bot_id = b->bots[id % BOTS], .market = market};
    struct booking *k = &c->booking.booking;
    k->fill = (struct fill){.order_id = id,
                            .venue_trade_id = id,
                            .price = {price},
                            .qty = {1540},
                            .fee = {94710},
                            .fee_scale = 8,
                            .fee_asset = "USDT",
                            .liquidity = LIQUIDITY_TAKER,
                            .time_ms = now_ms};
    k->order = order;
    k->order.state = ORDER_FILLED;
    k->order.filled = k->order.qty;
    k->order.filled_quote = (struct money){price * 1540};
    k->position = (struct position){.open = !closes, .bought = {1540}, .entry_price = {price}};
    k->totals = (struct bot_totals){.day = 19675, .realized = {(int64_t)id}, .trades = id / 2};
    k->closed = closes;
    if (closes)
        k->round_trip = (struct round_trip){.qty = {1540},
                                            .entry_price = {price - 1},
                                            .exit_price = {price},
                                            .pnl = {1445},
                                            .fees = {189420},
                                            .opened_ms = now_ms - 20,
                                            .closed_ms = now_ms,
                                            .exit_reason = PURPOSE_TARGET};
}

static void wake(void *user)
{
    sem_post(user);
}

static void push_all(struct bench *b, uint64_t first,
                     void (*make)(const struct bench *, uint64_t, struct store_command *))
{
    struct store_thread *t = NULL;
    const struct store_thread_options options = {
        .store = b->store, .slot_count = SLOTS, .wake = wake, .user = &b->woken};
    must(store_thread_start(&options, &t) == OK, err_text());
    struct store_ack ack;
    for (uint64_t pushed = 0, acked = 0; acked < ROWS;) {
        struct store_command c = {0};
        make(b, first + pushed, &c);
        if (pushed < ROWS && store_thread_push(t, &c))
            pushed++;
        else
            sem_wait(&b->woken);
        for (; store_thread_pop_ack(t, &ack); acked++) must(ack.err == OK, "refused");
    }
    store_thread_free(t);
}

static void ours(struct bench *b)
{
    push_all(b, b->next_id, book);
    b->next_id += ROWS;
}

static void sqlite_rows(struct bench *b)
{
    for (int row = 0; row < ROWS; row++) {
        if (row % BATCH == 0) sqlite3_exec(b->sqlite, "BEGIN IMMEDIATE", NULL, NULL, NULL);
        const int64_t id = ++b->peer_id;
        for (int i = 1; i <= 13; i++) sqlite3_bind_int64(b->insert, i, id);
        sqlite3_bind_text(b->insert, 4, "sim", 3, SQLITE_STATIC);
        sqlite3_bind_text(b->insert, 5, "BTCUSDT", 7, SQLITE_STATIC);
        sqlite3_bind_text(b->insert, 6, "buy", 3, SQLITE_STATIC);
        sqlite3_bind_text(b->insert, 10, "USDT", 4, SQLITE_STATIC);
        must(sqlite3_step(b->insert) == SQLITE_DONE, sqlite3_errmsg(b->sqlite));
        sqlite3_reset(b->insert);
        if (row % BATCH < BATCH - 1) continue;
        must(sqlite3_exec(b->sqlite, "COMMIT", NULL, NULL, NULL) == SQLITE_OK, "COMMIT");
    }
}

static void end_pipeline(PGconn *c)
{
    must(PQpipelineSync(c), PQerrorMessage(c));
    for (bool synced = false; !synced;) {
        PGresult *result = PQgetResult(c);
        const ExecStatusType status = result ? PQresultStatus(result) : PGRES_COMMAND_OK;
        must(status == PGRES_COMMAND_OK || status == PGRES_PIPELINE_SYNC, PQerrorMessage(c));
        synced = status == PGRES_PIPELINE_SYNC;
        PQclear(result);
    }
}

/* One implicit transaction a pipeline: the fewest bytes that libpq can do it with. */
static void postgres_rows(struct bench *b)
{
    for (int row = 0; row < ROWS; row++) {
        char number[24];
        snprintf(number, sizeof number, "%lld", (long long)++b->peer_id);
        const char *const values[13] = {number, number, number, "sim",  "BTCUSDT", "buy", number,
                                        number, number, "USDT", number, number,    number};
        must(PQsendQueryPrepared(b->postgres, "peer", 13, values, NULL, NULL, 0), "send");
        if (row % BATCH == BATCH - 1) end_pipeline(b->postgres);
    }
}

static double rate(struct bench *b, void (*run)(struct bench *))
{
    const int64_t start = clock_monotonic_ns(&clock_system);
    run(b);
    return ROWS * 1e9 / (double)(clock_monotonic_ns(&clock_system) - start);
}

static void measure(struct bench *b, const char *url, void (*peer)(struct bench *),
                    const char *name, const char *peer_name)
{
    struct store_bot bot = {.user_id = STORE_FIRST_USER,
                            .name = "bench",
                            .strategy = "rsi",
                            .params = "{}",
                            .symbol_count = 1,
                            .symbols = {"BTCUSDT"},
                            .capital = {1},
                            .sizing_value = 1};
    double best = 0, best_peer = 0;
    b->next_id = 1;
    b->peer_id = 0;
    must(store_open(url, 1, &b->store) == OK, err_text());
    must(store_begin(b->store) == OK, err_text());
    for (int i = 0; i < BOTS; i++)
        must(store_bot_insert(b->store, &bot, &b->bots[i]) == OK, err_text());
    must(store_commit(b->store) == OK, err_text());
    for (int round = 0; round < ROUNDS; round++) {
        push_all(b, b->next_id, place);
        const double theirs = rate(b, peer), mine = rate(b, ours);
        if (theirs > best_peer) best_peer = theirs;
        if (mine > best) best = mine;
    }
    store_close(b->store);
    printf("trades durable in group commit, %s: ours %.0f /s, peer %.0f /s (%s, 100 a commit), "
           "ratio %.2f "
           "(target >= 1.0)\n",
           name, best, best_peer, peer_name, best / best_peer);
    fflush(stdout);
}

int main(int argc, char **argv)
{
    must(argc >= 2, "usage: bench_trades FOLDER [postgresql://...]");
    struct bench b = {0};
    sem_init(&b.woken, 0, 0);
    char path[512];
    snprintf(path, sizeof path, "%s/peer.db", argv[1]);
    must(sqlite3_open(path, &b.sqlite) == SQLITE_OK, "open");
    sqlite3_exec(b.sqlite, "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL", NULL, NULL,
                 NULL);
    sqlite3_exec(b.sqlite, TRADES ";" TRADES_INDEX, NULL, NULL, NULL);
    sqlite3_prepare_v2(
        b.sqlite, "INSERT INTO peer_trades VALUES (?1,?2,?3,?4,?5,?6,?7,?8,?9,?10,?11,?12,?13)", -1,
        &b.insert, NULL);
    snprintf(path, sizeof path, "sqlite:%s/ours.db", argv[1]);
    measure(&b, path, sqlite_rows, "SQLite", "bare SQLite");
    sqlite3_finalize(b.insert);
    sqlite3_close(b.sqlite);
    if (argc < 3) return 0;

    b.postgres = PQconnectdb(argv[2]);
    must(PQstatus(b.postgres) == CONNECTION_OK, PQerrorMessage(b.postgres));
    /* In a schema of its own: ours wants the public one empty. */
    PQclear(PQexec(b.postgres,
                   "CREATE SCHEMA peer; SET search_path = peer; " TRADES "; " TRADES_INDEX));
    PQclear(PQprepare(b.postgres, "peer",
                      "INSERT INTO peer_trades VALUES ($1,$2,$3,$4,$5,$6,$7,$8,$9,$10,$11,$12,$13)",
                      0, NULL));
    must(PQenterPipelineMode(b.postgres), "pipeline");
    measure(&b, argv[2], postgres_rows, "PostgreSQL", "libpq pipelined");
    PQfinish(b.postgres);
    return 0;
}
