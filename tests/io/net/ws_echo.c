/* A WebSocket peer that sends every message back, for the conformance corpus and other programs.
 * ws_echo: a server; prints its port; SIGTERM ends it in order, so that a leak shows.
 * ws_echo URL: a client of that server, until it closes; exit 0 where that was in order. */
#include <stdio.h>

#include "base/check.h"
#include "io/net/ws.h"

#define MESSAGE_LIMIT ((size_t)17 << 20) /* the corpus sends up to 16 MiB */
#define SESSION_LIMIT 64

static struct ws *sessions[SESSION_LIMIT];
static struct http_server *server;
static bool is_client_done;

static const struct ws_options options = {
    .message_limit = MESSAGE_LIMIT,
    .pending_limit = 4 * MESSAGE_LIMIT,
    .deflate = true,
};

static void on_message(struct ws *w, enum ws_opcode opcode, struct slice message)
{
    (void)ws_send(w, opcode, message);
}

static void on_close(struct ws *w, uint16_t code, struct slice reason, enum err err)
{
    (void)reason;
    struct ws **session = ws_user(w);
    *session = NULL;
    is_client_done = err == OK && code == WS_CODE_NORMAL;
}

static const struct ws_handler handler = {.on_message = on_message, .on_close = on_close};

static void on_request(const struct http_request *request, struct http_reply *reply)
{
    struct ws **session = sessions;
    while (session < sessions + SESSION_LIMIT && *session) session++;
    if (session == sessions + SESSION_LIMIT) {
        http_reply_text(reply, 503, "text/plain", SLICE("too many sessions"));
    } else if (ws_accept(request, reply, &options, &handler, session, session) != OK) {
        *session = NULL;
    }
}

static void on_terminate(uv_signal_t *signal, int number)
{
    (void)number;
    for (size_t i = 0; i < SESSION_LIMIT; i++) {
        if (sessions[i]) ws_abort(sessions[i]);
    }
    http_server_close(server);
    uv_close((uv_handle_t *)signal, NULL);
}

static enum err serve(uv_loop_t *loop, uv_signal_t *terminate)
{
    const struct http_server_options listen = {.address = "127.0.0.1", .handler = on_request};
    const enum err e = http_server_open(loop, &listen, &server);
    if (e != OK) return e;
    uv_signal_init(loop, terminate);
    uv_signal_start(terminate, on_terminate, SIGTERM);
    printf("%u\n", http_server_port(server));
    fflush(stdout);
    return OK;
}

int main(int argc, char **argv)
{
    uv_loop_t loop;
    uv_signal_t terminate;
    CHECK(uv_loop_init(&loop) == 0);
    const enum err e = argc > 1 ? ws_connect(&loop, argv[1], &options, &handler, sessions, sessions)
                                : serve(&loop, &terminate);
    if (e != OK) {
        fprintf(stderr, "%s\n", err_text());
        return 1;
    }
    uv_run(&loop, UV_RUN_DEFAULT);
    CHECK(uv_loop_close(&loop) == 0);
    return argc > 1 && !is_client_done;
}
