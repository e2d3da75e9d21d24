/* The files of the web page and of the OpenAPI document, carried in the binary. Made at build by
 * script/embed-web from web/ and openapi_schemas.json. */
#ifndef SERVICE_API_WEB_FILES_H
#define SERVICE_API_WEB_FILES_H

#include <stddef.h>

struct web_file {
    const char *path; /* "/" for index.html, "/docs" for docs.html */
    const char *content_type;
    const char *data; /* a NUL stands behind it */
    size_t size;
};

extern const struct web_file web_files[];
extern const size_t web_files_count;
/* Schemas of the API's answers: a JSON object, by name. */
extern const char openapi_schemas[];

#endif
