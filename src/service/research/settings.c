/* Tables of keys, and the text forms of their values. */
#include "service/research/settings.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { PERCENT_SCALE = 4 }; /* a percentage with 4 decimals is a whole number of ppm */

struct percent_key {
    const char *name;
    size_t offset; /* of an int32_t of ppm in struct risk_config */
    int32_t max_ppm;
};

static const struct percent_key percent_keys[] = {
    {"stop_loss_pct", offsetof(struct risk_config, stop_loss_ppm), 999999},
    {"take_profit_pct", offsetof(struct risk_config, take_profit_ppm), 10000000},
    {"trailing_pct", offsetof(struct risk_config, trailing_ppm), 999999},
    {"max_daily_loss_pct", offsetof(struct risk_config, max_daily_loss_ppm), 1000000},
    {"daily_target_pct", offsetof(struct risk_config, daily_target_ppm), 10000000},
};

struct count_key {
    const char *name;
    size_t offset; /* of a uint32_t in struct backtest_config */
    uint32_t max;
};

static const struct count_key count_keys[] = {
    {"max_daily_trades", offsetof(struct backtest_config, bot.risk.max_daily_trades), 1000000},
    {"cooldown_s", offsetof(struct backtest_config, bot.risk.cooldown_s), 31536000},
    {"slippage_ticks", offsetof(struct backtest_config, slippage_ticks), SETTINGS_SLIPPAGE_MAX},
};

enum {
    PERCENT_KEY_COUNT = sizeof percent_keys / sizeof *percent_keys,
    COUNT_KEY_COUNT = sizeof count_keys / sizeof *count_keys,
};

static const char sizing_forms[] = "quantity:0.1, quote:100, percent:50 or risk:1";

/* ---- values ---- */

static enum err set_percent(struct backtest_config *c, const struct percent_key *key,
                            const char *text)
{
    int64_t ppm;
    if (decimal_parse(text, strlen(text), PERCENT_SCALE, &ppm) && ppm >= 0 && ppm <= key->max_ppm) {
        const int32_t value = (int32_t)ppm;
        memcpy((char *)&c->bot.risk + key->offset, &value, sizeof value);
        return OK;
    }
    char most[DECIMAL_TEXT_SIZE];
    decimal_write(key->max_ppm, PERCENT_SCALE, most);
    return err_set(ERR_INVALID, "%s=%.40s: must be a percentage from 0 to %s", key->name, text,
                   most);
}

static enum err set_count(struct backtest_config *c, const struct count_key *key, const char *text)
{
    int64_t count;
    if (decimal_parse(text, strlen(text), 0, &count) && count >= 0 && count <= key->max) {
        const uint32_t value = (uint32_t)count;
        memcpy((char *)c + key->offset, &value, sizeof value);
        return OK;
    }
    return err_set(ERR_INVALID, "%s=%.40s: must be a whole number from 0 to %u", key->name, text,
                   key->max);
}

static unsigned sizing_scale(enum sizing_kind kind)
{
    switch (kind) {
    case SIZING_QUANTITY: return BACKTEST_QTY_SCALE_MAX;
    case SIZING_QUOTE: return BACKTEST_QUOTE_SCALE;
    case SIZING_PERCENT:
    case SIZING_RISK:
    case SIZING_KIND_COUNT: break;
    }
    return PERCENT_SCALE;
}

static enum err set_sizing(struct backtest_config *c, const char *text)
{
    char name[16];
    enum sizing_kind kind;
    int64_t value;
    const char *colon = strchr(text, ':');
    if (colon && slice_copy((struct slice){text, (size_t)(colon - text)}, name, sizeof name) &&
        sizing_kind_parse(name, &kind) &&
        decimal_parse(colon + 1, strlen(colon + 1), sizing_scale(kind), &value) && value > 0 &&
        (sizing_scale(kind) != PERCENT_SCALE || value <= PPM)) {
        c->bot.sizing_kind = (uint8_t)kind;
        c->bot.sizing_value = value;
        return OK;
    }
    return err_set(ERR_INVALID,
                   "sizing=%.40s: must be %s, above 0, and at most 100 where it is a percentage",
                   text, sizing_forms);
}

/* An index into the choices; -1 when it is none of them. */
static double choice_of(const struct strategy_param *p, const char *text)
{
    for (unsigned i = 0; p->choices[i]; i++)
        if (strcmp(p->choices[i], text) == 0) return i;
    return -1;
}

static bool parse_param(const struct strategy_param *p, const char *text, double *out)
{
    int64_t units;
    const unsigned scale = p->kind == PARAM_NUMBER ? 9 : 0;
    if (p->kind == PARAM_CHOICE) {
        *out = choice_of(p, text);
    } else {
        if (!decimal_parse(text, strlen(text), scale, &units)) return false;
        *out = decimal_to_double(units, scale);
    }
    return *out >= p->min && *out <= p->max;
}

static void write_range(const struct strategy_param *p, struct buffer *out)
{
    if (p->kind != PARAM_CHOICE) {
        buffer_printf(out, "%s from %g to %g",
                      p->kind == PARAM_INTEGER ? "a whole number" : "a number", p->min, p->max);
        return;
    }
    for (unsigned i = 0; p->choices[i]; i++)
        buffer_printf(out, "%s%s", i ? " or " : "", p->choices[i]);
}

static enum err set_param(struct backtest_config *c, unsigned index, const char *text)
{
    const struct strategy_type *type = strategy_type((enum strategy_kind)c->bot.strategy);
    const struct strategy_param *p = &type->params[index];
    double value;
    if (parse_param(p, text, &value)) {
        c->bot.params[index] = value;
        return OK;
    }
    struct buffer range = {0};
    write_range(p, &range);
    const enum err err = err_set(ERR_INVALID, "%s=%.40s: must be %.*s", p->name, text,
                                 (int)range.size, range.data ? range.data : "");
    buffer_deinit(&range);
    return err;
}

/* ---- keys ---- */

static enum err unknown_key(const struct strategy_type *type, const char *key)
{
    struct buffer names = {0};
    for (unsigned i = 0; i < type->param_count; i++)
        buffer_printf(&names, "%s, ", type->params[i].name);
    for (unsigned i = 0; i < PERCENT_KEY_COUNT; i++)
        buffer_printf(&names, "%s, ", percent_keys[i].name);
    for (unsigned i = 0; i < COUNT_KEY_COUNT; i++)
        buffer_printf(&names, "%s, ", count_keys[i].name);
    buffer_append_text(&names, "sizing");
    const enum err err = err_set(ERR_INVALID, "%s has no setting '%.40s'; there are %.*s",
                                 type->name, key, (int)names.size, names.data ? names.data : "");
    buffer_deinit(&names);
    return err;
}

enum err settings_apply(struct backtest_config *c, const char *pair)
{
    const struct strategy_type *type = strategy_type((enum strategy_kind)c->bot.strategy);
    char key[64];
    const char *equals = strchr(pair, '=');
    if (!equals) return err_set(ERR_INVALID, "'%.60s' is not key=value", pair);
    if (!slice_copy((struct slice){pair, (size_t)(equals - pair)}, key, sizeof key))
        return unknown_key(type, pair);
    const char *value = equals + 1;
    for (unsigned i = 0; i < type->param_count; i++)
        if (strcmp(key, type->params[i].name) == 0) return set_param(c, i, value);
    for (unsigned i = 0; i < PERCENT_KEY_COUNT; i++)
        if (strcmp(key, percent_keys[i].name) == 0) return set_percent(c, &percent_keys[i], value);
    for (unsigned i = 0; i < COUNT_KEY_COUNT; i++)
        if (strcmp(key, count_keys[i].name) == 0) return set_count(c, &count_keys[i], value);
    if (strcmp(key, "sizing") == 0) return set_sizing(c, value);
    return unknown_key(type, key);
}

enum err settings_fees(struct backtest_config *c, const char *text)
{
    int64_t maker, taker;
    const char *comma = strchr(text, ',');
    if (comma && decimal_parse(text, (size_t)(comma - text), PERCENT_SCALE, &maker) &&
        decimal_parse(comma + 1, strlen(comma + 1), PERCENT_SCALE, &taker) && maker >= 0 &&
        taker >= 0 && maker <= SETTINGS_FEE_MAX_PPM && taker <= SETTINGS_FEE_MAX_PPM) {
        c->maker_fee_ppm = (int32_t)maker;
        c->taker_fee_ppm = (int32_t)taker;
        return OK;
    }
    return err_set(ERR_INVALID,
                   "fees '%.40s': must be MAKER,TAKER in percent from 0 to 10, as in 0.1,0.1",
                   text);
}

enum err settings_capital(struct backtest_config *c, const char *text)
{
    int64_t whole, units;
    if (decimal_parse(text, strlen(text), BACKTEST_QUOTE_SCALE, &units) && units > 0 &&
        units_rescale(units, BACKTEST_QUOTE_SCALE, 0, ROUND_UP, &whole) &&
        whole <= SETTINGS_CAPITAL_MAX) {
        c->bot.capital.units = units;
        return OK;
    }
    return err_set(
        ERR_INVALID,
        "capital '%.40s': must be above 0, at most 1000000000 and have 8 decimals at most", text);
}

enum err settings_check(const struct backtest_config *c)
{
    const struct strategy_type *type = strategy_type((enum strategy_kind)c->bot.strategy);
    const struct param_order *conflict = type->conflict(c->bot.params);
    if (conflict)
        return err_set(ERR_INVALID, "%s must be smaller than %s (strategy %s)", conflict->smaller,
                       conflict->larger, type->name);
    if (c->bot.sizing_kind == SIZING_RISK && c->bot.risk.stop_loss_ppm == 0)
        return err_set(ERR_INVALID, "sizing=risk needs a stop_loss_pct above 0");
    return OK;
}

/* ---- writing ---- */

void settings_write_percent(int64_t ppm, struct buffer *out)
{
    char text[DECIMAL_TEXT_SIZE];
    size_t size = decimal_write(ppm, PERCENT_SCALE, text);
    while (text[size - 1] == '0') size--;
    if (text[size - 1] == '.') size--;
    buffer_append(out, text, size);
}

void settings_write_sizing(const struct backtest_config *c, struct buffer *out)
{
    const enum sizing_kind kind = (enum sizing_kind)c->bot.sizing_kind;
    buffer_printf(out, "%s:", sizing_kind_name(kind));
    if (sizing_scale(kind) == PERCENT_SCALE) {
        settings_write_percent(c->bot.sizing_value, out);
        return;
    }
    char text[DECIMAL_TEXT_SIZE];
    buffer_append(out, text, decimal_write(c->bot.sizing_value, sizing_scale(kind), text));
}

void settings_write_param(const struct strategy_param *p, double value, struct buffer *out)
{
    if (p->kind == PARAM_CHOICE)
        buffer_append_text(out, p->choices[(unsigned)value]);
    else
        buffer_printf(out, "%.10g", value);
}

void settings_describe(uint8_t strategy, struct buffer *out)
{
    struct backtest_config standard;
    backtest_config_init(&standard, strategy);
    const struct strategy_type *type = strategy_type((enum strategy_kind)strategy);
    buffer_printf(out, "  %s: %s\n", type->name, type->summary);
    for (unsigned i = 0; i < type->param_count; i++) {
        buffer_printf(out, "    %-20s ", type->params[i].name);
        write_range(&type->params[i], out);
        buffer_append_text(out, ", standard ");
        settings_write_param(&type->params[i], type->params[i].standard, out);
        buffer_append_char(out, '\n');
    }
}
