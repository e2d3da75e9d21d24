/* The text of server-sent events. */
#include "io/net/sse.h"

static bool has_line_end(struct slice text);
static size_t line_end(struct slice text);

bool sse_event_write(const struct sse_event *event, struct buffer *out)
{
    if (has_line_end(event->name)) return false;
    if (event->id) {
        buffer_append_text(out, "id: ");
        buffer_append_u64(out, event->id);
        buffer_append_char(out, '\n');
    }
    if (event->name.size) {
        buffer_append_text(out, "event: ");
        buffer_append(out, event->name.data, event->name.size);
        buffer_append_char(out, '\n');
    }
    struct slice rest = event->data;
    bool is_more = true;
    while (is_more) {
        const size_t size = line_end(rest);
        buffer_append_text(out, "data: ");
        buffer_append(out, rest.data, size);
        buffer_append_char(out, '\n');
        is_more = size < rest.size;
        if (!is_more) break;
        /* CR LF is one line end. */
        const bool is_pair =
            rest.data[size] == '\r' && size + 1 < rest.size && rest.data[size + 1] == '\n';
        const size_t used = size + (is_pair ? 2 : 1);
        rest = (struct slice){rest.data + used, rest.size - used};
    }
    buffer_append_char(out, '\n');
    return true;
}

void sse_heartbeat_write(struct buffer *out)
{
    buffer_append_text(out, ":\n\n");
}

void sse_retry_write(uint32_t after_ms, struct buffer *out)
{
    buffer_append_text(out, "retry: ");
    buffer_append_u64(out, after_ms);
    buffer_append_text(out, "\n\n");
}

uint64_t sse_last_id(const struct http_headers *headers)
{
    if (http_header_count(headers, "Last-Event-ID") != 1) return 0;
    const int64_t id = http_header_number(headers, "Last-Event-ID");
    return id > 0 ? (uint64_t)id : 0;
}

static bool has_line_end(struct slice text)
{
    return line_end(text) < text.size;
}

/* Where the first line ends. */
static size_t line_end(struct slice text)
{
    size_t at = 0;
    while (at < text.size && text.data[at] != '\r' && text.data[at] != '\n') at++;
    return at;
}
