/* Asks venues about exchange keys for an account desk: its port's probe, on its loop.
 *
 * At most KEY_PROBES_MAX at a time: people wait seconds for an answer, and what a venue counts
 * against our address should go to orders. What each came to is logged, without the key.
 *
 * Thread: that of the loop and the desk. */
#ifndef SERVICE_API_KEY_PROBES_H
#define SERVICE_API_KEY_PROBES_H

#include <stdbool.h>

#include <uv.h>

#include "base/err.h"
#include "core/model/instrument.h"
#include "service/account/accounts.h"

enum { KEY_PROBES_MAX = 8 };

struct key_probes;

/* urls: of each venue's REST, which outlive it. ERR_IO, ERR_INVALID: no TLS here. */
enum err key_probes_new(uv_loop_t *loop, const char *const urls[VENUE_COUNT],
                        struct key_probes **out) ERR_MUST_USE;
/* Probes under way are answered "gone". NULL is fine. */
void key_probes_free(struct key_probes *p);
/* As of struct account_port. */
bool key_probes_ask(struct key_probes *p, struct account_probe *probe);

#endif
