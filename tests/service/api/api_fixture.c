/* A world for the tests of the API. */
#include "service/api/api_fixture.h"

#include "cmocka_all.h"

#include <stdlib.h>
#include <string.h>

#include "io/store/account_store.h"
#include "service/account/directory_load.h"
#include "service/api/call.h"

static struct instrument *all_instruments(void)
{
    static struct instrument all[DESK_SYMBOLS_COUNT];
    for (unsigned i = 0; i < DESK_SYMBOLS_COUNT; i++) all[i] = desk_instrument(i);
    return all;
}

struct instrument desk_instrument(unsigned symbol)
{
    static const char *const names[][3] = {{"BTCUSDT", "BTC", "USDT"},
                                           {"ETHUSDT", "ETH", "USDT"},
                                           {"BTCTRY", "BTC", "TRY"},
                                           {"SLOWUSDT", "SLOW", "USDT"}};
    struct instrument i = {
        .index = (uint16_t)symbol,
        .venue = VENUE_SIM,
        .price_scale = 2,
        .qty_scale = 8,
        .base_scale = 8,
        .quote_scale = 8,
        .tick = {1},
        .step = {symbol == DESK_ETH ? 10000 : 1000},
        .notional_min = {500000000},
    };
    snprintf(i.symbol, sizeof i.symbol, "%s", names[symbol][0]);
    snprintf(i.base, sizeof i.base, "%s", names[symbol][1]);
    snprintf(i.quote, sizeof i.quote, "%s", names[symbol][2]);
    return i;
}

/* ---- publications ---- */

static void publish(struct world *w, struct publication p)
{
    p.time_ms = api_now_ms();
    api_on_publication(w->api, &p);
}

void publish_instrument(struct world *w, unsigned symbol)
{
    publish(w, (struct publication){.kind = PUBLISH_INSTRUMENT,
                                    .instrument = (uint16_t)symbol,
                                    .rules = desk_instrument(symbol)});
}

void publish_book(struct world *w, unsigned symbol)
{
    struct publication p = {.kind = PUBLISH_BOOK, .instrument = (uint16_t)symbol};
    p.book = (struct published_book){.last_id = 812, .bid_count = 20, .ask_count = 20};
    for (int i = 0; i < 20; i++) {
        p.book.bids[i] = (struct level){{6481240 - i}, {52000000 + i * 1000}};
        p.book.asks[i] = (struct level){{6481241 + i}, {110000000 + i * 1000}};
    }
    publish(w, p);
}

void publish_print(struct world *w, unsigned symbol, uint64_t id, int64_t price)
{
    publish(w, (struct publication){.kind = PUBLISH_PRINT,
                                    .instrument = (uint16_t)symbol,
                                    .print = {.id = id,
                                              .price = {price},
                                              .qty = {1000000},
                                              .taker = SIDE_SELL,
                                              .time_ms = api_now_ms()}});
}

void publish_bot(struct world *w, uint64_t bot_id, enum bot_state state)
{
    struct publication p = {.kind = PUBLISH_BOT, .bot_id = bot_id, .user_id = w->bot_user};
    p.bot.totals.state = (uint8_t)state;
    p.bot.totals.day = api_now_ms() / 86400000;
    p.bot.totals.day_pnl.units = -42000000;
    p.bot.totals.day_trades = 1;
    p.bot.equity.units = INT64_C(999958000000);
    publish(w, p);
}

void publish_leg(struct world *w, uint64_t bot_id, unsigned symbol, bool open)
{
    struct publication p = {.kind = PUBLISH_LEG, .bot_id = bot_id, .instrument = (uint16_t)symbol};
    p.leg = (struct leg_view){
        .instrument = (uint16_t)symbol,
        .position = {.base = {1540000},
                     .entry_price = {6481240},
                     .opened_ms = NOW_MS,
                     .open = open},
        .stops = {.stop = {6448834}, .target = {6578459}},
        .unrealized = {58000000},
    };
    publish(w, p);
}

void publish_decision(struct world *w, uint64_t bot_id, uint64_t number)
{
    struct publication p = {.kind = PUBLISH_DECISION, .bot_id = bot_id, .instrument = DESK_BTC};
    p.decision = (struct decision){.verdict = VERDICT_NO_ENTRY,
                                   .why = WHY_RSI_OVERBOUGHT,
                                   .price = {6481240},
                                   .values = {64820.1, 64790.3, 71.2 + (double)number}};
    publish(w, p);
}

void publish_status(struct world *w, enum venue_state state)
{
    struct publication p = {.kind = PUBLISH_VENUE};
    p.venue = (struct venue_status){.venue = VENUE_SIM,
                                    .state = (uint8_t)state,
                                    .latency_ms = 0.4,
                                    .age_ms = 12,
                                    .streams = 6,
                                    .frames = 1234,
                                    .weight_used = 41,
                                    .weight_limit = 6000,
                                    .banned_until_ms = 1700000000999};
    publish(w, p);
    p = (struct publication){.kind = PUBLISH_ENGINE};
    p.engine.events = 99;
    p.engine.orders = 7;
    publish(w, p);
}

void publish_alarm(struct world *w, const char *store, const char *orders)
{
    struct publication p = {.kind = PUBLISH_ALARM};
    strcpy(p.alarm.store, store);
    strcpy(p.alarm.orders, orders);
    publish(w, p);
}

/* ---- the desk ---- */

static void insert_bot(struct world *w, const struct desk_request *r, struct desk_answer *answer)
{
    w->last_bot = r->bot;
    assert_int_equal(r->bot.user_id, r->user_id);
    w->bot_user = r->user_id;
    assert_ok(store_begin(w->store));
    assert_ok(store_bot_insert(w->store, &w->last_bot, &answer->bot_id));
    assert_ok(store_commit(w->store));
    publish_bot(w, answer->bot_id, BOT_STOPPED);
}

static void want_bot(struct world *w, const struct desk_request *r, bool running)
{
    assert_ok(store_begin(w->store));
    assert_ok(store_bot_want(w->store, r->user_id, r->bot_id, running, NOW_MS));
    assert_ok(store_commit(w->store));
}

static void find_symbol(const struct desk_request *r, struct desk_answer *answer)
{
    const struct instrument *all = all_instruments();
    answer->err = ERR_NOT_FOUND;
    for (unsigned i = 0; i < DESK_SYMBOLS_COUNT; i++) {
        if (strcmp(all[i].symbol, r->symbol) != 0) continue;
        answer->err = OK;
        answer->instrument = (uint16_t)i;
        answer->rules = all[i];
    }
}

static void serve_request(struct world *w, const struct desk_request *r)
{
    static struct candle candles[1000];
    struct desk_answer answer = {.err = w->desk_err};
    snprintf(answer.text, sizeof answer.text, "the desk says no");
    const bool good = !w->desk_err;
    if (r->kind == DESK_BOT_CREATE && good) insert_bot(w, r, &answer);
    if (r->kind == DESK_BOT_START && good) want_bot(w, r, true);
    if (r->kind == DESK_BOT_STOP && good) want_bot(w, r, false);
    if ((r->kind == DESK_WATCH || r->kind == DESK_CANDLES) && good) find_symbol(r, &answer);
    if (r->kind == DESK_WATCH && !answer.err) publish_instrument(w, answer.instrument);
    if (r->kind == DESK_CANDLES && !answer.err) {
        const int64_t length = timeframe_ms((enum timeframe)r->timeframe);
        const int64_t last = timeframe_floor((enum timeframe)r->timeframe, api_now_ms());
        for (unsigned i = 0; i < r->count; i++) {
            const int64_t base = 6481240 + (int64_t)((i * 7919) % 9000);
            candles[i] = (struct candle){last - (r->count - 1 - i) * length,
                                         {base},
                                         {base + 3000},
                                         {base - 2500},
                                         {base + 1200},
                                         {123450000}};
        }
        answer.candles = candles;
        answer.count = r->count;
    }
    if (r->kind == DESK_SYMBOLS && !answer.err) {
        answer.instruments = all_instruments();
        answer.count = DESK_SYMBOLS_COUNT;
    }
    r->on_answer(r->user, &answer);
    /* News comes after the answer, as it may between threads. */
    if (r->kind == DESK_WATCH && !answer.err && answer.instrument != DESK_SLOW)
        publish_book(w, answer.instrument);
    if (r->kind == DESK_BOT_START && good) publish_bot(w, r->bot_id, BOT_RUNNING);
    if (r->kind == DESK_BOT_STOP && good) publish_bot(w, r->bot_id, BOT_STOPPED);
}

static void on_idle(uv_idle_t *idle)
{
    struct world *w = idle->data;
    uv_idle_stop(idle);
    if (w->desk_silent || w->queued == 0) return;
    const struct desk_request first = w->queue[0];
    memmove(w->queue, w->queue + 1, --w->queued * sizeof *w->queue);
    if (w->queued) uv_idle_start(idle, on_idle);
    serve_request(w, &first);
}

static bool desk_ask(void *self, const struct desk_request *request)
{
    struct world *w = self;
    if (w->desk_full || w->queued == DESK_QUEUE) return false;
    w->asked[request->kind]++;
    w->queue[w->queued++] = *request;
    uv_idle_start(&w->desk_idle, on_idle);
    return true;
}

/* ---- accounts ---- */

static void make_change(struct world *w, struct account_change *change)
{
    enum err err = w->change_err ? w->change_err : store_begin(w->store);
    if (!err) {
        err = change->run(store_sql(w->store), change);
        if (!err)
            err = store_commit(w->store);
        else
            store_rollback(w->store);
    }
    change->on_done(change, err);
}

static void on_account_wake(uv_async_t *wake)
{
    struct world *w = wake->data;
    account_desk_collect(w->account_desk);
    while (w->change_count > 0 && !w->account_silent) {
        struct account_change *first = w->changes[0];
        memmove(w->changes, w->changes + 1, --w->change_count * sizeof *w->changes);
        make_change(w, first);
    }
}

static void wake(void *self)
{
    uv_async_send(&((struct world *)self)->account_wake);
}

static bool take_change(void *self, struct account_change *change)
{
    struct world *w = self;
    if (w->change_count == CHANGES_MAX) return false;
    w->changes[w->change_count++] = change;
    wake(w);
    return true;
}

static void send_reset(void *self, const char *email, const char *locale, const char *token)
{
    struct world *w = self;
    (void)email;
    (void)locale;
    strcpy(w->mailed, token);
}

static bool probe(void *self, struct account_probe *probe)
{
    struct world *w = self;
    w->probes++;
    probe->outcome = w->probe_outcome;
    probe->permissions = KEY_MAY_READ | KEY_MAY_TRADE_SPOT;
    probe->on_done(probe);
    return true;
}

static void open_accounts(struct world *w, struct world_options options)
{
    char path[128];
    snprintf(path, sizeof path, "%s/secret.key", w->files.folder);
    assert_ok(vault_create(path));
    assert_ok(vault_open(path, &w->accounts.vault));
    assert_ok(password_pool_open(&w->accounts.passwords));
    w->accounts.directory = directory_new();
    w->accounts.registration = options.registration;
    assert_ok(directory_load(w->accounts.directory, store_sql(w->store), api_now_ms()));
    assert_int_equal(uv_async_init(&w->loop, &w->account_wake, on_account_wake), 0);
    w->account_wake.data = w;
    const struct account_port port = {
        .self = w,
        .change = take_change,
        .send_reset = options.has_mail ? send_reset : NULL,
        .probe = probe,
        .wake = wake,
    };
    w->account_desk = account_desk_new(&w->accounts, &port);
}

bool has_no_calls(const void *world)
{
    return account_desk_calls(((const struct world *)world)->account_desk) == 0;
}

static void close_accounts(struct world *w)
{
    account_desk_free(w->account_desk);
    password_pool_close(w->accounts.passwords);
    vault_close(w->accounts.vault);
    directory_free(w->accounts.directory);
    uv_close((uv_handle_t *)&w->account_wake, NULL);
}

uint64_t add_api_token(struct world *w, uint64_t user_id, uint32_t scopes,
                       char token[TOKEN_TEXT_SIZE])
{
    struct token_hash hash;
    uint64_t id = 0;
    struct store_api_token row = {
        .user_id = user_id, .scopes = scopes, .name = "mine", .created_ms = api_now_ms()};
    token_new(TOKEN_API, token, &hash);
    memcpy(row.hash, hash.bytes, sizeof row.hash);
    assert_ok(store_begin(w->store));
    assert_ok(account_store_add_token(store_sql(w->store), &row, &id));
    assert_ok(store_commit(w->store));
    assert_ok(directory_load(w->accounts.directory, store_sql(w->store), api_now_ms()));
    return id;
}

uint64_t add_user(struct world *w, const char *email, enum role role, char token[TOKEN_TEXT_SIZE])
{
    struct sql *db = store_sql(w->store);
    struct token_hash hash;
    const int64_t now_ms = api_now_ms();
    struct store_user user = {.id = STORE_FIRST_USER, .role = role, .created_ms = now_ms};
    struct store_session session = {.created_ms = now_ms,
                                    .authenticated_ms = now_ms,
                                    .seen_ms = now_ms,
                                    .expires_ms = now_ms + 3600000,
                                    .lifetime_ms = 3600000};
    uint64_t session_id = 0;
    token_new(TOKEN_SESSION, token, &hash);
    memcpy(session.hash, hash.bytes, sizeof session.hash);
    snprintf(user.email, sizeof user.email, "%s", email);
    strcpy(user.password_hash, password_hash_of_nobody);
    assert_ok(store_begin(w->store));
    if (directory_is_claimed(w->accounts.directory))
        assert_ok(account_store_insert(db, &user, &user.id));
    else
        assert_ok(account_store_claim(db, email, user.password_hash, now_ms));
    session.user_id = user.id;
    assert_ok(account_store_add_session(db, &session, &session_id));
    assert_ok(store_commit(w->store));
    assert_ok(directory_load(w->accounts.directory, db, now_ms));
    return user.id;
}

/* Every limit is far away, but for those that a test brings near. */
static void open_limits(struct world *w, struct world_options options)
{
    struct guard_limit limits[LIMIT_CLASS_COUNT];
    for (unsigned i = 0; i < LIMIT_CLASS_COUNT; i++) {
        const bool near = options.limits[i].count > 0;
        const struct limit_rule far = {LIMIT_COUNT_MAX, 1000};
        limits[i] = (struct guard_limit){limit_names[i], near ? options.limits[i] : far};
    }
    assert_ok(guard_limits_new(limits, LIMIT_CLASS_COUNT, false, &w->limits));
    assert_ok(guard_new(&w->loop, w->limits, NULL, &w->guard));
    assert_ok(trusted_proxies_parse(options.proxies ? options.proxies : "", &w->proxies));
}

/* ---- the world ---- */

struct world *world_open(struct world_options options)
{
    struct world *w = calloc(1, sizeof *w);
    w->bot_user = STORE_FIRST_USER;
    void *files;
    assert_int_equal(fixture_setup(&files), 0);
    w->files = *(struct fixture *)files;
    free(files);
    assert_int_equal(uv_loop_init(&w->loop), 0);
    assert_int_equal(uv_idle_init(&w->loop, &w->desk_idle), 0);
    w->desk_idle.data = w;
    w->store = open_store(&w->files);
    open_accounts(w, options);
    open_limits(w, options);
    token_new(TOKEN_CONSOLE, w->console, &w->console_hash);
    const struct api_options api = {
        .address = "127.0.0.1",
        .guard = w->guard,
        .proxies = &w->proxies,
        .store_path = w->files.path,
        .desk = {w, desk_ask},
        .accounts = &w->accounts,
        .account_desk = w->account_desk,
        .console = &w->console_hash,
        .version = "1.2.3",
        .commit = "abc",
        .live_enabled = options.live_enabled,
        .language = options.language,
        .book_wait_ms = options.book_wait_ms,
        .account_wait_ms = options.account_wait_ms,
        .read_wait_ms = options.read_wait_ms,
    };
    assert_ok(api_open(&w->loop, &api, &w->api));
    w->port = api_port(w->api);
    return w;
}

void world_close(struct world *w)
{
    api_quiet(w->api);
    run_until(&w->loop, has_no_calls, w);
    api_close(w->api);
    guard_free(w->guard);
    guard_limits_free(w->limits);
    close_accounts(w);
    uv_close((uv_handle_t *)&w->desk_idle, NULL);
    loop_finish(&w->loop);
    store_close(w->store);
    struct fixture *files = malloc(sizeof *files);
    *files = w->files;
    void *state = files;
    assert_int_equal(fixture_teardown(&state), 0);
    free(w);
}

/* ---- requests ---- */

static void read_answer(struct answer *a, const struct raw_peer *p)
{
    a->text = calloc(1, p->got.size + 1);
    assert_non_null(a->text);
    if (p->got.size) memcpy(a->text, p->got.data, p->got.size);
    if (sscanf(a->text, "HTTP/1.1 %d", &a->status) != 1) fail_msg("no HTTP answer: %s", a->text);
    char *end = strstr(a->text, "\r\n\r\n");
    assert_non_null(end);
    a->body = end + 4;
    a->json = json_loads(a->body, JSON_REJECT_DUPLICATES | JSON_DECODE_ANY, NULL);
}

struct answer ask(struct world *w, const char *method, const char *target, const char *headers,
                  const char *body)
{
    struct raw_peer p;
    struct buffer text = {0};
    struct answer a = {0};
    buffer_printf(&text, "%s %s HTTP/1.1\r\nConnection: close\r\n%s", method, target, headers);
    if (!strstr(headers, "Host:")) buffer_printf(&text, "Host: 127.0.0.1:%u\r\n", w->port);
    if (body) buffer_printf(&text, "Content-Length: %zu\r\n", strlen(body));
    buffer_printf(&text, "\r\n%s", body ? body : "");
    buffer_append_char(&text, '\0');
    raw_peer_dial(&p, &w->loop, w->port);
    run_until(&w->loop, is_true, &p.is_open);
    raw_peer_send(&p, text.data);
    run_until(&w->loop, is_true, &p.is_closed);
    read_answer(&a, &p);
    raw_peer_deinit(&p);
    buffer_deinit(&text);
    return a;
}

struct answer get(struct world *w, const char *target)
{
    return ask(w, "GET", target, "", NULL);
}

struct answer post(struct world *w, const char *target, const char *body)
{
    return ask(w, "POST", target, "Content-Type: application/json\r\n", body);
}

struct answer ask_as(struct world *w, const char *token, const char *method, const char *target,
                     const char *body)
{
    char headers[256];
    snprintf(headers, sizeof headers, "%s%s%s%s", body ? "Content-Type: application/json\r\n" : "",
             *token ? "Authorization: Bearer " : "", token, *token ? "\r\n" : "");
    return ask(w, method, target, headers, body);
}

void fill_pattern(const char *pattern, const char *id, char *out, size_t size)
{
    size_t used = 0;
    while (*pattern) {
        const char *value = NULL;
        if (strncmp(pattern, "{id}", 4) == 0) value = id;
        if (strncmp(pattern, "{venue}", 7) == 0) value = "sim";
        if (strncmp(pattern, "{symbol}", 8) == 0) value = "BTCUSDT";
        if (strncmp(pattern, "{name}", 6) == 0) value = "login";
        if (strncmp(pattern, "{key}", 5) == 0) value = "192.0.2.1";
        if (value) {
            used += (size_t)snprintf(out + used, size - used, "%s", value);
            pattern = strchr(pattern, '}') + 1;
        } else {
            out[used++] = *pattern++;
        }
        assert_true(used < size);
    }
    out[used] = '\0';
}

void answer_free(struct answer *a)
{
    json_decref(a->json);
    free(a->text);
    *a = (struct answer){0};
}

const char *answer_header(const struct answer *a, const char *name)
{
    static char value[1024];
    char line[96];
    snprintf(line, sizeof line, "\r\n%s: ", name);
    const char *at = strstr(a->text, line);
    if (!at || at > a->body) return "";
    at += strlen(line);
    snprintf(value, sizeof value, "%.*s", (int)strcspn(at, "\r"), at);
    return value;
}

const json_t *answer_at(const struct answer *a, const char *path)
{
    const json_t *at = a->json;
    char part[64];
    while (at && *path) {
        const size_t size = strcspn(path, ".");
        snprintf(part, sizeof part, "%.*s", (int)size, path);
        at = json_is_array(at) ? json_array_get(at, (size_t)strtoul(part, NULL, 10))
                               : json_object_get(at, part);
        path += size + (path[size] == '.');
    }
    return at;
}

const char *answer_text(const struct answer *a, const char *path)
{
    return json_string_value(answer_at(a, path));
}

/* ---- what the tests say often ---- */

struct world *open_english(void)
{
    return world_open((struct world_options){.language = LANGUAGE_ENGLISH});
}

void assert_problem(const struct answer *a, int status, const char *code)
{
    if (a->status != status) fail_msg("wanted %d %s, got %s", status, code, a->text);
    assert_string_equal(answer_header(a, "Content-Type"), "application/problem+json");
    assert_string_equal(answer_text(a, "type"), "about:blank");
    assert_string_equal(answer_text(a, "code"), code);
    assert_int_equal(json_integer_value(answer_at(a, "status")), status);
    assert_true(*answer_text(a, "title") && *answer_text(a, "detail"));
    assert_string_equal(answer_text(a, "request_id"), answer_header(a, "X-Request-Id"));
    assert_int_equal(strlen(answer_text(a, "request_id")), 16);
}

void assert_status(const struct answer *a, int status)
{
    if (a->status != status) fail_msg("wanted %d, got %s", status, a->text);
}

void expect_problem(struct world *w, const char *target, int status, const char *code)
{
    struct answer a = get(w, target);
    assert_problem(&a, status, code);
    answer_free(&a);
}

uint64_t create_bot(struct world *w)
{
    struct answer a = post(w, "/api/v1/bots", BOT);
    assert_status(&a, 201);
    const uint64_t id = (uint64_t)json_integer_value(answer_at(&a, "id"));
    answer_free(&a);
    return id;
}
