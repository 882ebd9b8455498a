/* SPDX-License-Identifier: BSD-3-Clause */
#include "extension.h"

#include <stdlib.h>
#include <string.h>

#include "../common/failure.h"
#include "../common/value_name.h"
#include "little_endian.h"

/* magic (8), version (1), owner (1), zero (2), number of values (4) */
static const unsigned char mark[] = {'s', 'w', 't', 'p', 'm', 'e', 'x', 't'};

enum {
    VERSION_OFFSET = 8,
    OWNER_OFFSET = 9,
    COUNT_OFFSET = 12,
    VERSION = 1,
    NAME_SIZE = SWTPM_STORAGE_NAME_MAX + 1,
    ENTRY_SIZE = NAME_SIZE + 4
};

static int fail(const char *path, const char *what, struct swtpm_plugin_error *error)
{
    return plugin_fail(error, SWTPM_PLUGIN_CORRUPT,
                       "'%s' is damaged: its directory of names %s; put a copy of the state back",
                       path, what);
}

int extension_read_head(struct extension *extension, const unsigned char head[EXTENSION_HEAD_SIZE],
                        uint32_t length, uint32_t *directory_size, const char *path,
                        struct swtpm_plugin_error *error)
{
    if (memcmp(head, mark, sizeof mark) != 0)
        return fail(path, "is something else", error);
    if (head[VERSION_OFFSET] != VERSION)
        return fail(path, "has a version that is not known", error);
    unsigned owner = head[OWNER_OFFSET];
    if (owner > OWNER_TPM2)
        return fail(path, "names no version of TPM", error);
    uint32_t count = get_little_endian_32(head + COUNT_OFFSET);
    if (count > EXTENSION_VALUES_MAX || extension_values_offset(count) > length)
        return fail(path, "has more names than it has room for", error);
    struct extension_value *values = calloc(count + 1, sizeof *values);
    if (values == NULL)
        return plugin_fail(error, SWTPM_PLUGIN_NO_MEMORY, "no memory for the names in '%s'", path);
    *extension = (struct extension){.owner = owner, .count = count, .values = values};
    *directory_size = extension_values_offset(count) - EXTENSION_HEAD_SIZE;
    return SWTPM_PLUGIN_OK;
}

static int read_value(struct extension_value *value, const unsigned char *entry, const char *path,
                      struct swtpm_plugin_error *error)
{
    memcpy(value->name, entry, NAME_SIZE);
    if (memchr(value->name, '\0', NAME_SIZE) == NULL || !value_name_is_valid(value->name))
        return fail(path, "has a bad name", error);
    value->size = get_little_endian_32(entry + NAME_SIZE);
    if (value->size > SWTPM_STORAGE_VALUE_MAX)
        return fail(path, "has a value that is too large", error);
    return SWTPM_PLUGIN_OK;
}

static bool is_named_twice(const struct extension *extension, uint32_t index)
{
    for (uint32_t i = 0; i < index; i++)
        if (strcmp(extension->values[i].name, extension->values[index].name) == 0)
            return true;
    return false;
}

int extension_read_directory(struct extension *extension, const unsigned char *directory,
                             uint32_t length, const char *path, struct swtpm_plugin_error *error)
{
    uint32_t offset = extension_values_offset(extension->count);

    for (uint32_t i = 0; i < extension->count; i++) {
        struct extension_value *value = &extension->values[i];
        int code = read_value(value, directory + (size_t)i * ENTRY_SIZE, path, error);
        if (code != SWTPM_PLUGIN_OK)
            return code;
        if (is_named_twice(extension, i))
            return fail(path, "has a name twice", error);
        if (value->size > length - offset)
            return fail(path, "has values that reach beyond its end", error);
        value->offset = offset;
        offset += value->size;
    }
    return offset == length ? SWTPM_PLUGIN_OK : fail(path, "does not fit its values", error);
}

const struct extension_value *extension_find(const struct extension *extension, const char *name)
{
    for (uint32_t i = 0; i < extension->count; i++)
        if (strcmp(extension->values[i].name, name) == 0)
            return &extension->values[i];
    return NULL;
}

uint32_t extension_values_offset(uint32_t count)
{
    return EXTENSION_HEAD_SIZE + count * ENTRY_SIZE;
}

void extension_format(const struct extension *extension, unsigned char *bytes)
{
    memset(bytes, 0, extension_values_offset(extension->count));
    memcpy(bytes, mark, sizeof mark);
    bytes[VERSION_OFFSET] = VERSION;
    bytes[OWNER_OFFSET] = (unsigned char)extension->owner;
    put_little_endian_32(bytes + COUNT_OFFSET, extension->count);
    for (uint32_t i = 0; i < extension->count; i++) {
        unsigned char *entry = bytes + EXTENSION_HEAD_SIZE + (size_t)i * ENTRY_SIZE;
        memcpy(entry, extension->values[i].name, strlen(extension->values[i].name));
        put_little_endian_32(entry + NAME_SIZE, extension->values[i].size);
    }
}

void extension_free(struct extension *extension)
{
    free(extension->values);
    *extension = (struct extension){0};
}
