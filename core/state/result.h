/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef STATE_RESULT_H
#define STATE_RESULT_H

#include <libtpms/tpm_types.h>

/* What a code of enum swtpm_plugin_result is to libtpms: TPM_SUCCESS, TPM_RESOURCES for NO_MEMORY,
 * TPM_FAIL for all others. */
TPM_RESULT tpm_result(int plugin_result);

/* The same for a crypto plugin by which a state is opened, with TPM_IOERROR in place of TPM_FAIL:
 * the failure is the plugin's own and says nothing about the state. */
TPM_RESULT tpm_result_of_crypto(int plugin_result);

#endif
