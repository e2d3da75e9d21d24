/* Where a Redis server is and who we are to it: the value of REDIS_URL.
 *
 *     redis://[user:password@]host[:port][/database]
 *     unix:/path/to/redis.sock
 *
 * User and password may be percent-coded; "redis://:password@host" is the default user. A text
 * about a fault never shows the URL, because it may hold a password. Pure, any thread. */
#ifndef IO_REDIS_REDIS_ADDRESS_H
#define IO_REDIS_REDIS_ADDRESS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"

#define REDIS_HOST_SIZE     256
#define REDIS_PATH_SIZE     108 /* what a socket address holds */
#define REDIS_USER_SIZE     128
#define REDIS_PASSWORD_SIZE 512
#define REDIS_DATABASE_MAX  1023
#define REDIS_PORT          6379

struct redis_address {
    char path[REDIS_PATH_SIZE]; /* of the Unix socket, or "": host and port count */
    char host[REDIS_HOST_SIZE];
    uint16_t port;
    uint16_t database;
    char user[REDIS_USER_SIZE];         /* "": the default user */
    char password[REDIS_PASSWORD_SIZE]; /* "": none */
};

/* ERR_PARSE, ERR_UNSUPPORTED (scheme) or ERR_LIMIT with the fault. */
enum err redis_address_parse(const char *url, struct redis_address *out) ERR_MUST_USE;

#endif
