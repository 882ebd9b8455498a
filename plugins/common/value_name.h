/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef PLUGINS_COMMON_VALUE_NAME_H
#define PLUGINS_COMMON_VALUE_NAME_H

#include <stdbool.h>

#include "swtpm_plugin.h"

/* Whether `name` may be a value's: [a-z0-9][a-z0-9.-]{0,62} (swtpm_plugin.h, S20). */
bool value_name_is_valid(const char *name);

/* INVALID with a message if it may not. */
int value_name_check(const char *name, struct swtpm_plugin_error *error);

#endif
