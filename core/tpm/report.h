/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef TPM_REPORT_H
#define TPM_REPORT_H

#include <libtpms/tpm_types.h>
#include <libtpms/tpm_error.h>

#include "util/error.h"
#include "util/log.h"

/* Logs why something failed and returns its result.  TPM_RETRY, "there is no such state", is no
 * failure. */
static inline TPM_RESULT report_result(TPM_RESULT result, const struct error *error)
{
    if (result != TPM_SUCCESS && result != TPM_RETRY)
        log_error("%s", error->text);
    return result;
}

#endif
