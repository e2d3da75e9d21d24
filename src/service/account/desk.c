/* The machinery of calls: passwords on their pool, changes on the store's thread, answers here. */
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <sodium.h>

#include "base/check.h"
#include "base/log.h"
#include "base/utf8.h"
#include "io/store/account_read.h"
#include "service/account/desk_call.h"

struct account_desk {
    struct accounts *accounts;
    struct account_port port;
    uint32_t call_count;
    pthread_mutex_t lock;      /* of the list */
    struct account_call *back; /* calls whose password job is done */
};

struct account_desk *account_desk_new(struct accounts *accounts, const struct account_port *port)
{
    struct account_desk *desk = calloc(1, sizeof *desk);
    CHECK(desk && pthread_mutex_init(&desk->lock, NULL) == 0);
    desk->accounts = accounts;
    desk->port = *port;
    return desk;
}

void account_desk_free(struct account_desk *desk)
{
    if (!desk) return;
    CHECK(desk->call_count == 0);
    pthread_mutex_destroy(&desk->lock);
    free(desk);
}

uint32_t account_desk_calls(const struct account_desk *desk)
{
    return desk->call_count;
}

struct accounts *desk_call_accounts(const struct account_call *call)
{
    return call->desk->accounts;
}

const struct account_port *desk_call_port(const struct account_call *call)
{
    return &call->desk->port;
}

/* ---- beginning and end ---- */

static void keep(struct account_call *call, struct slice *text)
{
    if (text->size > CALL_FIELD_SIZE) text->size = CALL_FIELD_SIZE;
    char *at = call->text + call->text_size;
    if (text->size > 0) memcpy(at, text->data, text->size);
    call->text_size += text->size;
    text->data = at;
}

struct account_call *desk_call_new(struct account_desk *desk, const struct account_request *request)
{
    struct account_call *call = NULL;
    if (desk->call_count < ACCOUNT_CALLS_MAX) call = calloc(1, sizeof *call);
    if (!call) {
        const struct account_answer busy = {.outcome = ACCOUNT_BUSY};
        request->done(request->user, &busy);
        return NULL;
    }
    desk->call_count++;
    call->desk = desk;
    call->request = *request;
    call->not_found = ACCOUNT_FAILED;
    struct account_request *r = &call->request;
    struct slice *const texts[CALL_FIELDS] = {&r->email,   &r->password, &r->new_password,
                                              &r->code,    &r->token,    &r->name,
                                              &r->api_key, &r->secret};
    for (int i = 0; i < CALL_FIELDS; i++) keep(call, texts[i]);
    return call;
}

struct account_call *desk_call_of(struct account_desk *desk, const struct account_request *request)
{
    struct account_call *call = desk_call_new(desk, request);
    if (!call) return NULL;
    if (directory_user(desk_call_accounts(call)->directory, request->who.user_id, &call->user))
        return call;
    desk_call_refuse(call, ACCOUNT_NOT_FOUND);
    return NULL;
}

bool desk_call_name_is_good(struct slice name)
{
    bool blank = true;
    for (size_t i = 0; i < name.size; i++) {
        const unsigned char c = (unsigned char)name.data[i];
        if (c < ' ' || c == 0x7F) return false;
        blank = blank && c == ' ';
    }
    return !blank && name.size < STORE_LABEL_SIZE && utf8_is_valid(name);
}

/* What was made for a change that did not come about. */
static void wipe_secrets(struct account_answer *answer)
{
    sodium_memzero(answer->token, sizeof answer->token);
    sodium_memzero(answer->secret, sizeof answer->secret);
    sodium_memzero(answer->address, sizeof answer->address);
    sodium_memzero(answer->codes, sizeof answer->codes);
    answer->code_count = 0;
    answer->id = 0;
    answer->expires_ms = 0;
}

void desk_call_answer(struct account_call *call)
{
    call->desk->call_count--;
    if (call->answer.outcome != ACCOUNT_OK) wipe_secrets(&call->answer);
    if (call->request.done) call->request.done(call->request.user, &call->answer);
    account_picture_deinit(&call->picture);
    sodium_memzero(call, sizeof *call);
    free(call);
}

void desk_call_refuse(struct account_call *call, enum account_outcome outcome)
{
    call->answer.outcome = outcome;
    desk_call_answer(call);
}

void desk_call_fail(struct account_call *call, const char *doing)
{
    log_error("account_call_failed", "doing=\"%s\" request=%s cause=\"%s\"", doing,
              call->request.origin.request_id, err_text());
    desk_call_refuse(call, ACCOUNT_FAILED);
}

/* ---- passwords ---- */

static void on_job(struct password_job *job)
{
    struct account_call *call = job->user;
    struct account_desk *desk = call->desk;
    pthread_mutex_lock(&desk->lock);
    call->next = desk->back;
    desk->back = call;
    pthread_mutex_unlock(&desk->lock);
    desk->port.wake(desk->port.self);
}

void account_desk_collect(struct account_desk *desk)
{
    pthread_mutex_lock(&desk->lock);
    struct account_call *call = desk->back;
    desk->back = NULL;
    pthread_mutex_unlock(&desk->lock);
    for (struct account_call *next; call; call = next) {
        next = call->next;
        if (call->job.failed) {
            desk_call_refuse(call, ACCOUNT_BUSY);
            continue;
        }
        if (call->job.task == PASSWORD_MAKE_HASH)
            memcpy(call->new_password_hash, call->job.hash, sizeof call->new_password_hash);
        call->on_password(call);
    }
}

static void submit(struct account_call *call, enum password_task task, struct slice password,
                   void (*next)(struct account_call *call))
{
    struct password_job *job = &call->job;
    CHECK(password.size <= sizeof job->password);
    job->task = task;
    job->size = password.size;
    if (password.size > 0) memcpy(job->password, password.data, password.size);
    job->on_done = on_job;
    job->user = call;
    call->on_password = next;
    if (password_pool_submit(call->desk->accounts->passwords, job)) return;
    sodium_memzero(job->password, sizeof job->password);
    desk_call_refuse(call, ACCOUNT_BUSY);
}

void desk_call_check(struct account_call *call, const char *hash, struct slice password,
                     void (*next)(struct account_call *call))
{
    /* One too long is nobody's, and must not look different. */
    if (password.size > PASSWORD_SIZE_MAX) password.size = PASSWORD_SIZE_MAX, hash = "";
    if (!*hash) hash = password_hash_of_nobody;
    memcpy(call->job.hash, hash, strlen(hash) + 1);
    submit(call, PASSWORD_CHECK, password, next);
}

void desk_call_hash(struct account_call *call, struct slice password,
                    void (*next)(struct account_call *call))
{
    submit(call, PASSWORD_MAKE_HASH, password, next);
}

/* ---- changes ---- */

void desk_call_audit(struct account_call *call, const char *action, uint64_t user_id,
                     const char *actor, const char *format, ...)
{
    const struct account_origin *origin = &call->request.origin;
    struct audit_entry *e = &call->audit;
    va_list values;
    *e = (struct audit_entry){.time_ms = origin->now_ms, .user_id = user_id};
    snprintf(e->actor, sizeof e->actor, "%s", actor);
    snprintf(e->action, sizeof e->action, "%s", action);
    snprintf(e->address, sizeof e->address, "%s", origin->address);
    snprintf(e->request_id, sizeof e->request_id, "%s", origin->request_id);
    va_start(values, format);
    vsnprintf(e->target, sizeof e->target, format, values);
    va_end(values);
}

enum err desk_call_refused(struct account_call *call, enum account_outcome outcome)
{
    call->refusal = outcome;
    return err_set(ERR_INVALID, "refused by the rows");
}

static void on_user(void *user, const struct store_user *row)
{
    struct account_call *call = user;
    call->picture.user = *row;
    call->has_picture = true;
}

static void on_session(void *user, const struct store_session *row)
{
    struct account_call *call = user;
    account_picture_add_session(&call->picture, row);
}

static void on_token(void *user, const struct store_api_token *row)
{
    struct account_call *call = user;
    account_picture_add_token(&call->picture, row);
}

/* On the store's thread, inside its transaction; again from the beginning if that was undone. */
static enum err run(struct sql *db, struct account_change *change)
{
    struct account_call *call = (struct account_call *)change;
    const struct account_reader reader = {on_user, on_session, on_token, call};
    account_picture_deinit(&call->picture);
    call->has_picture = false;
    call->refusal = ACCOUNT_OK;
    enum err err = account_read_version(db, &call->before_version);
    if (!err && call->apply) err = call->apply(db, call);
    if (!err && *call->audit.action) err = audit_append(db, &call->audit);
    if (!err) err = account_read_version(db, &call->version);
    if (!err && call->changed_user)
        err = account_read(db, call->changed_user, call->request.origin.now_ms, &reader);
    /* A row that cannot be read stays so: the store must not try it again for ever. */
    return err == ERR_PARSE ? err_note(ERR_INVALID, "while changing an account") : err;
}

static enum account_outcome outcome_of(const struct account_call *call, enum err err)
{
    if (call->refusal != ACCOUNT_OK) return call->refusal;
    switch (err) {
    case ERR_NOT_FOUND: return call->not_found;
    case ERR_LIMIT:
    case ERR_TIMEOUT:
    case ERR_CLOSED:
    case ERR_IO: return ACCOUNT_UNAVAILABLE;
    default: return ACCOUNT_FAILED;
    }
}

static void on_changed(struct account_change *change, enum err err)
{
    struct account_call *call = (struct account_call *)change;
    void (*const on_refused)(struct account_call *, enum account_outcome) = call->on_refused;
    /* A refusal stays one, whether or not the log could tell of it. */
    if (err && call->answer.outcome == ACCOUNT_OK) call->answer.outcome = outcome_of(call, err);
    if (err && on_refused && call->refusal != ACCOUNT_OK) {
        call->on_refused = NULL;
        on_refused(call, call->refusal);
        return;
    }
    if (err && call->answer.outcome == ACCOUNT_FAILED)
        log_error("account_change_failed", "action=%s request=%s cause=%s", call->audit.action,
                  call->request.origin.request_id, err_name(err));
    if (!err && call->changed_user) {
        call->answer.user = call->picture.user;
        directory_apply(call->desk->accounts->directory, call->changed_user,
                        call->has_picture ? &call->picture : NULL, call->before_version,
                        call->version);
    }
    desk_call_answer(call);
}

void desk_call_change(struct account_call *call, uint64_t changed_user,
                      enum err (*apply)(struct sql *db, struct account_call *call))
{
    call->apply = apply;
    call->changed_user = changed_user;
    call->change = (struct account_change){run, on_changed};
    if (!call->desk->port.change(call->desk->port.self, &call->change))
        desk_call_refuse(call, ACCOUNT_BUSY);
}
