/* The built-in simulated exchange, on a thread and a loop of its own: reached over its wire
 * protocol on a loopback port, like any other venue. */
#ifndef APP_SIM_THREAD_H
#define APP_SIM_THREAD_H

#include "base/err.h"

enum { SIM_ACCESS_SIZE = 160 };

/* Where it listens, and the key of its test account: handed over in memory, never stored. */
struct sim_access {
    char rest[SIM_ACCESS_SIZE], ws[SIM_ACCESS_SIZE], ws_api[SIM_ACCESS_SIZE];
    char api_key[SIM_ACCESS_SIZE], secret[SIM_ACCESS_SIZE];
};

struct sim_thread;

/* Returns once it listens. data_folder/sim keeps its accounts and open orders. */
enum err sim_thread_start(const char *data_folder, struct sim_thread **out,
                          struct sim_access *access) ERR_MUST_USE;
/* Saves, ends, joins. NULL is fine. */
void sim_thread_stop(struct sim_thread *s);

#endif
