/* Reading and writing strategy parameters. */
#include "service/api/strategy_params.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "service/api/json_body.h"

enum { WORDS_SIZE = 128 };

static const char *words_of(const struct strategy_param *p, char out[WORDS_SIZE])
{
    size_t used = 0;
    for (unsigned i = 0; p->choices[i] && used < WORDS_SIZE; i++)
        used += (size_t)snprintf(out + used, WORDS_SIZE - used, "%s\"%s\"", i ? ", " : "",
                                 p->choices[i]);
    return out;
}

static void refuse_choice(const struct strategy_param *p, const json_t *value, const char *field,
                          struct faults *faults)
{
    char sent[FAULT_SENT_SIZE], words[WORDS_SIZE];
    faults_add(faults, field, json_is_string(value) ? FAULT_OUT_OF_RANGE : FAULT_WRONG_TYPE,
               json_sent(value, sent), "Şunlardan birini gönderin: %s.", "Send one of: %s.",
               words_of(p, words));
}

static void read_choice(const struct strategy_param *p, const json_t *value, const char *field,
                        double *out, struct faults *faults)
{
    const char *text = json_string_value(value);
    for (unsigned i = 0; text && p->choices[i]; i++) {
        if (strcmp(text, p->choices[i]) != 0) continue;
        *out = i;
        return;
    }
    refuse_choice(p, value, field, faults);
}

static void read_number(const struct strategy_param *p, const json_t *value, const char *field,
                        double *out, struct faults *faults)
{
    const bool is_whole = p->kind == PARAM_INTEGER;
    const double number = json_number_value(value);
    char sent[FAULT_SENT_SIZE];
    enum fault fault = FAULT_OUT_OF_RANGE;
    if (is_whole ? !json_is_integer(value) : !json_is_number(value)) fault = FAULT_WRONG_TYPE;
    const bool is_inside = isfinite(number) && number >= p->min && number <= p->max;
    if (fault != FAULT_WRONG_TYPE && is_inside) {
        *out = number;
        return;
    }
    json_sent(value, sent);
    if (is_whole)
        faults_add(faults, field, fault, sent,
                   "%g ile %g arasında bir tam sayı, tırnaksız gönderin.",
                   "Send a whole number from %g to %g, without quotes.", p->min, p->max);
    else
        faults_add(faults, field, fault, sent, "%g ile %g arasında bir sayı, tırnaksız gönderin.",
                   "Send a number from %g to %g, without quotes.", p->min, p->max);
}

static void read_all(const struct strategy_type *type, const json_t *object,
                     double params[STRATEGY_PARAMS_MAX], struct faults *faults)
{
    const char *names[STRATEGY_PARAMS_MAX];
    for (unsigned i = 0; i < type->param_count; i++) {
        const struct strategy_param *p = &type->params[i];
        const json_t *value = json_object_get(object, p->name);
        char field[FAULT_FIELD_SIZE];
        names[i] = p->name;
        snprintf(field, sizeof field, "params.%s", p->name);
        if (!value) continue;
        if (p->kind == PARAM_CHOICE)
            read_choice(p, value, field, &params[i], faults);
        else
            read_number(p, value, field, &params[i], faults);
    }
    json_body_known(faults, object, "params.", names, type->param_count);
}

/* Names both, and what each is: one of them may be a standard value that nobody sent. */
static void refuse_conflict(const struct strategy_type *type, const struct param_order *order,
                            const double *params, struct faults *faults)
{
    double smaller = 0, larger = 0;
    char field[FAULT_FIELD_SIZE], sent[FAULT_SENT_SIZE];
    for (unsigned i = 0; i < type->param_count; i++) {
        if (strcmp(type->params[i].name, order->smaller) == 0) smaller = params[i];
        if (strcmp(type->params[i].name, order->larger) == 0) larger = params[i];
    }
    snprintf(field, sizeof field, "params.%s", order->smaller);
    snprintf(sent, sizeof sent, "%g", smaller);
    faults_add(faults, field, FAULT_CONFLICT, sent,
               "%s, %s değerinden (%g) küçük olmalı: birini değiştirin.",
               "%s must be smaller than %s, which is %g: change one of them.", order->smaller,
               order->larger, larger);
}

bool strategy_params_read(enum strategy_kind kind, const json_t *object,
                          double params[STRATEGY_PARAMS_MAX], struct faults *faults)
{
    const struct strategy_type *type = strategy_type(kind);
    const unsigned before = faults->count;
    char sent[FAULT_SENT_SIZE];
    strategy_params_init(kind, params);
    if (object && !json_is_object(object)) {
        faults_add(faults, "params", FAULT_WRONG_TYPE, json_sent(object, sent),
                   "Adlarıyla bir JSON nesnesi gönderin, örneğin {\"%s\":%g}.",
                   "Send a JSON object of names and values, such as {\"%s\":%g}.",
                   type->params[0].name, type->params[0].standard);
        return false;
    }
    read_all(type, object, params, faults);
    if (faults->count != before) return false;
    const struct param_order *order = type->conflict(params);
    if (order) refuse_conflict(type, order, params, faults);
    return !order;
}

enum err strategy_params_parse(enum strategy_kind kind, const char *text,
                               double params[STRATEGY_PARAMS_MAX], struct param_fault *fault)
{
    struct faults faults = {.language = LANGUAGE_ENGLISH};
    json_t *object;
    const bool is_read = json_body_read(slice_of(text), &object, &faults) == PROBLEM_COUNT &&
                         strategy_params_read(kind, object, params, &faults);
    json_decref(object);
    *fault = (struct param_fault){0};
    if (is_read) return OK;
    memcpy(fault->name, faults.items[0].field, sizeof fault->name);
    memcpy(fault->detail, faults.items[0].detail, sizeof fault->detail);
    return err_set(ERR_INVALID, "%s", fault->detail);
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
