/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef PLUGINS_COMMON_DENIAL_H
#define PLUGINS_COMMON_DENIAL_H

#include "swtpm_plugin.h"

/*
 * For open: if `code` is DENIED and it is the permissions of `path` that stop this user, or those
 * of the nearest directory above it that can be seen, adds to the message whose that is and what to
 * do.  Root without its capabilities is stopped by what never stopped it.  Returns `code`.
 */
int plugin_explain_denial(struct swtpm_plugin_error *error, int code, const char *path);

#endif
