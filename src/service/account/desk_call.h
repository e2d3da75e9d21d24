/* One call at an account desk, from request to answer: what accounts_entry.c, accounts_self.c
 * and accounts_key.c (the calls) share with desk.c (the machinery).
 *
 *     desk_call_new --> desk_call_hash / desk_call_check --> next  a password, on the pool
 *                   --> desk_call_change                           durable, with its audit entry
 *                   --> the directory learns of it --> desk_call_answer      exactly once
 *
 * A call refuses at any point with desk_call_refuse; its apply refuses by the rows, with an outcome
 * in refusal and an error that undoes what it did. */
#ifndef SERVICE_ACCOUNT_DESK_CALL_H
#define SERVICE_ACCOUNT_DESK_CALL_H

#include "io/store/audit_store.h"
#include "service/account/accounts.h"

/* Of each of the request's texts. One that is longer is cut here and refused by whoever reads it:
 * nothing that is taken is as long. */
enum { CALL_FIELD_SIZE = PASSWORD_SIZE_MAX + 1, CALL_FIELDS = 8 };

struct account_call {
    struct account_change change; /* first: the port gives it back */
    struct password_job job;
    struct account_probe probe;
    struct account_desk *desk;
    struct account_call *next; /* in the list of those whose password job is back */
    void (*on_password)(struct account_call *call);

    struct account_request request;
    char text[CALL_FIELDS * CALL_FIELD_SIZE]; /* what the request's slices view */
    size_t text_size;

    char email[STORE_EMAIL_SIZE];
    struct store_user user; /* as it was when the call came; id 0: nobody */
    struct token_hash hash; /* of a token that is made or used */
    char new_password_hash[PASSWORD_HASH_SIZE];
    uint64_t step; /* of the code that was given; 0: it was a recovery code, or none */
    struct token_hash recovery;
    bool has_recovery;
    uint64_t session_to_end; /* the one that makes room for a new one; 0: there is room */
    uint8_t totp_secret[TOTP_SECRET_SIZE]; /* of a second factor that is begun */
    uint8_t code_hashes[RECOVERY_CODES][STORE_HASH_SIZE];

    /* On the store's thread. */
    enum err (*apply)(struct sql *db, struct account_call *call);
    struct audit_entry audit;
    uint64_t changed_user; /* whose picture is read when the change is made; 0: nobody's */
    struct account_picture picture;
    bool has_picture;
    uint64_t before_version, version;
    enum account_outcome not_found; /* what ERR_NOT_FOUND of apply means */
    enum account_outcome refusal;   /* what any refusal of apply means, where it says so */
    /* Goes on after a refusal by the rows, instead of answering; NULL: answers. */
    void (*on_refused)(struct account_call *call, enum account_outcome outcome);

    struct account_answer answer;
};

/* NULL when the desk is full: the request was answered "busy". */
struct account_call *desk_call_new(struct account_desk *desk,
                                   const struct account_request *request);
/* The same of somebody who is in, with call->user theirs. NULL: answered. */
struct account_call *desk_call_of(struct account_desk *desk, const struct account_request *request);
/* What people may call something of theirs. */
bool desk_call_name_is_good(struct slice name);
struct accounts *desk_call_accounts(const struct account_call *call);
const struct account_port *desk_call_port(const struct account_call *call);
void desk_call_refuse(struct account_call *call, enum account_outcome outcome);
void desk_call_answer(struct account_call *call);
/* Answers ACCOUNT_FAILED, with err_text() in the log. */
void desk_call_fail(struct account_call *call, const char *doing);
/* Goes on in next with job.is_right, or with new_password_hash made. */
void desk_call_check(struct account_call *call, const char *hash, struct slice password,
                     void (*next)(struct account_call *call));
void desk_call_hash(struct account_call *call, struct slice password,
                    void (*next)(struct account_call *call));
/* For apply: undoes it all, and the call is answered with outcome. */
enum err desk_call_refused(struct account_call *call, enum account_outcome outcome) ERR_MUST_USE;
/* What the audit log tells of it, in printf's way. actor is who, by e-mail. */
void desk_call_audit(struct account_call *call, const char *action, uint64_t user_id,
                     const char *actor, const char *format, ...)
    __attribute__((format(printf, 5, 6)));
/* Answers with the outcome as it stands when done. */
void desk_call_change(struct account_call *call, uint64_t changed_user,
                      enum err (*apply)(struct sql *db, struct account_call *call));

#endif
