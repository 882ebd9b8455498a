/* SPDX-License-Identifier: BSD-3-Clause */
#include "state/envelope.h"

#include <libtpms/tpm_error.h>

#include "state/envelope_header.h"
#include "state/tlv.h"

TPM_RESULT envelope_wrap(const struct state_key *key, enum tpm_version version,
                         enum state_type type, struct swtpm_bytes plain, struct buffer *envelope,
                         struct error *error)
{
    (void)key;
    (void)version;
    (void)type;
    const struct envelope_header header = {.version = ENVELOPE_VERSION_TAGGED,
                                           .minimum_version = ENVELOPE_VERSION_UNTAGGED};
    uint8_t bytes[ENVELOPE_HEADER_SIZE];
    struct buffer wrapped = {0};

    if (plain.size > SWTPM_STORAGE_VALUE_MAX - ENVELOPE_HEADER_SIZE - TLV_HEADER_SIZE) {
        error_set(error, "a state of %zu bytes is too large", plain.size);
        return TPM_FAIL;
    }
    size_t total = ENVELOPE_HEADER_SIZE + TLV_HEADER_SIZE + plain.size;
    envelope_header_write(bytes, &header, (uint32_t)total);
    if (buffer_reserve(&wrapped, total) != 0 ||
        buffer_append(&wrapped, bytes, sizeof bytes) != 0 ||
        tlv_append(&wrapped, TLV_STATE, plain) != 0) {
        buffer_free(&wrapped);
        error_set(error, "no memory to wrap it");
        return TPM_RESOURCES;
    }
    buffer_move(envelope, &wrapped);
    return TPM_SUCCESS;
}

static TPM_RESULT unwrap_body(const struct envelope_header *header, struct swtpm_bytes body,
                              struct swtpm_bytes *plain, struct error *error)
{
    if (header->flags & ENVELOPE_IS_MIGRATION_DATA) {
        error_set(error, "a migration blob where a state was expected");
        return TPM_FAIL;
    }
    if (header->flags & ENVELOPE_ENCRYPTED_BY_STATE_KEY) {
        error_set(error, "encrypted, and no key was given: use --key");
        return TPM_DECRYPT_ERROR;
    }
    if (header->version == ENVELOPE_VERSION_UNTAGGED) {
        *plain = body;
        return TPM_SUCCESS;
    }
    if (tlv_check(body, error) != 0)
        return TPM_FAIL;
    if (!tlv_find(body, TLV_STATE, plain)) {
        error_set(error, "damaged: it holds no state");
        return TPM_FAIL;
    }
    return TPM_SUCCESS;
}

TPM_RESULT envelope_unwrap(const struct state_key *key, enum tpm_version version,
                           enum state_type type, struct swtpm_bytes envelope,
                           struct buffer *plain, struct error *error)
{
    (void)key;
    (void)version;
    (void)type;
    struct envelope_header header;
    struct swtpm_bytes body;
    struct swtpm_bytes found;
    struct buffer copy = {0};

    TPM_RESULT result = envelope_header_parse(envelope, &header, &body, error);
    if (result == TPM_SUCCESS)
        result = unwrap_body(&header, body, &found, error);
    if (result != TPM_SUCCESS)
        return result;
    if (buffer_append(&copy, found.data, found.size) != 0) {
        error_set(error, "no memory to unwrap it");
        return TPM_RESOURCES;
    }
    buffer_move(plain, &copy);
    return TPM_SUCCESS;
}
