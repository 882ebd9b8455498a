/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * State blobs on their way in and out, part by part (libFuzzer): SET_STATEBLOB by ioctl and by
 * write, GET_STATEBLOB by ioctl and by read, with the keys that the input names.  What arrives at
 * the library in the end is what the parts hold, or nothing.
 */
#include <sys/mman.h>
#include <unistd.h>

#include <libtpms/tpm_error.h>

#include "device/state_transfer.h"
#include "fake_library.h"
#include "fuzz.h"
#include "state/envelope_header.h"
#include "state/state_store.h"
#include "tpm/tpm.h"
#include "unit/fake_storage.h"
#include "util/log.h"

enum { STEPS_MAX = 64, PART = PTM_STATE_BLOB_PART_MAX, KEYS = 4 };

static struct state_key *keys[KEYS]; /* the first stays NULL: no key */
static struct storage *storage;
static struct state_store *store;
static struct state_upload upload;
static struct state_download download;

static struct state_key *make_key(enum key_mode mode)
{
    static const char secret[32];
    struct state_key *key;
    struct error error;
    const struct key_parameters parameters = {.option = "--key",
                                              .fd = memfd_create("key", MFD_CLOEXEC),
                                              .password_fd = -1,
                                              .format = KEY_FORMAT_BINARY,
                                              .mode = mode};
    ssize_t size = mode == KEY_MODE_AES_128_CBC ? 16 : 32;

    MUST(write(parameters.fd, secret, (size_t)size) == size && lseek(parameters.fd, 0, SEEK_SET) == 0);
    MUST(state_key_load(&parameters, NULL, &key, &error) == 0);
    return key;
}

static void begin(uint8_t choice)
{
    const struct log_parameters no_log = {.path = "-", .fd = -1};
    struct error error;

    if (keys[1] == NULL) {
        MUST(log_open(&no_log, &error) == 0);
        keys[1] = make_key(KEY_MODE_AES_128_CBC);
        keys[2] = make_key(KEY_MODE_AES_256_CBC);
        keys[3] = make_key(KEY_MODE_AES_256_GCM);
    }
    fake_library_reset();
    storage = fake_storage_new();
    const struct state_store_parameters parameters = {.version = TPM_VERSION_2_0,
                                                      .storage = storage,
                                                      .location = "memory",
                                                      .key = keys[choice % KEYS]};
    MUST(state_store_new(&parameters, &store, &error) == 0);
    const struct tpm_parameters tpm = {
        .version = TPM_VERSION_2_0,
        .store = store,
        .keys = {.state_key = keys[choice % KEYS],
                 .migration_key = keys[choice / KEYS % KEYS],
                 .require_encrypted = choice & 128},
        .lock = {.used = true, .incoming = choice & 64, .release_outgoing = choice & 32}};
    MUST(tpm_configure(&tpm, &error) == 0);
}

static void end(void)
{
    tpm_stop();
    tpm_release();
    state_upload_drop(&upload);
    state_download_drop(&download);
    state_store_free(store);
    fake_storage_free(storage);
}

/* ----------------------------------------------------------------------------------- upload -- */

/* Large, so that a look behind the part's end is seen in it. */
static uint32_t set_part(uint32_t flags, uint32_t type, uint32_t length, struct swtpm_bytes data)
{
    union ptm_set_state *call = calloc(1, sizeof *call);

    MUST(call != NULL);
    call->request.state_flags = flags;
    call->request.type = type;
    call->request.length = length;
    if (data.size > 0)
        memcpy(call->request.data, data.data, data.size < PART ? data.size : PART);
    uint32_t result = state_upload_part(&upload, call);
    MUST(upload.blob.size <= STATE_BLOB_MAX && upload.active >= upload.by_write);
    if (length < PART && !upload.by_write)
        MUST(!upload.active || result != TPM_SUCCESS);
    free(call);
    return result;
}

/* A whole blob as the protocol has it; the last part is shorter than the others. */
static void set_whole(uint32_t flags, uint32_t type, struct swtpm_bytes blob)
{
    const uint8_t *data = blob.data;
    uint32_t result = TPM_SUCCESS;

    for (; blob.size >= PART && result == TPM_SUCCESS; blob.size -= PART, data += PART)
        result = set_part(flags, type, PART, (struct swtpm_bytes){data, PART});
    if (result == TPM_SUCCESS)
        set_part(flags, type, (uint32_t)blob.size, (struct swtpm_bytes){data, blob.size});
}

/* A header that fits, since few inputs come past that one otherwise. */
static void set_with_header(struct input *input)
{
    uint8_t flags = input_byte(input);
    struct swtpm_bytes rest = input_bytes(input, input_16(input));
    size_t size = ENVELOPE_HEADER_SIZE + rest.size;
    uint8_t *blob = malloc(size);
    const struct envelope_header header = {.version = flags & 32 ? ENVELOPE_VERSION_STRONG
                                                                 : ENVELOPE_VERSION_TAGGED,
                                           .flags = flags & 31};

    MUST(blob != NULL);
    envelope_header_write(blob, &header, (uint32_t)size);
    if (rest.size > 0)
        memcpy(blob + ENVELOPE_HEADER_SIZE, rest.data, rest.size);
    set_whole(flags >> 6, 1 + flags % 3, (struct swtpm_bytes){blob, size});
    free(blob);
}

/* What was got from one TPM can be set in another, and arrives as it was. */
static void set_wrapped(struct input *input, uint8_t choice)
{
    const struct state_blob_keys blob_keys = {.state_key = keys[choice % KEYS],
                                              .migration_key = keys[choice / KEYS % KEYS],
                                              .require_encrypted = choice & 128};
    enum state_type type = (enum state_type)(1 + input_byte(input) % 3);
    struct swtpm_bytes plain = input_bytes(input, input_16(input));
    struct buffer blob = {0};
    struct error error;
    bool encrypted;

    if (tpm_is_running() || plain.size == 0 || (choice & 128 && blob_keys.migration_key == NULL))
        return;
    MUST(state_blob_wrap(&blob_keys, TPM_VERSION_2_0, type, plain, false, &blob, &encrypted,
                         &error) == TPM_SUCCESS);
    state_upload_drop(&upload);
    set_whole(encrypted ? PTM_STATE_FLAG_ENCRYPTED : 0, type,
              (struct swtpm_bytes){blob.data, blob.size});
    struct swtpm_bytes set = fake_library_set_state();
    MUST(set.size == plain.size && memcmp(set.data, plain.data, plain.size) == 0);
    buffer_free(&blob);
}

static void write_part(struct input *input)
{
    struct swtpm_bytes data = input_bytes(input, input_16(input));

    if (upload.by_write && !tpm_is_running())
        state_upload_write(&upload, data);
    MUST(upload.blob.size <= STATE_BLOB_MAX);
}

/* Up to the limit and beyond it. */
static void fill_up(uint8_t type)
{
    static const uint8_t zeros[PART];
    uint32_t result = TPM_SUCCESS;

    for (int i = 0; i < STATE_BLOB_MAX / PART + 2 && result == TPM_SUCCESS; i++)
        result = set_part(0, type, PART, (struct swtpm_bytes){zeros, PART});
    MUST(result != TPM_SUCCESS && upload.blob.size <= STATE_BLOB_MAX);
}

/* --------------------------------------------------------------------------------- download -- */

static void get_part(struct input *input)
{
    union ptm_get_state *call = calloc(1, sizeof *call);

    MUST(call != NULL);
    call->request.state_flags = input_byte(input) % 4;
    call->request.type = input_byte(input) % 5;
    call->request.offset = input_byte(input) % 2 ? input_16(input) : 0;
    state_download_part(&download, call);
    MUST(call->response.length <= PART && call->response.length <= call->response.total_length);
    MUST(call->response.result == TPM_SUCCESS || call->response.length == 0);
    /* A client that is interrupted does not get it. */
    if (call->response.result == TPM_SUCCESS && input_byte(input) != 0xff)
        state_download_taken(&download);
    free(call);
}

static void read_part(struct input *input)
{
    if (!download.active)
        return;
    struct swtpm_bytes part = state_download_read(&download, input_16(input));
    if (part.size > 0)
        MUST(memchr(part.data, 0, part.size) != part.data + part.size);
    state_download_taken(&download);
}

static void make_step(struct input *input, uint8_t choice)
{
    uint8_t step = input_byte(input);
    uint8_t type = step >> 4 & 3;

    switch (step % 10) {
    case 0:
    case 1: {
        uint32_t length = step & 64 ? PART : input_16(input);
        set_part(step >> 6 & 2, type, length, input_bytes(input, length));
        break;
    }
    case 2:
        write_part(input);
        break;
    case 3:
        set_part(step >> 6 & 2, type, 0, (struct swtpm_bytes){NULL, 0});
        break;
    case 4:
        set_with_header(input);
        break;
    case 5:
        set_wrapped(input, choice);
        break;
    case 6:
        tpm_start(step & 64);
        break;
    case 7:
        tpm_stop();
        break;
    case 8:
        get_part(input);
        break;
    default:
        if (step & 128)
            read_part(input);
        else if (!tpm_is_running())
            fill_up(1 + type % 3);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct input input = {data, size};
    uint8_t choice = input_byte(&input);

    begin(choice);
    for (int i = 0; i < STEPS_MAX && input.size > 0; i++)
        make_step(&input, choice);
    end();
    return 0;
}
