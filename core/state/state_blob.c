/* SPDX-License-Identifier: BSD-3-Clause */
#include "state/state_blob.h"

#include <string.h>

#include <libtpms/tpm_error.h>

#include "state/layer.h"
#include "state/result.h"

/* --------------------------------------------------------------------------------------- wrap */

/* The keys in use; NULL for a plain layer. */
struct blob_uses {
    const struct key_use *state;
    const struct key_use *migration;
};

static int write_header(const struct blob_uses *uses, size_t total, struct layer_context *context,
                        struct error *error)
{
    bool strong = layer_is_strong(uses->state) || layer_is_strong(uses->migration);
    const struct envelope_header header = {
        .version = strong ? ENVELOPE_VERSION_STRONG : ENVELOPE_VERSION_TAGGED,
        .flags = (uint16_t)(ENVELOPE_IS_MIGRATION_DATA | layer_flags(LAYER_STATE, uses->state) |
                            layer_flags(LAYER_MIGRATION, uses->migration))};

    if (total > STATE_BLOB_MAX) {
        error_set(error, "a state blob of %zu bytes is above the limit of %d", total,
                  STATE_BLOB_MAX);
        return SWTPM_PLUGIN_INVALID;
    }
    envelope_header_write(context->header, &header, (uint32_t)total);
    return 0;
}

static int wrap(const struct blob_uses *uses, const char *value_name, struct swtpm_bytes plain,
                struct buffer *blob, struct error *error)
{
    size_t inner_size = layer_wrapped_size(uses->state, plain.size);
    size_t total = ENVELOPE_HEADER_SIZE + layer_wrapped_size(uses->migration, inner_size);
    struct layer_context context = {.value_name = value_name};
    struct buffer inner = {0};

    int result = write_header(uses, total, &context, error);
    if (result == 0 && (buffer_reserve(&inner, inner_size) != 0 ||
                        buffer_reserve(blob, total) != 0 ||
                        buffer_append(blob, context.header, sizeof context.header) != 0)) {
        error_set(error, "no memory for the state blob");
        result = SWTPM_PLUGIN_NO_MEMORY;
    }
    if (result == 0)
        result = layer_wrap(LAYER_STATE, uses->state, &context, plain, &inner, error);
    if (result == 0)
        result = layer_wrap(LAYER_MIGRATION, uses->migration, &context,
                            (struct swtpm_bytes){inner.data, inner.size}, blob, error);
    buffer_free(&inner);
    return result;
}

TPM_RESULT state_blob_wrap(const struct state_blob_keys *keys, enum tpm_version version,
                           enum state_type type, struct swtpm_bytes plain, bool decrypted,
                           struct buffer *blob, bool *encrypted, struct error *error)
{
    struct key_use state_use;
    struct key_use migration_use;
    struct blob_uses uses = {0};
    struct buffer wrapped = {0};
    int result = 0;

    if (keys->state_key != NULL && !decrypted) {
        result = key_use_for_wrapping(keys->state_key, &state_use, error);
        uses.state = &state_use;
    }
    if (result == 0 && keys->migration_key != NULL) {
        result = key_use_for_wrapping(keys->migration_key, &migration_use, error);
        uses.migration = &migration_use;
    }
    if (result == 0)
        result = wrap(&uses, state_value_name(version, type), plain, &wrapped, error);
    if (result == 0) {
        buffer_move(blob, &wrapped);
        *encrypted = uses.state != NULL;
    }
    buffer_free(&wrapped);
    return tpm_result(result);
}

/* ------------------------------------------------------------------------------------- unwrap */

static bool flags_are_possible(const struct envelope_header *header)
{
    const uint16_t all = ENVELOPE_ENCRYPTED_BY_STATE_KEY | ENVELOPE_STATE_KEY_256_BITS |
                         ENVELOPE_ENCRYPTED_BY_MIGRATION_KEY | ENVELOPE_MIGRATION_KEY_256_BITS |
                         ENVELOPE_IS_MIGRATION_DATA;
    uint16_t flags = header->flags;

    if ((flags & ENVELOPE_STATE_KEY_256_BITS) && !(flags & ENVELOPE_ENCRYPTED_BY_STATE_KEY))
        return false;
    if ((flags & ENVELOPE_MIGRATION_KEY_256_BITS) && !(flags & ENVELOPE_ENCRYPTED_BY_MIGRATION_KEY))
        return false;
    /* Version 1 did not mark blobs. */
    if (header->version != ENVELOPE_VERSION_UNTAGGED && !(flags & ENVELOPE_IS_MIGRATION_DATA))
        return false;
    return (flags & ~all) == 0;
}

static TPM_RESULT check_flags(const struct state_blob_keys *keys,
                              const struct envelope_header *header, bool encrypted,
                              struct error *error)
{
    if (!flags_are_possible(header)) {
        error_set(error, "damaged or no state blob: its header has flags %#x", header->flags);
        return TPM_FAIL;
    }
    if (keys->require_encrypted && !(header->flags & ENVELOPE_ENCRYPTED_BY_MIGRATION_KEY)) {
        error_set(error, "not encrypted with a migration key, which option --migration-key "
                         "requires");
        return TPM_DECRYPT_ERROR;
    }
    /* Its inner digest is not an HMAC: whoever knows some plain text can forge others from it. */
    if (keys->require_encrypted && header->version == ENVELOPE_VERSION_UNTAGGED) {
        error_set(error, "of format version 1, which is encrypted without an HMAC, so that it may "
                         "have been changed on its way; option --migration-key …,require refuses "
                         "it: send it again with a newer program");
        return TPM_DECRYPT_ERROR;
    }
    if (encrypted && !(header->flags & ENVELOPE_ENCRYPTED_BY_STATE_KEY)) {
        error_set(error, "said to hold a state that is encrypted with the state key, and it does "
                         "not");
        return keys->state_key == NULL ? TPM_KEYNOTFOUND : TPM_FAIL;
    }
    return TPM_SUCCESS;
}

/* A key is for what is encrypted; the rest is taken as it is (swtpm-ptm(4), PTM_SET_STATEBLOB). */
static const struct state_key *key_for(const struct state_key *key,
                                       const struct envelope_header *header, uint16_t flag)
{
    return header->flags & flag ? key : NULL;
}

TPM_RESULT state_blob_unwrap(const struct state_blob_keys *keys, enum tpm_version version,
                             enum state_type type, struct swtpm_bytes blob, bool encrypted,
                             struct buffer *plain, struct error *error)
{
    struct layer_context context = {.value_name = state_value_name(version, type)};
    struct envelope_header header;
    struct swtpm_bytes body;
    struct buffer inner = {0};

    TPM_RESULT result = envelope_header_parse(blob, &header, &body, error);
    if (result == TPM_FAIL)
        return TPM_BAD_PARAMETER;
    if (result == TPM_SUCCESS)
        result = check_flags(keys, &header, encrypted, error);
    if (result != TPM_SUCCESS)
        return result;
    memcpy(context.header, blob.data, sizeof context.header);
    result = layer_unwrap(
        LAYER_MIGRATION,
        key_for(keys->migration_key, &header, ENVELOPE_ENCRYPTED_BY_MIGRATION_KEY), &header,
        &context, body, &inner, error);
    if (result == TPM_SUCCESS)
        result = layer_unwrap(
            LAYER_STATE, key_for(keys->state_key, &header, ENVELOPE_ENCRYPTED_BY_STATE_KEY),
            &header, &context, (struct swtpm_bytes){inner.data, inner.size}, plain, error);
    buffer_free(&inner);
    return result;
}
