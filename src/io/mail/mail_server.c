/* One address, taken apart by libcurl. */
#include "io/mail/mail_server.h"

#include <stdio.h>
#include <string.h>

#include <curl/curl.h>

bool mail_address_is_good(const char *text)
{
    const size_t size = strlen(text);
    unsigned signs = 0;
    if (size < 3 || size >= MAIL_ADDRESS_SIZE || text[0] == '@' || text[size - 1] == '@')
        return false;
    for (size_t i = 0; i < size; i++) {
        const unsigned char c = (unsigned char)text[i];
        if (c <= ' ' || c >= 0x7F || strchr("\"(),:;<>[\\]", c)) return false;
        signs += c == '@';
    }
    return signs == 1;
}

static bool is_plain(const char *text)
{
    for (; *text; text++)
        if ((unsigned char)*text < ' ' || *text == 0x7F) return false;
    return true;
}

/* A part that is not there is "". Its memory is wiped: it may be the password. */
static enum err take(CURLU *url, CURLUPart part, unsigned flags, const char *name,
                     char out[MAIL_SERVER_TEXT_SIZE])
{
    char *text = NULL;
    out[0] = '\0';
    const CURLUcode code = curl_url_get(url, part, &text, flags);
    bool good = code == CURLUE_OK || (code >= CURLUE_NO_SCHEME && code <= CURLUE_NO_FRAGMENT);
    if (text) {
        const size_t size = strlen(text);
        good = good && size < MAIL_SERVER_TEXT_SIZE && is_plain(text);
        if (good) memcpy(out, text, size + 1);
        explicit_bzero(text, size);
        curl_free(text);
    }
    return good ? OK : err_set(ERR_INVALID, "its %s is too long, or no text", name);
}

/* One value of the query, percent-decoded. */
static enum err take_value(const char *key, const char *text, struct mail_server *s)
{
    const bool is_from = strcmp(key, "from") == 0;
    if (!is_from && strcmp(key, "ca") != 0)
        return err_set(ERR_INVALID, "it knows from= and ca= behind the ?, not '%s'", key);
    char *value = curl_easy_unescape(NULL, text, 0, NULL);
    const size_t size = is_from ? sizeof s->from : sizeof s->ca_path;
    const bool good = value && *value && strlen(value) < size && is_plain(value);
    if (good) snprintf(is_from ? s->from : s->ca_path, size, "%s", value);
    curl_free(value);
    return good ? OK : err_set(ERR_INVALID, "its %s= is empty, too long, or no text", key);
}

static enum err take_query(char *query, struct mail_server *s)
{
    enum err err = OK;
    char *rest = NULL;
    for (char *at = strtok_r(query, "&", &rest); !err && at; at = strtok_r(NULL, "&", &rest)) {
        char *equals = strchr(at, '=');
        if (equals) *equals = '\0';
        err = take_value(at, equals ? equals + 1 : "", s);
    }
    return err;
}

static bool is_loopback(const char *host)
{
    return strcmp(host, "localhost") == 0 || strcmp(host, "127.0.0.1") == 0 ||
           strcmp(host, "[::1]") == 0;
}

static enum err read_parts(CURLU *url, struct mail_server *s)
{
    char scheme[MAIL_SERVER_TEXT_SIZE], host[MAIL_SERVER_TEXT_SIZE], port[MAIL_SERVER_TEXT_SIZE];
    char path[MAIL_SERVER_TEXT_SIZE], query[MAIL_SERVER_TEXT_SIZE];
    enum err err = take(url, CURLUPART_SCHEME, 0, "scheme", scheme);
    if (!err) err = take(url, CURLUPART_HOST, 0, "host", host);
    if (!err) err = take(url, CURLUPART_PORT, 0, "port", port);
    if (!err) err = take(url, CURLUPART_PATH, 0, "path", path);
    if (!err) err = take(url, CURLUPART_QUERY, 0, "query", query);
    if (!err) err = take(url, CURLUPART_USER, CURLU_URLDECODE, "user", s->user);
    if (!err) err = take(url, CURLUPART_PASSWORD, CURLU_URLDECODE, "password", s->password);
    if (!err) err = take_query(query, s);
    if (err) return err;
    const bool secure = strcmp(scheme, "smtps") == 0;
    if (!secure && strcmp(scheme, "smtp") != 0)
        return err_set(ERR_INVALID, "it must begin with smtp:// or smtps://");
    if (*path && strcmp(path, "/") != 0)
        return err_set(ERR_INVALID, "nothing but ? may follow the host");
    if (!*port) snprintf(port, sizeof port, "%s", secure ? "465" : "587");
    s->needs_tls = secure || *s->ca_path || !is_loopback(host);
    const int size =
        snprintf(s->url, sizeof s->url, "%s://%.255s:%.15s", secure ? "smtps" : "smtp", host, port);
    return size > 0 && (size_t)size < sizeof s->url ? OK
                                                    : err_set(ERR_INVALID, "its host is too long");
}

static enum err check(struct mail_server *s)
{
    if (*s->password && !*s->user) return err_set(ERR_INVALID, "a password needs a user");
    if (!*s->from && mail_address_is_good(s->user)) memcpy(s->from, s->user, strlen(s->user) + 1);
    if (!*s->from)
        return err_set(ERR_INVALID, "it names no sender: add ?from=ADDRESS, as in "
                                    "smtps://user:password@mail.example.com?from=bot@example.com");
    return mail_address_is_good(s->from) ? OK
                                         : err_set(ERR_INVALID, "from=%s is no address", s->from);
}

enum err mail_server_parse(const char *text, struct mail_server *out)
{
    *out = (struct mail_server){0};
    CURLU *url = curl_url();
    if (!url) return err_set(ERR_NO_MEMORY, "out of memory");
    enum err err =
        strlen(text) < 2 * MAIL_SERVER_TEXT_SIZE &&
                curl_url_set(url, CURLUPART_URL, text, CURLU_NON_SUPPORT_SCHEME) == CURLUE_OK
            ? read_parts(url, out)
            : err_set(ERR_INVALID, "it is not smtp[s]://user:password@host:port");
    curl_url_cleanup(url);
    if (!err) err = check(out);
    if (err) explicit_bzero(out, sizeof *out);
    return err;
}
