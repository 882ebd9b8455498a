/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Stored state on its whole way into libtpms (libFuzzer): a TPM starts from what the input says is
 * stored, answers some commands, gives its states away and ends; and then again from another state.
 * Built twice, for TPM 1.2 and 2.
 */
#include <libtpms/tpm_error.h>

#include "fuzz.h"
#include "library.h"
#include "state/envelope.h"
#include "tpm/command.h"
#include "tpm/tpm.h"
#include "unit/fake_storage.h"
#include "util/log.h"

enum { STATE_MAX = 32 * 1024, ROUNDS_MAX = 3 };

enum choice {
    FIX_DIGESTS = 1,
    DELETE_VOLATILE = 2,
    RESUME = 4,
    HAS_PERMANENT = 8,
    HAS_VOLATILE = 16,
    HAS_SAVED = 32,
    STORE_VOLATILE = 64,
    START_AGAIN = 128
};

static struct storage *storage;
static struct state_store *store;

static void set_up(void)
{
    const struct log_parameters no_log = {.path = "-", .fd = -1};
    struct error error;

    if (storage != NULL)
        return;
    storage = fake_storage_new();
    const struct state_store_parameters parameters = {
        .version = VERSION, .storage = storage, .location = "memory", .durable = true};
    MUST(log_open(&no_log, &error) == 0 && state_store_new(&parameters, &store, &error) == 0);
    const struct tpm_parameters tpm = {
        .version = VERSION, .store = store, .automatic_shutdown = true};
    MUST(tpm_configure(&tpm, &error) == 0);
}

/* ------------------------------------------------------------------------ what is stored ----- */

static void store_state(enum state_type type, struct swtpm_bytes bytes, bool fix_digest)
{
    struct buffer envelope = {0};
    struct error error;
    uint8_t *plain = malloc(bytes.size + 1);

    MUST(plain != NULL);
    if (bytes.size > 0)
        memcpy(plain, bytes.data, bytes.size);
    if (fix_digest)
        library_fix_digest(plain, bytes.size);
    MUST(envelope_wrap(NULL, VERSION, type, (struct swtpm_bytes){plain, bytes.size}, &envelope,
                       &error) == TPM_SUCCESS);
    fake_storage_poke(storage, state_value_name(VERSION, type), envelope.data, envelope.size);
    buffer_free(&envelope);
    free(plain);
}

static void store_input(struct input *input, uint8_t choice)
{
    bool fix = choice & FIX_DIGESTS;

    for (enum state_type type = STATE_PERMANENT; type <= STATE_SAVE; type++) {
        struct error ignored;
        storage_delete(storage, state_value_name(VERSION, type), false, &ignored);
        if ((choice & HAS_PERMANENT << (type - STATE_PERMANENT)) == 0)
            continue;
        size_t size = input_16(input) % STATE_MAX;
        store_state(type, input_bytes(input, size),
                    fix && (type != STATE_PERMANENT || VERSION == TPM_VERSION_1_2));
    }
}

/* ----------------------------------------------------------------------------- commands ------ */

#define COMMAND(...) {(const uint8_t[]){__VA_ARGS__}, sizeof((const uint8_t[]){__VA_ARGS__})}

/* What shows most of a state: capabilities, PCRs, NV indices, random numbers, self-tests. */
static const struct swtpm_bytes commands_tpm2[] = {
    /* TPM2_GetCapability: persistent handles, NV indices, PCRs, algorithms, properties */
    COMMAND(0x80, 1, 0, 0, 0, 22, 0, 0, 1, 0x7a, 0, 0, 0, 1, 0x81, 0, 0, 0, 0, 0, 0, 32),
    COMMAND(0x80, 1, 0, 0, 0, 22, 0, 0, 1, 0x7a, 0, 0, 0, 1, 1, 0, 0, 0, 0, 0, 0, 32),
    COMMAND(0x80, 1, 0, 0, 0, 22, 0, 0, 1, 0x7a, 0, 0, 0, 5, 0, 0, 0, 0, 0, 0, 0, 64),
    COMMAND(0x80, 1, 0, 0, 0, 22, 0, 0, 1, 0x7a, 0, 0, 0, 6, 0, 0, 1, 0, 0, 0, 0, 127),
    COMMAND(0x80, 1, 0, 0, 0, 22, 0, 0, 1, 0x7a, 0, 0, 0, 1, 2, 0, 0, 0, 0, 0, 0, 32),
    COMMAND(0x80, 1, 0, 0, 0, 12, 0, 0, 1, 0x7b, 0, 16),
    /* TPM2_PCR_Read of SHA-256 banks, TPM2_ReadClock, TPM2_ReadPublic, TPM2_NV_ReadPublic */
    COMMAND(0x80, 1, 0, 0, 0, 20, 0, 0, 1, 0x7e, 0, 0, 0, 1, 0, 11, 3, 255, 255, 255),
    COMMAND(0x80, 1, 0, 0, 0, 10, 0, 0, 1, 0x81),
    COMMAND(0x80, 1, 0, 0, 0, 14, 0, 0, 1, 0x73, 0x81, 0, 0, 1),
    COMMAND(0x80, 1, 0, 0, 0, 14, 0, 0, 1, 0x73, 0x80, 0, 0, 0),
    COMMAND(0x80, 1, 0, 0, 0, 14, 0, 0, 1, 0x69, 1, 0, 0, 1),
    /* TPM2_NV_Read and TPM2_NV_Increment of that index, TPM2_PCR_Extend, with empty passwords */
    COMMAND(0x80, 2, 0, 0, 0, 35, 0, 0, 1, 0x4e, 1, 0, 0, 1, 1, 0, 0, 1, 0, 0, 0, 9, 0x40, 0, 0, 9,
            0, 0, 0, 0, 0, 0, 8, 0, 0),
    COMMAND(0x80, 2, 0, 0, 0, 31, 0, 0, 1, 0x34, 1, 0, 0, 1, 1, 0, 0, 1, 0, 0, 0, 9, 0x40, 0, 0, 9,
            0, 0, 0, 0, 0),
    COMMAND(0x80, 2, 0, 0, 0, 53, 0, 0, 1, 0x82, 0, 0, 0, 1, 0, 0, 0, 9, 0x40, 0, 0, 9, 0, 0, 0, 0,
            0, 0, 0, 0, 1, 0, 4, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19,
            20),
};

static const struct swtpm_bytes commands_tpm12[] = {
    /* TPM_GetCapability: properties, NV list, key handles; TPM_PcrRead, TPM_GetRandom */
    COMMAND(0, 0xc1, 0, 0, 0, 22, 0, 0, 0, 0x65, 0, 0, 0, 5, 0, 0, 0, 4, 0, 0, 1, 1),
    COMMAND(0, 0xc1, 0, 0, 0, 18, 0, 0, 0, 0x65, 0, 0, 0, 13, 0, 0, 0, 0),
    COMMAND(0, 0xc1, 0, 0, 0, 18, 0, 0, 0, 0x65, 0, 0, 0, 7, 0, 0, 0, 0),
    COMMAND(0, 0xc1, 0, 0, 0, 22, 0, 0, 0, 0x65, 0, 0, 0, 4, 0, 0, 0, 4, 0, 0, 1, 8),
    COMMAND(0, 0xc1, 0, 0, 0, 14, 0, 0, 0, 0x15, 0, 0, 0, 7),
    COMMAND(0, 0xc1, 0, 0, 0, 14, 0, 0, 0, 0x46, 0, 0, 0, 16),
    /* TPM_Extend, TPM_ReadPubek, TPM_NV_ReadValue, TPM_FlushSpecific, TPM_SaveState */
    COMMAND(0, 0xc1, 0, 0, 0, 34, 0, 0, 0, 0x14, 0, 0, 0, 7, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12,
            13, 14, 15, 16, 17, 18, 19, 20),
    COMMAND(0, 0xc1, 0, 0, 0, 30, 0, 0, 0, 0x7c, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15,
            16, 17, 18, 19, 20),
    COMMAND(0, 0xc1, 0, 0, 0, 22, 0, 0, 0, 0xcf, 0x10, 0, 0xf0, 0, 0, 0, 0, 0, 0, 0, 0, 8),
    COMMAND(0, 0xc1, 0, 0, 0, 18, 0, 0, 0, 0xba, 0, 0, 0, 1, 0, 0, 0, 1),
    COMMAND(0, 0xc1, 0, 0, 0, 10, 0, 0, 0, 0x98),
};

static void run(struct swtpm_bytes command)
{
    struct swtpm_bytes response = tpm_process(command);
    uint32_t code;

    MUST(response.size >= TPM_HEADER_SIZE && tpm_header_code(response, &code));
    /* Read to its end, for the sanitizer. */
    MUST(memchr(response.data, 0, response.size) != NULL);
}

static void use(uint8_t choice)
{
    const struct swtpm_bytes *commands =
        VERSION == TPM_VERSION_2_0 ? commands_tpm2 : commands_tpm12;
    size_t count = VERSION == TPM_VERSION_2_0 ? sizeof commands_tpm2 / sizeof *commands_tpm2
                                              : sizeof commands_tpm12 / sizeof *commands_tpm12;
    uint16_t clear = VERSION == TPM_VERSION_2_0 ? TPM2_SU_CLEAR : TPM_ST_CLEAR;
    struct error error;

    tpm_send_startup(choice & RESUME ? (uint16_t)(clear + 1) : clear, &error);
    for (size_t i = 0; i < count; i++)
        run(commands[i]);
}

/* As a migration does: each state leaves as a blob, and the whole ones open again. */
static void give_away(void)
{
    for (enum state_type type = STATE_PERMANENT; type <= STATE_SAVE; type++) {
        struct buffer blob = {0};
        struct buffer plain = {0};
        const struct state_blob_keys no_keys = {.state_key = NULL};
        struct error error;
        bool encrypted;
        if (tpm_get_state_blob(type, true, &blob, &encrypted) == TPM_SUCCESS)
            MUST(state_blob_unwrap(&no_keys, VERSION, type,
                                   (struct swtpm_bytes){blob.data, blob.size}, false, &plain,
                                   &error) == TPM_SUCCESS);
        buffer_free(&blob);
        buffer_free(&plain);
    }
}

static void live(uint8_t choice)
{
    bool established;

    if (tpm_start(choice & DELETE_VOLATILE) != TPM_SUCCESS)
        return;
    use(choice);
    tpm_get_established(&established);
    if (choice & STORE_VOLATILE)
        tpm_store_volatile();
    give_away();
    if (choice & START_AGAIN && tpm_start(false) == TPM_SUCCESS)
        use(choice);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct input input = {data, size};

    set_up();
    library_begin();
    for (int round = 0; round < ROUNDS_MAX && input.size > 0; round++) {
        uint8_t choice = input_byte(&input);
        store_input(&input, choice);
        live(choice);
        tpm_stop();
        state_store_forget(store);
    }
    tpm_release();
    library_end();
    return 0;
}
