/* The table of routes: what is answered and to whom, what the OpenAPI document tells, and nothing
 * else.
 *
 * A pattern's {name} matches one segment of a path. HEAD is GET without its body and OPTIONS is
 * answered for every pattern, so neither has rows. */
#ifndef SERVICE_API_ROUTE_H
#define SERVICE_API_ROUTE_H

#include "service/api/access.h"
#include "service/api/call.h"

enum { QUERY_MAX = 3 };

struct listing;

/* Parameters of a query, for the OpenAPI document. */
struct query_parameter {
    const char *name;
    const char *schema; /* JSON */
    bool required;
};

struct route {
    const char *method; /* "GET", "POST", "PUT", "PATCH" or "DELETE" */
    const char *pattern;
    const char *id; /* operationId */
    const char *summary;
    void (*handle)(struct call *call, const struct http_request *request);
    const char *schema;       /* of a good answer: a name of openapi_schemas.json; NULL: not JSON */
    const char *content_type; /* of a good answer that is not JSON */
    const char *body_schema;  /* of the body, NULL: none needed */
    int status;               /* of a good answer */
    int other_status;         /* answers with the same schema; 0: none */
    struct query_parameter query[QUERY_MAX];
    /* What its handler refuses with, beyond what the other columns bring: PROBLEM_BIT of each. */
    uint64_t refusals;
    /* Of history_list: reads a page of items, newest first, on a pool's thread. */
    enum err (*list)(struct store_reader *reader, struct listing *list);
    enum access access;
    enum limit_class limit;
    bool fresh;   /* the password must have been given lately */
    bool kept;    /* answered with an ETag, and 304 to who has it (kept.h) */
    bool console; /* this machine's console may ask too, uncounted: see access.h */
};

extern const struct route routes[];
extern const size_t routes_count;

#define PROBLEM_BIT(name) (UINT64_C(1) << PROBLEM_##name)
_Static_assert(PROBLEM_COUNT <= 64, "a set of problems is a uint64_t");

/* Every problem that a request to this row can be answered with, PROBLEM_BIT of each, but for those
 * of the HTTP server, which looks at no row (problem_of_status), and for PROBLEM_INTERNAL. */
uint64_t route_refusals(const struct route *route);

/* Whether path matches; writes its decoded parameters. */
bool route_match(const char *pattern, struct slice path,
                 char params[CALL_PARAMS_MAX][CALL_PARAM_SIZE]);

/* ---- the handlers, by file ---- */

/* routes_ops.c */
void ops_health(struct call *call, const struct http_request *request);
void ops_ready(struct call *call, const struct http_request *request);
void ops_version(struct call *call, const struct http_request *request);
void ops_openapi(struct call *call, const struct http_request *request);
void ops_page(struct call *call, const struct http_request *request);
/* metrics.c */
void metrics_get(struct call *call, const struct http_request *request);
/* routes_market.c */
void market_venues(struct call *call, const struct http_request *request);
/* What a market request gets when the desk refused. */
void market_refuse(struct call *call, enum err err);
void market_symbols(struct call *call, const struct http_request *request);
void market_book(struct call *call, const struct http_request *request);
void market_ticker(struct call *call, const struct http_request *request);
void market_trades(struct call *call, const struct http_request *request);
void market_candles(struct call *call, const struct http_request *request);
/* routes_bot.c */
void bot_create(struct call *call, const struct http_request *request);
void bot_get(struct call *call, const struct http_request *request);
void bot_start(struct call *call, const struct http_request *request);
void bot_stop(struct call *call, const struct http_request *request);
void bot_panic(struct call *call, const struct http_request *request);
void bot_change(struct call *call, const struct http_request *request);
void bot_remove(struct call *call, const struct http_request *request);
void bot_kill(struct call *call, const struct http_request *request);
void bot_state(struct call *call, const struct http_request *request);
void bot_why(struct call *call, const struct http_request *request);
void bot_strategies(struct call *call, const struct http_request *request);
/* routes_auth.c */
void auth_register(struct call *call, const struct http_request *request);
void auth_login(struct call *call, const struct http_request *request);
void auth_logout(struct call *call, const struct http_request *request);
void auth_reauthenticate(struct call *call, const struct http_request *request);
void auth_change_password(struct call *call, const struct http_request *request);
void auth_forgot(struct call *call, const struct http_request *request);
void auth_reset(struct call *call, const struct http_request *request);
/* routes_self.c */
void self_get(struct call *call, const struct http_request *request);
void self_change(struct call *call, const struct http_request *request);
void self_sessions(struct call *call, const struct http_request *request);
void self_end_session(struct call *call, const struct http_request *request);
void self_totp_begin(struct call *call, const struct http_request *request);
void self_totp_confirm(struct call *call, const struct http_request *request);
void self_totp_drop(struct call *call, const struct http_request *request);
void self_tokens(struct call *call, const struct http_request *request);
void self_token_add(struct call *call, const struct http_request *request);
void self_token_end(struct call *call, const struct http_request *request);
/* routes_key.c */
void key_list(struct call *call, const struct http_request *request);
void key_add(struct call *call, const struct http_request *request);
void key_end(struct call *call, const struct http_request *request);
/* routes_admin.c */
void admin_users(struct call *call, const struct http_request *request);
void admin_change_user(struct call *call, const struct http_request *request);
void admin_audit(struct call *call, const struct http_request *request);
/* routes_limits.c */
void limits_list(struct call *call, const struct http_request *request);
void limits_forget(struct call *call, const struct http_request *request);
void limits_forget_all(struct call *call, const struct http_request *request);
/* routes_history.c */
void history_list(struct call *call, const struct http_request *request);
/* Of the path's bot. */
void history_of_bot(struct call *call, const struct http_request *request);
void history_balances(struct call *call, const struct http_request *request);
void history_positions(struct call *call, const struct http_request *request);
enum err list_bots(struct store_reader *reader, struct listing *list);
enum err list_orders(struct store_reader *reader, struct listing *list);
enum err list_fills(struct store_reader *reader, struct listing *list);
enum err list_trades(struct store_reader *reader, struct listing *list);

/* False where text is not a whole number above 0. */
bool parse_id(const char *text, uint64_t *id);

#endif
