/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef STATE_STATE_NAME_H
#define STATE_STATE_NAME_H

#include <stdbool.h>
#include <stddef.h>

/* What a TPM stores and what it is called in a store (doc/state-format.md §1). */

enum tpm_version {
    TPM_VERSION_1_2,
    TPM_VERSION_2_0
};

/* The numbers are those of the blob types of the control interface (swtpm_ptm.h). */
enum state_type {
    STATE_PERMANENT = 1,
    STATE_VOLATILE = 2,
    STATE_SAVE = 3
};

/* libtpms' name: "permall", "volatilestate", "savestate". */
const char *state_type_name(enum state_type type);

/* The type of libtpms' name.  False if it is none of the three. */
bool state_type_from_name(const char *name, enum state_type *type);

/* The name of the value in a store: "tpm-00.permall", "tpm2-00.volatilestate", … */
const char *state_value_name(enum tpm_version version, enum state_type type);

/* The name under which the previous permanent state is kept: "tpm2-00.permall.bak", … */
const char *state_backup_name(enum tpm_version version);

/* All values of one TPM: its three states and the backup, the permanent state first. */
#define STATE_VALUES 4
const char *state_value_name_at(enum tpm_version version, size_t index);

/* The type of what is stored under that name: the backup is a permanent state. */
enum state_type state_value_type_at(size_t index);

/* The name of the journal of a change (state_change.h): "tpm2-00.change", … */
const char *state_journal_name(enum tpm_version version);

/* Writes the name of the new value that waits to become `value_name`: "tpm2-00.permall.new", … */
#define STATE_STAGED_NAME_SIZE 64
void state_staged_name(const char *value_name, char name[STATE_STAGED_NAME_SIZE]);

#endif
