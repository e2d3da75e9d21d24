/* A small HTTP server for the public request corpora: GET and POST /health,
 * on a port that it prints. */
#include <signal.h>
#include <stdio.h>

#include "io/net/http_server.h"

static void handle(const struct http_request *q, struct http_reply *reply)
{
    if (!slice_is(q->path, "/health"))
        http_reply_text(reply, 404, "text/plain", SLICE("not found"));
    else if (slice_is(q->method, "GET") || slice_is(q->method, "HEAD"))
        http_reply_text(reply, 200, "text/plain", SLICE("ok"));
    else if (slice_is(q->method, "POST"))
        http_reply_text(reply, 200, "application/octet-stream", q->body);
    else
        http_reply_text(reply, 405, "text/plain", SLICE("method not allowed"));
}

static void on_signal(uv_signal_t *signal, int number)
{
    (void)number;
    http_server_close(signal->data);
    uv_close((uv_handle_t *)signal, NULL);
}

int main(void)
{
    uv_loop_t loop;
    struct http_server *server;
    const struct http_server_options options = {.address = "127.0.0.1", .handler = handle};
    if (uv_loop_init(&loop)) return 1;
    if (http_server_open(&loop, &options, &server)) {
        fprintf(stderr, "%s\n", err_text());
        return 1;
    }
    uv_signal_t signal = {.data = server};
    uv_signal_init(&loop, &signal);
    uv_signal_start(&signal, on_signal, SIGTERM);
    printf("%u\n", http_server_port(server));
    fflush(stdout);
    uv_run(&loop, UV_RUN_DEFAULT);
    return uv_loop_close(&loop) ? 1 : 0;
}
