/* The reader of HTTP/1.1 messages over llhttp. */
#include "io/net/http_message.h"

#include "base/check.h"

/* A body buffer that grew over this is given back between messages. */
enum { KEEP_SIZE = 65536 };

static enum message_progress read_head(struct http_message *m, struct slice *line,
                                       struct http_headers *headers);
static enum message_progress unfinished_head(struct http_message *m, struct slice bytes);
static enum message_progress execute(struct http_message *m, struct slice bytes, size_t *used);
static enum message_progress fault(struct http_message *m, int status);
static int on_body(llhttp_t *parser, const char *data, size_t size);
static int on_extension(llhttp_t *parser, const char *data, size_t size);
static int on_chunk_header(llhttp_t *parser);
static int on_header_field(llhttp_t *parser, const char *data, size_t size);
static int on_headers_complete(llhttp_t *parser);
static int on_message_complete(llhttp_t *parser);

static const llhttp_settings_t settings = {
    .on_body = on_body,
    .on_chunk_extension_name = on_extension,
    .on_chunk_extension_value = on_extension,
    .on_chunk_header = on_chunk_header,
    .on_header_field = on_header_field,
    .on_headers_complete = on_headers_complete,
    .on_message_complete = on_message_complete,
};

void http_message_init(struct http_message *m, llhttp_type_t type, size_t body_limit)
{
    *m = (struct http_message){.body_limit = body_limit};
    llhttp_init(&m->parser, type, &settings);
    m->parser.data = m;
    m->head.limit = HTTP_HEAD_LIMIT;
    m->body.limit = body_limit + 1; /* 0 would mean the buffer's own default */
}

void http_message_deinit(struct http_message *m)
{
    buffer_deinit(&m->in);
    buffer_deinit(&m->head);
    buffer_deinit(&m->body);
}

enum err http_message_add(struct http_message *m, struct slice bytes)
{
    buffer_append(&m->in, bytes.data, bytes.size);
    if (m->in.failed) return err_set(ERR_NO_MEMORY, "no memory for received bytes");
    return OK;
}

enum message_progress http_message_read(struct http_message *m, struct slice *line,
                                        struct http_headers *headers)
{
    if (m->state == AT_HEAD) return read_head(m, line, headers);
    size_t used;
    if (m->state == AFTER_HEAD) {
        m->state = AT_BODY;
        const enum message_progress progress = execute(m, buffer_slice(&m->head), &used);
        if (progress != MESSAGE_FAULT && used != m->head.size) {
            (void)err_set(ERR_PARSE, "the head has two possible ends");
            return fault(m, 400);
        }
        if (progress != MESSAGE_NEEDS_MORE) return progress;
    }
    CHECK(m->state == AT_BODY);
    const struct slice bytes = http_message_rest(m);
    if (bytes.size == 0) return MESSAGE_NEEDS_MORE;
    const enum message_progress progress = execute(m, bytes, &used);
    if (used >= 2) m->last[0] = bytes.data[used - 2];
    if (used == 1) m->last[0] = m->last[1];
    if (used >= 1) m->last[1] = bytes.data[used - 1];
    m->at += used;
    /* llhttp 8.1 takes any byte after the CR that ends the last chunk. */
    if (progress == MESSAGE_DONE && (m->parser.flags & F_CHUNKED) &&
        (m->last[0] != '\r' || m->last[1] != '\n')) {
        (void)err_set(ERR_PARSE, "the last chunk does not end in CR LF");
        return fault(m, 400);
    }
    return progress;
}

enum message_progress http_message_end(struct http_message *m)
{
    if (m->state == AT_BODY && llhttp_message_needs_eof(&m->parser)) {
        m->keep_alive = false;
        m->state = AT_END;
        return MESSAGE_DONE;
    }
    (void)err_set(ERR_CLOSED, "the stream ended within a message");
    return fault(m, 400);
}

void http_message_head(const struct http_message *m, struct slice *line,
                       struct http_headers *headers)
{
    CHECK(http_head_split(buffer_slice(&m->head), line, headers) == OK);
}

void http_message_next(struct http_message *m)
{
    llhttp_reset(&m->parser);
    m->state = AT_HEAD;
    m->seen = 0;
    m->extension_size = 0;
    m->has_no_body = false;
    m->keep_alive = false;
    if (m->body.capacity > KEEP_SIZE)
        buffer_deinit(&m->body);
    else
        buffer_clear(&m->body);
}

struct slice http_message_rest(const struct http_message *m)
{
    if (m->in.size == m->at) return (struct slice){0};
    return (struct slice){m->in.data + m->at, m->in.size - m->at};
}

void http_message_compact(struct http_message *m)
{
    buffer_consume(&m->in, m->at);
    m->at = 0;
    if (m->in.size == 0 && m->in.capacity > KEEP_SIZE) buffer_deinit(&m->in);
}

static enum message_progress read_head(struct http_message *m, struct slice *line,
                                       struct http_headers *headers)
{
    const struct slice bytes = http_message_rest(m);
    if (bytes.size == 0) return MESSAGE_NEEDS_MORE;
    const size_t size = http_head_size(bytes, m->seen);
    if (size == 0) return unfinished_head(m, bytes);
    if (size > HTTP_HEAD_LIMIT) {
        (void)err_set(ERR_LIMIT, "a head of more than %d bytes", HTTP_HEAD_LIMIT);
        return fault(m, 431);
    }
    buffer_clear(&m->head);
    buffer_append(&m->head, bytes.data, size);
    if (m->head.failed) {
        (void)err_set(ERR_NO_MEMORY, "no memory for a head");
        return fault(m, 431);
    }
    const enum err err = http_head_split(buffer_slice(&m->head), line, headers);
    if (err) return fault(m, err == ERR_LIMIT ? 431 : 400);
    m->at += size;
    m->state = AFTER_HEAD;
    return MESSAGE_HEAD;
}

/* A bad beginning is told at once, not when time is up. */
static enum message_progress unfinished_head(struct http_message *m, struct slice bytes)
{
    if (http_head_scan(bytes, m->seen)) return fault(m, 400);
    m->seen = bytes.size;
    if (bytes.size > HTTP_LINE_LIMIT && !memchr(bytes.data, '\n', HTTP_LINE_LIMIT)) {
        (void)err_set(ERR_LIMIT, "a first line of more than %d bytes", HTTP_LINE_LIMIT);
        return fault(m, 414);
    }
    if (bytes.size >= HTTP_HEAD_LIMIT) {
        (void)err_set(ERR_LIMIT, "a head of more than %d bytes", HTTP_HEAD_LIMIT);
        return fault(m, 431);
    }
    return MESSAGE_NEEDS_MORE;
}

static enum message_progress execute(struct http_message *m, struct slice bytes, size_t *used)
{
    *used = 0;
    const llhttp_errno_t result = llhttp_execute(&m->parser, bytes.data, bytes.size);
    if (result == HPE_OK) {
        *used = bytes.size;
        return MESSAGE_NEEDS_MORE;
    }
    if (result == HPE_PAUSED || result == HPE_PAUSED_UPGRADE) {
        *used = (size_t)(llhttp_get_error_pos(&m->parser) - bytes.data);
        m->state = AT_END;
        return MESSAGE_DONE;
    }
    if (m->fault) return MESSAGE_FAULT;
    (void)err_set(ERR_PARSE, "%s", llhttp_get_error_reason(&m->parser));
    return fault(m, 400);
}

static enum message_progress fault(struct http_message *m, int status)
{
    m->fault = status;
    return MESSAGE_FAULT;
}

static int on_body(llhttp_t *parser, const char *data, size_t size)
{
    struct http_message *m = parser->data;
    if (size > m->body_limit - m->body.size) {
        (void)err_set(ERR_LIMIT, "a body of more than %zu bytes", m->body_limit);
        m->fault = 413;
        return HPE_USER;
    }
    buffer_append(&m->body, data, size);
    if (!m->body.failed) return HPE_OK;
    (void)err_set(ERR_NO_MEMORY, "no memory for a body");
    m->fault = 413;
    return HPE_USER;
}

static int on_extension(llhttp_t *parser, const char *data, size_t size)
{
    (void)data;
    struct http_message *m = parser->data;
    m->extension_size += size;
    if (m->extension_size <= HTTP_CHUNK_EXTENSION_LIMIT) return HPE_OK;
    (void)err_set(ERR_LIMIT, "chunk extensions of more than %d bytes", HTTP_CHUNK_EXTENSION_LIMIT);
    m->fault = 400;
    return HPE_USER;
}

static int on_chunk_header(llhttp_t *parser)
{
    struct http_message *m = parser->data;
    m->extension_size = 0;
    return HPE_OK;
}

/* After the head's end a header can only be a trailer. */
static int on_header_field(llhttp_t *parser, const char *data, size_t size)
{
    (void)data;
    (void)size;
    struct http_message *m = parser->data;
    if (!(parser->flags & F_TRAILING)) return HPE_OK;
    (void)err_set(ERR_UNSUPPORTED, "trailers are refused");
    m->fault = 400;
    return HPE_USER;
}

static int on_headers_complete(llhttp_t *parser)
{
    const struct http_message *m = parser->data;
    const int status = parser->type == HTTP_RESPONSE ? parser->status_code : 0;
    /* llhttp would wait for the body that these describe but never have. */
    const bool is_bare = status == 204 || status == 304 || (status >= 100 && status < 200);
    return m->has_no_body || is_bare ? 1 : 0;
}

static int on_message_complete(llhttp_t *parser)
{
    struct http_message *m = parser->data;
    m->keep_alive = llhttp_should_keep_alive(parser) == 1;
    return HPE_PAUSED;
}
