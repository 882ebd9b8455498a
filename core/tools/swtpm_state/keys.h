/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef TOOLS_SWTPM_STATE_KEYS_H
#define TOOLS_SWTPM_STATE_KEYS_H

#include <stdbool.h>

#include "state/key.h"
#include "tools/swtpm_state/options.h"
#include "util/error.h"

/* The keys that the command line names; NULL where there is none.  Zeroed memory is valid for
 * keys_free. */
struct keys {
    struct state_key *key;
    struct state_key *new_key;
    struct state_key *migration_key;
    bool require_encrypted; /* --migration-key …,require */
};

/* Loads the crypto plugin, if there is a key at all, and the keys.  0 or -1. */
int keys_load(struct keys *keys, const struct options *options, struct error *error);

/* Wipes and frees the keys. */
void keys_free(struct keys *keys);

#endif
