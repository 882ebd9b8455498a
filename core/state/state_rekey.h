/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef STATE_STATE_REKEY_H
#define STATE_STATE_REKEY_H

#include "plugin/storage.h"
#include "state/key.h"
#include "state/state_name.h"
#include "util/error.h"

/*
 * Another key, or another way of encryption, for all states of a TPM and the backup, all at once
 * (state_change.h).  The storage lock must be held and earlier changes be finished.
 */

struct state_rekey_parameters {
    enum tpm_version version;
    struct storage *storage;
    const struct state_key *old_key; /* NULL: the states are plain */
    const struct state_key *new_key; /* NULL: they become plain */
    bool durable;
};

/* *values is the number of values that there were.  0, or -1 with a message: names the value that
 * does not open with the old key, or what the storage said. */
int state_rekey(const struct state_rekey_parameters *parameters, unsigned *values,
                struct error *error);

#endif
