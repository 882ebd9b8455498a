/* SPDX-License-Identifier: BSD-3-Clause */
#include "tpm/given_states.h"

#include <stdint.h>

#include <libtpms/tpm_error.h>
#include <libtpms/tpm_library.h>

#include "util/log.h"

static struct {
    bool given;
    struct buffer plain;
} states[STATE_SAVE + 1];

static enum TPMLIB_StateType library_state_type(enum state_type type)
{
    switch (type) {
    case STATE_PERMANENT:
        return TPMLIB_STATE_PERMANENT;
    case STATE_VOLATILE:
        return TPMLIB_STATE_VOLATILE;
    case STATE_SAVE:
        break;
    }
    return TPMLIB_STATE_SAVE_STATE;
}

static TPM_RESULT hand_over(enum state_type type, const struct buffer *plain)
{
    TPM_RESULT result =
        TPMLIB_SetState(library_state_type(type), plain->data, (uint32_t)plain->size);
    if (result != TPM_SUCCESS)
        log_error("libtpms refuses the %s blob: result %#x", state_type_name(type), result);
    return result;
}

TPM_RESULT given_states_set(enum state_type type, struct buffer *plain)
{
    TPM_RESULT result = hand_over(type, plain);

    if (result != TPM_SUCCESS)
        return result;
    buffer_move(&states[type].plain, plain);
    states[type].given = true;
    return TPM_SUCCESS;
}

bool given_states_exist(void)
{
    return states[STATE_PERMANENT].given || states[STATE_VOLATILE].given ||
           states[STATE_SAVE].given;
}

bool given_states_replace_permanent(void)
{
    return states[STATE_PERMANENT].given && states[STATE_PERMANENT].plain.size > 0;
}

/* In this order: libtpms judges the others by the permanent one. */
TPM_RESULT given_states_hand_over(void)
{
    TPM_RESULT result = TPM_SUCCESS;

    for (enum state_type type = STATE_PERMANENT; type <= STATE_SAVE; type++)
        if (states[type].given && result == TPM_SUCCESS)
            result = hand_over(type, &states[type].plain);
    return result;
}

void given_states_forget(void)
{
    for (enum state_type type = STATE_PERMANENT; type <= STATE_SAVE; type++) {
        buffer_free(&states[type].plain);
        states[type].given = false;
    }
}
