/* What a database has to do behind sql.h; only sql*.c see this. */
#ifndef IO_STORE_SQL_BACKEND_H
#define IO_STORE_SQL_BACKEND_H

#include "io/store/sql.h"

enum sql_value_kind { SQL_VALUE_NULL, SQL_VALUE_INTEGER, SQL_VALUE_TEXT, SQL_VALUE_BLOB };

struct sql_value {
    uint8_t kind; /* enum sql_value_kind */
    int64_t number;
    const void *data;
    size_t size;
};

/* A backend's statement begins with this. */
struct sql_statement {
    struct sql *db;
    struct sql_statement *next; /* of the connection's */
    struct sql_value values[SQL_VALUES_MAX];
    int value_count;  /* given so far */
    int value_wanted; /* what the text asks for */
    int refused;      /* the first value that is no text; 0: none */
    bool has_rows;    /* run, and not read to the end */
};

/* Each function may count on the values being complete and right. */
struct sql_backend {
    enum err (*prepare)(struct sql *db, const char *text, struct sql_statement **out);
    void (*finalize)(struct sql_statement *st);
    /* changes: NULL where any count will do; where the answer waits (deferred), it says 1 and that
     * is held to account later. */
    enum err (*run)(struct sql_statement *st, int64_t *changes);
    enum err (*next)(struct sql_statement *st, bool first, bool *more);
    void (*reset)(struct sql_statement *st);
    int64_t (*column_i64)(struct sql_statement *st, int column);
    struct slice (*column_text)(struct sql_statement *st, int column);
    struct slice (*column_blob)(struct sql_statement *st, int column);
    bool (*column_is_null)(struct sql_statement *st, int column);
    const char *(*column_name)(struct sql_statement *st, int column);
    enum err (*begin)(struct sql *db, enum sql_pace pace);
    enum err (*set_pace)(struct sql *db, enum sql_pace pace);
    enum err (*commit)(struct sql *db);
    void (*rollback)(struct sql *db);
    bool (*in_transaction)(const struct sql *db);
    enum err (*save)(struct sql *db, enum sql_piece piece);
    enum err (*saved)(struct sql *db, enum sql_piece piece, enum err err);
    enum err (*exec)(struct sql *db, const char *text);
    enum err (*fence)(struct sql *db);
    void (*close)(struct sql *db); /* frees it; its statements are gone by then */
};

/* A backend's connection begins with this. */
struct sql {
    const struct sql_backend *backend;
    enum sql_kind kind;
    struct sql_statement *statements;
    struct kept {
        const char *text;
        struct sql_statement *statement;
    } kept[2 * SQL_KEPT_MAX]; /* a hash table by the text's address */
    uint32_t kept_count;
};

enum err postgres_open(const char *url, enum sql_access access, uint32_t timeout_ms,
                       struct sql **out) ERR_MUST_USE;
enum err sqlite_open(const char *path, enum sql_access access, uint32_t timeout_ms,
                     struct sql **out) ERR_MUST_USE;

#endif
