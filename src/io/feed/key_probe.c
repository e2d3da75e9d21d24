/* Three questions, one after another. */
#include "io/feed/key_probe.h"

#include <stdlib.h>
#include <string.h>

#include "base/buffer.h"
#include "io/feed/venue_url.h"
#include "io/net/http_client.h"
#include "io/venue/binance/binance_sign.h"

enum { TARGET_SIZE_MAX = 4096, ANSWER_SIZE_MAX = 1 << 20 };

static const enum binance_endpoint questions[] = {BINANCE_GET_TIME, BINANCE_GET_RESTRICTIONS,
                                                  BINANCE_GET_ACCOUNT};

struct key_probe {
    uv_loop_t *loop;
    struct key_probe_options options; /* its slices are not used after the start */
    struct url url;
    struct http_client *http;
    struct binance_key key;
    uint64_t deadline; /* loop time */
    unsigned at;       /* of questions */
    int64_t venue_ms;  /* the venue's time at the loop's time below */
    uint64_t venue_at;
    struct key_report report;
};

static enum err ask(struct key_probe *p);
static void on_result(void *user, const struct http_result *result);
static enum key_verdict judge(struct key_probe *p, const struct http_result *result);
static enum key_verdict read_answer(struct key_probe *p, struct slice body);
static enum key_verdict judge_refusal(const struct http_result *result);
static void finish(struct key_probe *p, enum key_verdict verdict, const char *text);

static enum err open_client(struct key_probe *p)
{
    char authority[URL_HOST_SIZE + 16];
    url_authority(&p->url, authority, sizeof authority);
    return http_client_open(p->loop,
                            &(struct http_client_options){
                                .host = p->url.host,
                                .port = p->url.port,
                                .authority = authority,
                                .tls = p->url.secure ? p->options.tls : NULL,
                                .pool_size = 1,
                                .response_limit = ANSWER_SIZE_MAX,
                            },
                            &p->http);
}

enum err key_probe_start(uv_loop_t *loop, const struct key_probe_options *options,
                         struct key_probe **out)
{
    struct key_probe *p = calloc(1, sizeof *p);
    *out = NULL;
    if (!p) return err_set(ERR_NO_MEMORY, "no memory to ask about a key");
    p->loop = loop;
    p->options = *options;
    uv_update_time(loop);
    p->deadline =
        uv_now(loop) + (options->deadline_ms > 0 ? options->deadline_ms : KEY_PROBE_DEADLINE_MS);
    enum err err = binance_key_init(&p->key, options->api_key, options->secret);
    if (!err) err = venue_url_parse(options->url, false, &p->url);
    if (!err && p->url.secure && !options->tls)
        err = err_set(ERR_INVALID, "%s needs TLS", options->url);
    if (!err) err = open_client(p);
    if (!err) err = ask(p);
    if (err)
        key_probe_cancel(p);
    else
        *out = p;
    return err;
}

void key_probe_cancel(struct key_probe *p)
{
    if (!p) return;
    p->options.on_report = NULL;
    struct http_client *http = p->http;
    p->http = NULL;
    http_client_close(http); /* answers what is under way, into on_result */
    binance_key_deinit(&p->key);
    free(p);
}

static enum err write_target(struct key_probe *p, struct buffer *target)
{
    const struct binance_endpoint_info *info = binance_endpoint_info(questions[p->at]);
    buffer_append_text(target, p->url.path);
    buffer_append_text(target, info->path);
    if (!info->is_signed) return target->failed ? ERR_LIMIT : OK;
    buffer_append_char(target, '?');
    const int64_t passed_ms = (int64_t)(uv_now(p->loop) - p->venue_at);
    return binance_sign_query(&p->key, target, target->size, p->venue_ms + passed_ms);
}

static enum err send_question(struct key_probe *p, const struct buffer *target)
{
    const struct binance_endpoint_info *info = binance_endpoint_info(questions[p->at]);
    const struct http_header header = {SLICE("X-MBX-APIKEY"), slice_of(p->key.api_key)};
    const uint64_t now = uv_now(p->loop);
    return http_client_send(p->http, &(struct http_call){
                                         .method = slice_of(info->method),
                                         .target = buffer_slice(target),
                                         .headers = &header,
                                         .header_count = info->is_signed ? 1 : 0,
                                         .deadline_ms =
                                             p->deadline > now ? (uint32_t)(p->deadline - now) : 1,
                                         .on_result = on_result,
                                         .user = p,
                                     });
}

static enum err ask(struct key_probe *p)
{
    struct buffer target = {.limit = TARGET_SIZE_MAX};
    uv_update_time(p->loop);
    enum err err = write_target(p, &target);
    if (!err) err = send_question(p, &target);
    buffer_deinit(&target);
    return err;
}

static void on_result(void *user, const struct http_result *result)
{
    struct key_probe *p = user;
    if (!p->http) return; /* canceled */
    const enum key_verdict verdict = judge(p, result);
    if (verdict != KEY_FINE || ++p->at == sizeof questions / sizeof *questions)
        finish(p, verdict, result->err ? result->text : verdict == KEY_FINE ? "" : err_text());
    else if (ask(p) != OK)
        finish(p, KEY_VENUE_ODD, err_text());
}

static enum key_verdict judge(struct key_probe *p, const struct http_result *result)
{
    if (result->err == ERR_LIMIT) return KEY_VENUE_ODD;
    if (result->err) return KEY_VENUE_GONE;
    return result->status == 200 ? read_answer(p, result->body) : judge_refusal(result);
}

static enum key_verdict read_answer(struct key_probe *p, struct slice body)
{
    bool can_trade = false;
    switch (questions[p->at]) {
    case BINANCE_GET_TIME:
        p->venue_at = uv_now(p->loop);
        return binance_read_time(body, &p->venue_ms) == OK ? KEY_FINE : KEY_VENUE_ODD;
    case BINANCE_GET_RESTRICTIONS:
        if (binance_read_restrictions(body, &p->report.restrictions) != OK) return KEY_VENUE_ODD;
        if (p->report.restrictions.may_move_funds) return KEY_MOVES_FUNDS;
        return p->report.restrictions.may_read ? KEY_FINE : KEY_READS_NOTHING;
    default:
        if (binance_read_can_trade(body, &can_trade) != OK) return KEY_VENUE_ODD;
        p->report.restrictions.may_trade_spot &= can_trade;
        return KEY_FINE;
    }
}

/* -1022 signature, -2008 and -2014 bad key, -2015 unknown key, address or permission. */
static enum key_verdict judge_refusal(const struct http_result *result)
{
    struct binance_error error;
    const bool has_code = binance_read_error(result->body, &error) == OK;
    err_set(ERR_IO, "the venue answered %d with code %d", result->status, (int)error.code);
    if (result->status == 429 || result->status == 418) return KEY_VENUE_BUSY;
    if (result->status >= 500) return KEY_VENUE_GONE;
    if (!has_code) return KEY_VENUE_ODD;
    if (error.code == -1022 || error.code == -2008 || error.code == -2014 || error.code == -2015)
        return KEY_WRONG;
    return error.code == -1003 ? KEY_VENUE_BUSY : KEY_VENUE_ODD;
}

static void finish(struct key_probe *p, enum key_verdict verdict, const char *text)
{
    p->report.verdict = verdict;
    p->report.text = text;
    p->options.on_report(p->options.user, &p->report);
    key_probe_cancel(p);
}
