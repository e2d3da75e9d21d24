/* Market streams: who subscribed to what, and control messages.
 *
 * A topic is a stream by its name, with its subscribers. Its frame is built once, and sent to all,
 * raw or wrapped with the stream's name as each connection wants it. Names that mean nothing are
 * acknowledged and stay silent, as at Binance. A stream that a recording holds is served from it,
 * and never made. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "io/net/url.h"
#include "io/venue/json_cursor.h"
#include "service/simserver/recording.h"
#include "service/simserver/streams_internal.h"
#include "service/simserver/wire_text.h"

enum {
    TOPICS_MAX = 20000,
    ID_SIZE_MAX = 40,
    PATH_SIZE = 65536,
    CONTROL_LIMIT = 65536,
};

static void on_message(struct ws *w, enum ws_opcode opcode, struct slice message);
static void on_beat(struct ws *w, struct slice payload);
static void on_pong(struct ws *w, struct slice payload);
static void on_close(struct ws *w, uint16_t code, struct slice reason, enum err err);

static const struct ws_handler handler = {
    .on_message = on_message,
    .on_ping = on_beat,
    .on_pong = on_pong,
    .on_close = on_close,
};

enum err streams_open(struct simserver *s)
{
    s->hub = calloc(1, sizeof *s->hub);
    if (!s->hub) return err_set(ERR_NO_MEMORY, "no memory for the streams");
    return ws_deflater_init(&s->hub->deflater);
}

/* ---- topics ---- */

static struct topic **bucket_of(struct stream_hub *hub, struct slice name)
{
    return &hub->buckets[hash_bytes(HASH_SEED, name.data, name.size) & (STREAM_BUCKETS - 1)];
}

struct topic *topic_find(struct stream_hub *hub, struct slice name)
{
    struct topic *t = *bucket_of(hub, name);
    while (t && !slice_is(name, t->name)) t = t->next;
    return t;
}

static void set_kind(struct topic *t, enum topic_kind kind, uint8_t levels, uint8_t speed)
{
    t->kind = (uint8_t)kind;
    t->levels = levels;
    t->speed = speed;
}

/* What the words behind the symbol mean. */
static void classify(struct topic *t, const char *word)
{
    static const struct {
        const char *word;
        uint8_t kind, levels, speed;
    } words[] = {
        {"trade", TOPIC_TRADE, 0, 0},
        {"aggTrade", TOPIC_AGGREGATE, 0, 0},
        {"bookTicker", TOPIC_BEST, 0, 0},
        {"depth", TOPIC_DEPTH, 0, 1},
        {"depth@100ms", TOPIC_DEPTH, 0, 0},
        {"depth5", TOPIC_PARTIAL, 5, 1},
        {"depth10", TOPIC_PARTIAL, 10, 1},
        {"depth20", TOPIC_PARTIAL, 20, 1},
        {"depth5@100ms", TOPIC_PARTIAL, 5, 0},
        {"depth10@100ms", TOPIC_PARTIAL, 10, 0},
        {"depth20@100ms", TOPIC_PARTIAL, 20, 0},
        {"ticker", TOPIC_TICKER, 0, 1},
        {"miniTicker", TOPIC_MINI_TICKER, 0, 1},
        {"avgPrice", TOPIC_AVERAGE, 0, 1},
    };
    enum timeframe timeframe;
    for (unsigned i = 0; i < sizeof words / sizeof *words; i++)
        if (strcmp(word, words[i].word) == 0)
            set_kind(t, (enum topic_kind)words[i].kind, words[i].levels, words[i].speed);
    if (strncmp(word, "kline_", 6) == 0 && timeframe_parse(word + 6, &timeframe)) {
        set_kind(t, TOPIC_KLINE, 0, 1);
        t->timeframe = (uint8_t)timeframe;
    }
}

/* "btcusdt@trade": an instrument in lower case, and what of it. */
static void understand(const struct simserver *s, struct topic *t)
{
    char symbol[SYMBOL_SIZE];
    const char *at = strchr(t->name, '@');
    if (s->recording && recording_holds(s->recording, slice_of(t->name))) return;
    if (!at || (size_t)(at - t->name) >= sizeof symbol) return;
    for (const char *from = t->name; from < at; from++) {
        if (*from >= 'A' && *from <= 'Z') return;
        symbol[from - t->name] = (char)(*from >= 'a' && *from <= 'z' ? *from - 32 : *from);
    }
    symbol[at - t->name] = '\0';
    if (sim_exchange_find_instrument(&s->exchange, symbol, &t->instrument)) classify(t, at + 1);
}

/* NULL: too many topics, or a name too long. */
static struct topic *topic_take(struct simserver *s, struct slice name)
{
    struct stream_hub *hub = s->hub;
    struct topic *t = topic_find(hub, name);
    if (t) return t;
    if (hub->topic_count == TOPICS_MAX || name.size >= STREAM_NAME_SIZE ||
        !(t = calloc(1, sizeof *t)))
        return NULL;
    (void)slice_copy(name, t->name, sizeof t->name);
    understand(s, t);
    if (t->kind >= TOPIC_PARTIAL) {
        t->due_next = hub->due;
        hub->due = t;
    }
    struct topic **bucket = bucket_of(hub, name);
    t->next = *bucket;
    *bucket = t;
    hub->topic_count++;
    return t;
}

static void topic_free(struct stream_hub *hub, struct topic *t)
{
    struct topic **at = bucket_of(hub, slice_of(t->name));
    while (*at != t) at = &(*at)->next;
    *at = t->next;
    struct topic **due = &hub->due;
    while (*due && *due != t) due = &(*due)->due_next;
    if (*due) *due = t->due_next;
    hub->topic_count--;
    free(t->clients);
    free(t);
}

/* Room for one more pointer in an array of them; false without memory. */
static bool grow(void *array, uint32_t count, uint32_t *capacity)
{
    if (count < *capacity) return true;
    const uint32_t wanted = *capacity ? 2 * *capacity : 4;
    void *grown = realloc(*(void **)array, wanted * sizeof(void *));
    if (!grown) return false;
    *(void **)array = grown;
    *capacity = wanted;
    return true;
}

static bool subscribe(struct stream_client *c, struct slice name)
{
    struct topic *t = topic_take(c->server, name);
    if (!t) return false;
    for (uint32_t i = 0; i < c->topic_count; i++)
        if (c->topics[i] == t) return true;
    if (c->topic_count == SIMSERVER_STREAMS_LIMIT ||
        !grow(&c->topics, c->topic_count, &c->topic_capacity) ||
        !grow(&t->clients, t->client_count, &t->client_capacity)) {
        if (t->client_count == 0) topic_free(c->server->hub, t);
        return false;
    }
    c->topics[c->topic_count++] = t;
    t->clients[t->client_count++] = c;
    if (c->server->recording) recording_begin(c->server->recording);
    return true;
}

static void leave(struct stream_client *c, uint32_t index)
{
    struct topic *t = c->topics[index];
    memmove(&c->topics[index], &c->topics[index + 1],
            (c->topic_count - index - 1) * sizeof(struct topic *));
    c->topic_count--;
    uint32_t at = 0;
    while (t->clients[at] != c) at++;
    t->clients[at] = t->clients[--t->client_count];
    if (t->client_count == 0) topic_free(c->server->hub, t);
}

static void unsubscribe(struct stream_client *c, struct slice name)
{
    for (uint32_t i = 0; i < c->topic_count; i++) {
        if (!slice_is(name, c->topics[i]->name)) continue;
        leave(c, i);
        return;
    }
}

/* ---- connections ---- */

/* Subscribes to names joined by '/'. */
static bool subscribe_all(struct stream_client *c, struct slice names)
{
    while (names.size) {
        const char *end = memchr(names.data, '/', names.size);
        const size_t size = end ? (size_t)(end - names.data) : names.size;
        if (size && !subscribe(c, (struct slice){names.data, size})) return false;
        names.data += size + (end != NULL);
        names.size -= size + (end != NULL);
    }
    return true;
}

/* The streams that the URL names. */
static bool read_url(struct stream_client *c, const struct http_request *request)
{
    static const char raw[] = "/binance/ws/";
    char *names = malloc(PATH_SIZE);
    if (!names) return false;
    enum err err = OK;
    names[0] = '\0';
    if (c->is_combined) {
        err = url_query_get(request->query, "streams", names, PATH_SIZE);
        if (err == ERR_NOT_FOUND) err = OK;
    } else if (request->path.size >= sizeof raw - 1) {
        const struct slice coded = {request->path.data + sizeof raw - 1,
                                    request->path.size - (sizeof raw - 1)};
        err = url_decode(coded, false, names, PATH_SIZE);
    }
    const bool is_fine = err == OK && subscribe_all(c, slice_of(names));
    free(names);
    return is_fine;
}

static void forget(struct stream_client *c)
{
    struct stream_hub *hub = c->server->hub;
    while (c->topic_count) leave(c, c->topic_count - 1);
    struct stream_client **at = &hub->clients;
    while (*at != c) at = &(*at)->next;
    *at = c->next;
    c->server->counters.stream_clients--;
    free(c->topics);
    free(c);
}

void streams_accept(struct simserver *s, const struct http_request *request,
                    struct http_reply *reply)
{
    const struct ws_options options = {
        .deflate = true,
        .message_limit = CONTROL_LIMIT,
        .pending_limit = s->options.pending_bytes,
    };
    struct stream_client *c = calloc(1, sizeof *c);
    if (!c) {
        http_reply_text(reply, 503, "text/plain", SLICE("no memory\n"));
        return;
    }
    *c = (struct stream_client){.server = s,
                                .life = ws_life_begin(simserver_now(s)),
                                .is_combined = slice_is(request->path, "/binance/stream")};
    if (ws_accept(request, reply, &options, &handler, c, &c->ws) != OK) {
        free(c);
        return;
    }
    c->next = s->hub->clients;
    s->hub->clients = c;
    s->counters.stream_clients++;
    if (!read_url(c, request)) ws_close(c->ws, WS_CODE_POLICY, SLICE("Invalid streams"));
}

static void on_close(struct ws *w, uint16_t code, struct slice reason, enum err err)
{
    struct stream_client *c = ws_user(w);
    (void)code;
    (void)reason;
    if (err == ERR_LIMIT) c->server->counters.slow_clients_cut++;
    forget(c);
}

/* Counts an incoming message; false when there are too many. */
static bool count_message(struct stream_client *c)
{
    const int64_t second = simserver_now(c->server) / 1000;
    if (c->second != second) c->messages = 0;
    c->second = second;
    if (++c->messages <= SIMSERVER_MESSAGES_LIMIT) return true;
    ws_close(c->ws, WS_CODE_POLICY, SLICE("Too many requests"));
    return false;
}

static void on_beat(struct ws *w, struct slice payload)
{
    (void)payload;
    (void)count_message(ws_user(w));
}

static void on_pong(struct ws *w, struct slice payload)
{
    struct stream_client *c = ws_user(w);
    ws_life_on_pong(&c->life, payload, simserver_now(c->server));
    (void)count_message(c);
}

void streams_check(struct simserver *s, int64_t now_ms)
{
    for (struct stream_client *c = s->hub->clients; c; c = c->next)
        ws_life_check(&c->life, c->ws, &s->options, now_ms);
}

void streams_close(struct simserver *s)
{
    struct stream_hub *hub = s->hub;
    if (!hub) return;
    while (hub->clients) {
        ws_set_handler(hub->clients->ws, NULL, NULL);
        ws_abort(hub->clients->ws);
        forget(hub->clients);
    }
    ws_deflater_deinit(&hub->deflater);
    buffer_deinit(&hub->data);
    buffer_deinit(&hub->wrapped);
    free(hub);
    s->hub = NULL;
}

size_t streams_pending(const struct simserver *s)
{
    size_t most = 0;
    for (const struct stream_client *c = s->hub->clients; c; c = c->next)
        if (ws_pending(c->ws) > most) most = ws_pending(c->ws);
    return most;
}

/* ---- control messages ---- */

struct control {
    struct slice id, method, params; /* raw; params without a value: size 0 */
    bool is_id_bad;
};

static bool is_id(struct slice id)
{
    if (id.size == 0 || id.size > ID_SIZE_MAX || slice_is(id, "null")) return id.size == 4;
    int64_t number;
    if (id.data[0] != '"') {
        const size_t sign = id.data[0] == '-';
        return decimal_parse(id.data + sign, id.size - sign, 0, &number);
    }
    for (size_t i = 1; i + 1 < id.size; i++)
        if (id.data[i] == '\\' || id.data[i] == '"') return false;
    return id.size <= 38;
}

static void answer(struct stream_client *c, struct slice id, const char *result)
{
    struct buffer out = {0};
    buffer_append_text(&out, "{\"result\":");
    buffer_append_text(&out, result);
    buffer_append_text(&out, ",\"id\":");
    buffer_append(&out, id.data, id.size);
    buffer_append_char(&out, '}');
    (void)ws_send(c->ws, WS_TEXT, buffer_slice(&out));
    buffer_deinit(&out);
}

static void answer_error(struct stream_client *c, struct slice id, int code, const char *text)
{
    struct buffer out = {0};
    text_number(&out, "{\"code\":", code);
    buffer_append_text(&out, ",\"msg\":");
    text_string(&out, slice_of(text));
    buffer_append_text(&out, ",\"id\":");
    buffer_append(&out, id.data, id.size);
    buffer_append_char(&out, '}');
    (void)ws_send(c->ws, WS_TEXT, buffer_slice(&out));
    buffer_deinit(&out);
}

static void answer_list(struct stream_client *c, struct slice id)
{
    struct buffer out = {0};
    buffer_append_char(&out, '[');
    for (uint32_t i = 0; i < c->topic_count; i++) {
        if (i) buffer_append_char(&out, ',');
        text_string(&out, slice_of(c->topics[i]->name));
    }
    buffer_append(&out, "]", 2);
    answer(c, id, out.failed ? "[]" : out.data);
    buffer_deinit(&out);
}

static void take_names(struct stream_client *c, const struct control *m, bool on)
{
    struct json_cursor j;
    struct slice name;
    cursor_init(&j, m->params);
    cursor_enter_array(&j);
    while (cursor_next_element(&j)) {
        if (!cursor_string(&j, &name, NULL)) break;
        if (!on)
            unsubscribe(c, name);
        else if (!subscribe(c, name)) {
            answer_error(c, m->id, 2, "Invalid request: too many parameters");
            return;
        }
    }
    if (cursor_end(&j))
        answer(c, m->id, "null");
    else
        answer_error(c, m->id, 2, "Invalid request: request must be an array of strings");
}

static void take_property(struct stream_client *c, const struct control *m, bool set)
{
    struct json_cursor j;
    struct slice name = {0}, more;
    bool value = false;
    cursor_init(&j, m->params);
    cursor_enter_array(&j);
    if (!cursor_next_element(&j) || !cursor_string(&j, &name, NULL)) {
        answer_error(c, m->id, 2, "Invalid request: property name must be a string");
        return;
    }
    if (!slice_is(name, "combined")) {
        answer_error(c, m->id, 0, "Unknown property");
        return;
    }
    if (!set) {
        answer(c, m->id, c->is_combined ? "true" : "false");
        return;
    }
    if (!cursor_next_element(&j) || cursor_peek(&j) != CURSOR_BOOL) {
        answer_error(c, m->id, 1, "Invalid value type: expected Boolean");
        return;
    }
    if (!cursor_bool(&j, &value) || (cursor_next_element(&j) && cursor_raw(&j, &more))) {
        answer_error(c, m->id, 2, "Invalid request: too many parameters");
        return;
    }
    c->is_combined = value;
    answer(c, m->id, "null");
}

static void obey(struct stream_client *c, const struct control *m)
{
    if (slice_is(m->method, "SUBSCRIBE"))
        take_names(c, m, true);
    else if (slice_is(m->method, "UNSUBSCRIBE"))
        take_names(c, m, false);
    else if (slice_is(m->method, "LIST_SUBSCRIPTIONS"))
        answer_list(c, m->id);
    else if (slice_is(m->method, "SET_PROPERTY"))
        take_property(c, m, true);
    else if (slice_is(m->method, "GET_PROPERTY"))
        take_property(c, m, false);
    else if (m->method.size == 0)
        answer_error(c, m->id, 2, "Invalid request: missing field `method`");
    else
        answer_error(c, m->id, 2,
                     "Invalid request: unknown variant, expected one of `SUBSCRIBE`, "
                     "`UNSUBSCRIBE`, `LIST_SUBSCRIPTIONS`, `SET_PROPERTY`, `GET_PROPERTY`");
}

static void on_message(struct ws *w, enum ws_opcode opcode, struct slice message)
{
    struct stream_client *c = ws_user(w);
    struct control m = {.id = SLICE("null")};
    struct json_cursor j;
    struct slice key;
    char text[80];
    if (!count_message(c) || opcode != WS_TEXT) return;
    cursor_init(&j, message);
    cursor_enter_object(&j);
    while (cursor_next_key(&j, &key)) {
        if (slice_is(key, "id"))
            cursor_raw(&j, &m.id);
        else if (slice_is(key, "method"))
            cursor_string(&j, &m.method, NULL);
        else if (slice_is(key, "params"))
            cursor_raw(&j, &m.params);
        else
            cursor_skip(&j);
    }
    if (!cursor_end(&j)) {
        snprintf(text, sizeof text, "Invalid JSON: expected value at line 1 column %zu",
                 (size_t)(j.at - j.start) + 1);
        answer_error(c, SLICE("null"), 3, text);
    } else if (!is_id(m.id)) {
        answer_error(c, SLICE("null"), 2,
                     "Invalid request: request ID must be an unsigned integer, a short string or "
                     "null");
    } else {
        obey(c, &m);
    }
}
