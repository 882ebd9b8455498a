/* SPDX-License-Identifier: BSD-3-Clause */
#include <libtpms/tpm_error.h>

#include "state/envelope.h"
#include "state/state_change.h"
#include "tools/swtpm_state/commands.h"
#include "tools/swtpm_state/occupancy.h"

/* With a key what is copied is known to open; without one its form is all that can be looked at. */
static int check_value(const struct command_context *context, size_t index,
                       const struct buffer *stored, struct error *error)
{
    const struct swtpm_bytes envelope = {stored->data, stored->size};
    struct envelope_description description;
    struct buffer plain = {0};

    TPM_RESULT result = envelope_describe(envelope, &description, error);
    if (result == TPM_SUCCESS && context->keys->key != NULL)
        result = envelope_unwrap(context->keys->key, context->version, state_value_type_at(index),
                                 envelope, &plain, error);
    buffer_free(&plain);
    if (result != TPM_SUCCESS)
        error_prefix(error, "state '%s': ", state_value_name_at(context->version, index));
    return result == TPM_SUCCESS ? 0 : -1;
}

static int add_value(const struct command_context *context, size_t index,
                     struct state_change *change, struct error *error)
{
    const char *name = state_value_name_at(context->version, index);
    struct buffer stored = {0};

    int result = storage_get(context->place->storage, name, &stored, error);
    if (result == SWTPM_PLUGIN_NOT_FOUND) {
        state_change_remove(change, name);
        return 0;
    }
    if (result == 0)
        result = check_value(context, index, &stored, error);
    if (result == 0)
        state_change_put(change, name, &stored);
    buffer_free(&stored);
    return result == 0 ? 0 : -1;
}

int command_copy(const struct command_context *context, struct error *error)
{
    struct state_change change = {0};

    int result = occupancy_check_free(context->destination, context->version,
                                      context->options->replace, error);
    for (size_t i = 0; i < STATE_VALUES && result == 0; i++)
        result = add_value(context, i, &change, error);
    if (result == 0)
        result = state_change_commit(context->destination->storage, context->version, &change,
                                     context->destination->options.durable, error);
    state_change_free(&change);
    return result == 0 ? 0 : -1;
}
