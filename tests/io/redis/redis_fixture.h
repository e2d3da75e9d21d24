/* Redis servers for tests: a real one of our own, and one that says what it is told to. */
#ifndef TESTS_IO_REDIS_REDIS_FIXTURE_H
#define TESTS_IO_REDIS_REDIS_FIXTURE_H

#include <sys/types.h>

#include "io/net/conn.h"
#include "io/redis/redis.h"

/* A redis-server process in a folder of its own, on a Unix socket and nothing else. It dies
 * with the test. */
struct redis_server {
    pid_t pid;
    char folder[64];
    char url[128];
};

/* Starts it and waits until it listens; extra: more arguments, ended by NULL, or NULL. */
void redis_server_start(struct redis_server *s, const char *const *extra);
/* The same folder again, after redis_server_kill. */
void redis_server_restart(struct redis_server *s, const char *const *extra);
void redis_server_kill(struct redis_server *s);
/* Kills it if it lives, and removes the folder. */
void redis_server_stop(struct redis_server *s);

/* Opens a client and runs the loop until it is up. */
struct redis *redis_client(uv_loop_t *loop, const char *url);
void redis_wait_up(uv_loop_t *loop, struct redis *r);
/* One command of words parted by blanks, and its answer's text ("nil", or "err:" and its name). */
const char *redis_ask(uv_loop_t *loop, struct redis *r, const char *line);

/* Answers PING with PONG, and anything else with `answer`, `times` over. */
struct fake_redis {
    struct listener *listener;
    struct slice answer;
    unsigned times;
    unsigned connections, commands;
    char url[64];
};

void fake_redis_start(struct fake_redis *f, uv_loop_t *loop, struct slice answer, unsigned times);

#endif
