/* SPDX-License-Identifier: BSD-3-Clause */
#include "fake_storage.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_VALUES = 16 };

struct value {
    char name[SWTPM_STORAGE_NAME_MAX + 1]; /* empty: unused */
    struct buffer bytes;
};

struct storage {
    struct value values[MAX_VALUES];
    unsigned changes;
    unsigned durable_changes;
    unsigned busy;
    unsigned good_changes; /* until `broken` sets in */
    int broken;
    const char *unreadable;
    int unreadable_code;
    const char *unwritable;
    int unwritable_code;
};

struct storage *fake_storage_new(void)
{
    struct storage *storage = calloc(1, sizeof *storage);
    assert(storage != NULL);
    return storage;
}

void fake_storage_free(struct storage *storage)
{
    for (size_t i = 0; i < MAX_VALUES; i++)
        buffer_free(&storage->values[i].bytes);
    free(storage);
}

static size_t find(const struct storage *storage, const char *name)
{
    size_t i = 0;
    while (i < MAX_VALUES && strcmp(storage->values[i].name, name) != 0)
        i++;
    return i;
}

struct swtpm_bytes fake_storage_peek(const struct storage *storage, const char *name, bool *exists)
{
    size_t i = find(storage, name);
    *exists = i < MAX_VALUES;
    if (!*exists)
        return (struct swtpm_bytes){0};
    return (struct swtpm_bytes){storage->values[i].bytes.data, storage->values[i].bytes.size};
}

/* All of the new value or all of the old one.  0, or -1 if there is no memory. */
static int replace(struct storage *storage, const char *name, struct swtpm_bytes value)
{
    struct buffer copy = {0};
    size_t i = find(storage, name);

    if (i == MAX_VALUES)
        i = find(storage, "");
    assert(i < MAX_VALUES && strlen(name) <= SWTPM_STORAGE_NAME_MAX);
    if (buffer_append(&copy, value.data, value.size) != 0)
        return -1;
    strcpy(storage->values[i].name, name);
    buffer_move(&storage->values[i].bytes, &copy);
    return 0;
}

void fake_storage_poke(struct storage *storage, const char *name, const void *data, size_t size)
{
    int result = replace(storage, name, (struct swtpm_bytes){data, size});
    assert(result == 0);
}

void fake_storage_break(struct storage *storage, unsigned after, int code)
{
    storage->good_changes = after;
    storage->broken = code;
}

void fake_storage_break_get(struct storage *storage, const char *name, int code)
{
    storage->unreadable = name;
    storage->unreadable_code = code;
}

void fake_storage_break_put(struct storage *storage, const char *name, int code)
{
    storage->unwritable = name;
    storage->unwritable_code = code;
}

void fake_storage_be_busy(struct storage *storage, unsigned times)
{
    storage->busy = times;
}

unsigned fake_storage_changes(const struct storage *storage)
{
    return storage->changes;
}

unsigned fake_storage_durable_changes(const struct storage *storage)
{
    return storage->durable_changes;
}

static int fail(int code, struct error *error)
{
    error_set(error, "fake: code %d", code);
    return code;
}

static bool is_broken(const struct storage *storage)
{
    return storage->broken != 0 && storage->good_changes == 0;
}

static void count_change(struct storage *storage, bool durable)
{
    storage->changes++;
    storage->durable_changes += durable;
    if (storage->good_changes > 0)
        storage->good_changes--;
}

int storage_lock(struct storage *storage, struct error *error)
{
    if (is_broken(storage))
        return fail(storage->broken, error);
    if (storage->busy > 0) {
        storage->busy--;
        return fail(SWTPM_PLUGIN_BUSY, error);
    }
    return 0;
}

int storage_unlock(struct storage *storage, struct error *error)
{
    return is_broken(storage) ? fail(storage->broken, error) : 0;
}

int storage_get(struct storage *storage, const char *name, struct buffer *value,
                struct error *error)
{
    if (is_broken(storage))
        return fail(storage->broken, error);
    if (storage->unreadable_code != 0 && strcmp(storage->unreadable, name) == 0)
        return fail(storage->unreadable_code, error);
    size_t i = find(storage, name);
    if (i == MAX_VALUES)
        return fail(SWTPM_PLUGIN_NOT_FOUND, error);
    buffer_clear(value);
    return buffer_append(value, storage->values[i].bytes.data, storage->values[i].bytes.size) == 0
               ? 0
               : fail(SWTPM_PLUGIN_NO_MEMORY, error);
}

int storage_size(struct storage *storage, const char *name, size_t *size, struct error *error)
{
    struct buffer value = {0};

    int result = storage_get(storage, name, &value, error);
    if (result == 0)
        *size = value.size;
    buffer_free(&value);
    return result;
}

int storage_put(struct storage *storage, const char *name, struct swtpm_bytes value, bool durable,
                struct error *error)
{
    if (is_broken(storage))
        return fail(storage->broken, error);
    if (storage->unwritable_code != 0 && strcmp(storage->unwritable, name) == 0)
        return fail(storage->unwritable_code, error);
    if (replace(storage, name, value) != 0)
        return fail(SWTPM_PLUGIN_NO_MEMORY, error);
    count_change(storage, durable);
    return 0;
}

int storage_delete(struct storage *storage, const char *name, bool durable, struct error *error)
{
    if (is_broken(storage))
        return fail(storage->broken, error);
    size_t i = find(storage, name);
    if (i == MAX_VALUES)
        return fail(SWTPM_PLUGIN_NOT_FOUND, error);
    buffer_free(&storage->values[i].bytes);
    storage->values[i].name[0] = '\0';
    count_change(storage, durable);
    return 0;
}

int storage_list(struct storage *storage, swtpm_storage_visitor visit, void *context,
                 struct error *error)
{
    if (is_broken(storage))
        return fail(storage->broken, error);
    for (size_t i = 0; i < MAX_VALUES; i++) {
        const struct value *value = &storage->values[i];
        if (value->name[0] == '\0')
            continue;
        int result = visit(context, value->name, value->bytes.size);
        if (result != 0)
            return result;
    }
    return 0;
}
