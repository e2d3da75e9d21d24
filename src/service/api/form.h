/* A small body, field by field: texts, switches, lists of words.
 *
 *     struct form form;
 *     if (!form_open(&form, call, request, names, count)) return;   answered
 *     const struct slice email = form_text(&form, "email", FORM_REQUIRED);
 *     if (form_good(&form, call)) ...                               else answered
 *     form_close(&form);
 *
 * Values are good until form_close. What is wrong is told for all fields at once; a value is never
 * shown again, because it may be a secret. */
#ifndef SERVICE_API_FORM_H
#define SERVICE_API_FORM_H

#include <stdbool.h>
#include <stdint.h>

#include <jansson.h>

#include "io/net/http_server.h"
#include "service/api/problem.h"

struct call;

enum form_need { FORM_OPTIONAL, FORM_REQUIRED };

struct form {
    json_t *object;
    struct faults faults;
};

/* Reads the request's body, an object of no other fields than those. */
bool form_open(struct form *f, struct call *call, const struct http_request *request,
               const char *const *names, size_t count);
/* An empty body is as {}. */
bool form_open_bare(struct call *call, const struct http_request *request);
void form_close(struct form *f);
/* Answers 422 and returns false where a field was wrong. */
bool form_good(const struct form *f, struct call *call);

/* Each answers nothing (NULL data, false, 0) where the field is absent or wrong. null is absent. */
struct slice form_text(struct form *f, const char *name, enum form_need need);
bool form_bool(struct form *f, const char *name);
/* RFC 3339 in UTC, in the future of now_ms; 0 where it is absent. */
int64_t form_time(struct form *f, const char *name, int64_t now_ms);
/* For one of a few words: its place, or count. `words` in the order of an enum. */
unsigned form_word(struct form *f, const char *name, enum form_need need, const char *const *words,
                   unsigned count);
bool form_has(const struct form *f, const char *name);

#endif
