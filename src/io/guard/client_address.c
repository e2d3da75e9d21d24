/* The client's address from the peer and X-Forwarded-For. */
#include "io/guard/client_address.h"

static bool is_separator(char c);
static struct slice trim(struct slice text);
static bool last_hop(struct slice *list, struct slice *hop);
static bool hop_parse(struct slice hop, struct ip_address *out);
static bool is_port(struct slice text);

enum err trusted_proxies_parse(const char *text, struct trusted_proxies *out)
{
    *out = (struct trusted_proxies){0};
    for (const char *at = text; *at;) {
        if (is_separator(*at)) {
            at++;
            continue;
        }
        const struct slice item = {at, strcspn(at, ", \t")};
        if (out->count == TRUSTED_PROXIES_MAX)
            return err_set(ERR_LIMIT, "more than %d trusted proxies", TRUSTED_PROXIES_MAX);
        const enum err err = ip_range_parse(item, &out->ranges[out->count]);
        if (err) return err;
        out->count++;
        at += item.size;
    }
    return OK;
}

bool trusted_proxies_has(const struct trusted_proxies *t, const struct ip_address *a)
{
    for (size_t i = 0; i < t->count; i++)
        if (ip_range_has(&t->ranges[i], a)) return true;
    return false;
}

struct ip_address client_address(const struct trusted_proxies *t, const struct ip_address *peer,
                                 const struct slice *forwarded, size_t count)
{
    struct ip_address client = *peer;
    unsigned hops = 0;
    while (count > 0) {
        struct slice list = forwarded[--count];
        struct slice hop;
        while (last_hop(&list, &hop)) {
            if (!trusted_proxies_has(t, &client) || hops++ == FORWARDED_HOPS_MAX) return client;
            if (!hop_parse(hop, &client)) return client;
        }
    }
    return client;
}

static bool is_separator(char c)
{
    return c == ',' || c == ' ' || c == '\t';
}

static struct slice trim(struct slice text)
{
    while (text.size && (text.data[0] == ' ' || text.data[0] == '\t')) text.data++, text.size--;
    while (text.size && (text.data[text.size - 1] == ' ' || text.data[text.size - 1] == '\t'))
        text.size--;
    return text;
}

/* Takes the last item off the list; false when nothing is left. */
static bool last_hop(struct slice *list, struct slice *hop)
{
    if (!list->data) return false;
    const char *comma = list->size ? memrchr(list->data, ',', list->size) : NULL;
    const char *start = comma ? comma + 1 : list->data;
    *hop = trim((struct slice){start, (size_t)(list->data + list->size - start)});
    *list = comma ? (struct slice){list->data, (size_t)(comma - list->data)} : (struct slice){0};
    return true;
}

/* An address, "192.0.2.1:port" or "[2001:db8::1]" with or without a port. */
static bool hop_parse(struct slice hop, struct ip_address *out)
{
    if (ip_address_parse(hop, out)) return true;
    if (hop.size == 0) return false;
    struct slice port = {0};
    if (hop.data[0] == '[') {
        const char *close = memchr(hop.data, ']', hop.size);
        if (!close) return false;
        port = (struct slice){close + 1, (size_t)(hop.data + hop.size - close) - 1};
        hop = (struct slice){hop.data + 1, (size_t)(close - hop.data) - 1};
        if (!memchr(hop.data, ':', hop.size)) return false;
    } else {
        const char *colon = memchr(hop.data, ':', hop.size);
        if (!colon) return false;
        port = (struct slice){colon, (size_t)(hop.data + hop.size - colon)};
        hop.size = (size_t)(colon - hop.data);
        if (hop.size == 0 || memchr(port.data + 1, ':', port.size - 1)) return false;
    }
    return (port.size == 0 || is_port(port)) && ip_address_parse(hop, out);
}

/* ":" and one to five digits. */
static bool is_port(struct slice text)
{
    if (text.size < 2 || text.size > 6 || text.data[0] != ':') return false;
    for (size_t i = 1; i < text.size; i++)
        if (text.data[i] < '0' || text.data[i] > '9') return false;
    return true;
}
