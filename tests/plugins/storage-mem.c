/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * storage-mem: a whole storage plugin that keeps its values in memory, as a template for authors.
 * What it stores is gone with its handle, so it promises neither durability nor a lock; run it with
 * `--tpmstate backend-uri=mem://x,fsync=false,lock=false`.  The rules stand in swtpm_plugin.h, the
 * guide in doc/plugin-guide.md.  It is built by one command:
 *
 *     cc $(pkg-config --cflags swtpm-plugin) -shared -fPIC -fvisibility=hidden \
 *         -Wl,-z,defs,-z,relro,-z,now -o storage-mem.so storage-mem.c
 */

#define _DEFAULT_SOURCE /* explicit_bzero, also where -std=c11 is given */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "swtpm_plugin.h"

struct value {
    struct value *next;
    char name[SWTPM_STORAGE_NAME_MAX + 1];
    size_t size;
    unsigned char data[];
};

/* The handle is ours to define.  All that a plugin knows hangs on it: several may be open at once,
 * each used by one thread at a time, so nothing global is needed and nothing needs a mutex. */
struct swtpm_storage {
    struct value *values;
};

/* Every failure has a code that the host acts on, and a message that a person can act on. */
static int fail(struct swtpm_plugin_error *error, int code, const char *what, const char *name)
{
    snprintf(error->message, sizeof error->message, "%s '%s' in memory", what, name);
    return code;
}

/* Finds the link that leads to the value, or to NULL where there is none.  The host checks names
 * before it calls; other users of a plugin may not. */
static int find(struct swtpm_storage *storage, const char *name, uint32_t flags,
                struct value ***link, struct swtpm_plugin_error *error)
{
    size_t length = strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789.-");
    if (length == 0 || length > SWTPM_STORAGE_NAME_MAX || name[length] != '\0' || name[0] == '.' ||
        name[0] == '-')
        return fail(error, SWTPM_PLUGIN_INVALID, "there cannot be a value", name);
    if ((flags & SWTPM_STORAGE_DURABLE) != 0)
        return fail(error, SWTPM_PLUGIN_UNSUPPORTED, "cannot durably change", name);
    for (*link = &storage->values; **link != NULL; *link = &(**link)->next)
        if (strcmp((**link)->name, name) == 0)
            return SWTPM_PLUGIN_OK;
    return fail(error, SWTPM_PLUGIN_NOT_FOUND, "there is no", name);
}

/* Takes a value out of the list.  TPM state is secret: it is wiped before its memory goes back. */
static void drop(struct value **link)
{
    struct value *value = *link;
    *link = value->next;
    explicit_bzero(value->data, value->size);
    free(value);
}

/* Here a plugin acquires what it will need later, and announces the paths that it will open by
 * then: the sandbox closes behind it.  *storage is set on success only.  In memory there never is a
 * store already, so it can only be made. */
static int mem_open(struct swtpm_storage **storage, const struct swtpm_storage_parameters *asked,
                    struct swtpm_plugin_error *error)
{
    if ((asked->flags & (SWTPM_STORAGE_CREATE | SWTPM_STORAGE_READ_ONLY)) != SWTPM_STORAGE_CREATE)
        return fail(error, SWTPM_PLUGIN_NOT_FOUND, "there is no store", asked->location);
    struct swtpm_storage *opened = calloc(1, sizeof *opened);
    if (opened == NULL)
        return fail(error, SWTPM_PLUGIN_NO_MEMORY, "no memory to open", asked->location);
    *storage = opened;
    return SWTPM_PLUGIN_OK;
}

static void mem_close(struct swtpm_storage *storage)
{
    while (storage->values != NULL)
        drop(&storage->values);
    free(storage);
}

/* All ops have to be there; one that makes no sense says so.  Without SWTPM_STORAGE_CAN_LOCK among
 * the capabilities, the host does not call lock. */
static int mem_lock(struct swtpm_storage *storage, struct swtpm_plugin_error *error)
{
    (void)storage;
    return fail(error, SWTPM_PLUGIN_UNSUPPORTED, "cannot lock", "the store");
}

static int mem_unlock(struct swtpm_storage *storage, struct swtpm_plugin_error *error)
{
    (void)storage, (void)error;
    return SWTPM_PLUGIN_OK;
}

/* A buffer of size 0 asks for the size.  A failure touches neither the buffer nor *size. */
static int mem_get(struct swtpm_storage *storage, const char *name, struct swtpm_buffer buffer,
                   size_t *size, struct swtpm_plugin_error *error)
{
    struct value **link;
    int result = find(storage, name, 0, &link, error);
    if (result != SWTPM_PLUGIN_OK)
        return result;
    if (buffer.size > 0 && buffer.size < (*link)->size)
        return fail(error, SWTPM_PLUGIN_TOO_SMALL, "the buffer is too small for", name);
    if (buffer.size > 0)
        memcpy(buffer.data, (*link)->data, (*link)->size);
    *size = (*link)->size;
    return SWTPM_PLUGIN_OK;
}

/* All or nothing: the old value is given up once the new one is complete. */
static int mem_put(struct swtpm_storage *storage, const char *name, struct swtpm_bytes bytes,
                   uint32_t flags, struct swtpm_plugin_error *error)
{
    struct value **old;
    int result = find(storage, name, flags, &old, error);
    if (result != SWTPM_PLUGIN_OK && result != SWTPM_PLUGIN_NOT_FOUND)
        return result;
    if (bytes.size > SWTPM_STORAGE_VALUE_MAX)
        return fail(error, SWTPM_PLUGIN_INVALID, "too large to store:", name);
    struct value *value = malloc(sizeof *value + bytes.size);
    if (value == NULL)
        return fail(error, SWTPM_PLUGIN_NO_MEMORY, "no memory to store", name);
    strcpy(value->name, name);
    value->size = bytes.size;
    memcpy(value->data, bytes.size > 0 ? bytes.data : "", bytes.size);
    if (result == SWTPM_PLUGIN_OK)
        drop(old);
    value->next = storage->values;
    storage->values = value;
    return SWTPM_PLUGIN_OK;
}

static int mem_del(struct swtpm_storage *storage, const char *name, uint32_t flags,
                   struct swtpm_plugin_error *error)
{
    struct value **link;
    int result = find(storage, name, flags, &link, error);
    if (result == SWTPM_PLUGIN_OK)
        drop(link);
    return result;
}

/* The visitor may end the listing; what it returned is then what list returns. */
static int mem_list(struct swtpm_storage *storage, swtpm_storage_visitor visit, void *context,
                    struct swtpm_plugin_error *error)
{
    (void)error;
    int result = SWTPM_PLUGIN_OK;
    for (struct value *value = storage->values; value != NULL && result == 0; value = value->next)
        result = visit(context, value->name, value->size);
    return result;
}

/* What these ops call beyond SWTPM_HOST_SYSTEM_CALLS: nothing. */
static const char *const system_calls[] = {NULL};

static const struct swtpm_storage_ops ops = {
    .open = mem_open,
    .close = mem_close,
    .lock = mem_lock,
    .unlock = mem_unlock,
    .get = mem_get,
    .put = mem_put,
    .del = mem_del,
    .list = mem_list,
};

/* The one exported symbol.  The name is that of the file: storage-mem.so. */
const struct swtpm_plugin swtpm_plugin = {
    .magic = SWTPM_PLUGIN_MAGIC,
    .abi = SWTPM_PLUGIN_ABI,
    .kind = SWTPM_PLUGIN_STORAGE,
    .ops_size = sizeof ops,
    .name = "mem",
    .version = "1.0",
    .summary = "Values in memory, gone when the program ends",
    .system_calls = system_calls,
    .ops = {.storage = &ops},
};
