/* One byte stream over uv_tcp_t, plain or TLS. */
#include "io/net/conn.h"

#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>

#include <linux/sockios.h>

#include "base/buffer.h"
#include "base/check.h"
#include "io/net/conn_accept.h"
#include "io/net/tls_session.h"

enum state { DIALLING, HANDSHAKE, OPEN, CLOSING, GONE };

enum { PIECE_LIMIT = 64, TEXT_SIZE = 256 };

/* What only a conn that is being dialled needs. */
struct dialling {
    uv_getaddrinfo_t resolve;
    uv_connect_t connect;
    struct addrinfo *addresses;
    const struct addrinfo *next;
    char host[256];
    uint16_t port;
    uint32_t timeout_ms;
    bool resolving;
};

struct conn {
    uv_tcp_t tcp;
    uv_timer_t
        timer; /* until open: the connect timeout; open: the kick; closing: stall and linger */
    uv_shutdown_t shutdown;
    uv_loop_t *loop;
    const struct conn_handler *handler;
    void *user;
    struct tls_session *tls;
    struct dialling *dialling;
    void (*on_gone)(void *owner);
    void *owner;
    enum state state;
    enum err reason;
    char *text;     /* why, for people; NULL: err_name will do */
    uint32_t holds; /* handles and requests whose callbacks still need this memory */
    bool is_paused;
    bool is_flushed; /* closing: the kernel has everything */
    bool peer_ended;
    uint32_t read_size;
    uint32_t handshake_ms; /* of an accepted conn */
    size_t pending;
    size_t pending_limit;
    uint64_t stall_mark; /* closing: what the peer had taken at the last look */
    uint64_t written;
    struct buffer unread;
    char peer[CONN_PEER_SIZE];
};

/* Bytes on their way to the kernel, with what must be released afterwards. Copied bytes follow. */
struct write {
    uv_write_t request;
    struct conn *conn;
    size_t size;
    size_t piece_count;
    struct conn_piece pieces[];
};

static enum err conn_new(uv_loop_t *loop, const struct tls_context *tls, const char *host,
                         const struct conn_options *options, struct conn **out);
static struct conn_origin origin_v4(uint32_t address);
static void ignore_sigpipe(void);
static enum err tcp_init(struct conn *c);
static void dial_literal_or_name(struct conn *c);
static void on_resolved(uv_getaddrinfo_t *request, int status, struct addrinfo *addresses);
static void dial_next(struct conn *c);
static void dial_address(struct conn *c, const struct sockaddr *address);
static void on_connected(uv_connect_t *request, int status);
static void on_failed_tcp_closed(uv_handle_t *handle);
static void on_connect_timeout(uv_timer_t *timer);
static void dialling_free(struct conn *c);
static void start(struct conn *c);
static void opened(struct conn *c);
static void peer_name(struct conn *c);
static void on_alloc(uv_handle_t *handle, size_t suggested, uv_buf_t *out);
static void on_read(uv_stream_t *stream, ssize_t size, const uv_buf_t *buffer);
static void deliver(struct conn *c, struct slice bytes);
static void deliver_unread(struct conn *c);
static void tls_step(struct conn *c);
static void tls_pump(struct conn *c);
static enum err tls_flush(struct conn *c);
static void on_peer_end(struct conn *c);
static void kick(struct conn *c);
static void on_kick(uv_timer_t *timer);
static enum err raw_write(struct conn *c, const struct conn_piece *pieces, size_t count);
static enum err write_later(struct conn *c, const struct conn_piece *pieces, size_t count,
                            size_t skip, size_t rest);
static void on_written(uv_write_t *request, int status);
static void release_all(const struct conn_piece *pieces, size_t count);
static void close_begin(struct conn *c, enum err reason);
static void on_shutdown(uv_shutdown_t *request, int status);
static void on_flush_look(uv_timer_t *timer);
static void on_linger_over(uv_timer_t *timer);
static void drop(struct conn *c, enum err reason, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
static void drop_uv(struct conn *c, const char *what, int status);
static void on_handle_closed(uv_handle_t *handle);
static void hold_end(struct conn *c);

static _Thread_local char read_buffer[CONN_READ_SIZE];
static _Thread_local char plain_buffer[16384]; /* a TLS record holds at most so much */

enum err conn_dial(uv_loop_t *loop, const struct conn_dial *dial, struct conn **out)
{
    struct conn *c = NULL;
    struct dialling *d = calloc(1, sizeof *d);
    if (!d) return err_set(ERR_NO_MEMORY, "no memory for a connection");
    if (!slice_copy(slice_of(dial->host), d->host, sizeof d->host)) {
        free(d);
        return err_set(ERR_INVALID, "the host name is longer than %zu bytes", sizeof d->host - 1);
    }
    const enum err err = conn_new(loop, dial->tls, dial->host, &dial->options, &c);
    if (err) {
        free(d);
        return err_note(err, "while connecting to %s:%u", dial->host, dial->port);
    }
    d->port = dial->port;
    d->timeout_ms = dial->options.connect_timeout_ms ? dial->options.connect_timeout_ms
                                                     : CONN_CONNECT_TIMEOUT_MS;
    d->connect.data = c;
    d->resolve.data = c;
    c->dialling = d;
    c->handler = dial->handler;
    c->user = dial->user;
    *out = c;
    /* libuv counts from its cached time, which a busy caller may have let grow old. */
    uv_update_time(loop);
    uv_timer_start(&c->timer, on_connect_timeout, d->timeout_ms, 0);
    dial_literal_or_name(c);
    return OK;
}

enum err conn_accept(uv_stream_t *server, const struct conn_options *options, struct conn **out)
{
    struct conn *c = NULL;
    const enum err err = conn_new(server->loop, NULL, NULL, options, &c);
    if (err) return err;
    c->handshake_ms =
        options->connect_timeout_ms ? options->connect_timeout_ms : CONN_CONNECT_TIMEOUT_MS;
    const int status = uv_accept(server, (uv_stream_t *)&c->tcp);
    if (status) drop_uv(c, "accept", status);
    *out = c;
    return OK;
}

struct conn_origin conn_origin(const struct conn *c)
{
    struct sockaddr_storage peer = {0};
    int size = sizeof peer;
    if (uv_tcp_getpeername(&c->tcp, (struct sockaddr *)&peer, &size))
        return (struct conn_origin){0};
    if (peer.ss_family == AF_INET) {
        const struct sockaddr_in *v4 = (const struct sockaddr_in *)&peer;
        return origin_v4(ntohl(v4->sin_addr.s_addr));
    }
    const struct in6_addr *v6 = &((const struct sockaddr_in6 *)&peer)->sin6_addr;
    struct conn_origin origin = {.is_loopback = IN6_IS_ADDR_LOOPBACK(v6)};
    if (IN6_IS_ADDR_V4MAPPED(v6)) {
        uint32_t address;
        memcpy(&address, &v6->s6_addr[12], sizeof address);
        return origin_v4(ntohl(address));
    }
    memcpy(&origin.address, v6->s6_addr, sizeof origin.address);
    return origin;
}

void conn_set_gone(struct conn *c, void (*on_gone)(void *owner), void *owner)
{
    c->on_gone = on_gone;
    c->owner = owner;
}

void conn_accepted_start(struct conn *c, const struct tls_context *tls)
{
    if (c->state != DIALLING) return;
    if (tls) {
        const enum err err = tls_session_new(tls, NULL, &c->tls);
        if (err) {
            drop(c, err, "%s", err_text());
            return;
        }
        uv_timer_start(&c->timer, on_connect_timeout, c->handshake_ms, 0);
    }
    start(c);
}

void *conn_user(const struct conn *c)
{
    return c->user;
}

uv_loop_t *conn_loop(const struct conn *c)
{
    return c->loop;
}

void conn_set_handler(struct conn *c, const struct conn_handler *handler, void *user)
{
    c->handler = handler;
    c->user = user;
}

void conn_set_pending_limit(struct conn *c, size_t limit)
{
    c->pending_limit = limit;
}

const char *conn_peer(const struct conn *c)
{
    return c->peer;
}

bool conn_is_open(const struct conn *c)
{
    return c->state == OPEN;
}

bool conn_is_tls(const struct conn *c)
{
    return c->tls != NULL;
}

enum err conn_write(struct conn *c, struct slice bytes)
{
    return conn_write_pieces(c, &(struct conn_piece){.bytes = bytes}, 1);
}

enum err conn_write_pieces(struct conn *c, const struct conn_piece *pieces, size_t count)
{
    CHECK(c->state >= OPEN);
    CHECK(count <= PIECE_LIMIT);
    if (c->state != OPEN) {
        release_all(pieces, count);
        return err_set(ERR_CLOSED, "the connection is closing");
    }
    if (!c->tls) return raw_write(c, pieces, count);

    enum err err = OK;
    for (size_t i = 0; i < count && !err; i++) err = tls_session_write(c->tls, pieces[i].bytes);
    release_all(pieces, count);
    if (!err) return tls_flush(c);
    drop(c, err, "%s", err_text());
    return err;
}

size_t conn_pending(const struct conn *c)
{
    return uv_stream_get_write_queue_size((const uv_stream_t *)&c->tcp);
}

uint64_t conn_written(const struct conn *c)
{
    return c->written;
}

uint64_t conn_taken(const struct conn *c)
{
    uv_os_fd_t fd;
    int unacknowledged = 0;
    if (uv_fileno((const uv_handle_t *)&c->tcp, &fd) || ioctl(fd, SIOCOUTQ, &unacknowledged))
        return c->written - c->pending;
    return c->written - c->pending - (uint64_t)unacknowledged;
}

void conn_pause(struct conn *c)
{
    c->is_paused = true;
    if (c->state == OPEN) uv_read_stop((uv_stream_t *)&c->tcp);
}

void conn_resume(struct conn *c)
{
    if (!c->is_paused) return;
    c->is_paused = false;
    if (c->state != OPEN) return;
    const int status = uv_read_start((uv_stream_t *)&c->tcp, on_alloc, on_read);
    if (status) {
        drop_uv(c, "read", status);
        return;
    }
    if (c->unread.size || c->tls) kick(c);
}

enum err conn_unread(struct conn *c, struct slice bytes)
{
    if (bytes.size == 0) return OK;
    struct buffer joined = {0};
    buffer_append(&joined, bytes.data, bytes.size);
    buffer_append(&joined, c->unread.data, c->unread.size);
    if (joined.failed) {
        buffer_deinit(&joined);
        return err_set(ERR_NO_MEMORY, "no memory for bytes put back");
    }
    buffer_deinit(&c->unread);
    c->unread = joined;
    if (c->state == OPEN) kick(c);
    return OK;
}

void conn_close(struct conn *c)
{
    if (c->state == OPEN)
        close_begin(c, OK);
    else if (c->state < OPEN)
        conn_abort(c);
}

void conn_abort(struct conn *c)
{
    if (c->state == GONE) return;
    /* Keep the first reason: aborting an orderly close does not change why it closes. */
    drop(c, c->state == CLOSING ? c->reason : OK, "closed by us");
}

/* ---- making ---- */

static enum err conn_new(uv_loop_t *loop, const struct tls_context *tls, const char *host,
                         const struct conn_options *options, struct conn **out)
{
    static uv_once_t once = UV_ONCE_INIT;
    uv_once(&once, ignore_sigpipe);
    struct conn *c = calloc(1, sizeof *c);
    if (!c) return err_set(ERR_NO_MEMORY, "no memory for a connection");
    c->loop = loop;
    c->pending_limit = options->pending_limit ? options->pending_limit : CONN_PENDING_LIMIT;
    c->read_size = options->read_size ? options->read_size : CONN_READ_SIZE;
    if (c->read_size > CONN_READ_SIZE) c->read_size = CONN_READ_SIZE;
    enum err err = tls ? tls_session_new(tls, host, &c->tls) : OK;
    if (!err) err = tcp_init(c);
    if (err) {
        tls_session_free(c->tls);
        free(c);
        return err;
    }
    CHECK(uv_timer_init(loop, &c->timer) == 0);
    c->timer.data = c;
    c->holds++;
    *out = c;
    return OK;
}

/* Within the range of addresses that IPv6 maps, so it is no one else's /64. */
static struct conn_origin origin_v4(uint32_t address)
{
    return (struct conn_origin){.address = (uint64_t)0xffff << 32 | address,
                                .is_loopback = address >> 24 == 127};
}

/* libuv writes without MSG_NOSIGNAL: a peer that resets would end the process. */
static void ignore_sigpipe(void)
{
    struct sigaction action;
    CHECK(sigaction(SIGPIPE, NULL, &action) == 0);
    if (action.sa_handler != SIG_DFL) return;
    action = (struct sigaction){.sa_handler = SIG_IGN};
    CHECK(sigaction(SIGPIPE, &action, NULL) == 0);
}

static enum err tcp_init(struct conn *c)
{
    const int status = uv_tcp_init(c->loop, &c->tcp);
    if (status) return err_set(ERR_IO, "socket: %s", uv_strerror(status));
    c->tcp.data = c;
    c->holds++;
    return OK;
}

/* ---- dialling ---- */

/* An address needs no look-up, which would cost a hop to another thread. */
static void dial_literal_or_name(struct conn *c)
{
    struct dialling *d = c->dialling;
    struct sockaddr_in v4;
    struct sockaddr_in6 v6;
    if (uv_ip4_addr(d->host, d->port, &v4) == 0) {
        dial_address(c, (const struct sockaddr *)&v4);
        return;
    }
    if (uv_ip6_addr(d->host, d->port, &v6) == 0) {
        dial_address(c, (const struct sockaddr *)&v6);
        return;
    }
    char port[8];
    snprintf(port, sizeof port, "%u", d->port);
    const struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_ADDRCONFIG};
    const int status = uv_getaddrinfo(c->loop, &d->resolve, on_resolved, d->host, port, &hints);
    if (status) {
        drop_uv(c, "name look-up", status);
        return;
    }
    d->resolving = true;
    c->holds++;
}

static void on_resolved(uv_getaddrinfo_t *request, int status, struct addrinfo *addresses)
{
    struct conn *c = request->data;
    struct dialling *d = c->dialling;
    d->resolving = false;
    d->addresses = addresses;
    d->next = addresses;
    if (c->state != GONE) {
        if (status)
            drop(c, ERR_NOT_FOUND, "no address for host %s: %s", d->host, uv_strerror(status));
        else
            dial_next(c);
    }
    hold_end(c);
}

static void dial_next(struct conn *c)
{
    const struct addrinfo *address = c->dialling->next;
    CHECK(address);
    c->dialling->next = address->ai_next;
    dial_address(c, address->ai_addr);
}

static void dial_address(struct conn *c, const struct sockaddr *address)
{
    const int status = uv_tcp_connect(&c->dialling->connect, &c->tcp, address, on_connected);
    if (status) on_connected(&c->dialling->connect, status);
}

static void on_connected(uv_connect_t *request, int status)
{
    struct conn *c = request->data;
    if (c->state == GONE) return;
    struct dialling *d = c->dialling;
    if (status == 0) {
        start(c);
        return;
    }
    if (d->next) {
        uv_close((uv_handle_t *)&c->tcp, on_failed_tcp_closed);
        return;
    }
    drop(c, ERR_IO, "cannot connect to %s:%u: %s", d->host, d->port, uv_strerror(status));
}

/* A uv_tcp_t connects once: the next address takes a fresh one. */
static void on_failed_tcp_closed(uv_handle_t *handle)
{
    struct conn *c = handle->data;
    if (c->state != GONE) {
        const enum err err = tcp_init(c);
        if (err)
            drop(c, err, "%s", err_text());
        else
            dial_next(c);
    }
    hold_end(c);
}

static void on_connect_timeout(uv_timer_t *timer)
{
    struct conn *c = timer->data;
    if (c->dialling)
        drop(c, ERR_TIMEOUT, "no connection to %s:%u within %u ms", c->dialling->host,
             c->dialling->port, c->dialling->timeout_ms);
    else
        drop(c, ERR_TIMEOUT, "no TLS handshake within %u ms", c->handshake_ms);
}

static void dialling_free(struct conn *c)
{
    if (!c->dialling) return;
    CHECK(!c->dialling->resolving);
    uv_freeaddrinfo(c->dialling->addresses);
    free(c->dialling);
    c->dialling = NULL;
}

/* TCP stands: read, and open or begin TLS. */
static void start(struct conn *c)
{
    uv_tcp_nodelay(&c->tcp, 1);
    peer_name(c);
    const int status = uv_read_start((uv_stream_t *)&c->tcp, on_alloc, on_read);
    if (status) {
        drop_uv(c, "read", status);
        return;
    }
    if (!c->tls) {
        opened(c);
        return;
    }
    c->state = HANDSHAKE;
    tls_step(c);
}

static void opened(struct conn *c)
{
    c->state = OPEN;
    uv_timer_stop(&c->timer);
    dialling_free(c);
    if (c->is_paused) uv_read_stop((uv_stream_t *)&c->tcp);
    if (c->handler && c->handler->on_open) c->handler->on_open(c);
}

static void peer_name(struct conn *c)
{
    struct sockaddr_storage address;
    int size = sizeof address;
    if (uv_tcp_getpeername(&c->tcp, (struct sockaddr *)&address, &size)) return;
    char text[CONN_PEER_SIZE];
    if (uv_ip_name((const struct sockaddr *)&address, text, sizeof text)) return;
    static const char mapped[] = "::ffff:";
    const size_t skip = sizeof mapped - 1;
    const bool is_mapped = strncmp(text, mapped, skip) == 0 && strchr(text, '.');
    (void)slice_copy(slice_of(is_mapped ? text + skip : text), c->peer, sizeof c->peer);
}

/* ---- reading ---- */

static void on_alloc(uv_handle_t *handle, size_t suggested, uv_buf_t *out)
{
    (void)suggested;
    const struct conn *c = handle->data;
    *out = uv_buf_init(read_buffer, c->read_size);
}

static void on_read(uv_stream_t *stream, ssize_t size, const uv_buf_t *buffer)
{
    struct conn *c = stream->data;
    if (size == 0 || c->state == GONE) return;
    if (size == UV_EOF) {
        on_peer_end(c);
        return;
    }
    if (size < 0) {
        drop_uv(c, "read", (int)size);
        return;
    }
    if (c->state == CLOSING) return;
    const struct slice bytes = {buffer->base, (size_t)size};
    if (!c->tls) {
        deliver_unread(c);
        deliver(c, bytes);
        return;
    }
    const enum err err = tls_session_feed(c->tls, bytes);
    if (err)
        drop(c, err, "%s", err_text());
    else
        tls_step(c);
}

static void deliver(struct conn *c, struct slice bytes)
{
    if (c->state != OPEN || !c->handler) return;
    if (c->is_paused) {
        /* Paused in the middle of what one read brought: keep it behind what already waits. */
        buffer_append(&c->unread, bytes.data, bytes.size);
        if (c->unread.failed) drop(c, ERR_NO_MEMORY, "no memory for bytes of a paused stream");
        return;
    }
    c->handler->on_data(c, bytes);
}

static void deliver_unread(struct conn *c)
{
    if (c->unread.size == 0 || c->is_paused) return;
    struct buffer bytes = c->unread;
    c->unread = (struct buffer){0};
    deliver(c, buffer_slice(&bytes));
    buffer_deinit(&bytes);
}

static void tls_step(struct conn *c)
{
    if (c->state == HANDSHAKE) {
        bool done;
        const enum err err = tls_session_handshake(c->tls, &done);
        char text[ERR_TEXT_SIZE];
        slice_copy(slice_of(err_text()), text, sizeof text);
        if (tls_flush(c)) return;
        if (err) {
            drop(c, err, "%s", text);
            return;
        }
        if (!done) return;
        opened(c);
    }
    deliver_unread(c);
    tls_pump(c);
}

static void tls_pump(struct conn *c)
{
    while (c->state == OPEN && !c->is_paused) {
        const size_t room = c->read_size < sizeof plain_buffer ? c->read_size : sizeof plain_buffer;
        size_t got;
        bool ended;
        const enum err err = tls_session_read(c->tls, plain_buffer, room, &got, &ended);
        if (err) {
            drop(c, err, "%s", err_text());
            return;
        }
        if (ended) {
            c->peer_ended = true;
            on_peer_end(c);
            return;
        }
        if (got == 0) break;
        deliver(c, (struct slice){plain_buffer, got});
    }
    /* Reading can make answers of the protocol's own (key updates). */
    if (c->state == OPEN) (void)tls_flush(c);
}

static enum err tls_flush(struct conn *c)
{
    const struct slice bytes = tls_session_output(c->tls);
    if (bytes.size == 0) return OK;
    const enum err err = raw_write(c, &(struct conn_piece){.bytes = bytes}, 1);
    tls_session_output_clear(c->tls);
    return err;
}

static void on_peer_end(struct conn *c)
{
    const bool in_order = !c->tls || c->peer_ended;
    c->peer_ended = true;
    if (c->state == CLOSING) {
        if (c->is_flushed) drop(c, c->reason, "closed");
        return;
    }
    if (!in_order) {
        drop(c, ERR_IO, "the peer cut the TLS stream without a close notice");
    } else if (c->pending == 0) {
        drop(c, ERR_CLOSED, "closed by the peer");
    } else {
        close_begin(c, ERR_CLOSED);
    }
}

/* Deliveries that are due without news from the socket run from the loop's next turn. */
static void kick(struct conn *c)
{
    uv_timer_start(&c->timer, on_kick, 0, 0);
}

static void on_kick(uv_timer_t *timer)
{
    struct conn *c = timer->data;
    deliver_unread(c);
    if (c->tls) tls_pump(c);
}

/* ---- writing ---- */

static enum err raw_write(struct conn *c, const struct conn_piece *pieces, size_t count)
{
    uv_buf_t buffers[PIECE_LIMIT];
    size_t total = 0;
    for (size_t i = 0; i < count; i++) {
        /* libuv's bytes are not const, but a write does not change them. */
        buffers[i] = (uv_buf_t){.base = (char *)(uintptr_t)pieces[i].bytes.data,
                                .len = pieces[i].bytes.size};
        total += pieces[i].bytes.size;
    }
    int taken = 0;
    if (c->pending == 0 && total) {
        taken = uv_try_write((uv_stream_t *)&c->tcp, buffers, (unsigned)count);
        if (taken == UV_EAGAIN) taken = 0;
    }
    if (taken < 0) {
        release_all(pieces, count);
        drop_uv(c, "write", taken);
        return ERR_IO;
    }
    c->written += (uint64_t)taken;
    if ((size_t)taken < total)
        return write_later(c, pieces, count, (size_t)taken, total - (size_t)taken);
    release_all(pieces, count);
    return OK;
}

/* Queues what the kernel did not take: `rest` bytes behind the first `skip`. */
static enum err write_later(struct conn *c, const struct conn_piece *pieces, size_t count,
                            size_t skip, size_t rest)
{
    if (rest > c->pending_limit || c->pending > c->pending_limit - rest) {
        release_all(pieces, count);
        drop(c, ERR_LIMIT, "the peer does not read: more than %zu bytes wait", c->pending_limit);
        return ERR_LIMIT;
    }
    size_t copied = 0;
    for (size_t i = 0; i < count; i++)
        if (!pieces[i].release) copied += pieces[i].bytes.size;
    struct write *w = malloc(sizeof *w + count * sizeof *pieces + copied);
    if (!w) {
        release_all(pieces, count);
        drop(c, ERR_NO_MEMORY, "no memory for %zu bytes to write", rest);
        return ERR_NO_MEMORY;
    }
    w->conn = c;
    w->size = rest;
    w->piece_count = count;
    char *copy = (char *)&w->pieces[count];
    uv_buf_t buffers[PIECE_LIMIT];
    unsigned buffer_count = 0;
    for (size_t i = 0; i < count; i++) {
        w->pieces[i] = pieces[i];
        const struct slice bytes = pieces[i].bytes;
        const size_t sent = skip < bytes.size ? skip : bytes.size;
        skip -= sent;
        if (sent == bytes.size) continue;
        char *from = (char *)(uintptr_t)bytes.data + sent;
        if (!pieces[i].release) {
            memcpy(copy, from, bytes.size - sent);
            from = copy;
            copy += bytes.size - sent;
        }
        buffers[buffer_count++] = (uv_buf_t){.base = from, .len = bytes.size - sent};
    }
    c->pending += rest;
    c->written += rest;
    c->holds++;
    const int status =
        uv_write(&w->request, (uv_stream_t *)&c->tcp, buffers, buffer_count, on_written);
    if (status == 0) return OK;
    on_written(&w->request, status);
    return ERR_IO;
}

static void on_written(uv_write_t *request, int status)
{
    struct write *w = (struct write *)request;
    struct conn *c = w->conn;
    c->pending -= w->size;
    release_all(w->pieces, w->piece_count);
    free(w);
    if (status && c->state != GONE) drop_uv(c, "write", status);
    if (c->pending == 0 && c->state == OPEN && c->handler && c->handler->on_drain)
        c->handler->on_drain(c);
    hold_end(c);
}

static void release_all(const struct conn_piece *pieces, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (pieces[i].release) pieces[i].release(pieces[i].owner);
}

/* ---- closing ---- */

/* Flush, end our side, and go on reading into nothing until the peer ends its own: closing a socket
 * with unread bytes sends a reset, which can destroy the answer that the peer has not read yet. */
static void close_begin(struct conn *c, enum err reason)
{
    c->state = CLOSING;
    c->reason = reason;
    if (c->tls) {
        tls_session_end(c->tls);
        if (tls_flush(c)) return;
    }
    if (c->is_paused && !c->peer_ended) uv_read_start((uv_stream_t *)&c->tcp, on_alloc, on_read);
    c->stall_mark = conn_taken(c);
    c->shutdown.data = c;
    const int status = uv_shutdown(&c->shutdown, (uv_stream_t *)&c->tcp, on_shutdown);
    if (status) {
        drop(c, reason, "%s", uv_strerror(status));
        return;
    }
    c->holds++;
    uv_timer_start(&c->timer, on_flush_look, CONN_FLUSH_STALL_MS, CONN_FLUSH_STALL_MS);
}

static void on_shutdown(uv_shutdown_t *request, int status)
{
    struct conn *c = request->data;
    if (c->state != GONE) {
        c->is_flushed = true;
        if (status || c->peer_ended)
            drop(c, c->reason, "closed");
        else
            uv_timer_start(&c->timer, on_linger_over, CONN_LINGER_MS, 0);
    }
    hold_end(c);
}

static void on_flush_look(uv_timer_t *timer)
{
    struct conn *c = timer->data;
    const uint64_t taken = conn_taken(c);
    if (taken == c->stall_mark)
        drop(c, ERR_TIMEOUT, "the peer took nothing for %d ms", CONN_FLUSH_STALL_MS);
    c->stall_mark = taken;
}

static void on_linger_over(uv_timer_t *timer)
{
    struct conn *c = timer->data;
    drop(c, c->reason, "closed");
}

/* The only way out: from here on nothing but on_close reaches the owner. */
static void drop(struct conn *c, enum err reason, const char *format, ...)
{
    if (c->state == GONE) return;
    char text[TEXT_SIZE];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    c->state = GONE;
    c->reason = reason;
    c->text = strdup(text);
    if (c->dialling && c->dialling->resolving) uv_cancel((uv_req_t *)&c->dialling->resolve);
    if (!uv_is_closing((uv_handle_t *)&c->tcp)) uv_close((uv_handle_t *)&c->tcp, on_handle_closed);
    uv_close((uv_handle_t *)&c->timer, on_handle_closed);
}

static void drop_uv(struct conn *c, const char *what, int status)
{
    drop(c, c->state == CLOSING ? c->reason : ERR_IO, "%s: %s", what, uv_strerror(status));
}

static void on_handle_closed(uv_handle_t *handle)
{
    hold_end(handle->data);
}

static void hold_end(struct conn *c)
{
    CHECK(c->holds > 0);
    if (--c->holds) return;
    CHECK(c->state == GONE);
    if (c->handler) c->handler->on_close(c, c->reason, c->text ? c->text : err_name(c->reason));
    dialling_free(c);
    tls_session_free(c->tls);
    buffer_deinit(&c->unread);
    free(c->text);
    if (c->on_gone) c->on_gone(c->owner);
    free(c);
}
