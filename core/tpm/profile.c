/* SPDX-License-Identifier: BSD-3-Clause */
#include "tpm/profile.h"

#include <stdlib.h>
#include <string.h>

#include <libtpms/tpm_error.h>
#include <libtpms/tpm_library.h>

#include "swtpm_ptm.h"
#include "tpm/info.h"

/* Weak: NULL where the loaded library has no such function. */
TPM_RESULT TPMLIB_SetProfile(const char *profile) __attribute__((weak));

bool tpm_profile_is_supported(void)
{
    return TPMLIB_SetProfile != NULL;
}

int tpm_profile_require(struct error *error)
{
    char version[TPM_INFO_VERSION_SIZE];

    if (tpm_profile_is_supported())
        return 0;
    tpm_info_library_version(version);
    error_set(error, "the loaded libtpms %s has no profiles; install libtpms 0.10 or later",
              version);
    return -1;
}

int tpm_profile_set(const char *json, struct error *error)
{
    if (tpm_profile_require(error) != 0)
        return -1;
    TPM_RESULT result = TPMLIB_SetProfile(json);
    if (result == TPM_SUCCESS)
        return 0;
    error_set(error,
              "libtpms refuses the profile '%s' (result %#x); --print-profiles lists those "
              "it knows",
              json, result);
    return -1;
}

void tpm_profile_for_each(void (*visit)(void *context, const char *name, size_t size),
                          void *context)
{
    static const char key[] = "\"Name\":\"";

    if (!tpm_profile_is_supported())
        return;
    char *profiles = tpm_info(PTM_INFO_AVAILABLE_PROFILES);
    for (const char *at = profiles; at != NULL && (at = strstr(at, key)) != NULL;) {
        const char *name = at + sizeof key - 1;
        size_t size = strcspn(name, "\"");
        visit(context, name, size);
        at = name + size;
    }
    free(profiles);
}
