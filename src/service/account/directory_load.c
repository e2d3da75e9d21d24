/* From rows to pictures. */
#include "service/account/directory_load.h"

#include <stdlib.h>

#include "base/check.h"
#include "io/store/account_read.h"

struct load {
    struct account_picture *pictures; /* by user id, upward, as they are read */
    uint32_t count, capacity;
};

static void on_user(void *user, const struct store_user *row)
{
    struct load *load = user;
    if (load->count == DIRECTORY_USERS_MAX) return;
    if (load->count == load->capacity) {
        load->capacity = load->capacity ? 2 * load->capacity : 16;
        load->pictures = reallocarray(load->pictures, load->capacity, sizeof *load->pictures);
        CHECK(load->pictures);
    }
    load->pictures[load->count++] = (struct account_picture){.user = *row};
}

static int compare_user(const void *key, const void *item)
{
    const uint64_t id = *(const uint64_t *)key;
    const uint64_t other = ((const struct account_picture *)item)->user.id;
    return (id > other) - (id < other);
}

/* NULL where the user was left out. */
static struct account_picture *find(struct load *load, uint64_t user_id)
{
    if (load->count == 0) return NULL;
    return bsearch(&user_id, load->pictures, load->count, sizeof *load->pictures, compare_user);
}

static void on_session(void *user, const struct store_session *row)
{
    struct account_picture *picture = find(user, row->user_id);
    if (picture) account_picture_add_session(picture, row);
}

static void on_token(void *user, const struct store_api_token *row)
{
    struct account_picture *picture = find(user, row->user_id);
    if (picture) account_picture_add_token(picture, row);
}

enum err directory_load(struct directory *d, struct sql *db, int64_t now_ms)
{
    struct load load = {0};
    const struct account_reader reader = {on_user, on_session, on_token, &load};
    uint64_t version = 0;
    /* The version first: what changes in between then counts as news to come. */
    enum err err = account_read_version(db, &version);
    if (!err) err = account_read(db, ACCOUNT_READ_ALL, now_ms, &reader);
    if (!err) directory_replace(d, load.pictures, load.count, version);
    for (uint32_t i = 0; err && i < load.count; i++) account_picture_deinit(&load.pictures[i]);
    free(load.pictures);
    return err ? err_note(err, "while reading the accounts") : OK;
}

enum err directory_catch_up(struct directory *d, struct sql *db, int64_t now_ms)
{
    uint64_t version = 0;
    const enum err err = account_read_version(db, &version);
    if (err) return err_note(err, "while asking for news of accounts");
    return directory_is_behind(d, version) ? directory_load(d, db, now_ms) : OK;
}
