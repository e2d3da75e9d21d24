/* Deadlines around libpq. */
#include "io/store/pg_link.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/check.h"
#include "base/clock.h"

/* pg_current_xact_id and pg_xact_status came with it. */
#define OLDEST_SERVER 130000
#define NAME_SIZE     64

static enum err connect_by(struct pg_link *l, int64_t deadline);
static enum err greet(struct pg_link *l, enum sql_access access);
static enum err wait_for(struct pg_link *l, short events, int64_t deadline);
static enum err lost(struct pg_link *l);
static void one_line(const char *text, char *out, size_t size);
static enum err run_simple(struct pg_link *l, const char *text);

static int64_t after_ms(uint32_t ms)
{
    return clock_monotonic_ns(&clock_system) + (int64_t)ms * 1000000;
}

/* What the server remarks goes nowhere: what matters comes as an error. */
static void ignore_notice(void *user, const PGresult *notice)
{
    (void)user, (void)notice;
}

enum err pg_link_open(struct pg_link *l, const char *url, enum sql_access access,
                      uint32_t timeout_ms)
{
    *l = (struct pg_link){.timeout_ms = timeout_ms};
    /* libpq's own words would repeat the address, and the password in it. */
    PQconninfoOption *parsed = PQconninfoParse(url, NULL);
    if (!parsed) return err_set(ERR_INVALID, "it is not an address that PostgreSQL has");
    PQconninfoFree(parsed);

    char host[32] = "", name[NAME_SIZE];
    gethostname(host, sizeof host - 1);
    snprintf(name, sizeof name, "tradebot process %d on %s", (int)getpid(), host);
    const char *const keys[] = {"dbname", "application_name", "client_encoding", NULL};
    const char *const values[] = {url, name, "UTF8", NULL};
    l->conn = PQconnectStartParams(keys, values, 1);
    if (!l->conn) return err_set(ERR_NO_MEMORY, "out of memory");
    PQsetNoticeReceiver(l->conn, ignore_notice, NULL);
    enum err err = connect_by(l, after_ms(timeout_ms));
    if (!err) err = greet(l, access);
    if (err) pg_link_close(l);
    return err;
}

void pg_link_close(struct pg_link *l)
{
    PQfinish(l->conn);
    l->conn = NULL;
}

bool pg_link_is_open(const struct pg_link *l)
{
    return l->conn != NULL;
}

/* Twice: the first look may see the server's last words, the second that nothing follows them. */
void pg_link_check(struct pg_link *l)
{
    for (int look = 0; look < 2 && l->conn; look++) {
        if (!PQconsumeInput(l->conn) || PQstatus(l->conn) != CONNECTION_OK) pg_link_close(l);
    }
}

int pg_link_pid(const struct pg_link *l)
{
    return l->conn ? PQbackendPID(l->conn) : 0;
}

enum err pg_link_sent(struct pg_link *l, int sent)
{
    return sent ? OK : lost(l);
}

enum err pg_link_sync(struct pg_link *l)
{
    if (!l->conn) return lost(l);
    return pg_link_sent(l, PQpipelineSync(l->conn));
}

enum err pg_link_result(struct pg_link *l, PGresult **out)
{
    *out = NULL;
    if (!l->conn) return lost(l);
    const int64_t deadline = after_ms(l->timeout_ms + PG_ANSWER_MARGIN_MS);
    while (PQisBusy(l->conn)) {
        const int unsent = PQflush(l->conn);
        if (unsent < 0) return lost(l);
        const enum err err = wait_for(l, unsent ? POLLIN | POLLOUT : POLLIN, deadline);
        if (err) return err;
        if (!PQconsumeInput(l->conn)) return lost(l);
    }
    *out = PQgetResult(l->conn);
    return OK;
}

enum err pg_link_exec(struct pg_link *l, const char *text, uint32_t timeout_ms)
{
    if (!l->conn) return lost(l);
    const int left = PQexitPipelineMode(l->conn);
    CHECK(left == 1);
    const uint32_t usual_ms = l->timeout_ms;
    char setting[64];
    snprintf(setting, sizeof setting, "SET LOCAL statement_timeout = %u", timeout_ms);
    enum err err = run_simple(l, setting);
    l->timeout_ms = timeout_ms;
    if (!err) err = run_simple(l, text);
    l->timeout_ms = usual_ms;
    if (l->conn) {
        const int entered = PQenterPipelineMode(l->conn);
        CHECK(entered == 1);
    }
    return err;
}

enum err pg_error(const PGresult *result)
{
    const char *state = PQresultErrorField(result, PG_DIAG_SQLSTATE);
    const char *text = PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY);
    if (!state) state = "";
    if (!text) text = "the database gave no cause";
    if (strcmp(state, "23505") == 0) return err_set(ERR_EXISTS, "%s", text);
    if (strcmp(state, "23503") == 0) return err_set(ERR_NOT_FOUND, "%s", text);
    if (strncmp(state, "23", 2) == 0 || strncmp(state, "22", 2) == 0 ||
        strncmp(state, "54", 2) == 0) {
        return err_set(ERR_INVALID, "%s", text);
    }
    if (strcmp(state, "53100") == 0) return err_set(ERR_LIMIT, "the disk is full: %s", text);
    if (strcmp(state, "53200") == 0) return err_set(ERR_NO_MEMORY, "%s", text);
    if (strcmp(state, "53300") == 0) return err_set(ERR_LIMIT, "%s", text);
    /* A statement or a lock that took too long, a deadlock, a conflict of transactions. */
    if (strcmp(state, "57014") == 0 || strcmp(state, "55P03") == 0 ||
        strncmp(state, "40", 2) == 0) {
        return err_set(ERR_TIMEOUT, "%s", text);
    }
    if (pg_error_is_farewell(result)) return err_set(ERR_CLOSED, "%s", text);
    return err_set(ERR_IO, "%s (PostgreSQL error %s)", text, state);
}

bool pg_error_is_farewell(const PGresult *result)
{
    const char *state = PQresultErrorField(result, PG_DIAG_SQLSTATE);
    if (!state) return true;
    return strncmp(state, "57P", 3) == 0 || strncmp(state, "08", 2) == 0 ||
           strcmp(state, "25P03") == 0;
}

static enum err connect_by(struct pg_link *l, int64_t deadline)
{
    PostgresPollingStatusType next = PGRES_POLLING_WRITING;
    while (next != PGRES_POLLING_OK) {
        if (next == PGRES_POLLING_FAILED || PQstatus(l->conn) == CONNECTION_BAD) return lost(l);
        const enum err err =
            wait_for(l, next == PGRES_POLLING_READING ? POLLIN : POLLOUT, deadline);
        if (err) return err_note(ERR_CLOSED, "while connecting");
        next = PQconnectPoll(l->conn);
    }
    return OK;
}

/* Times are limited on both sides: ours ends a wait for a server that is gone, the server's ends
 * what it does for a client that is. An answer to COMMIT must mean a disk, whatever the server's
 * settings are. A page is planned for its own size: for one of any size a sort of all rows may seem
 * as good as an index. */
static enum err greet(struct pg_link *l, enum sql_access access)
{
    if (PQserverVersion(l->conn) < OLDEST_SERVER) {
        return err_set(ERR_UNSUPPORTED, "PostgreSQL %d is too old: 13 is the oldest that will do",
                       PQserverVersion(l->conn) / 10000);
    }
    const char *encoding = PQparameterStatus(l->conn, "server_encoding");
    if (!encoding || strcmp(encoding, "UTF8") != 0) {
        return err_set(ERR_UNSUPPORTED, "the database is in %s and must be in UTF8",
                       encoding ? encoding : "an unknown encoding");
    }
    if (PQsetnonblocking(l->conn, 1) != 0) return lost(l);
    char settings[640];
    snprintf(settings, sizeof settings,
             "SET statement_timeout = %u; SET lock_timeout = %u;"
             "SET idle_in_transaction_session_timeout = %u;"
             "SET tcp_keepalives_idle = 30; SET tcp_keepalives_interval = 5;"
             "SET tcp_keepalives_count = 3; SET default_transaction_read_only = %s;"
             "SET bytea_output = 'hex'; SET plan_cache_mode = %s;"
             "SELECT set_config('synchronous_commit', 'on', false)"
             " WHERE current_setting('synchronous_commit') = 'off'",
             l->timeout_ms, l->timeout_ms, l->timeout_ms + 2 * PG_ANSWER_MARGIN_MS,
             access == SQL_READ ? "on" : "off", access == SQL_READ ? "force_custom_plan" : "auto");
    enum err err = run_simple(l, settings);
    if (!err && !PQenterPipelineMode(l->conn)) err = lost(l);
    return err;
}

static enum err run_simple(struct pg_link *l, const char *text)
{
    enum err err = pg_link_sent(l, PQsendQuery(l->conn, text));
    PGresult *result = NULL;
    enum err first = OK;
    while (!err && !(err = pg_link_result(l, &result)) && result) {
        if (PQresultStatus(result) == PGRES_FATAL_ERROR && !first) first = pg_error(result);
        PQclear(result);
    }
    return err ? err : first;
}

static enum err wait_for(struct pg_link *l, short events, int64_t deadline)
{
    for (;;) {
        const int64_t left_ns = deadline - clock_monotonic_ns(&clock_system);
        struct pollfd poll_for = {.fd = PQsocket(l->conn), .events = events};
        const int ready = left_ns > 0 ? poll(&poll_for, 1, (int)(left_ns / 1000000) + 1) : 0;
        if (ready > 0) return OK;
        if (ready < 0 && errno == EINTR) continue;
        pg_link_close(l);
        if (ready < 0) return err_set(ERR_CLOSED, "no poll: %s", strerror(errno));
        return err_set(ERR_TIMEOUT, "PostgreSQL does not answer");
    }
}

static enum err lost(struct pg_link *l)
{
    char line[256] = "not connected";
    if (l->conn) one_line(PQerrorMessage(l->conn), line, sizeof line);
    pg_link_close(l);
    return err_set(ERR_CLOSED, "PostgreSQL: %s", line);
}

/* libpq ends its messages with a line break, and has them inside too. */
static void one_line(const char *text, char *out, size_t size)
{
    size_t used = 0;
    for (; *text && used + 1 < size; text++) {
        const bool blank = *text == '\n' || *text == '\t' || *text == ' ';
        if (blank && (used == 0 || out[used - 1] == ' ')) continue;
        out[used++] = blank ? ' ' : *text;
    }
    while (used > 0 && out[used - 1] == ' ') used--;
    out[used] = '\0';
    if (used == 0) snprintf(out, size, "the connection was lost");
}
