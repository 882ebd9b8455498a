/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What libtpms 0.10 has and earlier ones have not, to be preloaded before one of those: profiles.
 * The profile that is set goes to the file named by $PROFILE_FILE, and one named "refused" is not
 * taken.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <libtpms/tpm_error.h>
#include <libtpms/tpm_library.h>

enum { AVAILABLE_PROFILES = 0x40 };

TPM_RESULT TPMLIB_SetProfile(const char *profile);

TPM_RESULT TPMLIB_SetProfile(const char *profile)
{
    const char *path = getenv("PROFILE_FILE");

    if (path == NULL || strstr(profile, "refused") != NULL)
        return TPM_FAIL;
    FILE *file = fopen(path, "w");
    if (file == NULL)
        return TPM_FAIL;
    fputs(profile, file);
    return fclose(file) == 0 ? TPM_SUCCESS : TPM_FAIL;
}

char *TPMLIB_GetInfo(enum TPMLIB_InfoFlags flags)
{
    return strdup((unsigned)flags == AVAILABLE_PROFILES
                      ? "{\"AvailableProfiles\":[{\"Name\":\"default-v1\"},{\"Name\":\"null\"}]}"
                      : "{}");
}
