/* What the query of a request's address asks ("limit=5&cursor=9").
 *
 * query_check comes first, for every route: a name that the route's row does not tell, and a name
 * given twice, are refused, so that a misspelt filter is never taken for no filter. Names are taken
 * as sent: one in percent coding is an unknown one. The other functions add a fault and return
 * false where a value is wrong. */
#ifndef SERVICE_API_QUERY_H
#define SERVICE_API_QUERY_H

#include "io/net/http_server.h"
#include "io/store/store_read.h"
#include "service/api/problem.h"
#include "service/api/route.h"

bool query_check(const struct http_request *request, const struct route *route,
                 struct faults *faults);

/* A number above 0; *value stays where the name is absent. */
bool query_u64(const struct http_request *request, const char *name, uint64_t *value,
               struct faults *faults);
/* 1..max, `standard` where it is absent. */
bool query_limit(const struct http_request *request, const char *name, uint32_t max,
                 uint32_t standard, uint32_t *value, struct faults *faults);
/* A page of the caller's list: limit, cursor, bot_id. */
bool query_page(const struct call *call, const struct http_request *request,
                struct store_page *page, struct faults *faults);
/* A value as it is shown in a fault, as sent; "" where the name is absent. */
const char *query_sent(const struct http_request *request, const char *name,
                       char out[FAULT_SENT_SIZE]);

#endif
