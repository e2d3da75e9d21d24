/* The table of symbols: open addressing, names compared as words. */
#include "io/venue/binance/binance_symbols.h"

#include <string.h>

#include "base/hash.h"

#define CASE_BITS UINT64_C(0x2020202020202020)

static uint64_t load8(const char *p)
{
    uint64_t word;
    memcpy(&word, p, sizeof word);
    return word;
}

static uint64_t load4(const char *p)
{
    uint32_t word;
    memcpy(&word, p, sizeof word);
    return word;
}

/* False for a name that no symbol can have. */
static bool name_of(const char *text, size_t size, struct binance_name *out)
{
    if (size == 0 || size >= SYMBOL_SIZE) return false;
    *out = (struct binance_name){.size = size};
    if (size >= 8) {
        out->words[0] = load8(text);
        out->words[1] = load8(text + size - 8);
        if (size > 16) out->words[2] = load8(text + 8);
    } else if (size >= 4) {
        out->words[0] = load4(text);
        out->words[1] = load4(text + size - 4);
    } else {
        memcpy(&out->words[0], text, size);
    }
    return true;
}

static bool name_equal(const struct binance_name *a, const struct binance_name *b)
{
    return ((a->words[0] ^ b->words[0]) | (a->words[1] ^ b->words[1]) |
            (a->words[2] ^ b->words[2]) | (a->size ^ b->size)) == 0;
}

/* The same for both cases of a name. */
static uint32_t name_slot(const struct binance_name *n)
{
    uint64_t hash = hash_u64(n->size, n->words[0] | CASE_BITS);
    hash ^= (n->words[1] | CASE_BITS) * HASH_SEED;
    hash ^= (n->words[2] | CASE_BITS) * UINT64_C(0xbf58476d1ce4e5b9);
    return (uint32_t)(hash >> 40) & (BINANCE_SYMBOL_SLOTS - 1);
}

static bool is_symbol_char(char c)
{
    return (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '-' || c == '.';
}

static enum err set_names(struct binance_symbol *s, const char *text)
{
    char lower[SYMBOL_SIZE] = {0};
    const size_t size = strnlen(text, SYMBOL_SIZE);
    if (size == 0 || size == SYMBOL_SIZE) return err_set(ERR_INVALID, "symbol name has no end");
    for (size_t i = 0; i < size; i++) {
        if (!is_symbol_char(text[i]))
            return err_set(ERR_INVALID, "symbol name with a byte that no symbol has");
        lower[i] = text[i] >= 'A' && text[i] <= 'Z' ? (char)(text[i] | 0x20) : text[i];
    }
    memcpy(s->text, text, size + 1);
    name_of(text, size, &s->upper);
    name_of(lower, size, &s->lower);
    return OK;
}

enum err binance_symbols_add(struct binance_symbols *t, const struct instrument *i)
{
    struct binance_symbol added = {
        .price_scale = i->price_scale,
        .qty_scale = i->qty_scale,
        .base_scale = i->base_scale,
        .quote_scale = i->quote_scale,
        .instrument = i->index,
    };
    const enum err err = set_names(&added, i->symbol);
    if (err) return err;

    uint32_t slot = name_slot(&added.upper);
    while (t->slots[slot]) {
        struct binance_symbol *there = &t->symbols[t->slots[slot] - 1];
        if (name_equal(&there->upper, &added.upper)) {
            *there = added;
            return OK;
        }
        slot = (slot + 1) & (BINANCE_SYMBOL_SLOTS - 1);
    }
    if (t->count == BINANCE_SYMBOLS_MAX)
        return err_set(ERR_LIMIT, "more than %d symbols", BINANCE_SYMBOLS_MAX);
    t->symbols[t->count++] = added;
    t->slots[slot] = (uint16_t)t->count;
    return OK;
}

static const struct binance_symbol *find(const struct binance_symbols *t, struct slice text,
                                         bool stream)
{
    struct binance_name name;
    if (!name_of(text.data, text.size, &name)) return NULL;
    for (uint32_t slot = name_slot(&name); t->slots[slot];
         slot = (slot + 1) & (BINANCE_SYMBOL_SLOTS - 1)) {
        const struct binance_symbol *s = &t->symbols[t->slots[slot] - 1];
        if (name_equal(stream ? &s->lower : &s->upper, &name)) return s;
    }
    return NULL;
}

const struct binance_symbol *binance_symbols_find(const struct binance_symbols *t,
                                                  struct slice symbol)
{
    return find(t, symbol, false);
}

const struct binance_symbol *binance_symbols_find_stream(const struct binance_symbols *t,
                                                         struct slice name)
{
    return find(t, name, true);
}

bool binance_symbol_is(const struct binance_symbol *s, const char *text, size_t size)
{
    struct binance_name name;
    return name_of(text, size, &name) && name_equal(&name, &s->upper);
}
