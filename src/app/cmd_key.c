/* tradebot key: the master key that seals secrets in the database. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "app/commands.h"
#include "app/config.h"
#include "app/data_folder.h"
#include "app/options.h"
#include "app/process_guard.h"
#include "app/progress.h"
#include "app/secret_file.h"
#include "base/clock.h"
#include "io/store/audit_store.h"
#include "io/store/file_lock.h"
#include "service/account/key_rotation.h"

enum { FLAG_DATA, FLAG_JSON };

static const struct flag flags[] = {
    [FLAG_DATA] = {"data", "DIR", "the data folder (as the server has it)"},
    [FLAG_JSON] = {"json", NULL, "print the result as JSON"},
};

static void print_more(void)
{
    puts(
        "\nrotate: makes a new master key, wraps every sealed secret anew and drops the old key.\n"
        "A server may run meanwhile. Interrupted at any point, it goes on when called again. Keep\n"
        "the secret file of its time with each backup of the database.\n"
        "\nSettings of the server (its .env or environment) name the database and the secret "
        "file.");
}

static void on_row(void *user, uint64_t done, uint64_t total)
{
    (void)user;
    progress_show(done, total);
}

static void wait_for_servers(void *user)
{
    (void)user;
    const struct timespec pause = {KEY_ROTATION_PAUSE_MS / 1000,
                                   KEY_ROTATION_PAUSE_MS % 1000 * 1000000L};
    nanosleep(&pause, NULL); /* one that ends early by a signal ends the program */
}

static enum err tell_audit_log(struct sql *db, uint32_t version)
{
    struct audit_entry entry = {.time_ms = clock_wall_ms(&clock_system),
                                .actor = "command line",
                                .action = "master_key_rotated"};
    snprintf(entry.target, sizeof entry.target, "master key %u", version);
    enum err err = sql_begin(db, SQL_EXACT);
    if (err) return err;
    err = audit_append(db, &entry);
    if (!err) return sql_commit(db);
    sql_rollback(db);
    return err;
}

static enum err rotate(const struct config *config, const struct secret_file *file,
                       struct key_rotation *r)
{
    char url[2 * CONFIG_TEXT_SIZE];
    enum err err = data_folder_database(config->data, config->database_url, url, sizeof url);
    if (!err) err = secret_file_open(file, false, &r->vault);
    if (!err) err = sql_open(url, SQL_BESIDE, STORE_BUSY_TIMEOUT_MS, &r->db);
    if (!err) err = key_rotation_run(r);
    if (!err) err = tell_audit_log(r->db, r->version);
    sql_close(r->db);
    vault_close(r->vault);
    return err;
}

/* One at a time: two would add a key of the same version each. */
static enum err rotate_alone(const struct config *config, struct key_rotation *r)
{
    struct secret_file file;
    struct file_lock lock = {-1};
    char lock_path[sizeof file.path + 8];
    enum err err = secret_file_find(config, &file);
    if (err) return err;
    if (file.is_credential)
        return err_set(ERR_UNSUPPORTED,
                       "%s is a credential of systemd's, which cannot be written here: copy it to "
                       "a file of mode 600, name that by TRADEBOT_SECRET_FILE, and rotate then",
                       file.path);
    snprintf(lock_path, sizeof lock_path, "%s-lock", file.path);
    err = file_lock_take(&lock, lock_path);
    if (!err) err = rotate(config, &file, r);
    file_lock_release(&lock);
    return err;
}

static void print_result(const struct key_rotation *r, bool json)
{
    if (json)
        printf("{\"version\":%u,\"rows\":%" PRIu64 ",\"resumed\":%s}\n", r->version, r->wrapped,
               r->was_begun ? "true" : "false");
    else
        printf("master key %u seals everything; %" PRIu64 " secrets were wrapped anew%s\n",
               r->version, r->wrapped, r->was_begun ? ", after an interrupted rotation" : "");
}

int cmd_key(int argc, char **argv)
{
    const struct options usage = {
        .command = "key",
        .summary = "The master key that seals secrets in the database: key rotate.",
        .print_more = print_more,
        .operand = "rotate",
        .flags = flags,
        .flag_count = sizeof flags / sizeof *flags,
    };
    static struct config config;
    struct arguments arguments;
    int status;
    if (!options_read(&usage, argc, argv, &arguments, &status)) return status;
    if (!arguments.operand || strcmp(arguments.operand, "rotate") != 0)
        return options_usage(&usage, "what is to be done? 'tradebot key rotate'; see --help");
    enum err err = config_load(&config);
    if (!err && arguments.values[FLAG_DATA])
        err = config_set(&config, "TRADEBOT_DATA", arguments.values[FLAG_DATA]);
    if (err) return options_usage(&usage, "%s", err_text());

    struct key_rotation r = {.on_row = on_row, .pause = wait_for_servers};
    err = process_guard();
    if (!err) err = rotate_alone(&config, &r);
    if (err) return options_failed(&usage);
    print_result(&r, arguments.values[FLAG_JSON] != NULL);
    return 0;
}
