/* The server as a whole: start, the tick that moves the market, what the exchange tells, saving,
 * end. */
#include "service/simserver/simserver.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/log.h"
#include "core/sim/sim_state.h"
#include "service/simserver/recording.h"
#include "service/simserver/simserver_internal.h"

#define PEOPLE_NAME "test"

enum {
    MARKET_ORDERS_MAX =
        2 * SIMSERVER_MIRROR_LEVELS, /* an instrument; 2 * SYNTHETIC_LEVELS fit, too */
    LEVELS_MAX = 4096,
    LISTS_MAX = 1000,
    ACCOUNTS_MAX = 4,
    WARM_UP_MS = 2000,
    IDS_PER_MS = 10, /* no kind of id is given out faster */
    DEPOSIT_QUOTE = 1000000,
    DEPOSIT_BASE = 1000,
};

int64_t simserver_now(const struct simserver *s)
{
    return clock_wall_ms(s->clock);
}

void simserver_touch(struct simserver *s)
{
    if (!s->is_dirty) s->save_ms = simserver_now(s) + SAVE_DELAY_MS;
    s->is_dirty = true;
}

/* ---- what the exchange tells ---- */

static void on_print(struct simserver *s, const struct sim_event *event)
{
    const struct sim_print *p = &event->print;
    const struct market_trade trade = {
        .id = p->id,
        .price = p->price,
        .qty = p->qty,
        .quote = p->quote,
        .time_ms = event->time_ms,
        .taker_order = p->buyer_is_maker ? p->seller_order_id : p->buyer_order_id,
        .buyer_is_maker = p->buyer_is_maker,
    };
    market_note_trade(s, event->instrument, &trade);
}

static void on_level(struct simserver *s, const struct sim_event *event)
{
    struct instrument_feed *feed = &s->feeds[event->instrument];
    const struct sim_level_news *l = &event->level;
    feed->is_changed = true;
    for (unsigned speed = 0; speed < DEPTH_SPEEDS; speed++)
        depth_batch_add(&feed->batches[speed], l->update_id, l->side, l->price.units);
}

static void on_report(struct simserver *s, const struct sim_event *event)
{
    const struct sim_report *r = &event->report;
    if (event->account != s->people) return;
    if (r->fill && r->order->filled.units == r->fill->qty.units) limits_orders_filled(&s->limits);
    simserver_touch(s);
}

static void on_exchange_event(void *context, const struct sim_event *event)
{
    struct simserver *s = context;
    switch ((enum sim_event_kind)event->kind) {
    case SIM_EVENT_PRINT:
        if (!s->recording) on_print(s, event);
        break;
    case SIM_EVENT_LEVEL:
        if (!s->recording) on_level(s, event);
        break;
    case SIM_EVENT_REPORT: on_report(s, event); __attribute__((fallthrough));
    case SIM_EVENT_LIST:
    case SIM_EVENT_BALANCE: ws_api_on_event(s, event); break;
    }
}

static bool update_best(struct simserver *s, uint16_t instrument)
{
    struct instrument_feed *feed = &s->feeds[instrument];
    bool is_new = false, is_whole = true;
    for (unsigned side = 0; side < 2; side++) {
        struct level best = {0};
        uint64_t update_id;
        is_whole &= market_depth(s, instrument, (enum side)side, &best, 1, &update_id) == 1;
        is_new |= best.price.units != feed->best[side].price.units ||
                  best.qty.units != feed->best[side].qty.units;
        feed->best[side] = best;
    }
    return is_new && is_whole;
}

void simserver_settle(struct simserver *s)
{
    for (uint16_t i = 0; i < s->exchange.market_count; i++) {
        struct instrument_feed *feed = &s->feeds[i];
        if (!feed->is_changed) continue;
        feed->is_changed = false;
        /* Recorded prints of one order come in frames of their own. */
        if (!s->recording) market_end_aggregate(s, i);
        if (update_best(s, i)) streams_on_best(s, i);
    }
}

/* ---- saving ---- */

static bool append(void *context, const void *data, size_t size)
{
    struct buffer *out = context;
    buffer_append(out, data, size);
    return !out->failed;
}

static enum err write_file(const char *path, struct slice bytes)
{
    const int file = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (file < 0) return err_set(ERR_IO, "cannot write %s: %s", path, strerror(errno));
    enum err err = OK;
    while (bytes.size && !err) {
        const ssize_t written = write(file, bytes.data, bytes.size);
        if (written < 0 && errno == EINTR) continue;
        if (written < 0) {
            err = err_set(ERR_IO, "cannot write %s: %s", path, strerror(errno));
            break;
        }
        bytes.data += written;
        bytes.size -= (size_t)written;
    }
    if (!err && fsync(file) != 0)
        err = err_set(ERR_IO, "cannot write %s: %s", path, strerror(errno));
    close(file);
    return err;
}

static enum err save(struct simserver *s)
{
    struct buffer bytes = {.limit = SIMSERVER_STATE_LIMIT};
    char fresh[PATH_MAX];
    s->is_dirty = false;
    enum err err = OK;
    if (!sim_exchange_write(&s->exchange, append, &bytes))
        err = err_set(ERR_LIMIT, "the exchange's state is larger than %d bytes",
                      SIMSERVER_STATE_LIMIT);
    snprintf(fresh, sizeof fresh, "%s.new", s->state_path);
    if (!err) err = write_file(fresh, buffer_slice(&bytes));
    if (!err && rename(fresh, s->state_path) != 0)
        err = err_set(ERR_IO, "cannot rename %s: %s", fresh, strerror(errno));
    buffer_deinit(&bytes);
    return err;
}

static void save_if_due(struct simserver *s, int64_t now_ms)
{
    if (!s->is_dirty || !s->state_path || now_ms < s->save_ms) return;
    if (save(s) != OK) {
        log_error("sim_save_failed", "cause=\"%s\"", err_text());
        simserver_touch(s); /* tried again */
    }
}

static enum err read_file(const char *path, struct buffer *out, bool *exists)
{
    const int file = open(path, O_RDONLY | O_CLOEXEC);
    *exists = file >= 0;
    if (file < 0 && errno == ENOENT) return OK;
    if (file < 0) return err_set(ERR_IO, "cannot read %s: %s", path, strerror(errno));
    enum err err = OK;
    for (;;) {
        char *room = buffer_reserve(out, 65536);
        const ssize_t got = room ? read(file, room, 65536) : -1;
        if (got < 0 && room && errno == EINTR) continue;
        if (got < 0)
            err = err_set(ERR_IO, "cannot read %s: %s", path,
                          room ? strerror(errno) : "it is too large");
        if (got <= 0) break;
        buffer_commit(out, (size_t)got);
    }
    close(file);
    return err;
}

static enum err restore(struct simserver *s, bool *exists)
{
    struct buffer bytes = {.limit = SIMSERVER_STATE_LIMIT};
    enum err err = read_file(s->state_path, &bytes, exists);
    if (!err && *exists) {
        err = sim_exchange_read(&s->exchange, buffer_slice(&bytes));
        if (err) err = err_note(err, "while reading %s", s->state_path);
    }
    buffer_deinit(&bytes);
    return err;
}

/* ---- the tick ---- */

static void on_tick(uv_timer_t *timer);

static void plan_tick(struct simserver *s)
{
    const int64_t now_ms = simserver_now(s);
    const int64_t wait_ms = SYNTHETIC_STEP_MS - now_ms % SYNTHETIC_STEP_MS;
    uv_update_time(s->loop);
    uv_timer_start(s->timer, on_tick, (uint64_t)wait_ms, 0);
}

/* Where people have open orders, the recorded book moves past them. */
static void follow_recording(struct simserver *s)
{
    const struct sim_order *open;
    for (uint16_t i = 0; i < s->exchange.market_count; i++)
        if (sim_exchange_open_orders(&s->exchange, s->people, i, &open, 1))
            recording_mirror(s->recording, i);
}

static void step_streams(struct simserver *s, int64_t now_ms)
{
    for (uint16_t i = 0; i < s->exchange.market_count; i++)
        streams_step(s, i, s->stepped_ms, now_ms);
    s->stepped_ms = now_ms;
}

static void on_tick(uv_timer_t *timer)
{
    struct simserver *s = timer->data;
    const int64_t now_ms = simserver_now(s);
    if (s->recording) {
        recording_tick(s->recording);
        follow_recording(s);
        simserver_settle(s);
    } else {
        synthetic_step(&s->driver, now_ms);
        simserver_settle(s);
        step_streams(s, now_ms);
    }
    streams_check(s, now_ms);
    ws_api_tick(s, now_ms);
    save_if_due(s, now_ms);
    plan_tick(s);
}

void simserver_prepare(struct simserver *s, uint16_t instrument)
{
    if (s->recording) recording_mirror(s->recording, instrument);
}

/* ---- requests ---- */

static bool has_prefix(struct slice text, const char *prefix)
{
    return text.size >= strlen(prefix) && memcmp(text.data, prefix, strlen(prefix)) == 0;
}

/* Counts a WebSocket connection; false: answered with 429. */
static bool may_dial(struct simserver *s, const struct http_request *request,
                     struct http_reply *reply)
{
    const int64_t now_ms = simserver_now(s);
    struct limits_address *a = limits_address(&s->limits, request->peer, now_ms);
    if (now_ms < a->banned_until_ms) s->limits.during_ban++;
    if (now_ms >= a->banned_until_ms && limits_dial(&s->limits, a, now_ms)) return true;
    http_reply_text(reply, now_ms < a->banned_until_ms ? 418 : 429, "text/plain",
                    SLICE("too many connections\n"));
    return false;
}

static void on_request(const struct http_request *request, struct http_reply *reply)
{
    struct simserver *s = request->user;
    const bool is_stream = slice_is(request->path, "/binance/ws") ||
                           has_prefix(request->path, "/binance/ws/") ||
                           slice_is(request->path, "/binance/stream");
    const bool is_api = slice_is(request->path, "/binance/ws-api/v3");
    if (!is_stream && !is_api)
        rest_handle(s, request, reply);
    else if (!may_dial(s, request, reply))
        return;
    else if (is_stream)
        streams_accept(s, request, reply);
    else
        ws_api_accept(s, request, reply);
}

/* ---- start and end ---- */

static enum err add_people(struct simserver *s, int64_t now_ms)
{
    struct sim_exchange *e = &s->exchange;
    enum err err = sim_exchange_add_account(e, PEOPLE_NAME, false, &s->people);
    for (uint16_t asset = 0; !err && asset < e->assets.count; asset++) {
        bool is_quote = false;
        for (uint32_t m = 0; m < e->market_count; m++) is_quote |= e->markets[m].quote == asset;
        int64_t units = is_quote ? DEPOSIT_QUOTE : DEPOSIT_BASE;
        for (unsigned n = 0; n < e->assets.items[asset].scale; n++) units *= 10;
        if (!sim_exchange_deposit(e, s->people, asset, (struct money){units}, now_ms))
            err = err_set(ERR_LIMIT, "too much of %s", e->assets.items[asset].name);
    }
    return err;
}

static enum err add_recorded(struct simserver *s)
{
    struct recording *r = s->recording;
    uint16_t index;
    r->server = s;
    enum err err = sim_exchange_add_account(&s->exchange, "recorded-maker", true, &r->maker);
    for (uint16_t i = 0; !err && i < r->symbol_count; i++)
        err = sim_exchange_add_instrument(&s->exchange, &r->symbols[i].rules, &index);
    if (!err && !(r->timer = calloc(1, sizeof *r->timer)))
        err = err_set(ERR_NO_MEMORY, "no memory for a timer");
    if (err) return err;
    uv_timer_init(s->loop, r->timer);
    r->timer->data = r;
    return OK;
}

static enum err add_feeds(struct simserver *s, uint64_t id_base)
{
    enum err err = OK;
    s->feeds = calloc(s->exchange.market_count, sizeof *s->feeds);
    if (!s->feeds) return err_set(ERR_NO_MEMORY, "no memory for the market");
    for (uint32_t i = 0; !err && i < s->exchange.market_count; i++) {
        const uint64_t trades = s->recording ? s->recording->symbols[i].trades : MARKET_TRADES_KEPT;
        err = market_history_init(&s->feeds[i].history, (uint32_t)trades, id_base);
    }
    return err;
}

static enum err open_exchange(struct simserver *s, const struct simserver_options *o)
{
    const uint64_t base = (uint64_t)simserver_now(s) * IDS_PER_MS;
    const uint32_t instruments = s->recording ? s->recording->symbol_count : SYNTHETIC_SYMBOLS;
    const struct sim_config config = {
        .instruments_max = instruments,
        .accounts_max = ACCOUNTS_MAX,
        .orders_max = MARKET_ORDERS_MAX * instruments + PEOPLE_ORDERS_MAX,
        .lists_max = LISTS_MAX,
        .levels_max = LEVELS_MAX,
        .history_max = PEOPLE_HISTORY_MAX,
        .fills_max = PEOPLE_FILLS_MAX,
        .order_id_base = base,
        .trade_id_base = base,
        .update_id_base = base,
        .list_id_base = base,
        .listener = on_exchange_event,
        .context = s,
    };
    enum err err = arena_init(&s->arena, sim_exchange_need(&config) + synthetic_need());
    if (err) return err;
    sim_exchange_init(&s->exchange, &s->arena, &config);
    if (s->recording) {
        err = add_recorded(s);
    } else {
        synthetic_init(&s->synthetic, &s->arena, o->seed);
        err = synthetic_driver_init(&s->driver, &s->synthetic, &s->exchange);
    }
    return err ? err : add_feeds(s, base);
}

static enum err open_accounts(struct simserver *s, const char *state_folder)
{
    bool exists = false;
    enum err err = OK;
    if (state_folder) {
        if (mkdir(state_folder, 0700) != 0 && errno != EEXIST)
            return err_set(ERR_IO, "cannot make the folder %s: %s", state_folder, strerror(errno));
        const size_t size = strlen(state_folder) + sizeof "/binance.state";
        s->state_path = malloc(size);
        if (!s->state_path) return err_set(ERR_NO_MEMORY, "no memory for a path");
        snprintf(s->state_path, size, "%s/binance.state", state_folder);
        err = restore(s, &exists);
    }
    if (err) return err;
    if (sim_exchange_find_account(&s->exchange, PEOPLE_NAME, &s->people)) return OK;
    return add_people(s, simserver_now(s));
}

static enum err open_port(struct simserver *s, const struct simserver_options *o)
{
    const char *address = o->address ? o->address : "127.0.0.1";
    const struct http_server_options http = {
        .address = address,
        .port = o->port,
        .handler = on_request,
        .user = s,
    };
    const enum err err = http_server_open(s->loop, &http, &s->http);
    if (err) return err;
    struct simserver_info *i = &s->info;
    const bool is_v6 = strchr(address, ':') != NULL;
    char at[80];
    i->port = http_server_port(s->http);
    snprintf(at, sizeof at, "%s%.60s%s:%u", is_v6 ? "[" : "", address, is_v6 ? "]" : "", i->port);
    snprintf(i->url, sizeof i->url, "http://%s", at);
    snprintf(i->rest, sizeof i->rest, "http://%s/binance", at);
    snprintf(i->ws, sizeof i->ws, "ws://%s/binance", at);
    snprintf(i->ws_api, sizeof i->ws_api, "ws://%s/binance/ws-api/v3", at);
    snprintf(i->api_key, sizeof i->api_key, "%s", access_hmac(&s->access, false)->name);
    snprintf(i->secret, sizeof i->secret, "%s", s->access.secret);
    snprintf(i->withdraw_api_key, sizeof i->withdraw_api_key, "%s",
             access_hmac(&s->access, true)->name);
    snprintf(i->withdraw_secret, sizeof i->withdraw_secret, "%s", s->access.withdraw_secret);
    return OK;
}

static void set_limits(struct simserver *s, const struct simserver_limits *given)
{
    s->options = *given;
    if (!s->options.connection_life_ms) s->options.connection_life_ms = CONNECTION_LIFE_MS;
    if (!s->options.ping_ms) s->options.ping_ms = PING_EVERY_MS;
    if (!s->options.pong_ms) s->options.pong_ms = PONG_WITHIN_MS;
    if (!s->options.pending_bytes) s->options.pending_bytes = CLIENT_PENDING;
    limits_init(&s->limits, given);
}

enum err simserver_open(uv_loop_t *loop, const struct simserver_options *options,
                        struct simserver **out)
{
    struct simserver *s = calloc(1, sizeof *s);
    *out = NULL;
    if (!s) return err_set(ERR_NO_MEMORY, "no memory for the simulated exchange");
    s->loop = loop;
    s->clock = options->clock ? options->clock : &clock_system;
    set_limits(s, &options->limits);
    enum err err = access_init(&s->access, options->ed25519_public_key);
    if (!err && options->recording_count)
        err = recording_open(options->recordings, options->recording_count, options->speed,
                             &s->recording);
    if (!err) err = open_exchange(s, options);
    if (!err) err = open_accounts(s, options->state_folder);
    if (!err) err = streams_open(s);
    if (!err) err = open_port(s, options);
    if (!err && !(s->timer = calloc(1, sizeof *s->timer)))
        err = err_set(ERR_NO_MEMORY, "no memory for a timer");
    if (err) {
        s->is_dirty = false; /* what could not be read must not be written over */
        simserver_close(s);
        return err;
    }
    uv_timer_init(loop, s->timer);
    s->timer->data = s;
    if (!s->recording) {
        /* Every second has a trade: rules that need a last price have one from the start. */
        const int64_t now_ms = simserver_now(s);
        synthetic_step(&s->driver, now_ms - WARM_UP_MS);
        synthetic_step(&s->driver, now_ms);
    }
    simserver_settle(s);
    simserver_touch(s);
    plan_tick(s);
    *out = s;
    return OK;
}

void simserver_info(const struct simserver *s, struct simserver_info *out)
{
    *out = s->info;
}

struct simserver_counters simserver_counters(const struct simserver *s)
{
    struct simserver_counters c = s->counters;
    c.after_limit = s->limits.after_limit;
    c.during_ban = s->limits.during_ban;
    c.bans = s->limits.bans;
    return c;
}

static void on_timer_closed(uv_handle_t *handle)
{
    free(handle);
}

void simserver_close(struct simserver *s)
{
    if (!s) return;
    if (s->is_dirty && s->state_path && save(s) != OK)
        log_error("sim_save_failed", "cause=\"%s\"", err_text());
    if (s->timer) uv_close((uv_handle_t *)s->timer, on_timer_closed);
    streams_close(s);
    ws_api_close(s);
    http_server_close(s->http);
    for (uint32_t i = 0; s->feeds && i < s->exchange.market_count; i++) {
        market_history_deinit(&s->feeds[i].history);
        for (unsigned speed = 0; speed < DEPTH_SPEEDS; speed++)
            free(s->feeds[i].batches[speed].items);
    }
    free(s->feeds);
    recording_close(s->recording);
    arena_deinit(&s->arena);
    access_deinit(&s->access);
    buffer_deinit(&s->out);
    buffer_deinit(&s->scratch);
    free(s->state_path);
    free(s);
}
