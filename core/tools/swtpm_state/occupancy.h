/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef TOOLS_SWTPM_STATE_OCCUPANCY_H
#define TOOLS_SWTPM_STATE_OCCUPANCY_H

#include <stdbool.h>

#include "tools/swtpm_state/place.h"

/* Whether a place holds a TPM: so that none is lost by mistake.  0, or -1 with a message. */

/* There is no state of a TPM of that version, or it may be replaced. */
int occupancy_check_free(const struct place *place, enum tpm_version version, bool replace,
                         struct error *error);

/* There is a TPM of that version. */
int occupancy_check_taken(const struct place *place, enum tpm_version version, struct error *error);

/* There is a permanent state, for other states to go with. */
int occupancy_check_permanent(const struct place *place, enum tpm_version version,
                              struct error *error);

#endif
