/* SPDX-License-Identifier: BSD-3-Clause */
#include <libtpms/tpm_error.h>

#include "state/state_blob.h"
#include "tools/swtpm_state/blob_stream.h"
#include "tools/swtpm_state/commands.h"

static TPM_RESULT make_blob(const struct command_context *context, enum state_type type,
                            struct buffer *blob, struct error *error)
{
    const struct state_blob_keys keys = {.state_key = context->keys->key,
                                         .migration_key = context->keys->migration_key};
    struct buffer plain = {0};
    bool encrypted;

    TPM_RESULT result = state_store_load(context->place->store, type, &plain, error);
    if (result == TPM_RETRY)
        error_set(error, "there is no state '%s' in %s", state_value_name(context->version, type),
                  context->place->options.location);
    if (result == TPM_SUCCESS)
        result = state_blob_wrap(&keys, context->version, type,
                                 (struct swtpm_bytes){plain.data, plain.size},
                                 context->options->decrypted, blob, &encrypted, error);
    buffer_free(&plain);
    return result;
}

/* All blobs are made before the first is written. */
int command_export(const struct command_context *context, struct error *error)
{
    const char *const *files = context->options->files;
    struct buffer blobs[STATE_SAVE + 1] = {0};
    int result = 0;

    for (enum state_type type = STATE_PERMANENT; type <= STATE_SAVE && result == 0; type++)
        if (files[type] != NULL && make_blob(context, type, &blobs[type], error) != TPM_SUCCESS)
            result = -1;
    for (enum state_type type = STATE_PERMANENT; type <= STATE_SAVE && result == 0; type++)
        if (files[type] != NULL)
            result = blob_stream_write(
                files[type], (struct swtpm_bytes){blobs[type].data, blobs[type].size}, error);
    for (enum state_type type = STATE_PERMANENT; type <= STATE_SAVE; type++)
        buffer_free(&blobs[type]);
    return result;
}
