/* The office beside a real store: what it does by itself, as time passes. */
#include "cmocka_all.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "app/data_folder.h"
#include "app/office.h"
#include "base/clock.h"
#include "io/store/account_store.h"
#include "io/store/store_read.h"

enum { PATIENCE_MS = 10000 };

struct world {
    char folder[64], url[2 * CONFIG_TEXT_SIZE];
    struct config config;
    uv_loop_t loop;
    struct store *store;
    struct store_thread *thread;
    struct office *office;
};

static void open_world(struct world *w)
{
    strcpy(w->folder, "/tmp/test_office_XXXXXX");
    assert_non_null(mkdtemp(w->folder));
    snprintf(w->config.data, sizeof w->config.data, "%s/data", w->folder);
    assert_int_equal(uv_loop_init(&w->loop), 0);
    assert_int_equal(data_folder_open(w->config.data, "", clock_wall_ms(&clock_system), w->url,
                                      sizeof w->url, &w->store),
                     OK);
    assert_int_equal(office_open(&w->config, w->store, false, &w->office), OK);
}

static void start(struct world *w, uint32_t sweep_ms)
{
    const struct store_thread_options options = {.store = w->store, .slot_count = 16};
    assert_int_equal(store_thread_start(&options, &w->thread), OK);
    const struct office_surroundings around = {
        .loop = &w->loop, .store = w->thread, .store_url = w->url, .sweep_ms = sweep_ms};
    assert_int_equal(office_start(w->office, &around), OK);
}

static void close_world(struct world *w)
{
    char command[128];
    office_finish(w->office);
    store_thread_free(w->thread);
    office_close(w->office);
    uv_run(&w->loop, UV_RUN_DEFAULT);
    assert_int_equal(uv_loop_close(&w->loop), 0);
    store_close(w->store);
    snprintf(command, sizeof command, "rm -r %s", w->folder);
    assert_int_equal(system(command), 0);
}

static void add_reset(struct world *w, int64_t expires_ms)
{
    unsigned char hash[32] = {(unsigned char)expires_ms};
    assert_int_equal(store_begin(w->store), OK);
    assert_int_equal(account_store_add_reset(store_sql(w->store), STORE_FIRST_USER, hash,
                                             clock_wall_ms(&clock_system), expires_ms),
                     OK);
    assert_int_equal(store_commit(w->store), OK);
}

static int64_t count_resets(struct store_reader *reader)
{
    struct sql *db = store_reader_sql(reader);
    struct sql_statement *st;
    int64_t count = -1;
    assert_int_equal(sql_use(db, "SELECT count(*) FROM password_resets", &st), OK);
    assert_int_equal(sql_run_i64(st, &count), OK);
    return count;
}

static void test_office__rows_whose_time_is_over_go_while_it_runs(void **state)
{
    (void)state;
    static struct world w;
    struct store_reader *reader;
    open_world(&w);
    add_reset(&w, 1); /* the start has swept before */
    start(&w, 10);
    assert_int_equal(store_reader_open(w.url, &reader), OK);
    const uint64_t end = uv_hrtime() / 1000000 + PATIENCE_MS;
    while (count_resets(reader) > 0 && uv_hrtime() / 1000000 < end) uv_run(&w.loop, UV_RUN_ONCE);
    assert_int_equal(count_resets(reader), 0);
    store_reader_close(reader);
    close_world(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_office__rows_whose_time_is_over_go_while_it_runs),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
