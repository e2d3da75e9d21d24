/* A new bot, as a person asks for it. */
#include "service/api/bot_form.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "base/check.h"
#include "service/api/json_body.h"
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

/* What a field takes, as a sentence in both languages. */
struct want {
    const char *turkish, *english;
};

static const struct want want_name = {
    "Denetim karakteri içermeyen, 1 ile 128 bayt arasında bir metin gönderin, örneğin \"ilk\".",
    "Send a text of 1 to 128 bytes without control characters, such as \"first\"."};
static const struct want want_venue = {"\"sim\" ya da \"binance\" gönderin.",
                                       "Send \"sim\" or \"binance\"."};
static const struct want want_symbols = {
    "Borsanın 1 ile 10 arası farklı sembolünü liste olarak gönderin, örneğin [\"BTCUSDT\"]; "
    "GET /api/v1/symbols/spot?venue= hepsini gösterir.",
    "Send a list of 1 to 10 different symbols of the venue, such as [\"BTCUSDT\"]; "
    "GET /api/v1/symbols/spot?venue= shows them all."};
static const struct want want_market = {"\"spot\" gönderin ya da göndermeyin.",
                                        "Send \"spot\", or leave it out."};
static const struct want want_mode = {"\"paper\" ya da \"live\" gönderin.",
                                      "Send \"paper\" or \"live\"."};
static const struct want want_paper = {
    "\"paper\" gönderin ya da sunucuyu LIVE_TRADING_ENABLED=true ile başlatın.",
    "Send \"paper\", or start the server with LIVE_TRADING_ENABLED=true."};
static const struct want want_leverage = {"1 gönderin ya da göndermeyin.",
                                          "Send 1, or leave it out."};
static const struct want want_margin = {"\"isolated\" ya da null gönderin ya da göndermeyin.",
                                        "Send \"isolated\" or null, or leave it out."};
static const struct want want_key = {"null gönderin ya da göndermeyin.",
                                     "Send null, or leave it out."};
static const struct want want_strategy = {
    "GET /api/v1/strategies listesinden bir ad gönderin, örneğin \"ema_cross\".",
    "Send a name that GET /api/v1/strategies lists, such as \"ema_cross\"."};
static const struct want want_timeframe = {
    "Şunlardan birini gönderin: \"1s\", \"1m\", \"3m\", \"5m\", \"15m\", \"30m\", \"1h\", \"2h\", "
    "\"4h\", \"6h\", \"8h\", \"12h\", \"1d\".",
    "Send one of: \"1s\", \"1m\", \"3m\", \"5m\", \"15m\", \"30m\", \"1h\", \"2h\", \"4h\", "
    "\"6h\", \"8h\", \"12h\", \"1d\"."};
static const struct want want_capital = {
    "Tırnak içinde, 0'dan büyük ve en çok 8 ondalıklı bir sayı gönderin, örneğin \"1000.50\".",
    "Send a number above 0 with at most 8 decimals, in quotes, such as \"1000.50\"."};
static const struct want want_sizing = {
    "Bir nesne gönderin, örneğin {\"kind\":\"percent\",\"value\":\"10\"}.",
    "Send an object, such as {\"kind\":\"percent\",\"value\":\"10\"}."};
static const struct want want_sizing_kind = {
    "\"quantity\", \"quote\", \"percent\" ya da \"risk\" gönderin.",
    "Send \"quantity\", \"quote\", \"percent\" or \"risk\"."};
static const struct want want_sizing_value = {
    "Tırnak içinde, 0'dan büyük bir sayı gönderin, örneğin \"10\".",
    "Send a number above 0, in quotes, such as \"10\"."};
static const struct want want_part = {
    "Tırnak içinde, 0'dan büyük, en çok 100 olan ve en çok 4 ondalıklı bir yüzde gönderin, örneğin "
    "\"10\".",
    "Send a percentage above 0 and up to 100, with at most 4 decimals, in quotes, such as "
    "\"10\"."};
static const struct want want_risk = {
    "Bir nesne gönderin, örneğin {\"stop_loss_pct\":\"0.5\"}, ya da göndermeyin.",
    "Send an object, such as {\"stop_loss_pct\":\"0.5\"}, or leave it out."};
static const struct want want_stop = {
    "Boyutu \"risk\" ile belirlemek için risk.stop_loss_pct 0'dan büyük olmalı: onu ya da "
    "sizing.kind alanını değiştirin.",
    "Sizing by \"risk\" needs risk.stop_loss_pct above 0: change that or sizing.kind."};
static const struct want want_one_quote = {"Aynı karşıt varlıkla işlem gören semboller gönderin.",
                                           "Send symbols that trade against the same quote asset."};
static const struct want want_one_lot = {
    "Bu sembollerin miktar ondalıkları farklı: \"quote\", \"percent\" ya da \"risk\" gönderin.",
    "These symbols count quantities in different decimals: send \"quote\", \"percent\" or "
    "\"risk\"."};

static void refuse_sent(struct faults *faults, const char *field, enum fault fault,
                        const char *sent, const struct want *want)
{
    faults_add(faults, field, fault, sent, "%s", "%s",
               faults->language == LANGUAGE_TURKISH ? want->turkish : want->english);
}

static void refuse(struct faults *faults, const char *field, enum fault fault, const json_t *value,
                   const struct want *want)
{
    char sent[FAULT_SENT_SIZE];
    refuse_sent(faults, field, fault, json_sent(value, sent), want);
}

/* A text that must be there; NULL and a fault otherwise. */
static const char *need_text(struct faults *faults, const json_t *object, const char *key,
                             const char *field, const struct want *want)
{
    const json_t *value = json_object_get(object, key);
    if (!value)
        refuse(faults, field, FAULT_REQUIRED, NULL, want);
    else if (!json_is_string(value))
        refuse(faults, field, FAULT_WRONG_TYPE, value, want);
    return json_string_value(value);
}

static void read_name(struct bot_form *form, const json_t *body)
{
    const char *name = need_text(&form->faults, body, "name", "name", &want_name);
    const json_t *value = json_object_get(body, "name");
    if (!name) return;
    const size_t size = strlen(name);
    bool blank = true, sound = true;
    for (const char *at = name; *at; at++) {
        if ((unsigned char)*at < 0x20 || *at == 0x7f) sound = false;
        if (*at != ' ') blank = false;
    }
    if (blank || size >= STORE_NAME_SIZE)
        refuse(&form->faults, "name", FAULT_OUT_OF_RANGE, value, &want_name);
    else if (!sound)
        refuse(&form->faults, "name", FAULT_INVALID, value, &want_name);
    else
        memcpy(form->bot.name, name, size + 1);
}

static void read_venue(struct bot_form *form, const json_t *body)
{
    const char *name = need_text(&form->faults, body, "venue", "venue", &want_venue);
    enum venue venue = VENUE_SIM;
    if (!name) return;
    form->venue_is_known = venue_parse(name, &venue);
    form->bot.venue = (uint8_t)venue;
    if (!form->venue_is_known)
        refuse(&form->faults, "venue", FAULT_INVALID, json_object_get(body, "venue"), &want_venue);
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
        refuse(&form->faults, "symbols", FAULT_REQUIRED, NULL, &want_symbols);
        return;
    }
    if (!json_is_array(list)) {
        refuse(&form->faults, "symbols", FAULT_WRONG_TYPE, list, &want_symbols);
        return;
    }
    const size_t count = json_array_size(list);
    if (count < 1 || count > BOT_SYMBOLS_MAX) {
        refuse(&form->faults, "symbols", FAULT_OUT_OF_RANGE, list, &want_symbols);
        return;
    }
    form->symbols_are_known = true;
    for (size_t i = 0; i < count; i++) {
        const enum fault fault = read_symbol(&form->bot, json_array_get(list, i));
        if (fault == FAULT_COUNT) continue;
        refuse(&form->faults, "symbols", fault, json_array_get(list, i), &want_symbols);
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
        refuse(&form->faults, "mode", FAULT_WRONG_TYPE, value, &want_mode);
    } else if (strcmp(mode, "live") != 0) {
        refuse(&form->faults, "mode", FAULT_INVALID, value, &want_mode);
    } else if (!live_enabled) {
        refuse(&form->faults, "mode", FAULT_LIVE_DISABLED, value, &want_paper);
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
        refuse(&form->faults, "market", FAULT_UNSUPPORTED, market, &want_market);
    if (leverage && (!json_is_integer(leverage) || json_integer_value(leverage) != 1))
        refuse(&form->faults, "leverage", FAULT_UNSUPPORTED, leverage, &want_leverage);
    if (margin && !json_is_null(margin) && (!margin_name || strcmp(margin_name, "isolated") != 0))
        refuse(&form->faults, "margin", FAULT_UNSUPPORTED, margin, &want_margin);
    if (key && !json_is_null(key))
        refuse(&form->faults, "api_key_id", FAULT_UNSUPPORTED, key, &want_key);
}

static void read_params(struct bot_form *form, enum strategy_kind kind, const json_t *object)
{
    double params[STRATEGY_PARAMS_MAX];
    if (!strategy_params_read(kind, object, params, &form->faults)) return;
    json_t *all = strategy_params_json(kind, params);
    const size_t size = all ? json_dumpb(all, form->bot.params, STORE_PARAMS_SIZE - 1,
                                         JSON_COMPACT | JSON_REAL_PRECISION(15))
                            : 0;
    /* Every parameter has its range, so what was read can be written. */
    CHECK(size > 0 && size < STORE_PARAMS_SIZE);
    form->bot.params[size] = '\0';
    json_decref(all);
}

static void read_strategy(struct bot_form *form, const json_t *body)
{
    const char *name = need_text(&form->faults, body, "strategy", "strategy", &want_strategy);
    enum strategy_kind kind;
    if (!name) return;
    if (!strategy_find(name, &kind)) {
        refuse(&form->faults, "strategy", FAULT_INVALID, json_object_get(body, "strategy"),
               &want_strategy);
        return;
    }
    snprintf(form->bot.strategy, sizeof form->bot.strategy, "%s", name);
    read_params(form, kind, json_object_get(body, "params"));
}

static void read_timeframe(struct bot_form *form, const json_t *body)
{
    const char *name = need_text(&form->faults, body, "timeframe", "timeframe", &want_timeframe);
    enum timeframe timeframe = TIMEFRAME_1M;
    if (name && !timeframe_parse(name, &timeframe))
        refuse(&form->faults, "timeframe", FAULT_INVALID, json_object_get(body, "timeframe"),
               &want_timeframe);
    form->bot.timeframe = (uint8_t)timeframe;
}

/* An amount above 0, exactly; false and a fault otherwise. */
static bool read_amount(struct faults *faults, const char *text, const char *field, unsigned scale,
                        int64_t *out)
{
    char raw[FAULT_SENT_SIZE], sent[FAULT_SENT_SIZE + 2];
    if (!text) return false;
    const bool is_number = decimal_parse(text, strlen(text), scale, out);
    if (is_number && *out > 0) return true;
    excerpt_write(slice_of(text), raw, sizeof raw);
    snprintf(sent, sizeof sent, "\"%s\"", raw);
    faults_add(faults, field, is_number ? FAULT_OUT_OF_RANGE : FAULT_INVALID, sent,
               "Tırnak içinde, 0'dan büyük ve en çok %u ondalıklı, üssü olmayan bir sayı gönderin, "
               "örneğin \"123\".",
               "Send a number above 0 with at most %u decimals and no exponent, in quotes, such as "
               "\"123\".",
               scale);
    return false;
}

static void read_capital(struct bot_form *form, const json_t *body)
{
    const char *text = need_text(&form->faults, body, "capital", "capital", &want_capital);
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
    char sent[FAULT_SENT_SIZE];
    snprintf(sent, sizeof sent, "\"%.40s\"", text);
    refuse_sent(&form->faults, "sizing.value", FAULT_OUT_OF_RANGE, sent, &want_part);
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
        refuse(&form->faults, "sizing", object ? FAULT_WRONG_TYPE : FAULT_REQUIRED, object,
               &want_sizing);
        return;
    }
    json_body_known(&form->faults, object, "sizing.", sizing_fields, COUNT(sizing_fields));
    const char *name = need_text(&form->faults, object, "kind", "sizing.kind", &want_sizing_kind);
    const char *text =
        need_text(&form->faults, object, "value", "sizing.value", &want_sizing_value);
    if (name && !sizing_kind_parse(name, &kind))
        refuse(&form->faults, "sizing.kind", FAULT_INVALID, json_object_get(object, "kind"),
               &want_sizing_kind);
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
    char field[FAULT_FIELD_SIZE], sent[FAULT_SENT_SIZE];
    enum fault fault = FAULT_COUNT;
    int64_t ppm = 0;
    *rule->ppm = value ? 0 : rule->standard;
    if (!value || json_is_null(value)) return;
    if (!text)
        fault = FAULT_WRONG_TYPE;
    else if (!decimal_parse(text, strlen(text), PERCENT_SCALE, &ppm))
        fault = FAULT_INVALID;
    else if (ppm < 0 || ppm > (int64_t)rule->max * PERCENT)
        fault = FAULT_OUT_OF_RANGE;
    else
        *rule->ppm = (int32_t)ppm;
    if (fault == FAULT_COUNT) return;
    snprintf(field, sizeof field, "risk.%s", rule->name);
    faults_add(
        faults, field, fault, json_sent(value, sent),
        "Tırnak içinde, 0 ile %u arasında ve en çok %d ondalıklı bir yüzde gönderin, örneğin "
        "\"0.5\"; null bu kuralı kapatır.",
        "Send a percentage from 0 to %u with at most %d decimals, in quotes, such as "
        "\"0.5\"; null switches the rule off.",
        rule->max, PERCENT_SCALE);
}

static void read_count(struct faults *faults, const json_t *risk, const char *name, uint32_t max,
                       uint32_t *out)
{
    const json_t *value = json_object_get(risk, name);
    char field[FAULT_FIELD_SIZE], sent[FAULT_SENT_SIZE];
    const bool is_whole = json_is_integer(value);
    *out = 0;
    if (!value || json_is_null(value)) return;
    if (is_whole && json_integer_value(value) >= 0 && json_integer_value(value) <= max) {
        *out = (uint32_t)json_integer_value(value);
        return;
    }
    snprintf(field, sizeof field, "risk.%s", name);
    faults_add(faults, field, is_whole ? FAULT_OUT_OF_RANGE : FAULT_WRONG_TYPE,
               json_sent(value, sent),
               "0 ile %u arasında bir tam sayı, tırnaksız gönderin; null bu kuralı kapatır.",
               "Send a whole number from 0 to %u, without quotes; null switches the rule off.",
               max);
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
        refuse(&form->faults, "risk", FAULT_WRONG_TYPE, object, &want_risk);
        return;
    }
    if (object) json_body_known(&form->faults, object, "risk.", risk_fields, COUNT(risk_fields));
    for (size_t i = 0; i < COUNT(rules); i++) read_percent(&form->faults, object, &rules[i]);
    read_count(&form->faults, object, "max_daily_trades", DAILY_TRADES_MAX,
               &risk->max_daily_trades);
    read_count(&form->faults, object, "cooldown_s", COOLDOWN_MAX, &risk->cooldown_s);
    if (form->bot.sizing_kind == SIZING_RISK && form->amounts_are_known && risk->stop_loss_ppm == 0)
        refuse(&form->faults, "sizing.kind", FAULT_CONFLICT, NULL, &want_stop);
}

enum problem bot_form_read(struct bot_form *form, struct slice body, bool live_enabled,
                           enum language language)
{
    json_t *object;
    memset(form, 0, sizeof *form);
    form->faults.language = language;
    const enum problem problem = json_body_read(body, &object, &form->faults);
    if (problem != PROBLEM_COUNT) return problem;
    json_body_known(&form->faults, object, "", fields, COUNT(fields));
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
    char sent[DECIMAL_TEXT_SIZE];
    if (units_rescale_exact(*units, BOT_FORM_CAPITAL_SCALE, scale, units)) return;
    decimal_write_short(*units, BOT_FORM_CAPITAL_SCALE, sent);
    faults_add(faults, field, FAULT_INVALID, sent,
               "Bu sembolün karşıt varlığı en çok %u ondalıklı sayılır.",
               "Send at most %u decimals: the symbol's quote asset has no more.", scale);
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
        bot->sizing_scale = (uint8_t)instrument_lot_scale(first);
        read_amount(&form->faults, form->sizing_text, "sizing.value", bot->sizing_scale,
                    &bot->sizing_value);
    }
}

static void refuse_symbol(struct bot_form *form, const char *field, enum fault fault,
                          const char *symbol, const struct want *want)
{
    char sent[FAULT_SENT_SIZE];
    excerpt_write(slice_of(symbol), sent, sizeof sent);
    refuse_sent(&form->faults, field, fault, sent, want);
}

void bot_form_fit(struct bot_form *form, const struct instrument *instruments, size_t count)
{
    const struct store_bot *bot = &form->bot;
    const struct instrument *first = NULL;
    for (unsigned i = 0; i < bot->symbol_count; i++) {
        const struct instrument *found = find(instruments, count, bot->symbols[i]);
        if (!found) {
            refuse_symbol(form, "symbols", FAULT_NOT_FOUND, bot->symbols[i], &want_symbols);
            continue;
        }
        if (!first) first = found;
        if (strcmp(found->quote, first->quote) != 0)
            refuse_symbol(form, "symbols", FAULT_CONFLICT, bot->symbols[i], &want_one_quote);
        if (bot->sizing_kind == SIZING_QUANTITY &&
            (found->qty_scale != first->qty_scale ||
             instrument_lot_scale(found) != instrument_lot_scale(first)))
            refuse_symbol(form, "sizing.kind", FAULT_CONFLICT, bot->symbols[i], &want_one_lot);
    }
    if (first && form->amounts_are_known) fit_amounts(form, first);
}
