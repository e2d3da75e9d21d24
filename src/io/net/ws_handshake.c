/* The opening handshake. */
#include "io/net/ws_handshake.h"

#include <ctype.h>
#include <sys/random.h>

#include <openssl/evp.h>
#include <openssl/sha.h>

#include "base/check.h"
#include "io/net/ws_deflate.h"

#define GUID "258EAFA5-E914-47DA-95CA-C5AB0DC85B11" /* RFC 6455 section 1.3 */

enum { KEY_BYTES = 16, STATUS_LINE_SHOWN = 120, AUTHORITY_SIZE = URL_HOST_SIZE + 16 };

static int status_of(struct slice line);
static bool header_is_ours(struct slice name);
static bool key_is_valid(struct slice key);
static bool deflate_take(const struct http_headers *headers, char answer[WS_DEFLATE_ANSWER_SIZE]);

void ws_key_make(char key[WS_KEY_SIZE])
{
    unsigned char bytes[KEY_BYTES];
    CHECK(getrandom(bytes, sizeof bytes, 0) == sizeof bytes);
    EVP_EncodeBlock((unsigned char *)key, bytes, sizeof bytes);
}

void ws_accept_make(struct slice key, char out[WS_ACCEPT_SIZE])
{
    char text[WS_KEY_SIZE - 1 + sizeof GUID];
    CHECK(key.size == WS_KEY_SIZE - 1);
    memcpy(text, key.data, key.size);
    memcpy(text + key.size, GUID, sizeof GUID);
    unsigned char digest[SHA_DIGEST_LENGTH];
    SHA1((const unsigned char *)text, sizeof text - 1, digest);
    EVP_EncodeBlock((unsigned char *)out, digest, sizeof digest);
}

enum err ws_request_write(struct buffer *out, const struct url *url, const char *key, bool deflate,
                          const struct http_header *headers, size_t header_count)
{
    char authority[AUTHORITY_SIZE];
    url_authority(url, authority, sizeof authority);
    buffer_printf(out,
                  "GET %s HTTP/1.1\r\nHost: %s\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                  "Sec-WebSocket-Key: %s\r\nSec-WebSocket-Version: 13\r\n",
                  url->path, authority, key);
    if (deflate) {
        buffer_append_text(out, "Sec-WebSocket-Extensions: " WS_DEFLATE_OFFER "\r\n");
    }
    for (size_t i = 0; i < header_count; i++) {
        const struct http_header *h = &headers[i];
        if (!http_header_is_valid(h) || header_is_ours(h->name)) {
            return err_set(ERR_INVALID, "header number %zu may not be sent in a handshake", i + 1);
        }
        buffer_printf(out, "%.*s: %.*s\r\n", (int)h->name.size, h->name.data, (int)h->value.size,
                      h->value.data);
    }
    buffer_append_text(out, "\r\n");
    return out->failed ? err_set(ERR_NO_MEMORY, "no memory for a handshake") : OK;
}

enum err ws_response_check(struct slice head, const char *key, bool deflate,
                           struct ws_agreement *out, struct ws_refusal *refusal)
{
    struct slice line;
    struct http_headers headers;
    *refusal = (struct ws_refusal){.retry_after_s = -1};
    const enum err e = http_head_split(head, &line, &headers);
    if (e != OK) return err_note(e, "while reading the answer to a WebSocket handshake");
    if (line.size < 12 || memcmp(line.data, "HTTP/1.1 ", 9) != 0) {
        return err_set(ERR_PARSE, "the answer to the WebSocket handshake is not HTTP/1.1");
    }
    if (memcmp(line.data + 9, "101", 3) != 0 || (line.size > 12 && line.data[12] != ' ')) {
        *refusal =
            (struct ws_refusal){status_of(line), http_header_number(&headers, "Retry-After")};
        const int shown = line.size < STATUS_LINE_SHOWN ? (int)line.size : STATUS_LINE_SHOWN;
        return err_set(ERR_INVALID, "the server refused the WebSocket: %.*s", shown, line.data);
    }
    char accept[WS_ACCEPT_SIZE];
    ws_accept_make(slice_of(key), accept);
    if (!http_text_equal(http_header_get(&headers, "Upgrade"), SLICE("websocket")) ||
        !http_header_has_token(&headers, "Connection", "upgrade") ||
        http_header_count(&headers, "Sec-WebSocket-Accept") != 1 ||
        !slice_is(http_header_get(&headers, "Sec-WebSocket-Accept"), accept)) {
        return err_set(ERR_PARSE, "the server's 101 is not an answer to this handshake");
    }
    if (http_header_count(&headers, "Sec-WebSocket-Protocol") > 0) {
        return err_set(ERR_PARSE, "the server chose a subprotocol that was not offered");
    }
    *out = (struct ws_agreement){0};
    const size_t extension_count = http_header_count(&headers, "Sec-WebSocket-Extensions");
    if (extension_count == 0) return OK;
    if (!deflate || extension_count > 1) {
        return err_set(ERR_PARSE, "the server chose an extension that was not offered");
    }
    out->deflate = true;
    return ws_deflate_confirm(http_header_get(&headers, "Sec-WebSocket-Extensions"),
                              &out->takeover);
}

enum err ws_request_check(const struct http_request *request, int *status)
{
    const struct http_headers *h = &request->headers;
    *status = 426;
    if (!http_header_has_token(h, "Upgrade", "websocket")) {
        return err_set(ERR_INVALID, "this address speaks WebSocket only");
    }
    if (!slice_is(http_header_get(h, "Sec-WebSocket-Version"), "13") ||
        http_header_count(h, "Sec-WebSocket-Version") != 1) {
        return err_set(ERR_UNSUPPORTED, "Sec-WebSocket-Version must be 13");
    }
    *status = 400;
    if (!slice_is(request->method, "GET") || request->body.size > 0) {
        return err_set(ERR_INVALID, "a WebSocket handshake is a GET without a body");
    }
    if (!http_header_has_token(h, "Connection", "upgrade")) {
        return err_set(ERR_INVALID, "the Connection header must contain Upgrade");
    }
    if (http_header_count(h, "Sec-WebSocket-Key") != 1 ||
        !key_is_valid(http_header_get(h, "Sec-WebSocket-Key"))) {
        return err_set(ERR_INVALID, "Sec-WebSocket-Key must be 16 bytes in base64, once");
    }
    return OK;
}

void ws_response_write(struct buffer *out, const struct http_request *request, bool deflate,
                       struct ws_agreement *agreement)
{
    char accept[WS_ACCEPT_SIZE];
    ws_accept_make(http_header_get(&request->headers, "Sec-WebSocket-Key"), accept);
    buffer_printf(out,
                  "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n"
                  "Connection: Upgrade\r\nSec-WebSocket-Accept: %s\r\n",
                  accept);
    char answer[WS_DEFLATE_ANSWER_SIZE];
    *agreement =
        (struct ws_agreement){.deflate = deflate && deflate_take(&request->headers, answer)};
    if (agreement->deflate) buffer_printf(out, "Sec-WebSocket-Extensions: %s\r\n", answer);
    buffer_append_text(out, "\r\n");
}

/* The three digits behind "HTTP/1.1 "; 0 where there are none. */
static int status_of(struct slice line)
{
    int status = 0;
    for (size_t i = 9; i < 12; i++) {
        if (line.data[i] < '0' || line.data[i] > '9') return 0;
        status = status * 10 + (line.data[i] - '0');
    }
    return status;
}

static bool header_is_ours(struct slice name)
{
    static const char *const ours[] = {
        "Host",
        "Upgrade",
        "Connection",
        "Sec-WebSocket-Key",
        "Sec-WebSocket-Version",
        "Sec-WebSocket-Extensions",
        "Sec-WebSocket-Protocol",
        "Content-Length",
        "Transfer-Encoding",
    };
    for (size_t i = 0; i < sizeof ours / sizeof *ours; i++) {
        if (http_text_equal(name, slice_of(ours[i]))) return true;
    }
    return false;
}

static bool key_is_valid(struct slice key)
{
    if (key.size != WS_KEY_SIZE - 1 || memcmp(key.data + 22, "==", 2) != 0) return false;
    for (size_t i = 0; i < 22; i++) {
        const char c = key.data[i];
        if (!isalnum((unsigned char)c) && c != '+' && c != '/') return false;
    }
    return true;
}

/* Offers may be spread over several lines of the header: the first that can be taken wins. */
static bool deflate_take(const struct http_headers *headers, char answer[WS_DEFLATE_ANSWER_SIZE])
{
    for (size_t i = 0; i < headers->count; i++) {
        const struct http_header *h = &headers->items[i];
        if (http_text_equal(h->name, SLICE("Sec-WebSocket-Extensions")) &&
            ws_deflate_accept(h->value, answer)) {
            return true;
        }
    }
    return false;
}
