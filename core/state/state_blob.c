/* SPDX-License-Identifier: BSD-3-Clause */
#include "state/state_blob.h"

#include <libtpms/tpm_error.h>

#include "state/envelope_header.h"
#include "state/tlv.h"

TPM_RESULT state_blob_wrap(const struct state_blob_keys *keys, enum tpm_version version,
                           enum state_type type, struct swtpm_bytes plain, bool decrypted,
                           struct buffer *blob, bool *encrypted, struct error *error)
{
    (void)keys;
    (void)version;
    (void)type;
    (void)decrypted;
    const struct envelope_header header = {.version = ENVELOPE_VERSION_TAGGED,
                                           .minimum_version = ENVELOPE_VERSION_UNTAGGED,
                                           .flags = ENVELOPE_IS_MIGRATION_DATA};
    enum { OVERHEAD = ENVELOPE_HEADER_SIZE + 2 * TLV_HEADER_SIZE };
    uint8_t bytes[ENVELOPE_HEADER_SIZE];
    struct buffer wrapped = {0};

    if (plain.size > STATE_BLOB_MAX - OVERHEAD) {
        error_set(error, "a state of %zu bytes is too large for a blob", plain.size);
        return TPM_FAIL;
    }
    uint32_t inner_size = (uint32_t)(TLV_HEADER_SIZE + plain.size);
    envelope_header_write(bytes, &header, (uint32_t)(OVERHEAD + plain.size));
    if (buffer_append(&wrapped, bytes, sizeof bytes) != 0 ||
        tlv_append_header(&wrapped, TLV_MIGRATION, inner_size) != 0 ||
        tlv_append(&wrapped, TLV_STATE, plain) != 0) {
        buffer_free(&wrapped);
        error_set(error, "no memory for the state blob");
        return TPM_RESOURCES;
    }
    buffer_move(blob, &wrapped);
    *encrypted = false;
    return TPM_SUCCESS;
}

static TPM_RESULT find_item(struct swtpm_bytes tlvs, uint16_t tag, struct swtpm_bytes *value,
                            struct error *error)
{
    if (tlv_check(tlvs, error) != 0)
        return TPM_FAIL;
    if (!tlv_find(tlvs, tag, value)) {
        error_set(error, "damaged: it has no item with tag %u", tag);
        return TPM_FAIL;
    }
    return TPM_SUCCESS;
}

static TPM_RESULT check_flags(const struct envelope_header *header, bool encrypted,
                              struct error *error)
{
    if ((header->flags & ENVELOPE_IS_MIGRATION_DATA) == 0) {
        error_set(error, "not a migration blob");
        return TPM_FAIL;
    }
    if (encrypted || header->flags & ENVELOPE_ENCRYPTED_BY_MIGRATION_KEY) {
        error_set(error, "encrypted, and no migration key was given: use --migration-key");
        return TPM_KEYNOTFOUND;
    }
    if (header->flags & ENVELOPE_ENCRYPTED_BY_STATE_KEY) {
        error_set(error, "it holds an encrypted state, and no key was given: use --key");
        return TPM_DECRYPT_ERROR;
    }
    return TPM_SUCCESS;
}

TPM_RESULT state_blob_unwrap(const struct state_blob_keys *keys, enum tpm_version version,
                             enum state_type type, struct swtpm_bytes blob, bool encrypted,
                             struct buffer *plain, struct error *error)
{
    (void)keys;
    (void)version;
    (void)type;
    struct envelope_header header;
    struct swtpm_bytes bytes;
    struct buffer copy = {0};

    TPM_RESULT result = envelope_header_parse(blob, &header, &bytes, error);
    if (result == TPM_SUCCESS)
        result = check_flags(&header, encrypted, error);
    if (result == TPM_SUCCESS)
        result = find_item(bytes, TLV_MIGRATION, &bytes, error);
    if (result == TPM_SUCCESS)
        result = find_item(bytes, TLV_STATE, &bytes, error);
    if (result != TPM_SUCCESS)
        return result;
    if (buffer_append(&copy, bytes.data, bytes.size) != 0) {
        error_set(error, "no memory for the state");
        return TPM_RESOURCES;
    }
    buffer_move(plain, &copy);
    return TPM_SUCCESS;
}
