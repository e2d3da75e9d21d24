/* One request on its way to its answer, and what every route needs: the api behind it.
 *
 * A call is made when a request comes and ends with its one answer (call_send, call_problem,
 * call_faults): the pointer is dead afterwards. A route that must wait for the desk or a book keeps
 * the call; the api keeps a list of those, so that closing can answer them. The HTTP request itself
 * is good only inside the route's handler. */
#ifndef SERVICE_API_CALL_H
#define SERVICE_API_CALL_H

#include <uv.h>

#include "base/buffer.h"
#include "base/json_writer.h"
#include "io/guard/limit.h"
#include "io/net/http_server.h"
#include "service/api/api.h"
#include "service/api/board.h"
#include "service/api/kept.h"
#include "service/api/limits.h"
#include "service/api/reads.h"

enum {
    CALL_PARAMS_MAX = 2,
    CALL_PARAM_SIZE = 64,
    CALL_ID_SIZE = 17,
    CALL_COOKIE_SIZE = 192,
    CALLS_WAITING_MAX = 4096, /* under way at a time; one more is answered 503 */
};

struct route;

struct api {
    struct api_options options;
    uv_loop_t *loop;
    /* Freed when they have closed: deadlines of waiting calls; tells the tally. */
    uv_timer_t *timer;
    uv_prepare_t *turn_end;
    struct http_server *server;
    struct reads *reads;
    struct board board;
    struct kept kept;
    struct call *calls; /* all that are not answered */
    uint32_t call_count;
    uint64_t request_seed, request_count;
    struct tallies only; /* where the options name none */
    struct tallies *tallies;
    struct tally *tally; /* this thread's */
    int64_t start_ms;
};

struct call {
    struct api *api;
    struct http_reply *reply;
    struct call *next, *previous;
    const struct route *route;
    char address[IP_ADDRESS_SIZE]; /* the client's, as limits.h finds it */
    bool is_counted;               /* rate is told in the answer */
    struct limit_answer rate;
    struct limit_key account_key; /* of a try that counts for an account */
    struct limit_answer account_rate;
    uint32_t retry_after_s;        /* told in the answer where it is not 0 */
    struct principal who;          /* user_id 0: nobody, where the route asks for nobody */
    bool is_local;                 /* see local.h */
    bool is_secure;                /* came by TLS */
    char cookie[CALL_COOKIE_SIZE]; /* Set-Cookie of the answer; "": none */
    enum language language;
    char id[CALL_ID_SIZE];
    char params[CALL_PARAMS_MAX][CALL_PARAM_SIZE]; /* the route's {names}, in order, decoded */
    struct buffer body;
    struct json_writer json; /* into body */

    /* Waits for news (see call_wait) when deadline_ms is not 0. */
    int64_t deadline_ms;                /* monotonic */
    uint16_t instrument;                /* INSTRUMENT_NONE: of no market */
    uint64_t bot_id;                    /* 0: of no bot */
    void (*on_news)(struct call *call); /* NULL: news is not what it waits for */
    void (*on_late)(struct call *call);

    struct read *read; /* NULL: waits for none, see reads.h */

    /* A route's own while it waits. */
    void (*on_account)(struct call *call, const struct account_answer *answer);
    /* What the account desk holds of this call: it says NULL from the call's end on. */
    struct call **ticket;
    bool is_remembered;
    void (*on_book)(struct call *call, const struct board_market *m);
    uint32_t limit;
    enum venue venue;
    enum timeframe timeframe;
    void *state; /* from malloc; freed with the call */
};

/* headers NULL: the request's head was not readable. */
struct call *call_new(struct api *api, const struct http_headers *headers,
                      struct http_reply *reply);
/* The language of the answer: what Accept-Language prefers, else that locale ("": none), else the
 * server's. headers as above. */
void call_choose_language(struct call *call, const struct http_headers *headers,
                          const char *locale);
/* Answers with what was written into json. */
void call_send(struct call *call, int status);
/* The same with a text that was written elsewhere, which it takes. */
void call_send_text(struct call *call, struct buffer *text);
void call_send_as(struct call *call, int status, const char *content_type);
/* 204 */
void call_done(struct call *call);
/* Answers with what rarely changes: with an ETag, or 304 where the client has it. Everything else
 * is told not to be kept. */
void call_send_body(struct call *call, const struct http_wish *wish, struct http_body *body);
void call_problem(struct call *call, enum problem problem);
/* The same with the cause, in English, behind the detail. */
void call_problem_because(struct call *call, enum problem problem, const char *cause);
void call_faults(struct call *call, const struct faults *faults);
void call_problem_faults(struct call *call, enum problem problem, const struct faults *faults);
void call_not_allowed(struct call *call, const char *allow);
void call_options(struct call *call, const char *allow);
/* Logs what failed inside, under the call's id, and answers 500. */
void call_failed(struct call *call, const char *what, const char *cause);

/* Asks the desk for who asks; answers 503 and returns false where it takes no more.
 * request->user is the call. */
bool call_ask(struct call *call, struct desk_request *request);

/* Goes on in on_news with the next book of call->instrument or totals of call->bot_id, whichever
 * are set, or in on_late when wait_ms pass before. */
void call_wait(struct call *call, uint32_t wait_ms, void (*on_news)(struct call *call),
               void (*on_late)(struct call *call));

/* Brings this thread's tally up to date, which happens at the end of each turn of the loop. */
void api_tell_tally(struct api *api);

/* Milliseconds: the wall's clock, and one that never goes back. */
int64_t api_now_ms(void);
int64_t api_monotonic_ms(void);

#endif
