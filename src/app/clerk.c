/* Changes of accounts on their way between a web thread and the store thread. */
#include "app/clerk.h"

#include <stdlib.h>

#include "base/check.h"
#include "service/api/key_probes.h"

enum { CHANGES_MAX = ACCOUNT_CALLS_MAX /* every call may wait for the store; a ring's size */ };

struct clerk {
    uv_loop_t *loop;
    uv_async_t wake;
    bool is_awake; /* the handle is open */
    struct account_desk *desk;
    struct store_thread *store;
    struct store_client *client;
    struct account_change *changes[CHANGES_MAX]; /* pushed and not acked, in order */
    uint32_t change_first, change_count;
    struct key_probes *probes;
    struct letters *letters;
};

/* ---- changes ---- */

static enum err run_change(struct store *s, void *arg)
{
    struct account_change *change = arg;
    return change->run(store_sql(s), change);
}

static bool change(void *self, struct account_change *change)
{
    struct clerk *c = self;
    const struct store_command command = {.kind = STORE_RUN,
                                          .run = {.run = run_change, .arg = change}};
    if (c->change_count == CHANGES_MAX || !store_client_push(c->client, &command)) return false;
    c->changes[(c->change_first + c->change_count++) % CHANGES_MAX] = change;
    return true;
}

/* Acks come in the order of the commands. */
static void take_acks(struct clerk *c)
{
    struct store_ack ack;
    while (store_client_pop_ack(c->client, &ack)) {
        CHECK(c->change_count > 0);
        struct account_change *done = c->changes[c->change_first];
        c->change_first = (c->change_first + 1) % CHANGES_MAX;
        c->change_count--;
        done->on_done(done, (enum err)ack.err);
    }
}

/* ---- the desk's port ---- */

static bool probe(void *self, struct account_probe *probe)
{
    return key_probes_ask(((struct clerk *)self)->probes, probe);
}

static void send_reset(void *self, const char *email, const char *locale, const char *token)
{
    letters_send_reset(((struct clerk *)self)->letters, email, locale, token);
}

static void on_wake(uv_async_t *handle)
{
    struct clerk *c = handle->data;
    account_desk_collect(c->desk);
    take_acks(c);
}

static void wake(void *self)
{
    uv_async_send(&((struct clerk *)self)->wake);
}

/* ---- opening and closing ---- */

static enum err open_parts(struct clerk *c, const struct clerk_surroundings *around)
{
    const struct account_port port = {.self = c,
                                      .change = change,
                                      .send_reset = around->letters ? send_reset : NULL,
                                      .probe = probe,
                                      .wake = wake};
    const struct store_thread_options client = {.slot_count = CHANGES_MAX, .wake = wake, .user = c};
    const int code = uv_async_init(c->loop, &c->wake, on_wake);
    if (code) return err_set(ERR_IO, "cannot make a wake-up: %s", uv_strerror(code));
    c->wake.data = c;
    c->is_awake = true;
    c->desk = account_desk_new(around->accounts, &port);
    const enum err err = key_probes_new(c->loop, around->rest_urls, &c->probes);
    return err ? err : store_client_open(c->store, &client, &c->client);
}

enum err clerk_open(const struct clerk_surroundings *around, struct clerk **out)
{
    struct clerk *c = calloc(1, sizeof *c);
    CHECK(c);
    c->loop = around->loop;
    c->store = around->store;
    c->letters = around->letters;
    const enum err err = open_parts(c, around);
    if (!err) {
        *out = c;
        return OK;
    }
    key_probes_free(c->probes);
    clerk_close(c);
    return err_note(err, "while opening an account desk");
}

struct account_desk *clerk_desk(struct clerk *c)
{
    return c->desk;
}

void clerk_finish(struct clerk *c)
{
    if (!c) return;
    key_probes_free(c->probes);
    c->probes = NULL;
    /* A database that takes nothing must not keep us: what waits for it is answered. */
    if (account_desk_calls(c->desk) > 0) store_thread_hurry(c->store);
    while (account_desk_calls(c->desk) > 0) uv_run(c->loop, UV_RUN_ONCE);
}

static void on_closed(uv_handle_t *handle)
{
    free(handle->data);
}

void clerk_close(struct clerk *c)
{
    if (!c) return;
    account_desk_free(c->desk);
    if (c->is_awake)
        uv_close((uv_handle_t *)&c->wake, on_closed);
    else
        free(c);
}
