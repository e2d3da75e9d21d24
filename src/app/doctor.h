/* What `tradebot doctor` looks at, and what it found: one line a thing, ok, warn or fail, with the
 * cause and the cure. A look changes nothing, but for a file that the disk's pace is measured with
 * and that is removed again. */
#ifndef APP_DOCTOR_H
#define APP_DOCTOR_H

#include "app/config.h"

enum finding_state { FINDING_OK, FINDING_WARN, FINDING_FAIL };
enum { FINDINGS_MAX = 32 };

struct finding {
    enum finding_state state;
    char name[24];
    char text[400];
    const char *cure; /* NULL: none is needed */
};

struct doctor {
    struct config config;
    struct finding findings[FINDINGS_MAX];
    unsigned count;
};

/* One line of findings. */
void doctor_found(struct doctor *d, enum finding_state state, const char *name, const char *cure,
                  const char *format, ...) __attribute__((format(printf, 5, 6)));

/* Folder, disk, secret file, database, limits of the process, the system's clock. */
void doctor_look_here(struct doctor *d);
/* Our certificate and port, Redis, the venues and their clocks. */
void doctor_look_around(struct doctor *d);

#endif
