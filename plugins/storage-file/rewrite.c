/* SPDX-License-Identifier: BSD-3-Clause */
#include "rewrite.h"

#include <stdlib.h>
#include <string.h>

#include "../common/failure.h"
#include "medium.h"

/* Appends a name to a directory that has room for it. */
static void append_name(struct extension *extension, const char *name, uint32_t size)
{
    struct extension_value *value = &extension->values[extension->count++];

    *value = (struct extension_value){.size = size};
    memcpy(value->name, name, strlen(name));
}

/* The old names without `name`, and with it if `value` is not NULL. */
static int list_names(const struct change *change, const char *name,
                      const struct swtpm_bytes *value, struct extension *extension,
                      struct swtpm_plugin_error *error)
{
    const struct extension *old = &change->old.extension;

    extension->values = calloc(old->count + 1, sizeof *extension->values);
    if (extension->values == NULL)
        return plugin_fail(error, SWTPM_PLUGIN_NO_MEMORY, "no memory for the names in '%s'",
                           change->storage->path);
    for (uint32_t i = 0; i < old->count; i++)
        if (strcmp(old->values[i].name, name) != 0)
            append_name(extension, old->values[i].name, old->values[i].size);
    if (value != NULL)
        append_name(extension, name, (uint32_t)value->size);
    if (extension->count <= EXTENSION_VALUES_MAX)
        return SWTPM_PLUGIN_OK;
    return plugin_fail(error, SWTPM_PLUGIN_NO_SPACE,
                       "'%s' holds %d values already, and cannot hold '%s', too",
                       change->storage->path, EXTENSION_VALUES_MAX, name);
}

static uint64_t extension_size(const struct extension *extension)
{
    uint64_t size = extension_values_offset(extension->count);

    for (uint32_t i = 0; i < extension->count; i++)
        size += extension->values[i].size;
    return size;
}

/* Directory and values, which come from the old extension but for `value`, the last. */
static int fill_extension(const struct change *change, const struct extension *extension,
                          const struct swtpm_bytes *value, unsigned char *bytes,
                          struct swtpm_plugin_error *error)
{
    uint64_t start = change->old.table.entries[EXTENSION_ENTRY].offset;
    uint32_t old_count = extension->count - (value != NULL ? 1 : 0);
    int code = SWTPM_PLUGIN_OK;

    extension_format(extension, bytes);
    unsigned char *to = bytes + extension_values_offset(extension->count);
    for (uint32_t i = 0; i < old_count && code == SWTPM_PLUGIN_OK; i++) {
        const struct extension_value *old =
            extension_find(&change->old.extension, extension->values[i].name);
        code = medium_read(change->storage, start + old->offset, to, old->size, error);
        to += old->size;
    }
    if (code == SWTPM_PLUGIN_OK && value != NULL && value->size > 0)
        memcpy(to, value->data, value->size);
    return code;
}

static int write_extension(struct change *change, const struct extension *extension,
                           const struct swtpm_bytes *value, struct swtpm_plugin_error *error)
{
    uint64_t size = extension_size(extension);
    unsigned char *bytes = size <= UINT32_MAX ? malloc(size) : NULL;

    if (bytes == NULL)
        return plugin_fail(error, SWTPM_PLUGIN_NO_MEMORY,
                           "no memory for the %ju bytes of all values in '%s'", (uintmax_t)size,
                           change->storage->path);
    int code = fill_extension(change, extension, value, bytes, error);
    if (code == SWTPM_PLUGIN_OK)
        code = change_place(change, EXTENSION_ENTRY, (struct swtpm_bytes){bytes, size}, error);
    explicit_bzero(bytes, size);
    free(bytes);
    return code;
}

int rewrite_extension(struct change *change, enum extension_owner owner, const char *name,
                      const struct swtpm_bytes *value, struct swtpm_plugin_error *error)
{
    struct extension extension = {.owner = owner};

    int code = list_names(change, name, value, &extension, error);
    if (code == SWTPM_PLUGIN_OK)
        code = write_extension(change, &extension, value, error);
    extension_free(&extension);
    return code;
}
