/* How commands at this machine reach the server that runs by a data folder: a file of mode 0600 in
 * it, "console", with the server's address and a token of this one run.
 *
 * Whoever can read the file can read the database as well, so it gives away nothing; the server
 * takes the token from this machine alone, and for the few routes that ask for it (access.h). */
#ifndef APP_CONSOLE_H
#define APP_CONSOLE_H

#include "app/address.h"
#include "base/err.h"
#include "service/account/token.h"

enum { CONSOLE_URL_SIZE = ADDRESS_HOST_SIZE + 32 };

struct console {
    char url[CONSOLE_URL_SIZE];
    char token[TOKEN_TEXT_SIZE];
};

/* The server's side: in place of a file that another run left. ERR_IO. */
enum err console_write(const char *folder, const struct console *c) ERR_MUST_USE;
/* Takes the file away; fine where there is none. */
void console_remove(const char *folder);
/* A command's side. ERR_NOT_FOUND: no server runs there; ERR_IO; ERR_PARSE: not such a file. */
enum err console_read(const char *folder, struct console *c) ERR_MUST_USE;

#endif
