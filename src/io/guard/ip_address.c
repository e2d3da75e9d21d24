/* Internet addresses and ranges, to and from text. */
#include "io/guard/ip_address.h"

#include <uv.h>

static const uint8_t ipv4_head[12] = {[10] = 0xff, [11] = 0xff};

static bool parse_bits(struct slice text, unsigned max, unsigned *out);
static bool tail_is_zero(const struct ip_range *r);

bool ip_address_parse(struct slice text, struct ip_address *out)
{
    char copy[IP_ADDRESS_SIZE];
    struct ip_address a = {0};
    /* uv_inet_pton would quietly drop a zone, and stop at a NUL */
    if (!slice_copy(text, copy, sizeof copy) || strlen(copy) != text.size || strchr(copy, '%'))
        return false;
    if (uv_inet_pton(AF_INET, copy, a.bytes + 12) == 0)
        memcpy(a.bytes, ipv4_head, sizeof ipv4_head);
    else if (uv_inet_pton(AF_INET6, copy, a.bytes) != 0)
        return false;
    *out = a;
    return true;
}

void ip_address_write(const struct ip_address *a, char out[IP_ADDRESS_SIZE])
{
    if (ip_address_is_ipv4(a))
        uv_inet_ntop(AF_INET, a->bytes + 12, out, IP_ADDRESS_SIZE);
    else
        uv_inet_ntop(AF_INET6, a->bytes, out, IP_ADDRESS_SIZE);
}

bool ip_address_equal(const struct ip_address *a, const struct ip_address *b)
{
    return memcmp(a->bytes, b->bytes, sizeof a->bytes) == 0;
}

bool ip_address_is_ipv4(const struct ip_address *a)
{
    return memcmp(a->bytes, ipv4_head, sizeof ipv4_head) == 0;
}

enum err ip_range_parse(struct slice text, struct ip_range *out)
{
    const int shown = text.size < 60 ? (int)text.size : 60;
    const char *slash = text.size ? memchr(text.data, '/', text.size) : NULL;
    const struct slice address = {text.data, slash ? (size_t)(slash - text.data) : text.size};
    struct ip_range r;
    if (!ip_address_parse(address, &r.first))
        return err_set(ERR_PARSE, "'%.*s' is not an IPv4 or IPv6 address", shown, text.data);
    /* by how it was written: ::ffff:10.0.0.0/104 counts the bits of IPv6 */
    const bool is_ipv4 = !memchr(address.data, ':', address.size);
    unsigned bits = is_ipv4 ? 32 : 128;
    if (slash) {
        const struct slice digits = {slash + 1, text.size - address.size - 1};
        if (!parse_bits(digits, bits, &bits))
            return err_set(ERR_PARSE, "'%.*s': the part after '/' is not a number from 0 to %u",
                           shown, text.data, bits);
    }
    r.prefix = (uint8_t)(is_ipv4 ? bits + 96 : bits);
    if (!tail_is_zero(&r))
        return err_set(ERR_PARSE, "'%.*s' has address bits set behind its /%u", shown, text.data,
                       bits);
    *out = r;
    return OK;
}

bool ip_range_has(const struct ip_range *r, const struct ip_address *a)
{
    const unsigned whole = r->prefix / 8;
    const unsigned rest = r->prefix % 8;
    if (memcmp(r->first.bytes, a->bytes, whole) != 0) return false;
    return rest == 0 || (r->first.bytes[whole] ^ a->bytes[whole]) >> (8 - rest) == 0;
}

static bool parse_bits(struct slice text, unsigned max, unsigned *out)
{
    unsigned value = 0;
    if (text.size == 0 || text.size > 3) return false;
    for (size_t i = 0; i < text.size; i++) {
        if (text.data[i] < '0' || text.data[i] > '9') return false;
        value = value * 10 + (unsigned)(text.data[i] - '0');
    }
    if (value > max) return false;
    *out = value;
    return true;
}

static bool tail_is_zero(const struct ip_range *r)
{
    for (unsigned bit = r->prefix; bit < 128; bit++)
        if (r->first.bytes[bit / 8] >> (7 - bit % 8) & 1) return false;
    return true;
}
