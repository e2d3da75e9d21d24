/* The audit log: who did what, in a chain that shows what was altered.
 *
 * An entry is written in the transaction of what it tells, so neither is there without the other.
 * Entries count from 1 without gaps, and each carries
 *
 *     hash = BLAKE2b-256(hash of the one before, every field with its size)
 *
 * The newest number and hash also stand in settings, so that entries cut off at the end are
 * missed. Whoever can write to the database can still forge all of it: therefore the server logs
 * number and hash of each day's last entry (an anchor), and audit_verify takes one to hold the
 * chain to.
 *
 * Thread: that of the connection. Errors beside those named: those of sql.h. */
#ifndef IO_STORE_AUDIT_STORE_H
#define IO_STORE_AUDIT_STORE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "io/store/account_row.h"
#include "io/store/sql.h"

/* Sizes count the NUL; a longer text is a bug of the caller's, but for those that come from
 * outside, which audit_append cuts: an entry that could not be written would be worse. */
enum {
    AUDIT_ACTION_SIZE = 33,
    AUDIT_TARGET_SIZE = 65,
    AUDIT_REQUEST_SIZE = 33,
    AUDIT_DETAIL_SIZE = 513,
};

struct audit_entry {
    uint64_t id; /* given by audit_append */
    int64_t time_ms;
    uint64_t user_id;                 /* whose doing; 0: nobody who is known */
    char actor[STORE_EMAIL_SIZE];     /* the e-mail at that time, or "system" or "command line" */
    char action[AUDIT_ACTION_SIZE];   /* a word: "login", "key_added" */
    char target[AUDIT_TARGET_SIZE];   /* of what: "bot 42"; "" */
    char address[STORE_ADDRESS_SIZE]; /* of the client; "" */
    char request_id[AUDIT_REQUEST_SIZE];
    char detail[AUDIT_DETAIL_SIZE]; /* for people; never a secret */
    uint8_t hash[STORE_HASH_SIZE];
};

/* Number and hash of an entry. */
struct audit_anchor {
    uint64_t id; /* 0: none */
    uint8_t hash[STORE_HASH_SIZE];
};

/* Inside a transaction; sets id and hash. */
enum err audit_append(struct sql *db, struct audit_entry *entry) ERR_MUST_USE;
/* The newest entry; id 0 where there is none. */
enum err audit_newest(struct sql *db, struct audit_anchor *anchor) ERR_MUST_USE;
/* Newest first, those before before_id (0: from the newest), at most limit. */
enum err audit_list(struct sql *db, uint64_t before_id, uint32_t limit,
                    void (*on_entry)(void *user, const struct audit_entry *entry),
                    void *user) ERR_MUST_USE;
/* Walks the whole chain. *count is how many entries hold. ERR_INVALID names the first that does
 * not, or says that the end is missing, or that the anchor's entry is another one. anchor may be
 * NULL. */
enum err audit_verify(struct sql *db, const struct audit_anchor *anchor,
                      uint64_t *count) ERR_MUST_USE;

#endif
