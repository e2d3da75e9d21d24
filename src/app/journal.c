/* Writing and reading journals. */
#include "app/journal.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/check.h"
#include "base/hash.h"
#include "core/model/visit.h"

enum {
    JOURNAL_VERSION = 1,
    RECORD_SIZE_MAX = 1 << 20,
    LEVELS_MAX = 20000, /* of one book event, both sides */
};

static const char magic[8] = "TBJOURN1";

struct journal_writer {
    FILE *file;
    unsigned char *record; /* RECORD_SIZE_MAX */
    bool failed;
    char path[512];
};

struct journal_reader {
    FILE *file;
    unsigned char *record;
    struct event_memory memory;
    uint64_t offset; /* of the record being read */
    uint64_t size;   /* of the file */
};

static void visit_limits(struct visitor *v, struct engine_limits *l)
{
    visit_u16(v, &l->instruments);
    visit_u32(v, &l->bots);
    visit_u32(v, &l->legs);
    visit_u32(v, &l->orders);
    visit_u32(v, &l->fills);
    visit_u32(v, &l->book_levels);
    visit_bool(v, &l->explain);
}

static void put(struct journal_writer *j, const void *data, size_t size)
{
    if (!j->failed && fwrite(data, 1, size, j->file) != size) j->failed = true;
}

static void put_record(struct journal_writer *j, uint8_t kind, const unsigned char *data,
                       size_t size)
{
    unsigned char frame[16];
    struct visitor v = {.mode = VISIT_WRITE, .out = frame, .capacity = sizeof frame};
    uint32_t record_size = (uint32_t)size;
    visit_u32(&v, &record_size);
    visit_u8(&v, &kind);
    put(j, frame, v.at);
    put(j, data, size);
    uint64_t hash = hash_bytes(kind, data, size);
    v.at = 0;
    visit_u64(&v, &hash);
    put(j, frame, v.at);
}

enum err journal_create(const char *path, const struct engine_limits *limits,
                        struct journal_writer **out)
{
    struct journal_writer *j = calloc(1, sizeof *j);
    if (!j) return err_set(ERR_NO_MEMORY, "cannot make a journal");
    snprintf(j->path, sizeof j->path, "%s", path);
    j->record = malloc(RECORD_SIZE_MAX);
    j->file = fopen(path, "wxb");
    if (!j->record || !j->file) {
        const enum err err = err_set(errno == EEXIST ? ERR_EXISTS : ERR_IO,
                                     "cannot make the journal %s: %s", path, strerror(errno));
        if (j->file) fclose(j->file);
        free(j->record);
        free(j);
        return err;
    }
    struct engine_limits copy = *limits;
    uint32_t version = JOURNAL_VERSION;
    unsigned char header[64];
    struct visitor v = {.mode = VISIT_WRITE, .out = header, .capacity = sizeof header};
    visit_u32(&v, &version);
    visit_limits(&v, &copy);
    put(j, magic, sizeof magic);
    put(j, header, v.at);
    *out = j;
    return OK;
}

void journal_event(struct journal_writer *j, const struct event *event)
{
    struct visitor v = {.mode = VISIT_WRITE, .out = j->record, .capacity = RECORD_SIZE_MAX};
    struct event copy = *event;
    visit_event(&v, &copy, NULL);
    CHECK(v.at <= RECORD_SIZE_MAX);
    put_record(j, JOURNAL_EVENT, j->record, v.at);
}

void journal_mark(struct journal_writer *j, uint64_t decision_hash)
{
    unsigned char bytes[8];
    struct visitor v = {.mode = VISIT_WRITE, .out = bytes, .capacity = sizeof bytes};
    visit_u64(&v, &decision_hash);
    put_record(j, JOURNAL_MARK, bytes, v.at);
}

void journal_flush(struct journal_writer *j)
{
    if (fflush(j->file) != 0) j->failed = true;
}

enum err journal_close(struct journal_writer *j)
{
    if (!j) return OK;
    if (fclose(j->file) != 0) j->failed = true;
    const enum err err =
        j->failed ? err_set(ERR_IO, "the journal %s could not be written whole", j->path) : OK;
    free(j->record);
    free(j);
    return err;
}

static enum err read_header(struct journal_reader *j, const char *path,
                            struct engine_limits *limits)
{
    unsigned char bytes[sizeof magic + 64];
    uint32_t version = 0;
    struct visitor size = {.mode = VISIT_WRITE};
    visit_u32(&size, &version);
    visit_limits(&size, limits);
    if (fread(bytes, 1, sizeof magic + size.at, j->file) != sizeof magic + size.at ||
        memcmp(bytes, magic, sizeof magic) != 0)
        return err_set(ERR_PARSE, "%s is not a journal", path);
    struct visitor v = {.mode = VISIT_READ, .in = bytes + sizeof magic, .capacity = size.at};
    visit_u32(&v, &version);
    visit_limits(&v, limits);
    if (version != JOURNAL_VERSION)
        return err_set(ERR_PARSE, "%s is a journal of version %u, this program reads %d", path,
                       version, JOURNAL_VERSION);
    if (v.failed || limits->instruments == 0 || limits->bots == 0 || limits->legs < limits->bots ||
        limits->legs > 1000000 || limits->orders == 0 || limits->orders > 1000000 ||
        limits->fills == 0 || limits->fills > 10000000 || limits->book_levels == 0 ||
        limits->book_levels > 100000)
        return err_set(ERR_PARSE, "%s: the journal's header makes no sense", path);
    j->offset = sizeof magic + size.at;
    return OK;
}

enum err journal_open(const char *path, struct engine_limits *limits, struct journal_reader **out)
{
    struct journal_reader *j = calloc(1, sizeof *j);
    if (!j) return err_set(ERR_NO_MEMORY, "cannot read a journal");
    struct stat status = {0};
    enum err err = OK;
    *limits = (struct engine_limits){0};
    j->file = fopen(path, "rb");
    j->record = malloc(RECORD_SIZE_MAX);
    j->memory.levels = calloc(LEVELS_MAX, sizeof *j->memory.levels);
    j->memory.level_capacity = LEVELS_MAX;
    if (!j->file)
        err = err_set(ERR_IO, "cannot read %s: %s", path, strerror(errno));
    else if (fstat(fileno(j->file), &status) != 0 || S_ISDIR(status.st_mode))
        err = err_set(ERR_IO, "cannot read %s: %s", path, strerror(EISDIR));
    else if (!j->record || !j->memory.levels)
        err = err_set(ERR_NO_MEMORY, "cannot read a journal");
    else
        err = read_header(j, path, limits);
    if (err) {
        journal_reader_free(j);
        return err;
    }
    j->size = (uint64_t)status.st_size;
    *out = j;
    return OK;
}

static enum err damaged(const struct journal_reader *j, const char *what)
{
    return err_set(ERR_PARSE, "the journal is damaged at byte %llu: %s",
                   (unsigned long long)j->offset, what);
}

static enum err decode(struct journal_reader *j, uint8_t kind, size_t size,
                       struct journal_entry *out)
{
    struct visitor v = {.mode = VISIT_READ, .in = j->record, .capacity = size};
    if (kind == JOURNAL_EVENT)
        visit_event(&v, &out->event, &j->memory);
    else if (kind == JOURNAL_MARK)
        visit_u64(&v, &out->decision_hash);
    else
        return damaged(j, "unknown kind of record");
    if (v.failed || v.at != size) return damaged(j, "a record that does not read");
    out->kind = (enum journal_record)kind;
    return OK;
}

enum err journal_next(struct journal_reader *j, struct journal_entry *out)
{
    unsigned char frame[16];
    uint32_t size;
    uint8_t kind;
    uint64_t hash;
    *out = (struct journal_entry){.kind = JOURNAL_END};
    struct visitor v = {.mode = VISIT_READ, .in = frame, .capacity = 5};
    if (fread(frame, 1, 5, j->file) != 5) return OK; /* the end, or a cut */
    visit_u32(&v, &size);
    visit_u8(&v, &kind);
    if (size > RECORD_SIZE_MAX) return damaged(j, "a record that is too large");
    if (fread(j->record, 1, size, j->file) != size || fread(frame, 1, 8, j->file) != 8) return OK;
    v = (struct visitor){.mode = VISIT_READ, .in = frame, .capacity = 8};
    visit_u64(&v, &hash);
    if (hash != hash_bytes(kind, j->record, size)) return damaged(j, "a checksum that is wrong");
    const enum err err = decode(j, kind, size, out);
    j->offset += 5 + size + 8;
    return err;
}

void journal_progress(const struct journal_reader *j, uint64_t *done, uint64_t *all)
{
    /* A pipe has no size, and a file may grow while it is read. */
    *done = j->offset;
    *all = j->size > j->offset ? j->size : j->offset;
}

void journal_reader_free(struct journal_reader *j)
{
    if (!j) return;
    if (j->file) fclose(j->file);
    free(j->record);
    free(j->memory.levels);
    free(j);
}
