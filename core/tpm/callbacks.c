/* SPDX-License-Identifier: BSD-3-Clause */
#include "tpm/callbacks.h"

#include <stdlib.h>
#include <string.h>

#include <libtpms/tpm_error.h>
#include <libtpms/tpm_library.h>

#include "util/buffer.h"
#include "util/log.h"

static struct {
    struct stored_states *states;
    const _Atomic uint8_t *locality;
    struct callback_results results;
} context;

static TPM_RESULT nvram_init(void)
{
    return TPM_SUCCESS;
}

static TPM_RESULT unknown_state_name(const char *name)
{
    log_error("libtpms asked for a state named '%s', which this program does not know", name);
    return TPM_FAIL;
}

static void note_load_result(TPM_RESULT result)
{
    if (context.results.load_result == TPM_SUCCESS && result != TPM_RETRY)
        context.results.load_result = result;
}

/* libtpms reads past the end of some damaged states, by a little more than 64 KiB.  There it finds
 * zeros, which it refuses (doc/reliability.md). */
enum { STATE_PADDING = 128 * 1024 };

/* Not by TPM_Malloc, which gives 128 KiB at most: the permanent state of a TPM 2 whose NV memory is
 * in use has more.  libtpms frees it with free(3) either way. */
static TPM_RESULT give_to_library(const struct buffer *plain, unsigned char **data,
                                  uint32_t *length)
{
    unsigned char *copy = calloc(1, plain->size + STATE_PADDING);

    if (copy == NULL) {
        log_error("no memory to load a state of %zu bytes", plain->size);
        return TPM_RESOURCES;
    }
    if (plain->size > 0)
        memcpy(copy, plain->data, plain->size);
    *data = copy;
    *length = (uint32_t)plain->size;
    return TPM_SUCCESS;
}

static TPM_RESULT nvram_load(unsigned char **data, uint32_t *length, uint32_t tpm_number,
                             const char *name)
{
    (void)tpm_number;
    enum state_type type;
    struct buffer plain = {0};

    if (!state_type_from_name(name, &type))
        return unknown_state_name(name);
    TPM_RESULT result = stored_states_load(context.states, type, &plain);
    if (result == TPM_SUCCESS)
        result = give_to_library(&plain, data, length);
    note_load_result(result);
    buffer_free(&plain);
    return result;
}

/* libtpms refuses everything after that. */
static void note_store_failure(void)
{
    if (!context.results.store_failed)
        log_error("the TPM answers with failure from now on, since its state cannot be stored; "
                  "once that is put right, restart this daemon or initialise the TPM anew");
    context.results.store_failed = true;
}

static TPM_RESULT nvram_store(const unsigned char *data, uint32_t length, uint32_t tpm_number,
                              const char *name)
{
    (void)tpm_number;
    enum state_type type;

    if (!state_type_from_name(name, &type))
        return unknown_state_name(name);
    TPM_RESULT result = stored_states_save(context.states, type,
                                           (struct swtpm_bytes){.data = data, .size = length});
    if (result != TPM_SUCCESS)
        note_store_failure();
    else if (type == STATE_PERMANENT)
        context.results.permanent_stored = true;
    return result;
}

static TPM_RESULT nvram_delete(uint32_t tpm_number, const char *name, TPM_BOOL must_exist)
{
    (void)tpm_number;
    enum state_type type;
    bool exists = true;
    TPM_RESULT result = TPM_SUCCESS;

    if (!state_type_from_name(name, &type))
        return unknown_state_name(name);
    if (must_exist)
        result = stored_states_exists(context.states, type, &exists);
    if (result == TPM_SUCCESS && !exists)
        result = TPM_FAIL;
    return result == TPM_SUCCESS ? stored_states_delete(context.states, type) : result;
}

static TPM_RESULT io_init(void)
{
    return TPM_SUCCESS;
}

static TPM_RESULT io_get_locality(TPM_MODIFIER_INDICATOR *modifier, uint32_t tpm_number)
{
    (void)tpm_number;
    *modifier = *context.locality;
    return TPM_SUCCESS;
}

static TPM_RESULT io_get_physical_presence(TPM_BOOL *presence, uint32_t tpm_number)
{
    (void)tpm_number;
    *presence = 0;
    return TPM_SUCCESS;
}

TPM_RESULT callbacks_register(struct stored_states *states, const _Atomic uint8_t *locality)
{
    static struct libtpms_callbacks callbacks = {
        .sizeOfStruct = sizeof callbacks,
        .tpm_nvram_init = nvram_init,
        .tpm_nvram_loaddata = nvram_load,
        .tpm_nvram_storedata = nvram_store,
        .tpm_nvram_deletename = nvram_delete,
        .tpm_io_init = io_init,
        .tpm_io_getlocality = io_get_locality,
        .tpm_io_getphysicalpresence = io_get_physical_presence,
    };

    context.states = states;
    context.locality = locality;
    return TPMLIB_RegisterCallbacks(&callbacks);
}

void callbacks_forget_results(void)
{
    context.results = (struct callback_results){.load_result = TPM_SUCCESS};
}

struct callback_results callbacks_results(void)
{
    return context.results;
}
