/* Rules, keys and seconds of rate limits. */
#include "io/guard/limit.h"

#include <stdio.h>

#include <sodium.h>

enum { TAG_GLOBAL = 1, TAG_IPV4 = 4, TAG_IPV6 = 6 };

static const uint64_t account_bit = UINT64_C(1) << 63;

static const struct unit {
    const char *name;
    uint32_t ms;
} units[] = {{"ms", 1}, {"s", 1000}, {"m", 60000}, {"h", 3600000}};

static const char *number_parse(const char *text, uint64_t *out);
static const struct unit *unit_find(const char *name);
static uint64_t read_word(const uint8_t *bytes);
static void write_word(uint64_t word, uint8_t *bytes);

enum err limit_rule_parse(const char *text, struct limit_rule *out)
{
    uint64_t count, span;
    const char *slash = number_parse(text, &count);
    const char *name = slash && *slash == '/' ? number_parse(slash + 1, &span) : NULL;
    const struct unit *unit = name ? unit_find(name) : NULL;
    if (!unit)
        return err_set(ERR_PARSE, "'%.60s' is not a limit such as 10/60s (units ms, s, m, h)",
                       text);
    if (count < 1 || count > LIMIT_COUNT_MAX)
        return err_set(ERR_INVALID, "'%.60s': the count is not between 1 and %d", text,
                       LIMIT_COUNT_MAX);
    span *= unit->ms;
    if (span < 1 || span > LIMIT_SPAN_MS_MAX)
        return err_set(ERR_INVALID, "'%.60s': the span is not between 1ms and 24h", text);
    *out = (struct limit_rule){(uint32_t)count, (uint32_t)span};
    return OK;
}

uint32_t limit_rule_buckets(struct limit_rule rule)
{
    return rule.count <= LIMIT_EXACT_MAX ? rule.count : LIMIT_BUCKETS;
}

uint32_t limit_rule_width_ms(struct limit_rule rule)
{
    return rule.count <= LIMIT_EXACT_MAX ? 1 : (rule.span_ms + 15) / 16;
}

struct limit_key limit_key_address(const struct ip_address *a)
{
    if (ip_address_is_ipv4(a))
        return (struct limit_key){{read_word(a->bytes + 8) & UINT32_MAX, TAG_IPV4}};
    return (struct limit_key){{read_word(a->bytes), TAG_IPV6}};
}

struct limit_key limit_key_account(struct slice name)
{
    uint8_t hash[16];
    crypto_generichash(hash, sizeof hash, (const uint8_t *)name.data, name.size, NULL, 0);
    return (struct limit_key){{read_word(hash), read_word(hash + 8) | account_bit}};
}

struct limit_key limit_key_global(void)
{
    return (struct limit_key){{0, TAG_GLOBAL}};
}

bool limit_key_equal(struct limit_key a, struct limit_key b)
{
    return a.words[0] == b.words[0] && a.words[1] == b.words[1];
}

void limit_key_write(struct limit_key key, char out[LIMIT_KEY_SIZE])
{
    struct ip_address a = {{[10] = 0xff, [11] = 0xff}};
    if (key.words[1] & account_bit) {
        snprintf(out, LIMIT_KEY_SIZE, "account:%016llx%016llx", (unsigned long long)key.words[0],
                 (unsigned long long)key.words[1]);
        return;
    }
    if (key.words[1] == TAG_GLOBAL) {
        snprintf(out, LIMIT_KEY_SIZE, "global");
        return;
    }
    if (key.words[1] == TAG_IPV4)
        write_word(key.words[0] | UINT64_C(0xffff) << 32, a.bytes + 8);
    else
        a = (struct ip_address){0}, write_word(key.words[0], a.bytes);
    ip_address_write(&a, out);
}

bool limit_key_parse(struct slice text, struct limit_key *out)
{
    static const char account[] = "account:";
    const size_t head = sizeof account - 1;
    struct ip_address a;
    uint8_t hash[16];
    size_t size;
    if (slice_is(text, "global")) {
        *out = limit_key_global();
        return true;
    }
    if (text.size == head + 32 && memcmp(text.data, account, head) == 0) {
        if (sodium_hex2bin(hash, sizeof hash, text.data + head, 32, NULL, &size, NULL) ||
            size != sizeof hash)
            return false;
        *out = (struct limit_key){{read_word(hash), read_word(hash + 8)}};
        return (out->words[1] & account_bit) != 0;
    }
    if (!ip_address_parse(text, &a)) return false;
    *out = limit_key_address(&a);
    return true;
}

uint32_t limit_seconds(uint32_t ms)
{
    return ms / 1000 + (ms % 1000 != 0);
}

/* Up to nine digits; where they end, or NULL. */
static const char *number_parse(const char *text, uint64_t *out)
{
    size_t digits = 0;
    *out = 0;
    for (; text[digits] >= '0' && text[digits] <= '9'; digits++) {
        if (digits == 9) return NULL;
        *out = *out * 10 + (uint64_t)(text[digits] - '0');
    }
    return digits ? text + digits : NULL;
}

static const struct unit *unit_find(const char *name)
{
    for (size_t i = 0; i < sizeof units / sizeof *units; i++)
        if (strcmp(units[i].name, name) == 0) return &units[i];
    return NULL;
}

static uint64_t read_word(const uint8_t *bytes)
{
    uint64_t word = 0;
    for (int i = 0; i < 8; i++) word = word << 8 | bytes[i];
    return word;
}

static void write_word(uint64_t word, uint8_t *bytes)
{
    for (int i = 7; i >= 0; i--, word >>= 8) bytes[i] = (uint8_t)word;
}
