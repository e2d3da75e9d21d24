/* The mail server that letters are handed to, by one address:
 *
 *     smtp[s]://[user[:password]@]host[:port][?from=sender@example.com&ca=/path/of/ca.pem]
 *
 * smtps speaks TLS from the first byte (port 465), smtp begins in the clear and must go on by
 * STARTTLS (port 587) before anything is said; only a server on this machine's loopback may do
 * without. The server's certificate must be good for its name, by the system's authorities or by
 * those in the file `ca`, and with `ca` TLS is asked of a loopback server too. User, password and
 * values of the query are percent-decoded. The sender is `from`, or the user where that is an
 * address. Pure.
 * Source: RFC 3986, RFC 8314 (ports and TLS of submission). */
#ifndef IO_MAIL_MAIL_SERVER_H
#define IO_MAIL_MAIL_SERVER_H

#include <stdbool.h>

#include "base/err.h"

enum { MAIL_SERVER_TEXT_SIZE = 256, MAIL_ADDRESS_SIZE = 255 };

struct mail_server {
    char url[3 * MAIL_SERVER_TEXT_SIZE]; /* scheme, host and port: nothing secret */
    char user[MAIL_SERVER_TEXT_SIZE];    /* "": no login */
    char password[MAIL_SERVER_TEXT_SIZE];
    char from[MAIL_ADDRESS_SIZE];
    char ca_path[MAIL_SERVER_TEXT_SIZE]; /* "": the system's */
    bool needs_tls;
};

/* ERR_INVALID with the cause; never shows the password. */
enum err mail_server_parse(const char *text, struct mail_server *out) ERR_MUST_USE;
/* Whether a text can stand in a letter's head and in SMTP as an address: ASCII without blanks,
 * control characters or any of "(),:;<>[\], one @ inside, at most 254 bytes. */
bool mail_address_is_good(const char *text);

#endif
