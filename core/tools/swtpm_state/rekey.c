/* SPDX-License-Identifier: BSD-3-Clause */
#include <stdio.h>

#include "state/state_rekey.h"
#include "tools/swtpm_state/commands.h"

int command_rekey(const struct command_context *context, struct error *error)
{
    const struct state_rekey_parameters parameters = {
        .version = context->version,
        .storage = context->place->storage,
        .old_key = context->keys->key,
        .new_key = context->keys->new_key,
        .durable = context->place->options.durable,
    };
    unsigned values;

    if (state_rekey(&parameters, &values, error) != 0)
        return -1;
    if (values > 0) {
        printf("%u value%s rekeyed\n", values, values == 1 ? "" : "s");
        return 0;
    }
    error_set(error, "there is no state of a TPM %s in %s", context->options->tpm2 ? "2" : "1.2",
              context->place->options.location);
    return -1;
}
