/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef TESTS_FUZZ_FAKE_LIBRARY_H
#define TESTS_FUZZ_FAKE_LIBRARY_H

#include <stdbool.h>

#include "swtpm_plugin.h"

/*
 * In place of libtpms: the functions of it that core/tpm calls, for targets that are about the
 * device.  It answers each command with bytes that follow from the command, and can be held up in
 * the middle of one for as long as a test likes.  It ends the process if two threads are in it at
 * once, or if it is used in an order that libtpms does not bear.
 */

/* Largest response, in bytes. */
#define FAKE_RESPONSE_MAX 4096

/* A TPM2_SelfTest, the only command that can be held up; and commands that change the permanent
 * state and the volatile one. */
#define FAKE_SLOW_TPM2 0x143
#define FAKE_SLOW_TPM12 0x16
#define FAKE_STORING 0x12a

/* No TPM runs and none has been set a state; nothing is held up. */
void fake_library_reset(void);

/* The slow command waits from now on, in the middle, until it is let go or cancelled. */
void fake_library_hold(void);
void fake_library_let_go(void);

/* Writes the response to a command by a running TPM and returns its size. */
size_t fake_library_response(struct swtpm_bytes command, uint8_t response[FAKE_RESPONSE_MAX]);

/* What was given to TPMLIB_SetState last; {NULL, 0} if nothing was.  Valid until the next call. */
struct swtpm_bytes fake_library_set_state(void);

#endif
