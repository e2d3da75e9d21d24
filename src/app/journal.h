/* The journal: every input event of one engine's life, on disk, so that another process can step
 * through the same life and come to the same decisions.
 *
 * A file is a header (magic, version, engine limits) and records: u32 size, u8 kind, payload, u64
 * hash of the payload. Kinds are an event, and a mark: the decision hash after the events before
 * it. All numbers little-endian. A file cut anywhere (the process was killed) is whole up to its
 * last whole record. Written through a buffer, flushed by journal_flush: a journal is evidence, not
 * the authority over money, and so costs no fsync. */
#ifndef APP_JOURNAL_H
#define APP_JOURNAL_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "core/engine/engine.h"
#include "core/model/event.h"

struct journal_writer;

/* Refuses a file that exists: a journal is never continued. */
enum err journal_create(const char *path, const struct engine_limits *limits,
                        struct journal_writer **out) ERR_MUST_USE;
/* Before the engine sees the event. A failed write is kept and told by journal_close. */
void journal_event(struct journal_writer *j, const struct event *event);
void journal_mark(struct journal_writer *j, uint64_t decision_hash);
void journal_flush(struct journal_writer *j);
/* Frees it also when it fails. NULL is fine. */
enum err journal_close(struct journal_writer *j) ERR_MUST_USE;

struct journal_reader;

enum journal_record { JOURNAL_END, JOURNAL_EVENT, JOURNAL_MARK };

struct journal_entry {
    enum journal_record kind;
    struct event event;     /* EVENT: good until the next read */
    uint64_t decision_hash; /* MARK */
};

/* ERR_PARSE for a file that is not a journal, or of a version we do not read. */
enum err journal_open(const char *path, struct engine_limits *limits,
                      struct journal_reader **out) ERR_MUST_USE;
/* JOURNAL_END at the end, also where the last record was cut. ERR_PARSE for a damaged record. */
enum err journal_next(struct journal_reader *j, struct journal_entry *out) ERR_MUST_USE;
/* How much of the file is read, in bytes, and how much there is: for a bar that shows it. */
void journal_progress(const struct journal_reader *j, uint64_t *done, uint64_t *all);
void journal_reader_free(struct journal_reader *j);

#endif
