/* A real PostgreSQL server of this test program's own, on a Unix socket in a folder of its own. */
#ifndef TESTS_IO_STORE_POSTGRES_H
#define TESTS_IO_STORE_POSTGRES_H

#include <stdbool.h>
#include <stddef.h>

/* Starts it at the first call; it ends with the program. False, with the reason printed once, where
 * there is none to start. */
bool postgres_is_there(void);
/* A database that nobody has used. */
void postgres_new_database(char *url, size_t size);
/* The socket that it listens on. */
const char *postgres_socket(void);
int postgres_pid(void);

#endif
