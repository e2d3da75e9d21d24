/* Threads that read, a bounded queue to them, and a list back for each client. */
#include "io/store/store_pool.h"

#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "base/clock.h"

struct list {
    struct store_job *first, *last;
};

struct store_pool_client {
    struct store_pool *pool;
    struct store_pool_client *next;
    void (*wake)(void *user);
    void *user;
    struct list done; /* under the pool's lock */
};

struct store_pool {
    char *url;
    uint32_t timeout_ms, queue_max, thread_count;
    pthread_t threads[STORE_POOL_THREADS_MAX];
    pthread_mutex_t lock; /* of all below */
    pthread_cond_t work;
    struct list queue;
    uint32_t queue_count;
    bool stopping;
    struct store_pool_client *clients;
};

static void *run(void *argument);
static struct store_job *take(struct store_pool *p);
static void carry_out(struct store_pool *p, struct store_job *job, struct store_reader **reader);
static void give_back(struct store_pool *p, struct store_job *job);
static void append(struct list *l, struct store_job *job);
static struct store_job *pop(struct list *l);

enum err store_pool_start(const struct store_pool_options *options, struct store_pool **out)
{
    *out = NULL;
    CHECK(options->thread_count >= 1 && options->thread_count <= STORE_POOL_THREADS_MAX);
    struct store_pool *p = calloc(1, sizeof *p);
    if (!p) return err_set(ERR_NO_MEMORY, "out of memory");
    pthread_mutex_init(&p->lock, NULL);
    pthread_cond_init(&p->work, NULL);
    p->timeout_ms = options->timeout_ms;
    p->queue_max = options->queue_max;
    p->url = strdup(options->url);
    enum err err = p->url ? OK : err_set(ERR_NO_MEMORY, "out of memory");
    /* Signals are the main thread's. */
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    for (; !err && p->thread_count < options->thread_count; p->thread_count++) {
        const int code = pthread_create(&p->threads[p->thread_count], NULL, run, p);
        if (code != 0) err = err_set(ERR_IO, "cannot start a thread: %s", strerror(code));
        if (err) break;
    }
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (err) {
        store_pool_stop(p);
        return err_note(err, "while starting the readers");
    }
    *out = p;
    return OK;
}

void store_pool_stop(struct store_pool *p)
{
    if (!p) return;
    pthread_mutex_lock(&p->lock);
    p->stopping = true;
    pthread_cond_broadcast(&p->work);
    pthread_mutex_unlock(&p->lock);
    for (uint32_t i = 0; i < p->thread_count; i++) pthread_join(p->threads[i], NULL);
    while (p->clients) {
        struct store_pool_client *c = p->clients;
        p->clients = c->next;
        free(c);
    }
    pthread_cond_destroy(&p->work);
    pthread_mutex_destroy(&p->lock);
    if (p->url) explicit_bzero(p->url, strlen(p->url));
    free(p->url);
    free(p);
}

enum err store_pool_client_open(struct store_pool *p, void (*wake)(void *user), void *user,
                                struct store_pool_client **out)
{
    struct store_pool_client *c = calloc(1, sizeof *c);
    *out = c;
    if (!c) return err_set(ERR_NO_MEMORY, "out of memory");
    c->pool = p;
    c->wake = wake;
    c->user = user;
    pthread_mutex_lock(&p->lock);
    c->next = p->clients;
    p->clients = c;
    pthread_mutex_unlock(&p->lock);
    return OK;
}

enum err store_pool_submit(struct store_pool_client *c, struct store_job *job)
{
    struct store_pool *p = c->pool;
    job->client = c;
    job->cause[0] = '\0';
    job->deadline_ns = clock_monotonic_ns(&clock_system) + (int64_t)p->timeout_ms * 1000000;
    pthread_mutex_lock(&p->lock);
    const bool full = p->queue_count == p->queue_max;
    if (!full) {
        append(&p->queue, job);
        p->queue_count++;
        pthread_cond_signal(&p->work);
    }
    pthread_mutex_unlock(&p->lock);
    return full ? err_set(ERR_LIMIT, "%u reads wait for the database", p->queue_max) : OK;
}

void store_pool_deliver(struct store_pool_client *c)
{
    for (;;) {
        pthread_mutex_lock(&c->pool->lock);
        struct store_job *job = pop(&c->done);
        pthread_mutex_unlock(&c->pool->lock);
        if (!job) return;
        job->done(job, job->err);
    }
}

static void *run(void *argument)
{
    struct store_pool *p = argument;
    struct store_reader *reader = NULL;
    pthread_setname_np(pthread_self(), "reader");
    for (struct store_job *job; (job = take(p));) {
        carry_out(p, job, &reader);
        give_back(p, job);
    }
    store_reader_close(reader);
    return NULL;
}

/* NULL: the pool stops. */
static struct store_job *take(struct store_pool *p)
{
    pthread_mutex_lock(&p->lock);
    while (!p->stopping && p->queue_count == 0) pthread_cond_wait(&p->work, &p->lock);
    struct store_job *job = p->stopping ? NULL : pop(&p->queue);
    if (job) p->queue_count--;
    pthread_mutex_unlock(&p->lock);
    return job;
}

static void carry_out(struct store_pool *p, struct store_job *job, struct store_reader **reader)
{
    if (clock_monotonic_ns(&clock_system) > job->deadline_ns) {
        job->err = err_set(ERR_TIMEOUT, "the database is busy");
    } else {
        job->err = *reader ? OK : store_reader_open_within(p->url, p->timeout_ms, reader);
        if (!job->err) job->err = job->read(*reader, job);
    }
    if (job->err) snprintf(job->cause, sizeof job->cause, "%s", err_text());
}

static void give_back(struct store_pool *p, struct store_job *job)
{
    struct store_pool_client *c = job->client;
    pthread_mutex_lock(&p->lock);
    append(&c->done, job);
    pthread_mutex_unlock(&p->lock);
    c->wake(c->user);
}

static void append(struct list *l, struct store_job *job)
{
    job->next = NULL;
    if (l->last)
        l->last->next = job;
    else
        l->first = job;
    l->last = job;
}

static struct store_job *pop(struct list *l)
{
    struct store_job *job = l->first;
    if (!job) return NULL;
    l->first = job->next;
    if (!l->first) l->last = NULL;
    return job;
}
