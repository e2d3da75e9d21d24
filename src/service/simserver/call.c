/* Reading the parameters of a request. */
#include "service/simserver/call.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "io/venue/json_cursor.h"
#include "service/simserver/simserver_internal.h"

/* A larger number of a time is meant as microseconds. */
#define MICROSECONDS_FROM INT64_C(100000000000000)

bool call_refuse(struct call *c, int status, int code, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(c->message, sizeof c->message, format, arguments);
    va_end(arguments);
    c->status = status;
    c->code = code;
    return false;
}

bool call_reject(struct call *c, enum sim_reject reject)
{
    return call_refuse(c, reject == SIM_REJECT_OVERLOADED ? 503 : 400, sim_reject_code(reject),
                       "%s", sim_reject_text(reject));
}

bool call_refuse_missing(struct call *c, const char *name)
{
    return call_refuse(c, 400, -1102,
                       "Mandatory parameter '%s' was not sent, was empty/null, or malformed.",
                       name);
}

bool call_refuse_not_required(struct call *c, const char *name)
{
    return call_refuse(c, 400, -1106, "Parameter '%s' sent when not required.", name);
}

bool call_refuse_value(struct call *c, const char *name)
{
    return call_refuse(c, 400, -1130,
                       "Invalid data sent for a parameter. Data sent for parameter '%s' is not "
                       "valid.",
                       name);
}

static bool refuse_characters(struct call *c, const char *name, const char *range)
{
    return call_refuse(c, 400, -1100,
                       "Illegal characters found in parameter '%s'; legal range is '%s'.", name,
                       range);
}

bool call_find(const struct call *c, const char *name, struct slice *out)
{
    for (unsigned i = 0; i < c->parameter_count; i++) {
        if (!slice_is(c->parameters[i].name, name)) continue;
        *out = c->parameters[i].value;
        return true;
    }
    *out = (struct slice){0};
    return false;
}

bool call_has(const struct call *c, const char *name)
{
    struct slice value;
    return call_find(c, name, &value);
}

bool call_need(struct call *c, const char *name, struct slice *out)
{
    if (call_find(c, name, out) && out->size) return true;
    return call_refuse_missing(c, name);
}

static bool find_symbol(struct call *c, struct slice name, uint16_t *out)
{
    char symbol[SYMBOL_SIZE];
    if (slice_copy(name, symbol, sizeof symbol) &&
        sim_exchange_find_instrument(&c->server->exchange, symbol, out))
        return true;
    for (size_t i = 0; i < name.size; i++)
        if (!memchr("ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.", name.data[i], 39))
            return refuse_characters(c, "symbol", "^[A-Z0-9-_.]{1,20}$");
    return call_refuse(c, 400, -1121, "Invalid symbol.");
}

bool call_symbol(struct call *c, uint16_t *out)
{
    struct slice name;
    return call_need(c, "symbol", &name) && find_symbol(c, name, out);
}

const struct instrument *call_rules(const struct call *c, uint16_t instrument)
{
    return sim_exchange_instrument(&c->server->exchange, instrument);
}

bool call_u64(struct call *c, const char *name, uint64_t standard, uint64_t *out)
{
    struct slice text;
    *out = standard;
    if (!call_find(c, name, &text)) return true;
    if (text.size == 0) return call_refuse(c, 400, -1105, "Parameter '%s' was empty.", name);
    int64_t value;
    if (text.data[0] == '-' || !decimal_parse(text.data, text.size, 0, &value))
        return refuse_characters(c, name, "^[0-9]{1,20}$");
    *out = (uint64_t)value;
    return true;
}

bool call_limit(struct call *c, uint32_t standard, uint32_t max, uint32_t *out)
{
    uint64_t value;
    if (!call_u64(c, "limit", standard, &value)) return false;
    if (value == 0) return call_refuse_value(c, "limit");
    *out = value < max ? (uint32_t)value : max;
    return true;
}

bool call_time(struct call *c, const char *name, int64_t *out)
{
    uint64_t value;
    *out = -1;
    if (!call_has(c, name)) return true;
    if (!call_u64(c, name, 0, &value)) return false;
    *out = (int64_t)value;
    if (*out >= MICROSECONDS_FROM) *out /= 1000;
    return true;
}

bool call_decimal(struct call *c, const char *name, unsigned scale, int64_t *out)
{
    struct slice text;
    *out = 0;
    if (!call_find(c, name, &text)) return true;
    if (text.size == 0) return call_refuse(c, 400, -1105, "Parameter '%s' was empty.", name);
    if (text.data[0] != '-' && decimal_parse(text.data, text.size, scale, out)) return true;
    const char *dot = memchr(text.data, '.', text.size);
    int64_t any;
    if (text.data[0] != '-' && dot && decimal_parse(text.data, text.size, SCALE_MAX, &any))
        return call_refuse(c, 400, -1111, "Parameter '%s' has too much precision.", name);
    return refuse_characters(c, name, "^([0-9]{1,20})(\\.[0-9]{1,20})?$");
}

bool call_interval(struct call *c, enum timeframe *out)
{
    struct slice name;
    char text[8];
    if (!call_need(c, "interval", &name)) return false;
    if (slice_copy(name, text, sizeof text) && timeframe_parse(text, out)) return true;
    return call_refuse(c, 400, -1120, "Invalid interval.");
}

bool call_client_id(struct call *c, const char *name, char out[CLIENT_ID_SIZE])
{
    struct slice text;
    out[0] = '\0';
    if (!call_find(c, name, &text)) return true;
    if (text.size == 0) return call_refuse(c, 400, -1105, "Parameter '%s' was empty.", name);
    bool sound = slice_copy(text, out, CLIENT_ID_SIZE);
    for (size_t i = 0; i < text.size; i++) {
        const char letter = text.data[i];
        sound = sound && ((letter >= 'a' && letter <= 'z') || (letter >= 'A' && letter <= 'Z') ||
                          (letter >= '0' && letter <= '9') || letter == '-' || letter == '_');
    }
    return sound || refuse_characters(c, name, "^[a-zA-Z0-9-_]{1,36}$");
}

static bool add_symbol(struct call *c, struct slice name, uint16_t out[CALL_SYMBOLS_MAX],
                       unsigned *count)
{
    uint16_t instrument;
    if (!find_symbol(c, name, &instrument)) return false;
    for (unsigned i = 0; i < *count; i++)
        if (out[i] == instrument)
            return call_refuse(c, 400, -1151, "Symbol is present multiple times in the list.");
    out[(*count)++] = instrument;
    return true;
}

bool call_symbols(struct call *c, uint16_t out[CALL_SYMBOLS_MAX], unsigned *count, bool *single)
{
    struct slice text;
    *count = 0;
    *single = call_has(c, "symbol");
    if (*single && call_has(c, "symbols"))
        return call_refuse(c, 400, -1128, "Combination of optional parameters invalid.");
    if (*single) return call_need(c, "symbol", &text) && add_symbol(c, text, out, count);
    if (!call_find(c, "symbols", &text)) {
        for (uint16_t i = 0; i < c->server->exchange.market_count; i++) out[(*count)++] = i;
        return true;
    }
    struct json_cursor j;
    struct slice name;
    cursor_init(&j, text);
    cursor_enter_array(&j);
    while (cursor_next_element(&j) && cursor_string(&j, &name, NULL))
        if (!add_symbol(c, name, out, count)) return false;
    if (!cursor_end(&j))
        return refuse_characters(c, "symbols", "^\\[(\"[A-Z0-9-_.]{1,20}\",?)*\\]$");
    return *count > 0 || call_refuse(c, 400, -1105, "Parameter 'symbols' was empty.");
}
