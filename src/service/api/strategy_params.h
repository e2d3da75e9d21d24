/* A strategy's parameters between JSON and the numbers that the engine takes.
 *
 * The strategy's own table (core/strategy) says what exists: names, kinds, ranges, standard values.
 * What is left out takes its standard value; what does not exist, has the wrong type or is out of
 * range is refused by name. */
#ifndef SERVICE_API_STRATEGY_PARAMS_H
#define SERVICE_API_STRATEGY_PARAMS_H

#include <jansson.h>

#include "base/err.h"
#include "core/strategy/strategy.h"

enum { PARAM_NAME_SIZE = 64 };

struct param_fault {
    char name[PARAM_NAME_SIZE]; /* "" when the whole is wrong */
    const char *code;           /* "unknown_field", "wrong_type", "out_of_range", "conflict" */
    char detail[160];
};

/* object: a JSON object or NULL (all standard). On ERR_INVALID *fault says what and why. */
enum err strategy_params_read(enum strategy_kind kind, const json_t *object,
                              double params[STRATEGY_PARAMS_MAX],
                              struct param_fault *fault) ERR_MUST_USE;
/* From text, as the store keeps it. */
enum err strategy_params_parse(enum strategy_kind kind, const char *text,
                               double params[STRATEGY_PARAMS_MAX],
                               struct param_fault *fault) ERR_MUST_USE;
/* All parameters as a new JSON object; NULL when there is no memory. */
json_t *strategy_params_json(enum strategy_kind kind, const double params[STRATEGY_PARAMS_MAX]);

#endif
