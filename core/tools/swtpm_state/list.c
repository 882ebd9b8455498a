/* SPDX-License-Identifier: BSD-3-Clause */
#include <stdio.h>

#include <libtpms/tpm_error.h>

#include "state/envelope.h"
#include "state/state_change.h"
#include "tools/swtpm_state/commands.h"
#include "util/log.h"

static void print_value(const char *name, const struct buffer *stored)
{
    struct envelope_description description;
    struct error error;
    struct swtpm_bytes bytes = {stored->data, stored->size};

    if (envelope_describe(bytes, &description, &error) != TPM_SUCCESS)
        printf("%-24s %8zu bytes  %s\n", name, stored->size, error.text);
    else
        printf("%-24s %8zu bytes  %s%s\n", name, stored->size, description.mode,
               description.strong ? ", kdf=pbkdf2-strong" : "");
}

static int list_value(struct storage *storage, const char *name, unsigned *count,
                      struct error *error)
{
    struct buffer stored = {0};

    int result = storage_get(storage, name, &stored, error);
    if (result == 0) {
        print_value(name, &stored);
        (*count)++;
    }
    buffer_free(&stored);
    return result == 0 || result == SWTPM_PLUGIN_NOT_FOUND ? 0 : -1;
}

int command_list(const struct command_context *context, struct error *error)
{
    struct storage *storage = context->place->storage;
    unsigned count = 0;
    bool pending;

    for (size_t i = 0; i < STATE_VALUES; i++)
        if (list_value(storage, state_value_name_at(context->version, i), &count, error) != 0)
            return -1;
    if (state_change_is_pending(storage, context->version, &pending, error) != 0)
        return -1;
    if (pending)
        log_error("a change of these values was interrupted; 'swtpm-state verify' finishes it");
    if (count > 0)
        return 0;
    error_set(error, "there is no state of a TPM %s in %s", context->options->tpm2 ? "2" : "1.2",
              context->place->options.location);
    return -1;
}
