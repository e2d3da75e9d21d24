/* SQLite's own VFS with faults in front of writes and syncs: how the tests break the disk. */
#ifndef TESTS_IO_STORE_FAULT_VFS_H
#define TESTS_IO_STORE_FAULT_VFS_H

enum fault {
    FAULT_NONE,
    FAULT_DISK_FULL, /* every write is refused */
    FAULT_SYNC,      /* every sync fails */
    FAULT_KILL,      /* SIGKILL instead of the operation */
};

/* Makes it the default of connections opened from here on. */
void fault_vfs_install(void);
/* The fault begins after so many further writes and syncs, and lasts until it is set again. */
void fault_vfs_set(enum fault fault, int after);

#endif
