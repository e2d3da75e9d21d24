/* The shared recordings, where they are there: files beside the project, not part of it. */
#ifndef TESTS_IO_VENUE_RECORDINGS_H
#define TESTS_IO_VENUE_RECORDINGS_H

#include <stdbool.h>
#include <stddef.h>

#include "base/slice.h"

struct recording {
    char *text;
    size_t size, at;
};

/* Loads ../shared/NAME; false (with a printed line) when it is absent. */
bool recording_open(struct recording *r, const char *name);
void recording_close(struct recording *r);
struct slice recording_text(const struct recording *r);
/* The next line without its end. */
bool recording_line(struct recording *r, struct slice *line);
/* The bytes of the member "msg" (or another, the last of the line) of a line. */
bool recording_member(struct slice line, const char *name, struct slice *out);
/* Of ../shared/data/rest/message_fixtures_nautilus.jsonl: the body whose file name ends so. */
bool recording_fixture(struct recording *r, const char *file_name, struct slice *body);

#endif
