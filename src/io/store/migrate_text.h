/* A migration's text as one database understands it; migrate.h says what is translated. */
#ifndef IO_STORE_MIGRATE_TEXT_H
#define IO_STORE_MIGRATE_TEXT_H

#include "io/store/sql.h"

/* From malloc; NULL where there is no memory. */
char *migrate_text(const char *text, enum sql_kind kind);

#endif
