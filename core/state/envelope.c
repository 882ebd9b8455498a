/* SPDX-License-Identifier: BSD-3-Clause */
#include "state/envelope.h"

#include <string.h>

#include <libtpms/tpm_error.h>

#include "state/layer.h"
#include "state/result.h"
#include "state/tlv.h"

static int wrap(const struct key_use *use, const char *value_name, struct swtpm_bytes plain,
                struct buffer *wrapped, struct error *error)
{
    const struct envelope_header header = {
        .version = layer_is_strong(use) ? ENVELOPE_VERSION_STRONG : ENVELOPE_VERSION_TAGGED,
        .flags = layer_flags(LAYER_STATE, use)};
    struct layer_context context = {.value_name = value_name};
    size_t total = ENVELOPE_HEADER_SIZE + layer_wrapped_size(use, plain.size);

    envelope_header_write(context.header, &header, (uint32_t)total);
    if (buffer_reserve(wrapped, total) != 0 ||
        buffer_append(wrapped, context.header, sizeof context.header) != 0) {
        error_set(error, "no memory to wrap it");
        return SWTPM_PLUGIN_NO_MEMORY;
    }
    return layer_wrap(LAYER_STATE, use, &context, plain, wrapped, error);
}

TPM_RESULT envelope_wrap(const struct state_key *key, enum tpm_version version,
                         enum state_type type, struct swtpm_bytes plain, struct buffer *envelope,
                         struct error *error)
{
    struct key_use use;
    struct buffer wrapped = {0};
    int result = 0;

    if (plain.size > ENVELOPE_STATE_MAX) {
        error_set(error, "a state of %zu bytes is too large", plain.size);
        return TPM_FAIL;
    }
    if (key != NULL)
        result = key_use_for_wrapping(key, &use, error);
    if (result == 0)
        result = wrap(key != NULL ? &use : NULL, state_value_name(version, type), plain, &wrapped,
                      error);
    if (result == 0)
        buffer_move(envelope, &wrapped);
    buffer_free(&wrapped);
    return tpm_result(result);
}

static TPM_RESULT check_flags(const struct envelope_header *header, struct error *error)
{
    switch (header->flags) {
    case 0:
    case ENVELOPE_ENCRYPTED_BY_STATE_KEY:
    case ENVELOPE_ENCRYPTED_BY_STATE_KEY | ENVELOPE_STATE_KEY_256_BITS:
        return TPM_SUCCESS;
    default:
        error_set(error, header->flags & ENVELOPE_IS_MIGRATION_DATA
                             ? "it is a state blob for another TPM; load it with 'swtpm-state "
                               "import'"
                             : "damaged: its header has impossible flags");
        return TPM_FAIL;
    }
}

TPM_RESULT envelope_unwrap(const struct state_key *key, enum tpm_version version,
                           enum state_type type, struct swtpm_bytes envelope,
                           struct buffer *plain, struct error *error)
{
    struct layer_context context = {.value_name = state_value_name(version, type)};
    struct envelope_header header;
    struct swtpm_bytes body;

    TPM_RESULT result = envelope_header_parse(envelope, &header, &body, error);
    if (result == TPM_SUCCESS)
        result = check_flags(&header, error);
    if (result != TPM_SUCCESS)
        return result;
    memcpy(context.header, envelope.data, sizeof context.header);
    result = layer_unwrap(LAYER_STATE, key, &header, &context, body, plain, error);
    return result == TPM_KEYNOTFOUND ? TPM_DECRYPT_ERROR : result;
}

TPM_RESULT envelope_wrap_proven(const struct state_key *key, enum tpm_version version,
                                enum state_type type, struct swtpm_bytes plain,
                                struct buffer *envelope, struct error *error)
{
    struct buffer wrapped = {0};
    struct buffer proof = {0};

    TPM_RESULT result = envelope_wrap(key, version, type, plain, &wrapped, error);
    if (result == TPM_SUCCESS)
        result = envelope_unwrap(key, version, type,
                                 (struct swtpm_bytes){wrapped.data, wrapped.size}, &proof, error);
    if (result == TPM_SUCCESS &&
        (proof.size != plain.size ||
         (plain.size > 0 && memcmp(proof.data, plain.data, plain.size) != 0))) {
        error_set(error, "what was wrapped does not unwrap to the same");
        result = TPM_FAIL;
    }
    if (result == TPM_SUCCESS)
        buffer_move(envelope, &wrapped);
    buffer_free(&wrapped);
    buffer_free(&proof);
    return result;
}

static const char *mode_of(const struct envelope_header *header, struct swtpm_bytes body)
{
    struct swtpm_bytes ignored;

    if (!(header->flags & ENVELOPE_ENCRYPTED_BY_STATE_KEY))
        return "plain";
    if (header->version == ENVELOPE_VERSION_STRONG && tlv_find(body, TLV_GCM_STATE, &ignored))
        return "aes-256-gcm";
    return header->flags & ENVELOPE_STATE_KEY_256_BITS ? "aes-256-cbc" : "aes-128-cbc";
}

TPM_RESULT envelope_describe(struct swtpm_bytes envelope, struct envelope_description *description,
                             struct error *error)
{
    struct envelope_header header;
    struct swtpm_bytes body;
    struct swtpm_bytes ignored;

    TPM_RESULT result = envelope_header_parse(envelope, &header, &body, error);
    if (result != TPM_SUCCESS)
        return result;
    if (header.version != ENVELOPE_VERSION_UNTAGGED && tlv_check(body, error) != 0)
        return TPM_FAIL;
    *description = (struct envelope_description){
        .version = (unsigned)header.version,
        .mode = mode_of(&header, body),
        .strong = header.version == ENVELOPE_VERSION_STRONG &&
                  tlv_find(body, TLV_STATE_DERIVATION, &ignored),
        .migration = (header.flags & ENVELOPE_IS_MIGRATION_DATA) != 0,
    };
    return TPM_SUCCESS;
}
