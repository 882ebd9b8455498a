/* SPDX-License-Identifier: BSD-3-Clause */
#include "state/state_rekey.h"

#include <libtpms/tpm_error.h>

#include "state/envelope.h"
#include "state/state_change.h"

static struct swtpm_bytes bytes_of(const struct buffer *buffer)
{
    return (struct swtpm_bytes){buffer->data, buffer->size};
}

static int wrap_anew(const struct state_rekey_parameters *parameters, enum state_type type,
                     const struct buffer *stored, struct buffer *wrapped, struct error *error)
{
    struct buffer plain = {0};
    int result = -1;

    if (envelope_unwrap(parameters->old_key, parameters->version, type, bytes_of(stored), &plain,
                        error) == TPM_SUCCESS &&
        envelope_wrap_proven(parameters->new_key, parameters->version, type, bytes_of(&plain),
                             wrapped, error) == TPM_SUCCESS)
        result = 0;
    buffer_free(&plain);
    return result;
}

static int add_value(const struct state_rekey_parameters *parameters, size_t index,
                     struct state_change *change, struct error *error)
{
    const char *name = state_value_name_at(parameters->version, index);
    struct buffer stored = {0};
    struct buffer wrapped = {0};

    int result = storage_get(parameters->storage, name, &stored, error);
    if (result == SWTPM_PLUGIN_NOT_FOUND)
        return 0;
    if (result == 0)
        result = wrap_anew(parameters, state_value_type_at(index), &stored, &wrapped, error);
    if (result == 0)
        state_change_put(change, name, &wrapped);
    else
        error_prefix(error, "nothing was changed: state '%s': ", name);
    buffer_free(&stored);
    buffer_free(&wrapped);
    return result == 0 ? 0 : -1;
}

int state_rekey(const struct state_rekey_parameters *parameters, unsigned *values,
                struct error *error)
{
    struct state_change change = {0};
    int result = 0;

    for (size_t i = 0; i < STATE_VALUES && result == 0; i++)
        result = add_value(parameters, i, &change, error);
    if (result == 0 && change.count > 0)
        result = state_change_commit(parameters->storage, parameters->version, &change,
                                     parameters->durable, error);
    *values = (unsigned)change.count;
    state_change_free(&change);
    return result == 0 ? 0 : -1;
}
