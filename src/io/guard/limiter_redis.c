/* The rate limiter on Redis: its two scripts, and how they are called. */
#include "io/guard/limiter_redis.h"

#include <stdio.h>
#include <stdlib.h>

#include <openssl/evp.h>
#include <sodium.h>

/* A value is: last acceptance, begin of the newest sub-window (doubles of milliseconds), the total;
 * then the sub-windows, oldest first: last acceptance, count. */
static const char take_script[] =
    "local n, span, width = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])\n"
    "local time = redis.call('TIME')\n"
    "local server = time[1] * 1000 + math.floor(time[2] / 1000)\n"
    "local now = server\n"
    "local value = redis.pcall('GET', KEYS[1])\n"
    "local last, begun, total, ring = 0, 0, 0, ''\n"
    "if type(value) == 'string' and #value >= 20 and (#value - 20) % 12 == 0 then\n"
    "  last, begun, total = struct.unpack('<ddI4', value)\n"
    "  if last - now > span then\n"
    "    last, begun = now, now\n"
    "    value = struct.pack('<ddI4dI4', last, begun, total, now, total)\n"
    "  elseif last > now then now = last end\n"
    "  local at = 21\n"
    "  while at < #value do\n"
    "    local bucket, count = struct.unpack('<dI4', value, at)\n"
    "    if bucket + span > now then break end\n"
    "    total, at = total - count, at + 12\n"
    "  end\n"
    "  ring = string.sub(value, at)\n"
    "  if ring == '' then total = 0 end\n"
    "end\n"
    "if total < n then\n"
    "  if ring ~= '' and now - begun < width then\n"
    "    local _, count = struct.unpack('<dI4', ring, #ring - 11)\n"
    "    ring = string.sub(ring, 1, -13) .. struct.pack('<dI4', now, count + 1)\n"
    "  else\n"
    "    begun, ring = now, ring .. struct.pack('<dI4', now, 1)\n"
    "  end\n"
    "  total, last = total + 1, now\n"
    "  redis.call('SET', KEYS[1], struct.pack('<ddI4', last, begun, total) .. ring,\n"
    "             'PX', last + span - server)\n"
    "  return {1, n - total, 0, last + span - server, now}\n"
    "end\n"
    "local used, at, retry = total, 1, span\n"
    "while used >= n and at < #ring do\n"
    "  local bucket, count = struct.unpack('<dI4', ring, at)\n"
    "  used, at, retry = used - count, at + 12, bucket + span - server\n"
    "end\n"
    "return {0, math.max(n - total, 0), retry, last + span - server, now}\n";

static const char give_back_script[] =
    "local given, span, width = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])\n"
    "local value = redis.pcall('GET', KEYS[1])\n"
    "if type(value) ~= 'string' or #value < 32 or (#value - 20) % 12 ~= 0 then return 0 end\n"
    "local last, begun, total = struct.unpack('<ddI4', value)\n"
    "local time = redis.call('TIME')\n"
    "local now = math.max(last, time[1] * 1000 + math.floor(time[2] / 1000))\n"
    "if given + span <= now then return 0 end\n"
    "for at = 21, #value, 12 do\n"
    "  local bucket, count = struct.unpack('<dI4', value, at)\n"
    "  if bucket >= given then\n"
    "    local kept = ''\n"
    "    if count > 1 then kept = struct.pack('<dI4', bucket, count - 1)\n"
    "    elseif at + 12 > #value then begun = begun - width end\n"
    "    redis.call('SET', KEYS[1], struct.pack('<ddI4', last, begun, total - 1) ..\n"
    "               string.sub(value, 21, at - 1) .. kept .. string.sub(value, at + 12),\n"
    "               'KEEPTTL')\n"
    "    return 1\n"
    "  end\n"
    "end\n"
    "return 0\n";

enum { SHA_SIZE = 41, ANSWER_COUNT = 5, HEAD_SIZE = 20, BUCKET_SIZE = 12 };

#define TIME_END 1e15 /* milliseconds; no clock gets there */

struct script {
    struct slice text;
    char sha[SHA_SIZE];
    bool is_loading;
};

struct limiter_redis {
    struct redis *redis;
    struct script take, give_back;
};

/* One question on its way. */
struct question {
    struct limiter_redis *limiter;
    struct script *script;
    const struct limiter_redis_rule *rule;
    limiter_redis_on_answer on_answer; /* NULL: nobody waits */
    void *user;
    bool was_loaded; /* the server said once that it does not know the script */
    char first[24];  /* the script's first argument */
    char key[LIMITER_REDIS_KEY_SIZE];
};

static enum err script_init(struct script *s, const char *text);
static enum err ask(struct question *q);
static void on_reply(void *user, enum err err, const struct redis_reply *reply);
static bool load_and_ask_again(struct question *q, const struct redis_reply *reply);
static void on_loaded(void *user, enum err err, const struct redis_reply *reply);
static enum err read_answer(const struct redis_reply *reply, uint32_t limit,
                            struct limit_answer *out);
static bool read_ms(const struct redis_reply *value, int64_t max, uint32_t *out);

void limiter_redis_rule_init(struct limiter_redis_rule *r, const char *name, struct limit_rule rule)
{
    r->rule = rule;
    snprintf(r->name, sizeof r->name, "%s", name);
    snprintf(r->count, sizeof r->count, "%u", rule.count);
    snprintf(r->span_ms, sizeof r->span_ms, "%u", rule.span_ms);
    snprintf(r->width_ms, sizeof r->width_ms, "%u", limit_rule_width_ms(rule));
}

enum err limiter_redis_new(struct redis *redis, struct limiter_redis **out)
{
    struct limiter_redis *l = calloc(1, sizeof *l);
    if (!l) return err_set(ERR_NO_MEMORY, "no memory for a rate limiter");
    l->redis = redis;
    enum err err = script_init(&l->take, take_script);
    if (!err) err = script_init(&l->give_back, give_back_script);
    if (err) {
        free(l);
        return err;
    }
    *out = l;
    return OK;
}

void limiter_redis_free(struct limiter_redis *l)
{
    free(l);
}

enum err limiter_redis_take(struct limiter_redis *l, const struct limiter_redis_rule *rule,
                            struct limit_key key, limiter_redis_on_answer on_answer, void *user)
{
    struct question *q = calloc(1, sizeof *q);
    if (!q) return err_set(ERR_NO_MEMORY, "no memory to ask Redis");
    *q = (struct question){l, &l->take, rule, on_answer, user};
    memcpy(q->first, rule->count, sizeof rule->count);
    limiter_redis_key(rule, key, q->key);
    const enum err err = ask(q);
    if (err) free(q);
    return err;
}

void limiter_redis_give_back(struct limiter_redis *l, const struct limiter_redis_rule *rule,
                             struct limit_key key, int64_t at_ms)
{
    struct question *q = calloc(1, sizeof *q);
    if (!q) return; /* it counts on, which is the safe side */
    *q = (struct question){l, &l->give_back, rule};
    snprintf(q->first, sizeof q->first, "%lld", (long long)at_ms);
    limiter_redis_key(rule, key, q->key);
    if (ask(q)) free(q);
}

void limiter_redis_key(const struct limiter_redis_rule *rule, struct limit_key key,
                       char out[LIMITER_REDIS_KEY_SIZE])
{
    char text[LIMIT_KEY_SIZE];
    limit_key_write(key, text);
    snprintf(out, LIMITER_REDIS_KEY_SIZE, "rl:%s:%s", rule->name, text);
}

bool limiter_redis_key_parse(const struct limiter_redis_rule *rule, struct slice text,
                             struct limit_key *out)
{
    char head[LIMITER_REDIS_NAME_SIZE + 4], written[LIMITER_REDIS_KEY_SIZE];
    const size_t size = (size_t)snprintf(head, sizeof head, "rl:%s:", rule->name);
    if (text.size <= size || memcmp(text.data, head, size) != 0) return false;
    if (!limit_key_parse((struct slice){text.data + size, text.size - size}, out)) return false;
    limiter_redis_key(rule, *out, written);
    return slice_is(text, written); /* an address that is written otherwise is another key there */
}

struct limiter_row limiter_redis_read(const struct limiter_redis_rule *rule, struct limit_key key,
                                      struct slice value, int64_t now_ms)
{
    struct limiter_row row = {.key = key};
    const double span = rule->rule.span_ms;
    double last, bucket, now = (double)now_ms;
    uint32_t count, used = 0;
    if (value.size < HEAD_SIZE || (value.size - HEAD_SIZE) % BUCKET_SIZE != 0) return row;
    memcpy(&last, value.data, sizeof last);
    /* The script forgets what is over, and takes what lies too far ahead as if it were of now. */
    if (!(last > now - span && last < TIME_END)) return row;
    const bool is_ahead = last - now > span;
    if (last > now) now = last;
    for (size_t at = HEAD_SIZE; at < value.size; at += BUCKET_SIZE) {
        memcpy(&bucket, value.data + at, sizeof bucket);
        memcpy(&count, value.data + at + sizeof bucket, sizeof count);
        if ((is_ahead || bucket + span > now) && count <= LIMIT_COUNT_MAX - used) used += count;
    }
    row.used = used;
    row.ttl_ms = (uint32_t)(is_ahead ? span : last + span - (double)now_ms);
    return row;
}

const char *limiter_redis_script(void)
{
    return take_script;
}

static enum err script_init(struct script *s, const char *text)
{
    unsigned char hash[EVP_MAX_MD_SIZE];
    unsigned size = 0;
    s->text = slice_of(text);
    /* Redis names scripts by their SHA-1; nothing rests on its strength. */
    if (EVP_Digest(text, s->text.size, hash, &size, EVP_sha1(), NULL) != 1 || size != 20)
        return err_set(ERR_UNSUPPORTED, "this OpenSSL has no SHA-1, by which Redis names scripts");
    sodium_bin2hex(s->sha, sizeof s->sha, hash, size);
    return OK;
}

static enum err ask(struct question *q)
{
    const struct slice words[] = {
        SLICE("EVALSHA"),
        {q->script->sha, SHA_SIZE - 1},
        SLICE("1"),
        slice_of(q->key),
        slice_of(q->first),
        slice_of(q->rule->span_ms),
        slice_of(q->rule->width_ms),
    };
    return redis_send(q->limiter->redis, words, sizeof words / sizeof *words, on_reply, q);
}

static void on_reply(void *user, enum err err, const struct redis_reply *reply)
{
    struct question *q = user;
    struct limit_answer answer;
    if (!err && load_and_ask_again(q, reply)) return;
    if (q->on_answer) {
        if (!err) err = read_answer(reply, q->rule->rule.count, &answer);
        q->on_answer(q->user, err, err ? NULL : &answer);
    }
    free(q);
}

/* A server that was restarted or flushed does not know the script: it is told, once for all who
 * wait, and asked again behind that on the same connection. */
static bool load_and_ask_again(struct question *q, const struct redis_reply *reply)
{
    static const char noscript[] = "NOSCRIPT";
    if (reply->kind != REDIS_FAILED || q->was_loaded || reply->text.size < sizeof noscript - 1 ||
        memcmp(reply->text.data, noscript, sizeof noscript - 1) != 0)
        return false;
    const struct slice words[] = {SLICE("SCRIPT"), SLICE("LOAD"), q->script->text};
    if (!q->script->is_loading &&
        redis_send(q->limiter->redis, words, 3, on_loaded, q->script) != OK)
        return false;
    q->script->is_loading = true;
    q->was_loaded = true;
    return ask(q) == OK;
}

static void on_loaded(void *user, enum err err, const struct redis_reply *reply)
{
    (void)err;
    (void)reply; /* the questions behind it will tell */
    ((struct script *)user)->is_loading = false;
}

/* What is out of range did not come from our script. */
static enum err read_answer(const struct redis_reply *reply, uint32_t limit,
                            struct limit_answer *out)
{
    if (reply->kind == REDIS_FAILED)
        return err_set(ERR_IO, "Redis: %.*s",
                       (int)(reply->text.size < 200 ? reply->text.size : 200), reply->text.data);
    uint32_t accepted;
    *out = (struct limit_answer){.limit = limit};
    if (reply->kind != REDIS_LIST || reply->count != ANSWER_COUNT ||
        !read_ms(reply->items[0], 1, &accepted) ||
        !read_ms(reply->items[1], limit, &out->remaining) ||
        !read_ms(reply->items[2], 2 * LIMIT_SPAN_MS_MAX, &out->retry_ms) ||
        !read_ms(reply->items[3], 2 * LIMIT_SPAN_MS_MAX, &out->reset_ms) ||
        reply->items[4]->kind != REDIS_INTEGER)
        return err_set(ERR_PARSE, "Redis answered what the script does not");
    out->accepted = accepted;
    out->at_ms = reply->items[4]->integer;
    return OK;
}

static bool read_ms(const struct redis_reply *value, int64_t max, uint32_t *out)
{
    if (value->kind != REDIS_INTEGER || value->integer < 0 || value->integer > max) return false;
    *out = (uint32_t)value->integer;
    return true;
}
