/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * State blobs on their way in and out, part by part (libFuzzer): SET_STATEBLOB by ioctl and by
 * write, GET_STATEBLOB by ioctl and by read, with the keys that the input names.  Each part is
 * taken or refused as upload_model.h has it; what arrives at the library in the end is what the
 * parts hold, or nothing.
 */
#include <errno.h>
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
#include "upload_model.h"
#include "util/log.h"

enum { STEPS_MAX = 64, PART = PTM_STATE_BLOB_PART_MAX, KEYS = 4 };

static struct state_key *keys[KEYS]; /* the first stays NULL: no key */
static struct storage *storage;
static struct state_store *store;
static struct state_upload upload;
static struct upload_model model;
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

static void drop_upload(void)
{
    state_upload_drop(&upload);
    model = (struct upload_model){.active = false};
}

static void end(void)
{
    tpm_stop();
    tpm_release();
    drop_upload();
    state_download_drop(&download);
    state_store_free(store);
    fake_storage_free(storage);
}

/* ----------------------------------------------------------------------------------- upload -- */

/* After each part: what was there before and, if it was taken, the part. */
static void check_upload(struct swtpm_bytes part)
{
    MUST(upload.active == model.active && upload.by_write == model.by_write);
    MUST(upload.blob.size == model.size);
    if (!model.active || part.size == 0)
        return;
    MUST((uint32_t)upload.type == model.type && upload.state_flags == model.state_flags);
    MUST(memcmp(upload.blob.data + upload.blob.size - part.size, part.data, part.size) == 0);
}

static bool is_right(enum upload_step step, uint32_t result)
{
    switch (step) {
    case UPLOAD_REFUSED_RUNNING:
        return result == TPM_BAD_ORDINAL;
    case UPLOAD_REFUSED_PARAMETER:
        return result == TPM_BAD_PARAMETER;
    case UPLOAD_REFUSED_SIZE:
        return result == TPM_SIZE;
    case UPLOAD_GOES_ON:
        return result == TPM_SUCCESS;
    case UPLOAD_IS_WHOLE:
        break;
    }
    return result != TPM_SIZE && result != TPM_BAD_ORDINAL;
}

/* In memory of its own, so that a look behind the part's end is seen. */
static uint32_t set_part(uint32_t flags, uint32_t type, uint32_t length, struct swtpm_bytes data)
{
    union ptm_set_state *call = calloc(1, sizeof *call);

    MUST(call != NULL);
    call->request.state_flags = flags;
    call->request.type = type;
    call->request.length = length;
    if (data.size > 0)
        memcpy(call->request.data, data.data, data.size < PART ? data.size : PART);
    enum upload_step step =
        upload_model_part(&model, tpm_is_running(), flags, type, length);
    uint32_t result = state_upload_part(&upload, call);
    MUST(is_right(step, result));
    check_upload((struct swtpm_bytes){call->request.data, length});
    free(call);
    return result;
}

static void write_bytes(struct swtpm_bytes data)
{
    enum upload_step step = upload_model_write(&model, data.size);

    MUST(state_upload_write(&upload, data) == (step == UPLOAD_REFUSED_SIZE ? EFBIG : 0));
    check_upload(data);
}

/* A whole blob as the protocol has it; the last part is shorter than the others. */
static uint32_t set_whole(uint32_t flags, uint32_t type, struct swtpm_bytes blob)
{
    const uint8_t *data = blob.data;
    uint32_t result = TPM_SUCCESS;

    for (; blob.size >= PART && result == TPM_SUCCESS; blob.size -= PART, data += PART)
        result = set_part(flags, type, PART, (struct swtpm_bytes){data, PART});
    if (result == TPM_SUCCESS)
        result = set_part(flags, type, (uint32_t)blob.size, (struct swtpm_bytes){data, blob.size});
    return result;
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

/* Header and two tags around a state without keys, in bytes. */
enum { AROUND_STATE = 22 };

/* Larger than the input if that wants it: as large as fits into a blob, or a byte more; keys take
 * less than 512. */
static void choose_plain(struct input *input, uint8_t kind, bool have_keys, struct buffer *plain)
{
    struct swtpm_bytes bytes = input_bytes(input, input_16(input));
    size_t size = bytes.size;

    if (kind & 32)
        size = UPLOAD_MAX - AROUND_STATE - (have_keys ? 512 : 0) + (kind >> 4 & 1);
    MUST(buffer_reserve(plain, size + 1) == 0);
    plain->size = size;
    memset(plain->data, kind, size);
    if (bytes.size > 0)
        memcpy(plain->data, bytes.data, bytes.size);
}

static void check_wrapped(const struct state_blob_keys *blob_keys, size_t plain_size,
                          TPM_RESULT result, const struct buffer *blob)
{
    if (blob_keys->state_key == NULL && blob_keys->migration_key == NULL)
        MUST((result == TPM_SUCCESS) == (plain_size + AROUND_STATE <= UPLOAD_MAX));
    MUST(result == TPM_SUCCESS ? blob->size <= UPLOAD_MAX : plain_size > UPLOAD_MAX - 512);
}

/* Shorter or longer by a byte, a blob is none. */
static void set_cut(const struct buffer *blob, bool encrypted, enum state_type type, bool longer)
{
    struct buffer cut = {0};

    MUST(buffer_append(&cut, blob->data, blob->size) == 0 && buffer_append(&cut, "", 1) == 0);
    cut.size = longer ? blob->size + 1 : blob->size - 1;
    MUST(set_whole(encrypted ? PTM_STATE_FLAG_ENCRYPTED : 0, type,
                   (struct swtpm_bytes){cut.data, cut.size}) != TPM_SUCCESS);
    buffer_free(&cut);
}

/* What was got from one TPM can be set in another, and arrives as it was. */
static void set_wrapped(struct input *input, uint8_t choice)
{
    const struct state_blob_keys blob_keys = {.state_key = keys[choice % KEYS],
                                              .migration_key = keys[choice / KEYS % KEYS],
                                              .require_encrypted = choice & 128};
    uint8_t kind = input_byte(input);
    enum state_type type = (enum state_type)(1 + kind % 3);
    struct buffer plain = {0};
    struct buffer blob = {0};
    struct error error;
    bool encrypted = false;

    choose_plain(input, kind, choice % (KEYS * KEYS) != 0, &plain);
    if (tpm_is_running() || plain.size == 0 || (choice & 128 && blob_keys.migration_key == NULL)) {
        buffer_free(&plain);
        return;
    }
    TPM_RESULT result = state_blob_wrap(&blob_keys, TPM_VERSION_2_0, type,
                                        (struct swtpm_bytes){plain.data, plain.size}, false, &blob,
                                        &encrypted, &error);
    check_wrapped(&blob_keys, plain.size, result, &blob);
    drop_upload();
    if (result == TPM_SUCCESS && kind & 64) {
        set_cut(&blob, encrypted, type, kind & 128);
    } else if (result == TPM_SUCCESS) {
        MUST(set_whole(encrypted ? PTM_STATE_FLAG_ENCRYPTED : 0, type,
                       (struct swtpm_bytes){blob.data, blob.size}) == TPM_SUCCESS);
        struct swtpm_bytes set = fake_library_set_state();
        MUST(set.size == plain.size && memcmp(set.data, plain.data, plain.size) == 0);
    }
    buffer_free(&plain);
    buffer_free(&blob);
}

static void write_part(struct input *input)
{
    struct swtpm_bytes data = input_bytes(input, input_16(input));

    if (upload.by_write && !tpm_is_running())
        write_bytes(data);
}

static const uint8_t zeros[PART];

/* Up to the limit, or one byte more or less, and then a byte at a time. */
static void fill_up_by_write(uint32_t type, uint8_t choice)
{
    size_t goal = UPLOAD_MAX + choice % 3 - 1;

    drop_upload();
    set_part(0, type, 0, (struct swtpm_bytes){NULL, 0});
    while (upload.by_write && upload.blob.size < goal) {
        size_t rest = goal - upload.blob.size;
        write_bytes((struct swtpm_bytes){zeros, rest < PART ? rest : PART});
    }
    for (int i = 0; i < 3 && upload.by_write; i++)
        write_bytes((struct swtpm_bytes){zeros, 1});
    MUST(!upload.active);
}

/* The last part, too, fits or does not. */
static void fill_up(uint32_t type, uint8_t choice)
{
    enum { LAST = UPLOAD_MAX % PART };

    set_part(0, type, PART + 1, (struct swtpm_bytes){zeros, PART});
    drop_upload();
    for (int i = 0; i < UPLOAD_MAX / PART; i++)
        MUST(set_part(0, type, PART, (struct swtpm_bytes){zeros, PART}) == TPM_SUCCESS);
    uint32_t last = choice & 4 ? PART + choice % 2 : LAST + choice % 3 - 1;
    MUST(set_part(0, type, last, (struct swtpm_bytes){zeros, last}) != TPM_SUCCESS);
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
        else if (!tpm_is_running() && step & 64)
            fill_up_by_write(1 + type % 3, input_byte(input));
        else if (!tpm_is_running())
            fill_up(1 + type % 3, input_byte(input));
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
