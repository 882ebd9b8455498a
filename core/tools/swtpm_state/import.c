/* SPDX-License-Identifier: BSD-3-Clause */
#include <libtpms/tpm_error.h>

#include "state/envelope.h"
#include "state/state_blob.h"
#include "state/state_change.h"
#include "tools/swtpm_state/blob_stream.h"
#include "tools/swtpm_state/commands.h"
#include "tools/swtpm_state/occupancy.h"

static int unwrap_blob(const struct command_context *context, enum state_type type,
                       struct buffer *plain, struct error *error)
{
    const struct state_blob_keys keys = {.state_key = context->keys->key,
                                         .migration_key = context->keys->migration_key,
                                         .require_encrypted = context->keys->require_encrypted};
    const char *path = context->options->files[type];
    struct buffer blob = {0};

    int result = blob_stream_read(path, &blob, error);
    if (result == 0 && state_blob_unwrap(&keys, context->version, type,
                                         (struct swtpm_bytes){blob.data, blob.size}, false, plain,
                                         error) != TPM_SUCCESS) {
        error_prefix(error, "state blob '%s': ", path);
        result = -1;
    }
    buffer_free(&blob);
    return result;
}

static int add_state(const struct command_context *context, enum state_type type,
                     struct state_change *change, struct error *error)
{
    struct buffer plain = {0};
    struct buffer envelope = {0};

    int result = unwrap_blob(context, type, &plain, error);
    if (result == 0 &&
        envelope_wrap_proven(context->keys->key, context->version, type,
                             (struct swtpm_bytes){plain.data, plain.size}, &envelope, error) !=
            TPM_SUCCESS)
        result = -1;
    if (result == 0)
        state_change_put(change, state_value_name(context->version, type), &envelope);
    buffer_free(&plain);
    buffer_free(&envelope);
    return result;
}

/* With a permanent state comes another TPM, and nothing of the one before may stay. */
static void remove_rest(const struct command_context *context, struct state_change *change)
{
    const char *const *files = context->options->files;

    if (files[STATE_PERMANENT] == NULL)
        return;
    for (enum state_type type = STATE_VOLATILE; type <= STATE_SAVE; type++)
        if (files[type] == NULL)
            state_change_remove(change, state_value_name(context->version, type));
    state_change_remove(change, state_backup_name(context->version));
}

static int check_target(const struct command_context *context, struct error *error)
{
    if (context->options->files[STATE_PERMANENT] != NULL)
        return occupancy_check_free(context->place, context->version, context->options->replace,
                                    error);
    return occupancy_check_permanent(context->place, context->version, error);
}

int command_import(const struct command_context *context, struct error *error)
{
    struct state_change change = {0};

    int result = check_target(context, error);
    for (enum state_type type = STATE_PERMANENT; type <= STATE_SAVE && result == 0; type++)
        if (context->options->files[type] != NULL)
            result = add_state(context, type, &change, error);
    remove_rest(context, &change);
    if (result == 0)
        result = state_change_commit(context->place->storage, context->version, &change,
                                     context->place->options.durable, error);
    state_change_free(&change);
    return result == 0 ? 0 : -1;
}
