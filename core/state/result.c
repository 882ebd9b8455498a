/* SPDX-License-Identifier: BSD-3-Clause */
#include "state/result.h"

#include <libtpms/tpm_error.h>

#include "swtpm_plugin.h"

TPM_RESULT tpm_result(int plugin_result)
{
    switch (plugin_result) {
    case SWTPM_PLUGIN_OK:
        return TPM_SUCCESS;
    case SWTPM_PLUGIN_NO_MEMORY:
        return TPM_RESOURCES;
    default:
        return TPM_FAIL;
    }
}

TPM_RESULT tpm_result_of_crypto(int plugin_result)
{
    TPM_RESULT result = tpm_result(plugin_result);

    return result == TPM_FAIL ? TPM_IOERROR : result;
}
