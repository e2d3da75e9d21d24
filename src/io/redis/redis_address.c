/* Reading REDIS_URL. */
#include "io/redis/redis_address.h"

#include "base/slice.h"
#include "io/net/url.h"

static enum err parse_login(struct slice login, struct redis_address *out);
static enum err parse_place(struct slice place, struct redis_address *out);
static bool parse_number(struct slice text, unsigned max, uint16_t *out);

enum err redis_address_parse(const char *url, struct redis_address *out)
{
    static const char tcp[] = "redis://";
    static const char local[] = "unix:";
    *out = (struct redis_address){.port = REDIS_PORT};
    if (strncmp(url, local, sizeof local - 1) == 0) {
        const struct slice path = slice_of(url + sizeof local - 1);
        if (path.size < 2 || path.data[0] != '/')
            return err_set(ERR_PARSE, "unix: wants the whole path of a socket behind it");
        if (!slice_copy(path, out->path, sizeof out->path))
            return err_set(ERR_LIMIT, "the socket's path is longer than %d bytes",
                           REDIS_PATH_SIZE - 1);
        return OK;
    }
    if (strncmp(url, tcp, sizeof tcp - 1) != 0)
        return err_set(ERR_UNSUPPORTED, "it begins with neither redis:// nor unix:");
    const char *start = url + sizeof tcp - 1;
    const char *at = strrchr(start, '@');
    if (at) {
        const enum err err = parse_login((struct slice){start, (size_t)(at - start)}, out);
        if (err) return err;
        start = at + 1;
    }
    return parse_place(slice_of(start), out);
}

static enum err parse_login(struct slice login, struct redis_address *out)
{
    const char *colon = memchr(login.data, ':', login.size);
    if (!colon) return err_set(ERR_PARSE, "what stands before '@' is not user:password");
    const struct slice user = {login.data, (size_t)(colon - login.data)};
    const struct slice password = {colon + 1, login.size - user.size - 1};
    enum err err = url_decode(user, false, out->user, sizeof out->user);
    if (err) return err_note(err, "in the user's name");
    err = url_decode(password, false, out->password, sizeof out->password);
    if (err) return err_note(err, "in the password");
    if (!out->password[0]) return err_set(ERR_PARSE, "there is a user without a password");
    return OK;
}

static enum err parse_place(struct slice place, struct redis_address *out)
{
    const char *slash = place.size ? memchr(place.data, '/', place.size) : NULL;
    struct slice host = {place.data, slash ? (size_t)(slash - place.data) : place.size};
    const struct slice database = {slash ? slash + 1 : NULL,
                                   slash ? place.size - host.size - 1 : 0};
    if (database.size && !parse_number(database, REDIS_DATABASE_MAX, &out->database))
        return err_set(ERR_PARSE, "the database is not a number from 0 to %d", REDIS_DATABASE_MAX);
    const bool is_v6 = host.size && host.data[0] == '[';
    const char *end = is_v6 ? memchr(host.data, ']', host.size) : NULL;
    if (is_v6 && !end) return err_set(ERR_PARSE, "'[' without ']'");
    const char *from = is_v6 ? end + 1 : host.data;
    const size_t rest = (size_t)(host.data + host.size - from);
    const char *colon = rest ? memchr(from, ':', rest) : NULL;
    if (is_v6 && rest && colon != from) return err_set(ERR_PARSE, "something follows ']'");
    if (colon) {
        const struct slice port = {colon + 1, (size_t)(host.data + host.size - colon) - 1};
        if (!parse_number(port, 65535, &out->port) || out->port == 0)
            return err_set(ERR_PARSE, "the port is not a number from 1 to 65535");
        host.size = (size_t)(colon - host.data);
    }
    if (is_v6) host = (struct slice){host.data + 1, (size_t)(end - host.data) - 1};
    if (host.size == 0) return err_set(ERR_PARSE, "there is no host");
    if (!slice_copy(host, out->host, sizeof out->host))
        return err_set(ERR_LIMIT, "the host is longer than %d bytes", REDIS_HOST_SIZE - 1);
    if (strpbrk(out->host, " \t@?#"))
        return err_set(ERR_PARSE, "the host has a character it must not");
    return OK;
}

static bool parse_number(struct slice text, unsigned max, uint16_t *out)
{
    unsigned value = 0;
    if (text.size == 0 || text.size > 5) return false;
    for (size_t i = 0; i < text.size; i++) {
        if (text.data[i] < '0' || text.data[i] > '9') return false;
        value = value * 10 + (unsigned)(text.data[i] - '0');
    }
    *out = (uint16_t)value;
    return value <= max;
}
