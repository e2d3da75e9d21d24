/* hiredis' reader behind limits. */
#include "io/redis/redis_reader.h"

#include <stdlib.h>

#include <hiredis/read.h>

struct redis_reader {
    redisReader *resp;
    size_t bytes_max, items_max;
    size_t items, bytes; /* of the reply that is being read */
    bool is_broken;
};

static struct redis_reply *value_new(const redisReadTask *task, enum redis_kind kind, size_t extra);
static void *create_string(const redisReadTask *task, char *text, size_t size);
static void *create_array(const redisReadTask *task, int count);
static void *create_integer(const redisReadTask *task, long long value);
static void *create_nil(const redisReadTask *task);
static void free_object(void *object);

static redisReplyObjectFunctions functions = {create_string, create_array, create_integer,
                                              create_nil, free_object};

struct redis_reader *redis_reader_new(size_t bytes_max, size_t items_max)
{
    struct redis_reader *r = calloc(1, sizeof *r);
    if (!r) return NULL;
    *r = (struct redis_reader){redisReaderCreateWithFunctions(&functions), bytes_max, items_max};
    if (!r->resp) {
        free(r);
        return NULL;
    }
    r->resp->privdata = r;
    return r;
}

void redis_reader_free(struct redis_reader *r)
{
    if (!r) return;
    redisReaderFree(r->resp);
    free(r);
}

void redis_reader_feed(struct redis_reader *r, struct slice bytes)
{
    if (redisReaderFeed(r->resp, bytes.data, bytes.size) != REDIS_OK) r->is_broken = true;
}

enum err redis_reader_next(struct redis_reader *r, struct redis_reply **out)
{
    void *reply = NULL;
    *out = NULL;
    if (r->is_broken || redisReaderGetReply(r->resp, &reply) != REDIS_OK) {
        if (r->items > r->items_max || r->bytes > r->bytes_max)
            return err_set(ERR_LIMIT, "it sent an answer of too many values or bytes");
        return err_set(ERR_PARSE, "it sent what is not RESP");
    }
    *out = reply;
    if (reply) {
        r->items = r->bytes = 0;
    } else if (r->resp->len - r->resp->pos > r->bytes_max) {
        return err_set(ERR_LIMIT, "it sent an answer of more than %zu bytes", r->bytes_max);
    }
    return OK;
}

void redis_reply_free(struct redis_reply *reply)
{
    if (!reply) return;
    for (size_t i = 0; i < reply->count; i++) redis_reply_free(reply->items[i]);
    free(reply);
}

/* hiredis nests at most seven deep, so neither its stack nor ours can run away. */
static struct redis_reply *value_new(const redisReadTask *task, enum redis_kind kind, size_t extra)
{
    struct redis_reader *r = task->privdata;
    r->bytes += extra;
    if (++r->items > r->items_max || r->bytes > r->bytes_max) return NULL;
    struct redis_reply *reply = calloc(1, sizeof *reply + extra);
    if (!reply) return NULL;
    reply->kind = kind;
    if (task->parent) {
        struct redis_reply *parent = task->parent->obj;
        parent->items[task->idx] = reply;
    }
    return reply;
}

static void *create_string(const redisReadTask *task, char *text, size_t size)
{
    const enum redis_kind kind = task->type == REDIS_REPLY_ERROR ? REDIS_FAILED : REDIS_TEXT;
    struct redis_reply *reply = value_new(task, kind, size + 1);
    if (!reply) return NULL;
    memcpy(reply + 1, text, size);
    reply->text = (struct slice){(const char *)(reply + 1), size};
    return reply;
}

static void *create_array(const redisReadTask *task, int count)
{
    struct redis_reader *r = task->privdata;
    if (count < 0 || (size_t)count > r->items_max) {
        r->items = r->items_max + 1;
        return NULL;
    }
    struct redis_reply *reply = value_new(task, REDIS_LIST, (size_t)count * sizeof(void *));
    if (!reply) return NULL;
    reply->items = (struct redis_reply **)(void *)(reply + 1);
    reply->count = (size_t)count;
    return reply;
}

static void *create_integer(const redisReadTask *task, long long value)
{
    struct redis_reply *reply = value_new(task, REDIS_INTEGER, 0);
    if (reply) reply->integer = value;
    return reply;
}

static void *create_nil(const redisReadTask *task)
{
    return value_new(task, REDIS_NIL, 0);
}

static void free_object(void *object)
{
    redis_reply_free(object);
}
