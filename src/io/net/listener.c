/* Accepting conns at an address. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "base/hash.h"
#include "base/log.h"
#include "io/net/conn.h"
#include "io/net/conn_accept.h"

enum { BACKLOG = 1024, ORIGIN_LISTS = 1024 };

/* Connections of one address; lives as long as it has some. */
struct origin {
    struct listener *listener;
    struct origin *next;
    uint64_t address;
    uint32_t count;
};

struct listener {
    uv_tcp_t tcp;
    struct listener_options options;
    uint16_t port;
    bool is_closed;
    uint32_t conn_count;
    uint32_t refusing_count;
    struct origin *origins[ORIGIN_LISTS];
    uint64_t refused_count;
    uint32_t holds; /* the socket, and each conn that will report its end */
};

static enum err address_parse(const char *text, uint16_t port, struct sockaddr_storage *out);
static enum err listen_failed(const struct listener_options *options, int status);
static int bind_tcp(struct listener *l, const struct sockaddr_storage *address);
static void on_connection(uv_stream_t *stream, int status);
static struct origin *origin_take(struct listener *l, struct conn_origin from);
static void origin_give_back(struct listener *l, struct origin *origin);
static void refuse(struct listener *l, struct conn *c);
static void on_refused_open(struct conn *c);
static void on_refused_data(struct conn *c, struct slice bytes);
static void on_refused_close(struct conn *c, enum err reason, const char *text);
static void on_conn_gone(void *owner);
static void on_refused_gone(void *owner);
static void on_unheard_gone(void *owner);
static void on_socket_closed(uv_handle_t *handle);
static void hold_end(struct listener *l);

static const struct conn_handler refusing = {
    .on_open = on_refused_open,
    .on_data = on_refused_data,
    .on_close = on_refused_close,
};

enum err listener_open(uv_loop_t *loop, const struct listener_options *options,
                       struct listener **out)
{
    struct sockaddr_storage address = {0};
    const enum err err = address_parse(options->address, options->port, &address);
    if (err) return err;
    struct listener *l = calloc(1, sizeof *l);
    if (!l) return err_set(ERR_NO_MEMORY, "no memory for a listener");
    l->options = *options;
    l->holds = 1;
    l->tcp.data = l;
    int status = uv_tcp_init_ex(loop, &l->tcp, address.ss_family);
    if (status) {
        free(l);
        return listen_failed(options, status);
    }
    l->tcp.data = l;
    status = bind_tcp(l, &address);
    if (!status) status = uv_listen((uv_stream_t *)&l->tcp, BACKLOG, on_connection);
    int size = sizeof address;
    if (!status) status = uv_tcp_getsockname(&l->tcp, (struct sockaddr *)&address, &size);
    if (status) {
        listener_close(l);
        return listen_failed(options, status);
    }
    /* The port stands at the same place in both families. */
    l->port = ntohs(((const struct sockaddr_in *)&address)->sin_port);
    *out = l;
    return OK;
}

void *listener_user(const struct listener *l)
{
    return l->options.user;
}

uint16_t listener_port(const struct listener *l)
{
    return l->port;
}

uint32_t listener_connection_count(const struct listener *l)
{
    return l->conn_count;
}

uint64_t listener_refused_count(const struct listener *l)
{
    return l->refused_count;
}

void listener_close(struct listener *l)
{
    if (!l || l->is_closed) return;
    l->is_closed = true;
    uv_close((uv_handle_t *)&l->tcp, on_socket_closed);
}

static enum err address_parse(const char *text, uint16_t port, struct sockaddr_storage *out)
{
    if (uv_ip4_addr(text, port, (struct sockaddr_in *)out) == 0) return OK;
    if (uv_ip6_addr(text, port, (struct sockaddr_in6 *)out) == 0) return OK;
    return err_set(ERR_INVALID, "'%s' is not an IP address to listen on", text);
}

static enum err listen_failed(const struct listener_options *options, int status)
{
    const bool is_v6 = strchr(options->address, ':') != NULL;
    const char *open = is_v6 ? "[" : "";
    const char *close = is_v6 ? "]" : "";
    if (status == UV_EADDRINUSE)
        return err_set(ERR_EXISTS, "address %s%s%s:%u is already in use", open, options->address,
                       close, options->port);
    return err_set(ERR_IO, "cannot listen on %s%s%s:%u: %s", open, options->address, close,
                   options->port, uv_strerror(status));
}

static int share(struct listener *l)
{
    const int yes = 1;
    uv_os_fd_t fd;
    const int status = uv_fileno((const uv_handle_t *)&l->tcp, &fd);
    if (status) return status;
    return setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &yes, sizeof yes) ? -errno : 0;
}

/* libuv sets SO_REUSEADDR, and may report a used address only when listening starts. The kernel
 * lets a socket join those that share by then, so the first one can be bound before it shares: were
 * it the other way round, it would join a listener of somebody else's that shares too. */
static int bind_tcp(struct listener *l, const struct sockaddr_storage *address)
{
    const enum listener_sharing sharing = l->options.sharing;
    int status = sharing == LISTENER_JOINS ? share(l) : 0;
    if (!status) status = uv_tcp_bind(&l->tcp, (const struct sockaddr *)address, 0);
    if (!status && sharing == LISTENER_FIRST) status = share(l);
    return status;
}

static void on_connection(uv_stream_t *stream, int status)
{
    struct listener *l = stream->data;
    if (status) {
        log_warn("accept_failed", "port=%u cause=%s", l->port, uv_strerror(status));
        return;
    }
    struct conn *c;
    const enum err err = conn_accept(stream, &l->options.options, &c);
    if (err) {
        log_warn("accept_failed", "port=%u cause=%s", l->port, err_text());
        return;
    }
    l->holds++;
    struct origin *origin = origin_take(l, conn_origin(c));
    if (!origin) {
        refuse(l, c);
        return;
    }
    conn_set_gone(c, on_conn_gone, origin);
    l->options.on_accept(l, c);
    conn_accepted_start(c, l->options.tls);
}

/* Counts one more connection of an address; NULL where that is over a limit. */
static struct origin *origin_take(struct listener *l, struct conn_origin from)
{
    const struct listener_options *options = &l->options;
    if (l->conn_count >= options->connection_limit) return NULL;
    const uint32_t limit = from.is_loopback ? options->loopback_limit : options->address_limit;
    struct origin **at = &l->origins[hash_u64((uintptr_t)l, from.address) % ORIGIN_LISTS];
    while (*at && (*at)->address != from.address) at = &(*at)->next;
    if (!*at) *at = calloc(1, sizeof **at);
    struct origin *origin = *at;
    if (!origin || (limit && origin->count >= limit)) return NULL;
    origin->listener = l;
    origin->address = from.address;
    origin->count++;
    l->conn_count++;
    return origin;
}

static void origin_give_back(struct listener *l, struct origin *origin)
{
    l->conn_count--;
    if (--origin->count) return;
    struct origin **at = &l->origins[hash_u64((uintptr_t)l, origin->address) % ORIGIN_LISTS];
    while (*at != origin) at = &(*at)->next;
    *at = origin->next;
    free(origin);
}

static void refuse(struct listener *l, struct conn *c)
{
    l->refused_count++;
    if (l->options.tls || !l->options.refusal.size || l->refusing_count == LISTENER_REFUSING_MAX) {
        conn_set_gone(c, on_unheard_gone, l);
        conn_abort(c);
        return;
    }
    l->refusing_count++;
    conn_set_gone(c, on_refused_gone, l);
    conn_set_handler(c, &refusing, l);
    conn_accepted_start(c, NULL);
}

static void on_refused_open(struct conn *c)
{
    const struct listener *l = conn_user(c);
    (void)conn_write(c, l->options.refusal);
    conn_close(c);
}

static void on_refused_data(struct conn *c, struct slice bytes)
{
    (void)c;
    (void)bytes;
}

static void on_refused_close(struct conn *c, enum err reason, const char *text)
{
    (void)c;
    (void)reason;
    (void)text;
}

static void on_conn_gone(void *owner)
{
    struct origin *origin = owner;
    struct listener *l = origin->listener;
    origin_give_back(l, origin);
    hold_end(l);
}

static void on_refused_gone(void *owner)
{
    struct listener *l = owner;
    l->refusing_count--;
    hold_end(l);
}

static void on_unheard_gone(void *owner)
{
    hold_end(owner);
}

static void on_socket_closed(uv_handle_t *handle)
{
    hold_end(handle->data);
}

static void hold_end(struct listener *l)
{
    if (--l->holds == 0) free(l);
}
