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
#include "service/api/key_probes.h"

enum {
    CHANGES_MAX = ACCOUNT_CALLS_MAX, /* every call may wait for the store; a ring's size */
    NEWS_TIMEOUT_MS = 5000,
};

struct office {
    const struct config *config;
    struct accounts accounts;
    struct account_desk *desk;
    bool is_unclaimed; /* there may be a set-up token */

    uv_loop_t *loop;
    uv_async_t wake;
    uv_timer_t tick, broom;
    unsigned handles_left; /* that are open */

    struct store_thread *store;
    struct store_client *client;
    struct account_change *changes[CHANGES_MAX]; /* pushed and not acked, in order */
    uint32_t change_first, change_count;

    struct account_change sweep; /* first asked of: see office_of_sweep */
    bool sweeps;                 /* it is under way */

    struct letters *letters;
    struct key_probes *probes;
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

/* ---- changes ---- */

static enum err run_change(struct store *s, void *arg)
{
    struct account_change *change = arg;
    return change->run(store_sql(s), change);
}

static bool change(void *self, struct account_change *change)
{
    struct office *o = self;
    const struct store_command command = {.kind = STORE_RUN,
                                          .run = {.run = run_change, .arg = change}};
    if (o->change_count == CHANGES_MAX || !store_client_push(o->client, &command)) return false;
    o->changes[(o->change_first + o->change_count++) % CHANGES_MAX] = change;
    return true;
}

/* Acks come in the order of the commands. */
static void take_acks(struct office *o)
{
    struct store_ack ack;
    while (store_client_pop_ack(o->client, &ack)) {
        CHECK(o->change_count > 0);
        struct account_change *done = o->changes[o->change_first];
        o->change_first = (o->change_first + 1) % CHANGES_MAX;
        o->change_count--;
        done->on_done(done, (enum err)ack.err);
    }
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

static struct office *office_of_sweep(struct account_change *change)
{
    return (struct office *)((char *)change - offsetof(struct office, sweep));
}

/* On the store's thread. */
static enum err run_sweep(struct sql *db, struct account_change *change)
{
    (void)change;
    return account_store_sweep(db, now_ms());
}

static void on_swept(struct account_change *change, enum err err)
{
    office_of_sweep(change)->sweeps = false;
    if (err) log_warn("account_sweep_failed", "err=%d", (int)err);
}

/* What finds no room waits for the next time. */
static void on_broom(uv_timer_t *timer)
{
    struct office *o = timer->data;
    if (o->sweeps) return;
    o->sweep = (struct account_change){.run = run_sweep, .on_done = on_swept};
    o->sweeps = change(o, &o->sweep);
}

/* ---- running ---- */

static bool probe(void *self, struct account_probe *probe)
{
    return key_probes_ask(((struct office *)self)->probes, probe);
}

static void send_reset(void *self, const char *email, const char *locale, const char *token)
{
    letters_send_reset(((struct office *)self)->letters, email, locale, token);
}

static void on_wake(uv_async_t *handle)
{
    struct office *o = handle->data;
    account_desk_collect(o->desk);
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
    o->loop = loop;
    o->wake.data = o->tick.data = o->broom.data = o;
    o->handles_left = 3;
    return OK;
}

enum err office_start(struct office *o, const struct office_surroundings *around)
{
    const struct account_port port = {.self = o,
                                      .change = change,
                                      .send_reset = around->letters ? send_reset : NULL,
                                      .probe = probe,
                                      .wake = wake};
    const struct store_thread_options client = {.slot_count = CHANGES_MAX, .wake = wake, .user = o};
    const struct store_pool_options pool = {
        .url = around->store_url, .thread_count = 1, .queue_max = 1, .timeout_ms = NEWS_TIMEOUT_MS};
    const uint32_t sweep_ms = around->sweep_ms ? around->sweep_ms : OFFICE_SWEEP_MS;
    enum err err = open_handles(o, around->loop);
    if (err) return err;
    o->store = around->store;
    o->letters = around->letters;
    o->desk = account_desk_new(&o->accounts, &port);
    err = key_probes_new(o->loop, around->rest_urls, &o->probes);
    if (!err) err = store_client_open(o->store, &client, &o->client);
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

struct account_desk *office_desk(struct office *o)
{
    return o->desk;
}

/* ---- ending ---- */

void office_finish(struct office *o)
{
    if (!o || !o->desk) return;
    key_probes_free(o->probes);
    o->probes = NULL;
    /* A database that takes nothing must not keep us: what waits for it is answered. */
    if (account_desk_calls(o->desk) > 0) store_thread_hurry(o->store);
    while (account_desk_calls(o->desk) > 0) uv_run(o->loop, UV_RUN_ONCE);
}

static void on_closed(uv_handle_t *handle)
{
    struct office *o = handle->data;
    if (--o->handles_left == 0) free(o);
}

void office_close(struct office *o)
{
    if (!o) return;
    account_desk_free(o->desk);
    store_pool_stop(o->readers);
    password_pool_close(o->accounts.passwords);
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
