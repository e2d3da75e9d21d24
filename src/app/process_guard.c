/* Two calls to the kernel. */
#include "app/process_guard.h"

#include <errno.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>

enum err process_guard(void)
{
    const struct rlimit none = {0, 0};
    if (setrlimit(RLIMIT_CORE, &none) != 0 || prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) != 0)
        return err_set(ERR_IO, "cannot switch core dumps off: %s", strerror(errno));
    return OK;
}
