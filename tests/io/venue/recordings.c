/* Reading the shared recordings line by line. */
#include "recordings.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

bool recording_open(struct recording *r, const char *name)
{
    char path[1024];
    const char *root = getenv("TRADEBOT_SOURCE_ROOT");
    *r = (struct recording){0};
    snprintf(path, sizeof path, "%s/../shared/%s", root ? root : ".", name);
    FILE *file = fopen(path, "rb");
    if (!file) {
        printf("skipped: no ../shared/%s\n", name);
        return false;
    }
    fseek(file, 0, SEEK_END);
    r->size = (size_t)ftell(file);
    rewind(file);
    r->text = malloc(r->size + 1);
    if (fread(r->text, 1, r->size, file) != r->size) abort();
    r->text[r->size] = '\0';
    fclose(file);
    return true;
}

void recording_close(struct recording *r)
{
    free(r->text);
    *r = (struct recording){0};
}

struct slice recording_text(const struct recording *r)
{
    return (struct slice){r->text, r->size};
}

bool recording_line(struct recording *r, struct slice *line)
{
    if (r->at >= r->size) return false;
    const char *from = r->text + r->at;
    const char *end = memchr(from, '\n', r->size - r->at);
    const size_t size = end ? (size_t)(end - from) : r->size - r->at;
    *line = (struct slice){from, size};
    r->at += size + 1;
    return true;
}

bool recording_member(struct slice line, const char *name, struct slice *out)
{
    char key[64];
    const int size = snprintf(key, sizeof key, "\"%s\":", name);
    const char *at = memmem(line.data, line.size, key, (size_t)size);
    if (!at) return false;
    at += size;
    while (*at == ' ') at++;
    const char *end = line.data + line.size;
    while (end > at && end[-1] != '}') end--;
    *out = (struct slice){at, (size_t)(end - at - 1)};
    return true;
}

bool recording_fixture(struct recording *r, const char *file_name, struct slice *body)
{
    struct slice line;
    r->at = 0;
    while (recording_line(r, &line)) {
        const char *quote = memmem(line.data, line.size, "\", \"body\"", 9);
        const size_t size = strlen(file_name);
        if (quote && (size_t)(quote - line.data) > size &&
            memcmp(quote - size, file_name, size) == 0)
            return recording_member(line, "body", body);
    }
    return false;
}
