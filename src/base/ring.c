/* Making and freeing a ring's slots. */
#include "base/ring.h"

#include <stdlib.h>

#include "base/check.h"

enum err ring_init(struct ring *r, uint32_t slot_size, uint32_t slot_count)
{
    CHECK(slot_size > 0);
    CHECK(slot_count > 0 && (slot_count & (slot_count - 1)) == 0);
    memset(r, 0, sizeof *r);
    r->slots = calloc(slot_count, slot_size);
    if (!r->slots) return err_set(ERR_NO_MEMORY, "cannot make a ring of %u slots", slot_count);
    r->slot_size = slot_size;
    r->slot_count = slot_count;
    return OK;
}

void ring_deinit(struct ring *r)
{
    free(r->slots);
    r->slots = NULL;
}
