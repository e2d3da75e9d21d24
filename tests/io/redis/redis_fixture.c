/* Redis servers for tests. */
#include "io/redis/redis_fixture.h"

#include "cmocka_all.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "io/net/net_fixture.h"

enum { ARGUMENTS_MAX = 32, ANSWER_SIZE = 512 };

struct asked {
    bool is_done;
    char text[ANSWER_SIZE];
};

static bool socket_answers(const char *path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    snprintf(address.sun_path, sizeof address.sun_path, "%s", path);
    const bool answers = connect(fd, (struct sockaddr *)&address, sizeof address) == 0;
    close(fd);
    return answers;
}

void redis_server_restart(struct redis_server *s, const char *const *extra)
{
    char path[80];
    snprintf(path, sizeof path, "%s/redis.sock", s->folder);
    const char *arguments[ARGUMENTS_MAX] = {"redis-server", "--port",    "0",        "--unixsocket",
                                            path,           "--save",    "",         "--dir",
                                            s->folder,      "--logfile", "redis.log"};
    size_t count = 11;
    for (; extra && *extra; extra++) arguments[count++] = *extra;
    s->pid = fork();
    assert_true(s->pid >= 0);
    if (s->pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        execvp("redis-server", (char *const *)arguments);
        _exit(127);
    }
    for (int i = 0; i < 2000 && !socket_answers(path); i++) {
        if (waitpid(s->pid, NULL, WNOHANG) == s->pid) fail_msg("redis-server did not start");
        nanosleep(&(struct timespec){.tv_nsec = 5000000}, NULL);
    }
    assert_true(socket_answers(path));
}

void redis_server_start(struct redis_server *s, const char *const *extra)
{
    snprintf(s->folder, sizeof s->folder, "/tmp/tradebot-redis-XXXXXX");
    assert_non_null(mkdtemp(s->folder));
    snprintf(s->url, sizeof s->url, "unix:%s/redis.sock", s->folder);
    redis_server_restart(s, extra);
}

void redis_server_kill(struct redis_server *s)
{
    if (s->pid <= 0) return;
    kill(s->pid, SIGKILL);
    waitpid(s->pid, NULL, 0);
    s->pid = 0;
}

void redis_server_stop(struct redis_server *s)
{
    static const char *const files[] = {"redis.sock", "redis.log", "dump.rdb"};
    char path[96];
    redis_server_kill(s);
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        snprintf(path, sizeof path, "%s/%s", s->folder, files[i]);
        unlink(path);
    }
    rmdir(s->folder);
}

static bool is_up(const void *r)
{
    return redis_is_up(r);
}

struct redis *redis_client(uv_loop_t *loop, const char *url)
{
    struct redis_address address;
    struct redis *r;
    assert_int_equal(redis_address_parse(url, &address), OK);
    assert_int_equal(redis_open(loop, &address, 1, &r), OK);
    redis_wait_up(loop, r);
    return r;
}

void redis_wait_up(uv_loop_t *loop, struct redis *r)
{
    run_until(loop, is_up, r);
}

static void on_answer(void *user, enum err err, const struct redis_reply *reply)
{
    struct asked *a = user;
    a->is_done = true;
    if (err)
        snprintf(a->text, sizeof a->text, "err:%s", err_name(err));
    else if (reply->kind == REDIS_INTEGER)
        snprintf(a->text, sizeof a->text, "%lld", (long long)reply->integer);
    else if (reply->kind == REDIS_NIL)
        snprintf(a->text, sizeof a->text, "nil");
    else
        snprintf(a->text, sizeof a->text, "%.*s", (int)reply->text.size, reply->text.data);
}

const char *redis_ask(uv_loop_t *loop, struct redis *r, const char *line)
{
    static struct asked a;
    struct slice words[16];
    size_t count = 0;
    a = (struct asked){0};
    for (const char *at = line; *at && count < 16;) {
        words[count] = (struct slice){at, strcspn(at, " ")};
        at += words[count++].size;
        while (*at == ' ') at++;
    }
    const enum err err = redis_send(r, words, count, on_answer, &a);
    if (err) {
        snprintf(a.text, sizeof a.text, "err:%s", err_name(err));
        return a.text;
    }
    run_until(loop, is_true, &a.is_done);
    return a.text;
}

/* ---- the fake ---- */

static void on_fake_data(struct conn *c, struct slice bytes)
{
    struct fake_redis *f = conn_user(c);
    if (memmem(bytes.data, bytes.size, "PING", 4)) {
        (void)conn_write(c, SLICE("+PONG\r\n"));
        return;
    }
    f->commands++;
    for (unsigned i = 0; i < f->times && conn_is_open(c); i++) (void)conn_write(c, f->answer);
}

static void on_fake_close(struct conn *c, enum err reason, const char *text)
{
    (void)c, (void)reason, (void)text;
}

static const struct conn_handler fake_handler = {.on_data = on_fake_data,
                                                 .on_close = on_fake_close};

static void on_fake_accept(struct listener *l, struct conn *c)
{
    struct fake_redis *f = listener_user(l);
    f->connections++;
    conn_set_pending_limit(c, (size_t)64 << 20);
    conn_set_handler(c, &fake_handler, f);
}

void fake_redis_start(struct fake_redis *f, uv_loop_t *loop, struct slice answer, unsigned times)
{
    *f = (struct fake_redis){.answer = answer, .times = times};
    const struct listener_options options = {
        .address = "127.0.0.1", .connection_limit = 16, .on_accept = on_fake_accept, .user = f};
    assert_int_equal(listener_open(loop, &options, &f->listener), OK);
    snprintf(f->url, sizeof f->url, "redis://127.0.0.1:%u", listener_port(f->listener));
}
