/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef STATE_STATE_CHANGE_H
#define STATE_STATE_CHANGE_H

#include <stdbool.h>

#include "plugin/storage.h"
#include "state/state_name.h"
#include "util/buffer.h"
#include "util/error.h"

/*
 * Several values of one TPM changed as if at once, although a store changes one at a time
 * (doc/state-format.md, "Changes of several values"):
 *
 *   1. Each new value is put under a name of its own, NAME.new, and read back.
 *   2. The journal, which lists what is to be done, is put.  From here on the change is made.
 *   3. Each value is put under its name, and its NAME.new is deleted.
 *   4. The journal is deleted.
 *
 * A process that dies before step 2 leaves values that nobody looks at.  One that dies later leaves
 * the rest of the work to the next holder of the lock, who calls state_change_finish before
 * anything else; that needs no key.  All functions need the storage lock.
 */

struct state_change_item {
    const char *name; /* from state_name.h */
    bool remove;      /* the value goes away; else it becomes `value` */
    struct buffer value;
};

/* Starts out zeroed. */
struct state_change {
    struct state_change_item items[STATE_VALUES];
    size_t count;
};

/* Adds a value to be put; takes what the buffer holds.  Each name once. */
void state_change_put(struct state_change *change, const char *name, struct buffer *value);

/* Adds a value to be removed, if it exists. */
void state_change_remove(struct state_change *change, const char *name);

/* Wipes and empties. */
void state_change_free(struct state_change *change);

/* Makes the change.  0, or a code of enum swtpm_plugin_result: the message says whether the store
 * is as it was, or the change is made and will be finished by the next who locks the store. */
int state_change_commit(struct storage *storage, enum tpm_version version,
                        const struct state_change *change, bool durable, struct error *error);

/* Finishes or sweeps away what an earlier process left; *finished tells whether there was a change
 * to finish.  0 or a code; SWTPM_PLUGIN_CORRUPT if the journal cannot be understood. */
int state_change_finish(struct storage *storage, enum tpm_version version, bool durable,
                        bool *finished, struct error *error);

/* Whether there is a change to finish.  Needs no lock. */
int state_change_is_pending(struct storage *storage, enum tpm_version version, bool *pending,
                            struct error *error);

#endif
