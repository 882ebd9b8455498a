/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef STATE_STATE_LISTING_H
#define STATE_STATE_LISTING_H

#include <stdbool.h>
#include <stdint.h>

#include "plugin/storage.h"
#include "state/state_name.h"
#include "util/error.h"

/* Which values of one TPM a store holds, by name and size; no value is read. */

struct stored_value {
    bool exists;
    uint64_t size; /* bytes, as stored */
};

struct state_listing {
    struct stored_value state[STATE_SAVE + 1]; /* by enum state_type */
    struct stored_value backup;                /* of the permanent state */
};

/* 0, or a code of enum swtpm_plugin_result with the storage's message: something stands in the
 * place of a value and is none, too. */
int state_listing_read(struct storage *storage, enum tpm_version version,
                       struct state_listing *listing, struct error *error);

#endif
