/* The account desk over a real database, pool, vault and directory; every test also with each
 * change undone twice before it is made, and on PostgreSQL with each undone once.
 *
 * libsodium's three functions of passwords are stood in for, so that hashes of these tests are
 * cheap and each check is counted; the hash of nobody costs what it costs. */
#ifndef TESTS_SERVICE_ACCOUNT_DESK_FIXTURE_H
#define TESTS_SERVICE_ACCOUNT_DESK_FIXTURE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "io/store/account_store.h"
#include "io/store/audit_store.h"
#include "service/account/accounts.h"

enum { HELD_MAX = 300 };

#define NOW_MS   INT64_C(1763900000000)
#define DAY_MS   (INT64_C(24) * 3600 * 1000)
#define PASSWORD "correct horse battery"
#define OTHER    "staple of an odd kind"

/* What libsodium was asked, and whether it says that hashes are outdated. */
extern _Atomic unsigned checks, hashes;
extern _Atomic bool outdated, checked_nobody;

/* What the desk's changes and mails come to. */
struct desk_port {
    struct sql *db;
    unsigned runs; /* how often a change is run: all but the last time it is undone */
    bool refuses, holds;
    enum err failure; /* of the commit */
    struct account_change *held[HELD_MAX];
    unsigned held_count, changes;
    unsigned mails;
    char mail_to[STORE_EMAIL_SIZE], mail_locale[STORE_LOCALE_SIZE], mail_token[TOKEN_TEXT_SIZE];
};

extern struct desk_port port;
extern struct accounts accounts;
extern struct account_desk *desk;
extern char key_path[128];
extern bool on_postgres;

/* Carries out what the port holds. */
void release(void);

/* Another desk over the same accounts. */
void open_desk(bool with_mail);

int open_once(void **state);
int open_thrice(void **state);
int open_on_postgres(void **state);
struct on_postgres {
    void (*test)(void **state);
};
void run_on_postgres(void **state);
/* Whatever happened, the directory knows what the database holds, and the audit log holds. */
int close_house(void **state);

#define ON_SQLITE(name)                                                                            \
    {#name, name, open_once, close_house, NULL},                                                   \
    {                                                                                              \
#name "__undone_twice", name, open_thrice, close_house, NULL                               \
    }
#define CASE(name)                                                                                 \
    ON_SQLITE(name),                                                                               \
    {                                                                                              \
#name "__postgres", run_on_postgres, open_on_postgres, close_house, &(struct on_postgres)  \
        {                                                                                          \
            name                                                                                   \
        }                                                                                          \
    }

struct ticket {
    struct account_answer answer;
    unsigned answers;
};

typedef void (*account_function)(struct account_desk *desk, const struct account_request *request);

void begin(account_function call, struct account_request request, struct ticket *ticket);
void collect_one(void);
/* Until every call that can go on has gone as far as it can. */
void settle(unsigned calls_left);
struct account_answer ask(account_function call, struct account_request request);

#define ASK(call, ...) ask(call, (struct account_request){__VA_ARGS__})

void add_first(void);
/* The newest one's id: PostgreSQL does not give the number of an undone row again. */
extern uint64_t newest_user;
uint64_t add_user(const char *email);
bool identify_at(const char *token, int64_t now_ms, struct principal *who);
bool is_in(const char *token);
struct account_answer log_in(const char *email);
/* Who is in by a new session. */
struct principal enter(const char *email, char token[TOKEN_TEXT_SIZE]);
struct account_answer add_token(struct principal who);

int64_t query(const char *text);
struct audit_entry newest_entry(void);
void assert_told(const char *action, const char *actor, const char *target);
/* Good until the next one. */
const char *user_text(uint64_t id, const char *after);

#endif
