/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef STORAGE_FILE_CHANGE_H
#define STORAGE_FILE_CHANGE_H

#include "contents.h"

/*
 * A change of the file: from what it holds now to the table that will be written.  In this order:
 * change_begin, change_place for what is new, change_commit.  Until then, whatever happens, the
 * file holds what it held.
 */
struct change {
    struct swtpm_storage *storage;
    uint32_t flags; /* enum swtpm_storage_write_flag */
    struct contents old;
    struct table table; /* to be */
    /* What must not be overwritten: the old sections, and the new ones so far. */
    struct section kept[2 * TABLE_ENTRIES];
    unsigned kept_count;
};

/* Makes the file a store if it is none yet, and the new table that of `old`, which has been loaded.
 */
int change_begin(struct change *change, struct swtpm_plugin_error *error);

/* Writes data into free space and gives them to `entry` of the table to be; once for each entry. */
int change_place(struct change *change, unsigned entry, struct swtpm_bytes data,
                 struct swtpm_plugin_error *error);

/* Writes the table.  After a failure of its last sync the file may hold the new. */
int change_commit(struct change *change, struct swtpm_plugin_error *error);

/* Gives back the space of a change that is not committed. */
void change_abandon(const struct change *change);

#endif
