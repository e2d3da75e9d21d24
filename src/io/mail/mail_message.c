/* Head, an empty line, a body in base64. */
#include "io/mail/mail_message.h"

#include <string.h>
#include <time.h>

#include <openssl/evp.h>

#include "base/utf8.h"

enum {
    BODY_LINE_BYTES = 57, /* 76 letters */
    WORD_BYTES = 42, /* of an encoded word: with what is around it, it stays under 75 letters */
    LETTERS_MAX = 80,
};

static void append_base64(struct buffer *out, const char *data, size_t size)
{
    unsigned char letters[LETTERS_MAX + 1];
    const int count = EVP_EncodeBlock(letters, (const unsigned char *)data, (int)size);
    buffer_append(out, letters, (size_t)count);
    explicit_bzero(letters, sizeof letters);
}

static bool is_ascii(const char *text)
{
    for (; *text; text++)
        if ((unsigned char)*text >= 0x80) return false;
    return true;
}

/* The bytes of the next word: as many as fit without cutting a character in two. */
static size_t word_size(const char *text)
{
    const size_t left = strlen(text);
    size_t size = left < WORD_BYTES ? left : WORD_BYTES;
    while (size < left && ((unsigned char)text[size] & 0xC0) == 0x80) size--;
    return size;
}

static void append_subject(struct buffer *out, const char *subject)
{
    buffer_append_text(out, "Subject:");
    /* "=?" would be read as an encoded word. */
    if (is_ascii(subject) && !strstr(subject, "=?")) {
        buffer_printf(out, " %s\r\n", subject);
        return;
    }
    while (*subject) {
        const size_t size = word_size(subject);
        buffer_append_text(out, " =?UTF-8?B?");
        append_base64(out, subject, size);
        buffer_append_text(out, "?=\r\n");
        subject += size;
    }
}

static void append_date(struct buffer *out, int64_t now_ms)
{
    static const char *const days[] = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
    static const char *const months[] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                         "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
    const time_t seconds = (time_t)(now_ms / 1000);
    struct tm t;
    gmtime_r(&seconds, &t);
    buffer_printf(out, "Date: %s, %d %s %d %02d:%02d:%02d +0000\r\n", days[t.tm_wday], t.tm_mday,
                  months[t.tm_mon], t.tm_year + 1900, t.tm_hour, t.tm_min, t.tm_sec);
}

/* Lines of the body end in CRLF, as a text's lines must before they are encoded. */
static void append_body(struct buffer *out, const char *text)
{
    char line[BODY_LINE_BYTES];
    size_t size = 0;
    bool feeds = false; /* a CR was written, its LF is due */
    while (*text || feeds) {
        line[size++] = feeds ? '\n' : *text == '\n' ? '\r' : *text;
        const bool ended = !feeds && *text == '\n';
        if (feeds || !ended) text++;
        feeds = ended;
        if (size < sizeof line && (*text || feeds)) continue;
        append_base64(out, line, size);
        buffer_append_text(out, "\r\n");
        size = 0;
    }
    explicit_bzero(line, sizeof line);
}

static enum err check(const struct mail *mail, const char *from)
{
    if (!mail_address_is_good(mail->to) || !mail_address_is_good(from))
        return err_set(ERR_INVALID, "a letter's address is none");
    for (const char *at = mail->subject; *at; at++)
        if ((unsigned char)*at < ' ' || *at == 0x7F)
            return err_set(ERR_INVALID, "a subject with control characters");
    if (!utf8_is_valid(slice_of(mail->subject)) || !utf8_is_valid(slice_of(mail->text)))
        return err_set(ERR_INVALID, "a letter that is not UTF-8");
    return OK;
}

enum err mail_message_write(const struct mail *mail, const char *from, const char *id,
                            int64_t now_ms, struct buffer *out)
{
    const enum err err = check(mail, from);
    if (err) return err;
    buffer_printf(out, "From: TradeBot <%s>\r\nTo: <%s>\r\n", from, mail->to);
    append_subject(out, mail->subject);
    append_date(out, now_ms);
    buffer_printf(out, "Message-ID: <%s%s>\r\n", id, strchr(from, '@'));
    buffer_append_text(out, "MIME-Version: 1.0\r\n"
                            "Content-Type: text/plain; charset=utf-8\r\n"
                            "Content-Transfer-Encoding: base64\r\n"
                            "Auto-Submitted: auto-generated\r\n\r\n");
    append_body(out, mail->text);
    return out->failed ? err_set(ERR_NO_MEMORY, "out of memory") : OK;
}
