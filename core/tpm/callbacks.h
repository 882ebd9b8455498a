/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef TPM_CALLBACKS_H
#define TPM_CALLBACKS_H

#include <stdbool.h>
#include <stdint.h>

#include "tpm/stored_states.h"

/*
 * What libtpms calls (tpm_library.h, struct libtpms_callbacks): for its stored states, and for the
 * locality and the physical presence of a command.  libtpms has no context pointers, so neither has
 * this file.
 *
 * Thread: that which is in libtpms, or may enter it (worker.h).
 */

/* Registers the callbacks.  Both are borrowed until the process ends; `locality` is read at each
 * command and may be written by another thread. */
TPM_RESULT callbacks_register(struct stored_states *states, const _Atomic uint8_t *locality);

/* libtpms does not tell its caller of everything that fails at its start. */
struct callback_results {
    TPM_RESULT load_result; /* of the first stored state that could not be loaded */
    bool store_failed;
    bool permanent_stored; /* once at least, and without an error */
};

/* From now on; and what has happened since. */
void callbacks_forget_results(void);
struct callback_results callbacks_results(void);

#endif
