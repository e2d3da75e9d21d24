/* Reading and writing strategy parameters. */
#include "service/api/strategy_params.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static enum err refuse(struct param_fault *fault, const char *name, const char *code,
                       const char *format, ...) __attribute__((format(printf, 4, 5)));

static enum err refuse(struct param_fault *fault, const char *name, const char *code,
                       const char *format, ...)
{
    va_list args;
    snprintf(fault->name, sizeof fault->name, "%s", name);
    fault->code = code;
    va_start(args, format);
    vsnprintf(fault->detail, sizeof fault->detail, format, args);
    va_end(args);
    return err_set(ERR_INVALID, "%s%s%s", name, *name ? ": " : "", fault->detail);
}

static const struct strategy_param *find(const struct strategy_type *type, const char *name,
                                         unsigned *index)
{
    for (unsigned i = 0; i < type->param_count; i++) {
        if (strcmp(type->params[i].name, name) != 0) continue;
        *index = i;
        return &type->params[i];
    }
    return NULL;
}

static enum err read_choice(const struct strategy_param *p, const json_t *value, double *out,
                            struct param_fault *fault)
{
    const char *text = json_string_value(value);
    if (!text) return refuse(fault, p->name, "wrong_type", "must be one of its words");
    for (unsigned i = 0; p->choices[i]; i++) {
        if (strcmp(text, p->choices[i]) != 0) continue;
        *out = i;
        return OK;
    }
    char words[96] = "";
    for (unsigned i = 0; p->choices[i]; i++) {
        const size_t used = strlen(words);
        snprintf(words + used, sizeof words - used, "%s%s", i ? ", " : "", p->choices[i]);
    }
    return refuse(fault, p->name, "out_of_range", "must be one of: %s", words);
}

static enum err read_number(const struct strategy_param *p, const json_t *value, double *out,
                            struct param_fault *fault)
{
    if (p->kind == PARAM_INTEGER ? !json_is_integer(value) : !json_is_number(value))
        return refuse(fault, p->name, "wrong_type", "must be %s",
                      p->kind == PARAM_INTEGER ? "a whole number" : "a number");
    const double number = json_number_value(value);
    if (!isfinite(number) || number < p->min || number > p->max)
        return refuse(fault, p->name, "out_of_range", "must be from %g to %g", p->min, p->max);
    *out = number;
    return OK;
}

enum err strategy_params_read(enum strategy_kind kind, const json_t *object,
                              double params[STRATEGY_PARAMS_MAX], struct param_fault *fault)
{
    const struct strategy_type *type = strategy_type(kind);
    const char *name;
    json_t *value;
    *fault = (struct param_fault){.code = ""};
    strategy_params_init(kind, params);
    if (object && !json_is_object(object))
        return refuse(fault, "", "wrong_type", "parameters must be an object");
    json_object_foreach((json_t *)object, name, value)
    {
        unsigned index = 0;
        const struct strategy_param *p = find(type, name, &index);
        if (!p) return refuse(fault, name, "unknown_field", "%s has no such parameter", type->name);
        const enum err err = p->kind == PARAM_CHOICE ? read_choice(p, value, &params[index], fault)
                                                     : read_number(p, value, &params[index], fault);
        if (err) return err;
    }
    const char *conflict = type->conflict(params);
    if (conflict) return refuse(fault, conflict, "conflict", "does not fit the other parameters");
    return OK;
}

enum err strategy_params_parse(enum strategy_kind kind, const char *text,
                               double params[STRATEGY_PARAMS_MAX], struct param_fault *fault)
{
    json_error_t error;
    json_t *object = json_loads(text, JSON_REJECT_DUPLICATES, &error);
    if (!object) return refuse(fault, "", "wrong_type", "not JSON: %s", error.text);
    const enum err err = strategy_params_read(kind, object, params, fault);
    json_decref(object);
    return err;
}

json_t *strategy_params_json(enum strategy_kind kind, const double params[STRATEGY_PARAMS_MAX])
{
    const struct strategy_type *type = strategy_type(kind);
    json_t *object = json_object();
    for (unsigned i = 0; object && i < type->param_count; i++) {
        const struct strategy_param *p = &type->params[i];
        json_t *value = p->kind == PARAM_CHOICE    ? json_string(p->choices[(unsigned)params[i]])
                        : p->kind == PARAM_INTEGER ? json_integer((json_int_t)params[i])
                                                   : json_real(params[i]);
        if (json_object_set_new(object, p->name, value) != 0) {
            json_decref(object);
            return NULL;
        }
    }
    return object;
}
