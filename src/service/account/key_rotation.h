/* Changes the master key under everything that is sealed, while servers run.
 *
 *     a version is added to the secret file
 *     the database: nothing is sealed by an older one from here on   (sealed_store_set_version)
 *     each sealed row is wrapped anew, a transaction each
 *     a pause, in which servers read what changed of the accounts
 *     the older versions leave the file
 *
 * It may be killed at any point: the next one finds more than one version in the file and goes on
 * to the newest of them, row by row. A backup of the database needs the secret file of its time.
 *
 * Thread: one; the database is a connection of its own (SQL_BESIDE while a server runs). */
#ifndef SERVICE_ACCOUNT_KEY_ROTATION_H
#define SERVICE_ACCOUNT_KEY_ROTATION_H

#include <stdint.h>

#include "base/err.h"
#include "io/store/sql.h"
#include "service/account/vault.h"

/* Servers look once a second whether accounts have changed; until then they know second factors by
 * their old wrapping. */
enum { KEY_ROTATION_PAUSE_MS = 3000 };

struct key_rotation {
    struct sql *db;
    struct vault *vault;
    /* After each row that was looked at; total may grow by what servers add. May be NULL. */
    void (*on_row)(void *user, uint64_t done, uint64_t total);
    /* Between the last row and the end of the old versions. */
    void (*pause)(void *user);
    void *user;

    /* Results. */
    uint32_t version; /* that everything is sealed by */
    uint64_t wrapped; /* rows */
    bool was_begun;   /* it went on with one that had been interrupted */
};

/* ERR_INVALID: a row that does not open, named; the versions stay. Else an error of sql.h or of
 * the file. */
enum err key_rotation_run(struct key_rotation *r) ERR_MUST_USE;

/* For whoever is about to seal something and to write it, in the transaction that writes: the vault
 * seals by a key that the database asks for, and no newer one is asked for before the transaction
 * ends. ERR_INVALID: the file of master keys; else the database. */
enum err key_rotation_hold(struct sql *db, struct vault *v) ERR_MUST_USE;

#endif
