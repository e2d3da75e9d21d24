/* A queue, a thread and libcurl. */
#include "io/mail/mailer.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>

#include <curl/curl.h>

#include "base/check.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/prng.h"

enum { RETRY_FACTOR = 3, MS_NS = 1000000 };

struct letter {
    struct mail mail;
    uint64_t number;
    char id[MAIL_ID_SIZE];
    unsigned tries;
    int64_t due_ns;
};

struct mailer {
    struct mailer_options options;
    pthread_t thread;
    pthread_mutex_t lock; /* of all that follows but closing and prng */
    pthread_cond_t changed;
    struct letter *letters[MAIL_QUEUE_MAX];
    uint32_t count;
    uint64_t next_number;
    struct mailer_counters counters;
    _Atomic bool closing;
    struct prng prng; /* the thread's */
};

static int64_t now_ns(void)
{
    return clock_monotonic_ns(&clock_system);
}

static void make_id(char id[MAIL_ID_SIZE])
{
    unsigned char bytes[(MAIL_ID_SIZE - 1) / 2];
    CHECK(getrandom(bytes, sizeof bytes, 0) == sizeof bytes);
    for (size_t i = 0; i < sizeof bytes; i++) snprintf(id + 2 * i, 3, "%02x", bytes[i]);
}

/* ---- one attempt ---- */

struct reading {
    const char *data;
    size_t size;
};

static size_t on_read(char *out, size_t size, size_t count, void *user)
{
    struct reading *reading = user;
    const size_t room = size * count;
    const size_t taken = reading->size < room ? reading->size : room;
    memcpy(out, reading->data, taken);
    reading->data += taken;
    reading->size -= taken;
    return taken;
}

static int on_progress(void *user, curl_off_t a, curl_off_t b, curl_off_t c, curl_off_t d)
{
    const struct mailer *m = user;
    (void)a, (void)b, (void)c, (void)d;
    return atomic_load(&m->closing);
}

static size_t drop(char *data, size_t size, size_t count, void *user)
{
    (void)data;
    (void)user;
    return size * count;
}

/* Any option that this libcurl would not take is one that we rely on. */
#define SET(handle, option, value) CHECK(curl_easy_setopt((handle), (option), (value)) == CURLE_OK)

static void set_server(CURL *curl, const struct mailer *m)
{
    const struct mail_server *s = &m->options.server;
    const long timeout_ms = (long)m->options.timeout_ms;
    SET(curl, CURLOPT_URL, s->url);
    SET(curl, CURLOPT_PROTOCOLS_STR, "smtp,smtps");
    SET(curl, CURLOPT_PROXY, "");
    SET(curl, CURLOPT_USE_SSL, (long)(s->needs_tls ? CURLUSESSL_ALL : CURLUSESSL_NONE));
    SET(curl, CURLOPT_SSL_VERIFYPEER, 1L);
    SET(curl, CURLOPT_SSL_VERIFYHOST, 2L);
    SET(curl, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
    if (*s->ca_path) SET(curl, CURLOPT_CAINFO, s->ca_path);
    if (*s->user) SET(curl, CURLOPT_USERNAME, s->user);
    if (*s->user) SET(curl, CURLOPT_PASSWORD, s->password);
    SET(curl, CURLOPT_CONNECTTIMEOUT_MS, timeout_ms);
    SET(curl, CURLOPT_SERVER_RESPONSE_TIMEOUT, (timeout_ms + 999) / 1000);
    SET(curl, CURLOPT_TIMEOUT_MS, MAIL_ATTEMPT_TIMES * timeout_ms);
    SET(curl, CURLOPT_NOSIGNAL, 1L);
    SET(curl, CURLOPT_NOPROGRESS, 0L);
    SET(curl, CURLOPT_XFERINFOFUNCTION, on_progress);
    SET(curl, CURLOPT_XFERINFODATA, m);
    SET(curl, CURLOPT_WRITEFUNCTION, drop);
}

static CURLcode perform(CURL *curl, const struct mailer *m, const struct letter *l,
                        struct reading *reading)
{
    char from[MAIL_ADDRESS_SIZE + 2], to[MAIL_ADDRESS_SIZE + 2];
    snprintf(from, sizeof from, "<%s>", m->options.server.from);
    snprintf(to, sizeof to, "<%s>", l->mail.to);
    struct curl_slist *recipients = curl_slist_append(NULL, to);
    if (!recipients) return CURLE_OUT_OF_MEMORY;
    set_server(curl, m);
    SET(curl, CURLOPT_MAIL_FROM, from);
    SET(curl, CURLOPT_MAIL_RCPT, recipients);
    SET(curl, CURLOPT_UPLOAD, 1L);
    SET(curl, CURLOPT_READFUNCTION, on_read);
    SET(curl, CURLOPT_READDATA, reading);
    const CURLcode code = curl_easy_perform(curl);
    curl_slist_free_all(recipients);
    return code;
}

/* The server's last answer; 0: none. */
static CURLcode attempt(const struct mailer *m, const struct letter *l, long *answer)
{
    struct buffer message = {0};
    CURLcode code = CURLE_OUT_OF_MEMORY;
    CURL *curl = curl_easy_init();
    const enum err err = mail_message_write(&l->mail, m->options.server.from, l->id,
                                            clock_wall_ms(&clock_system), &message);
    *answer = 0;
    if (curl && !err) {
        struct reading reading = {message.data, message.size};
        code = perform(curl, m, l, &reading);
        curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, answer);
    }
    curl_easy_cleanup(curl);
    if (message.data) explicit_bzero(message.data, message.capacity);
    buffer_deinit(&message);
    return code;
}

static bool is_for_good(CURLcode code, long answer)
{
    switch (code) {
    case CURLE_LOGIN_DENIED:
    case CURLE_PEER_FAILED_VERIFICATION:
    case CURLE_SSL_CACERT_BADFILE:
    case CURLE_USE_SSL_FAILED: return true;
    default: return answer >= 500 && answer < 600;
    }
}

/* ---- the queue ---- */

static void letter_free(struct letter *l)
{
    explicit_bzero(l, sizeof *l);
    free(l);
}

/* With the lock. */
static struct letter *earliest(const struct mailer *m)
{
    struct letter *found = NULL;
    for (uint32_t i = 0; i < m->count; i++)
        if (!found || m->letters[i]->due_ns < found->due_ns) found = m->letters[i];
    return found;
}

static void take_out(struct mailer *m, const struct letter *l)
{
    uint32_t i = 0;
    while (m->letters[i] != l) i++;
    m->letters[i] = m->letters[--m->count];
}

static void wait_until(struct mailer *m, const struct letter *l)
{
    if (!l) {
        pthread_cond_wait(&m->changed, &m->lock);
        return;
    }
    const struct timespec at = {l->due_ns / (1000 * (int64_t)MS_NS),
                                l->due_ns % (1000 * (int64_t)MS_NS)};
    pthread_cond_timedwait(&m->changed, &m->lock, &at);
}

static int64_t pause_ns(struct mailer *m, unsigned tries)
{
    int64_t ms = m->options.retry_first_ms;
    for (unsigned i = 1; i < tries && ms < MAIL_RETRY_LAST_MS; i++) ms *= RETRY_FACTOR;
    if (ms > MAIL_RETRY_LAST_MS) ms = MAIL_RETRY_LAST_MS;
    return (ms / 2 + (int64_t)prng_below(&m->prng, (uint64_t)(ms / 2 + 1))) * MS_NS;
}

/* With the lock. */
static void settle(struct mailer *m, struct letter *l, CURLcode code, long answer)
{
    l->tries++;
    m->counters.failed_in_row = code == CURLE_OK ? 0 : m->counters.failed_in_row + 1;
    if (code != CURLE_OK && !is_for_good(code, answer) && l->tries < MAIL_TRIES) {
        l->due_ns = now_ns() + pause_ns(m, l->tries);
        m->counters.retried++;
        if (l->tries == 1)
            log_warn("mail_retried", "number=%llu server=%s answer=%ld cause=\"%s\"",
                     (unsigned long long)l->number, m->options.server.url, answer,
                     curl_easy_strerror(code));
        return;
    }
    if (code == CURLE_OK)
        m->counters.sent++;
    else
        m->counters.given_up++;
    if (code != CURLE_OK)
        log_error("mail_given_up", "number=%llu tries=%u server=%s answer=%ld cause=\"%s\"",
                  (unsigned long long)l->number, l->tries, m->options.server.url, answer,
                  curl_easy_strerror(code));
    take_out(m, l);
    letter_free(l);
}

static void *run(void *user)
{
    struct mailer *m = user;
    pthread_mutex_lock(&m->lock);
    while (!atomic_load(&m->closing)) {
        struct letter *l = earliest(m);
        if (!l || l->due_ns > now_ns()) {
            wait_until(m, l);
            continue;
        }
        pthread_mutex_unlock(&m->lock);
        long answer = 0;
        const CURLcode code = attempt(m, l, &answer);
        pthread_mutex_lock(&m->lock);
        if (!atomic_load(&m->closing) || code == CURLE_OK) settle(m, l, code, answer);
    }
    pthread_mutex_unlock(&m->lock);
    return NULL;
}

/* ---- the mailer ---- */

static void start_curl(void)
{
    CHECK(curl_global_init(CURL_GLOBAL_DEFAULT) == CURLE_OK);
}

static void init_changed(pthread_cond_t *changed)
{
    pthread_condattr_t attributes;
    CHECK(pthread_condattr_init(&attributes) == 0);
    CHECK(pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC) == 0);
    CHECK(pthread_cond_init(changed, &attributes) == 0);
    pthread_condattr_destroy(&attributes);
}

static void mailer_free(struct mailer *m)
{
    pthread_cond_destroy(&m->changed);
    pthread_mutex_destroy(&m->lock);
    explicit_bzero(m, sizeof *m);
    free(m);
}

enum err mailer_open(const struct mailer_options *options, struct mailer **out)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    uint64_t seed;
    CHECK(pthread_once(&once, start_curl) == 0);
    struct mailer *m = calloc(1, sizeof *m);
    CHECK(m && pthread_mutex_init(&m->lock, NULL) == 0);
    CHECK(getrandom(&seed, sizeof seed, 0) == sizeof seed);
    init_changed(&m->changed);
    m->options = *options;
    prng_init(&m->prng, seed);
    if (pthread_create(&m->thread, NULL, run, m) != 0) {
        mailer_free(m);
        return err_set(ERR_IO, "cannot start a thread for mail");
    }
    *out = m;
    return OK;
}

bool mailer_send(struct mailer *m, const struct mail *mail)
{
    struct letter *l = calloc(1, sizeof *l);
    CHECK(l);
    l->mail = *mail;
    l->due_ns = now_ns();
    make_id(l->id);
    pthread_mutex_lock(&m->lock);
    const bool taken = m->count < MAIL_QUEUE_MAX;
    if (taken) {
        l->number = ++m->next_number;
        m->letters[m->count++] = l;
        pthread_cond_signal(&m->changed);
    } else {
        m->counters.refused++;
    }
    pthread_mutex_unlock(&m->lock);
    if (taken) return true;
    letter_free(l);
    log_warn("mail_refused", "cause=\"%d letters wait\"", MAIL_QUEUE_MAX);
    return false;
}

struct mailer_counters mailer_counters(struct mailer *m)
{
    pthread_mutex_lock(&m->lock);
    struct mailer_counters counters = m->counters;
    counters.waiting = m->count;
    pthread_mutex_unlock(&m->lock);
    return counters;
}

void mailer_close(struct mailer *m)
{
    if (!m) return;
    pthread_mutex_lock(&m->lock);
    atomic_store(&m->closing, true);
    pthread_cond_signal(&m->changed);
    pthread_mutex_unlock(&m->lock);
    pthread_join(m->thread, NULL);
    if (m->count > 0) log_warn("mail_dropped", "letters=%u", m->count);
    while (m->count > 0) letter_free(m->letters[--m->count]);
    mailer_free(m);
}
