/* The terminal's echo is off only while a line is typed, also when a signal ends the program. */
#include "app/password_prompt.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <semaphore.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

#include "service/account/password_pool.h"

static volatile sig_atomic_t caught;

static void on_signal(int number)
{
    caught = number;
}

/* Byte by byte: what follows the line is somebody else's. A line that is too long is read to its
 * end, and keeps one byte too many, which the rules refuse. */
static enum err read_line(int fd, struct password_text *out)
{
    bool any = false;
    out->size = 0;
    for (;;) {
        char c;
        const ssize_t got = read(fd, &c, 1);
        if (got < 0 && errno == EINTR) continue;
        if (got < 0) return err_set(ERR_IO, "cannot read the password: %s", strerror(errno));
        if (got == 0 && !any) return err_set(ERR_CLOSED, "no password was given");
        if (got == 0 || c == '\n') return OK;
        any = true;
        if (out->size < sizeof out->bytes) out->bytes[out->size++] = c;
    }
}

/* Signals are let through while it waits and at no other time, so that none comes between the look
 * and the waiting. A terminal gives whole lines: what it has can be read without waiting. */
static enum err read_hidden(int terminal, const char *question, const struct termios *shown,
                            const sigset_t *outside, struct password_text *out)
{
    struct pollfd at = {.fd = terminal, .events = POLLIN};
    struct termios hidden = *shown;
    int got;
    hidden.c_lflag &= ~(tcflag_t)ECHO;
    tcsetattr(terminal, TCSAFLUSH, &hidden);
    dprintf(terminal, "%s: ", question);
    do {
        got = ppoll(&at, 1, NULL, outside);
    } while (got < 0 && errno == EINTR && !caught);
    const enum err err = got > 0 ? read_line(terminal, out) : err_set(ERR_IO, "interrupted");
    tcsetattr(terminal, TCSAFLUSH, shown);
    dprintf(terminal, "\n");
    return err;
}

static enum err ask(int terminal, const char *question, struct password_text *out)
{
    static const int numbers[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT};
    enum { COUNT = sizeof numbers / sizeof *numbers };
    const struct sigaction action = {.sa_handler = on_signal};
    struct sigaction before[COUNT];
    struct termios shown;
    sigset_t set, outside;
    if (tcgetattr(terminal, &shown) != 0)
        return err_set(ERR_UNSUPPORTED, "the terminal cannot hide what is typed");
    sigemptyset(&set);
    for (int i = 0; i < COUNT; i++) sigaddset(&set, numbers[i]);
    sigprocmask(SIG_BLOCK, &set, &outside);
    for (int i = 0; i < COUNT; i++) sigaction(numbers[i], &action, &before[i]);
    const enum err err = read_hidden(terminal, question, &shown, &outside, out);
    for (int i = 0; i < COUNT; i++) sigaction(numbers[i], &before[i], NULL);
    if (caught) raise(caught);
    sigprocmask(SIG_SETMASK, &outside, NULL); /* here one that was caught ends the program */
    return err;
}

static enum err ask_twice(struct password_text *out)
{
    struct password_text again;
    const int terminal = open("/dev/tty", O_RDWR | O_CLOEXEC | O_NOCTTY);
    if (terminal < 0)
        return err_set(ERR_UNSUPPORTED,
                       "there is no terminal to ask for a password on; give it with "
                       "--password-stdin");
    enum err err = ask(terminal, "New password", out);
    if (!err) err = ask(terminal, "Again", &again);
    close(terminal);
    const bool equal =
        !err && out->size == again.size && memcmp(out->bytes, again.bytes, again.size) == 0;
    explicit_bzero(&again, sizeof again);
    if (err) return err;
    return equal ? OK : err_set(ERR_INVALID, "the two passwords differ");
}

static enum err check(const struct password_text *password, const char *email)
{
    switch (password_check((struct slice){password->bytes, password->size}, email)) {
    case PASSWORD_GOOD: return OK;
    case PASSWORD_TOO_SHORT:
        return err_set(ERR_INVALID, "the password has fewer than %d characters",
                       PASSWORD_LENGTH_MIN);
    case PASSWORD_TOO_LONG:
        return err_set(ERR_INVALID, "the password is longer than %d bytes", PASSWORD_SIZE_MAX);
    case PASSWORD_HAS_CONTROL: return err_set(ERR_INVALID, "the password has a control character");
    case PASSWORD_COMMON:
        return err_set(ERR_INVALID, "the password is one of those that everybody guesses first");
    case PASSWORD_HAS_NAME: break;
    }
    return err_set(ERR_INVALID, "the password is little more than the e-mail address");
}

enum err password_prompt(bool from_stdin, const char *email, struct password_text *out)
{
    enum err err = from_stdin ? read_line(STDIN_FILENO, out) : ask_twice(out);
    if (!err) err = check(out, email);
    if (err) explicit_bzero(out, sizeof *out);
    return err;
}

static void on_hashed(struct password_job *job)
{
    sem_post(job->user);
}

enum err password_prompt_hash(const struct password_text *password, char *hash, size_t hash_size)
{
    struct password_pool *pool = NULL;
    sem_t done;
    struct password_job job = {.task = PASSWORD_MAKE_HASH, .on_done = on_hashed, .user = &done};
    const enum err err = password_pool_open(&pool);
    if (err) return err;
    job.size = password->size;
    memcpy(job.password, password->bytes, password->size);
    sem_init(&done, 0, 0);
    if (password_pool_submit(pool, &job))
        while (sem_wait(&done) != 0) continue;
    else
        job.failed = true;
    password_pool_close(pool);
    sem_destroy(&done);
    explicit_bzero(job.password, sizeof job.password);
    if (job.failed) return err_set(ERR_NO_MEMORY, "no memory to hash the password");
    snprintf(hash, hash_size, "%s", job.hash);
    return OK;
}
