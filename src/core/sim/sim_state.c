/* One walk over the state that writes or reads, so that the two cannot differ. */
#include "core/sim/sim_state.h"

#include <string.h>

#include "base/check.h"
#include "base/hash.h"
#include "core/sim/sim_internal.h"

enum { VERSION = 1 };

static const char magic[5] = {'T', 'B', 'S', 'I', 'M'};

/* A walk: writes into a sink, or reads from bytes. The first failure sticks. */
struct walk {
    sim_sink sink; /* NULL while reading */
    void *context;
    struct slice left;
    uint64_t hash; /* of all that went through */
    enum err err;
};

static void fail(struct walk *k, enum err code, const char *what)
{
    if (!k->err) k->err = err_set(code, "saved state of the exchange: %s", what);
}

static void walk_bytes(struct walk *k, void *data, size_t size)
{
    if (k->err) return;
    if (k->sink) {
        if (!k->sink(k->context, data, size)) fail(k, ERR_IO, "the writer gave up");
    } else if (k->left.size < size) {
        fail(k, ERR_PARSE, "it ends too early");
        return;
    } else {
        memcpy(data, k->left.data, size);
        k->left.data += size;
        k->left.size -= size;
    }
    k->hash = hash_bytes(k->hash, data, size);
}

static void walk_u64(struct walk *k, uint64_t *value)
{
    unsigned char bytes[8];
    for (unsigned i = 0; i < 8; i++) bytes[i] = (unsigned char)(*value >> 8 * i);
    walk_bytes(k, bytes, sizeof bytes);
    if (k->sink || k->err) return;
    *value = 0;
    for (unsigned i = 0; i < 8; i++) *value |= (uint64_t)bytes[i] << 8 * i;
}

static void walk_i64(struct walk *k, int64_t *value)
{
    uint64_t bits = (uint64_t)*value;
    walk_u64(k, &bits);
    *value = (int64_t)bits;
}

/* A small number that must be below `bound` when it is read. */
static uint64_t walk_bounded(struct walk *k, uint64_t value, uint64_t bound, const char *what)
{
    walk_u64(k, &value);
    if (k->err || value < bound) return k->err ? 0 : value;
    fail(k, ERR_INVALID, what);
    return 0;
}

static void walk_u8(struct walk *k, uint8_t *value, uint64_t bound, const char *what)
{
    *value = (uint8_t)walk_bounded(k, *value, bound, what);
}

static void walk_flag(struct walk *k, bool *value)
{
    *value = walk_bounded(k, *value, 2, "a flag that is neither 0 nor 1") != 0;
}

static void walk_text(struct walk *k, char *text, size_t size)
{
    walk_bytes(k, text, size);
    if (!k->err && !memchr(text, '\0', size)) fail(k, ERR_PARSE, "a text without an end");
    if (k->err) text[0] = '\0';
}

static void walk_order(struct walk *k, const struct sim_exchange *e, struct sim_order *o)
{
    walk_u64(k, &o->id);
    walk_u64(k, &o->list_id);
    o->instrument = (uint16_t)walk_bounded(k, o->instrument, e->market_count, "an instrument");
    walk_u8(k, &o->side, 2, "a side");
    walk_u8(k, &o->type, SIM_TYPE_COUNT, "an order type");
    walk_u8(k, &o->tif, SIM_TIF_COUNT, "a time in force");
    walk_u8(k, &o->status, SIM_STATUS_COUNT, "an order status");
    walk_u8(k, &o->expiry, SIM_EXPIRY_COUNT, "a reason of expiry");
    walk_flag(k, &o->is_working);
    walk_flag(k, &o->traded_maker);
    walk_i64(k, &o->price.units);
    walk_i64(k, &o->stop_price.units);
    walk_i64(k, &o->qty.units);
    walk_i64(k, &o->filled.units);
    walk_i64(k, &o->quote_qty.units);
    walk_i64(k, &o->filled_quote.units);
    walk_i64(k, &o->locked.units);
    walk_i64(k, &o->created_ms);
    walk_i64(k, &o->updated_ms);
    walk_i64(k, &o->working_ms);
    walk_text(k, o->client_id, sizeof o->client_id);
    walk_text(k, o->original_id, sizeof o->original_id);
}

static void walk_fill(struct walk *k, const struct sim_exchange *e, struct sim_fill *f)
{
    walk_u64(k, &f->trade_id);
    walk_u64(k, &f->order_id);
    walk_u64(k, &f->list_id);
    f->instrument = (uint16_t)walk_bounded(k, f->instrument, e->market_count, "an instrument");
    f->fee_asset = (uint16_t)walk_bounded(k, f->fee_asset, e->assets.count, "an asset");
    walk_u8(k, &f->side, 2, "a side");
    walk_flag(k, &f->is_maker);
    walk_i64(k, &f->price.units);
    walk_i64(k, &f->qty.units);
    walk_i64(k, &f->quote.units);
    walk_i64(k, &f->fee.units);
    walk_i64(k, &f->time_ms);
}

static void walk_list(struct walk *k, const struct sim_exchange *e, struct sim_list *l)
{
    walk_u64(k, &l->id);
    l->instrument = (uint16_t)walk_bounded(k, l->instrument, e->market_count, "an instrument");
    walk_flag(k, &l->is_done);
    walk_i64(k, &l->locked.units);
    for (unsigned i = 0; i < SIM_LEGS; i++) {
        walk_u64(k, &l->order_ids[i]);
        walk_text(k, l->order_client_ids[i], sizeof l->order_client_ids[i]);
    }
    walk_text(k, l->client_id, sizeof l->client_id);
    walk_i64(k, &l->created_ms);
    walk_i64(k, &l->updated_ms);
}

/* Instruments and assets are named, and must be the ones of this exchange in this order. */
static void walk_names(struct walk *k, struct sim_exchange *e)
{
    const uint64_t markets = walk_bounded(k, e->market_count, UINT16_MAX, "instruments");
    const uint64_t assets = walk_bounded(k, e->assets.count, UINT16_MAX, "assets");
    if (!k->err && (markets != e->market_count || assets != e->assets.count))
        fail(k, ERR_INVALID, "other instruments than this exchange has");
    for (uint32_t i = 0; i < e->market_count && !k->err; i++) {
        char symbol[SYMBOL_SIZE];
        memcpy(symbol, e->markets[i].instrument.symbol, sizeof symbol);
        walk_text(k, symbol, sizeof symbol);
        if (!k->err && strcmp(symbol, e->markets[i].instrument.symbol) != 0)
            fail(k, ERR_INVALID, "other instruments than this exchange has");
    }
}

static void walk_next_id(struct walk *k, uint64_t *next)
{
    uint64_t saved = *next;
    walk_u64(k, &saved);
    if (!k->err && saved > *next) *next = saved;
}

static void walk_markets(struct walk *k, struct sim_exchange *e)
{
    walk_next_id(k, &e->next_list_id);
    walk_next_id(k, &e->next_execution_id);
    for (uint32_t i = 0; i < e->market_count && !k->err; i++) {
        struct sim_market *m = &e->markets[i];
        walk_next_id(k, &m->next_order_id);
        walk_next_id(k, &m->next_trade_id);
        walk_next_id(k, &m->update_id);
        walk_i64(k, &m->last.units);
        if (m->last.units < 0) fail(k, ERR_INVALID, "a negative price");
        for (unsigned b = 0; b < SIM_VWAP_BUCKETS; b++) {
            walk_i64(k, &m->vwap[b].span);
            walk_i64(k, &m->vwap[b].base);
            walk_i64(k, &m->vwap[b].quote);
            if (m->vwap[b].base < 0 || m->vwap[b].quote < 0)
                fail(k, ERR_INVALID, "a negative volume");
        }
    }
    for (uint16_t i = 0; i < e->assets.count; i++) {
        walk_i64(k, &e->fees[i].units);
        walk_i64(k, &e->deposited[i].units);
        if (e->fees[i].units < 0 || e->deposited[i].units < 0 ||
            e->deposited[i].units > SIM_ASSET_TOTAL_MAX)
            fail(k, ERR_INVALID, "fees or deposits that cannot be");
    }
}

static bool order_can_be_open(const struct sim_exchange *e, const struct sim_order *o)
{
    const bool stop = sim_type_is_stop((enum sim_type)o->type);
    const struct sim_market *m = &e->markets[o->instrument];
    struct money need;
    if (o->id == SIM_NO_ID || o->id >= m->next_order_id) return false;
    if (sim_orders_find(e, o->instrument, o->id)) return false;
    if (!sim_status_is_open((enum sim_status)o->status) || o->filled.units < 0 ||
        o->filled.units >= o->qty.units || o->filled_quote.units < 0)
        return false;
    if (o->is_working ? !sim_type_is_priced((enum sim_type)o->type) : !stop) return false;
    if (stop && o->stop_price.units <= 0) return false;
    if (sim_type_is_priced((enum sim_type)o->type) && o->price.units <= 0) return false;
    if (!sim_orders_lock_need(m, o, &need)) return false;
    return o->locked.units == need.units || (o->list_id && o->locked.units == 0);
}

/* A read order takes its place in pool, book and stops. */
static void restore_open(struct walk *k, struct sim_exchange *e, struct sim_order *o)
{
    if (e->orders_count == e->config.orders_max) {
        fail(k, ERR_LIMIT, "more open orders than this exchange takes");
        return;
    }
    if (!order_can_be_open(e, o)) {
        fail(k, ERR_INVALID, "an open order that cannot be");
        return;
    }
    const uint32_t slot = sim_orders_adopt(e, o);
    if (!o->is_working) {
        sim_stops_add(e, slot);
        return;
    }
    struct sim_order *kept = &e->orders[slot];
    kept->node = sim_book_insert(&e->markets[o->instrument].book, (enum side)o->side,
                                 o->price.units, o->qty.units - o->filled.units, slot, o->account);
    if (!kept->node) fail(k, ERR_LIMIT, "more price levels than this exchange takes");
}

static uint32_t count_open(const struct sim_exchange *e)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < e->account_count; i++)
        if (!e->accounts[i].balances.unlimited)
            for (uint32_t s = e->accounts[i].first_open; s; s = e->orders[s].next) count++;
    return count;
}

/* Open orders of people: by instrument, then by place in the queue. Ids cannot tell that place,
 * because a stop order joins the queue when it triggers. */
static void write_open_orders(struct walk *k, struct sim_exchange *e)
{
    for (uint32_t i = 0; i < e->market_count; i++) {
        const struct sim_book *book = &e->markets[i].book;
        for (unsigned side = 0; side < 2; side++) {
            const struct sim_level *level;
            for (uint32_t depth = 0; (level = sim_book_level(book, (enum side)side, depth));
                 depth++) {
                for (uint32_t n = level->head; n; n = book->nodes[n].next) {
                    struct sim_order o = e->orders[book->nodes[n].order];
                    uint64_t account = o.account;
                    if (e->accounts[o.account].balances.unlimited) continue;
                    walk_u64(k, &account);
                    walk_order(k, e, &o);
                }
            }
        }
        for (uint32_t s = 0; s < e->markets[i].stop_count; s++) {
            struct sim_order o = e->orders[e->markets[i].stops[s]];
            uint64_t account = o.account;
            if (e->accounts[o.account].balances.unlimited) continue;
            walk_u64(k, &account);
            walk_order(k, e, &o);
        }
    }
}

static bool account_is_person(const struct sim_exchange *e, uint64_t account)
{
    return account < e->account_count && !e->accounts[account].balances.unlimited;
}

static void read_open_orders(struct walk *k, struct sim_exchange *e, uint64_t count)
{
    for (uint64_t i = 0; i < count && !k->err; i++) {
        struct sim_order o = {0};
        const uint64_t account = walk_bounded(k, 0, e->account_count, "an account");
        walk_order(k, e, &o);
        o.account = (uint32_t)account;
        if (!k->err && !account_is_person(e, account)) fail(k, ERR_INVALID, "an account");
        if (!k->err) restore_open(k, e, &o);
    }
}

static bool list_can_be_open(const struct sim_exchange *e, const struct sim_list *l)
{
    if (l->id == SIM_NO_ID || l->id >= e->next_list_id || sim_lists_open_of(e, l->id)) return false;
    unsigned legs = 0;
    for (unsigned i = 0; i < SIM_LEGS; i++) {
        const uint32_t slot = sim_orders_find(e, l->instrument, l->order_ids[i]);
        if (!slot) continue;
        const struct sim_order *o = &e->orders[slot];
        if (o->account != l->account || o->list_id != l->id) return false;
        if ((o->locked.units == 0) != (l->locked.units > 0)) return false;
        legs++;
    }
    return l->locked.units >= 0 && (l->locked.units > 0 ? legs == SIM_LEGS : legs == 1);
}

static void walk_open_lists(struct walk *k, struct sim_exchange *e)
{
    const uint64_t count =
        walk_bounded(k, e->list_count, (uint64_t)e->config.lists_max + 1, "too many lists");
    uint32_t place = 0;
    for (uint64_t i = 0; i < count && !k->err; i++, place++) {
        while (k->sink && e->lists[place].id == SIM_NO_ID) place++;
        struct sim_list l = k->sink ? e->lists[place] : (struct sim_list){0};
        l.account = (uint32_t)walk_bounded(k, l.account, e->account_count, "an account");
        walk_list(k, e, &l);
        if (k->sink || k->err) continue;
        if (!list_can_be_open(e, &l)) {
            fail(k, ERR_INVALID, "an order list that cannot be");
            return;
        }
        e->lists[place] = l;
        e->list_count++;
    }
}

/* The newest of a ring, oldest first; a smaller ring keeps the newest of them. */
static uint64_t walk_ring_count(struct walk *k, uint64_t ever, uint32_t size)
{
    return walk_bounded(k, ever < size ? ever : size, UINT32_MAX, "too long a history");
}

static void walk_history(struct walk *k, struct sim_exchange *e, uint32_t account)
{
    struct sim_account *a = &e->accounts[account];
    const uint32_t size = e->config.history_max, fills_size = e->config.fills_max;
    uint64_t count = walk_ring_count(k, a->history_count, size);
    for (uint64_t i = 0; i < count && !k->err; i++) {
        struct sim_order o = {0};
        if (k->sink) o = a->history[(a->history_count - count + i) % size];
        walk_order(k, e, &o);
        o.account = account;
        if (!k->sink) a->history[a->history_count++ % size] = o;
    }
    count = walk_ring_count(k, a->fills_count, fills_size);
    for (uint64_t i = 0; i < count && !k->err; i++) {
        struct sim_fill f = {0};
        if (k->sink) f = a->fills[(a->fills_count - count + i) % fills_size];
        walk_fill(k, e, &f);
        if (!k->sink) a->fills[a->fills_count++ % fills_size] = f;
    }
    count = walk_ring_count(k, a->lists_count, size);
    for (uint64_t i = 0; i < count && !k->err; i++) {
        struct sim_list l = {0};
        if (k->sink) l = a->lists[(a->lists_count - count + i) % size];
        walk_list(k, e, &l);
        l.account = account;
        if (!k->sink) a->lists[a->lists_count++ % size] = l;
    }
}

/* The account with this place in the bytes; read, it is the one of that name, or
 * a new one. */
static struct sim_account *walk_account(struct walk *k, struct sim_exchange *e, uint32_t place)
{
    char name[SIM_ACCOUNT_NAME_SIZE] = {0};
    bool unlimited = false;
    uint32_t index = place;
    if (k->sink) {
        memcpy(name, e->accounts[place].name, sizeof name);
        unlimited = e->accounts[place].balances.unlimited;
    }
    walk_text(k, name, sizeof name);
    walk_flag(k, &unlimited);
    if (k->err) return NULL;
    if (!k->sink && !sim_exchange_find_account(e, name, &index) &&
        (k->err = sim_exchange_add_account(e, name, unlimited, &index)))
        return NULL;
    /* Orders name accounts by index. */
    if (index != place || e->accounts[index].balances.unlimited != unlimited) {
        fail(k, ERR_INVALID, "accounts in another order than this exchange has");
        return NULL;
    }
    return &e->accounts[index];
}

/* What is locked comes back with the orders; for an unlimited account it is part of its net. */
static void walk_balances(struct walk *k, const struct sim_exchange *e, struct sim_account *a)
{
    for (uint16_t i = 0; i < e->assets.count && !k->err; i++) {
        struct sim_balance b = a->balances.items[i];
        if (k->sink && a->balances.unlimited) {
            b.free.units += b.locked.units;
            b.locked.units = 0;
        }
        walk_i64(k, &b.free.units);
        walk_i64(k, &b.locked.units);
        if (b.locked.units < 0 || (!a->balances.unlimited && b.free.units < 0))
            fail(k, ERR_INVALID, "a negative balance");
        if (!k->sink) a->balances.items[i] = b;
    }
    walk_i64(k, &a->updated_ms);
}

static void walk_accounts(struct walk *k, struct sim_exchange *e)
{
    const uint64_t count = walk_bounded(k, e->account_count, (uint64_t)e->config.accounts_max + 1,
                                        "more accounts than this exchange takes");
    for (uint32_t i = 0; i < count && !k->err; i++) {
        struct sim_account *a = walk_account(k, e, i);
        if (!a) return;
        walk_balances(k, e, a);
        if (!a->balances.unlimited) walk_history(k, e, i);
    }
}

static void walk_state(struct walk *k, struct sim_exchange *e)
{
    char start[sizeof magic];
    memcpy(start, magic, sizeof start);
    walk_bytes(k, start, sizeof start);
    if (!k->err && memcmp(start, magic, sizeof magic) != 0) fail(k, ERR_PARSE, "not such a file");
    if (walk_bounded(k, VERSION, UINT64_MAX, "") != VERSION)
        fail(k, ERR_UNSUPPORTED, "a version this program does not know");
    walk_names(k, e);
    walk_markets(k, e);
    walk_accounts(k, e);
    const uint64_t open = walk_bounded(k, count_open(e), (uint64_t)e->config.orders_max + 1,
                                       "more open orders than this exchange takes");
    if (k->sink)
        write_open_orders(k, e);
    else
        read_open_orders(k, e, open);
    walk_open_lists(k, e);
}

bool sim_exchange_write(const struct sim_exchange *e, sim_sink sink, void *context)
{
    struct walk k = {.sink = sink, .context = context};
    /* The walk changes an exchange only while it reads. */
    walk_state(&k, (struct sim_exchange *)(uintptr_t)e);
    uint64_t hash = k.hash;
    walk_u64(&k, &hash);
    return !k.err;
}

/* Whether money adds up: a file can have a right checksum and still be wrong. */
static bool money_adds_up(const struct sim_exchange *e)
{
    for (uint16_t asset = 0; asset < e->assets.count; asset++) {
        int64_t sum = e->fees[asset].units, part;
        for (uint32_t i = 0; i < e->account_count; i++) {
            const struct sim_balance *b = &e->accounts[i].balances.items[asset];
            if (__builtin_add_overflow(b->free.units, b->locked.units, &part) ||
                __builtin_add_overflow(sum, part, &sum))
                return false;
            if (b->locked.units != sim_orders_locked(e, i, asset)) return false;
        }
        if (sum != e->deposited[asset].units) return false;
    }
    return true;
}

static bool orders_have_their_lists(const struct sim_exchange *e)
{
    for (uint32_t i = 0; i < e->account_count; i++) {
        for (uint32_t s = e->accounts[i].first_open; s; s = e->orders[s].next) {
            const struct sim_order *o = &e->orders[s];
            const struct sim_list *l = sim_lists_open_of(e, o->list_id);
            if (o->list_id == SIM_NO_ID) continue;
            if (!l || (l->order_ids[0] != o->id && l->order_ids[1] != o->id)) return false;
        }
    }
    return true;
}

enum err sim_exchange_read(struct sim_exchange *e, struct slice bytes)
{
    CHECK(e->orders_count == 0 && e->list_count == 0);
    struct walk k = {.left = bytes};
    walk_state(&k, e);
    uint64_t hash = 0;
    const uint64_t expected = k.hash;
    walk_u64(&k, &hash);
    if (!k.err && (hash != expected || k.left.size != 0))
        fail(&k, ERR_PARSE, "the checksum is wrong");
    if (!k.err && (!orders_have_their_lists(e) || !money_adds_up(e)))
        fail(&k, ERR_INVALID, "orders and balances do not add up");
    return k.err;
}
