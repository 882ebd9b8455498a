/* SPDX-License-Identifier: BSD-3-Clause */
#include "state/key.h"

#include <stddef.h>

int state_key_load(const struct key_parameters *parameters, const struct crypto *crypto,
                   struct state_key **key, struct error *error)
{
    (void)crypto;
    (void)key;
    error_set(error, "option %s: this build has no encryption", parameters->option);
    return -1;
}

void state_key_free(struct state_key *key)
{
    (void)key;
}
