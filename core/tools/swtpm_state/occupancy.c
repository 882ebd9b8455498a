/* SPDX-License-Identifier: BSD-3-Clause */
#include "tools/swtpm_state/occupancy.h"

#include "state/state_listing.h"

int occupancy_check_free(const struct place *place, enum tpm_version version, bool replace,
                         struct error *error)
{
    struct state_listing listing;

    if (replace)
        return 0;
    if (state_listing_read(place->storage, version, &listing, error) != 0)
        return -1;
    if (!listing.state[STATE_PERMANENT].exists && !listing.state[STATE_VOLATILE].exists &&
        !listing.state[STATE_SAVE].exists && !listing.backup.exists)
        return 0;
    error_set(error, "there is a TPM in %s already; give --replace to overwrite it",
              place->options.location);
    return -1;
}

int occupancy_check_taken(const struct place *place, enum tpm_version version, struct error *error)
{
    struct state_listing listing;

    if (state_listing_read(place->storage, version, &listing, error) != 0)
        return -1;
    if (listing.state[STATE_PERMANENT].exists)
        return 0;
    if (version == TPM_VERSION_2_0)
        error_set(error, "there is no TPM 2 in %s; if it is a TPM 1.2, leave out --tpm2",
                  place->options.location);
    else
        error_set(error, "there is no TPM 1.2 in %s; if it is a TPM 2, add --tpm2",
                  place->options.location);
    return -1;
}

int occupancy_check_permanent(const struct place *place, enum tpm_version version,
                              struct error *error)
{
    struct state_listing listing;

    if (state_listing_read(place->storage, version, &listing, error) != 0)
        return -1;
    if (listing.state[STATE_PERMANENT].exists)
        return 0;
    error_set(error, "there is no '%s' in %s for the other states to go with; give --permanent too",
              state_value_name(version, STATE_PERMANENT), place->options.location);
    return -1;
}
