/* Three paper bots that show the server at work. */
#ifndef APP_DEMO_H
#define APP_DEMO_H

#include "service/api/desk.h"

/* Asks for the bots and starts them, unless the first user has bots already. Then, perhaps at once,
 * calls on_done: the bots run, or what went wrong is logged. On the web thread, once a process. */
void demo_start(struct desk desk, const char *store_path, void (*on_done)(void *user), void *user);

#endif
