/* Internet addresses as values, and ranges of them. One form for both families: 16 bytes, IPv4 as
 * ::ffff:a.b.c.d, so that an IPv4 peer on an IPv6 socket is the same address. Pure functions, any
 * thread. Source: RFC 4291, RFC 4632. */
#ifndef IO_GUARD_IP_ADDRESS_H
#define IO_GUARD_IP_ADDRESS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/slice.h"

#define IP_ADDRESS_SIZE 46 /* of the text, with its NUL */

struct ip_address {
    uint8_t bytes[16];
};

struct ip_range {
    struct ip_address first;
    uint8_t prefix; /* bits of the 16 bytes that must agree; IPv4 /8 is 104 here */
};

/* "192.0.2.1" or "2001:db8::1"; no zone, no brackets, no port, no leading zeros in IPv4. */
bool ip_address_parse(struct slice text, struct ip_address *out);
void ip_address_write(const struct ip_address *a, char out[IP_ADDRESS_SIZE]);
bool ip_address_equal(const struct ip_address *a, const struct ip_address *b);
bool ip_address_is_ipv4(const struct ip_address *a);

/* An address, or "10.0.0.0/8". ERR_PARSE with the fault; also where bits behind the prefix are set,
 * because then the range is not the one that was meant. */
enum err ip_range_parse(struct slice text, struct ip_range *out) ERR_MUST_USE;
bool ip_range_has(const struct ip_range *r, const struct ip_address *a);

#endif
