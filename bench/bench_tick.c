/* Frame readable to signed order written, over real loopback TCP,
 * beside a C echo of the same sizes.
 *
 *     bench_tick [RECORDING]
 *
 * The peer, a thread on the other core, plays the exchange: it writes a tick (recorded book deltas
 * and a trade) and takes the time until the first byte of the order is there. It spins on its
 * sockets, so its own wake-up is not in the figures; ours is, because each tick finds us asleep.
 * Four ways to an order (plain or TLS, with or without the durable write before it) and the echo
 * take turns within a round; the best round of each counts.
 * With TLS the peer's own encryption is in the figure too. */
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include "base/check.h"
#include "base/clock.h"
#include "tick_desk.h"
#include "tick_echo.h"
#include "tick_input.h"

enum {
    ROUNDS = 5,
    SAMPLES = 400,
    DURABLE_SAMPLES = 100,
    WARM_UP = 200,
    PAUSE_US = 60, /* before a tick: long enough for us to be asleep */
    PATIENCE_MS = 5000,
};

enum way { WAY_ECHO, WAY_PLAIN, WAY_DURABLE, WAY_TLS, WAY_TLS_DURABLE, WAY_COUNT };

static const char *const way_names[] = {
    [WAY_PLAIN] = "tick to order",
    [WAY_DURABLE] = "tick to order, durable",
    [WAY_TLS] = "tick to order, TLS",
    [WAY_TLS_DURABLE] = "tick to order, TLS, durable",
};

/* One of the peer's sockets. */
struct link {
    int fd;
    SSL *tls; /* NULL: plain */
};

struct line {
    struct link feed, orders;
    struct desk *desk; /* NULL: the echo */
    uint32_t next_tick, sent;
    size_t answer_size;
};

struct best {
    double p50, p99;
};

struct peer {
    int listener;
    const struct tick_input *input;
    SSL_CTX *tls;
    struct desk *plain, *secure;
    struct tick_echo echo;
    pthread_t echo_thread;
    uv_async_t *done;
    struct line lines[3];
    struct best best[WAY_COUNT];
};

static int64_t now_ns(void)
{
    return clock_monotonic_ns(&clock_system);
}

static void pin(unsigned core)
{
    cpu_set_t set;
    CPU_ZERO(&set);
    CPU_SET(core, &set);
    (void)pthread_setaffinity_np(pthread_self(), sizeof set,
                                 &set); /* one core: then there it runs */
}

/* ---- the peer's sockets ---- */

static int listen_on(uint16_t *port)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
    socklen_t size = sizeof address;
    const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    CHECK(fd >= 0 && bind(fd, (struct sockaddr *)&address, sizeof address) == 0);
    CHECK(listen(fd, 8) == 0 && getsockname(fd, (struct sockaddr *)&address, &size) == 0);
    *port = ntohs(address.sin_port);
    return fd;
}

static struct link accept_link(const struct peer *p, bool tls)
{
    const int one = 1;
    struct link link = {.fd = accept(p->listener, NULL, NULL)};
    CHECK(link.fd >= 0);
    setsockopt(link.fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    if (!tls) return link;
    link.tls = SSL_new(p->tls);
    CHECK(link.tls && SSL_set_fd(link.tls, link.fd) && SSL_accept(link.tls) == 1);
    return link;
}

static void link_close(struct link *link)
{
    SSL_free(link->tls);
    close(link->fd);
}

static void link_write(const struct link *link, const void *data, size_t size)
{
    if (link->tls)
        CHECK(SSL_write(link->tls, data, (int)size) == (int)size);
    else
        CHECK(write(link->fd, data, size) == (ssize_t)size);
}

/* What is there, without waiting; 0 where nothing is. */
static size_t link_poll(const struct link *link, void *data, size_t size)
{
    char byte;
    const ssize_t there = recv(link->fd, link->tls ? &byte : data, link->tls ? 1 : size,
                               MSG_DONTWAIT | (link->tls ? MSG_PEEK : 0));
    if (there == 0 || (there < 0 && errno != EAGAIN)) {
        fputs("bench_tick: we hung up on the peer\n", stderr);
        exit(1);
    }
    if (there < 0) return 0;
    if (!link->tls) return (size_t)there;
    const int got = SSL_read(link->tls, data, (int)size);
    CHECK(got > 0);
    return (size_t)got;
}

static size_t link_wait(const struct link *link, void *data, size_t size)
{
    const int64_t deadline = now_ns() + PATIENCE_MS * INT64_C(1000000);
    for (;;) {
        const size_t got = link_poll(link, data, size);
        if (got) return got;
        if (now_ns() < deadline) continue;
        fputs("bench_tick: no order came\n", stderr);
        exit(1);
    }
}

/* ---- one sample ---- */

static void await_armed(const struct line *line)
{
    if (!line->desk) return;
    while (atomic_load_explicit(&line->desk->armed, memory_order_acquire) == line->sent)
        sched_yield();
}

/* The rest of the request whose first part is in text. */
static size_t read_request(const struct link *link, char *text, size_t size, size_t capacity)
{
    for (;;) {
        const char *end = memmem(text, size, "\r\n\r\n", 4);
        const char *length = memmem(text, size, "Content-Length: ", 16);
        if (!length) length = memmem(text, size, "content-length: ", 16);
        if (end && length && length < end &&
            size >= (size_t)(end + 4 - text) + strtoul(length + 16, NULL, 10))
            return size;
        CHECK(size < capacity - 1);
        size += link_wait(link, text + size, capacity - 1 - size);
        text[size] = '\0';
    }
}

static double sample(struct peer *p, struct line *line)
{
    static const char answer[] = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}";
    char text[8192];
    const struct buffer *tick = &p->input->ticks[line->next_tick];
    await_armed(line);
    for (const int64_t until = now_ns() + PAUSE_US * 1000; now_ns() < until;) sched_yield();
    const int64_t start = now_ns();
    link_write(&line->feed, tick->data, tick->size);
    size_t size = link_wait(&line->orders, text, sizeof text - 1);
    const int64_t spent = now_ns() - start;
    text[size] = '\0';
    line->next_tick = (line->next_tick + 1) % p->input->count;
    line->sent++;
    if (line->desk) {
        line->answer_size = read_request(&line->orders, text, size, sizeof text);
        link_write(&line->orders, answer, sizeof answer - 1);
    } else {
        while (size < line->answer_size) size += link_wait(&line->orders, text, sizeof text - 1);
    }
    return (double)spent / 1000;
}

/* ---- rounds ---- */

static int by_size(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static struct best measure(struct peer *p, struct line *line, bool durable)
{
    double spent[SAMPLES];
    const size_t count = durable ? DURABLE_SAMPLES : SAMPLES;
    if (line->desk) atomic_store(&line->desk->durable, durable);
    for (size_t i = 0; i < count; i++) spent[i] = sample(p, line);
    qsort(spent, count, sizeof *spent, by_size);
    return (struct best){spent[count / 2], spent[count * 99 / 100]};
}

static void round_of(struct peer *p)
{
    static const struct {
        unsigned line;
        bool durable;
    } ways[] = {
        [WAY_ECHO] = {0, false}, [WAY_PLAIN] = {1, false},      [WAY_DURABLE] = {1, true},
        [WAY_TLS] = {2, false},  [WAY_TLS_DURABLE] = {2, true},
    };
    struct best got[WAY_COUNT];
    for (int way = 0; way < WAY_COUNT; way++) {
        got[way] = measure(p, &p->lines[ways[way].line], ways[way].durable);
        struct best *best = &p->best[way];
        if (best->p50 == 0 || got[way].p50 < best->p50) best->p50 = got[way].p50;
        if (best->p99 == 0 || got[way].p99 < best->p99) best->p99 = got[way].p99;
    }
}

static void open_line(struct peer *p, struct line *line, struct desk *desk, bool tls)
{
    line->desk = desk;
    line->feed = accept_link(p, tls);
    line->orders = accept_link(p, tls);
}

static void *run_peer(void *argument)
{
    struct peer *p = argument;
    pin(1);
    /* The desks dial one after the other: the second when the first is armed. */
    open_line(p, &p->lines[1], p->plain, false);
    uv_async_send(p->done);
    open_line(p, &p->lines[2], p->secure, true);
    for (int i = 0; i < WARM_UP; i++) {
        sample(p, &p->lines[1]);
        sample(p, &p->lines[2]);
    }
    p->echo.answer_size = p->lines[0].answer_size = p->lines[1].answer_size;
    CHECK(pthread_create(&p->echo_thread, NULL, tick_echo_run, &p->echo) == 0);
    cpu_set_t first;
    CPU_ZERO(&first);
    CPU_SET(0, &first);
    (void)pthread_setaffinity_np(p->echo_thread, sizeof first, &first);
    open_line(p, &p->lines[0], NULL, false);
    for (int i = 0; i < WARM_UP; i++) sample(p, &p->lines[0]);
    for (int i = 0; i < ROUNDS; i++) round_of(p);
    await_armed(&p->lines[1]);
    await_armed(&p->lines[2]);
    uv_async_send(p->done);
    return NULL;
}

/* ---- certificate ---- */

/* A key and a certificate for 127.0.0.1 that signs itself: into the server's context and, for the
 * client to trust, into a file. */
static void make_certificate(SSL_CTX *server, const char *path)
{
    EVP_PKEY *key = EVP_EC_gen("P-256");
    X509 *certificate = X509_new();
    CHECK(key && certificate && X509_set_version(certificate, 2));
    CHECK(ASN1_INTEGER_set(X509_get_serialNumber(certificate), 1));
    CHECK(X509_gmtime_adj(X509_getm_notBefore(certificate), -60) &&
          X509_gmtime_adj(X509_getm_notAfter(certificate), 3600) &&
          X509_set_pubkey(certificate, key));
    X509_NAME *name = X509_get_subject_name(certificate);
    CHECK(X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, (const unsigned char *)"bench", -1,
                                     -1, 0));
    CHECK(X509_set_issuer_name(certificate, name));
    static const struct {
        int nid;
        const char *value;
    } extensions[] = {{NID_subject_alt_name, "IP:127.0.0.1"}, {NID_basic_constraints, "CA:TRUE"}};
    for (size_t i = 0; i < 2; i++) {
        X509_EXTENSION *extension =
            X509V3_EXT_conf_nid(NULL, NULL, extensions[i].nid, extensions[i].value);
        CHECK(extension && X509_add_ext(certificate, extension, -1));
        X509_EXTENSION_free(extension);
    }
    CHECK(X509_sign(certificate, key, EVP_sha256()) > 0);
    CHECK(SSL_CTX_use_certificate(server, certificate) && SSL_CTX_use_PrivateKey(server, key));
    FILE *file = fopen(path, "w");
    CHECK(file && PEM_write_X509(file, certificate) && fclose(file) == 0);
    X509_free(certificate);
    EVP_PKEY_free(key);
}

static struct tls_context *make_tls(struct peer *p)
{
    char path[] = "/tmp/tradebot-bench-XXXXXX";
    struct tls_context *client = NULL;
    const int fd = mkstemp(path);
    CHECK(fd >= 0 && close(fd) == 0);
    p->tls = SSL_CTX_new(TLS_server_method());
    CHECK(p->tls);
    make_certificate(p->tls, path);
    const enum err err = tls_client_new(path, &client);
    unlink(path);
    if (err) fprintf(stderr, "bench_tick: %s\n", err_text());
    CHECK(!err);
    return client;
}

/* ---- all together ---- */

struct stage {
    uv_loop_t loop;
    uv_async_t next;
    unsigned opened;
    struct peer peer;
    struct desk desks[2];
    struct tls_context *tls;
    uint16_t port;
};

/* First: the plain desk is connected, so dial the other. Second: the peer has finished. */
static void on_next(uv_async_t *handle)
{
    struct stage *s = handle->data;
    if (s->opened++ == 0) {
        desk_open(&s->desks[1], &s->loop, s->peer.input, s->port, s->tls);
        pin(0); /* only here: the store threads must not inherit it */
        return;
    }
    desk_close(&s->desks[0]);
    desk_close(&s->desks[1]);
    uv_close((uv_handle_t *)handle, NULL);
}

static void report(const struct peer *p)
{
    const struct best *echo = &p->best[WAY_ECHO];
    printf("bench_tick: %s ticks of %zu bytes on average, orders of %zu bytes, %d rounds\n",
           p->input->recorded ? "recorded" : "made-up", p->input->size_average,
           p->lines[0].answer_size, ROUNDS);
    for (int way = WAY_PLAIN; way < WAY_COUNT; way++)
        printf(
            "%s: ours p50 %.1f us p99 %.1f us, peer p50 %.1f us p99 %.1f us (C echo), ratio %.2f "
            "(%s)\n",
            way_names[way], p->best[way].p50, p->best[way].p99, echo->p50, echo->p99,
            p->best[way].p50 / echo->p50, way == WAY_PLAIN ? "target <= 2" : "no target");
}

int main(int argc, char **argv)
{
    static struct stage stage;
    static struct tick_input input;
    struct peer *p = &stage.peer;
    pthread_t peer_thread;
    tick_input_load(&input,
                    argc > 1 ? argv[1] : "../shared/data/raw/binance-spot/btcusdt_20240808.jsonl");
    p->input = &input;
    p->listener = listen_on(&stage.port);
    p->echo.port = stage.port;
    p->plain = &stage.desks[0];
    p->secure = &stage.desks[1];
    p->done = &stage.next;
    stage.tls = make_tls(p);
    CHECK(uv_loop_init(&stage.loop) == 0);
    CHECK(uv_async_init(&stage.loop, &stage.next, on_next) == 0);
    stage.next.data = &stage;
    desk_open(&stage.desks[0], &stage.loop, &input, stage.port, NULL);
    CHECK(pthread_create(&peer_thread, NULL, run_peer, p) == 0);
    uv_run(&stage.loop, UV_RUN_DEFAULT);
    pthread_join(peer_thread, NULL);
    for (unsigned i = 0; i < 3; i++) {
        link_close(&p->lines[i].feed);
        link_close(&p->lines[i].orders);
    }
    pthread_join(p->echo_thread, NULL);
    close(p->listener);
    SSL_CTX_free(p->tls);
    tls_context_free(stage.tls);
    CHECK(uv_loop_close(&stage.loop) == 0);
    report(p);
    tick_input_free(&input);
    return 0;
}
