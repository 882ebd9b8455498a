/* SPDX-License-Identifier: BSD-3-Clause */
#include "tpm/info.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <libtpms/tpm_error.h>
#include <libtpms/tpm_library.h>

#include "swtpm_ptm.h"

bool tpm_info_choose_version(enum tpm_version version)
{
    TPMLIB_TPMVersion wanted =
        version == TPM_VERSION_2_0 ? TPMLIB_TPM_VERSION_2 : TPMLIB_TPM_VERSION_1_2;
    return TPMLIB_ChooseTPMVersion(wanted) == TPM_SUCCESS;
}

char *tpm_info(uint64_t flags)
{
    /* The parameter is an enum: no flag of a later library has a higher bit. */
    return TPMLIB_GetInfo((enum TPMLIB_InfoFlags)(flags & INT_MAX));
}

static size_t parse_sizes(const char *list, unsigned sizes[TPM_INFO_RSA_KEY_SIZES_MAX])
{
    size_t count = 0;

    while (count < TPM_INFO_RSA_KEY_SIZES_MAX) {
        char *end;
        unsigned long size = strtoul(list, &end, 10);
        if (end == list || size > UINT_MAX)
            break;
        sizes[count++] = (unsigned)size;
        if (*end != ',')
            break;
        list = end + 1;
    }
    return count;
}

size_t tpm_info_rsa_key_sizes(unsigned sizes[TPM_INFO_RSA_KEY_SIZES_MAX])
{
    static const char name[] = "\"RSAKeySizes\":[";

    char *features = tpm_info(PTM_INFO_FEATURES);
    const char *list = features != NULL ? strstr(features, name) : NULL;
    size_t count = list != NULL ? parse_sizes(list + sizeof name - 1, sizes) : 0;
    free(features);
    return count;
}

void tpm_info_library_version(char version[TPM_INFO_VERSION_SIZE])
{
    uint32_t number = TPMLIB_GetVersion();
    snprintf(version, TPM_INFO_VERSION_SIZE, "%u.%u.%u", number >> 16 & 0xff, number >> 8 & 0xff,
             number & 0xff);
}
