/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Stored states, state blobs and journals from hostile hands (libFuzzer).  The first byte of the
 * input says which parser reads the rest and with which key, or that the rest is a state to wrap;
 * the second whether the rest gets a header that fits it, since few inputs would come past that one
 * otherwise.  What opens does so with its own size alone, and what was wrapped opens as it was.
 */
#include <sys/mman.h>
#include <unistd.h>

#include <libtpms/tpm_error.h>

#include "fuzz.h"
#include "state/envelope.h"
#include "state/envelope_header.h"
#include "state/journal.h"
#include "state/state_blob.h"
#include "util/big_endian.h"

enum { KEYS = 5, HEADER_SIZE_AT = 2, TOTAL_SIZE_AT = 6 };

/* How bytes are opened. */
struct reader {
    bool is_blob;
    const struct state_key *state_key;
    const struct state_key *migration_key;
};

static struct state_key *keys[KEYS]; /* the first stays NULL: no key */

static struct state_key *make_key(enum key_mode mode, bool strong)
{
    static const char secret[32];
    struct key_parameters parameters = {.option = "--key",
                                        .fd = -1,
                                        .password_fd = -1,
                                        .format = KEY_FORMAT_BINARY,
                                        .derivation = KEY_DERIVATION_PBKDF2_STRONG,
                                        .mode = mode};
    struct state_key *key;
    struct error error;
    int fd = memfd_create("key", MFD_CLOEXEC);

    MUST(write(fd, secret, mode == KEY_MODE_AES_128_CBC ? 16 : 32) > 0);
    MUST(lseek(fd, 0, SEEK_SET) == 0);
    if (strong)
        parameters.password_fd = fd;
    else
        parameters.fd = fd;
    MUST(state_key_load(&parameters, NULL, &key, &error) == 0);
    return key;
}

static void make_keys(void)
{
    if (keys[1] != NULL)
        return;
    keys[1] = make_key(KEY_MODE_AES_128_CBC, false);
    keys[2] = make_key(KEY_MODE_AES_256_CBC, false);
    keys[3] = make_key(KEY_MODE_AES_256_GCM, false);
    keys[4] = make_key(KEY_MODE_AES_256_GCM, true);
}

static void fit_header(uint8_t *bytes, size_t size, uint8_t kind)
{
    static const enum envelope_version versions[] = {ENVELOPE_VERSION_TAGGED,
                                                     ENVELOPE_VERSION_STRONG,
                                                     ENVELOPE_VERSION_TAGGED,
                                                     ENVELOPE_VERSION_UNTAGGED};
    if (size < ENVELOPE_HEADER_SIZE || kind & 0x80)
        return;
    const struct envelope_header header = {.version = versions[kind >> 5],
                                           .flags = (uint16_t)(kind & 0x1f)};
    envelope_header_write(bytes, &header, (uint32_t)size);
    if (header.version == ENVELOPE_VERSION_UNTAGGED)
        bytes[1] = ENVELOPE_VERSION_UNTAGGED;
}

/* The state in the bytes, or a message and nothing. */
static bool open_bytes(const struct reader *reader, struct swtpm_bytes bytes, struct buffer *plain)
{
    const struct state_blob_keys blob_keys = {.state_key = reader->state_key,
                                              .migration_key = reader->migration_key};
    struct error error = {"unset"};

    TPM_RESULT result = reader->is_blob
                            ? state_blob_unwrap(&blob_keys, TPM_VERSION_1_2, STATE_SAVE, bytes,
                                                false, plain, &error)
                            : envelope_unwrap(reader->state_key, TPM_VERSION_2_0, STATE_PERMANENT,
                                              bytes, plain, &error);
    MUST(result == TPM_SUCCESS || (plain->data == NULL && strcmp(error.text, "unset") != 0));
    return result == TPM_SUCCESS;
}

/* The first `size` of the bytes, or those and a zero, with what their header is to say; in memory
 * of their own, so that a look behind their end is seen. */
static void must_not_open(const struct reader *reader, struct swtpm_bytes bytes, size_t size,
                          uint16_t header_size, uint32_t total)
{
    uint8_t *copy = calloc(1, size > 0 ? size : 1);
    struct buffer plain = {0};

    MUST(copy != NULL);
    memcpy(copy, bytes.data, size < bytes.size ? size : bytes.size);
    if (size >= ENVELOPE_HEADER_SIZE) {
        big_endian_put16(copy + HEADER_SIZE_AT, header_size);
        big_endian_put32(copy + TOTAL_SIZE_AT, total);
    }
    MUST(!open_bytes(reader, (struct swtpm_bytes){copy, size}, &plain));
    free(copy);
}

/* `bytes` open: with one less or more they do not, nor if their header alone says so. */
static void check_sizes(const struct reader *reader, struct swtpm_bytes bytes)
{
    const uint16_t header_size = ENVELOPE_HEADER_SIZE;
    const uint32_t size = (uint32_t)bytes.size;
    const uint8_t *header = bytes.data;

    must_not_open(reader, bytes, size - 1, header_size, size);
    must_not_open(reader, bytes, size + 1, header_size, size);
    must_not_open(reader, bytes, size, header_size, size - 1);
    must_not_open(reader, bytes, size, header_size, size + 1);
    must_not_open(reader, bytes, size, header_size - 1, size);
    must_not_open(reader, bytes, size, header_size + 1, size);
    /* The items fill the rest; version 1 has none, so that a plain state may end anywhere. */
    if (header[0] == ENVELOPE_VERSION_UNTAGGED)
        return;
    must_not_open(reader, bytes, size - 1, header_size, size - 1);
    must_not_open(reader, bytes, size + 1, header_size, size + 1);
}

/* What opens can be wrapped again, and opens as the same. */
static void check_round_trip(const struct state_key *key, const struct buffer *plain)
{
    struct buffer again = {0};
    struct error error;

    MUST(envelope_wrap_proven(key, TPM_VERSION_2_0, STATE_PERMANENT,
                              (struct swtpm_bytes){plain->data, plain->size}, &again, &error) ==
         TPM_SUCCESS);
    buffer_free(&again);
}

static void try_bytes(const struct reader *reader, struct swtpm_bytes bytes)
{
    struct envelope_description description;
    struct buffer plain = {0};
    struct error error;

    envelope_describe(bytes, &description, &error);
    if (open_bytes(reader, bytes, &plain)) {
        check_sizes(reader, bytes);
        check_round_trip(reader->state_key, &plain);
    }
    buffer_free(&plain);
}

/* A whole envelope, and one that was cut off somewhere. */
static void try_plain(const struct state_key *key, struct swtpm_bytes plain, uint8_t cut)
{
    const struct reader reader = {.state_key = key};
    struct buffer envelope = {0};
    struct buffer opened = {0};
    struct error error;

    MUST(envelope_wrap(key, TPM_VERSION_2_0, STATE_PERMANENT, plain, &envelope, &error) ==
         TPM_SUCCESS);
    const struct swtpm_bytes bytes = {envelope.data, envelope.size};
    MUST(open_bytes(&reader, bytes, &opened) && opened.size == plain.size);
    MUST(plain.size == 0 || memcmp(opened.data, plain.data, plain.size) == 0);
    check_sizes(&reader, bytes);
    /* Of one with a key, the HMAC that would notice a missing item is open here (open_crypto.c). */
    if (key == NULL)
        must_not_open(&reader, bytes, cut % bytes.size, ENVELOPE_HEADER_SIZE, cut % bytes.size);
    buffer_free(&opened);
    buffer_free(&envelope);
}

static void try_journal(struct swtpm_bytes bytes)
{
    struct journal journal;
    struct error error;
    char text[JOURNAL_SIZE_MAX];

    if (journal_parse(bytes, TPM_VERSION_2_0, &journal, &error) != 0)
        return;
    size_t size = journal_format(&journal, text);
    MUST(size == bytes.size && memcmp(text, bytes.data, size) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 2)
        return 0;
    make_keys();
    size_t length = size - 2;
    uint8_t *copy = malloc(length > 0 ? length : 1);
    MUST(copy != NULL);
    memcpy(copy, data + 2, length);
    const struct swtpm_bytes bytes = {copy, length};
    const struct state_key *first = keys[data[0] % KEYS];
    const struct reader reader = {.is_blob = data[0] >> 6 == 2,
                                  .state_key = first,
                                  .migration_key = keys[data[0] / KEYS % KEYS]};
    switch (data[0] >> 6) {
    case 1:
        try_journal(bytes);
        break;
    case 3:
        try_plain(first, bytes, data[1]);
        break;
    default:
        fit_header(copy, length, data[1]);
        try_bytes(&reader, bytes);
    }
    free(copy);
    return 0;
}
