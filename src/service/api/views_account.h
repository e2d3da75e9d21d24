/* How accounts, their sessions and tokens, and the audit log look in JSON; see views.h. */
#ifndef SERVICE_API_VIEWS_ACCOUNT_H
#define SERVICE_API_VIEWS_ACCOUNT_H

#include "base/json_writer.h"
#include "io/store/account_row.h"
#include "io/store/audit_store.h"
#include "io/store/key_store.h"

void view_user(struct json_writer *w, const char *key, const struct store_user *user);
void view_session(struct json_writer *w, const struct store_session *session, bool is_current);
/* secret: the token itself, the one time it is shown; NULL else. */
void view_token(struct json_writer *w, const struct store_api_token *token, const char *secret);
void view_key(struct json_writer *w, const struct store_key *key);
void view_audit(struct json_writer *w, const struct audit_entry *entry);

#endif
