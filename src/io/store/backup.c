/* Tables to rows of a file, and back. */
#include "io/store/backup.h"

#include <string.h>

#include "base/check.h"
#include "io/store/audit_store.h"
#include "io/store/migrate.h"

/* How many rows PostgreSQL sends at once, and how often somebody is told of progress. */
#define FETCH_TEXT   "FETCH 500 FROM backup_rows"
#define ROWS_A_WATCH 1000

enum { MARK_TABLE = 'T', MARK_ROW = 'R', MARK_END = 'E', REFERENCES_MAX = 256 };

enum column_kind { COLUMN_INTEGER = 'I', COLUMN_TEXT = 'S', COLUMN_BLOB = 'B' };

struct table {
    char name[BACKUP_NAME_SIZE];
    char columns[BACKUP_COLUMNS_MAX][BACKUP_NAME_SIZE];
    uint8_t kinds[BACKUP_COLUMNS_MAX]; /* enum column_kind */
    uint32_t column_count;
};

struct tables {
    char names[BACKUP_TABLES_MAX][BACKUP_NAME_SIZE];
    uint32_t count;
    struct {
        char from[BACKUP_NAME_SIZE], to[BACKUP_NAME_SIZE];
    } references[REFERENCES_MAX];
    uint32_t reference_count;
};

struct progress {
    const struct backup_watch *watch;
    uint64_t done, all;
};

static enum err write_all(struct sql *db, struct backup_file *b, struct progress *progress,
                          struct backup_summary *summary);
static enum err read_tables(struct sql *db, struct tables *t);
static enum err read_references(struct sql *db, struct tables *t);
static void sort_tables(struct tables *t);
static enum err count_rows(struct sql *db, const struct tables *t, uint64_t *count);
static enum err write_head(struct sql *db, struct backup_file *b, struct backup_summary *summary);
static enum err read_columns(struct sql *db, const char *name, struct table *table);
static enum err write_table(struct sql *db, struct backup_file *b, const struct table *table,
                            struct progress *progress);
static enum err load_all(struct backup_file *b, struct sql *db, struct progress *progress);
static enum err load_table(struct backup_file *b, struct table *table);
static enum err load_row(struct backup_file *b, const struct table *table,
                         struct sql_statement *insert);
static enum err empty_tables(struct sql *db);
static enum err mark_restored(struct sql *db, const struct restore_options *options);

enum err backup_write(struct sql *db, FILE *out, int64_t now_ms, const struct backup_watch *watch,
                      struct backup_summary *summary)
{
    struct backup_file b;
    struct progress progress = {.watch = watch};
    *summary = (struct backup_summary){.made_ms = now_ms};
    enum err err = sql_begin(db, SQL_EXACT);
    if (err) return err;
    backup_file_write(&b, out);
    err = write_all(db, &b, &progress, summary);
    sql_rollback(db);
    if (!err) err = backup_file_finish(&b);
    backup_file_deinit(&b);
    return err ? err_note(err, "while writing the backup") : OK;
}

enum err backup_open(struct backup_file *b, FILE *file, struct backup_summary *summary)
{
    *summary = (struct backup_summary){0};
    enum err err = backup_file_read(b, file);
    if (err) return err;
    summary->made_ms = (int64_t)backup_file_get_u64(b);
    const uint64_t version = backup_file_get_u64(b);
    for (uint64_t i = 0; !b->err && i < version; i++) {
        char name[BACKUP_NAME_SIZE];
        snprintf(name, sizeof name, "%s", backup_file_get(b).data);
        const struct slice checksum = backup_file_get(b);
        if (b->err) break;
        if (i >= migrations_count)
            return err_set(ERR_UNSUPPORTED,
                           "the backup is of a newer TradeBot: it has migration %s, this program "
                           "knows %u migrations; use the newer program",
                           name, migrations_count);
        if (!migrate_is(&migrations[i], checksum.data))
            return err_set(ERR_INVALID, "the backup's migration %s is not this program's", name);
    }
    summary->version = (uint32_t)version;
    summary->tables = (uint32_t)backup_file_get_u64(b);
    summary->rows = backup_file_get_u64(b);
    return backup_file_error(b);
}

enum err backup_load(struct backup_file *b, const struct backup_summary *summary, struct sql *db,
                     const struct restore_options *options)
{
    struct progress progress = {.watch = &options->watch, .all = summary->rows};
    enum err err = migrate(db, migrations, summary->version, options->now_ms);
    if (!err) err = sql_begin(db, SQL_DEFERRED);
    if (err) return err;
    err = empty_tables(db);
    if (!err) err = load_all(b, db, &progress);
    if (!err && progress.done != progress.all)
        err = err_set(ERR_PARSE, "the backup has other rows than it says");
    if (!err) err = sql_set_pace(db, SQL_EXACT);
    if (!err) err = migrate_count_on(db);
    if (!err) err = sql_commit(db);
    if (err) {
        sql_rollback(db);
        return err_note(err, "while loading the backup");
    }
    err = migrate(db, migrations, migrations_count, options->now_ms);
    return err ? err : mark_restored(db, options);
}

enum err store_restored(struct sql *db, int64_t *restored_ms)
{
    struct sql_statement *st;
    const enum err err = sql_use(db, "SELECT restored_ms FROM settings", &st);
    return err ? err : sql_run_i64(st, restored_ms);
}

enum err store_restored_settle(struct sql *db)
{
    struct sql_statement *st;
    const enum err err = sql_use(db, "UPDATE settings SET restored_ms = 0", &st);
    return err ? err : sql_run(st);
}

enum err store_order_ids_used(struct sql *db, uint64_t *limit)
{
    struct sql_statement *st;
    int64_t value = 0;
    enum err err = sql_use(db, "SELECT order_id_limit FROM settings", &st);
    if (!err) err = sql_run_i64(st, &value);
    *limit = (uint64_t)value;
    return err;
}

static void tell(struct progress *p, uint64_t done)
{
    p->done = done;
    if (p->watch->on_rows && p->all > 0 && (done % ROWS_A_WATCH == 0 || done == p->all))
        p->watch->on_rows(p->watch->user, done, p->all);
}

/* ---- writing ---- */

static enum err write_all(struct sql *db, struct backup_file *b, struct progress *progress,
                          struct backup_summary *summary)
{
    static _Thread_local struct tables tables; /* large */
    static _Thread_local struct table table;
    tables = (struct tables){0};
    enum err err = read_tables(db, &tables);
    if (!err) err = read_references(db, &tables);
    if (err) return err;
    sort_tables(&tables);
    err = count_rows(db, &tables, &summary->rows);
    summary->tables = tables.count;
    if (!err) err = write_head(db, b, summary);
    progress->all = summary->rows;
    for (uint32_t i = 0; !err && i < tables.count; i++) {
        err = read_columns(db, tables.names[i], &table);
        if (!err) err = write_table(db, b, &table, progress);
    }
    backup_file_put_u8(b, MARK_END);
    return err ? err : b->err;
}

/* Names of ours are put into statements as they are: nothing else may come from a file. */
static enum err take_name(char out[BACKUP_NAME_SIZE], struct slice name)
{
    static const char letters[] = "abcdefghijklmnopqrstuvwxyz0123456789_";
    if (name.size == 0 || name.size >= BACKUP_NAME_SIZE || strspn(name.data, letters) != name.size)
        return err_set(ERR_INVALID, "'%.*s' is no name of a table or column of ours",
                       (int)(name.size < BACKUP_NAME_SIZE ? name.size : BACKUP_NAME_SIZE),
                       name.data);
    snprintf(out, BACKUP_NAME_SIZE, "%s", name.data);
    return OK;
}

static enum err read_tables(struct sql *db, struct tables *t)
{
    struct sql_statement *st;
    bool more;
    enum err err = sql_use(
        db,
        sql_kind(db) == SQL_SQLITE
            ? "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite%'"
              " AND name <> 'migrations' ORDER BY name"
            : "SELECT CAST(table_name AS TEXT) FROM information_schema.tables"
              " WHERE table_schema = current_schema() AND table_type = 'BASE TABLE'"
              " AND table_name NOT IN ('migrations', 'writer') ORDER BY table_name",
        &st);
    while (!err && !(err = sql_next(st, &more)) && more) {
        if (t->count == BACKUP_TABLES_MAX) err = err_set(ERR_LIMIT, "too many tables");
        if (!err) err = take_name(t->names[t->count++], sql_column_text(st, 0));
    }
    if (err) return err;
    return t->count > 0 ? OK : err_set(ERR_NOT_FOUND, "the database is empty");
}

static enum err read_references(struct sql *db, struct tables *t)
{
    struct sql_statement *st;
    bool more;
    enum err err = sql_use(
        db,
        sql_kind(db) == SQL_SQLITE
            ? "SELECT m.name, f.\"table\" FROM sqlite_schema m, pragma_foreign_key_list(m.name) f"
              " WHERE m.type = 'table'"
            : "SELECT CAST(a.relname AS TEXT), CAST(b.relname AS TEXT) FROM pg_constraint c"
              " JOIN pg_class a ON a.oid = c.conrelid JOIN pg_class b ON b.oid = c.confrelid"
              " JOIN pg_namespace n ON n.oid = a.relnamespace"
              " WHERE c.contype = 'f' AND n.nspname = current_schema()",
        &st);
    while (!err && !(err = sql_next(st, &more)) && more) {
        if (t->reference_count == REFERENCES_MAX) err = err_set(ERR_LIMIT, "too many references");
        if (!err) err = take_name(t->references[t->reference_count].from, sql_column_text(st, 0));
        if (!err) err = take_name(t->references[t->reference_count++].to, sql_column_text(st, 1));
    }
    return err;
}

/* Whether a table refers to one that does not stand before `placed` yet. */
static bool must_wait(const struct tables *t, const char *name, uint32_t placed)
{
    for (uint32_t i = 0; i < t->reference_count; i++) {
        if (strcmp(t->references[i].from, name) != 0) continue;
        bool is_before = strcmp(t->references[i].to, name) == 0;
        for (uint32_t k = 0; k < placed; k++)
            is_before |= strcmp(t->names[k], t->references[i].to) == 0;
        if (!is_before) return true;
    }
    return false;
}

static void sort_tables(struct tables *t)
{
    for (uint32_t placed = 0; placed < t->count; placed++) {
        uint32_t next = placed;
        while (next < t->count && must_wait(t, t->names[next], placed)) next++;
        CHECK(next < t->count); /* tables that refer to each other in a circle */
        char name[BACKUP_NAME_SIZE];
        memcpy(name, t->names[next], sizeof name);
        memmove(t->names[placed + 1], t->names[placed], (next - placed) * sizeof name);
        memcpy(t->names[placed], name, sizeof name);
    }
}

/* Prepares a statement with a name in it, runs it once as the function says, and drops it. */
static enum err prepare_with(struct sql *db, const char *begin, const char *name,
                             struct sql_statement **st)
{
    char text[128 + BACKUP_NAME_SIZE];
    snprintf(text, sizeof text, "%s%s", begin, name);
    return sql_prepare(db, text, st);
}

static enum err count_rows(struct sql *db, const struct tables *t, uint64_t *count)
{
    *count = 0;
    for (uint32_t i = 0; i < t->count; i++) {
        struct sql_statement *st;
        int64_t rows = 0;
        enum err err = prepare_with(db, "SELECT count(*) FROM ", t->names[i], &st);
        if (!err) err = sql_run_i64(st, &rows);
        sql_finalize(st);
        if (err) return err;
        *count += (uint64_t)rows;
    }
    return OK;
}

static enum err write_head(struct sql *db, struct backup_file *b, struct backup_summary *summary)
{
    enum err err = migrate_version(db, migrations, migrations_count, &summary->version);
    struct sql_statement *st;
    bool more;
    backup_file_put_u64(b, (uint64_t)summary->made_ms);
    backup_file_put_u64(b, summary->version);
    if (!err) err = sql_use(db, "SELECT name, checksum FROM migrations ORDER BY version", &st);
    while (!err && !(err = sql_next(st, &more)) && more) {
        backup_file_put(b, sql_column_text(st, 0));
        backup_file_put(b, sql_column_text(st, 1));
    }
    backup_file_put_u64(b, summary->tables);
    backup_file_put_u64(b, summary->rows);
    return err;
}

static enum err kind_of(struct slice type, uint8_t *kind)
{
    *kind = slice_is(type, "INTEGER") || slice_is(type, "bigint") ? COLUMN_INTEGER
            : slice_is(type, "TEXT") || slice_is(type, "text")    ? COLUMN_TEXT
            : slice_is(type, "BLOB") || slice_is(type, "bytea")   ? COLUMN_BLOB
                                                                  : 0;
    return *kind ? OK : err_set(ERR_INVALID, "a column of type %s is none of ours", type.data);
}

static enum err read_columns(struct sql *db, const char *name, struct table *table)
{
    struct sql_statement *st;
    bool more;
    *table = (struct table){0};
    snprintf(table->name, sizeof table->name, "%s", name);
    enum err err = sql_use(db,
                           sql_kind(db) == SQL_SQLITE
                               ? "SELECT name, type FROM pragma_table_info(?1) ORDER BY cid"
                               : "SELECT CAST(column_name AS TEXT), CAST(data_type AS TEXT)"
                                 " FROM information_schema.columns"
                                 " WHERE table_schema = current_schema() AND table_name = ?1"
                                 " ORDER BY ordinal_position",
                           &st);
    if (err) return err;
    sql_text(st, name);
    while (!err && !(err = sql_next(st, &more)) && more) {
        const uint32_t i = table->column_count++;
        CHECK(i < BACKUP_COLUMNS_MAX);
        err = take_name(table->columns[i], sql_column_text(st, 0));
        if (!err) err = kind_of(sql_column_text(st, 1), &table->kinds[i]);
    }
    return err;
}

static void append_columns(struct buffer *text, const struct table *table)
{
    for (uint32_t i = 0; i < table->column_count; i++)
        buffer_printf(text, "%s%s", i ? ", " : "", table->columns[i]);
}

/* PostgreSQL would send a whole table at once; a cursor sends it in pieces. */
static enum err prepare_rows(struct sql *db, const struct table *table, struct sql_statement **st)
{
    const bool sqlite = sql_kind(db) == SQL_SQLITE;
    struct buffer text = {0};
    *st = NULL;
    if (!sqlite) buffer_append_text(&text, "DECLARE backup_rows NO SCROLL CURSOR FOR ");
    buffer_append_text(&text, "SELECT ");
    append_columns(&text, table);
    buffer_printf(&text, " FROM %s", table->name);
    buffer_append_char(&text, '\0');
    enum err err = text.failed ? err_set(ERR_NO_MEMORY, "out of memory") : OK;
    if (!err) err = sqlite ? sql_prepare(db, text.data, st) : sql_exec(db, text.data);
    if (!err && !sqlite) err = sql_prepare(db, FETCH_TEXT, st);
    buffer_deinit(&text);
    return err;
}

static void put_column(struct backup_file *b, struct sql_statement *st, uint8_t kind, int column)
{
    const bool is_null = sql_column_is_null(st, column);
    backup_file_put_u8(b, !is_null);
    if (is_null) return;
    if (kind == COLUMN_INTEGER)
        backup_file_put_u64(b, (uint64_t)sql_column_i64(st, column));
    else
        backup_file_put(b, kind == COLUMN_TEXT ? sql_column_text(st, column)
                                               : sql_column_blob(st, column));
}

/* Reads what one run of the statement gives. */
static enum err write_rows(struct backup_file *b, const struct table *table,
                           struct sql_statement *st, struct progress *progress, bool *any)
{
    bool more;
    enum err err;
    *any = false;
    while (!(err = sql_next(st, &more)) && more) {
        *any = true;
        backup_file_put_u8(b, MARK_ROW);
        for (uint32_t i = 0; i < table->column_count; i++)
            put_column(b, st, table->kinds[i], (int)i);
        if (b->err) {
            sql_reset(st);
            return b->err;
        }
        tell(progress, progress->done + 1);
    }
    return err;
}

static enum err write_table(struct sql *db, struct backup_file *b, const struct table *table,
                            struct progress *progress)
{
    const bool sqlite = sql_kind(db) == SQL_SQLITE;
    struct sql_statement *st;
    backup_file_put_u8(b, MARK_TABLE);
    backup_file_put(b, slice_of(table->name));
    backup_file_put_u64(b, table->column_count);
    for (uint32_t i = 0; i < table->column_count; i++) {
        backup_file_put(b, slice_of(table->columns[i]));
        backup_file_put_u8(b, table->kinds[i]);
    }
    enum err err = prepare_rows(db, table, &st);
    bool any = true;
    while (!err && any) {
        err = write_rows(b, table, st, progress, &any);
        any = any && !sqlite;
    }
    sql_finalize(st);
    if (!err && !sqlite) err = sql_exec(db, "CLOSE backup_rows");
    return err ? err_note(err, "in table %s", table->name) : OK;
}

/* ---- loading ---- */

/* The rows that migrations made are in the backup too. Those that refer go first. */
static enum err empty_tables(struct sql *db)
{
    static _Thread_local struct tables tables; /* large */
    tables = (struct tables){0};
    enum err err = read_tables(db, &tables);
    if (!err) err = read_references(db, &tables);
    if (!err) sort_tables(&tables);
    for (uint32_t i = tables.count; !err && i-- > 0;) {
        struct sql_statement *st;
        err = prepare_with(db, "DELETE FROM ", tables.names[i], &st);
        if (!err) err = sql_run(st);
        if (!err) err = sql_set_pace(db, SQL_EXACT);
        sql_finalize(st);
    }
    return err ? err : sql_set_pace(db, SQL_DEFERRED);
}

static enum err prepare_insert(struct sql *db, const struct table *table, struct sql_statement **st)
{
    struct buffer text = {0};
    *st = NULL;
    buffer_printf(&text, "INSERT INTO %s (", table->name);
    append_columns(&text, table);
    buffer_append_text(&text, ") VALUES (");
    for (uint32_t i = 0; i < table->column_count; i++)
        buffer_printf(&text, "%s?%u", i ? ", " : "", i + 1);
    buffer_append_char(&text, ')');
    buffer_append_char(&text, '\0');
    const enum err err =
        text.failed ? err_set(ERR_NO_MEMORY, "out of memory") : sql_prepare(db, text.data, st);
    buffer_deinit(&text);
    return err;
}

static enum err load_all(struct backup_file *b, struct sql *db, struct progress *progress)
{
    static _Thread_local struct table table; /* large */
    struct sql_statement *insert = NULL;
    enum err err = OK;
    uint8_t kind = 0;
    while (!err && !b->err && (kind = backup_file_get_u8(b)) != MARK_END) {
        if (kind == MARK_TABLE) {
            err = sql_set_pace(db, SQL_EXACT); /* what was sent is answered before it is dropped */
            sql_finalize(insert);
            insert = NULL;
            if (!err) err = load_table(b, &table);
            if (!err) err = prepare_insert(db, &table, &insert);
            if (!err) err = sql_set_pace(db, SQL_DEFERRED);
        } else if (kind == MARK_ROW && insert) {
            err = load_row(b, &table, insert);
            tell(progress, progress->done + 1);
        } else {
            err = err_set(ERR_PARSE, "the backup has neither a table nor a row where one must be");
        }
        if (err && !b->err) err = err_note(err, "in table %s", table.name);
    }
    if (!err) err = b->err;
    if (!err) err = sql_set_pace(db, SQL_EXACT);
    sql_finalize(insert);
    return err;
}

static enum err load_table(struct backup_file *b, struct table *table)
{
    *table = (struct table){0};
    enum err err = take_name(table->name, backup_file_get(b));
    const uint64_t count = backup_file_get_u64(b);
    if (!err && (count == 0 || count > BACKUP_COLUMNS_MAX))
        err = err_set(ERR_PARSE, "it has %llu columns", (unsigned long long)count);
    for (uint64_t i = 0; !err && !b->err && i < count; i++) {
        err = take_name(table->columns[i], backup_file_get(b));
        table->kinds[i] = backup_file_get_u8(b);
    }
    table->column_count = (uint32_t)count;
    return b->err ? b->err : err;
}

/* A statement does not copy the values it is given, so those of a row lie in one buffer first. */
static enum err load_row(struct backup_file *b, const struct table *table,
                         struct sql_statement *insert)
{
    struct {
        int64_t number;
        size_t at, size;
        bool is_null;
    } values[BACKUP_COLUMNS_MAX];
    struct buffer bytes = {0};
    for (uint32_t i = 0; !b->err && i < table->column_count; i++) {
        values[i].is_null = backup_file_get_u8(b) == 0;
        if (values[i].is_null) continue;
        if (table->kinds[i] == COLUMN_INTEGER) {
            values[i].number = (int64_t)backup_file_get_u64(b);
            continue;
        }
        const struct slice value = backup_file_get(b);
        values[i].at = bytes.size;
        values[i].size = value.size;
        buffer_append(&bytes, value.data, value.size);
    }
    enum err err = b->err ? b->err : bytes.failed ? err_set(ERR_NO_MEMORY, "out of memory") : OK;
    for (uint32_t i = 0; !err && i < table->column_count; i++) {
        const char *data = bytes.data ? bytes.data + values[i].at : "";
        if (values[i].is_null)
            sql_null(insert);
        else if (table->kinds[i] == COLUMN_INTEGER)
            sql_i64(insert, values[i].number);
        else if (table->kinds[i] == COLUMN_TEXT)
            sql_slice(insert, (struct slice){data, values[i].size});
        else
            sql_blob(insert, data, values[i].size);
    }
    if (!err) err = sql_run(insert);
    buffer_deinit(&bytes);
    return err;
}

static enum err leave_out(struct sql *db)
{
    struct sql_statement *st;
    enum err err = sql_use(db, "DELETE FROM sessions", &st);
    if (!err) err = sql_run(st);
    if (!err) err = sql_use(db, "DELETE FROM password_resets", &st);
    return err ? err : sql_run(st);
}

static enum err mark(struct sql *db, uint64_t used, const struct restore_options *options)
{
    struct sql_statement *st;
    const enum err err =
        sql_use(db, "UPDATE settings SET order_id_limit = ?1, restored_ms = ?2", &st);
    if (err) return err;
    if (used < options->order_ids_used) used = options->order_ids_used;
    sql_u64(st, used + RESTORE_ORDER_ID_GAP);
    sql_i64(st, options->now_ms);
    return sql_run(st);
}

static enum err mark_restored(struct sql *db, const struct restore_options *options)
{
    struct audit_entry told = {.time_ms = options->now_ms,
                               .actor = "command line",
                               .action = "database_restored",
                               .detail = "from a backup; sessions ended, live entries wait"};
    uint64_t used = 0;
    enum err err = store_order_ids_used(db, &used);
    if (err == ERR_NOT_FOUND) return OK; /* no server has ever used it */
    if (!err) err = sql_begin(db, SQL_EXACT);
    if (err) return err;
    err = leave_out(db);
    if (!err) err = mark(db, used, options);
    if (!err) err = audit_append(db, &told);
    if (!err) return sql_commit(db);
    sql_rollback(db);
    return err;
}
