/* Whose request it is: the address that limits, audit and sessions go by.
 *
 * It is the TCP peer, unless the peer is a proxy that we trust. Then X-Forwarded-For is read from
 * the right, where the nearest proxy wrote: hops that are trusted themselves are passed over, and
 * the first that is not is the client. What stands left of it was written by the client and means
 * nothing. A hop that is no address ends the walk at the last one that was: a proxy that we trust
 * vouches for no more than that. X-Real-IP and Forwarded are never read.
 *
 * Trusted is who stands in TRADEBOT_TRUSTED_PROXIES, and nobody else, loopback included.
 * A parsed list does not change: any thread may use it. */
#ifndef IO_GUARD_CLIENT_ADDRESS_H
#define IO_GUARD_CLIENT_ADDRESS_H

#include <stddef.h>

#include "io/guard/ip_address.h"

#define TRUSTED_PROXIES_MAX 64
#define FORWARDED_HOPS_MAX  32 /* after so many trusted hops the last one seen is the client */

struct trusted_proxies {
    struct ip_range ranges[TRUSTED_PROXIES_MAX];
    size_t count;
};

/* Addresses and ranges with commas or blanks between: "127.0.0.1, 10.0.0.0/8, fd00::/8"; "" is
 * nobody. ERR_PARSE names the item, ERR_LIMIT: more than TRUSTED_PROXIES_MAX. */
enum err trusted_proxies_parse(const char *text, struct trusted_proxies *out) ERR_MUST_USE;
bool trusted_proxies_has(const struct trusted_proxies *t, const struct ip_address *a);

/* The values of all X-Forwarded-For header lines of one request, in the order they came. */
struct ip_address client_address(const struct trusted_proxies *t, const struct ip_address *peer,
                                 const struct slice *forwarded, size_t count);

#endif
