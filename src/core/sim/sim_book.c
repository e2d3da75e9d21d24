/* Price levels as sorted arrays, orders as queues in a pool. */
#include "core/sim/sim_book.h"

#include <string.h>

#include "base/check.h"

enum { NEAR_LEVELS = 8 };

size_t sim_book_need(uint32_t node_capacity, uint32_t level_capacity)
{
    return arena_need((size_t)node_capacity + 1, sizeof(struct sim_node)) +
           arena_need(2 * (size_t)level_capacity + 1, sizeof(struct sim_level)) +
           2 * arena_need(level_capacity, sizeof(struct sim_rung));
}

void sim_book_init(struct sim_book *b, struct arena *a, uint32_t node_capacity,
                   uint32_t level_capacity)
{
    CHECK(node_capacity > 0 && level_capacity > 0);
    *b = (struct sim_book){.node_capacity = node_capacity, .level_capacity = level_capacity};
    b->nodes = arena_take(a, (size_t)node_capacity + 1, sizeof *b->nodes);
    b->levels = arena_take(a, 2 * (size_t)level_capacity + 1, sizeof *b->levels);
    for (unsigned side = 0; side < 2; side++)
        b->sides[side].rungs = arena_take(a, level_capacity, sizeof *b->sides[side].rungs);
}

/* The place of a price on its side: the first rung that is not worse. Most work is near the best,
 * so that end is looked at one by one before the halving starts. */
static uint32_t rung_of(const struct sim_side *s, enum side side, int64_t price)
{
    const struct sim_rung *rungs = s->rungs;
    uint32_t high = s->count;
    const uint32_t stop = high > NEAR_LEVELS ? high - NEAR_LEVELS : 0;
    if (side == SIDE_BUY) {
        while (high > stop && rungs[high - 1].price >= price) high--;
    } else {
        while (high > stop && rungs[high - 1].price <= price) high--;
    }
    if (high > stop || stop == 0) return high;
    uint32_t low = 0;
    while (low < high) {
        const uint32_t middle = low + (high - low) / 2;
        const bool worse =
            side == SIDE_BUY ? rungs[middle].price < price : rungs[middle].price > price;
        if (worse)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

/* A free place of a pool: one given back, else one never used; 0 when there is none. */
static uint32_t node_take(struct sim_book *b)
{
    uint32_t node = b->node_free;
    if (node)
        b->node_free = b->nodes[node].next;
    else if (b->node_used < b->node_capacity)
        node = ++b->node_used;
    if (node) b->node_count++;
    return node;
}

static uint32_t level_take(struct sim_book *b)
{
    uint32_t level = b->level_free;
    if (level)
        b->level_free = b->levels[level].head;
    else if (b->level_used < 2 * b->level_capacity)
        level = ++b->level_used;
    return level;
}

static uint32_t level_add(struct sim_book *b, struct sim_side *s, uint32_t at, int64_t price)
{
    if (s->count == b->level_capacity) return 0;
    const uint32_t level = level_take(b);
    if (level == 0) return 0;
    memmove(&s->rungs[at + 1], &s->rungs[at], (s->count - at) * sizeof *s->rungs);
    s->rungs[at] = (struct sim_rung){.price = price, .level = level};
    s->count++;
    b->levels[level] = (struct sim_level){.price = price};
    return level;
}

static void level_drop(struct sim_book *b, enum side side, uint32_t level)
{
    struct sim_side *s = &b->sides[side];
    const uint32_t at = rung_of(s, side, b->levels[level].price);
    memmove(&s->rungs[at], &s->rungs[at + 1], (s->count - at - 1) * sizeof *s->rungs);
    s->count--;
    b->levels[level].head = b->level_free;
    b->level_free = level;
}

uint32_t sim_book_insert(struct sim_book *b, enum side side, int64_t price, int64_t qty,
                         uint32_t order, uint32_t owner)
{
    CHECK(price > 0 && qty > 0);
    struct sim_side *s = &b->sides[side];
    const uint32_t node = node_take(b);
    if (node == 0) return 0;

    const uint32_t at = rung_of(s, side, price);
    const bool known = at < s->count && s->rungs[at].price == price;
    const uint32_t level = known ? s->rungs[at].level : level_add(b, s, at, price);
    if (level == 0) {
        b->nodes[node].next = b->node_free;
        b->node_free = node;
        b->node_count--;
        return 0;
    }

    struct sim_level *l = &b->levels[level];
    b->nodes[node] = (struct sim_node){
        .qty = qty,
        .order = order,
        .owner = owner,
        .level = level,
        .previous = l->tail,
        .side = (uint8_t)side,
    };
    if (l->tail)
        b->nodes[l->tail].next = node;
    else
        l->head = node;
    l->tail = node;
    l->qty += qty;
    l->count++;
    return node;
}

bool sim_book_has_room(const struct sim_book *b, enum side side, int64_t price)
{
    if (b->node_count == b->node_capacity) return false;
    return b->sides[side].count < b->level_capacity || sim_book_qty_at(b, side, price) > 0;
}

int64_t sim_book_remove(struct sim_book *b, uint32_t node)
{
    CHECK(node > 0 && node <= b->node_used);
    return sim_book_fill(b, node, b->nodes[node].qty);
}

int64_t sim_book_fill(struct sim_book *b, uint32_t node, int64_t qty)
{
    struct sim_node *n = &b->nodes[node];
    struct sim_level *l = &b->levels[n->level];
    CHECK(qty > 0 && qty <= n->qty);
    n->qty -= qty;
    l->qty -= qty;
    if (n->qty > 0) return l->qty;

    if (n->previous)
        b->nodes[n->previous].next = n->next;
    else
        l->head = n->next;
    if (n->next)
        b->nodes[n->next].previous = n->previous;
    else
        l->tail = n->previous;
    const uint32_t level = n->level;
    n->next = b->node_free;
    b->node_free = node;
    b->node_count--;
    const int64_t left = l->qty;
    if (--l->count == 0) level_drop(b, (enum side)n->side, level);
    return left;
}

int64_t sim_book_qty_at(const struct sim_book *b, enum side side, int64_t price)
{
    const struct sim_side *s = &b->sides[side];
    const uint32_t at = rung_of(s, side, price);
    if (at == s->count || s->rungs[at].price != price) return 0;
    return b->levels[s->rungs[at].level].qty;
}
