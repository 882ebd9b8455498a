/* SPDX-License-Identifier: BSD-3-Clause */
#include "storage_file.h"

#include <stdlib.h>
#include <string.h>

#include "../common/failure.h"
#include "../common/value_name.h"
#include "contents.h"
#include "medium.h"

/* By way of memory of our own: the caller's must stay as it is if the medium fails half-way, or the
 * value changes meanwhile. */
static int read_value(const struct swtpm_storage *storage, const struct contents *contents,
                      struct extent extent, void *to, bool *current,
                      struct swtpm_plugin_error *error)
{
    unsigned char *value = malloc(extent.length);
    if (value == NULL)
        return plugin_fail(error, SWTPM_PLUGIN_NO_MEMORY, "no memory for %u bytes of '%s'",
                           extent.length, storage->path);
    int code = medium_read(storage, extent.offset, value, extent.length, error);
    if (code == SWTPM_PLUGIN_OK)
        code = contents_check_current(storage, contents, current, error);
    if (code == SWTPM_PLUGIN_OK && *current)
        memcpy(to, value, extent.length);
    explicit_bzero(value, extent.length);
    free(value);
    return code;
}

/* Sets *current to false, and no output, if the file was changed meanwhile. */
static int get_from(const struct swtpm_storage *storage, const struct contents *contents,
                    const char *name, struct swtpm_buffer buffer, size_t *size, bool *current,
                    struct swtpm_plugin_error *error)
{
    struct extent extent;
    int code = SWTPM_PLUGIN_OK;

    *current = true;
    if (!contents_find(contents, name, &extent))
        return plugin_fail(error, SWTPM_PLUGIN_NOT_FOUND, "there is no '%s' in '%s'", name,
                           storage->path);
    if (buffer.size > 0 && extent.length > buffer.size)
        return plugin_fail(error, SWTPM_PLUGIN_TOO_SMALL,
                           "'%s' in '%s' has %u bytes, the buffer %zu", name, storage->path,
                           extent.length, buffer.size);
    if (buffer.size > 0 && extent.length > 0)
        code = read_value(storage, contents, extent, buffer.data, current, error);
    if (code == SWTPM_PLUGIN_OK && *current)
        *size = extent.length;
    return code;
}

int storage_file_get(struct swtpm_storage *storage, const char *name, struct swtpm_buffer buffer,
                     size_t *size, struct swtpm_plugin_error *error)
{
    enum { TRIES = 8 };
    struct contents contents;
    bool current = false;

    int code = value_name_check(name, error);
    for (unsigned i = 0; i < TRIES && code == SWTPM_PLUGIN_OK && !current; i++) {
        code = contents_load(storage, &contents, error);
        if (code != SWTPM_PLUGIN_OK)
            return code;
        code = get_from(storage, &contents, name, buffer, size, &current, error);
        contents_free(&contents);
    }
    if (code != SWTPM_PLUGIN_OK || current)
        return code;
    return plugin_fail(error, SWTPM_PLUGIN_BUSY, "'%s' in '%s' is being changed by another process",
                       name, storage->path);
}
