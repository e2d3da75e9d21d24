/* What the two files of the market streams share: topics, their subscribers, the hub. */
#ifndef SERVICE_SIMSERVER_STREAMS_INTERNAL_H
#define SERVICE_SIMSERVER_STREAMS_INTERNAL_H

#include "service/simserver/simserver_internal.h"
#include "service/simserver/ws_life.h"

enum {
    STREAM_BUCKETS = 1024, /* a power of two */
    STREAM_NAME_SIZE = 64,
};

enum topic_kind {
    TOPIC_SILENT, /* means nothing, or is served from the recording */
    TOPIC_TRADE,
    TOPIC_AGGREGATE,
    TOPIC_BEST,
    TOPIC_DEPTH,
    /* From here on sent by time, each on its own. */
    TOPIC_PARTIAL,
    TOPIC_KLINE,
    TOPIC_TICKER,
    TOPIC_MINI_TICKER,
    TOPIC_AVERAGE,
};

struct topic {
    char name[STREAM_NAME_SIZE];
    struct topic *next;     /* in its bucket */
    struct topic *due_next; /* of those sent by time */
    uint8_t kind, timeframe, levels;
    uint8_t speed; /* 0: 100 ms, 1: 1000 ms */
    uint16_t instrument;
    int64_t open_ms; /* of the kline that was told last; 0: none */
    int64_t due_ms;
    struct stream_client **clients;
    uint32_t client_count, client_capacity;
};

struct stream_client {
    struct simserver *server;
    struct ws *ws;
    struct stream_client *next;
    struct topic **topics;
    uint32_t topic_count, topic_capacity;
    bool is_combined;
    struct ws_life life;
    int64_t second; /* of the messages counted */
    uint32_t messages;
};

struct stream_hub {
    struct topic *buckets[STREAM_BUCKETS];
    struct topic *due; /* those sent by time */
    uint32_t topic_count;
    struct stream_client *clients;
    struct ws_deflater deflater;
    struct buffer data, wrapped;
};

/* NULL: nobody subscribed to it. */
struct topic *topic_find(struct stream_hub *hub, struct slice name);

#endif
