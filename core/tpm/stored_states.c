/* SPDX-License-Identifier: BSD-3-Clause */
#include "tpm/stored_states.h"

#include "tpm/report.h"

static TPM_RESULT lock_before_writing(struct stored_states *states, struct error *error)
{
    if (storage_lock_take(&states->lock, 0, error) == 0)
        return TPM_SUCCESS;
    return TPM_FAIL;
}

TPM_RESULT stored_states_load(struct stored_states *states, enum state_type type,
                              struct buffer *plain)
{
    struct error error;

    return report_result(state_store_load(states->store, type, plain, &error), &error);
}

TPM_RESULT stored_states_save(struct stored_states *states, enum state_type type,
                              struct swtpm_bytes plain)
{
    struct error error;

    TPM_RESULT result = lock_before_writing(states, &error);
    if (result == TPM_SUCCESS)
        result = state_store_save(states->store, type, plain, &error);
    return report_result(result, &error);
}

TPM_RESULT stored_states_exists(struct stored_states *states, enum state_type type, bool *exists)
{
    struct error error;

    return report_result(state_store_exists(states->store, type, exists, NULL, &error), &error);
}

TPM_RESULT stored_states_delete(struct stored_states *states, enum state_type type)
{
    struct error error;

    TPM_RESULT result = lock_before_writing(states, &error);
    if (result == TPM_SUCCESS)
        result = state_store_delete(states->store, type, &error);
    return report_result(result, &error);
}
