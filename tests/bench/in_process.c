/* SPDX-License-Identifier: BSD-3-Clause */
#include "client.h"

#include <errno.h>
#include <string.h>

#include <libtpms/tpm_error.h>
#include <libtpms/tpm_library.h>
#include <libtpms/tpm_memory.h>
#include <libtpms/tpm_nvfilename.h>

static struct {
    const uint8_t *data;
    uint32_t size;
} permanent;

static TPM_RESULT succeed(void)
{
    return TPM_SUCCESS;
}

static TPM_RESULT load_permanent(unsigned char **data, uint32_t *length, uint32_t tpm_number,
                                 const char *name)
{
    (void)tpm_number;
    if (strcmp(name, TPM_PERMANENT_ALL_NAME) != 0)
        return TPM_RETRY; /* libtpms' word for "there is none" */
    TPM_RESULT result = TPM_Malloc(data, permanent.size);
    if (result == TPM_SUCCESS) {
        memcpy(*data, permanent.data, permanent.size);
        *length = permanent.size;
    }
    return result;
}

static TPM_RESULT store_nothing(const unsigned char *data, uint32_t length, uint32_t tpm_number,
                                const char *name)
{
    (void)data;
    (void)length;
    (void)tpm_number;
    (void)name;
    return TPM_SUCCESS;
}

static TPM_RESULT delete_nothing(uint32_t tpm_number, const char *name, TPM_BOOL must_exist)
{
    (void)tpm_number;
    (void)name;
    return must_exist ? TPM_FAIL : TPM_SUCCESS;
}

static TPM_RESULT get_locality(TPM_MODIFIER_INDICATOR *modifier, uint32_t tpm_number)
{
    (void)tpm_number;
    *modifier = 0;
    return TPM_SUCCESS;
}

static TPM_RESULT get_physical_presence(TPM_BOOL *presence, uint32_t tpm_number)
{
    (void)tpm_number;
    *presence = 0;
    return TPM_SUCCESS;
}

static struct libtpms_callbacks callbacks = {
    .sizeOfStruct = sizeof callbacks,
    .tpm_nvram_init = succeed,
    .tpm_nvram_loaddata = load_permanent,
    .tpm_nvram_storedata = store_nothing,
    .tpm_nvram_deletename = delete_nothing,
    .tpm_io_init = succeed,
    .tpm_io_getlocality = get_locality,
    .tpm_io_getphysicalpresence = get_physical_presence,
};

int bench_library_start(const uint8_t *state, uint32_t size)
{
    permanent.data = state;
    permanent.size = size;
    TPM_RESULT result = TPMLIB_ChooseTPMVersion(TPMLIB_TPM_VERSION_2);
    if (result == TPM_SUCCESS)
        result = TPMLIB_RegisterCallbacks(&callbacks);
    if (result == TPM_SUCCESS)
        result = TPMLIB_MainInit();
    return result == TPM_SUCCESS ? 0 : -EIO;
}
