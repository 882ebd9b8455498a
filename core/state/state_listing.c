/* SPDX-License-Identifier: BSD-3-Clause */
#include "state/state_listing.h"

#include <stddef.h>
#include <string.h>

struct search {
    enum tpm_version version;
    struct state_listing *listing;
};

static struct stored_value *value_of_name(const struct search *search, const char *name)
{
    for (enum state_type type = STATE_PERMANENT; type <= STATE_SAVE; type++) {
        if (strcmp(name, state_value_name(search->version, type)) == 0)
            return &search->listing->state[type];
    }
    if (strcmp(name, state_backup_name(search->version)) == 0)
        return &search->listing->backup;
    return NULL;
}

static int note_value(void *context, const char *name, uint64_t size)
{
    struct stored_value *value = value_of_name(context, name);

    if (value != NULL)
        *value = (struct stored_value){.exists = true, .size = size};
    return 0;
}

int state_listing_read(struct storage *storage, enum tpm_version version,
                       struct state_listing *listing, struct error *error)
{
    struct state_listing found = {0};
    struct search search = {.version = version, .listing = &found};

    int result = storage_list(storage, note_value, &search, error);
    if (result == 0)
        *listing = found;
    return result;
}
