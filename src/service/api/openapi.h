/* The OpenAPI 3.1 document, made from the route table and openapi_schemas.json, so that it cannot
 * name a route that is not there. */
#ifndef SERVICE_API_OPENAPI_H
#define SERVICE_API_OPENAPI_H

#include "base/json_writer.h"

void openapi_write(struct json_writer *w, const char *version);

#endif
