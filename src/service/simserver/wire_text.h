/* Values of the exchange as Binance writes them in JSON. */
#ifndef SERVICE_SIMSERVER_WIRE_TEXT_H
#define SERVICE_SIMSERVER_WIRE_TEXT_H

#include "service/simserver/simserver_internal.h"

/* "0.01000000" with quotes: the scale's decimals, at least 8. */
void text_decimal(struct buffer *out, int64_t units, unsigned scale);
/* ,"name":"0.01000000" and the like; name comes with its punctuation: ",\"p\":". */
void text_price(struct buffer *out, const char *name, const struct instrument *i, struct price p);
void text_qty(struct buffer *out, const char *name, const struct instrument *i, struct qty q);
void text_quote(struct buffer *out, const char *name, const struct instrument *i, struct money m);
void text_number(struct buffer *out, const char *name, int64_t value);
void text_word(struct buffer *out, const char *name, const char *value);
void text_bool(struct buffer *out, const char *name, bool value);
/* A JSON string of any bytes that are UTF-8. */
void text_string(struct buffer *out, struct slice text);
/* [["price","qty"],…] */
void text_levels(struct buffer *out, const struct instrument *i, const struct level *levels,
                 uint32_t count);

/* The rate limits of orders, and that of weight, as objects without a comma around; used < 0:
 * without the counts. */
void text_order_limits(struct buffer *out, const struct limits *l, bool with_counts);
void text_weight_limit(struct buffer *out, const struct limits *l, int64_t used);
/* "code":…,"msg":…, and "data":… where the refusal has some. */
void text_refusal(struct buffer *out, const struct call *c, struct slice data);

enum answer_kind { ANSWER_ACK, ANSWER_RESULT, ANSWER_FULL };

void text_order_answer(struct buffer *out, const struct sim_exchange *e,
                       const struct sim_result *result, enum answer_kind kind);
void text_order_cancelled(struct buffer *out, const struct sim_exchange *e,
                          const struct sim_order *o);
/* The order object of queries. */
void text_order(struct buffer *out, const struct sim_exchange *e, const struct sim_order *o);
void text_fill(struct buffer *out, const struct sim_exchange *e, const struct sim_fill *f);
/* The list object, without its closing brace. */
void text_list_open(struct buffer *out, const struct sim_exchange *e, const struct sim_list *l,
                    const char *time_name);

/* User stream events. */
void text_report(struct buffer *out, const struct sim_exchange *e, const struct sim_event *event);
void text_position(struct buffer *out, const struct sim_exchange *e, const struct sim_event *event);
void text_list_status(struct buffer *out, const struct sim_exchange *e,
                      const struct sim_event *event);

#endif
