/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef PLUGINS_COMMON_ANNOUNCE_H
#define PLUGINS_COMMON_ANNOUNCE_H

#include "swtpm_plugin.h"

/* Tells the host that later ops open `path`, for writing too unless the storage is opened
 * read-only.  To be called during open (swtpm_plugin.h, announce_path).  Returns 0, or the host's
 * code, with the message set. */
int plugin_announce(const struct swtpm_storage_parameters *parameters, const char *path,
                    struct swtpm_plugin_error *error);

#endif
