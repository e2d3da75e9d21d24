/* ADDRESS:PORT as people write it: where a command listens. */
#ifndef APP_ADDRESS_H
#define APP_ADDRESS_H

#include <stdint.h>

#include "base/err.h"

enum { ADDRESS_HOST_SIZE = 64 };

/* Splits "127.0.0.1:8000", "[::1]:8000" or "localhost:0", which becomes 127.0.0.1. Whether the
 * address exists is found out by who listens. ERR_INVALID tells what it must look like. */
enum err address_parse(const char *text, char host[ADDRESS_HOST_SIZE], uint16_t *port) ERR_MUST_USE;

#endif
