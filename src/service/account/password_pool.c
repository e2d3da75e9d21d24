/* A queue and two threads. */
#include "service/account/password_pool.h"

#include <pthread.h>
#include <stdlib.h>

#include <sodium.h>

#include "base/check.h"

enum { PASSES = 3, MEMORY_SIZE = 64 << 20 };

_Static_assert(PASSWORD_HASH_SIZE == crypto_pwhash_STRBYTES, "libsodium's form");

const char password_hash_of_nobody[PASSWORD_HASH_SIZE] =
    "$argon2id$v=19$m=65536,t=3,p=1$q9O8dmz/"
    "B34tM+BZswnk0g$DojEGO5OOHbU8TZeCQ954tDjB5j9eGRapVqnM0vm0VQ";

struct password_pool {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    struct password_job *first, **last;
    unsigned waiting;
    bool closing;
    unsigned thread_count;
    pthread_t threads[PASSWORD_THREADS];
};

static void make_hash(struct password_job *job)
{
    job->failed = crypto_pwhash_str_alg(job->hash, job->password, job->size, PASSES, MEMORY_SIZE,
                                        crypto_pwhash_ALG_ARGON2ID13) != 0;
}

/* libsodium answers "wrong" for "no memory" as well, and then nothing may be said of the password:
 * so the memory is asked for first. */
static bool has_memory(void)
{
    void *trial = malloc(MEMORY_SIZE);
    free(trial);
    return trial != NULL;
}

static void check(struct password_job *job)
{
    job->is_right = crypto_pwhash_str_verify(job->hash, job->password, job->size) == 0;
    job->failed = !job->is_right && !has_memory();
    job->is_outdated = crypto_pwhash_str_needs_rehash(job->hash, PASSES, MEMORY_SIZE) != 0;
}

static void finish(struct password_job *job)
{
    sodium_memzero(job->password, sizeof job->password);
    job->on_done(job);
}

/* NULL when the pool closes. */
static struct password_job *take(struct password_pool *pool)
{
    pthread_mutex_lock(&pool->lock);
    while (!pool->first && !pool->closing) pthread_cond_wait(&pool->changed, &pool->lock);
    struct password_job *job = pool->closing ? NULL : pool->first;
    if (job) {
        pool->first = job->next;
        if (!pool->first) pool->last = &pool->first;
        pool->waiting--;
    }
    pthread_mutex_unlock(&pool->lock);
    return job;
}

static void *run(void *user)
{
    struct password_pool *pool = user;
    for (struct password_job *job; (job = take(pool));) {
        if (job->task == PASSWORD_MAKE_HASH)
            make_hash(job);
        else
            check(job);
        finish(job);
    }
    return NULL;
}

enum err password_pool_open(struct password_pool **out)
{
    if (sodium_init() < 0) return err_set(ERR_UNSUPPORTED, "libsodium does not start");
    struct password_pool *pool = calloc(1, sizeof *pool);
    CHECK(pool && pthread_mutex_init(&pool->lock, NULL) == 0);
    CHECK(pthread_cond_init(&pool->changed, NULL) == 0);
    pool->last = &pool->first;
    for (; pool->thread_count < PASSWORD_THREADS; pool->thread_count++) {
        if (pthread_create(&pool->threads[pool->thread_count], NULL, run, pool) == 0) continue;
        password_pool_close(pool);
        return err_set(ERR_IO, "cannot start a thread for passwords");
    }
    *out = pool;
    return OK;
}

bool password_pool_submit(struct password_pool *pool, struct password_job *job)
{
    pthread_mutex_lock(&pool->lock);
    const bool taken = !pool->closing && pool->waiting < PASSWORD_QUEUE_MAX;
    if (taken) {
        job->next = NULL;
        job->is_right = job->is_outdated = job->failed = false;
        *pool->last = job;
        pool->last = &job->next;
        pool->waiting++;
        pthread_cond_signal(&pool->changed);
    }
    pthread_mutex_unlock(&pool->lock);
    return taken;
}

void password_pool_close(struct password_pool *pool)
{
    if (!pool) return;
    pthread_mutex_lock(&pool->lock);
    pool->closing = true;
    pthread_cond_broadcast(&pool->changed);
    pthread_mutex_unlock(&pool->lock);
    for (unsigned i = 0; i < pool->thread_count; i++) pthread_join(pool->threads[i], NULL);
    for (struct password_job *job = pool->first, *next; job; job = next) {
        next = job->next;
        job->failed = true;
        finish(job);
    }
    pthread_cond_destroy(&pool->changed);
    pthread_mutex_destroy(&pool->lock);
    free(pool);
}
