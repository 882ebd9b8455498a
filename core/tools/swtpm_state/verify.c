/* SPDX-License-Identifier: BSD-3-Clause */
#include <stdio.h>

#include <libtpms/tpm_error.h>

#include "state/envelope.h"
#include "tools/swtpm_state/commands.h"
#include "util/log.h"

struct tally {
    unsigned good;
    unsigned bad;
};

static void verify_bytes(const struct command_context *context, size_t index,
                         const struct buffer *stored, struct tally *tally)
{
    const char *name = state_value_name_at(context->version, index);
    struct buffer plain = {0};
    struct error error;

    TPM_RESULT result = envelope_unwrap(context->keys->key, context->version,
                                        state_value_type_at(index),
                                        (struct swtpm_bytes){stored->data, stored->size}, &plain,
                                        &error);
    if (result == TPM_SUCCESS) {
        printf("%s: good, %zu bytes of state\n", name, plain.size);
        tally->good++;
    } else {
        log_error("state '%s' in %s: %s", name, context->place->options.location, error.text);
        tally->bad++;
    }
    buffer_free(&plain);
}

static void verify_value(const struct command_context *context, size_t index, struct tally *tally)
{
    struct buffer stored = {0};
    struct error error;

    int result = storage_get(context->place->storage,
                             state_value_name_at(context->version, index), &stored, &error);
    if (result == 0)
        verify_bytes(context, index, &stored, tally);
    else if (result != SWTPM_PLUGIN_NOT_FOUND) {
        log_error("%s", error.text);
        tally->bad++;
    }
    buffer_free(&stored);
}

/* The store knows whether the permanent state has been lost. */
static int check_permanent(const struct command_context *context, struct error *error)
{
    struct buffer plain = {0};

    TPM_RESULT result = state_store_load(context->place->store, STATE_PERMANENT, &plain, error);
    if (result == TPM_RETRY)
        error_set(error, "there is no state of a TPM %s in %s",
                  context->options->tpm2 ? "2" : "1.2", context->place->options.location);
    buffer_free(&plain);
    return result == TPM_SUCCESS ? 0 : -1;
}

int command_verify(const struct command_context *context, struct error *error)
{
    struct tally tally = {0};

    for (size_t i = 0; i < STATE_VALUES; i++)
        verify_value(context, i, &tally);
    if (tally.bad > 0) {
        error_set(error, "%u of %u values are bad", tally.bad, tally.bad + tally.good);
        return -1;
    }
    return check_permanent(context, error);
}
