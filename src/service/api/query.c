/* Reading queries. */
#include "service/api/query.h"

#include <stdio.h>
#include <string.h>

#include "io/net/url.h"

enum { LIST_STANDARD = 50, NAMES_SIZE = 128 };

/* The next "name=value" of rest; false at the end. Empty ones ("a=1&&b=2") are skipped. */
static bool next_part(struct slice *rest, struct slice *name, struct slice *value)
{
    while (rest->size > 0) {
        const char *stop = memchr(rest->data, '&', rest->size);
        const struct slice part = {rest->data, stop ? (size_t)(stop - rest->data) : rest->size};
        const size_t used = part.size + (stop ? 1 : 0);
        *rest = (struct slice){rest->data + used, rest->size - used};
        if (part.size == 0) continue;
        const char *equals = memchr(part.data, '=', part.size);
        name->data = part.data;
        name->size = equals ? (size_t)(equals - part.data) : part.size;
        value->data = part.data + name->size;
        value->size = part.size - name->size;
        if (equals) *value = (struct slice){equals + 1, value->size - 1};
        return true;
    }
    return false;
}

/* Its place in the row, or QUERY_MAX. */
static unsigned find(const struct route *route, struct slice name)
{
    unsigned i = 0;
    while (i < QUERY_MAX && !(route->query[i].name && slice_is(name, route->query[i].name))) i++;
    return i;
}

static void refuse_unknown(const struct route *route, struct slice name, const char *sent,
                           struct faults *faults)
{
    char field[FAULT_FIELD_SIZE], names[NAMES_SIZE] = "";
    size_t used = 0;
    for (unsigned i = 0; i < QUERY_MAX && route->query[i].name; i++)
        used += (size_t)snprintf(names + used, sizeof names - used, "%s%s", i ? ", " : "",
                                 route->query[i].name);
    excerpt_write(name.size ? name : SLICE("="), field, sizeof field);
    if (used)
        faults_add(faults, field, FAULT_UNKNOWN_PARAMETER, sent,
                   "Göndermeyin. Bu adres şunları bilir: %s.",
                   "Leave it out. This address takes: %s.", names);
    else
        faults_add(faults, field, FAULT_UNKNOWN_PARAMETER, sent, "Göndermeyin. Bu adresin %s.",
                   "Leave it out. This address takes %s.",
                   faults->language == LANGUAGE_TURKISH ? "sorgu parametresi yok" : "none");
}

bool query_check(const struct http_request *request, const struct route *route,
                 struct faults *faults)
{
    struct slice rest = request->query, name, value;
    unsigned seen[QUERY_MAX + 1] = {0};
    while (next_part(&rest, &name, &value)) {
        char sent[FAULT_SENT_SIZE];
        const unsigned place = find(route, name);
        seen[place]++;
        excerpt_write(value, sent, sizeof sent);
        if (place == QUERY_MAX)
            refuse_unknown(route, name, sent, faults);
        else if (seen[place] == 2)
            faults_add(faults, route->query[place].name, FAULT_DUPLICATE, sent, "Bir kez gönderin.",
                       "Send it once.");
    }
    return faults->count == 0;
}

const char *query_sent(const struct http_request *request, const char *name,
                       char out[FAULT_SENT_SIZE])
{
    struct slice rest = request->query, found, value;
    out[0] = '\0';
    while (next_part(&rest, &found, &value)) {
        if (!slice_is(found, name)) continue;
        excerpt_write(value.size ? value : SLICE("\"\""), out, FAULT_SENT_SIZE);
        break;
    }
    return out;
}

bool query_u64(const struct http_request *request, const char *name, uint64_t *value,
               struct faults *faults)
{
    char text[32], sent[FAULT_SENT_SIZE];
    const enum err err = url_query_get(request->query, name, text, sizeof text);
    if (err == ERR_NOT_FOUND) return true;
    if (err == OK && parse_id(text, value)) return true;
    faults_add(faults, name, FAULT_INVALID, query_sent(request, name, sent),
               "0'dan büyük, en çok 18 basamaklı bir tam sayı gönderin.",
               "Send a whole number above 0, of at most 18 digits.");
    return false;
}

bool query_limit(const struct http_request *request, const char *name, uint32_t max,
                 uint32_t standard, uint32_t *value, struct faults *faults)
{
    uint64_t asked = standard;
    char text[32], sent[FAULT_SENT_SIZE];
    const enum err err = url_query_get(request->query, name, text, sizeof text);
    const bool good = err == ERR_NOT_FOUND || (err == OK && parse_id(text, &asked) && asked <= max);
    *value = (uint32_t)asked;
    if (good) return true;
    faults_add(faults, name, FAULT_OUT_OF_RANGE, query_sent(request, name, sent),
               "1 ile %u arasında bir tam sayı gönderin ya da göndermeyin (o zaman %u).",
               "Send a whole number from 1 to %u, or leave it out (then it is %u).", max, standard);
    return false;
}

bool query_page(const struct call *call, const struct http_request *request,
                struct store_page *page, struct faults *faults)
{
    *page = (struct store_page){.user_id = call->who.user_id};
    const bool limit =
        query_limit(request, "limit", STORE_PAGE_MAX, LIST_STANDARD, &page->limit, faults);
    const bool cursor = query_u64(request, "cursor", &page->before_id, faults);
    return query_u64(request, "bot_id", &page->bot_id, faults) && limit && cursor;
}
