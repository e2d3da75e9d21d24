/* The Redis client: connection, greeting, pipelining, deadlines. */
#include "io/redis/redis.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/buffer.h"
#include "base/check.h"
#include "base/log.h"
#include "io/redis/redis_reader.h"

enum { READ_SIZE = 65536, WORDS_MAX = 64 };

/* A command on its way. on_reply NULL: its caller was told already. */
struct command {
    redis_on_reply on_reply;
    void *user;
    int64_t begun_ms;
    struct breaker_call call;
    bool is_guarded; /* the breaker let it leave, and wants to know */
};

/* One connection; it outlives its owner's interest until libuv has let go of it. */
struct link {
    union {
        uv_handle_t handle;
        uv_stream_t stream;
        uv_tcp_t tcp;
        uv_pipe_t pipe;
    };
    uv_connect_t connect;
    uv_getaddrinfo_t resolve;
    struct redis *owner; /* NULL: dropped */
    struct redis_reader *reader;
    uint32_t holds;
    bool is_writing;
    bool is_greeted;
};

struct write {
    uv_write_t request;
    struct link *link;
    char data[];
};

struct redis {
    uv_loop_t *loop;
    uv_timer_t timer;    /* down: the next try; dialling and greeting: their end */
    uv_timer_t deadline; /* up: of the oldest command */
    uv_prepare_t flush;
    uint32_t handles;
    bool is_closed;
    struct redis_address address;
    struct link *link;
    struct buffer output;
    uint32_t backoff_ms;
    struct prng jitter;
    struct breaker breaker;
    struct redis_counters counters;
    bool is_second_look;        /* at a deadline that has passed */
    uint32_t head, count, told; /* of commands; told: how many in front were answered for */
    struct command commands[REDIS_PENDING_MAX];
};

static void dial(struct redis *r);
static void on_retry(uv_timer_t *timer);
static void dial_unix(struct redis *r, struct link *l);
static void dial_tcp(struct redis *r, struct link *l);
static void on_resolved(uv_getaddrinfo_t *request, int status, struct addrinfo *found);
static void connect_tcp(struct link *l, const struct sockaddr *address);
static void on_connected(uv_connect_t *request, int status);
static void greet(struct redis *r);
static void greet_with(struct redis *r, const struct slice *words, size_t count);
static void on_greeted(void *user, enum err err, const struct redis_reply *reply);
static void on_pong(void *user, enum err err, const struct redis_reply *reply);
static void on_connect_timeout(uv_timer_t *timer);
static void push(struct redis *r, const struct slice *words, size_t count, struct command command);
static void on_flush(uv_prepare_t *prepare);
static void on_written(uv_write_t *request, int status);
static void on_alloc(uv_handle_t *handle, size_t suggested, uv_buf_t *out);
static void on_read(uv_stream_t *stream, ssize_t size, const uv_buf_t *buffer);
static void take_reply(struct redis *r, const struct redis_reply *reply);
static bool is_unable(const struct redis_reply *reply);
static void watch_deadline(struct redis *r);
static void on_deadline(uv_timer_t *timer);
static struct command *command_at(struct redis *r, uint32_t which);
static void command_fail(struct redis *r, struct command *c, enum err err);
static void drop(struct redis *r, const char *why);
static void link_unhold(struct link *l);
static void on_link_closed(uv_handle_t *handle);
static void on_handle_closed(uv_handle_t *handle);

static _Thread_local char read_buffer[READ_SIZE];

enum err redis_open(uv_loop_t *loop, const struct redis_address *address, uint64_t seed,
                    struct redis **out)
{
    struct redis *r = calloc(1, sizeof *r);
    struct sigaction old;
    if (!r) return err_set(ERR_NO_MEMORY, "no memory for a Redis client");
    /* Writing to a server that is gone is an error here, not a signal. */
    if (sigaction(SIGPIPE, NULL, &old) == 0 && old.sa_handler == SIG_DFL) signal(SIGPIPE, SIG_IGN);
    r->loop = loop;
    r->address = *address;
    r->backoff_ms = REDIS_RECONNECT_FIRST_MS;
    r->output.limit = REDIS_OUTPUT_MAX;
    prng_init(&r->jitter, seed);
    breaker_init(&r->breaker, REDIS_SLOW_MS, prng_next(&r->jitter));
    uv_timer_init(loop, &r->timer);
    uv_timer_init(loop, &r->deadline);
    uv_prepare_init(loop, &r->flush);
    r->handles = 3;
    r->timer.data = r->deadline.data = r->flush.data = r;
    *out = r;
    uv_timer_start(&r->timer, on_retry, 0, 0);
    return OK;
}

enum err redis_send(struct redis *r, const struct slice *words, size_t count,
                    redis_on_reply on_reply, void *user)
{
    size_t size = 0;
    /* The loop's cached time may be old where its callbacks take long: that is not Redis' fault. */
    uv_update_time(r->loop);
    struct command c = {on_reply, user, (int64_t)uv_now(r->loop), .is_guarded = true};
    CHECK(count >= 1 && count <= WORDS_MAX);
    for (size_t i = 0; i < count; i++) size += words[i].size + 32;
    if (!redis_is_up(r)) {
        r->counters.refused++;
        return err_set(ERR_CLOSED, "Redis is not connected");
    }
    if (r->count == REDIS_PENDING_MAX || r->output.size + size > REDIS_OUTPUT_MAX) {
        r->counters.refused++;
        return err_set(ERR_LIMIT, "too many commands wait for Redis");
    }
    if (!breaker_begin(&r->breaker, BREAKER_OTHER, c.begun_ms, &c.call)) {
        r->counters.refused++;
        return err_set(ERR_CLOSED, "Redis is not asked: its breaker is open");
    }
    push(r, words, count, c);
    r->counters.sent++;
    return OK;
}

bool redis_is_up(const struct redis *r)
{
    return r->link && r->link->is_greeted;
}

enum breaker_state redis_state(const struct redis *r)
{
    return redis_is_up(r) ? r->breaker.state : BREAKER_OPEN;
}

struct redis_counters redis_counters(const struct redis *r)
{
    return r->counters;
}

void redis_close(struct redis *r)
{
    if (!r) return;
    r->is_closed = true;
    if (r->link) drop(r, NULL);
    uv_close((uv_handle_t *)&r->timer, on_handle_closed);
    uv_close((uv_handle_t *)&r->deadline, on_handle_closed);
    uv_close((uv_handle_t *)&r->flush, on_handle_closed);
}

static void on_retry(uv_timer_t *timer)
{
    dial(timer->data);
}

static void dial(struct redis *r)
{
    struct link *l = calloc(1, sizeof *l);
    struct redis_reader *reader = redis_reader_new(REDIS_REPLY_MAX, REDIS_ITEMS_MAX);
    if (!l || !reader) {
        free(l);
        redis_reader_free(reader);
        uv_timer_start(&r->timer, on_retry, REDIS_RECONNECT_LAST_MS, 0);
        return;
    }
    l->owner = r;
    l->reader = reader;
    l->connect.data = l->resolve.data = l;
    l->holds = 1;
    r->link = l;
    if (r->address.path[0])
        uv_pipe_init(r->loop, &l->pipe, 0);
    else
        uv_tcp_init(r->loop, &l->tcp);
    l->handle.data = l;
    uv_timer_start(&r->timer, on_connect_timeout, REDIS_CONNECT_MS, 0);
    if (r->address.path[0])
        dial_unix(r, l);
    else
        dial_tcp(r, l);
}

static void dial_unix(struct redis *r, struct link *l)
{
    l->holds++;
    uv_pipe_connect(&l->connect, &l->pipe, r->address.path, on_connected);
}

static void dial_tcp(struct redis *r, struct link *l)
{
    struct sockaddr_storage address;
    const struct addrinfo hints = {.ai_socktype = SOCK_STREAM};
    if (uv_ip4_addr(r->address.host, r->address.port, (struct sockaddr_in *)&address) == 0 ||
        uv_ip6_addr(r->address.host, r->address.port, (struct sockaddr_in6 *)&address) == 0) {
        connect_tcp(l, (const struct sockaddr *)&address);
        return;
    }
    l->holds++;
    if (uv_getaddrinfo(r->loop, &l->resolve, on_resolved, r->address.host, NULL, &hints) != 0) {
        l->holds--;
        drop(r, "its name cannot be looked up");
    }
}

static void on_resolved(uv_getaddrinfo_t *request, int status, struct addrinfo *found)
{
    struct link *l = request->data;
    if (l->owner && status != 0) {
        drop(l->owner, uv_strerror(status));
    } else if (l->owner) {
        /* the port's place is the same in both families */
        ((struct sockaddr_in *)(void *)found->ai_addr)->sin_port = htons(l->owner->address.port);
        connect_tcp(l, found->ai_addr);
    }
    if (found) uv_freeaddrinfo(found);
    link_unhold(l);
}

static void connect_tcp(struct link *l, const struct sockaddr *address)
{
    l->holds++;
    const int status = uv_tcp_connect(&l->connect, &l->tcp, address, on_connected);
    if (status == 0) {
        uv_tcp_nodelay(&l->tcp, 1);
        return;
    }
    l->holds--;
    drop(l->owner, uv_strerror(status));
}

static void on_connected(uv_connect_t *request, int status)
{
    struct link *l = request->data;
    struct redis *r = l->owner;
    if (r && status != 0) {
        drop(r, uv_strerror(status));
    } else if (r) {
        uv_read_start(&l->stream, on_alloc, on_read);
        greet(r);
    }
    link_unhold(l);
}

static void greet(struct redis *r)
{
    const struct redis_address *a = &r->address;
    char database[8];
    if (a->password[0]) {
        struct slice words[3] = {SLICE("AUTH")};
        size_t count = 1;
        if (a->user[0]) words[count++] = slice_of(a->user);
        words[count++] = slice_of(a->password);
        greet_with(r, words, count);
    }
    if (a->database) {
        snprintf(database, sizeof database, "%u", a->database);
        greet_with(r, (struct slice[]){SLICE("SELECT"), slice_of(database)}, 2);
    }
    push(r, (struct slice[]){SLICE("PING")}, 1,
         (struct command){on_pong, r, (int64_t)uv_now(r->loop)});
}

static void greet_with(struct redis *r, const struct slice *words, size_t count)
{
    push(r, words, count, (struct command){on_greeted, r, (int64_t)uv_now(r->loop)});
}

static void on_greeted(void *user, enum err err, const struct redis_reply *reply)
{
    struct redis *r = user;
    if (err || !r->link) return; /* dropped already */
    if (reply->kind != REDIS_TEXT || !slice_is(reply->text, "OK"))
        drop(r, "it refuses the user, the password or the database");
}

static void on_pong(void *user, enum err err, const struct redis_reply *reply)
{
    struct redis *r = user;
    if (err || !r->link) return;
    if (reply->kind != REDIS_TEXT || !slice_is(reply->text, "PONG")) {
        drop(r, "it does not answer PING");
        return;
    }
    uv_timer_stop(&r->timer);
    r->link->is_greeted = true;
    r->backoff_ms = REDIS_RECONNECT_FIRST_MS;
    r->counters.connected++;
    log_info("redis_up", "times=%llu", (unsigned long long)r->counters.connected);
}

static void on_connect_timeout(uv_timer_t *timer)
{
    drop(timer->data, "no connection in time");
}

static void push(struct redis *r, const struct slice *words, size_t count, struct command command)
{
    CHECK(r->count < REDIS_PENDING_MAX);
    buffer_printf(&r->output, "*%zu\r\n", count);
    for (size_t i = 0; i < count; i++) {
        buffer_append_char(&r->output, '$');
        buffer_append_u64(&r->output, words[i].size);
        buffer_append(&r->output, "\r\n", 2);
        buffer_append(&r->output, words[i].data, words[i].size);
        buffer_append(&r->output, "\r\n", 2);
    }
    r->count++;
    *command_at(r, r->count - 1) = command;
    if (r->count - r->told == 1) watch_deadline(r);
    if (!r->link->is_writing) uv_prepare_start(&r->flush, on_flush);
}

static void on_flush(uv_prepare_t *prepare)
{
    struct redis *r = prepare->data;
    struct link *l = r->link;
    uv_prepare_stop(prepare);
    if (!l || l->is_writing || r->output.size == 0) return;
    if (r->output.failed) {
        drop(r, "no memory for its commands");
        return;
    }
    uv_buf_t bytes = uv_buf_init(r->output.data, (unsigned)r->output.size);
    const int taken = uv_try_write(&l->stream, &bytes, 1);
    if (taken < 0 && taken != UV_EAGAIN) {
        drop(r, uv_strerror(taken));
        return;
    }
    if (taken > 0) buffer_consume(&r->output, (size_t)taken);
    if (r->output.size == 0) return;
    struct write *w = malloc(sizeof *w + r->output.size);
    if (!w) {
        drop(r, "no memory for its commands");
        return;
    }
    w->link = l;
    memcpy(w->data, r->output.data, r->output.size);
    bytes = uv_buf_init(w->data, (unsigned)r->output.size);
    buffer_clear(&r->output);
    l->is_writing = true;
    l->holds++;
    if (uv_write(&w->request, &l->stream, &bytes, 1, on_written) == 0) return;
    free(w);
    l->holds--;
    drop(r, "it cannot be written to");
}

static void on_written(uv_write_t *request, int status)
{
    struct write *w = (struct write *)request;
    struct link *l = w->link;
    struct redis *r = l->owner;
    free(w);
    l->is_writing = false;
    if (r && status != 0)
        drop(r, uv_strerror(status));
    else if (r && r->output.size > 0)
        uv_prepare_start(&r->flush, on_flush);
    link_unhold(l);
}

static void on_alloc(uv_handle_t *handle, size_t suggested, uv_buf_t *out)
{
    (void)handle;
    (void)suggested;
    *out = uv_buf_init(read_buffer, sizeof read_buffer);
}

static void on_read(uv_stream_t *stream, ssize_t size, const uv_buf_t *buffer)
{
    struct link *l = stream->data;
    struct redis *r = l->owner;
    if (!r || size == 0) return;
    if (size < 0) {
        drop(r, size == UV_EOF ? "it closed the connection" : uv_strerror((int)size));
        return;
    }
    l->holds++; /* an answer's callback may close us */
    redis_reader_feed(l->reader, (struct slice){buffer->base, (size_t)size});
    while (l->owner) {
        struct redis_reply *reply = NULL;
        if (redis_reader_next(l->reader, &reply) != OK) {
            drop(r, err_text());
        } else if (!reply) {
            break;
        } else if (r->count == 0) {
            drop(r, "it sent what was not asked for");
        } else {
            take_reply(r, reply);
        }
        redis_reply_free(reply);
    }
    link_unhold(l);
}

static void take_reply(struct redis *r, const struct redis_reply *reply)
{
    const struct command c = *command_at(r, 0);
    r->head = (r->head + 1) % REDIS_PENDING_MAX;
    r->count--;
    if (r->told > 0) {
        r->told--; /* too late: its caller was told ERR_TIMEOUT */
        watch_deadline(r);
        return;
    }
    r->counters.answered += c.is_guarded;
    if (c.is_guarded) breaker_end(&r->breaker, &c.call, is_unable(reply), (int64_t)uv_now(r->loop));
    if (r->count == 0) uv_timer_stop(&r->deadline);
    c.on_reply(c.user, OK, reply);
}

/* Whether the server says that it cannot serve, rather than that the command was wrong. */
static bool is_unable(const struct redis_reply *reply)
{
    static const char *const words[] = {"OOM ",         "READONLY ",   "LOADING ", "MISCONF ",
                                        "BUSY ",        "MASTERDOWN ", "NOAUTH ",  "NOPERM ",
                                        "CLUSTERDOWN ", "NOREPLICAS "};
    if (reply->kind != REDIS_FAILED) return false;
    for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
        const struct slice word = slice_of(words[i]);
        if (reply->text.size >= word.size && memcmp(reply->text.data, word.data, word.size) == 0)
            return true;
    }
    return false;
}

/* The timer runs to the deadline of the oldest command that waits, or, where all were told, to the
 * moment at which the connection counts as stuck. It may come early, which does no harm. */
static void watch_deadline(struct redis *r)
{
    if (r->count == 0) {
        uv_timer_stop(&r->deadline);
        return;
    }
    const int64_t stuck_ms = command_at(r, 0)->begun_ms + REDIS_STUCK_MS;
    int64_t next_ms = stuck_ms;
    if (r->told < r->count) {
        const int64_t late_ms = command_at(r, r->told)->begun_ms + REDIS_DEADLINE_MS;
        if (late_ms < next_ms) next_ms = late_ms;
    }
    const int64_t wait_ms = next_ms - (int64_t)uv_now(r->loop);
    r->is_second_look = false;
    uv_timer_start(&r->deadline, on_deadline, wait_ms > 0 ? (uint64_t)wait_ms : 0, 0);
}

static void on_deadline(uv_timer_t *timer)
{
    struct redis *r = timer->data;
    const int64_t now_ms = (int64_t)uv_now(r->loop);
    if (!r->is_second_look) {
        /* A loop that was busy runs its timers before it reads: the answer may be there. */
        r->is_second_look = true;
        uv_timer_start(&r->deadline, on_deadline, 1, 0); /* 0 would run before the reading too */
        return;
    }
    while (r->told < r->count && command_at(r, r->told)->begun_ms + REDIS_DEADLINE_MS <= now_ms) {
        struct command *c = command_at(r, r->told++);
        r->counters.timed_out += c->is_guarded;
        if (c->is_guarded) command_fail(r, c, ERR_TIMEOUT);
        if (r->is_closed) return;
    }
    if (r->count > 0 && command_at(r, 0)->begun_ms + REDIS_STUCK_MS <= now_ms)
        drop(r, "it does not answer");
    else
        watch_deadline(r);
}

static struct command *command_at(struct redis *r, uint32_t which)
{
    return &r->commands[(r->head + which) % REDIS_PENDING_MAX];
}

static void command_fail(struct redis *r, struct command *c, enum err err)
{
    const struct command copy = *c;
    if (copy.is_guarded) breaker_end(&r->breaker, &copy.call, true, (int64_t)uv_now(r->loop));
    copy.on_reply(copy.user, err, NULL);
}

/* Gives the connection up and everything that waits on it; why NULL: we are closing. */
static void drop(struct redis *r, const char *why)
{
    struct link *l = r->link;
    if (why && (l->is_greeted || r->backoff_ms == REDIS_RECONNECT_FIRST_MS))
        log_warn("redis_down", "reason=\"%s\"", why);
    r->link = NULL;
    l->owner = NULL;
    if (!uv_is_closing(&l->handle)) uv_close(&l->handle, on_link_closed);
    buffer_deinit(&r->output);
    r->output.limit = REDIS_OUTPUT_MAX;
    uv_timer_stop(&r->deadline);
    if (why) {
        const uint32_t half = r->backoff_ms / 2;
        uv_timer_start(&r->timer, on_retry, half + prng_below(&r->jitter, half + 1), 0);
        r->backoff_ms = r->backoff_ms * 2 > REDIS_RECONNECT_LAST_MS ? REDIS_RECONNECT_LAST_MS
                                                                    : r->backoff_ms * 2;
    }
    while (r->count > 0) {
        struct command *c = command_at(r, 0);
        const bool was_told = r->told > 0;
        r->head = (r->head + 1) % REDIS_PENDING_MAX;
        r->count--;
        r->told -= was_told;
        if (!was_told) command_fail(r, c, ERR_CLOSED);
    }
}

static void link_unhold(struct link *l)
{
    if (--l->holds > 0) return;
    redis_reader_free(l->reader);
    free(l);
}

static void on_link_closed(uv_handle_t *handle)
{
    link_unhold(handle->data);
}

static void on_handle_closed(uv_handle_t *handle)
{
    struct redis *r = handle->data;
    if (--r->handles > 0) return;
    buffer_deinit(&r->output);
    explicit_bzero(r->address.password, sizeof r->address.password);
    free(r);
}
