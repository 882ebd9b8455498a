/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef TPM_COMMAND_H
#define TPM_COMMAND_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "state/state_name.h"
#include "swtpm_plugin.h"

/*
 * TPM commands as bytes: the header that both versions share (TPM Main 1.2 part 3 §3; TPM 2.0
 * part 1 §18), and the few commands that the emulator itself recognises or sends.  Pure functions.
 */

/* tag, size and ordinal (command) or result (response) */
#define TPM_HEADER_SIZE 10

/* Largest command, in bytes (core/device/session.h). */
#define TPM_COMMAND_MAX 4096

/* TPM Main 1.2 part 2 §17 and TPM 2.0 part 2 §6.5.2 */
#define TPM2_CC_STARTUP UINT32_C(0x144)
#define TPM2_CC_SHUTDOWN UINT32_C(0x145)
#define TPM2_CC_GET_TEST_RESULT UINT32_C(0x17c)
#define TPM_ORD_STARTUP UINT32_C(0x99)
/* Vendor command: header and one byte of locality (swtpm_cuse(8), allow-set-locality). */
#define TPM_CC_SET_LOCALITY UINT32_C(0x20001000)
/* What swtpm answers to it from a TPM 2 that may not enter that locality; TPM_RC_LOCALITY of part 2
 * is 0x907. */
#define TPM2_RC_SET_LOCALITY_REFUSED UINT32_C(0x107)

/* TPM 2.0 part 2 §6.6 */
#define TPM2_RC_FAILURE UINT32_C(0x101)
#define TPM2_RC_INITIALIZE UINT32_C(0x100)
/* TPM_RC_VALUE of the first parameter: of TPM2_Startup, that there is no saved state. */
#define TPM2_RC_VALUE_PARAMETER_1 UINT32_C(0x1C4)

/* TPM 2.0 part 2 §6.10 */
enum tpm2_startup_type {
    TPM2_SU_CLEAR = 0,
    TPM2_SU_STATE = 1
};

/* TPM Main 1.2 part 2 §4.2 */
enum tpm_startup_type {
    TPM_ST_CLEAR = 1,
    TPM_ST_STATE = 2,
    TPM_ST_DEACTIVATED = 3
};

#define TPM_STARTUP_COMMAND_SIZE 12

/* The ordinal of a command or the result of a response; false if it is shorter than a header. */
bool tpm_header_code(struct swtpm_bytes message, uint32_t *code);

/* Whether the command may take long (it makes a key, signs, tests itself …), so that it is handed
 * to the worker.  A hand-over costs some microseconds; every other command is done before that. */
bool tpm_command_is_slow(enum tpm_version version, struct swtpm_bytes command);

/* The locality of a vendor SetLocality command; false if it is not one. */
bool tpm_command_is_set_locality(struct swtpm_bytes command, uint8_t *locality);

/* Writes a response that consists of a header only: `result` for TPM 1.2 or 2.0. */
void tpm_response_put(enum tpm_version version, uint32_t result, uint8_t response[TPM_HEADER_SIZE]);

/* TPM_FAIL or TPM_RC_FAILURE */
uint32_t tpm_result_failure(enum tpm_version version);

/* TPM2_GetTestResult: what a TPM in failure mode still answers (TPM 2.0 part 1 §12.4). */
void tpm2_command_put_get_test_result(uint8_t command[TPM_HEADER_SIZE]);

/* Whether a response to it says that the TPM has failed (part 3 §10.4). */
bool tpm2_response_tells_failure(struct swtpm_bytes response);

/* TPM_Startup, TPM2_Startup; and TPM2_Shutdown. */
void tpm_command_put_startup(enum tpm_version version, uint16_t type,
                             uint8_t command[TPM_STARTUP_COMMAND_SIZE]);
void tpm2_command_put_shutdown(enum tpm2_startup_type type,
                               uint8_t command[TPM_STARTUP_COMMAND_SIZE]);

#endif
