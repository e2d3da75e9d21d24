/* From an account desk's question to io/feed's probe and back. */
#include "service/api/key_probes.h"

#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "base/log.h"
#include "io/feed/key_probe.h"
#include "io/venue/binance/binance_sign.h"

struct asked {
    struct account_probe *question; /* NULL: nobody asks here */
    struct key_probe *probe;
};

struct key_probes {
    uv_loop_t *loop;
    const char *urls[VENUE_COUNT];
    struct tls_context *tls; /* NULL: every venue is on this machine */
    struct asked asked[KEY_PROBES_MAX];
};

static const struct {
    const char *name;
    enum account_outcome outcome;
} verdicts[] = {
    [KEY_FINE] = {"fine", ACCOUNT_OK},
    [KEY_WRONG] = {"wrong", ACCOUNT_WRONG_KEY},
    [KEY_MOVES_FUNDS] = {"moves_funds", ACCOUNT_KEY_MOVES_FUNDS},
    [KEY_READS_NOTHING] = {"reads_nothing", ACCOUNT_KEY_READS_NOTHING},
    [KEY_VENUE_BUSY] = {"venue_busy", ACCOUNT_VENUE_BUSY},
    [KEY_VENUE_GONE] = {"venue_gone", ACCOUNT_VENUE_GONE},
    [KEY_VENUE_ODD] = {"venue_odd", ACCOUNT_VENUE_ODD},
};

enum err key_probes_new(uv_loop_t *loop, const char *const urls[VENUE_COUNT],
                        struct key_probes **out)
{
    struct key_probes *p = calloc(1, sizeof *p);
    bool needs_tls = false;
    CHECK(p);
    p->loop = loop;
    for (unsigned venue = 0; venue < VENUE_COUNT; venue++) {
        p->urls[venue] = urls[venue];
        needs_tls |= strncmp(urls[venue], "https:", 6) == 0;
    }
    const enum err err = needs_tls ? tls_client_new(NULL, &p->tls) : OK;
    if (err)
        free(p);
    else
        *out = p;
    return err;
}

/* The question's end: its place is free before anybody hears, who may ask again. */
static void tell(struct asked *asked, enum account_outcome outcome)
{
    struct account_probe *question = asked->question;
    asked->question = NULL;
    asked->probe = NULL;
    question->outcome = outcome;
    question->on_done(question);
}

void key_probes_free(struct key_probes *p)
{
    if (!p) return;
    for (unsigned i = 0; i < KEY_PROBES_MAX; i++) {
        if (!p->asked[i].question) continue;
        key_probe_cancel(p->asked[i].probe);
        tell(&p->asked[i], ACCOUNT_VENUE_GONE);
    }
    tls_context_free(p->tls);
    free(p);
}

static uint32_t permissions_of(const struct binance_restrictions *r)
{
    return (r->may_read ? KEY_MAY_READ : 0u) | (r->may_trade_spot ? KEY_MAY_TRADE_SPOT : 0u) |
           (r->may_trade_futures ? KEY_MAY_TRADE_FUTURES : 0u) |
           (r->may_borrow ? KEY_MAY_BORROW : 0u) |
           (r->may_trade_options ? KEY_MAY_TRADE_OPTIONS : 0u);
}

static void on_report(void *user, const struct key_report *report)
{
    struct asked *asked = user;
    struct account_probe *question = asked->question;
    log_info("key_probed", "venue=%s verdict=%s cause=\"%s\"",
             venue_name((enum venue)question->venue), verdicts[report->verdict].name, report->text);
    question->permissions = permissions_of(&report->restrictions);
    question->ip_restricted = report->restrictions.ip_restricted;
    tell(asked, verdicts[report->verdict].outcome);
}

/* Whether both can be what they are said to be. */
static bool is_key(const struct account_probe *probe)
{
    struct binance_key key;
    const enum err err = binance_key_init(&key, probe->api_key, probe->secret);
    binance_key_deinit(&key);
    return err == OK;
}

bool key_probes_ask(struct key_probes *p, struct account_probe *probe)
{
    struct asked *asked = p->asked;
    while (asked < p->asked + KEY_PROBES_MAX && asked->question) asked++;
    if (asked == p->asked + KEY_PROBES_MAX) return false;
    *asked = (struct asked){.question = probe};
    if (!is_key(probe)) {
        tell(asked, ACCOUNT_BAD_KEY);
        return true;
    }
    const struct key_probe_options options = {
        .url = p->urls[probe->venue],
        .tls = p->tls,
        .api_key = probe->api_key,
        .secret = probe->secret,
        .on_report = on_report,
        .user = asked,
    };
    if (key_probe_start(p->loop, &options, &asked->probe) != OK) {
        log_error("key_probe_failed", "venue=%s cause=\"%s\"", venue_name((enum venue)probe->venue),
                  err_text());
        tell(asked, ACCOUNT_VENUE_GONE);
    }
    return true;
}
