/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "../common/announce.h"
#include "../common/failure.h"
#include "../common/value_name.h"
#include "directory.h"
#include "environment.h"
#include "location.h"
#include "record.h"
#include "result.h"
#include "swtpm_plugin.h"
#include "tpm_list.h"
#include "tpm_lock.h"

/* The storage plugin `lmdb`: the ops of one TPM in an environment that many share. */

struct swtpm_storage {
    struct environment *environment;
    char *tpm;
    uint64_t number;
    bool read_only;
    struct tpm_lock lock; /* not for a read-only handle */
};

/* ------------------------------------------------------------------------------- open, close */

struct tpm_search {
    const char *tpm;
    bool read_only;
    uint64_t number;
};

/* What is damaged is to be known when a TPM starts, not when it first stores. */
static int find_tpm(const struct records *records, void *context)
{
    struct tpm_search *search = context;
    int status = record_tpm_find(records, search->tpm, &search->number);

    return status == 0 ? record_tpm_check(records, search->number, !search->read_only) : status;
}

static int add_tpm(const struct records *records, void *context)
{
    struct tpm_search *search = context;
    return record_tpm_add(records, search->tpm, &search->number);
}

static int resolve_tpm(struct swtpm_storage *storage, const char *tpm, uint32_t flags,
                       struct swtpm_plugin_error *error)
{
    struct tpm_search search = {.tpm = tpm, .read_only = storage->read_only};
    int result = environment_read(storage->environment, find_tpm, &search, "find a TPM", error);

    if (result == SWTPM_PLUGIN_NOT_FOUND && (flags & SWTPM_STORAGE_CREATE) != 0 &&
        !storage->read_only)
        result =
            environment_write(storage->environment, true, add_tpm, &search, "add a TPM", error);
    else if (result == SWTPM_PLUGIN_NOT_FOUND)
        plugin_fail(error, result, "there is no TPM '%s' in the LMDB environment '%s'", tpm,
                    environment_directory(storage->environment));
    storage->number = search.number;
    return result;
}

static int open_in_environment(struct swtpm_storage *storage, const struct location *location,
                               const struct swtpm_storage_parameters *parameters,
                               struct swtpm_plugin_error *error)
{
    /* Later calls open files there only where a failure made LMDB useless. */
    int result = plugin_announce(parameters, environment_directory(storage->environment), error);

    if (result != 0)
        return result;
    result = resolve_tpm(storage, location->tpm, parameters->flags, error);
    if (result != 0)
        return result;
    storage->tpm = strdup(location->tpm);
    if (storage->tpm == NULL)
        return plugin_fail(error, SWTPM_PLUGIN_NO_MEMORY, "no memory for a handle");
    if (storage->read_only)
        return 0;
    return tpm_lock_open(&storage->lock, environment_place(storage->environment),
                         storage->number, error);
}

static int open_location(const struct location *location,
                         const struct swtpm_storage_parameters *parameters,
                         struct swtpm_storage **storage, struct swtpm_plugin_error *error)
{
    struct swtpm_storage *opened = calloc(1, sizeof *opened);

    if (opened == NULL)
        return plugin_fail(error, SWTPM_PLUGIN_NO_MEMORY, "no memory for a handle");
    opened->read_only = (parameters->flags & SWTPM_STORAGE_READ_ONLY) != 0;
    int result = environment_acquire(location, parameters->flags, &opened->environment, error);
    if (result != 0)
        goto out;
    result = open_in_environment(opened, location, parameters, error);
    if (result != 0)
        goto out;
    *storage = opened;
    opened = NULL; /* given away */
out:
    if (opened != NULL) {
        if (opened->environment != NULL)
            environment_release(opened->environment);
        free(opened->tpm);
        free(opened);
    }
    return result;
}

static int lmdb_open(struct swtpm_storage **storage,
                     const struct swtpm_storage_parameters *parameters,
                     struct swtpm_plugin_error *error)
{
    struct location location;
    int result = location_parse(parameters->location, parameters->mode & 0777, &location, error);

    if (result != 0)
        return result;
    result = open_location(&location, parameters, storage, error);
    directory_explain_denial(error, result, location.path);
    location_free(&location);
    return result;
}

static void lmdb_close(struct swtpm_storage *storage)
{
    if (!storage->read_only)
        tpm_lock_close(&storage->lock);
    environment_release(storage->environment);
    free(storage->tpm);
    free(storage);
}

/* ------------------------------------------------------------------------------- lock, unlock */

static int lmdb_lock(struct swtpm_storage *storage, struct swtpm_plugin_error *error)
{
    if (storage->read_only)
        return plugin_fail(error, SWTPM_PLUGIN_DENIED,
                           "cannot lock TPM '%s': it was opened for reading only", storage->tpm);
    return tpm_lock_take(&storage->lock, storage->tpm, error);
}

static int lmdb_unlock(struct swtpm_storage *storage, struct swtpm_plugin_error *error)
{
    return storage->read_only ? 0 : tpm_lock_give_back(&storage->lock, error);
}

/* -------------------------------------------------------------------------------------- values */

/* Says which value of which TPM it was: those below know records and pages only. */
static int explain(const struct swtpm_storage *storage, const char *name, int result,
                   struct swtpm_plugin_error *error)
{
    if (result == SWTPM_PLUGIN_NOT_FOUND)
        return plugin_fail(error, result, "TPM '%s' has no value '%s' in '%s'", storage->tpm, name,
                           environment_directory(storage->environment));
    if (result == SWTPM_PLUGIN_CORRUPT) {
        const struct swtpm_plugin_error damage = *error;
        return plugin_fail(error, result, "the value '%s' of TPM '%s': %s", name, storage->tpm,
                           damage.message);
    }
    return result;
}

static int check_writable(const struct swtpm_storage *storage, struct swtpm_plugin_error *error)
{
    if (storage->read_only)
        return plugin_fail(error, SWTPM_PLUGIN_DENIED,
                           "TPM '%s' in '%s' was opened for reading only", storage->tpm,
                           environment_directory(storage->environment));
    return tpm_lock_check(&storage->lock, storage->tpm, error);
}

struct value_call {
    const struct swtpm_storage *storage;
    const char *name;
    struct swtpm_buffer buffer;
    size_t *size;
    struct swtpm_bytes value;
};

static int get_value(const struct records *records, void *context)
{
    const struct value_call *call = context;
    return record_value_get(records, call->storage->number, call->name, call->buffer,
                            call->size);
}

static int put_value(const struct records *records, void *context)
{
    const struct value_call *call = context;
    return record_value_put(records, call->storage->number, call->name, call->value);
}

static int delete_value(const struct records *records, void *context)
{
    const struct value_call *call = context;
    return record_value_delete(records, call->storage->number, call->name);
}

static int lmdb_get(struct swtpm_storage *storage, const char *name, struct swtpm_buffer buffer,
                    size_t *size, struct swtpm_plugin_error *error)
{
    struct value_call call = {.storage = storage, .name = name, .buffer = buffer, .size = size};
    int result = value_name_check(name, error);

    if (result == 0)
        result = environment_read(storage->environment, get_value, &call, "read a value", error);
    return explain(storage, name, result, error);
}

static int change_value(struct swtpm_storage *storage, struct value_call *call, uint32_t flags,
                        environment_body body, const char *what, struct swtpm_plugin_error *error)
{
    int result = value_name_check(call->name, error);

    if (result == 0)
        result = check_writable(storage, error);
    if (result == 0)
        result = environment_write(storage->environment, (flags & SWTPM_STORAGE_DURABLE) != 0, body,
                                   call, what, error);
    return explain(storage, call->name, result, error);
}

static int lmdb_put(struct swtpm_storage *storage, const char *name, struct swtpm_bytes value,
                    uint32_t flags, struct swtpm_plugin_error *error)
{
    struct value_call call = {.storage = storage, .name = name, .value = value};

    if (value.size > SWTPM_STORAGE_VALUE_MAX)
        return plugin_fail(error, SWTPM_PLUGIN_INVALID,
                           "the value '%.80s' has %zu bytes, and %lu are the most", name,
                           value.size, (unsigned long)SWTPM_STORAGE_VALUE_MAX);
    return change_value(storage, &call, flags, put_value, "write a value", error);
}

static int lmdb_del(struct swtpm_storage *storage, const char *name, uint32_t flags,
                    struct swtpm_plugin_error *error)
{
    struct value_call call = {.storage = storage, .name = name};
    return change_value(storage, &call, flags, delete_value, "remove a value", error);
}

/* ---------------------------------------------------------------------------------------- list */

struct listed {
    char name[SWTPM_STORAGE_NAME_MAX + 1];
    uint64_t size;
};

struct listing {
    uint64_t number;
    struct listed *values;
    size_t count;
    size_t room;
};

static int remember_value(void *context, const char *name, uint64_t size)
{
    struct listing *listing = context;

    if (listing->count == listing->room) {
        size_t room = listing->room * 2 + 8;
        struct listed *values = realloc(listing->values, room * sizeof *values);
        if (values == NULL)
            return ENOMEM;
        listing->values = values;
        listing->room = room;
    }
    struct listed *value = &listing->values[listing->count++];
    strcpy(value->name, name);
    value->size = size;
    return 0;
}

static int list_values(const struct records *records, void *context)
{
    struct listing *listing = context;

    listing->count = 0;
    return record_value_list(records, listing->number, remember_value, listing);
}

/* The visitor runs when the transaction has ended: it may use other handles, and take its time. */
static int lmdb_list(struct swtpm_storage *storage, swtpm_storage_visitor visit, void *context,
                     struct swtpm_plugin_error *error)
{
    struct listing listing = {.number = storage->number};
    int result =
        environment_read(storage->environment, list_values, &listing, "list values", error);

    for (size_t i = 0; i < listing.count && result == 0; i++)
        result = visit(context, listing.values[i].name, listing.values[i].size);
    free(listing.values);
    return result;
}

/* ---------------------------------------------------------------------------------- descriptor */

static const struct swtpm_storage_ops ops = {
    .capabilities = SWTPM_STORAGE_CAN_BE_DURABLE | SWTPM_STORAGE_CAN_LOCK,
    .open = lmdb_open,
    .close = lmdb_close,
    .lock = lmdb_lock,
    .unlock = lmdb_unlock,
    .get = lmdb_get,
    .put = lmdb_put,
    .del = lmdb_del,
    .list = lmdb_list,
    .list_stores = tpm_list,
};

/* fcntl for the locks, newfstatat to see whether the files are in place, fdatasync and fstatfs for
 * commits.  The rest is for opening the environment anew: LMDB looks for file systems and kernels
 * whose fdatasync is not to be trusted. */
static const char *const system_calls[] = {"fcntl",  "newfstatat", "fdatasync", "openat",
                                           "fstatfs", "uname",     NULL};

const struct swtpm_plugin swtpm_plugin = {
    .magic = SWTPM_PLUGIN_MAGIC,
    .abi = SWTPM_PLUGIN_ABI,
    .kind = SWTPM_PLUGIN_STORAGE,
    .ops_size = sizeof ops,
    .name = "lmdb",
    .version = PROJECT_VERSION,
    .summary = "Many TPMs in one LMDB environment",
    .system_calls = system_calls,
    .ops = {.storage = &ops},
};
