/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef DAEMON_PROFILE_OPTION_H
#define DAEMON_PROFILE_OPTION_H

#include <stdbool.h>

#include "daemon/config.h"
#include "util/error.h"

/* What --profile asks for (COMPAT §1): the profile of a TPM 2 that is made by the next start. */

/* Refuses a profile that the loaded libtpms cannot have.  Touches nothing.  0, or -1 with a message
 * that names the option. */
int profile_option_check(const struct config_profile *profile, struct error *error);

/* Reads the profile from where the option says and gives it to libtpms: after the TPM version was
 * chosen, before the TPM starts.  Does nothing if no profile was given.  0, or -1 with a message. */
int profile_option_apply(const struct config_profile *profile, struct error *error);

#endif
