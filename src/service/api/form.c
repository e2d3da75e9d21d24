/* Reading small bodies. */
#include "service/api/form.h"

#include <stdio.h>
#include <string.h>

#include "service/api/call.h"
#include "service/api/json_body.h"
#include "service/research/utc_time.h"

enum { WORDS_SIZE = 128 };

bool form_open(struct form *f, struct call *call, const struct http_request *request,
               const char *const *names, size_t count)
{
    *f = (struct form){.faults = {.language = call->language}};
    const enum problem problem = json_body_read(request->body, &f->object, &f->faults);
    if (problem != PROBLEM_COUNT) {
        call_problem_faults(call, problem, &f->faults);
        return false;
    }
    const char *name;
    json_t *value;
    json_object_foreach(f->object, name, value)
    {
        size_t i = 0;
        while (i < count && strcmp(names[i], name) != 0) i++;
        if (i == count)
            faults_add(&f->faults, name, FAULT_UNKNOWN_FIELD, "", "Göndermeyin.", "Leave it out.");
    }
    return true;
}

bool form_open_bare(struct call *call, const struct http_request *request)
{
    struct form f;
    if (request->body.size == 0) return true;
    if (!form_open(&f, call, request, NULL, 0)) return false;
    const bool good = form_good(&f, call);
    form_close(&f);
    return good;
}

void form_close(struct form *f)
{
    json_decref(f->object);
}

bool form_good(const struct form *f, struct call *call)
{
    if (f->faults.count == 0) return true;
    call_faults(call, &f->faults);
    return false;
}

bool form_has(const struct form *f, const char *name)
{
    const json_t *value = json_object_get(f->object, name);
    return value && !json_is_null(value);
}

static bool is_missing(struct form *f, const char *name, enum form_need need)
{
    if (form_has(f, name)) return false;
    if (need == FORM_REQUIRED)
        faults_add(&f->faults, name, FAULT_REQUIRED, "", "Gönderin.", "Send it.");
    return true;
}

struct slice form_text(struct form *f, const char *name, enum form_need need)
{
    const json_t *value = json_object_get(f->object, name);
    if (is_missing(f, name, need)) return (struct slice){0};
    if (json_is_string(value))
        return (struct slice){json_string_value(value), json_string_length(value)};
    faults_add(&f->faults, name, FAULT_WRONG_TYPE, "", "Tırnak içinde bir metin gönderin.",
               "Send a text, in quotes.");
    return (struct slice){0};
}

bool form_bool(struct form *f, const char *name)
{
    const json_t *value = json_object_get(f->object, name);
    if (is_missing(f, name, FORM_OPTIONAL)) return false;
    if (!json_is_boolean(value))
        faults_add(&f->faults, name, FAULT_WRONG_TYPE, "", "true ya da false gönderin.",
                   "Send true or false.");
    return json_is_true(value);
}

int64_t form_time(struct form *f, const char *name, int64_t now_ms)
{
    int64_t time_ms = 0;
    const struct slice text = form_text(f, name, FORM_OPTIONAL);
    if (!text.data) return 0;
    if (utc_time_parse(text.data, text.size, &time_ms) && time_ms > now_ms) return time_ms;
    faults_add(&f->faults, name, FAULT_INVALID, "",
               "UTC'de gelecekte bir an gönderin, örneğin \"2030-01-31T00:00:00Z\".",
               "Send a moment to come, in UTC, such as \"2030-01-31T00:00:00Z\".");
    return 0;
}

unsigned form_word(struct form *f, const char *name, enum form_need need, const char *const *words,
                   unsigned count)
{
    char list[WORDS_SIZE] = "";
    size_t used = 0;
    const struct slice text = form_text(f, name, need);
    if (!text.data) return count;
    for (unsigned i = 0; i < count; i++) {
        if (slice_is(text, words[i])) return i;
        used += (size_t)snprintf(list + used, sizeof list - used, "%s%s", i ? ", " : "", words[i]);
    }
    faults_add(&f->faults, name, FAULT_INVALID, "", "Şunlardan birini gönderin: %s.",
               "Send one of: %s.", list);
    return count;
}
