/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef STORAGE_FILE_CONTENTS_H
#define STORAGE_FILE_CONTENTS_H

#include "extension.h"
#include "storage_file.h"
#include "table.h"

/*
 * What a file holds, and under which names.
 */

enum {
    STATE_ENTRIES = 3, /* permall, volatilestate, savestate of one TPM */
    EXTENSION_ENTRY = TABLE_ENTRIES - 1
};

struct contents {
    bool formatted;                  /* false: empty; the first put makes it a store */
    unsigned char bytes[TABLE_SIZE]; /* the table as it was read */
    struct table table;
    struct extension extension;
    uint64_t file_size; /* in bytes */
};

/* Part of the file. */
struct extent {
    uint64_t offset;
    uint32_t length;
};

/* The table's entry for a name such as "tpm2-00.permall"; sets *owner to whose it is.  -1 if the
 * name is not the one of a TPM's state. */
int contents_state_entry(const char *name, enum extension_owner *owner);

/* The name of a state entry of that owner, a constant. */
const char *contents_state_name(unsigned entry, enum extension_owner owner);

/* Reads table and extension; the caller frees them with contents_free.  CORRUPT with a message if
 * they contradict themselves, or if the file holds something else; then nothing is to be freed. */
int contents_load(const struct swtpm_storage *storage, struct contents *contents,
                  struct swtpm_plugin_error *error);

/* Frees what contents_load gave. */
void contents_free(struct contents *contents);

/* Where the value of that name stands.  False if there is none. */
bool contents_find(const struct contents *contents, const char *name, struct extent *extent);

/* Whether an entry that is in use holds the state `entry` of `owner`. */
bool contents_entry_is(const struct contents *contents, unsigned entry, enum extension_owner owner);

/* Whether the file still is as it was when the contents were read: if not, what was read since may
 * be of another value.  Sets *current. */
int contents_check_current(const struct swtpm_storage *storage, const struct contents *contents,
                           bool *current, struct swtpm_plugin_error *error);

#endif
