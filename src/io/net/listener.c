/* Accepting conns at an address. */
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "io/net/conn.h"
#include "io/net/conn_accept.h"

enum { BACKLOG = 1024 };

struct listener {
    uv_tcp_t tcp;
    struct listener_options options;
    uint16_t port;
    bool is_closed;
    uint32_t conn_count;
    uint64_t refused_count;
    uint32_t holds; /* the socket, and each conn that will report its end */
};

static enum err address_parse(const char *text, uint16_t port, struct sockaddr_storage *out);
static enum err listen_failed(const struct listener_options *options, int status);
static void on_connection(uv_stream_t *stream, int status);
static void on_conn_gone(void *owner);
static void on_refused_gone(void *owner);
static void on_socket_closed(uv_handle_t *handle);
static void hold_end(struct listener *l);

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
    int status = uv_tcp_init(loop, &l->tcp);
    if (status) {
        free(l);
        return listen_failed(options, status);
    }
    l->tcp.data = l;
    /* libuv sets SO_REUSEADDR, and may report a used address only when listening starts. */
    status = uv_tcp_bind(&l->tcp, (const struct sockaddr *)&address, 0);
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

static void on_connection(uv_stream_t *stream, int status)
{
    struct listener *l = stream->data;
    if (status) {
        log_warn("accept_failed", "port=%u cause=%s", l->port, uv_strerror(status));
        return;
    }
    const bool is_full = l->conn_count >= l->options.connection_limit;
    struct conn *c;
    const enum err err = conn_accept(stream, is_full ? NULL : l->options.tls, &l->options.options,
                                     is_full ? on_refused_gone : on_conn_gone, l, &c);
    if (err) {
        log_warn("accept_failed", "port=%u cause=%s", l->port, err_text());
        return;
    }
    l->holds++;
    if (is_full) {
        l->refused_count++;
        conn_abort(c);
        return;
    }
    l->conn_count++;
    l->options.on_accept(l, c);
    conn_accepted_start(c);
}

static void on_conn_gone(void *owner)
{
    struct listener *l = owner;
    l->conn_count--;
    hold_end(l);
}

static void on_refused_gone(void *owner)
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
