/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef TPM_GIVEN_STATES_H
#define TPM_GIVEN_STATES_H

#include <stdbool.h>

#include <libtpms/tpm_types.h>

#include "state/state_name.h"
#include "util/buffer.h"

/*
 * The states that a client has set for the next start (SET_STATEBLOB).  libtpms keeps them until a
 * start, be it one that fails: the next one would then be that of an older TPM, of one without its
 * volatile state, or of a new one.  So they are kept here until a start succeeds.
 *
 * libtpms has no context pointers, so neither has this file.  Thread: that which may enter libtpms
 * (worker.h).
 */

/* Hands a state to libtpms, which may refuse it, and keeps it; an empty one says that there is no
 * such state.  `plain` is empty afterwards if that succeeded.  A failure is logged. */
TPM_RESULT given_states_set(enum state_type type, struct buffer *plain);

/* Whether a client has set any state since the last start that succeeded. */
bool given_states_exist(void);

/* Whether one of them is to be the permanent state from the next start on. */
bool given_states_replace_permanent(void);

/* Hands all of them to libtpms, before a start. */
TPM_RESULT given_states_hand_over(void);

/* Wipes them, after a start that succeeded or at the end of the process. */
void given_states_forget(void);

#endif
