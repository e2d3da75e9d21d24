/* What can be seen over the network. */
#include <errno.h>
#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <string.h>

#include <uv.h>

#include "app/certificate.h"
#include "app/doctor.h"
#include "app/http_ask.h"
#include "base/clock.h"
#include "io/redis/redis.h"

/* Beyond recvWindow an exchange refuses what we sign. */
#define OFFSET_WARN_MS INT64_C(1000)
#define OFFSET_FAIL_MS INT64_C(5000)

enum { REDIS_PATIENCE_MS = 2 * REDIS_CONNECT_MS };

static void look_at_certificate(struct doctor *d);
static void look_at_port(struct doctor *d);
static void look_at_redis(struct doctor *d);
static void look_at_venue(struct doctor *d, const char *name, const char *url);

void doctor_look_around(struct doctor *d)
{
    look_at_certificate(d);
    look_at_port(d);
    if (*d->config.redis_url) look_at_redis(d);
    if (*d->config.binance_url) look_at_venue(d, "binance", d->config.binance_url);
    if (*d->config.sim_url) look_at_venue(d, "sim", d->config.sim_url);
}

static int try_port(const struct config *c)
{
    struct sockaddr_storage address = {0};
    struct sockaddr *where = (struct sockaddr *)&address;
    int code = strchr(c->host, ':') ? uv_ip6_addr(c->host, c->port, (struct sockaddr_in6 *)where)
                                    : uv_ip4_addr(c->host, c->port, (struct sockaddr_in *)where);
    uv_loop_t loop;
    uv_tcp_t tcp;
    if (code || (code = uv_loop_init(&loop))) return code;
    code = uv_tcp_init(&loop, &tcp);
    if (!code) code = uv_tcp_bind(&tcp, where, 0);
    if (!code) code = uv_listen((uv_stream_t *)&tcp, 1, NULL);
    uv_close((uv_handle_t *)&tcp, NULL);
    uv_run(&loop, UV_RUN_DEFAULT);
    uv_loop_close(&loop);
    return code;
}

static bool is_our_server(const struct config *c)
{
    char url[ADDRESS_HOST_SIZE + 32];
    struct http_ask ask;
    const bool v6 = strchr(c->host, ':') != NULL;
    snprintf(url, sizeof url, "http://%s%s%s:%u", v6 ? "[" : "", c->host, v6 ? "]" : "", c->port);
    if (http_ask_open(&ask, url) != OK) return false;
    const bool ours = http_ask(&ask, "GET", "/health", NULL) == OK && ask.status == 200 &&
                      strstr(ask.body.data, "\"status\"");
    http_ask_close(&ask);
    return ours;
}

static void look_at_certificate(struct doctor *d)
{
    const struct config *c = &d->config;
    struct tls_context *tls;
    if (!config_has_tls(c)) return;
    if (certificate_open(c, &tls) == OK)
        doctor_found(d, FINDING_OK, "tls", NULL, "%s and its key belong together",
                     c->tls_certificate);
    else
        doctor_found(d, FINDING_FAIL, "tls", "without them the server does not start", "%s",
                     err_text());
    tls_context_free(tls);
}

static void look_at_port(struct doctor *d)
{
    const struct config *c = &d->config;
    const int code = c->port ? try_port(c) : 0;
    const bool is_asked = !config_has_tls(c); /* the certificate is not for this address */
    if (!code)
        doctor_found(d, FINDING_OK, "listen", NULL, "%s port %u is free", c->host, c->port);
    else if (code == UV_EADDRINUSE && !is_asked)
        doctor_found(d, FINDING_WARN, "listen", "fine if it is the server: it speaks TLS to others",
                     "%s port %u is taken", c->host, c->port);
    else if (code == UV_EADDRINUSE && is_our_server(c))
        doctor_found(d, FINDING_OK, "listen", NULL, "a server answers on %s port %u", c->host,
                     c->port);
    else
        doctor_found(d, FINDING_FAIL, "listen", "stop what has it, or choose another with --listen",
                     "%s port %u: %s", c->host, c->port, uv_strerror(code));
}

static void on_patience(uv_timer_t *timer)
{
    uv_stop(timer->loop);
}

static void on_look(uv_timer_t *timer)
{
    if (redis_is_up(timer->data)) uv_stop(timer->loop);
}

static bool redis_answers(const struct redis_address *address)
{
    uv_loop_t loop;
    uv_timer_t patience, look;
    struct redis *redis = NULL;
    bool up = false;
    if (uv_loop_init(&loop) != 0) return false;
    uv_timer_init(&loop, &patience);
    uv_timer_init(&loop, &look);
    if (redis_open(&loop, address, 1, &redis) == OK) {
        look.data = redis;
        uv_timer_start(&patience, on_patience, REDIS_PATIENCE_MS, 0);
        uv_timer_start(&look, on_look, 1, 1);
        uv_run(&loop, UV_RUN_DEFAULT);
        up = redis_is_up(redis);
    }
    redis_close(redis);
    uv_close((uv_handle_t *)&patience, NULL);
    uv_close((uv_handle_t *)&look, NULL);
    uv_run(&loop, UV_RUN_DEFAULT);
    uv_loop_close(&loop);
    return up;
}

static void look_at_redis(struct doctor *d)
{
    struct redis_address address;
    if (redis_address_parse(d->config.redis_url, &address) != OK)
        doctor_found(d, FINDING_FAIL, "redis", "look at REDIS_URL", "%s", err_text());
    else if (redis_answers(&address))
        doctor_found(d, FINDING_OK, "redis", NULL, "it answers");
    else
        doctor_found(d, FINDING_FAIL, "redis",
                     "look whether it is up, and at REDIS_URL's password; until then each server "
                     "counts for itself, with half of each limit",
                     "it does not answer, or not to us");
    explicit_bzero(&address, sizeof address);
}

static void judge_clock(struct doctor *d, const char *name, const struct http_ask *ask,
                        int64_t before_ms)
{
    char finding[24];
    snprintf(finding, sizeof finding, "clock.%s", name);
    json_t *answer = json_loads(ask->body.data ? ask->body.data : "", 0, NULL);
    const int64_t theirs = json_integer_value(json_object_get(answer, "serverTime"));
    json_decref(answer);
    const int64_t offset = theirs - (before_ms + ask->took_ns / 2000000);
    const int64_t size = offset < 0 ? -offset : offset;
    if (theirs == 0) {
        doctor_found(d, FINDING_FAIL, finding, "look at its URL: is it the exchange?",
                     "it tells no time");
        return;
    }
    doctor_found(d,
                 size > OFFSET_FAIL_MS   ? FINDING_FAIL
                 : size > OFFSET_WARN_MS ? FINDING_WARN
                                         : FINDING_OK,
                 finding, size > OFFSET_WARN_MS ? "set this machine's clock" : NULL,
                 "its clock is %+" PRId64 " ms off ours", offset);
}

static void look_at_venue(struct doctor *d, const char *name, const char *url)
{
    struct http_ask ask;
    char finding[24];
    snprintf(finding, sizeof finding, "venue.%s", name);
    enum err err = http_ask_open(&ask, url);
    if (err) {
        doctor_found(d, FINDING_FAIL, finding, "look at its URL", "%s", err_text());
        return;
    }
    /* The first question dials too: what is measured is the second. */
    err = http_ask(&ask, "GET", "/api/v3/exchangeInfo?symbol=BTCUSDT", NULL);
    const int info = ask.status;
    const int64_t before_ms = clock_wall_ms(&clock_system);
    if (!err) err = http_ask(&ask, "GET", "/api/v3/time", NULL);
    if (err)
        doctor_found(d, FINDING_FAIL, finding,
                     "look at the network, names (DNS), the firewall and the URL", "%s: %s", url,
                     err_text());
    else if (info != 200 || ask.status != 200)
        doctor_found(d, FINDING_FAIL, finding,
                     "418 and 429: wait; 403 and 451: it does not serve this place",
                     "%s: status %d", url, info != 200 ? info : ask.status);
    else
        doctor_found(d, FINDING_OK, finding, NULL, "%s answers after %.1f ms", url,
                     (double)ask.took_ns / 1e6);
    if (!err && ask.status == 200) judge_clock(d, name, &ask, before_ms);
    http_ask_close(&ask);
}
