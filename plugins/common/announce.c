/* SPDX-License-Identifier: BSD-3-Clause */
#include "announce.h"

#include <stdbool.h>

#include "failure.h"

int plugin_announce(const struct swtpm_storage_parameters *parameters, const char *path,
                    struct swtpm_plugin_error *error)
{
    bool read_only = (parameters->flags & SWTPM_STORAGE_READ_ONLY) != 0;
    uint32_t access = SWTPM_PATH_READ | (read_only ? 0u : (uint32_t)SWTPM_PATH_WRITE);
    int code = SWTPM_PLUGIN_OK;

    /* A host that closes no sandbox has no use for the paths. */
    if (parameters->announce_path != NULL)
        code = parameters->announce_path(parameters->context, path, access);
    if (code == SWTPM_PLUGIN_OK)
        return SWTPM_PLUGIN_OK;
    return plugin_fail(error, code, "the host refuses the use of '%s'", path);
}
