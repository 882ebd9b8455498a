/* SPDX-License-Identifier: BSD-3-Clause */
#include "state/state_name.h"

#include <stdio.h>
#include <string.h>

#define STATE_TYPES 3

static const char *const type_names[STATE_TYPES] = {"permall", "volatilestate", "savestate"};

static const char *const value_names[][STATE_TYPES] = {
    [TPM_VERSION_1_2] = {"tpm-00.permall", "tpm-00.volatilestate", "tpm-00.savestate"},
    [TPM_VERSION_2_0] = {"tpm2-00.permall", "tpm2-00.volatilestate", "tpm2-00.savestate"},
};

static const char *const backup_names[] = {
    [TPM_VERSION_1_2] = "tpm-00.permall.bak",
    [TPM_VERSION_2_0] = "tpm2-00.permall.bak",
};

static const char *const journal_names[] = {
    [TPM_VERSION_1_2] = "tpm-00.change",
    [TPM_VERSION_2_0] = "tpm2-00.change",
};

const char *state_type_name(enum state_type type)
{
    return type_names[type - STATE_PERMANENT];
}

bool state_type_from_name(const char *name, enum state_type *type)
{
    for (size_t i = 0; i < STATE_TYPES; i++) {
        if (strcmp(name, type_names[i]) == 0) {
            *type = (enum state_type)(STATE_PERMANENT + i);
            return true;
        }
    }
    return false;
}

const char *state_value_name(enum tpm_version version, enum state_type type)
{
    return value_names[version][type - STATE_PERMANENT];
}

const char *state_backup_name(enum tpm_version version)
{
    return backup_names[version];
}

const char *state_value_name_at(enum tpm_version version, size_t index)
{
    return index < STATE_TYPES ? value_names[version][index] : backup_names[version];
}

enum state_type state_value_type_at(size_t index)
{
    return index < STATE_TYPES ? (enum state_type)(STATE_PERMANENT + index) : STATE_PERMANENT;
}

const char *state_journal_name(enum tpm_version version)
{
    return journal_names[version];
}

void state_staged_name(const char *value_name, char name[STATE_STAGED_NAME_SIZE])
{
    snprintf(name, STATE_STAGED_NAME_SIZE, "%s.new", value_name);
}
