/* SPDX-License-Identifier: BSD-3-Clause */
#include "state/state_listing.h"

/* Each value is asked for by name, since a listing skips what stands in a value's place without
 * being one, such as a link. */
static int examine(struct storage *storage, const char *name, struct stored_value *value,
                   struct error *error)
{
    size_t size;

    int result = storage_size(storage, name, &size, error);
    if (result == SWTPM_PLUGIN_NOT_FOUND)
        return 0;
    if (result == 0)
        *value = (struct stored_value){.exists = true, .size = size};
    return result;
}

int state_listing_read(struct storage *storage, enum tpm_version version,
                       struct state_listing *listing, struct error *error)
{
    struct state_listing found = {0};
    int result = 0;

    for (enum state_type type = STATE_PERMANENT; type <= STATE_SAVE && result == 0; type++)
        result = examine(storage, state_value_name(version, type), &found.state[type], error);
    if (result == 0)
        result = examine(storage, state_backup_name(version), &found.backup, error);
    if (result == 0)
        *listing = found;
    return result;
}
