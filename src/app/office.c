/* Accounts at work. */
#include "app/office.h"

#include <stdio.h>
#include <stdlib.h>

#include "app/secret_file.h"
#include "app/setup_token.h"
#include "base/check.h"
#include "base/clock.h"
#include "base/log.h"
#include "io/store/account_store.h"
#include "io/store/sealed_store.h"
#include "io/store/store_pool.h"
#include "service/account/directory_load.h"

enum { NEWS_TIMEOUT_MS = 5000, SWEEP_SLOTS = 2 /* of the store client, which has one command */ };

struct office {
    const struct config *config;
    struct accounts accounts;
    bool is_unclaimed; /* there may be a set-up token */

    uv_async_t wake;
    uv_timer_t tick, broom;
    unsigned handles_left; /* that are open */

    struct store_client *client;
    bool sweeps; /* that is under way */

    struct store_pool *readers;
    struct store_pool_client *reader;
    struct store_job news; /* first asked of: see office_of */
    bool asks;             /* news is under way */
};

static int64_t now_ms(void)
{
    return clock_wall_ms(&clock_system);
}

/* ---- the file of master keys ---- */

/* What was sealed by keys that are gone stays shut for ever, so that is said before keys are made
 * that look as if all were well. */
static enum err open_vault(struct office *o, struct sql *db)
{
    struct secret_file file;
    uint64_t sealed = 0;
    enum err err = sealed_store_count(db, &sealed);
    if (!err) err = secret_file_find(o->config, &file);
    if (!err) err = secret_file_open(&file, sealed == 0, &o->accounts.vault);
    if (err != ERR_NOT_FOUND) return err;
    return err_note(err,
                    "%s is missing, and the database holds %llu secrets that only it opens: bring "
                    "it back, or name its place in TRADEBOT_SECRET_FILE",
                    file.path, (unsigned long long)sealed);
}

/* ---- loading ---- */

static enum err sweep(struct store *store)
{
    enum err err = store_begin(store);
    if (err) return err;
    err = account_store_sweep(store_sql(store), now_ms());
    if (!err) return store_commit(store);
    store_rollback(store);
    return err;
}

static enum err open_setup_token(struct office *o)
{
    char text[TOKEN_TEXT_SIZE];
    const enum err err = setup_token_open(o->config->data, text, &o->accounts.setup_token);
    if (err) return err;
    o->accounts.has_setup_token = true;
    fprintf(stderr, "set-up token, for making the first account from another machine: %s\n", text);
    return OK;
}

enum err office_open(const struct config *config, struct store *store, bool with_setup_token,
                     struct office **out)
{
    struct office *o = calloc(1, sizeof *o);
    CHECK(o);
    o->config = config;
    o->accounts.registration = config->registration;
    o->accounts.directory = directory_new();
    enum err err = sweep(store);
    if (!err) err = directory_load(o->accounts.directory, store_sql(store), now_ms());
    if (!err) err = open_vault(o, store_sql(store));
    if (!err) err = password_pool_open(&o->accounts.passwords);
    o->is_unclaimed = !directory_is_claimed(o->accounts.directory);
    if (!o->is_unclaimed) setup_token_remove(config->data);
    if (!err && o->is_unclaimed && with_setup_token && config->registration != REGISTRATION_CLOSED)
        err = open_setup_token(o);
    if (err) {
        office_close(o);
        return err_note(err, "while opening the accounts");
    }
    *out = o;
    return OK;
}

/* ---- news ---- */

static struct office *office_of(struct store_job *job)
{
    return (struct office *)((char *)job - offsetof(struct office, news));
}

/* On the reader's thread. */
static enum err read_news(struct store_reader *r, struct store_job *job)
{
    return directory_catch_up(office_of(job)->accounts.directory, store_reader_sql(r), now_ms());
}

static void on_news(struct store_job *job, enum err err)
{
    office_of(job)->asks = false;
    if (err) log_warn("account_news_missed", "cause=\"%s\"", job->cause);
}

static void on_tick(uv_timer_t *timer)
{
    struct office *o = timer->data;
    if (o->is_unclaimed && directory_is_claimed(o->accounts.directory)) {
        o->is_unclaimed = false;
        setup_token_remove(o->config->data);
    }
    if (o->asks) return;
    o->news.read = read_news;
    o->news.done = on_news;
    o->asks = store_pool_submit(o->reader, &o->news) == OK;
}

/* ---- rows whose time is over ---- */

/* On the store's thread. */
static enum err sweep_again(struct store *s, void *arg)
{
    (void)arg;
    return account_store_sweep(store_sql(s), now_ms());
}

static void take_acks(struct office *o)
{
    struct store_ack ack;
    while (store_client_pop_ack(o->client, &ack)) {
        o->sweeps = false;
        if (ack.err) log_warn("account_sweep_failed", "err=%d", ack.err);
    }
}

/* What finds no room waits for the next time. */
static void on_broom(uv_timer_t *timer)
{
    struct office *o = timer->data;
    const struct store_command command = {.kind = STORE_RUN, .run = {.run = sweep_again}};
    if (!o->sweeps) o->sweeps = store_client_push(o->client, &command);
}

/* ---- running ---- */

static void on_wake(uv_async_t *handle)
{
    struct office *o = handle->data;
    take_acks(o);
    store_pool_deliver(o->reader);
}

static void wake(void *self)
{
    uv_async_send(&((struct office *)self)->wake);
}

static enum err open_handles(struct office *o, uv_loop_t *loop)
{
    int code = uv_async_init(loop, &o->wake, on_wake);
    if (!code) code = uv_timer_init(loop, &o->tick);
    if (!code) code = uv_timer_init(loop, &o->broom);
    if (code) return err_set(ERR_IO, "cannot make the office's handles: %s", uv_strerror(code));
    o->wake.data = o->tick.data = o->broom.data = o;
    o->handles_left = 3;
    return OK;
}

enum err office_start(struct office *o, const struct office_surroundings *around)
{
    const struct store_thread_options client = {.slot_count = SWEEP_SLOTS, .wake = wake, .user = o};
    const struct store_pool_options pool = {
        .url = around->store_url, .thread_count = 1, .queue_max = 1, .timeout_ms = NEWS_TIMEOUT_MS};
    const uint32_t sweep_ms = around->sweep_ms ? around->sweep_ms : OFFICE_SWEEP_MS;
    enum err err = open_handles(o, around->loop);
    if (err) return err;
    err = store_client_open(around->store, &client, &o->client);
    if (!err) err = store_pool_start(&pool, &o->readers);
    if (!err) err = store_pool_client_open(o->readers, wake, o, &o->reader);
    if (!err) uv_timer_start(&o->tick, on_tick, OFFICE_NEWS_MS, OFFICE_NEWS_MS);
    if (!err) uv_timer_start(&o->broom, on_broom, sweep_ms, sweep_ms);
    return err ? err_note(err, "while starting the accounts") : OK;
}

struct accounts *office_accounts(struct office *o)
{
    return &o->accounts;
}

/* ---- ending ---- */

void office_finish(struct office *o)
{
    if (!o) return;
    password_pool_close(o->accounts.passwords);
    o->accounts.passwords = NULL;
}

static void on_closed(uv_handle_t *handle)
{
    struct office *o = handle->data;
    if (--o->handles_left == 0) free(o);
}

void office_close(struct office *o)
{
    if (!o) return;
    store_pool_stop(o->readers);
    office_finish(o);
    vault_close(o->accounts.vault);
    directory_free(o->accounts.directory);
    if (o->handles_left == 0) {
        free(o);
        return;
    }
    uv_close((uv_handle_t *)&o->tick, on_closed);
    uv_close((uv_handle_t *)&o->broom, on_closed);
    uv_close((uv_handle_t *)&o->wake, on_closed);
}
