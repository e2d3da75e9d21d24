/* Reading JSON bodies, and finding the place of what is wrong with them. */
#include "service/api/json_body.h"

#include <stdio.h>
#include <string.h>

#include "base/buffer.h"
#include "base/utf8.h"

enum { SENT_RAW_SIZE = 256 };

/* Where a walk through JSON text stands: in which member of which object, level by level. */
struct walk {
    unsigned depth; /* open brackets; one above JSON_BODY_DEPTH_MAX ends the walk */
    bool wants_name;
    struct level {
        bool is_list;
        unsigned index;
        struct slice name; /* raw, as sent */
    } levels[JSON_BODY_DEPTH_MAX + 2];
};

static void walk_to(struct walk *walk, struct slice body, size_t end);
static size_t walk_text(struct walk *walk, struct slice body, size_t at, size_t end);
static void walk_mark(struct walk *walk, char c);
static const char *path_of(const struct walk *walk, char out[FAULT_FIELD_SIZE]);
static enum problem refuse(struct faults *faults, struct slice body, const json_error_t *error);

enum problem json_body_read(struct slice body, json_t **object, struct faults *faults)
{
    json_error_t error;
    struct walk walk = {0};
    char field[FAULT_FIELD_SIZE];
    *object = NULL;
    walk_to(&walk, body, body.size);
    if (walk.depth > JSON_BODY_DEPTH_MAX) {
        faults_add(faults, path_of(&walk, field), FAULT_INVALID, "",
                   "En çok %d düzey iç içe gönderin.", "Send at most %d levels of nesting.",
                   JSON_BODY_DEPTH_MAX);
        return PROBLEM_TOO_DEEP;
    }
    *object = json_loadb(body.data, body.size, JSON_REJECT_DUPLICATES, &error);
    if (!*object) return refuse(faults, body, &error);
    if (json_is_object(*object)) return PROBLEM_COUNT;
    char sent[FAULT_SENT_SIZE];
    faults_add(faults, "body", FAULT_WRONG_TYPE, json_sent(*object, sent),
               "{ ile başlayan bir JSON nesnesi gönderin.",
               "Send a JSON object, which begins with {.");
    json_decref(*object);
    *object = NULL;
    return PROBLEM_NOT_JSON;
}

void json_body_known(struct faults *faults, const json_t *object, const char *prefix,
                     const char *const *names, size_t count)
{
    const char *name;
    json_t *value;
    char list[FAULT_DETAIL_SIZE / 2] = "-";
    size_t used = 0;
    for (size_t i = 0; i < count && used < sizeof list; i++)
        used += (size_t)snprintf(list + used, sizeof list - used, "%s%s", i ? ", " : "", names[i]);
    json_object_foreach((json_t *)object, name, value)
    {
        char field[2 * FAULT_FIELD_SIZE], sent[FAULT_SENT_SIZE];
        size_t i = 0;
        while (i < count && strcmp(names[i], name) != 0) i++;
        if (i < count) continue;
        snprintf(field, sizeof field, "%s%s", prefix, name);
        faults_add(faults, field, FAULT_UNKNOWN_FIELD, json_sent(value, sent),
                   "Göndermeyin. Bilinen alanlar: %s.", "Leave it out. Known fields: %s.", list);
    }
}

static int append_some(const char *bytes, size_t size, void *user)
{
    struct buffer *out = user;
    const size_t room = SENT_RAW_SIZE - out->size;
    buffer_append(out, bytes, size < room ? size : room);
    return size < room ? 0 : -1;
}

const char *json_sent(const json_t *value, char out[FAULT_SENT_SIZE])
{
    struct buffer text = {0};
    out[0] = '\0';
    if (!value) return out;
    /* That it stops early is no failure: there is more than is shown. */
    (void)json_dump_callback(value, append_some, &text,
                             JSON_ENCODE_ANY | JSON_COMPACT | JSON_REAL_PRECISION(15));
    excerpt_write(buffer_slice(&text), out, FAULT_SENT_SIZE);
    buffer_deinit(&text);
    return out;
}

/* ---- places ---- */

static void walk_to(struct walk *walk, struct slice body, size_t end)
{
    for (size_t at = 0; at < end && walk->depth <= JSON_BODY_DEPTH_MAX; at++) {
        if (body.data[at] == '"')
            at = walk_text(walk, body, at + 1, end);
        else
            walk_mark(walk, body.data[at]);
    }
}

/* From behind a text's opening quote to its closing one. */
static size_t walk_text(struct walk *walk, struct slice body, size_t at, size_t end)
{
    const size_t start = at;
    while (at < end && body.data[at] != '"') at += body.data[at] == '\\' ? 2 : 1;
    if (walk->wants_name && walk->depth > 0 && at < end) {
        walk->levels[walk->depth].name = (struct slice){body.data + start, at - start};
        walk->wants_name = false;
    }
    return at;
}

static void walk_mark(struct walk *walk, char c)
{
    if (c == '{' || c == '[') {
        walk->levels[++walk->depth] = (struct level){.is_list = c == '['};
        walk->wants_name = c == '{';
    } else if ((c == '}' || c == ']') && walk->depth > 0) {
        walk->depth--;
        walk->wants_name = false;
    } else if (c == ',' && walk->depth > 0) {
        struct level *level = &walk->levels[walk->depth];
        level->index++;
        level->name = (struct slice){0};
        walk->wants_name = !level->is_list;
    }
}

static const char *path_of(const struct walk *walk, char out[FAULT_FIELD_SIZE])
{
    struct buffer path = {0};
    for (unsigned i = 1; i <= walk->depth; i++) {
        const struct level *level = &walk->levels[i];
        if (level->is_list) {
            buffer_printf(&path, "[%u]", level->index);
        } else if (level->name.size && utf8_is_valid(level->name)) {
            if (path.size) buffer_append_char(&path, '.');
            buffer_append(&path, level->name.data, level->name.size);
        }
    }
    excerpt_write(path.size ? buffer_slice(&path) : SLICE("body"), out, FAULT_FIELD_SIZE);
    buffer_deinit(&path);
    return out;
}

/* What jansson would not read. It counts the bytes that it took, so the place is where the walk
 * stands behind them. */
static enum problem refuse(struct faults *faults, struct slice body, const json_error_t *error)
{
    const size_t taken = error->position > 0 ? (size_t)error->position : 0;
    struct walk walk = {0};
    char field[FAULT_FIELD_SIZE];
    walk_to(&walk, body, taken < body.size ? taken : body.size);
    path_of(&walk, field);
    switch (json_error_code(error)) {
    case json_error_duplicate_key:
        faults_add(faults, field, FAULT_DUPLICATE, "", "Bir kez gönderin.", "Send it once.");
        return PROBLEM_INVALID_FIELDS;
    case json_error_numeric_overflow:
        faults_add(faults, field, FAULT_OUT_OF_RANGE, "",
                   "Sayı çok büyük: en çok 64 bitlik bir tam sayı ya da üssü en çok 308 olan bir "
                   "sayı gönderin.",
                   "The number is too large: send a whole number of at most 64 bits, or one with "
                   "an exponent of at most 308.");
        return PROBLEM_INVALID_FIELDS;
    case json_error_null_character:
    case json_error_null_byte_in_key:
        faults_add(faults, field, FAULT_INVALID, "", "Metinde \\u0000 olamaz.",
                   "Send the text without \\u0000.");
        return PROBLEM_INVALID_FIELDS;
    case json_error_invalid_utf8:
        faults_add(faults, field, FAULT_INVALID, "", "Gövdeyi UTF-8 olarak gönderin (bayt %zu).",
                   "Send the body in UTF-8 (byte %zu is not).", taken);
        return PROBLEM_NOT_JSON;
    default:
        faults_add(faults, field, FAULT_INVALID, "",
                   "JSON burada bozuluyor: satır %d, sütun %d (bayt %zu).",
                   "The JSON breaks off here: line %d, column %d (byte %zu).", error->line,
                   error->column, taken);
        return PROBLEM_NOT_JSON;
    }
}
