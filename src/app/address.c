/* ADDRESS:PORT, split at the last colon. */
#include "app/address.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "core/model/money.h"

enum err address_parse(const char *text, char host[ADDRESS_HOST_SIZE], uint16_t *port)
{
    const char *colon = strrchr(text, ':');
    const char *digits = colon ? colon + 1 : "";
    int64_t number;
    if (!isdigit((unsigned char)*digits) || colon == text || strncmp(text, "[]", 2) == 0)
        return err_set(ERR_INVALID, "must be ADDRESS:PORT, as 127.0.0.1:8000");
    if (!decimal_parse(digits, strlen(digits), 0, &number) || number > UINT16_MAX)
        return err_set(ERR_INVALID, "the port must be from 0 to 65535");
    size_t size = (size_t)(colon - text);
    const bool bracketed = size > 2 && text[0] == '[' && colon[-1] == ']';
    if (bracketed) text++, size -= 2;
    if (!bracketed && memchr(text, ':', size))
        return err_set(ERR_INVALID, "an IPv6 address needs brackets, as [::1]:8000");
    if (size >= ADDRESS_HOST_SIZE) return err_set(ERR_INVALID, "the address is too long");
    memcpy(host, text, size);
    host[size] = '\0';
    if (strcmp(host, "localhost") == 0) snprintf(host, ADDRESS_HOST_SIZE, "127.0.0.1");
    *port = (uint16_t)number;
    return OK;
}
