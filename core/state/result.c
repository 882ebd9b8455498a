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
