/* Words of account rows. */
#include "io/store/account_row.h"

static const char *const role_names[ROLE_COUNT] = {
    [ROLE_VIEWER] = "viewer",
    [ROLE_TRADER] = "trader",
    [ROLE_ADMIN] = "admin",
};

const char *role_name(enum role role)
{
    return role_names[role];
}

bool role_from_name(struct slice name, enum role *role)
{
    for (unsigned i = 0; i < ROLE_COUNT; i++) {
        if (!slice_is(name, role_names[i])) continue;
        *role = (enum role)i;
        return true;
    }
    return false;
}
