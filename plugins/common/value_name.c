/* SPDX-License-Identifier: BSD-3-Clause */
#include "value_name.h"

#include <string.h>

#include "failure.h"

bool value_name_is_valid(const char *name)
{
    size_t length = strlen(name);
    return length > 0 && length <= SWTPM_STORAGE_NAME_MAX && strchr(".-", name[0]) == NULL &&
           strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789.-") == length;
}

int value_name_check(const char *name, struct swtpm_plugin_error *error)
{
    if (value_name_is_valid(name))
        return SWTPM_PLUGIN_OK;
    return plugin_fail(error, SWTPM_PLUGIN_INVALID,
                       "'%.80s' cannot be the name of a value: wanted 1 to %d characters a-z, 0-9, "
                       ". and -, the first a letter or digit",
                       name, SWTPM_STORAGE_NAME_MAX);
}
