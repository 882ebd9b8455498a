/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef TOOLS_SWTPM_STATE_PLACE_H
#define TOOLS_SWTPM_STATE_PLACE_H

#include <stdbool.h>

#include "plugin/storage.h"
#include "plugin/storage_options.h"
#include "state/state_store.h"
#include "util/error.h"

/* A store, or a place of many, as --tpmstate or --to names it. */

/* Zeroed memory is valid for place_close. */
struct place {
    char *text; /* the option's argument, split; owned */
    struct storage_options options;
    const struct storage_plugin *plugin;
    struct storage *storage;
    struct state_store *store;
};

enum place_use {
    PLACE_VISIT,  /* not opened: the command looks at all stores there */
    PLACE_READ,   /* locked; it must exist.  Without its lock it is opened for reading only */
    PLACE_CHANGE, /* locked; it must exist */
    PLACE_MAKE    /* locked; it may be made */
};

/* Parses the argument of `option` (NULL: the environment decides), loads the plugin.  0 or -1. */
int place_load(struct place *place, const char *option, const char *text,
               const struct plugin_search *search, struct error *error);

/* Opens the store for a TPM of that version and locks it; not with PLACE_VISIT.  0 or -1. */
int place_open(struct place *place, enum place_use use, enum tpm_version version,
               const struct state_key *key, struct error *error);

/* For an error message: whether two places that were opened, the second without getting its lock,
 * are the same under two names.  Unlocks the first. */
bool place_is_same(struct place *first, struct place *second);

/* Closes the store, which gives its lock back, and frees the argument. */
void place_close(struct place *place);

#endif
