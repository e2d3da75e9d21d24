/* A request's body into a JSON object, strictly, or what is wrong with it and where.
 *
 * One object in UTF-8, nested no deeper than JSON_BODY_DEPTH_MAX, no name twice in an object, no
 * U+0000, numbers within 64 bits or a double. Faults name the field by its path:
 * "risk.trailing_pct", "symbols[2]", "body" for the whole. Pure. Source: RFC 8259; jansson
 * parses. */
#ifndef SERVICE_API_JSON_BODY_H
#define SERVICE_API_JSON_BODY_H

#include <stdbool.h>

#include <jansson.h>

#include "base/slice.h"
#include "service/api/problem.h"

enum { JSON_BODY_DEPTH_MAX = 8 };

/* PROBLEM_COUNT and *object, which the caller frees with json_decref; else the problem, with its
 * cause in faults. */
enum problem json_body_read(struct slice body, json_t **object, struct faults *faults);

/* A fault for each member that is not one of names; prefix: "risk." or the like, "" at the top. */
void json_body_known(struct faults *faults, const json_t *object, const char *prefix,
                     const char *const *names, size_t count);

/* A value as it is shown in a fault; "" for NULL. */
const char *json_sent(const json_t *value, char out[FAULT_SENT_SIZE]);

#endif
