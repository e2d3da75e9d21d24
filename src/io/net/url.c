/* Parsing server addresses, and percent coding. */
#include "io/net/url.h"

#include <stdio.h>
#include <stdlib.h>

#include <uv.h>

static const struct scheme {
    const char *name;
    uint16_t port;
    bool secure;
    bool websocket;
} schemes[] = {
    {"http", 80, false, false},
    {"https", 443, true, false},
    {"ws", 80, false, true},
    {"wss", 443, true, true},
};

static const struct scheme *scheme_find(struct slice name);
static enum err host_parse(const char *text, struct slice authority, struct url *out);
static enum err port_parse(const char *text, struct slice digits, uint16_t *out);
static enum err path_parse(const char *text, const char *path, struct url *out);
static bool is_host_char(char c);
static int hex_value(char c);

enum err url_parse(const char *text, struct url *out)
{
    *out = (struct url){0};
    const char *colon = strstr(text, "://");
    if (!colon) return err_set(ERR_PARSE, "URL '%.200s' has no scheme such as https://", text);
    const struct slice name = {text, (size_t)(colon - text)};
    const struct scheme *scheme = scheme_find(name);
    if (!scheme)
        return err_set(ERR_UNSUPPORTED, "URL '%.200s': scheme is not http, https, ws or wss", text);
    out->secure = scheme->secure;
    out->websocket = scheme->websocket;
    out->port = scheme->port;

    const char *start = colon + 3;
    const struct slice authority = {start, strcspn(start, "/?#")};
    if (memchr(authority.data, '@', authority.size))
        return err_set(ERR_UNSUPPORTED, "URL '%.200s' carries a user name", text);
    const enum err err = host_parse(text, authority, out);
    if (err) return err;
    return path_parse(text, start + authority.size, out);
}

void url_authority(const struct url *u, char *out, size_t size)
{
    const bool is_v6 = strchr(u->host, ':') != NULL;
    const uint16_t usual = u->secure ? 443 : 80;
    char port[8] = "";
    if (u->port != usual) snprintf(port, sizeof port, ":%u", u->port);
    snprintf(out, size, "%s%s%s%s", is_v6 ? "[" : "", u->host, is_v6 ? "]" : "", port);
}

bool url_host_is_loopback(const char *host)
{
    unsigned char address[16];
    static const unsigned char v6_loopback[16] = {[15] = 1};
    if (strcmp(host, "127.0.0.1") == 0) return true; /* nearly always */
    if (uv_inet_pton(AF_INET, host, address) == 0) return address[0] == 127;
    if (uv_inet_pton(AF_INET6, host, address) == 0)
        return memcmp(address, v6_loopback, sizeof address) == 0;
    return strcasecmp(host, "localhost") == 0;
}

enum err url_decode(struct slice coded, bool plus_is_space, char *out, size_t size)
{
    size_t used = 0;
    for (size_t i = 0; i < coded.size; i++) {
        char c = coded.data[i];
        if (c == '+' && plus_is_space) c = ' ';
        if (c == '%') {
            const int high = i + 2 < coded.size ? hex_value(coded.data[i + 1]) : -1;
            const int low = i + 2 < coded.size ? hex_value(coded.data[i + 2]) : -1;
            if (high < 0 || low < 0 || (high == 0 && low == 0))
                return err_set(ERR_PARSE, "a broken %%XX at byte %zu", i);
            c = (char)(high * 16 + low);
            i += 2;
        }
        if (used + 1 >= size) return err_set(ERR_LIMIT, "longer than %zu bytes", size - 1);
        out[used++] = c;
    }
    out[used] = '\0';
    return OK;
}

enum err url_query_get(struct slice query, const char *name, char *out, size_t size)
{
    const struct slice wanted = slice_of(name);
    const char *at = query.data;
    const char *end = query.data + query.size;
    while (at < end) {
        const char *stop = memchr(at, '&', (size_t)(end - at));
        if (!stop) stop = end;
        const char *equals = memchr(at, '=', (size_t)(stop - at));
        const struct slice key = {at, (size_t)((equals ? equals : stop) - at)};
        if (slice_equal(key, wanted)) {
            const char *value = equals ? equals + 1 : stop;
            return url_decode((struct slice){value, (size_t)(stop - value)}, true, out, size);
        }
        at = stop + 1;
    }
    return ERR_NOT_FOUND;
}

static const struct scheme *scheme_find(struct slice name)
{
    for (size_t i = 0; i < sizeof schemes / sizeof *schemes; i++)
        if (strlen(schemes[i].name) == name.size &&
            strncasecmp(schemes[i].name, name.data, name.size) == 0)
            return &schemes[i];
    return NULL;
}

static enum err host_parse(const char *text, struct slice authority, struct url *out)
{
    struct slice host = authority;
    struct slice rest;
    const bool is_v6 = authority.size && authority.data[0] == '[';
    if (is_v6) {
        const char *close = memchr(authority.data, ']', authority.size);
        if (!close) return err_set(ERR_PARSE, "URL '%.200s': '[' without ']'", text);
        host = (struct slice){authority.data + 1, (size_t)(close - authority.data) - 1};
        rest = (struct slice){close + 1, authority.size - host.size - 2};
    } else {
        const char *colon = memchr(authority.data, ':', authority.size);
        if (colon) host.size = (size_t)(colon - authority.data);
        rest = (struct slice){authority.data + host.size, authority.size - host.size};
    }
    if (host.size == 0) return err_set(ERR_PARSE, "URL '%.200s' has no host", text);
    if (!slice_copy(host, out->host, sizeof out->host))
        return err_set(ERR_LIMIT, "URL '%.200s…': host longer than %d bytes", text, URL_HOST_SIZE);
    for (char *c = out->host; *c; c++) {
        if (!is_v6 && !is_host_char(*c))
            return err_set(ERR_PARSE, "URL '%.200s': host has a character it must not", text);
        if (*c >= 'A' && *c <= 'Z') *c = (char)(*c + ('a' - 'A'));
    }
    unsigned char address[16];
    if (is_v6 && uv_inet_pton(AF_INET6, out->host, address))
        return err_set(ERR_PARSE, "URL '%.200s': not an IPv6 address in []", text);
    if (rest.size == 0) return OK;
    if (rest.data[0] != ':') return err_set(ERR_PARSE, "URL '%.200s': something follows ']'", text);
    return port_parse(text, (struct slice){rest.data + 1, rest.size - 1}, &out->port);
}

static enum err port_parse(const char *text, struct slice digits, uint16_t *out)
{
    unsigned value = 0;
    bool good = digits.size >= 1 && digits.size <= 5;
    for (size_t i = 0; good && i < digits.size; i++) {
        good = digits.data[i] >= '0' && digits.data[i] <= '9';
        value = value * 10 + (unsigned)(digits.data[i] - '0');
    }
    if (!good || value == 0 || value > 65535)
        return err_set(ERR_PARSE, "URL '%.200s': port is not a number from 1 to 65535", text);
    *out = (uint16_t)value;
    return OK;
}

static enum err path_parse(const char *text, const char *path, struct url *out)
{
    const size_t slash = *path == '/' ? 0 : 1; /* "?query" alone gets its slash */
    const size_t size = strlen(path);
    for (size_t i = 0; i < size; i++) {
        if (path[i] == '#') return err_set(ERR_UNSUPPORTED, "URL '%.200s' has a fragment", text);
        if (path[i] <= ' ' || path[i] == 127)
            return err_set(ERR_PARSE, "URL '%.200s' has a space or control character", text);
    }
    if (size + slash >= sizeof out->path)
        return err_set(ERR_LIMIT, "URL '%.200s…': path longer than %d bytes", text, URL_PATH_SIZE);
    out->path[0] = '/';
    memcpy(out->path + slash, path, size + 1);
    return OK;
}

static bool is_host_char(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
           c == '.' || c == '_';
}

static int hex_value(char c)
{
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    if (c >= 'A' && c <= 'F') return c - 'A' + 10;
    return -1;
}
