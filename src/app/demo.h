/* An account and three paper bots that show the server at work. */
#ifndef APP_DEMO_H
#define APP_DEMO_H

#include "service/account/accounts.h"
#include "service/api/desk.h"

/* Claims an installation that has no owner, with a random password that is printed once on standard
 * output, as "demo login: <email> <password>". Asks for the bots and starts them, unless the first
 * user has bots already. Then, perhaps at once, calls on_done: all is there, or what went wrong is
 * logged. On the first web thread, once a process. */
void demo_start(struct desk desk, struct accounts *accounts, struct account_desk *account_desk,
                const char *store_path, void (*on_done)(void *user), void *user);

#endif
