/* tradebot user: accounts from the command line, while a server runs or not. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "app/admin_database.h"
#include "app/commands.h"
#include "app/nearest.h"
#include "app/options.h"
#include "app/output.h"
#include "app/password_prompt.h"
#include "app/process_guard.h"
#include "base/clock.h"
#include "base/json_writer.h"
#include "base/log.h"
#include "io/store/account_read.h"
#include "io/store/account_store.h"
#include "service/account/accounts.h"

enum { FLAG_DATA, FLAG_JSON, FLAG_PASSWORD_STDIN, FLAG_ROLE, FLAG_DROP_SECOND_FACTOR };

static const struct flag flags[] = {
    [FLAG_DATA] = {"data", "DIR", "the data folder (as the server has it)"},
    [FLAG_JSON] = {"json", NULL, "print the result as JSON"},
    [FLAG_PASSWORD_STDIN] = {"password-stdin", NULL, "the password is a line of standard input"},
    [FLAG_ROLE] = {"role", "ROLE", "viewer, trader or admin"},
    [FLAG_DROP_SECOND_FACTOR] = {"drop-second-factor", NULL,
                                 "for somebody who lost the telephone and the recovery codes"},
};

struct job {
    const struct arguments *arguments;
    struct config config;
    char email[STORE_EMAIL_SIZE];
    enum role role;
    char password_hash[STORE_PASSWORD_HASH_SIZE];
    struct store_user user; /* as it is, then as it is afterwards */
};

/* What a command does inside the transaction. */
typedef enum err (*user_change)(struct sql *db, void *user, struct audit_entry *told);

/* ---- looking ---- */

static void on_user(void *user, const struct store_user *row)
{
    struct job *job = user;
    if (strcmp(row->email, job->email) == 0) job->user = *row;
}

static void on_session(void *user, const struct store_session *row)
{
    (void)user;
    (void)row;
}

static void on_token(void *user, const struct store_api_token *row)
{
    (void)user;
    (void)row;
}

static enum err find(struct sql *db, struct job *job)
{
    const struct account_reader reader = {on_user, on_session, on_token, job};
    job->user = (struct store_user){0};
    return account_read(db, ACCOUNT_READ_ALL, clock_wall_ms(&clock_system), &reader);
}

static enum err find_known(struct sql *db, struct job *job)
{
    const enum err err = find(db, job);
    if (err || job->user.id) return err;
    return err_set(ERR_NOT_FOUND, "there is no user %s; 'tradebot user list' has all", job->email);
}

static void write_user(struct json_writer *w, const struct store_user *u)
{
    writer_open(w, NULL, '{');
    writer_u64(w, "id", u->id);
    writer_text_or_null(w, "email", u->email);
    writer_text(w, "role", role_name(u->role));
    writer_text(w, "state", u->is_disabled ? "disabled" : "active");
    writer_bool(w, "second_factor", u->totp.size > 0);
    writer_time(w, "created_at", u->created_ms);
    writer_close(w, '}');
}

static void print_user(struct buffer *out, const struct store_user *u)
{
    buffer_printf(out, "%-6" PRIu64 " %-8s %-9s %-14s %s\n", u->id, role_name(u->role),
                  u->is_disabled ? "disabled" : "active", u->totp.size > 0 ? "second factor" : "",
                  *u->email ? u->email : "(nobody has claimed it)");
}

/* ---- changes ---- */

/* What somebody could do must end with what lets them do it; and one admin must remain. */
static enum err end_all(struct sql *db, uint64_t user_id)
{
    uint64_t admins = 0;
    enum err err = account_store_end_sessions(db, user_id, 0);
    if (!err) err = account_store_end_tokens(db, user_id);
    if (!err) err = account_store_admins(db, &admins);
    if (err) return err;
    return admins > 0 ? OK : err_set(ERR_INVALID, "then there would be no admin left");
}

static void tell(struct audit_entry *told, const char *action, const struct job *job)
{
    snprintf(told->action, sizeof told->action, "%s", action);
    snprintf(told->target, sizeof told->target, "user %" PRIu64, job->user.id);
    snprintf(told->detail, sizeof told->detail, "%s", job->email);
}

/* The account that the installation came with gets its owner first: what there is belongs to it. */
static enum err add(struct sql *db, struct job *job)
{
    const int64_t now_ms = clock_wall_ms(&clock_system);
    const bool any_role = !job->arguments->values[FLAG_ROLE];
    const enum err err = account_store_claim(db, job->email, job->password_hash, now_ms);
    job->user.id = 1;
    if (!err && !any_role && job->role != ROLE_ADMIN)
        return err_set(ERR_INVALID, "the first account is the admin's; give --role admin or none");
    if (err != ERR_EXISTS) return err;
    struct store_user user = {.role = (uint8_t)(any_role ? ROLE_TRADER : job->role),
                              .created_ms = now_ms};
    memcpy(user.email, job->email, sizeof user.email);
    memcpy(user.password_hash, job->password_hash, sizeof user.password_hash);
    return account_store_insert(db, &user, &job->user.id);
}

static enum err run_add(struct sql *db, void *user, struct audit_entry *told)
{
    struct job *job = user;
    const enum err err = add(db, job);
    if (err == ERR_EXISTS)
        return err_set(ERR_EXISTS, "there is a user %s; 'tradebot user passwd' sets a password",
                       job->email);
    tell(told, "user_added", job);
    return err;
}

static enum err run_passwd(struct sql *db, void *user, struct audit_entry *told)
{
    struct job *job = user;
    enum err err = find_known(db, job);
    if (!err)
        err = account_store_set_password(db, job->user.id, job->password_hash,
                                         clock_wall_ms(&clock_system));
    if (!err) err = account_store_end_sessions(db, job->user.id, 0);
    if (!err) err = account_store_end_tokens(db, job->user.id);
    if (!err) err = account_store_drop_reset(db, job->user.id);
    if (!err && job->arguments->values[FLAG_DROP_SECOND_FACTOR])
        err = account_store_drop_totp(db, job->user.id);
    tell(told, "password_set", job);
    return err;
}

static enum err run_role(struct sql *db, void *user, struct audit_entry *told)
{
    struct job *job = user;
    enum err err = find_known(db, job);
    if (!err) err = account_store_set_role(db, job->user.id, job->role);
    if (!err) err = end_all(db, job->user.id);
    tell(told, "role_set", job);
    snprintf(told->target, sizeof told->target, "user %" PRIu64 " is %s", job->user.id,
             role_name(job->role));
    return err;
}

static enum err set_disabled(struct sql *db, struct job *job, struct audit_entry *told,
                             bool is_disabled)
{
    enum err err = find_known(db, job);
    if (!err) err = account_store_set_disabled(db, job->user.id, is_disabled);
    if (!err) err = end_all(db, job->user.id);
    tell(told, is_disabled ? "user_disabled" : "user_enabled", job);
    return err;
}

static enum err run_disable(struct sql *db, void *user, struct audit_entry *told)
{
    return set_disabled(db, user, told, true);
}

static enum err run_enable(struct sql *db, void *user, struct audit_entry *told)
{
    return set_disabled(db, user, told, false);
}

/* ---- the commands ---- */

struct action {
    const char *name, *summary;
    user_change run; /* NULL: the list */
    bool wants_password, wants_role;
};

static const struct action actions[] = {
    {"list", "Lists every account.", NULL, false, false},
    {"add",
     "Adds an account, of a trader if --role does not say otherwise; the first one is the admin's.",
     run_add, true, false},
    {"passwd", "Sets a new password; every session and API token of the account ends.", run_passwd,
     true, false},
    {"role", "Sets the role given by --role; every session and API token of the account ends.",
     run_role, false, true},
    {"disable", "Keeps somebody out, at once.", run_disable, false, false},
    {"enable", "Lets somebody in again, by the password.", run_enable, false, false},
};

enum { ACTION_COUNT = sizeof actions / sizeof *actions };

struct listing {
    struct json_writer w;
    bool json;
};

static void list_one(void *user, const struct store_user *row)
{
    struct listing *listing = user;
    if (listing->json)
        write_user(&listing->w, row);
    else
        print_user(listing->w.out, row);
}

static enum err list(const struct job *job, struct buffer *out)
{
    struct sql *db = NULL;
    struct listing listing = {{.out = out}, job->arguments->values[FLAG_JSON] != NULL};
    const struct account_reader reader = {list_one, on_session, on_token, &listing};
    enum err err = admin_database_open(&job->config, SQL_READ, &db);
    if (err) return err;
    if (listing.json) writer_open(&listing.w, NULL, '{');
    if (listing.json) writer_open(&listing.w, "users", '[');
    err = account_read(db, ACCOUNT_READ_ALL, clock_wall_ms(&clock_system), &reader);
    if (listing.json) writer_close(&listing.w, ']');
    if (listing.json) writer_close(&listing.w, '}');
    if (listing.json) buffer_append_char(out, '\n');
    sql_close(db);
    return err;
}

/* The password is asked for last: a wrong e-mail address must not cost somebody the typing. */
static enum err ask_password(const struct action *action, struct job *job)
{
    struct password_text password;
    struct sql *db = NULL;
    enum err err = admin_database_open(&job->config, SQL_READ, &db);
    if (!err && action->run == run_passwd) err = find_known(db, job);
    sql_close(db);
    if (!err)
        err = password_prompt(job->arguments->values[FLAG_PASSWORD_STDIN] != NULL, job->email,
                              &password);
    if (!err) err = password_prompt_hash(&password, job->password_hash, sizeof job->password_hash);
    explicit_bzero(&password, sizeof password);
    return err;
}

static enum err change(const struct action *action, struct job *job, struct buffer *out)
{
    struct sql *db = NULL;
    enum err err = action->run == run_add ? admin_database_make(&job->config) : OK;
    if (!err && action->wants_password) err = ask_password(action, job);
    if (!err) err = admin_database_open(&job->config, SQL_BESIDE, &db);
    if (!err) err = admin_database_change(db, action->run, job);
    if (!err) err = find(db, job);
    sql_close(db);
    if (err) return err;
    struct json_writer w = {.out = out};
    if (job->arguments->values[FLAG_JSON]) {
        write_user(&w, &job->user);
        buffer_append_char(out, '\n');
    } else {
        print_user(out, &job->user);
    }
    return OK;
}

static int wrong_use(const struct options *usage, const struct action *action, struct job *job)
{
    const struct arguments *a = job->arguments;
    const char *role = a->values[FLAG_ROLE];
    if (action->run && !a->operand) return options_usage(usage, "whose? Give an e-mail address");
    if (action->run && !email_normalise(slice_of(a->operand), job->email))
        return options_usage(usage, "'%.100s' is no e-mail address", a->operand);
    if (role && !role_from_name(slice_of(role), &job->role))
        return options_usage(usage, "--role '%.100s': must be viewer, trader or admin", role);
    if (action->wants_role && !role)
        return options_usage(usage, "which role? Give --role viewer, trader or admin");
    if (role && !action->wants_role && action->run != run_add)
        return options_usage(usage, "--role is for 'user add' and 'user role'");
    if (a->values[FLAG_PASSWORD_STDIN] && !action->wants_password)
        return options_usage(usage, "--password-stdin is for 'user add' and 'user passwd'");
    if (a->values[FLAG_DROP_SECOND_FACTOR] && action->run != run_passwd)
        return options_usage(usage, "--drop-second-factor is for 'user passwd'");
    enum err err = config_load(&job->config);
    if (!err && a->values[FLAG_DATA])
        err = config_set(&job->config, "TRADEBOT_DATA", a->values[FLAG_DATA]);
    return err ? options_usage(usage, "%s", err_text()) : 0;
}

static int run_action(const struct action *action, int argc, char **argv)
{
    char command[32];
    snprintf(command, sizeof command, "user %s", action->name);
    const struct options usage = {
        .command = command,
        .summary = action->summary,
        .operand = action->run ? "EMAIL" : NULL,
        .flags = flags,
        .flag_count = sizeof flags / sizeof *flags,
    };
    static struct job job;
    struct arguments arguments;
    struct buffer out = {0};
    int status;
    if (!options_read(&usage, argc, argv, &arguments, &status)) return status;
    job.arguments = &arguments;
    status = wrong_use(&usage, action, &job);
    if (status) return status;
    log_level_set(job.config.log_level);
    enum err err = process_guard();
    if (!err) err = action->run ? change(action, &job, &out) : list(&job, &out);
    if (!err) err = output_print(&out);
    buffer_deinit(&out);
    explicit_bzero(&job, sizeof job);
    return err ? options_failed(&usage) : 0;
}

static void print_actions(FILE *out)
{
    fprintf(out, "usage: tradebot user COMMAND [flags] [EMAIL]\n\n");
    for (unsigned i = 0; i < ACTION_COUNT; i++)
        fprintf(out, "  %-8s %s\n", actions[i].name, actions[i].summary);
    fprintf(out,
            "\nA server may run meanwhile. A new password is asked for on the terminal, or is a "
            "line of\nstandard input (--password-stdin). 'tradebot user COMMAND --help' tells the "
            "flags.\n");
}

int cmd_user(int argc, char **argv)
{
    const char *name = argc > 1 ? argv[1] : "";
    struct nearest nearest;
    nearest_init(&nearest, name);
    for (unsigned i = 0; i < ACTION_COUNT; i++) {
        if (strcmp(name, actions[i].name) == 0) return run_action(&actions[i], argc - 1, argv + 1);
        nearest_try(&nearest, actions[i].name);
    }
    if (strcmp(name, "--help") == 0) {
        print_actions(stdout);
        return 0;
    }
    if (*name) fprintf(stderr, "tradebot user: there is no command '%.100s'", name);
    if (*name) fprintf(stderr, nearest.name ? "; did you mean %s?\n\n" : "\n\n", nearest.name);
    print_actions(stderr);
    return EXIT_USAGE;
}
