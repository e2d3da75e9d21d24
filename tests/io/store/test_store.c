/* The store by hand: opening, refusals, one row of everything. */
#include "cmocka_all.h"

#include <ctype.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <sqlite3.h>

#include "fault_vfs.h"
#include "fixture.h"
#include "io/store/store_read.h"

static void test_store__first_open_makes_user_and_install_id(void **state)
{
    const struct fixture *f = fixture_of(state);
    struct store *s = open_store(f);
    char id[INSTALL_ID_SIZE];
    strcpy(id, store_install_id(s));
    assert_int_equal(strlen(id), 8);
    for (int i = 0; i < 8; i++) assert_true(isdigit(id[i]) || islower(id[i]));
    store_close(s);
    s = open_store(f);
    assert_string_equal(store_install_id(s), id);
    store_close(s);
    assert_int_equal(query_i64(f, "SELECT id FROM users WHERE role = 'admin' AND email IS NULL"),
                     1);
    assert_int_equal(query_i64(f, "SELECT created_ms FROM users"), NOW_MS);
    if (f->kind == SQL_POSTGRES) return;
    assert_int_equal(query_i64(f, "SELECT count(*) FROM pragma_journal_mode WHERE "
                                  "journal_mode = 'wal'"),
                     1);
}

static void test_store__second_engine_is_refused_naming_the_first(void **state)
{
    const struct fixture *f = fixture_of(state);
    struct store *s = open_store(f);
    struct store *second = NULL;
    char text[64];
    snprintf(text, sizeof text, "process %d", (int)getpid());
    assert_err(store_open(f->url, NOW_MS, &second), ERR_EXISTS, text);
    assert_null(second);
    store_close(s);
    store_close(open_store(f));
}

static void test_store__bad_places_are_refused_naming_the_cause(void **state)
{
    const struct fixture *f = fixture_of(state);
    struct store *s = NULL;
    char path[256];
    snprintf(path, sizeof path, "%s/missing/tradebot.db", f->folder);
    assert_err(store_open(path, NOW_MS, &s), ERR_IO, "No such file or directory");

    snprintf(path, sizeof path, "%s/text.db", f->folder);
    FILE *text = fopen(path, "w");
    for (int i = 0; i < 1000; i++) fputs("this is not a database\n", text);
    fclose(text);
    assert_err(store_open(path, NOW_MS, &s), ERR_PARSE, "not a database");
    assert_non_null(strstr(err_text(), path));

    char file[300];
    snprintf(file, sizeof file, "%s/inside.db", path);
    assert_err(store_open(file, NOW_MS, &s), ERR_IO, "Not a directory");
}

/* In a child that gives up being root, who may write everywhere. */
static void test_store__unwritable_folder_is_refused(void **state)
{
    const struct fixture *f = fixture_of(state);
    assert_int_equal(chmod(f->folder, 0555), 0);
    const pid_t child = fork();
    if (child == 0) {
        if (geteuid() == 0 && setuid(65534)) _exit(2);
        struct store *s = NULL;
        const enum err err = store_open(f->url, NOW_MS, &s);
        _exit(err == ERR_IO && strstr(err_text(), "Permission denied") ? 0 : 3);
    }
    int status = 0;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
    assert_int_equal(chmod(f->folder, 0700), 0);
}

static void test_store__order_and_fill_are_kept(void **state)
{
    const struct fixture *f = fixture_of(state);
    struct store *s = open_store(f);
    const uint64_t bot = add_bot(s);
    const struct store_order order = sample_order(1, bot);
    const struct store_booking booking = sample_booking(&order, 900, 1);
    assert_ok(store_begin(s));
    assert_ok(store_order_placed(s, &order));
    assert_ok(store_fill_booked(s, &booking));
    assert_ok(store_commit(s));
    store_close(s);
    assert_int_equal(query_i64(f,
                               "SELECT count(*) FROM orders WHERE state = 'filled' AND user_id = 1"
                               " AND client_order_id = 'tb-abcdefgh-1' AND filled = 1540"),
                     1);
    assert_int_equal(
        query_i64(f, "SELECT count(*) FROM fills WHERE fee = 99811096 AND user_id = 1"), 1);
    assert_int_equal(query_i64(f, "SELECT base FROM positions"), 1);
    assert_int_equal(query_i64(f, "SELECT trades FROM bot_states"), 1);
    assert_int_equal(query_i64(f, "SELECT pnl FROM round_trips"), -12);
}

/* ---- instruments that are counted in other scales than before ---- */

static struct instrument finer_btc(void)
{
    struct instrument i = {
        .venue = VENUE_SIM,
        .price_scale = 2,
        .qty_scale = 8,
        .base_scale = 8,
        .quote_scale = 8,
        .step = {1000},
    };
    strcpy(i.symbol, "BTCUSDT");
    return i;
}

static void take_order(void *user, const struct store_order *order)
{
    *(struct store_order *)user = *order;
}

static void ignore_bot(void *user, const struct store_bot *bot)
{
    (void)user;
    (void)bot;
}

static void ignore_totals(void *user, const struct store_totals *totals)
{
    (void)user;
    (void)totals;
}

static void ignore_position(void *user, const struct store_position *position)
{
    (void)user;
    (void)position;
}

static void ignore_fill(void *user, const struct store_fill *fill)
{
    (void)user;
    (void)fill;
}

static struct store_order load_order(struct store *s)
{
    struct store_order row = {0};
    uint64_t next_order_id;
    const struct store_loader loader = {
        .user = &row,
        .on_bot = ignore_bot,
        .on_totals = ignore_totals,
        .on_position = ignore_position,
        .on_order = take_order,
        .on_fill = ignore_fill,
        .fill_count = 10,
    };
    assert_ok(store_load(s, &loader, &next_order_id));
    return row;
}

/* An order of a database that was written when quantities were counted in lots goes on in a finer
 * scale: all of its row must say so, or 0.0154 would be read as 15.4. */
static void test_store__order_of_an_older_scale_is_changed_in_the_scale_of_today(void **state)
{
    const struct fixture *f = fixture_of(state);
    struct store *s = open_store(f);
    struct store_order order = sample_order(1, add_bot(s));
    order.order.qty.units = 1540;
    order.order.trigger.units = 6448834;
    assert_ok(store_begin(s));
    assert_ok(store_order_placed(s, &order));
    assert_ok(store_commit(s));

    const struct instrument rules = finer_btc();
    struct store_order row = load_order(s);
    assert_int_equal(row.market.qty_scale, 5);
    assert_true(store_order_fit(&row, &rules));
    assert_int_equal(row.order.qty.units, 1540000);
    struct store_change change = {row.order, row.market};
    change.order.state = ORDER_OPEN;
    change.order.filled.units = 618900;
    assert_ok(store_begin(s));
    assert_ok(store_order_changed(s, &change));
    assert_ok(store_commit(s));
    row = load_order(s);
    assert_int_equal(row.market.qty_scale, 8);
    assert_int_equal(row.order.qty.units, 1540000);
    assert_int_equal(row.order.filled.units, 618900);
    assert_int_equal(row.order.trigger.units, 6448834);
    store_close(s);
}

static void test_store__rows_fit_other_scales_exactly_or_not_at_all(void **state)
{
    (void)state;
    struct instrument rules = finer_btc();
    struct store_position p = {
        .market = sample_market(),
        .position = {.base = {1540000},
                     .cost = {99811096000},
                     .bought = {1540},
                     .sold = {40},
                     .entry_price = {6481241},
                     .peak = {6481249},
                     .open = true},
    };
    struct store_order o = sample_order(1, 1);
    o.order.qty.units = 1540;
    assert_true(store_position_fit(&p, &rules));
    assert_true(store_order_fit(&o, &rules));
    assert_int_equal(p.position.bought.units, 1540000);
    assert_int_equal(p.position.sold.units, 40000);
    assert_int_equal(p.position.base.units, 1540000);
    assert_int_equal(p.position.entry_price.units, 6481241);
    assert_int_equal(o.order.qty.units, 1540000);
    assert_int_equal(p.market.qty_scale, 8);
    assert_int_equal(o.market.qty_scale, 8);

    /* A larger tick rounds averages and peaks, a larger lot that holds all digits loses none. */
    rules.price_scale = 1;
    rules.qty_scale = 4;
    assert_true(store_position_fit(&p, &rules));
    assert_int_equal(p.position.entry_price.units, 648124);
    assert_int_equal(p.position.peak.units, 648124);
    assert_int_equal(p.position.bought.units, 154);
    rules.qty_scale = 3;
    const struct store_position before = p;
    assert_false(store_position_fit(&p, &rules));
    assert_memory_equal(&p, &before, sizeof p);
    o.order.filled.units = 1;
    const struct store_order unfit = o;
    assert_false(store_order_fit(&o, &rules));
    assert_memory_equal(&o, &unfit, sizeof o);
    o.order.filled.units = 0;
    o.order.price.units = 6481241;
    rules.qty_scale = 8;
    assert_false(store_order_fit(&o, &rules)); /* what was ordered is not rounded */
    rules.price_scale = 2;
    rules.qty_scale = 18;
    o.order.qty.units = INT64_MAX / 10;
    assert_false(store_order_fit(&o, &rules));
}

static void test_store__duplicate_trade_id_changes_nothing(void **state)
{
    const struct fixture *f = fixture_of(state);
    struct store *s = open_store(f);
    const uint64_t bot = add_bot(s);
    const struct store_order order = sample_order(1, bot);
    struct store_booking booking = sample_booking(&order, 900, 1);
    assert_ok(store_begin(s));
    assert_ok(store_order_placed(s, &order));
    assert_ok(store_fill_booked(s, &booking));
    booking = sample_booking(&order, 900, 55);
    booking.booking.order.filled.units = 1;
    assert_err(store_fill_booked(s, &booking), ERR_EXISTS, "fills");
    assert_ok(store_commit(s));
    store_close(s);
    assert_int_equal(query_i64(f, "SELECT base FROM positions"), 1);
    assert_int_equal(query_i64(f, "SELECT trades FROM bot_states"), 1);
    assert_int_equal(query_i64(f, "SELECT filled FROM orders"), 1540);
    assert_int_equal(query_i64(f, "SELECT count(*) FROM round_trips"), 1);
}

/* The last of the rows that a fill writes is refused: the first must go with it. */
static void test_store__fill_is_booked_whole_or_not_at_all(void **state)
{
    const struct fixture *f = fixture_of(state);
    struct store *s = open_store(f);
    const uint64_t bot = add_bot(s);
    const struct store_order order = sample_order(1, bot);
    struct store_booking booking = sample_booking(&order, 900, 1);
    booking.booking.totals.trades = UINT64_MAX;
    assert_ok(store_begin(s));
    assert_ok(store_order_placed(s, &order));
    assert_err(store_fill_booked(s, &booking), ERR_INVALID, "constraint");
    booking = sample_booking(&order, 901, 1);
    booking.booking.position.peak.units = -1;
    assert_err(store_fill_booked(s, &booking), ERR_INVALID, "constraint");
    assert_ok(store_commit(s));
    store_close(s);
    assert_int_equal(query_i64(f, "SELECT count(*) FROM orders WHERE state = 'sent'"), 1);
    assert_int_equal(query_i64(f, "SELECT count(*) FROM fills"), 0);
    assert_int_equal(query_i64(f, "SELECT count(*) FROM positions"), 0);
    assert_int_equal(query_i64(f, "SELECT count(*) FROM round_trips"), 0);
}

static void test_store__bad_rows_are_refused(void **state)
{
    const struct fixture *f = fixture_of(state);
    struct store *s = open_store(f);
    const uint64_t bot_id = add_bot(s);
    assert_ok(store_begin(s));

    struct store_order o = sample_order(1, bot_id);
    assert_ok(store_order_placed(s, &o));
    assert_err(store_order_placed(s, &o), ERR_EXISTS, "; while placing order 1");
    o.order.id = 2;
    assert_err(store_order_placed(s, &o), ERR_EXISTS, "client_order_id");
    o = sample_order(3, bot_id + 1);
    assert_err(store_order_placed(s, &o), ERR_NOT_FOUND, "there is no bot");
    o = sample_order(3, bot_id);
    o.order.qty.units = 0;
    assert_err(store_order_placed(s, &o), ERR_INVALID, "qty");
    o = sample_order(3, bot_id);
    o.order.type = ORDER_TYPE_LIMIT;
    assert_err(store_order_placed(s, &o), ERR_INVALID, "constraint");
    o = sample_order(UINT64_MAX, bot_id);
    assert_err(store_order_placed(s, &o), ERR_INVALID, "id");
    o = sample_order(3, bot_id);
    o.market.price_scale = 19;
    assert_err(store_order_placed(s, &o), ERR_INVALID, "price_scale");
    o = sample_order(3, bot_id);
    const struct store_change change = {o.order, o.market};
    assert_err(store_order_changed(s, &change), ERR_NOT_FOUND, "there is no order 3");
    struct store_booking b = sample_booking(&o, 5, 1);
    assert_err(store_fill_booked(s, &b), ERR_NOT_FOUND, "order");

    uint64_t id = 0;
    struct store_bot bot = sample_bot();
    bot.user_id = 2;
    assert_err(store_bot_insert(s, &bot, &id), ERR_NOT_FOUND, "constraint");
    bot = sample_bot();
    bot.name[0] = '\0';
    assert_err(store_bot_insert(s, &bot, &id), ERR_INVALID, "name");
    bot = sample_bot();
    strcpy(bot.params, "{\"a\":");
    assert_err(store_bot_insert(s, &bot, &id), ERR_INVALID, "not a JSON object");
    bot = sample_bot();
    strcpy(bot.params, "[1]");
    assert_err(store_bot_insert(s, &bot, &id), ERR_INVALID, "not a JSON object");
    bot = sample_bot();
    bot.symbol_count = 0;
    assert_err(store_bot_insert(s, &bot, &id), ERR_INVALID, "symbols");
    bot = sample_bot();
    strcpy(bot.symbols[0], "\xff\xfe");
    assert_err(store_bot_insert(s, &bot, &id), ERR_INVALID, "not text");
    bot = sample_bot();
    bot.capital.units = 0;
    assert_err(store_bot_insert(s, &bot, &id), ERR_INVALID, "capital");
    bot = sample_bot();
    bot.id = bot_id;
    bot.user_id = 2;
    assert_err(store_bot_update(s, &bot), ERR_NOT_FOUND, "there is no bot");
    assert_err(store_bot_want(s, 2, bot_id, true, NOW_MS), ERR_NOT_FOUND, "there is no bot");
    const struct store_totals totals = {.bot_id = bot_id + 1};
    assert_err(store_bot_totals(s, &totals), ERR_NOT_FOUND, "constraint");
    assert_ok(store_commit(s));
    store_close(s);
    assert_int_equal(query_i64(f, "SELECT count(*) FROM orders"), 1);
    assert_int_equal(query_i64(f, "SELECT count(*) FROM bots"), 1);
}

static void test_store__bot_with_ties_is_not_deleted(void **state)
{
    const struct fixture *f = fixture_of(state);
    struct store *s = open_store(f);
    const uint64_t bot = add_bot(s);
    struct store_order order = sample_order(1, bot);
    struct store_booking booking = sample_booking(&order, 1, 1);
    booking.booking.position.open = true;
    assert_ok(store_begin(s));
    assert_err(store_bot_delete(s, 2, bot, NOW_MS), ERR_NOT_FOUND, "no such row");
    assert_ok(store_bot_want(s, 1, bot, true, NOW_MS));
    assert_err(store_bot_delete(s, 1, bot, NOW_MS), ERR_INVALID, "stop it first");
    assert_ok(store_bot_want(s, 1, bot, false, NOW_MS));
    assert_ok(store_order_placed(s, &order));
    assert_err(store_bot_delete(s, 1, bot, NOW_MS), ERR_INVALID, "still open");
    assert_ok(store_fill_booked(s, &booking));
    assert_err(store_bot_delete(s, 1, bot, NOW_MS), ERR_INVALID, "holds a position");
    booking = sample_booking(&order, 2, 1);
    assert_ok(store_fill_booked(s, &booking));
    assert_ok(store_bot_delete(s, 1, bot, NOW_MS));
    assert_err(store_bot_delete(s, 1, bot, NOW_MS), ERR_NOT_FOUND, "no such row");
    order = sample_order(2, bot);
    assert_err(store_order_placed(s, &order), ERR_NOT_FOUND, "there is no bot");
    assert_ok(store_commit(s));
    store_close(s);
    assert_int_equal(query_i64(f, "SELECT count(*) FROM fills"), 2);
}

static void skip_bot(void *user, const struct store_bot *row)
{
    (void)user, (void)row;
}
static void skip_totals(void *user, const struct store_totals *row)
{
    (void)user, (void)row;
}
static void skip_position(void *user, const struct store_position *row)
{
    (void)user, (void)row;
}
static void skip_order(void *user, const struct store_order *row)
{
    (void)user, (void)row;
}
static void skip_fill(void *user, const struct store_fill *row)
{
    (void)user, (void)row;
}

static uint64_t load_next_id(struct store *s)
{
    uint64_t next = 0;
    const struct store_loader loader = {
        .on_bot = skip_bot,
        .on_totals = skip_totals,
        .on_position = skip_position,
        .on_order = skip_order,
        .on_fill = skip_fill,
    };
    assert_ok(store_load(s, &loader, &next));
    return next;
}

static void test_store__order_ids_go_on_behind_every_used_one(void **state)
{
    const struct fixture *f = fixture_of(state);
    struct store *s = open_store(f);
    const uint64_t bot = add_bot(s);
    uint64_t next = load_next_id(s);
    assert_int_equal(next, 1);
    for (int run = 0; run < 3; run++) {
        uint64_t last = 0;
        for (int i = 0; i < 1700; i++) {
            if (i % 100 == 0) assert_ok(store_begin(s));
            last = next++;
            const struct store_order order = sample_order(last, bot);
            assert_ok(store_order_placed(s, &order));
            if (i % 100 == 99) assert_ok(store_commit(s));
        }
        store_close(s);
        s = open_store(f);
        next = load_next_id(s);
        assert_true(next > last + STORE_ORDER_ID_BLOCK / 4);
        assert_true(next <= last + STORE_ORDER_ID_BLOCK + 1);
    }
    store_close(s);
}

static void test_store__failed_sync_stops_all_writing_until_reopened(void **state)
{
    const struct fixture *f = fixture_of(state);
    fault_vfs_install();
    struct store *s = open_store(f);
    const uint64_t bot = add_bot(s);
    const struct store_order order = sample_order(1, bot), next = sample_order(2, bot);
    fault_vfs_set(FAULT_SYNC, 0);
    assert_ok(store_begin(s));
    assert_ok(store_order_placed(s, &order));
    assert_err(store_commit(s), ERR_IO, "outcome is unknown");
    assert_true(store_is_broken(s));
    fault_vfs_set(FAULT_NONE, 0);
    assert_err(store_begin(s), ERR_IO, "until it is reopened");
    assert_int_equal(store_order_placed(s, &next), ERR_IO);
    store_close(s);

    s = open_store(f);
    assert_ok(store_begin(s));
    assert_ok(store_order_placed(s, &next));
    assert_ok(store_commit(s));
    store_close(s);
}

static void test_store__full_disk_loses_the_batch_and_nothing_else(void **state)
{
    const struct fixture *f = fixture_of(state);
    fault_vfs_install();
    struct store *s = open_store(f);
    const uint64_t bot = add_bot(s);
    const struct store_order order = sample_order(1, bot);
    for (int after = 0; after < 3; after++) {
        fault_vfs_set(FAULT_DISK_FULL, after);
        assert_ok(store_begin(s));
        assert_ok(store_order_placed(s, &order));
        assert_err(store_commit(s), ERR_LIMIT, "the disk is full");
        assert_false(store_is_broken(s));
    }
    fault_vfs_set(FAULT_NONE, 0);
    assert_ok(store_begin(s));
    assert_ok(store_order_placed(s, &order));
    assert_ok(store_commit(s));
    store_close(s);
    assert_int_equal(query_i64(f, "SELECT count(*) FROM orders"), 1);
    assert_int_equal(query_i64(f, "SELECT count(*) FROM pragma_integrity_check WHERE "
                                  "integrity_check = 'ok'"),
                     1);
}

/* A real refusal by the kernel, in a child because the limit is the process's. */
static void test_store__file_size_limit_is_an_error_not_a_crash(void **state)
{
    const struct fixture *f = fixture_of(state);
    store_close(open_store(f));
    const pid_t child = fork();
    if (child == 0) {
        signal(SIGXFSZ, SIG_IGN);
        struct store *s = NULL;
        if (store_open(f->url, NOW_MS, &s)) _exit(2);
        const struct rlimit limit = {4096, 4096};
        if (setrlimit(RLIMIT_FSIZE, &limit)) _exit(3);
        const struct store_bot bot = sample_bot();
        uint64_t id;
        enum err err = store_begin(s);
        if (!err) err = store_bot_insert(s, &bot, &id);
        if (!err) err = store_commit(s);
        _exit(err == ERR_IO && store_is_broken(s) ? 0 : 4);
    }
    int status = 0;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
    store_close(open_store(f));
    assert_int_equal(query_i64(f, "SELECT count(*) FROM bots"), 0);
}

struct seen {
    uint64_t ids[64];
    uint32_t count;
};

static void see_order(void *user, const struct store_order *order)
{
    struct seen *seen = user;
    seen->ids[seen->count++] = order->order.id;
}

static void test_store_read__pages_newest_first_and_only_ones_own(void **state)
{
    const struct fixture *f = fixture_of(state);
    struct store *s = open_store(f);
    const uint64_t first = add_bot(s), second = add_bot(s);
    assert_ok(store_begin(s));
    for (uint64_t id = 1; id <= 20; id++) {
        struct store_order order = sample_order(id, id % 2 ? first : second);
        order.order.created_ms = NOW_MS + (int64_t)id / 4;
        assert_ok(store_order_placed(s, &order));
    }
    assert_ok(store_commit(s));

    struct store_reader *r = NULL;
    assert_ok(store_reader_open(f->url, &r));
    struct seen seen = {.count = 0};
    struct store_page page = {.user_id = 1, .limit = 7};
    for (uint32_t before = UINT32_MAX; before != seen.count;) {
        before = seen.count;
        page.before_id = seen.count ? seen.ids[seen.count - 1] : 0;
        assert_ok(store_read_orders(r, &page, see_order, &seen));
    }
    assert_int_equal(seen.count, 20);
    for (uint32_t i = 0; i < 20; i++) assert_int_equal(seen.ids[i], 20 - i);

    seen.count = 0;
    page = (struct store_page){.user_id = 1, .bot_id = second, .before_id = 8, .limit = 2};
    assert_ok(store_read_orders(r, &page, see_order, &seen));
    assert_int_equal(seen.count, 2);
    assert_int_equal(seen.ids[0], 6);
    assert_int_equal(seen.ids[1], 4);

    seen.count = 0;
    page = (struct store_page){.user_id = 2, .limit = 5};
    assert_ok(store_read_orders(r, &page, see_order, &seen));
    page = (struct store_page){.user_id = 2, .before_id = 5, .limit = 5};
    assert_ok(store_read_orders(r, &page, see_order, &seen));
    page = (struct store_page){.user_id = 1, .before_id = 999, .limit = 5};
    assert_ok(store_read_orders(r, &page, see_order, &seen));
    assert_int_equal(seen.count, 0);
    struct store_bot bot;
    assert_err(store_read_bot(r, 2, first, &bot), ERR_NOT_FOUND, "no such row");
    assert_err(store_read_bot(r, 1, UINT64_MAX, &bot), ERR_NOT_FOUND, "no such row");
    store_reader_close(r);
    store_close(s);
}

static void test_store_read__lists_walk_an_index(void **state)
{
    const struct fixture *f = fixture_of(state);
    store_close(open_store(f));
    sqlite3 *db = NULL;
    assert_int_equal(sqlite3_open(f->path, &db), SQLITE_OK);
    static const char *const tables[] = {"bots", "orders", "fills", "round_trips"};
    for (int i = 0; i < 4; i++) {
        char sql[256];
        snprintf(sql, sizeof sql,
                 "EXPLAIN QUERY PLAN SELECT * FROM %s WHERE user_id = ?1 AND ?2 = 0 %s"
                 " AND (created_ms, id) < (?3, ?4) ORDER BY created_ms DESC, id DESC LIMIT ?5",
                 tables[i], i ? "" : "AND deleted_ms IS NULL");
        sqlite3_stmt *plan = NULL;
        assert_int_equal(sqlite3_prepare_v2(db, sql, -1, &plan, NULL), SQLITE_OK);
        int rows = 0;
        for (; sqlite3_step(plan) == SQLITE_ROW; rows++) {
            const char *step = (const char *)sqlite3_column_text(plan, 3);
            if (!strstr(step, "_user (user_id=? AND ") && !strstr(step, "CONSTANT"))
                fail_msg("%s", step);
        }
        assert_true(rows >= 1);
        sqlite3_finalize(plan);
    }
    sqlite3_close(db);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        ON_BOTH(test_store__first_open_makes_user_and_install_id),
        ON_BOTH(test_store__second_engine_is_refused_naming_the_first),
        ON_SQLITE(test_store__bad_places_are_refused_naming_the_cause),
        ON_SQLITE(test_store__unwritable_folder_is_refused),
        ON_BOTH(test_store__order_and_fill_are_kept),
        ON_BOTH(test_store__order_of_an_older_scale_is_changed_in_the_scale_of_today),
        cmocka_unit_test(test_store__rows_fit_other_scales_exactly_or_not_at_all),
        ON_BOTH(test_store__duplicate_trade_id_changes_nothing),
        ON_BOTH(test_store__fill_is_booked_whole_or_not_at_all),
        ON_BOTH(test_store__bad_rows_are_refused),
        ON_BOTH(test_store__bot_with_ties_is_not_deleted),
        ON_BOTH(test_store__order_ids_go_on_behind_every_used_one),
        ON_SQLITE(test_store__failed_sync_stops_all_writing_until_reopened),
        ON_SQLITE(test_store__full_disk_loses_the_batch_and_nothing_else),
        ON_SQLITE(test_store__file_size_limit_is_an_error_not_a_crash),
        ON_BOTH(test_store_read__pages_newest_first_and_only_ones_own),
        ON_SQLITE(test_store_read__lists_walk_an_index),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
