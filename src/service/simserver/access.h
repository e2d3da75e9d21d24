/* The keys that may trade, and whether a signature is theirs.
 *
 * Secrets live here and in struct simserver_info only; access_deinit wipes them. One thread. */
#ifndef SERVICE_SIMSERVER_ACCESS_H
#define SERVICE_SIMSERVER_ACCESS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/slice.h"
#include "io/venue/binance/binance_sign.h"

enum { ACCESS_KEYS_MAX = 3, ACCESS_NAME_SIZE = 65 };

#define ACCESS_ED25519_NAME "ed25519-test"

struct access_key {
    uint8_t kind;      /* enum binance_key_kind */
    bool may_withdraw; /* told to who asks; there is nothing to withdraw */
    char name[ACCESS_NAME_SIZE];
    struct binance_key hmac;
    unsigned char ed25519_public[32];
};

struct access {
    struct access_key keys[ACCESS_KEYS_MAX];
    unsigned count;
    /* Of the HMAC keys, for simserver_info. */
    char secret[ACCESS_NAME_SIZE], withdraw_secret[ACCESS_NAME_SIZE];
};

/* Makes the HMAC keys, one that may not withdraw and one that may, and takes the other one where
 * there is one. */
enum err access_init(struct access *a, const unsigned char *ed25519_public) ERR_MUST_USE;
void access_deinit(struct access *a);
/* Of an account's two HMAC keys. */
const struct access_key *access_hmac(const struct access *a, bool may_withdraw);
/* NULL: not known. */
struct access_key *access_find(struct access *a, struct slice name);
bool access_is_signed(struct access_key *k, struct slice payload, struct slice signature);

#endif
