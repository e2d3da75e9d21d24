/* Addresses of venues. */
#include "io/feed/venue_url.h"

#include <stdio.h>
#include <string.h>

enum err venue_url_parse(const char *text, bool websocket, struct url *out)
{
    const enum err err = url_parse(text, out);
    if (err) return err;
    if (out->websocket != websocket)
        return err_set(ERR_INVALID, "%s: a %s address is needed here", text,
                       websocket ? "wss:// (or ws://)" : "https:// (or http://)");
    if (!out->secure && !url_host_is_loopback(out->host))
        return err_set(
            ERR_INVALID,
            "%s: without TLS only this machine may be asked (127.0.0.1, ::1, localhost); "
            "use %s://",
            text, websocket ? "wss" : "https");
    if (strchr(out->path, '?')) return err_set(ERR_INVALID, "%s: must not have a query", text);
    const size_t size = strlen(out->path);
    if (size > 0 && out->path[size - 1] == '/') out->path[size - 1] = '\0';
    return OK;
}

enum err venue_url_join(const struct url *u, const char *path, char *out, size_t size)
{
    char authority[URL_HOST_SIZE + 16];
    url_authority(u, authority, sizeof authority);
    const char *scheme = u->websocket ? (u->secure ? "wss" : "ws") : (u->secure ? "https" : "http");
    const int written = snprintf(out, size, "%s://%s%s%s", scheme, authority, u->path, path);
    if (written < 0 || (size_t)written >= size)
        return err_set(ERR_LIMIT, "the address of host %s is too long", u->host);
    return OK;
}
