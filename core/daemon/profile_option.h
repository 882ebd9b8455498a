/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef DAEMON_PROFILE_OPTION_H
#define DAEMON_PROFILE_OPTION_H

#include <stdbool.h>

#include "daemon/config.h"
#include "util/error.h"

/* What --profile asks for (swtpm_cuse(8)): the profile of a TPM 2 that is made. */

/* Largest profile that is read from a file or descriptor, in bytes; libtpms' own have some KiB. */
#define PROFILE_OPTION_SIZE_MAX (64 * 1024)

/* Whether the option names a profile. */
bool profile_option_is_given(const struct config_profile *profile);

/*
 * The profile as JSON text, in *json, which the caller frees with free(3): a name becomes
 * {"Name":"…"}, a file or descriptor is read to its end.  NULL if no profile is named.  Whether the
 * text is a profile is for libtpms to say.
 *
 * 0, or -1 with a message that names the option; so where the loaded libtpms has no profiles.
 */
int profile_option_read(const struct config_profile *profile, char **json, struct error *error);

#endif
