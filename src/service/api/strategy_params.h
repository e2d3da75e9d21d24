/* A strategy's parameters between JSON and the numbers that the engine takes.
 *
 * The strategy's own table (core/strategy) says what exists: names, kinds, ranges, standard values.
 * What is left out takes its standard value; what does not exist, has the wrong type or is out of
 * range is refused by name, each with what it takes. */
#ifndef SERVICE_API_STRATEGY_PARAMS_H
#define SERVICE_API_STRATEGY_PARAMS_H

#include <stdbool.h>

#include <jansson.h>

#include "base/err.h"
#include "core/strategy/strategy.h"
#include "service/api/problem.h"

/* The first thing wrong with parameters, in English. */
struct param_fault {
    char name[FAULT_FIELD_SIZE]; /* "params.ema_fast", or "params" */
    char detail[FAULT_DETAIL_SIZE];
};

/* object: a JSON object or NULL (all standard). False when something was added to faults. */
bool strategy_params_read(enum strategy_kind kind, const json_t *object,
                          double params[STRATEGY_PARAMS_MAX], struct faults *faults);
/* From text, as the store keeps it. On ERR_INVALID *fault says what and why. */
enum err strategy_params_parse(enum strategy_kind kind, const char *text,
                               double params[STRATEGY_PARAMS_MAX],
                               struct param_fault *fault) ERR_MUST_USE;
/* All parameters as a new JSON object; NULL when there is no memory. */
json_t *strategy_params_json(enum strategy_kind kind, const double params[STRATEGY_PARAMS_MAX]);

#endif
