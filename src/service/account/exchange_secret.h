/* An exchange key's secret: how it is packed, sealed and taken out again.
 *
 * struct exchange_secret is where a secret stays that somebody works with: it lies in libsodium's
 * guarded pages (locked, not in core dumps, between inaccessible ones), has no printer, cannot be
 * copied by assignment and is wiped when closed. Thread: one at a time; a vault is for any. */
#ifndef SERVICE_ACCOUNT_EXCHANGE_SECRET_H
#define SERVICE_ACCOUNT_EXCHANGE_SECRET_H

#include "base/err.h"
#include "base/slice.h"
#include "io/store/key_store.h"
#include "service/account/vault.h"

/* What people see of an API key: its ends, where it is long enough to hide the rest. */
void exchange_key_mask(struct slice api_key, char out[STORE_MASKED_SIZE]);

/* Seals both for the row of that id and user. ERR_LIMIT: longer than a row takes. */
enum err exchange_secret_seal(struct vault *v, uint64_t id, uint64_t user_id, struct slice api_key,
                              struct slice secret, struct store_key_sealed *out) ERR_MUST_USE;

struct exchange_secret;

/* ERR_INVALID: altered, moved, or sealed by a master key that is gone; ERR_NO_MEMORY: no locked
 * memory. */
enum err exchange_secret_open(struct vault *v, const struct store_key *key,
                              const struct store_key_sealed *sealed,
                              struct exchange_secret **out) ERR_MUST_USE;
/* Wipes it. NULL is fine. */
void exchange_secret_close(struct exchange_secret *s);
/* Good until it is closed. */
struct slice exchange_secret_api_key(const struct exchange_secret *s);
struct slice exchange_secret_secret(const struct exchange_secret *s);

#endif
