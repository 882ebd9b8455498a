/* SPDX-License-Identifier: BSD-3-Clause */
#include "fake_library.h"

#include <pthread.h>
#include <stdatomic.h>

#include <libtpms/tpm_error.h>
#include <libtpms/tpm_library.h>
#include <libtpms/tpm_memory.h>
#include <libtpms/tpm_tis.h>

#include "fuzz.h"
#include "tpm/command.h"
#include "util/big_endian.h"

enum { STATES = 3 };

struct state {
    unsigned char *data;
    uint32_t size;
};

static struct {
    struct libtpms_callbacks callbacks;
    bool running;
    uint32_t commands; /* so far: what the states hold */
    struct state set[STATES];
    struct swtpm_bytes last_set;
} library;

static struct {
    pthread_mutex_t mutex;
    pthread_cond_t changed;
    bool holds;
    bool cancelled;
} gate = {.mutex = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER};

static atomic_flag inside = ATOMIC_FLAG_INIT;

static void enter(void)
{
    MUST(!atomic_flag_test_and_set(&inside));
}

static void leave(void)
{
    atomic_flag_clear(&inside);
}

/* ---------------------------------------------------------------------------- for the target -- */

static void forget_set_state(unsigned index)
{
    free(library.set[index].data);
    library.set[index] = (struct state){.data = NULL};
}

void fake_library_reset(void)
{
    enter();
    for (unsigned i = 0; i < STATES; i++)
        forget_set_state(i);
    library.running = false;
    library.commands = 0;
    library.last_set = (struct swtpm_bytes){NULL, 0};
    leave();
    fake_library_let_go();
}

static void set_gate(bool holds, bool cancelled)
{
    pthread_mutex_lock(&gate.mutex);
    gate.holds = holds;
    gate.cancelled = cancelled;
    pthread_cond_broadcast(&gate.changed);
    pthread_mutex_unlock(&gate.mutex);
}

void fake_library_hold(void)
{
    set_gate(true, false);
}

void fake_library_let_go(void)
{
    set_gate(false, false);
}

static void pass_gate(void)
{
    pthread_mutex_lock(&gate.mutex);
    while (gate.holds && !gate.cancelled)
        pthread_cond_wait(&gate.changed, &gate.mutex);
    gate.cancelled = false;
    pthread_mutex_unlock(&gate.mutex);
}

size_t fake_library_response(struct swtpm_bytes command, uint8_t response[FAKE_RESPONSE_MAX])
{
    const uint8_t *bytes = command.data;
    uint32_t hash = 2166136261;

    for (size_t i = 0; i < command.size; i++)
        hash = (hash ^ bytes[i]) * 16777619;
    size_t size = TPM_HEADER_SIZE + hash % (hash % 8 == 0 ? FAKE_RESPONSE_MAX - TPM_HEADER_SIZE : 60);
    for (size_t i = 0; i < size; i++)
        response[i] = (uint8_t)((hash ^ (uint32_t)i * 2654435761) >> 13);
    big_endian_put16(response, 0x8001);
    big_endian_put32(response + 2, (uint32_t)size);
    big_endian_put32(response + 6, 0);
    return size;
}

struct swtpm_bytes fake_library_set_state(void)
{
    return library.last_set;
}

/* ------------------------------------------------------------------------------- life cycle --- */

static const char *const state_names[STATES] = {"permall", "volatilestate", "savestate"};

static unsigned index_of(enum TPMLIB_StateType type)
{
    return type == TPMLIB_STATE_PERMANENT ? 0 : type == TPMLIB_STATE_VOLATILE ? 1 : 2;
}

uint32_t TPMLIB_GetVersion(void)
{
    return 9 << 8 | 2;
}

TPM_RESULT TPMLIB_ChooseTPMVersion(TPMLIB_TPMVersion version)
{
    MUST(!library.running);
    return version == TPMLIB_TPM_VERSION_1_2 || version == TPMLIB_TPM_VERSION_2 ? TPM_SUCCESS
                                                                              : TPM_FAIL;
}

TPM_RESULT TPMLIB_RegisterCallbacks(struct libtpms_callbacks *callbacks)
{
    MUST(callbacks->sizeOfStruct == sizeof *callbacks);
    library.callbacks = *callbacks;
    return TPM_SUCCESS;
}

static TPM_RESULT store(unsigned index)
{
    unsigned char state[64];

    memset(state, (int)library.commands, sizeof state);
    return library.callbacks.tpm_nvram_storedata(state, sizeof state, 0, state_names[index]);
}

/* A state that was set goes before the stored one, and into the store. */
static TPM_RESULT load(unsigned index)
{
    unsigned char *data = NULL;
    uint32_t size = 0;

    if (library.set[index].data != NULL) {
        TPM_RESULT result = library.callbacks.tpm_nvram_storedata(
            library.set[index].data, library.set[index].size, 0, state_names[index]);
        forget_set_state(index);
        return result;
    }
    TPM_RESULT result =
        library.callbacks.tpm_nvram_loaddata(&data, &size, 0, state_names[index]);
    if (result == TPM_SUCCESS)
        MUST(data != NULL);
    free(data);
    return result;
}

TPM_RESULT TPMLIB_MainInit(void)
{
    enter();
    MUST(!library.running && library.callbacks.tpm_nvram_init() == TPM_SUCCESS);
    TPM_RESULT result = load(0);
    if (result == TPM_RETRY)
        result = store(0);
    if (result == TPM_SUCCESS)
        result = load(1);
    if (result == TPM_RETRY)
        result = TPM_SUCCESS;
    library.running = result == TPM_SUCCESS;
    leave();
    return result;
}

void TPMLIB_Terminate(void)
{
    enter();
    library.running = false;
    leave();
}

/* --------------------------------------------------------------------------------- commands --- */

TPM_RESULT TPMLIB_Process(unsigned char **response, uint32_t *size, uint32_t *capacity,
                          unsigned char *command, uint32_t command_size)
{
    const struct swtpm_bytes bytes = {command, command_size};
    uint32_t ordinal = 0;
    TPM_MODIFIER_INDICATOR locality;

    enter();
    MUST(library.running && command_size <= TPM_COMMAND_MAX);
    MUST(library.callbacks.tpm_io_getlocality(&locality, 0) == TPM_SUCCESS && locality <= 4);
    tpm_header_code(bytes, &ordinal);
    if (ordinal == FAKE_SLOW_TPM2 || ordinal == FAKE_SLOW_TPM12)
        pass_gate();
    library.commands++;
    if (ordinal == FAKE_STORING)
        store(0);
    if (*capacity < FAKE_RESPONSE_MAX) {
        free(*response);
        *response = malloc(FAKE_RESPONSE_MAX);
        MUST(*response != NULL);
        *capacity = FAKE_RESPONSE_MAX;
    }
    *size = (uint32_t)fake_library_response(bytes, *response);
    leave();
    return TPM_SUCCESS;
}

/* The one function that may be called beside another. */
TPM_RESULT TPMLIB_CancelCommand(void)
{
    set_gate(false, true);
    return TPM_SUCCESS;
}

TPM_RESULT TPMLIB_VolatileAll_Store(unsigned char **buffer, uint32_t *size)
{
    enter();
    MUST(library.running);
    *size = 5000;
    *buffer = calloc(1, *size);
    MUST(*buffer != NULL);
    leave();
    return TPM_SUCCESS;
}

/* ----------------------------------------------------------------------------------- states --- */

TPM_RESULT TPMLIB_SetState(enum TPMLIB_StateType type, const unsigned char *bytes, uint32_t size)
{
    unsigned index = index_of(type);

    enter();
    MUST(!library.running && (bytes != NULL || size == 0));
    forget_set_state(index);
    library.last_set = (struct swtpm_bytes){NULL, 0};
    if (size > 0) {
        library.set[index].data = malloc(size);
        MUST(library.set[index].data != NULL);
        memcpy(library.set[index].data, bytes, size);
        library.set[index].size = size;
        library.last_set = (struct swtpm_bytes){library.set[index].data, size};
    }
    leave();
    return TPM_SUCCESS;
}

/* --------------------------------------------------------------------- what needs no TPM ------ */

char *TPMLIB_GetInfo(enum TPMLIB_InfoFlags flags)
{
    char *text = malloc(8000);

    enter();
    MUST(text != NULL);
    memset(text, 'i', 7999);
    text[(unsigned)flags % 2 == 0 ? 3 : 7999] = '\0';
    leave();
    return text;
}

uint32_t TPMLIB_SetBufferSize(uint32_t wanted, uint32_t *minimum, uint32_t *maximum)
{
    static uint32_t size = 4096;

    *minimum = 3000;
    *maximum = 4096;
    if (wanted == 0) /* asks only, which may be done beside a command */
        return size;
    enter();
    MUST(!library.running);
    size = wanted < *minimum ? *minimum : wanted > *maximum ? *maximum : wanted;
    leave();
    return size;
}

void TPMLIB_SetDebugFD(int fd)
{
    (void)fd;
}

void TPMLIB_SetDebugLevel(unsigned level)
{
    (void)level;
}

TPM_RESULT TPMLIB_SetDebugPrefix(const char *prefix)
{
    (void)prefix;
    return TPM_SUCCESS;
}

void TPM_Free(unsigned char *buffer)
{
    free(buffer);
}

/* -------------------------------------------------------------------------- locality 4 and 3 -- */

static TPM_RESULT use_running(void)
{
    enter();
    MUST(library.running);
    leave();
    return TPM_SUCCESS;
}

TPM_RESULT TPM_IO_Hash_Start(void)
{
    return use_running();
}

TPM_RESULT TPM_IO_Hash_Data(const unsigned char *data, uint32_t size)
{
    volatile unsigned char last = size > 0 ? data[size - 1] : 0;
    (void)last;
    return use_running();
}

TPM_RESULT TPM_IO_Hash_End(void)
{
    return use_running();
}

TPM_RESULT TPM_IO_TpmEstablished_Get(TPM_BOOL *established)
{
    *established = 1;
    return use_running();
}

TPM_RESULT TPM_IO_TpmEstablished_Reset(void)
{
    return use_running();
}
