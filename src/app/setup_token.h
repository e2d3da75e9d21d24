/* The one-time token with which somebody at another machine shows that he has seen this one, for
 * making the first account. It is in a file of mode 0600 in the data folder while the installation
 * has no owner, so that it is the same after a restart. */
#ifndef APP_SETUP_TOKEN_H
#define APP_SETUP_TOKEN_H

#include "base/err.h"
#include "service/account/token.h"

/* Reads the file in that folder, made if need be. text is for people. ERR_IO. */
enum err setup_token_open(const char *folder, char text[TOKEN_TEXT_SIZE],
                          struct token_hash *hash) ERR_MUST_USE;
/* Takes the file away; fine where there is none. */
void setup_token_remove(const char *folder);

#endif
