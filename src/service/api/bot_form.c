/* A new bot, as a person asks for it. */
#include "service/api/bot_form.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "service/api/strategy_params.h"

enum { PERCENT_SCALE = 4, PERCENT = 10000, PPM_SCALE = 6 };
enum { DAILY_TRADES_MAX = 100000, COOLDOWN_MAX = 31536000 };

static const char *const fields[] = {"name",   "venue",    "symbols",   "market",    "mode",
                                     "params", "strategy", "timeframe", "capital",   "sizing",
                                     "risk",   "leverage", "margin",    "api_key_id"};
static const char *const sizing_fields[] = {"kind", "value"};
static const char *const risk_fields[] = {"stop_loss_pct",    "take_profit_pct",
                                          "trailing_pct",     "max_daily_loss_pct",
                                          "daily_target_pct", "max_daily_trades",
                                          "cooldown_s"};

#define COUNT(array) (sizeof(array) / sizeof *(array))

/* How deep brackets stand in each other, outside of texts. */
static unsigned depth_of(struct slice body)
{
    unsigned depth = 0, deepest = 0;
    bool in_text = false;
    for (size_t i = 0; i < body.size; i++) {
        const char c = body.data[i];
        if (in_text) {
            if (c == '\\')
                i++;
            else if (c == '"')
                in_text = false;
        } else if (c == '"') {
            in_text = true;
        } else if (c == '{' || c == '[') {
            if (++depth > deepest) deepest = depth;
        } else if ((c == '}' || c == ']') && depth > 0) {
            depth--;
        }
    }
    return deepest;
}

static void refuse_unknown(struct faults *faults, json_t *object, const char *prefix,
                           const char *const *names, size_t count)
{
    const char *name;
    json_t *value;
    json_object_foreach(object, name, value)
    {
        size_t i = 0;
        while (i < count && strcmp(names[i], name) != 0) i++;
        if (i < count) continue;
        char field[FAULT_FIELD_SIZE];
        snprintf(field, sizeof field, "%s%.64s", prefix, name);
        faults_add(faults, field, FAULT_UNKNOWN_FIELD, "");
    }
}

/* A text that must be there; NULL and a fault otherwise. */
static const char *need_text(struct faults *faults, const json_t *object, const char *key,
                             const char *field)
{
    const json_t *value = json_object_get(object, key);
    if (!value)
        faults_add(faults, field, FAULT_REQUIRED, "");
    else if (!json_is_string(value))
        faults_add(faults, field, FAULT_WRONG_TYPE, "\"...\"");
    return json_string_value(value);
}

static void read_name(struct bot_form *form, const json_t *body)
{
    const char *name = need_text(&form->faults, body, "name", "name");
    if (!name) return;
    const size_t size = strlen(name);
    bool blank = true, sound = true;
    for (const char *at = name; *at; at++) {
        if ((unsigned char)*at < 0x20 || *at == 0x7f) sound = false;
        if (*at != ' ') blank = false;
    }
    if (blank || size >= STORE_NAME_SIZE)
        faults_add(&form->faults, "name", FAULT_OUT_OF_RANGE, "1..128");
    else if (!sound)
        faults_add(&form->faults, "name", FAULT_INVALID, "");
    else
        memcpy(form->bot.name, name, size + 1);
}

static void read_venue(struct bot_form *form, const json_t *body)
{
    const char *name = need_text(&form->faults, body, "venue", "venue");
    enum venue venue = VENUE_SIM;
    if (!name) return;
    form->venue_is_known = venue_parse(name, &venue);
    form->bot.venue = (uint8_t)venue;
    if (!form->venue_is_known) faults_add(&form->faults, "venue", FAULT_INVALID, "sim, binance");
}

static enum fault read_symbol(struct store_bot *bot, const json_t *value)
{
    const char *symbol = json_string_value(value);
    if (!symbol) return FAULT_WRONG_TYPE;
    const size_t size = strlen(symbol);
    if (size == 0 || size >= SYMBOL_SIZE) return FAULT_NOT_FOUND;
    for (unsigned i = 0; i < bot->symbol_count; i++)
        if (strcmp(bot->symbols[i], symbol) == 0) return FAULT_DUPLICATE;
    memcpy(bot->symbols[bot->symbol_count++], symbol, size + 1);
    return FAULT_COUNT;
}

static void read_symbols(struct bot_form *form, const json_t *body)
{
    const json_t *list = json_object_get(body, "symbols");
    if (!list) {
        faults_add(&form->faults, "symbols", FAULT_REQUIRED, "");
        return;
    }
    if (!json_is_array(list)) {
        faults_add(&form->faults, "symbols", FAULT_WRONG_TYPE, "[\"...\"]");
        return;
    }
    const size_t count = json_array_size(list);
    if (count < 1 || count > BOT_SYMBOLS_MAX) {
        faults_add(&form->faults, "symbols", FAULT_OUT_OF_RANGE, "1..10");
        return;
    }
    form->symbols_are_known = true;
    for (size_t i = 0; i < count; i++) {
        const enum fault fault = read_symbol(&form->bot, json_array_get(list, i));
        if (fault == FAULT_COUNT) continue;
        faults_add(&form->faults, "symbols", fault, "");
        form->symbols_are_known = false;
    }
}

static void read_mode(struct bot_form *form, const json_t *body, bool live_enabled)
{
    const json_t *value = json_object_get(body, "mode");
    const char *mode = json_string_value(value);
    form->bot.mode = MODE_PAPER;
    if (!value || (mode && strcmp(mode, "paper") == 0)) return;
    if (!mode) {
        faults_add(&form->faults, "mode", FAULT_WRONG_TYPE, "\"...\"");
    } else if (strcmp(mode, "live") != 0) {
        faults_add(&form->faults, "mode", FAULT_INVALID, "paper, live");
    } else if (!live_enabled) {
        faults_add(&form->faults, "mode", FAULT_LIVE_DISABLED, "LIVE_TRADING_ENABLED");
    } else {
        form->bot.mode = MODE_LIVE;
    }
}

/* Fields whose only value so far is the neutral one. */
static void read_neutral(struct bot_form *form, const json_t *body)
{
    const json_t *market = json_object_get(body, "market");
    const json_t *leverage = json_object_get(body, "leverage");
    const json_t *margin = json_object_get(body, "margin");
    const json_t *key = json_object_get(body, "api_key_id");
    const char *market_name = json_string_value(market);
    const char *margin_name = json_string_value(margin);
    if (market && (!market_name || strcmp(market_name, "spot") != 0))
        faults_add(&form->faults, "market", FAULT_UNSUPPORTED, "spot");
    if (leverage && (!json_is_integer(leverage) || json_integer_value(leverage) != 1))
        faults_add(&form->faults, "leverage", FAULT_UNSUPPORTED, "1");
    if (margin && !json_is_null(margin) && (!margin_name || strcmp(margin_name, "isolated") != 0))
        faults_add(&form->faults, "margin", FAULT_UNSUPPORTED, "isolated");
    if (key && !json_is_null(key))
        faults_add(&form->faults, "api_key_id", FAULT_UNSUPPORTED, "null");
}

static void read_params(struct bot_form *form, enum strategy_kind kind, const json_t *object)
{
    struct param_fault fault;
    double params[STRATEGY_PARAMS_MAX];
    if (strategy_params_read(kind, object, params, &fault) != OK) {
        char field[FAULT_FIELD_SIZE];
        snprintf(field, sizeof field, "params%s%s", *fault.name ? "." : "", fault.name);
        faults_add(&form->faults, field, fault_from_code(fault.code), fault.detail);
        return;
    }
    json_t *all = strategy_params_json(kind, params);
    const size_t size = all ? json_dumpb(all, form->bot.params, STORE_PARAMS_SIZE - 1,
                                         JSON_COMPACT | JSON_REAL_PRECISION(15))
                            : 0;
    if (size == 0 || size >= STORE_PARAMS_SIZE)
        faults_add(&form->faults, "params", FAULT_INVALID, "");
    else
        form->bot.params[size] = '\0';
    json_decref(all);
}

static void read_strategy(struct bot_form *form, const json_t *body)
{
    const char *name = need_text(&form->faults, body, "strategy", "strategy");
    enum strategy_kind kind;
    if (!name) return;
    if (!strategy_find(name, &kind)) {
        faults_add(&form->faults, "strategy", FAULT_INVALID, "GET /api/v1/strategies");
        return;
    }
    snprintf(form->bot.strategy, sizeof form->bot.strategy, "%s", name);
    read_params(form, kind, json_object_get(body, "params"));
}

static void read_timeframe(struct bot_form *form, const json_t *body)
{
    const char *name = need_text(&form->faults, body, "timeframe", "timeframe");
    enum timeframe timeframe = TIMEFRAME_1M;
    if (name && !timeframe_parse(name, &timeframe))
        faults_add(&form->faults, "timeframe", FAULT_INVALID,
                   "1s 1m 3m 5m 15m 30m 1h 2h 4h 6h 8h 12h 1d");
    form->bot.timeframe = (uint8_t)timeframe;
}

/* An amount above 0, exactly; false and a fault otherwise. */
static bool read_amount(struct faults *faults, const char *text, const char *field, unsigned scale,
                        int64_t *out)
{
    char note[32];
    if (!text) return false;
    if (!decimal_parse(text, strlen(text), scale, out)) {
        snprintf(note, sizeof note, "\"123.45\", <= %u", scale);
        faults_add(faults, field, FAULT_INVALID, note);
        return false;
    }
    if (*out > 0) return true;
    faults_add(faults, field, FAULT_OUT_OF_RANGE, "> 0");
    return false;
}

static void read_capital(struct bot_form *form, const json_t *body)
{
    const char *text = need_text(&form->faults, body, "capital", "capital");
    form->bot.quote_scale = BOT_FORM_CAPITAL_SCALE;
    form->amounts_are_known &= read_amount(&form->faults, text, "capital", BOT_FORM_CAPITAL_SCALE,
                                           &form->bot.capital.units);
}

static bool read_part(struct bot_form *form, const char *text)
{
    struct store_bot *bot = &form->bot;
    bot->sizing_scale = PPM_SCALE;
    if (!read_amount(&form->faults, text, "sizing.value", PERCENT_SCALE, &bot->sizing_value))
        return false;
    if (bot->sizing_value <= 100 * PERCENT) return true;
    faults_add(&form->faults, "sizing.value", FAULT_OUT_OF_RANGE, "0..100");
    return false;
}

static bool read_sizing_value(struct bot_form *form, enum sizing_kind kind, const char *text)
{
    struct store_bot *bot = &form->bot;
    bot->sizing_kind = (uint8_t)kind;
    if (kind == SIZING_PERCENT || kind == SIZING_RISK) return read_part(form, text);
    /* A quantity's scale is the symbol's: here it only must be a number; bot_form_fit reads it. */
    bot->sizing_scale = BOT_FORM_CAPITAL_SCALE;
    if (!read_amount(&form->faults, text, "sizing.value", BOT_FORM_CAPITAL_SCALE,
                     &bot->sizing_value))
        return false;
    snprintf(form->sizing_text, sizeof form->sizing_text, "%s", text);
    return true;
}

static void read_sizing(struct bot_form *form, const json_t *body)
{
    json_t *object = json_object_get(body, "sizing");
    enum sizing_kind kind;
    form->amounts_are_known = false;
    if (!object || !json_is_object(object)) {
        faults_add(&form->faults, "sizing", object ? FAULT_WRONG_TYPE : FAULT_REQUIRED, "{}");
        return;
    }
    refuse_unknown(&form->faults, object, "sizing.", sizing_fields, COUNT(sizing_fields));
    const char *name = need_text(&form->faults, object, "kind", "sizing.kind");
    const char *text = need_text(&form->faults, object, "value", "sizing.value");
    if (name && !sizing_kind_parse(name, &kind))
        faults_add(&form->faults, "sizing.kind", FAULT_INVALID, "quantity, quote, percent, risk");
    else if (name)
        form->amounts_are_known = read_sizing_value(form, kind, text);
}

struct percent_rule {
    const char *name;
    int32_t *ppm;
    int32_t standard;
    unsigned max; /* percent */
};

static void read_percent(struct faults *faults, const json_t *risk, const struct percent_rule *rule)
{
    const json_t *value = json_object_get(risk, rule->name);
    const char *text = json_string_value(value);
    char field[FAULT_FIELD_SIZE], range[32];
    int64_t ppm = 0;
    *rule->ppm = value ? 0 : rule->standard;
    if (!value || json_is_null(value)) return;
    snprintf(field, sizeof field, "risk.%s", rule->name);
    snprintf(range, sizeof range, "0..%u", rule->max);
    if (!text)
        faults_add(faults, field, FAULT_WRONG_TYPE, "\"0.5\"");
    else if (!decimal_parse(text, strlen(text), PERCENT_SCALE, &ppm))
        faults_add(faults, field, FAULT_INVALID, "\"0.5\", <= 4");
    else if (ppm < 0 || ppm > (int64_t)rule->max * PERCENT)
        faults_add(faults, field, FAULT_OUT_OF_RANGE, range);
    else
        *rule->ppm = (int32_t)ppm;
}

static void read_count(struct faults *faults, const json_t *risk, const char *name, uint32_t max,
                       uint32_t *out)
{
    const json_t *value = json_object_get(risk, name);
    char field[FAULT_FIELD_SIZE], range[32];
    *out = 0;
    if (!value || json_is_null(value)) return;
    snprintf(field, sizeof field, "risk.%s", name);
    snprintf(range, sizeof range, "0..%u", max);
    if (!json_is_integer(value))
        faults_add(faults, field, FAULT_WRONG_TYPE, "123");
    else if (json_integer_value(value) < 0 || json_integer_value(value) > max)
        faults_add(faults, field, FAULT_OUT_OF_RANGE, range);
    else
        *out = (uint32_t)json_integer_value(value);
}

static void read_risk(struct bot_form *form, const json_t *body)
{
    struct risk_config *risk = &form->bot.risk;
    const struct percent_rule rules[] = {
        {"stop_loss_pct", &risk->stop_loss_ppm, 5000, 50},
        {"take_profit_pct", &risk->take_profit_ppm, 15000, 1000},
        {"trailing_pct", &risk->trailing_ppm, 3000, 50},
        {"max_daily_loss_pct", &risk->max_daily_loss_ppm, 0, 100},
        {"daily_target_pct", &risk->daily_target_ppm, 0, 1000},
    };
    json_t *object = json_object_get(body, "risk");
    if (object && !json_is_object(object)) {
        faults_add(&form->faults, "risk", FAULT_WRONG_TYPE, "{}");
        return;
    }
    if (object) refuse_unknown(&form->faults, object, "risk.", risk_fields, COUNT(risk_fields));
    for (size_t i = 0; i < COUNT(rules); i++) read_percent(&form->faults, object, &rules[i]);
    read_count(&form->faults, object, "max_daily_trades", DAILY_TRADES_MAX,
               &risk->max_daily_trades);
    read_count(&form->faults, object, "cooldown_s", COOLDOWN_MAX, &risk->cooldown_s);
    if (form->bot.sizing_kind == SIZING_RISK && form->amounts_are_known && risk->stop_loss_ppm == 0)
        faults_add(&form->faults, "sizing.kind", FAULT_CONFLICT, "risk.stop_loss_pct > 0");
}

enum problem bot_form_read(struct bot_form *form, struct slice body, bool live_enabled)
{
    json_error_t error;
    memset(form, 0, sizeof *form);
    if (depth_of(body) > BOT_FORM_DEPTH_MAX) return PROBLEM_TOO_DEEP;
    json_t *object = json_loadb(body.data, body.size, JSON_REJECT_DUPLICATES, &error);
    if (!json_is_object(object)) {
        json_decref(object);
        return PROBLEM_NOT_JSON;
    }
    form->bot.user_id = STORE_FIRST_USER;
    refuse_unknown(&form->faults, object, "", fields, COUNT(fields));
    read_name(form, object);
    read_venue(form, object);
    read_symbols(form, object);
    read_neutral(form, object);
    read_mode(form, object, live_enabled);
    read_strategy(form, object);
    read_timeframe(form, object);
    read_sizing(form, object);
    read_capital(form, object);
    read_risk(form, object);
    json_decref(object);
    return PROBLEM_COUNT;
}

static const struct instrument *find(const struct instrument *instruments, size_t count,
                                     const char *symbol)
{
    for (size_t i = 0; i < count; i++)
        if (strcmp(instruments[i].symbol, symbol) == 0) return &instruments[i];
    return NULL;
}

/* An amount in the instrument's quote scale; a digit that it cannot hold is a fault. */
static void fit_quote(struct faults *faults, const char *field, unsigned scale, int64_t *units)
{
    int64_t fitted, back;
    char note[32];
    if (units_rescale(*units, BOT_FORM_CAPITAL_SCALE, scale, ROUND_DOWN, &fitted) &&
        units_rescale(fitted, scale, BOT_FORM_CAPITAL_SCALE, ROUND_DOWN, &back) && back == *units) {
        *units = fitted;
        return;
    }
    snprintf(note, sizeof note, "<= %u decimals", scale);
    faults_add(faults, field, FAULT_INVALID, note);
}

static void fit_amounts(struct bot_form *form, const struct instrument *first)
{
    struct store_bot *bot = &form->bot;
    fit_quote(&form->faults, "capital", first->quote_scale, &bot->capital.units);
    bot->quote_scale = first->quote_scale;
    if (bot->sizing_kind == SIZING_QUOTE) {
        fit_quote(&form->faults, "sizing.value", first->quote_scale, &bot->sizing_value);
        bot->sizing_scale = first->quote_scale;
    } else if (bot->sizing_kind == SIZING_QUANTITY) {
        bot->sizing_scale = first->qty_scale;
        read_amount(&form->faults, form->sizing_text, "sizing.value", first->qty_scale,
                    &bot->sizing_value);
    }
}

void bot_form_fit(struct bot_form *form, const struct instrument *instruments, size_t count)
{
    const struct store_bot *bot = &form->bot;
    const struct instrument *first = NULL;
    for (unsigned i = 0; i < bot->symbol_count; i++) {
        const struct instrument *found = find(instruments, count, bot->symbols[i]);
        if (!found) {
            faults_add(&form->faults, "symbols", FAULT_NOT_FOUND, bot->symbols[i]);
            continue;
        }
        if (!first) first = found;
        if (strcmp(found->quote, first->quote) != 0)
            faults_add(&form->faults, "symbols", FAULT_CONFLICT, found->quote);
        if (bot->sizing_kind == SIZING_QUANTITY && found->qty_scale != first->qty_scale)
            faults_add(&form->faults, "sizing.kind", FAULT_CONFLICT, bot->symbols[i]);
    }
    if (first && form->amounts_are_known) fit_amounts(form, first);
}
