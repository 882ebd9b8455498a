/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * A storage plugin that breaks the contract where the host's wrapper has to hold: what it does
 * wrong follows from the name of the value, or from the location that it was opened with.
 */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "swtpm_plugin.h"

struct swtpm_storage {
    char location[64];
    unsigned gets; /* with room for data */
    unsigned puts;
};

static int fail(struct swtpm_plugin_error *error, int code, const char *message)
{
    snprintf(error->message, sizeof error->message, "%s", message);
    return code;
}

static int odd_open(struct swtpm_storage **storage,
                    const struct swtpm_storage_parameters *parameters,
                    struct swtpm_plugin_error *error)
{
    if (strcmp(parameters->location, "no-handle") == 0)
        return SWTPM_PLUGIN_OK;
    if (strcmp(parameters->location, "denied") == 0)
        return fail(error, SWTPM_PLUGIN_DENIED, "not for you");
    if (strcmp(parameters->location, "announces") == 0) {
        int code = parameters->announce_path(parameters->context, "/some/where",
                                             SWTPM_PATH_READ | SWTPM_PATH_WRITE);
        if (code != SWTPM_PLUGIN_OK)
            return fail(error, code, "the host refused a path");
    }
    struct swtpm_storage *opened = calloc(1, sizeof *opened);
    if (opened == NULL)
        return fail(error, SWTPM_PLUGIN_NO_MEMORY, "no memory");
    snprintf(opened->location, sizeof opened->location, "%s", parameters->location);
    *storage = opened;
    return SWTPM_PLUGIN_OK;
}

static void odd_close(struct swtpm_storage *storage)
{
    free(storage);
}

static int odd_lock(struct swtpm_storage *storage, struct swtpm_plugin_error *error)
{
    if (strcmp(storage->location, "busy") == 0)
        return fail(error, SWTPM_PLUGIN_BUSY, "process 4711 has it");
    return SWTPM_PLUGIN_OK;
}

static int odd_unlock(struct swtpm_storage *storage, struct swtpm_plugin_error *error)
{
    (void)storage;
    (void)error;
    return SWTPM_PLUGIN_OK;
}

/* A value of `size` bytes, each of which is 0xa5. */
static int give(size_t value_size, struct swtpm_buffer buffer, size_t *size,
                struct swtpm_plugin_error *error)
{
    if (buffer.size > 0 && buffer.size < value_size)
        return fail(error, SWTPM_PLUGIN_TOO_SMALL, "too small");
    if (buffer.size > 0)
        memset(buffer.data, 0xa5, value_size);
    *size = value_size;
    return SWTPM_PLUGIN_OK;
}

static int odd_get(struct swtpm_storage *storage, const char *name, struct swtpm_buffer buffer,
                   size_t *size, struct swtpm_plugin_error *error)
{
    if (buffer.size > 0)
        storage->gets++;
    if (strcmp(name, "unknown-code") == 0)
        return fail(error, 77, "seventy-seven");
    if (strcmp(name, "code-too-low") == 0)
        return fail(error, -12, "minus twelve");
    if (strcmp(name, "no-message") == 0)
        return SWTPM_PLUGIN_CORRUPT;
    if (strcmp(name, "two-lines") == 0)
        return fail(error, SWTPM_PLUGIN_IO, "first\nsecond\x1b[2J");
    if (strcmp(name, "endless-message") == 0) {
        memset(error->message, 'x', sizeof error->message);
        return SWTPM_PLUGIN_IO;
    }
    if (strcmp(name, "fenced") == 0)
        return fail(error, SWTPM_PLUGIN_FENCED, "somebody came");
    if (strcmp(name, "overrun") == 0) {
        *size = buffer.size + 1;
        return SWTPM_PLUGIN_OK;
    }
    if (strcmp(name, "too-large") == 0)
        return give(SWTPM_STORAGE_VALUE_MAX + 1, buffer, size, error);
    if (strcmp(name, "largest") == 0)
        return give(SWTPM_STORAGE_VALUE_MAX, buffer, size, error);
    if (strcmp(name, "grows-once") == 0)
        return give(storage->gets < 2 ? 100000 : 200000, buffer, size, error);
    if (strcmp(name, "grows-always") == 0)
        return give(buffer.size + 100000, buffer, size, error);
    if (strcmp(name, "gets") == 0)
        return give(storage->gets, buffer, size, error);
    if (strcmp(name, "puts") == 0)
        return give(storage->puts, buffer, size, error);
    return fail(error, SWTPM_PLUGIN_NOT_FOUND, "no such value");
}

static int odd_put(struct swtpm_storage *storage, const char *name, struct swtpm_bytes value,
                   uint32_t flags, struct swtpm_plugin_error *error)
{
    (void)value;
    (void)flags;
    storage->puts++;
    if (strcmp(name, "fenced") == 0)
        return fail(error, SWTPM_PLUGIN_FENCED, "somebody came");
    return SWTPM_PLUGIN_OK;
}

static int odd_del(struct swtpm_storage *storage, const char *name, uint32_t flags,
                   struct swtpm_plugin_error *error)
{
    return odd_put(storage, name, (struct swtpm_bytes){0}, flags, error);
}

static int odd_list(struct swtpm_storage *storage, swtpm_storage_visitor visit, void *context,
                    struct swtpm_plugin_error *error)
{
    if (strcmp(storage->location, "bad-name") == 0)
        return visit(context, "../etc/passwd", 1);
    if (strcmp(storage->location, "bad-list") == 0)
        return fail(error, 5, "five");
    int code = visit(context, "first", 1);
    return code != SWTPM_PLUGIN_OK ? code : visit(context, "second", 2);
}

static int odd_list_stores(const char *location, swtpm_store_visitor visit, void *context,
                           struct swtpm_plugin_error *error)
{
    if (strcmp(location, "bad-place") == 0)
        return fail(error, 5, "five");
    if (strcmp(location, "no-place") == 0)
        return fail(error, SWTPM_PLUGIN_NOT_FOUND, "nothing there");
    int code = visit(context, "place/first");
    return code != SWTPM_PLUGIN_OK ? code : visit(context, "place/second");
}

static const char *const system_calls[] = {NULL};

static const struct swtpm_storage_ops ops = {
    .capabilities = SWTPM_STORAGE_CAN_LOCK,
    .open = odd_open,
    .close = odd_close,
    .lock = odd_lock,
    .unlock = odd_unlock,
    .get = odd_get,
    .put = odd_put,
    .del = odd_del,
    .list = odd_list,
    .list_stores = odd_list_stores,
};

const struct swtpm_plugin swtpm_plugin = {
    .magic = SWTPM_PLUGIN_MAGIC,
    .abi = SWTPM_PLUGIN_ABI,
    .kind = SWTPM_PLUGIN_STORAGE,
    .ops_size = sizeof ops,
    .name = "odd",
    .version = "1.0",
    .summary = "Breaks the contract on demand",
    .system_calls = system_calls,
    .ops = {.storage = &ops},
};
