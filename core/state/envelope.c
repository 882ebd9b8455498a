/* SPDX-License-Identifier: BSD-3-Clause */
#include "state/envelope.h"

#include <string.h>

#include <libtpms/tpm_error.h>

#include "state/layer.h"
#include "state/result.h"

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
