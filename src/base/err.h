/* Failures of the world (I/O, bad input): a code for the program and a trace for people.
 *
 * The function that first sees the failure calls err_set, each caller that passes it on may add
 * what it was doing with err_note, and whoever handles it prints err_text:
 *
 *     connection refused; while connecting to 127.0.0.1:9000; while syncing the BTCUSDT book
 *
 * The trace is thread-local, holds ERR_TEXT_SIZE bytes and cuts what does not fit. */
#ifndef BASE_ERR_H
#define BASE_ERR_H

enum err {
    OK = 0,
    ERR_IO,          /* the operating system or a peer failed us */
    ERR_PARSE,       /* bytes that are not what they should be */
    ERR_INVALID,     /* well formed, but the meaning is refused */
    ERR_LIMIT,       /* a named limit is reached */
    ERR_NOT_FOUND,   /* asked for a thing that is not there */
    ERR_EXISTS,      /* a thing that must be new is there already */
    ERR_TIMEOUT,     /* no answer in time: the outcome is unknown */
    ERR_CLOSED,      /* the other side is gone */
    ERR_NO_MEMORY,   /* the allocator said no */
    ERR_UNSUPPORTED, /* understood, but not something we do */
};

#define ERR_TEXT_SIZE 512
#define ERR_MUST_USE  __attribute__((warn_unused_result))

/* Starts a new trace and returns code, so that `return err_set(ERR_IO, "…")` reads well. */
enum err err_set(enum err code, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* Adds "; text" to the trace and returns code. */
enum err err_note(enum err code, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* The trace of the last err_set on this thread; "" when there was none. */
const char *err_text(void);
const char *err_name(enum err code);

#endif
