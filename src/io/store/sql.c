/* What both databases have in common: urls, kept statements, values that are checked. */
#include "io/store/sql.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "base/hash.h"
#include "base/utf8.h"
#include "io/store/sql_backend.h"

static enum err refused(const struct sql_statement *st);
static struct kept *kept_slot(struct sql *db, const char *text);
static struct sql_value *next_value(struct sql_statement *st, enum sql_value_kind kind);
static enum err complete(struct sql_statement *st);

enum err sql_open(const char *url, enum sql_access access, uint32_t timeout_ms, struct sql **out)
{
    *out = NULL;
    char shown[SQL_URL_SIZE];
    sql_url_shown(url, shown, sizeof shown);
    const char *path = strncmp(url, "sqlite:", 7) == 0 ? url + 7 : url;
    size_t scheme = 0;
    while (islower((unsigned char)path[scheme])) scheme++;
    enum err err;
    if (!*path)
        err = err_set(ERR_INVALID, "the database's address is empty");
    else if (strncmp(url, "postgresql://", 13) == 0 || strncmp(url, "postgres://", 11) == 0)
        err = postgres_open(url, access, timeout_ms, out);
    else if (path == url && scheme > 0 && path[scheme] == ':')
        err = err_set(ERR_INVALID, "it begins with neither sqlite: nor postgresql://");
    else
        err = sqlite_open(path, access, timeout_ms, out);
    return err ? err_note(err, "while opening the database %s", shown) : OK;
}

void sql_close(struct sql *db)
{
    if (!db) return;
    sql_rollback(db);
    while (db->statements) sql_finalize(db->statements);
    db->backend->close(db);
}

enum sql_kind sql_kind(const struct sql *db)
{
    return db->kind;
}

void sql_url_shown(const char *url, char *out, size_t size)
{
    const char *host = strstr(url, "://");
    const char *end = host ? strchr(host + 3, '@') : NULL;
    const char *password = end ? memchr(host + 3, ':', (size_t)(end - host - 3)) : NULL;
    if (password)
        snprintf(out, size, "%.*s:***%s", (int)(password - url), url, end);
    else
        snprintf(out, size, "%s", url);
    char *query = strchr(out, '?');
    if (query && host) *query = '\0'; /* may hold a password too */
}

enum err sql_begin(struct sql *db, enum sql_pace pace)
{
    CHECK(!sql_in_transaction(db));
    return db->backend->begin(db, pace);
}

enum err sql_set_pace(struct sql *db, enum sql_pace pace)
{
    return db->backend->set_pace(db, pace);
}

enum err sql_commit(struct sql *db)
{
    return db->backend->commit(db);
}

void sql_rollback(struct sql *db)
{
    db->backend->rollback(db);
}

bool sql_in_transaction(const struct sql *db)
{
    return db->backend->in_transaction(db);
}

enum err sql_save(struct sql *db, enum sql_piece piece)
{
    return db->backend->save(db, piece);
}

enum err sql_saved(struct sql *db, enum sql_piece piece, enum err err)
{
    return db->backend->saved(db, piece, err);
}

enum err sql_exec(struct sql *db, const char *text)
{
    return db->backend->exec(db, text);
}

enum err sql_prepare(struct sql *db, const char *text, struct sql_statement **out)
{
    *out = NULL;
    struct sql_statement *st = NULL;
    const enum err err = db->backend->prepare(db, text, &st);
    if (err) return err;
    CHECK(st->value_wanted <= SQL_VALUES_MAX);
    st->db = db;
    st->next = db->statements;
    db->statements = st;
    *out = st;
    return OK;
}

void sql_finalize(struct sql_statement *st)
{
    if (!st) return;
    struct sql_statement **at = &st->db->statements;
    while (*at != st) at = &(*at)->next;
    *at = st->next;
    sql_reset(st);
    st->db->backend->finalize(st);
}

enum err sql_use(struct sql *db, const char *text, struct sql_statement **out)
{
    struct kept *kept = kept_slot(db, text);
    if (!kept->text) {
        const enum err err = sql_prepare(db, text, &kept->statement);
        if (err) return err;
        kept->text = text;
        CHECK(++db->kept_count <= SQL_KEPT_MAX);
    }
    *out = kept->statement;
    return OK;
}

void sql_i64(struct sql_statement *st, int64_t value)
{
    next_value(st, SQL_VALUE_INTEGER)->number = value;
}

void sql_u64(struct sql_statement *st, uint64_t value)
{
    sql_i64(st, (int64_t)value);
}

void sql_text(struct sql_statement *st, const char *text)
{
    if (text)
        sql_slice(st, slice_of(text));
    else
        sql_null(st);
}

void sql_slice(struct sql_statement *st, struct slice text)
{
    struct sql_value *value = next_value(st, SQL_VALUE_TEXT);
    value->data = text.size ? text.data : "";
    value->size = text.size;
    const bool whole = utf8_is_valid(text) && !(text.size && memchr(text.data, '\0', text.size));
    if (!whole && !st->refused) st->refused = st->value_count;
}

void sql_blob(struct sql_statement *st, const void *data, size_t size)
{
    struct sql_value *value = next_value(st, SQL_VALUE_BLOB);
    value->data = size ? data : "";
    value->size = size;
}

void sql_null(struct sql_statement *st)
{
    next_value(st, SQL_VALUE_NULL);
}

enum err sql_run(struct sql_statement *st)
{
    const enum err err = complete(st);
    return err ? err : st->db->backend->run(st, NULL);
}

enum err sql_run_one(struct sql_statement *st, const char *what, uint64_t id)
{
    int64_t changes = 0;
    enum err err = complete(st);
    if (!err) err = st->db->backend->run(st, &changes);
    if (err || changes == 1) return err;
    return err_set(ERR_NOT_FOUND, "there is no %s %llu", what, (unsigned long long)id);
}

enum err sql_run_i64(struct sql_statement *st, int64_t *out)
{
    bool more;
    enum err err = sql_next(st, &more);
    if (!err && !more) err = err_set(ERR_NOT_FOUND, "there is no such row");
    if (!err) *out = sql_column_i64(st, 0);
    /* To the end: there SQLite looks whether the references of a RETURNING are good. */
    if (!err) err = sql_next(st, &more);
    sql_reset(st);
    return err;
}

enum err sql_next(struct sql_statement *st, bool *more)
{
    *more = false;
    const bool first = !st->has_rows;
    enum err err = first ? complete(st) : OK;
    if (err) return err;
    st->has_rows = true;
    err = st->db->backend->next(st, first, more);
    if (err) *more = false;
    if (!*more) sql_reset(st);
    return err;
}

/* The values are forgotten too: a statement that was not run takes them anew. */
void sql_reset(struct sql_statement *st)
{
    if (st->has_rows) st->db->backend->reset(st);
    st->has_rows = false;
    st->value_count = 0;
    st->refused = 0;
}

int64_t sql_column_i64(struct sql_statement *st, int column)
{
    return st->db->backend->column_i64(st, column);
}

struct slice sql_column_text(struct sql_statement *st, int column)
{
    return st->db->backend->column_text(st, column);
}

struct slice sql_column_blob(struct sql_statement *st, int column)
{
    return st->db->backend->column_blob(st, column);
}

bool sql_column_is_null(struct sql_statement *st, int column)
{
    return st->db->backend->column_is_null(st, column);
}

const char *sql_column_name(struct sql_statement *st, int column)
{
    return st->db->backend->column_name(st, column);
}

enum err sql_fence(struct sql *db)
{
    return db->backend->fence(db);
}

static struct kept *kept_slot(struct sql *db, const char *text)
{
    const uint32_t mask = sizeof db->kept / sizeof *db->kept - 1;
    uint32_t i = (uint32_t)hash_u64(HASH_SEED, (uint64_t)(uintptr_t)text) & mask;
    while (db->kept[i].text && db->kept[i].text != text) i = (i + 1) & mask;
    return &db->kept[i];
}

static struct sql_value *next_value(struct sql_statement *st, enum sql_value_kind kind)
{
    CHECK(!st->has_rows && st->value_count < st->value_wanted);
    struct sql_value *value = &st->values[st->value_count++];
    value->kind = (uint8_t)kind;
    return value;
}

/* The statement can be run; what it is given after that are the values of the next run. */
static enum err complete(struct sql_statement *st)
{
    CHECK(!st->has_rows && st->value_count == st->value_wanted);
    const enum err err = refused(st);
    st->value_count = 0;
    st->refused = 0;
    return err;
}

static enum err refused(const struct sql_statement *st)
{
    if (!st->refused) return OK;
    const struct sql_value *value = &st->values[st->refused - 1];
    const bool has_nul = memchr(value->data, '\0', value->size) != NULL;
    return err_set(ERR_INVALID, "value %d holds %s", st->refused,
                   has_nul ? "a NUL, which no text may" : "bytes that are not UTF-8");
}
