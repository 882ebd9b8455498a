/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Stored states, state blobs and journals from hostile hands (libFuzzer).  The first byte of the
 * input says which parser reads the rest and with which key; the second whether the rest gets a
 * header that fits it, since few inputs would come past that one otherwise.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <libtpms/tpm_error.h>

#include "state/envelope.h"
#include "state/envelope_header.h"
#include "state/journal.h"
#include "state/state_blob.h"

enum { KEYS = 5 };

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

    if (write(fd, secret, mode == KEY_MODE_AES_128_CBC ? 16 : 32) < 0 ||
        lseek(fd, 0, SEEK_SET) != 0)
        abort();
    if (strong)
        parameters.password_fd = fd;
    else
        parameters.fd = fd;
    if (state_key_load(&parameters, NULL, &key, &error) != 0)
        abort();
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

/* What opens can be wrapped again, and opens as the same. */
static void check_round_trip(const struct state_key *key, const struct buffer *plain)
{
    struct buffer again = {0};
    struct error error;

    if (envelope_wrap_proven(key, TPM_VERSION_2_0, STATE_PERMANENT,
                             (struct swtpm_bytes){plain->data, plain->size}, &again, &error) !=
        TPM_SUCCESS)
        abort();
    buffer_free(&again);
}

static void try_state(const struct state_key *key, struct swtpm_bytes bytes)
{
    struct envelope_description description;
    struct buffer plain = {0};
    struct error error = {"unset"};

    envelope_describe(bytes, &description, &error);
    TPM_RESULT result =
        envelope_unwrap(key, TPM_VERSION_2_0, STATE_PERMANENT, bytes, &plain, &error);
    if (result == TPM_SUCCESS)
        check_round_trip(key, &plain);
    else if (plain.data != NULL || strcmp(error.text, "unset") == 0)
        abort();
    buffer_free(&plain);
}

static void try_blob(const struct state_key *state_key, const struct state_key *migration_key,
                     struct swtpm_bytes bytes)
{
    const struct state_blob_keys blob_keys = {.state_key = state_key,
                                              .migration_key = migration_key};
    struct buffer plain = {0};
    struct error error = {"unset"};

    TPM_RESULT result = state_blob_unwrap(&blob_keys, TPM_VERSION_1_2, STATE_SAVE, bytes, false,
                                          &plain, &error);
    if (result != TPM_SUCCESS && (plain.data != NULL || strcmp(error.text, "unset") == 0))
        abort();
    buffer_free(&plain);
}

static void try_journal(struct swtpm_bytes bytes)
{
    struct journal journal;
    struct error error;
    char text[JOURNAL_SIZE_MAX];

    if (journal_parse(bytes, TPM_VERSION_2_0, &journal, &error) != 0)
        return;
    size_t size = journal_format(&journal, text);
    if (size != bytes.size || memcmp(text, bytes.data, size) != 0)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 2)
        return 0;
    make_keys();
    size_t length = size - 2;
    uint8_t *copy = malloc(length > 0 ? length : 1);
    if (copy == NULL)
        return 0;
    memcpy(copy, data + 2, length);
    fit_header(copy, length, data[1]);
    const struct swtpm_bytes bytes = {copy, length};
    const struct state_key *first = keys[data[0] % KEYS];
    switch (data[0] >> 6) {
    case 0:
        try_state(first, bytes);
        break;
    case 1:
        try_journal((struct swtpm_bytes){copy, length});
        break;
    default:
        try_blob(first, keys[data[0] / KEYS % KEYS], bytes);
    }
    free(copy);
    return 0;
}
