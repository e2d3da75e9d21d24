/* initdb, then the server as a child that dies with us; as nobody where we are root. */
#include "postgres.h"

#include <glob.h>
#include <pwd.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <libpq-fe.h>

enum { ARGUMENTS_MAX = 24, START_MS = 20000 };

static struct {
    bool tried, running;
    pid_t owner, pid;
    char folder[64], bin[128], socket[128];
    int databases;
} server;

static bool find_bin(void)
{
    glob_t found;
    if (glob("/usr/lib/postgresql/*/bin/postgres", 0, NULL, &found) != 0) return false;
    const char *last = found.gl_pathv[found.gl_pathc - 1];
    snprintf(server.bin, sizeof server.bin, "%.*s", (int)(strlen(last) - strlen("/postgres")),
             last);
    globfree(&found);
    return true;
}

/* A program of the server's, with `log` for what it says. */
static pid_t spawn(const char *program, const char *const *arguments)
{
    const pid_t pid = fork();
    if (pid != 0) return pid;
    char path[256], log[128];
    snprintf(path, sizeof path, "%s/%s", server.bin, program);
    snprintf(log, sizeof log, "%s/log", server.folder);
    if (!freopen(log, "a", stderr) || !freopen("/dev/null", "w", stdout)) _exit(126);
    const char *argv[ARGUMENTS_MAX] = {NULL};
    int count = 0;
    if (geteuid() == 0) {
        static const char *const nobody[] = {"setpriv", "--reuid=nobody", "--regid=nogroup",
                                             "--clear-groups", "--pdeathsig=QUIT"};
        for (size_t i = 0; i < sizeof nobody / sizeof *nobody; i++) argv[count++] = nobody[i];
    } else {
        prctl(PR_SET_PDEATHSIG, SIGQUIT);
    }
    argv[count++] = path;
    while (*arguments) argv[count++] = *arguments++;
    execvp(argv[0], (char *const *)argv);
    _exit(127);
}

static bool init(void)
{
    char data[128];
    snprintf(data, sizeof data, "%s/data", server.folder);
    const char *const arguments[] = {"-D",    data, "-U",   "tradebot",         "-A",
                                     "trust", "-E", "UTF8", "--locale=C.UTF-8", "--no-sync",
                                     NULL};
    int status = 0;
    const pid_t pid = spawn("initdb", arguments);
    return pid > 0 && waitpid(pid, &status, 0) == pid && status == 0;
}

static bool answers(void)
{
    char url[256];
    snprintf(url, sizeof url, "postgresql:///postgres?host=%s&user=tradebot", server.folder);
    return PQping(url) == PQPING_OK;
}

static void pause_20_ms(void)
{
    const struct timespec time = {.tv_nsec = 20000000};
    nanosleep(&time, NULL);
}

static bool start(void)
{
    char data[128], socket[160];
    snprintf(data, sizeof data, "%s/data", server.folder);
    snprintf(socket, sizeof socket, "unix_socket_directories=%s", server.folder);
    /* Whether the disk has it is PostgreSQL's business; ours is what we do with its answers. */
    const char *const arguments[] = {"-D", data,
                                     "-c", socket,
                                     "-c", "listen_addresses=",
                                     "-c", "fsync=off",
                                     "-c", "full_page_writes=off",
                                     "-c", "shared_buffers=64MB",
                                     "-c", "max_connections=40",
                                     NULL};
    server.pid = spawn("postgres", arguments);
    for (int ms = 0; server.pid > 0 && ms < START_MS; ms += 20) {
        if (answers()) return true;
        if (waitpid(server.pid, NULL, WNOHANG) == server.pid) return false;
        pause_20_ms();
    }
    return false;
}

static void stop(void)
{
    if (getpid() != server.owner) return;
    if (server.running) {
        kill(server.pid, SIGCONT);
        kill(server.pid, SIGQUIT);
        waitpid(server.pid, NULL, 0);
    }
    char command[128];
    snprintf(command, sizeof command, "rm -rf %s", server.folder);
    if (*server.folder && system(command) != 0) fprintf(stderr, "%s stays\n", server.folder);
}

bool postgres_is_there(void)
{
    if (server.tried) return server.running;
    server.tried = true;
    server.owner = getpid();
    if (!find_bin()) {
        printf("PostgreSQL is not installed: its tests are skipped\n");
        return false;
    }
    strcpy(server.folder, "/tmp/tradebot-pg-XXXXXX");
    if (!mkdtemp(server.folder)) return false;
    atexit(stop);
    const struct passwd *nobody = getpwnam("nobody");
    if (geteuid() == 0 && (!nobody || chown(server.folder, nobody->pw_uid, nobody->pw_gid) != 0)) {
        return false;
    }
    chmod(server.folder, 0755);
    snprintf(server.socket, sizeof server.socket, "%s/.s.PGSQL.5432", server.folder);
    server.running = init() && start();
    if (!server.running) {
        char command[128];
        snprintf(command, sizeof command, "tail -n 5 %s/log", server.folder);
        printf("PostgreSQL does not start: its tests are skipped\n");
        if (system(command) != 0) printf("and says nothing\n");
    }
    return server.running;
}

void postgres_new_database(char *url, size_t size)
{
    char text[256];
    snprintf(text, sizeof text, "postgresql:///postgres?host=%s&user=tradebot", server.folder);
    PGconn *conn = PQconnectdb(text);
    snprintf(text, sizeof text, "CREATE DATABASE test_%d", ++server.databases);
    PGresult *result = PQexec(conn, text);
    if (PQresultStatus(result) != PGRES_COMMAND_OK) {
        fprintf(stderr, "%s", PQerrorMessage(conn));
        abort();
    }
    PQclear(result);
    PQfinish(conn);
    snprintf(url, size, "postgresql:///test_%d?host=%s&user=tradebot", server.databases,
             server.folder);
}

const char *postgres_socket(void)
{
    return server.socket;
}

int postgres_pid(void)
{
    return server.pid;
}
