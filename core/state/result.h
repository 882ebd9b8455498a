/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef STATE_RESULT_H
#define STATE_RESULT_H

#include <libtpms/tpm_types.h>

/* What a code of enum swtpm_plugin_result is to libtpms: TPM_SUCCESS, TPM_RESOURCES for NO_MEMORY,
 * TPM_FAIL for all others. */
TPM_RESULT tpm_result(int plugin_result);

#endif
